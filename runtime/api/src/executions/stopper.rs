//! The end of an execution at somebody's request.

use fleetstep_engine::{Failure, Handle};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Stops an execution that nobody attends, as soon as it can be stopped.
#[derive(Default)]
pub(crate) struct Stopper(Mutex<Stop>);

#[derive(Default)]
enum Stop {
    /// The engine has not given its handle yet.
    #[default]
    Starting,
    Running(Handle),
    /// Someone asked before there was a handle.
    Asked(Failure),
    /// It is over, or was stopped.
    Done,
}

impl Stopper {
    /// The engine has given its handle.
    pub(crate) fn arm(&self, handle: Handle) {
        let mut stop = self.lock();
        match std::mem::replace(&mut *stop, Stop::Done) {
            Stop::Starting => *stop = Stop::Running(handle),
            Stop::Asked(failure) => handle.abort(failure),
            Stop::Running(_) | Stop::Done => {}
        }
    }

    /// The execution is over.
    pub(crate) fn done(&self) {
        *self.lock() = Stop::Done;
    }

    /// Ends it, unless it is over.
    pub(crate) fn stop(&self, failure: Failure) {
        let mut stop = self.lock();
        match std::mem::replace(&mut *stop, Stop::Done) {
            Stop::Starting | Stop::Asked(_) => *stop = Stop::Asked(failure),
            Stop::Running(handle) => handle.abort(failure),
            Stop::Done => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, Stop> {
        // No code that holds the lock can leave it half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
