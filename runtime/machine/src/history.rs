//! The history of an execution. Events are counted whether or not anyone keeps them, since causes name their
//! numbers; what goes into one is collected only for who asks, and shares the documents of the execution.

use crate::{Failure, Kind, TaskId, Timestamp};
use fleetstep_document::{Document, Text};
use std::time::Duration;

/// Which history events an execution hands out: the levels of a state machine's `loggingConfiguration`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum HistoryLevel {
    /// None.
    #[default]
    Off,
    /// The end of an execution that did not succeed.
    Fatal,
    /// Every failure.
    Error,
    /// Everything.
    All,
}

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryEvent {
    /// Counts from 1 within the execution.
    pub id: u64,
    /// The event that this one follows from; 0 for the first, and for entering the first state.
    pub previous: u64,
    /// When.
    pub at: Timestamp,
    /// What happened.
    pub what: Happening,
}

/// What an event tells. Names and shapes are those of the service's `HistoryEvent`; which of its names a call has
/// (`TaskScheduled`, `LambdaFunctionScheduled`, …) depends on what the task is, which only the driver knows.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // The fields are what their names say.
pub enum Happening {
    ExecutionStarted {
        input: Document,
    },
    ExecutionSucceeded {
        output: Document,
    },
    ExecutionFailed(Failure),
    ExecutionTimedOut(Failure),
    ExecutionAborted(Failure),
    /// `PassStateEntered`, `TaskStateEntered`, …
    StateEntered {
        kind: StateKind,
        name: Text,
        input: Document,
    },
    /// `PassStateExited`, …
    StateExited {
        kind: StateKind,
        name: Text,
        output: Document,
        /// The variables that the state assigned, in the order of its `Assign`.
        assigned: Box<[(Text, Document)]>,
    },
    /// `TaskStateAborted`, …
    StateAborted {
        kind: StateKind,
    },
    /// An expression failed that was not a path of the JSONPath language.
    EvaluationFailed {
        state: Text,
        /// The field, as `Output/total`, where it is known.
        location: Option<Text>,
        failure: Failure,
    },
    TaskScheduled {
        task: TaskId,
        input: Document,
        timeout: Option<Duration>,
        heartbeat: Option<Duration>,
    },
    TaskStarted {
        task: TaskId,
    },
    TaskSucceeded {
        task: TaskId,
        output: Document,
    },
    TaskFailed {
        task: TaskId,
        failure: Failure,
    },
    TaskTimedOut {
        task: TaskId,
        failure: Failure,
    },
    ParallelStateStarted,
    ParallelStateSucceeded,
    ParallelStateFailed,
    MapStateStarted {
        length: u32,
    },
    MapStateSucceeded,
    MapStateFailed,
    MapIterationStarted {
        name: Text,
        index: u32,
    },
    MapIterationSucceeded {
        name: Text,
        index: u32,
    },
    MapIterationFailed {
        name: Text,
        index: u32,
    },
    MapIterationAborted {
        name: Text,
        index: u32,
    },
}

/// The kind of a state, as a history event tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // They are the names of the language.
pub enum StateKind {
    Pass,
    Task,
    Choice,
    Wait,
    Parallel,
    Map,
    Succeed,
    Fail,
}

impl StateKind {
    /// The name in a definition.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "Pass",
            Self::Task => "Task",
            Self::Choice => "Choice",
            Self::Wait => "Wait",
            Self::Parallel => "Parallel",
            Self::Map => "Map",
            Self::Succeed => "Succeed",
            Self::Fail => "Fail",
        }
    }
}

impl Kind {
    /// Whether its act gives a result that its input does not have: an answer, or the outputs of branches.
    pub(crate) fn has_result(&self) -> bool {
        matches!(self, Self::Task(_) | Self::Parallel(_) | Self::Map(_))
    }

