//! States made ready for a test of their own.

use fleetstep_asl::{LONE_STATE_NAME, Resource, Tested, TestedError, compile_tested};
use fleetstep_document::Document;
use fleetstep_machine::{Kind, Next, Program, StateKind};

/// States within states, things that only STANDARD machines have, a service that this runtime cannot call.
const MACHINE: &str = r#"{
  "StartAt": "Read", "TimeoutSeconds": 7, "States": {
    "Read": {
      "Type": "Map", "Next": "Both",
      "ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "JSON"}},
      "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject"},
      "ItemProcessor": {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
        "StartAt": "Put", "States": {
          "Put": {"Type": "Task", "Resource": "arn:aws:states:::dynamodb:putItem", "Next": "Again"},
          "Again": {"Type": "Choice", "Choices": [{"Variable": "$.n", "IsNull": true, "Next": "Again"}], "Default": "End"},
          "End": {"Type": "Succeed"}
        }
      }
    },
    "Both": {
      "Type": "Parallel", "End": true, "Branches": [
        {"StartAt": "One", "States": {"One": {"Type": "Pass", "End": true}}},
        {"StartAt": "Two", "States": {"Two": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true}}}
      ]
    }
  }
}"#;

fn tested(name: &str) -> (Program, Tested) {
    compile_tested(MACHINE, Some(name)).unwrap_or_else(|error| panic!("{name}: {error:?}"))
}

#[test]
fn a_state_is_found_at_whatever_depth() {
    let kinds = [("Read", StateKind::Map), ("Put", StateKind::Task), ("Both", StateKind::Parallel)];
    for (name, kind) in kinds {
        let (program, tested) = tested(name);
        assert_eq!(tested.kind, kind);
        let start = program.branches[program.root.index()].start;
        assert_eq!(program.states[start.index()].name, LONE_STATE_NAME);
        assert_eq!(tested.name_of(start), name);
        assert_eq!(program.timeout, None);
    }
    assert!(matches!(compile_tested(MACHINE, Some("None")), Err(TestedError::NotFound)));
    assert!(matches!(compile_tested("{}", None), Err(TestedError::Invalid(_))));
}

#[test]
fn what_a_test_has_to_know_of_a_state() {
    let (_, map) = tested("Read");
    assert!(map.is_distributed && map.writes_results && !map.is_jsonata && map.resource.is_none());
    assert_eq!(map.reader.as_ref().map(Document::to_json).as_deref(), Some(r#"{"InputType":"JSON"}"#));
    assert!(map.has_within("Put") && !map.has_within("One"));
    assert!(tested("Again").1.is_within_map && !tested("One").1.is_within_map && !map.is_within_map);
    let (_, both) = tested("Both");
    assert!(both.branches == 2 && both.has_within("Two") && !both.has_within("Both"));
    let service = Resource::Service { arn: "arn:aws:states:::dynamodb:putItem".into() };
    assert_eq!(tested("Put").1.resource, Some(service));
    let (program, two) = tested("Two");
    assert_eq!(two.resource, Some(Resource::LambdaInvoke));
    let start = &program.states[program.branches[program.root.index()].start.index()];
    let Kind::Task(task) = &start.kind else { panic!("no Task") };
    assert_eq!(task.task.index(), 0);
}

#[test]
fn a_lone_state_leads_to_names() {
    let source = r#"{"Type": "Pass", "QueryLanguage": "JSONPath", "Next": "Elsewhere"}"#;
    let (program, lone) = compile_tested(source, None).expect("it is right");
    let start = program.branches[program.root.index()].start;
    let Next::State(next) = program.states[start.index()].next else { panic!("it ends") };
    assert_eq!((lone.name_of(start).as_str(), lone.name_of(next).as_str()), (LONE_STATE_NAME, "Elsewhere"));
}
