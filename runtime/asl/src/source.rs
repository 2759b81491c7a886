//! The source text as a tree in which every value knows its place. JSON and YAML give the same tree.

mod json;
mod yaml;

use crate::{Format, Span};
use fleetstep_document::{Document, ObjectBuilder};
use std::fmt;

/// The longest definition, in bytes: the service's limit.
pub(crate) const DEFINITION_BYTES_MAX: usize = 1_048_576;

/// How deeply lists and objects may nest. Four levels make one level of states, so thirty Parallels within each
/// other still fit; every walk over the tree recurses this far at most.
pub(crate) const NESTING_DEPTH_MAX: usize = 128;

/// A range of bytes of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// A value of the text.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) extent: Extent,
    pub(crate) value: Value,
}

/// What a value is.
#[derive(Debug)]
pub(crate) enum Value {
    Null,
    Boolean(bool),
    /// A number as JSON text.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Object(Vec<Entry>),
}

/// A field of an object. The tree holds each key of an object once.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_extent: Extent,
    pub(crate) value: Node,
}

/// Why a text is no tree.
#[derive(Debug)]
pub(crate) struct SyntaxError {
    pub(crate) kind: SyntaxErrorKind,
    /// The place within the text, in bytes.
    pub(crate) extent: Extent,
}

/// The kinds of [`SyntaxError`], which are reported under different codes.
#[derive(Debug)]
pub(crate) enum SyntaxErrorKind {
    /// Not JSON. `reported` is the place up to which the service's parser has read when it gives up.
    Json { message: String, reported: usize },
    /// Not YAML.
    Yaml(String),
    /// Nothing at all, or something that is no object.
    NotAnObject,
    /// Longer than [`DEFINITION_BYTES_MAX`].
    TooLong,
    /// Deeper than [`NESTING_DEPTH_MAX`].
    TooDeep,
}

/// Reads `source`, whose outermost value must be an object.
pub(crate) fn read(source: &str, format: Format) -> Result<Node, SyntaxError> {
    if source.len() > DEFINITION_BYTES_MAX {
        return Err(SyntaxError { kind: SyntaxErrorKind::TooLong, extent: Extent { start: 0, end: 0 } });
    }
    let root = match format {
        Format::Json => json::parse(source)?,
        Format::Yaml => yaml::parse(source)?,
    };
    match root {
        Some(root) if matches!(root.value, Value::Object(_)) => Ok(root),
        other => {
            let extent = other.map_or(Extent { start: 0, end: source.len() }, |node| node.extent);
            Err(SyntaxError { kind: SyntaxErrorKind::NotAnObject, extent })
        }
    }
}

/// What is wrong with a text as JSON.
pub(crate) fn json_problem(text: &str) -> Option<SyntaxError> {
    json::parse(text).err()
}

/// A place in the notation of Jackson, the service's parser.
pub(crate) fn jackson_location(source: &str, offset: usize) -> String {
    json::location(source, offset)
}

impl Node {
    /// The fields, if it is an object.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Object(entries) => entries,
            _ => &[],
        }
    }

    /// The elements, if it is a list.
    pub(crate) fn elements(&self) -> &[Node] {
        match &self.value {
            Value::List(elements) => elements,
            _ => &[],
        }
    }

    /// The value of the field `key`, if it is an object that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// The string, if it is one.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The string of the field `key`, if there is one.
    pub(crate) fn text_of(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Node::as_text)
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    pub(crate) fn is_true(&self) -> bool {
        matches!(self.value, Value::Boolean(true))
    }

    /// The number as a double, if it is one.
    pub(crate) fn as_f64(&self) -> Option<f64> {
        match &self.value {
            Value::Number(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// The number as an integer, if it is a whole one that fits; `3.0` is.
    pub(crate) fn as_i64(&self) -> Option<i64> {
        match &self.value {
            Value::Number(text) => Document::number_from_text(text).as_i64(),
            _ => None,
        }
    }

    /// The value as a document.
    pub(crate) fn to_document(&self) -> Document {
        match &self.value {
            Value::Null => Document::NULL,
            Value::Boolean(value) => Document::from(*value),
            Value::Number(text) => Document::number_from_text(text),
            Value::Text(text) => Document::from(text.as_str()),
            Value::List(elements) => Document::from(elements.iter().map(Node::to_document).collect::<Vec<_>>()),
            Value::Object(entries) => {
                let mut object = ObjectBuilder::with_capacity(entries.len());
                for entry in entries {
                    object.push(entry.key.as_str(), entry.value.to_document());
                }
                object.build()
            }
        }
    }
}

/// The way from the outermost object to a value; printed as the service prints places.
#[derive(Clone, Copy)]
pub(crate) enum Place<'a> {
    Root,
    Field(&'a Place<'a>, &'a str),
    Element(&'a Place<'a>, usize),
}

impl<'a> Place<'a> {
    pub(crate) fn field(&'a self, name: &'a str) -> Self {
        Place::Field(self, name)
    }

    pub(crate) fn element(&'a self, index: usize) -> Self {
        Place::Element(self, index)
    }

    fn write(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Root => Ok(()),
            Place::Field(parent, name) => {
                parent.write(out)?;
                write!(out, "/{name}")
            }
            Place::Element(parent, index) => {
                parent.write(out)?;
                write!(out, "[{index}]")
            }
        }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Root => out.write_str("/"),
            _ => self.write(out),
        }
    }
}

/// Lines and columns of a text.
pub(crate) struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
    /// How many characters start before each block of [`BLOCK_BYTES`], so that a definition in one long line with
    /// an error at every field is not counted through for each.
    chars_before: Vec<usize>,
}

const BLOCK_BYTES: usize = 1_024;

impl<'a> Lines<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let mut chars_before = vec![0];
        let mut count = 0;
        for block in text.as_bytes().chunks(BLOCK_BYTES) {
            count += char_count(block);
            chars_before.push(count);
        }
        Self { text, starts, chars_before }
    }

    /// Line and column, both from 1, the column in characters.
    pub(crate) fn position(&self, offset: usize) -> (usize, usize) {
        let offset = offset.min(self.text.len());
        let line = self.starts.partition_point(|&start| start <= offset);
        let column = 1 + self.chars_up_to(offset) - self.chars_up_to(self.starts[line - 1]);
        (line, column)
    }

    fn chars_up_to(&self, offset: usize) -> usize {
        let block = offset / BLOCK_BYTES;
        self.chars_before[block] + char_count(&self.text.as_bytes()[block * BLOCK_BYTES..offset])
    }

    pub(crate) fn span(&self, extent: Extent) -> Span {
        let (line, column) = self.position(extent.start);
        Span { offset: extent.start, length: extent.end.saturating_sub(extent.start), line, column }
    }

    /// The text of a line, from 1, without its end.
    pub(crate) fn line(&self, line: usize) -> &'a str {
        let start = self.starts[line - 1];
        let end = self.starts.get(line).map_or(self.text.len(), |next| next - 1);
        self.text[start..end].trim_end_matches('\r')
    }
}

/// How many characters start in `bytes`: those that do not continue one.
fn char_count(bytes: &[u8]) -> usize {
    bytes.iter().filter(|&&byte| byte & 0xC0 != 0x80).count()
}
