//! Filters: `[?(@.price < 10 && @.name =~ /a.*/i)]`, with Jayway's operators and its idea of equality.

use super::Kind;
use super::eval::{Budget, Miss, query_within, reach};
use super::parse::{Cursor, Parsed, segments};
use fleetstep_document::{Document, View};
use regex::{Regex, RegexBuilder};
use std::cmp::Ordering;

/// How large a compiled pattern may be.
const PATTERN_BYTES_MAX: usize = 256 * 1024;

/// A compiled filter.
#[derive(Debug)]
pub(super) enum Filter {
    Or(Vec<Filter>),
    And(Vec<Filter>),
    Not(Box<Filter>),
    /// A path on its own: whether it is there.
    Exists(Operand),
    Compare(Operand, Operator, Operand),
}

#[derive(Debug)]
pub(super) enum Operand {
    /// A path from the candidate (`@`) or from the root (`$`).
    Path {
        from_root: bool,
        kind: Kind,
    },
    Literal(Document),
    Pattern(Regex),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Same,
    NotSame,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Matches,
    In,
    NotIn,
    Contains,
    All,
    Size,
    Empty,
    SubsetOf,
    AnyOf,
    NoneOf,
}

/// Longer symbols before those that they begin with; words in either case.
static OPERATORS: &[(&str, Operator)] = &[
    ("===", Operator::Same),
    ("!==", Operator::NotSame),
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("=~", Operator::Matches),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
    ("in", Operator::In),
    ("nin", Operator::NotIn),
    ("contains", Operator::Contains),
    ("all", Operator::All),
    ("size", Operator::Size),
    ("empty", Operator::Empty),
    ("subsetof", Operator::SubsetOf),
    ("anyof", Operator::AnyOf),
    ("noneof", Operator::NoneOf),
];

impl Filter {
    /// The filter whose opening parenthesis the cursor is before; it ends behind the closing one.
    pub(super) fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        cursor.skip_blanks();
        if cursor.peek() != Some('(') {
            return cursor.fail("a filter stands in parentheses: [?(@.a == 1)]");
        }
        cursor.nested(primary)
    }

    /// Whether the candidate passes.
    pub(super) fn accepts(&self, candidate: &Document, root: &Document, budget: &mut Budget) -> Result<bool, Miss> {
        budget.spend(1)?;
        match self {
            Self::Or(filters) => any(filters, |filter| filter.accepts(candidate, root, budget)),
            Self::And(filters) => Ok(!any(filters, |filter| Ok(!filter.accepts(candidate, root, budget)?))?),
            Self::Not(filter) => Ok(!filter.accepts(candidate, root, budget)?),
            Self::Exists(operand) => Ok(!matches!(operand.value(candidate, root, budget)?, Value::Missing)),
            Self::Compare(left, operator, right) => {
                let left = left.value(candidate, root, budget)?;
                let right = right.value(candidate, root, budget)?;
                compare(&left, *operator, &right, budget)
            }
        }
    }
}

