//! What came of a replay: for a person, and as JSON.

use super::{Parting, ReplayReport, StateVisit};
use crate::Difference;
use crate::compare::shown;
use fleetstep_document::{Document, ObjectBuilder, Text, neutral};
use fleetstep_machine::{Failure, Happening, HistoryEvent, Outcome, Timestamp};
use std::fmt::Write;
use std::time::Duration;

impl ReplayReport {
    /// Whether the replayed execution told all that the record tells, and nothing else.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.parting.is_none()
    }

    /// The report as a person reads it. It does nothing to a terminal.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = self.write_text(&mut out);
        neutral(&out).to_string()
    }

    fn write_text(&self, out: &mut String) -> std::fmt::Result {
        let Self { workflow, execution_arn, recorded_status, recorded_events, same_events, .. } = self;
        writeln!(out, "{workflow}  {execution_arn}")?;
        writeln!(out, "  recorded   {recorded_events} events, {recorded_status}")?;
        match &self.outcome {
            Ok(outcome) => writeln!(out, "  replayed   {}, {}", ended(outcome), virtual_time(self.duration))?,
            Err(why) => writeln!(out, "  replayed   {why}")?,
        }
        match &self.parting {
            None => writeln!(out, "same: all {recorded_events} events are as they were recorded"),
            Some(parting) => {
                writeln!(out, "parted after {same_events} events that are the same")?;
                parting.write_text(out)
            }
        }
    }

    /// The report as a JSON text; the states are in it where they are asked for.
    #[must_use]
    pub fn json(&self, with_states: bool) -> String {
        let mut body = ObjectBuilder::with_capacity(10)
            .with("same", self.is_same())
            .with("workflow", self.workflow.clone())
            .with("executionArn", self.execution_arn.clone())
            .with("recordedStatus", self.recorded_status.clone())
            .with("recordedEvents", self.recorded_events as i64)
            .with("sameEvents", self.same_events as i64)
            .with("virtualMicros", micros(self.duration));
        match &self.outcome {
            Ok(outcome) => body.push("outcome", outcome_document(outcome)),
            Err(why) => body.push("stopped", why.as_str()),
        }
        if let Some(parting) = &self.parting {
            body.push("parting", parting.document());
        }
        if with_states {
            body.push("states", self.visits.iter().map(StateVisit::document).collect::<Vec<_>>());
        }
        body.build().to_json()
    }
}

impl Parting {
    fn write_text(&self, out: &mut String) -> std::fmt::Result {
        let recorded = self.recorded.as_ref().map_or_else(|| String::from("the execution is over"), told);
        let replayed = self.replayed.as_ref().map_or_else(Clone::clone, told);
        writeln!(out, "  recorded   {recorded}")?;
        writeln!(out, "  replayed   {replayed}")?;
        if let Some((recorded, replayed)) = &self.resources {
            writeln!(out, "  the task: recorded {recorded}, replayed {replayed}")?;
        }
        for Difference { pointer, expected, found } in &self.differences {
            let side = |side: &Option<Document>| side.as_ref().map_or_else(|| String::from("nothing"), shown);
            let place = if pointer.is_empty() { "the document" } else { pointer };
            writeln!(out, "  {place}: recorded {}, replayed {}", side(expected), side(found))?;
        }
        for (side, state) in [("recorded", &self.recorded_state), ("replayed", &self.replayed_state)] {
            if let Some(state) = state {
                writeln!(out, "  {side} state \"{}\" ({})", state.name, state.kind.as_str())?;
                state.write_data(out, shown)?;
            }
        }
        Ok(())
    }

