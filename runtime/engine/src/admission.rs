//! How much is let in: a permit, or a refusal at once. Nothing queues for a permit.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::sync::Notify;

/// The engine's bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Executions that may be running at a time, waiting ones and those of both ways to start included.
    pub executions_running_max: usize,
    /// Workers that share the executions nobody attends; one for each core unless said.
    pub workers: usize,
}

impl Default for Limits {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { executions_running_max: 100_000, workers: cores }
    }
}

/// Too many executions are running, or the engine is being drained: try again later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many executions are running")]
pub struct Saturated;

/// Counts the executions that are let in.
#[derive(Debug)]
pub(crate) struct Admission {
    running: AtomicUsize,
    running_max: usize,
    closed: AtomicBool,
    /// Told when the last permit is given back.
    idle: Notify,
}

/// The right to run one execution, given back when dropped.
#[derive(Debug)]
pub(crate) struct Permit(Arc<Admission>);

impl Admission {
    pub(crate) fn new(running_max: usize) -> Arc<Self> {
        Arc::new(Self {
            running: AtomicUsize::new(0),
            running_max,
            closed: AtomicBool::new(false),
            idle: Notify::new(),
        })
    }

    /// Lets one in, or not; never waits.
    pub(crate) fn admit(self: &Arc<Self>) -> Result<Permit, Saturated> {
        // The permit stands before the look at `closed`: whoever closes and then counts misses nobody.
        let permit = self.admit_nested()?;
        if self.closed.load(Ordering::SeqCst) { Err(Saturated) } else { Ok(permit) }
    }

    /// Lets one in that another one started which is in: closed or not, what runs may finish.
    pub(crate) fn admit_nested(self: &Arc<Self>) -> Result<Permit, Saturated> {
        let room = |running| (running < self.running_max).then_some(running + 1);
        self.running.fetch_update(Ordering::SeqCst, Ordering::Relaxed, room).map_err(|_| Saturated)?;
        Ok(Permit(Arc::clone(self)))
    }

    /// Lets in as many of `wanted` as there is room for, in one go; each permit is given back on its own.
    pub(crate) fn admit_many(self: &Arc<Self>, wanted: usize) -> impl Iterator<Item = Permit> + use<> {
        let room = |running: usize| wanted.min(self.running_max.saturating_sub(running));
        let grant = |running| Some(running + room(running));
        let before = self.running.fetch_update(Ordering::SeqCst, Ordering::Relaxed, grant).unwrap_or_else(|now| now);
        let permits: Vec<_> = (0..room(before)).map(|_| Permit(Arc::clone(self))).collect();
        // As for one: the permits stand before the look, and are given back if it is too late for them.
        if self.closed.load(Ordering::SeqCst) { Vec::new() } else { permits }.into_iter()
    }

    /// How many are in.
    pub(crate) fn running(&self) -> usize {
        self.running.load(Ordering::SeqCst)
    }

    /// How many may be.
    pub(crate) fn running_max(&self) -> usize {
        self.running_max
    }

    /// Lets no one in from now on.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    /// Waits until none is in.
    pub(crate) async fn idle(&self) {
        loop {
            let notified = self.idle.notified();
            tokio::pin!(notified);
            // Enabled before the count is read, so that a permit given back in between is not missed.
            notified.as_mut().enable();
            if self.running() == 0 {
                return;
            }
            notified.await;
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.0.running.fetch_sub(1, Ordering::SeqCst) == 1 && self.0.closed.load(Ordering::SeqCst) {
            self.0.idle.notify_waiters();
        }
    }
}
