//! Pages over an API that answers from a table.

use bytes::Bytes;
use fleetstep_console::{Api, Console, PageBody};
use futures_util::future::{BoxFuture, FutureExt as _};
use http::header::{COOKIE, LOCATION, SET_COOKIE};
use http::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

const ARN: &str = "arn:aws:states:us-east-1:000000000000:express:w:run:id";
const TOKEN: &str = "fst-right";
/// What nobody should find in a page as it stands here.
const HOSTILE: &str = "</pre><script>alert(1)</script>\"' onload=x \u{202e}\u{1b}[2J";

/// An API, and what it was asked.
#[derive(Default)]
struct Table {
    wants_token: bool,
    asked: Mutex<Vec<(Method, String, String)>>,
}

impl Api for Table {
    fn ask(&self, request: Request<Bytes>, _remote: SocketAddr) -> BoxFuture<'_, Response<Bytes>> {
        let token = request.headers().get("authorization").and_then(|value| value.to_str().ok());
        let is_let_in = !self.wants_token || token == Some(&format!("Bearer {TOKEN}"));
        let (path, body) = (request.uri().to_string(), String::from_utf8_lossy(request.body()).into_owned());
        self.asked.lock().unwrap().push((request.method().clone(), path.clone(), body));
        let (status, body) = match is_let_in {
            true => answer(request.method(), request.uri().path()),
            false => (401, json!({"title": "MissingAuthenticationToken", "status": 401, "detail": "Who are you?"})),
        };
        let mut response = Response::new(Bytes::from(body.to_string()));
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        async move { response }.boxed()
    }

    fn module_bytes_max(&self) -> usize {
        1 << 20
    }
}

fn answer(method: &Method, path: &str) -> (u16, Value) {
    let stats =
        json!({"name": HOSTILE, "perSecond": 12.5, "succeeded": 7, "failed": 1, "p50Micros": 100.0, "running": 2});
    let execution = json!({
        "executionArn": ARN, "name": HOSTILE, "stateMachineArn": "arn:aws:states:us-east-1:000000000000:stateMachine:w",
        "status": "FAILED", "startDate": "2026-11-22T16:10:37.475Z", "stopDate": "2026-11-22T16:10:38.475Z",
        "durationMicros": 1_000_000, "error": HOSTILE, "cause": HOSTILE, "input": {"a": HOSTILE},
        "cost": {"busyMicros": 184, "billedMilliseconds": 1_000, "billedMemoryMB": 64, "expressUsd": 0.000_002_04},
    });
    let path = percent_encoding::percent_decode_str(path).decode_utf8_lossy().into_owned();
    match (method.as_str(), path.as_str()) {
        ("GET", "/v1/stats") => (200, json!({"workflows": [stats], "functions": [stats]})),
        ("GET", "/v1/executions") => (200, json!({"executions": [execution], "nextToken": "more"})),
        ("GET", path) if path.ends_with("/states") => {
            (200, json!({"states": [{"name": "A", "succeeded": 1, "p99Micros": 5.0}]}))
        }
        ("GET", path) if path.ends_with("/versions") => {
            let version = json!({"version": 1, "creationDate": "", "description": HOSTILE});
            let alias = json!({"name": HOSTILE, "routes": [{"version": 1, "weight": 100}], "description": HOSTILE});
            (200, json!({"versions": [version], "aliases": [alias]}))
        }
        ("GET", path) if path.ends_with("/diagnostics") => {
            let warning = json!({"message": HOSTILE, "line": 1, "column": 2, "location": HOSTILE, "hint": HOSTILE});
            (200, json!({"runs": true, "diagnostics": [warning]}))
        }
        ("GET", path) if path.ends_with("/replay") => (200, json!({"fleetstepReplay": 1})),
        ("GET", path) if path.ends_with("/history") => {
            let entered = json!({"id": 2, "previousEventId": 0, "type": "FailStateEntered", "details": {"name": "A", "input": HOSTILE}});
            (200, json!({"level": "ALL", "events": [entered]}))
        }
        ("GET", path) if path == format!("/v1/executions/{ARN}") => (200, execution),
        ("GET", "/v1/workflows/w" | "/v1/workflows") => {
            let definition =
                json!({"StartAt": "A", "Comment": HOSTILE, "States": {"A": {"Type": "Fail", "Error": HOSTILE}}});
            (200, json!({"name": "w", "format": "json", "definition": definition.to_string(), "updateDate": ""}))
        }
        ("GET", path) if path.ends_with("/logs") => {
            let failure = json!({"at": "", "error": HOSTILE, "cause": HOSTILE, "executionArn": ARN});
            (200, json!({"lines": [{"at": "", "level": "INFO", "text": HOSTILE}], "failures": [failure]}))
        }
        ("GET", "/v1/functions/f") => {
            (200, json!({"name": "f", "kind": "task", "environment": {"A": HOSTILE}, "problem": HOSTILE}))
        }
        ("POST", "/v1/workflows/w/run") => (202, json!({"executionArn": ARN})),
        ("PUT", _) => (
            400,
            json!({"title": "InvalidDefinition", "detail": HOSTILE, "diagnostics": [
            {"message": HOSTILE, "line": 3, "column": 4, "location": HOSTILE, "hint": HOSTILE}]}),
        ),
        _ => (404, json!({"title": "NotFound", "detail": HOSTILE})),
    }
}

