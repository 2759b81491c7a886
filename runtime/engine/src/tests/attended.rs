//! Executions within their caller's future.

use super::programs::{call, catcher, fail, go_to, list, parallel, pass, program, retrier, task, wait};
use super::{
    duration, echo, engine, holding, launch, poll_once, silent, slow_echo, start, succeeded, succeeded_each, timeout,
};
use crate::{Call, Failure, Outcome, Program, Reply, Saturated};
use fleetstep_document::Document;
use fleetstep_expr::Expr;
use fleetstep_machine::{Kind, Task};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

/// Runs a program to its end, on a clock that tokio moves, and checks outcome and length.
async fn check(program: Program, host: fn(Call) -> Reply, outcome: Outcome, seconds: u64) {
    let engine = engine(1);
    let finished = engine.run(start(program, host)).await.expect("there is room");
    assert_eq!(finished.outcome, outcome);
    assert_eq!(duration(&finished).as_secs(), seconds);
    assert_eq!(engine.running(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_never_waits_ends_in_the_first_poll() {
    let engine = engine(1);
    for program in [list(vec![pass(), pass(), pass()]), list(vec![call(0), call(1)])] {
        let mut run = Box::pin(engine.run(start(program, echo)));
        let Poll::Ready(Ok(finished)) = poll_once(&mut run).await else { panic!("it had to wait") };
        assert_eq!(finished.outcome, succeeded());
        assert_eq!(engine.running(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn calls_are_awaited() {
    check(list(vec![call(0), pass(), call(1)]), slow_echo, succeeded(), 2).await;
}

#[tokio::test(start_paused = true)]
async fn calls_run_side_by_side() {
    let branches = program(vec![vec![parallel(&[1, 2, 3], None)], vec![call(0), call(0)], vec![call(1)], vec![pass()]]);
    check(branches, slow_echo, succeeded_each(3), 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_wait_lasts_as_long_as_it_says() {
    check(list(vec![wait(3), wait(4)]), echo, succeeded(), 7).await;
}

#[tokio::test(start_paused = true)]
async fn retries_wait() {
    let mut again = task(0);
    again.retry = Box::new([retrier(2)]);
    let refuse = |_| Reply::Ready(Err(Failure::named("Refused")));
    check(list(vec![Kind::Task(again)]), refuse, Outcome::Failed(Failure::named("Refused")), 3).await;
}

#[tokio::test(start_paused = true)]
async fn the_cap_ends_a_call_that_never_answers() {
    check(list(vec![call(0)]), silent, Outcome::TimedOut(timeout()), 300).await;
}

#[tokio::test(start_paused = true)]
async fn the_machines_own_timeout_ends_it_sooner() {
    let program = Program { timeout: Some(Duration::from_secs(20)), ..list(vec![call(0)]) };
    check(program, silent, Outcome::TimedOut(timeout()), 20).await;
}

#[tokio::test(start_paused = true)]
async fn what_takes_more_than_a_step_is_finished_without_waiting() {
    check(list((0..5_000).map(|_| pass()).collect()), echo, succeeded(), 0).await;
}

/// A task's own timeout stops the work, and the execution goes on.
#[tokio::test(start_paused = true)]
async fn a_call_is_dropped_at_its_timeout() {
    let timed = || {
        let timeout = Some(Expr::literal(Document::from(5_i64)));
        list(vec![Kind::Task(Task { timeout, catch: Box::new([catcher(1)]), ..task(0) }), wait(10)])
    };
    let token = Arc::new(());
    let host = || {
        let token = Arc::clone(&token);
        move |_| holding(&token)
    };
    let engine = engine(2);
    let (_handle, end) = launch(&engine, start(timed(), host()));
    let attended = tokio::spawn({
        let (engine, start) = (engine.clone(), start(timed(), host()));
        async move { engine.run(start).await }
    });
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(Arc::strong_count(&token), 5, "held by here, two hosts and two calls");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(Arc::strong_count(&token), 3, "held by here and two hosts");
    for finished in [attended.await.expect("no panic").expect("there is room"), end.await.expect("the end is told")] {
        assert_eq!(finished.outcome, succeeded());
        assert_eq!(duration(&finished).as_secs(), 15);
    }
}

/// Nothing but a turn given up now and then: it must end all the same, and not starve its thread.
#[tokio::test]
async fn a_loop_gives_others_their_turn_and_ends() {
    let engine = crate::Engine::new(crate::Limits { executions_running_max: 1, workers: 1 });
    let program = Program { timeout: Some(Duration::from_millis(500)), ..list(vec![go_to(0)]) };
    let turns = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&turns);
    let others = tokio::spawn(async move {
        loop {
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    });
    let finished = engine.run(start(program, echo)).await.expect("there is room");
    others.abort();
    assert_eq!(finished.outcome, Outcome::TimedOut(timeout()));
    assert!(duration(&finished) >= Duration::from_millis(500));
    assert!(turns.load(Ordering::Relaxed) > 10);
}

/// A branch that never pauses does not shut the other out, whose failure ends them both.
#[tokio::test]
async fn a_loop_lets_the_other_branch_go_on() {
    let engine = crate::Engine::new(crate::Limits { executions_running_max: 1, workers: 1 });
    let branches = program(vec![vec![parallel(&[1, 2], None)], vec![go_to(1)], vec![call(0), fail()]]);
    let program = Program { timeout: Some(Duration::from_secs(10)), ..branches };
    let host = |call: Call| {
        Reply::Later(Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Ok(call.input)
        }))
    };
    let finished = engine.run(start(program, host)).await.expect("there is room");
    assert!(matches!(finished.outcome, Outcome::Failed(_)), "{:?}", finished.outcome);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_panics_fails_the_execution() {
    let hosts: [fn(Call) -> Reply; 2] = [|_| panic!("at once"), |_| Reply::Later(Box::pin(async { panic!("later") }))];
    for host in hosts {
        let engine = engine(1);
        let finished = engine.run(start(list(vec![call(0)]), host)).await.expect("there is room");
        let Outcome::Failed(failure) = finished.outcome else { panic!("{:?}", finished.outcome) };
        assert_eq!(failure.error.as_deref(), Some("States.Runtime"));
        assert_eq!(engine.running(), 0);
    }
}

/// The failure of one branch stops the work of the other.
#[tokio::test(start_paused = true)]
async fn a_cancelled_call_is_dropped() {
    let caught = program(vec![
        vec![parallel(&[1, 2, 3], Some(1)), call(1)],
        vec![call(0)],
        vec![call(0)],
        vec![call(1), fail()],
    ]);
    let token = Arc::new(());
    let held = Arc::clone(&token);
    let host = move |call: Call| if call.task.0 == 0 { holding(&held) } else { slow_echo(call) };
    let engine = engine(1);
    let mut run = Box::pin(engine.run(start(caught, host)));
    assert!(poll_once(&mut run).await.is_pending());
    assert_eq!(Arc::strong_count(&token), 4, "held by here, the host and two calls");
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert!(poll_once(&mut run).await.is_pending());
    assert_eq!(Arc::strong_count(&token), 2, "held by here and the host");
    assert_eq!(run.await.expect("there is room").outcome, succeeded());
}

#[tokio::test(start_paused = true)]
async fn dropped_midway_it_goes_on_without_its_caller() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let host = move |call: Call| {
        let counted = Arc::clone(&counted);
        Reply::Later(Box::pin(async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            counted.fetch_add(1, Ordering::Relaxed);
            Ok(call.input)
        }))
    };
    let engine = engine(1);
    let branches =
        program(vec![vec![parallel(&[1, 2], None), call(2), wait(1), call(3)], vec![call(0)], vec![call(1)]]);
    let mut run = Box::pin(engine.run(start(branches, host)));
    assert!(poll_once(&mut run).await.is_pending());
    drop(run);
    assert_eq!(engine.running(), 1);
    assert_eq!(engine.drain(Duration::from_secs(10)).await, 0);
    assert_eq!(calls.load(Ordering::Relaxed), 4, "each call once");
}

#[tokio::test(start_paused = true)]
async fn dropped_before_its_first_poll_it_never_starts() {
    let engine = engine(1);
    drop(engine.run(start(list(vec![call(0)]), |_| panic!("it was called"))));
    assert_eq!(engine.running(), 0);
}

#[tokio::test(start_paused = true)]
async fn saturation_is_told_at_once_and_passes() {
    let engine = engine(1);
    let mut first = Box::pin(engine.run(start(list(vec![call(0)]), slow_echo)));
    assert!(poll_once(&mut first).await.is_pending());
    let mut second = Box::pin(engine.run(start(list(vec![pass()]), echo)));
    assert!(matches!(poll_once(&mut second).await, Poll::Ready(Err(Saturated))));
    assert!(engine.start(start(list(vec![pass()]), echo), Box::new(|_| panic!("it was run"))).is_err());
    first.await.expect("it was let in");
    assert!(engine.run(start(list(vec![pass()]), echo)).await.is_ok());
}
