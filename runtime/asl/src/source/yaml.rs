//! YAML to the same tree as JSON, within the same bounds. Only what JSON can say is accepted.

use super::{Entry, Extent, NESTING_DEPTH_MAX, Node, SyntaxError, SyntaxErrorKind, Value};
use saphyr::{Scalar, ScalarStyle};
use saphyr_parser::{Event, Parser, Span, Tag};
use std::borrow::Cow;
use std::collections::HashSet;

/// How many values a text may have, those that aliases repeat included.
const NODE_COUNT_MAX: usize = 262_144;

/// The value that `text` is; `None` if it is blank.
pub(super) fn parse(text: &str) -> Result<Option<Node>, SyntaxError> {
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        offsets: Offsets::of(text),
        anchors: Vec::new(),
        node_count: 0,
        depth: 0,
    };
    let mut root = None;
    loop {
        match reader.next()? {
            (Event::StreamEnd, _) => return Ok(root),
            (Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing, _) => {}
            (_, span) if root.is_some() => return Err(reader.error("a file holds one definition", span)),
            (event, span) => {
                let node = reader.node(event, span)?;
                // A text of comments only is an empty scalar.
                root = Some(node).filter(|node| !(node.is_null() && node.extent.start == node.extent.end));
            }
        }
    }
}

