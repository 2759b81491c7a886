//! Functions that look for a text or for what a regular expression matches: `$contains`, `$match`, `$split`,
//! `$replace`.
//!
//! In place of a regular expression any function will do that, called with the text, gives
//! `{match, start, end, groups, next}`, where `next` is a function that gives the next match, or nothing. A real one
//! is asked directly, without making these objects. Its positions are bytes; those that an expression sees count
//! UTF-16 units, as JavaScript's do.

use super::array::pay;
use super::string::made;
use super::{Arguments, Native};
use crate::jsonata::eval::Function;
use crate::jsonata::regex::{Found, Regex};
use crate::jsonata::{Code, Evaluator, JsonataError, Value};
use fleetstep_document::Text;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

pub(super) const FUNCTIONS: &[Native] = &[
    Native { name: "contains", signature: "<s-(sf):b>", arity: 2, call: contains },
    Native { name: "match", signature: "<s-f<s:o>n?:a<o>>", arity: 3, call: matches },
    Native { name: "split", signature: "<s-(sf)n?:a<s>>", arity: 3, call: split },
    Native { name: "replace", signature: "<s-(sf)(sf)n?:s>", arity: 4, call: replace },
];

type Result<T = Value> = std::result::Result<T, JsonataError>;

fn contains(evaluator: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>) -> Result {
    let Some(text) = arguments.get(0).as_text() else { return Ok(Value::Undefined) };
    if arguments.get(1).is_undefined() {
        return Ok(Value::Undefined);
    }
    evaluator.budget.spend((text.len() / BYTES_PER_STEP) as u64)?;
    Ok(Value::from(match arguments.text(1) {
        Some(token) => text.contains(token),
        None => Matcher::new(text, arguments.get(1)).next(evaluator)?.is_some(),
    }))
}

/// Looking for a plain text costs one step for so many bytes.
const BYTES_PER_STEP: usize = 64;

fn matches(evaluator: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>) -> Result {
    let Some(text) = arguments.get(0).as_text() else { return Ok(Value::Undefined) };
    let limit = limit(arguments.get(2), Code::D3040)?;
    let mut found = Vec::new();
    if limit > 0.0 {
        let mut matcher = Matcher::new(text, arguments.get(1));
        let mut units = Units::default();
        let mut next = matcher.next(evaluator)?;
        while let Some(hit) = next
            && (found.len() as f64) < limit
        {
            pay(evaluator, 1)?;
            found.push(hit.summary(text, &mut units));
            next = matcher.next(evaluator)?;
        }
    }
    Value::sequence(found).checked()
}

fn split(evaluator: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>) -> Result {
    let Some(text) = arguments.get(0).as_text() else { return Ok(Value::Undefined) };
    let limit = limit(arguments.get(2), Code::D3020)?;
    evaluator.budget.spend((text.len() / BYTES_PER_STEP) as u64)?;
    let parts: Vec<&str> = match arguments.text(1) {
        _ if limit <= 0.0 => Vec::new(),
        Some("") => {
            pay(evaluator, text.len())?;
            text.char_indices().map(|(at, c)| &text[at..at + c.len_utf8()]).take(limit as usize).collect()
        }
        Some(separator) => text.split(separator).take(limit as usize).collect(),
        None => split_by_matches(evaluator, text, arguments.get(1), limit)?,
    };
    pay(evaluator, parts.len())?;
    evaluator.budget.allocate(text.len())?;
    Ok(Value::array(parts.into_iter().map(Value::from).collect()))
}

fn split_by_matches<'a>(
    evaluator: &mut Evaluator<'_, '_>,
    text: &'a Text,
    separator: &Value,
    limit: f64,
) -> Result<Vec<&'a str>> {
    let mut parts = Vec::new();
    let mut matcher = Matcher::new(text, separator);
    let (mut position, mut units) = (0, Units::default());
    let mut next = matcher.next(evaluator)?;
    while let Some(hit) = next
        && (parts.len() as f64) < limit
    {
        pay(evaluator, 1)?;
        let (start, end) = hit.range(text, &mut units);
        parts.push(between(text, position, start));
        position = end;
        next = matcher.next(evaluator)?;
    }
    if (parts.len() as f64) < limit {
        parts.push(&text[position..]);
    }
    Ok(parts)
}

