//! Where two documents differ, by JSON pointers (RFC 6901).

use crate::DIFFERENCES_MAX;
use fleetstep_document::Document;
use std::fmt;

/// One place where what came is not what was expected.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The place; the empty pointer is the whole document.
    pub pointer: String,
    /// What was expected there; `None`: nothing.
    pub expected: Option<Document>,
    /// What is there; `None`: nothing.
    pub found: Option<Document>,
}

/// The places where two documents differ, up to [`DIFFERENCES_MAX`] of them.
#[must_use]
pub fn differences(expected: &Document, found: &Document) -> Vec<Difference> {
    let mut told = Vec::new();
    compare(Some(expected), Some(found), &mut String::new(), &mut told);
    told
}

fn compare(expected: Option<&Document>, found: Option<&Document>, pointer: &mut String, told: &mut Vec<Difference>) {
    if told.len() == DIFFERENCES_MAX || expected == found {
        return;
    }
    let (Some(one), Some(other)) = (expected, found) else {
        return tell(expected, found, pointer, told);
    };
    if let (Some(one), Some(other)) = (one.as_object(), other.as_object()) {
        for (name, value) in one.iter() {
            below(pointer, name, |pointer| compare(Some(value), other.get(name), pointer, told));
        }
        for (name, value) in other.iter().filter(|(name, _)| !one.contains_key(name)) {
            below(pointer, name, |pointer| compare(None, Some(value), pointer, told));
        }
    } else if let (Some(one), Some(other)) = (one.as_array(), other.as_array()) {
        for at in 0..one.len().max(other.len()) {
            below(pointer, &at.to_string(), |pointer| compare(one.get(at), other.get(at), pointer, told));
            if told.len() == DIFFERENCES_MAX {
                return;
            }
        }
    } else {
        tell(expected, found, pointer, told);
    }
}

fn tell(expected: Option<&Document>, found: Option<&Document>, pointer: &str, told: &mut Vec<Difference>) {
    told.push(Difference { pointer: pointer.into(), expected: expected.cloned(), found: found.cloned() });
}

fn below(pointer: &mut String, name: &str, act: impl FnOnce(&mut String)) {
    let length = pointer.len();
    pointer.push('/');
    pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
    act(pointer);
    pointer.truncate(length);
}

/// How much of a value a message shows, in characters.
const SHOWN_CHARS_MAX: usize = 200;

/// A value for a message: its beginning, if it is long.
pub(crate) fn shown(value: &Document) -> String {
    let text = value.to_json();
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<Document>| value.as_ref().map_or_else(|| String::from("nothing"), shown);
        let place = if self.pointer.is_empty() { "the output" } else { &self.pointer };
        write!(f, "{place}: expected {}, found {}", shown(&self.expected), shown(&self.found))
    }
}
