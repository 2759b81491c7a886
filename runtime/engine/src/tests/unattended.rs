//! Executions that workers carry on.

use super::programs::{call, fail, go_to, list, parallel, pass, program, retrier, task, wait};
use super::{duration, echo, engine, holding, launch, silent, slow_echo, start, succeeded, succeeded_each, timeout};
use crate::clock::Clock;
use crate::{Call, Failure, Outcome, Program, Reply};
use fleetstep_machine::Kind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Runs a program to its end, and checks outcome and length.
async fn check(program: Program, host: fn(Call) -> Reply, outcome: Outcome, seconds: u64) {
    let engine = engine(1);
    let (_, end) = launch(&engine, start(program, host));
    let finished = end.await.expect("the end is told");
    assert_eq!(finished.outcome, outcome);
    assert_eq!(duration(&finished).as_secs(), seconds);
    assert_eq!(engine.drain(Duration::ZERO).await, 0);
}

#[tokio::test(start_paused = true)]
async fn what_never_waits_is_over_when_start_returns() {
    let engine = engine(1);
    let (handle, mut end) = launch(&engine, start(list(vec![pass(), call(0)]), echo));
    assert_eq!(end.try_recv().expect("it is over").outcome, succeeded());
    assert_eq!(engine.running(), 0);
    handle.abort(Failure::named("Late"));
}

#[tokio::test(start_paused = true)]
async fn calls_waits_and_retries() {
    check(list(vec![call(0), pass(), call(1)]), slow_echo, succeeded(), 2).await;
    check(list(vec![wait(3), wait(4)]), echo, succeeded(), 7).await;
    let mut again = task(0);
    again.retry = Box::new([retrier(2)]);
    let refuse = |_| Reply::Ready(Err(Failure::named("Refused")));
    check(list(vec![Kind::Task(again)]), refuse, Outcome::Failed(Failure::named("Refused")), 3).await;
}

#[tokio::test(start_paused = true)]
async fn calls_run_side_by_side() {
    let branches = program(vec![vec![parallel(&[1, 2], None)], vec![call(0), call(0)], vec![call(1)]]);
    check(branches, slow_echo, succeeded_each(2), 2).await;
}

#[tokio::test(start_paused = true)]
async fn deadlines_are_kept() {
    check(list(vec![call(0)]), silent, Outcome::TimedOut(timeout()), 300).await;
    check(list(vec![wait(400)]), echo, Outcome::TimedOut(timeout()), 300).await;
    let program = Program { timeout: Some(Duration::from_secs(20)), ..list(vec![call(0)]) };
    check(program, silent, Outcome::TimedOut(timeout()), 20).await;
}

/// Ready answers in a loop: the worker must find time for its other executions.
#[tokio::test]
async fn a_loop_of_quick_calls_does_not_hold_the_worker() {
    let engine = crate::Engine::new(crate::Limits { executions_running_max: 9, workers: 1 });
    let endless = |kinds| Program { timeout: Some(Duration::from_secs(20)), ..list(kinds) };
    let loops = [vec![call(0), go_to(0)], vec![go_to(0)]].map(|kinds| launch(&engine, start(endless(kinds), echo)));
    let later = |call: Call| {
        Reply::Later(Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(10)).await;
            Ok(call.input)
        }))
    };
    let (_, end) = launch(&engine, start(list(vec![call(0)]), later));
    let finished = end.await.expect("the end is told");
    assert_eq!(finished.outcome, succeeded());
    for (handle, end) in loops {
        handle.abort(Failure::named("Enough"));
        assert_eq!(end.await.expect("the end is told").outcome, Outcome::Aborted(Failure::named("Enough")));
    }
}

