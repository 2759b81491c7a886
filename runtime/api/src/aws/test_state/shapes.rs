//! What the services answer, as far as it is known here: a mocked result is checked against it, as on AWS against the
//! models of its APIs.
//!
//! Fields that a shape does not have are let through, as AWS does: a service may answer more tomorrow than today. The
//! integrations that are not in [`RESPONSES`] are not checked.

use fleetstep_document::Document;

/// What a value must be.
#[derive(Debug)]
pub(super) enum Shape {
    Text,
    /// One of these texts.
    Word(&'static [&'static str]),
    Number,
    Boolean,
    /// A list of these.
    List(&'static Shape),
    /// An object of these, by any names.
    Map(&'static Shape),
    Object(&'static [Member]),
}

/// A field of an object.
#[derive(Debug)]
pub(super) struct Member {
    name: &'static str,
    required: bool,
    shape: &'static Shape,
}

const fn has(name: &'static str, shape: &'static Shape) -> Member {
    Member { name, required: false, shape }
}

const fn must(name: &'static str, shape: &'static Shape) -> Member {
    Member { name, required: true, shape }
}

/// What is wrong with `value`, in AWS's words; `strict` asks for the required fields too.
pub(super) fn mismatch(value: &Document, shape: &Shape, field: &str, strict: bool) -> Option<String> {
    let wanted = |what: &str| Some(format!("Field '{field}' must be {what}"));
    match shape {
        Shape::Text if value.as_str().is_none() => wanted("a string"),
        Shape::Number if value.as_number().is_none() => wanted("a number"),
        Shape::Boolean if value.as_bool().is_none() => wanted("a boolean"),
        Shape::Text | Shape::Number | Shape::Boolean => None,
        Shape::Word(words) => match value.as_str() {
            None => wanted("a string"),
            Some(word) if !words.contains(&word) => Some(format!("Field '{field}' is not an expected value")),
            Some(_) => None,
        },
        Shape::List(element) => match value.as_array() {
            None => wanted("an array"),
            Some(elements) => elements.iter().find_map(|one| mismatch(one, element, field, strict)),
        },
        Shape::Map(element) => match value.as_object() {
            None => wanted("an object"),
            Some(object) => object.iter().find_map(|(_, one)| mismatch(one, element, field, strict)),
        },
        Shape::Object(members) => {
            let Some(object) = value.as_object() else { return wanted("an object") };
            let missing = members.iter().find(|member| strict && member.required && !object.contains_key(member.name));
            if let Some(missing) = missing {
                return Some(format!("Required field '{}' is missing", missing.name));
            }
            object.iter().find_map(|(name, value)| {
                let member = members.iter().find(|member| member.name == name)?;
                mismatch(value, member.shape, name, strict)
            })
        }
    }
}

/// What a resource `arn:aws:states:::RESOURCE` answers with, if it is known.
pub(super) fn response_of(resource: &str) -> Option<&'static Shape> {
    RESPONSES.iter().find(|(names, _)| names.contains(&resource)).map(|(_, shape)| shape)
}

/// By service integration, under every name that an integration has. `.sync` answers with what the service is polled
/// for. Sources: the API references of the services.
static RESPONSES: &[(&[&str], Shape)] = &[
    (
        // The payload is JSON when the integration is run, but its model says text, and AWS goes by the model.
        &["lambda:invoke", "aws-sdk:lambda:invoke"],
        Shape::Object(&[
            has("StatusCode", &Shape::Number),
            has("FunctionError", &Shape::Text),
            has("LogResult", &Shape::Text),
            has("Payload", &Shape::Text),
            has("ExecutedVersion", &Shape::Text),
        ]),
    ),
    (
        &["states:startExecution", "aws-sdk:sfn:startExecution"],
        Shape::Object(&[must("ExecutionArn", &Shape::Text), must("StartDate", &Shape::Text)]),
    ),
    (
        &["states:startExecution.sync", "states:startExecution.sync:2", "aws-sdk:sfn:describeExecution"],
        Shape::Object(&[
            must("ExecutionArn", &Shape::Text),
            must("StateMachineArn", &Shape::Text),
            has("Name", &Shape::Text),
            must("Status", &Shape::Word(&EXECUTION_STATUSES)),
            must("StartDate", &Shape::Text),
            has("StopDate", &Shape::Text),
            has("Input", &Shape::Text),
            has("Output", &Shape::Text),
            has("TraceHeader", &Shape::Text),
            has("MapRunArn", &Shape::Text),
            has("Error", &Shape::Text),
            has("Cause", &Shape::Text),
            has("StateMachineVersionArn", &Shape::Text),
            has("StateMachineAliasArn", &Shape::Text),
            has("RedriveCount", &Shape::Number),
        ]),
    ),
    (
        &["sqs:sendMessage", "aws-sdk:sqs:sendMessage"],
        Shape::Object(&[
            has("MD5OfMessageBody", &Shape::Text),
            has("MD5OfMessageAttributes", &Shape::Text),
            has("MD5OfMessageSystemAttributes", &Shape::Text),
            has("MessageId", &Shape::Text),
            has("SequenceNumber", &Shape::Text),
        ]),
    ),
    (
        &["sns:publish", "aws-sdk:sns:publish"],
        Shape::Object(&[has("MessageId", &Shape::Text), has("SequenceNumber", &Shape::Text)]),
    ),
    (
        &["events:putEvents", "aws-sdk:eventbridge:putEvents"],
        Shape::Object(&[
            has("FailedEntryCount", &Shape::Number),
            has(
                "Entries",
                &Shape::List(&Shape::Object(&[
                    has("EventId", &Shape::Text),
                    has("ErrorCode", &Shape::Text),
                    has("ErrorMessage", &Shape::Text),
                ])),
            ),
        ]),
    ),
    (
        &["dynamodb:getItem", "aws-sdk:dynamodb:getItem"],
        Shape::Object(&[has("Item", &ITEM), has("ConsumedCapacity", &CONSUMED_CAPACITY)]),
    ),
    (
        &[
            "dynamodb:putItem",
            "dynamodb:updateItem",
            "dynamodb:deleteItem",
            "aws-sdk:dynamodb:putItem",
            "aws-sdk:dynamodb:updateItem",
            "aws-sdk:dynamodb:deleteItem",
        ],
        Shape::Object(&[
            has("Attributes", &ITEM),
            has("ConsumedCapacity", &CONSUMED_CAPACITY),
            has(
                "ItemCollectionMetrics",
                &Shape::Object(&[
                    has("ItemCollectionKey", &ITEM),
                    has("SizeEstimateRangeGB", &Shape::List(&Shape::Number)),
                ]),
            ),
        ]),
    ),
    (
        &["batch:submitJob", "aws-sdk:batch:submitJob"],
        Shape::Object(&[has("JobArn", &Shape::Text), must("JobName", &Shape::Text), must("JobId", &Shape::Text)]),
    ),
    (&["glue:startJobRun", "aws-sdk:glue:startJobRun"], Shape::Object(&[has("JobRunId", &Shape::Text)])),
    (
        &["athena:startQueryExecution", "aws-sdk:athena:startQueryExecution"],
        Shape::Object(&[has("QueryExecutionId", &Shape::Text)]),
    ),
    (&["databrew:startJobRun", "aws-sdk:databrew:startJobRun"], Shape::Object(&[must("RunId", &Shape::Text)])),
];

const EXECUTION_STATUSES: [&str; 6] = ["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED", "PENDING_REDRIVE"];

/// An item of a DynamoDB table.
static ITEM: Shape = Shape::Map(&ATTRIBUTE);

static ATTRIBUTE: Shape = Shape::Object(&[
    has("S", &Shape::Text),
    has("N", &Shape::Text),
    has("B", &Shape::Text),
    has("SS", &Shape::List(&Shape::Text)),
    has("NS", &Shape::List(&Shape::Text)),
    has("BS", &Shape::List(&Shape::Text)),
    has("M", &ITEM),
    has("L", &ATTRIBUTES),
    has("NULL", &Shape::Boolean),
    has("BOOL", &Shape::Boolean),
]);

static ATTRIBUTES: Shape = Shape::List(&ATTRIBUTE);

static CONSUMED_CAPACITY: Shape = Shape::Object(&[
    has("TableName", &Shape::Text),
    has("CapacityUnits", &Shape::Number),
    has("ReadCapacityUnits", &Shape::Number),
    has("WriteCapacityUnits", &Shape::Number),
    has("Table", &CAPACITY),
    has("LocalSecondaryIndexes", &Shape::Map(&CAPACITY)),
    has("GlobalSecondaryIndexes", &Shape::Map(&CAPACITY)),
]);

static CAPACITY: Shape = Shape::Object(&[
    has("ReadCapacityUnits", &Shape::Number),
    has("WriteCapacityUnits", &Shape::Number),
    has("CapacityUnits", &Shape::Number),
]);

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(resource: &str, result: &str, strict: bool, expected: &str) {
        let shape = response_of(resource).expect(resource);
        let result = Document::parse(result.as_bytes()).unwrap();
        assert_eq!(mismatch(&result, shape, "", strict).unwrap_or_default(), expected, "{resource} {result}");
    }

    #[test]
    fn results_are_checked_field_by_field() {
        for (resource, result, expected) in [
            ("lambda:invoke", r#"{"StatusCode":200,"Payload":"{}","Else":[]}"#, ""),
            ("lambda:invoke", r#"{"StatusCode":"200"}"#, "Field 'StatusCode' must be a number"),
            ("lambda:invoke", r#"{"Payload":{}}"#, "Field 'Payload' must be a string"),
            ("states:startExecution", r#"{"ExecutionArn":"a"}"#, "Required field 'StartDate' is missing"),
            ("states:startExecution", r#"{"ExecutionArn":"a","StartDate":1}"#, "Field 'StartDate' must be a string"),
            ("events:putEvents", r#"{"Entries":{}}"#, "Field 'Entries' must be an array"),
            ("events:putEvents", r#"{"Entries":[{"EventId":[]}]}"#, "Field 'EventId' must be a string"),
            ("dynamodb:getItem", r#"{"Item":{"a":{"M":{"b":{"L":[{"BOOL":true}]}}}}}"#, ""),
            ("dynamodb:getItem", r#"{"Item":{"a":{"M":{"b":{"L":[{"BOOL":1}]}}}}}"#, "Field 'BOOL' must be a boolean"),
            ("dynamodb:putItem", r#"{"Attributes":[]}"#, "Field 'Attributes' must be an object"),
        ] {
            check(resource, result, true, expected);
        }
        let described = r#"{"ExecutionArn":"a","StateMachineArn":"m","StartDate":"d","Status":"DONE"}"#;
        check("states:startExecution.sync:2", described, true, "Field 'Status' is not an expected value");
        check("states:startExecution", "{}", false, "");
    }
}
