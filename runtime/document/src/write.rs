//! Documents to JSON text, compact.

use crate::scan::special;
use crate::{Document, Number, Text, View};
use std::fmt;

impl Document {
    /// Appends the value as compact JSON.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        write::<Plain>(self, out);
    }

    /// Appends a JSON string, with its quotes, that holds the value as compact JSON: what the wire of the service has
    /// for `output`.
    pub fn write_json_string(&self, out: &mut Vec<u8>) {
        out.push(b'"');
        write::<Held>(self, out);
        out.push(b'"');
    }

    /// The value as compact JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut out = Vec::with_capacity(self.as_raw().map_or(128, |(text, _)| text.len()));
        self.write_json(&mut out);
        // Everything that is written comes from strings and ASCII.
        String::from_utf8(out).unwrap_or_default()
    }

    /// The value as compact JSON, to share; it is at hand where the document was never looked into.
    #[must_use]
    pub fn to_json_text(&self) -> Text {
        match self.as_whole_text() {
            Some(text) => text.clone(),
            None => Text::from(self.to_json()),
        }
    }
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_json())
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_json())
    }
}

/// How strings are written.
trait Style {
    /// The quote at both ends of a string.
    const QUOTE: &'static [u8];

    /// What is between the quotes.
    fn text(text: &str, out: &mut Vec<u8>);

    /// JSON that is there already.
    fn json(text: &str, out: &mut Vec<u8>);
}

/// JSON as it is.
struct Plain;

impl Style for Plain {
    const QUOTE: &'static [u8] = b"\"";

    fn text(text: &str, out: &mut Vec<u8>) {
        write_escaped(text, out, |escape, out| out.extend_from_slice(escape));
    }

    fn json(text: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(text.as_bytes());
    }
}

/// JSON within a JSON string.
struct Held;

impl Style for Held {
    const QUOTE: &'static [u8] = b"\\\"";

    fn text(text: &str, out: &mut Vec<u8>) {
        write_escaped(text, out, |escape, out| {
            for &byte in escape {
                if matches!(byte, b'"' | b'\\') {
                    out.push(b'\\');
                }
                out.push(byte);
            }
        });
    }

    fn json(text: &str, out: &mut Vec<u8>) {
        Plain::text(text, out);
    }
}

fn write<S: Style>(value: &Document, out: &mut Vec<u8>) {
    if let Some((text, _)) = value.as_raw() {
        return S::json(text, out);
    }
    match value.view() {
        View::Null => out.extend_from_slice(b"null"),
        View::Bool(true) => out.extend_from_slice(b"true"),
        View::Bool(false) => out.extend_from_slice(b"false"),
        View::Number(number) => write_number(number, out),
        View::String(text) => write_quoted::<S>(text, out),
        View::Array(items) => {
            out.push(b'[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write::<S>(item, out);
            }
            out.push(b']');
        }
        View::Object(object) => {
            out.push(b'{');
            for (at, (key, value)) in object.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write_quoted::<S>(key, out);
                out.push(b':');
                write::<S>(value, out);
            }
            out.push(b'}');
        }
    }
}

fn write_number(number: Number<'_>, out: &mut Vec<u8>) {
    match number {
        Number::Int(value) => out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes()),
        Number::Float(value) => out.extend_from_slice(ryu::Buffer::new().format_finite(value).as_bytes()),
        Number::Decimal(text) => out.extend_from_slice(text.as_bytes()),
    }
}

/// How many bytes [`write_number`] appends.
pub(crate) fn number_len(number: Number<'_>) -> usize {
    match number {
        Number::Int(value) => itoa::Buffer::new().format(value).len(),
        Number::Float(value) => ryu::Buffer::new().format_finite(value).len(),
        Number::Decimal(text) => text.len(),
    }
}

/// How many bytes [`write_string`] appends.
pub(crate) fn string_len(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut length = bytes.len() + 2;
    let mut at = special(bytes, 0);
    while let Some(&byte) = bytes.get(at) {
        length += escape(byte, &mut [0; 6]).len() - 1;
        at = special(bytes, at + 1);
    }
    length
}

/// Appends `text` as a JSON string with its quotes.
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    out.reserve(text.len() + 2);
    write_quoted::<Plain>(text, out);
}

#[inline]
fn write_quoted<S: Style>(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(S::QUOTE);
    S::text(text, out);
    out.extend_from_slice(S::QUOTE);
}

/// Appends `text`, with what `append` makes of the escapes of the characters that need one.
#[inline]
fn write_escaped(text: &str, out: &mut Vec<u8>, append: impl Fn(&[u8], &mut Vec<u8>)) {
    let bytes = text.as_bytes();
    let mut from = 0;
    loop {
        let at = special(bytes, from);
        out.extend_from_slice(&bytes[from..at]);
        let Some(&byte) = bytes.get(at) else { return };
        append(escape(byte, &mut [0; 6]), out);
        from = at + 1;
    }
}

/// How a byte that does not stand for itself is written.
#[inline]
fn escape(byte: u8, long: &mut [u8; 6]) -> &[u8] {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    match byte {
        b'"' => b"\\\"",
        b'\\' => b"\\\\",
        b'\n' => b"\\n",
        b'\r' => b"\\r",
        b'\t' => b"\\t",
        0x08 => b"\\b",
        0x0c => b"\\f",
        _ => {
            *long = [b'\\', b'u', b'0', b'0', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
            long
        }
    }
}
