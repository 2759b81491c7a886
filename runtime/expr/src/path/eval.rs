//! Walking a document along a path, and saying what was missing.

use super::text::{clipped_java_text, fragments};
use super::{Function, Segment, Step, element, follow, position};
use fleetstep_document::{DEPTH_MAX, Document, Number, Object, ObjectBuilder, Text, View};
use std::fmt::Display;

/// How many values a query may look at.
pub(super) const STEPS_MAX: u32 = 1_000_000;
/// How many levels a query may be below its start, counting those of the queries in its filters too: each costs some
/// stack frames.
const LEVELS_MAX: u32 = 2 * DEPTH_MAX as u32;

/// Why a path has no value. The texts are Jayway's.
#[derive(Debug)]
pub(crate) enum Miss {
    /// Nothing is there.
    NotFound(Box<NotFound>),
    /// A part of the path does not fit the kind of value that it meets.
    Invalid(Box<str>),
    /// The path starts from a variable that has no value.
    Unassigned,
    /// The query was given up: it looks at more than [`STEPS_MAX`] values, or deeper than [`LEVELS_MAX`].
    Exhausted,
}

/// What is not there.
#[derive(Debug)]
pub(crate) struct NotFound {
    /// `No results for path: …`
    pub(crate) message: String,
    /// The path is a reference, and its last step an index past the end of an array.
    pub(crate) past_end: bool,
    /// The key of a reference that is not there.
    pub(crate) key: Option<Text>,
}

impl Miss {
    fn not_found(message: String) -> Self {
        Self::NotFound(Box::new(NotFound { message, past_end: false, key: None }))
    }

    /// The text.
    pub(crate) fn message(&self) -> &str {
        match self {
            Self::NotFound(missing) => &missing.message,
            Self::Invalid(message) => message,
            Self::Unassigned => "The variable has no value",
            Self::Exhausted => "The query looks at too many values",
        }
    }
}

/// What is left of [`STEPS_MAX`] and [`LEVELS_MAX`].
pub(super) struct Budget {
    steps: u32,
    levels: u32,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self { steps: STEPS_MAX, levels: LEVELS_MAX }
    }

    pub(super) fn spend(&mut self, steps: usize) -> Result<(), Miss> {
        let left = u32::try_from(steps).ok().and_then(|steps| self.steps.checked_sub(steps));
        self.steps = left.ok_or(Miss::Exhausted)?;
        Ok(())
    }
}

/// Whether the path can name one place only.
pub(super) fn definite(segments: &[Segment]) -> bool {
    let last = segments.len().saturating_sub(1);
    matches!(segments.last(), Some(Segment::Function(_)))
        || segments.iter().enumerate().all(|(at, segment)| match segment {
            Segment::Step(_) => true,
            Segment::Keys(_) => at == last,
            _ => false,
        })
}

/// Why the steps lead nowhere.
pub(super) fn explain(steps: &[Step], root: &Document) -> Miss {
    let mut value = root;
    for (at, step) in steps.iter().enumerate() {
        let leaf = at + 1 == steps.len();
        let next = match step {
            Step::Key(key) => {
                let missing = match value.as_object() {
                    Some(object) => object.get(key).ok_or_else(|| missing_key(steps, at)),
                    None => Err(no_object(steps, at, value)),
                };
                missing.map_err(|mut miss| {
                    if let Miss::NotFound(missing) = &mut miss {
                        missing.key = Some(key.clone());
                    }
                    miss
                })
            }
            Step::Index(index) => match value.as_array() {
                Some(items) => element(items, *index).ok_or_else(|| {
                    Miss::NotFound(Box::new(NotFound { message: no_results(steps), past_end: leaf, key: None }))
                }),
                None => Err(no_array(steps, at, value)),
            },
        };
        match next {
            Ok(next) => value = next,
            Err(miss) => return miss,
        }
    }
    Miss::not_found(no_results(steps))
}

fn no_results<T: Display>(path: &[T]) -> String {
    format!("No results for path: ${}", fragments(path))
}

fn missing_key<T: Display>(path: &[T], at: usize) -> Miss {
    Miss::not_found(if at + 1 == path.len() {
        no_results(path)
    } else {
        format!("Missing property in path ${}", fragments(&path[..=at]))
    })
}

fn no_object<T: Display>(path: &[T], at: usize, value: &Document) -> Miss {
    Miss::not_found(format!(
        "Expected to find an object with property {} in path ${} but found '{}'. This is not a json object \
         according to the JsonProvider: 'com.jayway.jsonpath.spi.json.JacksonJsonProvider'.",
        path[at],
        fragments(&path[..at]),
        java_class(value),
    ))
}

