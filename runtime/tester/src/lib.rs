//! Tests of workflows: cases in; verdicts, coverage and what exploring finds out.
//!
//! [`Suite::read`] reads definitions and their cases from a folder; that is the only place where this room touches a
//! file. [`Suite::run`] plays every case in the engine's simulator: tasks answer what the case's mocks say, time is
//! virtual and chance is seeded, so that the same files give the same [`Report`]. With [`Settings::explore`], each
//! failure that a task can have is put into the cases, alone and in pairs, to see what never recovers.
//!
//! [`replay`] runs a recorded execution again from its recorded events, with its own definition or a changed one, and
//! tells where the two part.
//!
//! What a real task does is not known here: no module is run.
#![forbid(unsafe_code)]

mod case;
mod compare;
mod coverage;
mod explore;
mod mocks;
mod play;
mod read;
mod replay;
mod report;
mod suite;

pub use case::{Case, Ending, Expected};
pub use compare::{Difference, differences};
pub use coverage::{Coverage, Group, Part, Point};
pub use explore::{Exploration, Finding, FindingKind};
pub use mocks::{MockedCalls, Mocks};
pub use read::ReadError;
pub use replay::{Parting, REPLAY_BYTES_MAX, ReplayError, ReplayReport, StateVisit, read_recording, replay};
pub use report::{CaseReport, Report, WorkflowReport};
pub use suite::{Settings, Suite, Workflow};

/// Bytes of one file of a suite.
pub const FILE_BYTES_MAX: u64 = 4 << 20;

/// Definitions in one folder.
pub const WORKFLOWS_MAX: usize = 100;

/// Cases of one workflow.
pub const CASES_MAX: usize = 1_000;

/// Answers that are given for one state in one case: each is for a call, or for a range of calls.
pub const MOCKED_ANSWERS_MAX: usize = 1_000;

/// History events of one played execution. One that has more is a loop that does not wait.
pub const PLAYED_EVENTS_MAX: usize = 100_000;

/// Differences between an expected output and the one that came that are told.
pub const DIFFERENCES_MAX: usize = 20;

/// Executions that exploring one workflow plays.
pub const EXPLORED_RUNS_MAX: usize = 20_000;

/// History events that exploring one workflow may see in all: what bounds its time where executions are long.
pub const EXPLORED_EVENTS_MAX: usize = 2_000_000;
