//! Executions that tasks start.

use crate::harness::{Server, extended_catalog};
use fleetstep_api::{AdmissionConfig, Options, Service, StartBounds};
use fleetstep_engine::{Engine, Limits};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Duration;

/// A server whose machines may wait with `.sync`.
async fn server(options: Options) -> Server {
    let catalog = extended_catalog("000000000000", true).await;
    Server::of(Service::new(catalog, Engine::new(Limits::default()), options, |_| ())).await
}

/// A machine of one task that starts an execution.
fn starts(action: &str, parameters: &Value) -> Value {
    let resource = format!("arn:aws:states:::{action}");
    json!({ "StartAt": "Start", "States": {
        "Start": { "Type": "Task", "Resource": resource, "Parameters": parameters, "End": true }
    } })
}

fn states(states: &Value) -> Value {
    json!({ "StartAt": "S", "States": states })
}

async fn run(server: &Server, arn: &str, input: &Value) -> Value {
    let request = json!({ "stateMachineArn": arn, "input": input.to_string() });
    let answer = server.aws("StartSyncExecution", &request).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// The output of an execution that succeeded.
async fn output(server: &Server, arn: &str, input: &Value) -> Value {
    let answer = run(server, arn, input).await;
    assert_eq!(answer["status"], "SUCCEEDED", "{answer}");
    serde_json::from_str(answer["output"].as_str().unwrap()).unwrap()
}

async fn listed(server: &Server, workflow: &str) -> Vec<Value> {
    let answer = server.http("GET", &format!("/v1/executions?workflow={workflow}"), &[], b"").await;
    answer.json()["executions"].as_array().unwrap().clone()
}

async fn child(server: &Server) -> String {
    let definition = states(
        &json!({ "S": { "Type": "Pass", "Parameters": { "got.$": "$.a", "name.$": "$$.Execution.Name" }, "End": true } }),
    );
    server.create("child", &definition).await
}

#[tokio::test]
async fn a_child_is_started_and_goes_on_by_itself() {
    let server = server(Options::default()).await;
    let child = child(&server).await;
    let parameters = json!({
        "StateMachineArn": child, "Name": "first",
        "Input": { "a.$": "$.x", "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID.$": "$$.Execution.Id" },
    });
    let parent = server.create("parent", &starts("states:startExecution", &parameters)).await;
    let started = output(&server, &parent, &json!({ "x": 7 })).await;
    let arn = started["ExecutionArn"].as_str().unwrap();
    assert!(arn.contains(":express:child:first:"), "{started}");
    assert!(started["StartDate"].as_str().unwrap().ends_with('Z'), "{started}");
    assert_eq!(started["SdkHttpMetadata"]["HttpStatusCode"], 200);

    let kept = server.http("GET", &format!("/v1/executions/{arn}"), &[], b"").await.json();
    assert_eq!((&kept["status"], &kept["output"]["got"]), (&json!("SUCCEEDED"), &json!(7)), "{kept}");
    assert!(kept["input"]["AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID"].as_str().unwrap().contains(":express:parent:"));
    assert!(kept["startedBy"].as_str().unwrap().contains(":express:parent:"), "{kept}");
    let metrics = server.http("GET", "/metrics", &[], b"").await;
    assert!(metrics.text().contains("child"), "the child is counted");
}

#[tokio::test]
async fn a_child_is_waited_for_in_three_ways() {
    let server = server(Options::default()).await;
    let child = child(&server).await;
    let parameters = json!({ "StateMachineArn": child, "Input": { "a": [1] } });
    for (action, check) in [
        ("states:startExecution.sync", "text"),
        ("states:startExecution.sync:2", "json"),
        ("aws-sdk:sfn:startSyncExecution", "sdk"),
    ] {
        let parent = server.create(&format!("parent-{check}"), &starts(action, &parameters)).await;
        let ended = output(&server, &parent, &json!({})).await;
        assert_eq!((&ended["Status"], &ended["StateMachineArn"]), (&json!("SUCCEEDED"), &json!(child)), "{ended}");
        let given: Value = match check {
            "json" => ended["Output"].clone(),
            _ => serde_json::from_str(ended["Output"].as_str().unwrap()).unwrap(),
        };
        assert_eq!(given, json!({ "got": [1], "name": ended["Name"] }));
        let input = if check == "json" { json!({ "a": [1] }) } else { json!("{\"a\":[1]}") };
        assert_eq!((&ended["Input"], &ended["InputDetails"]), (&input, &json!({ "Included": true })));
        assert_eq!(ended["StartDate"].is_string(), check == "sdk", "{ended}");
        assert_eq!(ended["BillingDetails"]["BilledMemoryUsedInMB"].is_number(), check == "sdk", "{ended}");
    }
    assert_eq!(listed(&server, "child").await.len(), 3);
}

#[tokio::test]
async fn a_child_that_fails_fails_its_parent_with_its_description_or_is_an_answer_of_the_sdk() {
    let server = server(Options::default()).await;
    let child = states(&json!({ "S": { "Type": "Fail", "Error": "E", "Cause": "c" } }));
    let child = server.create("child", &child).await;
    let parameters = json!({ "StateMachineArn": child, "Input.$": "$" });
    let waits = server.create("waits", &starts("states:startExecution.sync:2", &parameters)).await;
    let failed = run(&server, &waits, &json!({ "a": 1 })).await;
    assert_eq!((&failed["status"], &failed["error"]), (&json!("FAILED"), &json!("States.TaskFailed")));
    let cause: Value = serde_json::from_str(failed["cause"].as_str().unwrap()).unwrap();
    assert_eq!((&cause["Error"], &cause["Cause"], &cause["Status"]), (&json!("E"), &json!("c"), &json!("FAILED")));
    assert_eq!((&cause["Input"], &cause["StateMachineArn"]), (&json!("{\"a\":1}"), &json!(child)), "{cause}");
    assert!(cause.get("Output").is_none());

    let sdk = server.create("sdk", &starts("aws-sdk:sfn:startSyncExecution", &parameters)).await;
    let ended = output(&server, &sdk, &json!({})).await;
    assert_eq!((&ended["Status"], &ended["Error"], &ended["Cause"]), (&json!("FAILED"), &json!("E"), &json!("c")));
}

#[tokio::test]
async fn what_cannot_be_started_is_named_as_by_the_integration() {
    let server = server(Options::default()).await;
    let missing = "arn:aws:states:us-east-1:000000000000:stateMachine:missing";
    let child = child(&server).await;
    for (index, (action, parameters, error, cause)) in [
        (
            "states:startExecution",
            json!({ "StateMachineArn": missing }),
            "StepFunctions.StateMachineDoesNotExistException",
            "State Machine Does Not Exist: 'arn:aws:states:us-east-1:000000000000:stateMachine:missing' (Service: AWSStepFunctions; Status Code: 400; Error Code: StateMachineDoesNotExist; Request ID: ",
        ),
        (
            "aws-sdk:sfn:startSyncExecution",
            json!({ "StateMachineArn": missing }),
            "Sfn.StateMachineDoesNotExistException",
            "(Service: Sfn, Status Code: 400, Request ID: ",
        ),
        (
            // Another account's: it is looked up where it is not.
            "states:startExecution.sync",
            json!({ "StateMachineArn": child.replace("000000000000", "111111111111") }),
            "StepFunctions.StateMachineDoesNotExistException",
            "State Machine Does Not Exist",
        ),
        (
            "states:startExecution.sync",
            json!({ "StateMachineArn": child, "Name": "no:name" }),
            "StepFunctions.InvalidNameException",
            "Invalid Name: 'no:name'",
        ),
        (
            "states:startExecution",
            json!({ "StateMachineArn": child, "Input": "no JSON" }),
            "StepFunctions.InvalidExecutionInputException",
            "Invalid State Machine Execution Input",
        ),
        ("states:startExecution", json!({}), "States.Runtime", "The field 'StateMachineArn' is required but was missing"),
        (
            "states:startExecution",
            json!({ "StateMachineArn": child, "TraceHeader": "t" }),
            "States.Runtime",
            "The field 'TraceHeader' is not supported by Step Functions",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let parent = server.create(&format!("parent-{index}"), &starts(action, &parameters)).await;
        let failed = run(&server, &parent, &json!({})).await;
        assert_eq!(failed["error"], error, "{failed}");
        assert!(failed["cause"].as_str().unwrap().contains(cause), "{failed}");
    }
}

#[tokio::test]
async fn a_machine_that_starts_itself_comes_to_an_end() {
    let server = server(Options::default()).await;
    let own = "arn:aws:states:us-east-1:000000000000:stateMachine:self";
    let definition = json!({ "StartAt": "Again", "States": { "Again": {
        "Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2", "End": true,
        "Parameters": { "StateMachineArn": own, "Input": {} },
        "ResultSelector": { "below.$": "$.Output.below" },
        "Catch": [{ "ErrorEquals": ["StepFunctions.ExecutionLimitExceededException"], "Next": "Bottom" }],
    }, "Bottom": { "Type": "Pass", "Result": { "below": "the bottom" }, "End": true } } });
    let arn = server.create("self", &definition).await;
    assert_eq!(output(&server, &arn, &json!({})).await, json!({ "below": "the bottom" }));
    assert_eq!(listed(&server, "self").await.len(), 11, "ten below the first");
}

/// Both the parent's deadline and its end by others end a child that is waited for.
#[tokio::test]
async fn a_child_ends_with_the_parent_that_waits_for_it() {
    let server = server(Options::default()).await;
    let child = states(&json!({ "S": { "Type": "Wait", "Seconds": 200, "End": true } }));
    let child = server.create("child", &child).await;
    let mut definition = starts("states:startExecution.sync", &json!({ "StateMachineArn": child }));
    definition["TimeoutSeconds"] = json!(1);
    let parent = server.create("parent", &definition).await;
    let begun = fleetstep_engine::clock::instant();
    assert_eq!(run(&server, &parent, &json!({})).await["status"], "TIMED_OUT");
    assert!(begun.elapsed() < Duration::from_secs(20));

    definition["TimeoutSeconds"] = json!(100);
    server.create("stopped", &definition).await;
    let started = server.http("POST", "/v1/workflows/stopped/run", &["Prefer: respond-async"], b"").await;
    let arn = started.header("fleetstep-execution-arn").unwrap().to_owned();
    let stopped = server.http("POST", &format!("/v1/executions/{arn}/stop"), &[], b"").await;
    assert!(stopped.status < 300, "{stopped:?}");
    let both_aborted = async {
        loop {
            let children = listed(&server, "child").await;
            if children.len() == 2 && children.iter().all(|child| child["status"] == "ABORTED") {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), both_aborted).await.expect("no child outlives its parent");
}

#[tokio::test]
async fn admission_counts_children() {
    let bounds = StartBounds { executions_running_max: Some(0), ..StartBounds::default() };
    let workflows = HashMap::from([("child".to_owned(), bounds)]);
    let server = server(Options {
        admission: AdmissionConfig { workflows, ..AdmissionConfig::default() },
        ..Options::default()
    })
    .await;
    let child = child(&server).await;
    let parameters = json!({ "StateMachineArn": child });
    for (action, error) in [
        ("states:startExecution", "StepFunctions.ExecutionLimitExceededException"),
        ("states:startExecution.sync", "StepFunctions.ThrottlingException"),
    ] {
        let parent = server.create(&format!("parent{}", action.len()), &starts(action, &parameters)).await;
        assert_eq!(run(&server, &parent, &json!({})).await["error"], error);
    }
    assert!(listed(&server, "child").await.is_empty());
}

#[tokio::test]
async fn waiting_for_a_child_is_an_extension() {
    let server = Server::start().await;
    let definition = starts("states:startExecution.sync", &json!({ "StateMachineArn": "x" }));
    let request = json!({
        "name": "parent", "definition": definition.to_string(), "type": "EXPRESS", "roleArn": "arn:aws:iam::000000000000:role/test",
    });
    let refused = server.aws("CreateStateMachine", &request).await.json();
    assert!(
        refused["message"].as_str().unwrap().contains("does not support '.sync' service integration at "),
        "{refused}"
    );
    // What the service has for express workflows is there without.
    let child = child(&server).await;
    let parent = server
        .create(
            "sdk",
            &starts("aws-sdk:sfn:startSyncExecution", &json!({ "StateMachineArn": child, "Input": { "a": 1 } })),
        )
        .await;
    assert_eq!(output(&server, &parent, &json!({})).await["Status"], "SUCCEEDED");
}
