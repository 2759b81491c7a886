//! `$formatNumber` and `$formatBase`: numbers written as XPath's decimal formats say, or in another base.

use super::check_length;
use super::integer::{digit_of, regular_positions};
use crate::jsonata::budget::exceeded;
use crate::jsonata::cast::number_text;
use crate::jsonata::value::infinity;
use crate::jsonata::{Code, JsonataError, Value};

/// Digits that a picture may ask for after the decimal separator.
const FRACTION_DIGITS_MAX: usize = 100;

/// Digits that a picture may ask for before the decimal separator: as many as a double may have.
const INTEGER_DIGITS_MAX: usize = 308;

/// Writes `number` as `picture` says; `options` is nothing or an object that replaces symbols of the picture.
pub(crate) fn format_number(number: f64, picture: &str, options: &Value) -> Result<String, JsonataError> {
    check_length(picture)?;
    let symbols = Symbols::new(options)?;
    let subpictures: Vec<&str> = picture.split(symbols.pattern_separator).collect();
    if subpictures.len() > 2 {
        return Err(JsonataError::new(Code::D3080));
    }
    // A fault in either sub-picture counts, whichever of them the number needs.
    let mut formats = Vec::with_capacity(2);
    for subpicture in &subpictures {
        formats.push(NumberPicture::parse(subpicture, &symbols)?);
    }
    let is_negative = number < 0.0;
    let Some(format) = formats.get(usize::from(is_negative)).or(formats.first()) else { return Ok(String::new()) };
    let sign = if is_negative && formats.len() == 1 { symbols.minus_sign.as_str() } else { "" };
    Ok(format!("{sign}{}", format.format(number.abs(), &symbols)))
}

/// Writes `number`, rounded, in the base `radix` from 2 to 36, which is rounded too.
pub(crate) fn format_base(number: f64, radix: f64) -> Result<String, JsonataError> {
    let (number, radix) = (number.round_ties_even(), radix.round_ties_even());
    if !(2.0..=36.0).contains(&radix) {
        return Err(JsonataError::new(Code::D3100).number("value", radix));
    }
    if !number.is_finite() {
        return Ok(infinity(number).to_owned());
    }
    if radix == 10.0 {
        return Ok(number_text(number));
    }
    let mut rest = number.abs();
    let mut reversed = Vec::new();
    // Beyond 53 bits a double has no digits of its own any more: there JavaScript writes zeros.
    while rest >= 9_007_199_254_740_992.0 {
        rest /= radix;
        reversed.push('0');
    }
    rest = rest.floor();
    while rest > 0.0 || reversed.is_empty() {
        reversed.push(char::from_digit((rest % radix) as u32, 36).unwrap_or('0'));
        rest = ((rest - rest % radix) / radix).floor();
    }
    let digits: String = reversed.iter().rev().collect();
    Ok(if number < 0.0 { format!("-{digits}") } else { digits })
}

/// The symbols of a picture.
struct Symbols {
    decimal_separator: char,
    grouping_separator: char,
    exponent_separator: char,
    percent: char,
    per_mille: char,
    zero_digit: char,
    digit: char,
    pattern_separator: char,
    minus_sign: String,
    infinity: String,
}

impl Symbols {
    /// The defaults, but for what `options` says. A symbol that is no string, or one in a picture that is not a
    /// single character, is T0410: jsonata-js gives errors about the picture then, or crashes.
    fn new(options: &Value) -> Result<Self, JsonataError> {
        let wrong = || JsonataError::new(Code::T0410).token("formatNumber").number("index", 3.0);
        let text = |name: &str, default: &str| match options.fields().map(|fields| fields.get(name)) {
            None | Some(Value::Undefined) => Ok(default.to_owned()),
            Some(value) => value.as_str().map(str::to_owned).ok_or_else(wrong),
        };
        let symbol = |name, default| {
            let text = text(name, default)?;
            let mut chars = text.chars();
            chars.next().filter(|_| chars.next().is_none()).ok_or_else(wrong)
        };
        let zero_digit = symbol("zero-digit", "0")?;
        if char::from_u32(u32::from(zero_digit) + 9).is_none() {
            return Err(wrong());
        }
        Ok(Self {
            decimal_separator: symbol("decimal-separator", ".")?,
            grouping_separator: symbol("grouping-separator", ",")?,
            exponent_separator: symbol("exponent-separator", "e")?,
            percent: symbol("percent", "%")?,
            per_mille: symbol("per-mille", "\u{2030}")?,
            zero_digit,
            digit: symbol("digit", "#")?,
            pattern_separator: symbol("pattern-separator", ";")?,
            minus_sign: text("minus-sign", "-")?,
            infinity: text("infinity", "Infinity")?,
        })
    }

