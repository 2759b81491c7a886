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
        Number::Float(value) => with_printed(value, |text| out.extend_from_slice(text)),
        Number::Decimal(text) => out.extend_from_slice(text.as_bytes()),
    }
}

/// How many bytes [`write_number`] appends.
pub(crate) fn number_len(number: Number<'_>) -> usize {
    match number {
        Number::Int(value) => itoa::Buffer::new().format(value).len(),
        Number::Float(value) => with_printed(value, <[u8]>::len),
        Number::Decimal(text) => text.len(),
    }
}

/// Hands the shortest decimal of a double to `act`.
fn with_printed<R>(value: f64, act: impl FnOnce(&[u8]) -> R) -> R {
    let mut buffer = [0; SHORT_BYTES_MAX];
    match print_short(value, &mut buffer) {
        Some(text) => act(text),
        None => act(ryu::Buffer::new().format_finite(value).as_bytes()),
    }
}

/// A sign, eleven digits, a point and four digits.
const SHORT_BYTES_MAX: usize = 17;

/// Prints a double that has few digits, as prices have: a decimal of at most fifteen digits which reads as the double is
/// the only one, and so the shortest when its last digit counts. Nothing for any other double.
#[inline]
fn print_short(value: f64, buffer: &mut [u8; SHORT_BYTES_MAX]) -> Option<&[u8]> {
    let size = value.abs();
    if !(1e-3..1e11).contains(&size) {
        return None;
    }
    let scales = [(1, 1e1), (2, 1e2), (3, 1e3), (4, 1e4)];
    let (places, digits) = scales.into_iter().find_map(|(places, scale)| {
        let digits = (size * scale + 0.5) as u64;
        (digits as f64 / scale == size).then_some((places, digits))
    })?;
    let mut rest = digits;
    let mut at = buffer.len();
    let point = at - 1 - places;
    while rest > 0 || at > point - 1 {
        at -= 1;
        if at == point {
            buffer[at] = b'.';
            continue;
        }
        buffer[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    if value < 0.0 {
        at -= 1;
        buffer[at] = b'-';
    }
    Some(&buffer[at..])
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

#[cfg(test)]
mod tests {
    use super::with_printed;

    #[test]
    fn doubles_are_printed_as_ryu_prints_them() {
        let mut rng = fastrand::Rng::with_seed(11);
        for round in 0..300_000 {
            let digits = (rng.u64(..) >> rng.u32(11..64)) as f64;
            let value = match round % 4 {
                0 => digits / 10_f64.powi(rng.i32(0..8)),
                1 => (rng.f64() - 0.5) * 10_f64.powi(rng.i32(-8..16)),
                2 => f64::from_bits((digits / 100.0).to_bits() + rng.u64(0..3)),
                _ => f64::from_bits(rng.u64(..)),
            };
            let value = if rng.bool() { value } else { -value };
            if value.is_finite() {
                let printed = with_printed(value, <[u8]>::to_vec);
                assert_eq!(String::from_utf8_lossy(&printed), ryu::Buffer::new().format_finite(value));
            }
        }
        for value in [0.0, -0.0, 0.5, 1.0, -1.0, 0.001, 0.1 + 0.2, 99_999_999_999.999_9, 1e10, 1e11, 12.25, 4.5, 0.05] {
            let printed = with_printed(value, <[u8]>::to_vec);
            assert_eq!(String::from_utf8_lossy(&printed), ryu::Buffer::new().format_finite(value));
        }
    }
}
