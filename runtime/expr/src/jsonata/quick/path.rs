//! Steps of a path over the items of a sequence, and predicates.

use super::op::{Filter, Op, Path, Step};
use super::run::{Outcome, Run, collapsed, passed};
use super::val::{Gather, Source, Val};
use crate::jsonata::Value;
use crate::jsonata::eval::place;
use fleetstep_document::{Document, Text, View};

/// The results of a step: a single one is more than a sequence of one.
struct Results<'e> {
    count: usize,
    first: Val<'e>,
    joined: Gather<'e>,
}

impl<'e> Results<'e> {
    fn new() -> Self {
        Self { count: 0, first: Val::NOTHING, joined: Gather::default() }
    }

    #[inline]
    fn add(&mut self, run: &mut Run<'e, '_, '_>, result: Val<'e>) -> Outcome<()> {
        if result.is_nothing() {
            return Ok(());
        }
        self.count += 1;
        if self.count == 1 {
            self.first = result;
            return Ok(());
        }
        if self.count == 2 {
            let first = std::mem::replace(&mut self.first, Val::NOTHING);
            run.pay(first.source().len())?;
            self.joined.join(first);
        }
        run.pay(result.source().len())?;
        self.joined.join(result);
        Ok(())
    }

    fn finish(self, last: bool) -> Val<'e> {
        match self.count {
            0 => Val::Many(Vec::new()),
            1 => passed(self.first, last),
            _ => self.joined.sequence(),
        }
    }
}

impl<'e> Run<'e, '_, '_> {
    /// The steps from `keys` on over `current`: a sequence, or a value that stands for itself.
    pub(super) fn steps(&mut self, path: &'e Path, keys: &'e [Text], current: Val<'e>) -> Outcome<Val<'e>> {
        let mut current = current;
        for (at, key) in keys.iter().enumerate() {
            if current.source().len() == 0 {
                return Ok(emptied(current));
            }
            current = self.name_step(key, &current, path.rest.is_empty() && at + 1 == keys.len())?;
        }
        for (at, step) in path.rest.iter().enumerate() {
            if current.source().len() == 0 {
                return Ok(emptied(current));
            }
            let last = at + 1 == path.rest.len();
            let mut results = Results::new();
            let source = current.source();
            for number in 0..source.len() {
                let result = self.step_of(step, &source.get(number))?;
                results.add(self, result)?;
            }
            current = results.finish(last);
        }
        Ok(current)
    }

    /// What a step gives for one item, after its predicates.
    pub(super) fn step_of(&mut self, step: &'e Step, item: &Val<'e>) -> Outcome<Val<'e>> {
        self.evaluator.budget.spend(step.weight)?;
        let mut result = self.eval(&step.op, item)?;
        for filter in &step.filters {
            result = self.filter(filter, result)?;
        }
        Ok(result)
    }

    fn name_step(&mut self, key: &'e Text, current: &Val<'e>, last: bool) -> Outcome<Val<'e>> {
        let source = current.source();
        self.evaluator.budget.items(source.len())?;
        let borrowed = match source {
            Source::Documents(items) => fields_of(key, items),
            Source::Borrowed(items) => fields_of(key, items.iter().copied()),
            _ => None,
        };
        if let Some((mut found, arrays)) = borrowed {
            return Ok(match (found.len(), arrays) {
                (1, _) => passed(found.pop().map_or(Val::NOTHING, Val::Ref), last),
                (_, false) => Val::Many(found),
                _ => {
                    let mut joined = Gather::default();
                    for value in found {
                        self.pay(value.as_array().map_or(0, <[_]>::len))?;
                        joined.join(Val::Ref(value));
                    }
                    joined.sequence()
                }
            });
        }
        let mut results = Results::new();
        for number in 0..source.len() {
            let item = source.get(number);
            let result = if item.is_array() { collapsed(self.name(key, &item)?) } else { item.field(key) };
            results.add(self, result)?;
        }
        Ok(results.finish(last))
    }

    /// The value of a field; of an array, what its items give.
    pub(super) fn name(&mut self, name: &'e Text, at: &Val<'e>) -> Outcome<Val<'e>> {
        match at {
            Val::Ref(document) => match document.view() {
                View::Object(object) => Ok(Val::of(object.get(name))),
                View::Array(items) => {
                    let mut found = Vec::new();
                    self.name_of_items(name, items, &mut found)?;
                    Ok(Val::Many(found))
                }
                _ => Ok(Val::NOTHING),
            },
            at => self.evaluator.name(name, &at.value()).map(Val::Own),
        }
    }

    fn name_of_items(&mut self, name: &str, items: &'e [Document], found: &mut Vec<&'e Document>) -> Outcome<()> {
        self.evaluator.budget.look_at(items.len())?;
        for item in items {
            match item.view() {
                View::Object(object) => {
                    if let Some(value) = object.get(name) {
                        match value.as_array() {
                            Some(values) => found.extend(values),
                            None => found.push(value),
                        }
                    }
                }
                View::Array(items) => self.name_of_items(name, items, found)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// The items for which a predicate is true, or whose place it names, as a sequence.
    pub(super) fn filter(&mut self, filter: &'e Filter, input: Val<'e>) -> Outcome<Val<'e>> {
        let source = input.source();
        let len = source.len();
        let (op, weight) = match filter {
            Filter::Index(number) => {
                let item = place(*number, len).map_or(Val::NOTHING, |place| source.get(place));
                return Ok(match item {
                    item if item.is_nothing() => Val::Many(Vec::new()),
                    item if item.is_array() => item,
                    Val::Own(value) => Val::Own(Value::sequence(vec![value])),
                    item => item,
                });
            }
            Filter::Test { op, weight } => (op, *weight),
        };
        let mut chosen = Gather::default();
        for at in 0..len {
            let item = source.get(at);
            for _ in 0..self.times_chosen(op, weight, &item, at, len)? {
                chosen.push(item.clone());
            }
        }
        Ok(chosen.sequence())
    }

    /// How often a predicate chooses an item.
    #[inline]
    fn times_chosen(&mut self, op: &'e Op, weight: u64, item: &Val<'e>, at: usize, len: usize) -> Outcome<usize> {
        self.evaluator.budget.spend(weight)?;
        if let Op::Binary(binary) = op
            && let Some(holds) = self.compared(binary, item)
        {
            return Ok(usize::from(holds));
        }
        let result = self.eval(op, item)?;
        match result.document().map(Document::view) {
            Some(View::Bool(truth)) => Ok(usize::from(truth)),
            _ => self.evaluator.times_chosen(&result.value(), at, len),
        }
    }
}

/// The values of a field of all items, and whether there are arrays among them; nothing when an item is an array.
#[inline]
fn fields_of<'e>(key: &str, items: impl IntoIterator<Item = &'e Document>) -> Option<(Vec<&'e Document>, bool)> {
    let items = items.into_iter();
    let mut found = Vec::with_capacity(items.size_hint().0);
    let mut arrays = false;
    for item in items {
        match item.view() {
            View::Object(object) => {
                if let Some(value) = object.get(key) {
                    arrays |= value.as_array().is_some();
                    found.push(value);
                }
            }
            View::Array(_) => return None,
            _ => {}
        }
    }
    Some((found, arrays))
}

/// What an array without items leaves of a path.
fn emptied(current: Val<'_>) -> Val<'_> {
    match current {
        Val::Ref(_) => Val::Many(Vec::new()),
        current => current,
    }
}
