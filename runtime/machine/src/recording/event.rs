//! One event as a part of the file: its number, the one that it follows from, its time, its type and what that tells.

use super::read::{Part, Unreadable, date};
use crate::{Failure, Happening, HistoryEvent, StateKind, TaskId};
use fleetstep_document::{Document, ObjectBuilder, Text};
use std::time::Duration;

const KINDS: [StateKind; 8] = [
    StateKind::Pass,
    StateKind::Task,
    StateKind::Choice,
    StateKind::Wait,
    StateKind::Parallel,
    StateKind::Map,
    StateKind::Succeed,
    StateKind::Fail,
];

/// The event's object.
pub(super) fn document(event: &HistoryEvent) -> Document {
    let mut body = ObjectBuilder::with_capacity(10)
        .with("id", whole(event.id))
        .with("previous", whole(event.previous))
        .with("at", date(event.at))
        .with("type", event.what.name());
    tell(&event.what, &mut body);
    body.build()
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn tell(what: &Happening, body: &mut ObjectBuilder) {
    use Happening as H;
    match what {
        H::ExecutionStarted { input } => body.push("input", input.clone()),
        H::ExecutionSucceeded { output } => body.push("output", output.clone()),
        H::ExecutionFailed(failure) | H::ExecutionTimedOut(failure) | H::ExecutionAborted(failure) => {
            tell_failure(failure, body);
        }
        H::StateEntered { kind, name, input } => {
            body.push("kind", kind.as_str());
            body.push("name", name.clone());
            body.push("input", input.clone());
        }
        H::StateExited { kind, name, output, assigned } => {
            body.push("kind", kind.as_str());
            body.push("name", name.clone());
            body.push("output", output.clone());
            if !assigned.is_empty() {
                let mut variables = ObjectBuilder::with_capacity(assigned.len());
                assigned.iter().for_each(|(name, value)| variables.push(name.clone(), value.clone()));
                body.push("assigned", variables.build());
            }
        }
        H::StateAborted { kind } => body.push("kind", kind.as_str()),
        H::EvaluationFailed { state, location, failure } => {
            body.push("state", state.clone());
            if let Some(location) = location {
                body.push("location", location.clone());
            }
            tell_failure(failure, body);
        }
        H::TaskScheduled { task, input, timeout, heartbeat } => {
            body.push("task", task.0);
            body.push("input", input.clone());
            for (name, limit) in [("timeoutSeconds", timeout), ("heartbeatSeconds", heartbeat)] {
                if let Some(limit) = limit {
                    body.push(name, whole(limit.as_secs()));
                }
            }
        }
        H::TaskStarted { task } => body.push("task", task.0),
        H::TaskSucceeded { task, output } => {
            body.push("task", task.0);
            body.push("output", output.clone());
        }
        H::TaskFailed { task, failure } | H::TaskTimedOut { task, failure } => {
            body.push("task", task.0);
            tell_failure(failure, body);
        }
        H::MapStateStarted { length } => body.push("length", *length),
        H::MapIterationStarted { name, index }
        | H::MapIterationSucceeded { name, index }
        | H::MapIterationFailed { name, index }
        | H::MapIterationAborted { name, index } => {
            body.push("name", name.clone());
            body.push("index", *index);
        }
        H::ParallelStateStarted
        | H::ParallelStateSucceeded
        | H::ParallelStateFailed
        | H::MapStateSucceeded
        | H::MapStateFailed => {}
    }
}

fn tell_failure(failure: &Failure, body: &mut ObjectBuilder) {
    for (name, part) in [("error", &failure.error), ("cause", &failure.cause)] {
        if let Some(part) = part {
            body.push(name, part.clone());
        }
    }
}

/// Reads an event's object.
pub(super) fn read(part: &Part<'_>) -> Result<HistoryEvent, Unreadable> {
    let id = part.get("id")?;
    Ok(HistoryEvent {
        id: id.number()?,
        previous: part.get("previous")?.number()?,
        at: part.get("at")?.date()?,
        what: happening(part)?,
    })
}

fn happening(part: &Part<'_>) -> Result<Happening, Unreadable> {
    use Happening as H;
    let document = |name| Ok(part.get(name)?.value());
    let text = |name| part.get(name)?.text();
    let task = || Ok(TaskId(part.get("task")?.number()?));
    let limit = |name| {
        let seconds = part.find(name).map(|part| part.number::<u64>()).transpose()?;
        Ok(seconds.map(Duration::from_secs))
    };
    let iteration = || Ok((text("name")?, part.get("index")?.number()?));
    let kind = part.get("type")?;
    Ok(match &*kind.text()? {
        "ExecutionStarted" => H::ExecutionStarted { input: document("input")? },
        "ExecutionSucceeded" => H::ExecutionSucceeded { output: document("output")? },
        "ExecutionFailed" => H::ExecutionFailed(part.failure()?),
        "ExecutionTimedOut" => H::ExecutionTimedOut(part.failure()?),
        "ExecutionAborted" => H::ExecutionAborted(part.failure()?),
        "StateEntered" => H::StateEntered { kind: state_kind(part)?, name: text("name")?, input: document("input")? },
        "StateExited" => H::StateExited {
            kind: state_kind(part)?,
            name: text("name")?,
            output: document("output")?,
            assigned: assigned(part)?,
        },
        "StateAborted" => H::StateAborted { kind: state_kind(part)? },
        "EvaluationFailed" => H::EvaluationFailed {
            state: text("state")?,
            location: part.find("location").map(|part| part.text()).transpose()?,
            failure: part.failure()?,
        },
        "TaskScheduled" => H::TaskScheduled {
            task: task()?,
            input: document("input")?,
            timeout: limit("timeoutSeconds")?,
            heartbeat: limit("heartbeatSeconds")?,
        },
        "TaskStarted" => H::TaskStarted { task: task()? },
        "TaskSucceeded" => H::TaskSucceeded { task: task()?, output: document("output")? },
        "TaskFailed" => H::TaskFailed { task: task()?, failure: part.failure()? },
        "TaskTimedOut" => H::TaskTimedOut { task: task()?, failure: part.failure()? },
        "ParallelStateStarted" => H::ParallelStateStarted,
        "ParallelStateSucceeded" => H::ParallelStateSucceeded,
        "ParallelStateFailed" => H::ParallelStateFailed,
        "MapStateStarted" => H::MapStateStarted { length: part.get("length")?.number()? },
        "MapStateSucceeded" => H::MapStateSucceeded,
        "MapStateFailed" => H::MapStateFailed,
        "MapIterationStarted" => iteration().map(|(name, index)| H::MapIterationStarted { name, index })?,
        "MapIterationSucceeded" => iteration().map(|(name, index)| H::MapIterationSucceeded { name, index })?,
        "MapIterationFailed" => iteration().map(|(name, index)| H::MapIterationFailed { name, index })?,
        "MapIterationAborted" => iteration().map(|(name, index)| H::MapIterationAborted { name, index })?,
        other => return Err(kind.wrong(format!("there are no events of the type '{other}'"))),
    })
}

fn state_kind(part: &Part<'_>) -> Result<StateKind, Unreadable> {
    let part = part.get("kind")?;
    let name = part.text()?;
    let found = KINDS.iter().find(|kind| kind.as_str() == name);
    found.copied().ok_or_else(|| part.wrong(format!("there are no states of the kind '{name}'")))
}

fn assigned(part: &Part<'_>) -> Result<Box<[(Text, Document)]>, Unreadable> {
    let Some(part) = part.find("assigned") else { return Ok(Box::default()) };
    Ok(part.members()?.into_iter().map(|(name, value)| (name, value.value())).collect())
}
