//! A part of the latest executions, in the order in which they came.

use super::{Key, Record};
use std::collections::VecDeque;

/// Slots that a shard begins with.
const SLOTS_MIN: usize = 16;

/// Entries within two bounds.
pub(super) struct Shard {
    entries: VecDeque<Entry>,
    bytes: usize,
    entries_max: usize,
    bytes_max: usize,
}

/// What is kept of an execution.
pub(super) struct Entry {
    pub(super) key: Key,
    /// About how much memory it takes.
    pub(super) bytes: usize,
    pub(super) record: Record,
}

/// What had to go. It is to be dropped where nobody waits for the lock; mostly it is one.
pub(super) type Forgotten = (Option<Entry>, Vec<Entry>);

impl Shard {
    pub(super) fn new(entries_max: usize, bytes_max: usize) -> Self {
        Self { entries: VecDeque::new(), bytes: 0, entries_max, bytes_max }
    }

    /// The entries, the oldest first.
    pub(super) fn entries(&self) -> &VecDeque<Entry> {
        &self.entries
    }

    /// About how much memory they take.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes an entry out. It is looked for from the newest on: most executions are short.
    pub(super) fn take(&mut self, key: Key) -> Option<Entry> {
        let at = self.entries.iter().rposition(|entry| entry.key == key)?;
        let entry = self.entries.remove(at)?;
        self.bytes -= entry.bytes;
        Some(entry)
    }

    /// Adds an entry, and returns those that have to go for it. One that is too large for the shard goes itself.
    pub(super) fn push(&mut self, entry: Entry) -> Forgotten {
        let mut forgotten = (None, Vec::new());
        if entry.bytes > self.bytes_max || self.entries_max == 0 {
            forgotten.1.extend(self.entries.drain(..));
            self.bytes = 0;
            forgotten.0 = Some(entry);
            return forgotten;
        }
        // Room is made first: a full shard then writes where it has just read, to memory that is not cold any more.
        while self.entries.len() >= self.entries_max || self.bytes + entry.bytes > self.bytes_max {
            let Some(oldest) = self.entries.pop_front() else { break };
            self.bytes -= oldest.bytes;
            match &mut forgotten {
                (first @ None, _) => *first = Some(oldest),
                (_, more) => more.push(oldest),
            }
        }
        self.bytes += entry.bytes;
        if self.entries.len() == self.entries.capacity() {
            let more = self.entries.len().max(SLOTS_MIN).min(self.entries_max - self.entries.len());
            self.entries.reserve_exact(more);
        }
        self.entries.push_back(entry);
        forgotten
    }
}
