//! `Invoke`: a function is called, waited for or not.

use super::Call;
use super::name::{Named, fault, invalid};
use crate::Service;
use crate::fault::{Fault, Kind};
use crate::id::Uuid;
use crate::lone_call::{self, INVOKE_TIMEOUT};
use crate::reply::{self, Reply};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fleetstep_catalog::{FunctionDescription, FunctionVersion};
use fleetstep_document::{Document, ObjectBuilder, Text};
use fleetstep_engine::{Failure, Identity, Timestamp, clock};
use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue};
use std::time::Duration;

/// The largest payload of an event: Lambda's limit.
const EVENT_BYTES_MAX: usize = 262_144;
/// An event that finds its function busy is tried again after this, then after twice as long each time.
const EVENT_PAUSE: Duration = Duration::from_millis(100);
/// But not after more than this.
const EVENT_PAUSE_MAX: Duration = Duration::from_secs(5);
/// Bytes of a log that come with an answer: Lambda's bound.
const LOG_TAIL_BYTES_MAX: usize = 4_096;
/// Lines of a function's log that are looked through for those of one call.
const LOG_LINES_MAX: usize = 1_000;

const EXECUTED_VERSION: HeaderName = HeaderName::from_static("x-amz-executed-version");
const FUNCTION_ERROR: HeaderName = HeaderName::from_static("x-amz-function-error");
const LOG_RESULT: HeaderName = HeaderName::from_static("x-amz-log-result");

/// How a call is made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum InvocationType {
    RequestResponse,
    Event,
    DryRun,
}

pub(super) async fn invoke(call: Call<'_>) -> Result<Reply, Fault> {
    let kind = kind(&call)?;
    let has_log = match call.header("x-amz-log-type") {
        None | Some("None") => false,
        Some("Tail") => true,
        Some(other) => return Err(not_of_set(other, "logType", "None, Tail")),
    };
    if call.header("x-amz-client-context").is_some() {
        return Err(invalid("ClientContext is not supported: hand it over in the Payload"));
    }
    let named = call.function()?;
    // Asked before the payload is looked at, as Lambda does.
    let found = call.service.catalog().function_called(&named.name, named.qualifier_or_latest()).map_err(fault)?;
    if kind == InvocationType::DryRun {
        return Ok(answered(reply::rest_empty(StatusCode::NO_CONTENT), found.version));
    }
    let input = payload(&call, kind)?;
    let task = Invocation { service: call.service.clone(), named, input, id: Uuid::random().as_str().into() };
    match kind {
        InvocationType::Event => {
            let place = call.service.event()?;
            tokio::spawn(async move {
                task.deliver().await;
                drop(place);
            });
            Ok(answered(reply::rest_empty(StatusCode::ACCEPTED), found.version))
        }
        _ => task.wait_for(has_log).await,
    }
}

fn kind(call: &Call<'_>) -> Result<InvocationType, Fault> {
    match call.header("x-amz-invocation-type") {
        None | Some("RequestResponse") => Ok(InvocationType::RequestResponse),
        Some("Event") => Ok(InvocationType::Event),
        Some("DryRun") => Ok(InvocationType::DryRun),
        Some(other) => Err(not_of_set(other, "invocationType", "Event, RequestResponse, DryRun")),
    }
}

fn not_of_set(value: &str, member: &str, set: &str) -> Fault {
    let message = format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must satisfy \
         enum value set: [{set}]"
    );
    Fault::new(Kind::ValidationException, message)
}

/// None at all is an empty object.
fn payload(call: &Call<'_>, kind: InvocationType) -> Result<Document, Fault> {
    let length = call.body.len();
    if kind == InvocationType::Event && length > EVENT_BYTES_MAX {
        let message =
            format!("{length} byte payload is too large for the Event invocation type (limit {EVENT_BYTES_MAX} bytes)");
        return Err(Fault::new(Kind::RequestTooLargeException, message));
    }
    if call.body.is_empty() {
        return Ok(Document::empty_object());
    }
    Document::parse(&call.body).map_err(|error| {
        let message = format!("Could not parse request body into json: Could not parse payload into json: {error}");
        Fault::new(Kind::InvalidRequestContentException, message)
    })
}

/// A call that is to be made.
struct Invocation {
    service: Service,
    named: Named,
    input: Document,
    /// Names it in the function's log, where the execution of other calls is.
    id: Text,
}

