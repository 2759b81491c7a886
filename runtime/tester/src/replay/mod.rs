//! A recorded execution runs again, step by step, from its recorded events: the answers of its tasks, the times, its
//! seed. Its definition, or a changed one, gives the same events or others; where the two part is told.
//!
//! Up to there every event is taken in when the record says that it was: nothing waits. Beyond it, the execution goes on
//! in virtual time, and tasks answer as they did in the record where they are called as they were there.

mod follow;
mod player;
mod report;
mod tokens;
mod visits;

pub use visits::StateVisit;

use crate::suite::definition_problems;
use crate::{Difference, PLAYED_EVENTS_MAX};
use fleetstep_asl::{Format, Options, Resource, WorkflowType, compile};
use fleetstep_document::{Document, Text};
use fleetstep_machine::{HistoryEvent, Outcome, Program, Recording, Unreadable};

/// Bytes of a replay file.
pub const REPLAY_BYTES_MAX: u64 = 64 << 20;

/// Why nothing was replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The file is no JSON.
    #[error(transparent)]
    Malformed(#[from] fleetstep_document::ParseError),
    /// The file is larger than [`REPLAY_BYTES_MAX`].
    #[error("the file has more than {REPLAY_BYTES_MAX} bytes")]
    TooLarge,
    /// The file is not what it should be.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// The definition cannot be run.
    #[error("the definition cannot be run:\n{0}")]
    Definition(String),
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplayReport {
    /// The workflow's name.
    pub workflow: Text,
    /// The execution's ARN.
    pub execution_arn: Text,
    /// How the recorded execution ended, or `RUNNING`.
    pub recorded_status: Text,
    /// How many events the record has.
    pub recorded_events: usize,
    /// How many of them came again as they were recorded, from the first on.
    pub same_events: usize,
    /// Where the two part; nothing where they do not.
    pub parting: Option<Parting>,
    /// How the replayed execution ended; the error says why it was not played to its end.
    pub outcome: Result<Outcome, String>,
    /// The states as the replayed execution came by them, in order.
    pub visits: Vec<StateVisit>,
    /// How long the replayed execution took, in virtual time.
    pub duration: std::time::Duration,
}

/// The first difference.
#[derive(Clone, Debug, PartialEq)]
pub struct Parting {
    /// What the record tells there; `None`: it has ended.
    pub recorded: Option<HistoryEvent>,
    /// What the replayed execution tells there; the error says what it does instead of telling anything.
    pub replayed: Result<HistoryEvent, String>,
    /// The state in the record.
    pub recorded_state: Option<StateVisit>,
    /// The state in the replayed execution.
    pub replayed_state: Option<StateVisit>,
    /// Where the documents of the two events differ; what is expected is the record's.
    pub differences: Vec<Difference>,
    /// What the task is in the record and in the replayed definition, where that is the difference.
    pub resources: Option<(Text, Text)>,
}

/// What a replay runs.
#[derive(Debug)]
pub(crate) struct Compiled {
    program: Program,
    resources: Vec<Resource>,
}

/// Reads a replay file.
///
/// # Errors
/// What is wrong with it, with its place.
pub fn read_recording(file: &[u8]) -> Result<Recording, ReplayError> {
    if file.len() as u64 > REPLAY_BYTES_MAX {
        return Err(ReplayError::TooLarge);
    }
    Ok(Recording::read(&Document::parse(file)?)?)
}

/// Runs a recorded execution again: with its own definition, or with another one.
///
/// # Errors
/// A definition that cannot be run, and a record without a beginning.
pub fn replay(recording: &Recording, definition: Option<(&str, Format)>) -> Result<ReplayReport, ReplayError> {
    let own = match &*recording.format {
        "json" => Format::Json,
        "yaml" => Format::Yaml,
        other => {
            let problem = format!("a definition is written in json or yaml, not in '{other}'");
            return Err(Unreadable { place: String::from("/workflow/format"), problem }.into());
        }
    };
    let (source, format) = definition.unwrap_or((&recording.definition, own));
    follow::follow(recording, &compiled(source, format)?)
}

fn compiled(source: &str, format: Format) -> Result<Compiled, ReplayError> {
    // What leaves the machine is answered by the record.
    let options = Options { format, target: Some(WorkflowType::Express), mocked: true, ..Options::default() };
    let compilation = compile(source, &options);
    match compilation.compiled {
        Some(compiled) => Ok(Compiled { program: compiled.program, resources: compiled.resources }),
        None => Err(ReplayError::Definition(definition_problems(&compilation.diagnostics))),
    }
}

/// Events that a replay may have beyond its record.
const EVENTS_BEYOND_MAX: usize = PLAYED_EVENTS_MAX;
