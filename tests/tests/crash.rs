//! Crashes of a real server: what it acknowledged runs, as it was accepted.

use fleetstep_tests::program::Serving;
use fleetstep_tests::{crash, http};
use serde_json::{Value, json};
use std::time::Duration;

#[test]
fn nothing_acknowledged_is_lost_when_the_server_is_killed() {
    let tally = crash::rounds(4, 7, |_| {}).expect("every round");
    assert!(tally.acknowledged > 0);
    assert_eq!(tally.lost, [""; 0]);
    assert!(tally.run_again > 0, "{tally:?}");
}

#[test]
#[allow(clippy::print_stderr)] // What was left out is said.
fn nothing_acknowledged_is_lost_on_a_disk_that_is_full() {
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_crash-rounds"));
    match crash::with_a_small_disk(program, &["--rounds", "4", "--seed", "3", "--fill"]).expect("it runs") {
        Err(why) => eprintln!("left out: no small disk can be had here: {why}"),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && said.contains(" 0 lost"), "{said}");
            assert!(!said.contains(" 0 requests refused"), "the disk was full: {said}");
        }
    }
}

#[test]
fn a_damaged_journal_is_cut_with_a_warning_or_refused() {
    let damage = crash::damaged().expect("no copy is read wrong");
    assert!(damage.cuts > 50 && damage.refused > 100 && damage.cut > 100, "{damage:?}");
}

fn definition(n: u32) -> String {
    json!({"StartAt": "Wait", "States": {
        "Wait": {"Type": "Wait", "Seconds": 1, "Next": "Say"},
        "Say": {"Type": "Pass", "Parameters": {"n": n, "redrives.$": "$$.Execution.RedriveCount"}, "End": true},
    }})
    .to_string()
}

fn put(server: &Serving, n: u32) {
    let path = "/v1/workflows/again";
    let (status, answer) =
        http::request(server.address, "PUT", path, http::JSON, definition(n).as_bytes()).expect("an answer");
    assert!(matches!(status, 200 | 201), "{answer}");
}

#[test]
fn a_start_runs_again_with_the_definition_that_it_was_accepted_with() {
    let folder = tempfile::tempdir().expect("a folder");
    let data_dir = folder.path().to_str().expect("UTF-8");
    let serve = || Serving::start(["--data-dir", data_dir]).expect("a server");
    let server = serve();
    put(&server, 1);
    let call = json!({"stateMachineArn": "arn:aws:states:us-east-1:000000000000:stateMachine:again", "input": "{}"});
    let accepted = crash::aws(server.address, "StartExecution", &call).expect("an answer");
    let arn = accepted["executionArn"].as_str().expect("an ARN").to_owned();
    put(&server, 2);
    server.kill().expect("killed");

    let server = serve();
    let path = format!("/v1/executions/{arn}");
    let shown = (0..100).find_map(|_| {
        std::thread::sleep(Duration::from_millis(100));
        let (status, shown) = http::request(server.address, "GET", &path, http::JSON, b"").expect("an answer");
        (status == 200 && shown["status"] == "SUCCEEDED").then_some(shown)
    });
    let shown: Value = shown.expect("it ends");
    assert_eq!(shown["output"], json!({"n": 1, "redrives": 1}));
}
