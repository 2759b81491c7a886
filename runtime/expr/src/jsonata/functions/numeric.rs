//! Functions of numbers.

use super::{Arguments, Native};
use crate::jsonata::cast::number_text;
use crate::jsonata::{Code, Evaluator, JsonataError, Value};

pub(super) const FUNCTIONS: &[Native] = &[
    Native { name: "number", signature: "<(nsb)-:n>", arity: 1, call: number },
    Native { name: "abs", signature: "<n-:n>", arity: 1, call: |_, arguments| map(arguments, f64::abs) },
    Native { name: "floor", signature: "<n-:n>", arity: 1, call: |_, arguments| map(arguments, f64::floor) },
    Native { name: "ceil", signature: "<n-:n>", arity: 1, call: |_, arguments| map(arguments, f64::ceil) },
    Native { name: "round", signature: "<n-n?:n>", arity: 2, call: round_to },
    Native { name: "sqrt", signature: "<n-:n>", arity: 1, call: sqrt },
    Native { name: "power", signature: "<n-n:n>", arity: 2, call: power },
    Native { name: "random", signature: "<:n>", arity: 0, call: random },
    Native { name: "sum", signature: "<a<n>:n>", arity: 1, call: |ev, arguments| fold(ev, arguments, Fold::Sum) },
    Native { name: "max", signature: "<a<n>:n>", arity: 1, call: |ev, arguments| fold(ev, arguments, Fold::Max) },
    Native { name: "min", signature: "<a<n>:n>", arity: 1, call: |ev, arguments| fold(ev, arguments, Fold::Min) },
    Native {
        name: "average",
        signature: "<a<n>:n>",
        arity: 1,
        call: |ev, arguments| fold(ev, arguments, Fold::Average),
    },
];

type Result<T = Value> = std::result::Result<T, JsonataError>;

fn map(arguments: &Arguments<'_>, of: fn(f64) -> f64) -> Result {
    Ok(arguments.number(0).map_or(Value::Undefined, |number| Value::from(of(number))))
}

fn number(_: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>) -> Result {
    let value = arguments.get(0);
    if value.is_undefined() || value.as_f64().is_some() {
        return Ok(value.clone());
    }
    let number = match (value.as_str(), value.as_bool()) {
        (Some(text), _) => decimal(text).or_else(|| with_radix(text)),
        (_, Some(truth)) => Some(f64::from(u8::from(truth))),
        _ => None,
    };
    number.map(Value::from).ok_or_else(|| JsonataError::new(Code::D3030).value("value", value))
}

/// A number in JSON's syntax, but with leading zeros allowed. One that is too large is no number.
fn decimal(text: &str) -> Option<f64> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let shaped = digits(whole) && fraction.is_none_or(digits) && exponent.is_none_or(digits);
    text.parse().ok().filter(|number: &f64| shaped && number.is_finite())
}

/// `0x1F`, `0o17` or `0b101`.
fn with_radix(text: &str) -> Option<f64> {
    let digits = text.strip_prefix('0')?;
    let radix = match digits.chars().next()?.to_ascii_lowercase() {
        'x' => 16,
        'o' => 8,
        'b' => 2,
        _ => return None,
    };
    let digits = digits.get(1..).filter(|digits| !digits.is_empty())?;
    if let Ok(exact) = u128::from_str_radix(digits, radix) {
        return (!digits.starts_with('+')).then_some(exact as f64);
    }
    digits.chars().try_fold(0.0, |value, c| Some(value * f64::from(radix) + f64::from(c.to_digit(radix)?)))
}

fn round_to(_: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>) -> Result {
    let Some(number) = arguments.number(0) else { return Ok(Value::Undefined) };
    Ok(Value::from(round(number, arguments.number(1).unwrap_or(0.0))))
}

/// Rounds to so many decimal places, which may be negative; a half goes to the even neighbour.
fn round(number: f64, places: f64) -> f64 {
    if places == 0.0 || places.is_nan() {
        return half_even(number);
    }
    shifted(half_even(shifted(number, places)), -places)
}

fn half_even(number: f64) -> f64 {
    let floor = number.floor();
    let up = if number - floor >= 0.5 { floor + 1.0 } else { floor };
    let rounded = if (up - number).abs() == 0.5 && (up % 2.0).abs() == 1.0 { up - 1.0 } else { up };
    // JSON has no negative zero.
    rounded + 0.0
}

