//! Paths: steps over sequences and over streams of tuples, predicates, wildcards.

use super::{Env, Evaluator, Frame, Outcome};
use crate::jsonata::ast::{Kind, Node, Stage};
use crate::jsonata::cast::numeric;
use crate::jsonata::value::{Array, Fields, Tuple};
use crate::jsonata::{Items, JsonataError, Value};
use fleetstep_document::{Text, View};
use std::rc::Rc;

impl Evaluator<'_, '_> {
    pub(super) fn path(&mut self, node: &Node, steps: &[Node], input: &Value, env: &Env) -> Outcome {
        let absolute = matches!(steps[0].kind, Kind::Variable(_));
        let mut input =
            if !absolute && input.items().is_some() { input.clone() } else { Value::sequence(vec![input.clone()]) };
        let mut current = Value::Undefined;
        let mut tuples: Option<Vec<Tuple>> = None;
        let mut streaming = false;
        for (at, step) in steps.iter().enumerate() {
            streaming |= step.tuple;
            if at == 0 && step.cons_array {
                current = self.eval(step, &input, env)?;
            } else if streaming {
                tuples = Some(self.tuple_step(step, &input, tuples.take(), env)?);
            } else {
                current = self.step(step, &input, env, at + 1 == steps.len())?;
            }
            if !streaming && (current.is_undefined() || is_empty(&current)) {
                break;
            }
            // A step that binds its values does not move on to them.
            if step.focus.is_none() {
                let sorted = steps.get(at + 1).is_some_and(|next| matches!(next.kind, Kind::Sort(_)));
                input = match current.as_text() {
                    // jsonata-js goes through a string as through an array here, but sorting leaves it as it is.
                    Some(text) if !sorted => self.characters(text)?,
                    _ => current.clone(),
                };
            }
        }
        let tuples = tuples.map(Rc::new);
        if let Some(tuples) = &tuples {
            current = if node.tuple {
                Value::Tuples(tuples.clone())
            } else {
                Value::sequence(tuples.iter().map(|tuple| tuple.value.clone()).collect())
            };
        }
        if node.keep_singleton {
            self.pay_to_own(&current)?;
            current = keep_singleton(current);
        }
        match &node.group {
            Some(group) => self.group(group, tuples.map_or(current, Value::Tuples), env),
            None => Ok(current),
        }
    }

    fn characters(&mut self, text: &str) -> Outcome {
        self.budget.items(text.len())?;
        Ok(Value::array(text.chars().map(|character| Value::from(character.to_string())).collect()))
    }

    /// One step over the items of a sequence; what they give is joined to one sequence.
    fn step(&mut self, step: &Node, input: &Value, env: &Env, last: bool) -> Outcome {
        if let Kind::Sort(terms) = &step.kind {
            let mut sorted = self.sort(step, terms, input, env)?;
            for stage in &step.stages {
                if let Stage::Filter(filter) = stage {
                    sorted = self.filter(filter, sorted, env)?;
                }
            }
            return Ok(sorted);
        }
        let Some(items) = input.items() else { return Ok(Value::sequence(Vec::new())) };
        self.budget.items(items.len())?;
        let mut results = Vec::with_capacity(items.len());
        for item in items.iter() {
            let mut result = self.eval(step, &item, env)?;
            for stage in &step.stages {
                if let Stage::Filter(filter) = stage {
                    result = self.filter(filter, result, env)?;
                }
            }
            if !result.is_undefined() {
                results.push(result);
            }
        }
        if last && results.len() == 1 && results[0].items().is_some() && !results[0].is_sequence() {
            return Ok(results.swap_remove(0));
        }
        if results.len() == 1 && results[0].is_sequence() && !is_cons(&results[0]) {
            let only = results.swap_remove(0);
            self.pay_to_own(&only)?;
            return Ok(reset(only));
        }
        let mut joined = Vec::with_capacity(results.len());
        for result in results {
            match result.items() {
                Some(items) if !is_cons(&result) => {
                    self.budget.items(items.len())?;
                    joined.extend(items.iter());
                }
                _ => joined.push(result),
            }
        }
        Ok(Value::sequence(joined))
    }

    /// One step over a stream of tuples; each result is a tuple that has what its origin had bound.
    fn tuple_step(
        &mut self,
        step: &Node,
        input: &Value,
        tuples: Option<Vec<Tuple>>,
        env: &Env,
    ) -> Result<Vec<Tuple>, JsonataError> {
        let unbound = |value| Tuple { value, names: Vec::new() };
        let mut results = Vec::new();
        if let Kind::Sort(terms) = &step.kind {
            let streams = tuples.is_some();
            results = match tuples {
                // jsonata-js does not number what is a stream already.
                Some(tuples) => self.sort_tuples(step, terms, tuples, env)?,
                None => {
                    let sorted = self.sort(step, terms, input, env)?;
                    sorted.items().map(|items| items.iter().map(unbound).collect()).unwrap_or_default()
                }
            };
            if let Some(name) = step.index.as_ref().filter(|_| !streams) {
                number(&mut results, name);
            }
        } else {
            let tuples = match tuples {
                Some(tuples) => tuples,
                None => input.items().map(|items| items.iter().map(unbound).collect()).unwrap_or_default(),
            };
            for tuple in &tuples {
                self.spread_tuple(step, tuple, env, &mut results)?;
            }
        }
        for stage in &step.stages {
            match stage {
                Stage::Index(name) => number(&mut results, name),
                Stage::Filter(filter) => results = self.filter_tuples(filter, results, env)?,
            }
        }
        Ok(results)
    }

