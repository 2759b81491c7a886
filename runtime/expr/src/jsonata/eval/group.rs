//! Objects: constructors, and grouping by key.

use super::{Env, Evaluator, Outcome};
use crate::jsonata::ast::Group;
use crate::jsonata::value::{Array, Tuple};
use crate::jsonata::{Code, JsonataError, Value};
use fleetstep_document::Text;
use std::collections::HashMap;
use std::rc::Rc;

/// The items that share a key, and the pair that made it.
pub(in crate::jsonata) struct Members<T> {
    pub(in crate::jsonata) key: Text,
    pub(in crate::jsonata) pair: usize,
    pub(in crate::jsonata) items: Vec<T>,
}

/// Groups in the order in which their keys first came.
pub(in crate::jsonata) struct Groups<T> {
    pub(in crate::jsonata) members: Vec<Members<T>>,
    by_key: HashMap<Text, usize>,
}

impl<T> Groups<T> {
    pub(in crate::jsonata) fn new() -> Self {
        Self { members: Vec::new(), by_key: HashMap::new() }
    }

    /// Adds an item under a key that must be a string, or nothing. `position` is that of the group.
    pub(in crate::jsonata) fn add(
        &mut self,
        position: usize,
        pair: usize,
        key: &Value,
        item: T,
    ) -> Result<(), JsonataError> {
        if key.is_undefined() {
            return Ok(());
        }
        let Some(text) = key.as_text() else {
            return Err(JsonataError::new(Code::T1003).at(position).value("value", key));
        };
        match self.by_key.get(text) {
            None => {
                self.by_key.insert(text.clone(), self.members.len());
                self.members.push(Members { key: text.clone(), pair, items: vec![item] });
            }
            Some(&at) if self.members[at].pair != pair => {
                return Err(JsonataError::new(Code::D1009).at(position).value("value", key));
            }
            Some(&at) => self.members[at].items.push(item),
        }
        Ok(())
    }
}

impl Evaluator<'_, '_> {
    /// The object of a group expression over the items of `input`.
    pub(super) fn group(&mut self, group: &Group, input: Value, env: &Env) -> Outcome {
        if let Value::Tuples(tuples) = &input {
            return self.group_tuples(group, tuples, env);
        }
        let mut items: Vec<Value> = match input.items() {
            Some(items) => items.iter().collect(),
            None => vec![input],
        };
        if items.is_empty() {
            // So that an object of literals can be made where there is no input.
            items.push(Value::Undefined);
        }
        self.budget.items(items.len() * (1 + group.pairs.len()))?;
        let mut groups = Groups::new();
        for item in items {
            for (pair, (key, _)) in group.pairs.iter().enumerate() {
                let key = self.eval(key, &item, env)?;
                groups.add(group.position, pair, &key, item.clone())?;
            }
        }
        let mut entries = Vec::with_capacity(groups.members.len());
        for members in groups.members {
            let context = appended(members.items);
            let value = self.value(&group.pairs[members.pair].1, &context, env)?;
            if !value.is_undefined() {
                entries.push((members.key, value));
            }
        }
        Ok(Value::object(entries))
    }

    fn group_tuples(&mut self, group: &Group, tuples: &[Tuple], env: &Env) -> Outcome {
        let mut groups = Groups::new();
        for tuple in tuples {
            self.budget.items(group.pairs.len() * (2 + 2 * tuple.names.len()))?;
            let frame = self.tuple_frame(tuple, env)?;
            for (pair, (key, _)) in group.pairs.iter().enumerate() {
                let key = self.eval(key, &tuple.value, &frame)?;
                groups.add(group.position, pair, &key, tuple.clone())?;
            }
        }
        let mut entries = Vec::with_capacity(groups.members.len());
        for members in groups.members {
            let reduced = reduce(members.items);
            let frame = self.tuple_frame(&reduced, env)?;
            let value = self.value(&group.pairs[members.pair].1, &reduced.value, &frame)?;
            if !value.is_undefined() {
                entries.push((members.key, value));
            }
        }
        Ok(Value::object(entries))
    }
}

/// One item as it is, several as one array, arrays among them joined; what is nothing does not count.
pub(in crate::jsonata) fn appended(mut items: Vec<Value>) -> Value {
    items.retain(|item| !item.is_undefined());
    if items.len() <= 1 {
        return items.pop().unwrap_or_default();
    }
    let mut joined = Vec::with_capacity(items.len());
    for item in items {
        match item.items() {
            Some(more) => joined.extend(more.iter()),
            None => joined.push(item),
        }
    }
    Value::Array(Rc::new(Array::plain(joined)))
}

/// The tuples of a group as one: each variable has the values of all.
fn reduce(tuples: Vec<Tuple>) -> Tuple {
    let mut values = Vec::with_capacity(tuples.len());
    let mut names: Vec<(Text, Vec<Value>)> = Vec::new();
    for tuple in tuples {
        values.push(tuple.value);
        for (name, value) in tuple.names {
            match names.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => known.push(value),
                None => names.push((name, vec![value])),
            }
        }
    }
    let names = names.into_iter().map(|(name, values)| (name, appended(values))).collect();
    Tuple { value: appended(values), names }
}
