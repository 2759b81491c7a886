//! Functions that take a function, or an expression as a text.

use super::array::pay;
use super::{Arguments, Native};
use crate::jsonata::value::Array;
use crate::jsonata::{Code, Evaluator, JsonataError, ObjectValue, Value, cast};
use std::rc::Rc;

pub(super) const FUNCTIONS: &[Native] = &[
    Native { name: "map", signature: "<af>", arity: 2, call: map },
    Native { name: "filter", signature: "<af>", arity: 2, call: filter },
    Native { name: "single", signature: "<af?>", arity: 2, call: single },
    Native { name: "reduce", signature: "<afj?:j>", arity: 3, call: reduce },
    Native { name: "each", signature: "<o-f:a>", arity: 2, call: each },
    Native { name: "sift", signature: "<o-f?:o>", arity: 2, call: sift },
    Native { name: "eval", signature: "<sx?:x>", arity: 2, call: eval },
];

type Result<T = Value> = std::result::Result<T, JsonataError>;

fn map(evaluator: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>) -> Result {
    let (array, function) = (arguments.get(0), arguments.get(1));
    let Some(items) = array.items() else { return Ok(Value::Undefined) };
    let mut mapped = Vec::with_capacity(items.len().min(CAPACITY_MAX));
    for (i, item) in items.iter().enumerate() {
        pay(evaluator, 1)?;
        let value = evaluator.call_higher_order(function, [item, Value::from(i as f64), array.clone()])?;
        if !value.is_undefined() {
            mapped.push(value);
        }
    }
    Value::sequence(mapped).checked()
}

/// Room is made beforehand for so many results at most.
const CAPACITY_MAX: usize = 1024;

fn filter(evaluator: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>) -> Result {
    let (array, function) = (arguments.get(0), arguments.get(1));
    let Some(items) = array.items() else { return Ok(Value::Undefined) };
    let mut kept = Vec::new();
    for (i, item) in items.iter().enumerate() {
        pay(evaluator, 1)?;
        let keep = evaluator.call_higher_order(function, [item.clone(), Value::from(i as f64), array.clone()])?;
        if cast::truthy(&keep, evaluator.budget)? {
            kept.push(item);
        }
    }
    Ok(Value::sequence(kept))
}

fn single(evaluator: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>) -> Result {
    let (array, function) = (arguments.get(0), arguments.get(1));
    let Some(items) = array.items() else { return Ok(Value::Undefined) };
    let mut found = None;
    for (i, item) in items.iter().enumerate() {
        evaluator.budget.spend(1)?;
        let matches = function.is_undefined() || {
            let arguments = [item.clone(), Value::from(i as f64), array.clone()];
            let result = evaluator.call_higher_order(function, arguments)?;
            cast::truthy(&result, evaluator.budget)?
        };
        if matches && found.replace(item).is_some() {
            return Err(JsonataError::new(Code::D3138));
        }
    }
    found.ok_or_else(|| JsonataError::new(Code::D3139))
}

fn reduce(evaluator: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>) -> Result {
    let (array, function, initial) = (arguments.get(0), arguments.get(1), arguments.get(2));
    let Some(items) = array.items() else { return Ok(Value::Undefined) };
    let arity = evaluator.arity(function);
    if arity < 2 {
        return Err(JsonataError::new(Code::D3050));
    }
    let mut result = initial.clone();
    for (i, item) in items.iter().enumerate() {
        evaluator.budget.spend(1)?;
        if i == 0 && initial.is_undefined() {
            result = item;
            continue;
        }
        let mut arguments = vec![result, item];
        if arity >= 3 {
            arguments.push(Value::from(i as f64));
        }
        if arity >= 4 {
            arguments.push(array.clone());
        }
        result = evaluator.call(function, arguments)?;
    }
    Ok(result)
}

fn each(evaluator: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>) -> Result {
    let (object, function) = (arguments.get(0), arguments.get(1));
    let mut results = Vec::new();
    for (key, value) in object.fields().into_iter().flat_map(|fields| fields.iter()) {
        pay(evaluator, 1)?;
        let result = evaluator.call_higher_order(function, [value, Value::from(key), object.clone()])?;
        if !result.is_undefined() {
            results.push(result);
        }
    }
    Value::sequence(results).checked()
}

fn sift(evaluator: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>) -> Result {
    let (object, function) = (arguments.get(0), arguments.get(1));
    let mut kept = ObjectValue::default();
    for (key, value) in object.fields().into_iter().flat_map(|fields| fields.iter()) {
        pay(evaluator, 1)?;
        let arguments = [value.clone(), Value::from(key.clone()), object.clone()];
        let keep = evaluator.call_higher_order(function, arguments)?;
        if cast::truthy(&keep, evaluator.budget)? {
            kept.insert(key, value);
        }
    }
    Ok(if kept.is_empty() { Value::Undefined } else { Value::Object(Rc::new(kept)) })
}

fn eval(evaluator: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>) -> Result {
    let Some(text) = arguments.text(0) else { return Ok(Value::Undefined) };
    let focus = arguments.get(1);
    let input = match focus {
        Value::Undefined => arguments.context.clone(),
        // An array is the one context value, rather than a sequence of them.
        _ if focus.items().is_some() && !focus.is_sequence() => {
            let mut wrapper = Array::sequence(vec![focus.clone()]);
            wrapper.outer_wrapper = true;
            Value::Array(Rc::new(wrapper))
        }
        _ => focus.clone(),
    };
    evaluator.evaluate_text(text, &input)
}
