//! A whole history as the record that an execution can be run again from.

use super::kept::HistoryPage;
use super::level_name;
use crate::executions::{RUNNING, status};
use fleetstep_catalog::DefinitionFormat;
use fleetstep_document::Text;
use fleetstep_engine::{Happening, HistoryLevel, Outcome, Recording, Timestamp};

/// Why a history is no record: something of it is missing.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unrecorded {
    /// Not all events are kept.
    #[error(
        "The history of this execution was kept at the level {0}, and a replay needs all of it. Start it again with \
         ?history=ALL, in the console, or on a server with --history-level ALL"
    )]
    Level(&'static str),
    /// Its inputs and outputs may not be shown.
    #[error(
        "The history of this execution is kept without its data, since the loggingConfiguration of its state machine \
         does not say includeExecutionData, and a replay needs them. Start it again with ?history=ALL"
    )]
    Data,
    /// The oldest events went.
    #[error(
        "The history of this execution is longer than what is kept of it: its first {0} events are gone, and a replay \
         begins with the first"
    )]
    Beginning(u64),
    /// A part is hidden.
    #[error(
        "The data of this execution hold members that this server does not show (--redact), and a replay needs them: \
         event {0} has one. Record it on a server that redacts nothing, with ?history=ALL"
    )]
    Redacted(u64),
}

impl HistoryPage {
    /// The record, if this is the whole history with its data.
    pub(crate) fn recording(self) -> Result<Recording, Unrecorded> {
        let Self { subject, level, shows_data, events, .. } = self;
        if level != HistoryLevel::All {
            return Err(Unrecorded::Level(level_name(level)));
        }
        if !shows_data {
            return Err(Unrecorded::Data);
        }
        if let Some(first) = events.first().filter(|first| first.id > 1) {
            return Err(Unrecorded::Beginning(first.id - 1));
        }
        let hides = |what: &Happening| {
            let redaction = &subject.redaction;
            let of_failure = what.failure().is_some_and(|failure| redaction.failure(failure) != *failure);
            of_failure || what.documents().any(|document| redaction.hides_of(document))
        };
        if let Some(hidden) = events.iter().find(|event| hides(&event.what)) {
            return Err(Unrecorded::Redacted(hidden.id));
        }
        Ok(Recording {
            definition: subject.ran.definition.clone(),
            format: Text::from(match subject.ran.format {
                DefinitionFormat::Json => "json",
                DefinitionFormat::Yaml => "yaml",
            }),
            identity: subject.identity.clone(),
            seed: subject.ran.seed,
            started: events.first().map_or(Timestamp::default(), |first| first.at),
            status: Text::from(events.last().map_or(RUNNING, |last| status_of(&last.what))),
            resources: subject.resources.iter().map(|resource| Text::from(resource.uri())).collect(),
            events,
        })
    }
}

/// How an execution stands whose latest event is this.
fn status_of(what: &Happening) -> &'static str {
    match what.clone() {
        Happening::ExecutionSucceeded { output } => status(&Outcome::Succeeded(output)),
        Happening::ExecutionFailed(failure) => status(&Outcome::Failed(failure)),
        Happening::ExecutionTimedOut(failure) => status(&Outcome::TimedOut(failure)),
        Happening::ExecutionAborted(failure) => status(&Outcome::Aborted(failure)),
        _ => RUNNING,
    }
}
