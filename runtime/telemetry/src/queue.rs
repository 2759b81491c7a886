//! What waits to be sent, within bounds: whoever brings it never waits.

use crate::event::LogEvent;
use crate::trace::Trace;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Spans and log records that wait to be sent.
pub const QUEUE_RECORDS_MAX: usize = 65_536;
/// Bytes that those hold in memory, about.
pub const QUEUE_BYTES_MAX: usize = 32 << 20;
/// Spans and log records that are taken out at once.
pub(crate) const BATCH_RECORDS: usize = 2_048;

/// One thing to send.
#[derive(Debug)]
pub(crate) enum Item {
    Trace(Box<Trace>),
    Event(LogEvent),
}

impl Item {
    /// Spans and log records.
    pub(crate) fn records(&self) -> (u64, u64) {
        match self {
            Self::Trace(trace) => (trace.span_count() as u64, trace.line_count() as u64),
            Self::Event(_) => (0, 1),
        }
    }

    fn size(&self) -> Size {
        let (spans, lines) = self.records();
        let bytes = match self {
            Self::Trace(trace) => trace.bytes(),
            Self::Event(event) => event.bytes(),
        };
        Size { records: (spans + lines) as usize, bytes }
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Size {
    records: usize,
    bytes: usize,
}

/// What became of spans or of log records, counted from the start of the process.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    pub(crate) sent: AtomicU64,
    pub(crate) dropped: AtomicU64,
}

/// The same, read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Spans that a collector took.
    pub spans_sent: u64,
    /// Spans that found no room, or that no collector took.
    pub spans_dropped: u64,
    /// Log records that a collector took.
    pub records_sent: u64,
    /// Log records that found no room, or that no collector took.
    pub records_dropped: u64,
    /// Requests that failed, those that were tried again too.
    pub requests_failed: u64,
    /// Bytes that wait to be sent, about.
    pub waiting_bytes: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    /// Rung when a batch may begin, when one is full, and at the end.
    pub(crate) filled: Notify,
    ended: Condvar,
    pub(crate) spans: Counter,
    pub(crate) records: Counter,
    pub(crate) requests_failed: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    items: VecDeque<Item>,
    /// Of what waits here, and of what the sender has in its hands.
    size: Size,
    /// Of what waits here.
    waiting: usize,
    closed: bool,
    ended: bool,
}

/// What the queue holds, for whoever sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Empty,
    Some,
    /// As much as a batch has.
    Full,
    /// Nothing more will come.
    Closed,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that holds the lock can leave the queue half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts something in; where there is no room, it is dropped and counted.
    pub(crate) fn push(&self, item: Item) {
        let size = item.size();
        let mut state = self.lock();
        let total = Size { records: state.size.records + size.records, bytes: state.size.bytes + size.bytes };
        if state.closed || total.records > QUEUE_RECORDS_MAX || total.bytes > QUEUE_BYTES_MAX {
            drop(state);
            return self.count_dropped(&item);
        }
        let was_empty = state.waiting == 0;
        let was_full = state.waiting >= BATCH_RECORDS;
        state.size = total;
        state.waiting += size.records;
        let is_full = state.waiting >= BATCH_RECORDS;
        state.items.push_back(item);
        drop(state);
        if was_empty || is_full && !was_full {
            self.filled.notify_one();
        }
    }

    pub(crate) fn level(&self) -> Level {
        let state = self.lock();
        match state.waiting {
            _ if state.closed => Level::Closed,
            0 => Level::Empty,
            waiting if waiting >= BATCH_RECORDS => Level::Full,
            _ => Level::Some,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().items.is_empty()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// The oldest that wait, about a batch of them; and what they weigh, to be given back with [`Queue::free`].
    pub(crate) fn take(&self) -> (Vec<Item>, Size) {
        let mut state = self.lock();
        let (mut taken, mut all) = (Vec::new(), Size::default());
        while all.records < BATCH_RECORDS
            && let Some(item) = state.items.pop_front()
        {
            let Size { records, bytes } = item.size();
            all = Size { records: all.records + records, bytes: all.bytes + bytes };
            taken.push(item);
        }
        state.waiting -= all.records;
        (taken, all)
    }

    /// What was taken is gone.
    pub(crate) fn free(&self, size: Size) {
        let mut state = self.lock();
        state.size.records -= size.records;
        state.size.bytes -= size.bytes;
    }

    pub(crate) fn count_dropped(&self, item: &Item) {
        let (spans, records) = item.records();
        self.spans.dropped.fetch_add(spans, Relaxed);
        self.records.dropped.fetch_add(records, Relaxed);
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            spans_sent: self.spans.sent.load(Relaxed),
            spans_dropped: self.spans.dropped.load(Relaxed),
            records_sent: self.records.sent.load(Relaxed),
            records_dropped: self.records.dropped.load(Relaxed),
            requests_failed: self.requests_failed.load(Relaxed),
            waiting_bytes: self.lock().size.bytes as u64,
        }
    }

    /// Lets nothing more in, and waits at most `patience` for the sender's end: how many spans and records are left.
    pub(crate) fn close(&self, patience: Duration) -> usize {
        let mut state = self.lock();
        state.closed = true;
        self.filled.notify_one();
        let waited = self.ended.wait_timeout_while(state, patience, |state| !state.ended);
        waited.unwrap_or_else(PoisonError::into_inner).0.size.records
    }

    /// The sender has ended.
    pub(crate) fn end(&self) {
        self.lock().ended = true;
        self.ended.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(bytes: usize) -> Item {
        Item::Event(LogEvent("x".repeat(bytes)))
    }

    #[test]
    fn what_finds_no_room_is_dropped_and_counted() {
        for (bytes, room) in [(1, QUEUE_RECORDS_MAX), (1 << 20, QUEUE_BYTES_MAX / ((1 << 20) + 64))] {
            let queue = Queue::default();
            (0..room + 7).for_each(|_| queue.push(event(bytes)));
            assert_eq!(queue.counts().records_dropped, 7, "{bytes}");
            // What the sender has in its hands still takes room.
            let (taken, size) = queue.take();
            queue.push(event(bytes));
            assert_eq!(queue.counts().records_dropped, 8);
            queue.free(size);
            (0..taken.len()).for_each(|_| queue.push(event(bytes)));
            assert_eq!(queue.counts().records_dropped, 8);
        }
    }

    #[test]
    fn batches_are_bounded_and_what_is_closed_takes_no_more() {
        let queue = Queue::default();
        assert_eq!(queue.level(), Level::Empty);
        (0..BATCH_RECORDS + 1).for_each(|at| {
            queue.push(event(1));
            assert_eq!(queue.level(), if at + 1 < BATCH_RECORDS { Level::Some } else { Level::Full });
        });
        let (taken, size) = queue.take();
        assert_eq!((taken.len(), queue.level()), (BATCH_RECORDS, Level::Some));
        queue.free(size);
        assert_eq!(queue.close(Duration::ZERO), 1);
        queue.push(event(1));
        assert_eq!((queue.counts().records_dropped, queue.level(), queue.is_empty()), (1, Level::Closed, false));
    }
}