    fn spread_tuple(
        &mut self,
        step: &Node,
        tuple: &Tuple,
        env: &Env,
        results: &mut Vec<Tuple>,
    ) -> Result<(), JsonataError> {
        let frame = self.tuple_frame(tuple, env)?;
        let result = self.eval(step, &tuple.value, &frame)?;
        if let Value::Tuples(inner) = &result {
            for inner in inner.iter() {
                let mut joined = tuple.clone();
                inner.names.iter().for_each(|(name, value)| joined.set(name.clone(), value.clone()));
                joined.value = inner.value.clone();
                results.push(joined);
            }
            return Ok(());
        }
        self.budget.items(result.items().map_or(1, Items::len))?;
        let values: Vec<Value> = match (&result, result.items()) {
            (Value::Undefined, _) => return Ok(()),
            (_, Some(items)) => items.iter().collect(),
            _ => vec![result],
        };
        self.budget.spend(values.len() as u64)?;
        self.budget.items(values.len() * (2 + 2 * tuple.names.len()))?;
        for (at, value) in values.into_iter().enumerate() {
            let mut made = tuple.clone();
            match &step.focus {
                Some(name) => made.set(name.clone(), value),
                None => made.value = value,
            }
            if let Some(name) = &step.index {
                made.set(name.clone(), Value::from(at as f64));
            }
            for name in &step.ancestors {
                made.set(name.clone(), tuple.value.clone());
            }
            results.push(made);
        }
        Ok(())
    }

    /// The variables of a tuple, inside `env`.
    pub(super) fn tuple_frame(&mut self, tuple: &Tuple, env: &Env) -> Result<Env, JsonataError> {
        let frame = Frame::inside(env);
        for (name, value) in &tuple.names {
            self.bind(&frame, name.clone(), value.clone())?;
        }
        Ok(frame)
    }

    /// The items for which a predicate is true, or whose place it names.
    pub(super) fn filter(&mut self, predicate: &Node, input: Value, env: &Env) -> Outcome {
        if let Value::Tuples(tuples) = &input {
            return Ok(Value::Tuples(Rc::new(self.filter_tuples(predicate, tuples.to_vec(), env)?)));
        }
        let input = if input.items().is_some() { input } else { Value::array(vec![input]) };
        let items = input.items().expect("made an array above");
        if let Some(place) = literal_place(predicate, items.len()) {
            let item = place.and_then(|place| items.get(place)).unwrap_or_default();
            return Ok(match item.items() {
                Some(_) => item,
                None if item.is_undefined() => Value::sequence(Vec::new()),
                None => Value::sequence(vec![item]),
            });
        }
        let mut results = Vec::new();
        for (at, item) in items.iter().enumerate() {
            let result = self.value(predicate, &item, env)?;
            let times = self.times_chosen(&result, at, items.len())?;
            self.budget.items(times)?;
            results.extend(std::iter::repeat_n(item, times));
        }
        Ok(Value::sequence(results))
    }

    fn filter_tuples(&mut self, predicate: &Node, tuples: Vec<Tuple>, env: &Env) -> Result<Vec<Tuple>, JsonataError> {
        if let Some(place) = literal_place(predicate, tuples.len()) {
            return Ok(place.and_then(|place| tuples.into_iter().nth(place)).into_iter().collect());
        }
        let mut results = Vec::new();
        for (at, tuple) in tuples.iter().enumerate() {
            let frame = self.tuple_frame(tuple, env)?;
            let result = self.value(predicate, &tuple.value, &frame)?;
            let times = self.times_chosen(&result, at, tuples.len())?;
            self.budget.items(times * (2 + 2 * tuple.names.len()))?;
            results.extend(std::iter::repeat_n(tuple, times).cloned());
        }
        Ok(results)
    }

    /// How often a predicate's result chooses the item at `at`.
    pub(in crate::jsonata) fn times_chosen(
        &mut self,
        result: &Value,
        at: usize,
        len: usize,
    ) -> Result<usize, JsonataError> {
        if let Some(number) = numeric(result)? {
            return Ok(usize::from(place(number, len) == Some(at)));
        }
        if let Some(items) = result.items() {
            let mut times = 0;
            let mut all_numbers = true;
            for item in items.iter() {
                self.budget.spend(1)?;
                match numeric(&item)? {
                    Some(number) => times += usize::from(place(number, len) == Some(at)),
                    None => {
                        all_numbers = false;
                        break;
                    }
                }
            }
            if all_numbers {
                return Ok(times);
            }
        }
        Ok(usize::from(self.truthy(result)?))
    }

