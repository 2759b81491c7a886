//! What tasks reach outside: the examples, against servers on loopback; and services of AWS's, which moto plays.

use fleetstep_server::settings::{FileSettings, ServerFlags, Settings};
use fleetstep_tests::{Server, environment, http, root, succeed};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A program that serves, and is ended with the test.
struct Program {
    child: Child,
    url: String,
}

impl Program {
    /// Starts one whose first line that has a URL says where it listens.
    fn start(command: &mut Command, from_errors: bool) -> Self {
        let errors = if from_errors { Stdio::piped() } else { Stdio::inherit() };
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors).spawn().expect("it runs");
        let said: Box<dyn std::io::Read + Send> = match from_errors {
            true => Box::new(child.stderr.take().expect("its errors")),
            false => Box::new(child.stdout.take().expect("what it says")),
        };
        let mut lines = BufReader::new(said).lines();
        let url = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let at = line.find("http://127.0.0.1:")?;
            let rest = &line[at..];
            Some(rest[..rest.find(|c: char| c.is_whitespace()).unwrap_or(rest.len())].trim_end_matches('/').to_owned())
        });
        // Read on, so that it never waits for a reader.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Self { child, url: url.expect("it says where it listens") }
    }

    fn python(script: &str, arguments: &[&str]) -> Option<Self> {
        if Command::new("python3").arg("--version").output().is_err() {
            println!("skipped: there is no python3");
            return None;
        }
        let mut command = Command::new("python3");
        Some(Self::start(command.arg("-u").arg(root().join(script)).args(arguments), false))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The settings of a manifest's `[server]` table, with `replaced` in its text.
fn settings(directory: &str, replaced: &[(&str, &str)]) -> Settings {
    let text = std::fs::read_to_string(root().join(directory).join("fleetstep.toml")).expect("the manifest");
    let text = replaced.iter().fold(text, |text, (from, to)| text.replace(from, to));
    let manifest: toml::Table = toml::from_str(&text).expect("TOML");
    let server: FileSettings = manifest["server"].clone().try_into().expect("a [server] table");
    let flags = ServerFlags { listen: Some("127.0.0.1:0".into()), in_memory: true, ..ServerFlags::default() };
    Settings::resolve(flags, server).expect("settings")
}

fn serve(directory: &str, replaced: &[(&str, &str)]) -> Server {
    Server::start_with(&root().join(directory), settings(directory, replaced)).expect("the example deploys")
}

fn run(server: &Server, workflow: &str, input: &Value) -> (u16, Value) {
    server.post(&format!("/v1/workflows/{workflow}/run"), &input.to_string()).expect("an answer")
}

fn get(server: &Server, path: &str) -> Value {
    http::request(server.address(), "GET", path, http::JSON, b"").expect("an answer").1
}

#[test]
fn the_nested_example() {
    let server = Server::start(&root().join("examples/nested")).expect("the example deploys");
    let basket = json!({ "basket": [{ "price": 12.5, "count": 2 }, { "price": 5, "count": 1 }] });
    let (status, answer) = run(&server, "checkout", &basket);
    assert_eq!((status, &answer["total"]), (200, &json!(30)), "{answer}");
    let receipt = answer["receipt"].as_str().expect("the receipt's execution").to_owned();
    let kept = (0..500).find_map(|_| {
        let kept = get(&server, &format!("/v1/executions/{receipt}"));
        std::thread::sleep(Duration::from_millis(20));
        (kept["status"] != "RUNNING").then_some(kept)
    });
    let kept = kept.expect("it ends");
    assert_eq!((&kept["status"], &kept["output"]["receipt"]), (&json!("SUCCEEDED"), &json!("Paid: 30")), "{kept}");
    let (status, answer) = run(&server, "checkout", &json!({ "basket": [] }));
    assert_eq!((status, &answer["error"]), (422, &json!("NoPrice")), "{answer}");
}

/// Starts an expense; its execution, and the token with which it is decided.
fn expense(server: &Server, what: &str) -> (String, String) {
    let input = json!({ "what": what, "amount": 120 }).to_string();
    let path = "/v1/workflows/expense/run";
    let (status, answer) =
        http::text(server.address(), "POST", path, &["prefer: respond-async"], &input).expect("an answer");
    assert_eq!(status, 202, "{answer}");
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    let arn = answer["executionArn"].as_str().expect("an ARN").to_owned();
    let asked = get(server, "/v1/executions?workflow=ask&max_items=1");
    let ask = asked["executions"][0]["executionArn"].as_str().expect("somebody is asked").to_owned();
    let ask = get(server, &format!("/v1/executions/{ask}"));
    assert_eq!(ask["input"]["what"], what);
    (arn, ask["input"]["token"].as_str().expect("a token").to_owned())
}

fn ended(server: &Server, arn: &str) -> Value {
    let kept = (0..500).find_map(|_| {
        let kept = get(server, &format!("/v1/executions/{arn}"));
        std::thread::sleep(Duration::from_millis(10));
        (kept["status"] != "RUNNING").then_some(kept)
    });
    kept.expect("it ends")
}

#[test]
fn the_approval_example_is_approved_and_rejected() {
    let server = serve("examples/approval", &[]);
    let (status, answer) = run(&server, "expense", &json!({ "what": "a pen", "amount": 2 }));
    assert_eq!((status, answer), (200, json!({ "paid": 2, "what": "a pen" })));

    let (arn, token) = expense(&server, "a chair");
    let (status, _) = server.post(&format!("/v1/tasks/{token}/success"), "{\"approved\":true}").expect("an answer");
    assert_eq!(status, 204);
    assert_eq!(ended(&server, &arn)["output"], json!({ "paid": 120, "what": "a chair" }));

    // By the page: what its buttons send goes through the program that serves it.
    let (arn, token) = expense(&server, "a desk");
    let Some(page) = Program::python("examples/approval/page.py", &[&server.endpoint(), "0"]) else { return };
    let address = page.url.trim_start_matches("http://").parse().expect("an address");
    let (status, shown) = http::text(address, "GET", "/", &[], "").expect("the page");
    assert!(status == 200 && shown.contains("/v1/tasks/"), "{status} {shown}");
    let reject = json!({ "error": "Rejected", "cause": "too dear" }).to_string();
    let path = format!("/v1/tasks/{token}/failure");
    let (status, _) = http::request(address, "POST", &path, http::JSON, reject.as_bytes()).expect("an answer");
    assert_eq!(status, 204);
    assert_eq!(ended(&server, &arn)["output"], json!({ "refused": "a desk", "why": "too dear" }));
    let (status, answer) = http::request(address, "POST", &path, http::JSON, reject.as_bytes()).expect("an answer");
    assert_eq!((status, &answer["title"]), (410, &json!("TaskTimedOut")), "{answer}");
}

#[test]
fn the_composition_example() {
    let Some(services) = Program::python("examples/composition/services.py", &["0"]) else { return };
    let server = serve("examples/composition", &[("http://127.0.0.1:8085", &services.url)]);
    let input = |to: &str| json!({ "services": services.url, "to": to, "day": "2026-05-01" });
    let (status, answer) = run(&server, "trip", &input("Lisboa"));
    let expected = json!({
        "flight": { "flight": "FS 12", "to": "Lisboa", "day": "2026-05-01" },
        // What the service was shown comes back without the password.
        "hotel": { "city": "Lisboa", "nights": ["1", "2"], "shown": "Basic ***" },
        "weather": { "sky": "clear" },
    });
    assert_eq!((status, &answer), (200, &expected));
    let (status, answer) = run(&server, "trip", &input("Nowhere"));
    assert_eq!((status, &answer["weather"]), (200, &json!("unknown")), "{answer}");
    // Another port of the same machine is not what was allowed.
    let (status, answer) = run(&server, "trip", &json!({ "services": server.endpoint(), "to": "x", "day": "y" }));
    assert_eq!((status, &answer["error"]), (422, &json!("States.Permissions")), "{answer}");
    let kept = get(&server, "/v1/executions?workflow=trip").to_string();
    assert!(!kept.contains("a long password"), "{kept}");
}

#[test]
fn the_dynamodb_example_and_four_services_against_moto() {
    let programs = environment(Path::new(env!("CARGO_TARGET_TMPDIR")), "moto", "tests/clients/moto.txt").expect("moto");
    let moto = Program::start(Command::new(programs.join("moto_server")).args(["-H", "127.0.0.1", "-p", "0"]), true);
    let script = root().join("tests/clients/moto.py");
    let mut prepare = Command::new(programs.join("python"));
    let said = succeed(prepare.arg(&script).arg(&moto.url).arg("prepare")).expect("moto has what is used");
    let queue = said.lines().find_map(|line| line.strip_prefix("queue ")).expect("the queue's URL").to_owned();

    let server = serve("examples/dynamodb", &[("http://127.0.0.1:5000", &moto.url)]);
    for who in ["Ana", "Ben"] {
        let (status, answer) = run(&server, "seat", &json!({ "seat": "12A", "who": who }));
        assert_eq!((status, answer), (200, json!({ "seat": "12A", "has": "Ana" })));
    }
    drop(server);

    let aws = format!(
        "[server.bindings.\"*\"]\naws = {{ endpoint = \"{}\", access_key_id = \"testing\", secret_access_key = \"testing-secret\" }}\n",
        moto.url
    );
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("fleetstep.toml"), aws).expect("a manifest");
    let definition = json!({ "StartAt": "Send", "States": {
        "Send": { "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "ResultPath": "$.sent", "Next": "Read",
            "Parameters": { "QueueUrl.$": "$.queue", "MessageBody": { "hello.$": "$.name" } } },
        "Read": { "Type": "Task", "Resource": "arn:aws:states:::aws-sdk:secretsmanager:getSecretValue",
            "Parameters": { "SecretId": "opening" }, "ResultPath": "$.secret", "Next": "Tell" },
        "Tell": { "Type": "Task", "Resource": "arn:aws:states:::events:putEvents", "ResultPath": "$.told", "Next": "Miss",
            "Parameters": { "Entries": [{ "Source": "fleetstep", "DetailType": "hello", "Detail": { "name.$": "$.name" } }] } },
        "Miss": { "Type": "Task", "Resource": "arn:aws:states:::aws-sdk:secretsmanager:getSecretValue",
            "Parameters": { "SecretId": "none" }, "End": true,
            "Catch": [{ "ErrorEquals": ["SecretsManager.ResourceNotFoundException"], "ResultPath": "$.missed", "Next": "Done" }] },
        "Done": { "Type": "Pass", "End": true } } });
    std::fs::write(folder.path().join("hello.asl.json"), definition.to_string()).expect("a definition");
    let text = std::fs::read_to_string(folder.path().join("fleetstep.toml")).expect("the manifest");
    let manifest: toml::Table = toml::from_str(&text).expect("TOML");
    let file: FileSettings = manifest["server"].clone().try_into().expect("settings");
    let flags = ServerFlags { listen: Some("127.0.0.1:0".into()), in_memory: true, ..ServerFlags::default() };
    let settings = Settings::resolve(flags, file).expect("settings");
    let server = Server::start_with(folder.path(), settings).expect("a server");
    let (status, answer) = run(&server, "hello", &json!({ "queue": queue, "name": "Ana" }));
    assert_eq!(status, 200, "{answer}");
    assert!(
        answer["sent"]["MessageId"].is_string() && answer["sent"]["SdkHttpMetadata"]["HttpStatusCode"] == 200,
        "{answer}"
    );
    assert_eq!(answer["secret"]["SecretString"], "sesame", "{answer}");
    assert!(answer["secret"].get("SdkHttpMetadata").is_none(), "an SDK integration tells the answer alone: {answer}");
    assert_eq!(answer["told"]["FailedEntryCount"], 0, "{answer}");
    assert!(
        answer["missed"]["Cause"].as_str().expect("a cause").contains("(Service: SecretsManager, Status Code: 4"),
        "{answer}"
    );
    let mut check = Command::new(programs.join("python"));
    let said = succeed(check.arg(&script).arg(&moto.url).arg("check")).expect("moto has what was sent");
    assert!(said.contains("message {\"hello\":\"Ana\"}"), "{said}");
}