    /// Which of the eight it is.
    #[must_use]
    pub fn state_kind(&self) -> StateKind {
        match self {
            Self::Pass { .. } => StateKind::Pass,
            Self::Task(_) => StateKind::Task,
            Self::Choice { .. } => StateKind::Choice,
            Self::Wait(_) => StateKind::Wait,
            Self::Parallel(_) => StateKind::Parallel,
            Self::Map(_) => StateKind::Map,
            Self::Succeed => StateKind::Succeed,
            Self::Fail { .. } => StateKind::Fail,
        }
    }
}

impl Happening {
    /// What it is called here: the name of its variant.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::ExecutionStarted { .. } => "ExecutionStarted",
            Self::ExecutionSucceeded { .. } => "ExecutionSucceeded",
            Self::ExecutionFailed(_) => "ExecutionFailed",
            Self::ExecutionTimedOut(_) => "ExecutionTimedOut",
            Self::ExecutionAborted(_) => "ExecutionAborted",
            Self::StateEntered { .. } => "StateEntered",
            Self::StateExited { .. } => "StateExited",
            Self::StateAborted { .. } => "StateAborted",
            Self::EvaluationFailed { .. } => "EvaluationFailed",
            Self::TaskScheduled { .. } => "TaskScheduled",
            Self::TaskStarted { .. } => "TaskStarted",
            Self::TaskSucceeded { .. } => "TaskSucceeded",
            Self::TaskFailed { .. } => "TaskFailed",
            Self::TaskTimedOut { .. } => "TaskTimedOut",
            Self::ParallelStateStarted => "ParallelStateStarted",
            Self::ParallelStateSucceeded => "ParallelStateSucceeded",
            Self::ParallelStateFailed => "ParallelStateFailed",
            Self::MapStateStarted { .. } => "MapStateStarted",
            Self::MapStateSucceeded => "MapStateSucceeded",
            Self::MapStateFailed => "MapStateFailed",
            Self::MapIterationStarted { .. } => "MapIterationStarted",
            Self::MapIterationSucceeded { .. } => "MapIterationSucceeded",
            Self::MapIterationFailed { .. } => "MapIterationFailed",
            Self::MapIterationAborted { .. } => "MapIterationAborted",
        }
    }

    /// The documents that it tells.
    pub fn documents(&self) -> impl Iterator<Item = &Document> {
        let (one, assigned): (Option<&Document>, &[(Text, Document)]) = match self {
            Self::ExecutionStarted { input: told }
            | Self::ExecutionSucceeded { output: told }
            | Self::StateEntered { input: told, .. }
            | Self::TaskScheduled { input: told, .. }
            | Self::TaskSucceeded { output: told, .. } => (Some(told), &[]),
            Self::StateExited { output, assigned, .. } => (Some(output), assigned),
            _ => (None, &[]),
        };
        one.into_iter().chain(assigned.iter().map(|(_, value)| value))
    }

    /// The failure that it tells.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::ExecutionFailed(failure)
            | Self::ExecutionTimedOut(failure)
            | Self::ExecutionAborted(failure)
            | Self::EvaluationFailed { failure, .. }
            | Self::TaskFailed { failure, .. }
            | Self::TaskTimedOut { failure, .. } => Some(failure),
            _ => None,
        }
    }

    /// The lowest level that asks for it: the table "Log levels for Step Functions Express Workflows" of
    /// <https://docs.aws.amazon.com/step-functions/latest/dg/cloudwatch-log-level.html>.
    #[must_use]
    pub fn level(&self) -> HistoryLevel {
        match self {
            Self::ExecutionFailed(_) | Self::ExecutionTimedOut(_) | Self::ExecutionAborted(_) => HistoryLevel::Fatal,
            Self::StateEntered { kind: StateKind::Fail, .. }
            | Self::StateAborted { .. }
            | Self::EvaluationFailed { .. }
            | Self::TaskFailed { .. }
            | Self::TaskTimedOut { .. }
            | Self::ParallelStateFailed
            | Self::MapStateFailed
            | Self::MapIterationFailed { .. }
            | Self::MapIterationAborted { .. } => HistoryLevel::Error,
            _ => HistoryLevel::All,
        }
    }
}
