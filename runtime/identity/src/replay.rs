//! Signatures that were used, so that nobody uses one again.
//!
//! The time in a signature has a resolution of one second: a client that sends the same request twice within a second
//! signs it the same way, and the SDKs do. So a signature may come again for a moment after it was first seen, and not
//! after that. It is remembered for as long as its time would be accepted.

use std::collections::{BTreeMap, HashMap};

/// Signatures that are remembered, at some 40 bytes each. Beyond it, those of the oldest second are forgotten, and from
/// then on requests of that second and before are refused as too old: the window closes, it never opens.
pub const SIGNATURES_SEEN_MAX: usize = 1 << 20;

/// So much of a signature tells it from all others.
type Mark = [u8; 16];

/// What was seen.
pub(crate) struct Seen {
    /// By the second in the signature: when it was seen first.
    by_second: BTreeMap<i64, HashMap<Mark, i64>>,
    count: usize,
    count_max: usize,
    /// Signatures of this second and before may have been forgotten.
    closed_until: i64,
}

/// What is known of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// It is new, or came a moment ago.
    Fresh,
    /// It was used before.
    Repeated,
    /// It is so old that it may have been forgotten.
    TooOld,
}

impl Seen {
    pub(crate) fn new(count_max: usize) -> Self {
        Self { by_second: BTreeMap::new(), count: 0, count_max, closed_until: i64::MIN }
    }

    /// Notes the use of a signature that was made at `signed` and is right. It may come again for `repeat_seconds`
    /// from its first use. What was signed before `oldest` is refused by its time anyway, and forgotten.
    pub(crate) fn note(
        &mut self,
        signature: &[u8; 32],
        signed: i64,
        now: i64,
        oldest: i64,
        repeat_seconds: i64,
    ) -> Use {
        while let Some(entry) = self.by_second.first_entry().filter(|entry| *entry.key() < oldest) {
            self.count -= entry.remove().len();
        }
        if signed <= self.closed_until {
            return Use::TooOld;
        }
        let mark: Mark = *signature.first_chunk().expect("a signature is longer");
        if let Some(first) = self.by_second.get(&signed).and_then(|marks| marks.get(&mark)) {
            return if now - first < repeat_seconds { Use::Fresh } else { Use::Repeated };
        }
        if self.count >= self.count_max
            && let Some((second, marks)) = self.by_second.pop_first()
        {
            self.count -= marks.len();
            self.closed_until = self.closed_until.max(second);
            if signed <= second {
                return Use::TooOld;
            }
        }
        self.by_second.entry(signed).or_default().insert(mark, now);
        self.count += 1;
        Use::Fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature(number: u8) -> [u8; 32] {
        [number; 32]
    }

    #[test]
    fn a_signature_comes_again_for_a_moment_only() {
        let mut seen = Seen::new(10);
        let mut note = |number, now| seen.note(&signature(number), 100, now, now - 300, 2);
        assert_eq!(note(1, 100), Use::Fresh);
        assert_eq!(note(1, 101), Use::Fresh);
        assert_eq!(note(1, 102), Use::Repeated);
        assert_eq!(note(1, 399), Use::Repeated);
        assert_eq!(note(2, 399), Use::Fresh);
    }

    #[test]
    fn without_a_moment_none_comes_again() {
        let mut seen = Seen::new(10);
        assert_eq!(seen.note(&signature(1), 100, 100, 0, 0), Use::Fresh);
        assert_eq!(seen.note(&signature(1), 100, 100, 0, 0), Use::Repeated);
    }

    #[test]
    fn what_is_refused_by_its_time_is_forgotten() {
        let mut seen = Seen::new(10);
        for second in 0..8 {
            assert_eq!(seen.note(&signature(second), second.into(), 0, 0, 2), Use::Fresh);
        }
        assert_eq!(seen.count, 8);
        assert_eq!(seen.note(&signature(9), 9, 0, 5, 2), Use::Fresh);
        assert_eq!(seen.count, 4);
    }

    #[test]
    fn a_full_memory_closes_the_window_and_never_opens_it() {
        let mut seen = Seen::new(4);
        for (number, second) in [(1, 1), (2, 1), (3, 2), (4, 3)] {
            assert_eq!(seen.note(&signature(number), second, 3, 0, 0), Use::Fresh);
        }
        assert_eq!(seen.note(&signature(5), 3, 3, 0, 0), Use::Fresh);
        assert!(seen.count <= 4);
        assert_eq!(seen.note(&signature(1), 1, 3, 0, 0), Use::TooOld, "it was forgotten");
        assert_eq!(seen.note(&signature(4), 3, 3, 0, 0), Use::Repeated);
    }
}
