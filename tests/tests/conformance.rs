//! The recorded cases of the real service, by their own runner, against a server with the functions they call.

use fleetstep_tests::{Server, clients, root, shared, succeed};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// The areas whose JSONPath cases pass whole, EXPRESS and synchronous.
const AREAS: &[&str] = &[
    "base",
    "choice",
    "choice-scenarios",
    "intrinsics",
    "map",
    "parallel",
    "wait",
    "errors",
    "lambda",
    "scenarios",
    "timeouts",
    "context-object",
    "express",
    "create-error",
];

/// The areas whose cases are calls: they name no type of state machine, and are run with EXPRESS ones.
const API_AREAS: &[&str] = &["api"];

/// The areas whose cases test a state or check a definition, in either query language.
const TEST_AREAS: &[&str] = &["test-state", "test-state-services", "validate"];

/// The cases that do not pass on purpose, each with the reason: `ID | REASON`.
const EXCEPTIONS: &str = include_str!("../data/conformance-exceptions.txt");
/// So many at most, over all areas.
const EXCEPTIONS_MAX: usize = 10;

/// Whether a recorded case is written in what this release runs: JSONPath, no variables.
fn is_jsonpath(case: &Value) -> bool {
    let definition = case.get("definition").or_else(|| case.get("definition_text"));
    let text = definition.map(ToString::to_string).unwrap_or_default();
    !text.contains("JSONata") && !text.contains("\"Assign\"")
}

#[test]
fn every_jsonpath_case_passes() {
    check(AREAS, is_jsonpath, 400, &["--type", "EXPRESS", "--mode", "sync"]);
}

#[test]
fn every_state_is_tested_as_recorded() {
    check(TEST_AREAS, |_| true, 125, &["--type", "EXPRESS", "--mode", "sync"]);
}

#[test]
fn every_call_is_answered_as_recorded() {
    check(API_AREAS, |_| true, 100, &["--type", "EXPRESS", "--mode", "sync", "--api-type", "EXPRESS"]);
}

/// Runs the cases of some areas, `least` of them at least, by the runner, which says how.
fn check(areas: &[&str], wanted: fn(&Value) -> bool, least: usize, how: &[&str]) {
    let Some(folder) = shared("conformance") else { return };
    let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let cases = temporary.join(format!("{}-cases.jsonl", areas[0]));
    let picked = pick(&folder.join("cases"), areas, wanted);
    assert!(picked.len() >= least, "only {} cases found", picked.len());
    std::fs::write(&cases, picked.join("\n")).expect("a file of cases");
    let programs = clients(temporary).expect("the real clients");
    let server = Server::start(&root().join("tests/guests")).expect("a server");
    let mut run = Command::new(programs.join("python"));
    run.arg(folder.join("run_conformance.py")).args(["--endpoint", &server.endpoint()]);
    run.args(how).arg("--cases").arg(&cases);
    let said = succeed(&mut run).unwrap_or_else(|failures| panic!("{failures}"));
    let summary = said.lines().last().unwrap_or_default();
    assert!(summary.contains(", 0 failed, "), "{said}");
    println!("{summary}");
}

fn pick(folder: &Path, areas: &[&str], wanted: fn(&Value) -> bool) -> Vec<String> {
    let mut exceptions = exceptions(areas);
    let mut picked = Vec::new();
    for area in areas {
        let file = folder.join(format!("{area}.jsonl"));
        let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let case: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            if !exceptions.remove(case["id"].as_str().unwrap_or_default()) && wanted(&case) {
                picked.push(line.to_owned());
            }
        }
    }
    assert!(exceptions.is_empty(), "there are no such cases: {exceptions:?}");
    picked
}

/// The exceptions of some areas.
fn exceptions(areas: &[&str]) -> BTreeSet<&'static str> {
    let lines: Vec<&str> = EXCEPTIONS.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert!(lines.len() <= EXCEPTIONS_MAX, "{} exceptions", lines.len());
    let named = lines.iter().map(|line| line.split_once(" | ").expect("ID | REASON").0);
    named.filter(|id| areas.contains(&id.split('/').next().unwrap_or_default())).collect()
}
