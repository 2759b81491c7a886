//! The request of a start as it mostly comes, a flat object of strings: read in one pass, without a tree.
//!
//! Only what is right, and usual, is read here. All else is left to the general reader, which says what is wrong with
//! it, or finds that nothing is.

use fleetstep_document::{Text, is_special, specials};
use std::cell::RefCell;

/// The members whose text is taken as it stands.
pub(super) const NAMES: [&str; 4] = ["stateMachineArn", "name", "traceHeader", "includedData"];
/// The member whose text may hold escapes: JSON in a JSON string.
const INPUT: &str = "input";
/// What a thread keeps to write an input into.
const SCRATCH_BYTES_MAX: usize = 64 << 10;

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The members that are there.
#[derive(Debug, Default)]
pub(super) struct Flat<'a> {
    /// In the order of [`NAMES`].
    pub(super) texts: [Option<&'a str>; NAMES.len()],
    pub(super) input: Option<Input<'a>>,
}

/// An execution's input.
#[derive(Debug)]
pub(super) struct Input<'a> {
    pub(super) text: Text,
    /// What stood between the quotes, which is what would be written for `text`.
    pub(super) escaped: &'a str,
}

impl<'a> Flat<'a> {
    /// Reads a request, or leaves it to the general reader.
    pub(super) fn read(body: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok()?;
        let mut reader = Reader { text, bytes: body, at: 0 };
        let mut flat = Self::default();
        reader.expect(b'{')?;
        loop {
            reader.expect(b'"')?;
            let name = reader.string()?;
            reader.expect(b':')?;
            reader.expect(b'"')?;
            if name == INPUT {
                let input = reader.input()?;
                if flat.input.replace(input).is_some() {
                    return None;
                }
            } else {
                let value = reader.string()?;
                if let Some(at) = NAMES.iter().position(|known| *known == name)
                    && flat.texts[at].replace(value).is_some()
                {
                    return None;
                }
            }
            match reader.token()? {
                b',' => {}
                b'}' => break,
                _ => return None,
            }
        }
        reader.token().is_none().then_some(flat)
    }
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// The next byte that is no white space.
    #[inline]
    fn token(&mut self) -> Option<u8> {
        loop {
            let byte = *self.bytes.get(self.at)?;
            self.at += 1;
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(byte);
            }
        }
    }

    #[inline]
    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.token()? == byte).then_some(())
    }

    /// The rest of a string without escapes, behind its first quote.
    #[inline]
    fn string(&mut self) -> Option<&'a str> {
        let start = self.at;
        while let Some(word) = self.bytes.get(self.at..).and_then(<[u8]>::first_chunk) {
            let found = specials(u64::from_le_bytes(*word));
            self.at += found.trailing_zeros() as usize / 8;
            if found != 0 {
                break;
            }
        }
        while !is_special(*self.bytes.get(self.at)?) {
            self.at += 1;
        }
        let end = self.at;
        self.at += 1;
        (self.bytes[end] == b'"').then(|| &self.text[start..end])
    }

    /// The rest of a string with escapes, behind its first quote.
    fn input(&mut self) -> Option<Input<'a>> {
        let start = self.at;
        let text = SCRATCH.with_borrow_mut(|scratch| {
            // A word is written whole, though less of it counts.
            let room = self.bytes.len() - start + size_of::<u64>();
            if scratch.len() < room {
                scratch.resize(room, 0);
            }
            let text =
                self.unescape(scratch).and_then(|length| std::str::from_utf8(&scratch[..length]).ok().map(Text::from));
            // Whether it was read or left to the general reader.
            if scratch.capacity() > SCRATCH_BYTES_MAX {
                *scratch = Vec::new();
            }
            text
        })?;
        Some(Input { text, escaped: &self.text[start..self.at - 1] })
    }

    /// Writes what a string says to `out`. Returns its length; nothing for a string that has escapes which would not be
    /// written.
    #[inline]
    fn unescape(&mut self, out: &mut [u8]) -> Option<usize> {
        let (mut at, mut to) = (self.at, 0);
        loop {
            match self.bytes.get(at..).and_then(<[u8]>::first_chunk) {
                Some(word) => {
                    *out.get_mut(to..)?.first_chunk_mut()? = *word;
                    let found = specials(u64::from_le_bytes(*word));
                    let plain = found.trailing_zeros() as usize / 8;
                    (at, to) = (at + plain, to + plain);
                    if found == 0 {
                        continue;
                    }
                }
                None => {
                    let byte = *self.bytes.get(at)?;
                    if !is_special(byte) {
                        *out.get_mut(to)? = byte;
                        (at, to) = (at + 1, to + 1);
                        continue;
                    }
                }
            }
            if self.bytes[at] == b'"' {
                self.at = at + 1;
                return Some(to);
            }
            let escaped = match (self.bytes[at], *self.bytes.get(at + 1)?) {
                (b'\\', byte @ (b'"' | b'\\')) => byte,
                (b'\\', b'n') => b'\n',
                (b'\\', b'r') => b'\r',
                (b'\\', b't') => b'\t',
                (b'\\', b'b') => 0x08,
                (b'\\', b'f') => 0x0c,
                _ => return None,
            };
            *out.get_mut(to)? = escaped;
            (at, to) = (at + 2, to + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleetstep_document::{Document, write_string};

    /// What is read here is what the general reader reads, and the escaped text what would be written.
    fn check(body: &str, is_flat: bool) {
        let Some(flat) = Flat::read(body.as_bytes()) else { return assert!(!is_flat, "{body}") };
        assert!(is_flat, "{body}");
        let document = Document::parse(body.as_bytes()).expect("it is JSON");
        for (name, value) in NAMES.iter().zip(flat.texts) {
            assert_eq!(document.get(name).and_then(Document::as_str), value, "{body}");
        }
        let input = document.get(INPUT).and_then(Document::as_text);
        assert_eq!(flat.input.as_ref().map(|input| &input.text), input, "{body}");
        if let Some(input) = &flat.input {
            let mut written = Vec::new();
            write_string(&input.text, &mut written);
            assert_eq!(format!("\"{}\"", input.escaped).as_bytes(), written, "{body}");
        }
    }

    #[test]
    fn usual_requests_are_read_and_others_left() {
        let cases = [
            (r#"{"stateMachineArn":"arn:aws:states:us-east-1:000000000000:stateMachine:pass"}"#, true),
            (r#" { "input" : "{}" , "name":"n","traceHeader":"", "includedData":"METADATA_ONLY" } "#, true),
            (r#"{"unknown":"of no account","input":"{\"a\":\"b\\n\\\"c\\\"\"}"}"#, true),
            ("{\"input\":\"\\\"\\b\\f\\n\\r\\t\\\\\\\"\"}", true),
            ("{\"input\":\"äöü — \u{1f600} \\\"x\\\"\"}", true),
            (r#"{"input":"a / b \/"}"#, false),
            (r#"{"input":"\u00e4"}"#, false),
            (r#"{"name":"a\"b"}"#, false),
            (r#"{"name":null}"#, false),
            (r#"{"input":{}}"#, false),
            (r#"{"name":"a","name":"b"}"#, false),
            (r#"{"input":"a","input":"b"}"#, false),
            (r#"{"name":"a"} x"#, false),
            (r#"{"name":"a",}"#, false),
            (r#"{"name":"a""#, false),
            (r#"{"input":"a"#, false),
            (r#"{"input":"a\"#, false),
            ("{\"input\":\"a\u{1}bcdefghijkl\"}", false),
            ("{\"input\":\"a\nb\"}", false),
            ("{}", false),
            ("[]", false),
            ("", false),
        ];
        for (body, is_flat) in cases {
            check(body, is_flat);
        }
        assert!(Flat::read(b"{\"name\":\"\xff\"}").is_none());
    }

    #[test]
    fn escapes_are_read_at_every_place() {
        for before in 0..20 {
            for after in 0..20 {
                for escape in [r#"\""#, r"\\", r"\n", "ä", ""] {
                    check(&format!("{{\"input\":\"{}{escape}{}\"}}", "x".repeat(before), "y".repeat(after)), true);
                }
            }
        }
    }
}
