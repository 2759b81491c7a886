//! What a call answers, guest by guest.

use crate::guests::{self, command, command_fails, says, task};
use crate::host::{call, function, function_in, invoke, sandbox};
use fleetstep_document::{Document, Text};
use fleetstep_engine::{Reply, clock};
use fleetstep_wasm::{FunctionConfig, RESULT_BYTES_MAX, SandboxConfig};
use std::time::Duration;

fn small() -> FunctionConfig {
    FunctionConfig { memory_bytes_max: 4 << 20, ..FunctionConfig::default() }
}

fn hasty() -> FunctionConfig {
    FunctionConfig { timeout: Duration::from_millis(50), ..FunctionConfig::default() }
}

async fn check(guest: Vec<u8>, input: &str, expected: &str) {
    let answer = invoke(&function(guest, small()).await, input).await;
    assert_eq!(answer.as_ref().map(Document::to_json).as_deref(), Ok(expected));
}

/// The failure has this error, and this text in its cause; the cause is JSON, with the error's name in it.
async fn check_fails_as(guest: Vec<u8>, config: FunctionConfig, error: &str, cause: &str) {
    let failure = invoke(&function(guest, config).await, "{}").await.expect_err("the call should fail");
    assert_eq!(failure.error.as_deref(), Some(error), "{failure:?}");
    let text = failure.cause.unwrap();
    assert!(text.contains(cause), "{text}");
    if error != "States.DataLimitExceeded" {
        let told = Document::parse(text.as_bytes()).unwrap();
        assert_eq!(told.get("errorType").and_then(Document::as_str), Some(error));
        assert!(told.get("errorMessage").is_some());
    }
}

async fn check_fails(guest: Vec<u8>, error: &str, cause: &str) {
    check_fails_as(guest, small(), error, cause).await;
}

