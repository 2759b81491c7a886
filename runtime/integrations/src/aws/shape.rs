//! What an integration's arguments are on the wire, and what an answer is as its result or its failure.

use super::header;
use super::names::{in_camel_case, in_pascal_case};
use super::services::Operation;
use crate::exchange::Answer;
use fleetstep_document::{Document, ObjectBuilder, Text};
use fleetstep_engine::{Call, Failure};

/// Members that are text on the wire, and which integrations take as JSON too: operation, member of the arguments, member
/// of each element of that.
const TEXTS: [(&str, &str, Option<&str>); 6] = [
    ("SendMessage", "MessageBody", None),
    ("SendMessageBatch", "Entries", Some("MessageBody")),
    ("PutEvents", "Entries", Some("Detail")),
    ("PutSecretValue", "SecretString", None),
    ("StartExecution", "Input", None),
    ("StartSyncExecution", "Input", None),
];

/// The body of a request.
pub(super) fn arguments(operation: &Operation, call: &Call) -> Result<Document, Failure> {
    if call.input.as_object().is_none() {
        let cause = format!(
            "The Parameters '{}' could not be used to start the Task: [Expected an object, but was a value of type {}]",
            call.input.to_json(),
            call.input.type_name()
        );
        return Err(Failure::new("States.Runtime", cause));
    }
    let mut arguments = call.input.clone();
    for (_, member, within) in TEXTS.iter().filter(|(name, ..)| *name == operation.name) {
        match within {
            None => as_text(&mut arguments, member),
            Some(within) => each(&mut arguments, member, |element| as_text(element, within)),
        }
    }
    // As the service's own integration does: an event says which execution it is of.
    if operation.name == "PutEvents" && !operation.is_sdk {
        each(&mut arguments, "Entries", |entry| add_resources(entry, call));
    }
    Ok(if operation.service.small_members { in_camel_case(&arguments) } else { arguments })
}

fn as_text(document: &mut Document, member: &str) {
    let Some(object) = document.as_object_mut() else { return };
    let Some(text) = object.get(member).filter(|value| value.as_text().is_none()).map(Document::to_json) else {
        return;
    };
    object.insert(Text::from(member), Document::from(text));
}

fn each(document: &mut Document, member: &str, change: impl Fn(&mut Document)) {
    let Some(object) = document.as_object_mut() else { return };
    let Some(items) = object.get(member).and_then(Document::as_array) else { return };
    let mut items = items.to_vec();
    items.iter_mut().for_each(change);
    object.insert(Text::from(member), Document::from(items));
}

fn add_resources(entry: &mut Document, call: &Call) {
    let Some(object) = entry.as_object_mut() else { return };
    let mut resources = object.get("Resources").and_then(Document::as_array).map(<[_]>::to_vec).unwrap_or_default();
    for arn in [&call.identity.state_machine_arn, &call.identity.execution_arn] {
        resources.push(Document::from(arn.clone()));
    }
    object.insert(Text::from("Resources"), Document::from(resources));
}

/// The result of a call that went well. The service's own integrations tell what came with the answer.
pub(super) fn result(operation: &Operation, answer: &Answer, body: Document) -> Result<Document, Failure> {
    let mut body = if operation.service.small_members { in_pascal_case(&body) } else { body };
    if operation.is_sdk {
        return Ok(body);
    }
    if operation.name == "PutEvents" && body.get("FailedEntryCount").and_then(Document::as_i64).unwrap_or(0) > 0 {
        return Err(Failure::new("EventBridge.FailedEntry", body.to_json()));
    }
    let mut all = ObjectBuilder::with_capacity(answer.headers.len());
    let mut single = ObjectBuilder::with_capacity(answer.headers.len());
    for (name, value) in &answer.headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        all.push(name.as_str(), vec![Document::from(&*value)]);
        single.push(name.as_str(), &*value);
    }
    let metadata = ObjectBuilder::with_capacity(3)
        .with("AllHttpHeaders", all.build())
        .with("HttpHeaders", single.build())
        .with("HttpStatusCode", u32::from(answer.status.as_u16()));
    let response = ObjectBuilder::with_capacity(1).with("RequestId", request_id(answer));
    if let Some(object) = body.as_object_mut() {
        object.insert(Text::from("SdkHttpMetadata"), metadata.build());
        object.insert(Text::from("SdkResponseMetadata"), response.build());
    }
    Ok(body)
}

fn request_id(answer: &Answer) -> &str {
    header(answer, "x-amzn-requestid").or_else(|| header(answer, "x-amz-request-id")).unwrap_or("UNKNOWN")
}

