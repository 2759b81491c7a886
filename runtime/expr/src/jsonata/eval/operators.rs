//! Operators between values, constructors of arrays.

use super::{Env, Evaluator, Outcome};
use crate::jsonata::ast::{Node, Operator};
use crate::jsonata::budget::ARRAY_ITEMS_MAX;
use crate::jsonata::cast::{numeric, text, truthy};
use crate::jsonata::value::Array;
use crate::jsonata::{Code, Items, JsonataError, Value};
use fleetstep_document::{Document, View};
use std::cmp::Ordering;
use std::rc::Rc;

impl Evaluator<'_, '_> {
    pub(super) fn binary(
        &mut self,
        node: &Node,
        operator: Operator,
        (left, right): (&Node, &Node),
        input: &Value,
        env: &Env,
    ) -> Outcome {
        let left = self.value(left, input, env)?;
        let result = if matches!(operator, Operator::And | Operator::Or) {
            // What fails on the right is blamed on the operator, as in jsonata-js.
            self.logic(operator == Operator::Or, &left, right, input, env)
        } else {
            let right = self.value(right, input, env)?;
            self.operate(operator, left, right)
        };
        result.map_err(|error| error.at(node.position).token(operator.text()))
    }

    /// `and` and `or`: the left side decides if it is as `decisive` says.
    fn logic(&mut self, decisive: bool, left: &Value, right: &Node, input: &Value, env: &Env) -> Outcome {
        if self.truthy(left)? == decisive {
            return Ok(Value::from(decisive));
        }
        let right = self.value(right, input, env)?;
        Ok(Value::from(self.truthy(&right)?))
    }

    fn operate(&mut self, operator: Operator, left: Value, right: Value) -> Outcome {
        match operator {
            Operator::Add | Operator::Subtract | Operator::Multiply | Operator::Divide | Operator::Modulo => {
                arithmetic(operator, &left, &right)
            }
            Operator::Equal | Operator::NotEqual => {
                let comparable = !left.is_undefined() && !right.is_undefined();
                let equal = comparable && left.deep_equal(&right, self.budget)?;
                Ok(Value::from(comparable && equal == (operator == Operator::Equal)))
            }
            Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => {
                compare(operator, &left, &right)
            }
            Operator::Concat => {
                let (left, right) = (text(&left, false, self.budget)?, text(&right, false, self.budget)?);
                self.budget.allocate(left.len() + right.len())?;
                self.budget.read(left.len() + right.len())?;
                Ok(Value::from([left.as_str(), right.as_str()].concat()))
            }
            Operator::Range => range(&left, &right),
            _ => Ok(Value::from(self.includes(&left, &right)?)),
        }
    }

    pub(super) fn negate(&mut self, node: &Node, operand: &Node, input: &Value, env: &Env) -> Outcome {
        let value = self.value(operand, input, env)?;
        if value.is_undefined() {
            return Ok(value);
        }
        match numeric(&value)? {
            Some(number) => Ok(Value::from(-number)),
            None => Err(JsonataError::new(Code::D1002).at(node.position).token("-").value("value", &value)),
        }
    }

    /// `[...]`: nested constructors become items, other arrays are joined.
    pub(super) fn array(&mut self, node: &Node, items: &[Node], input: &Value, env: &Env) -> Outcome {
        if let [only] = items
            && !only.is_array_constructor()
        {
            // A range that is all of the array is not written out.
            let value = self.value(only, input, env)?;
            if let Value::Array(array) = &value {
                return Ok(Value::Array(Rc::new(array.unmarked(node.cons_array))));
            }
            self.budget.items(value.items().map_or(1, Items::len))?;
            return Ok(self.constructed(node, joined(value)));
        }
        let mut results = Vec::with_capacity(items.len());
        for item in items {
            let value = self.value(item, input, env)?;
            if value.is_undefined() {
                continue;
            }
            if item.is_array_constructor() {
                results.push(value);
            } else {
                self.budget.items(value.items().map_or(1, Items::len))?;
                results.extend(joined(value));
            }
        }
        Ok(self.constructed(node, results))
    }

    pub(in crate::jsonata) fn includes(&mut self, left: &Value, right: &Value) -> Result<bool, JsonataError> {
        if left.is_undefined() || right.is_undefined() {
            return Ok(false);
        }
        let Some(items) = right.items() else { return Ok(right.is_same(left)) };
        self.budget.look_at(items.len())?;
        Ok(items.iter().any(|item| item.is_same(left)))
    }

