//! What an evaluation may use up, and what comes in from the world outside.

use super::{Code, JsonataError};

/// Items that one array may have: what the range operator of jsonata-js allows.
pub(crate) const ARRAY_ITEMS_MAX: usize = 10_000_000;

/// How deep a value may be nested.
pub(crate) const VALUE_DEPTH_MAX: u32 = 500;

/// The world outside as an expression sees it.
pub trait Ambient {
    /// The time of the evaluation, in milliseconds since 1970: the same however often it is asked.
    fn now_millis(&self) -> i64;
    /// The next number of a seeded sequence, at least 0 and less than 1.
    fn random(&mut self) -> f64;
}

/// The bounds of one evaluation. Exceeding one is `U1001`.
pub struct Budget<'a> {
    /// Nested evaluations.
    pub depth_max: u32,
    /// Nodes evaluated and items visited.
    pub steps_max: u64,
    /// Bytes of text and items that are made, by a rough measure (16 bytes an item).
    pub bytes_max: u64,
    /// Time and chance.
    pub ambient: &'a mut dyn Ambient,
    pub(crate) steps: u64,
    pub(crate) bytes: u64,
}

impl<'a> Budget<'a> {
    /// The bounds that an expression of a workflow gets.
    pub fn new(ambient: &'a mut dyn Ambient) -> Self {
        Self { depth_max: 300, steps_max: 50_000_000, bytes_max: 1 << 28, ambient, steps: 0, bytes: 0 }
    }

    /// Takes `steps` from the budget.
    #[inline]
    pub(crate) fn spend(&mut self, steps: u64) -> Result<(), JsonataError> {
        self.steps += steps;
        if self.steps > self.steps_max {
            return Err(exceeded(TOO_LONG));
        }
        Ok(())
    }

    /// Takes `bytes` from the budget. Functions that build texts or arrays say so before they build.
    #[inline]
    pub(crate) fn allocate(&mut self, bytes: usize) -> Result<(), JsonataError> {
        self.bytes += bytes as u64;
        if self.bytes > self.bytes_max {
            return Err(exceeded(TOO_LARGE));
        }
        Ok(())
    }
}

/// What the service says of an evaluation that takes too many steps.
pub(crate) const TOO_LONG: &str = "Expression evaluation timeout: Check for infinite loop";
/// What it says of one that nests too deeply.
pub(crate) const TOO_DEEP: &str =
    "Stack overflow error: Check for non-terminating recursive function. Consider rewriting as tail-recursive";
/// What it says of one that makes too much.
pub(crate) const TOO_LARGE: &str = "Expression evaluation memory limit exceeded: Check for excessive memory usage";

/// The error of a bound.
pub(crate) fn exceeded(message: &str) -> JsonataError {
    JsonataError::new(Code::U1001).text("message", message)
}
