//! What a definition becomes.

use fleetstep_asl::{Compiled, Format, LONE_STATE_NAME, Options, Resource, WorkflowType, compile, compile_state};
use fleetstep_machine::{ErrorPattern, Kind, Next, Placement, State, Until};
use std::time::Duration;

fn compiled(source: &str, format: Format) -> Compiled {
    let compilation = compile(source, &Options { format, target: Some(WorkflowType::Express), ..Options::default() });
    compilation.compiled.unwrap_or_else(|| panic!("{:?}", compilation.diagnostics))
}

fn state<'a>(compiled: &'a Compiled, name: &str) -> &'a State {
    compiled.program.states.iter().find(|state| state.name == name).unwrap_or_else(|| panic!("no state {name}"))
}

/// The name of the state that `state` leads to.
fn next<'a>(compiled: &'a Compiled, state: &State) -> Option<&'a str> {
    match state.next {
        Next::State(next) => Some(&compiled.program.states[next.index()].name),
        Next::End => None,
    }
}

#[test]
fn states_lie_flat_and_lead_to_each_other_by_index() {
    let compiled = compiled(include_str!("../data/seed.json"), Format::Json);
    let program = &compiled.program;
    assert_eq!(program.states.len(), 12);
    assert_eq!(program.branches.len(), 4);
    assert_eq!(program.timeout, Some(Duration::from_secs(200)));
    let start = program.branches[program.root.index()].start;
    assert_eq!(program.states[start.index()].name, "Prepare");
    assert_eq!(next(&compiled, state(&compiled, "Prepare")), Some("Reserve"));
    assert_eq!(next(&compiled, state(&compiled, "Notify")), None);
    let Kind::Parallel(parallel) = &state(&compiled, "Both").kind else { panic!("no Parallel") };
    let starts: Vec<&str> = parallel
        .branches
        .iter()
        .map(|branch| &*program.states[program.branches[branch.index()].start.index()].name)
        .collect();
    assert_eq!(starts, ["Invoice", "Notify"]);
    assert!(matches!(parallel.settle.placement, Placement::Discard));
    let Kind::Map(map) = &state(&compiled, "Each").kind else { panic!("no Map") };
    assert_eq!(program.states[program.branches[map.processor.index()].start.index()].name, "One");
    assert!(map.max_concurrency.is_some() && map.tolerated_failure_count.is_none());
    assert!(matches!(map.settle.placement, Placement::Replace));
}

#[test]
fn resources_stand_at_the_index_of_their_task() {
    let compiled = compiled(include_str!("../data/seed.json"), Format::Json);
    let resource = |name| {
        let Kind::Task(task) = &state(&compiled, name).kind else { panic!("no Task") };
        &compiled.resources[task.task.index()]
    };
    assert_eq!(compiled.program.task_count as usize, compiled.resources.len());
    assert_eq!(*resource("Invoice"), Resource::LambdaInvoke);
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:reserve:$LATEST".into();
    let function = Resource::Function { arn, name: "reserve".into(), qualifier: Some("$LATEST".into()) };
    assert_eq!(*resource("Reserve"), function);
}

#[test]
fn retriers_have_their_defaults() {
    let compiled = compiled(include_str!("../data/seed.json"), Format::Json);
    let Kind::Task(task) = &state(&compiled, "Reserve").kind else { panic!("no Task") };
    let [busy, all] = &*task.retry else { panic!("two retriers") };
    assert_eq!(*busy.errors, [ErrorPattern::Name("Stock.Busy".into()), ErrorPattern::Name("States.Timeout".into())]);
    assert_eq!((busy.interval, busy.max_delay), (Duration::from_secs(2), Some(Duration::from_secs(9))));
    assert_eq!((busy.max_attempts, busy.backoff_rate, busy.full_jitter), (4, 1.5, true));
    assert_eq!(*all.errors, [ErrorPattern::All]);
    assert_eq!((all.interval, all.max_delay), (Duration::from_secs(1), None));
    assert_eq!((all.max_attempts, all.backoff_rate, all.full_jitter), (3, 2.0, false));
    assert!(matches!(task.catch[0].placement, Placement::At(_)));
    assert_eq!(compiled.program.states[task.catch[0].next.index()].name, "Sorry");
}

