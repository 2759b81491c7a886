//! JSON text to documents, in one pass (RFC 8259, nothing more lenient).

use crate::object::same_key;
use crate::raw::Member;
use crate::scan::{is_special, special, specials};
use crate::{DEPTH_MAX, Document, Object, Text};
use std::ops::Range;

/// A text that is no longer is shared by what stands in it, however little that is.
const SHARED_BYTES_MAX: usize = 512;
/// Members that most objects have no more of.
const MEMBERS_USUAL: usize = 8;

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
        let mut parser = Parser::new(valid);
        match parser.document() {
            Some(document) => Ok(document),
            None => Err(locate(text, parser.at, parser.kind())),
        }
    }
}

/// Takes apart one level of an object, or all of an array, that stands at `place` of a text that was checked.
pub(crate) fn look_into(text: &Text, place: Range<usize>) -> Document {
    let mut parser = Parser::new(&text[..place.end]);
    parser.at = place.start;
    parser.kept_in = Some(text);
    parser.value().expect("the text was checked when the document was made")
}

/// Where the members are of what stands at `place` of a text that was checked: nothing where it is no object, has more
/// than so many, or has a name with an escape.
pub(crate) fn members(text: &Text, place: Range<usize>, members_max: usize) -> Option<Box<[Member]>> {
    let mut parser = Parser::new(&text[..place.end]);
    parser.at = place.start;
    let mut members = Vec::with_capacity(MEMBERS_USUAL);
    if !parser.took(b'{') {
        return None;
    }
    // A text that is kept has no space between its parts.
    while !parser.took(b'}') {
        parser.took(b',');
        let name = parser.at + 1..special(parser.bytes, parser.at + 1);
        if members.len() == members_max || parser.bytes[name.end] != b'"' {
            return None;
        }
        parser.at = name.end + 2;
        let start = parser.at;
        parser.skip_value();
        members.push(Member::new(name, start..parser.at));
    }
    Some(members.into())
}

/// Reads the value of a member that stands at `place` of a text that was checked: an array or an object stays text.
pub(crate) fn look_at(text: &Text, place: Range<usize>) -> Document {
    let mut parser = Parser::new(&text[..place.end]);
    parser.at = place.start;
    parser.kept_in = Some(text);
    parser.depth = 1;
    parser.value().expect("the text was checked when the document was made")
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
    /// Where the parser is; once it failed, where it failed.
    at: usize,
    depth: usize,
    failure: Option<ParseErrorKind>,
    /// The text, if it was checked and is kept.
    kept_in: Option<&'a Text>,
    /// How many arrays are open.
    arrays: usize,
    keys: Keys,
    /// Entries and elements of the objects and arrays that are open: each gets its own, in room of the right size,
    /// when it closes.
    entries: Vec<(Text, Document)>,
    items: Vec<Document>,
    unescaped: Vec<u8>,
}

/// Keys seen lately within arrays: the objects of a list have the same ones, and share them.
#[derive(Default)]
struct Keys(Vec<Option<Text>>);

impl Keys {
    const SLOTS: usize = 32;

    fn share(&mut self, key: &str) -> Text {
        let bytes = key.as_bytes();
        let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return Text::new() };
        let slot = (bytes.len() * 7 + usize::from(*first) * 3 + usize::from(*last)) % Self::SLOTS;
        if self.0.is_empty() {
            self.0.resize(Self::SLOTS, None);
        }
        match &mut self.0[slot] {
            Some(seen) if same_key(seen, key) => seen.clone(),
            slot => slot.insert(Text::from(key)).clone(),
        }
    }
}

