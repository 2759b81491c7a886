//! The thread that moves the epoch on while a guest runs, and sleeps when none does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use wasmtime::Engine;

/// How far apart two ticks are.
pub(crate) const TICK: Duration = Duration::from_millis(1);
/// Ticks without a guest before the thread goes to sleep. Waking it is a system call, so that a steady trickle of
/// short calls must not put it to sleep between any two of them.
const IDLE_TICKS_MAX: u32 = 100;

/// Ticks while anyone is [`Busy`].
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

struct Shared {
    /// Polls of guests that are under way, each on a thread of its own.
    polls: AtomicUsize,
    ticking: AtomicBool,
    stopped: AtomicBool,
}

impl Ticker {
    pub(crate) fn start(engines: impl IntoIterator<Item = Engine>) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            polls: AtomicUsize::new(0),
            ticking: AtomicBool::new(true),
            stopped: AtomicBool::new(false),
        });
        let (theirs, engines) = (Arc::clone(&shared), engines.into_iter().collect::<Vec<_>>());
        let thread = thread::Builder::new().name("fleetstep-tick".into()).spawn(move || tick(&engines, &theirs))?;
        Ok(Self { shared, thread })
    }

    /// Keeps the epoch moving until the answer is dropped.
    pub(crate) fn busy(&self) -> Busy<'_> {
        self.shared.polls.fetch_add(1, SeqCst);
        if !self.shared.ticking.load(SeqCst) {
            self.wake();
        }
        Busy(&self.shared.polls)
    }

    #[cold]
    fn wake(&self) {
        if !self.shared.ticking.swap(true, SeqCst) {
            self.thread.thread().unpark();
        }
    }

    #[cfg(test)]
    fn is_ticking(&self) -> bool {
        self.shared.ticking.load(SeqCst)
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.stopped.store(true, SeqCst);
        self.thread.thread().unpark();
    }
}

/// A guest runs on this thread.
pub(crate) struct Busy<'a>(&'a AtomicUsize);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

fn tick(engines: &[Engine], shared: &Shared) {
    let mut idle_ticks = 0;
    while !shared.stopped.load(SeqCst) {
        thread::sleep(TICK);
        engines.iter().for_each(Engine::increment_epoch);
        idle_ticks = if shared.polls.load(SeqCst) == 0 { idle_ticks + 1 } else { 0 };
        if idle_ticks >= IDLE_TICKS_MAX {
            sleep_until_busy(shared);
            idle_ticks = 0;
        }
    }
}

/// First says that it sleeps, then looks once more: whoever became busy in between either is seen here, or sees that
/// the thread sleeps and wakes it.
fn sleep_until_busy(shared: &Shared) {
    shared.ticking.store(false, SeqCst);
    if shared.polls.load(SeqCst) > 0 {
        shared.ticking.store(true, SeqCst);
    }
    while !shared.ticking.load(SeqCst) && !shared.stopped.load(SeqCst) {
        thread::park();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleeps_when_idle_and_wakes_for_a_guest() {
        let ticker = Ticker::start([Engine::default()]).unwrap();
        let busy = ticker.busy();
        thread::sleep(TICK * IDLE_TICKS_MAX * 3);
        assert!(ticker.is_ticking(), "a guest runs");
        drop(busy);
        while ticker.is_ticking() {
            thread::sleep(TICK);
        }
        drop(ticker.busy());
        assert!(ticker.is_ticking());
    }
}
