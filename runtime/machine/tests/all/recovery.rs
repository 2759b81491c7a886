//! Retry, Catch, and what time does to a task.

use crate::support::{check, history_text, json, no_tasks, outcome_text};
use fleetstep_machine::testing::{Answer, Draft, Driver, machine, retrier};
use fleetstep_machine::{Command, Event, Failure, Outcome, Retrier, Status, Timestamp};
use std::time::Duration;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// When each call was made, in milliseconds after the first.
fn call_times(driver: &Driver<'_>) -> Vec<u128> {
    driver.calls.iter().map(|called| called.at.since(driver.calls[0].at).as_millis()).collect()
}

#[test]
fn retry_backs_off_and_gives_up() {
    let program = machine(vec![Draft::task("T", 0).retry(Retrier {
        interval: seconds(3),
        max_attempts: 4,
        max_delay: Some(seconds(10)),
        ..retrier(&["States.ALL"])
    })]);
    let mut driver = Driver::new(&program, json("{}"), 0);
    let outcome = driver.run(|_| Answer::fail("Oops", "again"));
    assert_eq!(outcome_text(&outcome), "FAILED Oops: again");
    // 3, 6, then 12 and 24 cut to 10.
    assert_eq!(call_times(&driver), [0, 3_000, 9_000, 19_000, 29_000]);
    assert_eq!(driver.calls.iter().map(|called| called.retry_count).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
}

#[test]
fn retries_of_a_task_in_the_history() {
    let program = machine(vec![
        Draft::task("T", 0).retry(Retrier { max_attempts: 1, ..retrier(&["States.ALL"]) }).catch(&["States.ALL"], "C"),
        Draft::pass("C"),
    ]);
    check(
        &program,
        "{}",
        |_| Answer::fail("Oops", "again"),
        r#"SUCCEEDED {"Error":"Oops","Cause":"again"}"#,
        r#"1<0 ExecutionStarted {}
           2<0 TaskStateEntered T {}
           3<2 TaskScheduled 0 {}
           4<3 TaskStarted 0
           5<4 TaskFailed 0 Oops: again
           6<5 TaskScheduled 0 {}
           7<6 TaskStarted 0
           8<7 TaskFailed 0 Oops: again
           9<8 TaskStateExited T {"Error":"Oops","Cause":"again"}
           10<9 PassStateEntered C {"Error":"Oops","Cause":"again"}
           11<10 PassStateExited C {"Error":"Oops","Cause":"again"}
           12<11 ExecutionSucceeded {"Error":"Oops","Cause":"again"}"#,
    );
}

#[test]
fn parameters_are_evaluated_again_for_each_try() {
    let program =
        machine(vec![Draft::task("T", 0).parameters(r#"{"n.$":"$$.State.RetryCount"}"#).retry(retrier(&["A"]))]);
    let mut driver = Driver::new(&program, json("{}"), 0);
    driver.run(|_| Answer::fail("A", ""));
    let inputs: Vec<_> = driver.calls.iter().map(|called| called.input.to_json()).collect();
    assert_eq!(inputs, [r#"{"n":0}"#, r#"{"n":1}"#, r#"{"n":2}"#, r#"{"n":3}"#]);
}

#[test]
fn each_retrier_counts_for_itself() {
    let program = machine(vec![
        Draft::task("T", 0)
            .retry(Retrier { max_attempts: 1, ..retrier(&["A"]) })
            .retry(Retrier { max_attempts: 2, ..retrier(&["B"]) }),
    ]);
    let mut errors = ["A", "B", "B", "A"].iter();
    let mut driver = Driver::new(&program, json("{}"), 0);
    let outcome = driver.run(|_| Answer::fail(errors.next().expect("no more calls than these"), ""));
    assert_eq!(outcome_text(&outcome), "FAILED A: ");
    assert_eq!(driver.calls.last().map(|called| called.retry_count), Some(3));
}

#[test]
fn counters_start_anew_when_the_state_is_entered_again() {
    let program =
        machine(vec![Draft::task("T", 0).retry(Retrier { max_attempts: 1, ..retrier(&["A"]) }).catch(&["A"], "T")]);
    let mut calls = 0;
    let mut driver = Driver::new(&program, json("{}"), 0);
    driver.run(|_| {
        calls += 1;
        if calls < 5 { Answer::fail("A", "") } else { Answer::now(json("1")) }
    });
    assert_eq!(driver.calls.iter().map(|called| called.retry_count).collect::<Vec<_>>(), [0, 1, 0, 1, 0]);
}

#[test]
fn no_attempts_is_never() {
    let program = machine(vec![
        Draft::task("T", 0).retry(Retrier { max_attempts: 0, ..retrier(&["A"]) }).retry(retrier(&["States.ALL"])),
    ]);
    let mut driver = Driver::new(&program, json("{}"), 0);
    driver.run(|_| Answer::fail("A", ""));
    assert_eq!(driver.calls.len(), 1);
}

#[test]
fn full_jitter_stays_within_the_delay_and_follows_the_seed() {
    let program = machine(vec![Draft::task("T", 0).retry(Retrier {
        interval: seconds(8),
        backoff_rate: 1.0,
        max_attempts: 20,
        full_jitter: true,
        ..retrier(&["States.ALL"])
    })]);
    let times = |seed| {
        let mut driver = Driver::new(&program, json("{}"), seed);
        driver.run(|_| Answer::fail("A", ""));
        call_times(&driver)
    };
    let gaps: Vec<_> = times(1).windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(gaps.len(), 20);
    assert!(gaps.iter().all(|gap| *gap < 8_000), "{gaps:?}");
    assert!(gaps.iter().any(|gap| *gap < 4_000) && gaps.iter().any(|gap| *gap >= 4_000), "{gaps:?}");
    assert_eq!(times(1), times(1));
    assert_ne!(times(1), times(2));
}

#[test]
fn a_delay_beyond_all_bounds_ends_with_the_execution() {
    let program = machine(vec![Draft::task("T", 0).retry(Retrier {
        backoff_rate: 1e300,
        max_attempts: 9,
        full_jitter: false,
        ..retrier(&["States.ALL"])
    })]);
    check(&program, "{}", |_| Answer::fail("A", ""), "TIMED_OUT States.Timeout: -", "");
}

#[test]
fn which_names_match_which_errors() {
    let caught = |error: &str, pattern: &'static str| {
        let program = machine(vec![Draft::task("T", 0).catch(&[pattern], "C"), Draft::pass("C")]);
        let outcome = Driver::new(&program, json("{}"), 0).run(|_| Answer::fail(error, ""));
        matches!(outcome, Outcome::Succeeded(_))
    };
    for (error, pattern, expected) in [
        ("A", "A", true),
        ("A", "B", false),
        ("A", "States.ALL", true),
        ("A", "States.TaskFailed", true),
        ("A", "State.ALL", false),
        ("States.Timeout", "States.TaskFailed", false),
        ("States.Timeout", "States.Timeout", true),
        ("States.Timeout", "States.ALL", true),
        ("States.Timeout", "States.HeartbeatTimeout", false),
        ("States.HeartbeatTimeout", "States.HeartbeatTimeout", true),
        ("States.DataLimitExceeded", "States.ALL", true),
        ("States.DataLimitExceeded", "States.DataLimitExceeded", true),
        ("States.Runtime", "States.Runtime", false),
        ("States.Runtime", "States.ALL", false),
    ] {
        assert_eq!(caught(error, pattern), expected, "{error} by {pattern}");
    }
}

#[test]
fn a_failure_without_a_name_is_matched_by_all_alone() {
    let program = |pattern| {
        machine(vec![
            Draft::parallel("P", vec![vec![Draft::fail_silently("F")]]).catch(&[pattern], "C"),
            Draft::pass("C"),
        ])
    };
    check(&program("States.ALL"), "{}", no_tasks, r#"SUCCEEDED {"Error":"","Cause":""}"#, "");
    check(&program("A"), "{}", no_tasks, "FAILED -: -", "");
}

#[test]
fn catch_places_the_error_and_skips_the_output_path() {
    let caught = |path| {
        machine(vec![Draft::task("T", 0).output_path("$.nope").catch_at(&["States.ALL"], path, "C"), Draft::pass("C")])
    };
    for (path, output) in [
        (Some("$.e"), r#"{"x":1,"e":{"Error":"A","Cause":"b"}}"#),
        (Some("$"), r#"{"Error":"A","Cause":"b"}"#),
        (None, r#"{"x":1}"#),
    ] {
        check(&caught(path), r#"{"x":1}"#, |_| Answer::fail("A", "b"), &format!("SUCCEEDED {output}"), "");
    }
}

#[test]
fn a_result_that_cannot_be_placed_is_caught_with_the_input_as_it_was() {
    let program = machine(vec![
        Draft::task("T", 0).result_path(Some("$.x.y")).catch_at(&["States.ResultPathMatchFailure"], Some("$.e"), "C"),
        Draft::pass("C").output_path("$.x"),
    ]);
    check(&program, r#"{"x":1}"#, |_| Answer::now(json("2")), "SUCCEEDED 1", "");
}

#[test]
fn a_task_that_does_not_answer_times_out() {
    let program = machine(vec![Draft::task("T", 0).timeout(5).catch(&["States.Timeout"], "C"), Draft::pass("C")]);
    let mut driver = Driver::new(&program, json("{}"), 0);
    let started = driver.now;
    let outcome = driver.run(|called| {
        assert_eq!(called.deadline, started.after(seconds(5)));
        Answer::Ok(seconds(9), json("1"))
    });
    assert_eq!(outcome_text(&outcome), r#"SUCCEEDED {"Error":"States.Timeout","Cause":""}"#);
    assert_eq!(driver.now.since(started), seconds(5));
    assert_eq!(driver.cancelled.len(), 1, "the call is given up");
    let told = history_text(&driver.history);
    assert!(
        told.contains("3<2 TaskScheduled 0 {} timeout 5s\n4<3 TaskStarted 0\n5<4 TaskTimedOut 0 States.Timeout: -\n"),
        "{told}"
    );
}

#[test]
fn a_timely_answer_takes_its_timer_back() {
    let program = machine(vec![Draft::task("T", 0).timeout(5).next("W"), Draft::wait("W", 60)]);
    let mut driver = Driver::new(&program, json("{}"), 0);
    let outcome = driver.run(|_| Answer::Ok(seconds(4), json("1")));
    assert_eq!(outcome_text(&outcome), "SUCCEEDED 1");
    assert_eq!(driver.cancelled.len(), 1);
}

#[test]
fn a_heartbeat_shorter_than_the_timeout_is_the_deadline() {
    for pattern in ["States.Timeout", "States.HeartbeatTimeout"] {
        let program =
            machine(vec![Draft::task("T", 0).timeout(50).heartbeat(2).catch(&[pattern], "C"), Draft::pass("C")]);
        let mut driver = Driver::new(&program, json("{}"), 0);
        let started = driver.now;
        let outcome = driver.run(|_| Answer::Never);
        assert_eq!(outcome_text(&outcome), r#"SUCCEEDED {"Error":"States.Timeout","Cause":""}"#);
        assert_eq!(driver.now.since(started), seconds(2));
    }
}

#[test]
fn a_late_reply_is_ignored() {
    let program = machine(vec![Draft::task("T", 0).timeout(5).retry(retrier(&["States.Timeout"]))]);
    let mut driver = Driver::new(&program, json("{}"), 0);
    driver.step(Event::Start);
    let [Command::Call { ticket, .. }, Command::Wake { ticket: woken, at }] = driver.commands()[..] else {
        panic!("a call and its timer");
    };
    assert_eq!(ticket, woken);
    driver.now = at;
    driver.step(Event::Wake(ticket));
    let before = driver.history.len();
    for event in
        [Event::Reply(ticket, Ok(json("1"))), Event::Reply(ticket, Err(Failure::named("X"))), Event::Wake(ticket)]
    {
        assert!(matches!(driver.step(event), Status::Waiting));
    }
    assert_eq!(driver.history.len(), before);
}

#[test]
fn five_minutes_end_everything() {
    let wait = machine(vec![Draft::wait("W", 1_000)]);
    let task = machine(vec![Draft::task("T", 0).timeout(900)]);
    for program in [&wait, &task] {
        let mut driver = Driver::new(program, json("{}"), 0);
        let started = driver.now;
        assert_eq!(outcome_text(&driver.run(|_| Answer::Never)), "TIMED_OUT States.Timeout: -");
        assert_eq!(driver.now.since(started), seconds(300));
        assert_eq!(driver.cancelled.len(), 1);
        assert!(history_text(&driver.history).ends_with("ExecutionTimedOut States.Timeout: -\n"));
    }
}

#[test]
fn a_machine_may_have_less_time_but_not_more() {
    for (timeout, ends) in [(20, 20), (900, 300)] {
        let mut program = machine(vec![Draft::task("T", 0).catch(&["States.ALL"], "C"), Draft::pass("C")]);
        program.timeout = Some(seconds(timeout));
        let mut driver = Driver::new(&program, json("{}"), 0);
        let started = driver.now;
        assert_eq!(outcome_text(&driver.run(|_| Answer::Never)), "TIMED_OUT States.Timeout: -");
        assert_eq!(driver.now.since(started), seconds(ends));
    }
}

#[test]
fn any_event_at_the_deadline_ends_the_execution() {
    let program = machine(vec![Draft::task("T", 0)]);
    let mut driver = Driver::new(&program, json("{}"), 0);
    driver.step(Event::Start);
    let [Command::Call { ticket, deadline, .. }] = driver.commands()[..] else { panic!("one call, no timer") };
    assert_eq!(deadline, driver.execution.deadline());
    driver.now = deadline;
    let status = driver.step(Event::Reply(ticket, Ok(json("1"))));
    assert!(matches!(status, Status::Finished(Outcome::TimedOut(_))), "{status:?}");
}

#[test]
fn abort_ends_and_takes_everything_back() {
    let program = machine(vec![Draft::parallel(
        "P",
        vec![vec![Draft::task("T", 0)], vec![Draft::wait("W", 9)], vec![Draft::pass("A")]],
    )]);
    let mut driver = Driver::new(&program, json("{}"), 0);
    driver.step(Event::Start);
    driver.commands();
    let status = driver.step(Event::Abort(Failure::new("Stop", "by hand")));
    let Status::Finished(outcome) = status else { panic!("{status:?}") };
    assert_eq!(outcome_text(&outcome), "ABORTED Stop: by hand");
    assert_eq!(driver.commands().len(), 2, "the call and the wait");
    assert_eq!(driver.execution.strands_live(), 0);
    assert!(matches!(driver.step(Event::Resume), Status::Waiting), "nothing happens after the end");
    assert_eq!(driver.now, Timestamp::from_micros(1_721_044_800_123_456));
}