#[test]
fn paths_that_change_nothing_are_left_out() {
    let source = r#"{"StartAt": "A", "States": {
        "A": {"Type": "Pass", "InputPath": "$", "OutputPath": null, "ResultPath": "$", "Next": "B"},
        "B": {"Type": "Wait", "Timestamp": "2030-01-01T00:00:00Z", "Next": "C"},
        "C": {"Type": "Choice", "Choices": [{"Variable": "$.a", "IsNull": true, "Next": "A"}], "Default": "D"},
        "D": {"Type": "Fail", "Error": "Oh", "CausePath": "$.why"}
    }}"#;
    let compiled = compiled(source, Format::Json);
    let first = state(&compiled, "A");
    assert!(first.input.is_none());
    assert!(first.output.as_ref().is_some_and(|output| output.as_literal().is_some()));
    let Kind::Pass { arguments, result, settle } = &first.kind else { panic!("no Pass") };
    assert!(arguments.is_none() && result.is_none() && settle.selector.is_none());
    assert!(matches!(settle.placement, Placement::Replace));
    let Kind::Wait(Until::Timestamp(timestamp)) = &state(&compiled, "B").kind else { panic!("no Wait") };
    assert_eq!(timestamp.as_literal().and_then(|literal| literal.as_str()), Some("2030-01-01T00:00:00Z"));
    let Kind::Choice { rules, default } = &state(&compiled, "C").kind else { panic!("no Choice") };
    assert_eq!(compiled.program.states[rules[0].next.index()].name, "A");
    assert_eq!(default.map(|state| &*compiled.program.states[state.index()].name), Some("D"));
    let Kind::Fail { error, cause } = &state(&compiled, "D").kind else { panic!("no Fail") };
    assert!(error.as_ref().is_some_and(|error| error.as_literal().is_some()));
    assert!(cause.as_ref().is_some_and(|cause| cause.as_literal().is_none()));
}

/// YAML and JSON of the same definition give the same program.
#[test]
fn yaml_is_another_way_to_write_it() {
    let compiled = compiled(include_str!("../data/seed.yaml"), Format::Yaml);
    assert_eq!(compiled.resources, [Resource::LambdaInvoke, Resource::LambdaInvoke]);
    assert_eq!(next(&compiled, state(&compiled, "Work")), Some("Again"));
    let Kind::Choice { rules, .. } = &state(&compiled, "Look").kind else { panic!("no Choice") };
    assert_eq!(rules.len(), 2);
}

#[test]
fn a_state_alone_is_a_program_with_a_place_for_each_name_that_it_leads_to() {
    let source = r#"{
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Catch": [{ "ErrorEquals": ["A"], "Next": "Mend" }, { "ErrorEquals": ["B"], "Next": "Mend" }],
        "Next": "Go on"
    }"#;
    let options = Options { mocked: true, target: Some(WorkflowType::Express), ..Options::default() };
    let compilation = compile_state(source, &options);
    assert_eq!(compilation.diagnostics, []);
    let compiled = compilation.compiled.unwrap();
    let names: Vec<&str> = compiled.program.states.iter().map(|state| &*state.name).collect();
    assert_eq!(names, [LONE_STATE_NAME, "Go on", "Mend"]);
    assert_eq!(next(&compiled, &compiled.program.states[0]), Some("Go on"));
    assert!(matches!(compiled.resources[..], [Resource::Service { .. }]));

    let refused = compile_state(r#"{ "Type": "Parallel", "Branches": [], "End": true }"#, &options);
    assert_eq!(refused.diagnostics[0].location, "/States/StateName/Branches");
}

#[test]
fn a_distributed_map_is_compiled_only_where_it_is_mocked() {
    let source = r#"{
        "Type": "Map",
        "ItemProcessor": {
            "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" },
            "StartAt": "P",
            "States": { "P": { "Type": "Pass", "End": true } }
        },
        "Label": "each",
        "End": true
    }"#;
    assert!(compile_state(source, &Options::default()).compiled.is_none());
    let mocked = compile_state(source, &Options { mocked: true, ..Options::default() });
    assert_eq!(mocked.diagnostics, []);
    assert_eq!(mocked.compiled.unwrap().program.branches.len(), 2);
}