fn any<'f>(filters: &'f [Filter], mut test: impl FnMut(&'f Filter) -> Result<bool, Miss>) -> Result<bool, Miss> {
    for filter in filters {
        if test(filter)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn disjunction(cursor: &mut Cursor<'_>) -> Parsed<Filter> {
    joined(cursor, "||", Filter::Or, |cursor| joined(cursor, "&&", Filter::And, primary))
}

fn joined(
    cursor: &mut Cursor<'_>,
    symbol: &str,
    join: fn(Vec<Filter>) -> Filter,
    mut part: impl FnMut(&mut Cursor<'_>) -> Parsed<Filter>,
) -> Parsed<Filter> {
    let first = part(cursor)?;
    cursor.skip_blanks();
    let mut parts = vec![first];
    while cursor.took_text(symbol) {
        parts.push(part(cursor)?);
        cursor.skip_blanks();
    }
    Ok(match <[Filter; 1]>::try_from(parts) {
        Ok([only]) => only,
        Err(parts) => join(parts),
    })
}

fn primary(cursor: &mut Cursor<'_>) -> Parsed<Filter> {
    cursor.skip_blanks();
    if cursor.took('!') {
        return Ok(Filter::Not(Box::new(cursor.nested(primary)?)));
    }
    if cursor.took('(') {
        let inner = cursor.nested(disjunction)?;
        cursor.skip_blanks();
        return if cursor.took(')') { Ok(inner) } else { cursor.fail("expected ')' or an operator in the filter") };
    }
    let left = Operand::parse(cursor)?;
    cursor.skip_blanks();
    match operator(cursor) {
        Some(operator) => {
            cursor.skip_blanks();
            let right = Operand::parse(cursor)?;
            Ok(Filter::Compare(left, operator, right))
        }
        None if matches!(left, Operand::Path { .. }) => Ok(Filter::Exists(left)),
        None => cursor.fail("expected an operator in the filter"),
    }
}

fn operator(cursor: &mut Cursor<'_>) -> Option<Operator> {
    let rest = cursor.rest();
    let word = &rest[..rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len())];
    let (name, operator) = OPERATORS
        .iter()
        .find(|(name, _)| if word.is_empty() { rest.starts_with(name) } else { name.eq_ignore_ascii_case(word) })?;
    cursor.skip(name.len());
    Some(*operator)
}

impl Operand {
    fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        match cursor.peek() {
            Some(root @ ('@' | '$')) => {
                cursor.take();
                Ok(Self::Path { from_root: root == '$', kind: Kind::of(segments(cursor, true)?) })
            }
            Some('/') => pattern(cursor).map(Self::Pattern),
            _ => literal(cursor).map(Self::Literal),
        }
    }

    fn value<'v>(
        &'v self,
        candidate: &'v Document,
        root: &'v Document,
        budget: &mut Budget,
    ) -> Result<Value<'v>, Miss> {
        let (from_root, kind) = match self {
            Self::Literal(literal) => return Ok(Value::Seen(literal)),
            Self::Pattern(pattern) => return Ok(Value::Pattern(pattern)),
            Self::Path { from_root, kind } => (*from_root, kind),
        };
        budget.spend(1)?;
        let start = if from_root { root } else { candidate };
        Ok(match kind {
            Kind::Reference(steps) => reach(steps, start).map_or(Value::Missing, Value::Seen),
            Kind::Query { segments, definite } => match query_within(segments, *definite, start, root, budget) {
                Ok(made) => Value::Made(made),
                // A part that does not fit this candidate is no more than a value that it lacks.
                Err(Miss::NotFound(_) | Miss::Invalid(_) | Miss::Unassigned) => Value::Missing,
                Err(exhausted @ Miss::Exhausted) => return Err(exhausted),
            },
        })
    }
}

/// `/…/flags`, to match the whole text. Linear in the text's length by construction.
fn pattern(cursor: &mut Cursor<'_>) -> Parsed<Regex> {
    cursor.take();
    let mut source = String::new();
    loop {
        match cursor.take() {
            None => return cursor.fail("the closing '/' of the pattern is missing"),
            Some('/') => break,
            Some('\\') if cursor.peek() == Some('/') => source.extend(cursor.take()),
            Some('\\') => {
                source.push('\\');
                source.extend(cursor.take());
            }
            Some(other) => source.push(other),
        }
    }
    let mut builder = RegexBuilder::new(&format!(r"\A(?:{source})\z"));
    builder.size_limit(PATTERN_BYTES_MAX).dfa_size_limit(PATTERN_BYTES_MAX);
    while let Some(flag) = cursor.peek().filter(char::is_ascii_alphabetic) {
        match flag {
            'i' => builder.case_insensitive(true),
            'm' => builder.multi_line(true),
            's' => builder.dot_matches_new_line(true),
            'x' => builder.ignore_whitespace(true),
            'u' | 'U' => &mut builder,
            _ => return cursor.fail(format!("'{flag}' is no flag of a pattern")),
        };
        cursor.take();
    }
    builder.build().or_else(|error| cursor.fail(format!("not a pattern: {error}")))
}

