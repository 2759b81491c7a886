//! Tasks that others answer: by a token, or as workers of an activity.

use crate::harness::{Answer, Server, extended_catalog};
use fleetstep_api::{Front, Options, Service};
use fleetstep_engine::{Engine, Limits};
use serde_json::{Value, json};
use std::time::Duration;

async fn service(account: &str) -> Service {
    let catalog = extended_catalog(account, true).await;
    Service::new(
        catalog,
        Engine::new(Limits::default()),
        Options { aws_extensions: true, ..Options::default() },
        |_| (),
    )
}

async fn server() -> Server {
    Server::of(service("000000000000").await).await
}

/// A machine that starts a child with its token and waits for an answer.
fn asks(parameters: &Value, more: &Value) -> Value {
    let mut state = json!({
        "Type": "Task", "Resource": "arn:aws:states:::states:startExecution.waitForTaskToken", "End": true,
        "Parameters": parameters, "HeartbeatSeconds": 100,
        "Catch": [{ "ErrorEquals": ["States.ALL"], "Next": "Caught" }],
    });
    state.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "StartAt": "Ask", "States": { "Ask": state, "Caught": { "Type": "Pass", "End": true } } })
}

/// Starts the machine `asks`; its ARN and the token that it waits under.
async fn asked(server: &Server, more: &Value) -> (String, String) {
    let child = json!({ "StartAt": "S", "States": { "S": { "Type": "Succeed" } } });
    let child = server.create("child", &child).await;
    let parameters = json!({ "StateMachineArn": child, "Input": { "token.$": "$$.Task.Token" } });
    server.create("asks", &asks(&parameters, more)).await;
    let started = server.http("POST", "/v1/workflows/asks/run", &["Prefer: respond-async"], b"").await;
    let arn = started.header("fleetstep-execution-arn").unwrap().to_owned();
    let children = server.http("GET", "/v1/executions?workflow=child", &[], b"").await.json();
    let child = children["executions"][0]["executionArn"].as_str().unwrap().to_owned();
    let child = server.http("GET", &format!("/v1/executions/{child}"), &[], b"").await.json();
    (arn, child["input"]["token"].as_str().unwrap().to_owned())
}