    /// Whether a value counts as true.
    pub(in crate::jsonata) fn truthy(&mut self, value: &Value) -> Result<bool, JsonataError> {
        truthy(value, self.budget)
    }

    fn constructed(&self, node: &Node, items: Vec<Value>) -> Value {
        let mut array = Array::plain(items);
        array.cons = node.cons_array;
        Value::Array(Rc::new(array))
    }
}

/// What a value adds to an array: its items, or itself.
fn joined(value: Value) -> Vec<Value> {
    match value.items() {
        Some(items) => items.iter().collect(),
        None if value.is_undefined() => Vec::new(),
        None => vec![value],
    }
}

pub(in crate::jsonata) fn arithmetic(operator: Operator, left: &Value, right: &Value) -> Outcome {
    let number = |value: &Value, code| match numeric(value)? {
        None if !value.is_undefined() => Err(JsonataError::new(code).value("value", value)),
        number => Ok(number),
    };
    let left = number(left, Code::T2001)?;
    let right = number(right, Code::T2002)?;
    let (Some(left), Some(right)) = (left, right) else { return Ok(Value::Undefined) };
    Ok(Value::from(calculate(operator, left, right)))
}

/// What an arithmetic operator makes of two numbers.
pub(in crate::jsonata) fn calculate(operator: Operator, left: f64, right: f64) -> f64 {
    match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide => left / right,
        _ => left % right,
    }
}

pub(in crate::jsonata) fn compare(operator: Operator, left: &Value, right: &Value) -> Outcome {
    let comparable = |value: &Value| value.is_undefined() || is_orderable(value);
    if !comparable(left) || !comparable(right) {
        let culprit = if is_orderable(left) { right } else { left };
        return Err(JsonataError::new(Code::T2010).value("value", culprit));
    }
    if left.is_undefined() || right.is_undefined() {
        return Ok(Value::Undefined);
    }
    if left.as_str().is_some() != right.as_str().is_some() {
        return Err(JsonataError::new(Code::T2009).value("value", left).value("value2", right));
    }
    Ok(Value::from(in_order(operator, order(left, right))))
}

fn in_order(operator: Operator, order: Option<Ordering>) -> bool {
    match operator {
        Operator::Less => order == Some(Ordering::Less),
        Operator::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        Operator::Greater => order == Some(Ordering::Greater),
        _ => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
    }
}

/// Compares two numbers or two strings; nothing when that is not what they are.
pub(in crate::jsonata) fn compare_documents(operator: Operator, left: &Document, right: &Document) -> Option<bool> {
    let order = match (left.view(), right.view()) {
        (View::Number(left), View::Number(right)) => left.as_f64().partial_cmp(&right.as_f64()),
        (View::String(left), View::String(right)) => Some(left.encode_utf16().cmp(right.encode_utf16())),
        _ => return None,
    };
    Some(in_order(operator, order))
}

/// Whether the value is a string or a number.
pub(super) fn is_orderable(value: &Value) -> bool {
    value.as_str().is_some() || value.as_f64().is_some()
}

/// How two strings (by their UTF-16 units) or two numbers are ordered.
pub(super) fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left.as_str(), right.as_str()) {
        (Some(left), Some(right)) => Some(left.encode_utf16().cmp(right.encode_utf16())),
        _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
    }
}

/// Up to here a double holds every whole number.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

pub(in crate::jsonata) fn range(left: &Value, right: &Value) -> Outcome {
    let whole = |value: &Value, code| match value.as_f64() {
        _ if value.is_undefined() => Ok(None),
        Some(number) if number.is_finite() && number.trunc() == number => Ok(Some(number)),
        _ => Err(JsonataError::new(code).value("value", value)),
    };
    let left = whole(left, Code::T2003)?;
    let right = whole(right, Code::T2004)?;
    match (left, right) {
        (Some(left), Some(right)) if left <= right => {
            let size = right - left + 1.0;
            // Beyond what a double counts exactly there is no next number.
            if size > ARRAY_ITEMS_MAX as f64 || left.abs().max(right.abs()) > WHOLE_MAX {
                return Err(JsonataError::new(Code::D2014).number("value", size));
            }
            Ok(Value::Array(Rc::new(Array::range(left as i64, right as i64))))
        }
        _ => Ok(Value::Undefined),
    }
}