fn no_array<T: Display>(path: &[T], at: usize, value: &Document) -> Miss {
    if value.is_null() {
        return Miss::not_found(format!("The path ${} is null", fragments(&path[..at])));
    }
    let text = clipped_java_text(value);
    let filter = fragments(&path[at..]);
    Miss::Invalid(format!("Filter: {filter} can only be applied to arrays. Current context is: {text}").into())
}

/// The class of the value in the service's own process, which its messages give away.
fn java_class(value: &Document) -> &'static str {
    match value.view() {
        View::Null => "null",
        View::Bool(_) => "java.lang.Boolean",
        View::Number(Number::Int(value)) if i32::try_from(value).is_ok() => "java.lang.Integer",
        View::Number(Number::Int(_)) => "java.lang.Long",
        View::Number(_) => "java.lang.Double",
        View::String(_) => "java.lang.String",
        View::Array(_) => "java.util.ArrayList",
        View::Object(_) => "java.util.LinkedHashMap",
    }
}

/// The value of a definite query, the list of an indefinite one.
pub(super) fn query(segments: &[Segment], definite: bool, root: &Document) -> Result<Document, Miss> {
    query_within(segments, definite, root, root, &mut Budget::new())
}

/// The same from `start`, with `$` of the filters in the path meaning `root`.
pub(super) fn query_within(
    segments: &[Segment],
    definite: bool,
    start: &Document,
    root: &Document,
    budget: &mut Budget,
) -> Result<Document, Miss> {
    if let [before @ .., Segment::Function(function)] = segments {
        return apply(*function, before, start, root, budget);
    }
    let mut walk = Walk { root, segments, found: Vec::new(), budget };
    match walk.visit(0, start, true) {
        // Where Jayway fails for a missing beginning of an indefinite path, the service has an empty list.
        Err(Miss::NotFound(_)) if !definite => walk.found.clear(),
        other => other?,
    }
    let mut found = walk.found;
    if definite {
        return found.pop().ok_or_else(|| Miss::not_found(no_results(segments)));
    }
    Ok(Document::from(found))
}

fn apply(
    function: Function,
    before: &[Segment],
    start: &Document,
    root: &Document,
    budget: &mut Budget,
) -> Result<Document, Miss> {
    let value = query_within(before, definite(before), start, root, budget)?;
    Ok(function.apply(&value).unwrap_or(Document::NULL))
}

struct Walk<'w> {
    root: &'w Document,
    segments: &'w [Segment],
    found: Vec<Document>,
    budget: &'w mut Budget,
}

impl<'w> Walk<'w> {
    /// Goes on from `value` with the segment at `at`. While everything before it was `definite`, a value that
    /// does not fit is an error; after that it is passed over.
    fn visit(&mut self, at: usize, value: &Document, definite: bool) -> Result<(), Miss> {
        self.budget.spend(1)?;
        let segments: &'w [Segment] = self.segments;
        let Some(segment) = segments.get(at) else {
            self.found.push(value.clone());
            return Ok(());
        };
        match segment {
            Segment::Step(Step::Key(key)) => match self.object(at, value, definite)? {
                Some(object) => self.property(at, object, key, definite),
                None => Ok(()),
            },
            Segment::Keys(keys) => match self.object(at, value, definite)? {
                Some(object) if at + 1 == segments.len() => self.merge(object, keys),
                Some(object) => keys.iter().try_for_each(|key| self.property(at, object, key, false)),
                None => Ok(()),
            },
            Segment::Step(Step::Index(index)) => self.elements(at, value, definite, true, |_| vec![*index]),
            Segment::Indices(indices) => self.elements(at, value, definite, false, |_| indices.to_vec()),
            Segment::Slice { from, to } => {
                self.elements(at, value, definite, false, |length| slice(*from, *to, length))
            }
            Segment::Wildcard => self.children(at, value),
            Segment::Descend => self.descend(at + 1, value),
            Segment::Filter(_) => self.select(at, value, definite),
            Segment::Function(_) => Ok(()),
        }
    }

