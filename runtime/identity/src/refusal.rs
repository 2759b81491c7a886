//! Why a request is not let in.

/// Why a request is not let in: for each, an exception of AWS's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It says nothing of who sends it: `MissingAuthenticationTokenException`.
    #[error("Missing Authentication Token")]
    Missing,
    /// Its signature can't be read: `IncompleteSignatureException`.
    #[error("{0}")]
    Incomplete(String),
    /// Its key or token is not known: `UnrecognizedClientException`.
    #[error("The security token included in the request is invalid.")]
    Unrecognized,
    /// Its signature is wrong, too old, or was used before: `InvalidSignatureException`.
    #[error("{0}")]
    Invalid(String),
}

impl Refusal {
    /// That a signature is not the one that the secret gives.
    pub(crate) fn mismatch() -> Self {
        let message = "The request signature we calculated does not match the signature you provided. Check your AWS \
                       Secret Access Key and signing method. Consult the service documentation for details.";
        Self::Invalid(message.to_owned())
    }
}
