//! Numbers: by value for arithmetic and comparison, by text for printing.

use crate::Text;
use std::cmp::Ordering;

/// A JSON number as a document holds it.
#[derive(Clone, Copy, Debug)]
pub enum Number<'a> {
    /// A whole number that fits.
    Int(i64),
    /// A number whose shortest decimal text is the text that it is printed with.
    Float(f64),
    /// Any other number, as its text: `1.10`, `1E2`, a whole number of forty digits.
    Decimal(&'a Text),
}

impl Number<'_> {
    /// The value as a double, rounded to nearest where it does not fit exactly.
    #[must_use]
    pub fn as_f64(&self) -> f64 {
        match self {
            Self::Int(value) => *value as f64,
            Self::Float(value) => *value,
            // The text passed the JSON grammar, which is a subset of what `f64` parses.
            Self::Decimal(text) => text.parse().unwrap_or(f64::NAN),
        }
    }

    /// The value as an integer, when it is whole and fits: `1`, but also `1.0` and `1e3`.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(*value),
            Self::Float(_) | Self::Decimal(_) => {
                let value = self.as_f64();
                let whole = value.trunc() == value && value.abs() < 9.007_199_254_740_992e15;
                whole.then_some(value as i64)
            }
        }
    }

    /// Whether the number was written without fraction and exponent.
    #[must_use]
    pub fn is_integer_text(&self) -> bool {
        match self {
            Self::Int(_) => true,
            Self::Float(_) => false,
            Self::Decimal(text) => !text.bytes().any(|b| matches!(b, b'.' | b'e' | b'E')),
        }
    }

    /// Orders two numbers by value.
    #[must_use]
    pub fn compare(&self, other: &Number<'_>) -> Ordering {
        match (self, other) {
            (Number::Int(a), Number::Int(b)) => a.cmp(b),
            // Adding zero makes one of the two zeros.
            _ => (self.as_f64() + 0.0).total_cmp(&(other.as_f64() + 0.0)),
        }
    }
}

impl PartialEq for Number<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Number::Int(a), Number::Int(b)) => a == b,
            _ => self.as_f64() == other.as_f64(),
        }
    }
}
