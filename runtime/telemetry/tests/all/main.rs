//! Spans of executions that the simulator has played: the trees that they make, and what must hold of every one.

use fleetstep_asl::{Options, Resource};
use fleetstep_document::Document;
use fleetstep_engine::simulator::{Faults, Response, Simulator};
use fleetstep_engine::{Call, Failure, Happening, HistoryEvent, Program, StateKind};
use fleetstep_telemetry::{Span, Status, What, spans};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

/// Events of one execution at the most.
const EVENTS: usize = 20_000;

struct Case {
    name: &'static str,
    definition: &'static str,
    input: &'static str,
    tree: &'static str,
}

const CASES: &[Case] = &[
    Case {
        name: "states stand beside each other, calls within",
        definition: r#"{"StartAt":"A","States":{
            "A":{"Type":"Pass","Next":"B"},
            "B":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:000000000000:function:f","Next":"C"},
            "C":{"Type":"Wait","Seconds":1,"End":true}}}"#,
        input: "{}",
        tree: "
execution SUCCEEDED 1010ms
  A Pass SUCCEEDED 0ms
  B Task SUCCEEDED 10ms
    call 0 SUCCEEDED 10ms
  C Wait SUCCEEDED 1000ms
",
    },
    Case {
        name: "each try is a call; what is caught is no error of the execution",
        definition: r#"{"StartAt":"Flaky","States":{
            "Flaky":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:000000000000:function:f",
                "Retry":[{"ErrorEquals":["Broken"],"IntervalSeconds":1}],"Next":"Bad"},
            "Bad":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:000000000000:function:f",
                "Catch":[{"ErrorEquals":["States.ALL"],"Next":"Done"}],"Next":"Done"},
            "Done":{"Type":"Succeed"}}}"#,
        input: "{}",
        tree: "
execution SUCCEEDED 1030ms
  Flaky Task SUCCEEDED 1020ms
    call 0 FAILED Broken 10ms
    call 1 SUCCEEDED 10ms
  Bad Task CAUGHT Broken 10ms
    call 0 FAILED Broken 10ms
  Done Succeed SUCCEEDED 0ms
",
    },
    Case {
        name: "branches lie within their Parallel, and go on beside each other",
        definition: r#"{"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[
            {"StartAt":"A1","States":{"A1":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:000000000000:function:f","Next":"A2"},"A2":{"Type":"Pass","End":true}}},
            {"StartAt":"Q","States":{"Q":{"Type":"Parallel","Next":"B2","Branches":[
                {"StartAt":"Slow","States":{"Slow":{"Type":"Wait","Seconds":2,"End":true}}}]},
                "B2":{"Type":"Pass","End":true}}}]}}}"#,
        input: "{}",
        tree: "
execution SUCCEEDED 2000ms
  P Parallel SUCCEEDED 2000ms
    A1 Task branch 0 SUCCEEDED 10ms
      call 0 SUCCEEDED 10ms
    Q Parallel branch 1 SUCCEEDED 2000ms
      Slow Wait branch 0 SUCCEEDED 2000ms
    A2 Pass branch 0 SUCCEEDED 0ms
    B2 Pass branch 1 SUCCEEDED 0ms
",
    },
    Case {
        name: "iterations lie within their Map, states within their iteration",
        definition: r#"{"StartAt":"M","States":{"M":{"Type":"Map","MaxConcurrency":2,"End":true,"ItemProcessor":{
            "StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke",
                "Parameters":{"FunctionName":"f"},"Next":"N"},"N":{"Type":"Pass","End":true}}}}}}"#,
        input: "[1,2,3]",
        tree: "
execution SUCCEEDED 20ms
  M Map 3 items SUCCEEDED 20ms
    iteration 0 SUCCEEDED 10ms
      T Task SUCCEEDED 10ms
        call 0 of f SUCCEEDED 10ms
      N Pass SUCCEEDED 0ms
    iteration 1 SUCCEEDED 10ms
      T Task SUCCEEDED 10ms
        call 0 of f SUCCEEDED 10ms
      N Pass SUCCEEDED 0ms
    iteration 2 SUCCEEDED 10ms
      T Task SUCCEEDED 10ms
        call 0 of f SUCCEEDED 10ms
      N Pass SUCCEEDED 0ms
