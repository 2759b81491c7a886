//! `$formatInteger` and `$parseInteger`: XPath's integer pictures, which dates are written with too.

use super::check_length;
use crate::jsonata::budget::exceeded;
use crate::jsonata::value::infinity;
use crate::jsonata::{Code, JsonataError};

/// Largest number that is written in Roman numerals: a longer row of `M` is not meant.
const ROMAN_VALUE_MAX: f64 = 1_000_000.0;

/// Writes `number`, rounded down, as `picture` says.
pub(crate) fn format_integer(number: f64, picture: &str) -> Result<String, JsonataError> {
    IntegerPicture::parse(picture)?.format(number.floor())
}

/// Reads the number that `picture` would have written as `text`; NaN where it is not one.
pub(crate) fn parse_integer(text: &str, picture: &str) -> Result<f64, JsonataError> {
    IntegerPicture::parse(picture)?.read(text)
}

/// How the letters of a word or numeral are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    /// `friday`
    Lower,
    /// `FRIDAY`
    Upper,
    /// `Friday`
    Title,
}

impl Case {
    /// A word of ASCII letters that is written in title case, in this case.
    pub(super) fn of_title(self, word: &str) -> String {
        match self {
            Self::Lower => word.to_ascii_lowercase(),
            Self::Upper => word.to_ascii_uppercase(),
            Self::Title => word.to_owned(),
        }
    }
}

/// An analysed integer picture.
#[derive(Clone, Debug)]
pub(super) struct IntegerPicture {
    /// The way that the number is written.
    pub(super) style: Style,
    /// `first`, `1st`
    pub(super) ordinal: bool,
}

/// The ways that a number is written.
#[derive(Clone, Debug)]
pub(super) enum Style {
    /// `a` to `z`, `aa`, ...; true for capitals.
    Letters(bool),
    /// `mcmlxxxiv`; true for capitals.
    Roman(bool),
    /// `twenty-seven`
    Words(Case),
    /// `1,234`
    Decimal(DecimalPattern),
    /// A sequence that starts with the picture's own token, which no number is written in here.
    Sequence(String),
}

/// A pattern of decimal digits.
#[derive(Clone, Debug)]
pub(super) struct DecimalPattern {
    /// The zero of the digits' family.
    pub(super) zero: char,
    /// Digits that are always written.
    pub(super) mandatory: usize,
    /// Digits that are written where there are so many.
    pub(super) optional: usize,
    /// The signs between groups of digits.
    pub(super) grouping: Grouping,
}

/// The signs between groups of digits.
#[derive(Clone, Debug)]
pub(super) enum Grouping {
    /// One sign after every so many digits, counted from the right, however long the number is.
    Regular(usize, char),
    /// Signs with the number of digits to their right, from the right to the left.
    Listed(Vec<(usize, char)>),
}

/// The zeros of Unicode's families of decimal digits up to U+FFFF, beyond which jsonata-js knows none; the nine code
/// points after each are its other digits.
const ZEROS: &[u32] = &[
    0x30, 0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6, 0xE50, 0xED0,
    0xF20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620,
    0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10,
];

/// The zero of the family that a digit belongs to.
fn family(digit: char) -> Option<char> {
    let code = u32::from(digit);
    let zero = *ZEROS.iter().rev().find(|zero| **zero <= code)?;
    if code - zero <= 9 { char::from_u32(zero) } else { None }
}

impl IntegerPicture {
    /// Analyses a picture: a format token, then optionally `;` and modifiers of which `o` (ordinal) counts.
    pub(super) fn parse(picture: &str) -> Result<Self, JsonataError> {
        check_length(picture)?;
        let (token, modifiers) = picture.rsplit_once(';').unwrap_or((picture, ""));
        let style = match token {
            "A" | "a" => Style::Letters(token == "A"),
            "I" | "i" => Style::Roman(token == "I"),
            "W" => Style::Words(Case::Upper),
            "Ww" => Style::Words(Case::Title),
            "w" => Style::Words(Case::Lower),
            _ => match DecimalPattern::parse(token)? {
                Some(pattern) => Style::Decimal(pattern),
                None => Style::Sequence(token.to_owned()),
            },
        };
        Ok(Self { style, ordinal: modifiers.starts_with('o') })
    }

