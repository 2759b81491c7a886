//! One state, looked at while it works.

use crate::support::{json, outcome_text};
use fleetstep_machine::testing::{Draft, machine, retrier};
use fleetstep_machine::{
    Effects, Event, Execution, ExecutionStart, Failure, HistoryLevel, Identity, Inspection, Program, Retrier, Status,
    Timestamp, Trial,
};
use std::fmt::Write;
use std::sync::Arc;

/// Runs the first state of a program, which must not wait, and compares its outcome and what was seen of it.
#[track_caller]
fn check(states: Vec<Draft>, input: &str, trial: Trial, outcome: &str, seen: &str) {
    let program = machine(states);
    let started = Timestamp::from_micros(1_721_044_800_123_456);
    let (identity, history) = (Arc::new(Identity::default()), HistoryLevel::Off);
    let start = ExecutionStart { input: json(input), identity, seed: 7, started, history };
    let mut effects = Effects { inspection: Some(Box::new(Inspection::of(trial))), ..Effects::default() };
    let status = Execution::new(&program, start).step(&program, Event::Start, started, &mut effects);
    let Status::Finished(ended) = status else { panic!("it waits for {:?}", effects.commands) };
    assert_eq!(outcome_text(&ended), outcome);
    let told = text_of(&program, &effects.inspection.expect("it stays where it was"));
    let expected: Vec<_> = seen.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(told.lines().collect::<Vec<_>>(), expected, "\n{told}");
}

/// One step a line, then whatever else there is.
fn text_of(program: &Program, inspection: &Inspection) -> String {
    let mut text = String::new();
    for (step, document) in &inspection.steps {
        writeln!(text, "{step:?} {document}").expect("a string takes it");
    }
    let parts = [
        ("variables", (!inspection.variables.is_empty()).then(|| format!("{:?}", inspection.variables))),
        ("failure", inspection.failure.as_ref().map(|failure| format!("{:?}", failure.error))),
        ("retrier", inspection.retrier.map(|at| format!("{at} {:?}", inspection.backoff))),
        ("catcher", inspection.catcher.map(|at| at.to_string())),
        ("next", inspection.next.map(|next| program.states[next.index()].name.to_string())),
    ];
    for (name, part) in parts {
        if let Some(part) = part {
            writeln!(text, "{name} {part}").expect("a string takes it");
        }
    }
    text
}

fn answers(result: &str) -> Trial {
    Trial { mock: Some(Ok(json(result))), ..Trial::default() }
}

fn fails(error: &str) -> Trial {
    Trial { mock: Some(Err(Failure::new(error, "because"))), ..Trial::default() }
}

#[test]
fn the_way_of_a_tasks_data() {
    check(
        vec![
            Draft::task("T", 0)
                .input_path("$.in")
                .parameters(r#"{"n.$":"$.n","x.$":"$$.Mine"}"#)
                .result_selector(r#"{"only.$":"$.a"}"#)
                .result_path(Some("$.out"))
                .output_path("$.out")
                .next("N"),
            Draft::fail("N", "NeverRun", "the test ends with the first state"),
        ],
        r#"{"in":{"n":1}}"#,
        Trial { context: Some(json(r#"{"Mine":true}"#)), ..answers(r#"{"a":2,"b":3}"#) },
        r#"SUCCEEDED {"only":2}"#,
        r#"Input {"n":1}
           Arguments {"n":1,"x":true}
           Result {"a":2,"b":3}
           Selector {"only":2}
           Placed {"in":{"n":1},"out":{"only":2}}
           next N"#,
    );
}

#[test]
fn a_retry_is_told_and_not_made() {
    let task = || {
        Draft::task("T", 0)
            .retry(Retrier { max_attempts: 9, ..retrier(&["Other"]) })
            .retry(Retrier { max_attempts: 3, ..retrier(&["Oops"]) })
            .catch(&["Oops"], "N")
    };
    let next = || Draft::pass("N");
    let steps = "Input {}\nArguments {}\nfailure Some(\"Oops\")\n";
    let retried = Trial { retries: 2, ..fails("Oops") };
    check(vec![task(), next()], "{}", retried, "FAILED Oops: because", &format!("{steps}retrier 1 Some(4s)"));
    check(
        vec![task(), next()],
        "{}",
        Trial { retries: 3, ..fails("Oops") },
        r#"SUCCEEDED {"Error":"Oops","Cause":"because"}"#,
        &format!("{steps}retrier 1 None\ncatcher 0\nnext N"),
    );
}

#[test]
fn a_map_is_evaluated_up_to_its_iterations() {
    let map = Draft::map("M", "$.items", vec![Draft::pass("P")]).parameters(r#"{"i.$":"$$.Map.Item.Index"}"#);
    check(
        vec![map.max_concurrency(3)],
        r#"{"items":["a","b"]}"#,
        answers("[1,2]"),
        "SUCCEEDED [1,2]",
        r#"Input {"items":["a","b"]}
           Items ["a","b"]
           MaxConcurrency 3
           Selected [{"i":0},{"i":1}]
           Result [1,2]
           Selector [1,2]
           Placed [1,2]"#,
    );
}

#[test]
fn a_reason_stands_without_the_state_and_its_event() {
    let task = Draft::task("T", 0).parameters(r#"{"n.$":"$.n"}"#);
    let outcome = "FAILED States.Runtime: The JSONPath '$.n' specified for the field 'n.$' could not be found in the \
                   input '{}'";
    check(vec![task], "{}", answers("1"), outcome, "Input {}");
}
