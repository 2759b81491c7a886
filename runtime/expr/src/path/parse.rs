//! Text to paths, by Jayway's grammar.

use super::{Filter, Function, SEGMENTS_MAX, Segment, Step};
use fleetstep_document::Text;

/// How deep filters, parentheses, negations and lists may nest in a path.
const DEPTH_MAX: usize = 32;

/// Why a text is no path, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    /// What is wrong.
    pub(crate) reason: String,
    /// Byte offset within the text.
    pub(crate) offset: usize,
}

pub(super) type Parsed<T> = Result<T, Flaw>;

/// Where a path starts, as it is written.
pub(super) enum Start<'t> {
    /// `$`
    Input,
    /// `$$`
    Context,
    /// `$name`
    Variable(&'t str),
}

/// The start and the segments of a whole path.
pub(super) fn path(text: &str) -> Parsed<(Start<'_>, Vec<Segment>)> {
    let mut cursor = Cursor::new(text);
    if !cursor.took('$') {
        return cursor.fail("a JSONPath starts with '$'");
    }
    let start = match variable(&mut cursor) {
        Some(name) => Start::Variable(name),
        None if cursor.took('$') => Start::Context,
        None => Start::Input,
    };
    let segments = segments(&mut cursor, false)?;
    match cursor.peek() {
        None => Ok((start, segments)),
        Some(other) => cursor.fail(format!("unexpected '{other}'")),
    }
}

/// The name of a variable: letters, digits and underscores, of which the first is no digit.
fn variable<'t>(cursor: &mut Cursor<'t>) -> Option<&'t str> {
    let rest = cursor.rest();
    if !rest.starts_with(|c: char| c.is_alphabetic() || c == '_') {
        return None;
    }
    let name = &rest[..rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())];
    cursor.skip(name.len());
    Some(name)
}

/// The segments that follow a root. Within a filter they end where the operand does.
pub(super) fn segments(cursor: &mut Cursor<'_>, in_filter: bool) -> Parsed<Vec<Segment>> {
    let mut segments = Vec::new();
    loop {
        match cursor.peek() {
            Some('[') => segments.push(bracket(cursor)?),
            Some('.') => after_dot(cursor, in_filter, &mut segments)?,
            _ => return Ok(segments),
        }
        if segments.len() > SEGMENTS_MAX {
            return cursor.fail(format!("a path may have {SEGMENTS_MAX} segments at most"));
        }
        if let [.., Segment::Function(_)] = segments[..]
            && matches!(cursor.peek(), Some('.' | '['))
        {
            return cursor.fail("a function can only be the last part of a path");
        }
    }
}

fn after_dot(cursor: &mut Cursor<'_>, in_filter: bool, segments: &mut Vec<Segment>) -> Parsed<()> {
    cursor.take();
    if cursor.took('.') {
        segments.push(Segment::Descend);
    }
    segments.push(match cursor.peek() {
        None => return cursor.fail("a path must not end with a '.'"),
        Some('[') => bracket(cursor)?,
        Some('*') => {
            cursor.take();
            Segment::Wildcard
        }
        Some(_) => name(cursor, in_filter)?,
    });
    Ok(())
}

/// A name after a dot: a key, or a function when parentheses follow.
fn name(cursor: &mut Cursor<'_>, in_filter: bool) -> Parsed<Segment> {
    let ends =
        |c: char| matches!(c, '.' | '[' | ' ' | '(') || (in_filter && (c.is_whitespace() || "=<>!&|)],~}".contains(c)));
    let rest = cursor.rest();
    let name = &rest[..rest.find(ends).unwrap_or(rest.len())];
    if name.is_empty() {
        return cursor.fail("a name is missing");
    }
    let offset = cursor.offset();
    cursor.skip(name.len());
    match cursor.peek() {
        Some('(') => Function::parse(name, offset, cursor).map(Segment::Function),
        Some(' ') if !in_filter => cursor.fail("a name with blanks stands in brackets: ['my name']"),
        _ => Ok(Segment::Step(Step::Key(Text::from(name)))),
    }
}