/// Nothing once the parser failed, whose `failure` says why: so that a document comes back in registers.
type Parsed<T> = Option<T>;

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Self {
        let bytes = text.as_bytes();
        Self {
            text,
            bytes,
            at: 0,
            depth: 0,
            failure: None,
            kept_in: None,
            arrays: 0,
            keys: Keys::default(),
            entries: Vec::new(),
            items: Vec::new(),
            unescaped: Vec::new(),
        }
    }

    /// Why it failed.
    fn kind(self) -> ParseErrorKind {
        self.failure.unwrap_or(ParseErrorKind::UnexpectedEnd)
    }

    #[cold]
    fn fail<T>(&mut self, kind: ParseErrorKind) -> Parsed<T> {
        self.failure = Some(kind);
        None
    }

    fn document(&mut self) -> Parsed<Document> {
        self.skip_space();
        let value = self.value()?;
        self.skip_space();
        if self.at < self.bytes.len() { self.fail(ParseErrorKind::TrailingText) } else { Some(value) }
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline]
    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self) -> Parsed<Document> {
        match self.peek() {
            Some(b'"') => self.string().map(Document::from),
            Some(b'{' | b'[') if self.kept_in.is_some() && self.depth == 1 && self.arrays == 0 => Some(self.kept()),
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(byte) if byte.is_ascii_alphabetic() => self.word(),
            _ => self.unexpected(),
        }
    }

    /// An array or an object within an object that is being looked into: it stays text.
    ///
    /// It shares the text if that is short or it is the better part of it, and else has a copy: so a document never
    /// keeps a long text that is much longer than itself, and all copies together are no longer than the text.
    fn kept(&mut self) -> Document {
        let text = self.kept_in.expect("a text that is kept is looked into");
        let start = self.at;
        let depth = self.skip();
        if text.len() <= SHARED_BYTES_MAX || (self.at - start) * 2 > text.len() {
            return Document::raw(text.clone(), start..self.at, depth);
        }
        Document::raw(Text::from(&self.text[start..self.at]), 0..self.at - start, depth)
    }

    #[inline]
    fn nested(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<Document>) -> Parsed<Document> {
        if self.depth == DEPTH_MAX {
            return self.fail(ParseErrorKind::TooDeep);
        }
        self.depth += 1;
        self.at += 1;
        self.skip_space();
        let value = parse(self)?;
        self.depth -= 1;
        Some(value)
    }

    fn object(&mut self) -> Parsed<Document> {
        let first = self.entries.len();
        if self.took(b'}') {
            return Some(Document::empty_object());
        }
        loop {
            if self.peek() != Some(b'"') {
                return self.unexpected();
            }
            let key = self.key()?;
            self.skip_space();
            if !self.took(b':') {
                return self.unexpected();
            }
            self.skip_space();
            let value = self.value()?;
            self.entries.push((key, value));
            if self.closes(b'}')? {
                return Some(Document::from(Object::from_entries(self.entries.split_off(first))));
            }
        }
    }

    fn array(&mut self) -> Parsed<Document> {
        let first = self.items.len();
        if self.took(b']') {
            return Some(Document::from(Vec::new()));
        }
        self.arrays += 1;
        loop {
            let value = self.value()?;
            self.items.push(value);
            if self.closes(b']')? {
                self.arrays -= 1;
                return Some(Document::from(self.items.split_off(first)));
            }
        }
    }

    /// After an element: whether `close` ends the list, or a comma goes on with it.
    #[inline]
    fn closes(&mut self, close: u8) -> Parsed<bool> {
        self.skip_space();
        if self.took(close) {
            return Some(true);
        }
        if !self.took(b',') {
            return self.unexpected();
        }
        self.skip_space();
        Some(false)
    }

    #[inline]
    fn took(&mut self, byte: u8) -> bool {
        let here = self.peek() == Some(byte);
        self.at += usize::from(here);
        here
    }

    #[cold]
    fn unexpected<T>(&mut self) -> Parsed<T> {
        let character = self.text.get(self.at..).and_then(|rest| rest.chars().next());
        self.fail(character.map_or(ParseErrorKind::UnexpectedEnd, ParseErrorKind::UnexpectedCharacter))
    }

    /// Goes behind the value at `self.at`, which was checked.
    fn skip_value(&mut self) {
        match self.bytes[self.at] {
            b'{' | b'[' => {
                self.skip();
            }
            b'"' => {
                self.skip_string();
                self.at += 1;
            }
            // A number or a word: what ends it is no part of either.
            _ => {
                let rest = &self.bytes[self.at..];
                self.at += rest.iter().position(|byte| matches!(byte, b',' | b'}')).unwrap_or(rest.len());
            }
        }
    }

    /// Goes from the quote that begins a string, which was checked, to the one that ends it.
    #[inline]
    fn skip_string(&mut self) {
        self.at = special(self.bytes, self.at + 1);
        while self.bytes[self.at] == b'\\' {
            self.at = special(self.bytes, self.at + 2);
        }
    }

    /// Goes behind the array or object at `self.at`, which was checked, and says how many levels it has.
    fn skip(&mut self) -> u8 {
        let (mut depth, mut deepest) = (0_u8, 0);
        loop {
            match self.bytes[self.at] {
                b'"' => self.skip_string(),
                b'{' | b'[' => {
                    depth += 1;
                    deepest = deepest.max(depth);
                }
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return deepest;
            }
        }
    }

    fn word(&mut self) -> Parsed<Document> {
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '$').unwrap_or(rest.len());
        let value = match &rest[..end] {
            "null" => Document::NULL,
            "true" => Document::from(true),
            "false" => Document::from(false),
            other => return self.fail(ParseErrorKind::UnrecognizedToken(other.chars().take(64).collect())),
        };
        self.at += end;
        Some(value)
    }

    fn number(&mut self) -> Parsed<Document> {
        let start = self.at;
        let is_negative = self.took(b'-');
        let mut decimal = Decimal { is_negative, ..Decimal::default() };
        let whole_digits = if self.took(b'0') { 1 } else { self.digits(&mut decimal) };
        if whole_digits == 0 || matches!(self.peek(), Some(b'0'..=b'9')) {
            return self.fail(ParseErrorKind::InvalidNumber);
        }
        if self.took(b'.') {
            decimal.fraction_digits = self.digits(&mut decimal);
            if decimal.fraction_digits == 0 {
                return self.fail(ParseErrorKind::InvalidNumber);
            }
        }
        decimal.digits = whole_digits + decimal.fraction_digits;
        if self.took(b'e') || self.took(b'E') {
            let _sign = self.took(b'+') || self.took(b'-');
            if self.digits(&mut decimal) == 0 {
                return self.fail(ParseErrorKind::InvalidNumber);
            }
            return Some(Document::number_from_text(&self.text[start..self.at]));
        }
        Some(decimal.document().unwrap_or_else(|| Document::number_from_text(&self.text[start..self.at])))
    }

    #[inline]
    fn digits(&mut self, decimal: &mut Decimal) -> usize {
        let start = self.at;
        while let Some(byte @ b'0'..=b'9') = self.peek() {
            decimal.significand = decimal.significand.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'));
            self.at += 1;
        }
        self.at - start
    }

    #[inline]
    fn string(&mut self) -> Parsed<Text> {
        let start = self.at + 1;
        self.at = special(self.bytes, start);
        match self.peek() {
            Some(b'"') => {
                let text = &self.text[start..self.at];
                self.at += 1;
                Some(Text::from(text))
            }
            Some(b'\\') => self.escaped_string(start),
            _ => self.bad_string(),
        }
    }

    /// A string that is a key. Nearly every key has no escape and was seen before.
    #[inline]
    fn key(&mut self) -> Parsed<Text> {
        let start = self.at + 1;
        let end = special(self.bytes, start);
        if self.bytes.get(end) == Some(&b'"') {
            self.at = end + 1;
            let key = &self.text[start..end];
            return Some(if self.arrays == 0 { Text::from(key) } else { self.keys.share(key) });
        }
        self.string()
    }

    /// A control character, or the end, before anything that could end the string.
    #[cold]
    fn bad_string<T>(&mut self) -> Parsed<T> {
        if memchr::memchr2(b'"', b'\\', &self.bytes[self.at..]).is_some() {
            return self.fail(ParseErrorKind::ControlCharacter);
        }
        self.at = self.bytes.len();
        self.fail(ParseErrorKind::UnexpectedEnd)
    }

    /// The rest of a string whose first backslash is at `self.at`. It gets no longer than it is with its escapes.
    fn escaped_string(&mut self, start: usize) -> Parsed<Text> {
        let mut out = std::mem::take(&mut self.unescaped);
        // A word is written whole and overwritten by what comes behind its part of the string.
        let room = self.bytes.len() - start + size_of::<u64>();
        if out.len() < room {
            out.resize(room, 0);
        }
        let mut length = self.at - start;
        out[..length].copy_from_slice(&self.bytes[start..self.at]);
        loop {
            length = self.copy_plain(&mut out, length);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    let text = std::str::from_utf8(&out[..length]).expect("characters were copied whole").into();
                    self.unescaped = out;
                    return Some(text);
                }
                Some(b'\\') => length = self.escape(&mut out, length)?,
                Some(_) => return self.fail(ParseErrorKind::ControlCharacter),
                None => return self.fail(ParseErrorKind::UnexpectedEnd),
            }
        }
    }

    /// Copies what stands for itself to `out`, and says how much is there now.
    #[inline]
    fn copy_plain(&mut self, out: &mut [u8], mut length: usize) -> usize {
        while let Some(word) = self.bytes.get(self.at..).and_then(<[u8]>::first_chunk::<8>) {
            out[length..length + 8].copy_from_slice(word);
            let found = specials(u64::from_le_bytes(*word));
            if found != 0 {
                let plain = found.trailing_zeros() as usize / 8;
                self.at += plain;
                return length + plain;
            }
            self.at += 8;
            length += 8;
        }
        while let Some(byte) = self.peek().filter(|&byte| !is_special(byte)) {
            out[length] = byte;
            length += 1;
            self.at += 1;
        }
        length
    }

    /// Writes what the escape at `self.at` stands for, and says how much is there now.
    #[inline]
    fn escape(&mut self, out: &mut [u8], length: usize) -> Parsed<usize> {
        out[length] = match self.bytes.get(self.at + 1) {
            Some(&byte @ (b'"' | b'\\' | b'/')) => byte,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'b') => 0x08,
            Some(b'f') => 0x0c,
            Some(b'u') => {
                let Some((character, read)) = self.unicode_escape() else {
                    return self.fail(ParseErrorKind::InvalidEscape);
                };
                self.at += read;
                return Some(length + character.encode_utf8(&mut out[length..]).len());
            }
            Some(_) => return self.fail(ParseErrorKind::InvalidEscape),
            None => return self.fail(ParseErrorKind::UnexpectedEnd),
        };
        self.at += 2;
        Some(length + 1)
    }

    /// The character of the escape at `self.at`, or of the two that make one, and how many bytes they have.
    fn unicode_escape(&self) -> Option<(char, usize)> {
        let high = self.hex4(self.at)?;
        if !(0xd800..=0xdbff).contains(&high) {
            return Some((char::from_u32(high)?, 6));
        }
        let low = self.hex4(self.at + 6).filter(|low| (0xdc00..=0xdfff).contains(low))?;
        Some((char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))?, 12))
    }

    /// The four hexadecimal digits of the `\u` escape at `at`.
    fn hex4(&self, at: usize) -> Option<u32> {
        let digits = self.bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
        digits.iter().try_fold(0, |code, &byte| Some(code * 16 + (byte as char).to_digit(16)?))
    }
}

