//! How the latest calls of a function failed, within bounds.

use crate::logs::cut;
use fleetstep_document::Text;
use fleetstep_engine::{Failure, Timestamp, clock};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Failures that are kept of one function.
pub const FAILURES_MAX: usize = 16;
/// Bytes that are kept of one cause.
pub const CAUSE_BYTES_MAX: usize = 1 << 10;

/// A call that failed.
#[derive(Clone, Debug)]
pub struct CallFailure {
    /// When.
    pub at: Timestamp,
    /// ARN of the execution whose call it was.
    pub execution_arn: Text,
    /// The error's name.
    pub error: Text,
    /// The beginning of its cause, cut to [`CAUSE_BYTES_MAX`].
    pub cause: String,
}

/// The latest.
#[derive(Default)]
pub(crate) struct Failures(Mutex<VecDeque<CallFailure>>);

impl Failures {
    /// Notes a failure, in place of the oldest.
    #[cold]
    pub(crate) fn note(&self, execution_arn: &Text, failure: &Failure) {
        let Failure { error, cause } = failure;
        let cause = cut(cause.as_deref().unwrap_or_default(), CAUSE_BYTES_MAX).to_owned();
        let (execution_arn, error) = (execution_arn.clone(), error.clone().unwrap_or_default());
        let mut latest = self.latest();
        if latest.len() == FAILURES_MAX {
            latest.pop_front();
        }
        latest.push_back(CallFailure { at: clock::now(), execution_arn, error, cause });
    }

    /// Those that are kept, the oldest first.
    pub(crate) fn all(&self) -> Vec<CallFailure> {
        self.latest().iter().cloned().collect()
    }

    fn latest(&self) -> MutexGuard<'_, VecDeque<CallFailure>> {
        // Every change leaves the list whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_are_kept_and_their_causes_cut() {
        let failures = Failures::default();
        for n in 0..2 * FAILURES_MAX {
            failures.note(&Text::default(), &Failure::new(n.to_string(), "ü".repeat(CAUSE_BYTES_MAX)));
        }
        let kept = failures.all();
        assert_eq!((kept.len(), kept[0].error.as_str(), kept[0].cause.len()), (FAILURES_MAX, "16", CAUSE_BYTES_MAX));
    }
}
