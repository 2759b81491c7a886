//! Modules that are named and not sent: where they come from is the server's to say.

use bytes::Bytes;
use std::pin::Pin;

/// A module on its way.
pub type FetchedModule = Pin<Box<dyn Future<Output = Result<Bytes, FetchError>> + Send>>;

/// Fetches modules by their references.
pub trait ModuleSource: Send + Sync {
    /// The module of that reference, if it has `bytes_max` bytes at most.
    fn fetch(&self, reference: String, bytes_max: u64) -> FetchedModule;
}

/// Why a module was not fetched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// This server does not fetch it, and will not.
    #[error("{0}")]
    NotAllowed(String),
    /// It could not be had.
    #[error("{0}")]
    Failed(String),
}
