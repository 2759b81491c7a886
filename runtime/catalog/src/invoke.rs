//! `arn:aws:states:::lambda:invoke`: what it takes as parameters, and what it answers with.
//!
//! Rules: "Invoke an AWS Lambda function with Step Functions" in the developer guide.

use crate::arn::{FunctionArn, LATEST, Place, is_function_name};
use crate::failure;
use crate::release::FunctionVersion;
use crate::uuid::uuid;
use arcstr::literal;
use fleetstep_document::{Document, ObjectBuilder, Text};
use fleetstep_machine::Failure;
use std::sync::LazyLock;

/// What a call of lambda:invoke asks for.
#[derive(Debug)]
pub(crate) struct Invocation {
    /// Name of the function.
    pub(crate) function: Text,
    /// What follows its ARN: a version or an alias.
    pub(crate) qualifier: Option<Text>,
    /// What the function gets.
    pub(crate) payload: Document,
}

/// One field of the parameters: whether it must be there, and whether it is text.
struct Field {
    name: &'static str,
    required: bool,
    text: bool,
}

const FUNCTION_NAME: &str = "FunctionName";
const PAYLOAD: &str = "Payload";
const QUALIFIER: &str = "Qualifier";
const INVOCATION_TYPE: &str = "InvocationType";
const CLIENT_CONTEXT: &str = "ClientContext";

const FIELDS: [Field; 5] = [
    Field { name: FUNCTION_NAME, required: true, text: true },
    Field { name: PAYLOAD, required: false, text: false },
    Field { name: QUALIFIER, required: false, text: true },
    Field { name: INVOCATION_TYPE, required: false, text: true },
    Field { name: CLIENT_CONTEXT, required: false, text: true },
];

impl Invocation {
    /// Reads the parameters. A failure names everything that is wrong with their form.
    pub(crate) fn of(parameters: &Document, place: &Place) -> Result<Self, Failure> {
        check_form(parameters)?;
        check_built(parameters)?;
        let text = |name| parameters.get(name).and_then(Document::as_text);
        let name = text(FUNCTION_NAME).cloned().unwrap_or_default();
        let (function, of_name) = function_of(name, place)?;
        let qualifier = match (of_name, text(QUALIFIER).cloned()) {
            (Some(of_name), Some(given)) if of_name != given => return Err(failure::qualifier_mismatch()),
            (of_name, given) => of_name.or(given),
        };
        Ok(Self { function, qualifier, payload: payload(parameters.get(PAYLOAD))? })
    }

    /// Whether it is for the function as it was put last.
    pub(crate) fn is_latest(&self) -> bool {
        self.qualifier.as_deref().is_none_or(|qualifier| qualifier == LATEST)
    }

    /// The function's ARN with the qualifier, as failures name it.
    pub(crate) fn arn(&self, place: &Place) -> String {
        let Place { region, account } = place;
        let qualifier = self.qualifier.as_deref().unwrap_or(LATEST);
        format!("arn:aws:lambda:{region}:{account}:function:{}:{qualifier}", self.function)
    }
}

/// Name and qualifier of a `FunctionName`, which mostly is a bare name.
fn function_of(name: Text, place: &Place) -> Result<(Text, Option<Text>), Failure> {
    if is_function_name(&name) {
        return Ok((name, None));
    }
    let arn = FunctionArn::parse(place, &name).map_err(|_| failure::invalid_function_name(&name))?;
    Ok((arn.name().clone(), arn.qualifier().cloned()))
}

/// An absent payload and `null` are an empty object; text is taken as the JSON that it holds.
fn payload(given: Option<&Document>) -> Result<Document, Failure> {
    match given {
        None => Ok(Document::empty_object()),
        Some(payload) if payload.is_null() => Ok(Document::empty_object()),
        Some(payload) => match payload.as_str() {
            None => Ok(payload.clone()),
            Some(text) if text.trim().is_empty() => Ok(Document::empty_object()),
            Some(text) => {
                Document::parse(text.as_bytes()).map_err(|error| failure::payload_is_no_json(&error.to_string()))
            }
        },
    }
}