    /// Writes a whole number.
    pub(super) fn format(&self, number: f64) -> Result<String, JsonataError> {
        let magnitude = number.abs();
        let text = match &self.style {
            // There is no end to the letters of an infinite number.
            Style::Letters(_) if magnitude.is_infinite() => return Err(JsonataError::new(Code::D3001)),
            Style::Letters(upper) => letters(magnitude, if *upper { b'A' } else { b'a' }),
            Style::Roman(upper) => roman(magnitude, *upper)?,
            // jsonata-js looks for its words until the stack ends.
            Style::Words(_) if !number.is_finite() => return Err(JsonataError::new(Code::D3001)),
            Style::Words(case) => case.of_title(&words(magnitude, self.ordinal)),
            Style::Decimal(pattern) => pattern.format(magnitude, self.ordinal),
            Style::Sequence(token) => return Err(unsupported(token)),
        };
        Ok(if number < 0.0 { format!("-{text}") } else { text })
    }

    /// Reads a number; NaN where the text is not one. Like jsonata-js it does not insist on the picture's shape.
    pub(super) fn read(&self, text: &str) -> Result<f64, JsonataError> {
        Ok(match &self.style {
            Style::Letters(upper) => read_letters(text, if *upper { b'A' } else { b'a' }),
            Style::Roman(_) => read_roman(text),
            Style::Words(_) => read_words(&text.to_lowercase()),
            Style::Decimal(pattern) => pattern.read(text, self.ordinal),
            Style::Sequence(token) => return Err(unsupported(token)),
        })
    }
}

fn unsupported(token: &str) -> JsonataError {
    JsonataError::new(Code::D3130).text("value", token)
}

impl DecimalPattern {
    /// A pattern of decimal digits, if the token has one at all.
    fn parse(token: &str) -> Result<Option<Self>, JsonataError> {
        let (mut zero, mut mandatory, mut optional) = (None, 0, 0);
        let mut signs = Vec::new();
        for char in token.chars().rev() {
            match family(char) {
                Some(found) if *zero.get_or_insert(found) != found => return Err(JsonataError::new(Code::D3131)),
                Some(_) => mandatory += 1,
                None if char == '#' => optional += 1,
                None => signs.push((mandatory + optional, char)),
            }
        }
        let grouping = match regular_interval(&signs) {
            Some(interval) => Grouping::Regular(interval, signs[0].1),
            None => Grouping::Listed(signs),
        };
        Ok(zero.map(|zero| Self { zero, mandatory, optional, grouping }))
    }

    fn format(&self, magnitude: f64, ordinal: bool) -> String {
        // Display writes a double's shortest digits without an exponent, however large it is. What is no number is
        // written by its name, letters taken for digits.
        let digits = if magnitude.is_finite() { magnitude.to_string() } else { infinity(magnitude).to_owned() };
        let digits = format!("{digits:0>width$}", width = self.mandatory);
        let mut out = String::with_capacity(digits.len() * 2);
        for (at, digit) in digits.bytes().enumerate() {
            if at > 0 {
                self.push_signs(digits.len() - at, &mut out);
            }
            out.push(digit_of(self.zero, digit));
        }
        self.push_signs(0, &mut out);
        if ordinal {
            out.push_str(suffix(&out));
        }
        out
    }

    /// Writes the signs that have `right` digits to their right. Unlike in jsonata-js, there are none before the
    /// first digit: there they would eat digits of a number that is shorter than its picture.
    fn push_signs(&self, right: usize, out: &mut String) {
        match &self.grouping {
            Grouping::Regular(interval, sign) if right > 0 && right.is_multiple_of(*interval) => out.push(*sign),
            Grouping::Regular(..) => {}
            Grouping::Listed(signs) => {
                signs.iter().rev().filter(|(position, _)| *position == right).for_each(|(_, sign)| out.push(*sign));
            }
        }
    }

