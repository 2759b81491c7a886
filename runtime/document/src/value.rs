//! The value itself.

use crate::extent::ExtentCell;
use crate::raw::Raw;
use crate::{Number, Object, ParseError, Text, plain};
use std::ops::Range;
use std::sync::Arc;

/// One JSON value. A clone shares, a change copies what it must.
#[derive(Clone)]
pub struct Document(Repr);

/// Private: everyone else reads through [`View`], and does not know which text was looked into.
///
/// The tag is a whole word: with a byte, the seven beside it are copied in pieces, and whoever reads the copy next
/// waits for all of them.
#[derive(Clone)]
#[repr(u64)]
enum Repr {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Decimal(Text),
    String(Text),
    Array(Arc<Array>),
    Object(Arc<Object>),
    Raw(Arc<Raw>),
}

/// The elements of an array, and what is known of their size.
#[derive(Clone, Default)]
struct Array {
    items: Vec<Document>,
    extent: ExtentCell,
}

/// A document's value, borrowed: what `match` works on.
#[derive(Clone, Copy)]
pub enum View<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number.
    Number(Number<'a>),
    /// A string.
    String(&'a Text),
    /// The elements of an array.
    Array(&'a [Document]),
    /// The entries of an object.
    Object(&'a Object),
}

impl Document {
    /// `null`
    pub const NULL: Self = Self(Repr::Null);

    /// An empty object.
    #[must_use]
    pub fn empty_object() -> Self {
        Self::from(Object::default())
    }

    /// Parses one JSON value, and takes it apart only when somebody looks into it.
    ///
    /// A text that is an array or an object, in the very form in which [`Document::write_json`] would write it, is
    /// checked and shared; so is, without its space, a text that is of that form but for space between its parts. Who
    /// hands the document on, asks for its length or writes it, is served from the text; who looks into an object has
    /// its members, which are again such texts. Any other text is parsed at once. No caller can tell which it was but
    /// by the time that it takes.
    ///
    /// # Errors
    /// Those of [`Document::parse`].
    pub fn parse_text(text: &Text) -> Result<Self, ParseError> {
        match plain::depth_of_plain(text) {
            Some(depth) => Ok(Self::raw(text.clone(), 0..text.len(), depth)),
            None => Self::parse_spaced(text),
        }
    }

    /// The same for text that is not shared yet; it is copied where it is kept.
    ///
    /// # Errors
    /// Those of [`Document::parse`].
    pub fn parse_lazily(text: &[u8]) -> Result<Self, ParseError> {
        let Ok(valid) = std::str::from_utf8(text) else { return Self::parse(text) };
        match plain::depth_of_plain(valid) {
            Some(depth) => Ok(Self::raw(Text::from(valid), 0..valid.len(), depth)),
            None => Self::parse_spaced(valid),
        }
    }

    /// What is in the way of keeping a text is mostly the space that many writers put between its parts.
    fn parse_spaced(text: &str) -> Result<Self, ParseError> {
        let compact = plain::without_space(text);
        match compact.and_then(|compact| Some((plain::depth_of_plain(&compact)?, compact))) {
            Some((depth, compact)) => Ok(Self::raw(Text::from(&*compact), 0..compact.len(), depth)),
            None => Self::parse(text.as_bytes()),
        }
    }

    /// What stands at a place of a text, which was checked, and has so many levels.
    pub(crate) fn raw(text: Text, place: Range<usize>, depth: u8) -> Self {
        Self(Repr::Raw(Arc::new(Raw::new(text, place, depth))))
    }

    /// A number from its text, which must follow the JSON grammar; the text is kept where printing the value
    /// again would change it.
    #[must_use]
    pub fn number_from_text(text: &str) -> Self {
        if let Ok(value) = text.parse::<i64>()
            && text != "-0"
        {
            return Self(Repr::Int(value));
        }
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() && ryu::Buffer::new().format_finite(value) == text => {
                Self(Repr::Float(value))
            }
            _ => Self(Repr::Decimal(Text::from(text))),
        }
    }

    /// What the value is.
    #[must_use]
    #[inline]
    pub fn view(&self) -> View<'_> {
        match &self.0 {
            Repr::Null => View::Null,
            Repr::Bool(value) => View::Bool(*value),
            Repr::Int(value) => View::Number(Number::Int(*value)),
            Repr::Float(value) => View::Number(Number::Float(*value)),
            Repr::Decimal(text) => View::Number(Number::Decimal(text)),
            Repr::String(text) => View::String(text),
            Repr::Array(array) => View::Array(&array.items),
            Repr::Object(object) => View::Object(object),
            Repr::Raw(raw) => raw.look().view(),
        }
    }

    /// Whether the value is `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self.0, Repr::Null)
    }

    /// The boolean, if it is one.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self.0 {
            Repr::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// The string, if it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        self.as_text().map(Text::as_str)
    }

    /// The string to share, if it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&Text> {
        match &self.0 {
            Repr::String(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if it is one.
    #[must_use]
    pub fn as_number(&self) -> Option<Number<'_>> {
        match self.view() {
            View::Number(number) => Some(number),
            _ => None,
        }
    }

    /// The number as an integer, if it is a whole one that fits.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        self.as_number()?.as_i64()
    }

    /// The number as a double, if it is a number.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        Some(self.as_number()?.as_f64())
    }

    /// The elements, if it is an array.
    #[must_use]
    #[inline]
    pub fn as_array(&self) -> Option<&[Document]> {
        match &self.0 {
            Repr::Array(array) => Some(&array.items),
            Repr::Raw(raw) => raw.look().as_array(),
            _ => None,
        }
    }

    /// The entries, if it is an object.
    #[must_use]
    #[inline]
    pub fn as_object(&self) -> Option<&Object> {
        match &self.0 {
            Repr::Object(object) => Some(object),
            Repr::Raw(raw) => raw.look().as_object(),
            _ => None,
        }
    }

    /// The elements to change, if it is an array. Copies them first when they are shared.
    pub fn as_array_mut(&mut self) -> Option<&mut Vec<Document>> {
        self.take_apart();
        match &mut self.0 {
            Repr::Array(array) => {
                let array = Arc::make_mut(array);
                array.extent.forget();
                Some(&mut array.items)
            }
            _ => None,
        }
    }

    /// The entries to change, if it is an object. Copies them first when they are shared.
    pub fn as_object_mut(&mut self) -> Option<&mut Object> {
        self.take_apart();
        match &mut self.0 {
            Repr::Object(object) => {
                let object = Arc::make_mut(object);
                object.extent.forget();
                Some(object)
            }
            _ => None,
        }
    }

    /// Before a change: a text that nobody looked into is no longer what the document says.
    #[inline]
    fn take_apart(&mut self) {
        if let Repr::Raw(raw) = &mut self.0 {
            *self = Raw::taken(raw);
        }
    }

    /// The text of a document that is kept as it was parsed; see [`Document::parse_text`]. None says nothing.
    #[inline]
    #[must_use]
    pub fn kept_text(&self) -> Option<&str> {
        self.as_raw().map(|(text, _)| text)
    }

    /// The text, and how many levels it has, of a document that was parsed and is kept as its text.
    #[inline]
    pub(crate) fn as_raw(&self) -> Option<(&str, u8)> {
        match &self.0 {
            Repr::Raw(raw) => Some((raw.text(), raw.depth)),
            _ => None,
        }
    }

    /// The text to share, of a document that is kept as the whole of its text.
    pub(crate) fn as_whole_text(&self) -> Option<&Text> {
        match &self.0 {
            Repr::Raw(raw) => raw.whole_text(),
            _ => None,
        }
    }

    /// What is remembered of the size of an array or an object; nothing for a scalar, whose size is soon told.
    pub(crate) fn extent_cell(&self) -> Option<&ExtentCell> {
        match &self.0 {
            Repr::Array(array) => Some(&array.extent),
            Repr::Object(object) => Some(&object.extent),
            _ => None,
        }
    }

    /// The value of `key`, if it is an object that has it.
    #[must_use]
    #[inline]
    pub fn get(&self, key: &str) -> Option<&Document> {
        // What calls anything is called last: the walk along a path saves no registers for it.
        match &self.0 {
            Repr::Object(object) => object.get(key),
            Repr::Raw(raw) => raw.member(key),
            _ => None,
        }
    }

    /// The element at `index`, if it is an array that long.
    #[must_use]
    pub fn at(&self, index: usize) -> Option<&Document> {
        self.as_array()?.get(index)
    }

    /// The JSON name of the value's type: `null`, `boolean`, `number`, `string`, `array` or `object`.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self.view() {
            View::Null => "null",
            View::Bool(_) => "boolean",
            View::Number(_) => "number",
            View::String(_) => "string",
            View::Array(_) => "array",
            View::Object(_) => "object",
        }
    }
}

