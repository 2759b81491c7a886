//! How the calls of an execution tell their worker that they want to be polled.

use futures_util::task::AtomicWaker;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

/// A worker's bell, with a rope for each slot of its shard. A rope stays when its execution ends, and serves the
/// slot's next one: a late pull costs an idle poll.
#[derive(Default)]
pub(crate) struct Bell {
    board: Arc<Board>,
    /// By slot; made when a slot first has a call.
    ropes: Vec<Option<Arc<Rope>>>,
    /// What was on the board, to be answered first.
    taken: VecDeque<u32>,
}

#[derive(Default)]
struct Board {
    /// Slots whose ropes were pulled, each once. The lock is held for a push or a swap.
    rung: Mutex<VecDeque<u32>>,
    worker: AtomicWaker,
}

struct Rope {
    board: Arc<Board>,
    slot: u32,
    is_pulled: AtomicBool,
}

impl Bell {
    /// Whom to wake.
    pub(crate) fn register(&self, worker: &Waker) {
        self.board.worker.register(worker);
    }

    /// Puts a slot on the board without waking the worker, who is asking.
    pub(crate) fn note(&mut self, slot: u32) {
        self.rope(slot).note();
    }

    /// The waker for the calls of a slot.
    pub(crate) fn waker(&mut self, slot: u32) -> Waker {
        Waker::from(Arc::clone(self.rope(slot)))
    }

    /// The next slot whose calls are to be polled.
    pub(crate) fn next(&mut self) -> Option<u32> {
        if self.taken.is_empty() {
            std::mem::swap(&mut self.taken, &mut *self.board.lock());
        }
        let slot = self.taken.pop_front()?;
        // Before the poll, and in its sight: what happens from now on rings again.
        self.rope(slot).is_pulled.swap(false, Ordering::AcqRel);
        Some(slot)
    }

    fn rope(&mut self, slot: u32) -> &Arc<Rope> {
        let index = slot as usize;
        if index >= self.ropes.len() {
            self.ropes.resize_with(index + 1, || None);
        }
        self.ropes[index].get_or_insert_with(|| {
            Arc::new(Rope { board: Arc::clone(&self.board), slot, is_pulled: AtomicBool::new(false) })
        })
    }
}

impl Board {
    fn lock(&self) -> MutexGuard<'_, VecDeque<u32>> {
        self.rung.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rope {
    /// Whether it was not on the board yet.
    fn note(&self) -> bool {
        let is_new = !self.is_pulled.swap(true, Ordering::AcqRel);
        if is_new {
            self.board.lock().push_back(self.slot);
        }
        is_new
    }

    fn pull(&self) {
        if self.note() {
            self.board.worker.wake();
        }
    }
}

impl Wake for Rope {
    fn wake(self: Arc<Self>) {
        self.pull();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.pull();
    }
}