fn literal(cursor: &mut Cursor<'_>) -> Parsed<Document> {
    match cursor.peek() {
        Some(quote @ ('\'' | '"')) => string(cursor, quote),
        Some('[') => cursor.nested(list),
        _ => {
            let rest = cursor.rest();
            let word =
                &rest[..rest.find(|c: char| c.is_whitespace() || "=<>!&|)],~".contains(c)).unwrap_or(rest.len())];
            match Document::parse(word.as_bytes()) {
                Ok(value) => {
                    cursor.skip(word.len());
                    Ok(value)
                }
                // The service takes a bare word for a string: `[?(@.status==paid)]`.
                Err(_) if word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') => {
                    cursor.skip(word.len());
                    Ok(Document::from(word))
                }
                Err(_) => cursor.fail(format!("'{word}' is no value in a filter")),
            }
        }
    }
}

fn string(cursor: &mut Cursor<'_>, quote: char) -> Parsed<Document> {
    cursor.take();
    let mut out = String::new();
    loop {
        match cursor.take() {
            None => return cursor.fail(format!("the closing {quote} is missing")),
            Some(c) if c == quote => return Ok(Document::from(out)),
            Some('\\') => match cursor.take() {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some('r') => out.push('\r'),
                other => out.extend(other),
            },
            Some(other) => out.push(other),
        }
    }
}

fn list(cursor: &mut Cursor<'_>) -> Parsed<Document> {
    cursor.take();
    let mut items = Vec::new();
    loop {
        cursor.skip_blanks();
        if cursor.took(']') {
            return Ok(Document::from(items));
        }
        if !items.is_empty() && !cursor.took(',') {
            return cursor.fail("expected ',' or ']' in the list");
        }
        cursor.skip_blanks();
        items.push(literal(cursor)?);
    }
}

enum Value<'v> {
    Missing,
    Seen(&'v Document),
    Made(Document),
    Pattern(&'v Regex),
}

impl Value<'_> {
    fn document(&self) -> Option<&Document> {
        match self {
            Self::Seen(value) => Some(value),
            Self::Made(value) => Some(value),
            Self::Missing | Self::Pattern(_) => None,
        }
    }

    fn list(&self) -> Option<&[Document]> {
        self.document()?.as_array()
    }
}

fn compare(left: &Value<'_>, operator: Operator, right: &Value<'_>, budget: &mut Budget) -> Result<bool, Miss> {
    Ok(match operator {
        Operator::Equal => both(left, right, equal),
        Operator::NotEqual => !both(left, right, equal),
        Operator::Same => both(left, right, |a, b| a.type_name() == b.type_name() && equal(a, b)),
        Operator::NotSame => !both(left, right, |a, b| a.type_name() == b.type_name() && equal(a, b)),
        Operator::Less => both(left, right, |a, b| order(a, b).is_some_and(Ordering::is_lt)),
        Operator::LessOrEqual => both(left, right, |a, b| order(a, b).is_some_and(Ordering::is_le)),
        Operator::Greater => both(left, right, |a, b| order(a, b).is_some_and(Ordering::is_gt)),
        Operator::GreaterOrEqual => both(left, right, |a, b| order(a, b).is_some_and(Ordering::is_ge)),
        Operator::Matches => matches_pattern(left, right, budget)?,
        Operator::Contains => match (left.document().map(Document::view), right.document()) {
            (Some(View::String(text)), Some(part)) => part.as_str().is_some_and(|part| text.contains(part)),
            (Some(View::Array(items)), Some(item)) => contains(items, item, budget)?,
            _ => false,
        },
        Operator::In => member(left, right, budget)?,
        Operator::NotIn => !member(left, right, budget)?,
        Operator::Size => {
            both(left, right, |value, size| length(value).is_some_and(|n| size.as_i64() == Some(n as i64)))
        }
        Operator::Empty => {
            both(left, right, |value, empty| length(value).is_some_and(|n| empty.as_bool() == Some(n == 0)))
        }
        Operator::All => all_in(right, left, budget)?,
        Operator::SubsetOf => all_in(left, right, budget)?,
        Operator::AnyOf => overlap(left, right, budget)? == Some(true),
        Operator::NoneOf => overlap(left, right, budget)? == Some(false),
    })
}

