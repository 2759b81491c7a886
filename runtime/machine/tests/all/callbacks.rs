//! Tasks that others answer than those who are called.

use crate::support::{history_text, json, outcome_text};
use fleetstep_machine::testing::{Answer, Draft, Driver, machine, retrier};
use fleetstep_machine::{Callback, Command, Event, Failure, Waits};
use std::time::Duration;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn task(waits: Waits) -> Draft {
    Draft::task("T", 0).waits(waits).timeout(50).heartbeat(2)
}

#[test]
fn the_limits_of_a_callback_are_kept_where_its_signs_of_life_come() {
    for (waits, wakes, timeout) in [(Waits::Callback, 1, None), (Waits::Worker, 0, Some(seconds(50)))] {
        let program = machine(vec![task(waits)]);
        let mut driver = Driver::new(&program, json("{}"), 0);
        driver.step(Event::Start);
        let commands = driver.commands();
        let Command::Call { callback: Some(callback), .. } = &commands[0] else { panic!("a call with a token") };
        assert_eq!((callback.timeout, callback.heartbeat), (timeout, Some(seconds(2))));
        assert!(callback.token.starts_with("token-of-"), "{callback:?}");
        assert_eq!(commands.len() - 1, wakes, "{commands:?}");
    }
    let program = machine(vec![task(Waits::Answer)]);
    let mut driver = Driver::new(&program, json("{}"), 0);
    driver.step(Event::Start);
    assert!(matches!(driver.commands()[0], Command::Call { callback: None, .. }));
}

#[test]
fn a_heartbeat_that_was_missed_is_a_timeout_that_both_names_match() {
    for (failure, pattern, error) in [
        (Callback::heartbeat_missed(), "States.HeartbeatTimeout", "States.Timeout"),
        (Callback::heartbeat_missed(), "States.Timeout", "States.Timeout"),
        (Callback::timed_out(), "States.Timeout", "States.Timeout"),
        // A worker's own failure of that name is a failure.
        (Failure::new("States.Timeout", "so it says"), "States.Timeout", "States.Timeout"),
    ] {
        let has_cause = failure.cause.is_some();
        let program = machine(vec![task(Waits::Worker).catch(&[pattern], "C"), Draft::pass("C")]);
        let mut driver = Driver::new(&program, json("{}"), 0);
        let outcome = driver.run(|_| Answer::Err(seconds(2), failure.clone()));
        assert!(outcome_text(&outcome).starts_with(&format!("SUCCEEDED {{\"Error\":\"{error}\"")), "{outcome:?}");
        let history = history_text(&driver.history);
        assert_eq!(history.contains("TaskTimedOut"), !has_cause, "{history}");
        assert_eq!(history.contains("TaskFailed"), has_cause, "{history}");
    }
}

#[test]
fn every_wait_has_a_token_of_its_own() {
    let retry = retrier(&["Again"]);
    let program = machine(vec![task(Waits::Callback).retry(retry)]);
    let mut driver = Driver::new(&program, json("{}"), 0);
    driver.run(|call| match call.retry_count {
        0 => Answer::Err(seconds(1), Failure::named("Again")),
        _ => Answer::Ok(seconds(1), json("1")),
    });
    let tokens: Vec<_> = driver.calls.iter().map(|call| call.callback.as_ref().unwrap().token.clone()).collect();
    assert_eq!(tokens.len(), 2);
    assert_ne!(tokens[0], tokens[1]);
}

#[test]
fn silence_is_too_long_at_the_first_of_both_limits() {
    let callback = |timeout: Option<u64>, heartbeat: Option<u64>| Callback {
        token: "t".into(),
        timeout: timeout.map(seconds),
        heartbeat: heartbeat.map(seconds),
    };
    for (callback, silence, expected) in [
        (callback(None, None), 1_000, None),
        (callback(Some(5), Some(2)), 1, None),
        (callback(Some(5), Some(2)), 2, Some((2, Callback::heartbeat_missed()))),
        (callback(Some(5), Some(20)), 30, Some((5, Callback::timed_out()))),
    ] {
        let expected = expected.map(|(limit, failure)| (seconds(limit), failure));
        assert_eq!(callback.overdue(seconds(silence)), expected);
    }
}