#[tokio::test(start_paused = true)]
async fn aborted_it_ends_and_drops_its_calls() {
    let engine = engine(2);
    let token = Arc::new(());
    for program in [list(vec![call(0)]), list(vec![wait(100)])] {
        let held = Arc::clone(&token);
        let (handle, end) = launch(&engine, start(program, move |_| holding(&held)));
        tokio::time::sleep(Duration::from_secs(5)).await;
        handle.abort(Failure::new("Stopped", "by hand"));
        let finished = end.await.expect("the end is told");
        assert_eq!(finished.outcome, Outcome::Aborted(Failure::new("Stopped", "by hand")));
        assert_eq!(duration(&finished).as_secs(), 5);
        tokio::task::yield_now().await;
        assert_eq!(Arc::strong_count(&token), 1, "the host and its futures are gone");
    }
    assert_eq!(engine.running(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_panic_stays_with_its_execution() {
    let engine = engine(9);
    let hosts: [fn(Call) -> Reply; 2] = [
        |call| if call.state.as_str() == "S0" { slow_echo(call) } else { panic!("at once") },
        |_| Reply::Later(Box::pin(async { panic!("later") })),
    ];
    let waiting = launch(&engine, start(list(vec![wait(60)]), echo));
    for host in hosts {
        let (_, end) = launch(&engine, start(list(vec![call(0), call(0)]), host));
        let Outcome::Failed(failure) = end.await.expect("the end is told").outcome else { panic!("it succeeded") };
        assert_eq!(failure.error.as_deref(), Some("States.Runtime"));
    }
    for _ in 0..2 {
        let broken = engine.start(start(list(vec![wait(1)]), echo), Box::new(|_| panic!("the caller's own")));
        assert!(broken.is_ok());
    }
    assert_eq!(waiting.1.await.expect("the end is told").outcome, succeeded());
    assert_eq!(engine.running(), 0);
}

#[tokio::test(start_paused = true)]
async fn cancelled_calls_leave_the_others_alone() {
    // One branch fails after a second; what it leaves behind is dropped, and the caught execution goes on.
    let caught = program(vec![
        vec![parallel(&[1, 2], Some(1)), parallel(&[3, 4], None)],
        vec![call(9)],
        vec![call(0), fail()],
        vec![call(0)],
        vec![call(0), call(0)],
    ]);
    let host = |call: Call| if call.task.0 == 9 { silent(call) } else { slow_echo(call) };
    check(caught, host, succeeded_each(2), 3).await;
}

/// The cancelled call leaves a set in which another one is still waited for.
#[tokio::test(start_paused = true)]
async fn what_is_not_cancelled_is_still_awaited() {
    let nested = program(vec![
        vec![parallel(&[1, 2], None)],
        vec![call(0), call(0)],
        vec![parallel(&[3, 4], Some(4)), pass()],
        vec![call(9)],
        vec![wait(1), fail()],
    ]);
    let host = |call: Call| if call.task.0 == 9 { silent(call) } else { slow_echo(call) };
    check(nested, host, succeeded_each(2), 2).await;
}

#[tokio::test(start_paused = true)]
async fn what_takes_more_than_a_step_is_finished_without_waiting() {
    check(list((0..5_000).map(|_| pass()).collect()), echo, succeeded(), 0).await;
}

#[tokio::test(start_paused = true)]
async fn drained_it_lets_no_one_in_and_waits_for_the_rest() {
    let engine = engine(9);
    let clock = Clock::paused();
    let begin = clock.now();
    let ended = Arc::new(AtomicUsize::new(0));
    for seconds in [1, 2, 200] {
        let ended = Arc::clone(&ended);
        let on_finish = Box::new(move |_| {
            ended.fetch_add(1, Ordering::Relaxed);
        });
        engine.start(start(list(vec![wait(seconds)]), echo), on_finish).expect("there is room");
    }
    assert_eq!(engine.drain(Duration::from_secs(60)).await, 1);
    assert_eq!(ended.load(Ordering::Relaxed), 2);
    assert!(engine.run(start(list(vec![pass()]), echo)).await.is_err());
    assert_eq!(engine.drain(Duration::from_secs(600)).await, 0);
    assert_eq!(ended.load(Ordering::Relaxed), 3);
    assert_eq!(clock.now().since(begin).as_secs(), 200, "it waits no longer than it has to");
}

/// Workers outlive the engine until their executions have ended.
#[tokio::test(start_paused = true)]
async fn the_last_engine_may_go_first() {
    let engine = engine(1);
    let (handle, end) = launch(&engine, start(list(vec![call(0), wait(5)]), slow_echo));
    drop((engine, handle));
    assert_eq!(end.await.expect("the end is told").outcome, succeeded());
}

/// Many at once, over both workers, on real threads and the real clock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_at_once() {
    const EXECUTIONS: usize = 5_000;
    let engine = crate::Engine::new(crate::Limits { executions_running_max: EXECUTIONS, workers: 2 });
    let host = |call: Call| match call.task.0 {
        0 => echo(call),
        1 => Reply::Later(Box::pin(async move {
            tokio::task::yield_now().await;
            Ok(call.input)
        })),
        _ => Reply::Later(Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(3)).await;
            Ok(call.input)
        })),
    };
    let program = || {
        program(vec![vec![call(0), parallel(&[1, 2], None), call(1)], vec![call(2)], vec![call(1), call(0), call(2)]])
    };
    let ends: Vec<_> = (0..EXECUTIONS).map(|_| launch(&engine, start(program(), host)).1).collect();
    for end in ends {
        assert!(matches!(end.await.expect("the end is told").outcome, Outcome::Succeeded(_)));
    }
    assert_eq!(engine.drain(Duration::from_secs(5)).await, 0);
}
