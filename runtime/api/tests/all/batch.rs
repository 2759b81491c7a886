//! Batches of starts, and many requests on one connection.

use crate::harness::{Answer, Server};
use fleetstep_api::Limits;
use serde_json::{Value, json};

const NDJSON: &str = "Content-Type: application/x-ndjson";
const ASYNC: &str = "Prefer: respond-async";

fn pass() -> Value {
    json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}})
}

fn lines(answer: &Answer) -> Vec<Value> {
    answer.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_answers_a_line_for_each_in_their_order() {
    let server = Server::start().await;
    server.create("p", &pass()).await;
    let body = b"{\"n\":1}\n\n  [2]\r\n{\"broken\n4";
    let answer = server.http("POST", "/v1/workflows/p/batch", &[NDJSON], body).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/x-ndjson")), "{answer:?}");
    let lines = lines(&answer);
    let outputs: Vec<&Value> = lines.iter().map(|line| &line["output"]).collect();
    assert_eq!(outputs, [&json!({"n": 1}), &json!([2]), &Value::Null, &json!(4)]);
    assert_eq!(lines[0]["status"], "SUCCEEDED");
    assert_eq!(
        (&lines[2]["title"], &lines[2]["status"]),
        (&json!("InvalidExecutionInput"), &json!(400)),
        "{}",
        lines[2]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_nobody_waits_for_runs_to_its_end() {
    let server = Server::start().await;
    server.create("p", &pass()).await;
    let body: String = (0..300).map(|n| format!("{n}\n")).collect();
    let answer = server.http("POST", "/v1/workflows/p/batch", &[NDJSON, ASYNC], body.as_bytes()).await;
    assert_eq!((answer.status, answer.header("preference-applied")), (202, Some("respond-async")), "{answer:?}");
    let lines = lines(&answer);
    assert_eq!(lines.len(), 300);
    for n in [0, 150, 299] {
        let path = format!("/v1/executions/{}", lines[n]["executionArn"].as_str().unwrap());
        let shown = server.http("GET", &path, &[], b"").await.json();
        assert_eq!((&shown["status"], &shown["output"]), (&json!("SUCCEEDED"), &json!(n)), "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_beyond_the_room_is_refused_line_by_line() {
    let engine = fleetstep_engine::Limits { executions_running_max: 2, ..fleetstep_engine::Limits::default() };
    let server = Server::with(Limits::default(), engine).await;
    server.create("w", &json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 60, "End": true}}})).await;
    let answer = server.http("POST", "/v1/workflows/w/batch", &[NDJSON, ASYNC], b"1\n2\n3").await;
    let lines = lines(&answer);
    let told: Vec<&str> = lines.iter().map(|line| line["status"].as_str().unwrap_or("refused")).collect();
    assert_eq!(told, ["RUNNING", "RUNNING", "refused"]);
    assert_eq!(lines[2]["title"], "ThrottlingException");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_is_none_is_refused() {
    let server = Server::with(Limits { batch_body_bytes_max: 20_000, ..Limits::default() }, Default::default()).await;
    server.create("p", &pass()).await;
    let many = "1\n".repeat(5_000);
    let large = "1".repeat(20_001);
    for (path, headers, body, status, title) in [
        ("p/batch", &["Content-Type: application/json"][..], "1", 415, "UnsupportedMediaType"),
        ("p/batch?name=n", &[NDJSON], "1", 400, "ValidationException"),
        ("q/batch", &[NDJSON], "1", 404, "StateMachineDoesNotExist"),
        ("p/batch", &[NDJSON], &many, 400, "ValidationException"),
        ("p/batch", &[NDJSON], &large, 413, "RequestEntityTooLarge"),
    ] {
        let answer = server.http("POST", &format!("/v1/workflows/{path}"), headers, body.as_bytes()).await;
        assert_eq!((answer.status, &answer.json()["title"]), (status, &json!(title)), "{path}: {answer:?}");
    }
    let answer = server.http("GET", "/v1/workflows/p/batch", &[], b"").await;
    assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")));
    let nothing = server.http("POST", "/v1/workflows/p/batch", &[NDJSON], b"").await;
    assert_eq!((nothing.status, nothing.text()), (200, ""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_in_a_pipeline_are_answered_in_their_order() {
    let server = Server::start().await;
    let arn = server.create("p", &pass()).await;
    let mut client = server.connect().await;
    let mut all = Vec::new();
    for n in 0..50 {
        let body = json!({"stateMachineArn": arn, "input": n.to_string()}).to_string();
        let head = format!(
            "POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: AWSStepFunctions.StartSyncExecution\r\n\
             Content-Type: application/x-amz-json-1.0\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        all.extend_from_slice(head.as_bytes());
        all.extend_from_slice(body.as_bytes());
    }
    client.send(&all).await;
    for n in 0..50 {
        let answer = client.receive().await.expect("an answer");
        assert_eq!((answer.status, &answer.json()["output"]), (200, &json!(n.to_string())), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_streams_of_one_connection_are_answered_each_with_its_own() {
    let server = Server::start().await;
    let arn = server.create("p", &pass()).await;
    let stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let executor = hyper_util::rt::TokioExecutor::new();
    let io = hyper_util::rt::TokioIo::new(stream);
    let (sender, connection) = hyper::client::conn::http2::handshake(executor, io).await.unwrap();
    let driver = tokio::spawn(connection);
    let streams = (0..200).map(|n: u32| {
        let body = json!({"stateMachineArn": arn, "input": n.to_string()}).to_string();
        let request = hyper::Request::post("http://h/")
            .header("x-amz-target", "AWSStepFunctions.StartSyncExecution")
            .body(http_body_util::Full::new(bytes::Bytes::from(body)))
            .unwrap();
        let mut sender = sender.clone();
        async move {
            let answer = sender.send_request(request).await.unwrap();
            let body = http_body_util::BodyExt::collect(answer.into_body()).await.unwrap().to_bytes();
            let answer: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(answer["output"], n.to_string());
        }
    });
    futures_util::future::join_all(streams).await;
    driver.abort();
}
