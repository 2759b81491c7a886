//! What happened in executions: collected at the level that is asked for, kept in a bounded memory, and written to
//! the log.
//!
//! Two may ask: the state machine's own `loggingConfiguration`, for the log and the memory, and the operator's
//! `history_level`, for the memory alone. Where neither does, an execution starts without a recorder, and nothing
//! here costs it anything.

mod followed;
mod kept;
mod log;
mod render;

pub(crate) use kept::{Histories, HistoryPage, HistoryRequest};
pub use log::{LogSink, Logs};

use self::followed::Followed;
use crate::Service;
use crate::executions::document_bytes;
use crate::redaction::Redaction;
use fleetstep_catalog::{InvalidToken, Resource, StateMachine, decode_token, encode_token};
use fleetstep_document::{Document, Text};
use fleetstep_engine::{Failure, Happening, History, HistoryEvent, HistoryLevel, HistorySink, Identity};
use std::sync::Arc;

/// What is told of each event of one execution, and shared by all of them.
pub(crate) struct Subject {
    pub(crate) identity: Arc<Identity>,
    /// What the tasks of its program are.
    pub(crate) resources: Arc<[Resource]>,
    /// What is not told of it.
    pub(crate) redaction: Arc<Redaction>,
}

/// The part of a `loggingConfiguration` that decides what is told.
#[derive(Clone, Copy)]
struct Logging {
    level: HistoryLevel,
    includes_data: bool,
}

impl Logging {
    fn of(machine: &StateMachine) -> Self {
        let level = machine.logging.get("level").and_then(Document::as_str).unwrap_or_default();
        let includes_data = || machine.logging.get("includeExecutionData").and_then(Document::as_bool);
        let level = named_level(level).unwrap_or_default();
        Self { level, includes_data: level != HistoryLevel::Off && includes_data().unwrap_or_default() }
    }
}

/// The levels by the names that a `loggingConfiguration` gives them.
const LEVELS: [(&str, HistoryLevel); 4] = [
    ("OFF", HistoryLevel::Off),
    ("FATAL", HistoryLevel::Fatal),
    ("ERROR", HistoryLevel::Error),
    ("ALL", HistoryLevel::All),
];

/// The level of that name: `OFF`, `FATAL`, `ERROR`, `ALL`.
#[must_use]
pub fn named_level(name: &str) -> Option<HistoryLevel> {
    LEVELS.iter().find(|(known, _)| *known == name).map(|(_, level)| *level)
}

/// The name of a level.
pub(crate) fn level_name(level: HistoryLevel) -> &'static str {
    LEVELS.iter().find(|(_, known)| *known == level).map_or("OFF", |(name, _)| name)
}

/// The token of a page that ends with that event.
pub(crate) fn token_of_number(number: u64) -> String {
    encode_token(&format!("event {number}"))
}

/// The event that a page ended with.
pub(crate) fn number_of_token(token: &str) -> Result<u64, InvalidToken> {
    let number = decode_token(token)?.strip_prefix("event ").and_then(|number| number.parse().ok());
    number.ok_or_else(|| InvalidToken { token: token.to_owned() })
}

/// What is asked for of the executions of a machine.
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    logging: Logging,
    /// What is kept in memory: the higher of the two levels.
    pub(crate) level: HistoryLevel,
    /// Whether what is kept may be shown with its data.
    shows_data: bool,
}

impl Asked {
    /// `None` is the usual case: nobody asks.
    pub(crate) fn of(machine: &StateMachine, operator: HistoryLevel) -> Option<Self> {
        let logging = Logging::of(machine);
        let level = logging.level.max(operator);
        let shows_data = logging.includes_data || operator != HistoryLevel::Off;
        (level != HistoryLevel::Off).then_some(Self { logging, level, shows_data })
    }

    /// Begins to collect the history of an execution.
    pub(crate) fn record(
        self,
        service: &Service,
        identity: &Arc<Identity>,
        machine: &StateMachine,
        resources: &Arc<[Resource]>,
    ) -> History {
        let (identity, resources) = (Arc::clone(identity), Arc::clone(resources));
        let subject = Arc::new(Subject { identity, resources, redaction: Arc::clone(service.redaction()) });
        let (histories, logs) = (service.histories().clone(), service.logs().clone());
        histories.begin(&subject, self.level, self.shows_data);
        let logs = (self.logging.level != HistoryLevel::Off && logs.is_open()).then_some((self.logging, logs));
        // At a lower level most events are missing.
        let followed = (self.level == HistoryLevel::All).then(|| Followed::new(Arc::clone(&machine.states)));
        History { level: self.level, sink: Box::new(Recorder { subject, histories, logs, followed }) }
    }
}

/// Hands the events of one execution to those who asked for them.
struct Recorder {
    subject: Arc<Subject>,
    histories: Histories,
    logs: Option<(Logging, Logs)>,
    followed: Option<Followed>,
}

impl HistorySink for Recorder {
    fn take(&mut self, events: &mut Vec<HistoryEvent>) {
        if let Some(followed) = &mut self.followed {
            events.iter().for_each(|event| followed.follow(event));
        }
        let weighed: Vec<_> = events.drain(..).map(|event| (event_bytes(&event), event)).collect();
        if let Some((logging, logs)) = &self.logs {
            let asked = weighed.iter().filter(|(_, event)| event.what.level() <= logging.level);
            logs.push(&self.subject, logging.includes_data, asked.cloned().collect());
        }
        self.histories.extend(&self.subject, weighed);
    }
}

/// What an event weighs beside its data.
const EVENT_BYTES: usize = 192;

/// About how many bytes an event holds in memory. A document that several events share counts for each of them.
fn event_bytes(event: &HistoryEvent) -> usize {
    let failure = |failure: &Failure| {
        [&failure.error, &failure.cause].into_iter().flatten().map(|text| text.len()).sum::<usize>()
    };
    EVENT_BYTES
        + match &event.what {
            Happening::ExecutionStarted { input: data }
            | Happening::ExecutionSucceeded { output: data }
            | Happening::StateEntered { input: data, .. }
            | Happening::TaskScheduled { input: data, .. }
            | Happening::TaskSucceeded { output: data, .. } => document_bytes(data),
            Happening::StateExited { output, assigned, .. } => {
                let variable = |(name, value): &(Text, Document)| name.len() + document_bytes(value);
                document_bytes(output) + assigned.iter().map(variable).sum::<usize>()
            }
            Happening::ExecutionFailed(it)
            | Happening::ExecutionTimedOut(it)
            | Happening::ExecutionAborted(it)
            | Happening::EvaluationFailed { failure: it, .. }
            | Happening::TaskFailed { failure: it, .. }
            | Happening::TaskTimedOut { failure: it, .. } => failure(it),
            Happening::StateAborted { .. }
            | Happening::TaskStarted { .. }
            | Happening::ParallelStateStarted
            | Happening::ParallelStateSucceeded
            | Happening::ParallelStateFailed
            | Happening::MapStateStarted { .. }
            | Happening::MapStateSucceeded
            | Happening::MapStateFailed
            | Happening::MapIterationStarted { .. }
            | Happening::MapIterationSucceeded { .. }
            | Happening::MapIterationFailed { .. }
            | Happening::MapIterationAborted { .. } => 0,
        }
}
