//! The functions that the conformance cases call, but for the one that sleeps: one module, loaded under each name,
//! told by the variable `BEHAVIOUR` which it is.

use fleetstep_guest::{TaskError, env, json};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

/// Letters in the large output: it is over the 262144 bytes that a state may return.
const LARGE_OUTPUT_LETTERS: usize = 263_168;

#[fleetstep_guest::task]
fn conf(event: &RawValue) -> Result<Box<RawValue>, TaskError> {
    behave(&env("BEHAVIOUR").unwrap_or_default(), event)
}

fn behave(behaviour: &str, event: &RawValue) -> Result<Box<RawValue>, TaskError> {
    match behaviour {
        "echo" => Ok(event.to_owned()),
        "const-hello" => Ok(to_raw_value(&json!({"Return": "HelloWorld"}))?),
        "const-string" => Ok(to_raw_value("HelloWorld!")?),
        "decorate" => Ok(to_raw_value(&format!("input-event-{}", text(event)))?),
        "raise-exception" => Err(TaskError::new("Exception", "Some exception was raised.")),
        "raise-custom-exception" => Err(TaskError::new("CustomException", "")),
        "large-output" => Ok(to_raw_value(&"a".repeat(LARGE_OUTPUT_LETTERS))?),
        other => Err(TaskError::new("NotConfigured", format!("the variable BEHAVIOUR is {other:?}"))),
    }
}

/// The bare text of a string; anything else as Python's `str` shows it, since that is what answered when the cases
/// were recorded.
fn text(event: &RawValue) -> String {
    match serde_json::from_str(event.get()) {
        Ok(Value::String(text)) => text,
        Ok(other) => shown(&other),
        Err(_) => event.get().to_owned(),
    }
}

fn shown(value: &Value) -> String {
    let list = |items: Vec<String>| items.join(", ");
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'")),
        Value::Array(items) => format!("[{}]", list(items.iter().map(shown).collect())),
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| format!("'{name}': {}", shown(value));
            format!("{{{}}}", list(members.iter().map(member).collect()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(behaviour: &str, event: &str, expected: Result<&str, TaskError>) {
        let event: &RawValue = serde_json::from_str(event).expect("the event is JSON");
        let answer = behave(behaviour, event).map(|answer| answer.get().to_owned());
        assert_eq!(answer, expected.map(str::to_owned), "{behaviour}");
    }

    #[test]
    fn behave_as_the_cases_say() {
        check("echo", r#"{"b": 1, "a": 2.50}"#, Ok(r#"{"b": 1, "a": 2.50}"#));
        check("const-hello", "{}", Ok(r#"{"Return":"HelloWorld"}"#));
        check("const-string", "{}", Ok(r#""HelloWorld!""#));
        check("decorate", r#""x\"y""#, Ok(r#""input-event-x\"y""#));
        check("decorate", r#"{"a":[1,"b",null,true]}"#, Ok(r#""input-event-{'a': [1, 'b', None, True]}""#));
        check("raise-exception", "{}", Err(TaskError::new("Exception", "Some exception was raised.")));
        check("raise-custom-exception", "{}", Err(TaskError::new("CustomException", "")));
        check("large-output", "{}", Ok(&format!("\"{}\"", "a".repeat(LARGE_OUTPUT_LETTERS))));
    }
}
