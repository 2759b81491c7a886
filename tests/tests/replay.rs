//! `fleetstep replay`: what a server ran and recorded runs again from its record, to the same events; with a changed
//! definition the two part where the change is.

use fleetstep_server::settings::Settings;
use fleetstep_tests::{Server, http, program, root};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Chance, branches, iterations, tries again, a time limit, waits: whatever an execution takes from outside.
const WILD: &str = r#"
QueryLanguage: JSONata
StartAt: Draw
States:
  Draw:
    Type: Pass
    Output: "{% {'id': $uuid(), 'dice': $random(), 'at': $now(), 'started': $states.context.Execution.StartTime} %}"
    Assign: { drawn: "{% $states.input %}" }
    Next: Both
  Both:
    Type: Parallel
    Branches:
      - StartAt: Each
        States:
          Each:
            Type: Map
            Items: "{% [1..6] %}"
            MaxConcurrency: 3
            ItemProcessor:
              StartAt: Try
              States:
                Try:
                  Type: Task
                  Resource: arn:aws:lambda:us-east-1:000000000000:function:absent
                  Retry:
                    - { ErrorEquals: [States.ALL], IntervalSeconds: 1, MaxAttempts: 1, JitterStrategy: FULL }
                  Catch:
                    - ErrorEquals: [States.ALL]
                      Output: "{% {'error': $states.errorOutput.Error, 'n': $states.context.Map.Item.Index, 'r': $random()} %}"
                      Next: Caught
                  Next: Caught
                Caught: { Type: Succeed }
            End: true
      - StartAt: Wait
        States:
          Wait: { Type: Wait, Seconds: 1, Next: Late }
          Late: { Type: Pass, Output: "{% {'late': $states.context.State.EnteredTime, 'u': $uuid()} %}", End: true }
    Next: Done
  Done: { Type: Succeed }
"#;

struct Run<'a> {
    server: &'a Server,
    folder: &'a Path,
}

