//! What goes wrong, and whose fault it is.

use crate::origin::TargetError;
use std::time::Duration;

/// An error of a request body that somebody else makes.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a request was not sent, or its answer is not whole. The texts are for the operator: they name addresses.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It does not say clearly where it goes.
    #[error("{0}")]
    Target(#[from] TargetError),
    /// No rule allows the origin.
    #[error("no grant allows {0}")]
    Origin(String),
    /// There are rules for the origin, but not with this method.
    #[error("no grant allows {method} to {origin}")]
    Method {
        /// The request's.
        method: String,
        /// Where it was to go.
        origin: String,
    },
    /// The name stands for an address that the rule does not reach.
    #[error("{host} is at {address}, which is not a public address and is not granted")]
    Address {
        /// The name or address of the request.
        host: String,
        /// What it stands for.
        address: std::net::IpAddr,
    },
    /// As many requests are in flight as may be.
    #[error("{0} requests are in flight, and no more may be")]
    Busy(usize),
    /// The name has no address, or nobody could say which.
    #[error("{host} could not be resolved: {reason}")]
    Resolve {
        /// The name.
        host: String,
        /// Why not.
        reason: String,
    },
    /// No address answered.
    #[error("{origin} cannot be reached: {error}")]
    Connect {
        /// Where to.
        origin: String,
        /// What the operating system says of the last address.
        error: std::io::Error,
    },
    /// The server's certificate is not good, or TLS failed otherwise.
    #[error("TLS with {origin} failed: {error}")]
    Tls {
        /// With whom.
        origin: String,
        /// Why.
        error: std::io::Error,
    },
    /// There is nothing to check certificates with.
    #[error("{0}")]
    Roots(#[from] crate::tls::RootsError),
    /// The connection was not made in time.
    #[error("no connection was made within {0:?}")]
    ConnectTimeout(Duration),
    /// The answer did not begin in time.
    #[error("no answer began within {0:?}")]
    FirstByteTimeout(Duration),
    /// The next part of a body did not come in time.
    #[error("the next part of a body did not come within {0:?}")]
    BetweenBytesTimeout(Duration),
    /// The request is larger than a request may be.
    #[error("the request's body has more than {0} bytes")]
    RequestTooLarge(u64),
    /// The answer is larger than an answer may be.
    #[error("the answer's body has more than {0} bytes")]
    ResponseTooLarge(u64),
    /// What makes the request's body failed.
    #[error("the request's body failed: {0}")]
    Body(#[source] BoxError),
    /// The connection broke, or the server does not speak HTTP.
    #[error("the exchange failed: {}", deepest(.0))]
    Http(#[source] hyper::Error),
}

/// The reason at the bottom of an error.
fn deepest(error: &hyper::Error) -> String {
    let mut reason: &dyn std::error::Error = error;
    while let Some(source) = reason.source() {
        reason = source;
    }
    if std::ptr::addr_eq(reason, error) { error.to_string() } else { format!("{error}: {reason}") }
}

impl Error {
    /// Whether the policy refused it, so that it was not sent and never will be.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Target(_) | Self::Origin(_) | Self::Method { .. } | Self::Address { .. })
    }

    /// Whether something was not there in time.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::ConnectTimeout(_) | Self::FirstByteTimeout(_) | Self::BetweenBytesTimeout(_))
    }
}

/// A grant that does not say clearly what is granted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{origin}: {reason}")]
pub struct PolicyError {
    /// The origin of the rule as it is written.
    pub origin: String,
    /// What is wrong with it.
    pub reason: String,
}