    fn document(&self) -> Document {
        let mut body = ObjectBuilder::with_capacity(7);
        if let Some(recorded) = &self.recorded {
            body.push("recorded", event_document(recorded));
        }
        match &self.replayed {
            Ok(replayed) => body.push("replayed", event_document(replayed)),
            Err(instead) => body.push("instead", instead.as_str()),
        }
        for (name, state) in [("recordedState", &self.recorded_state), ("replayedState", &self.replayed_state)] {
            if let Some(state) = state {
                body.push(name, state.document());
            }
        }
        if let Some((recorded, replayed)) = &self.resources {
            body.push("recordedResource", recorded.clone());
            body.push("replayedResource", replayed.clone());
        }
        let differences = self.differences.iter().map(|difference| {
            let mut body = ObjectBuilder::with_capacity(3).with("pointer", difference.pointer.as_str());
            for (name, side) in [("recorded", &difference.expected), ("replayed", &difference.found)] {
                if let Some(side) = side {
                    body.push(name, side.clone());
                }
            }
            body.build()
        });
        body.with("differences", differences.collect::<Vec<_>>()).build()
    }
}

impl StateVisit {
    /// The state with its data, as a person reads it; `started` is when the execution was.
    #[must_use]
    pub fn text(&self, started: Timestamp) -> String {
        let mut out = String::new();
        let Self { name, kind, event, entered, left, .. } = self;
        let at = entered.since(started).as_secs_f64();
        let took = left.map(|left| format!(", took {:.6} s", left.since(*entered).as_secs_f64())).unwrap_or_default();
        let calls = if self.calls > 1 { format!(", {} calls", self.calls) } else { String::new() };
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{event:>5}  \"{name}\" ({})  at {at:.6} s{took}{calls}", kind.as_str());
        let _ = self.write_data(&mut out, Document::to_json);
        neutral(out.trim_end()).to_string()
    }

    fn write_data(&self, out: &mut String, shown: fn(&Document) -> String) -> std::fmt::Result {
        writeln!(out, "    input    {}", shown(&self.input))?;
        if let Some(failure) = &self.failure {
            writeln!(out, "    failure  {}", failure_text(failure))?;
        }
        for (name, value) in &self.assigned {
            writeln!(out, "    ${name} = {}", shown(value))?;
        }
        match &self.output {
            Some(output) => writeln!(out, "    output   {}", shown(output)),
            None => Ok(()),
        }
    }

    fn document(&self) -> Document {
        let mut body = ObjectBuilder::with_capacity(10)
            .with("name", self.name.clone())
            .with("kind", self.kind.as_str())
            .with("event", whole(self.event))
            .with("input", self.input.clone())
            .with("calls", self.calls);
        if let Some(left) = self.left {
            body.push("virtualMicros", micros(left.since(self.entered)));
        }
        if let Some(output) = &self.output {
            body.push("output", output.clone());
        }
        if !self.assigned.is_empty() {
            let mut assigned = ObjectBuilder::with_capacity(self.assigned.len());
            self.assigned.iter().for_each(|(name, value)| assigned.push(name.clone(), value.clone()));
            body.push("assigned", assigned.build());
        }
        if let Some(failure) = &self.failure {
            push_failure(failure, &mut body);
        }
        body.build()
    }
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

fn virtual_time(duration: Duration) -> String {
    format!("{:.6} s virtual", duration.as_secs_f64())
}

/// An event on one line: its number, what it is called, and what it tells.
fn told(event: &HistoryEvent) -> String {
    let what = match &event.what {
        Happening::ExecutionStarted { input } => format!("with {}", shown(input)),
        Happening::ExecutionSucceeded { output } | Happening::TaskSucceeded { output, .. } => {
            format!("with {}", shown(output))
        }
        Happening::TaskScheduled { input, .. } => format!("with {}", shown(input)),
        Happening::StateEntered { kind, name, input } => {
            format!("\"{name}\" ({}) with {}", kind.as_str(), shown(input))
        }
        Happening::StateExited { kind, name, output, .. } => {
            format!("\"{name}\" ({}) with {}", kind.as_str(), shown(output))
        }
        Happening::StateAborted { kind } => format!("of a {}", kind.as_str()),
        Happening::ExecutionFailed(failure)
        | Happening::ExecutionTimedOut(failure)
        | Happening::ExecutionAborted(failure)
        | Happening::TaskFailed { failure, .. }
        | Happening::TaskTimedOut { failure, .. } => format!("with {}", failure_text(failure)),
        Happening::EvaluationFailed { state, location, failure } => {
            let field = location.as_ref().map(|field| format!(" of {field}")).unwrap_or_default();
            format!("in \"{state}\"{field}: {}", failure_text(failure))
        }
        Happening::MapStateStarted { length } => format!("over {length} items"),
        Happening::MapIterationStarted { name, index }
        | Happening::MapIterationSucceeded { name, index }
        | Happening::MapIterationFailed { name, index }
        | Happening::MapIterationAborted { name, index } => format!("{index} of \"{name}\""),
        _ => String::new(),
    };
    format!("event {}: {} {what}", event.id, event.what.name()).trim_end().to_owned()
}