#[test]
fn what_nothing_is_bound_to_is_warned_of_and_fails() {
    let server = Server::start(&root().join("tests/guests")).expect("a server");
    let definition = json!({ "StartAt": "S", "States": {
        "S": { "Type": "Task", "Resource": "arn:aws:states:::sns:publish", "Parameters": { "Message": "m" }, "End": true } } });
    let put =
        http::request(server.address(), "PUT", "/v1/workflows/tells", http::JSON, definition.to_string().as_bytes());
    let (status, answer) = put.expect("an answer");
    assert_eq!(status, 201, "{answer}");
    assert!(answer.to_string().contains("Nothing is bound to arn:aws:states:::sns:publish"), "{answer}");
    let (status, answer) = run(&server, "tells", &json!({}));
    assert_eq!((status, &answer["error"]), (422, &json!("Fleetstep.ResourceNotBound")), "{answer}");
}

#[test]
fn an_integration_is_bound_to_a_function_and_to_an_endpoint() {
    let Some(services) = Program::python("tests/clients/endpoint.py", &[]) else { return };
    let config = format!(
        "[server]\nworkflow_extensions = true\n[server.bindings.\"sns:publish\"]\nfunction = \"conf-echo\"\n\
         [server.bindings.\"sqs:*\"]\nhttp = \"{}/queue\"\nconnection = \"queue\"\n\
         [server.connections.queue]\nallow = [\"{}\"]\napi_key = {{ name = \"x-key\", value = \"a secret key\" }}\n",
        services.url, services.url
    );
    let manifest: toml::Table = toml::from_str(&config).expect("TOML");
    let file: FileSettings = manifest["server"].clone().try_into().expect("settings");
    let flags = ServerFlags { listen: Some("127.0.0.1:0".into()), in_memory: true, ..ServerFlags::default() };
    let settings = Settings::resolve(flags, file).expect("settings");
    let server = Server::start_with(&root().join("tests/guests"), settings).expect("a server");
    let put = |name: &str, resource: &str, parameters: Value| {
        let definition = json!({ "StartAt": "S", "States": {
            "S": { "Type": "Task", "Resource": format!("arn:aws:states:::{resource}"), "Parameters": parameters, "End": true } } });
        let path = format!("/v1/workflows/{name}");
        let (status, answer) =
            http::request(server.address(), "PUT", &path, http::JSON, definition.to_string().as_bytes())
                .expect("an answer");
        assert_eq!(status, 201, "{answer}");
        assert!(!answer.to_string().contains("Nothing is bound"), "{answer}");
    };
    put("publish", "sns:publish", json!({ "Message.$": "$.m" }));
    assert_eq!(run(&server, "publish", &json!({ "m": 1 })), (200, json!({ "Message": 1 })));
    put("send", "sqs:sendMessage", json!({ "MessageBody.$": "$.m" }));
    let (status, answer) = run(&server, "send", &json!({ "m": "hello" }));
    assert_eq!(status, 200, "{answer}");
    assert_eq!(
        (&answer["action"], &answer["got"]),
        (&json!("sqs:sendMessage"), &json!({ "MessageBody": "hello" })),
        "{answer}"
    );
    assert_eq!(answer["key"], "***", "what a server tells again is masked: {answer}");
    let (status, answer) = run(&server, "send", &json!({ "m": "fail" }));
    assert_eq!((status, &answer["error"], &answer["cause"]), (422, &json!("QueueFull"), &json!("later")), "{answer}");
    // The endpoint gets the token, and answers the task itself.
    put(
        "asks",
        "sqs:sendMessage.waitForTaskToken",
        json!({ "MessageBody": { "token.$": "$$.Task.Token", "answer": server.endpoint() } }),
    );
    assert_eq!(run(&server, "asks", &json!({})), (200, json!({ "answered": true })));
}
