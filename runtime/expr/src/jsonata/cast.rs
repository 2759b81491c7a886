//! Casts that operators and functions share: to a boolean, to a text, to a number as JavaScript prints it.

use super::budget::{Budget, TOO_LARGE, exceeded};
use super::{Code, JsonataError, Value};
use fleetstep_document::{Document, Text, View, write_string};

/// Whether a value counts as true, as `$boolean` has it; nothing does not. An infinite number is D1001.
pub(crate) fn truthy(value: &Value, budget: &mut Budget<'_>) -> Result<bool, JsonataError> {
    if let Some(items) = value.items() {
        for item in items.iter() {
            budget.spend(1)?;
            if truthy(&item, budget)? {
                return Ok(true);
            }
        }
        return Ok(false);
    }
    if let Some(fields) = value.fields() {
        return Ok(fields.len() > 0);
    }
    Ok(match value {
        Value::Document(document) => match document.view() {
            View::Bool(value) => value,
            View::Number(number) => number.as_f64() != 0.0,
            View::String(text) => !text.is_empty(),
            _ => false,
        },
        Value::NotFinite(_) => numeric(value)?.is_some(),
        _ => false,
    })
}

/// The number, if the value is one that counts as numeric: NaN does not, and an infinite number is D1001.
pub(crate) fn numeric(value: &Value) -> Result<Option<f64>, JsonataError> {
    match value {
        Value::NotFinite(number) if number.is_nan() => Ok(None),
        Value::NotFinite(_) => Err(JsonataError::new(Code::D1001).value("value", value)),
        _ => Ok(value.as_f64()),
    }
}

/// The text of a value as `$string` makes it (and `&`, `$join`): a string as it is, a function as the empty text,
/// anything else as JSON with numbers of fifteen digits. `pretty` indents by two. Nothing gives the empty text.
pub(crate) fn text(value: &Value, pretty: bool, budget: &mut Budget<'_>) -> Result<Text, JsonataError> {
    match value {
        Value::Undefined | Value::Function(_) => return Ok(Text::new()),
        Value::NotFinite(_) => return Err(JsonataError::new(Code::D3001)),
        Value::Array(array) if array.outer_wrapper => {
            return text(&array.items().get(0).unwrap_or_default(), pretty, budget);
        }
        _ => {}
    }
    if let Some(text) = value.as_text() {
        return Ok(text.clone());
    }
    let mut out = Vec::new();
    let mut writer = Writer { out: &mut out, pretty, level: 0, bytes_max: budget.bytes_left(), budget };
    writer.value(value)?;
    budget.allocate(out.len())?;
    // Everything that is written comes from strings and ASCII.
    Ok(Text::from(String::from_utf8(out).unwrap_or_default()))
}

/// Writes a value as `JSON.stringify` does.
struct Writer<'a, 'b> {
    out: &'a mut Vec<u8>,
    pretty: bool,
    level: usize,
    bytes_max: usize,
    budget: &'a mut Budget<'b>,
}

impl Writer<'_, '_> {
    fn value(&mut self, value: &Value) -> Result<(), JsonataError> {
        // Arrays share their items, so that a small value may stand for a text of any length.
        self.budget.spend(1)?;
        if self.out.len() > self.bytes_max {
            return Err(exceeded(TOO_LARGE));
        }
        if let Some(items) = value.items() {
            return self.block(b"[]", items.iter().map(|item| (None, item)));
        }
        if let Some(fields) = value.fields() {
            let present = fields.iter().filter(|(_, value)| !value.is_undefined());
            return self.block(b"{}", present.map(|(key, value)| (Some(key), value)));
        }
        match value {
            Value::Function(_) => self.out.extend_from_slice(b"\"\""),
            Value::Document(document) => match document.as_f64() {
                Some(number) => self.out.extend_from_slice(number_text(precise(number)).as_bytes()),
                None => document.write_json(self.out),
            },
            _ => {
                numeric(value)?;
                self.out.extend_from_slice(b"null");
            }
        }
        Ok(())
    }

    fn block(
        &mut self,
        brackets: &[u8; 2],
        members: impl Iterator<Item = (Option<Text>, Value)>,
    ) -> Result<(), JsonataError> {
        self.out.push(brackets[0]);
        self.level += 1;
        let mut empty = true;
        for (key, value) in members {
            if !empty {
                self.out.push(b',');
            }
            empty = false;
            self.new_line();
            if let Some(key) = key {
                write_string(&key, self.out);
                self.out.extend_from_slice(if self.pretty { b": " } else { b":" });
            }
            self.value(&value)?;
        }
        self.level -= 1;
        if !empty {
            self.new_line();
        }
        self.out.push(brackets[1]);
        Ok(())
    }

