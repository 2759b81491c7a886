//! Functions of strings that look for no pattern.

use super::{Arguments, Native};
use crate::jsonata::{Code, Evaluator, JsonataError, Value, cast};
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

pub(super) const FUNCTIONS: &[Native] = &[
    Native { name: "string", signature: "<x-b?:s>", arity: 1, call: string },
    Native { name: "length", signature: "<s-:n>", arity: 1, call: length },
    Native { name: "substring", signature: "<s-nn?:s>", arity: 3, call: substring },
    Native { name: "substringBefore", signature: "<s-s:s>", arity: 2, call: substring_before },
    Native { name: "substringAfter", signature: "<s-s:s>", arity: 2, call: substring_after },
    Native {
        name: "uppercase",
        signature: "<s-:s>",
        arity: 1,
        call: |ev, arguments| map(ev, arguments, str::to_uppercase),
    },
    Native {
        name: "lowercase",
        signature: "<s-:s>",
        arity: 1,
        call: |ev, arguments| map(ev, arguments, str::to_lowercase),
    },
    Native { name: "trim", signature: "<s-:s>", arity: 1, call: |ev, arguments| map(ev, arguments, trim) },
    Native { name: "pad", signature: "<s-ns?:s>", arity: 3, call: pad },
    Native { name: "join", signature: "<a<s>s?:s>", arity: 2, call: join },
    Native {
        name: "base64encode",
        signature: "<s-:s>",
        arity: 1,
        call: |ev, arguments| map(ev, arguments, base64_encode),
    },
    Native {
        name: "base64decode",
        signature: "<s-:s>",
        arity: 1,
        call: |ev, arguments| map(ev, arguments, base64_decode),
    },
    Native {
        name: "encodeUrlComponent",
        signature: "<s-:s>",
        arity: 1,
        call: |ev, arguments| map(ev, arguments, |text| percent_encode(text, "")),
    },
    Native {
        name: "encodeUrl",
        signature: "<s-:s>",
        arity: 1,
        call: |ev, arguments| map(ev, arguments, |text| percent_encode(text, URL_STRUCTURE)),
    },
    Native {
        name: "decodeUrlComponent",
        signature: "<s-:s>",
        arity: 1,
        call: |ev, arguments| decode_url(ev, arguments, "decodeUrlComponent", ""),
    },
    Native {
        name: "decodeUrl",
        signature: "<s-:s>",
        arity: 1,
        call: |ev, arguments| decode_url(ev, arguments, "decodeUrl", URL_STRUCTURE),
    },
];

/// What gives a URL its structure: `encodeURI` leaves it alone, and `decodeURI` leaves its escapes alone.
const URL_STRUCTURE: &str = ";/?:@&=+$,#";

type Result<T = Value> = std::result::Result<T, JsonataError>;

/// A text as a value, paid for.
pub(super) fn made(evaluator: &mut Evaluator<'_, '_>, text: impl AsRef<str>) -> Result {
    let text = text.as_ref();
    evaluator.budget.allocate(text.len())?;
    Ok(Value::from(text))
}

fn map<S: AsRef<str>>(evaluator: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>, of: impl Fn(&str) -> S) -> Result {
    match arguments.text(0) {
        Some(text) => made(evaluator, of(text)),
        None => Ok(Value::Undefined),
    }
}

fn string(evaluator: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>) -> Result {
    let value = arguments.get(0);
    if value.is_undefined() || value.as_text().is_some() {
        return Ok(value.clone());
    }
    let text = cast::text(value, arguments.get(1).as_bool() == Some(true), evaluator.budget)?;
    Ok(Value::from(text))
}

fn length(_: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>) -> Result {
    Ok(arguments.text(0).map_or(Value::Undefined, |text| Value::from(text.chars().count() as f64)))
}

