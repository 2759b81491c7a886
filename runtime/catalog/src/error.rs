//! What the catalog's operations fail with.

use crate::{ArnError, NameError, StoreError};
use fleetstep_asl::Diagnostic;

/// Why an operation on state machines failed. Texts are the service's own.
#[derive(Debug, thiserror::Error)]
pub enum StateMachineError {
    /// `InvalidName`
    #[error(transparent)]
    InvalidName(#[from] NameError),
    /// `InvalidArn`
    #[error("Invalid Arn: '{0}'")]
    InvalidArn(#[from] ArnError),
    /// `InvalidDefinition`: every diagnostic, at least one of them an error.
    #[error("{}", fleetstep_asl::definition_error_message(.0))]
    InvalidDefinition(Vec<Diagnostic>),
    /// `StateMachineAlreadyExists`: one of that name with other contents.
    #[error("State Machine Already Exists: '{arn}'")]
    AlreadyExists {
        /// ARN of the one that is there.
        arn: String,
    },
    /// `StateMachineDoesNotExist`
    #[error("State Machine Does Not Exist: '{arn}'")]
    DoesNotExist {
        /// The ARN that was asked for.
        arn: String,
    },
    /// `StateMachineLimitExceeded`
    #[error("the limit of {machines_max} state machines is reached")]
    LimitExceeded {
        /// The limit.
        machines_max: usize,
    },
    /// `MissingRequiredParameter`: an update that changes nothing.
    #[error(
        "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified"
    )]
    NothingToUpdate,
    /// The store failed: not the caller's fault.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an operation on functions failed.
#[derive(Debug, thiserror::Error)]
pub enum FunctionError {
    /// The name is none.
    #[error(transparent)]
    InvalidName(#[from] NameError),
    /// No function of that name.
    #[error("Function not found: {arn}")]
    NotFound {
        /// Its ARN, if there were one.
        arn: String,
    },
    /// A setting is out of bounds; the text names it and the bounds.
    #[error("{0}")]
    InvalidSettings(String),
    /// The bytes are no module that can be run; the text says why.
    #[error("{0}")]
    InvalidModule(String),
    /// Too many functions.
    #[error("the limit of {functions_max} functions is reached")]
    LimitExceeded {
        /// The limit.
        functions_max: usize,
    },
    /// The store failed: not the caller's fault.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a catalog can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}
