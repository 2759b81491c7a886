//! Workflow variables, and JSONata in the places of a state.

use crate::support::{check, history_text, json, no_tasks, outcome_text};
use fleetstep_machine::testing::{Answer, Draft, Driver, machine};
use fleetstep_machine::{ASSIGN_BYTES_MAX, VARIABLES_BYTES_MAX};
use std::time::Duration;

const SOON: Duration = Duration::from_millis(1);

#[test]
fn a_state_sees_the_values_from_before_its_own_assign() {
    let program = machine(vec![
        Draft::pass("A").assign(&[("x", "1"), ("y", "2")]).next("B"),
        Draft::pass("B")
            .assign(&[("x", r#""{% $y %}""#), ("y", r#""{% $x %}""#)])
            .gives(r#"["{% $x %}", "{% $y %}"]"#)
            .next("C"),
        Draft::succeed("C").gives(r#"{"in":"{% $states.input %}","x":"{% $x %}","y":"{% $y %}"}"#),
    ]);
    check(
        &program,
        "0",
        no_tasks,
        r#"SUCCEEDED {"in":[1,2],"x":2,"y":1}"#,
        r#"1<0 ExecutionStarted 0
           2<0 PassStateEntered A 0
           3<2 PassStateExited A 0 x=1 y=2
           4<3 PassStateEntered B 0
           5<4 PassStateExited B [1,2] x=2 y=1
           6<5 SucceedStateEntered C [1,2]
           7<6 SucceedStateExited C {"in":[1,2],"x":2,"y":1}
           8<7 ExecutionSucceeded {"in":[1,2],"x":2,"y":1}"#,
    );
}

#[test]
fn branches_read_what_is_around_them_and_keep_their_own_to_themselves() {
    let branch = |names: [&'static str; 2]| {
        vec![
            Draft::pass(names[0]).assign(&[("own", r#""{% [$outer, $states.input] %}""#)]).next(names[1]),
            Draft::pass(names[1]).gives(r#""{% $own %}""#),
        ]
    };
    let program = machine(vec![
        Draft::pass("Set").assign(&[("outer", "7")]).next("P"),
        Draft::parallel("P", vec![branch(["A", "B"]), branch(["C", "D"])]).next("M"),
        Draft::map("M", "$", branch(["E", "F"])).max_concurrency(2).next("Look"),
        Draft::succeed("Look").gives(r#"{"o":"{% $outer %}","own":"{% $exists($own) %}","in":"{% $states.input %}"}"#),
    ]);
    check(&program, "1", no_tasks, r#"SUCCEEDED {"o":7,"own":false,"in":[[7,7,1],[7,7,1]]}"#, "");
}

#[test]
fn iterations_do_not_see_each_others_variables() {
    let program = machine(vec![Draft::map(
        "M",
        "$",
        vec![
            Draft::pass("Seen").gives(r#""{% $exists($seen) %}""#).assign(&[("seen", "true")]).next("Wait"),
            Draft::wait("Wait", 1),
        ],
    )]);
    check(&program, "[1,2,3]", no_tasks, "SUCCEEDED [false,false,false]", "");
}

#[test]
fn what_a_task_gave_is_there_for_assign_and_output_alone() {
    let program = machine(vec![
        Draft::task("T", 0).assign(&[("got", r#""{% $states.result.n + 1 %}""#)]).gives(r#""{% $states %}""#).next("P"),
        Draft::pass("P").gives(r#"["{% $got %}", "{% $exists($states.result) %}"]"#),
    ]);
    let host = |_: &_| Answer::Ok(SOON, json(r#"{"n":1}"#));
    check(&program, "{}", host, "SUCCEEDED [2,false]", "");
}

#[test]
fn a_catch_assigns_in_place_of_its_state() {
    let program = machine(vec![
        Draft::task("T", 0)
            .assign(&[("ok", "true")])
            .catch(&["States.ALL"], "Mend")
            .catch_assign(&[("error", r#""{% $states.errorOutput.Error %}""#), ("was", r#""{% $states.input %}""#)])
            .next("Mend"),
        Draft::pass("Mend").gives(r#"["{% $error %}", "{% $was %}", "{% $exists($ok) %}"]"#),
    ]);
    let host = |_: &_| Answer::fail("Broken", "really");
    check(
        &program,
        "5",
        host,
        r#"SUCCEEDED ["Broken",5,false]"#,
        r#"1<0 ExecutionStarted 5
           2<0 TaskStateEntered T 5
           3<2 TaskScheduled 0 5
           4<3 TaskStarted 0
           5<4 TaskFailed 0 Broken: really
           6<5 TaskStateExited T {"Error":"Broken","Cause":"really"} error="Broken" was=5
           7<6 PassStateEntered Mend {"Error":"Broken","Cause":"really"}
           8<7 PassStateExited Mend ["Broken",5,false]
           9<8 ExecutionSucceeded ["Broken",5,false]"#,
    );
}

#[test]
fn a_failed_expression_is_told_with_its_field_and_can_be_caught() {
    let program = machine(vec![
        Draft::task("T", 0).gives(r#"{"a":"{% $states.result.none %}"}"#).catch(&["States.ALL"], "Mend"),
        Draft::pass("Mend").assign(&[("x", r#""{% $nothing %}""#)]),
    ]);
    let mut driver = Driver::new(&program, json("{}"), 0);
    let outcome = driver.run(|_| Answer::Ok(SOON, json("{}")));
    assert!(outcome_text(&outcome).starts_with("FAILED States.QueryEvaluationError: An error occurred while"));
    let told = history_text(&driver.history);
    let failed: Vec<_> = told.lines().filter_map(|line| line.split_once(" EvaluationFailed ")).collect();
    // The second is told as if its state had not been entered.
    assert_eq!(failed.iter().map(|(ids, _)| *ids).collect::<Vec<_>>(), ["6<5", "9<7"], "{told}");
    assert!(failed[0].1.starts_with("T Output/a States.QueryEvaluationError: "), "{told}");
}

#[test]
fn one_assign_is_bounded() {
    let text = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
    let program = machine(vec![
        Draft::task("T", 0)
            .gives("0")
            .assign(&[("a", r#""{% $states.result %}""#), ("b", "1")])
            .catch(&["States.ALL"], "C"),
        Draft::pass("C"),
    ]);
    let ended = |bytes: usize| {
        let mut driver = Driver::new(&program, json("{}"), 0);
        outcome_text(&driver.run(|_| Answer::Ok(SOON, json(&text(bytes)))))
    };
    assert_eq!(ended(ASSIGN_BYTES_MAX - 1), "SUCCEEDED 0");
    assert_eq!(
        ended(ASSIGN_BYTES_MAX),
        "FAILED States.DataLimitExceeded: The variables assigned in the state 'T' exceed the maximum number of bytes \
         service limit."
    );
}

/// As many variables of 200,000 bytes as fit, and one more.
#[test]
fn all_variables_together_are_bounded() {
    let bytes = 200_000;
    let fit = VARIABLES_BYTES_MAX / bytes;
    let input = format!("\"{}\"", "x".repeat(bytes - 2));
    let names: Vec<&'static str> = (0..=fit + 1).map(|at| &*format!("v{at}").leak()).collect();
    let ended = |count: usize| {
        let state = |at: usize| {
            let assign = vec![(names[at], r#""{% $states.input %}""#)].leak();
            let state = Draft::pass(names[at]).assign(assign);
            if at + 1 < count { state.next(names[at + 1]) } else { state.gives("0") }
        };
        outcome_text(&Driver::new(&machine((0..count).map(state).collect()), json(&input), 0).run(no_tasks))
    };
    assert_eq!(ended(fit), "SUCCEEDED 0");
    assert_eq!(
        ended(fit + 1),
        format!(
            "FAILED States.DataLimitExceeded: The variables assigned in the state 'v{fit}' exceed the maximum number of \
             bytes service limit."
        )
    );
}

#[test]
fn a_variable_that_is_set_again_and_one_whose_iteration_has_ended_take_no_room() {
    let big = format!("\"{}\"", "x".repeat(200_000));
    let program = machine(vec![
        Draft::map(
            "M",
            "$",
            vec![
                Draft::task("T", 0).assign(&[("big", r#""{% $states.result %}""#)]).gives("0").next("U"),
                Draft::task("U", 0).assign(&[("big", r#""{% $states.result %}""#)]).gives("0"),
            ],
        )
        .max_concurrency(2),
    ]);
    let mut driver = Driver::new(&program, json(&format!("[{}0]", "0,".repeat(119))), 0);
    let outcome = outcome_text(&driver.run(|_| Answer::Ok(SOON, json(&big))));
    assert_eq!(outcome, format!("SUCCEEDED [{}0]", "0,".repeat(119)));
}
