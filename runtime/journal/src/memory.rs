//! A journal that a crash takes along.

use crate::group::ids_from;
use crate::{Accepting, Journal, RecordId, Stats};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Accepts at once and keeps nothing but a count: for a server that has no data folder, or whose starts may be lost.
#[derive(Debug, Default)]
pub struct MemoryJournal {
    accepted: AtomicU64,
    finished: AtomicU64,
}

impl Journal for MemoryJournal {
    fn accept(&self, payloads: &[&[u8]]) -> Accepting {
        let first = self.accepted.fetch_add(payloads.len() as u64, Relaxed) + 1;
        Accepting::ready(Ok(ids_from(first, payloads.len())))
    }

    fn finish(&self, ids: &[RecordId]) {
        self.finished.fetch_add(ids.len() as u64, Relaxed);
    }

    fn stats(&self) -> Stats {
        let finished = self.finished.load(Relaxed);
        Stats { unfinished: self.accepted.load(Relaxed).saturating_sub(finished), ..Stats::default() }
    }
}
