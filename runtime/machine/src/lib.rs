//! The compiled state machine ([`Program`]) and the [`Execution`] that steps through it.
//!
//! Pure: no clock, no I/O, no locks, no threads. Time, replies and chance come in as arguments, what is to be
//! done outside goes out as [`Command`]s. The same program, input, seed and events give the same result, so
//! that an execution can be simulated, replayed and stopped between any two steps. How a definition is
//! written, and in which query language, ends at the door of this room.
#![forbid(unsafe_code)]

mod act;
mod command;
mod context;
mod execution;
mod failure;
mod fork;
mod history;
mod identity;
mod inspection;
mod parked;
mod program;
mod record;
mod recording;
mod recover;
mod run;
mod strand;
#[doc(hidden)]
pub mod testing;
mod time;
mod variables;

pub use command::{Callback, Command, Decider, Effects, Event, Outcome, Status, Ticket, Way};
pub use execution::{
    EXECUTION_DURATION_MAX, Execution, ExecutionStart, MAP_ITERATIONS_LIVE_MAX, OUTPUT_BYTES_MAX, STEP_TRANSITIONS_MAX,
};
pub use failure::Failure;
pub use history::{Happening, HistoryEvent, HistoryLevel, StateKind};
pub use identity::{Identity, TokenSource};
pub use inspection::{Inspection, Step, Trial, Variables};
pub use parked::Parked;
pub use program::{
    Assignment, Branch, BranchId, Catcher, ErrorPattern, Kind, Map, Next, Parallel, Placement, Program, Retrier, Rule,
    Settle, State, StateId, Task, TaskId, Until, VariableId, Waits,
};
pub use recording::{RECORDED_EVENTS_MAX, RECORDING_VERSION, Recording, Unreadable};
pub use time::Timestamp;
pub use variables::{ASSIGN_BYTES_MAX, VARIABLES_BYTES_MAX};