fn replace(evaluator: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>) -> Result {
    let Some(text) = arguments.get(0).as_text() else { return Ok(Value::Undefined) };
    if arguments.text(1) == Some("") {
        return Err(JsonataError::new(Code::D3010).text("value", ""));
    }
    let limit = limit(arguments.get(3), Code::D3011)?;
    if limit <= 0.0 {
        return Ok(Value::from(text.clone()));
    }
    let replacement = arguments.get(2);
    if let Some(pattern) = arguments.text(1) {
        if !text.contains(pattern) {
            return Ok(Value::from(text.clone()));
        }
        let replacement = replacement.as_str().ok_or_else(|| no_text(replacement))?;
        // `count < limit` in the reference: a limit of 1.5 replaces twice.
        let times = (limit.ceil() as usize).min(text.matches(pattern).count());
        evaluator.budget.spend((text.len() / BYTES_PER_STEP) as u64)?;
        evaluator.budget.allocate(times.saturating_mul(replacement.len()))?;
        return made(evaluator, text.replacen(pattern, replacement, times));
    }
    let mut replaced = String::new();
    let mut matcher = Matcher::new(text, arguments.get(1));
    let (mut position, mut count, mut units) = (0, 0, Units::default());
    let mut next = matcher.next(evaluator)?;
    while let Some(hit) = next
        && f64::from(count) < limit
    {
        let (start, end) = hit.matched_range(text, &mut units);
        let before = between(text, position, start);
        let substitute = match replacement.as_str() {
            Some(template) => Text::from(hit.fill_in(template, text)),
            None => {
                let given = evaluator.call(replacement, vec![hit.object(text, &mut units)])?;
                given.as_text().cloned().ok_or_else(|| no_text(&given))?
            }
        };
        evaluator.budget.allocate(before.len() + substitute.len())?;
        replaced.push_str(before);
        replaced.push_str(&substitute);
        (position, count) = (end, count + 1);
        next = matcher.next(evaluator)?;
    }
    replaced.push_str(&text[position..]);
    made(evaluator, replaced)
}

fn no_text(value: &Value) -> JsonataError {
    JsonataError::new(Code::D3012).value("value", value)
}

/// How often at most; not given is without end, negative is an error.
fn limit(value: &Value, code: Code) -> Result<f64> {
    match value.as_f64() {
        Some(limit) if limit < 0.0 => Err(JsonataError::new(code).number("value", limit)),
        Some(limit) => Ok(limit),
        None => Ok(f64::INFINITY),
    }
}

/// The text from one byte to another, whichever comes first.
fn between(text: &str, a: usize, b: usize) -> &str {
    &text[a.min(b)..a.max(b)]
}

/// Gives the matches in a text one by one.
enum Matcher<'a> {
    /// Of a regular expression; `from` is where the last match ended.
    Regex { regex: Arc<Regex>, text: &'a Text, from: Option<usize> },
    /// Of another function, and what it is called with: the text first, then nothing.
    Function { function: Value, argument: Value },
    /// There are no more.
    Done,
}

impl<'a> Matcher<'a> {
    fn new(text: &'a Text, function: &Value) -> Self {
        match function.as_function().map(Rc::as_ref) {
            Some(Function::Regex(regex)) => Self::Regex { regex: regex.clone(), text, from: None },
            _ => Self::Function { function: function.clone(), argument: Value::from(text.clone()) },
        }
    }

    fn next(&mut self, evaluator: &mut Evaluator<'_, '_>) -> Result<Option<Hit>> {
        let hit = match self {
            Self::Done => None,
            Self::Regex { regex, text, from } => next_of_regex(evaluator, regex, text, *from)?.map(|found| {
                *from = Some(found.range.end);
                Hit::Regex(found, regex.clone())
            }),
            Self::Function { function, argument } => {
                let object = evaluator.call(function, vec![std::mem::take(argument)])?;
                check_match(&object)?;
                let next = object.fields().map(|fields| fields.get("next")).unwrap_or_default();
                *function = next;
                (!object.is_undefined()).then_some(Hit::Object(object))
            }
        };
        if hit.is_none() {
            *self = Self::Done;
        }
        Ok(hit)
    }
}

/// Looks for the next match, where `from` is the end of the last one. A match of no characters may be the first one;
/// after it the reference would find it forever.
fn next_of_regex(
    evaluator: &mut Evaluator<'_, '_>,
    regex: &Regex,
    text: &str,
    from: Option<usize>,
) -> Result<Option<Found>> {
    if from.is_some_and(|from| from >= text.len()) {
        return Ok(None);
    }
    let found = regex.find_from(text, from.unwrap_or(0), evaluator.budget)?;
    if from.is_some() && found.as_ref().is_some_and(|found| found.range.is_empty()) {
        return Err(JsonataError::new(Code::D1004).text("value", regex.source()));
    }
    Ok(found)
}