fn substring(evaluator: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>) -> Result {
    let Some(text) = arguments.text(0) else { return Ok(Value::Undefined) };
    let length = text.chars().count() as f64;
    let start = arguments.number(1).unwrap_or(f64::NAN);
    let start = if length + start < 0.0 { 0.0 } else { start };
    let end = match arguments.number(2) {
        Some(count) if count <= 0.0 => return made(evaluator, ""),
        Some(count) if start >= 0.0 => start + count,
        Some(count) => length + start + count,
        None => length,
    };
    let (start, end) = (position(start, length), position(end, length));
    let from = byte_of(text, start);
    let to = if end > start { from + byte_of(&text[from..], end - start) } else { from };
    made(evaluator, &text[from..to])
}

/// An argument of `Array.prototype.slice` as a position between 0 and `length`: negative counts from the end.
fn position(at: f64, length: f64) -> usize {
    // A position that is no number casts to 0.
    let at = if at.is_nan() { 0.0 } else { at.trunc() };
    if at < 0.0 { (length + at).max(0.0) as usize } else { at.min(length) as usize }
}

/// The byte at which the character with the number `at` begins, or the end.
fn byte_of(text: &str, at: usize) -> usize {
    text.char_indices().nth(at).map_or(text.len(), |(byte, _)| byte)
}

fn substring_before(evaluator: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>) -> Result {
    let Some(text) = arguments.text(0) else { return Ok(Value::Undefined) };
    let found = arguments.text(1).and_then(|wanted| text.find(wanted));
    made(evaluator, found.map_or(text, |at| &text[..at]))
}

fn substring_after(evaluator: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>) -> Result {
    let Some(text) = arguments.text(0) else { return Ok(Value::Undefined) };
    let found = arguments.text(1).and_then(|wanted| Some(text.find(wanted)? + wanted.len()));
    made(evaluator, found.map_or(text, |at| &text[at..]))
}

/// Runs of white space become one space, and none at the ends.
fn trim(text: &str) -> String {
    let words = text.split([' ', '\t', '\n', '\r']).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

fn pad(evaluator: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>) -> Result {
    let Some(text) = arguments.text(0) else { return Ok(Value::Undefined) };
    let width = arguments.number(1).unwrap_or(0.0).trunc();
    let filling = arguments.text(2).filter(|filling| !filling.is_empty()).unwrap_or(" ");
    let missing = width.abs() as usize;
    let missing = missing.saturating_sub(text.chars().count());
    let widest = filling.chars().map(char::len_utf8).max().unwrap_or(1);
    evaluator.budget.allocate(missing.saturating_mul(widest))?;
    evaluator.budget.spend((missing / 16) as u64)?;
    let padding: String = filling.chars().cycle().take(missing).collect();
    made(evaluator, if width > 0.0 { format!("{text}{padding}") } else { format!("{padding}{text}") })
}

fn join(evaluator: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>) -> Result {
    let Some(items) = arguments.get(0).items() else { return Ok(Value::Undefined) };
    let separator = arguments.text(1).unwrap_or("");
    let mut joined = String::new();
    for (i, item) in items.iter().enumerate() {
        let item = item.as_str().unwrap_or("");
        let separator = if i == 0 { "" } else { separator };
        evaluator.budget.spend(1)?;
        evaluator.budget.allocate(separator.len() + item.len())?;
        joined.push_str(separator);
        joined.push_str(item);
    }
    Ok(Value::from(joined))
}

/// The characters are taken for bytes; of one beyond U+00FF the low byte is left, as Node has it.
fn base64_encode(text: &str) -> String {
    let bytes: Vec<u8> = text.encode_utf16().map(|unit| unit as u8).collect();
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Forgiving as Node is: both alphabets, padding or none, and whatever belongs to neither is passed over. Of a
/// character beyond U+00FF the low byte counts.
fn base64_decode(text: &str) -> String {
    const FORGIVING: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::RequireNone)
            .with_decode_allow_trailing_bits(true),
    );
    let mut symbols: Vec<u8> = text
        .encode_utf16()
        .map(|unit| unit as u8)
        .take_while(|&byte| byte != b'=')
        .filter_map(|byte| match byte {
            b'-' => Some(b'+'),
            b'_' => Some(b'/'),
            b'+' | b'/' => Some(byte),
            _ => byte.is_ascii_alphanumeric().then_some(byte),
        })
        .collect();
    if symbols.len() % 4 == 1 {
        // Six bits make no byte.
        symbols.pop();
    }
    let bytes = FORGIVING.decode(symbols).expect("symbols of the alphabet, in a number that makes bytes");
    bytes.into_iter().map(char::from).collect()
}