fn check_form(parameters: &Document) -> Result<(), Failure> {
    let Some(object) = parameters.as_object() else {
        let problem = format!("Expected an object, but was a value of type {}", parameters.type_name());
        return Err(failure::unusable_parameters(&parameters.to_json(), &[problem]));
    };
    let mut problems = Vec::new();
    for (name, value) in object.iter() {
        match FIELDS.iter().find(|field| field.name == name) {
            None => problems.push(format!("The field '{name}' is not supported by Step Functions")),
            Some(field) if field.text && value.as_text().is_none() => {
                problems.push(format!("The value for the field '{name}' must be a STRING"));
            }
            Some(_) => {}
        }
    }
    for field in FIELDS.iter().filter(|field| field.required && !object.contains_key(field.name)) {
        problems.push(format!("The field '{}' is required but was missing", field.name));
    }
    if problems.is_empty() { Ok(()) } else { Err(failure::unusable_parameters(&parameters.to_json(), &problems)) }
}

/// What AWS has and this runtime has not yet is refused, not passed over.
fn check_built(parameters: &Document) -> Result<(), Failure> {
    let text = |name| parameters.get(name).and_then(Document::as_str);
    let problem = match (text(INVOCATION_TYPE), text(CLIENT_CONTEXT)) {
        (None | Some("RequestResponse"), None) => return Ok(()),
        (None | Some("RequestResponse"), Some(_)) => {
            "The field 'ClientContext' is not supported yet: hand it over in the Payload".to_owned()
        }
        (Some(kind @ ("Event" | "DryRun")), _) => {
            format!("The value '{kind}' for the field 'InvocationType' is not supported yet: only RequestResponse is")
        }
        (Some(other), _) => format!(
            "The value for the field 'InvocationType' must be one of RequestResponse, Event, DryRun, but was: {other}"
        ),
    };
    Err(failure::unusable_parameters(&parameters.to_json(), &[problem]))
}

/// The part of the answer that says what was called, which is constant for what was put last.
static OF_LATEST: LazyLock<Called> = LazyLock::new(|| Called::new(literal!("$LATEST")));

/// The constant part of an answer of Step Functions.
static SFN_METADATA: LazyLock<Document> =
    LazyLock::new(|| http_metadata(&[("Content-Type", literal!("application/x-amz-json-1.0"))]));

/// There is no HTTP response behind it, so that its headers are the ones that every answer of the service has.
fn http_metadata(headers: &[(&str, Text)]) -> Document {
    let mut all = ObjectBuilder::with_capacity(headers.len());
    let mut single = ObjectBuilder::with_capacity(headers.len());
    for (name, value) in headers {
        all.push(Text::from(*name), vec![Document::from(value.clone())]);
        single.push(Text::from(*name), value.clone());
    }
    ObjectBuilder::with_capacity(3)
        .with(literal!("AllHttpHeaders"), all.build())
        .with(literal!("HttpHeaders"), single.build())
        .with(literal!("HttpStatusCode"), 200_u32)
        .build()
}

/// `SdkHttpMetadata` and `SdkResponseMetadata` of a call of Step Functions that is answered in this process.
#[must_use]
pub fn sdk_metadata() -> [Document; 2] {
    let response = ObjectBuilder::with_capacity(1).with(literal!("RequestId"), uuid()).build();
    [SFN_METADATA.clone(), response]
}

struct Called {
    version: Text,
    http_metadata: Document,
}

impl Called {
    fn new(version: Text) -> Self {
        let headers = [("X-Amz-Executed-Version", version.clone()), ("Content-Type", literal!("application/json"))];
        Self { version, http_metadata: http_metadata(&headers) }
    }

    fn answer(&self, payload: Document) -> Document {
        let response = ObjectBuilder::with_capacity(1).with(literal!("RequestId"), uuid()).build();
        ObjectBuilder::with_capacity(5)
            .with(literal!("ExecutedVersion"), self.version.clone())
            .with(literal!("Payload"), payload)
            .with(literal!("SdkHttpMetadata"), self.http_metadata.clone())
            .with(literal!("SdkResponseMetadata"), response)
            .with(literal!("StatusCode"), 200_u32)
            .build()
    }
}