/// Calls a regular expression as a function: the first match in a text, from the UTF-16 unit on that `start` says as
/// JavaScript reads a number of anything. Nothing when there is none.
pub(in crate::jsonata) fn call_regex(
    evaluator: &mut Evaluator<'_, '_>,
    regex: &Arc<Regex>,
    text: &Text,
    start: &Value,
) -> Result {
    let number = match (start.as_str(), start.as_bool()) {
        (Some(digits), _) => digits.trim().parse().unwrap_or(0.0),
        (_, Some(truth)) => f64::from(u8::from(truth)),
        _ => start.as_f64().unwrap_or(0.0),
    };
    // The cast saturates: what is negative or no number is the beginning.
    let start = number as usize;
    let mut place = Units::default();
    let from = place.byte_of(text, start);
    if place.at(text, text.len()) < start {
        return Ok(Value::Undefined);
    }
    let found = regex.find_from(text, from, evaluator.budget)?;
    Ok(match_object(found, regex, text))
}

/// The match after the one that ended at the byte `from`. Nothing when there is none.
pub(in crate::jsonata) fn next_match(
    evaluator: &mut Evaluator<'_, '_>,
    regex: &Arc<Regex>,
    text: &Text,
    from: usize,
) -> Result {
    let found = next_of_regex(evaluator, regex, text, Some(from))?;
    Ok(match_object(found, regex, text))
}

fn match_object(found: Option<Found>, regex: &Arc<Regex>, text: &Text) -> Value {
    let object = |found| Hit::Regex(found, regex.clone()).object(text, &mut Units::default());
    found.map_or(Value::Undefined, object)
}

/// What a function gives in place of a match must have at least one of a match's fields.
fn check_match(value: &Value) -> Result<()> {
    if value.is_undefined() {
        return Ok(());
    }
    let shaped = value.fields().is_some_and(|fields| {
        fields.get("start").as_f64().is_some()
            || fields.get("end").as_f64().is_some()
            || fields.get("groups").items().is_some()
            || fields.get("next").as_function().is_some()
    });
    if shaped { Ok(()) } else { Err(JsonataError::new(Code::T1010)) }
}

/// One match.
enum Hit {
    Regex(Found, Arc<Regex>),
    Object(Value),
}

impl Hit {
    fn field(&self, name: &str) -> Value {
        match self {
            Self::Object(object) => object.fields().map(|fields| fields.get(name)).unwrap_or_default(),
            Self::Regex(..) => Value::Undefined,
        }
    }

    /// The bytes from `start` to `end`.
    fn range(&self, text: &str, units: &mut Units) -> (usize, usize) {
        match self {
            Self::Regex(found, _) => (found.range.start, found.range.end),
            Self::Object(_) => {
                let at = |name| self.field(name).as_f64().unwrap_or(f64::INFINITY) as usize;
                let (start, end) = (at("start"), at("end"));
                (units.byte_of(text, start), units.byte_of(text, end))
            }
        }
    }

    /// The bytes from `start` on that are as long as what was matched.
    fn matched_range(&self, text: &str, units: &mut Units) -> (usize, usize) {
        match self {
            Self::Regex(found, _) => (found.range.start, found.range.end),
            Self::Object(_) => {
                let start = self.field("start").as_f64().unwrap_or(f64::INFINITY) as usize;
                let length = self.matched(text).encode_utf16().count();
                (units.byte_of(text, start), units.byte_of(text, start.saturating_add(length)))
            }
        }
    }

    fn matched(&self, text: &str) -> String {
        match self {
            Self::Regex(found, _) => text[found.range.clone()].to_owned(),
            Self::Object(_) => self.field("match").as_str().unwrap_or("").to_owned(),
        }
    }

    fn groups_len(&self) -> usize {
        match self {
            Self::Regex(found, _) => found.groups.len(),
            Self::Object(_) => self.field("groups").items().map_or(0, |items| items.len()),
        }
    }

    /// The text of a group, from 1; nothing of one that took no part or is not there.
    fn group(&self, number: usize, text: &str) -> String {
        let Some(at) = number.checked_sub(1) else { return String::new() };
        match self {
            Self::Regex(found, _) => {
                let range = found.groups.get(at).cloned().flatten();
                range.map(|range| text[range].to_owned()).unwrap_or_default()
            }
            Self::Object(_) => {
                let group = self.field("groups").items().and_then(|items| items.get(at));
                group.as_ref().and_then(Value::as_str).unwrap_or("").to_owned()
            }
        }
    }

    fn groups(&self, text: &str) -> Value {
        match self {
            Self::Regex(found, _) => {
                let group = |range: Range<usize>| Value::from(&text[range]);
                Value::array(found.groups.iter().map(|range| range.clone().map_or(Value::Undefined, group)).collect())
            }
            Self::Object(_) => self.field("groups"),
        }
    }

    /// What `$match` tells of it.
    fn summary(&self, text: &str, units: &mut Units) -> Value {
        let (matched, index) = match self {
            Self::Regex(found, _) => {
                (Value::from(&text[found.range.clone()]), Value::from(units.at(text, found.range.start) as f64))
            }
            Self::Object(_) => (self.field("match"), self.field("start")),
        };
        let fields = [("match", matched), ("index", index), ("groups", self.groups(text))];
        Value::object(fields.map(|(key, value)| (Text::from(key), value)))
    }