    fn read(&self, text: &str, ordinal: bool) -> f64 {
        let mut chars: Vec<char> = text.chars().collect();
        if ordinal {
            chars.truncate(chars.len().saturating_sub(2));
        }
        let is_sign = |char: char| match &self.grouping {
            Grouping::Regular(_, sign) => *sign == char,
            Grouping::Listed(signs) => signs.iter().any(|(_, sign)| *sign == char),
        };
        let digits: String = chars.into_iter().filter(|char| !is_sign(*char)).map(|char| self.ascii(char)).collect();
        super::leading_integer(&digits)
    }

    /// The ASCII digit for a digit of the family; an ASCII digit of a picture in another family is none.
    fn ascii(&self, char: char) -> char {
        match u32::from(char).checked_sub(u32::from(self.zero)) {
            Some(value @ 0..=9) => char::from(b'0' + value as u8),
            _ if char.is_ascii_digit() => char::REPLACEMENT_CHARACTER,
            _ => char,
        }
    }
}

/// A digit, given in ASCII, of the family with this zero.
pub(super) fn digit_of(zero: char, digit: u8) -> char {
    char::from_u32(u32::from(zero) + u32::from(digit) - u32::from(b'0')).unwrap_or(char::from(digit))
}

/// The interval of the signs when they are one sign at the multiples of one interval.
fn regular_interval(signs: &[(usize, char)]) -> Option<usize> {
    let (_, first) = signs.first()?;
    let same = signs.iter().all(|(_, sign)| sign == first);
    let positions: Vec<usize> = signs.iter().map(|(position, _)| *position).collect();
    regular_positions(&positions).filter(|_| same)
}

/// The interval of which the positions are the multiples from the first on.
pub(super) fn regular_positions(positions: &[usize]) -> Option<usize> {
    let interval = positions.iter().copied().reduce(greatest_common_divisor).filter(|interval| *interval > 0)?;
    (1..=positions.len()).all(|times| positions.contains(&(interval * times))).then_some(interval)
}

fn greatest_common_divisor(mut a: usize, mut b: usize) -> usize {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// The English suffix that makes an ordinal of a number in ASCII digits; digits of other families get `th`.
fn suffix(digits: &str) -> &'static str {
    let mut from_right = digits.chars().rev();
    match (from_right.next(), from_right.next()) {
        (_, Some('1')) => "th",
        (Some('1'), _) => "st",
        (Some('2'), _) => "nd",
        (Some('3'), _) => "rd",
        _ => "th",
    }
}

/// Spreadsheet letters: `a` is 1, `aa` is 27; nothing is 0.
fn letters(mut number: f64, first: u8) -> String {
    let mut reversed = Vec::new();
    while number > 0.0 {
        reversed.push(char::from(first + ((number - 1.0) % 26.0) as u8));
        number = ((number - 1.0) / 26.0).floor();
    }
    reversed.iter().rev().collect()
}

/// Reads spreadsheet letters. What is no letter counts by its distance from the `first`, as in jsonata-js.
fn read_letters(text: &str, first: u8) -> f64 {
    text.encode_utf16().fold(0.0, |sum, unit| sum * 26.0 + f64::from(unit) - f64::from(first) + 1.0)
}

const ROMAN: &[(f64, &str)] = &[
    (1000.0, "m"),
    (900.0, "cm"),
    (500.0, "d"),
    (400.0, "cd"),
    (100.0, "c"),
    (90.0, "xc"),
    (50.0, "l"),
    (40.0, "xl"),
    (10.0, "x"),
    (9.0, "ix"),
    (5.0, "v"),
    (4.0, "iv"),
    (1.0, "i"),
];

fn roman(mut number: f64, upper: bool) -> Result<String, JsonataError> {
    if number > ROMAN_VALUE_MAX {
        return Err(exceeded("The number is too large for Roman numerals"));
    }
    let mut out = String::new();
    for (value, numeral) in ROMAN {
        while number >= *value {
            out.push_str(numeral);
            number -= value;
        }
    }
    Ok(if upper { out.to_ascii_uppercase() } else { out })
}

fn read_roman(text: &str) -> f64 {
    let (mut sum, mut largest) = (0.0, 1.0);
    for char in text.chars().rev() {
        let mut buffer = [0; 4];
        let numeral = char.to_ascii_lowercase().encode_utf8(&mut buffer);
        let Some((value, _)) = ROMAN.iter().find(|(_, known)| *known == numeral) else { return f64::NAN };
        if *value < largest {
            sum -= value;
        } else {
            largest = *value;
            sum += value;
        }
    }
    sum
}

