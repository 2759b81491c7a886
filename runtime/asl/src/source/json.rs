//! A JSON parser that keeps places. Its complaints are worded as those of Jackson, the service's parser.

use super::{Entry, Extent, NESTING_DEPTH_MAX, Node, SyntaxError, SyntaxErrorKind, Value};
use std::collections::HashSet;

/// What may stand where a value may.
const VALUES: &str = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";

/// Up to this many keys, a repeated one is looked for by comparing.
const KEYS_COMPARED_MAX: usize = 16;

/// The value that `text` is; `None` if it is blank.
pub(super) fn parse(text: &str) -> Result<Option<Node>, SyntaxError> {
    let mut parser = Parser { text, bytes: text.as_bytes(), at: 0, depth: 0 };
    parser.blank();
    if parser.peek().is_none() {
        return Ok(None);
    }
    let root = parser.value()?;
    parser.blank();
    match parser.peek() {
        None => Ok(Some(root)),
        Some(_) => Err(parser.unexpected("Expected space separating root-level values")),
    }
}

struct Parser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn blank(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self) -> Result<Node, SyntaxError> {
        let start = self.at;
        let value = match self.peek() {
            Some(b'{') => self.nested(Self::object)?,
            Some(b'[') => self.nested(Self::list)?,
            Some(b'"') => Value::Text(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(_) => self.word()?,
            None => return Err(self.error(String::from("Unexpected end-of-input"), self.at)),
        };
        Ok(Node { extent: Extent { start, end: self.at }, value })
    }

    fn nested(&mut self, inner: fn(&mut Self) -> Result<Value, SyntaxError>) -> Result<Value, SyntaxError> {
        if self.depth == NESTING_DEPTH_MAX {
            let extent = Extent { start: self.at, end: self.at + 1 };
            return Err(SyntaxError { kind: SyntaxErrorKind::TooDeep, extent });
        }
        self.depth += 1;
        let value = inner(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn object(&mut self) -> Result<Value, SyntaxError> {
        let start = self.at;
        let mut entries: Vec<Entry> = Vec::new();
        let mut keys = HashSet::new();
        self.at += 1;
        self.blank();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Object(entries));
        }
        loop {
            let (key, key_extent) = self.key(start)?;
            let seen = match entries.len() {
                ..KEYS_COMPARED_MAX => entries.iter().any(|entry| entry.key == key),
                KEYS_COMPARED_MAX => {
                    keys = entries.iter().map(|entry| entry.key.clone()).collect();
                    !keys.insert(key.clone())
                }
                _ => !keys.insert(key.clone()),
            };
            if seen {
                let mut error = self.error(format!("Duplicate field '{key}'"), key_extent.end);
                error.extent = key_extent;
                return Err(error);
            }
            let value = self.value()?;
            entries.push(Entry { key, key_extent, value });
            if self.separator(b'}', "Object", start)? {
                return Ok(Value::Object(entries));
            }
        }
    }

    /// A key with its colon, up to the value.
    fn key(&mut self, object: usize) -> Result<(String, Extent), SyntaxError> {
        let start = self.at;
        match self.peek() {
            Some(b'"') => {}
            Some(_) => return Err(self.unexpected("was expecting double-quote to start field name")),
            None => return Err(self.unclosed("Object", object)),
        }
        let key = self.string()?;
        let extent = Extent { start, end: self.at };
        self.blank();
        match self.peek() {
            Some(b':') => self.at += 1,
            Some(_) => return Err(self.unexpected("was expecting a colon to separate field name and value")),
            None => return Err(self.unclosed("Object", object)),
        }
        self.blank();
        match self.peek() {
            None => Err(self.error(String::from("Unexpected end-of-input within/between Object entries"), self.at)),
            Some(_) => Ok((key, extent)),
        }
    }