/// The failure of one that did not, in the words of the integration.
pub(super) fn failure(operation: &Operation, answer: &Answer, body: Option<&Document>) -> Failure {
    let member = |names: &[&str]| names.iter().find_map(|name| body?.get(name).and_then(Document::as_str));
    let named = member(&["__type", "code"]).or_else(|| header(answer, "x-amzn-errortype"));
    // `com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException`, `Name:http://…`
    let code = named.map(|name| name.rsplit('#').next().unwrap_or_default().split(':').next().unwrap_or_default());
    let code = code.filter(|code| !code.is_empty()).unwrap_or("ServiceException");
    let message = member(&["message", "Message", "errorMessage"]).unwrap_or_default();
    let (status, id, full_name) = (answer.status.as_u16(), request_id(answer), operation.service.full_name);
    // The classes of the SDK, after which errors are named, all end so.
    let class = if code.ends_with("Exception") { code.to_owned() } else { format!("{code}Exception") };
    let prefix = operation.prefix();
    let cause = if operation.is_sdk {
        format!("{message} (Service: {prefix}, Status Code: {status}, Request ID: {id})")
    } else {
        format!(
            "{message} (Service: {full_name}; Status Code: {status}; Error Code: {code}; Request ID: {id}; Proxy: null)"
        )
    };
    Failure::new(format!("{prefix}.{class}"), cause)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleetstep_engine::{Identity, TaskId, Timestamp};
    use fleetstep_outbound::{HeaderMap, StatusCode};
    use std::sync::Arc;

    fn call(input: &str) -> Call {
        let identity = Identity {
            execution_arn: Text::from("arn:execution"),
            state_machine_arn: Text::from("arn:machine"),
            ..Identity::default()
        };
        Call {
            task: TaskId(0),
            input: Document::parse(input.as_bytes()).unwrap(),
            state: Text::from("S"),
            retry_count: 0,
            deadline: Timestamp::MAX,
            identity: Arc::new(identity),
            callback: None,
            trace: None,
        }
    }

    #[test]
    fn what_is_text_on_the_wire_may_be_json_and_events_say_where_they_are_from() {
        for (action, input, expected) in [
            (
                "sqs:sendMessage",
                r#"{"QueueUrl":"u","MessageBody":{"a":[1]}}"#,
                r#"{"QueueUrl":"u","MessageBody":"{\"a\":[1]}"}"#,
            ),
            ("sqs:sendMessage", r#"{"MessageBody":"as it is"}"#, r#"{"MessageBody":"as it is"}"#),
            (
                "events:putEvents",
                r#"{"Entries":[{"Detail":{"a":1}}]}"#,
                r#"{"Entries":[{"Detail":"{\"a\":1}","Resources":["arn:machine","arn:execution"]}]}"#,
            ),
            ("aws-sdk:eventbridge:putEvents", r#"{"Entries":[{"Detail":"{}"}]}"#, r#"{"Entries":[{"Detail":"{}"}]}"#),
            (
                "aws-sdk:sfn:startExecution",
                r#"{"StateMachineArn":"m","Input":{"A":1}}"#,
                r#"{"stateMachineArn":"m","input":"{\"A\":1}"}"#,
            ),
        ] {
            let operation = Operation::of(action).unwrap();
            assert_eq!(arguments(&operation, &call(input)).unwrap().to_json(), expected);
        }
        let refused = arguments(&Operation::of("dynamodb:putItem").unwrap(), &call("[]")).unwrap_err();
        assert_eq!(refused.error.as_deref(), Some("States.Runtime"));
    }

    #[test]
    fn failures_are_named_as_the_integrations_name_them() {
        let answer = |status: u16| {
            let mut headers = HeaderMap::new();
            headers.insert("x-amzn-requestid", "id".parse().unwrap());
            Answer { status: StatusCode::from_u16(status).unwrap(), headers, body: Default::default() }
        };
        for (action, body, error, cause) in [
            (
                "dynamodb:putItem",
                r##"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"The conditional request failed"}"##,
                "DynamoDB.ConditionalCheckFailedException",
                "The conditional request failed (Service: AmazonDynamoDBv2; Status Code: 400; Error Code: ConditionalCheckFailedException; Request ID: id; Proxy: null)",
            ),
            (
                "aws-sdk:dynamodb:putItem",
                r#"{"__type":"ConditionalCheckFailedException","Message":"m"}"#,
                "DynamoDb.ConditionalCheckFailedException",
                "m (Service: DynamoDb, Status Code: 400, Request ID: id)",
            ),
            (
                "aws-sdk:sfn:startExecution",
                r#"{"__type":"StateMachineDoesNotExist","message":"m"}"#,
                "Sfn.StateMachineDoesNotExistException",
                "m (Service: Sfn, Status Code: 400, Request ID: id)",
            ),
            (
                "sqs:sendMessage",
                "{}",
                "SQS.ServiceException",
                " (Service: AmazonSQS; Status Code: 400; Error Code: ServiceException; Request ID: id; Proxy: null)",
            ),
        ] {
            let body = Document::parse(body.as_bytes()).unwrap();
            let failure = failure(&Operation::of(action).unwrap(), &answer(400), Some(&body));
            assert_eq!((failure.error.as_deref(), failure.cause.as_deref()), (Some(error), Some(cause)));
        }
    }

    #[test]
    fn an_event_that_was_not_taken_is_a_failure() {
        let answer = Answer { status: StatusCode::OK, headers: HeaderMap::new(), body: Default::default() };
        let body = || Document::parse(br#"{"FailedEntryCount":1,"Entries":[{}]}"#).unwrap();
        let failed = result(&Operation::of("events:putEvents").unwrap(), &answer, body()).unwrap_err();
        assert_eq!(failed.error.as_deref(), Some("EventBridge.FailedEntry"));
        assert!(result(&Operation::of("aws-sdk:eventbridge:putEvents").unwrap(), &answer, body()).is_ok());
    }
}
