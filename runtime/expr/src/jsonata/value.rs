//! The values that an evaluation works on: documents, arrays and objects under construction, functions.

use super::budget::{Budget, TOO_DEEP, TOO_LARGE, VALUE_DEPTH_MAX, exceeded};
use super::cast::number_document;
use super::eval::Function;
use super::{Code, JsonataError};
use fleetstep_document::{Document, Number, Object, Text, View};
use std::collections::HashMap;
use std::rc::Rc;

/// A value while an expression is evaluated.
///
/// What comes from the input stays a [`Document`] (shared, never copied). What the expression builds is an
/// [`Array`] or an [`ObjectValue`], since only these can hold functions; read both forms through [`Value::items`] and
/// [`Value::fields`].
#[derive(Clone, Default)]
pub(crate) enum Value {
    /// Nothing.
    #[default]
    Undefined,
    /// Any JSON value, arrays and objects too. A number is always finite here.
    Document(Document),
    /// A number that JSON cannot write: NaN or an infinity.
    NotFinite(f64),
    /// An array or a sequence that the expression made.
    Array(Rc<Array>),
    /// An object that the expression made.
    Object(Rc<ObjectValue>),
    /// A function.
    Function(Rc<Function>),
    /// A stream of tuples between the steps of a path; no function ever sees one.
    Tuples(Rc<Vec<Tuple>>),
}

/// A value in a stream, and the variables that `@`, `#` and `%` bound on the way to it.
#[derive(Clone)]
pub(crate) struct Tuple {
    pub(crate) value: Value,
    pub(crate) names: Vec<(Text, Value)>,
}

impl Tuple {
    /// Binds `name`, in place of what it was bound to.
    pub(crate) fn set(&mut self, name: Text, value: Value) {
        match self.names.iter_mut().find(|(known, _)| *known == name) {
            Some((_, bound)) => *bound = value,
            None => self.names.push((name, value)),
        }
    }
}

/// An array that an expression made, with the marks that jsonata-js keeps on its arrays.
#[derive(Clone, Default)]
pub(crate) struct Array {
    items: Store,
    /// A result sequence: empty is nothing, one item is that item.
    pub(crate) sequence: bool,
    /// A sequence that stays an array when it has one item.
    pub(crate) keep_singleton: bool,
    /// Made by an array constructor that is a step of a path: is not flattened into it.
    pub(crate) cons: bool,
    /// Wraps an input that is an array, so that it is the single context value.
    pub(crate) outer_wrapper: bool,
    depth: u32,
    has_functions: bool,
}

#[derive(Clone)]
enum Store {
    Values(Vec<Value>),
    /// The whole numbers from the first to the second, neither stored.
    Range(i64, i64),
}

impl Default for Store {
    fn default() -> Self {
        Self::Values(Vec::new())
    }
}

impl Array {
    /// A plain array.
    pub(crate) fn plain(items: Vec<Value>) -> Self {
        let (mut depth, mut has_functions) = (1, false);
        for item in items.iter().filter(|item| !matches!(item, Value::Document(_))) {
            depth = depth.max(1 + item.depth());
            has_functions |= item.has_functions();
        }
        Self { items: Store::Values(items), depth, has_functions, ..Self::default() }
    }

    /// A result sequence.
    pub(crate) fn sequence(items: Vec<Value>) -> Self {
        Self { sequence: true, ..Self::plain(items) }
    }

    /// The whole numbers from `from` to `to`, both included, as a sequence.
    pub(crate) fn range(from: i64, to: i64) -> Self {
        Self { items: Store::Range(from, to), sequence: true, depth: 1, ..Self::default() }
    }

    /// A copy without marks, but `cons` as given.
    pub(crate) fn unmarked(&self, cons: bool) -> Self {
        let items = self.items.clone();
        Self { items, depth: self.depth, has_functions: self.has_functions, cons, ..Self::default() }
    }

    /// The items.
    pub(crate) fn items(&self) -> Items<'_> {
        match &self.items {
            Store::Values(values) => Items::Values(values),
            Store::Range(from, to) => Items::Range(*from, *to),
        }
    }
}

/// The items of an array of any form.
#[derive(Clone, Copy)]
pub(crate) enum Items<'a> {
    /// Of an array from the input.
    Documents(&'a [Document]),
    /// Of an array that the expression made.
    Values(&'a [Value]),
    /// Whole numbers, both ends included.
    Range(i64, i64),
}

impl<'a> Items<'a> {
    /// How many there are.
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Documents(items) => items.len(),
            Self::Values(items) => items.len(),
            Self::Range(from, to) => usize::try_from(to - from + 1).unwrap_or(0),
        }
    }

    /// The item at `at`.
    pub(crate) fn get(self, at: usize) -> Option<Value> {
        match self {
            Self::Documents(items) => items.get(at).cloned().map(Value::Document),
            Self::Values(items) => items.get(at).cloned(),
            Self::Range(from, _) => (at < self.len()).then(|| Value::Document(Document::from(from + at as i64))),
        }
    }

    /// The items in order; sharing, not copying.
    pub(crate) fn iter(self) -> impl DoubleEndedIterator<Item = Value> + ExactSizeIterator + use<'a> {
        (0..self.len()).map(move |at| self.get(at).unwrap_or_default())
    }
}

