//! Functions that write and read numbers and dates by pictures.

use super::{Arguments, Native};
use crate::jsonata::picture::{format_base, format_integer, format_number, from_millis, parse_integer, to_millis};
use crate::jsonata::{Evaluator, JsonataError, Value};

pub(super) const FUNCTIONS: &[Native] = &[
    Native { name: "formatNumber", signature: "<n-so?:s>", arity: 3, call: number },
    Native { name: "formatBase", signature: "<n-n?:s>", arity: 2, call: base },
    Native { name: "formatInteger", signature: "<n-s:s>", arity: 2, call: integer },
    Native { name: "parseInteger", signature: "<s-s:n>", arity: 2, call: read_integer },
    Native { name: "toMillis", signature: "<s-s?:n>", arity: 2, call: millis_of_text },
    Native { name: "fromMillis", signature: "<n-s?s?:s>", arity: 3, call: text_of_millis },
    Native { name: "now", signature: "<s?s?:s>", arity: 2, call: now },
    Native { name: "millis", signature: "<:n>", arity: 0, call: millis },
];

type Outcome = Result<Value, JsonataError>;

fn number(_: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>) -> Outcome {
    let (Some(number), Some(picture)) = (arguments.get(0).as_f64(), arguments.get(1).as_str()) else {
        return Ok(Value::Undefined);
    };
    format_number(number, picture, arguments.get(2)).map(Value::from)
}

fn base(_: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>) -> Outcome {
    let Some(number) = arguments.get(0).as_f64() else { return Ok(Value::Undefined) };
    format_base(number, arguments.get(1).as_f64().unwrap_or(10.0)).map(Value::from)
}

fn integer(_: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>) -> Outcome {
    let (Some(number), Some(picture)) = (arguments.get(0).as_f64(), arguments.get(1).as_str()) else {
        return Ok(Value::Undefined);
    };
    format_integer(number, picture).map(Value::from)
}

fn read_integer(_: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>) -> Outcome {
    let (Some(text), Some(picture)) = (arguments.get(0).as_str(), arguments.get(1).as_str()) else {
        return Ok(Value::Undefined);
    };
    parse_integer(text, picture).map(Value::from)
}

fn millis_of_text(evaluator: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>) -> Outcome {
    let Some(text) = arguments.get(0).as_str() else { return Ok(Value::Undefined) };
    let now = evaluator.budget.ambient.now_millis() as f64;
    Ok(to_millis(text, arguments.get(1).as_str(), now)?.map_or(Value::Undefined, Value::from))
}

fn text_of_millis(_: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>) -> Outcome {
    let Some(millis) = arguments.get(0).as_f64() else { return Ok(Value::Undefined) };
    from_millis(millis, arguments.get(1).as_str(), arguments.get(2).as_str()).map(Value::from)
}

fn now(evaluator: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>) -> Outcome {
    let now = evaluator.budget.ambient.now_millis() as f64;
    from_millis(now, arguments.get(0).as_str(), arguments.get(1).as_str()).map(Value::from)
}

fn millis(evaluator: &mut Evaluator<'_, '_>, _: &Arguments<'_>) -> Outcome {
    Ok(Value::from(evaluator.budget.ambient.now_millis() as f64))
}