struct Reader<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    offsets: Offsets,
    /// Values that have an anchor, by its number.
    anchors: Vec<(usize, Node)>,
    node_count: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), SyntaxError> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                let at = self.offsets.byte(error.marker().index());
                let kind = SyntaxErrorKind::Yaml(String::from(error.info()));
                Err(SyntaxError { kind, extent: Extent { start: at, end: at } })
            }
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span) -> Result<Node, SyntaxError> {
        self.node_count += 1;
        if self.node_count > NODE_COUNT_MAX {
            return Err(self.error(&format!("more than {NODE_COUNT_MAX} values"), span));
        }
        let (node, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => (self.scalar(text, style, tag, span)?, anchor),
            Event::SequenceStart(anchor, tag) => {
                self.known_tag(tag.as_deref(), "seq", span)?;
                (self.nested(span, Self::list)?, anchor)
            }
            Event::MappingStart(anchor, tag) => {
                self.known_tag(tag.as_deref(), "map", span)?;
                (self.nested(span, Self::object)?, anchor)
            }
            Event::Alias(anchor) => return self.alias(anchor, span),
            _ => return Err(self.error("a value is missing", span)),
        };
        if anchor > 0 {
            let copy = self.copy(&node, node.extent)?;
            self.anchors.push((anchor, copy));
        }
        Ok(node)
    }

    fn nested(
        &mut self,
        span: Span,
        inner: fn(&mut Self, Span) -> Result<Node, SyntaxError>,
    ) -> Result<Node, SyntaxError> {
        if self.depth == NESTING_DEPTH_MAX {
            return Err(SyntaxError { kind: SyntaxErrorKind::TooDeep, extent: self.extent(span) });
        }
        self.depth += 1;
        let node = inner(self, span)?;
        self.depth -= 1;
        Ok(node)
    }

    fn list(&mut self, start: Span) -> Result<Node, SyntaxError> {
        let mut elements = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, end) => {
                    let extent = self.extent(Span { start: start.start, end: end.end });
                    return Ok(Node { extent, value: Value::List(elements) });
                }
                (event, span) => elements.push(self.node(event, span)?),
            }
        }
    }

    fn object(&mut self, start: Span) -> Result<Node, SyntaxError> {
        let mut entries = Vec::new();
        let mut keys = HashSet::new();
        loop {
            let (key, span) = match self.next()? {
                (Event::MappingEnd, end) => {
                    let extent = self.extent(Span { start: start.start, end: end.end });
                    return Ok(Node { extent, value: Value::Object(entries) });
                }
                (Event::Scalar(key, _, _, _), span) => (key.into_owned(), span),
                (_, span) => return Err(self.error("a key must be a plain text", span)),
            };
            if !keys.insert(key.clone()) {
                return Err(self.error(&format!("Duplicate field '{key}'"), span));
            }
            let (event, value_span) = self.next()?;
            let value = self.node(event, value_span)?;
            entries.push(Entry { key, key_extent: self.extent(span), value });
        }
    }

    fn scalar(
        &mut self,
        text: Cow<'a, str>,
        style: ScalarStyle,
        tag: Option<Cow<'a, Tag>>,
        span: Span,
    ) -> Result<Node, SyntaxError> {
        if let Some(tag) = tag.as_deref().filter(|tag| !tag.is_yaml_core_schema()) {
            return Err(self.error(&format!("the tag '{tag}' means nothing in a definition"), span));
        }
        let written = text.clone();
        let value = match Scalar::parse_from_cow_and_metadata(text, style, tag.as_ref()) {
            Some(Scalar::Null) => Value::Null,
            Some(Scalar::Boolean(value)) => Value::Boolean(value),
            Some(Scalar::Integer(value)) => Value::Number(value.to_string()),
            Some(Scalar::FloatingPoint(value)) => Value::Number(self.float(&written, value.into_inner(), span)?),
            Some(Scalar::String(value)) => Value::Text(value.into_owned()),
            None => return Err(self.error("the value is not of the type that its tag says", span)),
        };
        Ok(Node { extent: self.extent(span), value })
    }

    /// A floating-point number as JSON text: as it was written where that is JSON, so that `1.50` stays `1.50`.
    fn float(&self, written: &str, value: f64, span: Span) -> Result<String, SyntaxError> {
        if !value.is_finite() {
            return Err(self.error("JSON has no such number", span));
        }
        let is_json = super::json::parse(written)
            .is_ok_and(|node| matches!(node, Some(Node { value: Value::Number(text), .. }) if text == written));
        Ok(if is_json { String::from(written) } else { format!("{value:?}") })
    }

    /// The value that an alias repeats, with the alias's place.
    fn alias(&mut self, anchor: usize, span: Span) -> Result<Node, SyntaxError> {
        let extent = self.extent(span);
        let Some(at) = self.anchors.iter().rposition(|(number, _)| *number == anchor) else {
            return Err(self.error("an alias within its own anchor", span));
        };
        let anchored = std::mem::replace(&mut self.anchors[at].1, Node { extent, value: Value::Null });
        let copy = self.copy(&anchored, extent);
        self.anchors[at].1 = anchored;
        copy
    }

    fn copy(&mut self, node: &Node, extent: Extent) -> Result<Node, SyntaxError> {
        self.node_count += 1;
        if self.node_count > NODE_COUNT_MAX || self.depth > NESTING_DEPTH_MAX {
            return Err(SyntaxError { kind: SyntaxErrorKind::TooDeep, extent });
        }
        self.depth += 1;
        let value = match &node.value {
            Value::Null => Value::Null,
            Value::Boolean(value) => Value::Boolean(*value),
            Value::Number(text) => Value::Number(text.clone()),
            Value::Text(text) => Value::Text(text.clone()),
            Value::List(elements) => {
                Value::List(elements.iter().map(|element| self.copy(element, extent)).collect::<Result<_, _>>()?)
            }
            Value::Object(entries) => {
                let copied = entries.iter().map(|entry| {
                    let value = self.copy(&entry.value, extent)?;
                    Ok(Entry { key: entry.key.clone(), key_extent: extent, value })
                });
                Value::Object(copied.collect::<Result<_, _>>()?)
            }
        };
        self.depth -= 1;
        Ok(Node { extent, value })
    }

    fn known_tag(&self, tag: Option<&Tag>, expected: &str, span: Span) -> Result<(), SyntaxError> {
        match tag {
            Some(tag) if !(tag.is_yaml_core_schema() && tag.suffix == expected) => {
                Err(self.error(&format!("the tag '{tag}' means nothing in a definition"), span))
            }
            _ => Ok(()),
        }
    }

    fn extent(&self, span: Span) -> Extent {
        Extent { start: self.offsets.byte(span.start.index()), end: self.offsets.byte(span.end.index()) }
    }

    fn error(&self, message: &str, span: Span) -> SyntaxError {
        SyntaxError { kind: SyntaxErrorKind::Yaml(String::from(message)), extent: self.extent(span) }
    }
}

/// The parser counts characters; places are bytes.
struct Offsets {
    /// Byte offset of every character; empty if all are one byte long.
    of_chars: Vec<usize>,
    text_bytes: usize,
}

impl Offsets {
    fn of(text: &str) -> Self {
        let of_chars = if text.is_ascii() { Vec::new() } else { text.char_indices().map(|(at, _)| at).collect() };
        Self { of_chars, text_bytes: text.len() }
    }

    fn byte(&self, index: usize) -> usize {
        if self.of_chars.is_empty() {
            return index.min(self.text_bytes);
        }
        self.of_chars.get(index).copied().unwrap_or(self.text_bytes)
    }
}