struct Answer {
    status: u16,
    location: String,
    cookie: String,
    text: String,
}

async fn ask(table: &Arc<Table>, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let console = Console::new(Arc::clone(table) as Arc<dyn Api>);
    assert!(console.has(path.split('?').next().unwrap()));
    let mut request = Request::builder().method(method).uri(path).header("host", "localhost:8083");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Bytes::copy_from_slice(body.as_bytes())).unwrap();
    let response = console.answer(request, SocketAddr::from(([127, 0, 0, 1], 9))).await;
    let text = |name: http::HeaderName| {
        response.headers().get(name).map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
    };
    let (location, cookie) = (text(LOCATION), text(SET_COOKIE));
    let status = response.status().as_u16();
    let PageBody::Whole(body) = response.into_body() else { panic!("it is whole") };
    Answer { status, location, cookie, text: String::from_utf8(body.to_vec()).unwrap() }
}

const PAGES: [&str; 9] = [
    "/console",
    "/console/workflows/w",
    "/console/workflows/w?heat=errors",
    "/console/deploy?name=w",
    "/console/executions?status=FAILED&name=%3Cb%3E",
    "/console/executions/arn%3Aaws%3Astates%3Aus%2Deast%2D1%3A000000000000%3Aexpress%3Aw%3Arun%3Aid",
    "/console/functions",
    "/console/functions/f",
    "/console/sign-in",
];

#[tokio::test]
async fn what_others_wrote_is_text() {
    let table = Arc::default();
    for page in PAGES {
        let answer = ask(&table, "GET", page, &[], "").await;
        assert_eq!(answer.status, 200, "{page}");
        // What is to be changed has to stand in its form as it is.
        let is_form = page.contains("deploy");
        for raw in ["<script>alert", "<b>", "\u{202e}", "\u{1b}"].into_iter().take(if is_form { 2 } else { 4 }) {
            assert!(!answer.text.contains(raw), "{page}: {raw:?}");
        }
    }
    let refused = ask(&table, "POST", "/console/deploy", &[], "name=w&definition=%3C%2Ftextarea%3E%3Cb%3E").await;
    assert_eq!(refused.status, 400);
    assert!(refused.text.contains("Line 3, column 4") && !refused.text.contains("<b>"));
}

#[tokio::test]
async fn a_workflow_tells_its_versions_diagnostics_and_cost_and_a_function_its_failures() {
    let table = Arc::default();
    let workflow = ask(&table, "GET", PAGES[1], &[], "").await.text;
    for told in ["Versions and aliases", "100 % to 1", "Diagnostics", "Line 1, column 2", "AWS Express would cost"] {
        assert!(workflow.contains(told), "{told}");
    }
    let function = ask(&table, "GET", PAGES[7], &[], "").await.text;
    assert!(function.contains("Latest failures") && function.contains("Memory, most"));
    let execution = ask(&table, "GET", PAGES[5], &[], "").await.text;
    assert!(execution.contains("$0.00000204") && execution.contains("1000 ms with 64 MB"));
    let replay = ask(&table, "GET", &format!("{}/replay.json", PAGES[5]), &[], "").await;
    assert_eq!((replay.status, replay.text.as_str()), (200, "{\"fleetstepReplay\":1}"));
}