    fn object<'v>(&self, at: usize, value: &'v Document, definite: bool) -> Result<Option<&'v Object>, Miss> {
        match value.as_object() {
            None if definite => Err(no_object(self.segments, at, value)),
            other => Ok(other),
        }
    }

    fn property(&mut self, at: usize, object: &Object, key: &str, definite: bool) -> Result<(), Miss> {
        match object.get(key) {
            Some(value) => self.visit(at + 1, value, definite),
            None if definite => Err(missing_key(self.segments, at)),
            None => Ok(()),
        }
    }

    fn merge(&mut self, object: &Object, keys: &[Text]) -> Result<(), Miss> {
        self.budget.spend(keys.len())?;
        let mut merged = ObjectBuilder::with_capacity(keys.len());
        for key in keys {
            if let Some(value) = object.get(key) {
                merged.push(key.clone(), value.clone());
            }
        }
        self.found.push(merged.build());
        Ok(())
    }

    fn elements(
        &mut self,
        at: usize,
        value: &Document,
        definite: bool,
        one: bool,
        indices: impl FnOnce(usize) -> Vec<i64>,
    ) -> Result<(), Miss> {
        let Some(items) = value.as_array() else {
            return if definite { Err(no_array(self.segments, at, value)) } else { Ok(()) };
        };
        for index in indices(items.len()) {
            if let Some(at_index) = position(items.len(), index) {
                self.visit(at + 1, &items[at_index], definite && one)?;
            }
        }
        Ok(())
    }

    fn children(&mut self, at: usize, value: &Document) -> Result<(), Miss> {
        match value.view() {
            View::Array(items) => items.iter().try_for_each(|item| self.visit(at + 1, item, false)),
            View::Object(object) => object.iter().try_for_each(|(_, item)| self.visit(at + 1, item, false)),
            _ => Ok(()),
        }
    }

    /// The segment at `next` for `value` and for everything below it, from the top down.
    fn descend(&mut self, next: usize, value: &Document) -> Result<(), Miss> {
        self.budget.spend(1)?;
        if self.fits(next, value)? {
            self.visit(next, value, false)?;
        }
        self.budget.levels = self.budget.levels.checked_sub(1).ok_or(Miss::Exhausted)?;
        match value.view() {
            View::Array(items) => items.iter().try_for_each(|item| self.descend(next, item))?,
            View::Object(object) => object.iter().try_for_each(|(_, item)| self.descend(next, item))?,
            _ => {}
        }
        self.budget.levels += 1;
        Ok(())
    }

    /// Whether a descent stops at `value` for the segment at `at`.
    fn fits(&mut self, at: usize, value: &Document) -> Result<bool, Miss> {
        let segments: &'w [Segment] = self.segments;
        Ok(match (segments.get(at), value.view()) {
            (Some(Segment::Step(Step::Key(key))), View::Object(object)) => object.contains_key(key),
            (Some(Segment::Keys(keys)), View::Object(object)) => {
                at + 1 < segments.len() || keys.iter().all(|key| object.contains_key(key))
            }
            (Some(Segment::Step(Step::Index(_)) | Segment::Indices(_) | Segment::Slice { .. }), View::Array(_)) => true,
            (Some(Segment::Wildcard), _) => true,
            (Some(Segment::Filter(filter)), View::Array(_) | View::Object(_)) => {
                filter.accepts(value, self.root, self.budget)?
            }
            _ => false,
        })
    }

    fn select(&mut self, at: usize, value: &Document, definite: bool) -> Result<(), Miss> {
        let segments: &'w [Segment] = self.segments;
        let Some(Segment::Filter(filter)) = segments.get(at) else {
            return Ok(());
        };
        match value.view() {
            View::Object(_) => {
                if filter.accepts(value, self.root, self.budget)? {
                    self.visit(at + 1, value, false)?;
                }
                Ok(())
            }
            View::Array(items) => items.iter().try_for_each(|item| {
                if filter.accepts(item, self.root, self.budget)? {
                    self.visit(at + 1, item, false)?;
                }
                Ok(())
            }),
            _ if definite => {
                let (filter, text) = (fragments(&segments[at..]), clipped_java_text(value));
                let message = format!("Filter: {filter} can not be applied to primitives. Current context is: {text}");
                Err(Miss::Invalid(message.into()))
            }
            _ => Ok(()),
        }
    }
}

/// The indices of a slice, as Jayway takes them: between two bounds a negative number is an index from the end.
fn slice(from: Option<i64>, to: Option<i64>, length: usize) -> Vec<i64> {
    let length = length as i64;
    let from_end = |index: i64| if index < 0 { length + index } else { index };
    match (from, to) {
        // No index outside of the array has an element, so that none beyond it need be tried.
        (Some(from), Some(to)) => (from.max(-length)..to.min(length)).collect(),
        (Some(from), None) => (from_end(from).max(0)..length).collect(),
        (None, Some(to)) => (0..from_end(to).min(length)).collect(),
        (None, None) => Vec::new(),
    }
}

/// The value that steps lead to, for a filter's operand.
pub(super) fn reach<'d>(steps: &[Step], start: &'d Document) -> Option<&'d Document> {
    follow(steps, start)
}