impl Run<'_> {
    fn put(&self, name: &str, definition: &str, media_type: &str) {
        let path = format!("/v1/workflows/{name}");
        let (status, answer) =
            http::request(self.server.address(), "PUT", &path, media_type, definition.as_bytes()).expect("an answer");
        assert!(status < 300, "{answer}");
    }

    fn get(&self, path: &str) -> (u16, Value) {
        http::request(self.server.address(), "GET", path, http::JSON, b"").expect("an answer")
    }

    /// Starts an execution, waits for its end, and gives its ARN.
    fn execute(&self, workflow: &str, parameters: &str, input: &str) -> String {
        let stream = http::send(
            self.server.address(),
            "POST",
            &format!("/v1/workflows/{workflow}/run{parameters}"),
            "application/json\r\nprefer: respond-async",
            input.as_bytes(),
        );
        let (status, answer) = http::answer(stream.expect("a connection")).expect("an answer");
        assert_eq!(status, 202, "{answer}");
        let arn = answer["executionArn"].as_str().expect("an ARN").to_owned();
        for _ in 0..600 {
            if self.get(&format!("/v1/executions/{arn}")).1["status"] != "RUNNING" {
                return arn;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{workflow} does not end");
    }

    /// Records an execution into a file.
    fn record(&self, workflow: &str, input: &str, file: &str) -> std::path::PathBuf {
        let arn = self.execute(workflow, "?history=ALL", input);
        // As it came: a number that is read and written again may lose its last digit.
        let (head, recorded) =
            http::page(self.server.address(), &format!("/v1/executions/{arn}/replay")).expect("an answer");
        assert!(head.starts_with("HTTP/1.1 200"), "{head}: {recorded}");
        let file = self.folder.join(file);
        std::fs::write(&file, recorded).expect("a file");
        file
    }
}

/// What the command says, and how it ends.
fn replayed(file: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(program::folder().expect("the program").join("fleetstep"));
    let output = command.arg("replay").arg(file).args(arguments).output().expect("it runs");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn what_was_recorded_runs_again_and_parts_where_the_definition_was_changed() {
    let server = Server::start(&root().join("examples/orders")).expect("the example deploys");
    let folder = tempfile::tempdir().expect("a folder");
    let run = Run { server: &server, folder: folder.path() };
    let orders = root().join("examples/orders");
    for case in std::fs::read_dir(orders.join("cases")).expect("cases") {
        let case = case.expect("a case");
        let input = std::fs::read_to_string(case.path().join("input.json")).expect("an input");
        let name = case.file_name().to_string_lossy().into_owned();
        let file = run.record("orders", &input, &format!("{name}.json"));
        let (status, said) = replayed(&file, &[]);
        assert_eq!(status, Some(0), "{name}: {said}");
        assert!(said.contains("same: all"), "{name}: {said}");
    }
    let file = folder.path().join("small.json");
    let definition = std::fs::read_to_string(orders.join("orders.asl.json")).expect("the definition");
    let changed = folder.path().join("changed.asl.json");
    std::fs::write(&changed, definition.replace("$.totalCents, 490", "$.totalCents, 500")).expect("a file");
    let (status, said) = replayed(&file, &["--definition", changed.to_str().expect("a path"), "--json"]);
    let report: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
    assert_eq!((status, &report["same"]), (Some(1), &json!(false)), "{said}");
    let parting = &report["parting"];
    assert_eq!(parting["recorded"]["type"], "StateExited", "{said}");
    assert_eq!(
        (&parting["recordedState"]["name"], &parting["replayedState"]["name"]),
        (&json!("Add shipping"), &json!("Add shipping"))
    );
    assert_eq!(parting["differences"][0]["pointer"], "/amount/cents", "{said}");
    assert_eq!(parting["recordedState"]["input"], parting["replayedState"]["input"]);
    // The card is charged with another amount: the record's answer to that call stands in, and it goes on to its end.
    assert_eq!(report["outcome"]["status"], "SUCCEEDED", "{said}");
    let (status, said) = replayed(&file, &["--until", "Charge card"]);
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("\"Reserve line\" (Task)") && !said.contains("\"Write letters\" (Parallel)"), "{said}");
    assert_eq!(replayed(&file, &["--until", "Nowhere"]).0, Some(2));
}

#[test]
fn chance_times_branches_and_tries_come_again() {
    let server = Server::start(&root().join("examples/orders")).expect("the example deploys");
    let folder = tempfile::tempdir().expect("a folder");
    let run = Run { server: &server, folder: folder.path() };
    run.put("wild", WILD, "application/yaml");
    let file = run.record("wild", "{}", "wild.json");
    let (status, said) = replayed(&file, &["--step"]);
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("same: all") && said.contains("\"Try\" (Task)") && said.contains(", 2 calls"), "{said}");
    // Another seed draws other numbers.
    let mut recorded: Value = serde_json::from_slice(&std::fs::read(&file).expect("a file")).expect("JSON");
    assert_eq!(recorded["status"], "SUCCEEDED", "{recorded}");
    recorded["seed"] = json!("1");
    std::fs::write(&file, recorded.to_string()).expect("a file");
    let (status, said) = replayed(&file, &[]);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("/dice: recorded"), "{said}");
}

#[test]
fn what_was_not_kept_says_how_it_is() {
    // No execution is kept whole for being one of a sample.
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let settings = Settings { listen, history_samples: 0, ..Settings::default() };
    let server = Server::start_with(&root().join("examples/orders"), settings).expect("the example deploys");
    let folder = tempfile::tempdir().expect("a folder");
    let run = Run { server: &server, folder: folder.path() };
    run.put("pass", r#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#, http::JSON);
    let arn = run.execute("pass", "?history=ERROR", "{}");
    let (status, told) = run.get(&format!("/v1/executions/{arn}/replay"));
    assert_eq!((status, &told["title"]), (409, &json!("ConflictException")), "{told}");
    assert!(told["detail"].as_str().is_some_and(|detail| detail.contains("?history=ALL")), "{told}");
    let (status, told) = run.get(&format!("/v1/executions/{}/replay", arn.replace(":pass:", ":other:")));
    assert_eq!(status, 404, "{told}");
}
