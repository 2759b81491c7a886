//! Sizes, budgets and levels.

use crate::support::{history_text, json, no_tasks, outcome_text};
use fleetstep_document::Document;
use fleetstep_machine::testing::{Answer, Called, Draft, Driver, machine};
use fleetstep_machine::{
    Effects, Event, Execution, ExecutionStart, HistoryLevel, Identity, OUTPUT_BYTES_MAX, Outcome, STEP_TRANSITIONS_MAX,
    Status, Timestamp,
};
use std::sync::Arc;

fn letters(count: usize) -> Document {
    Document::from("a".repeat(count))
}

fn too_large(state: &str) -> String {
    format!(
        "FAILED States.DataLimitExceeded: The state/task '{state}' returned a result with a size exceeding the \
         maximum number of bytes service limit."
    )
}

#[test]
fn an_output_may_have_the_limit_and_no_byte_more() {
    // {"r":"…"} is eight bytes around the letters.
    let program = machine(vec![Draft::task("T", 0).result_selector(r#"{"r.$":"$"}"#)]);
    let run = |count| Driver::new(&program, json("{}"), 0).run(move |_| Answer::now(letters(count)));
    assert!(matches!(run(OUTPUT_BYTES_MAX - 8), Outcome::Succeeded(_)));
    assert_eq!(outcome_text(&run(OUTPUT_BYTES_MAX - 7)), too_large("T"));
}

#[test]
fn a_pass_that_doubles_its_input_ends_at_the_limit() {
    let program = machine(vec![Draft::pass("Double").parameters(r#"{"a.$":"$","b.$":"$"}"#).next("Double")]);
    let outcome = Driver::new(&program, json("{}"), 0).run(no_tasks);
    assert_eq!(outcome_text(&outcome), too_large("Double"));
}

#[test]
fn a_pass_that_nests_its_input_ends_too() {
    let program = machine(vec![Draft::pass("Nest").parameters(r#"{"a.$":"$"}"#).next("Nest")]);
    let outcome = Driver::new(&program, json("{}"), 0).run(no_tasks);
    assert_eq!(outcome_text(&outcome), too_large("Nest"));
    let program = machine(vec![Draft::parallel("Nest", vec![vec![Draft::pass("P")]]).next("Nest")]);
    let outcome = Driver::new(&program, json("{}"), 0).run(no_tasks);
    assert_eq!(outcome_text(&outcome), too_large("Nest"));
}

#[test]
fn results_of_a_map_are_counted_while_they_come() {
    // Each item says how many bytes its result has; brackets and commas come on top.
    let program = machine(vec![Draft::map("M", "$", vec![Draft::task("T", 0)]).max_concurrency(1).result_path(None)]);
    let run = |items: &str| {
        let mut driver = Driver::new(&program, json(items), 0);
        let bytes = |called: &Called| usize::try_from(called.input.as_i64().expect("a size")).expect("a size");
        (driver.run(|called| Answer::now(letters(bytes(called) - 2))), driver.calls.len())
    };
    assert!(matches!(run("[131070,131071]"), (Outcome::Succeeded(_), 2)));
    assert_eq!(outcome_text(&run("[131071,131071]").0), too_large("M"));
    let (outcome, calls) = run("[100000,100000,100000,100000,100000]");
    assert_eq!((outcome_text(&outcome), calls), (too_large("M"), 3), "the rest is not begun");
}

#[test]
fn all_does_not_match_a_limit_of_the_states_own() {
    let program = |pattern| {
        machine(vec![
            Draft::task("T", 0).result_selector(r#"{"a.$":"$","b.$":"$"}"#).catch(&[pattern], "C"),
            Draft::pass("C").output_path("$.Error"),
        ])
    };
    let run = |pattern| Driver::new(&program(pattern), json("{}"), 0).run(|_| Answer::now(letters(200_000)));
    assert_eq!(outcome_text(&run("States.ALL")), too_large("T"));
    assert_eq!(outcome_text(&run("States.DataLimitExceeded")), r#"SUCCEEDED "States.DataLimitExceeded""#);
}

#[test]
fn an_endless_loop_gives_way_and_ends_at_the_deadline() {
    let program = machine(vec![Draft::pass("A").next("B"), Draft::pass("B").next("A")]);
    let mut driver = Driver::new(&program, json("{}"), 0);
    for round in 1..=50 {
        let event = if round == 1 { Event::Start } else { Event::Resume };
        assert!(matches!(driver.step(event), Status::Yielded));
        let entered = driver.history.iter().filter(|event| event.id % 2 == 0).count();
        assert_eq!(entered, round * STEP_TRANSITIONS_MAX as usize);
    }
    driver.now = driver.execution.deadline();
    let status = driver.step(Event::Resume);
    assert!(matches!(status, Status::Finished(Outcome::TimedOut(_))), "{status:?}");
}

#[test]
fn levels_ask_for_more_or_less_and_number_alike() {
    let program =
        machine(vec![Draft::task("T", 0).catch(&["States.ALL"], "F"), Draft::fail("F", "Broken", "for good")]);
    let told = |level| {
        let identity = Arc::new(Identity::default());
        let start =
            ExecutionStart { input: json("{}"), identity, seed: 0, started: Timestamp::default(), history: level };
        let mut execution = Execution::new(&program, start);
        let mut effects = Effects::default();
        execution.step(&program, Event::Start, Timestamp::default(), &mut effects);
        let fleetstep_machine::Command::Call { ticket, .. } = effects.commands[0] else { panic!("a call") };
        let reply = Event::Reply(ticket, Err(fleetstep_machine::Failure::named("A")));
        execution.step(&program, reply, Timestamp::default(), &mut effects);
        history_text(&effects.history)
    };
    assert_eq!(told(HistoryLevel::Off), "");
    assert_eq!(told(HistoryLevel::Fatal), "8<7 ExecutionFailed Broken: for good\n");
    assert_eq!(
        told(HistoryLevel::Error),
        "5<4 TaskFailed 0 A: -\n7<6 FailStateEntered F {\"Error\":\"A\",\"Cause\":\"\"}\n\
         8<7 ExecutionFailed Broken: for good\n"
    );
    assert_eq!(told(HistoryLevel::All).lines().count(), 8);
}