    fn new_line(&mut self) {
        if self.pretty {
            self.out.push(b'\n');
            self.out.resize(self.out.len() + 2 * self.level, b' ');
        }
    }
}

/// The number rounded to fifteen significant digits, unless it is whole; a half goes away from zero, as
/// `toPrecision` has it.
fn precise(number: f64) -> f64 {
    if number.trunc() == number {
        return number;
    }
    // So many digits are exact enough to tell a half from less than a half.
    let text = format!("{number:.40e}");
    let Some((mantissa, exponent)) = text.split_once('e') else { return number };
    let mut digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).collect();
    let up = digits[DIGITS_MAX] >= b'5';
    digits.truncate(DIGITS_MAX);
    let mut whole: u64 = digits.iter().fold(0, |whole, digit| whole * 10 + u64::from(digit - b'0'));
    whole += u64::from(up);
    let sign = if number < 0.0 { "-" } else { "" };
    let exponent = exponent.parse().unwrap_or(0) - (DIGITS_MAX as i32 - 1);
    format!("{sign}{whole}e{exponent}").parse().unwrap_or(number)
}

/// The significant digits of a number in a text.
const DIGITS_MAX: usize = 15;

/// Takes from the budget what it costs to look at all there is in a value. Arrays and objects share their parts, so
/// that a small value may take any time to walk through: who does so pays first.
pub(crate) fn pay_to_walk(value: &Value, budget: &mut Budget<'_>) -> Result<(), JsonataError> {
    budget.spend(1)?;
    match value {
        Value::Array(array) => array.items().iter().try_for_each(|item| pay_to_walk(&item, budget)),
        Value::Object(_) => value.fields().map_or(Ok(()), |fields| {
            let mut fields = fields.iter();
            fields.try_for_each(|(_, value)| pay_to_walk(&value, budget))
        }),
        Value::Document(document) if document.as_array().is_some() || document.as_object().is_some() => {
            budget.spend((document.json_len() / BYTES_PER_STEP) as u64)
        }
        _ => Ok(()),
    }
}

/// Walking through a document costs one step for so many bytes of its text.
const BYTES_PER_STEP: usize = 16;

/// A value as a copy through its text has it: numbers of fifteen digits, `null` for what is no finite number.
pub(crate) fn copied_number(value: &Value) -> Value {
    match value.as_f64() {
        Some(number) if number.is_finite() => Value::from(precise(number)),
        Some(_) => Value::NULL,
        None => value.clone(),
    }
}

/// A finite number as JavaScript prints it: `100`, `0.000001`, `1e-7`, `1e+21`.
pub(crate) fn number_text(number: f64) -> String {
    let magnitude = number.abs();
    if magnitude == 0.0 {
        return "0".to_owned();
    }
    if (1e-6..1e21).contains(&magnitude) {
        return format!("{number}");
    }
    let text = format!("{number:e}");
    if text.contains("e-") { text } else { text.replace('e', "e+") }
}

/// A finite number as a document that prints as JavaScript prints the number.
pub(crate) fn number_document(number: f64) -> Document {
    if number.trunc() == number && number.abs() < 9.007_199_254_740_992e15 {
        return Document::from(number as i64);
    }
    if SHORTEST.contains(&number.abs()) {
        return Document::from(number);
    }
    Document::number_from_text(&number_text(number))
}

/// Between these a fraction's shortest text is the same in JavaScript and in a document.
const SHORTEST: std::ops::Range<f64> = 1e-5..1e15;

#[cfg(test)]
mod tests {
    use super::{number_text, precise};

    #[test]
    fn numbers_are_written_as_javascript_writes_them() {
        for (number, text) in [
            (22.0 / 7.0, "3.14285714285714"),
            (0.1 + 0.2, "0.3"),
            (90.570_000_000_000_01, "90.57"),
            (1_234_567_890_123.125, "1234567890123.13"),
            (-1_234_567_890_123.125, "-1234567890123.13"),
            (5_890_840_712_243_076.0, "5890840712243076"),
            (0.999_999_999_999_999_9, "1"),
            (1e-6, "0.000001"),
            (1.5e-7, "1.5e-7"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (-0.0, "0"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
        ] {
            assert_eq!(number_text(precise(number)), text, "{number:e}");
        }
    }
}
