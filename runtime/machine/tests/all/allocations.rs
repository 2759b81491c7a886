//! What a state allocates: nothing, unless it makes a document.

use crate::support::json;
use fleetstep_machine::testing::{Draft, machine};
use fleetstep_machine::{
    Effects, Event, Execution, ExecutionStart, HistoryLevel, Identity, Outcome, Program, Status, Timestamp,
};
use std::sync::Arc;

const NAMES: [&str; 24] = [
    "A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M", "N", "O", "P", "Q", "R", "S", "T", "U", "V", "W",
    "X",
];

/// Allocations of a whole execution that needs one step and nobody keeps the history of.
fn allocations(program: &Program, input: &str) -> u64 {
    let (input, identity) = (json(input), Arc::new(Identity::default()));
    let counted = allocation_counter::measure(|| {
        let started = Timestamp::default();
        let (input, identity) = (input.clone(), Arc::clone(&identity));
        let start = ExecutionStart { input, identity, seed: 1, started, history: HistoryLevel::Off };
        let mut execution = Execution::new(program, start);
        let status = execution.step(program, Event::Start, started, &mut Effects::default());
        assert!(matches!(status, Status::Finished(Outcome::Succeeded(_))), "{status:?}");
    });
    counted.count_total
}

/// A list of as many states as there are names, or of one.
fn chain(length: usize, state: fn(&'static str, &'static str) -> Draft) -> Program {
    let next = |at: usize| if at + 1 == length { "End" } else { NAMES[at + 1] };
    let mut states: Vec<_> = (0..length).map(|at| state(NAMES[at], next(at))).collect();
    states.push(Draft::succeed("End"));
    machine(states)
}

#[track_caller]
fn check(state: fn(&'static str, &'static str) -> Draft, each: u64) {
    let input = r#"{"total":30,"lines":[1,2,3]}"#;
    let (one, all) = (allocations(&chain(1, state), input), allocations(&chain(NAMES.len(), state), input));
    assert_eq!(one, each, "an execution of one");
    assert_eq!(all, each * NAMES.len() as u64, "an execution of {}", NAMES.len());
}

#[test]
fn what_makes_no_document_allocates_nothing() {
    check(|name, next| Draft::pass(name).next(next), 0);
    check(|name, next| Draft::pass(name).result("7").next(next), 0);
    check(|name, next| Draft::pass(name).input_path("$").output_path("$").next(next), 0);
    check(|name, next| Draft::choice(name, &[("$.total", "NumericGreaterThan", "20", next)], None), 0);
}

/// An object is one allocation for itself and one for its entries.
#[test]
fn what_makes_an_object_allocates_that_object() {
    check(|name, next| Draft::pass(name).parameters(r#"{"total.$":"$.total"}"#).next(next), 2);
}

/// The slots of the live iterations and the results are tables that grow; an item has nothing of its own.
#[test]
fn an_item_of_a_map_allocates_nothing() {
    let program = machine(vec![Draft::map("M", "$", vec![Draft::pass("P")])]);
    let items = |count: usize| format!("[{}]", vec!["7"; count].join(","));
    let (few, many) = (allocations(&program, &items(50)), allocations(&program, &items(400)));
    assert!(many <= few + 4, "{few} for 50 items, {many} for 400");
}