fn failure_text(failure: &Failure) -> String {
    let error = failure.error.as_deref().unwrap_or("no error");
    match &failure.cause {
        Some(cause) => format!("{error}: {}", shown(&Document::from(cause.clone()))),
        None => error.to_owned(),
    }
}

fn ended(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Succeeded(output) => format!("SUCCEEDED with {}", shown(output)),
        Outcome::Failed(failure) => format!("FAILED with {}", failure_text(failure)),
        Outcome::TimedOut(failure) => format!("TIMED_OUT with {}", failure_text(failure)),
        Outcome::Aborted(failure) => format!("ABORTED with {}", failure_text(failure)),
    }
}

fn outcome_document(outcome: &Outcome) -> Document {
    let (status, failure) = match outcome {
        Outcome::Succeeded(output) => {
            return ObjectBuilder::with_capacity(2).with("status", "SUCCEEDED").with("output", output.clone()).build();
        }
        Outcome::Failed(failure) => ("FAILED", failure),
        Outcome::TimedOut(failure) => ("TIMED_OUT", failure),
        Outcome::Aborted(failure) => ("ABORTED", failure),
    };
    let mut body = ObjectBuilder::with_capacity(3).with("status", status);
    push_failure(failure, &mut body);
    body.build()
}

fn push_failure(failure: &Failure, body: &mut ObjectBuilder) {
    let parts: [(&str, &Option<Text>); 2] = [("error", &failure.error), ("cause", &failure.cause)];
    for (name, part) in parts {
        if let Some(part) = part {
            body.push(name, part.clone());
        }
    }
}

/// An event as JSON: its number, its name, and the document or failure that it tells.
fn event_document(event: &HistoryEvent) -> Document {
    let mut body = ObjectBuilder::with_capacity(6).with("id", whole(event.id)).with("type", event.what.name());
    match &event.what {
        Happening::ExecutionStarted { input } | Happening::TaskScheduled { input, .. } => {
            body.push("input", input.clone());
        }
        Happening::ExecutionSucceeded { output } | Happening::TaskSucceeded { output, .. } => {
            body.push("output", output.clone());
        }
        Happening::StateEntered { name, input, .. } => {
            body.push("name", name.clone());
            body.push("input", input.clone());
        }
        Happening::StateExited { name, output, .. } => {
            body.push("name", name.clone());
            body.push("output", output.clone());
        }
        Happening::ExecutionFailed(failure)
        | Happening::ExecutionTimedOut(failure)
        | Happening::ExecutionAborted(failure)
        | Happening::TaskFailed { failure, .. }
        | Happening::TaskTimedOut { failure, .. } => push_failure(failure, &mut body),
        Happening::EvaluationFailed { state, failure, .. } => {
            body.push("state", state.clone());
            push_failure(failure, &mut body);
        }
        Happening::MapIterationStarted { name, index }
        | Happening::MapIterationSucceeded { name, index }
        | Happening::MapIterationFailed { name, index }
        | Happening::MapIterationAborted { name, index } => {
            body.push("name", name.clone());
            body.push("index", *index);
        }
        _ => {}
    }
    body.build()
}