    /// The value of a field; of an array, what its items give.
    pub(in crate::jsonata) fn name(&mut self, name: &str, input: &Value) -> Outcome {
        if let Some(fields) = input.fields() {
            return Ok(fields.get(name));
        }
        let Some(items) = input.items() else { return Ok(Value::Undefined) };
        self.budget.look_at(items.len())?;
        let mut results = Vec::new();
        for item in items.iter() {
            let result = self.name(name, &item)?;
            self.budget.items(result.items().map_or(1, Items::len))?;
            match result.items() {
                Some(items) => results.extend(items.iter()),
                None if result.is_undefined() => {}
                None => results.push(result),
            }
        }
        Ok(Value::sequence(results))
    }

    /// `*`: the values of all fields (of an array, its items), arrays among them flattened.
    pub(super) fn wildcard(&mut self, input: &Value) -> Outcome {
        let unwrapped = match input {
            Value::Array(array) if array.outer_wrapper => array.items().get(0).unwrap_or_default(),
            _ => input.clone(),
        };
        let count = unwrapped.items().map(Items::len).or_else(|| unwrapped.fields().map(Fields::len)).unwrap_or(0);
        self.budget.items(count)?;
        let values: Vec<Value> = match (unwrapped.items(), unwrapped.fields()) {
            (Some(items), _) => items.iter().collect(),
            (_, Some(fields)) => fields.iter().map(|(_, value)| value).collect(),
            _ => Vec::new(),
        };
        let mut results = Vec::with_capacity(values.len());
        let mut plain = false;
        for value in values {
            plain |= value.items().is_some();
            self.flatten(value, &mut results)?;
        }
        // Joining an array makes jsonata-js forget that the result is a sequence.
        Ok(if plain { Value::array(results) } else { Value::sequence(results) })
    }

    fn flatten(&mut self, value: Value, results: &mut Vec<Value>) -> Result<(), JsonataError> {
        self.budget.spend(1)?;
        match value.items() {
            Some(items) => items.iter().try_for_each(|item| self.flatten(item, results)),
            None => {
                self.budget.items(1)?;
                results.push(value);
                Ok(())
            }
        }
    }

    /// `**`: the value itself and everything inside it.
    pub(super) fn descendants(&mut self, input: &Value) -> Outcome {
        if input.is_undefined() {
            return Ok(Value::Undefined);
        }
        let mut results = Vec::new();
        self.descend(input, &mut results)?;
        if results.len() == 1 {
            return Ok(results.swap_remove(0));
        }
        Ok(Value::sequence(results))
    }

    fn descend(&mut self, value: &Value, results: &mut Vec<Value>) -> Result<(), JsonataError> {
        self.budget.spend(1)?;
        if let Some(items) = value.items() {
            return items.iter().try_for_each(|item| self.descend(&item, results));
        }
        self.budget.items(1)?;
        results.push(value.clone());
        match value.fields() {
            Some(fields) => fields.iter().try_for_each(|(_, field)| self.descend(&field, results)),
            None => Ok(()),
        }
    }
}

/// A sequence that a path with `[]` gives.
pub(in crate::jsonata) fn keep_singleton(value: Value) -> Value {
    match value {
        Value::Array(array) if array.cons && !array.sequence => {
            let mut wrapped = Array::sequence(vec![Value::Array(array)]);
            wrapped.keep_singleton = true;
            Value::Array(Rc::new(wrapped))
        }
        Value::Array(mut array) if array.sequence => {
            Rc::make_mut(&mut array).keep_singleton = true;
            Value::Array(array)
        }
        other => other,
    }
}

/// A sequence as a new one: what was marked on it does not pass on to the sequence that a step makes.
pub(in crate::jsonata) fn reset(value: Value) -> Value {
    match value {
        Value::Array(mut array) if array.keep_singleton || array.outer_wrapper => {
            let marks = Rc::make_mut(&mut array);
            marks.keep_singleton = false;
            marks.outer_wrapper = false;
            Value::Array(array)
        }
        other => other,
    }
}

fn is_empty(value: &Value) -> bool {
    value.items().is_some_and(|items| items.len() == 0) || value.as_str() == Some("")
}

fn is_cons(value: &Value) -> bool {
    matches!(value, Value::Array(array) if array.cons)
}

/// Binds each tuple's place in the stream.
fn number(tuples: &mut [Tuple], name: &Text) {
    for (at, tuple) in tuples.iter_mut().enumerate() {
        tuple.set(name.clone(), Value::from(at as f64));
    }
}

/// The place that a predicate names as a literal number, counted from the end when negative; `Some(None)` when there
/// is no such place.
fn literal_place(predicate: &Node, len: usize) -> Option<Option<usize>> {
    let Kind::Literal(literal) = &predicate.kind else { return None };
    match literal.view() {
        View::Number(number) => Some(place(number.as_f64(), len)),
        _ => None,
    }
}

pub(in crate::jsonata) fn place(number: f64, len: usize) -> Option<usize> {
    let floor = number.floor();
    let place = if floor < 0.0 { len as f64 + floor } else { floor };
    (place >= 0.0 && place < len as f64).then_some(place as usize)
}
