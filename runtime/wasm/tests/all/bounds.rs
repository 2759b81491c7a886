//! Bounds that hold over calls: how many at the same time, and how much of a log.

use crate::guests::{self, command_fails, command_sleeps};
use crate::host::{call, function, function_in, invoke, sandbox, until_idle};
use fleetstep_engine::Reply;
use fleetstep_wasm::{CallBounds, FunctionConfig, LOG_BYTES_MAX, LOG_LINES_MAX, LogLevel, SandboxConfig, Secrets};

fn check_throttled(reply: Reply) {
    let Reply::Ready(Err(failure)) = reply else { panic!("a call too many must be refused at once") };
    assert_eq!(failure.error.as_deref(), Some("Lambda.TooManyRequestsException"));
    assert!(failure.cause.unwrap().starts_with("Rate Exceeded."));
}

#[tokio::test]
async fn a_function_has_so_many_calls_at_the_same_time() {
    let config = FunctionConfig { concurrency_max: 2, ..FunctionConfig::default() };
    let function = function(command_sleeps(60_000), config).await;
    let first = function.invoke(call("{}"));
    let _second = function.invoke(call("{}"));
    check_throttled(function.invoke(call("{}")));
    drop(first);
    assert!(matches!(function.invoke(call("{}")), Reply::Later(_)), "a call that ended makes room");
}

#[tokio::test]
async fn calls_of_a_version_that_was_replaced_count() {
    let config = FunctionConfig { concurrency_max: 1, ..FunctionConfig::default() };
    let old = function(command_sleeps(60_000), config.clone()).await;
    let running = old.invoke(call("{}"));
    let new = old.replace(std::sync::Arc::clone(old.module()), config);
    assert_eq!(new.running(), 1);
    check_throttled(new.invoke(call("{}")));
    drop(running);
    until_idle(&new).await;
}

#[tokio::test]
async fn functions_of_an_account_and_calls_of_a_workflow_are_bounded_together() {
    let workflow = call("{}").identity.state_machine_name.to_string();
    for (all_max, of_workflow) in [(Some(2), None), (None, Some((workflow, 2)))] {
        let sandbox = sandbox(SandboxConfig::default()).bounded(CallBounds::new(all_max, of_workflow));
        let first = function_in(&sandbox, command_sleeps(60_000), FunctionConfig::default()).await;
        let second = function_in(&sandbox, guests::spins(), FunctionConfig::default()).await;
        let running = [first.invoke(call("{}")), second.invoke(call("{}"))];
        check_throttled(first.invoke(call("{}")));
        drop(running);
        until_idle(&second).await;
        assert!(matches!(first.invoke(call("{}")), Reply::Later(_)), "calls that ended make room");
    }
}

#[tokio::test]
async fn the_sandbox_has_so_many_instances() {
    let sandbox = sandbox(SandboxConfig { instances_max: 3, ..SandboxConfig::default() });
    let sleeper = function_in(&sandbox, command_sleeps(60_000), FunctionConfig::default()).await;
    let spinner = function_in(&sandbox, guests::spins(), FunctionConfig::default()).await;
    let running = [sleeper.invoke(call("{}")), spinner.invoke(call("{}")), sleeper.invoke(call("{}"))];
    check_throttled(spinner.invoke(call("{}")));
    drop(running);
    until_idle(&spinner).await;
    until_idle(&sleeper).await;
    let echo = function_in(&sandbox, guests::echo(), FunctionConfig::default()).await;
    assert!(invoke(&echo, "1").await.is_ok());
}

#[tokio::test]
async fn a_function_that_never_ends_leaves_room_for_the_others() {
    let sandbox = sandbox(SandboxConfig { instances_max: 10, ..SandboxConfig::default() });
    let sleeper = function_in(&sandbox, command_sleeps(60_000), FunctionConfig::default()).await;
    let _running: Vec<_> = (0..9).map(|_| sleeper.invoke(call("{}"))).collect();
    check_throttled(sleeper.invoke(call("{}")));
    let echo = function_in(&sandbox, guests::echo(), FunctionConfig::default()).await;
    assert!(invoke(&echo, "1").await.is_ok());
}

#[tokio::test]
async fn a_module_is_tried_while_every_instance_is_taken() {
    let sandbox = sandbox(SandboxConfig { instances_max: 1, ..SandboxConfig::default() });
    let sleeper = function_in(&sandbox, command_sleeps(60_000), FunctionConfig::default()).await;
    let _running = sleeper.invoke(call("{}"));
    check_throttled(sleeper.invoke(call("{}")));
    assert!(sandbox.load(guests::echo().into()).await.is_ok());
}

#[tokio::test]
async fn a_log_keeps_its_newest_lines() {
    let logs = guests::task_that_logs(
        "(local $n i32)
         (loop $again
            (call $log (i32.const 3) (local.get $ptr) (local.get $len))
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $n) (i32.const 1001))))
         (call $ok (local.get $ptr) (local.get $len))",
    );
    let function = function(logs, FunctionConfig::default()).await;
    for (input, lines) in [("1", LOG_LINES_MAX), (&format!("\"{}\"", "x".repeat(1022)), LOG_BYTES_MAX / 1024)] {
        invoke(&function, input).await.unwrap();
        let log = function.log(usize::MAX);
        assert_eq!(log.len(), lines);
        let last = log.last().unwrap();
        assert_eq!(
            (last.level, last.execution_arn.as_str(), last.text.as_str()),
            (LogLevel::Warn, "arn:execution", input)
        );
    }
}

#[tokio::test]
async fn stderr_goes_to_the_log() {
    let function = function(command_fails(0, "first\r\n\nsecond"), FunctionConfig::default()).await;
    invoke(&function, "{}").await.unwrap_err();
    let texts: Vec<_> = function.log(usize::MAX).into_iter().map(|line| line.text).collect();
    assert_eq!(texts, ["first", "second"]);
}

#[tokio::test]
async fn secrets_are_in_no_log_and_no_error() {
    let secrets = || Secrets([("GREETING".to_owned(), "tulips-at-nine".to_owned())].into());
    let config = || FunctionConfig { secrets: secrets(), ..FunctionConfig::default() };
    let text = "it is tulips-at-nine\r\n{\"errorType\":\"E\",\"errorMessage\":\"tulips-at-\\u006eine!\"}";
    let function = function(command_fails(1, text), config()).await;
    let failure = invoke(&function, "{}").await.unwrap_err();
    assert_eq!(failure.cause.as_deref(), Some(r#"{"errorMessage":"***!","errorType":"E"}"#));
    let texts: Vec<_> = function.log(usize::MAX).into_iter().map(|line| line.text).collect();
    assert_eq!(texts[0], "it is ***");
    let logs = guests::task_that_logs(
        "(call $log (i32.const 3) (local.get $ptr) (local.get $len)) (call $ok (local.get $ptr) (local.get $len))",
    );
    let function = self::function(logs, config()).await;
    invoke(&function, r#"{"a":"tulips-at-nine"}"#).await.unwrap();
    assert_eq!(function.log(1)[0].text, r#"{"a":"***"}"#);
}
