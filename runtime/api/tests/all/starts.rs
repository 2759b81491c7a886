//! Many starts, too many starts, and the end of all starts.

use crate::harness::Server;
use fleetstep_api::{Drained, Limits};
use serde_json::json;
use std::time::Duration;

fn waiting(seconds: u32) -> serde_json::Value {
    json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": seconds, "End": true}}})
}

fn one_execution() -> fleetstep_engine::Limits {
    fleetstep_engine::Limits { executions_running_max: 1, ..fleetstep_engine::Limits::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_too_many_is_throttled() {
    let server = Server::with(Limits::default(), one_execution()).await;
    let arn = server.create("w", &waiting(60)).await;
    assert_eq!(server.aws("StartExecution", &json!({"stateMachineArn": arn})).await.status, 200);
    for operation in ["StartExecution", "StartSyncExecution"] {
        let refused = server.aws(operation, &json!({"stateMachineArn": arn})).await;
        assert_eq!((refused.status, &refused.json()["__type"]), (400, &json!("ThrottlingException")), "{refused:?}");
        assert_eq!(refused.header("x-amzn-errortype"), Some("ThrottlingException"));
    }
    for headers in
        [&["Content-Type: application/json"][..], &["Content-Type: application/json", "Prefer: respond-async"]]
    {
        let refused = server.http("POST", "/v1/workflows/w/run", headers, b"{}").await;
        assert_eq!((refused.status, refused.header("retry-after")), (429, Some("1")), "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_starts_of_one_name_are_two_executions() {
    let server = Server::start().await;
    let arn = server.create("p", &json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}})).await;
    let request = json!({"stateMachineArn": arn, "name": "same"});
    let first = server.aws("StartSyncExecution", &request).await.json();
    let second = server.aws("StartSyncExecution", &request).await.json();
    assert_eq!((&first["name"], &second["name"]), (&json!("same"), &json!("same")));
    assert_ne!(first["executionArn"], second["executionArn"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cache_forgets_the_oldest() {
    let limits = Limits { cache_entries_max: 32, cache_bytes_max: 1 << 20, ..Limits::default() };
    let server = Server::with(limits, fleetstep_engine::Limits::default()).await;
    server.create("p", &json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}})).await;
    let mut arns = Vec::new();
    for _ in 0..200 {
        let ran = server.http("POST", "/v1/workflows/p/run", &[], b"").await;
        arns.push(ran.header("fleetstep-execution-arn").unwrap().to_owned());
    }
    let mut known = 0;
    for arn in &arns {
        known += usize::from(server.http("GET", &format!("/v1/executions/{arn}"), &[], b"").await.status == 200);
    }
    assert!((1..=32).contains(&known), "{known} are remembered");
    let last = format!("/v1/executions/{}", arns.last().unwrap());
    assert_eq!(server.http("GET", &last, &[], b"").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_in_flight_is_answered_while_the_server_stops() {
    let server = Server::start().await;
    let arn = server.create("w", &waiting(1)).await;
    let address = server.address;
    let mut client = server.connect().await;
    let mut idle = server.connect().await;
    assert_eq!(idle.http("GET", "/readyz", &[], b"").await.status, 200);
    let call = tokio::spawn(async move {
        client.aws("StartSyncExecution", json!({"stateMachineArn": arn}).to_string().as_bytes()).await
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    let stopping = server.stop();
    let answer = call.await.unwrap();
    assert_eq!((answer.status, &answer.json()["status"]), (200, &json!("SUCCEEDED")), "{answer:?}");
    assert!(idle.receive().await.is_none(), "an idle connection is closed");
    assert_eq!(stopping.finish().await, Drained::default());
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readiness_is_withdrawn_before_the_door_closes() {
    let limits = Limits { notice: Duration::from_millis(400), ..Limits::default() };
    let server = Server::with(limits, fleetstep_engine::Limits::default()).await;
    let mut before = server.connect().await;
    let address = server.address;
    let stopping = server.stop();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let ready = before.http("GET", "/readyz", &[], b"").await;
    assert_eq!((ready.status, &ready.json()["status"]), (503, &json!("draining")), "{ready:?}");
    assert_eq!(before.http("GET", "/healthz", &[], b"").await.status, 200);
    assert!(tokio::net::TcpStream::connect(address).await.is_ok(), "the door is still open");
    assert_eq!(stopping.finish().await, Drained::default());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn executions_that_nobody_waits_for_are_waited_for() {
    let server = Server::start().await;
    let arn = server.create("w", &waiting(1)).await;
    assert_eq!(server.aws("StartExecution", &json!({"stateMachineArn": arn})).await.status, 200);
    assert_eq!(server.stop().finish().await, Drained::default());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn patience_has_an_end() {
    let limits = Limits { patience: Duration::from_millis(300), ..Limits::default() };
    let server = Server::with(limits, fleetstep_engine::Limits::default()).await;
    let arn = server.create("w", &waiting(60)).await;
    let request = json!({"stateMachineArn": arn}).to_string();
    assert_eq!(server.connect().await.aws("StartExecution", request.as_bytes()).await.status, 200);
    let mut client = server.connect().await;
    let head = format!(
        "POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: AWSStepFunctions.StartSyncExecution\r\nContent-Length: {}\r\n\r\n",
        request.len()
    );
    client.send(head.as_bytes()).await;
    client.send(request.as_bytes()).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let drained = server.stop().finish().await;
    assert_eq!(drained, Drained { connections_cut: 1, executions_cut: 2 });
    assert!(client.receive().await.is_none(), "the connection is cut");
}
