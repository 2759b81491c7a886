//! Bounds of accounts and workflows, of the memory, and starts that come twice.

use crate::harness::{Answer, Server};
use fleetstep_api::{AdmissionConfig, Limits, Options, StartBounds};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Duration;

const JSON: &str = "Content-Type: application/json";
const ASYNC: &str = "Prefer: respond-async";

fn waits(seconds: u32) -> Value {
    json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": seconds, "End": true}}})
}

fn unique() -> Value {
    let pass = json!({"Type": "Pass", "Parameters": {"id.$": "States.UUID()"}, "End": true});
    json!({"StartAt": "P", "States": {"P": pass}})
}

async fn server(options: Options) -> Server {
    let server = Server::open(options, fleetstep_engine::Limits::default()).await;
    server.create("waits", &waits(60)).await;
    server.create("unique", &unique()).await;
    server
}

fn bounded(name: &str, bounds: StartBounds) -> Options {
    let workflows = HashMap::from([(name.to_owned(), bounds)]);
    Options { admission: AdmissionConfig { workflows, ..AdmissionConfig::default() }, ..Options::default() }
}

async fn run(server: &Server, workflow: &str, headers: &[&str], body: &str) -> Answer {
    let headers: Vec<&str> = [JSON].into_iter().chain(headers.iter().copied()).collect();
    server.http("POST", &format!("/v1/workflows/{workflow}/run"), &headers, body.as_bytes()).await
}

fn error(answer: &Answer) -> String {
    let body = answer.json();
    body["title"].as_str().or(body["__type"].as_str()).unwrap_or_default().to_owned()
}

