//! What an execution takes along, whoever drives it.

use crate::admission::Permit;
use crate::calls::{Answer, Calls, discard};
use crate::engine::{Finished, OnFinish};
use crate::host::{Call, Reply, TaskHost};
use crate::running::panicked;
use crate::usage::Usage;
use fleetstep_machine::Ticket;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Everything of an admitted execution but the [`Running`](crate::running::Running) itself.
pub(crate) struct Flight {
    pub(crate) host: Arc<dyn TaskHost>,
    pub(crate) calls: Calls,
    pub(crate) on_finish: Option<OnFinish>,
    /// What it used so far.
    pub(crate) usage: Usage,
    /// Given back last of all, so that nobody believes the engine idle before the end is told.
    pub(crate) permit: Permit,
}

impl Flight {
    /// Starts a call. Gives the answer if it is there at once, else it will come from [`Flight::calls`].
    pub(crate) fn call(&mut self, ticket: Ticket, call: Call) -> Option<Answer> {
        let reply = catch_unwind(AssertUnwindSafe(|| self.host.call(call)));
        self.usage.take_up();
        match reply.unwrap_or_else(|_| Reply::Ready(Err(panicked("task")))) {
            Reply::Ready(answer) => Some(answer),
            Reply::Later(future) => {
                self.calls.insert(ticket, future);
                None
            }
        }
    }

    /// Drops what is pending, tells who asked to be told, and gives the permit back.
    pub(crate) fn finish(self, finished: Finished) {
        let Self { calls, on_finish, permit, .. } = self;
        discard(calls);
        if let Some(on_finish) = on_finish {
            // A panic of the caller's is the caller's: the worker goes on.
            let _ = catch_unwind(AssertUnwindSafe(|| on_finish(finished)));
        }
        drop(permit);
    }
}
