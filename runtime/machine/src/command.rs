//! What goes into an execution, and what comes out of it.

use crate::recover::{HEARTBEAT_TIMEOUT, TIMEOUT};
use crate::{Failure, HistoryEvent, Inspection, StateId, TaskId, Timestamp};
use fleetstep_document::{Document, Text};
use smallvec::SmallVec;
use std::cell::RefCell;
use std::time::Duration;

/// Names one wait of one strand. A reply whose generation has passed is late, and ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket {
    /// Index of the strand.
    pub strand: u32,
    /// Generation of the strand's wait.
    pub generation: u32,
}

/// What happened outside.
#[derive(Clone, Debug)]
pub enum Event {
    /// The first step.
    Start,
    /// Go on after [`Status::Yielded`]; or the execution's deadline has come.
    Resume,
    /// A called task answered.
    Reply(Ticket, Result<Document, Failure>),
    /// A time that was asked for has come.
    Wake(Ticket),
    /// Someone ends the execution.
    Abort(Failure),
}

/// What is to be done outside.
#[derive(Clone, Debug)]
pub enum Command {
    /// Call a task, and reply once: by `deadline` the execution goes on without it.
    Call {
        /// To be named in the reply.
        ticket: Ticket,
        /// Which task of the program.
        task: TaskId,
        /// What the task gets.
        input: Document,
        /// Name of the calling state.
        state: Text,
        /// How often this state was retried: 0 at the first call.
        retry_count: u32,
        /// When the call is over, answered or not.
        deadline: Timestamp,
        /// Number of the event that tells of it.
        event: u64,
        /// Where another than the called answers; mostly none.
        callback: Option<Box<Callback>>,
    },
    /// Send [`Event::Wake`] at a time.
    Wake {
        /// To be named in the event.
        ticket: Ticket,
        /// When.
        at: Timestamp,
    },
    /// Neither an answer nor a wake-up of this ticket is waited for any more: stop the work if that is easy.
    Cancel(Ticket),
}

/// A call that somebody answers who was handed a token. Who takes the call keeps its limits: when it begins to count,
/// and what is a sign of life, is not seen from in here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callback {
    /// Names the wait.
    pub token: Text,
    /// Of a worker's task: how long it may take from when a worker has it. For others the machine sees to it.
    pub timeout: Option<Duration>,
    /// How long there may be no sign of life.
    pub heartbeat: Option<Duration>,
}

impl Callback {
    /// What a call fails with that was silent for as long as its `HeartbeatSeconds`: the machine tells it as a missed
    /// heartbeat.
    #[must_use]
    pub fn heartbeat_missed() -> Failure {
        Failure::named(HEARTBEAT_TIMEOUT)
    }

    /// What a call fails with that took as long as its `TimeoutSeconds`.
    #[must_use]
    pub fn timed_out() -> Failure {
        Failure::named(TIMEOUT)
    }

    /// Whether a silence of that length is too long: how the call fails, and after what time.
    #[must_use]
    pub fn overdue(&self, silence: Duration) -> Option<(Duration, Failure)> {
        let heartbeat = self.heartbeat.map(|limit| (limit, Self::heartbeat_missed()));
        let timeout = self.timeout.map(|limit| (limit, Self::timed_out()));
        let first = [heartbeat, timeout].into_iter().flatten().min_by_key(|(limit, _)| *limit);
        first.filter(|(limit, _)| silence >= *limit)
    }
}

/// Where one step's commands go, and what was seen; reused from step to step.
#[derive(Debug, Default)]
pub struct Effects {
    /// To be carried out in order. Most steps that ask for anything ask for one thing.
    pub commands: SmallVec<[Command; 1]>,
    /// What happened, in order, as far as the execution's [`HistoryLevel`](crate::HistoryLevel) asks for it.
    pub history: Vec<HistoryEvent>,
    /// Looks at the first state, which is then the only one. Kept from step to step.
    pub inspection: Option<Box<Inspection>>,
    /// Which rules, retriers and catchers were taken, in order, where someone asks by giving a list: a history does
    /// not tell them apart. Kept from step to step.
    pub ways: Option<Box<RefCell<Vec<Way>>>>,
}

/// What decided where an execution went from a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Way {
    /// Which state.
    pub state: StateId,
    /// Which part of it.
    pub by: Decider,
}

/// A part of a state that decides where an execution goes; the numbers are positions in the definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Decider {
    /// A rule of a Choice.
    Rule(u32),
    /// The `Default` of a Choice.
    Default,
    /// A retrier: the state is tried again.
    Retrier(u32),
    /// A catcher.
    Catcher(u32),
}

/// Where an execution stands after a step.
#[derive(Clone, Debug)]
pub enum Status {
    /// It waits for a reply or a time.
    Waiting,
    /// It used up its step budget: send [`Event::Resume`] when others have had their turn.
    Yielded,
    /// It is over.
    Finished(Outcome),
}

/// How an execution ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// `SUCCEEDED`, with the output.
    Succeeded(Document),
    /// `FAILED`
    Failed(Failure),
    /// `TIMED_OUT`: the machine's own `TimeoutSeconds`, or the five minutes that an express workflow has.
    TimedOut(Failure),
    /// `ABORTED`
    Aborted(Failure),
}
