//! The recorded cases of the real service, by their own runner, against a server with the functions they call.

use fleetstep_tests::{Server, clients, root, shared, succeed};
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

/// Whether a recorded case is written in what this release runs: JSONPath, no variables.
fn is_jsonpath(case: &serde_json::Value) -> bool {
    let definition = case.get("definition").or_else(|| case.get("definition_text"));
    let text = definition.map(ToString::to_string).unwrap_or_default();
    !text.contains("JSONata") && !text.contains("\"Assign\"")
}

#[test]
fn every_jsonpath_case_passes() {
    let Some(folder) = shared("conformance") else { return };
    let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let cases = temporary.join("jsonpath-cases.jsonl");
    let picked = pick(&folder.join("cases"));
    assert!(picked.len() > 400, "only {} cases found", picked.len());
    std::fs::write(&cases, picked.join("\n")).expect("a file of cases");
    let programs = clients(temporary).expect("the real clients");
    let server = Server::start(&root().join("tests/guests")).expect("a server");
    let mut run = Command::new(programs.join("python"));
    run.arg(folder.join("run_conformance.py")).args(["--endpoint", &server.endpoint()]);
    run.args(["--type", "EXPRESS", "--mode", "sync", "--cases"]).arg(&cases);
    let said = succeed(&mut run).unwrap_or_else(|failures| panic!("{failures}"));
    let summary = said.lines().last().unwrap_or_default();
    assert!(summary.contains(", 0 failed, "), "{said}");
    println!("{summary}");
}

fn pick(folder: &Path) -> Vec<String> {
    let mut picked = Vec::new();
    for area in AREAS {
        let file = folder.join(format!("{area}.jsonl"));
        let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let cases = text.lines().filter(|line| !line.trim().is_empty());
        picked.extend(
            cases.filter(|line| serde_json::from_str(line).is_ok_and(|case| is_jsonpath(&case))).map(str::to_owned),
        );
    }
    picked
}
