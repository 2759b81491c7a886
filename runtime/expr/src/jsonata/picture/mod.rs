//! Pictures: how dates, integers and numbers are written as text and read from it.
//!
//! Pure functions over plain numbers and texts, after XPath Functions and Operators 3.1 (sections 4.6, 4.7 and 9.8)
//! as jsonata-js reads it. Where jsonata-js would lose digits of a number, crash, or print `NaN` into a date, these
//! functions follow XPath or fail instead; a comment says so at each place.

mod calendar;
mod datetime;
mod integer;
mod number;
#[cfg(test)]
mod tests;
mod timestamp;

pub(crate) use datetime::from_millis;
pub(crate) use integer::{format_integer, parse_integer};
pub(crate) use number::{format_base, format_number};
pub(crate) use timestamp::to_millis;

use super::JsonataError;
use super::budget::exceeded;

/// Characters that a picture may have.
const PICTURE_CHARS_MAX: usize = 4096;

/// Refuses a picture that is too long to be meant.
fn check_length(picture: &str) -> Result<(), JsonataError> {
    if picture.len() > PICTURE_CHARS_MAX && picture.chars().count() > PICTURE_CHARS_MAX {
        return Err(exceeded("The picture string is too long"));
    }
    Ok(())
}

/// The integer at the start of a text, as JavaScript's `parseInt` finds it in decimal: NaN where there is none.
fn leading_integer(text: &str) -> f64 {
    let text = text.trim_start();
    let digits_from = usize::from(text.starts_with(['+', '-']));
    let digits = text[digits_from..].bytes().take_while(u8::is_ascii_digit).count();
    text[..digits_from + digits].parse().unwrap_or(f64::NAN)
}
