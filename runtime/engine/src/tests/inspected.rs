//! One state, run for whoever tests it.

use super::programs::{call, fail, list, wait};
use super::{echo, engine, holding, poll_once, seven, silent, slow_echo, start, succeeded, timeout};
use crate::{Call, Outcome, Program, Reply};
use fleetstep_machine::{StateId, Step, Trial};
use std::sync::Arc;
use std::task::Poll;

/// Runs the first state, and checks its outcome, its length and that nothing is left running.
#[allow(clippy::disallowed_methods)] // The runtime's own clock, which is paused.
async fn check(program: Program, host: fn(Call) -> Reply, outcome: Outcome, seconds: u64) {
    let engine = engine(1);
    let begun = tokio::time::Instant::now();
    let (ended, inspection) = engine.inspect(start(program, host), Trial::default()).await.expect("there is room");
    assert_eq!(ended, outcome);
    assert_eq!(begun.elapsed().as_secs(), seconds);
    assert_eq!(inspection.at(Step::Input), Some(&seven()));
    assert_eq!(inspection.next, (outcome == succeeded()).then_some(StateId(1)));
    assert_eq!(engine.running(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_test_ends_with_its_state() {
    check(list(vec![call(0), fail()]), echo, succeeded(), 0).await;
    check(list(vec![call(0), fail()]), slow_echo, succeeded(), 1).await;
    check(list(vec![wait(7), fail()]), echo, succeeded(), 7).await;
}

#[tokio::test(start_paused = true)]
async fn a_test_has_five_minutes() {
    check(list(vec![wait(301), fail()]), echo, Outcome::TimedOut(timeout()), 300).await;
    check(list(vec![call(0), fail()]), silent, Outcome::TimedOut(timeout()), 300).await;
}

#[tokio::test(start_paused = true)]
async fn a_test_that_nobody_waits_for_ends() {
    let (engine, token) = (engine(1), Arc::new(()));
    let held = Arc::clone(&token);
    let begun = engine.inspect(start(list(vec![call(0), fail()]), move |_| holding(&held)), Trial::default());
    let mut test = Box::pin(begun);
    assert!(matches!(poll_once(&mut test).await, Poll::Pending));
    assert_eq!((engine.running(), Arc::strong_count(&token)), (1, 3));
    drop(test);
    assert_eq!((engine.running(), Arc::strong_count(&token)), (0, 1));
}
