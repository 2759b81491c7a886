//! Guests that loop, hoard, overflow, flood, exit and panic: each ends in the failure of its own call, and the calls of
//! a neighbour go on.

use fleetstep_tests::hostile::{self, Expected};
use fleetstep_tests::{Server, http, root};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// Function, error, and what the cause holds.
const FAILURES: &[(&str, &str, &str)] = &[
    ("hostile-loop", "Sandbox.Timedout", r#""errorMessage":"Error: Task timed out after 2.00 seconds""#),
    ("hostile-log", "Sandbox.Timedout", "timed out after 2.00 seconds"),
    ("hostile-stderr", "Sandbox.Timedout", "timed out after 2.00 seconds"),
    ("hostile-allocate", "Runtime.OutOfMemory", "the memory limit of"),
    ("hostile-overflow-stack", "Runtime.ExitError", r#""errorType":"Runtime.ExitError""#),
    ("hostile-overflow-calls", "Runtime.ExitError", "call stack exhausted"),
    ("hostile-panic", "Runtime.ExitError", r#""errorType":"Runtime.ExitError""#),
    ("hostile-stdout", "States.DataLimitExceeded", "exceeding the maximum number of bytes service limit."),
    ("command-exit-3", "Runtime.ExitError", "exit status 3: the disk is full"),
    ("command-not-json", "Runtime.MarshalError", "The result is not valid JSON"),
    ("no-such-function", "Lambda.ResourceNotFoundException", "function:no-such-function:$LATEST (Service: AWSLambda"),
];

fn put(server: &Server, path: &str, body: &Value) {
    let body = body.to_string();
    let (status, answer) =
        http::request(server.address(), "PUT", path, http::JSON, body.as_bytes()).expect("an answer");
    assert!(status < 300, "{path}: {status} {answer}");
}

fn call_of(function: &str) -> Value {
    let resource = format!("arn:aws:lambda:us-east-1:000000000000:function:{function}");
    json!({"StartAt": "Call", "States": {"Call": {"Type": "Task", "Resource": resource, "End": true}}})
}

fn check(server: &Server, workflow: &str, error: &str, cause: &str) {
    let (status, answer) = server.post(&format!("/v1/workflows/{workflow}/run"), "{}").expect("an answer");
    assert_eq!(
        (status, &answer["status"], &answer["error"]),
        (422, &json!("FAILED"), &json!(error)),
        "{workflow}: {answer}"
    );
    let found = answer["cause"].as_str().unwrap_or_default();
    assert!(found.contains(cause), "{workflow}: {found}");
}

/// Calls the neighbour until all others are done: how often.
fn neighbour(server: &Server, done: &AtomicBool) -> u32 {
    let mut calls = 0;
    while !done.load(Ordering::Relaxed) {
        let answer = server.post("/v1/workflows/task/run", &json!({ "id": calls }).to_string()).expect("an answer");
        assert_eq!(answer, (200, json!({"id": calls, "processed": true})), "call {calls} of the neighbour");
        calls += 1;
    }
    calls
}

#[test]
fn a_hostile_guest_fails_alone() {
    let server = Server::start(&root().join("tests/guests")).expect("a server");
    for (function, ..) in FAILURES {
        put(&server, &format!("/v1/workflows/{function}"), &call_of(function));
    }
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let calls = scope.spawn(|| neighbour(&server, &done));
        let (server, mut guests) = (&server, Vec::new());
        for &(function, error, cause) in FAILURES {
            guests.push(scope.spawn(move || check(server, function, error, cause)));
        }
        let failed = guests.into_iter().filter_map(|guest| guest.join().err()).count();
        done.store(true, Ordering::Relaxed);
        assert_eq!(failed, 0, "guests that ended in another way");
        let calls = calls.join().expect("every call of the neighbour succeeds");
        assert!(calls > 20, "the neighbour came to {calls} calls only");
    });
}

/// The collection of the program `hostile-modules`, but for those that end by their deadline.
#[test]
fn every_hostile_module_that_ends_by_itself_ends_as_it_should() {
    let ends =
        |expected| !matches!(expected, Expected::Fails("Sandbox.Timedout", _) | Expected::Refused(_, "deadline"));
    let mut modules = hostile::collection();
    assert!(modules.len() > 60);
    modules.retain(|hostile| ends(hostile.expected));
    assert!(modules.len() > 45);
    let outcome = hostile::run(modules, Duration::ZERO, |_| ()).expect("a server");
    let wrong: Vec<_> = outcome.ended.iter().filter_map(|ended| Some((ended.name, ended.wrong.as_ref()?))).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(outcome.neighbour_failures, 0, "calls of the neighbour failed");
    assert!(outcome.growth_mib() < hostile::GROWTH_MIB_MAX, "the host grew by {} MiB", outcome.growth_mib());
}

#[test]
fn a_call_more_than_the_function_may_run_is_throttled() {
    let server = Server::start(&root().join("tests/guests")).expect("a server");
    put(&server, "/v1/functions/hostile-loop", &json!({"concurrency": 1}));
    // The first branch's call runs for two seconds; the second's comes meanwhile.
    let (first, mut second) = (call_of("hostile-loop"), call_of("hostile-loop"));
    second = json!({"StartAt": "Too many", "States": {"Too many": second["States"]["Call"].take()}});
    let both = json!({"Type": "Parallel", "Branches": [first, second], "End": true});
    put(&server, "/v1/workflows/two", &json!({"StartAt": "Both", "States": {"Both": both}}));
    check(&server, "two", "Lambda.TooManyRequestsException", "Rate Exceeded.");
    let (status, answer) = server.post("/v1/functions/command-echo/invoke", "[1]").expect("an answer");
    assert_eq!((status, answer), (200, json!([1])), "another function is not throttled");
}
