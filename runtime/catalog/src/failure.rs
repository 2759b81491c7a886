//! How a call fails that reaches no function, in the words of the service.

use crate::uuid::uuid;
use fleetstep_machine::Failure;

/// A refusal of Lambda's, as Step Functions words it.
fn refusal(exception: &str, status_code: u16, message: &str) -> Failure {
    let cause = format!(
        "{message} (Service: AWSLambda; Status Code: {status_code}; Error Code: {exception}; Request ID: {}; Proxy: null)",
        uuid()
    );
    Failure::new(format!("Lambda.{exception}"), cause)
}

/// No function of that ARN.
pub(crate) fn function_not_found(arn: &str) -> Failure {
    refusal("ResourceNotFoundException", 404, &format!("Function not found: {arn}"))
}

/// The stored module of a function can't be loaded.
pub(crate) fn function_not_ready(arn: &str, problem: &str) -> Failure {
    refusal("ResourceNotReadyException", 502, &format!("The module of function {arn} can't be loaded: {problem}"))
}

/// `FunctionName` is no name of a function.
pub(crate) fn invalid_function_name(name: &str) -> Failure {
    let message = format!(
        "1 validation error detected: Value '{name}' at 'functionName' failed to satisfy constraint: Member must satisfy regular expression pattern: {FUNCTION_NAME_PATTERN}"
    );
    refusal("ValidationException", 400, &message)
}

/// Lambda's pattern of a `FunctionName`.
pub const FUNCTION_NAME_PATTERN: &str = r"(arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}((-gov)|(-iso(b?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?";

/// Two qualifiers that contradict each other.
pub(crate) fn qualifier_mismatch() -> Failure {
    let message = "The derived qualifier from the function name does not match the specified qualifier.";
    refusal("InvalidParameterValueException", 400, message)
}

/// A `Payload` that is text, but no JSON.
pub(crate) fn payload_is_no_json(problem: &str) -> Failure {
    refusal(
        "InvalidRequestContentException",
        400,
        &format!("Could not parse request body into json: Could not parse payload into json: {problem}"),
    )
}

/// Nothing is bound to a service integration; or a function is, and there is none of that name.
pub(crate) fn not_bound(arn: &str, function: Option<&str>) -> Failure {
    let cause = match function {
        None => format!(
            "Nothing is bound to {arn} on this server: its operator can bind a function, an HTTP endpoint or an \
             AWS-compatible service to it"
        ),
        Some(name) => format!("The function '{name}', which is bound to {arn}, does not exist"),
    };
    Failure::new("Fleetstep.ResourceNotBound", cause)
}

/// Parameters that can't be used for an integration: `problems` in the service's words.
pub(crate) fn unusable_parameters(parameters: &str, problems: &[String]) -> Failure {
    let problems = problems.join(", ");
    let cause = format!("The Parameters '{parameters}' could not be used to start the Task: [{problems}]");
    Failure::new("States.Runtime", cause)
}