fn percent_encode(text: &str, keep: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        let c = char::from(byte);
        if c.is_ascii_alphanumeric() || "-_.!~*'()".contains(c) || c.is_ascii() && keep.contains(c) {
            encoded.push(c);
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

fn decode_url(evaluator: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>, name: &str, keep: &str) -> Result {
    let Some(text) = arguments.text(0) else { return Ok(Value::Undefined) };
    match percent_decode(text, keep) {
        Some(decoded) => made(evaluator, decoded),
        None => Err(JsonataError::new(Code::D3140).text("value", text).text("functionName", name)),
    }
}

/// Nothing when an escape is malformed or what it says is no UTF-8.
fn percent_decode(text: &str, keep: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        if byte != b'%' {
            decoded.push(byte);
            rest = tail;
            continue;
        }
        let (escape, tail) = tail.split_at_checked(2)?;
        let digit = |at: usize| char::from(escape[at]).to_digit(16);
        let byte = (digit(0)? * 16 + digit(1)?) as u8;
        if byte.is_ascii() && keep.contains(char::from(byte)) {
            decoded.push(b'%');
            decoded.extend_from_slice(escape);
        } else {
            decoded.push(byte);
        }
        rest = tail;
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::{URL_STRUCTURE, base64_decode, base64_encode, percent_decode, percent_encode, trim};

    #[test]
    fn base64_is_of_bytes_and_read_forgivingly() {
        for (text, encoded) in [("myuser:mypass", "bXl1c2VyOm15cGFzcw=="), ("é\u{ff}", "6f8="), ("Ā", "AA=="), ("", "")]
        {
            assert_eq!(base64_encode(text), encoded, "{text:?}");
        }
        for (text, decoded) in [
            ("bXl1c2Vy", "myuser"),
            ("YQ==YQ==", "a"),
            ("Y Q\n==", "a"),
            ("YWJj-_", "abc\u{fb}"),
            ("Y", ""),
            ("YWJ", "ab"),
            ("éYWJj", "abc"),
            ("=YQ==", ""),
            ("е1", "ç"),
            ("G💩Q", ""),
        ] {
            assert_eq!(base64_decode(text), decoded, "{text:?}");
        }
    }

    #[test]
    fn urls_keep_their_structure() {
        let url = "https://x.y/é b?q=a&b#c%";
        assert_eq!(percent_encode(url, URL_STRUCTURE), "https://x.y/%C3%A9%20b?q=a&b#c%25");
        assert_eq!(percent_encode("?x=é", ""), "%3Fx%3D%C3%A9");
        for (text, keep, decoded) in [
            ("%3Fx%3d%C3%A9", "", Some("?x=é")),
            ("%3Fx%3d%C3%A9", URL_STRUCTURE, Some("%3Fx%3dé")),
            ("a%", "", None),
            ("a%2", "", None),
            ("a%zz", "", None),
            ("%+1", "", None),
            ("%E0%A4%A", "", None),
            ("%C3x", "", None),
        ] {
            assert_eq!(percent_decode(text, keep).as_deref(), decoded, "{text:?}");
        }
    }

    #[test]
    fn trimming_also_narrows() {
        for (text, trimmed) in [("  a \t\r\n b ", "a b"), ("\u{a0}a", "\u{a0}a"), (" \n", ""), ("", "")] {
            assert_eq!(trim(text), trimmed, "{text:?}");
        }
    }
}
