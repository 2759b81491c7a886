//! A recorded execution: all that it takes to run it again, step by step, and its file.
//!
//! What is here is what [`Execution`](crate::Execution) was given and what it told: its identity, its seed, its input
//! and its events. The definition travels along as a text that this room does not read.

mod event;
mod read;

pub use read::Unreadable;

use crate::{HistoryEvent, Identity, Timestamp, TokenSource};
use fleetstep_document::{Document, ObjectBuilder, Text};
use read::{Part, date};
use std::sync::Arc;

/// The version of the file.
pub const RECORDING_VERSION: i64 = 1;

/// Events of one recording.
pub const RECORDED_EVENTS_MAX: usize = 100_000;

/// The member that says what the file is, and holds its version.
const MARK: &str = "fleetstepReplay";

/// A recorded execution.
#[derive(Clone, Debug)]
pub struct Recording {
    /// What it ran.
    pub definition: Text,
    /// How that is written: `json` or `yaml`.
    pub format: Text,
    /// Who it was.
    pub identity: Arc<Identity>,
    /// What its chance started from.
    pub seed: u64,
    /// When it was started.
    pub started: Timestamp,
    /// How it ended; `RUNNING` where it had not when it was recorded.
    pub status: Text,
    /// What its tasks are, by their numbers.
    pub resources: Vec<Text>,
    /// All of its events so far, the first of which has its input.
    pub events: Vec<HistoryEvent>,
}

impl Recording {
    /// Its file.
    #[must_use]
    pub fn document(&self) -> Document {
        let workflow = ObjectBuilder::with_capacity(3)
            .with("name", self.identity.state_machine_name.clone())
            .with("format", self.format.clone())
            .with("definition", self.definition.clone());
        let resources: Vec<Document> = self.resources.iter().cloned().map(Document::from).collect();
        let events: Vec<Document> = self.events.iter().map(event::document).collect();
        ObjectBuilder::with_capacity(8)
            .with(MARK, RECORDING_VERSION)
            .with("workflow", workflow.build())
            .with("identity", identity_document(&self.identity))
            .with("seed", self.seed.to_string())
            .with("started", date(self.started))
            .with("status", self.status.clone())
            .with("resources", resources)
            .with("events", events)
            .build()
    }

    /// Reads a file.
    ///
    /// # Errors
    /// The first thing that is not as it should be, with its place. Events that make no sense together are none: to
    /// run them again tells.
    pub fn read(file: &Document) -> Result<Self, Unreadable> {
        let file = Part::of(file);
        let no_replay = || file.wrong("this is no replay file of an execution");
        let mark = file.find(MARK).ok_or_else(no_replay)?;
        let version = mark.integer().map_err(|_| no_replay())?;
        if version != RECORDING_VERSION {
            return Err(mark.wrong(format!("version {version} of the file is not known, but {RECORDING_VERSION} is")));
        }
        let workflow = file.get("workflow")?;
        let events = file.get("events")?;
        if events.items()?.len() > RECORDED_EVENTS_MAX {
            return Err(events.wrong(format!("there are more than {RECORDED_EVENTS_MAX} events")));
        }
        let seed = file.get("seed")?;
        let recording = Self {
            definition: workflow.get("definition")?.text()?,
            format: workflow.get("format")?.text()?,
            identity: Arc::new(identity(&file.get("identity")?)?),
            seed: seed.text()?.parse().map_err(|_| seed.wrong("a seed is a whole number of 64 bits, as text"))?,
            started: file.get("started")?.date()?,
            status: file.get("status")?.text()?,
            resources: file.get("resources")?.items()?.iter().map(Part::text).collect::<Result<_, _>>()?,
            events: events.items()?.iter().map(event::read).collect::<Result<_, _>>()?,
        };
        recording.check_order(&events)?;
        Ok(recording)
    }

    /// Numbers count from 1, each event follows from an earlier one, and time does not go back.
    fn check_order(&self, events: &Part<'_>) -> Result<(), Unreadable> {
        let mut latest = self.started;
        for (at, (event, part)) in self.events.iter().zip(events.items()?).enumerate() {
            if event.id != at as u64 + 1 {
                return Err(part.get("id")?.wrong(format!("event {} stands where event {} should", event.id, at + 1)));
            }
            if event.previous >= event.id {
                return Err(part.get("previous")?.wrong("an event follows from an earlier one"));
            }
            if event.at < latest {
                return Err(part.get("at")?.wrong("time does not go back"));
            }
            latest = event.at;
        }
        Ok(())
    }
}

fn identity_document(identity: &Identity) -> Document {
    let Identity { execution_arn, execution_name, role_arn, state_machine_arn, state_machine_name, .. } = identity;
    let mut body = ObjectBuilder::with_capacity(8)
        .with("executionArn", execution_arn.clone())
        .with("executionName", execution_name.clone())
        .with("roleArn", role_arn.clone())
        .with("stateMachineArn", state_machine_arn.clone())
        .with("stateMachineName", state_machine_name.clone());
    let qualified = [
        ("stateMachineVersionArn", &identity.state_machine_version_arn),
        ("stateMachineAliasArn", &identity.state_machine_alias_arn),
    ];
    for (name, arn) in qualified {
        if let Some(arn) = arn {
            body.push(name, arn.clone());
        }
    }
    body.with("redriveCount", identity.redrive_count).build()
}

fn identity(part: &Part<'_>) -> Result<Identity, Unreadable> {
    let text = |name| part.get(name)?.text();
    let optional = |name| part.find(name).map(|part| part.text()).transpose();
    let redrives = part.get("redriveCount")?;
    Ok(Identity {
        execution_arn: text("executionArn")?,
        execution_name: text("executionName")?,
        role_arn: text("roleArn")?,
        state_machine_arn: text("stateMachineArn")?,
        state_machine_name: text("stateMachineName")?,
        state_machine_version_arn: optional("stateMachineVersionArn")?,
        state_machine_alias_arn: optional("stateMachineAliasArn")?,
        redrive_count: redrives.number()?,
        started_by: None,
        nesting: 0,
        // What made the tokens is its server's secret.
        tokens: TokenSource::default(),
    })
}
