//! A run, from the events of its history: the visits of states, what became of each, and what is drawn on the diagram.

use crate::shown::{duration, micros_between, micros_of};
use fleetstep_diagram::{Overlay, StateRun, Status};
use serde_json::Value;
use std::collections::HashMap;

/// One time that a state was entered.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    pub(crate) state: String,
    /// The state's type: `Task`, `Pass` and so on.
    pub(crate) kind: String,
    /// The number of the event that entered it.
    pub(crate) event: u64,
    /// When it was entered, in microseconds since 1970.
    pub(crate) entered: i64,
    /// When it was left, or ended otherwise.
    pub(crate) left: Option<i64>,
    pub(crate) status: Status,
    /// How often its task was scheduled.
    pub(crate) attempts: u32,
    /// The latest error and its cause.
    pub(crate) failure: Option<Failure>,
    pub(crate) input: Option<Value>,
    pub(crate) output: Option<Value>,
    /// The visit of the Parallel or Map around it.
    within: Option<usize>,
    /// Which iteration of a Map it belongs to.
    pub(crate) iteration: Option<u64>,
    /// How many states are around it.
    pub(crate) depth: usize,
    /// Whether the latest of its attempts failed.
    is_failing: bool,
}

/// An error and its cause; either may be missing.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Failure {
    pub(crate) error: String,
    pub(crate) cause: String,
}

/// What a history tells.
#[derive(Debug, Default)]
pub(crate) struct Run {
    /// In the order in which they were entered.
    pub(crate) visits: Vec<Visit>,
    /// Transitions, as the diagram names them.
    transitions: Vec<(String, String)>,
    /// The first and the last moment, in microseconds since 1970.
    pub(crate) span: Option<(i64, i64)>,
}

/// Follows the events one by one.
#[derive(Default)]
struct Reader {
    run: Run,
    /// Which visit an event belongs to.
    visit_of: HashMap<u64, usize>,
    /// Which iteration begins with an event.
    iterations: HashMap<u64, u64>,
}

impl Run {
    /// Reads events, in the order of their numbers.
    pub(crate) fn of(events: &[Value]) -> Self {
        let mut reader = Reader::default();
        for event in events {
            reader.read(event);
        }
        reader.run
    }

    /// What is drawn on the diagram: the visits of each state together.
    pub(crate) fn overlay(&self) -> Overlay {
        let mut overlay = Overlay::default();
        let mut longest: HashMap<&str, (usize, Option<i64>)> = HashMap::new();
        for visit in &self.visits {
            let state = overlay.states.entry(visit.state.clone()).or_default();
            state.status = worst(state.status, visit.status);
            state.attempts = state.attempts.max(visit.attempts);
            if let Some(failure) = &visit.failure {
                state.error = Some(format!("{}: {}", failure.error, failure.cause));
            }
            let (times, took) = longest.entry(&visit.state).or_default();
            *times += 1;
            *took = visit.left.map(|left| left - visit.entered).max(*took);
        }
        for (state, (times, took)) in longest {
            let run: &mut StateRun = overlay.states.entry(state.to_owned()).or_default();
            run.duration = took.map(|took| match times {
                1 => duration(took),
                _ => format!("{times}× {}", duration(took)),
            });
        }
        overlay.transitions.extend(self.transitions.iter().cloned());
        overlay
    }
}

/// Of several visits the one that a person should look at counts.
fn worst(one: Option<Status>, other: Status) -> Option<Status> {
    let weight = |status| match status {
        Status::Failed => 5,
        Status::Running => 4,
        Status::Caught => 3,
        Status::Retried => 2,
        Status::Cancelled => 1,
        Status::Succeeded => 0,
    };
    Some(one.filter(|one| weight(*one) >= weight(other)).unwrap_or(other))
}

