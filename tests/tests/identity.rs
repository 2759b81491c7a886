//! Keys as an operator makes them and clients use them: boto3 and the AWS CLI signing for real, tokens over plain HTTP,
//! accounts that do not see each other, also after a crash.

use fleetstep_tests::program::Serving;
use fleetstep_tests::{clients, http, program, root, succeed};
use serde_json::{Value, json};
use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const OWN: &str = "000000000000";
const OTHER: &str = "111111111111";
const PASS: &str = r#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#;
const WAIT: &str = r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":2,"End":true}}}"#;
/// How often something is looked at again before it counts as missing, and how long that takes between two looks.
const LOOKS_MAX: usize = 500;
const LOOK_PAUSE: Duration = Duration::from_millis(20);

fn fleetstep() -> Command {
    Command::new(program::folder().expect("the program").join("fleetstep"))
}

/// `fleetstep keys add`: what it prints on standard output.
fn add(keys: &Path, arguments: &[&str]) -> String {
    let output = fleetstep().args(["keys", "add", "--keys"]).arg(keys).args(arguments).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// A new token: its id, and itself.
fn token(keys: &Path, account: &str, scopes: &str) -> (String, String) {
    let said = add(keys, &["--token", "--account", account, "--scopes", scopes]);
    let (id, token) = said.strip_prefix("token ").and_then(|said| said.split_once('\n')).expect("an id and a token");
    (id.to_owned(), token.trim_end().to_owned())
}

/// A request as curl sends it.
fn ask(server: &Serving, token: &str, method: &str, path: &str, more: &str, body: &str) -> http::Answer {
    let mut stream = TcpStream::connect(server.address).expect("a connection");
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: fleetstep\r\nconnection: close\r\ncontent-type: application/json\r\n\
         authorization: Bearer {token}\r\n{more}content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .expect("sent");
    http::answer(stream).expect("an answer")
}

fn serve(keys: &Path, more: &[&str]) -> Serving {
    let keys = keys.to_str().expect("UTF-8");
    Serving::start(["--keys", keys].into_iter().chain(more.iter().copied())).expect("a server")
}

#[test]
fn off_loopback_a_server_without_keys_does_not_start() {
    let output = fleetstep().args(["serve", "--in-memory", "--listen", "0.0.0.0:0"]).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("0.0.0.0:0 is not a loopback address") && said.contains("fleetstep keys add"), "{said}");
}

#[test]
fn boto3_and_the_aws_cli_sign_and_are_let_in_within_their_scopes() {
    let programs = clients(Path::new(env!("CARGO_TARGET_TMPDIR"))).expect("the real clients");
    let folder = tempfile::tempdir().expect("a folder");
    let keys = folder.path().join("keys.toml");
    let pairs = ["deploy,start,read", "read"].map(|scopes| {
        let said = add(&keys, &["--scopes", scopes]);
        let value = |name: &str| said.lines().find_map(|line| line.strip_prefix(name)).expect("a line").to_owned();
        [value("AWS_ACCESS_KEY_ID="), value("AWS_SECRET_ACCESS_KEY=")]
    });
    let audit = folder.path().join("audit.jsonl");
    let server = serve(&keys, &["--in-memory", "--audit-file", audit.to_str().expect("UTF-8")]);
    let mut run = Command::new(programs.join("python"));
    run.arg(root().join("tests/clients/signed.py")).arg(format!("http://{}", server.address)).arg(programs.join("aws"));
    let said = succeed(run.args(pairs.iter().flatten())).expect("both clients work");
    assert!(["boto3: ok", "lambda: ok", "aws cli: ok"].iter().all(|proof| said.contains(proof)), "{said}");
    server.terminate().expect("SIGTERM");
    let (status, said) = server.wait().expect("its end");
    assert!(status.success(), "{status}: {said}");
    let lines = std::fs::read_to_string(&audit).expect("an audit");
    for (event, outcome) in
        [("change", "ok"), ("refusal", "AccessDeniedException"), ("refusal", "InvalidSignatureException")]
    {
        let is = |line: &str| line.contains(&format!("\"event\":\"{event}\"")) && line.contains(outcome);
        assert!(lines.lines().any(is), "no {event} with {outcome} in\n{lines}");
    }
    assert!(pairs.iter().all(|[_, secret]| !lines.contains(secret)));
}

#[test]
fn a_token_that_is_removed_is_refused_from_then_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let keys = folder.path().join("keys.toml");
    let (id, token) = token(&keys, OWN, "deploy,start");
    let server = serve(&keys, &["--in-memory"]);
    assert_eq!(ask(&server, &token, "PUT", "/v1/workflows/a", "", PASS).0, 201);
    assert_eq!(ask(&server, &token, "POST", "/v1/workflows/a/run", "", "[1]"), (200, json!([1])));
    assert_eq!(ask(&server, &token, "GET", "/v1/workflows/a", "", "").0, 403);
    succeed(fleetstep().args(["keys", "remove", &id, "--keys"]).arg(&keys)).expect("it is removed");
    succeed(Command::new("kill").args(["-HUP", &server.pid().to_string()])).expect("SIGHUP");
    let refused = (0..LOOKS_MAX).any(|_| {
        std::thread::sleep(LOOK_PAUSE);
        ask(&server, &token, "POST", "/v1/workflows/a/run", "", "[1]").0 == 401
    });
    assert!(refused, "it is still taken");
}

#[test]
fn what_an_account_left_unfinished_runs_again_for_that_account() {
    let folder = tempfile::tempdir().expect("a folder");
    let (keys, data) = (folder.path().join("keys.toml"), folder.path().join("data"));
    let (_, own) = token(&keys, OWN, "admin");
    let (_, other) = token(&keys, OTHER, "admin");
    let data_dir = ["--data-dir", data.to_str().expect("UTF-8")];
    let server = serve(&keys, &data_dir);
    assert_eq!(ask(&server, &own, "PUT", "/v1/workflows/same", "", PASS).0, 201);
    assert_eq!(ask(&server, &other, "PUT", "/v1/workflows/same", "", WAIT).0, 201);
    let (status, started) =
        ask(&server, &other, "POST", "/v1/workflows/same/run", "prefer: respond-async\r\n", r#"{"n":1}"#);
    assert_eq!(status, 202, "{started}");
    let arn = started["executionArn"].as_str().expect("an ARN").to_owned();
    assert!(arn.contains(OTHER), "{arn}");
    server.kill().expect("it is gone");

    let server = serve(&keys, &data_dir);
    let path = format!("/v1/executions/{arn}");
    let ended = (0..LOOKS_MAX).find_map(|_| {
        std::thread::sleep(LOOK_PAUSE);
        let (status, seen) = ask(&server, &other, "GET", &path, "", "");
        (status == 200 && seen["status"] != "RUNNING").then_some(seen)
    });
    let ended: Value = ended.expect("it ran again");
    assert_eq!((&ended["status"], &ended["output"]), (&json!("SUCCEEDED"), &json!({"n": 1})));
    assert_eq!(ask(&server, &own, "GET", &path, "", "").0, 404, "it is another account's");
    assert_eq!(ask(&server, &own, "POST", "/v1/workflows/same/run", "", "[2]"), (200, json!([2])));
    assert!(data.join("accounts").join(OTHER).join("catalog.redb").is_file());
}