    fn list(&mut self) -> Result<Value, SyntaxError> {
        let start = self.at;
        let mut elements = Vec::new();
        self.at += 1;
        self.blank();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::List(elements));
        }
        loop {
            if self.peek().is_none() {
                return Err(self.unclosed("Array", start));
            }
            elements.push(self.value()?);
            if self.separator(b']', "Array", start)? {
                return Ok(Value::List(elements));
            }
        }
    }

    /// What follows an entry: whether it is the end.
    fn separator(&mut self, close: u8, container: &str, start: usize) -> Result<bool, SyntaxError> {
        self.blank();
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                self.blank();
                Ok(false)
            }
            Some(byte) if byte == close => {
                self.at += 1;
                Ok(true)
            }
            Some(_) => Err(self.unexpected(&format!("was expecting comma to separate {container} entries"))),
            None => Err(self.unclosed(container, start)),
        }
    }

    fn string(&mut self) -> Result<String, SyntaxError> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let start = self.at;
            while !matches!(self.peek(), None | Some(b'"' | b'\\' | 0..=0x1F)) {
                self.at += 1;
            }
            out.push_str(&self.text[start..self.at]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => out.push(self.escape()?),
                Some(control) => {
                    let rule = "has to be escaped using backslash to be included in string value";
                    let message = format!("Illegal unquoted character ((CTRL-CHAR, code {control})): {rule}");
                    return Err(self.error(message, self.at));
                }
                None => {
                    let message = "Unexpected end-of-input: was expecting closing quote for a string value";
                    return Err(self.error(String::from(message), self.at));
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, SyntaxError> {
        self.at += 1;
        let Some(escaped) = self.text[self.at..].chars().next() else {
            return Err(self.error(String::from("Unexpected end-of-input in character escape sequence"), self.at));
        };
        let plain = match escaped {
            '"' | '\\' | '/' => escaped,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => return self.unicode_escape(),
            _ => {
                let message = format!("Unrecognized character escape {}", describe(escaped));
                return Err(self.error(message, self.at + escaped.len_utf8()));
            }
        };
        self.at += 1;
        Ok(plain)
    }

    fn unicode_escape(&mut self) -> Result<char, SyntaxError> {
        self.at += 1;
        let high = self.hex()?;
        if !(0xD800..0xDC00).contains(&high) {
            return char::from_u32(high).ok_or_else(|| self.lone_surrogate());
        }
        if !self.bytes[self.at..].starts_with(b"\\u") {
            return Err(self.lone_surrogate());
        }
        self.at += 2;
        let low = self.hex()?;
        if !(0xDC00..0xE000).contains(&low) {
            return Err(self.lone_surrogate());
        }
        let code = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
        Ok(char::from_u32(code).expect("a surrogate pair is a character"))
    }

    /// Jackson lets half a character pass; a string here cannot hold one.
    fn lone_surrogate(&self) -> SyntaxError {
        self.error(String::from("Incomplete surrogate pair in character escape sequence"), self.at)
    }

    fn hex(&mut self) -> Result<u32, SyntaxError> {
        let mut code = 0;
        for _ in 0..4 {
            let Some(next) = self.text[self.at..].chars().next() else {
                return Err(self.error(String::from("Unexpected end-of-input in character escape sequence"), self.at));
            };
            let Some(digit) = next.to_digit(16) else {
                return Err(self.unexpected("expected a hex-digit for character escape sequence"));
            };
            code = code * 16 + digit;
            self.at += 1;
        }
        Ok(code)
    }

    fn number(&mut self) -> Result<Value, SyntaxError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') && self.bytes.get(self.at + 1).is_some_and(u8::is_ascii_digit) {
            let message = String::from("Invalid numeric value: Leading zeroes not allowed");
            return Err(self.error(message, self.at + 1));
        }
        self.digits("expected digit (0-9) to follow minus sign, for valid numeric value")?;
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits("Decimal point not followed by a digit")?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits("Exponent indicator not followed by a digit")?;
        }
        Ok(Value::Number(String::from(&self.text[start..self.at])))
    }

    fn digits(&mut self, missing: &str) -> Result<(), SyntaxError> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at > start {
            return Ok(());
        }
        match self.text[self.at..].chars().next() {
            Some(found) => {
                let message = format!("Unexpected character ({}) in numeric value: {missing}", describe(found));
                Err(self.error(message, self.at + found.len_utf8()))
            }
            None => Err(self.error(format!("Unexpected end-of-input in numeric value: {missing}"), self.at)),
        }
    }

    fn word(&mut self) -> Result<Value, SyntaxError> {
        let start = self.at;
        let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
        let length = self.text[start..].find(|c| !is_part(c)).unwrap_or(self.text.len() - start);
        let word = &self.text[start..start + length];
        let value = match word {
            "null" => Value::Null,
            "true" => Value::Boolean(true),
            "false" => Value::Boolean(false),
            "" => return Err(self.unexpected(&format!("expected a valid value {VALUES}"))),
            _ => {
                let shown: String = word.chars().take(256).collect();
                let mut error =
                    self.error(format!("Unrecognized token '{shown}': was expecting {VALUES}"), start + length);
                error.extent = Extent { start, end: start + length };
                return Err(error);
            }
        };
        self.at += length;
        Ok(value)
    }

    fn unexpected(&self, expectation: &str) -> SyntaxError {
        let found = self.text[self.at..].chars().next().unwrap_or('\0');
        let message = format!("Unexpected character ({}): {expectation}", describe(found));
        self.error(message, self.at + found.len_utf8())
    }

    fn unclosed(&self, container: &str, start: usize) -> SyntaxError {
        let marker = location(self.text, start);
        let message =
            format!("Unexpected end-of-input: expected close marker for {container} (start marker at {marker})");
        self.error(message, self.text.len())
    }

    fn error(&self, message: String, reported: usize) -> SyntaxError {
        let end = self.text[self.at..].chars().next().map_or(self.at, |c| self.at + c.len_utf8());
        SyntaxError { kind: SyntaxErrorKind::Json { message, reported }, extent: Extent { start: self.at, end } }
    }
}

fn describe(character: char) -> String {
    let code = u32::from(character);
    match code {
        0..0x20 => format!("(CTRL-CHAR, code {code})"),
        0x100.. => format!("'{character}' (code {code} / 0x{code:x})"),
        _ => format!("'{character}' (code {code})"),
    }
}

/// A place in Jackson's notation: `[Source: (String)"…"; line: 1, column: 4]`.
pub(super) fn location(text: &str, offset: usize) -> String {
    /// How much of the text Jackson shows.
    const SHOWN_CHARS_MAX: usize = 500;
    let (line, column) = super::Lines::of(text).position(offset);
    let shown: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    let rest = text.chars().count() - shown.chars().count();
    let truncated = if rest == 0 { String::new() } else { format!("[truncated {rest} chars]") };
    format!("[Source: (String)\"{shown}\"{truncated}; line: {line}, column: {column}]")
}
