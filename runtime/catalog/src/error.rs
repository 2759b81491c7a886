//! What the catalog's operations fail with.

use crate::published::{ALIASES_MAX, TAGS_MAX, VERSIONS_MAX};
use crate::release::{FUNCTION_ALIASES_MAX, FUNCTION_TAGS_MAX, FUNCTION_VERSIONS_MAX};
use crate::{ArnError, InvalidToken, NameError, StoreError};
use fleetstep_asl::Diagnostic;
use fleetstep_trigger::{Conflict, Problems};

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
    /// A version, an alias or a tag stands against it.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// `InvalidToken`
    #[error(transparent)]
    InvalidToken(#[from] InvalidToken),
    /// The store failed: not the caller's fault.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an operation on activities failed.
#[derive(Debug, thiserror::Error)]
pub enum ActivityError {
    /// `InvalidName`
    #[error(transparent)]
    InvalidName(#[from] NameError),
    /// `ActivityLimitExceeded`
    #[error("the limit of {activities_max} activities is reached")]
    LimitExceeded {
        /// The limit.
        activities_max: usize,
    },
    /// The store failed: not the caller's fault.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an operation on versions, aliases or tags failed. Texts are the service's own where they are known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// `ConflictException`: the current revision is another than the one that was to be published.
    #[error(
        "Failed to publish the State Machine version for revision {wanted}. The current State Machine revision is {current}."
    )]
    OtherRevision {
        /// The one that was asked for.
        wanted: String,
        /// The one that is there.
        current: String,
    },
    /// `ConflictException`: a version cannot go while aliases lead to it.
    #[error(
        "Version to be deleted must not be referenced by an alias. Current list of aliases referencing this version: [{aliases}]"
    )]
    VersionInUse {
        /// Their names, with commas.
        aliases: String,
    },
    /// `ConflictException`: an alias of that name leads elsewhere, or is described otherwise.
    #[error(
        "Failed to create alias because an alias with the same name and a different routing configuration already exists."
    )]
    OtherAlias,
    /// `ServiceQuotaExceededException`
    #[error("The state machine {arn} has {VERSIONS_MAX} versions, which is the most: delete one that is not used")]
    TooManyVersions {
        /// The machine.
        arn: String,
    },
    /// `ServiceQuotaExceededException`
    #[error("The state machine {arn} has {ALIASES_MAX} aliases, which is the most: delete one that is not used")]
    TooManyAliases {
        /// The machine.
        arn: String,
    },
    /// `ValidationException`: a routing configuration that cannot be.
    #[error("{0}")]
    InvalidRouting(String),
    /// `ValidationException`: an update of an alias that changes nothing.
    #[error("Either the description or the routing configuration must be specified")]
    NothingToUpdate,
    /// `ResourceNotFound`: no such alias, or no such version for an alias to lead to.
    #[error("Request references a resource that does not exist.")]
    NotFound,
    /// `ResourceNotFound`: nothing of that ARN has tags.
    #[error("Resource not found: '{arn}'")]
    NotTagged {
        /// The ARN that was asked for.
        arn: String,
    },
    /// `TooManyTags`
    #[error("You can only have {TAGS_MAX} tags on a resource, but there would be {tags}")]
    TooManyTags {
        /// ARN of the resource.
        arn: String,
        /// How many there would be.
        tags: usize,
    },
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
    /// There is one of that name, and there should be none.
    #[error("Function already exist: {name}")]
    AlreadyExists {
        /// The name.
        name: String,
    },
    /// It has changed since whoever asks has looked at it.
    #[error(
        "The RevisionId provided does not match the latest RevisionId. Call the GetFunction/GetAlias API to retrieve the latest RevisionId"
    )]
    OtherRevision,
    /// What was put last has another code than the one that was to be published.
    #[error(
        "CodeSHA256 ({wanted}) is different from current CodeSHA256 in $LATEST ({current}). Please try again with the CodeSHA256 in $LATEST."
    )]
    OtherCode {
        /// The one that was asked for.
        wanted: String,
        /// The one that is there.
        current: String,
    },
    /// A version cannot go while aliases lead to it.
    #[error("Version {arn} cannot be deleted: these aliases lead to it: [{aliases}]")]
    VersionInUse {
        /// The version's ARN.
        arn: String,
        /// Their names, with commas.
        aliases: String,
    },
    /// No alias of that name.
    #[error("Cannot find alias arn: {arn}")]
    AliasNotFound {
        /// Its ARN, if there were one.
        arn: String,
    },
    /// There is an alias of that name.
    #[error("Alias already exists: {arn}")]
    AliasExists {
        /// Its ARN.
        arn: String,
    },
    /// An alias cannot lead there; the text says why.
    #[error("{0}")]
    InvalidRouting(String),
    /// Too many versions of a function.
    #[error("The function has {FUNCTION_VERSIONS_MAX} versions, which is the most: delete one that is not used")]
    TooManyVersions,
    /// Too many aliases of a function.
    #[error("The function has {FUNCTION_ALIASES_MAX} aliases, which is the most: delete one that is not used")]
    TooManyAliases,
    /// Too many tags of a function.
    #[error("You can only have {FUNCTION_TAGS_MAX} tags on a resource")]
    TooManyTags,
    /// A token that no page ended with.
    #[error(transparent)]
    InvalidToken(#[from] InvalidToken),
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

/// Why an operation on routes or schedules failed.
#[derive(Debug, thiserror::Error)]
pub enum TriggerError {
    /// The spec cannot be compiled.
    #[error(transparent)]
    Invalid(#[from] Problems),
    /// Another route answers the same requests.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// There are as many as there may be.
    #[error("the limit of {count_max} {what} is reached")]
    LimitExceeded {
        /// `routes` or `schedules`.
        what: &'static str,
        /// The limit.
        count_max: usize,
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
