//! What an evaluation may use up, and what comes in from the world outside.

use super::value::Value;
use super::{Code, JsonataError};

/// Nodes that one evaluation may evaluate, with what counts like it: some 50 to 100 ms.
pub const STEPS_MAX: u64 = 1_000_000;

/// Bytes of texts and of items that one evaluation may make, whether it keeps them or not.
pub const MADE_BYTES_MAX: u64 = 64 << 20;

/// Evaluations that may be nested in each other.
pub const DEPTH_MAX: u32 = 300;

/// Copying or looking at so many items takes about as long as evaluating a node.
const ITEMS_PER_STEP: usize = 8;

/// Copying or looking through so much text takes about as long as evaluating a node.
const TEXT_BYTES_PER_STEP: usize = 256;

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
    /// Nodes evaluated; items and texts that are gone through count as some of them.
    pub steps_max: u64,
    /// Bytes of texts and items that are made.
    pub bytes_max: u64,
    /// Time and chance.
    pub ambient: &'a mut dyn Ambient,
    pub(crate) steps: u64,
    pub(crate) bytes: u64,
}

impl<'a> Budget<'a> {
    /// The bounds that an expression of a workflow gets.
    pub fn new(ambient: &'a mut dyn Ambient) -> Self {
        Self { depth_max: DEPTH_MAX, steps_max: STEPS_MAX, bytes_max: MADE_BYTES_MAX, ambient, steps: 0, bytes: 0 }
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

    /// Takes it from the budget that so many items are looked at.
    #[inline]
    pub(crate) fn look_at(&mut self, items: usize) -> Result<(), JsonataError> {
        self.spend((items / ITEMS_PER_STEP) as u64)
    }

    /// Takes it from the budget that so many items are put into an array or an object.
    #[inline]
    pub(crate) fn items(&mut self, items: usize) -> Result<(), JsonataError> {
        self.look_at(items)?;
        self.allocate(items.saturating_mul(size_of::<Value>()))
    }

    /// Takes it from the budget that so many bytes of text are gone through.
    #[inline]
    pub(crate) fn read(&mut self, bytes: usize) -> Result<(), JsonataError> {
        self.spend((bytes / TEXT_BYTES_PER_STEP) as u64)
    }

    /// How many bytes may still be made.
    pub(crate) fn bytes_left(&self) -> usize {
        usize::try_from(self.bytes_max.saturating_sub(self.bytes)).unwrap_or(usize::MAX)
    }

    /// Takes `bytes` from the budget. Functions that build texts or arrays say so before they build.
    #[inline]
    pub(crate) fn allocate(&mut self, bytes: usize) -> Result<(), JsonataError> {
        self.bytes = self.bytes.saturating_add(bytes as u64);
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
