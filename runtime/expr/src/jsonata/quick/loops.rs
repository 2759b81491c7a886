//! The functions that call a function, with the lambda as the body of a loop.

use super::op::{Loop, LoopKind};
use super::run::{Outcome, Run};
use super::val::{Gather, Source, Val};
use crate::jsonata::eval::Function;
use crate::jsonata::{Code, JsonataError, ObjectValue, Value};
use fleetstep_document::Text;
use std::rc::Rc;

impl<'e> Run<'e, '_, '_> {
    pub(super) fn looping(&mut self, looping: &'e Loop, at: &Val<'e>) -> Outcome<Val<'e>> {
        let over = self.eval(&looping.over, at)?;
        let initial = match &looping.initial {
            Some(initial) => self.eval(initial, at)?,
            None => Val::NOTHING,
        };
        self.run_loop(looping, over, initial, at).map_err(|error| looping.place.locate(error))
    }

    fn run_loop(&mut self, looping: &'e Loop, over: Val<'e>, initial: Val<'e>, at: &Val<'e>) -> Outcome<Val<'e>> {
        if matches!(looping.kind, LoopKind::Each | LoopKind::Sift) {
            return self.over_fields(looping, over, at);
        }
        if over.is_nothing() {
            return Ok(over);
        }
        let source = over.source();
        // The third parameter is the array, and one is made of a single value.
        let array = match (looping.wants_array(), source) {
            (false, _) => Val::NOTHING,
            (true, Source::One(_)) => Val::Own(Value::array(vec![over.value()])),
            (true, _) => Val::Own(over.value()),
        };
        match looping.kind {
            LoopKind::Reduce => self.reduce(looping, source, initial, &array, at),
            LoopKind::Single => self.single(looping, source, &array, at),
            kind => {
                let mut made = Gather::default();
                for number in 0..source.len() {
                    self.pay(1)?;
                    let item = source.get(number);
                    self.enter(looping, [&item, &Val::NOTHING, &array], number)?;
                    if kind == LoopKind::Filter {
                        if self.tested(&looping.body, at)? {
                            made.push(item);
                        }
                        continue;
                    }
                    let result = self.eval(&looping.body, at)?;
                    if !result.is_nothing() {
                        made.push(result);
                    }
                }
                checked(made.sequence())
            }
        }
    }

    /// Gives the lambda an item, its number (in the place of the second value) and the array.
    #[inline]
    fn enter(&mut self, looping: &'e Loop, values: [&Val<'e>; 3], number: usize) -> Outcome<()> {
        self.evaluator.budget.spend(looping.weight)?;
        for (place, &slot) in looping.parameters.iter().enumerate() {
            self.locals[slot as usize] = match place {
                1 if values[1].is_nothing() => Val::Own(Value::from(number as f64)),
                0..3 => values[place].clone(),
                _ => Val::NOTHING,
            };
        }
        Ok(())
    }

    fn single(&mut self, looping: &'e Loop, source: Source<'_, 'e>, array: &Val<'e>, at: &Val<'e>) -> Outcome<Val<'e>> {
        let mut found = None;
        for number in 0..source.len() {
            let item = source.get(number);
            self.enter(looping, [&item, &Val::NOTHING, array], number)?;
            let matches = self.tested(&looping.body, at)?;
            if matches && found.replace(item).is_some() {
                return Err(JsonataError::new(Code::D3138));
            }
        }
        found.ok_or_else(|| JsonataError::new(Code::D3139))
    }

    /// The lambda gets what it gave before, the item, its number and the array.
    fn reduce(
        &mut self,
        looping: &'e Loop,
        source: Source<'_, 'e>,
        initial: Val<'e>,
        array: &Val<'e>,
        at: &Val<'e>,
    ) -> Outcome<Val<'e>> {
        if looping.parameters.len() < 2 {
            return Err(JsonataError::new(Code::D3050));
        }
        let seeded = !initial.is_nothing();
        let mut result = initial;
        for number in 0..source.len() {
            let item = source.get(number);
            if number == 0 && !seeded {
                result = item;
                continue;
            }
            self.evaluator.budget.spend(looping.weight)?;
            let index = Val::Own(Value::from(number as f64));
            let mut values = [result, item, index, array.clone()].into_iter();
            for &slot in &looping.parameters {
                self.locals[slot as usize] = values.next().unwrap_or(Val::NOTHING);
            }
            result = self.eval(&looping.body, at)?;
        }
        Ok(result)
    }

    fn over_fields(&mut self, looping: &'e Loop, over: Val<'e>, at: &Val<'e>) -> Outcome<Val<'e>> {
        let fields: Vec<(Text, Val<'e>)> = match &over {
            Val::Ref(document) if document.as_object().is_some() => {
                let object = document.as_object().into_iter();
                object.flat_map(|object| object.iter().map(|(key, value)| (key.clone(), Val::Ref(value)))).collect()
            }
            Val::Own(value) if value.fields().is_some() => {
                let fields = value.fields().into_iter();
                fields.flat_map(|fields| fields.iter().map(|(key, value)| (key, Val::Own(value)))).collect()
            }
            over if over.is_nothing() => Vec::new(),
            over => return Err(refused(looping, over.value())),
        };
        let mut results = Gather::default();
        let mut kept = ObjectValue::default();
        for (key, value) in fields {
            self.pay(1)?;
            let name = Val::Own(Value::from(key.clone()));
            self.enter(looping, [&value, &name, &over], 0)?;
            if looping.kind == LoopKind::Sift {
                if self.tested(&looping.body, at)? {
                    kept.insert(key, value.into_value());
                }
                continue;
            }
            let result = self.eval(&looping.body, at)?;
            if !result.is_nothing() {
                results.push(result);
            }
        }
        match looping.kind {
            LoopKind::Each => checked(results.sequence()),
            _ if kept.is_empty() => Ok(Val::NOTHING),
            _ => Ok(Val::Own(Value::Object(Rc::new(kept)))),
        }
    }
}

impl Loop {
    fn wants_array(&self) -> bool {
        self.parameters.len() >= if self.kind == LoopKind::Reduce { 4 } else { 3 }
    }
}

fn checked(value: Val<'_>) -> Outcome<Val<'_>> {
    match value {
        Val::Own(value) => value.checked().map(Val::Own),
        value => Ok(value),
    }
}

/// The error of a first argument that is no object.
fn refused(looping: &Loop, over: Value) -> JsonataError {
    let function = Value::Function(Rc::new(Function::Native(looping.known)));
    let refused = looping.known.signature.validate(vec![over, function], &Value::NULL);
    refused.err().unwrap_or_else(|| JsonataError::new(Code::T0410))
}
