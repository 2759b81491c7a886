//! Guests beside each other: who burns CPU must not keep the others waiting, and is stopped when nobody waits for it.

use crate::guests::{self, command_sleeps};
use crate::host::{call, function, function_in, invoke, sandbox, until_idle};
use fleetstep_engine::Reply;
use fleetstep_wasm::{FunctionConfig, SandboxConfig};

#[tokio::test]
async fn a_short_call_ends_at_once() {
    let function = function(guests::echo(), FunctionConfig::default()).await;
    let ready = (0..100).filter(|_| matches!(function.invoke(call("{}")), Reply::Ready(Ok(_)))).count();
    assert!(ready > 0, "no call of a hundred came to its end within its first turn");
}

#[tokio::test]
async fn neighbours_of_loops_go_on() {
    let (spins, echo) = (guests::spins(), guests::echo());
    let spinner = function(spins, FunctionConfig::default()).await;
    let neighbour = function(echo, FunctionConfig::default()).await;
    let loops: Vec<_> = (0..8).map(|_| spinner.invoke(call("{}"))).collect();
    // One thread serves all of this test: it is free although eight loops run.
    for _ in 0..200 {
        assert_eq!(invoke(&neighbour, "[1]").await.unwrap().to_json(), "[1]");
    }
    let sleeper = function(command_sleeps(5), FunctionConfig::default()).await;
    assert!(invoke(&sleeper, "{}").await.is_ok());
    assert_eq!(spinner.running(), 8);
    drop(loops);
    until_idle(&spinner).await;
}

#[tokio::test]
async fn a_slow_call_does_not_wait_for_every_loop_of_another_function() {
    let sandbox = sandbox(SandboxConfig { slow_threads: 1, ..SandboxConfig::default() });
    let spinner = function_in(&sandbox, guests::spins(), FunctionConfig::default()).await;
    let counts = function_in(&sandbox, guests::counts(100_000_000), FunctionConfig::default()).await;
    let loops: Vec<_> = (0..80).map(|_| spinner.invoke(call("{}"))).collect();
    assert_eq!(invoke(&counts, "[1]").await.unwrap().to_json(), "[1]");
    assert_eq!(spinner.running(), 80);
    drop(loops);
    until_idle(&spinner).await;
}

#[tokio::test]
async fn a_guest_that_first_waits_and_then_burns_is_stopped_too() {
    let sleeps_then_spins = guests::command("(call $sleep (i64.const 5)) (loop $again (br $again))");
    let function = function(sleeps_then_spins, FunctionConfig::default()).await;
    let Reply::Later(mut answer) = function.invoke(call("{}")) else { panic!("the guest sleeps") };
    let short = std::time::Duration::from_millis(100);
    assert!(tokio::time::timeout(short, &mut answer).await.is_err());
    drop(answer);
    until_idle(&function).await;
}

#[tokio::test]
async fn a_reply_that_is_dropped_stops_its_guest() {
    for guest in [guests::spins(), command_sleeps(60_000)] {
        let function = function(guest, FunctionConfig::default()).await;
        let reply = function.invoke(call("{}"));
        assert_eq!(function.running(), 1);
        drop(reply);
        until_idle(&function).await;
    }
}
