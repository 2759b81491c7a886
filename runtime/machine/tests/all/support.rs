//! What the tests share: a run, written down as text.

use fleetstep_document::Document;
use fleetstep_machine::testing::{Answer, Called, Driver};
use fleetstep_machine::{Failure, Happening, HistoryEvent, Outcome, Program};
use std::fmt::Write;

pub(crate) fn json(text: &str) -> Document {
    Document::parse(text.as_bytes()).expect(text)
}

/// Runs the program and compares its outcome, and its history when one is given.
#[track_caller]
pub(crate) fn check(program: &Program, input: &str, host: impl FnMut(&Called) -> Answer, outcome: &str, history: &str) {
    let mut driver = Driver::new(program, json(input), 7);
    let ended = driver.run(host);
    assert_eq!(outcome_text(&ended), outcome);
    if !history.is_empty() {
        let expected: Vec<_> = history.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let told = history_text(&driver.history);
        assert_eq!(told.lines().collect::<Vec<_>>(), expected, "\n{told}");
    }
}

/// A host for programs without tasks.
pub(crate) fn no_tasks(called: &Called) -> Answer {
    panic!("nothing calls a task here, but {} did", called.state)
}

pub(crate) fn outcome_text(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Succeeded(output) => format!("SUCCEEDED {output}"),
        Outcome::Failed(failure) => format!("FAILED {}", failure_text(failure)),
        Outcome::TimedOut(failure) => format!("TIMED_OUT {}", failure_text(failure)),
        Outcome::Aborted(failure) => format!("ABORTED {}", failure_text(failure)),
    }
}

fn failure_text(failure: &Failure) -> String {
    let part = |part: &Option<_>| part.as_ref().map_or("-".to_owned(), ToString::to_string);
    format!("{}: {}", part(&failure.error), part(&failure.cause))
}

/// One event a line: `id<previous what`.
pub(crate) fn history_text(history: &[HistoryEvent]) -> String {
    let mut text = String::new();
    for event in history {
        writeln!(text, "{}<{} {}", event.id, event.previous, happening_text(&event.what)).expect("a string takes it");
    }
    text
}

fn happening_text(what: &Happening) -> String {
    match what {
        Happening::ExecutionStarted { input } => format!("ExecutionStarted {input}"),
        Happening::ExecutionSucceeded { output } => format!("ExecutionSucceeded {output}"),
        Happening::ExecutionFailed(failure) => format!("ExecutionFailed {}", failure_text(failure)),
        Happening::ExecutionTimedOut(failure) => format!("ExecutionTimedOut {}", failure_text(failure)),
        Happening::ExecutionAborted(failure) => format!("ExecutionAborted {}", failure_text(failure)),
        Happening::StateEntered { kind, name, input } => format!("{}StateEntered {name} {input}", kind.as_str()),
        Happening::StateExited { kind, name, output, assigned } => {
            let assigned: String = assigned.iter().map(|(name, value)| format!(" {name}={value}")).collect();
            format!("{}StateExited {name} {output}{assigned}", kind.as_str())
        }
        Happening::StateAborted { kind } => format!("{}StateAborted", kind.as_str()),
        Happening::EvaluationFailed { state, location, failure } => {
            format!("EvaluationFailed {state} {} {}", location.as_deref().unwrap_or("-"), failure_text(failure))
        }
        Happening::TaskScheduled { task, input, timeout, heartbeat } => {
            let mut text = format!("TaskScheduled {} {input}", task.0);
            for (name, limit) in [("timeout", timeout), ("heartbeat", heartbeat)] {
                if let Some(limit) = limit {
                    write!(text, " {name} {limit:?}").expect("a string takes it");
                }
            }
            text
        }
        Happening::TaskStarted { task } => format!("TaskStarted {}", task.0),
        Happening::TaskSucceeded { task, output } => format!("TaskSucceeded {} {output}", task.0),
        Happening::TaskFailed { task, failure } => format!("TaskFailed {} {}", task.0, failure_text(failure)),
        Happening::TaskTimedOut { task, failure } => format!("TaskTimedOut {} {}", task.0, failure_text(failure)),
        Happening::ParallelStateStarted => "ParallelStateStarted".to_owned(),
        Happening::ParallelStateSucceeded => "ParallelStateSucceeded".to_owned(),
        Happening::ParallelStateFailed => "ParallelStateFailed".to_owned(),
        Happening::MapStateStarted { length } => format!("MapStateStarted {length}"),
        Happening::MapStateSucceeded => "MapStateSucceeded".to_owned(),
        Happening::MapStateFailed => "MapStateFailed".to_owned(),
        Happening::MapIterationStarted { name, index } => format!("MapIterationStarted {name} {index}"),
        Happening::MapIterationSucceeded { name, index } => format!("MapIterationSucceeded {name} {index}"),
        Happening::MapIterationFailed { name, index } => format!("MapIterationFailed {name} {index}"),
        Happening::MapIterationAborted { name, index } => format!("MapIterationAborted {name} {index}"),
    }
}
