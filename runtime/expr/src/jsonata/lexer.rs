//! Text to tokens. The parser says whether an operand or an operator may come next, since `/` begins a regular
//! expression in the one place and divides in the other.

use super::regex::Regex;
use super::{Code, JsonataError};
use fleetstep_document::{Document, Object, Text};
use std::sync::Arc;

/// A token and the position behind it, which is what jsonata-js reports.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) position: usize,
}

/// What a token is.
#[derive(Clone)]
pub(super) enum TokenKind {
    /// An operator or a bracket; the words `and`, `or` and `in` too.
    Operator(&'static str),
    Name(Text),
    Variable(Text),
    String(Text),
    Number(f64),
    Bool(bool),
    Null,
    Regex(Arc<Regex>),
    End,
}

impl TokenKind {
    /// The token as an error names it and as a signature is put together from.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Operator(text) => (*text).to_owned(),
            Self::Name(text) | Self::Variable(text) | Self::String(text) => text.to_string(),
            Self::Number(number) => super::cast::number_text(*number),
            Self::Bool(value) => value.to_string(),
            Self::Null => "null".to_owned(),
            Self::Regex(regex) => regex.source().to_owned(),
            Self::End => "(end)".to_owned(),
        }
    }

    /// The token's value as an error shows it: a number as a number.
    pub(super) fn value(&self) -> Document {
        match self {
            Self::Number(number) => super::cast::number_document(*number),
            Self::Bool(value) => Document::from(*value),
            Self::Null => Document::NULL,
            // What JavaScript makes of a regular expression in JSON.
            Self::Regex(_) => Document::from(Object::default()),
            _ => Document::from(self.text()),
        }
    }
}

/// Operators of two characters, then those of one: the longer are tried first.
const OPERATORS: &[&str] = &[
    "..", ":=", "!=", ">=", "<=", "**", "~>", "?:", "??", ".", "[", "]", "{", "}", "(", ")", ",", "@", "#", ";", ":",
    "?", "+", "-", "*", "/", "%", "|", "=", "<", ">", "^", "&", "!", "~",
];

/// The words that are operators; the parser takes them for names where an operand is due.
const WORDS: &[&str] = &["and", "or", "in"];

/// Reads tokens off a text.
pub(super) struct Lexer {
    source: Vec<char>,
    at: usize,
}

impl Lexer {
    pub(super) fn new(source: &str) -> Self {
        Self { source: source.chars().collect(), at: 0 }
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.source.get(self.at + ahead).copied()
    }

    fn slice(&self, from: usize, to: usize) -> String {
        self.source[from..to].iter().collect()
    }

    /// The next token; `after_operand` when only an operator makes sense.
    pub(super) fn next(&mut self, after_operand: bool) -> Result<Token, JsonataError> {
        self.skip_blanks()?;
        let kind = match self.peek(0) {
            None => TokenKind::End,
            Some('/') if !after_operand => TokenKind::Regex(self.regex()?),
            Some(first) => match self.operator() {
                Some(operator) => TokenKind::Operator(operator),
                None => match first {
                    '"' | '\'' => TokenKind::String(self.string(first)?),
                    '0'..='9' => TokenKind::Number(self.number()?),
                    '`' => TokenKind::Name(self.quoted_name()?),
                    _ => self.word(),
                },
            },
        };
        Ok(Token { kind, position: self.at })
    }

    fn skip_blanks(&mut self) -> Result<(), JsonataError> {
        loop {
            match self.peek(0) {
                Some(blank) if is_blank(blank) => self.at += 1,
                Some('/') if self.peek(1) == Some('*') => {
                    let from = self.at;
                    self.at += 2;
                    while !(self.peek(0) == Some('*') && self.peek(1) == Some('/')) {
                        if self.at >= self.source.len() {
                            return Err(JsonataError::new(Code::S0106).at(from));
                        }
                        self.at += 1;
                    }
                    self.at += 2;
                }
                _ => return Ok(()),
            }
        }
    }