impl PartialEq for Document {
    /// Compares by value: `1` equals `1.0`, and the order of keys does not count.
    fn eq(&self, other: &Self) -> bool {
        if let (Some((a, _)), Some((b, _))) = (self.as_raw(), other.as_raw())
            && a == b
        {
            return true;
        }
        match (self.view(), other.view()) {
            (View::Null, View::Null) => true,
            (View::Bool(a), View::Bool(b)) => a == b,
            (View::Number(a), View::Number(b)) => a == b,
            (View::String(a), View::String(b)) => a == b,
            (View::Array(a), View::Array(b)) => a == b,
            (View::Object(a), View::Object(b)) => std::ptr::eq(a, b) || a == b,
            _ => false,
        }
    }
}

impl Default for Document {
    fn default() -> Self {
        Self::NULL
    }
}

impl From<bool> for Document {
    fn from(value: bool) -> Self {
        Self(Repr::Bool(value))
    }
}

impl From<i64> for Document {
    fn from(value: i64) -> Self {
        Self(Repr::Int(value))
    }
}

impl From<u32> for Document {
    fn from(value: u32) -> Self {
        Self(Repr::Int(value.into()))
    }
}

impl From<f64> for Document {
    /// A number that JSON cannot write (NaN, an infinity) becomes `null`.
    fn from(value: f64) -> Self {
        if value.is_finite() { Self(Repr::Float(value)) } else { Self::NULL }
    }
}

impl From<&str> for Document {
    fn from(value: &str) -> Self {
        Self(Repr::String(Text::from(value)))
    }
}

impl From<String> for Document {
    fn from(value: String) -> Self {
        Self(Repr::String(Text::from(value)))
    }
}

impl From<Text> for Document {
    fn from(value: Text) -> Self {
        Self(Repr::String(value))
    }
}

impl From<Vec<Document>> for Document {
    fn from(items: Vec<Document>) -> Self {
        Self(Repr::Array(Arc::new(Array { items, extent: ExtentCell::default() })))
    }
}

impl From<Object> for Document {
    fn from(object: Object) -> Self {
        Self(Repr::Object(Arc::new(object)))
    }
}

const _: () = assert!(size_of::<Document>() == 16, "a document is two words");
const _: () = assert!(size_of::<Option<Document>>() == 16, "and so is one that may be missing");
