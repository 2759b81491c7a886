//! Functions of objects, and those that tell what a value is.

use super::array::{append, pay};
use super::{Arguments, Native};
use crate::jsonata::budget::{TOO_DEEP, exceeded};
use crate::jsonata::{Code, Evaluator, JsonataError, ObjectValue, Value, cast};
use fleetstep_document::Document;
use std::rc::Rc;

pub(super) const FUNCTIONS: &[Native] = &[
    Native { name: "boolean", signature: "<x-:b>", arity: 1, call: |ev, arguments| boolean(ev, arguments, false) },
    Native { name: "not", signature: "<x-:b>", arity: 1, call: |ev, arguments| boolean(ev, arguments, true) },
    Native {
        name: "exists",
        signature: "<x:b>",
        arity: 1,
        call: |_, arguments| Ok((!arguments.get(0).is_undefined()).into()),
    },
    Native { name: "type", signature: "<x:s>", arity: 1, call: type_of },
    Native { name: "keys", signature: "<x-:a<s>>", arity: 1, call: keys },
    Native { name: "lookup", signature: "<x-s:x>", arity: 2, call: lookup },
    Native { name: "spread", signature: "<x-:a<o>>", arity: 1, call: |ev, arguments| spread(ev, arguments.get(0)) },
    Native { name: "merge", signature: "<a<o>:o>", arity: 1, call: merge },
    Native { name: "clone", signature: "<(oa)-:o>", arity: 1, call: clone },
    Native { name: "error", signature: "<s?:x>", arity: 1, call: error },
    Native { name: "assert", signature: "<bs?:x>", arity: 2, call: assert },
];

type Result<T = Value> = std::result::Result<T, JsonataError>;

fn boolean(evaluator: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>, negated: bool) -> Result {
    let value = arguments.get(0);
    if value.is_undefined() || !negated && is_of_nothing(value) {
        return Ok(Value::Undefined);
    }
    Ok(Value::from(cast::truthy(value, evaluator.budget)? != negated))
}

/// Whether it is an array of one item, which is nothing, or an array like this one. Only the context of an array
/// constructor where there is no input is such a value.
fn is_of_nothing(value: &Value) -> bool {
    let Some(items) = value.items().filter(|items| items.len() == 1) else { return false };
    items.get(0).is_some_and(|item| item.is_undefined() || is_of_nothing(&item))
}

fn type_of(_: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>) -> Result {
    Ok(Value::from(match arguments.get(0) {
        Value::Undefined | Value::Tuples(_) => return Ok(Value::Undefined),
        Value::Document(document) => document.type_name(),
        // NaN is of no type that the language knows, and so counts among the rest.
        value @ Value::NotFinite(_) => return cast::numeric(value).map(|_| Value::from("object")),
        Value::Array(_) => "array",
        Value::Object(_) => "object",
        Value::Function(_) => "function",
    }))
}

fn keys(evaluator: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>) -> Result {
    let mut found = ObjectValue::default();
    collect_keys(evaluator, arguments.get(0), &mut found)?;
    Ok(Value::sequence(found.keys().map(|key| Value::from(key.clone())).collect()))
}

/// The keys of an object, or of all the objects within an array, each once.
fn collect_keys(evaluator: &mut Evaluator<'_, '_>, value: &Value, found: &mut ObjectValue) -> Result<()> {
    evaluator.budget.spend(1)?;
    if let Some(items) = value.items() {
        return items.iter().try_for_each(|item| collect_keys(evaluator, &item, found));
    }
    if let Some(fields) = value.fields() {
        pay(evaluator, fields.len())?;
        fields.iter().for_each(|(key, _)| found.insert(key, Value::Undefined));
    }
    Ok(())
}

fn lookup(evaluator: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>) -> Result {
    look_up(evaluator, arguments.get(0), arguments.text(1).unwrap_or("undefined"))
}

/// The value of `key` in an object, or all its values in the objects of an array.
fn look_up(evaluator: &mut Evaluator<'_, '_>, value: &Value, key: &str) -> Result {
    let Some(items) = value.items() else {
        return Ok(value.fields().map_or(Value::Undefined, |fields| fields.get(key)));
    };
    let mut found = Vec::new();
    for item in items.iter() {
        evaluator.budget.spend(1)?;
        let value = look_up(evaluator, &item, key)?;
        match value.items() {
            Some(values) => {
                pay(evaluator, values.len())?;
                found.extend(values.iter());
            }
            None if value.is_undefined() => {}
            None => {
                pay(evaluator, 1)?;
                found.push(value);
            }
        }
    }
    Ok(Value::sequence(found))
}

/// One object for each field; of an array, those of all its items. What is no object stays what it is.
fn spread(evaluator: &mut Evaluator<'_, '_>, value: &Value) -> Result {
    if let Some(items) = value.items() {
        let mut all = None;
        for item in items.iter() {
            evaluator.budget.spend(1)?;
            let spread = spread(evaluator, &item)?;
            if spread.is_undefined() {
                continue;
            }
            let all = all.get_or_insert_with(Vec::new);
            match spread.items() {
                Some(items) => all.extend(items.iter()),
                None => all.push(spread),
            }
        }
        let empty = Value::sequence(Vec::new());
        // An array that had items gives an array even of one; an empty one gives nothing.
        let Some(all) = all else { return Ok(empty) };
        pay(evaluator, all.len())?;
        return append(evaluator, &empty, &Value::array(all));
    }
    let Some(fields) = value.fields() else { return Ok(value.clone()) };
    pay(evaluator, 2 * fields.len())?;
    Value::sequence(fields.iter().map(|field| Value::object([field])).collect()).checked()
}

fn merge(evaluator: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>) -> Result {
    let Some(items) = arguments.get(0).items() else { return Ok(Value::Undefined) };
    let mut merged = ObjectValue::default();
    for item in items.iter() {
        let Some(fields) = item.fields() else { continue };
        pay(evaluator, fields.len())?;
        fields.iter().for_each(|(key, value)| merged.insert(key, value));
    }
    Value::Object(Rc::new(merged)).checked()
}

/// A value without functions, and with numbers of fifteen digits, since jsonata-js clones by way of JSON text.
fn clone(evaluator: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>) -> Result {
    let value = arguments.get(0);
    if value.is_undefined() {
        return Ok(Value::Undefined);
    }
    let text = cast::text(value, false, evaluator.budget)?;
    evaluator.budget.allocate(text.len())?;
    evaluator.budget.spend((text.len() / ITEM_TEXT_BYTES) as u64)?;
    Document::parse(text.as_bytes()).map(Value::from).map_err(|_| exceeded(TOO_DEEP))
}

/// What an item of a document takes as text, roughly.
const ITEM_TEXT_BYTES: usize = 16;

fn error(_: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>) -> Result {
    Err(failure(Code::D3137, arguments.text(0), "$error() function evaluated"))
}

fn assert(_: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>) -> Result {
    if arguments.get(0).as_bool() == Some(true) {
        return Ok(Value::Undefined);
    }
    Err(failure(Code::D3141, arguments.text(1), "$assert() statement failed"))
}

fn failure(code: Code, message: Option<&str>, default: &str) -> JsonataError {
    JsonataError::new(code).text("message", message.filter(|message| !message.is_empty()).unwrap_or(default))
}
