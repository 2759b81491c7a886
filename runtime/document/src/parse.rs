//! JSON text to documents, in one pass (RFC 8259, nothing more lenient).

use crate::{DEPTH_MAX, Document, Object, Text};

/// Why a text is not a JSON document, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at line {line} column {column}")]
pub struct ParseError {
    /// What was wrong.
    pub kind: ParseErrorKind,
    /// Byte offset of the place.
    pub offset: usize,
    /// Line of the place, from 1.
    pub line: usize,
    /// Column of the place in characters, from 1.
    pub column: usize,
}

/// What was wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseErrorKind {
    /// The text is not UTF-8.
    #[error("invalid UTF-8")]
    InvalidUtf8,
    /// The text ended within a value, or held no value at all.
    #[error("unexpected end of the text")]
    UnexpectedEnd,
    /// A character that cannot stand there.
    #[error("unexpected character '{0}'")]
    UnexpectedCharacter(char),
    /// A word that is none of `null`, `true` and `false`.
    #[error("unrecognized token '{0}'")]
    UnrecognizedToken(String),
    /// A number that the grammar does not allow.
    #[error("invalid number")]
    InvalidNumber,
    /// A backslash followed by what is no escape, or half of a surrogate pair.
    #[error("invalid escape in a string")]
    InvalidEscape,
    /// A control character within a string.
    #[error("unescaped control character in a string")]
    ControlCharacter,
    /// Deeper nesting than [`DEPTH_MAX`].
    #[error("nesting deeper than {DEPTH_MAX}")]
    TooDeep,
    /// A second value after the first.
    #[error("text after the value")]
    TrailingText,
}

impl Document {
    /// Parses one JSON value.
    ///
    /// # Errors
    /// Whatever RFC 8259 does not allow, and nesting deeper than [`DEPTH_MAX`].
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        let valid = match std::str::from_utf8(text) {
            Ok(valid) => valid,
            Err(error) => return Err(locate(text, error.valid_up_to(), ParseErrorKind::InvalidUtf8)),
        };
        let mut parser = Parser { text: valid, bytes: text, at: 0, depth: 0, keys: Keys::default() };
        parser.document().map_err(|kind| locate(text, parser.at, kind))
    }
}

fn locate(text: &[u8], offset: usize, kind: ParseErrorKind) -> ParseError {
    let before = &text[..offset.min(text.len())];
    let line_start = before.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
    let line = 1 + before.iter().filter(|&&b| b == b'\n').count();
    let column = 1 + String::from_utf8_lossy(&before[line_start..]).chars().count();
    ParseError { kind, offset, line, column }
}

struct Parser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    depth: usize,
    keys: Keys,
}

/// Keys seen lately: the objects of a list have the same ones, and share them.
#[derive(Default)]
struct Keys([Option<Text>; Keys::SLOTS]);

impl Keys {
    const SLOTS: usize = 32;

    fn share(&mut self, key: &str) -> Text {
        let bytes = key.as_bytes();
        let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return Text::new() };
        let slot = &mut self.0[(bytes.len() * 7 + usize::from(*first) * 3 + usize::from(*last)) % Self::SLOTS];
        match slot {
            Some(seen) if seen.as_str() == key => seen.clone(),
            _ => slot.insert(Text::from(key)).clone(),
        }
    }
}

type Parsed<T> = Result<T, ParseErrorKind>;