async fn metric(server: &Server, line: &str) -> bool {
    let metrics = server.http("GET", "/metrics", &[], b"").await;
    assert_eq!(metrics.status, 200);
    metrics.text().lines().any(|found| found == line)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workflow_that_is_full_leaves_room_for_another() {
    let bounds = StartBounds { executions_running_max: Some(2), ..StartBounds::default() };
    let server = server(bounded("waits", bounds)).await;
    let arn = json!({"stateMachineArn": "arn:aws:states:us-east-1:000000000000:stateMachine:waits"});
    assert_eq!(run(&server, "waits", &[ASYNC], "{}").await.status, 202);
    let second = run(&server, "waits", &[ASYNC], "{}").await;
    let refused = run(&server, "waits", &[ASYNC], "{}").await;
    assert_eq!((refused.status, error(&refused).as_str()), (429, "ExecutionLimitExceeded"));
    assert_eq!(refused.header("retry-after"), Some("1"));
    let refused = run(&server, "waits", &[], "{}").await;
    assert_eq!((refused.status, error(&refused).as_str()), (429, "ThrottlingException"));
    for (operation, name) in
        [("StartExecution", "ExecutionLimitExceeded"), ("StartSyncExecution", "ThrottlingException")]
    {
        let refused = server.aws(operation, &arn).await;
        assert_eq!((refused.status, error(&refused).as_str()), (400, name));
    }
    let batch = server
        .http("POST", "/v1/workflows/waits/batch", &["Content-Type: application/x-ndjson", ASYNC], b"{}\n{}\n")
        .await;
    assert_eq!(batch.text().matches("ExecutionLimitExceeded").count(), 2, "{}", batch.text());
    assert_eq!(run(&server, "unique", &[], "{}").await.status, 200, "another workflow is not bounded");
    let refusals = "fleetstep_starts_refused_total{bound=\"workflow_executions_running_max\"} 6";
    assert!(metric(&server, refusals).await);
    let running = "fleetstep_bounded_executions_running{account=\"000000000000\",workflow=\"waits\"}";
    assert!(metric(&server, &format!("{running} 2")).await);

    let stop = format!("/v1/executions/{}/stop", second.json()["executionArn"].as_str().unwrap());
    assert_eq!(server.http("POST", &stop, &[JSON], b"{}").await.status, 200);
    // The engine ends it in its own time.
    let is_free = async || run(&server, "waits", &[ASYNC], "{}").await.status == 202;
    let given_back = async {
        while !is_free().await {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), given_back).await.expect("a place that was given back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workflow_has_a_rate() {
    let bounds = StartBounds { start_rate: Some(0.001), start_burst: Some(3), executions_running_max: None };
    let server = server(bounded("unique", bounds)).await;
    for _ in 0..3 {
        assert_eq!(run(&server, "unique", &[], "{}").await.status, 200);
    }
    let refused = run(&server, "unique", &[], "{}").await;
    assert_eq!((refused.status, error(&refused).as_str()), (429, "ThrottlingException"));
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((900..=1_000).contains(&seconds), "{seconds}");
    assert!(metric(&server, "fleetstep_starts_refused_total{bound=\"workflow_start_rate\"} 1").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_without_memory_sheds_and_lives() {
    let admission = AdmissionConfig { memory_bytes_max: Some(1), ..AdmissionConfig::default() };
    let server = server(Options { admission, ..Options::default() }).await;
    let mut statuses = Vec::new();
    for _ in 0..100 {
        statuses.push(run(&server, "unique", &[], "{}").await.status);
    }
    assert_eq!(statuses.last(), Some(&429));
    assert!(statuses.iter().all(|status| [200, 429].contains(status)), "{statuses:?}");
    assert_eq!(server.http("GET", "/healthz", &[], b"").await.status, 200);
    assert_eq!(server.http("GET", "/v1/workflows/unique", &[], b"").await.status, 200);
    assert!(metric(&server, "fleetstep_resident_bytes_max 1").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_comes_twice_starts_once() {
    let server = server(Options::default()).await;
    let key = |key: &str| format!("Idempotency-Key: {key}");
    for headers in [&[][..], &[ASYNC]] {
        let named = key(if headers.is_empty() { "sync" } else { "async" });
        let headers: Vec<&str> = headers.iter().copied().chain([named.as_str()]).collect();
        let first = run(&server, "unique", &headers, "{\"a\":1}").await;
        let again = run(&server, "unique", &headers, "{\"a\":1}").await;
        assert_eq!((again.status, again.text()), (first.status, first.text()));
        assert_eq!(again.header("fleetstep-execution-arn"), first.header("fleetstep-execution-arn"));
        let other = run(&server, "unique", &headers, "{\"a\":2}").await;
        assert_eq!((other.status, error(&other).as_str()), (409, "ExecutionAlreadyExists"));
    }
    let other_way = run(&server, "unique", &[ASYNC, &key("sync")], "{\"a\":1}").await;
    assert_eq!(other_way.status, 409, "another kind of answer");
    let elsewhere = run(&server, "waits", &[ASYNC, &key("sync")], "{}").await;
    assert_eq!(elsewhere.status, 202, "a key belongs to its workflow");
    for wrong in ["", "a\tb", &"x".repeat(256)] {
        let refused = run(&server, "unique", &[&key(wrong)], "{}").await;
        assert_eq!((refused.status, error(&refused).as_str()), (400, "ValidationException"), "{wrong:?}");
    }
    assert!(metric(&server, "fleetstep_idempotency_keys{account=\"000000000000\"} 3").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_come_while_it_runs_wait_for_it_and_one_who_goes_away_takes_nothing_along() {
    let server = server(Options::default()).await;
    server.create("soon", &waits(1)).await;
    let headers = ["Idempotency-Key: k"];
    let gone = tokio::time::timeout(Duration::from_millis(200), run(&server, "soon", &headers, "{\"n\":7}")).await;
    assert!(gone.is_err(), "it waits");
    let (one, two) =
        tokio::join!(run(&server, "soon", &headers, "{\"n\":7}"), run(&server, "soon", &headers, "{\"n\":7}"));
    assert_eq!((one.status, one.text(), two.text()), (200, "{\"n\":7}", "{\"n\":7}"));
    assert_eq!(one.header("fleetstep-execution-arn"), two.header("fleetstep-execution-arn"));
    let executions = server.http("GET", "/v1/executions?workflow=soon", &[], b"").await.json();
    assert_eq!(executions["executions"].as_array().unwrap().len(), 1, "{executions}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_are_keys_where_that_is_asked_for() {
    let request = |input: &str| {
        let arn = "arn:aws:states:us-east-1:000000000000:stateMachine:unique";
        json!({"stateMachineArn": arn, "name": "n", "input": input})
    };
    let server = server(Options { idempotent_names: true, ..Options::default() }).await;
    let first = server.aws("StartExecution", &request("{}")).await;
    let again = server.aws("StartExecution", &request("{}")).await;
    assert_eq!((first.status, first.json()), (200, again.json()));
    let other = server.aws("StartExecution", &request("[]")).await;
    assert_eq!((other.status, error(&other).as_str()), (400, "ExecutionAlreadyExists"));
    let sync = server.aws("StartSyncExecution", &request("{}")).await.json();
    assert_ne!(sync["executionArn"], first.json()["executionArn"], "synchronous ones are never the same");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_kept_for_its_time_and_not_for_another_one() {
    let limits = Limits { idempotency_keys_max: 1, ..Limits::default() };
    let server = server(Options { limits, ..Options::default() }).await;
    assert_eq!(run(&server, "unique", &["Idempotency-Key: a"], "{}").await.status, 200);
    assert_eq!(run(&server, "unique", &["Idempotency-Key: b"], "{}").await.status, 429);
    assert_eq!(run(&server, "unique", &["Idempotency-Key: a"], "{}").await.status, 200);
    let batch = ["Content-Type: application/x-ndjson", "Idempotency-Key: a"];
    assert_eq!(server.http("POST", "/v1/workflows/unique/batch", &batch, b"{}").await.status, 400);
}
