//! Parallel and Map.

use crate::support::{check, history_text, json, no_tasks, outcome_text};
use fleetstep_machine::testing::{Answer, Draft, Driver, machine, retrier};
use fleetstep_machine::{Command, Event, Failure, MAP_ITERATIONS_LIVE_MAX, Retrier, Status};
use std::time::Duration;

fn items(count: usize) -> String {
    format!("[{}]", (0..count).map(|n| n.to_string()).collect::<Vec<_>>().join(","))
}

#[test]
fn parallel_joins_by_index_and_chains_by_branch() {
    let program = machine(vec![
        Draft::parallel(
            "P",
            vec![vec![Draft::pass("A1").next("A2"), Draft::pass("A2").result("\"a\"")], vec![Draft::pass("B")]],
        )
        .next("After"),
        Draft::pass("After"),
    ]);
    check(
        &program,
        "1",
        no_tasks,
        r#"SUCCEEDED ["a",1]"#,
        r#"1<0 ExecutionStarted 1
           2<0 ParallelStateEntered P 1
           3<2 ParallelStateStarted
           4<3 PassStateEntered A1 1
           5<4 PassStateExited A1 1
           6<5 PassStateEntered A2 1
           7<6 PassStateExited A2 "a"
           8<3 PassStateEntered B 1
           9<8 PassStateExited B 1
           10<9 ParallelStateSucceeded
           11<9 ParallelStateExited P ["a",1]
           12<11 PassStateEntered After ["a",1]
           13<12 PassStateExited After ["a",1]
           14<13 ExecutionSucceeded ["a",1]"#,
    );
}