impl Parser<'_> {
    fn document(&mut self) -> Parsed<Document> {
        self.skip_space();
        let value = self.value()?;
        self.skip_space();
        if self.at < self.bytes.len() { Err(ParseErrorKind::TrailingText) } else { Ok(value) }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self) -> Parsed<Document> {
        match self.peek() {
            Some(b'"') => Ok(Document::from(self.string()?)),
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(byte) if byte.is_ascii_alphabetic() => self.word(),
            _ => Err(self.unexpected()),
        }
    }

    fn nested(&mut self, parse: fn(&mut Self) -> Parsed<Document>) -> Parsed<Document> {
        if self.depth == DEPTH_MAX {
            return Err(ParseErrorKind::TooDeep);
        }
        self.depth += 1;
        self.at += 1;
        self.skip_space();
        let value = parse(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn object(&mut self) -> Parsed<Document> {
        let mut entries: Vec<(Text, Document)> = Vec::new();
        if self.took(b'}') {
            return Ok(Document::empty_object());
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.unexpected());
            }
            let key = self.key()?;
            self.skip_space();
            if !self.took(b':') {
                return Err(self.unexpected());
            }
            self.skip_space();
            entries.push((key, self.value()?));
            if self.closes(b'}')? {
                return Ok(Document::from(Object::from_entries(entries)));
            }
        }
    }

    fn array(&mut self) -> Parsed<Document> {
        let mut items = Vec::new();
        if self.took(b']') {
            return Ok(Document::from(items));
        }
        loop {
            items.push(self.value()?);
            if self.closes(b']')? {
                return Ok(Document::from(items));
            }
        }
    }

    /// After an element: whether `close` ends the list, or a comma goes on with it.
    fn closes(&mut self, close: u8) -> Parsed<bool> {
        self.skip_space();
        if self.took(close) {
            return Ok(true);
        }
        if !self.took(b',') {
            return Err(self.unexpected());
        }
        self.skip_space();
        Ok(false)
    }

    fn took(&mut self, byte: u8) -> bool {
        let here = self.peek() == Some(byte);
        self.at += usize::from(here);
        here
    }

    fn unexpected(&self) -> ParseErrorKind {
        match self.text.get(self.at..).and_then(|rest| rest.chars().next()) {
            Some(character) => ParseErrorKind::UnexpectedCharacter(character),
            None => ParseErrorKind::UnexpectedEnd,
        }
    }

    fn word(&mut self) -> Parsed<Document> {
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '$').unwrap_or(rest.len());
        let value = match &rest[..end] {
            "null" => Document::NULL,
            "true" => Document::from(true),
            "false" => Document::from(false),
            other => return Err(ParseErrorKind::UnrecognizedToken(other.chars().take(64).collect())),
        };
        self.at += end;
        Ok(value)
    }

    fn number(&mut self) -> Parsed<Document> {
        let start = self.at;
        let _negative = self.took(b'-');
        if !self.took(b'0') && self.digits() == 0 {
            return Err(ParseErrorKind::InvalidNumber);
        }
        if matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(ParseErrorKind::InvalidNumber);
        }
        if self.took(b'.') && self.digits() == 0 {
            return Err(ParseErrorKind::InvalidNumber);
        }
        if self.took(b'e') || self.took(b'E') {
            let _sign = self.took(b'+') || self.took(b'-');
            if self.digits() == 0 {
                return Err(ParseErrorKind::InvalidNumber);
            }
        }
        Ok(Document::number_from_text(&self.text[start..self.at]))
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - start
    }

    fn string(&mut self) -> Parsed<Text> {
        let start = self.at + 1;
        match memchr::memchr2(b'"', b'\\', &self.bytes[start..]) {
            None => {
                self.at = self.bytes.len();
                Err(ParseErrorKind::UnexpectedEnd)
            }
            Some(length) => {
                let plain = &self.bytes[start..start + length];
                self.refuse_control(start, plain)?;
                self.at = start + length;
                if self.took(b'"') {
                    return Ok(Text::from(&self.text[start..start + length]));
                }
                self.escaped_string(start)
            }
        }
    }

    /// A string that is a key. Nearly every key has no escape and was seen before.
    fn key(&mut self) -> Parsed<Text> {
        let start = self.at + 1;
        let rest = &self.bytes[start..];
        match rest.iter().position(|&b| b == b'"' || b == b'\\' || b < 0x20) {
            Some(length) if rest[length] == b'"' => {
                self.at = start + length + 1;
                Ok(self.keys.share(&self.text[start..start + length]))
            }
            _ => self.string(),
        }
    }

    fn refuse_control(&mut self, start: usize, plain: &[u8]) -> Parsed<()> {
        match plain.iter().position(|&b| b < 0x20) {
            Some(at) => {
                self.at = start + at;
                Err(ParseErrorKind::ControlCharacter)
            }
            None => Ok(()),
        }
    }

    /// The rest of a string whose first backslash is at `self.at`.
    fn escaped_string(&mut self, start: usize) -> Parsed<Text> {
        let mut out = String::with_capacity(self.at - start + 16);
        out.push_str(&self.text[start..self.at]);
        loop {
            match self.peek() {
                None => return Err(ParseErrorKind::UnexpectedEnd),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Text::from(out));
                }
                Some(b'\\') => out.push(self.escape()?),
                Some(byte) if byte < 0x20 => return Err(ParseErrorKind::ControlCharacter),
                Some(_) => {
                    let from = self.at;
                    let rest = &self.bytes[from..];
                    let length = rest.iter().position(|&b| b == b'"' || b == b'\\' || b < 0x20).unwrap_or(rest.len());
                    self.at += length;
                    out.push_str(&self.text[from..self.at]);
                }
            }
        }
    }

    fn escape(&mut self) -> Parsed<char> {
        let character = match self.bytes.get(self.at + 1) {
            None => return Err(ParseErrorKind::UnexpectedEnd),
            Some(b'u') => return self.unicode_escape(),
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(_) => return Err(ParseErrorKind::InvalidEscape),
        };
        self.at += 2;
        Ok(character)
    }

    fn unicode_escape(&mut self) -> Parsed<char> {
        let high = self.hex4(self.at)?;
        let (code, length) = match high {
            0xd800..=0xdbff => {
                let low = self.hex4(self.at + 6)?;
                if !(0xdc00..=0xdfff).contains(&low) {
                    return Err(ParseErrorKind::InvalidEscape);
                }
                (0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00), 12)
            }
            other => (other, 6),
        };
        let character = char::from_u32(code).ok_or(ParseErrorKind::InvalidEscape)?;
        self.at += length;
        Ok(character)
    }

    /// The four hexadecimal digits of the `\u` escape at `at`.
    fn hex4(&self, at: usize) -> Parsed<u32> {
        let escape = self.bytes.get(at..at + 6).ok_or(ParseErrorKind::InvalidEscape)?;
        if &escape[..2] != b"\\u" {
            return Err(ParseErrorKind::InvalidEscape);
        }
        escape[2..].iter().try_fold(0, |code, &byte| {
            (byte as char).to_digit(16).map(|digit| code * 16 + digit).ok_or(ParseErrorKind::InvalidEscape)
        })
    }
}
