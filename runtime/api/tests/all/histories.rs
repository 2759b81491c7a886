//! What is told of executions: their histories, the log, lists, and their end on request.

use crate::harness::{Answer, Server};
use fleetstep_api::{LogSink, Logs, Options, named_level};
use serde_json::{Value, json};
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn pass() -> Value {
    json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": {"a": 1}, "End": true}}})
}

fn fail() -> Value {
    json!({"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Broken", "Cause": "on purpose"}}})
}

fn waiting() -> Value {
    json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 200, "End": true}}})
}

async fn extended(level: &str) -> Server {
    let history_level = named_level(level).unwrap();
    let options = Options { history_level, aws_extensions: true, ..Options::default() };
    Server::open(options, fleetstep_engine::Limits::default()).await
}

/// Runs an execution and returns its ARN.
async fn run(server: &Server, operation: &str, machine: &str, input: &str) -> String {
    let answer = server.aws(operation, &json!({"stateMachineArn": machine, "input": input})).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["executionArn"].as_str().unwrap().to_owned()
}

async fn get(server: &Server, path: &str) -> Answer {
    server.http("GET", path, &[], b"").await
}

fn types(history: &Value) -> Vec<&str> {
    history["events"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_history_has_the_events_of_the_service() {
    let server = extended("ALL").await;
    let machine = server.create("p", &pass()).await;
    let arn = run(&server, "StartSyncExecution", &machine, r#"{"b": 2}"#).await;
    let history = server.aws("GetExecutionHistory", &json!({"executionArn": arn})).await.json();
    let mut events = history["events"].clone();
    for event in events.as_array_mut().unwrap() {
        let timestamp = event.as_object_mut().unwrap().remove("timestamp").unwrap();
        assert!(timestamp.as_f64().unwrap() > 1.7e9);
    }
    let whole = json!({"truncated": false});
    assert_eq!(
        events,
        json!([
            {"type": "ExecutionStarted", "id": 1, "previousEventId": 0, "executionStartedEventDetails":
                {"input": "{\"b\":2}", "inputDetails": whole, "roleArn": "arn:aws:iam::000000000000:role/test"}},
            {"type": "PassStateEntered", "id": 2, "previousEventId": 0, "stateEnteredEventDetails":
                {"name": "P", "input": "{\"b\":2}", "inputDetails": whole}},
            {"type": "PassStateExited", "id": 3, "previousEventId": 2, "stateExitedEventDetails":
                {"name": "P", "output": "{\"a\":1}", "outputDetails": whole}},
            {"type": "ExecutionSucceeded", "id": 4, "previousEventId": 3, "executionSucceededEventDetails":
                {"output": "{\"a\":1}", "outputDetails": whole}},
        ])
    );
    let plain = get(&server, &format!("/v1/executions/{arn}/history")).await.json();
    assert_eq!(plain["level"], "ALL");
    assert_eq!(plain["events"][1]["details"], json!({"name": "P", "input": {"b": 2}}));
    assert_eq!(types(&plain), types(&history));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_history_comes_in_pages_in_either_order_and_without_data() {
    let server = extended("ALL").await;
    let machine = server.create("p", &pass()).await;
    let arn = run(&server, "StartExecution", &machine, "{}").await;
    let request = |token: Option<&Value>| {
        let mut request = json!({"executionArn": arn, "maxResults": 3, "reverseOrder": true});
        request["includeExecutionData"] = false.into();
        if let Some(token) = token {
            request["nextToken"] = token.clone();
        }
        request
    };
    let first = server.aws("GetExecutionHistory", &request(None)).await.json();
    assert_eq!(types(&first), ["ExecutionSucceeded", "PassStateExited", "PassStateEntered"]);
    assert_eq!(first["events"][1]["stateExitedEventDetails"], json!({"name": "P"}));
    let last = server.aws("GetExecutionHistory", &request(Some(&first["nextToken"]))).await.json();
    assert_eq!((types(&last), last.get("nextToken")), (vec!["ExecutionStarted"], None));
    let path = format!("/v1/executions/{arn}/history?max_items=1&reverse=true&include_data=false");
    let plain = get(&server, &path).await.json();
    assert_eq!((types(&plain), &plain["events"][0]["details"]), (vec!["ExecutionSucceeded"], &json!({})));
    for (path, problem) in [
        ("history?token=nonsense", "InvalidToken"),
        ("history?reverse=yes", "ValidationException"),
        ("history?page=1", "ValidationException"),
    ] {
        let refused = get(&server, &format!("/v1/executions/{arn}/{path}")).await;
        assert_eq!((refused.status, &refused.json()["title"]), (400, &json!(problem)), "{refused:?}");
    }
    let refused = server.aws("GetExecutionHistory", &json!({"executionArn": arn, "nextToken": "x"})).await;
    assert_eq!((refused.status, &refused.json()["__type"]), (400, &json!("InvalidToken")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_machine_asks_for_less_than_the_operator() {
    let server = extended("OFF").await;
    let machine = |name: &str, level: &str| {
        json!({
            "name": name, "definition": fail().to_string(), "type": "EXPRESS",
            "roleArn": "arn:aws:iam::000000000000:role/test",
            "loggingConfiguration": {"level": level, "destinations": [{"cloudWatchLogsLogGroup":
                {"logGroupArn": "arn:aws:logs:us-east-1:000000000000:log-group:x:*"}}]},
        })
    };
    for (name, level, expected) in [
        ("off", "OFF", &[][..]),
        ("fatal", "FATAL", &["ExecutionFailed"]),
        ("error", "ERROR", &["FailStateEntered", "ExecutionFailed"]),
        ("all", "ALL", &["ExecutionStarted", "FailStateEntered", "ExecutionFailed"]),
    ] {
        let made = server.aws("CreateStateMachine", &machine(name, level)).await.json();
        let arn = run(&server, "StartSyncExecution", made["stateMachineArn"].as_str().unwrap(), "{}").await;
        let history = get(&server, &format!("/v1/executions/{arn}/history")).await.json();
        assert_eq!((&history["level"], types(&history)), (&json!(level), expected.to_vec()));
        let aws = server.aws("GetExecutionHistory", &json!({"executionArn": arn})).await.json();
        assert_eq!(types(&aws), expected);
        let text = aws.to_string();
        assert!(!text.contains("\"input\""), "it did not ask for data: {text}");
    }
}

/// A sink that a test can read.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_has_what_the_machine_asks_for_whatever_is_kept() {
    let written = Written::default();
    let logs = Logs::open(vec![LogSink { name: "test".into(), writer: Box::new(written.clone()) }], |_| ());
    let history_level = named_level("ALL").unwrap();
    let options = Options { logs: logs.clone(), history_level, ..Options::default() };
    let server = Server::open(options, fleetstep_engine::Limits::default()).await;
    let silent = server.create("silent", &fail()).await;
    run(&server, "StartSyncExecution", &silent, "{}").await;
    let loud = server.create("loud", &fail()).await;
    let update = json!({"stateMachineArn": loud, "loggingConfiguration": {"level": "ERROR", "includeExecutionData": true,
        "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": "arn:aws:logs:us-east-1:000000000000:log-group:x:*"}}]}});
    assert_eq!(server.aws("UpdateStateMachine", &update).await.status, 200);
    let arn = run(&server, "StartExecution", &loud, "{}").await;
    let health = get(&server, "/healthz").await.json();
    assert_eq!(health["logEventsDropped"], 0);
    assert_eq!(logs.close(Duration::from_secs(60)), 0);
    let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let stamped = |line: &Value| line["event_timestamp"].as_str().unwrap().parse::<u64>().unwrap() > 1_700_000_000_000;
    assert!(lines.iter().all(stamped), "{text}");
    let line = |id: &str, previous: &str, kind: &str, details: Value, at: usize| {
        json!({"id": id, "type": kind, "details": details, "previous_event_id": previous,
            "event_timestamp": lines[at]["event_timestamp"], "execution_arn": arn, "redrive_count": "0"})
    };
    let entered = json!({"name": "F", "input": "{}", "inputDetails": {"truncated": false}});
    let failed = json!({"error": "Broken", "cause": "on purpose"});
    assert_eq!(lines, [line("2", "0", "FailStateEntered", entered, 0), line("3", "2", "ExecutionFailed", failed, 1)]);
}

/// Asks until an execution is over.
async fn ended(server: &Server, arn: &str) -> Value {
    for _ in 0..1_000 {
        let description = get(server, &format!("/v1/executions/{arn}")).await.json();
        if description["status"] != "RUNNING" {
            return description;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{arn} does not end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_execution_is_stopped_with_its_reasons() {
    let server = extended("ALL").await;
    let machine = server.create("w", &waiting()).await;
    let by_aws = run(&server, "StartExecution", &machine, "{}").await;
    let by_http = run(&server, "StartExecution", &machine, "{}").await;
    let stop = json!({"executionArn": by_aws, "error": "Stopped", "cause": "a test"});
    let answer = server.aws("StopExecution", &stop).await;
    assert!(answer.json()["stopDate"].as_f64().is_some(), "{answer:?}");
    let path = format!("/v1/executions/{by_http}/stop");
    let header = ["Content-Type: application/json"];
    let answer = server.http("POST", &path, &header, br#"{"error":"Stopped","cause":"a test"}"#).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    for arn in [by_aws, by_http] {
        let description = ended(&server, &arn).await;
        assert_eq!((&description["status"], &description["cause"]), (&json!("ABORTED"), &json!("a test")));
        assert_eq!(description["error"], "Stopped");
        let history =
            server.aws("GetExecutionHistory", &json!({"executionArn": arn, "reverseOrder": true})).await.json();
        assert_eq!(types(&history), ["ExecutionAborted", "WaitStateEntered", "ExecutionStarted"]);
        assert_eq!(
            history["events"][0]["executionAbortedEventDetails"],
            json!({"error": "Stopped", "cause": "a test"})
        );
        // It stays as it is.
        let again = server.http("POST", &format!("/v1/executions/{arn}/stop"), &[], b"").await;
        assert_eq!((again.status, &again.json()["stopDate"]), (200, &description["stopDate"]));
        assert_eq!(ended(&server, &arn).await, description);
    }
    for (body, status) in [(&b"[]"[..], 400), (br#"{"why":"x"}"#, 400), (br#"{"error":1}"#, 400), (b"{", 400)] {
        assert_eq!(server.http("POST", &path, &header, body).await.status, status);
    }
    let unknown = path.replace(":w:", ":v:");
    assert_eq!(server.http("POST", &unknown, &[], b"").await.status, 404);
    assert_eq!(server.http("GET", &path, &[], b"").await.status, 405);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn executions_are_listed_newest_first_by_workflow_and_status() {
    let server = extended("OFF").await;
    let (good, bad) = (server.create("good", &pass()).await, server.create("bad", &fail()).await);
    let mut arns = Vec::new();
    for machine in [&good, &bad, &good, &good] {
        arns.push(run(&server, "StartSyncExecution", machine, "{}").await);
    }
    let waiting = run(&server, "StartExecution", &server.create("w", &waiting()).await, "{}").await;
    let listed = |answer: Answer| {
        let items = answer.json()["executions"].clone();
        let arn = |item: &Value| item["executionArn"].as_str().unwrap().to_owned();
        items.as_array().unwrap().iter().map(arn).collect::<Vec<_>>()
    };
    let sorted = |mut arns: Vec<String>| {
        arns.sort();
        arns
    };
    assert_eq!(sorted(listed(get(&server, "/v1/executions").await)), {
        let mut all = arns.clone();
        all.push(waiting.clone());
        sorted(all)
    });
    assert_eq!(listed(get(&server, "/v1/executions?status=RUNNING").await), [waiting]);
    assert_eq!(listed(get(&server, "/v1/executions?workflow=bad&status=FAILED").await), [arns[1].clone()]);
    assert!(listed(get(&server, "/v1/executions?workflow=bad&status=SUCCEEDED").await).is_empty());
    let first = server.aws("ListExecutions", &json!({"stateMachineArn": good, "maxResults": 2})).await.json();
    let request = json!({"stateMachineArn": good, "maxResults": 2, "nextToken": first["nextToken"]});
    let second = server.aws("ListExecutions", &request).await.json();
    assert_eq!((first["executions"].as_array().unwrap().len(), second.get("nextToken")), (2, None));
    assert_eq!(second["executions"][0]["status"], "SUCCEEDED");
    let described = server.aws("DescribeExecution", &json!({"executionArn": arns[0]})).await.json();
    assert_eq!((&described["output"], &described["status"]), (&json!("{\"a\":1}"), &json!("SUCCEEDED")));
    let refused = get(&server, "/v1/executions?status=DONE").await;
    assert_eq!((refused.status, &refused.json()["title"]), (400, &json!("ValidationException")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_extensions_the_refusals_of_the_service_stand() {
    let options = Options { history_level: named_level("ALL").unwrap(), ..Options::default() };
    let server = Server::open(options, fleetstep_engine::Limits::default()).await;
    let machine = server.create("p", &pass()).await;
    let arn = run(&server, "StartSyncExecution", &machine, "{}").await;
    for operation in ["DescribeExecution", "GetExecutionHistory", "StopExecution"] {
        let refused = server.aws(operation, &json!({"executionArn": arn})).await.json();
        assert_eq!(refused["__type"], "InvalidArn");
        assert_eq!(refused["message"], "Invalid Arn: 'Resource type not valid in this context: express'");
    }
    let refused = server.aws("ListExecutions", &json!({"stateMachineArn": machine})).await.json();
    assert_eq!(refused["__type"], "StateMachineTypeNotSupported");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_extensions_know_no_more_than_is_there() {
    let server = extended("ALL").await;
    let unknown = "arn:aws:states:us-east-1:000000000000:express:m:n:3ea5c7a1-0000-4000-8000-000000000000";
    for operation in ["DescribeExecution", "GetExecutionHistory", "StopExecution"] {
        let refused = server.aws(operation, &json!({"executionArn": unknown})).await;
        assert_eq!((refused.status, &refused.json()["__type"]), (400, &json!("ExecutionDoesNotExist")));
        let standard = unknown.replace(":express:", ":execution:");
        let refused = server.aws(operation, &json!({"executionArn": standard})).await;
        assert_eq!((refused.status, &refused.json()["__type"]), (400, &json!("ExecutionDoesNotExist")));
        assert_eq!(server.aws(operation, &json!({})).await.json()["__type"], "ValidationException");
    }
    let missing = "arn:aws:states:us-east-1:000000000000:stateMachine:nope";
    let refused = server.aws("ListExecutions", &json!({"stateMachineArn": missing})).await;
    assert_eq!(refused.json()["__type"], "StateMachineDoesNotExist");
    assert_eq!(get(&server, &format!("/v1/executions/{unknown}/history")).await.status, 404);
    assert_eq!(get(&server, "/v1/executions/nonsense/history").await.status, 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_marked_is_seen_by_the_caller_alone() {
    let written = Written::default();
    let logs = Logs::open(vec![LogSink { name: "test".into(), writer: Box::new(written.clone()) }], |_| ());
    let (history_level, redact) = (named_level("ALL").unwrap(), vec!["PIN".to_owned()]);
    let options = Options { logs: logs.clone(), history_level, redact, aws_extensions: true, ..Options::default() };
    let server = Server::open(options, fleetstep_engine::Limits::default()).await;
    let pass = json!({"Type": "Pass", "Parameters": {"card.$": "$.card", "pin.$": "$.card.pin"}, "Next": "F"});
    let failing = json!({"Type": "Fail", "Error": "E", "CausePath": "States.JsonToString($)"});
    let machine = server.create("pays", &json!({"StartAt": "P", "States": {"P": pass, "F": failing}})).await;
    let update = json!({"stateMachineArn": machine, "loggingConfiguration": {"level": "ALL", "includeExecutionData": true,
        "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": "arn:aws:logs:us-east-1:000000000000:log-group:x:*"}}]}});
    assert_eq!(server.aws("UpdateStateMachine", &update).await.status, 200);
    for operation in ["StartSyncExecution", "StartExecution"] {
        let request = json!({"stateMachineArn": machine, "input": r#"{"card":{"pin":4711,"owner":"Ada"}}"#});
        let answer = server.aws(operation, &request).await;
        assert_eq!(answer.text().contains("4711"), operation == "StartSyncExecution", "the caller's own document");
        let arn = answer.json()["executionArn"].as_str().unwrap().to_owned();
        ended(&server, &arn).await;
        let of_arn = json!({"executionArn": arn});
        for seen in [
            get(&server, &format!("/v1/executions/{arn}")).await,
            get(&server, &format!("/v1/executions/{arn}/history")).await,
            server.aws("DescribeExecution", &of_arn).await,
            server.aws("GetExecutionHistory", &of_arn).await,
        ] {
            assert_eq!(seen.status, 200, "{seen:?}");
            assert!(!seen.text().contains("4711") && seen.text().contains("***"), "{}", seen.text());
            assert!(seen.text().contains("Ada"), "nothing else is hidden");
        }
    }
    assert_eq!(logs.close(Duration::from_secs(60)), 0);
    let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    assert!(!text.contains("4711") && text.contains("***") && text.contains("Ada"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_history_is_a_replay_file_and_any_other_says_what_is_missing() {
    let server = extended("ALL").await;
    let machine = server.create("p", &pass()).await;
    let arn = run(&server, "StartExecution", &machine, r#"{"b": 2}"#).await;
    let file = get(&server, &format!("/v1/executions/{arn}/replay")).await;
    assert_eq!(file.status, 200, "{file:?}");
    let file = file.json();
    assert_eq!((&file["fleetstepReplay"], &file["status"]), (&json!(1), &json!("SUCCEEDED")));
    assert_eq!(file["workflow"]["definition"].as_str().unwrap(), pass().to_string());
    assert_eq!(file["identity"]["executionArn"], arn);
    assert_eq!(file["events"][1]["input"], json!({"b": 2}));
    assert!(file["seed"].as_str().unwrap().parse::<u64>().is_ok());

    let refused = async |server: &Server, arn: &str, about: &str| {
        let refused = get(server, &format!("/v1/executions/{arn}/replay")).await;
        assert_eq!((refused.status, &refused.json()["title"]), (409, &json!("ConflictException")), "{refused:?}");
        let detail = refused.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(about), "{detail}");
    };
    for level in ["OFF", "FATAL", "ERROR"] {
        let server = extended(level).await;
        let machine = server.create("p", &pass()).await;
        let arn = run(&server, "StartSyncExecution", &machine, "{}").await;
        refused(&server, &arn, &format!("at the level {level}")).await;
        refused(&server, &arn, "?history=ALL").await;
    }
    let history_level = named_level("ALL").unwrap();
    let redacting = Options { history_level, redact: vec!["pin".to_owned()], ..Options::default() };
    let server = Server::open(redacting, fleetstep_engine::Limits::default()).await;
    let machine = server.create("p", &pass()).await;
    let arn = run(&server, "StartSyncExecution", &machine, r#"{"card": {"PIN": 1}}"#).await;
    refused(&server, &arn, "--redact").await;
    let arn = run(&server, "StartSyncExecution", &machine, r#"{"card": 1}"#).await;
    assert_eq!(get(&server, &format!("/v1/executions/{arn}/replay")).await.status, 200, "nothing was hidden");
    let limits = fleetstep_api::Limits { history_events_max: 3, ..fleetstep_api::Limits::default() };
    let options = Options { history_level, limits, ..Options::default() };
    let server = Server::open(options, fleetstep_engine::Limits::default()).await;
    let machine = server.create("p", &pass()).await;
    let arn = run(&server, "StartSyncExecution", &machine, "{}").await;
    refused(&server, &arn, "its first 1 events are gone").await;
    let unknown = get(&server, &format!("/v1/executions/{}/replay", arn.replace(":p:", ":q:"))).await;
    assert_eq!(unknown.status, 404, "{unknown:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_executions_used_is_told_with_what_it_would_cost() {
    let server = extended("OFF").await;
    let machine = server.create("p", &pass()).await;
    let input = r#"{"b":2}"#;
    let arn = run(&server, "StartSyncExecution", &machine, input).await;
    run(&server, "StartExecution", &machine, input).await;
    let execution = get(&server, &format!("/v1/executions/{arn}")).await.json();
    let cost = &execution["cost"];
    assert_eq!((&cost["bytesIn"], &cost["bytesOut"]), (&json!(7), &json!(7)), "{cost}");
    assert_eq!((&cost["billedMilliseconds"], &cost["billedMemoryMB"]), (&json!(100), &json!(64)));
    assert_eq!(cost["billedGBSeconds"], json!(0.00625));
    assert!((cost["expressUsd"].as_f64().unwrap() - 1.104_187_5e-6).abs() < 1e-11, "{cost}");
    let stats = get(&server, "/v1/stats").await.json();
    assert_eq!(stats["prices"]["region"], "us-east-1");
    for span in ["lastMinute", "sinceStart"] {
        let cost = &stats["workflows"][0]["cost"][span];
        assert_eq!((&cost["executions"], &cost["bytesIn"]), (&json!(2), &json!(14)), "{span}: {cost}");
        assert_eq!(cost["billedMilliseconds"], json!(200));
        assert!(cost["bytesOut"].as_u64().unwrap() >= 14, "{cost}");
    }
    let metrics = get(&server, "/metrics").await;
    let line = "fleetstep_executions_input_bytes_total{account=\"000000000000\",workflow=\"p\"} 14";
    assert!(metrics.text().contains(line), "{}", metrics.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_aliases_and_diagnostics_of_a_workflow() {
    let server = extended("OFF").await;
    let machine = server.create("p", &pass()).await;
    let request = json!({"stateMachineArn": machine, "description": "first"});
    let version = server.aws("PublishStateMachineVersion", &request).await.json()["stateMachineVersionArn"].clone();
    let routes = json!([{"stateMachineVersionArn": version, "weight": 100}]);
    let alias = server.aws("CreateStateMachineAlias", &json!({"name": "live", "routingConfiguration": routes})).await;
    assert_eq!(alias.status, 200, "{alias:?}");
    let published = get(&server, "/v1/workflows/p/versions").await.json();
    assert_eq!(
        (&published["versions"][0]["version"], &published["versions"][0]["description"]),
        (&json!(1), &json!("first"))
    );
    assert_eq!(published["aliases"][0]["routes"], json!([{"version": 1, "weight": 100}]));
    let diagnosed = get(&server, "/v1/workflows/p/diagnostics").await.json();
    assert_eq!(diagnosed, json!({"runs": true, "diagnostics": []}));
    assert_eq!(get(&server, "/v1/workflows/q/versions").await.status, 404);
    assert_eq!(get(&server, "/v1/workflows/q/diagnostics").await.status, 404);
}
