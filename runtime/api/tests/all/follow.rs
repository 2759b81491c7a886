//! Following executions: server-sent events as they come, to the end.

use crate::harness::{Client, Server};
use fleetstep_api::Limits;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::AsyncReadExt as _;

/// How long an event may take to come.
const EVENT_TIME_MAX: Duration = Duration::from_secs(20);

/// A stream of events, read as it comes.
struct Events {
    client: Client,
    text: String,
    head: Option<String>,
}

#[derive(Debug, PartialEq)]
struct Event {
    name: String,
    id: Option<u64>,
    data: Value,
}

impl Events {
    async fn open(server: &Server, request: &str) -> Self {
        let mut client = server.connect().await;
        client.send(request.as_bytes()).await;
        Self { client, text: String::new(), head: None }
    }

    async fn run(server: &Server, path: &str, more: &str, input: &str) -> Self {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAccept: text/event-stream\r\n\
             Content-Type: application/json\r\n{more}Content-Length: {}\r\n\r\n{input}",
            input.len()
        );
        Self::open(server, &request).await
    }

    async fn get(server: &Server, path: &str, more: &str) -> Self {
        Self::open(server, &format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{more}\r\n")).await
    }

    /// The next event; nothing at the end of the stream.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if self.head.is_none()
                && let Some((head, rest)) = self.text.split_once("\r\n\r\n")
            {
                (self.head, self.text) = (Some(head.to_ascii_lowercase()), rest.to_owned());
            }
            if self.head.is_some()
                && let Some(at) = self.text.find("\n\n")
            {
                let block = self.text[..at].to_owned();
                self.text.drain(..at + 2);
                if let Some(event) = read(&block) {
                    return Some(event);
                }
                continue;
            }
            let mut chunk = [0; 4_096];
            let read = tokio::time::timeout(EVENT_TIME_MAX, self.client.stream.read(&mut chunk)).await;
            match read.expect("an event in time").expect("a connection") {
                0 => return None,
                count => self.text.push_str(std::str::from_utf8(&chunk[..count]).expect("these are ASCII")),
            }
        }
    }

    async fn all(mut self) -> (String, Vec<Event>) {
        let mut all = Vec::new();
        while let Some(event) = self.next().await {
            all.push(event);
        }
        (self.head.expect("a head"), all)
    }
}

/// An event's lines; what a chunked body has between them is no such line.
fn read(block: &str) -> Option<Event> {
    let line = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
    let data = line("data: ")?;
    let id = line("id: ").map(|id| id.parse().expect("a number"));
    Some(Event { name: line("event: ")?.to_owned(), id, data: serde_json::from_str(data).expect("JSON") })
}

fn names(events: &[Event]) -> Vec<String> {
    let name = |event: &Event| match event.data["type"].as_str() {
        Some(kind) => kind.to_owned(),
        None => event.name.clone(),
    };
    events.iter().map(name).collect()
}

