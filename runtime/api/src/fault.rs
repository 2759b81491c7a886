//! What goes wrong at the door, and what the caller hears of it: the one place where an error becomes HTTP.
//!
//! A workflow that fails is no fault but a result; how the plain interface shows one stands here too
//! ([`outcome_status`]), so that all statuses are in one file.

use crate::FetchError;
use crate::body::BodyError;
use crate::executions::push_failure;
use crate::limits::INPUT_BYTES_MAX;
use crate::reply::{self, Reply};
use fleetstep_asl::{Diagnostic, definition_error_message};
use fleetstep_catalog::{
    ActivityError, ArnError, FunctionError, InvalidToken, NameError, PublishError, StateMachineError, StoreError,
    TriggerError,
};
use fleetstep_document::{Document, ObjectBuilder};
use fleetstep_engine::{Failure, Outcome, Saturated};
use fleetstep_identity::Refusal;
use fleetstep_trigger::{Problem, Problems, Unreadable, Unverified};
use hyper::StatusCode;
use hyper::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use std::borrow::Cow;
use std::time::Duration;

macro_rules! faults {
    ($($(#[$doc:meta])* $kind:ident $aws:literal $http:literal;)*) => {
        /// The kinds of fault, by the exception's name in the service's API.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Kind { $($(#[$doc])* $kind,)* }

        impl Kind {
            /// The exception's name, the status over the AWS protocol, the status over plain HTTP.
            fn entry(self) -> (&'static str, u16, u16) {
                match self { $(Self::$kind => (stringify!($kind), $aws, $http),)* }
            }
        }
    };
}

// Over the AWS protocol a fault of the caller has status 400, whatever it is; plain HTTP tells them apart.
faults! {
    ActivityDoesNotExist 400 404;
    ActivityLimitExceeded 400 400;
    /// Too many workers wait for tasks of one activity.
    ActivityWorkerLimitExceeded 400 429;
    ConflictException 400 409;
    /// One was started with the same key and another input.
    ExecutionAlreadyExists 400 409;
    ExecutionDoesNotExist 400 404;
    /// More executions of a workflow or an account would run than it may have.
    ExecutionLimitExceeded 400 429;
    InvalidArn 400 400;
    InvalidDefinition 400 422;
    InvalidEncryptionConfiguration 400 400;
    InvalidExecutionInput 400 400;
    InvalidLoggingConfiguration 400 400;
    InvalidName 400 400;
    /// What a task was answered with is no JSON, or too much of it.
    InvalidOutput 400 400;
    InvalidToken 400 400;
    MissingRequiredParameter 400 400;
    ResourceNotFound 400 404;
    /// The one with a status of its own, says the API reference.
    ServiceQuotaExceededException 402 409;
    StateMachineAlreadyExists 400 409;
    StateMachineDeleting 400 409;
    StateMachineDoesNotExist 400 404;
    StateMachineLimitExceeded 400 409;
    StateMachineTypeNotSupported 400 400;
    /// Nothing waits for the answer to a task any more.
    TaskTimedOut 400 410;
    TooManyTags 400 400;
    ValidationException 400 400;
    // Common to all services: who asks, and what they may.
    AccessDeniedException 400 403;
    IncompleteSignatureException 400 401;
    InvalidSignatureException 400 401;
    MissingAuthenticationTokenException 400 401;
    UnrecognizedClientException 400 401;
    // Common to all services.
    InternalFailure 500 500;
    SerializationException 400 400;
    /// No room for another execution, or for another call of a function: a retry after a moment may help.
    ThrottlingException 400 429;
    UnknownOperationException 400 404;
    // Of Lambda, whose statuses are those of plain HTTP.
    AliasLimitExceededException 400 400;
    CodeStorageExceededException 400 400;
    InvalidParameterValueException 400 400;
    InvalidRequestContentException 400 400;
    PreconditionFailedException 400 412;
    RequestTooLargeException 400 413;
    ResourceConflictException 400 409;
    ResourceNotFoundException 400 404;
    ResourceNotReadyException 400 502;
    TooManyRequestsException 400 429;
    // Of the plain interface, and of HTTP itself.
    FunctionDoesNotExist 400 404;
    FunctionConflict 400 409;
    FunctionLimitExceeded 400 409;
    InvalidModule 400 422;
    /// A spec of a route or a schedule.
    InvalidTrigger 400 422;
    MethodNotAllowed 405 405;
    /// A module that was named could not be fetched.
    ModuleUnavailable 400 502;
    NotFound 404 404;
    RequestEntityTooLarge 413 413;
    RequestTimeout 408 408;
    RouteDoesNotExist 400 404;
    ScheduleDoesNotExist 400 404;
    UnsupportedMediaType 415 415;
}

/// A refusal, with what the caller can do about it in words.
#[derive(Debug)]
pub(crate) struct Fault {
    kind: Kind,
    message: Cow<'static, str>,
    /// Members beside the message that the API model has: `resourceName`.
    details: Vec<(&'static str, Document)>,
    /// Members of the problem alone.
    problem_details: Vec<(&'static str, Document)>,
    /// Why the host failed, with the files that it names: for the operator, never for the caller.
    cause: Option<Box<str>>,
    /// The methods that there are, when this one is not.
    allow: Option<Box<str>>,
    /// The rest of the request was not read, so that the connection cannot go on.
    broken: bool,
    /// After so many seconds another try may help.
    retry_after: Option<u32>,
}

impl Fault {
    pub(crate) fn new(kind: Kind, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            message: message.into(),
            details: Vec::new(),
            problem_details: Vec::new(),
            cause: None,
            allow: None,
            broken: false,
            retry_after: matches!(
                kind,
                Kind::ThrottlingException | Kind::ExecutionLimitExceeded | Kind::TooManyRequestsException
            )
            .then_some(1),
        }
    }

    /// The same before the body was read, so that the connection cannot go on.
    pub(crate) fn unread(self) -> Self {
        Self { broken: true, ..self }
    }

    /// Adds a member to the answer.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Document>) -> Self {
        self.details.push((name, value.into()));
        self
    }

    /// The host failed at what it was asked for.
    pub(crate) fn internal(error: &dyn std::error::Error) -> Self {
        let message = "The server could not do this; its standard error says why";
        Self { cause: Some(error.to_string().into()), ..Self::new(Kind::InternalFailure, message) }
    }

    /// What the operator is to hear of it.
    pub(crate) fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// There is no room now, and may be later: in the words that the SDKs know and retry on.
    pub(crate) fn throttled() -> Self {
        Self::new(Kind::ThrottlingException, "Rate exceeded")
    }

    /// Says when another try may help, in whole seconds.
    pub(crate) fn retry_after(self, wait: Duration) -> Self {
        let seconds = u32::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX);
        Self { retry_after: Some(seconds.max(1)), ..self }
    }

    /// What kind of fault it is.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// What was sent gives no input for what it starts.
    pub(crate) fn unfit(reason: &str) -> Self {
        Self::new(Kind::InvalidExecutionInput, format!("Invalid State Machine Execution Input: '{reason}'"))
    }

    /// The input is larger than AWS lets one be.
    pub(crate) fn input_too_large() -> Self {
        Self::unfit(&format!("the input exceeds {INPUT_BYTES_MAX} bytes"))
    }

    /// Whether the same may be let in a little later.
    pub(crate) fn may_help_later(&self) -> bool {
        self.retry_after.is_some()
    }

    /// The exception's name.
    pub(crate) fn name(&self) -> &'static str {
        self.kind.entry().0
    }

    /// Its status over the AWS protocol.
    pub(crate) fn aws_status(&self) -> u16 {
        self.kind.entry().1
    }

    /// What is said.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The most common refusal of an ARN.
    pub(crate) fn state_machine_does_not_exist(arn: &str) -> Self {
        Self::new(Kind::StateMachineDoesNotExist, format!("State Machine Does Not Exist: '{arn}'"))
    }

    /// All that is wrong with a definition: in one line, as the service says it, and each with its place. The AWS
    /// protocol shows the line alone.
    pub(crate) fn invalid_definition(diagnostics: &[Diagnostic]) -> Self {
        let each: Vec<Document> = diagnostics.iter().map(crate::web::diagnostic).collect();
        let fault = Self::new(Kind::InvalidDefinition, definition_error_message(diagnostics));
        Self { problem_details: vec![("diagnostics", each.into())], ..fault }
    }

    /// The path is right, the method is not.
    pub(crate) fn method_not_allowed(allow: String) -> Self {
        let message = format!("The methods here are {allow}");
        Self { allow: Some(allow.into()), ..Self::new(Kind::MethodNotAllowed, message) }
    }

    /// As the AWS JSON 1.0 protocol says it.
    pub(crate) fn aws_reply(&self) -> Reply {
        let (name, status, _) = self.kind.entry();
        let mut body = ObjectBuilder::with_capacity(2 + self.details.len()).with("__type", name);
        body.push("message", &*self.message);
        let mut reply =
            reply::aws_fault(&self.finish(body), StatusCode::from_u16(status).expect("a status of the table"));
        reply.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static(name));
        self.mark(reply)
    }

    /// As Lambda's REST protocol says it. Lambda has names of its own for what is common to all services.
    pub(crate) fn lambda_reply(&self) -> Reply {
        let (name, _, status) = self.kind.entry();
        let (name, status) = match self.kind {
            Kind::InternalFailure => ("ServiceException", status),
            Kind::ThrottlingException => ("TooManyRequestsException", status),
            Kind::RequestEntityTooLarge => ("RequestEntityTooLargeException", status),
            Kind::UnsupportedMediaType => ("UnsupportedMediaTypeException", status),
            _ if status == 401 => (name, 403),
            _ => (name, status),
        };
        // As the API model has it, which is not of one mind.
        let message =
            if matches!(name, "ResourceNotFoundException" | "ServiceException") { "Message" } else { "message" };
        let fault_of = if status < 500 { "User" } else { "Service" };
        let mut body = ObjectBuilder::with_capacity(2 + self.details.len()).with("Type", fault_of);
        body.push(message, &*self.message);
        let mut reply = reply::rest(&self.finish(body), StatusCode::from_u16(status).expect("a status of the table"));
        reply.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static(name));
        self.mark(reply)
    }

    /// A problem's members (RFC 9457).
    pub(crate) fn problem(&self) -> Document {
        let (name, _, status) = self.kind.entry();
        let mut body = ObjectBuilder::with_capacity(4 + self.details.len()).with("type", "about:blank");
        body.push("title", name);
        body.push("status", u32::from(status));
        body.push("detail", &*self.message);
        for (name, value) in &self.problem_details {
            body.push(*name, value.clone());
        }
        self.finish(body)
    }

    /// As a problem.
    pub(crate) fn problem_reply(&self) -> Reply {
        let (_, _, status) = self.kind.entry();
        let status = StatusCode::from_u16(status).expect("a status of the table");
        let mut reply = reply::json(&self.problem(), status);
        reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            reply.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        self.mark(reply)
    }

    fn finish(&self, mut body: ObjectBuilder) -> Document {
        for (name, value) in &self.details {
            body.push(*name, value.clone());
        }
        body.build()
    }

    fn mark(&self, mut reply: Reply) -> Reply {
        if let Some(seconds) = self.retry_after {
            reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(allow) = &self.allow {
            reply.headers_mut().insert(ALLOW, HeaderValue::from_str(allow).expect("methods are ASCII"));
        }
        if self.broken {
            reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        reply
    }
}

impl From<FetchError> for Fault {
    fn from(error: FetchError) -> Self {
        let kind = match error {
            FetchError::NotAllowed(_) => Kind::AccessDeniedException,
            FetchError::Failed(_) => Kind::ModuleUnavailable,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<BodyError> for Fault {
    fn from(error: BodyError) -> Self {
        let kind = match error {
            BodyError::TooLarge { .. } => Kind::RequestEntityTooLarge,
            BodyError::NoRoom | BodyError::TooManyUploads => Kind::ThrottlingException,
            BodyError::TimedOut(_) => Kind::RequestTimeout,
            BodyError::Broken => Kind::SerializationException,
        };
        Self { broken: true, ..Self::new(kind, error.to_string()) }
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        let kind = match refusal {
            Refusal::Missing => Kind::MissingAuthenticationTokenException,
            Refusal::Incomplete(_) => Kind::IncompleteSignatureException,
            Refusal::Unrecognized => Kind::UnrecognizedClientException,
            Refusal::Invalid(_) => Kind::InvalidSignatureException,
        };
        Self::new(kind, refusal.to_string()).unread()
    }
}

impl From<Saturated> for Fault {
    fn from(_: Saturated) -> Self {
        Self::throttled()
    }
}

impl From<Unverified> for Fault {
    fn from(error: Unverified) -> Self {
        Self::new(Kind::InvalidSignatureException, format!("This delivery is not believed: {error}"))
    }
}

impl From<Unreadable> for Fault {
    fn from(error: Unreadable) -> Self {
        Self::new(Kind::SerializationException, error.to_string())
    }
}

impl From<Problems> for Fault {
    fn from(problems: Problems) -> Self {
        let place = |at: usize| i64::try_from(at).unwrap_or(i64::MAX);
        let told = |problem: &Problem| {
            let mut body = ObjectBuilder::with_capacity(4)
                .with("severity", "ERROR")
                .with("message", problem.message.as_str())
                .with("location", problem.location.as_str());
            if let Some(offset) = problem.offset {
                body.push("offset", place(offset));
            }
            body.build()
        };
        let each: Vec<Document> = problems.0.iter().map(told).collect();
        let fault = Self::new(Kind::InvalidTrigger, problems.to_string());
        Self { problem_details: vec![("diagnostics", each.into())], ..fault }
    }
}

impl From<TriggerError> for Fault {
    fn from(error: TriggerError) -> Self {
        let message = error.to_string();
        let kind = match error {
            TriggerError::Invalid(problems) => return problems.into(),
            TriggerError::Store(error) => return error.into(),
            TriggerError::Conflict(_) => Kind::ConflictException,
            TriggerError::LimitExceeded { .. } => Kind::ServiceQuotaExceededException,
        };
        Self::new(kind, message)
    }
}

impl From<ArnError> for Fault {
    fn from(error: ArnError) -> Self {
        Self::new(Kind::InvalidArn, format!("Invalid Arn: '{error}'"))
    }
}

impl From<NameError> for Fault {
    fn from(error: NameError) -> Self {
        Self::new(Kind::InvalidName, error.to_string())
    }
}

impl From<InvalidToken> for Fault {
    fn from(error: InvalidToken) -> Self {
        Self::new(Kind::InvalidToken, error.to_string())
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::internal(&error)
    }
}

impl From<StateMachineError> for Fault {
    fn from(error: StateMachineError) -> Self {
        let message = error.to_string();
        let kind = match error {
            StateMachineError::InvalidName(_) => Kind::InvalidName,
            StateMachineError::InvalidArn(_) => Kind::InvalidArn,
            StateMachineError::InvalidDefinition(diagnostics) => return Self::invalid_definition(&diagnostics),
            StateMachineError::AlreadyExists { .. } => Kind::StateMachineAlreadyExists,
            StateMachineError::DoesNotExist { .. } => Kind::StateMachineDoesNotExist,
            StateMachineError::LimitExceeded { .. } => Kind::StateMachineLimitExceeded,
            StateMachineError::NothingToUpdate => Kind::MissingRequiredParameter,
            StateMachineError::Publish(error) => return error.into(),
            StateMachineError::InvalidToken(error) => return error.into(),
            StateMachineError::Store(error) => return error.into(),
        };
        Self::new(kind, message)
    }
}

impl From<PublishError> for Fault {
    fn from(error: PublishError) -> Self {
        let message = error.to_string();
        let fault = |kind| Self::new(kind, message);
        match error {
            PublishError::OtherRevision { .. } | PublishError::VersionInUse { .. } | PublishError::OtherAlias => {
                fault(Kind::ConflictException)
            }
            PublishError::TooManyVersions { .. } | PublishError::TooManyAliases { .. } => {
                fault(Kind::ServiceQuotaExceededException)
            }
            PublishError::InvalidRouting(_) => {
                fault(Kind::ValidationException).with("reason", "INVALID_ROUTING_CONFIGURATION")
            }
            PublishError::NothingToUpdate => {
                fault(Kind::ValidationException).with("reason", "MISSING_REQUIRED_PARAMETER")
            }
            PublishError::NotFound => fault(Kind::ResourceNotFound),
            PublishError::NotTagged { arn } => fault(Kind::ResourceNotFound).with("resourceName", arn),
            PublishError::TooManyTags { arn, .. } => fault(Kind::TooManyTags).with("resourceName", arn),
        }
    }
}

impl From<ActivityError> for Fault {
    fn from(error: ActivityError) -> Self {
        let message = error.to_string();
        let kind = match error {
            ActivityError::InvalidName(_) => Kind::InvalidName,
            ActivityError::LimitExceeded { .. } => Kind::ActivityLimitExceeded,
            ActivityError::Store(error) => return error.into(),
        };
        Self::new(kind, message)
    }
}

impl From<FunctionError> for Fault {
    fn from(error: FunctionError) -> Self {
        let message = error.to_string();
        let kind = match error {
            FunctionError::InvalidName(_) => Kind::InvalidName,
            FunctionError::NotFound { .. } => Kind::FunctionDoesNotExist,
            FunctionError::InvalidSettings(_) => Kind::ValidationException,
            FunctionError::InvalidModule(_) => Kind::InvalidModule,
            FunctionError::LimitExceeded { .. }
            | FunctionError::TooManyVersions
            | FunctionError::TooManyAliases
            | FunctionError::TooManyTags => Kind::FunctionLimitExceeded,
            FunctionError::AliasNotFound { .. } => Kind::FunctionDoesNotExist,
            FunctionError::AlreadyExists { .. }
            | FunctionError::AliasExists { .. }
            | FunctionError::VersionInUse { .. }
            | FunctionError::OtherRevision => Kind::FunctionConflict,
            FunctionError::OtherCode { .. } | FunctionError::InvalidRouting(_) => Kind::ValidationException,
            FunctionError::InvalidToken(error) => return error.into(),
            FunctionError::Store(error) => return error.into(),
        };
        Self::new(kind, message)
    }
}

impl Fault {
    /// What the catalog says of a function, as Lambda says it.
    pub(crate) fn of_function(error: FunctionError) -> Self {
        let message = error.to_string();
        let kind = match error {
            FunctionError::NotFound { .. } | FunctionError::AliasNotFound { .. } => Kind::ResourceNotFoundException,
            FunctionError::AlreadyExists { .. }
            | FunctionError::AliasExists { .. }
            | FunctionError::VersionInUse { .. } => Kind::ResourceConflictException,
            FunctionError::OtherRevision => Kind::PreconditionFailedException,
            FunctionError::TooManyAliases => Kind::AliasLimitExceededException,
            FunctionError::LimitExceeded { .. } | FunctionError::TooManyVersions => Kind::CodeStorageExceededException,
            FunctionError::InvalidName(_)
            | FunctionError::InvalidSettings(_)
            | FunctionError::InvalidModule(_)
            | FunctionError::OtherCode { .. }
            | FunctionError::InvalidRouting(_)
            | FunctionError::TooManyTags
            | FunctionError::InvalidToken(_) => Kind::InvalidParameterValueException,
            FunctionError::Store(error) => return error.into(),
        };
        Self::new(kind, message)
    }
}

/// The status of `POST /v1/workflows/NAME/run`: what came of the workflow, told apart by who can do something
/// about it. FAILED is the workflow's own answer to its input; TIMED_OUT and ABORTED may go better next time.
pub(crate) fn outcome_status(outcome: &Outcome) -> StatusCode {
    match outcome {
        Outcome::Succeeded(_) => StatusCode::OK,
        Outcome::Failed(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Outcome::TimedOut(_) => StatusCode::GATEWAY_TIMEOUT,
        Outcome::Aborted(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// The answer to a call of a function that failed.
pub(crate) fn function_failure(failure: &Failure) -> Reply {
    let status = match failure.error.as_deref() {
        Some("Lambda.ResourceNotFoundException") => StatusCode::NOT_FOUND,
        Some("Lambda.ResourceNotReadyException") => StatusCode::BAD_GATEWAY,
        Some("Lambda.TooManyRequestsException") => StatusCode::TOO_MANY_REQUESTS,
        Some("Sandbox.Timedout" | "States.Timeout") => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let mut body = ObjectBuilder::with_capacity(2);
    push_failure(&mut body, failure);
    reply::json(&body.build(), status)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn damaged() -> StoreError {
        StoreError::ModuleDamaged { path: "/srv/data/modules/x.wasm".into() }
    }

    #[test]
    fn a_path_of_the_host_is_told_to_the_operator_alone() {
        let faults: [Fault; 3] =
            [damaged().into(), StateMachineError::Store(damaged()).into(), FunctionError::Store(damaged()).into()];
        for fault in faults {
            assert_eq!(fault.kind, Kind::InternalFailure);
            assert!(!fault.message.contains('/'), "{}", fault.message);
            assert!(fault.cause().unwrap().contains("/srv/data/modules/x.wasm"));
        }
    }
}
