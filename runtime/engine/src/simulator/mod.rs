//! The engine without a clock, without tokio and without a host: time is virtual, chance is seeded, tasks are
//! played, and after every step the shard's promises are checked.
//!
//! ```
//! # use fleetstep_engine::simulator::{Faults, Response, Simulator};
//! # use std::{sync::Arc, time::Duration};
//! # fn example(program: Arc<fleetstep_machine::Program>, input: fleetstep_document::Document) {
//! let report = Simulator::new(7)
//!     .host(|call| Response::after(Duration::from_millis(20), Ok(call.input.clone())))
//!     .faults(Faults::ALL)
//!     .start(Duration::ZERO, program, input)
//!     .run()
//!     .unwrap_or_else(|broken| panic!("{broken}"));
//! # }
//! ```

mod chronicle;
mod stage;

use crate::Finished;
use crate::host::Call;
use fleetstep_document::Document;
use fleetstep_machine::{Failure, HistoryEvent, Program, Timestamp, Way};
use stage::Stage;
use std::sync::Arc;
use std::time::Duration;

/// When a simulation begins: 2026-01-01T00:00:00Z.
pub const BEGINNING: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

/// A simulation that is being set up.
pub struct Simulator {
    seed: u64,
    executions_running_max: usize,
    steps_max: u64,
    faults: Faults,
    stopped_after: Option<u64>,
    events_max: Option<usize>,
    is_prompt: bool,
    host: Box<PlayedHost>,
    watch: Box<Watch>,
    starts: Vec<PlannedStart>,
}

type PlayedHost = dyn FnMut(&Call) -> Response;
type Watch = dyn FnMut(Moment) -> Result<(), String>;

struct PlannedStart {
    at: Timestamp,
    program: Arc<Program>,
    input: Document,
}

/// What [`Simulator::watch`] is told. Starts are named by their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// A start was let in.
    Started(usize),
    /// An execution has ended.
    Finished(usize),
    /// A step is over, and so many executions are running.
    Stepped(usize),
}

/// What a played task answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    /// How long it takes; zero answers within the call.
    pub after: Duration,
    /// The answer.
    pub answer: Result<Document, Failure>,
}

/// How the world misbehaves. Each number is the probability, from 0 to 1, that it does so on one occasion.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Faults {
    /// An answer takes longer than it should, by up to [`Faults::delay_max`].
    pub slow: f64,
    /// The longest delay of a slow answer.
    pub delay_max: Duration,
    /// A task fails with the error `Simulated`.
    pub failing: f64,
    /// An answer never comes.
    pub lost: f64,
    /// An answer comes again, later.
    pub doubled: f64,
    /// An execution is aborted within its first minute.
    pub aborted: f64,
    /// The driver looks at its timers too late, by up to [`Faults::lateness_max`].
    pub late: f64,
    /// How late the driver is at the most.
    pub lateness_max: Duration,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The seed that leads here.
    pub seed: u64,
    /// By the order of the starts: how each execution ended; `None` when it was not let in, or the process stopped.
    pub executions: Vec<Option<Finished>>,
    /// Those that were running when the process stopped, in the order of the starts.
    pub unfinished: Vec<usize>,
    /// Things that happened.
    pub steps: u64,
    /// Calls of tasks.
    pub calls: u64,
    /// Stands for the whole course of events: the same seed gives the same number.
    pub trace: u64,
    /// By the order of the starts: what happened in each execution, where that is [recorded](Simulator::recorded).
    pub histories: Vec<Vec<HistoryEvent>>,
    /// What decided where executions went, in order, where that is recorded.
    pub ways: Vec<Way>,
}

/// A promise that was not kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("seed {seed}, step {step}: {promise}")]
pub struct Broken {
    /// The seed that leads there.
    pub seed: u64,
    /// Where.
    pub step: u64,
    /// What was found instead.
    pub promise: String,
}

impl Simulator {
    /// A simulation that is to be a function of this seed and of what is set up. Unless said, tasks answer with
    /// their input after ten milliseconds, and nothing goes wrong.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            executions_running_max: usize::MAX,
            steps_max: 1_000_000,
            faults: Faults::NONE,
            stopped_after: None,
            events_max: None,
            is_prompt: false,
            host: Box::new(|call| Response::after(Duration::from_millis(10), Ok(call.input.clone()))),
            watch: Box::new(|_| Ok(())),
            starts: Vec::new(),
        }
    }

    /// The process stops after so many steps, whatever is running.
    #[must_use]
    pub fn stopped_after(mut self, steps: u64) -> Self {
        self.stopped_after = Some(steps);
        self
    }

    /// Work takes no time: an execution that gave way goes on before the time does.
    #[must_use]
    pub fn prompt(mut self) -> Self {
        self.is_prompt = true;
        self
    }

    /// Keeps the histories, and which ways were taken, for the report. An execution with more than so many events is
    /// a promise that was not kept: it ends the simulation.
    #[must_use]
    pub fn recorded(mut self, events_max: usize) -> Self {
        self.events_max = Some(events_max);
        self
    }

    /// Someone who keeps books of their own, and says what does not agree with them.
    #[must_use]
    pub fn watch(mut self, watch: impl FnMut(Moment) -> Result<(), String> + 'static) -> Self {
        self.watch = Box::new(watch);
        self
    }

    /// What tasks answer.
    #[must_use]
    pub fn host(mut self, host: impl FnMut(&Call) -> Response + 'static) -> Self {
        self.host = Box::new(host);
        self
    }

    /// What goes wrong.
    #[must_use]
    pub fn faults(mut self, faults: Faults) -> Self {
        self.faults = faults;
        self
    }

    /// How many executions are let in at a time.
    #[must_use]
    pub fn executions_running_max(mut self, executions: usize) -> Self {
        self.executions_running_max = executions;
        self
    }

    /// After how many steps the simulation is said not to end.
    #[must_use]
    pub fn steps_max(mut self, steps: u64) -> Self {
        self.steps_max = steps;
        self
    }

    /// Starts an execution some time after the [`BEGINNING`].
    #[must_use]
    pub fn start(mut self, after: Duration, program: Arc<Program>, input: Document) -> Self {
        self.starts.push(PlannedStart { at: BEGINNING.after(after), program, input });
        self
    }

    /// Plays it all to the end of the last execution, and beyond, until the last late answer has come.
    pub fn run(self) -> Result<Report, Broken> {
        Stage::new(self).play()
    }
}

impl Response {
    /// An answer after some time.
    #[must_use]
    pub fn after(after: Duration, answer: Result<Document, Failure>) -> Self {
        Self { after, answer }
    }

    /// An answer within the call.
    #[must_use]
    pub fn at_once(answer: Result<Document, Failure>) -> Self {
        Self { after: Duration::ZERO, answer }
    }
}

impl Faults {
    /// Nothing goes wrong.
    pub const NONE: Self = Self {
        slow: 0.0,
        delay_max: Duration::ZERO,
        failing: 0.0,
        lost: 0.0,
        doubled: 0.0,
        aborted: 0.0,
        late: 0.0,
        lateness_max: Duration::ZERO,
    };

    /// Everything does, often.
    pub const ALL: Self = Self {
        slow: 0.2,
        delay_max: Duration::from_secs(400),
        failing: 0.2,
        lost: 0.05,
        doubled: 0.2,
        aborted: 0.1,
        late: 0.3,
        lateness_max: Duration::from_secs(2),
    };
}