impl Invocation {
    /// Calls, and waits for the answer.
    async fn call(&self) -> Result<(Result<Document, Failure>, FunctionDescription), Fault> {
        let (execution_name, execution_arn) = (self.id.clone(), self.id.clone());
        let identity = Identity { execution_name, execution_arn, ..Identity::default() };
        let call = lone_call::call(identity, self.input.clone());
        let catalog = self.service.catalog();
        let called = catalog.call_function_version(&self.named.name, self.named.qualifier_or_latest(), call);
        let (reply, called) = called.map_err(fault)?;
        Ok((lone_call::answer(reply).await, called))
    }

    /// The answer of a call that is waited for.
    async fn wait_for(self, has_log: bool) -> Result<Reply, Fault> {
        let began = clock::now();
        let (answer, called) = self.call().await?;
        let (body, failed) = match answer {
            Ok(output) => (output, false),
            Err(failure) => (told(&failure)?, true),
        };
        let mut reply = answered(reply::rest(&body, StatusCode::OK), called.version);
        if failed {
            // Every error of a function is one that its code let pass.
            reply.headers_mut().insert(FUNCTION_ERROR, HeaderValue::from_static("Unhandled"));
        }
        if has_log {
            let tail = STANDARD.encode(self.log_tail(&called, began));
            let tail = HeaderValue::from_str(&tail).expect("Base64 is ASCII");
            reply.headers_mut().insert(LOG_RESULT, tail);
        }
        Ok(reply)
    }

    /// Calls for an event: where the function is busy, again and again. What else comes of it is seen in the function's
    /// log and its figures.
    async fn deliver(self) {
        let ends = clock::now().after(INVOKE_TIMEOUT);
        let mut pause = EVENT_PAUSE;
        while let Ok((Err(failure), _)) = self.call().await {
            if !is_throttled(&failure) || clock::now().after(pause) > ends {
                return;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(EVENT_PAUSE_MAX);
        }
    }

    /// The end of what the call has logged, between the lines that Lambda writes around it.
    fn log_tail(&self, called: &FunctionDescription, began: Timestamp) -> String {
        let lines = self.service.catalog().function_log(&self.named.name, LOG_LINES_MAX).unwrap_or_default();
        let id = &self.id;
        let mut log = format!("START RequestId: {id} Version: {}\n", called.version);
        for line in lines.iter().filter(|line| line.execution_arn == *id) {
            log.push_str(&line.text);
            log.push('\n');
        }
        let millis = clock::now().since(began).as_secs_f64() * 1_000.0;
        let (billed, memory) = (millis.ceil(), called.settings.memory_mib);
        log.push_str(&format!(
            "END RequestId: {id}\nREPORT RequestId: {id}\tDuration: {millis:.2} ms\tBilled Duration: {billed} ms\t\
             Memory Size: {memory} MB\t\n"
        ));
        let start = log.ceil_char_boundary(log.len().saturating_sub(LOG_TAIL_BYTES_MAX));
        log.split_off(start)
    }
}

fn answered(mut reply: Reply, version: FunctionVersion) -> Reply {
    let version = HeaderValue::from_str(&version.to_string()).expect("a version is ASCII");
    reply.headers_mut().insert(EXECUTED_VERSION, version);
    reply
}

fn is_throttled(failure: &Failure) -> bool {
    failure.error.as_deref() == Some("Lambda.TooManyRequestsException")
}

/// A failure of the function, as the body of an answer; one that is the service's is a fault.
fn told(failure: &Failure) -> Result<Document, Fault> {
    let (error, cause) = (failure.error.as_deref(), failure.cause.as_deref());
    if is_throttled(failure) {
        let fault = Fault::new(Kind::TooManyRequestsException, "Rate Exceeded.");
        return Err(fault.with("Reason", "ReservedFunctionConcurrentInvocationLimitExceeded"));
    }
    match error {
        Some("Lambda.ResourceNotReadyException") => {
            Err(Fault::new(Kind::ResourceNotReadyException, cause.unwrap_or_default().to_owned()))
        }
        Some("States.DataLimitExceeded") => Ok(error_body("Function.ResponseSizeTooLarge", TOO_LARGE)),
        Some("States.Timeout") => Ok(error_body("Sandbox.Timedout", "Error: Task timed out")),
        _ => {
            // What a function fails with is told as Lambda tells it already.
            let told = cause.and_then(|cause| Document::parse(cause.as_bytes()).ok());
            let told = told.filter(|told| told.get("errorType").is_some());
            Ok(told.unwrap_or_else(|| error_body(error.unwrap_or("Error"), cause.unwrap_or_default())))
        }
    }
}

const TOO_LARGE: &str = "Response payload size exceeded maximum allowed payload size (262144 bytes).";

fn error_body(error: &str, message: &str) -> Document {
    ObjectBuilder::with_capacity(2).with("errorMessage", message).with("errorType", error).build()
}
