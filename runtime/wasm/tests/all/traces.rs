//! What a guest knows of the trace that its call belongs to, and what the trace gets of its lines.

use crate::guests::{self, command};
use crate::host::{answer, call, function};
use fleetstep_document::Document;
use fleetstep_engine::{Call, CallTrace, Severity, Timestamp, Trace};
use fleetstep_wasm::{Function, FunctionConfig};
use std::sync::{Arc, Mutex};

/// Writes lines down.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Trace for Notes {
    fn traceparent(&self, call: u64) -> String {
        format!("parent of {call}")
    }

    fn tracestate(&self) -> Option<&str> {
        None
    }

    fn xray(&self, call: u64) -> String {
        format!("root of {call}")
    }

    fn line(&self, call: u64, _: Timestamp, severity: Severity, text: &str) {
        self.0.lock().unwrap().push(format!("{call} {severity:?} {text}"));
    }
}

fn traced(notes: &Arc<Notes>, input: &str) -> Call {
    Call { trace: Some(CallTrace::new(Arc::clone(notes) as Arc<dyn Trace>, 7)), ..call(input) }
}

async fn invoke(function: &Arc<Function>, call: Call) -> Option<String> {
    answer(function.invoke(call)).await.ok().map(|answer: Document| answer.to_json())
}

fn with(name: &str, value: &str) -> FunctionConfig {
    let environment = [(name.to_owned(), value.to_owned())].into();
    FunctionConfig { environment, ..FunctionConfig::default() }
}

/// Answers with `TRACEPARENT`, and traps where it is not there.
fn asks() -> Vec<u8> {
    let body = "(call $ask (i32.const 528) (i32.const 11) (i32.const 1020))
        (if (i32.eqz (i32.load8_u (i32.const 1020))) (then (unreachable)))
        (i32.store8 (i32.const 2048) (i32.const 34))
        (i32.store8 (i32.add (i32.const 2049) (i32.load (i32.const 1028))) (i32.const 34))
        (call $ok (i32.const 2048) (i32.add (i32.const 2) (i32.load (i32.const 1028))))";
    let signature = "(param \"name\" string) (result (option string))";
    guests::task_that_asks("fleetstep:task/environment@0.1.0#get", signature, "i32 i32 i32", body)
}

#[tokio::test]
async fn a_task_finds_its_context_in_its_environment() {
    let notes = Arc::default();
    let task = function(asks(), FunctionConfig::default()).await;
    assert_eq!(invoke(&task, traced(&notes, "{}")).await.as_deref(), Some("\"parent of 7\""));
    assert_eq!(invoke(&task, call("{}")).await, None, "no trace, no variable");
    let own = function(asks(), with("TRACEPARENT", "mine")).await;
    assert_eq!(invoke(&own, traced(&notes, "{}")).await.as_deref(), Some("\"mine\""));
}

#[tokio::test]
async fn a_command_does_too() {
    // Answers with how many variables there are.
    let counts = || {
        command(
            "(drop (call $environ_sizes (i32.const 1020) (i32.const 1016)))
            (i32.store8 (i32.const 1024) (i32.add (i32.const 48) (i32.load (i32.const 1020))))
            (drop (call $write (i32.const 1) (i32.const 1024) (i32.const 1)))",
        )
    };
    let notes = Arc::default();
    for (name, alone, within) in [("A", "1", "3"), ("TRACEPARENT", "1", "2")] {
        let function = function(counts(), with(name, "x")).await;
        assert_eq!(invoke(&function, call("{}")).await.as_deref(), Some(alone), "{name}");
        assert_eq!(invoke(&function, traced(&notes, "{}")).await.as_deref(), Some(within), "{name}");
    }
}

#[tokio::test]
async fn what_a_guest_says_goes_to_the_trace_of_its_call() {
    let notes = Arc::default();
    let logs = guests::task_that_logs(
        "(call $log (i32.const 3) (local.get $ptr) (local.get $len)) (call $ok (local.get $ptr) (local.get $len))",
    );
    let says = function(logs, FunctionConfig::default()).await;
    invoke(&says, call("1")).await;
    invoke(&says, traced(&notes, "2")).await;
    let fails = function(guests::command_fails(1, "first\nsecond"), FunctionConfig::default()).await;
    invoke(&fails, traced(&notes, "{}")).await;
    assert_eq!(*notes.0.lock().unwrap(), ["7 Warn 2", "7 Info first", "7 Info second"]);
    assert_eq!(says.log(usize::MAX).len(), 2, "the function's own log has all of them");
}
