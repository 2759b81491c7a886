//! What takes more than one plain request to see: functions with a real module, executions that nobody waits for.

use crate::harness::Server;
use fleetstep_api::Limits;
use serde_json::{Value, json};
use std::time::Duration;

/// A WASI command that prints `{"ok":true}`:
/// `(call $fd_write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 0))`, an iovec at 8, the text at 16.
const OK_COMMAND: &[u8] = include_bytes!("../data/ok.wasm");

const WASM: &[&str] = &["Content-Type: application/wasm"];
const JSON: &[&str] = &["Content-Type: application/json; charset=utf-8"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_functions_life() {
    let server = Server::start().await;
    let path = "/v1/functions/ok?memory_mib=8&timeout_seconds=3&concurrency=2&env.MODE=fast+lane&description=d";
    let put = server.http("PUT", path, WASM, OK_COMMAND).await;
    assert_eq!(put.status, 201, "{put:?}");
    let made = put.json();
    assert_eq!((&made["name"], &made["kind"]), (&json!("ok"), &json!("command")));
    assert_eq!(made["arn"], "arn:aws:lambda:us-east-1:000000000000:function:ok");
    assert_eq!(made["module_bytes"], OK_COMMAND.len());
    assert_eq!(
        (&made["memory_mib"], &made["timeout_seconds"], &made["concurrency"]),
        (&json!(8), &json!(3), &json!(2))
    );
    assert_eq!((&made["environment"], &made["description"]), (&json!({"MODE": "fast lane"}), &json!("d")));

    // The module again, without a word about settings, keeps them; one word changes one.
    let again = server.http("PUT", "/v1/functions/ok", WASM, OK_COMMAND).await;
    assert_eq!((again.status, &again.json()["memory_mib"]), (200, &json!(8)));
    let again = server.http("PUT", "/v1/functions/ok?concurrency=5", WASM, OK_COMMAND).await.json();
    assert_eq!((&again["concurrency"], &again["timeout_seconds"]), (&json!(5), &json!(3)));
    for method in ["PATCH", "PUT"] {
        let body = br#"{"timeout_seconds": 4, "environment": {"A": "b"}}"#;
        let set = server.http(method, "/v1/functions/ok", JSON, body).await;
        assert_eq!(set.status, 200, "{set:?}");
        assert_eq!((&set.json()["timeout_seconds"], &set.json()["environment"]), (&json!(4), &json!({"A": "b"})));
    }
    assert_eq!(server.http("GET", "/v1/functions", &[], b"").await.json()["functions"][0]["concurrency"], 5);

    let called = server.http("POST", "/v1/functions/ok/invoke", JSON, b"{}").await;
    assert_eq!((called.status, called.json()), (200, json!({"ok": true})), "{called:?}");
    assert_eq!(server.http("GET", "/v1/functions/ok/logs", &[], b"").await.json()["lines"], json!([]));

    let task = json!({"StartAt": "T", "States": {"T": {"Type": "Task",
        "Resource": "arn:aws:lambda:us-east-1:000000000000:function:ok", "End": true}}});
    let arn = server.create("m", &task).await;
    let run = server.aws("StartSyncExecution", &json!({"stateMachineArn": arn})).await.json();
    assert_eq!((&run["status"], &run["output"]), (&json!("SUCCEEDED"), &json!(r#"{"ok":true}"#)), "{run}");

    assert_eq!(server.http("DELETE", "/v1/functions/ok", &[], b"").await.status, 204);
    assert_eq!(server.http("DELETE", "/v1/functions/ok", &[], b"").await.status, 404);
    let run = server.aws("StartSyncExecution", &json!({"stateMachineArn": arn})).await.json();
    assert_eq!((&run["status"], &run["error"]), (&json!("FAILED"), &json!("Lambda.ResourceNotFoundException")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_value_of_a_secret_is_in_no_answer() {
    let server = Server::start().await;
    assert_eq!(server.http("PUT", "/v1/functions/ok", WASM, OK_COMMAND).await.status, 201);
    let set = |body: &'static str| server.http("PATCH", "/v1/functions/ok", JSON, body.as_bytes());
    let answer = set(r#"{"secrets": {"KEY": "tulips-at-nine"}, "environment": {"A": "b"}}"#).await;
    assert_eq!((answer.status, &answer.json()["secrets"]), (200, &json!({"KEY": "***"})));
    let answer = set(r#"{"timeout_seconds": 4}"#).await;
    assert_eq!(answer.json()["secrets"], json!({"KEY": "***"}), "they stay");
    for path in ["/v1/functions", "/v1/functions/ok"] {
        let shown = server.http("GET", path, &[], b"").await.json().to_string();
        assert!(shown.contains(r#"{"KEY":"***"}"#) && !shown.contains("tulips"), "{shown}");
    }
    for body in [
        r#"{"secrets": {"KEY": "***"}}"#,
        r#"{"secrets": {"A": "tulips-at-nine"}}"#,
        r#"{"secrets": {"1": "tulips-at-nine"}}"#,
        r#"{"secrets": {"KEY": ["tulips-at-nine"]}}"#,
        r#"{"secrets": "tulips-at-nine"}"#,
    ] {
        let refused = set(body).await;
        assert_eq!(refused.status, 400, "{body}: {refused:?}");
        assert!(!refused.json().to_string().contains("tulips"), "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_too_many_is_refused_before_its_body_is_read() {
    let limits = Limits { uploads_max: 1, ..Limits::default() };
    let server = Server::with(limits, fleetstep_engine::Limits::default()).await;
    let mut slow = server.connect().await;
    let head = "PUT /v1/functions/slow HTTP/1.1\r\nHost: h\r\nContent-Type: application/wasm\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n";
    slow.send(head.as_bytes()).await;
    assert_eq!(slow.receive().await.unwrap().status, 100, "its body is awaited");
    let refused = server.http("PUT", "/v1/functions/ok", WASM, OK_COMMAND).await;
    assert_eq!(refused.status, 429, "{refused:?}");
    assert_eq!((refused.header("retry-after"), refused.header("connection")), (Some("1"), Some("close")));
    slow.send(b"not wasm!").await;
    assert_eq!(slow.receive().await.unwrap().status, 422);
    assert_eq!(server.http("PUT", "/v1/functions/ok", WASM, OK_COMMAND).await.status, 201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_that_are_none_are_refused() {
    let server = Server::start().await;
    assert_eq!(server.http("PUT", "/v1/functions/ok", WASM, OK_COMMAND).await.status, 201);
    for body in [
        "[]",
        "{",
        r#"{"memory_mib": "8"}"#,
        r#"{"memory_mib": 1.5}"#,
        r#"{"memory_mib": -1}"#,
        r#"{"timeout_seconds": 0}"#,
        r#"{"environment": []}"#,
        r#"{"environment": {"A": 1}}"#,
        r#"{"description": 1}"#,
        r#"{"env.A": 1}"#,
        r#"{"colour": "red"}"#,
    ] {
        let answer = server.http("PATCH", "/v1/functions/ok", JSON, body.as_bytes()).await;
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{body}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_execution_that_nobody_waits_for_can_be_looked_at() {
    let server = Server::start().await;
    let definition = json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1, "Next": "P"},
        "P": {"Type": "Pass", "Result": [true], "End": true}}});
    let machine = server.create("slow", &definition).await;

    let started = server.aws("StartExecution", &json!({"stateMachineArn": machine, "name": "n", "input": "[1]"})).await;
    assert_eq!(started.status, 200, "{started:?}");
    let started = started.json();
    assert_eq!(started.as_object().unwrap().len(), 2, "{started}");
    let seconds = started["startDate"].as_f64().unwrap();
    assert!(seconds > 1.7e9 && seconds < 4e9, "{seconds}");
    let arn = started["executionArn"].as_str().unwrap();
    assert!(arn.starts_with("arn:aws:states:us-east-1:000000000000:express:slow:n:"), "{arn}");

    let shown = server.http("GET", &format!("/v1/executions/{arn}"), &[], b"").await.json();
    assert_eq!((&shown["status"], &shown["input"], &shown["name"]), (&json!("RUNNING"), &json!([1]), &json!("n")));
    assert_eq!((shown.get("stopDate"), shown.get("output")), (None, None));
    assert_eq!(server.http("GET", "/healthz", &[], b"").await.json()["executionsRunning"], 1);

    let encoded = arn.replace(':', "%3A");
    let shown = finished(&server, &encoded).await;
    assert_eq!((&shown["status"], &shown["output"]), (&json!("SUCCEEDED"), &json!([true])), "{shown}");
    assert_eq!(shown["stateMachineArn"], machine.as_str());
    assert!(shown["stopDate"].as_str().unwrap() > shown["startDate"].as_str().unwrap(), "{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_prefers_not_to_wait_gets_a_place_to_look() {
    let server = Server::start().await;
    server.create("f", &json!({"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E"}}})).await;
    for prefer in ["Prefer: respond-async", "prefer: handling=strict, Respond-Async; wait=10"] {
        let started = server.http("POST", "/v1/workflows/f/run", &[JSON[0], prefer], b"{}").await;
        assert_eq!((started.status, &started.json()["status"]), (202, &json!("RUNNING")), "{started:?}");
        assert_eq!(started.header("preference-applied"), Some("respond-async"));
        let arn = started.json()["executionArn"].as_str().unwrap().to_owned();
        assert_eq!(started.header("fleetstep-execution-arn"), Some(arn.as_str()));
        let location = started.header("location").unwrap().strip_prefix("/v1/executions/").unwrap().to_owned();
        let shown = finished(&server, &location).await;
        assert_eq!((&shown["executionArn"], &shown["status"]), (&json!(arn), &json!("FAILED")));
        assert_eq!((&shown["error"], shown.get("cause")), (&json!("E"), None), "{shown}");
    }
    let waited = server.http("POST", "/v1/workflows/f/run", &[JSON[0], "Prefer: wait=5"], b"{}").await;
    assert_eq!(waited.status, 422, "{waited:?}");
    let arn = waited.header("fleetstep-execution-arn").unwrap();
    let shown = server.http("GET", &format!("/v1/executions/{arn}"), &[], b"").await.json();
    assert_eq!(shown["status"], "FAILED", "{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_execution_that_was_answered_for_can_be_looked_at_too() {
    let server = Server::start().await;
    let definition = json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": {"r": "ä\"\n"}, "End": true}}});
    let machine = server.create("p", &definition).await;
    for included in ["ALL_DATA", "METADATA_ONLY"] {
        let request = json!({"stateMachineArn": machine, "input": " [1.50]", "includedData": included});
        let ran = server.aws("StartSyncExecution", &request).await.json();
        let path = format!("/v1/executions/{}", ran["executionArn"].as_str().unwrap());
        let mut shown = server.http("GET", &path, &[], b"").await.json();
        assert!(shown.as_object_mut().unwrap().remove("durationMicros").unwrap().is_u64());
        let cost = shown.as_object_mut().unwrap().remove("cost").unwrap();
        assert_eq!((&cost["executions"], &cost["bytesOut"]), (&json!(1), &json!(14)), "{cost}");
        for date in ["startDate", "stopDate"] {
            let text = shown.as_object_mut().unwrap().remove(date).unwrap();
            let millis = format!(".{:03}Z", (ran[date].as_f64().unwrap() * 1e3).round() as i64 % 1_000);
            assert!(text.as_str().unwrap().ends_with(&millis), "{text} is not {}", ran[date]);
        }
        assert_eq!(
            shown,
            json!({"executionArn": ran["executionArn"], "stateMachineArn": machine, "name": ran["name"],
                "status": "SUCCEEDED", "input": [1.5], "output": {"r": "ä\"\n"}})
        );
    }
}

/// What is shown of an execution once it is over.
async fn finished(server: &Server, arn: &str) -> Value {
    for _ in 0..100 {
        let shown = server.http("GET", &format!("/v1/executions/{arn}"), &[], b"").await;
        assert_eq!(shown.status, 200, "{shown:?}");
        if shown.json()["status"] != "RUNNING" {
            return shown.json();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the execution does not end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn diagnostics_have_their_place_in_the_text() {
    let server = Server::start().await;
    let definition =
        "{\n  \"StartAt\": \"P\",\n  \"States\": {\n    \"P\": {\"Type\": \"Pass\", \"Next\": \"Q\"}\n  }\n}";
    let answer = server.http("PUT", "/v1/workflows/a", JSON, definition.as_bytes()).await;
    assert_eq!(answer.status, 422, "{answer:?}");
    let problem = answer.json();
    let first = &problem["diagnostics"][0];
    assert_eq!((&first["severity"], &first["line"]), (&json!("ERROR"), &json!(4)), "{problem}");
    assert!(first["location"].as_str().unwrap().starts_with("/States/P"), "{problem}");
    assert!(first["column"].as_u64().unwrap() > 1, "{problem}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_execution_knows_by_what_it_was_started() {
    let server = Server::start().await;
    let pass = |result: u32| json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": result, "End": true}}});
    let machine = server.create("m", &pass(1)).await;
    let published = server.aws("PublishStateMachineVersion", &json!({"stateMachineArn": machine})).await.json();
    let version = published["stateMachineVersionArn"].as_str().unwrap().to_owned();
    let update = json!({"stateMachineArn": machine, "definition": pass(2).to_string()});
    assert_eq!(server.aws("UpdateStateMachine", &update).await.status, 200);
    let routes = json!([{"stateMachineVersionArn": version, "weight": 100}]);
    let made = server.aws("CreateStateMachineAlias", &json!({"name": "live", "routingConfiguration": routes})).await;
    let alias = made.json()["stateMachineAliasArn"].as_str().unwrap().to_owned();
    let none = Value::Null;
    for (arn, version, alias, output) in [
        (&machine, &none, &none, 2),
        (&version, &json!(version), &none, 1),
        (&alias, &json!(version), &json!(alias), 1),
    ] {
        for operation in ["StartSyncExecution", "StartExecution"] {
            let started = server.aws(operation, &json!({"stateMachineArn": arn})).await.json();
            let execution = started["executionArn"].as_str().unwrap();
            let shown = finished(&server, execution).await;
            assert_eq!((&shown["output"], &shown["stateMachineArn"]), (&json!(output), &json!(machine)), "{shown}");
            assert_eq!((&shown["stateMachineVersionArn"], &shown["stateMachineAliasArn"]), (version, alias), "{shown}");
        }
    }
    let started = server.http("POST", "/v1/workflows/m:live/run", &[JSON[0], "Prefer: respond-async"], b"{}").await;
    let shown = finished(&server, started.json()["executionArn"].as_str().unwrap()).await;
    assert_eq!((&shown["stateMachineAliasArn"], &shown["output"]), (&json!(alias), &json!(1)), "{shown}");
}