",
    },
    Case {
        name: "a failed iteration ends the others, and the Map with its failure",
        definition: r#"{"StartAt":"M","States":{"M":{"Type":"Map","End":true,"ItemProcessor":{
            "StartAt":"C","States":{
                "C":{"Type":"Choice","Choices":[{"Variable":"$","NumericEquals":2,"Next":"Bad"}],"Default":"Slow"},
                "Bad":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:000000000000:function:f","End":true},
                "Slow":{"Type":"Wait","Seconds":2,"End":true}}}}}}"#,
        input: "[1,2]",
        tree: "
execution FAILED Broken 10ms
  M Map 2 items FAILED Broken 10ms
    iteration 0 ABORTED 10ms
      C Choice SUCCEEDED 0ms
      Slow Wait ABORTED 10ms
    iteration 1 FAILED Broken 10ms
      C Choice SUCCEEDED 0ms
      Bad Task FAILED Broken 10ms
        call 0 FAILED Broken 10ms
",
    },
    Case {
        name: "a Parallel that is tried again has new branches",
        definition: r#"{"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,
            "Retry":[{"ErrorEquals":["States.ALL"],"IntervalSeconds":1,"MaxAttempts":1}],"Branches":[
            {"StartAt":"Bad","States":{"Bad":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:000000000000:function:f","End":true}}},
            {"StartAt":"Slow","States":{"Slow":{"Type":"Wait","Seconds":9,"End":true}}}]}}}"#,
        input: "{}",
        tree: "
execution FAILED Broken 1020ms
  P Parallel FAILED Broken 1020ms
    Bad Task branch 0 FAILED Broken 10ms
      call 0 FAILED Broken 10ms
    Slow Wait branch 1 ABORTED 10ms
    Bad Task branch 0 FAILED Broken 10ms
      call 0 FAILED Broken 10ms
    Slow Wait branch 1 ABORTED 10ms
",
    },
    Case {
        name: "a failure goes through nested forks to whoever catches it",
        definition: r#"{"StartAt":"P","States":{"P":{"Type":"Parallel","Next":"E",
            "Catch":[{"ErrorEquals":["States.ALL"],"Next":"E"}],"Branches":[
            {"StartAt":"M","States":{"M":{"Type":"Map","ItemsPath":"$.items","End":true,"ItemProcessor":{
                "StartAt":"Q","States":{"Q":{"Type":"Parallel","End":true,"Branches":[
                    {"StartAt":"Bad","States":{"Bad":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:000000000000:function:f","End":true}}}]}}}}}}]},
            "E":{"Type":"Pass","End":true}}}"#,
        input: r#"{"items":[1]}"#,
        tree: "
execution SUCCEEDED 10ms
  P Parallel CAUGHT Broken 10ms
    M Map 1 items branch 0 FAILED Broken 10ms
      iteration 0 FAILED Broken 10ms
        Q Parallel FAILED Broken 10ms
          Bad Task branch 0 FAILED Broken 10ms
            call 0 FAILED Broken 10ms
  E Pass SUCCEEDED 0ms
",
    },
    Case {
        name: "a Fail within a fork has the failure that the execution ends with",
        definition: r#"{"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[
            {"StartAt":"F","States":{"F":{"Type":"Fail","Error":"No","Cause":"on purpose"}}}]}}}"#,
        input: "{}",
        tree: "
execution FAILED No 0ms
  P Parallel FAILED No 0ms
    F Fail branch 0 FAILED No 0ms
",
    },
    Case {
        name: "an expression that fails first is its state's failure, wherever it stands",
        definition: r#"{"QueryLanguage":"JSONata","StartAt":"A","States":{
            "A":{"Type":"Pass","Next":"T"},
            "T":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:000000000000:function:f","Arguments":"{% $error('no') %}",
                "Catch":[{"ErrorEquals":["States.QueryEvaluationError"],"Next":"M"}],"Next":"M"},
            "M":{"Type":"Map","Items":"{% [1] %}","End":true,"ItemProcessor":{"StartAt":"I","States":{
                "I":{"Type":"Pass","Output":"{% $error('no') %}","End":true}}}}}}"#,
        input: "{}",
        tree: "
execution FAILED States.QueryEvaluationError 0ms
  A Pass SUCCEEDED 0ms
  T Task CAUGHT States.QueryEvaluationError 0ms
  M Map 1 items FAILED States.QueryEvaluationError 0ms
    iteration 0 FAILED States.QueryEvaluationError 0ms
      I Pass FAILED States.QueryEvaluationError 0ms
",
    },
    Case {
        name: "what runs when the time is over is cut",
        definition: r#"{"StartAt":"P","TimeoutSeconds":3,"States":{"P":{"Type":"Parallel","End":true,"Branches":[
            {"StartAt":"Slow","States":{"Slow":{"Type":"Wait","Seconds":9,"End":true}}},
            {"StartAt":"Late","States":{"Late":{"Type":"Task","TimeoutSeconds":1,
                "Resource":"arn:aws:lambda:us-east-1:000000000000:function:f",
                "Catch":[{"ErrorEquals":["States.ALL"],"Next":"W"}],"End":true},"W":{"Type":"Wait","Seconds":9,"End":true}}}]}}}"#,
        input: "{}",
        tree: "