    /// The match as a function sees it that makes the replacement, or that called the regular expression itself.
    fn object(&self, text: &Text, units: &mut Units) -> Value {
        let (found, regex) = match self {
            Self::Object(object) => return object.clone(),
            Self::Regex(found, regex) => (found, regex.clone()),
        };
        let next = Function::NextMatch { regex, text: text.clone(), from: found.range.end };
        let fields = [
            ("match", Value::from(&text[found.range.clone()])),
            ("start", Value::from(units.at(text, found.range.start) as f64)),
            ("end", Value::from(units.at(text, found.range.end) as f64)),
            ("groups", self.groups(text)),
            ("next", Value::Function(Rc::new(next))),
        ];
        Value::object(fields.map(|(key, value)| (Text::from(key), value)))
    }

    /// `template` with `$0` and `$1` and so on filled in; `$$` is a dollar, and so is one that no digit follows.
    fn fill_in(&self, template: &str, text: &str) -> String {
        let mut filled = String::with_capacity(template.len());
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('$') {
            filled.push_str(before);
            rest = after;
            if let Some(after) = rest.strip_prefix('$') {
                filled.push('$');
                rest = after;
            } else if let Some(after) = rest.strip_prefix('0') {
                filled.push_str(&self.matched(text));
                rest = after;
            } else {
                let (number, digits) = self.group_number(rest);
                match number {
                    Some(number) => filled.push_str(&self.group(number, text)),
                    None => filled.push('$'),
                }
                rest = &rest[digits..];
            }
        }
        filled.push_str(rest);
        filled
    }

    /// The number of a group at the beginning of `text`, and how many digits it has: as many as the count of groups
    /// has, or one less where that many would be beyond it.
    fn group_number(&self, text: &str) -> (Option<usize>, usize) {
        let count = self.groups_len();
        let digits_max = count.max(1).ilog10() as usize + 1;
        let digits = text.bytes().take(digits_max).take_while(u8::is_ascii_digit).count();
        let number = |digits: usize| text[..digits].parse::<usize>().ok();
        match number(digits) {
            Some(value) if digits_max > 1 && digits == digits_max && value > count => (number(digits - 1), digits - 1),
            value => (value, digits),
        }
    }
}

/// A place in a text, counted both ways, so that going on from it need not count from the beginning.
#[derive(Default)]
struct Units {
    byte: usize,
    units: usize,
}

impl Units {
    /// The UTF-16 units before a byte.
    fn at(&mut self, text: &str, byte: usize) -> usize {
        if byte < self.byte {
            *self = Self::default();
        }
        self.units += text[self.byte..byte].chars().map(char::len_utf16).sum::<usize>();
        self.byte = byte;
        self.units
    }

    /// The byte at which so many UTF-16 units have gone by, or the end; of half a character, the one before it.
    fn byte_of(&mut self, text: &str, units: usize) -> usize {
        if units < self.units {
            *self = Self::default();
        }
        for c in text[self.byte..].chars() {
            if self.units + c.len_utf16() > units {
                break;
            }
            self.units += c.len_utf16();
            self.byte += c.len_utf8();
        }
        self.byte
    }
}

#[cfg(test)]
mod tests {
    use super::{Found, Hit, Regex, Units};
    use std::sync::Arc;

    #[test]
    fn templates_are_filled_in() {
        let regex = Arc::new(Regex::compile("x", "").expect("a pattern"));
        let found = |groups: usize| {
            let groups = (0..groups).map(|at| Some(at..at + 1)).collect();
            Hit::Regex(Found { range: 0..3, groups }, regex.clone())
        };
        let text = "abcdefghijklmno";
        for (groups, template, filled) in [
            (2, "$2, $1", "b, a"),
            (0, "$0-$1-$$-$x-$", "abc--$-$x-$"),
            (1, "$12", "a2"),
            (13, "$8$5$12$12$18$123", "hella8l3"),
            (12, "$13|$9|$99", "a3|i|i9"),
            (1, "$9", ""),
        ] {
            assert_eq!(found(groups).fill_in(template, text), filled, "{template} of {groups}");
        }
    }

    #[test]
    fn places_are_counted_both_ways() {
        let text = "a😀é!";
        let mut units = Units::default();
        for (byte, count) in [(0, 0), (1, 1), (5, 3), (7, 4), (1, 1), (8, 5)] {
            assert_eq!(units.at(text, byte), count, "byte {byte}");
            assert_eq!(units.byte_of(text, count), byte, "unit {count}");
        }
        assert_eq!(units.byte_of(text, 2), 1);
        assert_eq!(units.byte_of(text, 99), 8);
    }
}
