//! What a test answers with: how the state ended, and on request what became of its data on the way.

use crate::executions::push_failure;
use fleetstep_asl::Tested;
use fleetstep_document::{Document, ObjectBuilder};
use fleetstep_engine::{Inspection, Outcome, StateKind, Step};

/// The answer; `input` is what the state was given, if its data are to be shown.
pub(super) fn answer(tested: &Tested, outcome: &Outcome, seen: &Inspection, input: Option<&Document>) -> Document {
    let mut body = ObjectBuilder::with_capacity(6);
    let status = match outcome {
        Outcome::Succeeded(_) if seen.catcher.is_some() => "CAUGHT_ERROR",
        Outcome::Succeeded(_) => "SUCCEEDED",
        _ if seen.backoff.is_some() => "RETRIABLE",
        _ => "FAILED",
    };
    match outcome {
        Outcome::Succeeded(output) => {
            body.push("output", output.to_json());
            if let (Some(_), Some(failure)) = (seen.catcher, &seen.failure) {
                push_failure(&mut body, failure);
            }
            if let Some(next) = seen.next {
                body.push("nextState", tested.name_of(next).clone());
            }
        }
        Outcome::Failed(failure) | Outcome::TimedOut(failure) | Outcome::Aborted(failure) => {
            push_failure(&mut body, failure);
        }
    }
    if let Some(input) = input {
        body.push("inspectionData", inspection_data(tested, seen, input));
    }
    body.push("status", status);
    body.build()
}

fn inspection_data(tested: &Tested, seen: &Inspection, input: &Document) -> Document {
    let mut data = ObjectBuilder::with_capacity(10).with("input", input.to_json());
    for (step, document) in &seen.steps {
        // The service does not show the input of a Pass that goes on with its Result.
        let is_unused = *step == Step::Input && tested.kind == StateKind::Pass && seen.at(Step::Result).is_some();
        match field(*step, tested.kind, tested.is_jsonata) {
            Some((name, true)) => data.push(name, document.clone()),
            Some((name, false)) if !is_unused => data.push(name, document.to_json()),
            _ => {}
        }
    }
    if !seen.variables.is_empty() {
        let mut variables = ObjectBuilder::with_capacity(seen.variables.len());
        for (name, value) in &seen.variables {
            variables.push(name.clone(), value.clone());
        }
        data.push("variables", variables.build().to_json());
    }
    if seen.retrier.is_some() || seen.catcher.is_some() {
        data.push("errorDetails", error_details(seen));
    }
    data.build()
}

/// The name under which the service shows a step of a kind of state, if it does, and whether as a number.
fn field(step: Step, kind: StateKind, is_jsonata: bool) -> Option<(&'static str, bool)> {
    use StateKind::{Parallel, Pass, Task};
    let name = match (step, is_jsonata) {
        (Step::MaxConcurrency, _) => return Some(("maxConcurrency", true)),
        (Step::ToleratedFailureCount, _) => return Some(("toleratedFailureCount", true)),
        (Step::ToleratedFailurePercentage, _) => return Some(("toleratedFailurePercentage", true)),
        (Step::Selected, _) => "afterItemSelector",
        (Step::Result, _) if kind == Task => "result",
        (Step::Result, false) if kind == Pass => "result",
        (Step::Arguments, true) if kind == Task => "afterArguments",
        (Step::Input, false) if kind != Parallel => "afterInputPath",
        (Step::Arguments, false) if matches!(kind, Task | Pass) => "afterParameters",
        (Step::Items, false) => "afterItemsPath",
        (Step::Selector, false) => "afterResultSelector",
        (Step::Placed, false) => "afterResultPath",
        _ => return None,
    };
    Some((name, false))
}

fn error_details(seen: &Inspection) -> Document {
    let mut details = ObjectBuilder::with_capacity(3);
    let indices = [("catchIndex", seen.catcher), ("retryIndex", seen.retrier)];
    for (name, index) in indices.into_iter().filter_map(|(name, index)| Some((name, index?))) {
        details.push(name, index as i64);
    }
    if let Some(backoff) = seen.backoff {
        details.push("retryBackoffIntervalSeconds", backoff.as_secs() as i64);
    }
    details.build()
}
