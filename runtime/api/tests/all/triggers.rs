//! Routes and schedules over HTTP: what is put, what is answered, who is let in.

use crate::harness::{Answer, Server};
use fleetstep_api::Limits;
use serde_json::{Value, json};

const JSON: &str = "Content-Type: application/json";

async fn put(server: &Server, name: &str, spec: Value) -> Answer {
    server.http("PUT", &format!("/v1/routes/{name}"), &[JSON], spec.to_string().as_bytes()).await
}

/// A server with a workflow for each thing that may come of one.
async fn server() -> Server {
    server_with(Limits::default()).await
}

async fn server_with(limits: Limits) -> Server {
    let server = Server::with(limits, fleetstep_engine::Limits::default()).await;
    for (name, state) in [
        ("pass", json!({"Type": "Pass", "End": true})),
        ("fail", json!({"Type": "Fail", "Error": "Refused", "Cause": "on purpose"})),
        ("wait", json!({"Type": "Wait", "Seconds": 60, "End": true})),
    ] {
        server.create(name, &json!({"StartAt": "S", "States": {"S": state}})).await;
    }
    server
}

async fn put_all(server: &Server, routes: &[(&str, Value)]) {
    for (name, spec) in routes {
        let answer = put(server, name, spec.clone()).await;
        assert_eq!(answer.status, 201, "{name}: {}", answer.text());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_becomes_an_input_and_an_output_an_answer() {
    let server = server().await;
    put_all(
        &server,
        &[
            ("plain", json!({"method": "POST", "path": "/orders/{id}", "workflow": "pass"})),
            (
                "shaped",
                json!({"method": "GET", "path": "/orders/{id}", "workflow": "pass",
                    "input": {"id": "{% $request.parameters.id %}", "page": "{% $number($request.query.page) %}"},
                    "output": {"status": 203, "headers": {"x-order": "{% $output.id %}"}, "body": {"got": "{% $output %}"}}}),
            ),
            ("text", json!({"method": "PUT", "path": "/text", "workflow": "pass", "input": "{% $request.body %}", "output": {"body": "{% $output %}"}})),
            ("form", json!({"method": "POST", "path": "/form", "workflow": "pass", "input": "{% $request.form %}"})),
            ("fails", json!({"method": "POST", "path": "/fails", "workflow": "fail", "output": {"status": 200}})),
            ("broken", json!({"method": "POST", "path": "/broken", "workflow": "pass", "output": {"body": "{% $output.none %}"}})),
            ("gone", json!({"method": "POST", "path": "/gone", "workflow": "none"})),
        ],
    )
    .await;
    let answer = server.http("POST", "/orders/a%20b?x=1&x=2", &[JSON], b"{\"n\":1}").await;
    assert_eq!(
        (answer.status, answer.json()),
        (
            200,
            json!({"method": "POST", "path": "/orders/a%20b", "parameters": {"id": "a b"}, "query": {"x": ["1", "2"]}, "body": {"n": 1}})
        )
    );
    let arn = answer.header("fleetstep-execution-arn").expect("its ARN").to_owned();
    let shown = server.http("GET", &format!("/v1/executions/{arn}"), &[], b"").await;
    assert_eq!(shown.json()["status"], "SUCCEEDED");

    let answer = server.http("GET", "/orders/7?page=3", &[], b"").await;
    assert_eq!((answer.status, answer.header("x-order")), (203, Some("7")), "{answer:?}");
    assert_eq!(answer.json(), json!({"got": {"id": "7", "page": 3}}));
    assert_eq!(answer.header("content-type"), Some("application/json"));

    let answer = server.http("PUT", "/text", &["Content-Type: text/csv"], "a;ä".as_bytes()).await;
    assert_eq!(
        (answer.status, answer.text(), answer.header("content-type")),
        (200, "a;ä", Some("text/plain; charset=utf-8"))
    );
    let answer = server.http("POST", "/form", &["Content-Type: application/x-www-form-urlencoded"], b"a=1&b=x+y").await;
    assert_eq!((answer.status, answer.json()), (200, json!({"a": "1", "b": "x y"})));

    let answer = server.http("POST", "/fails", &[], b"").await;
    assert_eq!(
        (answer.status, &answer.json()["error"]),
        (422, &json!("Refused")),
        "a failure is told as `run` tells it"
    );
    for (method, path, headers, body, status, told) in [
        ("POST", "/broken", &[JSON][..], "{}", 500, "InternalFailure"),
        ("GET", "/orders/7?page=x", &[], "", 400, "InvalidExecutionInput"),
        ("POST", "/gone", &[JSON], "{}", 404, "StateMachineDoesNotExist"),
        ("POST", "/orders/7", &[JSON], "{", 400, "SerializationException"),
        ("POST", "/orders/7", &[], "{}", 415, "UnsupportedMediaType"),
        ("POST", "/orders/7", &["Content-Type: image/png"], "x", 415, "UnsupportedMediaType"),
        ("POST", "/orders/%ff", &[JSON], "{}", 400, "SerializationException"),
        ("DELETE", "/orders/7", &[], "", 405, "MethodNotAllowed"),
        ("HEAD", "/orders/7", &[], "", 405, ""),
        ("OPTIONS", "/orders/7", &[], "", 405, "MethodNotAllowed"),
        ("POST", "/orders", &[JSON], "{}", 404, "NotFound"),
        ("POST", "/orders/7/", &[JSON], "{}", 404, "NotFound"),
    ] {
        let answer = server.http(method, path, headers, body.as_bytes()).await;
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
        assert!(told.is_empty() || answer.json()["title"] == told, "{method} {path}: {answer:?}");
    }
    let wrong = server.http("DELETE", "/orders/7", &[], b"").await;
    assert_eq!(wrong.header("allow"), Some("POST, GET"));
    let own = server.http("POST", "/~000000000000/orders/7", &[JSON], b"{}").await;
    assert_eq!(own.status, 200, "the account may be named");
    assert_eq!(server.http("POST", "/~111111111111/orders/7", &[JSON], b"{}").await.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_waits_for_is_acknowledged() {
    let server = server().await;
    let asynchronous = |more: Value| {
        let mut spec = json!({"method": "POST", "workflow": "wait", "mode": "async"});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        spec
    };
    put_all(
        &server,
        &[
            ("usual", asynchronous(json!({"path": "/later"}))),
            (
                "own",
                asynchronous(
                    json!({"path": "/own", "output": {"status": 200, "body": "{% 'working on ' & $execution.name %}"}}),
                ),
            ),
        ],
    )
    .await;
    let answer = server.http("POST", "/later", &[JSON], b"{}").await;
    assert_eq!((answer.status, &answer.json()["status"]), (202, &json!("RUNNING")), "{answer:?}");
    assert!(answer.header("location").is_some_and(|location| location.starts_with("/v1/executions/arn")));
    let answer = server.http("POST", "/own", &[JSON], b"{}").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let arn = answer.header("fleetstep-execution-arn").expect("its ARN");
    assert_eq!(answer.text(), format!("working on {}", arn.split(':').nth(7).unwrap()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn routes_are_put_shown_listed_and_deleted_and_their_secrets_are_not_shown() {
    let server = server().await;
    let secret = "nobody-sees-this";
    let spec = json!({"method": "POST", "path": "/hook", "workflow": "pass", "verify": {"scheme": "github", "secrets": [secret]}});
    let answer = put(&server, "hook", spec.clone()).await;
    assert_eq!((answer.status, &answer.json()["verify"]["secrets"]), (201, &json!(["***"])));
    assert_eq!(put(&server, "hook", spec.clone()).await.status, 200);
    let mut again = spec.clone();
    again["verify"].as_object_mut().unwrap().remove("secrets");
    again["mode"] = json!("async");
    let answer = put(&server, "hook", again).await;
    assert_eq!((answer.status, &answer.json()["mode"]), (200, &json!("async")), "the secret stays: {answer:?}");
    put_all(&server, &[("other", json!({"method": "GET", "path": "/hook", "workflow": "pass"}))]).await;
    let conflict = put(&server, "third", json!({"method": "GET", "path": "/hook", "workflow": "pass"})).await;
    assert_eq!((conflict.status, &conflict.json()["title"]), (409, &json!("ConflictException")));
    let wrong =
        put(&server, "wrong", json!({"method": "GET", "path": "/v1/x", "workflow": "pass", "input": "{% ( %}"})).await;
    assert_eq!((wrong.status, &wrong.json()["title"]), (422, &json!("InvalidTrigger")), "{wrong:?}");
    let problems = wrong.json()["diagnostics"].clone();
    let places: Vec<&str> = problems.as_array().unwrap().iter().map(|one| one["location"].as_str().unwrap()).collect();
    assert_eq!(places, ["/path", "/input"]);
    assert!(problems[1]["offset"].as_u64().is_some(), "{problems}");
    let listed = server.http("GET", "/v1/routes?max_items=1", &[], b"").await;
    assert_eq!(listed.json()["routes"][0]["name"], "hook");
    let token = listed.json()["nextToken"].as_str().expect("more").to_owned();
    let more = server.http("GET", &format!("/v1/routes?token={token}"), &[], b"").await;
    assert_eq!(more.json()["routes"][0]["name"], "other");
    assert!(![&listed, &more].iter().any(|answer| answer.text().contains(secret)));
    assert_eq!(server.http("GET", "/v1/routes/hook", &[], b"").await.json()["path"], "/hook");
    assert_eq!(server.http("DELETE", "/v1/routes/hook", &[], b"").await.status, 204);
    for method in ["GET", "DELETE"] {
        let answer = server.http(method, "/v1/routes/hook", &[], b"").await;
        assert_eq!((answer.status, &answer.json()["title"]), (404, &json!("RouteDoesNotExist")));
    }
    assert_eq!(server.http("POST", "/hook", &[JSON], b"{}").await.status, 405);
    assert_eq!(server.http("PUT", "/v1/routes/a", &["Content-Type: text/plain"], b"{}").await.status, 415);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_is_believed_once() {
    let limits = Limits { deliveries_max: 3, ..Limits::default() };
    let server = server_with(limits).await;
    let verify = json!({"scheme": "github", "secrets": ["It's a Secret to Everybody"]});
    put_all(
        &server,
        &[
            ("one", json!({"method": "POST", "path": "/one", "workflow": "pass", "verify": verify, "input": "{% $request.body %}"})),
            ("two", json!({"method": "POST", "path": "/two", "workflow": "pass", "verify": verify, "mode": "async"})),
            ("fails", json!({"method": "POST", "path": "/fails", "workflow": "fail", "verify": verify})),
        ],
    )
    .await;
    let signature = "X-Hub-Signature-256: sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let text = "Content-Type: text/plain";
    let deliver = async |path: &str, headers: &[&str]| server.http("POST", path, headers, b"Hello, World!").await;
    let first = deliver("/one", &[text, signature]).await;
    assert_eq!((first.status, first.json()), (200, json!("Hello, World!")));
    let again = deliver("/one", &[text, signature]).await;
    assert_eq!((again.status, again.json()), (200, json!({"duplicate": true})));
    assert!(again.header("fleetstep-execution-arn").is_none());
    assert_eq!(deliver("/two", &[text, signature]).await.status, 202, "another route takes it too");
    // What failed may come again, and so may what was refused.
    for _ in 0..2 {
        assert_eq!(deliver("/fails", &[text, signature]).await.status, 422);
    }
    let unsigned = deliver("/one", &[text]).await;
    assert_eq!((unsigned.status, &unsigned.json()["title"]), (401, &json!("InvalidSignatureException")));
    let changed = server.http("POST", "/one", &[text, signature], b"Hello, World?").await;
    assert_eq!(changed.status, 401, "{changed:?}");
    let executions = server.http("GET", "/v1/executions?workflow=pass", &[], b"").await.json();
    assert_eq!(executions["executions"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_another_site_uses_a_route_only_where_it_is_named() {
    let server = server().await;
    let route = |path: &str, more: Value| {
        let mut spec = json!({"method": "POST", "path": path, "workflow": "pass"});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        spec
    };
    let shop = json!({"origins": ["https://shop.example"]});
    put_all(
        &server,
        &[
            ("closed", route("/closed", json!({}))),
            ("public", route("/public", json!({"public": true}))),
            ("named", route("/named", json!({"cors": shop, "public": true}))),
            ("all", route("/all", json!({"cors": {"origins": ["*"], "headers": ["content-type", "x-own"]}}))),
        ],
    )
    .await;
    let text = "Content-Type: text/plain";
    for (path, origin, status, allowed) in [
        ("/closed", "Origin: https://evil.example", 403, None),
        ("/closed", "Sec-Fetch-Site: cross-site", 403, None),
        ("/closed", "Sec-Fetch-Site: none", 200, None),
        ("/public", "Origin: https://evil.example", 200, None),
        ("/named", "Origin: https://shop.example", 200, Some("https://shop.example")),
        ("/named", "Origin: https://shop.example.evil", 200, None),
        ("/all", "Origin: https://any.example", 200, Some("https://any.example")),
    ] {
        let answer = server.http("POST", path, &[text, origin], b"x").await;
        assert_eq!(answer.status, status, "{path} {origin}: {answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), allowed, "{path} {origin}");
    }
    let preflight = async |path: &str, origin: &str| {
        let headers = [origin, "Access-Control-Request-Method: POST"];
        server.http("OPTIONS", path, &headers, b"").await
    };
    let asked = preflight("/named", "Origin: https://shop.example").await;
    assert_eq!((asked.status, asked.header("access-control-allow-methods")), (204, Some("POST")), "{asked:?}");
    assert_eq!(asked.header("access-control-allow-headers"), Some("content-type, authorization"));
    let asked = preflight("/all", "Origin: https://any.example").await;
    assert_eq!(asked.header("access-control-allow-headers"), Some("content-type, x-own"));
    let asked = preflight("/named", "Origin: https://evil.example").await;
    assert_eq!((asked.status, asked.header("access-control-allow-origin")), (204, None));
    assert_eq!(preflight("/closed", "Origin: https://shop.example").await.status, 405);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schedules_are_put_shown_with_what_comes_and_deleted() {
    let server = server().await;
    let put = async |name: &str, spec: Value| {
        server.http("PUT", &format!("/v1/schedules/{name}"), &[JSON], spec.to_string().as_bytes()).await
    };
    let spec = json!({"schedule": "cron(0 0 1 1 ? *)", "timezone": "Europe/Berlin", "workflow": "pass", "start": "2090-06-01T00:00:00Z"});
    let answer = put("yearly", spec.clone()).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let upcoming = &answer.json()["upcoming"];
    assert_eq!(upcoming[0], "2090-12-31T23:00:00Z");
    assert_eq!(upcoming.as_array().unwrap().len(), 5);
    assert_eq!(put("yearly", spec).await.status, 200);
    let wrong = put("wrong", json!({"schedule": "cron(0 0 1 13 ? *)", "workflow": "pass"})).await;
    assert_eq!((wrong.status, &wrong.json()["diagnostics"][0]["offset"]), (422, &json!(11)), "{wrong:?}");
    let listed = server.http("GET", "/v1/schedules", &[], b"").await.json();
    assert_eq!(
        (&listed["schedules"][0]["name"], &listed["schedules"][0]["missed"]),
        (&json!("yearly"), &json!("skip"))
    );
    assert_eq!(server.http("GET", "/v1/schedules/yearly", &[], b"").await.json()["enabled"], true);
    assert_eq!(server.http("DELETE", "/v1/schedules/yearly", &[], b"").await.status, 204);
    let gone = server.http("GET", "/v1/schedules/yearly", &[], b"").await;
    assert_eq!((gone.status, &gone.json()["title"]), (404, &json!("ScheduleDoesNotExist")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_and_an_input_are_bounded() {
    let server = server_with(Limits { route_body_bytes_max: 300_000, ..Limits::default() }).await;
    let spec = json!({"method": "POST", "path": "/b", "workflow": "pass", "input": "{% $length($request.body) %}"});
    put_all(&server, &[("b", spec), ("all", json!({"method": "POST", "path": "/all", "workflow": "pass"}))]).await;
    let text = "Content-Type: text/plain";
    let large = "x".repeat(280_000);
    let answer = server.http("POST", "/b", &[text], large.as_bytes()).await;
    assert_eq!((answer.status, answer.text()), (200, "280000"), "the input counts, not the body");
    let answer = server.http("POST", "/all", &[text], large.as_bytes()).await;
    assert_eq!((answer.status, &answer.json()["title"]), (400, &json!("InvalidExecutionInput")));
    assert_eq!(server.http("POST", "/b", &[text], "x".repeat(300_001).as_bytes()).await.status, 413);
    let spec = json!({"method": "POST", "path": "/c", "workflow": "pass", "input": large});
    assert_eq!(put(&server, "c", spec).await.status, 413);
}