/// The fields of an object of any form.
#[derive(Clone, Copy)]
pub(crate) enum Fields<'a> {
    /// Of an object from the input.
    Document(&'a Object),
    /// Of an object that the expression made.
    Value(&'a ObjectValue),
}

impl<'a> Fields<'a> {
    /// How many there are.
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Document(object) => object.len(),
            Self::Value(object) => object.entries.len(),
        }
    }

    /// The value of `key`; nothing where it is missing.
    pub(crate) fn get(self, key: &str) -> Value {
        match self {
            Self::Document(object) => object.get(key).cloned().map_or(Value::Undefined, Value::Document),
            Self::Value(object) => object.get(key).cloned().unwrap_or_default(),
        }
    }

    /// Keys and values in order; sharing, not copying.
    pub(crate) fn iter(self) -> Box<dyn Iterator<Item = (Text, Value)> + 'a> {
        match self {
            Self::Document(object) => {
                Box::new(object.iter().map(|(key, value)| (key.clone(), Value::Document(value.clone()))))
            }
            Self::Value(object) => Box::new(object.entries.iter().cloned()),
        }
    }
}

/// An object that an expression made: entries in insertion order, each key once.
#[derive(Clone, Default)]
pub(crate) struct ObjectValue {
    entries: Vec<(Text, Value)>,
    /// Positions by key, once there are too many to walk along.
    index: HashMap<Text, usize>,
    depth: u32,
    has_functions: bool,
}

/// How many values a document may be made of.
const NODES_MAX: usize = 500_000;

/// Up to this many keys a look-up walks along the entries.
const LINEAR_KEYS_MAX: usize = 12;

impl ObjectValue {
    /// Sets `key`: in its place when it is there, else as the last.
    pub(crate) fn insert(&mut self, key: Text, value: Value) {
        self.depth = self.depth.max(1 + value.depth());
        self.has_functions |= value.has_functions();
        if let Some(at) = self.position(&key) {
            self.entries[at].1 = value;
            return;
        }
        self.entries.push((key.clone(), value));
        if self.entries.len() == LINEAR_KEYS_MAX + 1 {
            self.index = self.entries.iter().enumerate().map(|(at, (key, _))| (key.clone(), at)).collect();
        } else if self.entries.len() > LINEAR_KEYS_MAX {
            self.index.insert(key, self.entries.len() - 1);
        }
    }

    /// Takes `key` out; the order of the others stays.
    pub(crate) fn remove(&mut self, key: &str) {
        if let Some(at) = self.position(key) {
            self.entries.remove(at);
            let rest = std::mem::take(&mut self.entries);
            *self = rest.into_iter().collect();
        }
    }

    /// The fields, as those of an object of any form.
    pub(crate) fn fields(&self) -> Fields<'_> {
        Fields::Value(self)
    }

    /// The value of `key`.
    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.position(key).map(|at| &self.entries[at].1)
    }

    /// The keys in order.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &Text> {
        self.entries.iter().map(|(key, _)| key)
    }

    /// Whether there is no key.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn position(&self, key: &str) -> Option<usize> {
        if self.entries.len() <= LINEAR_KEYS_MAX {
            return self.entries.iter().position(|(k, _)| k == key);
        }
        self.index.get(key).copied()
    }
}

impl FromIterator<(Text, Value)> for ObjectValue {
    fn from_iter<I: IntoIterator<Item = (Text, Value)>>(entries: I) -> Self {
        let mut object = Self::default();
        entries.into_iter().for_each(|(key, value)| object.insert(key, value));
        object
    }
}

impl Value {
    /// `null`
    pub(crate) const NULL: Self = Self::Document(Document::NULL);

    /// A plain array (not a sequence).
    pub(crate) fn array(items: Vec<Value>) -> Self {
        Self::Array(Rc::new(Array::plain(items)))
    }

    /// A result sequence as it is: the evaluator makes nothing of an empty one and the item of a single one when a
    /// function returns it.
    pub(crate) fn sequence(items: Vec<Value>) -> Self {
        Self::Array(Rc::new(Array::sequence(items)))
    }

    /// An object.
    pub(crate) fn object(entries: impl IntoIterator<Item = (Text, Value)>) -> Self {
        Self::Object(Rc::new(entries.into_iter().collect()))
    }

