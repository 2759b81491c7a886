//! Instances that serve several calls: what the next call sees, and when there is no next one.

use crate::guests::{self, SERVED, command_echo, reactor, task};
use crate::host::{answer, call, function, function_in, invoke, sandbox, until_idle};
use fleetstep_document::Text;
use fleetstep_engine::{Identity, Reply};
use fleetstep_wasm::{ConfigError, Function, FunctionConfig, ModuleKind, SandboxConfig};
use std::sync::Arc;
use std::time::Duration;

fn reuse(calls_per_instance_max: u32) -> FunctionConfig {
    FunctionConfig { calls_per_instance_max, ..FunctionConfig::default() }
}

/// Both kinds of module that can serve again.
fn served() -> [Vec<u8>; 2] {
    let (items, body) = SERVED;
    [task(items, body), reactor(items, body)]
}

/// What calls with these events answer, one after another: results as they are, errors by their name.
async fn answers(function: &Arc<Function>, events: &[u8]) -> String {
    let mut answers = Vec::new();
    for event in events {
        let answer = invoke(function, &event.to_string()).await;
        answers.push(answer.map_or_else(|failure| failure.error.unwrap().to_string(), |result| result.to_json()));
    }
    answers.join(" ")
}

async fn check(config: FunctionConfig, events: &[u8], expected: &str) {
    for module in served() {
        let function = function(module, config.clone()).await;
        assert_eq!(answers(&function, events).await, expected, "{:?}", function.module().kind());
    }
}

#[tokio::test]
async fn a_call_sees_what_the_one_before_left_only_where_that_is_asked_for() {
    check(FunctionConfig::default(), &[0, 0, 0], "1 1 1").await;
    check(reuse(9), &[0, 0, 0], "1 2 3").await;
}

#[tokio::test]
async fn an_instance_serves_as_many_calls_as_it_may() {
    check(reuse(2), &[0, 0, 0, 0, 0], "1 2 1 2 1").await;
    // Errors that the guest returns, and results that are none, are calls like others.
    check(reuse(3), &[1, 0, 1, 0], "1 2 3 1").await;
    check(reuse(9), &[0, 5, 0], "1 Runtime.MarshalError 3").await;
}

#[tokio::test]
async fn an_instance_that_failed_or_grew_large_serves_no_more() {
    check(reuse(9), &[0, 0, 2, 0, 0], "1 2 Runtime.ExitError 1 2").await;
    check(reuse(9), &[0, 4, 0], "1 2 1").await;
    // The memory that it was refused it may have needed.
    let little = FunctionConfig { memory_bytes_max: 1 << 20, ..reuse(9) };
    check(little, &[0, 4, 0], "1 2 1").await;
    let short = FunctionConfig { timeout: Duration::from_millis(200), ..reuse(9) };
    check(short, &[0, 3, 0], "1 Sandbox.Timedout 1").await;
}

#[tokio::test]
async fn two_calls_at_once_have_two_instances() {
    for module in served() {
        let function = function(module, reuse(9)).await;
        assert_eq!(answers(&function, &[0, 0]).await, "1 2");
        let Reply::Later(long) = function.invoke(call("6")) else { panic!("it runs for long") };
        assert_eq!(answers(&function, &[0, 0]).await, "1 2", "the other one is at work");
        assert_eq!(answer(Reply::Later(long)).await.unwrap().to_json(), "3");
        // Whoever came back last is called first.
        assert_eq!(answers(&function, &[0]).await, "4");
    }
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_any_more_takes_its_instance_along() {
    for module in served() {
        let function = function(module, reuse(9)).await;
        drop(function.invoke(call("3")));
        until_idle(&function).await;
        assert_eq!(answers(&function, &[0]).await, "1");
    }
}

#[tokio::test]
async fn functions_and_their_versions_share_no_instance() {
    for module in served() {
        let sandbox = sandbox(SandboxConfig::default());
        let one = function_in(&sandbox, module.clone(), reuse(9)).await;
        let other = function_in(&sandbox, module, reuse(9)).await;
        assert!(Arc::ptr_eq(one.module(), other.module()));
        assert_eq!(answers(&one, &[0, 0]).await, "1 2");
        assert_eq!(answers(&other, &[0]).await, "1");
        let next = one.replace(Arc::clone(one.module()), one.config().clone());
        assert_eq!(answers(&next, &[0]).await, "1");
    }
}

#[tokio::test]
async fn what_an_instance_writes_is_the_current_call_s() {
    let function = function(guests::reactor_writes(), reuse(9)).await;
    for execution in ["first", "second"] {
        let mut call = call(&format!("\"{execution}\""));
        call.identity = Arc::new(Identity { execution_arn: Text::from(execution), ..Identity::default() });
        answer(function.invoke(call)).await.unwrap();
    }
    let lines: Vec<_> = function.log(9).into_iter().map(|line| (line.execution_arn.to_string(), line.text)).collect();
    let line = |execution: &str| (execution.to_owned(), format!("\"{execution}\""));
    assert_eq!(lines, [line("first"), line("second")]);
}

#[tokio::test]
async fn a_command_runs_once() {
    let sandbox = sandbox(SandboxConfig::default());
    let module = sandbox.load(command_echo().into()).await.unwrap();
    assert_eq!(module.kind(), ModuleKind::Command);
    assert_eq!(sandbox.check(&module, &reuse(2)), Err(ConfigError::RunsOnce));
    assert_eq!(sandbox.check(&module, &reuse(1)), Ok(()));
    assert_eq!(sandbox.check(&module, &reuse(0)), Err(ConfigError::Zero));
    // Whoever does not ask gets what a command does.
    let function = function_in(&sandbox, command_echo(), reuse(2)).await;
    assert_eq!(answers(&function, &[1, 2]).await, "1 2");
}
