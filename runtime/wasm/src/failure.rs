//! How a call fails: the names and texts that a workflow sees, as it sees those of a Lambda function.

use crate::FunctionConfig;
use crate::logs::cut;
use crate::secrets::Mask;
use fleetstep_document::{Document, ObjectBuilder, Text};
use fleetstep_engine::Failure;
use std::time::Duration;
use wasmtime::WasmBacktrace;

/// The largest result, in bytes of JSON: the service's limit for the data of a task or state.
pub const RESULT_BYTES_MAX: usize = 262_144;
/// Bytes of an error's message and of its name; the service cuts a cause to about as much.
const ERROR_TEXT_BYTES_MAX: usize = 32_000;
/// Frames of a trap's backtrace that are told.
const TRACE_FRAMES_MAX: usize = 16;
/// Bytes of a function's name in a backtrace.
const FRAME_BYTES_MAX: usize = 200;

/// The guest's own error.
pub(crate) fn guest(error: &str, message: &str) -> Failure {
    failure(error, message, Vec::new())
}

/// The guest stopped by a trap.
pub(crate) fn trap(error: &wasmtime::Error) -> Failure {
    let frames = error.downcast_ref::<WasmBacktrace>().map(WasmBacktrace::frames).unwrap_or_default();
    let trace = frames.iter().take(TRACE_FRAMES_MAX).map(|frame| {
        let name = frame.func_name().map_or_else(|| format!("function {}", frame.func_index()), demangled);
        Document::from(name)
    });
    failure("Runtime.ExitError", &format!("Runtime exited with error: {}", error.root_cause()), trace.collect())
}

/// A command ended with a status that says failure. `last_line` is that of its stderr: a JSON object there names the
/// error, any other text goes along.
pub(crate) fn exit(status: i32, last_line: &str, mask: &Mask) -> Failure {
    if let Some(failure) = told(last_line, mask) {
        return failure;
    }
    let colon = if last_line.is_empty() { "" } else { ": " };
    let message = format!("Runtime exited with error: exit status {status}{colon}{last_line}");
    failure("Runtime.ExitError", &message, Vec::new())
}

/// The error that a command wrote as the last line of its stderr, or a handler as its answer: a JSON object with
/// `errorType`, and `errorMessage`.
fn told(last_line: &str, mask: &Mask) -> Option<Failure> {
    if !last_line.starts_with('{') {
        return None;
    }
    let error = Document::parse(last_line.as_bytes()).ok()?;
    let text = |key: &str| error.get(key).and_then(Document::as_str);
    Some(guest(&mask.apply(text("errorType")?), &mask.apply(text("errorMessage").unwrap_or_default())))
}

/// A proxy component failed to answer.
pub(crate) fn handler(reason: &str) -> Failure {
    failure("Runtime.ExitError", &format!("The handler did not answer: {reason}"), Vec::new())
}

/// A proxy component answered with a status that says failure. A JSON object with `errorType` names the error; else the
/// body is the cause.
pub(crate) fn status(status: u16, body: &str, mask: &Mask) -> Failure {
    if let Some(failure) = told(body, mask) {
        return failure;
    }
    let error = format!("Http.StatusCode.{status}");
    Failure::new(error.as_str(), cut(&mask.apply(body), ERROR_TEXT_BYTES_MAX))
}

/// The guest was refused memory and failed.
pub(crate) fn out_of_memory(config: &FunctionConfig) -> Failure {
    let message =
        format!("Runtime exited with error: the memory limit of {} bytes was reached", config.memory_bytes_max);
    failure("Runtime.OutOfMemory", &message, Vec::new())
}

/// The host failed, not the guest.
pub(crate) fn crashed(reason: &dyn std::fmt::Display) -> Failure {
    failure("Runtime.ExitError", &format!("The sandbox failed: {reason}"), Vec::new())
}

/// The time that the call had is over.
pub(crate) fn timed_out(granted: Duration) -> Failure {
    let message = format!("Error: Task timed out after {:.2} seconds", granted.as_secs_f64());
    failure("Sandbox.Timedout", &message, Vec::new())
}

/// The result is no JSON.
pub(crate) fn not_json(reason: &str) -> Failure {
    failure("Runtime.MarshalError", &format!("The result is not valid JSON: {reason}"), Vec::new())
}

/// One call more than may run at the same time.
pub(crate) fn throttled() -> Failure {
    let cause =
        "Rate Exceeded. (Service: AWSLambda; Status Code: 429; Error Code: TooManyRequestsException; Proxy: null)";
    Failure::new(arcstr::literal!("Lambda.TooManyRequestsException"), cause)
}

/// A result over [`RESULT_BYTES_MAX`], of the resource that `label` names.
pub(crate) fn result_too_large(label: &Text) -> Failure {
    let cause = format!(
        "The state/task '{label}' returned a result with a size exceeding the maximum number of bytes service limit."
    );
    Failure::new(arcstr::literal!("States.DataLimitExceeded"), cause)
}

fn failure(error: &str, message: &str, trace: Vec<Document>) -> Failure {
    let error = cut(error, ERROR_TEXT_BYTES_MAX);
    let mut cause = ObjectBuilder::with_capacity(3)
        .with("errorMessage", cut(message, ERROR_TEXT_BYTES_MAX))
        .with("errorType", error);
    if !trace.is_empty() {
        cause.push("trace", trace);
    }
    Failure::new(error, cause.build().to_json())
}

/// A function's name as its author knows it.
fn demangled(name: &str) -> String {
    cut(&format!("{:#}", rustc_demangle::demangle(name)), FRAME_BYTES_MAX).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(failure: &Failure, error: &str, cause: &str) {
        assert_eq!((failure.error.as_deref(), failure.cause.as_deref()), (Some(error), Some(cause)));
    }

    #[test]
    fn a_command_names_its_error_on_its_last_line() {
        let cause = |message: &str, error: &str| format!(r#"{{"errorMessage":"{message}","errorType":"{error}"}}"#);
        for (line, error, message) in [
            (r#"{"errorType":"OutOfStock","errorMessage":"none left"}"#, "OutOfStock", "none left"),
            (r#"{"errorType":"OutOfStock"}"#, "OutOfStock", ""),
            ("panicked", "Runtime.ExitError", "Runtime exited with error: exit status 3: panicked"),
            ("", "Runtime.ExitError", "Runtime exited with error: exit status 3"),
            ("{}", "Runtime.ExitError", "Runtime exited with error: exit status 3: {}"),
        ] {
            check(&exit(3, line, &Mask::default()), error, &cause(message, error));
        }
    }

    #[test]
    fn long_texts_are_cut_and_stay_json() {
        let failure = guest("E", &"\"ü".repeat(100_000));
        let cause = failure.cause.unwrap();
        assert!(cause.len() < 2 * ERROR_TEXT_BYTES_MAX);
        assert!(Document::parse(cause.as_bytes()).is_ok());
    }

    #[test]
    fn says_how_long_a_call_had() {
        check(
            &timed_out(Duration::from_secs(3)),
            "Sandbox.Timedout",
            r#"{"errorMessage":"Error: Task timed out after 3.00 seconds","errorType":"Sandbox.Timedout"}"#,
        );
    }
}