    /// Whether it is nothing.
    pub(crate) fn is_undefined(&self) -> bool {
        matches!(self, Self::Undefined)
    }

    /// The boolean, if it is one.
    pub(crate) fn as_bool(&self) -> Option<bool> {
        self.as_document()?.as_bool()
    }

    /// The string, if it is one.
    pub(crate) fn as_str(&self) -> Option<&str> {
        self.as_document()?.as_str()
    }

    /// The string to share, if it is one.
    pub(crate) fn as_text(&self) -> Option<&Text> {
        self.as_document()?.as_text()
    }

    /// The number, if it is one; it may be NaN or infinite.
    pub(crate) fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Document(document) => document.as_f64(),
            Self::NotFinite(number) => Some(*number),
            _ => None,
        }
    }

    /// The function, if it is one.
    pub(crate) fn as_function(&self) -> Option<&Rc<Function>> {
        match self {
            Self::Function(function) => Some(function),
            _ => None,
        }
    }

    fn as_document(&self) -> Option<&Document> {
        match self {
            Self::Document(document) => Some(document),
            _ => None,
        }
    }

    /// The items, if it is an array of either form.
    pub(crate) fn items(&self) -> Option<Items<'_>> {
        match self {
            Self::Document(document) => document.as_array().map(Items::Documents),
            Self::Array(array) => Some(array.items()),
            _ => None,
        }
    }

    /// The fields, if it is an object of either form.
    pub(crate) fn fields(&self) -> Option<Fields<'_>> {
        match self {
            Self::Document(document) => document.as_object().map(Fields::Document),
            Self::Object(object) => Some(Fields::Value(object)),
            _ => None,
        }
    }

    /// Whether it is an array that is marked as a result sequence.
    pub(crate) fn is_sequence(&self) -> bool {
        matches!(self, Self::Array(array) if array.sequence)
    }

    /// How deep arrays and objects that the expression made are nested in it.
    pub(crate) fn depth(&self) -> u32 {
        match self {
            Self::Array(array) => array.depth,
            Self::Object(object) => object.depth,
            Self::Function(function) => function.depth(),
            _ => 0,
        }
    }

    /// Whether it is a function or holds one: such a value may refer to the variables that it is bound to.
    pub(crate) fn has_functions(&self) -> bool {
        match self {
            Self::Array(array) => array.has_functions,
            Self::Object(object) => object.has_functions,
            Self::Function(_) | Self::Tuples(_) => true,
            _ => false,
        }
    }

    /// The value itself, or an error when it is nested deeper than a value may be.
    pub(crate) fn checked(self) -> Result<Self, JsonataError> {
        if self.depth() > VALUE_DEPTH_MAX {
            return Err(exceeded(TOO_DEEP));
        }
        Ok(self)
    }

    /// What [`Self::to_answer`] gives, of a value that is not needed further: items that nobody shares are moved.
    pub(in crate::jsonata) fn into_answer(self, names_infinities: bool) -> Result<Option<Document>, JsonataError> {
        let array = match self {
            Self::Document(document) => return Ok(Some(document)),
            Self::Array(array) if array.depth == 1 && !array.has_functions => array,
            other => return other.to_answer(names_infinities),
        };
        match Rc::try_unwrap(array) {
            Ok(Array { items: Store::Values(items), .. }) => {
                let items = items.into_iter().map(|item| Ok(item.into_answer(names_infinities)?.unwrap_or_default()));
                Ok(Some(Document::from(items.collect::<Result<Vec<_>, JsonataError>>()?)))
            }
            Ok(array) => Self::Array(Rc::new(array)).to_answer(names_infinities),
            Err(shared) => Self::Array(shared).to_answer(names_infinities),
        }
    }

    /// The value as a document: functions and nothing are left out of objects, become `null` in arrays (as
    /// `JSON.stringify` has it); `None` for nothing and for a function. A number that is not finite is D1001.
    pub(crate) fn to_document(&self) -> Result<Option<Document>, JsonataError> {
        self.to_answer(false)
    }

    /// The same, where a number that is not finite may be the string that names it.
    pub(in crate::jsonata) fn to_answer(&self, names_infinities: bool) -> Result<Option<Document>, JsonataError> {
        self.convert(&mut { NODES_MAX }, names_infinities)
    }

    /// Arrays and objects share their parts, so that a small value may stand for a document of any size.
    fn convert(&self, nodes_left: &mut usize, names_infinities: bool) -> Result<Option<Document>, JsonataError> {
        *nodes_left = nodes_left.checked_sub(1).ok_or_else(|| exceeded(TOO_LARGE))?;
        Ok(Some(match self {
            Self::Undefined | Self::Function(_) | Self::Tuples(_) => return Ok(None),
            Self::Document(document) => document.clone(),
            Self::NotFinite(number) if names_infinities => Document::from(infinity(*number)),
            Self::NotFinite(_) => return Err(JsonataError::new(Code::D1001).value("value", self)),
            Self::Array(array) => {
                let mut items = Vec::with_capacity(array.items().len());
                for item in array.items().iter() {
                    items.push(item.convert(nodes_left, names_infinities)?.unwrap_or(Document::NULL));
                }
                Document::from(items)
            }
            Self::Object(object) => {
                let mut entries = Vec::with_capacity(object.entries.len());
                for (key, value) in &object.entries {
                    if let Some(value) = value.convert(nodes_left, names_infinities)? {
                        entries.push((key.clone(), value));
                    }
                }
                Document::from(Object::from_entries(entries))
            }
        }))
    }

    /// The value as an error message shows it: JSON where there is one.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Function(function) => match function.signature_text() {
                // What is left of a function of jsonata-js in JSON.
                Some(signature) => {
                    format!("{{\"_jsonata_function\":true,\"signature\":{{\"definition\":\"{signature}\"}}}}")
                }
                None => "undefined".to_owned(),
            },
            Self::Undefined | Self::Tuples(_) => "undefined".to_owned(),
            Self::NotFinite(_) => "null".to_owned(),
            _ => self.to_document().ok().flatten().map_or_else(|| "null".to_owned(), |document| document.to_json()),
        }
    }

    /// Whether it is the same value as JavaScript's `===` has it: arrays and objects by identity.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Document(a), Self::Document(b)) => match (a.view(), b.view()) {
                (View::Number(a), View::Number(b)) => a.as_f64() == b.as_f64(),
                (View::Array(a), View::Array(b)) => std::ptr::eq(a, b),
                (View::Object(a), View::Object(b)) => std::ptr::eq(a, b),
                _ => a == b,
            },
            (Self::Array(a), Self::Array(b)) => Rc::ptr_eq(a, b),
            (Self::Object(a), Self::Object(b)) => Rc::ptr_eq(a, b),
            (Self::Function(a), Self::Function(b)) => a.identity() == b.identity(),
            (Self::NotFinite(a), Self::NotFinite(b)) => a == b,
            _ => false,
        }
    }

    /// Deep equality as the operator `=` has it: arrays by items, objects by fields, functions by identity.
    pub(crate) fn deep_equal(&self, other: &Self, budget: &mut Budget<'_>) -> Result<bool, JsonataError> {
        if self.is_same(other) {
            return Ok(true);
        }
        if let (Some(a), Some(b)) = (self.items(), other.items()) {
            budget.spend(1)?;
            if a.len() != b.len() {
                return Ok(false);
            }
            for (a, b) in a.iter().zip(b.iter()) {
                if !a.deep_equal(&b, budget)? {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        if let (Some(a), Some(b)) = (self.fields(), other.fields()) {
            budget.spend(1)?;
            if a.len() != b.len() {
                return Ok(false);
            }
            for (key, value) in a.iter() {
                if !value.deep_equal(&b.get(&key), budget)? {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        Ok(matches!((self, other), (Self::Undefined, Self::Undefined)))
    }
}

/// Whether two documents that are neither arrays nor objects are equal; nothing when they are.
pub(crate) fn scalars_equal(a: &Document, b: &Document) -> Option<bool> {
    match (a.view(), b.view()) {
        (View::Number(a), View::Number(b)) => Some(a.as_f64() == b.as_f64()),
        (View::Array(_) | View::Object(_), View::Array(_) | View::Object(_)) => None,
        _ => Some(a == b),
    }
}

/// What JavaScript calls a number that is not finite.
pub(in crate::jsonata) fn infinity(number: f64) -> &'static str {
    match number {
        f64::INFINITY => "Infinity",
        f64::NEG_INFINITY => "-Infinity",
        _ => "NaN",
    }
}

impl From<f64> for Value {
    /// A number: a whole one that a double holds exactly becomes an integer, so that it prints as one.
    fn from(number: f64) -> Self {
        if !number.is_finite() { Self::NotFinite(number) } else { Self::Document(number_document(number)) }
    }
}

impl From<Number<'_>> for Value {
    fn from(number: Number<'_>) -> Self {
        Self::from(number.as_f64())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Document(Document::from(value))
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Document(Document::from(value))
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Document(Document::from(value))
    }
}

impl From<Text> for Value {
    fn from(value: Text) -> Self {
        Self::Document(Document::from(value))
    }
}

impl From<Document> for Value {
    fn from(value: Document) -> Self {
        Self::Document(value)
    }
}

const _: () = assert!(size_of::<Value>() <= 24, "a value stays small");
