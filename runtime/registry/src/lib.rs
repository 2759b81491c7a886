//! Modules in OCI registries: pushed and pulled as the Wasm artefacts that other tools know.
//!
//! A reference is `oci://REGISTRY/NAME:TAG`, `oci://REGISTRY/NAME@sha256:DIGEST` or both, with or without `oci://`. What
//! comes from a registry is checked against the digests that lead to it, and bounded in size and time. It knows nothing of
//! functions.
#![forbid(unsafe_code)]

mod access;
mod artefact;
mod challenge;
mod client;
mod connect;
mod pull;
mod push;
mod reference;

pub use access::Access;
pub use pull::Pulled;
pub use push::Pushed;
pub use reference::{ModuleReference, SCHEME, is_reference};

use std::time::Duration;

/// How long connecting to a registry may take, and how long it may stay silent.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// How long all of a push or a pull may take.
const TRANSFER_TIMEOUT: Duration = Duration::from_secs(600);

/// Why a module could not be pushed or pulled.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// A text that is no reference.
    #[error("'{text}' is no reference of a module in a registry: {reason}")]
    Reference {
        /// As it came.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// What is to be pushed is no module.
    #[error("this is no WebAssembly module: it begins otherwise")]
    NoModule,
    /// What is there is no module.
    #[error("{reference} is no WebAssembly module: {reason}")]
    NoArtefact {
        /// What was asked for.
        reference: String,
        /// What it is instead.
        reason: String,
    },
    /// What is there has more bytes than it may have, or than it says.
    #[error("{reference} has more than {bytes_max} bytes")]
    TooLarge {
        /// What was asked for.
        reference: String,
        /// What it may have.
        bytes_max: u64,
    },
    /// What came has another digest than the one that leads to it.
    #[error("what {reference} sent has the digest {found}, and should have {expected}")]
    OtherDigest {
        /// What was asked for.
        reference: String,
        /// The digest of what came.
        found: String,
        /// The digest that was asked for.
        expected: String,
    },
    /// The user's credentials for the registry can't be read.
    #[error("the credentials for {registry} cannot be read: {reason}")]
    Credentials {
        /// Which registry.
        registry: String,
        /// Why.
        reason: String,
    },
    /// The registry refused, or could not be reached.
    #[error("{reference}: {reason}")]
    Refused {
        /// What was asked for.
        reference: String,
        /// What it says.
        reason: String,
    },
    /// It took too long.
    #[error("{reference}: not done after {} seconds", TRANSFER_TIMEOUT.as_secs())]
    TimedOut {
        /// What was asked for.
        reference: String,
    },
}

/// Ends what takes too long.
async fn in_time<T>(
    reference: &ModuleReference,
    work: impl Future<Output = Result<T, RegistryError>>,
) -> Result<T, RegistryError> {
    let timed_out = |_| RegistryError::TimedOut { reference: reference.to_string() };
    tokio::time::timeout(TRANSFER_TIMEOUT, work).await.map_err(timed_out)?
}