/// A number as its digits say it: `-12.5` is minus 125 with one digit behind the point.
#[derive(Default)]
struct Decimal {
    is_negative: bool,
    /// All digits as a number; it means something while there are few enough of them.
    significand: u64,
    /// How many digits there are, leading zeros among them.
    digits: usize,
    fraction_digits: usize,
}

impl Decimal {
    /// All numbers of this many digits fit.
    const WHOLE_DIGITS_MAX: usize = 18;
    /// Decimals of this many digits are different doubles, so that none is printed with the digits of another.
    const EXACT_DIGITS_MAX: usize = 15;
    /// Smaller numbers are printed with an exponent.
    const FIXED_MIN: f64 = 1e-5;

    /// The number, where it is certain without printing it that its text would be printed again.
    #[inline]
    fn document(&self) -> Option<Document> {
        let value = self.significand;
        if self.fraction_digits == 0 {
            let fits = self.digits <= Self::WHOLE_DIGITS_MAX && !(self.is_negative && value == 0);
            return fits.then(|| Document::from(if self.is_negative { -(value as i64) } else { value as i64 }));
        }
        // A last zero is printed only as the one digit behind the point.
        let ends_well = !value.is_multiple_of(10) || (self.fraction_digits == 1 && value != 0);
        if self.digits > Self::EXACT_DIGITS_MAX || !ends_well {
            return None;
        }
        // Both are exact, and so the quotient is the double next to the decimal.
        let value = value as f64 / POWERS_OF_TEN[self.fraction_digits];
        let signed = if self.is_negative { -value } else { value };
        (value >= Self::FIXED_MIN).then(|| Document::from(signed))
    }
}

