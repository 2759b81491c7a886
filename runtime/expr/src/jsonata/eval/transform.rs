//! `| pattern | update, delete |`: a copy of a document with the matched objects changed.
//!
//! jsonata-js changes the objects of its copy in place. Here values are shared and do not change, so each object of
//! the copy is known by its address, the changed state of a matched one is kept beside it, and in the end the copy is
//! put together anew.

use super::{Env, Evaluator, Function, Outcome};
use crate::jsonata::ast::Transform;
use crate::jsonata::cast::copied_number;
use crate::jsonata::value::ObjectValue;
use crate::jsonata::{Code, JsonataError, Value};
use fleetstep_document::Text;
use std::collections::HashMap;
use std::rc::Rc;

/// The changed objects by the address of what they were in the copy, which the copy keeps alive.
type Changes = HashMap<*const ObjectValue, ObjectValue>;

impl Evaluator<'_, '_> {
    pub(super) fn transform(&mut self, transform: &Transform, input: Value, env: &Env) -> Outcome {
        if input.is_undefined() {
            return Ok(input);
        }
        let copy = self.clone_of(transform, input, env)?;
        let matches = self.eval(&transform.pattern, &copy, env)?;
        let matches: Vec<Value> = match matches.items() {
            Some(items) => items.iter().collect(),
            None => vec![matches],
        };
        let mut changes = Changes::new();
        for matched in matches {
            self.change(transform, &matched, &mut changes, env)?;
        }
        if changes.is_empty() {
            return Ok(copy);
        }
        self.rebuilt(&copy, &changes)
    }

    /// A copy in which every object has an address of its own, made by `$clone`, which an expression may replace.
    fn clone_of(&mut self, transform: &Transform, input: Value, env: &Env) -> Outcome {
        let clone = self.lookup("clone", env);
        let input = match clone.as_function().map(Rc::as_ref) {
            None => return Err(JsonataError::new(Code::T2013).at(transform.position)),
            Some(Function::Native(_)) => input,
            Some(_) => self.call(&clone, vec![input])?,
        };
        self.deep_copy(&input)
    }

    fn deep_copy(&mut self, value: &Value) -> Outcome {
        self.rebuild(value, &|_| None)
    }

    /// The copy with the changes in their places.
    fn rebuilt(&mut self, value: &Value, changes: &Changes) -> Outcome {
        self.rebuild(value, &|object| changes.get(&Rc::as_ptr(object)))
    }

    fn rebuild<'c>(&mut self, value: &Value, changed: &dyn Fn(&Rc<ObjectValue>) -> Option<&'c ObjectValue>) -> Outcome {
        self.budget.spend(1)?;
        if let Some(items) = value.items() {
            let copies = items.iter().map(|item| self.rebuild(&item, changed)).collect::<Result<_, _>>()?;
            return Value::array(copies).checked();
        }
        self.budget.items(2)?;
        let Some(mut fields) = value.fields() else {
            return Ok(match value {
                Value::Function(_) => Value::from(""),
                _ => copied_number(value),
            });
        };
        if let Value::Object(object) = value
            && let Some(object) = changed(object)
        {
            fields = object.fields();
        }
        let mut entries: Vec<(Text, Value)> = Vec::with_capacity(fields.len());
        for (key, value) in fields.iter() {
            entries.push((key, self.rebuild(&value, changed)?));
        }
        Value::object(entries).checked()
    }

    /// Updates one matched object and deletes from it.
    fn change(
        &mut self,
        transform: &Transform,
        matched: &Value,
        changes: &mut Changes,
        env: &Env,
    ) -> Result<(), JsonataError> {
        if matched.is_undefined() {
            return Ok(());
        }
        let context = self.rebuilt(matched, changes)?;
        let update = self.eval(&transform.update, &context, env)?;
        let known = match matched {
            Value::Object(object) => Some(object),
            _ => None,
        };
        if !update.is_undefined() {
            let Some(fields) = update.fields() else {
                let error = JsonataError::new(Code::T2011).at(transform.update.position);
                return Err(error.value("value", &update));
            };
            if let Some(object) = known {
                self.budget.items(2 * object.fields().len())?;
                let state = changes.entry(Rc::as_ptr(object)).or_insert_with(|| (**object).clone());
                fields.iter().for_each(|(key, value)| state.insert(key, value));
            }
        }
        let Some(delete) = &transform.delete else { return Ok(()) };
        let context = self.rebuilt(matched, changes)?;
        let deletions = self.eval(delete, &context, env)?;
        if deletions.is_undefined() {
            return Ok(());
        }
        let names: Option<Vec<Text>> = match deletions.items() {
            Some(items) => items.iter().map(|item| item.as_text().cloned()).collect(),
            None => deletions.as_text().cloned().map(|name| vec![name]),
        };
        let Some(names) = names else {
            return Err(JsonataError::new(Code::T2012).at(delete.position).value("value", &deletions));
        };
        if let Some(object) = known {
            self.budget.items(2 * object.fields().len() * (1 + names.len()))?;
            let state = changes.entry(Rc::as_ptr(object)).or_insert_with(|| (**object).clone());
            names.iter().for_each(|name| state.remove(name));
        }
        Ok(())
    }
}
