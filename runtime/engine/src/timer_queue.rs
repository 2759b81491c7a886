//! Which execution of a shard is due next.

use fleetstep_machine::Timestamp;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Dead entries that may stand in the queue beyond the number of live ones.
const ENTRIES_DEAD_MAX: usize = 1_024;

/// A heap of 16-byte entries. An entry is not taken out when its execution ends or finds an earlier time: its
/// number is no longer the one that the slot remembers, so that it is dead and ignored. Dead entries are swept
/// when they may be more than half, so that a push stays cheap on average, and five-minute deadlines
/// of short executions don't pile up.
///
/// A hierarchical wheel fires faster when millions wait (no cache miss for each level of the heap); the heap is
/// a tenth of its code, and one entry for each execution keeps it small.
#[derive(Debug, Default)]
pub(crate) struct TimerQueue {
    heap: BinaryHeap<Reverse<Entry>>,
    /// How many were alive at the last sweep.
    swept: usize,
    number: u32,
}

/// A time for a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    pub(crate) at: Timestamp,
    /// Counts the pushes of this queue, so that no two entries of a slot are alike.
    pub(crate) number: u32,
    pub(crate) slot: u32,
}

impl TimerQueue {
    /// Adds an entry and returns its number.
    pub(crate) fn push(&mut self, at: Timestamp, slot: u32) -> u32 {
        self.number = self.number.wrapping_add(1);
        self.heap.push(Reverse(Entry { at, number: self.number, slot }));
        self.number
    }

    /// The time of the first entry, dead or alive.
    pub(crate) fn first(&self) -> Option<Timestamp> {
        self.heap.peek().map(|Reverse(entry)| entry.at)
    }

    /// Takes the first entry out if its time has come.
    pub(crate) fn pop_due(&mut self, now: Timestamp) -> Option<Entry> {
        let due = self.first().is_some_and(|at| at <= now);
        if due { self.heap.pop().map(|Reverse(entry)| entry) } else { None }
    }

    /// Throws the dead out once they may be more than half.
    pub(crate) fn sweep_if_due(&mut self, alive: impl Fn(&Entry) -> bool) {
        if self.heap.len() > 2 * self.swept + ENTRIES_DEAD_MAX {
            self.heap.retain(|Reverse(entry)| alive(entry));
            self.swept = self.heap.len();
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fires_in_order_and_never_early() {
        let mut chance = fastrand::Rng::with_seed(3);
        let mut queue = TimerQueue::default();
        let mut waiting = 0_u32;
        let mut now = 0_i64;
        while now < 100_000 {
            for _ in 0..chance.usize(0..4) {
                queue.push(Timestamp::from_micros(now + chance.i64(0..5_000)), waiting);
                waiting += 1;
            }
            now += chance.i64(0..100);
            let mut last = Timestamp::from_micros(0);
            while let Some(entry) = queue.pop_due(Timestamp::from_micros(now)) {
                assert!(entry.at <= Timestamp::from_micros(now));
                assert!(entry.at >= last);
                last = entry.at;
            }
            assert!(queue.first().is_none_or(|at| at > Timestamp::from_micros(now)));
        }
        assert!(waiting > 1_000);
    }

    /// A million executions that end long before their deadline leave no million entries.
    #[test]
    fn the_dead_are_swept() {
        let mut queue = TimerQueue::default();
        for slot in 0..1_000_000_u32 {
            queue.push(Timestamp::from_micros(i64::from(slot)), slot);
            let living = slot.saturating_sub(100)..=slot;
            queue.sweep_if_due(|entry| living.contains(&entry.slot));
            assert!(queue.len() <= 2 * 101 + ENTRIES_DEAD_MAX + 1);
        }
    }

    #[test]
    fn an_entry_is_16_bytes() {
        assert_eq!(size_of::<Reverse<Entry>>(), 16);
    }
}
