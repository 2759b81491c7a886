//! What tasks reach outside: `http:invoke`, and service integrations that the operator has bound to a function, to an
//! HTTP endpoint, or to the real service or one that speaks like it.
//!
//! Nothing is reachable that the operator has not named ([`Config`]). Credentials are put into a request here, after the
//! last document of the workflow's is in it, and are taken out of what comes back; a history never sees them. How a
//! request gets out, and where it may go, `outbound` knows; what an execution is, nobody here does.
//!
//! To read it in order: `config.rs`, `bindings.rs` (which binding is whose), `exchange.rs` (one request, whole), then
//! `http/` (what `http:invoke` takes and answers with), `endpoint.rs` and `aws/` (the JSON protocols, signed).
#![forbid(unsafe_code)]

mod aws;
mod bindings;
mod config;
mod connection;
mod endpoint;
mod exchange;
mod http;
mod secret;

pub use bindings::{Integrations, Shared};
pub use config::{AwsConfig, BindingConfig, Config, ConnectionConfig, HttpConfig};
pub use secret::Secret;

/// What is wrong with the operator's configuration. It names no secret.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {reason}")]
pub struct ConfigError {
    /// Which table of the configuration.
    pub place: String,
    /// What is wrong.
    pub reason: String,
}

impl ConfigError {
    fn new(place: impl Into<String>, reason: impl ToString) -> Self {
        Self { place: place.into(), reason: reason.to_string() }
    }
}
