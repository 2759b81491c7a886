//! HTTP requests to the outside: which are allowed, to which addresses, within which bounds.
//!
//! A [`Policy`] is an allow-list: which origins and methods, which addresses a name may stand for, and which headers go
//! along that whoever asks never sees. A [`Client`] sends what a policy allows, and nothing else: a name is resolved
//! once, all of its addresses are checked, and a checked address is what is connected to; a redirect is an answer like
//! any other. Who asks and why, this room does not know; nor Wasm, nor workflows.
//!
//! To read it in order: `origin.rs` (what a request is for, in one spelling), `address.rs` (which addresses are whose),
//! `policy.rs`, then `client.rs` with `connect.rs`, `pool.rs` and `body.rs`.
#![forbid(unsafe_code)]

mod address;
mod body;
mod client;
mod connect;
mod error;
mod origin;
mod policy;
mod pool;
mod tls;

pub use address::Reach;
pub use body::{RequestBody, ResponseBody, empty, full, request_body};
pub use client::{Bounds, Client, Timeouts};
pub use connect::{Resolve, Resolving, SystemResolver};
pub use error::{BoxError, Error, PolicyError};
pub use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
pub use origin::{Host, Origin, Scheme, TargetError};
pub use policy::{Credentials, HEADERS_MAX, METHODS_MAX, Policy, RULES_MAX, RuleSpec};
pub use tls::{Roots, RootsError};