fn both(left: &Value<'_>, right: &Value<'_>, test: impl FnOnce(&Document, &Document) -> bool) -> bool {
    match (left.document(), right.document()) {
        (Some(left), Some(right)) => test(left, right),
        _ => false,
    }
}

/// Jayway's equality: a number equals a string that reads as that number.
fn equal(left: &Document, right: &Document) -> bool {
    match (left.view(), right.view()) {
        (View::Number(number), View::String(text)) => text.parse::<f64>().is_ok_and(|other| number.as_f64() == other),
        (View::String(text), View::Number(_)) => text.as_str() == right.to_json(),
        _ => left == right,
    }
}

fn order(left: &Document, right: &Document) -> Option<Ordering> {
    match (left.view(), right.view()) {
        (View::Number(left), View::Number(right)) => Some(left.compare(&right)),
        (View::String(left), View::String(right)) => Some(left.as_str().cmp(right.as_str())),
        _ => None,
    }
}

fn length(value: &Document) -> Option<usize> {
    match value.view() {
        View::String(text) => Some(text.chars().count()),
        View::Array(items) => Some(items.len()),
        View::Object(object) => Some(object.len()),
        _ => None,
    }
}

fn contains(items: &[Document], item: &Document, budget: &mut Budget) -> Result<bool, Miss> {
    budget.spend(items.len())?;
    Ok(items.iter().any(|other| equal(other, item)))
}

fn member(left: &Value<'_>, right: &Value<'_>, budget: &mut Budget) -> Result<bool, Miss> {
    match (left.document(), right.list()) {
        (Some(item), Some(items)) => contains(items, item, budget),
        _ => Ok(false),
    }
}

/// Whether every one of `parts` is in `whole`; false unless both are lists.
fn all_in(parts: &Value<'_>, whole: &Value<'_>, budget: &mut Budget) -> Result<bool, Miss> {
    let (Some(parts), Some(whole)) = (parts.list(), whole.list()) else { return Ok(false) };
    for part in parts {
        if !contains(whole, part, budget)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether two lists share an element; nothing unless both are lists.
fn overlap(left: &Value<'_>, right: &Value<'_>, budget: &mut Budget) -> Result<Option<bool>, Miss> {
    let (Some(left), Some(right)) = (left.list(), right.list()) else { return Ok(None) };
    for item in left {
        if contains(right, item, budget)? {
            return Ok(Some(true));
        }
    }
    Ok(Some(false))
}

fn matches_pattern(left: &Value<'_>, right: &Value<'_>, budget: &mut Budget) -> Result<bool, Miss> {
    let (pattern, value) = match (left, right) {
        (Value::Pattern(pattern), other) | (other, Value::Pattern(pattern)) => (pattern, other),
        _ => return Ok(false),
    };
    let Some(value) = value.document() else { return Ok(false) };
    match value.as_array() {
        None => matches_text(pattern, value, budget),
        Some(items) => {
            for item in items {
                if matches_text(pattern, item, budget)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
    }
}

fn matches_text(pattern: &Regex, value: &Document, budget: &mut Budget) -> Result<bool, Miss> {
    let printed;
    let text = match value.view() {
        View::String(text) => text.as_str(),
        View::Number(_) | View::Bool(_) => {
            printed = value.to_json();
            &printed
        }
        _ => return Ok(false),
    };
    // A match costs time in proportion to the text, which may be long.
    budget.spend(1 + text.len() / 16)?;
    Ok(pattern.is_match(text))
}
