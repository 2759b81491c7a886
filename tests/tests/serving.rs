//! `fleetstep serve` as its operator uses it: announced, deployed to, stopped, started again.

use fleetstep_tests::program::Serving;
use fleetstep_tests::{http, root};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime};

const GREET: &str = "
StartAt: Greet
States:
  Greet:
    Type: Pass
    Parameters: {greeting.$: \"States.Format('Hello, {}!', $.name)\"}
    End: true
";

const CALL: &str = "
StartAt: Call
States:
  Call:
    Type: Task
    Resource: arn:aws:lambda:us-east-1:000000000000:function:echo
    End: true
";

const WAIT: &str = "
StartAt: Wait
States:
  Wait: {Type: Wait, Seconds: 2, End: true}
";

fn put(server: &Serving, path: &str, media_type: &str, body: &[u8]) {
    let (status, answer) = http::request(server.address, "PUT", path, media_type, body).expect("an answer");
    assert_eq!(status, 201, "{path}: {answer}");
}

fn run(server: &Serving, workflow: &str, input: &str) -> http::Answer {
    let path = format!("/v1/workflows/{workflow}/run");
    http::request(server.address, "POST", &path, http::JSON, input.as_bytes()).expect("an answer")
}

/// Names of the files below a folder, and when each was written.
fn files(folder: &Path) -> BTreeMap<String, SystemTime> {
    let listing = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let file = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry.expect("an entry");
        let written = entry.metadata().and_then(|metadata| metadata.modified()).expect("a time");
        (entry.file_name().to_string_lossy().into_owned(), written)
    };
    listing.map(file).collect()
}

fn stop(server: Serving) -> String {
    server.terminate().expect("SIGTERM");
    let (status, said) = server.wait().expect("its end");
    assert!(status.success(), "{status}: {said}");
    said
}

#[test]
fn what_was_uploaded_is_there_after_a_restart_and_not_compiled_again() {
    let temporary = tempfile::tempdir().expect("a folder");
    let (deployed, data) = (temporary.path().join("deployed"), temporary.path().join("data"));
    std::fs::create_dir(&deployed).expect("a folder");
    std::fs::write(deployed.join("greet.asl.yaml"), GREET).expect("a file");
    let (directory, data_dir) = (deployed.to_str().expect("UTF-8"), data.to_str().expect("UTF-8"));

    let server = Serving::start([directory, "--data-dir", data_dir]).expect("a server");
    for part in [
        &format!("listens on http://{}\n", server.address),
        &format!("export AWS_ENDPOINT_URL_SFN=http://{} AWS_DISABLE_HOST_PREFIX_INJECTION=true\n", server.address),
        "workflow greet: ",
        &format!("what is deployed is kept in {data_dir}\n"),
    ] {
        assert!(server.announced.contains(part), "{part}\nis not in\n{}", server.announced);
    }
    assert!(!server.announced.contains("warning"), "{}", server.announced);
    let module = fleetstep_server::guests::build(&root().join("tests/guests/conf"), "wasm32-unknown-unknown");
    let module = std::fs::read(module.expect("a module")).expect("a file");
    put(&server, "/v1/functions/echo?env.BEHAVIOUR=echo&memory_mib=32", "application/wasm", &module);
    put(&server, "/v1/workflows/call", "application/yaml", CALL.as_bytes());
    assert_eq!(run(&server, "call", r#"{"n":1}"#), (200, json!({"n": 1})));
    assert!(stop(server).starts_with("stopping: "));

    let artefacts = files(&data.join("artefacts"));
    assert!(!artefacts.is_empty(), "a compiled module is kept");
    let server = Serving::start(["--data-dir", data_dir]).expect("a server");
    assert_eq!(run(&server, "call", r#"{"n":2}"#), (200, json!({"n": 2})));
    assert_eq!(run(&server, "greet", r#"{"name":"Ada"}"#), (200, json!({"greeting": "Hello, Ada!"})));
    let described = http::request(server.address, "GET", "/v1/functions/echo", http::JSON, b"").expect("an answer");
    assert_eq!((described.0, &described.1["memory_mib"]), (200, &json!(32)), "{described:?}");
    stop(server);
    assert_eq!(files(&data.join("artefacts")), artefacts, "compiled again");
}

#[test]
fn a_running_execution_is_finished_and_answered_before_the_server_ends() {
    let server = Serving::start(["--in-memory"]).expect("a server");
    assert!(server.announced.contains("what is deployed is kept in memory only\n"), "{}", server.announced);
    put(&server, "/v1/workflows/wait", "application/yaml", WAIT.as_bytes());
    let waiting = http::send(server.address, "POST", "/v1/workflows/wait/run", http::JSON, b"[7]").expect("sent");
    std::thread::sleep(Duration::from_millis(500));
    server.terminate().expect("SIGTERM");
    assert_eq!(http::answer(waiting).expect("an answer"), (200, json!([7])));
    let (address, (status, said)) = (server.address, server.wait().expect("its end"));
    assert!(status.success(), "{status}: {said}");
    assert!(!said.contains("cut after"), "{said}");
    assert!(std::net::TcpStream::connect(address).is_err(), "nobody listens any more");
}