#[tokio::test]
async fn a_task_returns_its_result() {
    check(guests::echo(), r#"{"a":[1,"ü",null],"b":1e400}"#, r#"{"a":[1,"ü",null],"b":1e400}"#).await;
    check(guests::echo(), "\"\"", "\"\"").await;
    check(says(" [ 1 , 2 ]\n"), "{}", "[1,2]").await;
}

#[tokio::test]
async fn a_call_has_nothing_of_the_one_before() {
    let counts = task(
        "(global $n (mut i32) (i32.const 48)) (data (i32.const 1024) \"0\")",
        "(i32.store8 (i32.const 1024) (i32.add (i32.load8_u (i32.const 1024)) (i32.const 1)))
         (global.set $n (i32.add (global.get $n) (i32.const 1)))
         (i32.store8 (i32.const 1025) (global.get $n))
         (call $ok (i32.const 1024) (i32.const 2))",
    );
    let function = function(counts, small()).await;
    for _ in 0..100 {
        assert_eq!(invoke(&function, "{}").await.unwrap().to_json(), "11");
    }
}

#[tokio::test]
async fn a_task_fails_with_its_own_error() {
    let fails = task(
        r#"(data (i32.const 1024) "OutOfStock\22none\22 left")"#,
        "(call $err (i32.const 1024) (i32.const 10) (i32.const 1034) (i32.const 11))",
    );
    check_fails(fails, "OutOfStock", r#"{"errorMessage":"\"none\" left","errorType":"OutOfStock"}"#).await;
}

#[tokio::test]
async fn traps_are_exit_errors() {
    for (items, body, cause) in [
        ("", "(unreachable)", "unreachable"),
        ("", "(i32.load (i32.const -1))", "out of bounds memory access"),
        ("", "(i32.div_s (i32.const 1) (i32.const 0))", "integer divide by zero"),
        ("(func $f (result i32) (i32.add (call $f) (i32.const 1)))", "(call $f)", "call stack exhausted"),
        ("", "(call $ok (i32.const -16) (i32.const 8))", "outside of the memory"),
        ("", "(i32.const -4)", "out of bounds"),
    ] {
        check_fails(task(items, body), "Runtime.ExitError", cause).await;
    }
}

#[tokio::test]
async fn a_trap_tells_where_it_was() {
    let deep = task("(func $find_price (unreachable))", "(call $find_price) (unreachable)");
    check_fails(deep, "Runtime.ExitError", r#""trace":["find_price","#).await;
}

/// One `memory.fill` of all of it would hold a serving thread for tens of milliseconds.
#[tokio::test]
async fn a_call_with_much_memory_leaves_the_serving_thread_before_it_uses_it() {
    let answers = "(call $ok (i32.const 1024) (i32.const 1))";
    let grown = |pages: u32| {
        let body = format!("(drop (memory.grow (i32.const {pages}))) {answers}");
        task("(data (i32.const 1024) \"1\")", &body)
    };
    let large = task("(memory (export \"memory\") 300) (data (i32.const 1024) \"1\")", answers);
    for (guest, stays) in [(grown(200), true), (grown(300), false), (large, false)] {
        let function = function(guest, FunctionConfig::default()).await;
        match function.invoke(call("{}")) {
            Reply::Ready(answer) => assert!(stays && answer.is_ok()),
            Reply::Later(reply) => assert!(!stays && reply.await.is_ok()),
        }
    }
}

#[tokio::test]
async fn memory_is_limited() {
    check_fails(guests::hog(), "Runtime.OutOfMemory", "4194304 bytes").await;
    let starts_large = task("(memory (export \"memory\") 80)", "(call $ok (local.get $ptr) (local.get $len))");
    check_fails(starts_large, "Runtime.OutOfMemory", "4194304 bytes").await;
    // A guest that copes with the refusal has not failed.
    let copes = task(
        "(data (i32.const 1024) \"1\")",
        "(drop (memory.grow (i32.const 999))) (call $ok (i32.const 1024) (i32.const 1))",
    );
    check(copes, "{}", "1").await;
}

#[tokio::test]
async fn time_is_limited() {
    let message = "Task timed out after 0.05 seconds";
    check_fails_as(guests::spins(), hasty(), "Sandbox.Timedout", message).await;
    check_fails_as(guests::command_sleeps(60_000), hasty(), "Sandbox.Timedout", message).await;
    check_fails_as(command("(loop $again (br $again))"), hasty(), "Sandbox.Timedout", message).await;
    let logs_for_ever = guests::task_that_logs(
        "(loop $again (call $log (i32.const 2) (i32.const 0) (i32.const 100)) (br $again)) (unreachable)",
    );
    check_fails_as(logs_for_ever, hasty(), "Sandbox.Timedout", message).await;
}

#[tokio::test]
async fn the_deadline_of_a_call_counts_too() {
    for guest in [guests::spins(), guests::command_sleeps(60_000)] {
        let mut call = call("{}");
        call.deadline = clock::now().after(Duration::from_millis(50));
        let failure = crate::host::answer(function(guest, small()).await.invoke(call)).await.unwrap_err();
        assert_eq!(failure.error.as_deref(), Some("Sandbox.Timedout"));
    }
}

#[tokio::test]
async fn a_result_is_json() {
    for (text, cause) in
        [("", "unexpected end"), ("nope", "unrecognized token 'nope'"), ("1 2", "text after the value")]
    {
        check_fails(says(text), "Runtime.MarshalError", cause).await;
    }
    check_fails(
        task("", "(i32.store8 (i32.const 1024) (i32.const 255)) (call $ok (i32.const 1024) (i32.const 1))"),
        "Runtime.MarshalError",
        "invalid UTF-8",
    )
    .await;
    check_fails(command(""), "Runtime.MarshalError", "nothing was written").await;
}

/// A task that returns a string of `len` bytes, its quotes counted.
fn returns_string(len: usize) -> Vec<u8> {
    task(
        "",
        &format!(
            "(memory.fill (i32.const 4096) (i32.const 97) (i32.const {len}))
             (i32.store8 (i32.const 4096) (i32.const 34)) (i32.store8 (i32.const {}) (i32.const 34))
             (call $ok (i32.const 4096) (i32.const {len}))",
            4096 + len - 1
        ),
    )
}

#[tokio::test]
async fn a_result_has_a_largest_size() {
    let largest = invoke(&function(returns_string(RESULT_BYTES_MAX), small()).await, "{}").await.unwrap();
    assert_eq!(largest.as_str().map(str::len), Some(RESULT_BYTES_MAX - 2));
    let cause =
        "The state/task 'arn:guest' returned a result with a size exceeding the maximum number of bytes service limit.";
    check_fails(returns_string(RESULT_BYTES_MAX + 1), "States.DataLimitExceeded", cause).await;
    let claims_more_than_there_is = task("", "(call $ok (i32.const 1024) (i32.const -1))");
    check_fails(claims_more_than_there_is, "States.DataLimitExceeded", cause).await;
    let function = function(returns_string(RESULT_BYTES_MAX + 1), small()).await;
    let failure = crate::host::answer(function.invoke_as(call("{}"), &Text::from("lambda"))).await.unwrap_err();
    assert_eq!(failure.cause.unwrap().as_str(), cause.replace("arn:guest", "lambda"));
}

#[tokio::test]
async fn a_command_reads_and_writes() {
    let long = format!(r#"{{"long":"{}"}}"#, "x".repeat(100_000));
    check(guests::command_echo(), &long, &long).await;
    check(guests::command_sleeps(20), "{}", "null").await;
}

#[tokio::test]
async fn a_command_that_ends_well_by_exit_has_succeeded() {
    let exits = command(
        "(i32.store8 (i32.const 1024) (i32.const 49)) (drop (call $write (i32.const 1) (i32.const 1024) (i32.const 1)))
         (call $exit (i32.const 0))",
    );
    check(exits, "{}", "1").await;
}

#[tokio::test]
async fn a_command_fails_by_its_status() {
    let told = "warming up\n{\"errorType\":\"OutOfStock\",\"errorMessage\":\"none left\"}\n";
    check_fails(command_fails(3, told), "OutOfStock", r#"{"errorMessage":"none left","errorType":"OutOfStock"}"#).await;
    check_fails(command_fails(3, "no stock"), "Runtime.ExitError", "exit status 3: no stock").await;
    check_fails(command("(unreachable)"), "Runtime.ExitError", "unreachable").await;
    check_fails(guests::command_component(1), "Runtime.ExitError", "exit status 1").await;
    check_fails(guests::command_component(0), "Runtime.MarshalError", "nothing was written").await;
}

#[tokio::test]
async fn a_flood_on_stdout_is_stopped() {
    let floods =
        command("(loop $again (drop (call $write (i32.const 1) (i32.const 1024) (i32.const 65536))) (br $again))");
    check_fails(floods, "States.DataLimitExceeded", "'arn:guest'").await;
}

#[tokio::test]
async fn a_command_has_no_files() {
    // The first directory that was opened beforehand would be number 3; the answer is "bad descriptor", 8.
    let opens = command(
        "(i32.store8 (i32.const 1024) (i32.add (i32.const 48) (call $path_open (i32.const 3) (i32.const 0)
            (i32.const 1100) (i32.const 1) (i32.const 0) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 1200))))
         (drop (call $write (i32.const 1) (i32.const 1024) (i32.const 1)))",
    );
    check(opens, "{}", "8").await;
}

/// Puts the text that was asked for, at the address and of the length that stand at 1024, between quotes.
const QUOTED: &str = "(i32.store8 (i32.const 2048) (i32.const 34))
    (i32.store8 (i32.add (i32.const 2049) (i32.load (i32.const 1028))) (i32.const 34))
    (call $ok (i32.const 2048) (i32.add (i32.const 2) (i32.load (i32.const 1028))))";

#[tokio::test]
async fn a_task_may_ask_whose_call_it_is() {
    for (name, expected) in [
        ("execution-arn", "\"arn:execution\""),
        ("execution-name", "\"execution\""),
        ("state-machine-arn", "\"arn:machine\""),
        ("state-name", "\"Charge\""),
    ] {
        let interface = format!("fleetstep:task/context@0.1.0#{name}");
        let body = format!("(call $ask (i32.const 1024)) {QUOTED}");
        check(guests::task_that_asks(&interface, "(result string)", "i32", &body), "{}", expected).await;
    }
}

#[tokio::test]
async fn a_task_may_read_its_environment() {
    let body = "(call $ask (i32.const 512) (i32.const 8) (i32.const 1020))
        (if (i32.eqz (i32.load8_u (i32.const 1020))) (then (unreachable)))";
    let interface = "fleetstep:task/environment@0.1.0#get";
    let signature = "(param \"name\" string) (result (option string))";
    let guest = || guests::task_that_asks(interface, signature, "i32 i32 i32", &format!("{body} {QUOTED}"));
    let environment = [("GREETING".to_owned(), "hello".to_owned())].into();
    let greets = function(guest(), FunctionConfig { environment, ..small() }).await;
    assert_eq!(invoke(&greets, "{}").await.unwrap().to_json(), "\"hello\"");
    check_fails(guest(), "Runtime.ExitError", "unreachable").await;
}

/// Memories are cleared in other ways when they begin small, and what a call grew beyond that in another one again. Small
/// ones of different modules lie in the same place, one after the other.
#[tokio::test]
async fn nothing_of_a_call_is_left_for_the_next_however_large_its_memory() {
    let sandbox = sandbox(SandboxConfig::default());
    let mut functions = Vec::new();
    for pages in [1, 2, 3, 4, 8, 20] {
        let memory = format!(
            r#"(memory (export "memory") {pages})
            (data (i32.const 2048) "0")
            (func $mark (param $at i32)
                (if (i32.load8_u (local.get $at)) (then unreachable))
                (i32.store8 (local.get $at) (i32.const 1)))"#
        );
        let end = pages * 65_536;
        let body = format!(
            "(if (i32.ne (i32.load8_u (i32.const 2048)) (i32.const 48)) (then unreachable))
            (i32.store8 (i32.const 2048) (i32.const 49))
            (call $mark (i32.const 60000))
            (call $mark (i32.const {}))
            (if (i32.ne (memory.grow (i32.const 2)) (i32.const {pages})) (then unreachable))
            (call $mark (i32.const {end}))
            (call $mark (i32.const {}))
            (call $ok (i32.const 2048) (i32.const 1))",
            end - 1,
            end + 131_071
        );
        functions.push((pages, function_in(&sandbox, task(&memory, &body), small()).await));
    }
    let in_turn = std::iter::repeat_n(&functions, 3).flatten();
    let each_again = functions.iter().flat_map(|function| std::iter::repeat_n(function, 3));
    for (pages, function) in in_turn.chain(each_again) {
        let answer = invoke(function, "{}").await.map(|answer| answer.to_json());
        assert_eq!(answer, Ok("1".to_owned()), "{pages} pages");
    }
}