execution TIMED_OUT States.Timeout 3000ms
  P Parallel ABORTED 3000ms
    Slow Wait branch 0 ABORTED 3000ms
    Late Task branch 1 CAUGHT States.Timeout 1000ms
      call 0 TIMED_OUT States.Timeout 1000ms
    W Wait branch 1 ABORTED 2000ms
",
    },
];

/// What tasks answer, by the name of the state that calls.
fn play(call: &Call) -> Response {
    let broken = || Err(Failure::new("Broken", "on purpose"));
    let answer = match (call.state.as_str(), call.retry_count) {
        ("Bad", _) | ("Flaky", 0) => broken(),
        _ => Ok(Document::from(7_i64)),
    };
    let after = if call.state == "Late" { Duration::from_secs(8) } else { Duration::from_millis(10) };
    Response { after, answer }
}

fn compiled(definition: &str) -> (Arc<Program>, Vec<Resource>) {
    let compilation = fleetstep_asl::compile(definition, &Options::default());
    let compiled = compilation.compiled.unwrap_or_else(|| panic!("{:?}", compilation.diagnostics));
    (Arc::new(compiled.program), compiled.resources.to_vec())
}

fn played(case: &Case, seed: u64, faults: Faults) -> Vec<HistoryEvent> {
    let (program, _) = compiled(case.definition);
    let input = Document::parse(case.input.as_bytes()).unwrap();
    let simulator = Simulator::new(seed).host(play).faults(faults).recorded(EVENTS);
    let report = simulator.start(Duration::ZERO, program, input).run();
    report.unwrap_or_else(|broken| panic!("{}: {broken}", case.name)).histories.remove(0)
}

fn told(span: &Span) -> String {
    let what = match &span.what {
        What::Execution => "execution".to_owned(),
        What::State { name, kind, branch, count } => {
            let items = if *kind == StateKind::Map { format!(" {count} items") } else { String::new() };
            let branch = branch.map_or(String::new(), |branch| format!(" branch {branch}"));
            format!("{name} {}{items}{branch}", kind.as_str())
        }
        What::Iteration { index, .. } => format!("iteration {index}"),
        What::Call { function, retry, .. } => {
            let of = function.as_ref().map_or(String::new(), |function| format!(" of {function}"));
            format!("call {retry}{of}")
        }
    };
    let error = span.failure.as_ref().and_then(|failure| failure.error.as_ref());
    let error = error.map_or(String::new(), |error| format!(" {error}"));
    let took = span.end.as_millis() - span.start.as_millis();
    format!("{what} {}{error} {took}ms", span.status.as_str())
}

