//! What happened in executions: collected at the level that is asked for, kept in a bounded memory, and written to
//! the log.
//!
//! Three may ask: the state machine's own `loggingConfiguration`, for the log and the memory; the operator's
//! `history_level`, for the memory alone; and a trace that the execution is a part of. Where none does, an execution
//! starts without a recorder, and nothing here costs it anything.

mod followed;
mod kept;
mod log;
mod render;
mod replay;
mod traced;

pub(crate) use kept::{Histories, HistoryPage, HistoryRequest};
pub use log::{LogSink, Logs};
pub(crate) use replay::Unrecorded;

use self::followed::Followed;
use self::traced::Traced;
use crate::Service;
use crate::executions::document_bytes;
use crate::launch::Launch;
use crate::redaction::Redaction;
use fleetstep_catalog::{DefinitionFormat, InvalidToken, Resource, StateMachine, decode_token, encode_token};
use fleetstep_document::{Document, Text};
use fleetstep_engine::{History, HistoryEvent, HistoryLevel, HistorySink, Identity, Trace};
use std::sync::Arc;

/// What an execution ran, and what its chance started from: all that it takes to run it again, beside its events.
#[derive(Default)]
pub(crate) struct Ran {
    pub(crate) definition: Text,
    pub(crate) format: DefinitionFormat,
    pub(crate) seed: u64,
}

/// What is told of each event of one execution, and shared by all of them.
pub(crate) struct Subject {
    pub(crate) identity: Arc<Identity>,
    /// What the tasks of its program are.
    pub(crate) resources: Arc<[Resource]>,
    /// What is not told of it.
    pub(crate) redaction: Arc<Redaction>,
    pub(crate) ran: Ran,
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
}

/// Begins to collect the history of an execution, for all who ask for it; mostly nobody does.
pub(crate) fn record(service: &Service, launch: &Launch, resources: &Arc<[Resource]>, seed: u64) -> Option<History> {
    if launch.asked.is_none() && launch.trace.is_none() {
        return None;
    }
    let (identity, resources) = (Arc::clone(&launch.identity), Arc::clone(resources));
    let machine = &launch.machine;
    let ran = Ran { definition: machine.definition.clone(), format: machine.format, seed };
    let subject = Arc::new(Subject { identity, resources, redaction: Arc::clone(service.redaction()), ran });
    let kept = launch.asked.map(|asked| Keeper::begin(service, &subject, asked, &launch.machine));
    let traced = service.telemetry().zip(launch.trace.as_ref());
    let traced = traced.map(|(telemetry, context)| Traced::new(telemetry, context, &subject));
    let asked = launch.asked.map_or(HistoryLevel::Off, |asked| asked.level);
    let level = asked.max(traced.as_ref().map_or(HistoryLevel::Off, Traced::level));
    Some(History { level, sink: Box::new(Recorder { subject, kept, traced }) })
}

/// Hands the events of one execution to those who asked for them.
struct Recorder {
    subject: Arc<Subject>,
    kept: Option<Keeper>,
    traced: Option<Traced>,
}

/// What is kept in memory, and logged.
struct Keeper {
    level: HistoryLevel,
    histories: Histories,
    logs: Option<(Logging, Logs)>,
    followed: Option<Followed>,
}

impl HistorySink for Recorder {
    fn take(&mut self, events: &mut Vec<HistoryEvent>) {
        if let Some(traced) = &mut self.traced {
            traced.follow(events);
        }
        if let Some(kept) = &mut self.kept {
            kept.take(&self.subject, events);
        }
    }

    fn trace(&self) -> Option<Arc<dyn Trace>> {
        Some(self.traced.as_ref()?.of_calls())
    }
}

impl Keeper {
    fn begin(service: &Service, subject: &Arc<Subject>, asked: Asked, machine: &StateMachine) -> Self {
        let (histories, logs) = (service.histories().clone(), service.logs().clone());
        histories.begin(subject, asked.level, asked.shows_data);
        let logs = (asked.logging.level != HistoryLevel::Off && logs.is_open()).then_some((asked.logging, logs));
        // At a lower level most events are missing.
        let followed = (asked.level == HistoryLevel::All).then(|| Followed::new(Arc::clone(&machine.states)));
        Self { level: asked.level, histories, logs, followed }
    }

    fn take(&mut self, subject: &Arc<Subject>, events: &mut Vec<HistoryEvent>) {
        if let Some(followed) = &mut self.followed {
            events.iter().for_each(|event| followed.follow(event));
        }
        // A trace asks for more than what is kept.
        let level = self.level;
        let asked = events.drain(..).filter(|event| event.what.level() <= level);
        let weighed: Vec<_> = asked.map(|event| (event_bytes(&event), event)).collect();
        if weighed.is_empty() {
            return;
        }
        if let Some((logging, logs)) = &self.logs {
            let asked = weighed.iter().filter(|(_, event)| event.what.level() <= logging.level);
            logs.push(subject, logging.includes_data, asked.cloned().collect());
        }
        self.histories.extend(subject, weighed);
    }
}

/// What an event weighs beside its data.
const EVENT_BYTES: usize = 192;

/// About how many bytes an event holds in memory. A document that several events share counts for each of them.
fn event_bytes(event: &HistoryEvent) -> usize {
    let documents: usize = event.what.documents().map(document_bytes).sum();
    let failure = event.what.failure().map_or([None, None], |failure| [failure.error.as_ref(), failure.cause.as_ref()]);
    EVENT_BYTES + documents + failure.into_iter().flatten().map(|text| text.len()).sum::<usize>()
}
