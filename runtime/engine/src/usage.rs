//! What an execution, or a call of a task, used of the machine.
//!
//! A host knows what a call used, the engine which execution it was for. The two meet on the thread that takes the
//! answer: the host [notes](Usage::note) there, just before it answers, and the engine takes the note up.

use fleetstep_machine::Timestamp;
use std::cell::Cell;

/// What was used; small, since every execution that waits holds one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// How long it had a thread to itself, in microseconds of the clock. What else the machine did meanwhile is in it.
    pub busy_micros: u32,
    /// The most memory that a call came to hold, in KiB.
    pub memory_kib: u32,
}

thread_local! {
    static NOTED: Cell<Usage> = const { Cell::new(Usage { busy_micros: 0, memory_kib: 0 }) };
}

impl Usage {
    /// Notes what a call used, on the thread that hands out its answer, before it does. The time is what it used of other
    /// threads: what it used of this one, the engine sees.
    pub fn note(self) {
        NOTED.set(NOTED.get().and(self));
    }

    /// Takes up what was noted on this thread.
    #[inline]
    pub(crate) fn take_up(&mut self) {
        let noted = NOTED.get();
        if noted != Self::default() {
            NOTED.set(Self::default());
            *self = self.and(noted);
        }
    }

    /// Adds the time between two readings of the clock.
    #[inline]
    pub(crate) fn was_busy(&mut self, from: Timestamp, to: Timestamp) {
        let micros = u32::try_from(to.as_micros().saturating_sub(from.as_micros()).max(0)).unwrap_or(u32::MAX);
        self.busy_micros = self.busy_micros.saturating_add(micros);
    }

    /// Both together: times add up, of memory the larger counts.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            busy_micros: self.busy_micros.saturating_add(other.busy_micros),
            memory_kib: self.memory_kib.max(other.memory_kib),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_is_taken_up_once() {
        Usage { busy_micros: 5, memory_kib: 64 }.note();
        Usage { busy_micros: 7, memory_kib: 32 }.note();
        let mut usage = Usage { busy_micros: 1, memory_kib: 1 };
        usage.take_up();
        assert_eq!(usage, Usage { busy_micros: 13, memory_kib: 64 });
        usage.take_up();
        assert_eq!(usage, Usage { busy_micros: 13, memory_kib: 64 });
        usage.was_busy(Timestamp::from_micros(10), Timestamp::from_micros(7));
        usage.was_busy(Timestamp::from_micros(0), Timestamp::from_micros(i64::MAX));
        assert_eq!(usage.busy_micros, u32::MAX);
    }
}
