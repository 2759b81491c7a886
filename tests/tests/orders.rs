//! `examples/orders`: every case gives its expected output, by the binary's own command and over HTTP.

use fleetstep_tests::{Server, program, root, succeed};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

fn cases() -> Vec<PathBuf> {
    let listing = std::fs::read_dir(root().join("examples/orders/cases")).expect("cases");
    let mut folders: Vec<PathBuf> = listing.map(|entry| entry.expect("an entry").path()).collect();
    folders.sort();
    assert!(folders.len() >= 3, "success, retried and compensated at least");
    folders
}

fn read(file: &Path) -> Value {
    let text = std::fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

#[test]
fn every_case_gives_its_expected_output_over_http() {
    let server = Server::start(&root().join("examples/orders")).expect("the example deploys");
    for case in cases() {
        let expected = read(&case.join("expected.json"));
        let input = read(&case.join("input.json")).to_string();
        let (status, answer) = server.post("/v1/workflows/orders/run", &input).expect("an answer");
        if expected["status"] == "SUCCEEDED" {
            assert_eq!((status, &answer), (200, &expected["output"]), "{}", case.display());
        } else {
            assert!(status >= 400, "{}: {status} {answer}", case.display());
            assert_eq!(answer["error"], expected["error"], "{}", case.display());
            assert_eq!(answer["cause"], expected["cause"], "{}", case.display());
        }
    }
}

#[test]
fn every_case_gives_its_expected_output_by_the_command() {
    let fleetstep = program::folder().expect("the program").join("fleetstep");
    for case in cases() {
        let expected = read(&case.join("expected.json"));
        let mut run = Command::new(&fleetstep);
        run.arg("run").arg(root().join("examples/orders")).args(["--workflow", "orders", "--input"]);
        let output = run.arg(format!("@{}", case.join("input.json").display())).output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr);
        if expected["status"] == "SUCCEEDED" {
            let found: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
            assert_eq!((output.status.code(), &found), (Some(0), &expected["output"]), "{}", case.display());
        } else {
            let lines = ["FAILED ", expected["error"].as_str().unwrap_or_default()].concat();
            let lines = format!("{lines}\n{}\n", expected["cause"].as_str().unwrap_or_default());
            assert_eq!((output.status.code(), said.ends_with(&lines)), (Some(1), true), "{}: {said}", case.display());
        }
    }
}

#[test]
fn the_readme_s_request_is_answered_as_the_case_says() {
    if Command::new("curl").arg("--version").output().is_err() {
        println!("skipped: there is no curl");
        return;
    }
    let readme = std::fs::read_to_string(root().join("README.md")).expect("the README");
    let request = readme.lines().find(|line| line.starts_with("curl ") && line.ends_with("/v1/workflows/orders/run"));
    let server = Server::start(&root().join("examples/orders")).expect("the example deploys");
    let request = request.expect("a request").replace("http://127.0.0.1:8083", &server.endpoint());
    let mut shell = Command::new("sh");
    let said = succeed(shell.arg("-c").arg(format!("{request} --silent")).current_dir(root())).expect("curl works");
    let answer: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
    assert_eq!(answer, read(&root().join("examples/orders/cases/accepted/expected.json"))["output"]);
}