    fn operator(&mut self) -> Option<&'static str> {
        let found = OPERATORS.iter().find(|operator| {
            operator.chars().enumerate().all(|(ahead, expected)| self.peek(ahead) == Some(expected))
        })?;
        self.at += found.len();
        Some(found)
    }

    /// A string literal, with the escapes of JSON.
    fn string(&mut self, quote: char) -> Result<Text, JsonataError> {
        self.at += 1;
        // UTF-16, since an escape may write half of a surrogate pair.
        let mut units: Vec<u16> = Vec::new();
        while let Some(next) = self.peek(0) {
            self.at += 1;
            match next {
                '\\' => self.escape(&mut units)?,
                _ if next == quote => return Ok(Text::from(String::from_utf16_lossy(&units))),
                _ => units.extend_from_slice(next.encode_utf16(&mut [0; 2])),
            }
        }
        Err(JsonataError::new(Code::S0101).at(self.at))
    }

    fn escape(&mut self, units: &mut Vec<u16>) -> Result<(), JsonataError> {
        let escaped = self.peek(0);
        let unit = match escaped {
            Some(same @ ('"' | '\\' | '/')) => same as u16,
            Some('b') => 8,
            Some('f') => 12,
            Some('n') => 10,
            Some('r') => 13,
            Some('t') => 9,
            Some('u') => {
                let digits: String = self.source.iter().skip(self.at + 1).take(4).collect();
                // Fewer than four only at the very end, which is then found to be missing.
                let unit = u16::from_str_radix(&digits, 16).ok().filter(|_| !digits.contains('+'));
                self.at += 4;
                unit.ok_or_else(|| JsonataError::new(Code::S0104).at(self.at - 4))?
            }
            _ => {
                let token = escaped.map(String::from).unwrap_or_default();
                return Err(JsonataError::new(Code::S0103).at(self.at).token(token));
            }
        };
        self.at += 1;
        units.push(unit);
        Ok(())
    }

    /// A number; what follows the longest text that is one belongs to the next token.
    fn number(&mut self) -> Result<f64, JsonataError> {
        let from = self.at;
        let digits = |lexer: &mut Self| {
            let start = lexer.at;
            while lexer.peek(0).is_some_and(|next| next.is_ascii_digit()) {
                lexer.at += 1;
            }
            lexer.at > start
        };
        if self.peek(0) == Some('0') {
            self.at += 1;
        } else {
            digits(self);
        }
        let whole = self.at;
        if self.peek(0) == Some('.') {
            self.at += 1;
            if !digits(self) {
                self.at = whole;
            }
        }
        let mantissa = self.at;
        if matches!(self.peek(0), Some('e' | 'E')) {
            self.at += 1;
            if matches!(self.peek(0), Some('+' | '-')) {
                self.at += 1;
            }
            if !digits(self) {
                self.at = mantissa;
            }
        }
        let text = self.slice(from, self.at);
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(number),
            _ => Err(JsonataError::new(Code::S0102).at(from).token(text)),
        }
    }

    fn quoted_name(&mut self) -> Result<Text, JsonataError> {
        let from = self.at + 1;
        match self.source[from..].iter().position(|&next| next == '`') {
            Some(length) => {
                self.at = from + length + 1;
                Ok(Text::from(self.slice(from, from + length)))
            }
            None => Err(JsonataError::new(Code::S0105).at(self.source.len())),
        }
    }

    /// A name, a variable, or one of the words that mean something else.
    fn word(&mut self) -> TokenKind {
        let from = self.at;
        while self.peek(0).is_some_and(|next| !is_blank(next) && !is_operator_character(next)) {
            self.at += 1;
        }
        if self.source[from] == '$' {
            return TokenKind::Variable(Text::from(self.slice(from + 1, self.at)));
        }
        let name = self.slice(from, self.at);
        if let Some(word) = WORDS.iter().find(|word| **word == name) {
            return TokenKind::Operator(word);
        }
        match name.as_str() {
            "true" => TokenKind::Bool(true),
            "false" => TokenKind::Bool(false),
            "null" => TokenKind::Null,
            _ => TokenKind::Name(Text::from(name)),
        }
    }

    /// A regular expression between slashes; a slash inside brackets or behind a backslash does not end it.
    fn regex(&mut self) -> Result<Arc<Regex>, JsonataError> {
        self.at += 1;
        let from = self.at;
        let mut depth = 0_i32;
        let mut escaped = false;
        while let Some(next) = self.peek(0) {
            match next {
                _ if escaped => {}
                '/' if depth == 0 => return self.regex_end(from),
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth -= 1,
                _ => {}
            }
            escaped = next == '\\' && !escaped;
            self.at += 1;
        }
        Err(JsonataError::new(Code::S0302).at(self.at))
    }

    fn regex_end(&mut self, from: usize) -> Result<Arc<Regex>, JsonataError> {
        if self.at == from {
            return Err(JsonataError::new(Code::S0301).at(self.at));
        }
        let pattern = self.slice(from, self.at);
        self.at += 1;
        let flags_from = self.at;
        while matches!(self.peek(0), Some('i' | 'm')) {
            self.at += 1;
        }
        let flags = self.slice(flags_from, self.at);
        Ok(Arc::new(Regex::compile(&pattern, &flags).map_err(|error| error.at(from))?))
    }
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r' | '\x0b')
}

fn is_operator_character(character: char) -> bool {
    OPERATORS.iter().any(|operator| operator.len() == 1 && operator.starts_with(character))
}