impl Reader {
    fn read(&mut self, event: &Value) {
        let (Some(id), Some(kind)) = (event["id"].as_u64(), event["type"].as_str()) else { return };
        let at = micros_of(&event["timestamp"]).unwrap_or_default();
        let (from, _) = self.run.span.unwrap_or((at, at));
        self.run.span = Some((from, at));
        let (before, details) = (event["previousEventId"].as_u64().unwrap_or(0), &event["details"]);
        if let Some(state) = kind.strip_suffix("StateEntered") {
            return self.enter(id, before, at, state, details);
        }
        if kind.starts_with("Execution") {
            return self.end(kind, before, at, details);
        }
        let Some(mut visit) = self.visit_of.get(&before).copied() else { return };
        if let Some(container) = container(kind) {
            visit = self.around(visit, |visit| visit.kind == container);
        }
        if kind.ends_with("StateExited") {
            visit = self.around(visit, |visit| details["name"] == visit.state.as_str());
            self.leave(visit, at, details);
        }
        self.visit_of.insert(id, visit);
        if kind == "MapIterationStarted" {
            self.iterations.insert(id, details["index"].as_u64().unwrap_or(0));
        }
        self.happen(visit, kind, at, details);
    }

    fn enter(&mut self, id: u64, before: u64, at: i64, kind: &str, details: &Value) {
        let name = details["name"].as_str().unwrap_or_default().to_owned();
        let last = self.visit_of.get(&before).copied();
        // What follows a state that was left is beside it, what follows one that was not is within.
        let within = last.and_then(|last| {
            let visit = &self.run.visits[last];
            if visit.left.is_some() { visit.within } else { Some(last) }
        });
        let from = last.filter(|last| within != Some(*last));
        let from = from.map_or_else(String::new, |from| self.run.visits[from].state.clone());
        self.run.transitions.push((from, name.clone()));
        // What begins with an iteration belongs to it, and so does all that follows within it or is around what follows.
        let around = || last.and_then(|last| self.run.visits[last].iteration);
        let iteration = self.iterations.get(&before).copied().or_else(around);
        self.visit_of.insert(id, self.run.visits.len());
        self.run.visits.push(Visit {
            state: name,
            kind: kind.to_owned(),
            event: id,
            entered: at,
            left: None,
            status: Status::Running,
            attempts: 0,
            failure: None,
            input: data(details, "input"),
            output: None,
            within,
            iteration,
            depth: within.map_or(0, |within| self.run.visits[within].depth + 1),
            // It does nothing else, and in a branch or an iteration no event of its own tells so.
            is_failing: kind == "Fail",
        });
    }

    /// The visit, or the nearest one around it, that is meant; itself where there is none.
    fn around(&self, visit: usize, is_meant: impl Fn(&Visit) -> bool) -> usize {
        let mut at = Some(visit);
        while let Some(here) = at {
            let visit = &self.run.visits[here];
            if visit.left.is_none() && is_meant(visit) {
                return here;
            }
            at = visit.within;
        }
        visit
    }

    fn leave(&mut self, at_visit: usize, at: i64, details: &Value) {
        let visit = &mut self.run.visits[at_visit];
        visit.left = Some(at);
        visit.output = data(details, "output");
        visit.status = match (visit.is_failing, visit.attempts) {
            (true, _) => Status::Caught,
            (false, 2..) => Status::Retried,
            (false, _) => Status::Succeeded,
        };
        // What a container left behind when one of its branches failed.
        self.cancel_within(at_visit, at);
    }

    fn cancel_within(&mut self, container: usize, at: i64) {
        let mut inner = vec![container];
        for index in container + 1..self.run.visits.len() {
            let visit = &mut self.run.visits[index];
            if !visit.within.is_some_and(|within| inner.contains(&within)) {
                continue;
            }
            inner.push(index);
            if visit.left.is_none() {
                visit.left = Some(at);
                visit.status = if visit.is_failing { Status::Failed } else { Status::Cancelled };
            }
        }
    }