    /// A digit that is always written.
    fn is_mandatory(&self, char: char) -> bool {
        u32::from(char).checked_sub(u32::from(self.zero_digit)).is_some_and(|value| value <= 9)
    }

    fn is_any_digit(&self, char: char) -> bool {
        char == self.digit || self.is_mandatory(char)
    }

    /// Has a meaning of its own in the number's part of a picture.
    fn is_active(&self, char: char) -> bool {
        self.is_any_digit(char) || self.is_separator(char) || char == self.exponent_separator
    }

    fn is_separator(&self, char: char) -> bool {
        [self.decimal_separator, self.grouping_separator, self.pattern_separator].contains(&char)
    }

    fn mandatory(&self, chars: &[char]) -> usize {
        chars.iter().filter(|char| self.is_mandatory(**char)).count()
    }

    fn any_digits(&self, chars: &[char]) -> usize {
        chars.iter().filter(|char| self.is_any_digit(**char)).count()
    }

    /// ASCII digits in the family of the zero digit.
    fn digits(&self, ascii: &str) -> Vec<char> {
        ascii.bytes().map(|digit| digit_of(self.zero_digit, digit)).collect()
    }
}

/// A sub-picture, divided as XPath F&O 4.7.3 has it.
struct Parts<'a> {
    all: &'a [char],
    prefix: &'a [char],
    active: &'a [char],
    suffix: &'a [char],
    mantissa: &'a [char],
    integer: &'a [char],
    fraction: &'a [char],
    exponent: Option<&'a [char]>,
}

impl<'a> Parts<'a> {
    fn divide(all: &'a [char], symbols: &Symbols) -> Self {
        let bounds = |char: &char| symbols.is_active(*char) && *char != symbols.exponent_separator;
        let start = all.iter().position(bounds).unwrap_or(0);
        let end = all.iter().rposition(bounds).map_or(all.len(), |last| last + 1);
        let active = &all[start..end];
        // An exponent separator right behind the last digit counts: it lacks its digits then.
        let separator = all[start..].iter().position(|char| *char == symbols.exponent_separator);
        let (mantissa, exponent) = match separator.filter(|at| *at <= active.len()) {
            Some(at) => (&active[..at], Some(active.get(at + 1..).unwrap_or_default())),
            None => (active, None),
        };
        let (integer, fraction) = match mantissa.iter().position(|char| *char == symbols.decimal_separator) {
            Some(at) => (&mantissa[..at], &mantissa[at + 1..]),
            None => (mantissa, &mantissa[mantissa.len()..]),
        };
        Self { all, prefix: &all[..start], active, suffix: &all[end..], mantissa, integer, fraction, exponent }
    }