async fn server() -> Server {
    let server = Server::start().await;
    let pass = json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}});
    server.create("pass", &pass).await;
    let fail = json!({"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E", "Cause": "c"}}});
    server.create("fail", &fail).await;
    let wait = json!({"StartAt": "A", "States": {
        "A": {"Type": "Pass", "Next": "W"}, "W": {"Type": "Wait", "Seconds": 1, "Next": "B"}, "B": {"Type": "Pass", "End": true}}});
    server.create("wait", &wait).await;
    server
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_followed_tells_all_and_ends_with_its_output() {
    let server = server().await;
    let (head, events) = Events::run(&server, "/v1/workflows/pass/run", "", "{\"n\":1}").await.all().await;
    assert!(head.starts_with("http/1.1 200") && head.contains("content-type: text/event-stream"), "{head}");
    assert!(head.contains("fleetstep-execution-arn: arn:"), "{head}");
    let told = ["started", "ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded", "end"];
    assert_eq!(names(&events), told);
    assert_eq!(events[2].id, Some(2));
    assert_eq!(events[2].data["details"]["input"], json!({"n": 1}));
    let end = &events[5].data;
    assert_eq!((&end["status"], &end["output"]), (&json!("SUCCEEDED"), &json!({"n": 1})));
    assert_eq!(end["executionArn"], events[0].data["executionArn"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_level_is_the_one_that_was_asked_for_and_a_failure_is_told() {
    let server = server().await;
    let events = async |path: &str, more: &str| Events::run(&server, path, more, "{}").await.all().await.1;
    let failed = events("/v1/workflows/fail/run", "").await;
    assert_eq!(names(&failed), ["started", "ExecutionStarted", "FailStateEntered", "ExecutionFailed", "end"]);
    let end = &failed[4].data;
    assert_eq!((&end["status"], &end["error"], &end["cause"]), (&json!("FAILED"), &json!("E"), &json!("c")));
    assert_eq!(names(&events("/v1/workflows/fail/run?history=FATAL", "").await), ["started", "ExecutionFailed", "end"]);
    assert_eq!(names(&events("/v1/workflows/pass/run?history=ERROR", "").await), ["started", "end"]);
    assert_eq!(names(&events("/v1/workflows/pass/run?history=OFF", "").await), ["started", "end"]);
    let later = events("/v1/workflows/pass/run", "Prefer: respond-async\r\n").await;
    assert_eq!(names(&later).last().map(String::as_str), Some("end"));
    let refused =
        server.http("POST", "/v1/workflows/pass/run", &["Accept: text/event-stream", "Idempotency-Key: k"], b"").await;
    assert_eq!((refused.status, &refused.json()["title"]), (400, &json!("ValidationException")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_come_while_it_runs_and_one_who_comes_later_is_told_from_where_it_was() {
    let server = server().await;
    let mut events = Events::run(&server, "/v1/workflows/wait/run", "", "{}").await;
    let mut seen = Vec::new();
    while seen.last().is_none_or(|event: &Event| event.data["type"] != "WaitStateEntered") {
        seen.push(events.next().await.expect("an event"));
    }
    let arn = seen[0].data["executionArn"].as_str().unwrap().to_owned();
    let running = server.http("GET", &format!("/v1/executions/{arn}"), &[], b"").await;
    assert_eq!(running.json()["status"], "RUNNING", "what came, came before the end");
    let path = format!("/v1/executions/{arn}/events");
    let (other, later) = tokio::join!(async { Events::get(&server, &path, "").await.all().await.1 }, async {
        Events::get(&server, &path, "Last-Event-ID: 4\r\n").await.all().await.1
    });
    let (_, rest) = events.all().await;
    assert_eq!(names(&rest).last().map(String::as_str), Some("end"));
    let told = names(&other);
    assert_eq!((told[0].as_str(), told[told.len() - 2].as_str()), ("ExecutionStarted", "ExecutionSucceeded"));
    assert_eq!(later[0].id, Some(5));
    assert_eq!(other.last().unwrap().data["status"], "SUCCEEDED");
    let bare = Events::get(&server, &format!("{path}?include_data=false&after=3"), "").await.all().await.1;
    assert_eq!(bare[0].id, Some(4));
    assert!(bare.iter().all(|event| event.data["details"].get("input").is_none()), "{bare:?}");
    let other_arn = format!("{}{}", &arn[..arn.len() - 1], if arn.ends_with('0') { '1' } else { '0' });
    let unknown = server.http("GET", &format!("/v1/executions/{other_arn}/events"), &[], b"").await;
    assert_eq!(unknown.status, 404, "{unknown:?}");
    let parameter = server.http("GET", &format!("{path}?level=ALL"), &[], b"").await;
    assert_eq!(parameter.status, 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_whose_events_are_kept_no_longer_is_told_so() {
    let limits = Limits { history_events_max: 3, ..Limits::default() };
    let server = Server::with(limits, fleetstep_engine::Limits::default()).await;
    let states = json!({
        "A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "C"}, "C": {"Type": "Pass", "End": true}});
    server.create("long", &json!({"StartAt": "A", "States": states})).await;
    let started = server
        .http(
            "POST",
            "/v1/workflows/long/run?history=ALL",
            &["Content-Type: application/json", "Prefer: respond-async"],
            b"{}",
        )
        .await;
    let arn = started.json()["executionArn"].as_str().unwrap().to_owned();
    let path = format!("/v1/executions/{arn}/events");
    let events = Events::get(&server, &path, "Last-Event-ID: 1\r\n").await.all().await.1;
    assert_eq!(names(&events), ["cut"], "{events:?}");
    assert_eq!(events[0].data["after"], 1);
    let newest = Events::get(&server, &path, "").await.all().await.1;
    assert_eq!(names(&newest), ["PassStateEntered", "PassStateExited", "ExecutionSucceeded", "end"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn followers_are_bounded() {
    let limits = Limits { followers_max: 1, ..Limits::default() };
    let server = Server::with(limits, fleetstep_engine::Limits::default()).await;
    let wait = json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 60, "End": true}}});
    server.create("wait", &wait).await;
    let mut first = Events::run(&server, "/v1/workflows/wait/run", "", "{}").await;
    assert_eq!(first.next().await.expect("an event").name, "started");
    let headers = ["Accept: text/event-stream", "Content-Type: application/json"];
    let second = server.http("POST", "/v1/workflows/wait/run", &headers, b"{}").await;
    assert_eq!((second.status, &second.json()["title"]), (429, &json!("ThrottlingException")));
    let running = server.http("GET", "/v1/executions?status=RUNNING", &[], b"").await.json();
    assert_eq!(running["executions"].as_array().unwrap().len(), 1, "what cannot be followed is not started");
}