    fn happen(&mut self, visit: usize, kind: &str, at: i64, details: &Value) {
        let visit = &mut self.run.visits[visit];
        let is_of_iteration = kind.starts_with("MapIteration");
        if kind.ends_with("Scheduled") {
            visit.attempts += 1;
            visit.is_failing = false;
        } else if (kind.ends_with("Failed") || kind.ends_with("TimedOut")) && !is_of_iteration {
            visit.is_failing = true;
            if let Some(failure) = failure(details) {
                visit.failure = Some(failure);
            }
        } else if kind.ends_with("Succeeded") && !is_of_iteration {
            visit.is_failing = false;
        } else if kind.ends_with("StateAborted") {
            visit.left = Some(at);
            visit.status = if visit.is_failing { Status::Failed } else { Status::Cancelled };
        }
    }

    fn end(&mut self, kind: &str, before: u64, at: i64, details: &Value) {
        let last = self.visit_of.get(&before).copied();
        match kind {
            "ExecutionSucceeded" => {
                if let Some(last) = last {
                    self.run.transitions.push((self.run.visits[last].state.clone(), String::new()));
                }
            }
            "ExecutionFailed" | "ExecutionTimedOut" | "ExecutionAborted" => {
                // The failure is that of the state which it came from, and of those around that.
                let mut culprit = last.filter(|_| kind == "ExecutionFailed");
                while let Some(index) = culprit {
                    let visit = &mut self.run.visits[index];
                    if visit.left.is_none() {
                        visit.left = Some(at);
                        visit.status = Status::Failed;
                        visit.failure = visit.failure.take().or_else(|| failure(details));
                    }
                    culprit = visit.within;
                }
                for visit in self.run.visits.iter_mut().filter(|visit| visit.left.is_none()) {
                    visit.left = Some(at);
                    let has_failed = visit.is_failing && kind == "ExecutionFailed";
                    visit.status = if has_failed { Status::Failed } else { Status::Cancelled };
                }
            }
            _ => {}
        }
    }
}

/// The type of the state that an event is told of, where events of the states within it may come before.
fn container(kind: &str) -> Option<&'static str> {
    ["Parallel", "Map"].into_iter().find(|container| {
        let rest = kind.strip_prefix(container).unwrap_or_default();
        ["StateSucceeded", "StateFailed", "StateAborted"].contains(&rest) || rest.starts_with("Iteration")
    })
}

fn failure(details: &Value) -> Option<Failure> {
    let text = |name: &str| details[name].as_str().unwrap_or_default().to_owned();
    let found = Failure { error: text("error"), cause: text("cause") };
    (found != Failure::default()).then_some(found)
}

fn data(details: &Value, name: &str) -> Option<Value> {
    details.get(name).cloned()
}

