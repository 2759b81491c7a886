//! The eight kinds, one at a time, and the context object.

use crate::support::{check, json, no_tasks};
use fleetstep_machine::testing::{Answer, Draft, Driver, machine};

#[test]
fn pass_hands_its_input_on() {
    let program = machine(vec![Draft::pass("A").next("B"), Draft::pass("B")]);
    check(
        &program,
        r#"{"x":1}"#,
        no_tasks,
        r#"SUCCEEDED {"x":1}"#,
        r#"1<0 ExecutionStarted {"x":1}
           2<0 PassStateEntered A {"x":1}
           3<2 PassStateExited A {"x":1}
           4<3 PassStateEntered B {"x":1}
           5<4 PassStateExited B {"x":1}
           6<5 ExecutionSucceeded {"x":1}"#,
    );
}

#[test]
fn the_four_beats_of_a_pass() {
    // ResultPath is a path of the raw input, OutputPath one of what came of it.
    let program = machine(vec![
        Draft::pass("A")
            .input_path("$.in")
            .parameters(r#"{"seen.$":"$.x","const":true}"#)
            .result_path(Some("$.out"))
            .output_path("$.out"),
    ]);
    check(&program, r#"{"in":{"x":5}}"#, no_tasks, r#"SUCCEEDED {"seen":5,"const":true}"#, "");
}

#[test]
fn a_result_is_placed_replaces_or_is_dropped() {
    let with = |path| machine(vec![Draft::pass("A").result("[1]").result_path(path)]);
    for (path, output) in [(Some("$"), "[1]"), (Some("$.a.b"), r#"{"x":0,"a":{"b":[1]}}"#), (None, r#"{"x":0}"#)] {
        check(&with(path), r#"{"x":0}"#, no_tasks, &format!("SUCCEEDED {output}"), "");
    }
}

#[test]
fn choice_goes_where_the_first_true_rule_says() {
    let program = machine(vec![
        Draft::choice(
            "C",
            &[("$.n", "NumericGreaterThan", "10", "Big"), ("$.n", "NumericGreaterThan", "5", "Middle")],
            Some("Small"),
        ),
        Draft::pass("Big").result("\"big\""),
        Draft::pass("Middle").result("\"middle\""),
        Draft::pass("Small").result("\"small\""),
    ]);
    for (n, output) in [(11, "big"), (6, "middle"), (5, "small")] {
        check(&program, &format!(r#"{{"n":{n}}}"#), no_tasks, &format!("SUCCEEDED \"{output}\""), "");
    }
}

#[test]
fn a_choice_without_a_way_out_is_a_runtime_error() {
    let program =
        machine(vec![Draft::choice("C", &[("$.n", "NumericEquals", "1", "Done")], None), Draft::succeed("Done")]);
    check(
        &program,
        r#"{"n":2}"#,
        no_tasks,
        "FAILED States.Runtime: An error occurred while executing the state 'C' (entered at the event id #2). \
         Failed to transition out of the state. The state does not point to a next state.",
        r#"1<0 ExecutionStarted {"n":2}
           2<0 ChoiceStateEntered C {"n":2}
           3<2 ExecutionFailed States.Runtime: An error occurred while executing the state 'C' (entered at the event id #2). Failed to transition out of the state. The state does not point to a next state."#,
    );
}

#[test]
fn succeed_ends_its_list() {
    let program = machine(vec![Draft::succeed("S").output_path("$.a")]);
    check(
        &program,
        r#"{"a":[]}"#,
        no_tasks,
        "SUCCEEDED []",
        r#"1<0 ExecutionStarted {"a":[]}
           2<0 SucceedStateEntered S {"a":[]}
           3<2 SucceedStateExited S []
           4<3 ExecutionSucceeded []"#,
    );
}

#[test]
fn fail_has_no_exit() {
    check(
        &machine(vec![Draft::fail("F", "Broken", "It broke.")]),
        "{}",
        no_tasks,
        "FAILED Broken: It broke.",
        "1<0 ExecutionStarted {}
         2<0 FailStateEntered F {}
         3<2 ExecutionFailed Broken: It broke.",
    );
    check(&machine(vec![Draft::fail_silently("F")]), "{}", no_tasks, "FAILED -: -", "");
}

#[test]
fn wait_sleeps_in_virtual_time() {
    let program = machine(vec![Draft::wait("W", 7).next("N"), Draft::wait("N", 0)]);
    let mut driver = Driver::new(&program, json("{}"), 0);
    let started = driver.now;
    driver.run(no_tasks);
    assert_eq!(driver.now.since(started).as_secs(), 7);
}

#[test]
fn wait_until_a_timestamp_that_has_passed_does_not_wait() {
    let program = machine(vec![Draft::wait_until("W", "$.at")]);
    for (at, seconds) in [("2024-07-15T12:00:09Z", 8), ("1999-01-01T00:00:00Z", 0), ("2024-07-15T14:00:30+02:00", 29)] {
        let mut driver = Driver::new(&program, json(&format!(r#"{{"at":"{at}"}}"#)), 0);
        let started = driver.now;
        driver.run(no_tasks);
        assert_eq!(driver.now.since(started).as_secs(), seconds, "{at}");
    }
}

#[test]
fn wait_of_more_than_24855_days_is_refused() {
    let program = machine(vec![Draft::wait_until("W", "$.at")]);
    check(
        &program,
        r#"{"at":"2099-01-01T00:00:00Z"}"#,
        no_tasks,
        "FAILED States.Runtime: An error occurred while executing the state 'W' (entered at the event id #2). \
         Wait state delay is too long.",
        "",
    );
}

#[test]
fn task_calls_with_its_parameters_and_settles_the_answer() {
    let program = machine(vec![
        Draft::task("T", 0)
            .parameters(r#"{"id.$":"$.order"}"#)
            .result_selector(r#"{"kept.$":"$.price"}"#)
            .result_path(Some("$.t")),
    ]);
    check(
        &program,
        r#"{"order":9}"#,
        |called| {
            assert_eq!((called.state.as_str(), called.retry_count), ("T", 0));
            assert_eq!(called.input.to_json(), r#"{"id":9}"#);
            Answer::now(json(r#"{"price":3,"noise":true}"#))
        },
        r#"SUCCEEDED {"order":9,"t":{"kept":3}}"#,
        r#"1<0 ExecutionStarted {"order":9}
           2<0 TaskStateEntered T {"order":9}
           3<2 TaskScheduled 0 {"id":9}
           4<3 TaskStarted 0
           5<4 TaskSucceeded 0 {"price":3,"noise":true}
           6<5 TaskStateExited T {"order":9,"t":{"kept":3}}
           7<6 ExecutionSucceeded {"order":9,"t":{"kept":3}}"#,
    );
}

#[test]
fn a_missed_output_path_fails_at_once_and_names_the_entering_event() {
    let program = machine(vec![Draft::task("T", 0).output_path("$.nope").catch(&["States.ALL"], "T")]);
    check(
        &program,
        "{}",
        |_| Answer::now(json("{}")),
        "FAILED States.Runtime: An error occurred while executing the state 'T' (entered at the event id #2). \
         Invalid path '$.nope' : No results for path: $['nope']",
        r#"1<0 ExecutionStarted {}
           2<0 TaskStateEntered T {}
           3<2 TaskScheduled 0 {}
           4<3 TaskStarted 0
           5<4 TaskSucceeded 0 {}
           6<5 ExecutionFailed States.Runtime: An error occurred while executing the state 'T' (entered at the event id #2). Invalid path '$.nope' : No results for path: $['nope']"#,
    );
}

#[test]
fn the_context_object() {
    let program = machine(vec![Draft::pass("A").output_path("$$")]);
    let expected = concat!(
        r#"SUCCEEDED {"Execution":{"Id":"arn:aws:states:us-east-1:000000000000:express:m:e:1","Input":{"x":0},"#,
        r#""StartTime":"2024-07-15T12:00:00.123Z","Name":"e","RoleArn":"arn:aws:iam::000000000000:role/r","#,
        r#""RedriveCount":0},"StateMachine":{"Id":"arn:aws:states:us-east-1:000000000000:stateMachine:m","Name":"m"},"#,
        r#""State":{"Name":"A","EnteredTime":"2024-07-15T12:00:00.123Z"}}"#
    );
    check(&program, r#"{"x":0}"#, no_tasks, expected, "");
}

#[test]
fn entered_time_is_the_states_own() {
    let program = machine(vec![Draft::wait("W", 2).next("A"), Draft::pass("A").output_path("$$.State.EnteredTime")]);
    check(&program, "{}", no_tasks, r#"SUCCEEDED "2024-07-15T12:00:02.123Z""#, "");
}