    /// The rule of F&O 4.7.3 that the sub-picture breaks: of several the last, as jsonata-js reports them.
    fn fault(&self, symbols: &Symbols) -> Option<Code> {
        let count = |symbol: char| self.all.iter().filter(|char| **char == symbol).count();
        let (percents, per_milles) = (count(symbols.percent), count(symbols.per_mille));
        let grouping = |at: Option<usize>| at.and_then(|at| self.all.get(at)) == Some(&symbols.grouping_separator);
        let decimal = self.all.iter().position(|char| *char == symbols.decimal_separator);
        let exponent_digits = self.exponent.map(|exponent| symbols.mandatory(exponent));
        let rules = [
            (Code::D3081, count(symbols.decimal_separator) > 1),
            (Code::D3082, percents > 1),
            (Code::D3083, per_milles > 1),
            (Code::D3084, percents > 0 && per_milles > 0),
            (Code::D3085, symbols.any_digits(self.mantissa) == 0),
            (Code::D3086, self.active.iter().any(|char| !symbols.is_active(*char))),
            (Code::D3087, decimal.is_some_and(|at| grouping(at.checked_sub(1)) || grouping(Some(at + 1)))),
            (Code::D3088, decimal.is_none() && self.integer.last() == Some(&symbols.grouping_separator)),
            (Code::D3089, self.all.windows(2).any(|pair| pair == [symbols.grouping_separator; 2])),
            (Code::D3090, self.integer_is_mixed(symbols)),
            (Code::D3091, self.fraction_is_mixed(symbols)),
            (Code::D3092, self.exponent.is_some_and(|digits| !digits.is_empty()) && percents + per_milles > 0),
            (
                Code::D3093,
                exponent_digits.is_some_and(|digits| digits == 0 || Some(digits) != self.exponent.map(<[_]>::len)),
            ),
        ];
        rules.into_iter().rev().find(|(_, broken)| *broken).map(|(code, _)| code)
    }

    /// Whether a mandatory digit stands before an optional one.
    fn integer_is_mixed(&self, symbols: &Symbols) -> bool {
        let optional = self.integer.iter().position(|char| *char == symbols.digit);
        optional.is_some_and(|at| symbols.mandatory(&self.integer[..at]) > 0)
    }

    /// Whether a mandatory digit stands behind an optional one.
    fn fraction_is_mixed(&self, symbols: &Symbols) -> bool {
        let optional = self.fraction.iter().rposition(|char| *char == symbols.digit);
        optional.is_some_and(|at| symbols.mandatory(&self.fraction[at..]) > 0)
    }
}

/// An analysed sub-picture: the variables of XPath F&O 4.7.4.
struct NumberPicture {
    prefix: String,
    suffix: String,
    /// What the number is multiplied by: 100 for per cent.
    factor: f64,
    integer_digits_min: usize,
    fraction_digits_min: usize,
    fraction_digits_max: usize,
    /// Digits before the decimal separator of a mantissa.
    scaling: i32,
    exponent_digits_min: Option<usize>,
    /// The interval of the grouping separators, where it is regular.
    interval: Option<usize>,
    /// Digits to the right of each grouping separator of the integer part.
    integer_groups: Vec<usize>,
    /// Digits to the left of each grouping separator of the fraction.
    fraction_groups: Vec<usize>,
}

impl NumberPicture {
    fn parse(subpicture: &str, symbols: &Symbols) -> Result<Self, JsonataError> {
        let all: Vec<char> = subpicture.chars().collect();
        let parts = Parts::divide(&all, symbols);
        if let Some(code) = parts.fault(symbols) {
            return Err(JsonataError::new(code));
        }
        let scaling = symbols.mandatory(parts.integer);
        let mut integer_min = scaling;
        let mut fraction_min = symbols.mandatory(parts.fraction);
        let mut fraction_max = symbols.any_digits(parts.fraction);
        if scaling > INTEGER_DIGITS_MAX || fraction_max > FRACTION_DIGITS_MAX {
            return Err(exceeded("The picture string asks for too many digits"));
        }
        if integer_min == 0 && fraction_max == 0 {
            if parts.exponent.is_some() {
                (fraction_min, fraction_max) = (1, 1);
            } else {
                integer_min = 1;
            }
        }
        if parts.exponent.is_some() && integer_min == 0 && parts.integer.contains(&symbols.digit) {
            integer_min = 1;
        }
        if integer_min == 0 && fraction_min == 0 {
            fraction_min = 1;
        }
        let integer_groups = positions(parts.integer, symbols, |integer, at| symbols.any_digits(&integer[at..]));
        let factor = [(symbols.percent, 100.0), (symbols.per_mille, 1000.0)];
        let factor = factor.into_iter().find(|(symbol, _)| all.contains(symbol)).map_or(1.0, |(_, factor)| factor);
        Ok(Self {
            prefix: parts.prefix.iter().collect(),
            suffix: parts.suffix.iter().collect(),
            factor,
            integer_digits_min: integer_min,
            fraction_digits_min: fraction_min,
            fraction_digits_max: fraction_max,
            scaling: i32::try_from(scaling).unwrap_or(i32::MAX),
            exponent_digits_min: parts.exponent.map(|exponent| symbols.mandatory(exponent)),
            interval: regular_positions(&integer_groups),
            integer_groups,
            fraction_groups: positions(parts.fraction, symbols, |part, at| symbols.any_digits(&part[..at])),
        })
    }