/// How long a visit took, as it is read.
pub(crate) fn took(visit: &Visit) -> String {
    visit.left.map_or_else(|| "…".to_owned(), |left| duration(micros_between(visit.entered, left)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Events as `(number, number of the one before, type, details)`, a millisecond apart.
    fn run(events: &[(u64, u64, &str, Value)]) -> Run {
        let told = |(id, before, kind, details): &(u64, u64, &str, Value)| {
            let timestamp = format!("2026-11-22T16:10:37.{id:03}000Z");
            json!({"id": id, "previousEventId": before, "type": kind, "timestamp": timestamp, "details": details})
        };
        Run::of(&events.iter().map(told).collect::<Vec<_>>())
    }

    fn of(run: &Run) -> Vec<(&str, &str, u32, Option<u64>)> {
        run.visits.iter().map(|visit| (&*visit.state, visit.status.name(), visit.attempts, visit.iteration)).collect()
    }

    fn named(name: &str) -> Value {
        json!({"name": name})
    }

    #[test]
    fn a_task_that_is_tried_again_and_one_that_is_caught() {
        let error = json!({"error": "E", "cause": "because"});
        let run = run(&[
            (1, 0, "ExecutionStarted", json!({})),
            (2, 0, "TaskStateEntered", named("A")),
            (3, 2, "LambdaFunctionScheduled", json!({})),
            (4, 3, "LambdaFunctionFailed", error.clone()),
            (5, 4, "LambdaFunctionScheduled", json!({})),
            (6, 5, "LambdaFunctionSucceeded", json!({})),
            (7, 6, "TaskStateExited", named("A")),
            (8, 7, "TaskStateEntered", named("B")),
            (9, 8, "TaskScheduled", json!({})),
            (10, 9, "TaskTimedOut", json!({"error": "States.Timeout"})),
            (11, 10, "TaskStateExited", named("B")),
            (12, 11, "PassStateEntered", named("C")),
            (13, 12, "PassStateExited", named("C")),
            (14, 13, "ExecutionSucceeded", json!({})),
        ]);
        assert_eq!(of(&run), [("A", "retried", 2, None), ("B", "caught", 1, None), ("C", "succeeded", 0, None)]);
        assert_eq!(run.visits[0].failure, Some(Failure { error: "E".into(), cause: "because".into() }));
        let overlay = run.overlay();
        let made: Vec<_> = overlay.transitions.iter().map(|(from, to)| format!("{from}>{to}")).collect();
        assert_eq!(made, [">A", "A>B", "B>C", "C>"]);
        assert_eq!((run.visits[0].left.unwrap() - run.visits[0].entered, overlay.states["A"].attempts), (5_000, 2));
    }

    #[test]
    fn iterations_of_a_map_of_which_one_fails() {
        let run = run(&[
            (1, 0, "ExecutionStarted", json!({})),
            (2, 0, "MapStateEntered", named("M")),
            (3, 2, "MapStateStarted", json!({"length": 2})),
            (4, 3, "MapIterationStarted", json!({"name": "M", "index": 0})),
            (5, 4, "TaskStateEntered", named("T")),
            (6, 5, "TaskScheduled", json!({})),
            (7, 3, "MapIterationStarted", json!({"name": "M", "index": 1})),
            (8, 7, "TaskStateEntered", named("T")),
            (9, 8, "TaskScheduled", json!({})),
            (10, 9, "TaskFailed", json!({"error": "E"})),
            (11, 10, "MapIterationFailed", json!({"name": "M", "index": 1})),
            (12, 10, "TaskStateAborted", Value::Null),
            (13, 10, "MapStateFailed", Value::Null),
            (14, 13, "MapStateExited", named("M")),
            (15, 14, "PassStateEntered", named("P")),
            (16, 15, "PassStateExited", named("P")),
            (17, 16, "ExecutionSucceeded", json!({})),
        ]);
        assert_eq!(
            of(&run),
            [
                ("M", "caught", 0, None),
                ("T", "cancelled", 1, Some(0)),
                ("T", "failed", 1, Some(1)),
                ("P", "succeeded", 0, None)
            ]
        );
        assert_eq!(run.overlay().states["T"].status, Some(Status::Failed));
    }

    #[test]
    fn a_failure_is_that_of_its_state_and_of_those_around_it() {
        let run = run(&[
            (1, 0, "ExecutionStarted", json!({})),
            (2, 0, "ParallelStateEntered", named("P")),
            (3, 2, "ParallelStateStarted", Value::Null),
            (4, 3, "WaitStateEntered", named("W")),
            (5, 3, "FailStateEntered", named("F")),
            (6, 5, "ParallelStateFailed", Value::Null),
            (7, 6, "ExecutionFailed", json!({"error": "E", "cause": "c"})),
        ]);
        assert_eq!(of(&run), [("P", "failed", 0, None), ("W", "cancelled", 0, None), ("F", "failed", 0, None)]);
        assert_eq!(run.visits[0].failure.as_ref().unwrap().error, "E");
    }

    #[test]
    fn events_that_make_no_sense_are_no_harm() {
        for events in [json!([{}]), json!([{"id": 1, "type": "TaskStateExited"}]), json!([3, null, "x"])] {
            assert!(Run::of(events.as_array().unwrap()).visits.is_empty());
        }
        let odd = run(&[
            (5, 99, "PassStateEntered", json!({})),
            (5, 5, "PassStateEntered", named("A")),
            (6, 6, "MapIterationStarted", json!({"index": "x"})),
            (7, 5, "MapStateExited", named("nobody")),
            (8, 7, "ExecutionFailed", Value::Null),
        ]);
        assert_eq!(odd.visits.len(), 2);
    }
}