/// What is kept of an execution that is over.
async fn ended(server: &Server, arn: &str) -> Value {
    let over = async {
        loop {
            let kept = server.http("GET", &format!("/v1/executions/{arn}"), &[], b"").await.json();
            if kept["status"] != "RUNNING" {
                return kept;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), over).await.expect("it ends")
}

fn named(answer: &Answer) -> String {
    answer.json()["__type"].as_str().unwrap_or("nothing").to_owned()
}

#[tokio::test]
async fn an_answer_by_token_is_the_tasks_result_and_is_taken_once() {
    let server = server().await;
    let (arn, token) =
        asked(&server, &json!({ "ResultSelector": { "said.$": "$", "token.$": "$$.Task.Token" } })).await;
    assert_eq!(server.aws("SendTaskHeartbeat", &json!({ "taskToken": token })).await.status, 200);
    let bad = server.aws("SendTaskSuccess", &json!({ "taskToken": token, "output": "no JSON" })).await;
    assert_eq!(named(&bad), "InvalidOutput");
    let sent = server.aws("SendTaskSuccess", &json!({ "taskToken": token, "output": "{\"a\":1}" })).await;
    assert_eq!((sent.status, sent.text()), (200, "{}"));
    let kept = ended(&server, &arn).await;
    assert_eq!(kept["output"], json!({ "said": { "a": 1 }, "token": token }), "{kept}");
    for operation in ["SendTaskSuccess", "SendTaskFailure", "SendTaskHeartbeat"] {
        let again = server.aws(operation, &json!({ "taskToken": token, "output": "{}" })).await;
        assert_eq!(named(&again), "TaskTimedOut", "{operation}");
    }
    let guessed = server.aws("SendTaskSuccess", &json!({ "taskToken": "guessed", "output": "{}" })).await;
    assert_eq!(named(&guessed), "InvalidToken");
}

#[tokio::test]
async fn a_failure_by_token_is_the_tasks() {
    let server = server().await;
    let (arn, token) = asked(&server, &json!({})).await;
    let sent = server.aws("SendTaskFailure", &json!({ "taskToken": token, "error": "Rejected", "cause": "no" })).await;
    assert_eq!(sent.status, 200, "{sent:?}");
    assert_eq!(ended(&server, &arn).await["output"], json!({ "Error": "Rejected", "Cause": "no" }));
}

#[tokio::test]
async fn plain_http_answers_too() {
    let server = server().await;
    let json_type = &["Content-Type: application/json"];
    let (arn, token) = asked(&server, &json!({})).await;
    let beat = server.http("POST", &format!("/v1/tasks/{token}/heartbeat"), &[], b"").await;
    assert_eq!(beat.status, 204, "{beat:?}");
    // A page of another site can send no JSON.
    let form = server.http("POST", &format!("/v1/tasks/{token}/success"), &["Content-Type: text/plain"], b"{}").await;
    assert_eq!(form.status, 415);
    let sent = server.http("POST", &format!("/v1/tasks/{token}/success"), json_type, b"[true]").await;
    assert_eq!(sent.status, 204, "{sent:?}");
    assert_eq!(ended(&server, &arn).await["output"], json!([true]));
    let late = server.http("POST", &format!("/v1/tasks/{token}/failure"), json_type, b"{\"error\":\"E\"}").await;
    assert_eq!((late.status, &late.json()["title"]), (410, &json!("TaskTimedOut")));
    let unknown = server.http("POST", "/v1/tasks/none/failure", json_type, b"{}").await;
    assert_eq!((unknown.status, &unknown.json()["title"]), (400, &json!("InvalidToken")));
}

#[tokio::test]
async fn a_missed_heartbeat_fails_on_time_and_one_that_came_puts_it_off() {
    let server = server().await;
    let begun = fleetstep_engine::clock::instant();
    let (arn, token) = asked(&server, &json!({ "HeartbeatSeconds": 1 })).await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(server.aws("SendTaskHeartbeat", &json!({ "taskToken": token })).await.status, 200);
    let kept = ended(&server, &arn).await;
    // A missed heartbeat is told as a timeout.
    assert_eq!(kept["output"], json!({ "Error": "States.Timeout", "Cause": "" }), "{kept}");
    assert!(begun.elapsed() >= Duration::from_millis(1_600) && begun.elapsed() < Duration::from_secs(10));
    let late = server.aws("SendTaskSuccess", &json!({ "taskToken": token, "output": "{}" })).await;
    assert_eq!(named(&late), "TaskTimedOut");
}

#[tokio::test]
async fn a_token_is_of_its_account_alone() {
    let own = service("000000000000").await;
    let other = own.beside(extended_catalog("111111111111", true).await);
    let (arn, token);
    {
        let server = Server::of(own.clone()).await;
        (arn, token) = asked(&server, &json!({})).await;
        let stranger = Server::of(Front::from(other)).await;
        let sent = stranger.aws("SendTaskSuccess", &json!({ "taskToken": token, "output": "{}" })).await;
        assert_eq!(named(&sent), "InvalidToken");
        assert_eq!(server.aws("SendTaskSuccess", &json!({ "taskToken": token, "output": "{}" })).await.status, 200);
        ended(&server, &arn).await;
    }
}

#[tokio::test]
async fn activities_are_made_listed_and_deleted() {
    let server = server().await;
    let made =
        server.aws("CreateActivity", &json!({ "name": "paint", "tags": [{ "key": "k", "value": "v" }] })).await.json();
    let arn = "arn:aws:states:us-east-1:000000000000:activity:paint";
    assert_eq!(made["activityArn"], arn);
    let again = server.aws("CreateActivity", &json!({ "name": "paint" })).await.json();
    assert_eq!(again["creationDate"], made["creationDate"], "the same");
    let described = server.aws("DescribeActivity", &json!({ "activityArn": arn })).await.json();
    assert_eq!((&described["name"], &described["creationDate"]), (&json!("paint"), &made["creationDate"]));
    server.aws("CreateActivity", &json!({ "name": "dry" })).await;
    let listed = server.aws("ListActivities", &json!({ "maxResults": 1 })).await.json();
    assert_eq!(listed["activities"][0]["name"], "dry");
    let rest = server.aws("ListActivities", &json!({ "nextToken": listed["nextToken"] })).await.json();
    assert_eq!((rest["activities"].as_array().unwrap().len(), rest.get("nextToken")), (1, None));
    assert_eq!(server.aws("DeleteActivity", &json!({ "activityArn": arn })).await.status, 200);
    for operation in ["DescribeActivity", "GetActivityTask"] {
        let gone = server.aws(operation, &json!({ "activityArn": arn })).await;
        assert_eq!(named(&gone), "ActivityDoesNotExist");
    }
    let bad = server.aws("CreateActivity", &json!({ "name": "a:b" })).await;
    assert_eq!(named(&bad), "InvalidName");
    let bad = server.aws("DescribeActivity", &json!({ "activityArn": arn.replace("activity", "stateMachine") })).await;
    assert_eq!(named(&bad), "InvalidArn");
}

#[tokio::test]
async fn a_worker_comes_for_a_task_and_answers_it() {
    let server = server().await;
    let arn = "arn:aws:states:us-east-1:000000000000:activity:paint";
    let definition = |more: Value| {
        let mut state = json!({ "Type": "Task", "Resource": arn, "End": true });
        state.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "StartAt": "Paint", "States": { "Paint": state } })
    };
    server.create("paints", &definition(json!({ "HeartbeatSeconds": 1 }))).await;
    let start = || server.http("POST", "/v1/workflows/paints/run", &["Prefer: respond-async"], b"");
    let arn_of = |answer: &Answer| answer.header("fleetstep-execution-arn").unwrap().to_owned();

    // The activity is not there yet.
    let failed = ended(&server, &arn_of(&start().await)).await;
    assert_eq!((&failed["status"], &failed["error"]), (&json!("FAILED"), &json!("States.Runtime")), "{failed}");

    server.aws("CreateActivity", &json!({ "name": "paint" })).await;
    let asks = json!({ "activityArn": arn, "workerName": "w" });
    let poll = || server.aws("GetActivityTask", &asks);
    // The worker is there first.
    let (task, started) = tokio::join!(poll(), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        start().await
    });
    let task = task.json();
    assert_eq!(task["input"], "{}");
    let sent = server.aws("SendTaskSuccess", &json!({ "taskToken": task["taskToken"], "output": "\"blue\"" })).await;
    assert_eq!(sent.status, 200);
    assert_eq!(ended(&server, &arn_of(&started)).await["output"], "blue");

    // The task is there first, for longer than its heartbeat: that counts from when a worker has it.
    let started = start().await;
    tokio::time::sleep(Duration::from_millis(1_300)).await;
    let task = poll().await.json();
    assert!(task["taskToken"].is_string(), "{task}");
    let silent = ended(&server, &arn_of(&started)).await;
    assert_eq!((&silent["status"], &silent["error"]), (&json!("FAILED"), &json!("States.Timeout")), "{silent}");
    let late = server.aws("SendTaskSuccess", &json!({ "taskToken": task["taskToken"], "output": "1" })).await;
    assert_eq!(named(&late), "TaskTimedOut");
}

#[tokio::test]
async fn without_the_extension_it_is_as_on_the_service() {
    let server = Server::start().await;
    for (operation, request, error) in [
        ("CreateActivity", json!({ "name": "a" }), "ActivityLimitExceeded"),
        ("SendTaskSuccess", json!({ "taskToken": "t", "output": "{}" }), "InvalidToken"),
    ] {
        assert_eq!(named(&server.aws(operation, &request).await), error);
    }
    let refused = server.http("POST", "/v1/tasks/t/success", &[], b"").await;
    assert_eq!(refused.status, 404);
    assert!(refused.text().contains("--workflow-extensions"), "{refused:?}");
    let parameters = json!({ "StateMachineArn": "x" });
    let request = json!({
        "name": "asks", "definition": asks(&parameters, &json!({})).to_string(), "type": "EXPRESS",
        "roleArn": "arn:aws:iam::000000000000:role/test",
    });
    let refused = server.aws("CreateStateMachine", &request).await.json();
    assert!(refused["message"].as_str().unwrap().contains("'.waitForTaskToken' service integration  at "), "{refused}");
}
