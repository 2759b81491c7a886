//! Text to calls: `States.Format('{} of {}', $.n, States.ArrayLength($.items))`.

use super::functions::Function;
use super::{Argument, Call, DEPTH_MAX};
use crate::VariableNames;
use crate::path::{Flaw, Path};
use fleetstep_document::{Document, Text};

type Parsed<T> = Result<T, Flaw>;

/// A call and nothing after it.
pub(super) fn call(text: &str, names: &mut VariableNames) -> Parsed<Call> {
    let mut parser = Parser { text, at: 0, names };
    let call = parser.call(1)?;
    if parser.at < text.len() { parser.fail("text after the call") } else { Ok(call) }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    names: &'t mut VariableNames,
}

impl<'t> Parser<'t> {
    fn call(&mut self, depth: usize) -> Parsed<Call> {
        if depth > DEPTH_MAX {
            return self.fail(format!("calls nest {DEPTH_MAX} deep at most"));
        }
        let rest = self.rest();
        let name = &rest[..rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '.').unwrap_or(rest.len())];
        let Some(function) = Function::named(name) else {
            return self.fail(match name {
                "" => {
                    "expected a JSONPath, which starts with '$', or a function, which starts with 'States.'".to_owned()
                }
                name => format!("there is no function '{name}'"),
            });
        };
        self.at += name.len();
        if !self.took('(') {
            return self.fail("expected '('");
        }
        Ok(Call { function, arguments: self.arguments(function, depth)? })
    }

    fn arguments(&mut self, function: &Function, depth: usize) -> Parsed<Box<[Argument]>> {
        let mut arguments = Vec::new();
        self.skip_space();
        if self.took(')') {
            return Ok(arguments.into());
        }
        loop {
            self.skip_space();
            let keep_braces = function.takes_pattern() && arguments.is_empty();
            arguments.push(self.argument(keep_braces, depth)?);
            self.skip_space();
            if self.took(')') {
                return Ok(arguments.into());
            }
            if !self.took(',') {
                return self.fail("expected ',' or ')'");
            }
        }
    }

    fn argument(&mut self, keep_braces: bool, depth: usize) -> Parsed<Argument> {
        match self.rest().as_bytes().first() {
            Some(b'\'') => self.string(keep_braces).map(Argument::Literal),
            Some(b'$') => self.path(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'S') => self.call(depth + 1).map(Argument::Call),
            _ => self.word(),
        }
    }

    /// A string in single quotes. `\'`, `\\`, `\{` and `\}` are its only escapes.
    ///
    /// A pattern of `States.Format` keeps all but the first: there an escaped brace is told from a placeholder when
    /// the pattern is filled in.
    fn string(&mut self, keep_braces: bool) -> Parsed<Document> {
        self.at += 1;
        let mut out = String::new();
        let mut characters = self.rest().char_indices();
        while let Some((at, c)) = characters.next() {
            match c {
                '\'' => {
                    self.at += at + 1;
                    return Ok(Document::from(out));
                }
                '\\' => match characters.next() {
                    Some((_, '\'')) => out.push('\''),
                    Some((_, escaped @ ('\\' | '{' | '}'))) => {
                        out.push_str(if keep_braces { "\\" } else { "" });
                        out.push(escaped);
                    }
                    _ => {
                        self.at += at;
                        return self.fail(r"only \', \\, \{ and \} are escapes of a string");
                    }
                },
                other => out.push(other),
            }
        }
        self.fail("the closing quote of a string is missing")
    }

    /// A path, up to the comma or parenthesis that is not its own.
    fn path(&mut self) -> Parsed<Argument> {
        let source = path_text(self.rest());
        let path = Path::parse(source, self.names)
            .map_err(|flaw| Flaw { reason: flaw.reason, offset: self.at + flaw.offset })?;
        self.at += source.len();
        Ok(Argument::Path { path, source: Text::from(source) })
    }

    fn number(&mut self) -> Parsed<Argument> {
        let rest = self.rest();
        let ends = |c: char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '+' | '-');
        let text = &rest[..rest.find(ends).unwrap_or(rest.len())];
        match Document::parse(text.as_bytes()) {
            Ok(number) => {
                self.at += text.len();
                Ok(Argument::Literal(number))
            }
            Err(_) => self.fail(format!("'{text}' is no number")),
        }
    }

    fn word(&mut self) -> Parsed<Argument> {
        for (word, value) in [("null", Document::NULL), ("true", true.into()), ("false", false.into())] {
            if self.rest().starts_with(word) {
                self.at += word.len();
                return Ok(Argument::Literal(value));
            }
        }
        self.fail("expected a string in single quotes, a number, true, false, null, a JSONPath or a call")
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn took(&mut self, expected: char) -> bool {
        let here = self.rest().starts_with(expected);
        self.at += if here { expected.len_utf8() } else { 0 };
        here
    }

    fn skip_space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn fail<T>(&self, reason: impl Into<String>) -> Parsed<T> {
        Err(Flaw { reason: reason.into(), offset: self.at })
    }
}

/// The beginning of `text` that is a path: commas and parentheses within brackets and quotes belong to it.
fn path_text(text: &str) -> &str {
    let mut open = 0_u32;
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            _ if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(end), c) if c == end => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') if open > 0 => quote = Some(c),
            (None, '[' | '(') => open += 1,
            (None, ']') => open = open.saturating_sub(1),
            (None, ')') if open > 0 => open -= 1,
            (None, ')' | ',') if open == 0 => return text[..at].trim_end(),
            (None, _) => {}
        }
    }
    text.trim_end()
}