/// Moves the decimal point within the text of the number, since multiplying would not be exact.
fn shifted(number: f64, places: f64) -> f64 {
    if !number.is_finite() || places.trunc() != places {
        return f64::NAN;
    }
    let text = number_text(number);
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent = exponent.parse().unwrap_or(0.0) + places;
    format!("{mantissa}e{exponent}").parse().unwrap_or(f64::NAN)
}

fn sqrt(_: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>) -> Result {
    match arguments.number(0) {
        None => Ok(Value::Undefined),
        Some(number) if number < 0.0 => Err(JsonataError::new(Code::D3060).number("value", number)),
        Some(number) => Ok(Value::from(number.sqrt())),
    }
}

fn power(_: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>) -> Result {
    let (Some(base), exponent) = (arguments.number(0), arguments.number(1)) else { return Ok(Value::Undefined) };
    let exponent = exponent.unwrap_or(f64::NAN);
    // JavaScript has no answer where C says that one to any power is one.
    let indefinite = exponent.is_nan() || base.abs() == 1.0 && exponent.is_infinite();
    let result = if indefinite { f64::NAN } else { base.powf(exponent) };
    if !result.is_finite() {
        let error = JsonataError::new(Code::D3061).number("value", base);
        return Err(if arguments.number(1).is_some() { error.number("exp", exponent) } else { error });
    }
    Ok(Value::from(result))
}

fn random(evaluator: &mut Evaluator<'_, '_>, _: &Arguments<'_>) -> Result {
    Ok(Value::from(evaluator.budget.ambient.random()))
}

/// What is made of all the numbers of an array.
#[derive(Clone, Copy, PartialEq)]
enum Fold {
    Sum,
    Max,
    Min,
    Average,
}

fn fold(evaluator: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>, fold: Fold) -> Result {
    let Some(items) = arguments.get(0).items() else { return Ok(Value::Undefined) };
    evaluator.budget.look_at(items.len())?;
    if items.len() == 0 && fold != Fold::Sum {
        return Ok(Value::Undefined);
    }
    let numbers = items.iter().map(|item| item.as_f64().unwrap_or(f64::NAN));
    Ok(Value::from(match fold {
        Fold::Sum => numbers.fold(0.0, |a, b| a + b),
        Fold::Average => numbers.fold(0.0, |a, b| a + b) / items.len() as f64,
        Fold::Max => numbers.fold(f64::NEG_INFINITY, |a, b| if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) }),
        Fold::Min => numbers.fold(f64::INFINITY, |a, b| if a.is_nan() || b.is_nan() { f64::NAN } else { a.min(b) }),
    }))
}

#[cfg(test)]
mod tests {
    use super::{decimal, round, with_radix};

    #[test]
    fn rounds_halves_to_even() {
        for (number, places, rounded) in [
            (4.5, 0.0, 4.0),
            (5.5, 0.0, 6.0),
            (-0.5, 0.0, 0.0),
            (-1.5, 0.0, -2.0),
            (-2.5, 0.0, -2.0),
            (0.499_999_999_999_999_94, 0.0, 0.0),
            (1.005, 2.0, 1.0),
            (1.015, 2.0, 1.02),
            (123.456, -1.0, 120.0),
            (125.0, -1.0, 120.0),
            (1e21, 2.0, 1e21),
            (1.5e-7, 7.0, 2e-7),
        ] {
            assert_eq!(round(number, places), rounded, "$round({number}, {places})");
        }
        assert!(round(1.5, 0.5).is_nan());
    }

    #[test]
    fn reads_numbers_as_json_writes_them_and_a_few_more() {
        for (text, number) in [
            ("0", Some(0.0)),
            ("-007.50e+2", Some(-750.0)),
            ("1e-3", Some(0.001)),
            ("+1", None),
            ("1.", None),
            (".5", None),
            ("1e", None),
            ("", None),
            ("-", None),
            ("inf", None),
            ("1e999", None),
            (" 1", None),
        ] {
            assert_eq!(decimal(text), number, "{text:?}");
        }
        for (text, number) in [
            ("0x1F", Some(31.0)),
            ("0B101", Some(5.0)),
            ("0o17", Some(15.0)),
            ("0x", None),
            ("0x+1", None),
            ("0xg", None),
            ("-0x1", None),
            ("0b2", None),
        ] {
            assert_eq!(with_radix(text), number, "{text:?}");
        }
    }
}