#[test]
fn results_are_in_order_however_the_answers_come() {
    let branch = |n| vec![Draft::task(["T0", "T1", "T2"][n], n as u32)];
    let program = machine(vec![
        Draft::parallel("P", vec![branch(0), branch(1), branch(2)])
            .parameters(r#"{"k":1}"#)
            .result_selector(r#"{"all.$":"$"}"#)
            .result_path(Some("$.p")),
    ]);
    let mut driver = Driver::new(&program, json("{}"), 0);
    let outcome = driver.run(|called| {
        assert_eq!(called.input.to_json(), r#"{"k":1}"#);
        Answer::Ok(Duration::from_secs(10 - u64::from(called.task.0)), json(&called.task.0.to_string()))
    });
    assert_eq!(outcome_text(&outcome), r#"SUCCEEDED {"p":{"all":[0,1,2]}}"#);
}

#[test]
fn map_runs_each_item_through_its_processor() {
    let program = machine(vec![
        Draft::map("M", "$.items", vec![Draft::pass("I")])
            .parameters(r#"{"v.$":"$$.Map.Item.Value","i.$":"$$.Map.Item.Index","k.$":"$.k"}"#)
            .max_concurrency(1),
    ]);
    check(
        &program,
        r#"{"items":["a","b"],"k":0}"#,
        no_tasks,
        r#"SUCCEEDED [{"v":"a","i":0,"k":0},{"v":"b","i":1,"k":0}]"#,
        r#"1<0 ExecutionStarted {"items":["a","b"],"k":0}
           2<0 MapStateEntered M {"items":["a","b"],"k":0}
           3<2 MapStateStarted 2
           4<3 MapIterationStarted M 0
           5<4 PassStateEntered I {"v":"a","i":0,"k":0}
           6<5 PassStateExited I {"v":"a","i":0,"k":0}
           7<6 MapIterationSucceeded M 0
           8<3 MapIterationStarted M 1
           9<8 PassStateEntered I {"v":"b","i":1,"k":0}
           10<9 PassStateExited I {"v":"b","i":1,"k":0}
           11<10 MapIterationSucceeded M 1
           12<11 MapStateSucceeded
           13<11 MapStateExited M [{"v":"a","i":0,"k":0},{"v":"b","i":1,"k":0}]
           14<13 ExecutionSucceeded [{"v":"a","i":0,"k":0},{"v":"b","i":1,"k":0}]"#,
    );
}

#[test]
fn a_map_over_nothing() {
    check(
        &machine(vec![Draft::map("M", "$", vec![Draft::pass("I")])]),
        "[]",
        no_tasks,
        "SUCCEEDED []",
        "1<0 ExecutionStarted []
         2<0 MapStateEntered M []
         3<2 MapStateStarted 0
         4<3 MapStateSucceeded
         5<3 MapStateExited M []
         6<5 ExecutionSucceeded []",
    );
}

#[test]
fn the_item_is_the_innermost_maps_also_within_a_parallel() {
    let program = machine(vec![Draft::map(
        "Outer",
        "$",
        vec![Draft::map(
            "Inner",
            "$",
            vec![Draft::parallel("P", vec![vec![Draft::pass("I").output_path("$$.Map.Item")]])],
        )],
    )]);
    check(
        &program,
        r#"[["a"],["b","c"]]"#,
        no_tasks,
        concat!(
            r#"SUCCEEDED [[[{"Index":0,"Value":"a"}]],"#,
            r#"[[{"Index":0,"Value":"b"}],[{"Index":1,"Value":"c"}]]]"#
        ),
        "",
    );
}

#[test]
fn concurrency_bounds_the_strands() {
    for (most, live) in [(1, 1), (3, 3), (0, MAP_ITERATIONS_LIVE_MAX), (1_000, MAP_ITERATIONS_LIVE_MAX)] {
        let program = machine(vec![Draft::map("M", "$", vec![Draft::task("T", 0)]).max_concurrency(most)]);
        let mut driver = Driver::new(&program, json(&items(100)), 0);
        let outcome = driver.run(|called| Answer::Ok(Duration::from_millis(10), called.input.clone()));
        assert_eq!(outcome_text(&outcome), format!("SUCCEEDED {}", items(100)));
        assert_eq!(driver.strands_live_max, live as usize + 1, "MaxConcurrency {most}");
    }
}

#[test]
fn a_negative_concurrency_is_a_runtime_error() {
    let program = machine(vec![Draft::map("M", "$", vec![Draft::pass("I")]).max_concurrency(-1)]);
    let outcome = Driver::new(&program, json("[1]"), 0).run(no_tasks);
    assert!(outcome_text(&outcome).starts_with("FAILED States.Runtime: "), "{outcome:?}");
}

#[test]
fn iterations_that_do_not_wait_need_one_strand() {
    let program = machine(vec![Draft::map("M", "$", vec![Draft::pass("A").next("B"), Draft::pass("B")])]);
    let mut driver = Driver::new(&program, json(&items(40_000)), 0);
    let outcome = driver.run(no_tasks);
    assert_eq!(outcome_text(&outcome), format!("SUCCEEDED {}", items(40_000)));
    assert_eq!(driver.strands_live_max, 2);
    assert_eq!(driver.yields, 80, "80,001 transitions in steps of 1,000");
}

#[test]
fn a_failed_branch_fails_the_state_and_is_passed_through() {
    let program = machine(vec![
        Draft::parallel("P", vec![vec![Draft::fail("F", "A", "b")]]).catch(&["A"], "C"),
        Draft::pass("C"),
    ]);
    check(
        &program,
        "{}",
        no_tasks,
        r#"SUCCEEDED {"Error":"A","Cause":"b"}"#,
        r#"1<0 ExecutionStarted {}
           2<0 ParallelStateEntered P {}
           3<2 ParallelStateStarted
           4<3 FailStateEntered F {}
           5<4 ParallelStateFailed
           6<5 ParallelStateExited P {"Error":"A","Cause":"b"}
           7<6 PassStateEntered C {"Error":"A","Cause":"b"}
           8<7 PassStateExited C {"Error":"A","Cause":"b"}
           9<8 ExecutionSucceeded {"Error":"A","Cause":"b"}"#,
    );
}

#[test]
fn a_retried_map_starts_again_and_fails_once() {
    let program = machine(vec![
        Draft::map("M", "$", vec![Draft::fail("F", "A", "b")]).retry(Retrier { max_attempts: 1, ..retrier(&["A"]) }),
    ]);
    check(
        &program,
        "[1]",
        no_tasks,
        "FAILED A: b",
        "1<0 ExecutionStarted [1]
         2<0 MapStateEntered M [1]
         3<2 MapStateStarted 1
         4<3 MapIterationStarted M 0
         5<4 FailStateEntered F 1
         6<5 MapIterationFailed M 0
         7<5 MapStateStarted 1
         8<7 MapIterationStarted M 0
         9<8 FailStateEntered F 1
         10<9 MapIterationFailed M 0
         11<9 MapStateFailed
         12<11 ExecutionFailed A: b",
    );
}

#[test]
fn the_first_failure_cancels_the_siblings_at_every_depth() {
    let program = machine(vec![
        Draft::parallel(
            "P",
            vec![
                vec![Draft::map("M", "$.items", vec![Draft::task("Slow", 1)])],
                vec![Draft::task("Bad", 0)],
                vec![Draft::wait("W", 60)],
            ],
        )
        .catch(&["States.TaskFailed"], "C"),
        Draft::pass("C").next("Later"),
        Draft::wait("Later", 100),
    ]);
    let mut driver = Driver::new(&program, json(r#"{"items":[1,2]}"#), 0);
    let outcome = driver.run(|called| match called.task.0 {
        0 => Answer::Err(Duration::from_secs(1), Failure::new("A", "b")),
        // After the siblings are gone, while their slots are free: late.
        _ => Answer::Ok(Duration::from_secs(5), json("1")),
    });
    assert_eq!(outcome_text(&outcome), r#"SUCCEEDED {"Error":"A","Cause":"b"}"#);
    assert_eq!(driver.cancelled.len(), 3, "two calls and a wait");
    let told = history_text(&driver.history);
    let from = told.find("TaskFailed").expect("the task fails");
    let kinds: Vec<_> = told[from..].lines().map(|line| line.split(' ').collect::<Vec<_>>()).collect();
    let names: Vec<_> = kinds.iter().map(|words| *words.iter().find(|word| word.len() > 5).unwrap_or(&"")).collect();
    assert_eq!(
        names[..9],
        [
            "TaskFailed",
            "TaskStateAborted",
            "MapStateAborted",
            "WaitStateAborted",
            "MapIterationAborted",
            "TaskStateAborted",
            "MapIterationAborted",
            "TaskStateAborted",
            "ParallelStateFailed"
        ],
        "\n{told}"
    );
}

#[test]
fn a_branch_that_has_not_begun_never_does() {
    let program = machine(vec![
        Draft::parallel("P", vec![vec![Draft::fail("F", "A", "b")], vec![Draft::task("T", 0)]]).catch(&["A"], "C"),
        Draft::wait("C", 1),
    ]);
    check(&program, "{}", no_tasks, r#"SUCCEEDED {"Error":"A","Cause":"b"}"#, "");
}

#[test]
fn a_failure_that_comes_between_two_steps_ends_what_had_given_way() {
    let endless = || vec![Draft::pass("X").next("Y"), Draft::pass("Y").next("X")];
    let program = machine(vec![
        Draft::parallel("P", vec![vec![Draft::task("T", 0)], vec![Draft::map("M", "$.items", endless())]])
            .catch(&["A"], "C"),
        Draft::wait("C", 1).output_path("$.Error"),
    ]);
    let mut driver = Driver::new(&program, json(r#"{"items":[1,2,3]}"#), 0);
    assert!(matches!(driver.step(Event::Start), Status::Yielded));
    let [Command::Call { ticket, .. }] = driver.commands()[..] else { panic!("one call") };
    assert!(matches!(driver.step(Event::Reply(ticket, Err(Failure::named("A")))), Status::Waiting));
    let [Command::Wake { ticket, at }] = driver.commands()[..] else { panic!("one wait") };
    driver.now = at;
    let status = driver.step(Event::Wake(ticket));
    let Status::Finished(outcome) = status else { panic!("{status:?}") };
    assert_eq!(outcome_text(&outcome), r#"SUCCEEDED "A""#);
}

#[test]
fn tasks_that_time_out_at_one_time_are_all_told_so() {
    let program = machine(vec![Draft::map("M", "$", vec![Draft::task("T", 0).timeout(1)])]);
    let mut driver = Driver::new(&program, json("[1,2]"), 0);
    driver.run(|_| Answer::Never);
    let told = history_text(&driver.history);
    let end = told.lines().skip(11).collect::<Vec<_>>();
    assert_eq!(
        end,
        [
            "12<7 TaskTimedOut 0 States.Timeout: -",
            "13<11 TaskTimedOut 0 States.Timeout: -",
            "14<12 MapIterationFailed M 0",
            "15<12 TaskStateAborted",
            "16<13 MapIterationAborted M 1",
            "17<13 TaskStateAborted",
            "18<12 MapStateFailed",
            "19<18 ExecutionFailed States.Timeout: -",
        ],
        "{told}"
    );
}

#[test]
fn a_late_reply_to_an_iteration_does_not_answer_the_next_one_in_its_place() {
    let program = machine(vec![
        Draft::map("M", "$", vec![Draft::task("T", 0).timeout(1).catch(&["States.Timeout"], "C"), Draft::pass("C")])
            .max_concurrency(1),
    ]);
    let mut driver = Driver::new(&program, json("[1,2]"), 0);
    driver.step(Event::Start);
    let [Command::Call { ticket: first, .. }, Command::Wake { at, .. }] = driver.commands()[..] else {
        panic!("a call and its timer")
    };
    driver.now = at;
    driver.step(Event::Wake(first));
    let [Command::Cancel(_), Command::Call { ticket: second, .. }, Command::Wake { .. }] = driver.commands()[..] else {
        panic!("the next call and its timer")
    };
    assert_eq!(first.strand, second.strand, "the slot is used again");
    assert!(matches!(driver.step(Event::Reply(first, Ok(json("\"late\"")))), Status::Waiting));
    let status = driver.step(Event::Reply(second, Ok(json("\"timely\""))));
    let Status::Finished(outcome) = status else { panic!("{status:?}") };
    assert_eq!(outcome_text(&outcome), r#"SUCCEEDED [{"Error":"States.Timeout","Cause":""},"timely"]"#);
}

#[test]
fn a_runtime_error_in_a_branch_ends_the_execution_at_once() {
    let program = machine(vec![
        Draft::parallel("P", vec![vec![Draft::pass("A").output_path("$.nope")], vec![Draft::wait("W", 5)]])
            .retry(retrier(&["States.ALL"]))
            .catch(&["States.ALL", "States.Runtime"], "C"),
        Draft::pass("C"),
    ]);
    let message = "States.Runtime: An error occurred while executing the state 'A' (entered at the event id #4). \
                   Invalid path '$.nope' : No results for path: $['nope']";
    check(
        &program,
        "{}",
        no_tasks,
        &format!("FAILED {message}"),
        &format!(
            "1<0 ExecutionStarted {{}}
             2<0 ParallelStateEntered P {{}}
             3<2 ParallelStateStarted
             4<3 PassStateEntered A {{}}
             5<4 ExecutionFailed {message}"
        ),
    );
}

#[test]
fn an_iteration_may_catch_for_itself() {
    let program = machine(vec![Draft::map(
        "M",
        "$",
        vec![Draft::task("T", 0).catch_at(&["Odd"], None, "Odd"), Draft::pass("Odd").result("\"odd\"")],
    )]);
    let outcome = Driver::new(&program, json("[0,1,2,3]"), 0).run(|called| match called.input.as_i64() {
        Some(n) if n % 2 == 1 => Answer::fail("Odd", ""),
        _ => Answer::now(called.input.clone()),
    });
    assert_eq!(outcome_text(&outcome), r#"SUCCEEDED [0,"odd",2,"odd"]"#);
}

#[test]
fn an_item_selector_that_fails_fails_the_map() {
    let program =
        machine(vec![Draft::map("M", "$.items", vec![Draft::task("T", 0)]).parameters(r#"{"v.$":"$.nope"}"#)]);
    let outcome = Driver::new(&program, json(r#"{"items":[1]}"#), 0).run(no_tasks);
    let text = outcome_text(&outcome);
    assert!(text.contains("the state 'M' (entered at the event id #2). The JSONPath '$.nope'"), "{text}");
}