    /// Writes a number that is not negative.
    fn format(&self, magnitude: f64, symbols: &Symbols) -> String {
        let magnitude = magnitude * self.factor;
        if !magnitude.is_finite() {
            return format!("{}{}{}", self.prefix, symbols.infinity, self.suffix);
        }
        let (mantissa, exponent) = match self.exponent_digits_min {
            Some(_) => scaled(magnitude, self.scaling),
            None => (magnitude, 0),
        };
        let mut out = self.prefix.clone();
        self.push_mantissa(mantissa, symbols, &mut out);
        if let Some(digits_min) = self.exponent_digits_min {
            out.push(symbols.exponent_separator);
            if exponent < 0 {
                out.push_str(&symbols.minus_sign);
            }
            out.extend(symbols.digits(&format!("{:0>digits_min$}", exponent.unsigned_abs())));
        }
        out.push_str(&self.suffix);
        out
    }

    fn push_mantissa(&self, mantissa: f64, symbols: &Symbols, out: &mut String) {
        let rounded = round(mantissa, self.fraction_digits_max);
        let text = format!("{rounded:.*}", self.fraction_digits_max);
        let (integer, fraction) = text.split_once('.').unwrap_or((&text, ""));
        let integer = format!("{:0>width$}", integer.trim_start_matches('0'), width = self.integer_digits_min);
        let fraction = format!("{:0<width$}", fraction.trim_end_matches('0'), width = self.fraction_digits_min);
        for (at, digit) in symbols.digits(&integer).into_iter().enumerate() {
            let right = integer.len() - at;
            let separated =
                self.interval.map_or_else(|| self.integer_groups.contains(&right), |n| right.is_multiple_of(n));
            if at > 0 && separated {
                out.push(symbols.grouping_separator);
            }
            out.push(digit);
        }
        if !fraction.is_empty() {
            out.push(symbols.decimal_separator);
        }
        for (at, digit) in symbols.digits(&fraction).into_iter().enumerate() {
            // jsonata-js knows only the first of these positions, and writes a separator behind the last digit too.
            if at > 0 && self.fraction_groups.contains(&at) {
                out.push(symbols.grouping_separator);
            }
            out.push(digit);
        }
    }
}

/// The number of digits beside each grouping separator of a part.
fn positions(part: &[char], symbols: &Symbols, digits: impl Fn(&[char], usize) -> usize) -> Vec<usize> {
    let separators = part.iter().enumerate().filter(|(_, char)| **char == symbols.grouping_separator);
    separators.map(|(at, _)| digits(part, at)).collect()
}

/// Mantissa and exponent of ten, the mantissa with so many digits before its separator. As in jsonata-js a mantissa
/// may be the power of ten above: ten is `10e0`.
fn scaled(magnitude: f64, digits: i32) -> (f64, i32) {
    let (least, most) = (10_f64.powi(digits - 1), 10_f64.powi(digits));
    let (mut mantissa, mut exponent) = (magnitude, 0);
    // A double spans some 630 powers of ten, which bounds both loops.
    while mantissa != 0.0 && mantissa < least {
        mantissa *= 10.0;
        exponent -= 1;
    }
    while mantissa > most {
        mantissa /= 10.0;
        exponent += 1;
    }
    (mantissa, exponent)
}

/// Rounds half to even at a decimal place, moving the point in the shortest text of the number so that no binary
/// fraction gets in between.
fn round(number: f64, places: usize) -> f64 {
    let shift = |number: f64, by: i64| -> f64 {
        let text = format!("{number:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let exponent: i64 = exponent.parse().unwrap_or(0);
        format!("{mantissa}e{}", exponent + by).parse().unwrap_or(number)
    };
    let places = places as i64;
    let shifted = shift(number, places);
    // What overflows when shifted has no digits there.
    if shifted.is_finite() { shift(shifted.round_ties_even(), -places) } else { number }
}