/// What lambda:invoke answers with when that version of the function answered with `payload`.
pub(crate) fn answer(payload: Document, version: FunctionVersion) -> Document {
    match version {
        FunctionVersion::Latest => OF_LATEST.answer(payload),
        FunctionVersion::Number(number) => Called::new(Text::from(number.to_string())).answer(payload),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(parameters: &str) -> Result<Invocation, Failure> {
        Invocation::of(&Document::parse(parameters.as_bytes()).unwrap(), &Place::default())
    }

    #[test]
    fn payloads() {
        for (parameters, payload) in [
            (r#"{"FunctionName":"f"}"#, "{}"),
            (r#"{"FunctionName":"f","Payload":null}"#, "{}"),
            (r#"{"FunctionName":"f","Payload":""}"#, "{}"),
            (r#"{"FunctionName":"f","Payload":[1,{"a":"b"}]}"#, r#"[1,{"a":"b"}]"#),
            (r#"{"FunctionName":"f","Payload":"{\"a\": [0.0]}"}"#, r#"{"a":[0.0]}"#),
            (r#"{"FunctionName":"f","Payload":"\"text\""}"#, r#""text""#),
            (r#"{"FunctionName":"f","Payload":"0"}"#, "0"),
            (r#"{"FunctionName":"f","Payload":"null"}"#, "null"),
            (r#"{"FunctionName":"f","Payload":false,"InvocationType":"RequestResponse"}"#, "false"),
        ] {
            assert_eq!(read(parameters).unwrap().payload.to_json(), payload, "{parameters}");
        }
    }

    #[test]
    fn function_names_and_qualifiers() {
        for (parameters, arn, latest) in [
            (r#"{"FunctionName":"f"}"#, "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST", true),
            (r#"{"FunctionName":"f:$LATEST"}"#, "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST", true),
            (r#"{"FunctionName":"f:2","Qualifier":"2"}"#, "arn:aws:lambda:us-east-1:000000000000:function:f:2", false),
            (
                r#"{"FunctionName":"f","Qualifier":"live"}"#,
                "arn:aws:lambda:us-east-1:000000000000:function:f:live",
                false,
            ),
            (
                r#"{"FunctionName":"arn:aws:lambda:us-east-1:000000000000:function:f"}"#,
                "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST",
                true,
            ),
        ] {
            let invocation = read(parameters).unwrap();
            assert_eq!((invocation.arn(&Place::default()).as_str(), invocation.is_latest()), (arn, latest));
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (parameters, error, part_of_cause) in [
            ("[]", "States.Runtime", "Expected an object, but was a value of type array"),
            (
                "{}",
                "States.Runtime",
                "The Parameters '{}' could not be used to start the Task: [The field 'FunctionName' is required but was missing]",
            ),
            (
                r#"{"FunctionName":7,"Extra":1}"#,
                "States.Runtime",
                "[The value for the field 'FunctionName' must be a STRING, The field 'Extra' is not supported by Step Functions]",
            ),
            (r#"{"FunctionName":"f","Qualifier":1}"#, "States.Runtime", "'Qualifier' must be a STRING"),
            (
                r#"{"FunctionName":"f","InvocationType":"Event"}"#,
                "States.Runtime",
                "'Event' for the field 'InvocationType'",
            ),
            (r#"{"FunctionName":"f","InvocationType":"event"}"#, "States.Runtime", "must be one of RequestResponse"),
            (
                r#"{"FunctionName":"f","ClientContext":"e30="}"#,
                "States.Runtime",
                "'ClientContext' is not supported yet",
            ),
            (r#"{"FunctionName":"a b"}"#, "Lambda.ValidationException", "Value 'a b' at 'functionName'"),
            (r#"{"FunctionName":""}"#, "Lambda.ValidationException", "Value '' at 'functionName'"),
            (
                r#"{"FunctionName":"f:1","Qualifier":"2"}"#,
                "Lambda.InvalidParameterValueException",
                "does not match the specified qualifier",
            ),
            (
                r#"{"FunctionName":"f","Payload":"not json"}"#,
                "Lambda.InvalidRequestContentException",
                "Could not parse request body into json",
            ),
        ] {
            let failure = read(parameters).unwrap_err();
            assert_eq!(failure.error.as_deref(), Some(error), "{parameters}");
            let cause = failure.cause.unwrap();
            assert!(cause.contains(part_of_cause), "{parameters}: {cause}");
        }
    }

    #[test]
    fn answers_have_lambdas_shape() {
        let answer = answer(Document::parse(br#"{"a":1}"#).unwrap(), FunctionVersion::Latest);
        let id = answer.get("SdkResponseMetadata").unwrap().get("RequestId").unwrap().as_str().unwrap().to_owned();
        assert_eq!(id.len(), 36);
        assert_eq!(
            answer.to_json(),
            format!(
                r#"{{"ExecutedVersion":"$LATEST","Payload":{{"a":1}},"SdkHttpMetadata":{{"AllHttpHeaders":{{"X-Amz-Executed-Version":["$LATEST"],"Content-Type":["application/json"]}},"HttpHeaders":{{"X-Amz-Executed-Version":"$LATEST","Content-Type":"application/json"}},"HttpStatusCode":200}},"SdkResponseMetadata":{{"RequestId":"{id}"}},"StatusCode":200}}"#
            )
        );
    }
}
