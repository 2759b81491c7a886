//! Paths and values as the service's messages print them.

use super::{Segment, Step};
use fleetstep_document::{Document, Number, View};
use std::fmt;

/// A value that a message quotes is cut after so many bytes: the service keeps no longer cause.
const QUOTE_BYTES_MAX: usize = 32_768;

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => write!(f, "['{key}']"),
            Self::Index(index) => write!(f, "[{index}]"),
        }
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Step(step) => step.fmt(f),
            Self::Keys(keys) => bracketed(f, keys, "'"),
            Self::Indices(indices) => bracketed(f, indices, ""),
            Self::Slice { from, to } => {
                f.write_str("[")?;
                from.iter().try_for_each(|from| from.fmt(f))?;
                f.write_str(":")?;
                to.iter().try_for_each(|to| to.fmt(f))?;
                f.write_str("]")
            }
            Self::Wildcard => f.write_str("[*]"),
            Self::Descend => f.write_str(".."),
            Self::Filter(_) => f.write_str("[?]"),
            Self::Function(function) => write!(f, ".{}()", function.name()),
        }
    }
}

fn bracketed<T: fmt::Display>(f: &mut fmt::Formatter<'_>, items: &[T], quote: &str) -> fmt::Result {
    f.write_str("[")?;
    for (at, item) in items.iter().enumerate() {
        let comma = if at > 0 { "," } else { "" };
        write!(f, "{comma}{quote}{item}{quote}")?;
    }
    f.write_str("]")
}

/// A run of steps or segments, one after the other: what follows `$` in a message.
pub(super) fn fragments<T: fmt::Display>(parts: &[T]) -> String {
    parts.iter().map(ToString::to_string).collect()
}

/// The value as compact JSON, cut where a message may not carry it.
pub(crate) fn clipped_json(value: &Document) -> String {
    let mut text = value.to_json();
    clip(&mut text, QUOTE_BYTES_MAX);
    text
}

/// The value as Java prints it (`{Arg1=1, Arg2=[]}`), cut where a message may not carry it.
pub(super) fn clipped_java_text(value: &Document) -> String {
    let mut text = String::new();
    if !java_text(value, QUOTE_BYTES_MAX, &mut text) {
        clip(&mut text, QUOTE_BYTES_MAX);
    }
    text
}

/// Appends the value as Java prints maps, lists and scalars; a string stands without quotes.
///
/// Gives up with `false` once `out` is longer than `bytes_max`.
pub(crate) fn java_text(value: &Document, bytes_max: usize, out: &mut String) -> bool {
    match value.view() {
        View::Null => out.push_str("null"),
        View::Bool(value) => out.push_str(if value { "true" } else { "false" }),
        View::String(text) => out.push_str(text),
        View::Number(Number::Decimal(text)) => out.push_str(text),
        View::Number(_) => out.push_str(&value.to_json()),
        View::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                out.push_str(if at > 0 { ", " } else { "" });
                if !java_text(item, bytes_max, out) {
                    return false;
                }
            }
            out.push(']');
        }
        View::Object(object) => {
            out.push('{');
            for (at, (key, value)) in object.iter().enumerate() {
                out.push_str(if at > 0 { ", " } else { "" });
                out.push_str(key);
                out.push('=');
                if !java_text(value, bytes_max, out) {
                    return false;
                }
            }
            out.push('}');
        }
    }
    out.len() <= bytes_max
}

fn clip(text: &mut String, bytes_max: usize) {
    if text.len() > bytes_max {
        let end = (0..=bytes_max).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        text.truncate(end);
    }
}