/// `['a']`, `['a','b']`, `[0]`, `[0,1]`, `[1:2]`, `[*]`, `[?(…)]`.
fn bracket(cursor: &mut Cursor<'_>) -> Parsed<Segment> {
    cursor.take();
    cursor.skip_blanks();
    let segment = match cursor.peek() {
        Some('\'' | '"') => keys(cursor)?,
        Some('*') => {
            cursor.take();
            Segment::Wildcard
        }
        Some('?') => {
            cursor.take();
            Segment::Filter(Box::new(Filter::parse(cursor)?))
        }
        Some(c) if c.is_ascii_digit() || matches!(c, '-' | ':') => numbers(cursor)?,
        _ => return cursor.fail("expected a quoted name, a number, '*' or '?(' after '['"),
    };
    cursor.skip_blanks();
    if cursor.took(']') { Ok(segment) } else { cursor.fail("expected ']'") }
}

fn keys(cursor: &mut Cursor<'_>) -> Parsed<Segment> {
    let mut keys = Vec::new();
    loop {
        cursor.skip_blanks();
        keys.push(Text::from(quoted(cursor)?));
        cursor.skip_blanks();
        if !cursor.took(',') {
            break;
        }
    }
    Ok(match <[Text; 1]>::try_from(keys) {
        Ok([key]) => Segment::Step(Step::Key(key)),
        Err(keys) => Segment::Keys(keys.into()),
    })
}

/// A quoted name. A backslash escapes the quote and itself; before anything else it stands for itself, as the
/// service reads it.
fn quoted(cursor: &mut Cursor<'_>) -> Parsed<String> {
    let Some(quote @ ('\'' | '"')) = cursor.peek() else {
        return cursor.fail("expected a quoted name");
    };
    cursor.take();
    let mut out = String::new();
    loop {
        match cursor.take() {
            None => return cursor.fail(format!("the closing {quote} is missing")),
            Some(c) if c == quote => return Ok(out),
            Some('\\') => match cursor.peek() {
                Some(escaped) if escaped == quote || escaped == '\\' => {
                    out.push(escaped);
                    cursor.take();
                }
                _ => out.push('\\'),
            },
            Some(other) => out.push(other),
        }
    }
}

fn numbers(cursor: &mut Cursor<'_>) -> Parsed<Segment> {
    let offset = cursor.offset();
    let rest = cursor.rest();
    let inside = &rest[..rest.find(']').unwrap_or(rest.len())];
    let number = |text: &str| -> Parsed<i64> {
        let wrong = || Flaw { reason: format!("'{text}' is no index"), offset };
        // Jayway's indices are Java's 32-bit integers.
        text.trim().parse::<i32>().map(i64::from).map_err(|_| wrong())
    };
    let segment = if inside.contains(':') {
        let bound = |text: Option<&str>| match text.map(str::trim) {
            None | Some("") => Ok(None),
            Some(text) => number(text).map(Some),
        };
        let mut parts = inside.split(':');
        let (from, to) = (bound(parts.next())?, bound(parts.next())?);
        if from.is_none() && to.is_none() {
            return cursor.fail("a slice needs a start or an end");
        }
        Segment::Slice { from, to }
    } else {
        let indices = inside.split(',').map(number).collect::<Parsed<Vec<i64>>>()?;
        match indices[..] {
            [index] => Segment::Step(Step::Index(index)),
            _ => Segment::Indices(indices.into()),
        }
    };
    cursor.skip(inside.len());
    Ok(segment)
}

/// A place in a text.
pub(super) struct Cursor<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl<'t> Cursor<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0, depth: 0 }
    }

    pub(super) fn offset(&self) -> usize {
        self.at
    }

    pub(super) fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn take(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    pub(super) fn took(&mut self, expected: char) -> bool {
        self.took_text(expected.encode_utf8(&mut [0; 4]))
    }

    pub(super) fn took_text(&mut self, expected: &str) -> bool {
        let here = self.rest().starts_with(expected);
        self.at += if here { expected.len() } else { 0 };
        here
    }

    pub(super) fn skip(&mut self, bytes: usize) {
        self.at += bytes;
    }

    pub(super) fn skip_blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    /// Parses a part that may hold others of its kind.
    pub(super) fn nested<T>(&mut self, parse: fn(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth == DEPTH_MAX {
            return self.fail(format!("filters and lists nest {DEPTH_MAX} deep at most"));
        }
        self.depth += 1;
        let parsed = parse(self)?;
        self.depth -= 1;
        Ok(parsed)
    }

    pub(super) fn fail<T>(&self, reason: impl Into<String>) -> Parsed<T> {
        Err(Flaw { reason: reason.into(), offset: self.at })
    }
}