#[tokio::test]
async fn a_start_keeps_its_history_and_goes_to_the_run() {
    let table = Arc::<Table>::default();
    let started = ask(&table, "POST", "/console/workflows/w/start", &[], "input=%7B%22a%22%3A1%7D").await;
    assert_eq!((started.status, started.location.as_str()), (303, PAGES[5]));
    let asked = table.asked.lock().unwrap().pop().unwrap();
    assert_eq!(asked, (Method::POST, "/v1/workflows/w/run?history=ALL".into(), "{\"a\":1}".into()));
}

#[tokio::test]
async fn what_another_site_sends_changes_nothing() {
    let table = Arc::<Table>::default();
    let path = "/console/workflows/w/start";
    for headers in [
        [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")],
        [("sec-fetch-site", "same-site"), ("origin", "http://localhost:1")],
        [("origin", "http://evil.example"), ("accept", "*/*")],
        [("origin", "null"), ("accept", "*/*")],
    ] {
        assert_eq!(ask(&table, "POST", path, &headers, "input=1").await.status, 403, "{headers:?}");
    }
    assert!(table.asked.lock().unwrap().is_empty());
    let own = [("sec-fetch-site", "same-origin"), ("origin", "http://localhost:8083")];
    assert_eq!(ask(&table, "POST", path, &own, "input=1").await.status, 303);
    assert_eq!(ask(&table, "POST", path, &own[1..], "input=1").await.status, 303);
}

#[tokio::test]
async fn where_there_are_keys_one_signs_in_and_out() {
    let table = Arc::new(Table { wants_token: true, ..Table::default() });
    let first = ask(&table, "GET", "/console/workflows/w", &[], "").await;
    assert_eq!(first.status, 401);
    assert!(first.text.contains("type=\"password\"") && first.text.contains("value=\"/console/workflows/w\""));
    for wrong in ["", "wrong", "fst-right%0d%0aset-cookie%3a+a", "a%3bb"] {
        let refused = ask(&table, "POST", "/console/sign-in", &[], &format!("token={wrong}")).await;
        assert_eq!((refused.status, refused.cookie.as_str()), (401, ""), "{wrong}");
    }
    for (next, goes_to) in [
        ("/console/workflows/w", "/console/workflows/w"),
        ("https%3A%2F%2Fevil.example", "/console"),
        ("%2F%2Fevil.example", "/console"),
        ("/consoleevil", "/console"),
    ] {
        let let_in = ask(&table, "POST", "/console/sign-in", &[], &format!("token={TOKEN}&next={next}")).await;
        assert_eq!((let_in.status, let_in.location.as_str()), (303, goes_to));
        assert_eq!(let_in.cookie, format!("fleetstep_token={TOKEN}; Path=/console; HttpOnly; SameSite=Strict"));
    }
    let cookie = format!("other=1; fleetstep_token={TOKEN}");
    assert_eq!(ask(&table, "GET", "/console", &[(COOKIE.as_str(), &cookie)], "").await.status, 200);
    let out = ask(&table, "POST", "/console/logout", &[(COOKIE.as_str(), &cookie)], "").await;
    assert!(out.cookie.contains("Max-Age=0"));
}

#[tokio::test]
async fn what_is_not_there_and_what_cannot_be_done() {
    let table = Arc::default();
    for (method, path, status) in [
        ("GET", "/console/nothing", 404),
        ("GET", "/console/workflows/other", 404),
        ("GET", "/console/assets/../lib.rs", 404),
        ("DELETE", "/console", 405),
        ("POST", "/console/nothing", 404),
    ] {
        assert_eq!(ask(&table, method, path, &[], "").await.status, status, "{method} {path}");
    }
    for asset in ["console.css", "console.js", "icon.svg", "diagram.css"] {
        assert_eq!(ask(&table, "GET", &format!("/console/assets/{asset}"), &[], "").await.status, 200);
    }
}
