//! What an operation gives: borrowed from the scope as long as that can be, made where it must be.

use crate::jsonata::Value;
use crate::jsonata::value::Items;
use fleetstep_document::{Document, Number, View};

/// A value of an evaluation. `'e` is the time that the scope and the compiled expression are lent for.
#[derive(Clone)]
pub(super) enum Val<'e> {
    /// Something that is in the scope, or a constant.
    Ref(&'e Document),
    /// A result sequence of such things, with no mark but that it is one.
    Many(Vec<&'e Document>),
    /// Anything else; nothing is [`Value::Undefined`].
    Own(Value),
}

/// The items that a step, a predicate or a loop goes over.
#[derive(Clone, Copy)]
pub(super) enum Source<'v, 'e> {
    /// Of an array in the scope.
    Documents(&'e [Document]),
    /// Of a sequence of borrowed documents.
    Borrowed(&'v [&'e Document]),
    /// Of an array that was made.
    Values(Items<'v>),
    /// A value that is no array stands for itself.
    One(&'v Val<'e>),
}

impl<'e> Val<'e> {
    pub(super) const NOTHING: Self = Self::Own(Value::Undefined);

    pub(super) fn of(found: Option<&'e Document>) -> Self {
        found.map_or(Self::NOTHING, Self::Ref)
    }

    pub(super) fn is_nothing(&self) -> bool {
        matches!(self, Self::Own(Value::Undefined))
    }

    /// The document, where the value is a borrowed one.
    #[inline]
    pub(super) fn borrowed(&self) -> Option<&'e Document> {
        match self {
            Self::Ref(document) => Some(document),
            Self::Many(_) | Self::Own(_) => None,
        }
    }

    /// The document, where the value is one already.
    #[inline]
    pub(super) fn document(&self) -> Option<&Document> {
        match self {
            Self::Ref(document) => Some(document),
            Self::Own(Value::Document(document)) => Some(document),
            Self::Many(_) | Self::Own(_) => None,
        }
    }

    /// The number, if it is one that JSON can write.
    #[inline]
    pub(super) fn number(&self) -> Option<f64> {
        match self.document()?.view() {
            View::Number(Number::Int(number)) => Some(number as f64),
            View::Number(number) => Some(number.as_f64()),
            _ => None,
        }
    }

    /// The value as the general engine has it.
    pub(super) fn into_value(self) -> Value {
        match self {
            Self::Ref(document) => Value::Document(document.clone()),
            Self::Many(documents) => {
                Value::sequence(documents.into_iter().map(|document| Value::Document(document.clone())).collect())
            }
            Self::Own(value) => value,
        }
    }

    /// The same, of a value that is needed further.
    pub(super) fn value(&self) -> Value {
        self.clone().into_value()
    }

    /// The items of an array, or the value itself.
    pub(super) fn source(&self) -> Source<'_, 'e> {
        match self {
            Self::Ref(document) => document.as_array().map_or(Source::One(self), Source::Documents),
            Self::Many(documents) => Source::Borrowed(documents),
            Self::Own(value) => value.items().map_or(Source::One(self), Source::Values),
        }
    }

    pub(super) fn is_array(&self) -> bool {
        !matches!(self.source(), Source::One(_))
    }

    /// Whether it is an array that is marked as a result sequence.
    pub(super) fn is_sequence(&self) -> bool {
        match self {
            Self::Ref(_) => false,
            Self::Many(_) => true,
            Self::Own(value) => value.is_sequence(),
        }
    }

    /// Whether it is an array that is not joined into a path.
    pub(super) fn is_cons(&self) -> bool {
        matches!(self, Self::Own(Value::Array(array)) if array.cons)
    }

    /// The value of a field of an object; nothing of anything else that is no array.
    #[inline]
    pub(super) fn field(&self, name: &str) -> Self {
        match self {
            Self::Ref(document) => Self::of(document.get(name)),
            Self::Many(_) => Self::NOTHING,
            Self::Own(value) => value.fields().map_or(Self::NOTHING, |fields| Self::Own(fields.get(name))),
        }
    }
}

impl<'e> From<Value> for Val<'e> {
    fn from(value: Value) -> Self {
        Self::Own(value)
    }
}

impl<'v, 'e> Source<'v, 'e> {
    #[inline]
    pub(super) fn len(self) -> usize {
        match self {
            Self::Documents(items) => items.len(),
            Self::Borrowed(items) => items.len(),
            Self::Values(items) => items.len(),
            Self::One(_) => 1,
        }
    }

    /// The item at `at`; nothing past the end.
    #[inline]
    pub(super) fn get(self, at: usize) -> Val<'e> {
        match self {
            Self::Documents(items) => Val::of(items.get(at)),
            Self::Borrowed(items) => Val::of(items.get(at).copied()),
            Self::Values(items) => Val::Own(items.get(at).unwrap_or_default()),
            Self::One(only) if at == 0 => only.clone(),
            Self::One(_) => Val::NOTHING,
        }
    }
}

/// A sequence that is being made: of borrowed documents as long as all of its items are.
#[derive(Default)]
pub(super) struct Gather<'e> {
    borrowed: Vec<&'e Document>,
    /// All items, once one of them was made.
    values: Option<Vec<Value>>,
}

impl<'e> Gather<'e> {
    /// Adds an item as it is.
    #[inline]
    pub(super) fn push(&mut self, item: Val<'e>) {
        match (item, &mut self.values) {
            (Val::Ref(document), None) => self.borrowed.push(document),
            (Val::Ref(document), Some(values)) => values.push(Value::Document(document.clone())),
            (item, _) => self.values().push(item.into_value()),
        }
    }

    /// Adds the items of an array, or a value that is none.
    pub(super) fn join(&mut self, value: Val<'e>) {
        if value.is_cons() {
            return self.push(value);
        }
        match value.source() {
            Source::One(_) => self.push(value),
            Source::Values(items) => self.values().extend(items.iter()),
            Source::Borrowed(items) if self.values.is_none() => self.borrowed.extend_from_slice(items),
            Source::Documents(items) if self.values.is_none() => self.borrowed.extend(items),
            source => (0..source.len()).for_each(|at| self.push(source.get(at))),
        }
    }

    fn values(&mut self) -> &mut Vec<Value> {
        let borrowed = &mut self.borrowed;
        self.values
            .get_or_insert_with(|| borrowed.drain(..).map(|document| Value::Document(document.clone())).collect())
    }

    /// The items as a result sequence.
    pub(super) fn sequence(self) -> Val<'e> {
        match self.values {
            Some(values) => Val::Own(Value::sequence(values)),
            None => Val::Many(self.borrowed),
        }
    }

    /// The items alone.
    pub(super) fn into_values(mut self) -> Vec<Value> {
        self.values();
        self.values.unwrap_or_default()
    }
}

const _: () = assert!(size_of::<Val<'_>>() <= 32, "a value stays small");
