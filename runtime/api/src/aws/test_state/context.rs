//! A context object that a test sets up: which fields it may have, and what they are.

use crate::fault::{Fault, Kind};
use fleetstep_document::{Document, Object};

/// What a field of the context object is.
#[derive(Clone, Copy, PartialEq)]
enum Shape {
    Any,
    Text,
    Whole,
}

/// The objects within the context object, and their fields:
/// <https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html>.
const OBJECTS: &[(&str, &[(&str, Shape)])] = &[
    (
        "Execution",
        &[
            ("Id", Shape::Text),
            ("Input", Shape::Any),
            ("Name", Shape::Text),
            ("RoleArn", Shape::Text),
            ("StartTime", Shape::Text),
            ("RedriveCount", Shape::Whole),
            ("RedriveTime", Shape::Text),
        ],
    ),
    ("State", &[("EnteredTime", Shape::Text), ("Name", Shape::Text), ("RetryCount", Shape::Whole)]),
    ("StateMachine", &[("Id", Shape::Text), ("Name", Shape::Text)]),
    ("Task", &[("Token", Shape::Text)]),
];

/// Reads a context object; `is_callback` says whether the state waits for a job or a token.
pub(super) fn parse(text: &str, is_callback: bool) -> Result<Document, Fault> {
    let context = Document::parse(text.as_bytes()).map_err(|error| invalid(&error.to_string()))?;
    let Some(object) = context.as_object() else { return Err(invalid("it must be a JSON object")) };
    if let Some(problem) = problem_of(object, is_callback) {
        return Err(invalid(&problem));
    }
    Ok(context)
}

fn invalid(problem: &str) -> Fault {
    Fault::new(Kind::ValidationException, format!("Invalid Context object provided: {problem}"))
}

fn problem_of(context: &Object, is_callback: bool) -> Option<String> {
    for (name, value) in context.iter() {
        if name == "Map" {
            return Some("'Map' field is not supported when mocking a Context object".to_owned());
        }
        let Some((_, fields)) = OBJECTS.iter().find(|(known, _)| known == name) else { return Some(not_allowed(name)) };
        let Some(object) = value.as_object() else { return Some(format!("{name} must be an object")) };
        if name == "Task" && !is_callback {
            let rule = "Context object contains 'Task' when state is not a Task state with a '.sync' or \
                        '.waitForTaskToken' service integration pattern";
            return Some(rule.to_owned());
        }
        for (field, value) in object.iter() {
            let Some((_, shape)) = fields.iter().find(|(known, _)| known == field) else {
                return Some(not_allowed(field));
            };
            match shape {
                Shape::Text if value.as_str().is_none() => return Some(format!("{name}.{field} must be a string")),
                Shape::Whole if value.as_i64().is_none() => return Some(format!("{name}.{field} must be an integer")),
                Shape::Any | Shape::Text | Shape::Whole => {}
            }
        }
    }
    None
}

fn not_allowed(field: &str) -> String {
    format!("Field '{field}' is not allowed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_their_types() {
        for (context, is_callback, expected) in [
            ("{}", false, ""),
            (r#"{"Execution":{"Input":[1]},"State":{"RetryCount":2},"StateMachine":{}}"#, false, ""),
            (r#"{"Task":{"Token":"t"}}"#, true, ""),
            (r#"{"State":{"RetryCount":"2"}}"#, false, "State.RetryCount must be an integer"),
            (r#"{"State":[]}"#, false, "State must be an object"),
            ("[]", false, "it must be a JSON object"),
        ] {
            let message = parse(context, is_callback).err().map(|fault| fault.message().to_owned());
            let expected = (!expected.is_empty()).then(|| format!("Invalid Context object provided: {expected}"));
            assert_eq!(message, expected, "{context}");
        }
    }
}