/// The words for numbers: value, cardinal, ordinal; ascending.
pub(super) const WORDS: &[(f64, &str, &str)] = &[
    (0.0, "Zero", "Zeroth"),
    (1.0, "One", "First"),
    (2.0, "Two", "Second"),
    (3.0, "Three", "Third"),
    (4.0, "Four", "Fourth"),
    (5.0, "Five", "Fifth"),
    (6.0, "Six", "Sixth"),
    (7.0, "Seven", "Seventh"),
    (8.0, "Eight", "Eighth"),
    (9.0, "Nine", "Ninth"),
    (10.0, "Ten", "Tenth"),
    (11.0, "Eleven", "Eleventh"),
    (12.0, "Twelve", "Twelfth"),
    (13.0, "Thirteen", "Thirteenth"),
    (14.0, "Fourteen", "Fourteenth"),
    (15.0, "Fifteen", "Fifteenth"),
    (16.0, "Sixteen", "Sixteenth"),
    (17.0, "Seventeen", "Seventeenth"),
    (18.0, "Eighteen", "Eighteenth"),
    (19.0, "Nineteen", "Nineteenth"),
    (20.0, "Twenty", "Twentieth"),
    (30.0, "Thirty", "Thirtieth"),
    (40.0, "Forty", "Fortieth"),
    (50.0, "Fifty", "Fiftieth"),
    (60.0, "Sixty", "Sixtieth"),
    (70.0, "Seventy", "Seventieth"),
    (80.0, "Eighty", "Eightieth"),
    (90.0, "Ninety", "Ninetieth"),
    (100.0, "Hundred", "Hundredth"),
    (1e3, "Thousand", "Thousandth"),
    (1e6, "Million", "Millionth"),
    (1e9, "Billion", "Billionth"),
    (1e12, "Trillion", "Trillionth"),
];

/// The number in English words, title case but for `and`: `One Hundred and First`.
fn words(number: f64, ordinal: bool) -> String {
    let mut out = String::new();
    push_words(number, "", ordinal, &mut out);
    out
}

/// Writes `number` after `and`, which a number from a hundred on replaces by a comma. Recurs once for each power of
/// a trillion (27 times for the largest double), since a quadrillion is a thousand trillion.
fn push_words(number: f64, and: &str, ordinal: bool, out: &mut String) {
    // The table starts at zero, so that some word is not above the number.
    let (value, cardinal, as_ordinal) = WORDS.iter().rfind(|(value, ..)| *value <= number).unwrap_or(&WORDS[0]);
    // Not the remainder: the digits that a large double happens to end in are not meant to be read out.
    let times = if *value < 100.0 { 1.0 } else { (number / value).floor() };
    let rest = number - times * value;
    if *value < 100.0 {
        out.push_str(and);
    } else {
        out.push_str(if and.is_empty() { "" } else { ", " });
        push_words(times, "", false, out);
        out.push(' ');
    }
    out.push_str(if ordinal && rest <= 0.0 { as_ordinal } else { cardinal });
    if rest > 0.0 {
        let (before, and) = if *value < 100.0 { ("-", "") } else { ("", " and ") };
        out.push_str(before);
        push_words(rest, and, ordinal, out);
    }
}

/// Reads words in lower case: each below a hundred is added, each other multiplies what stands before it.
fn read_words(text: &str) -> f64 {
    let text = text.replace(" and ", " ").replace(", ", " ");
    let (mut sum, mut top) = (0.0, 0.0);
    for word in text.split(|char: char| char.is_whitespace() || matches!(char, '-' | '\\')) {
        let known = WORDS
            .iter()
            .find(|(_, cardinal, ordinal)| word.eq_ignore_ascii_case(cardinal) || word.eq_ignore_ascii_case(ordinal));
        let Some((value, ..)) = known else { return f64::NAN };
        if *value >= 100.0 {
            top *= value;
        } else if top >= 1000.0 {
            sum += top;
            top = *value;
        } else {
            top += value;
        }
    }
    sum + top
}
