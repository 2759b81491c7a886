//! Many executions at once: admission, shards, timers, the one clock, and the simulator that replaces them all
//! in tests.
//!
//! What a task *is* this room does not know: it asks a [`TaskHost`]. Nor does it know ASL, ARNs or HTTP.
//!
//! ```text
//!  Engine::run ───┐ admission: a permit, or Saturated        ┌─► Attended   in the caller's own future
//!  Engine::start ─┴─► Run: the first leg, inline ──► waits? ─┤       │ dropped midway
//!                      └─► never waits: it is over           └─► Worker ◄┘  one for each core
//!                                                                  │
//!                          Simulator ───────────────────────────► Shard     pure: slots, one timer wheel
//! ```
//!
//! All of them drive the same [`Execution`](fleetstep_machine::Execution), wrapped with its alarms (`running`). An
//! execution that waits for a time is packed into a slot, with an entry in the timer wheel; one that waits for calls
//! holds those futures in its slot too. Neither has a task of its own.
#![forbid(unsafe_code)]

mod admission;
mod alarms;
mod bell;
mod calls;
pub mod clock;
mod engine;
mod flight;
mod held;
mod history;
mod host;
mod meter;
mod run;
mod running;
mod shard;
pub mod simulator;
mod slots;
#[cfg(test)]
mod tests;
mod trace;
mod usage;
mod wheel;
mod worker;

pub use admission::{Limits, Saturated};
pub use engine::{BATCH_STARTS_MAX, Engine, Finished, Handle, OnFinish, Start};
pub use fleetstep_machine::{
    Callback, Decider, Failure, Happening, HistoryEvent, HistoryLevel, Identity, Inspection, Outcome, Program,
    Recording, StateId, StateKind, Step, TaskId, Timestamp, TokenSource, Trial, Variables, Way,
};
pub use history::{History, HistorySink};
pub use host::{Call, Reply, ReplyFuture, TaskHost};
pub use meter::{Counts, Ended, METER_WINDOW, METERS_MAX, Meter, Meters, Used};
pub use shard::{Key, Output, Shard};
pub use trace::{CallTrace, Severity, Trace};
pub use usage::Usage;