fn tree(spans: &[Span]) -> String {
    fn within(spans: &[Span], around: Option<usize>, depth: usize, out: &mut String) {
        for (at, span) in spans.iter().enumerate().filter(|(_, span)| span.around == around) {
            let _ = writeln!(out, "{}{}", "  ".repeat(depth), told(span));
            within(spans, Some(at), depth + 1, out);
        }
    }
    let mut out = String::from("\n");
    within(spans, None, 0, &mut out);
    out
}

#[test]
fn every_execution_is_the_tree_that_its_definition_says() {
    let mut wrong = String::new();
    for case in CASES {
        let found = tree(&spans(&played(case, 1, Faults::NONE)));
        if found != case.tree {
            let _ = writeln!(wrong, "{}\nexpected{}found{found}", case.name, case.tree);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Whatever fails, is late, is lost or comes twice.
#[test]
fn what_must_hold_of_every_tree() {
    for case in CASES {
        for seed in 0..60 {
            let events = played(case, seed, Faults::ALL);
            let spans = spans(&events);
            if let Err(broken) = check(&events, &spans) {
                panic!("{}, seed {seed}: {broken}\n{}", case.name, tree(&spans));
            }
        }
    }
}

fn check(events: &[HistoryEvent], spans: &[Span]) -> Result<(), String> {
    let count = |is_meant: fn(&Happening) -> bool| events.iter().filter(|event| is_meant(&event.what)).count();
    let of_kind = |is_meant: fn(&Span) -> bool| spans.iter().filter(|span| is_meant(span)).count();
    let pairs = [
        (
            "states",
            count(|it| matches!(it, Happening::StateEntered { .. })),
            of_kind(|it| matches!(it.what, What::State { .. })),
        ),
        (
            "left",
            count(|it| matches!(it, Happening::StateExited { .. })),
            of_kind(|it| {
                matches!(it.what, What::State { .. }) && matches!(it.status, Status::Succeeded | Status::Caught)
            }),
        ),
        ("calls", count(|it| matches!(it, Happening::TaskScheduled { .. })), of_kind(is_call)),
        (
            "answers",
            count(|it| matches!(it, Happening::TaskSucceeded { .. })),
            of_kind(|it| is_call(it) && it.status == Status::Succeeded),
        ),
        (
            "failures",
            count(|it| matches!(it, Happening::TaskFailed { .. })),
            of_kind(|it| is_call(it) && it.status == Status::Failed),
        ),
        (
            "late",
            count(|it| matches!(it, Happening::TaskTimedOut { .. })),
            of_kind(|it| is_call(it) && it.status == Status::TimedOut),
        ),
        (
            "iterations",
            count(|it| matches!(it, Happening::MapIterationStarted { .. })),
            of_kind(|it| matches!(it.what, What::Iteration { .. })),
        ),
        (
            "good iterations",
            count(|it| matches!(it, Happening::MapIterationSucceeded { .. })),
            of_kind(|it| matches!(it.what, What::Iteration { .. }) && it.status == Status::Succeeded),
        ),
    ];
    if let Some((what, told, found)) = pairs.into_iter().find(|(_, told, found)| told != found) {
        return Err(format!("{told} {what} were told of, {found} are there"));
    }
    for span in spans {
        if span.status == Status::Open {
            return Err(format!("{} has not ended", told(span)));
        }
        let Some(around) = span.around.map(|around| &spans[around]) else { continue };
        if span.start < around.start || span.end > around.end {
            return Err(format!("{} is longer than {}", told(span), told(around)));
        }
        let is_right = match (&span.what, &around.what) {
            (What::State { .. }, What::Execution | What::Iteration { .. }) => true,
            (What::State { branch, .. }, What::State { kind: StateKind::Parallel, .. }) => branch.is_some(),
            (What::Iteration { map, .. }, What::State { name, kind: StateKind::Map, .. }) => map == name,
            (What::Call { .. }, What::State { kind: StateKind::Task, .. }) => true,
            _ => false,
        };
        if !is_right {
            return Err(format!("{} lies within {}", told(span), told(around)));
        }
    }
    Ok(())
}

fn is_call(span: &Span) -> bool {
    matches!(span.what, What::Call { .. })
}
