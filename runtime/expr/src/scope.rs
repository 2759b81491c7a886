//! What an expression can see.

use fleetstep_document::Document;
use std::cell::Cell;

/// Everything that an expression may read, lent for one evaluation.
pub struct Scope<'a> {
    /// `$` of a JSONPath: the document that the field is evaluated against.
    pub root: &'a Document,
    /// The state's input as it was before `InputPath` (`$states.input`).
    pub input: &'a Document,
    /// What the state's act gave, once there is one (`$states.result`).
    pub result: Option<&'a Document>,
    /// `{"Error", "Cause"}` within a Catch (`$states.errorOutput`).
    pub error_output: Option<&'a Document>,
    /// `$$`, made only when an expression asks for it.
    pub context: &'a dyn ContextSource,
    /// Workflow variables by slot; a slot that was never assigned is `None`.
    pub variables: &'a [Option<Document>],
    /// The execution's own seeded chance, for `States.UUID` and `States.MathRandom`.
    pub chance: &'a Chance,
    /// The time of the step, microseconds since the epoch: what `$now()` and `$millis()` of JSONata give.
    pub now_us: i64,
}

/// Makes the context object.
pub trait ContextSource {
    /// The whole context object, `$$`.
    fn context(&self) -> Document;
}

impl ContextSource for Document {
    fn context(&self) -> Document {
        self.clone()
    }
}

/// A seeded source of random numbers: same seed, same numbers.
#[derive(Debug)]
pub struct Chance(Cell<u64>);

impl Chance {
    /// A source that starts from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Cell::new(seed))
    }

    /// The next 64 bits (SplitMix64).
    #[must_use]
    pub fn next_u64(&self) -> u64 {
        let state = self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.0.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number in `0.0..1.0`.
    #[must_use]
    pub fn next_f64(&self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }
}