const POWERS_OF_TEN: [f64; Decimal::EXACT_DIGITS_MAX + 1] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

#[cfg(test)]
mod tests {
    use crate::{Document, Number};

    /// What is read digit by digit is what reading and printing the text gives.
    #[test]
    fn numbers_are_those_of_their_text() {
        let mut rng = fastrand::Rng::with_seed(7);
        let mut doubles = 0;
        for round in 0..200_000 {
            let whole = rng.u64(..) >> rng.u32(..64);
            let fraction = rng.u64(..) >> rng.u32(1..64);
            let zeros = "0".repeat(rng.usize(..8));
            let sign = if rng.bool() { "-" } else { "" };
            let text = match round % 4 {
                0 => format!("{sign}{whole}"),
                1 => format!("{sign}{}.{fraction}", whole % 1_000),
                2 => format!("{sign}0.{zeros}{fraction}"),
                _ => format!("{sign}{}.{zeros}{}", whole % 100, fraction % 1_000),
            };
            let (read, expected) = (Document::parse(text.as_bytes()).expect(&text), Document::number_from_text(&text));
            match (read.as_number(), expected.as_number()) {
                (Some(Number::Int(a)), Some(Number::Int(b))) => assert_eq!(a, b, "{text}"),
                (Some(Number::Float(a)), Some(Number::Float(b))) => {
                    doubles += 1;
                    assert_eq!(a.to_bits(), b.to_bits(), "{text}");
                }
                (Some(Number::Decimal(a)), Some(Number::Decimal(b))) => assert_eq!(a, b, "{text}"),
                (a, b) => panic!("{text} is {a:?}, not {b:?}"),
            }
            assert_eq!(read.to_json(), text);
        }
        assert!(doubles > 50_000, "only {doubles} were doubles");
    }
}
