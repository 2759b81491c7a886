//! The recorded cases of the real service, by their own runner, against a server with the functions they call.

use fleetstep_engine::HistoryLevel;
use fleetstep_server::settings::Settings;
use fleetstep_tests::{Server, clients, program, root, shared, succeed};
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

/// The areas whose cases pass whole, EXPRESS and synchronous.
const AREAS: &[&str] = &[
    "base",
    "choice",
    "choice-scenarios",
    "intrinsics",
    "jsonata",
    "map",
    "parallel",
    "variables",
    "wait",
    "errors",
    "lambda",
    "logs",
    "scenarios",
    "timeouts",
    "context-object",
    "express",
    "create-error",
];

/// The areas whose cases are calls: they name no type of state machine, and are run with EXPRESS ones.
const API_AREAS: &[&str] = &["api"];

/// The cases that do not pass on purpose, each with the reason: `ID | REASON`.
const EXCEPTIONS: &str = include_str!("../data/conformance-exceptions.txt");
/// So many at most, over all areas.
const EXCEPTIONS_MAX: usize = 10;

/// The prefix of an exception that counts only where histories are compared.
const OF_HISTORY: &str = "history: ";

/// How the runner runs executions.
const EXPRESS: [&str; 4] = ["--type", "EXPRESS", "--mode", "sync"];

#[test]
fn every_case_passes() {
    check(AREAS, 600, &guests(), &EXPRESS);
}

#[test]
fn every_call_is_answered_as_recorded() {
    check(API_AREAS, 100, &guests(), &[&EXPRESS[..], &["--api-type", "EXPRESS"]].concat());
}

/// Against a server that keeps and tells histories, and logs; the kinds `execution` and `logs` are those that have
/// any.
#[test]
fn every_history_and_every_log_matches() {
    let log_file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("conformance.log");
    let _ = std::fs::remove_file(&log_file);
    let settings = Settings {
        history_level: HistoryLevel::All,
        aws_extensions: true,
        log_file: Some(log_file.clone()),
        ..guests()
    };
    let fleetstep = program::folder().expect("the program").join("fleetstep");
    let reader = format!("'{}' logs '{}' --execution {{executionArn}}", fleetstep.display(), log_file.display());
    let how = [HISTORY, "--kind", "execution", "--kind", "logs", "--log-reader", &reader];
    check(AREAS, 600, &settings, &[&EXPRESS[..], &how].concat());
}

/// The runner's flag.
const HISTORY: &str = "--history";

fn guests() -> Settings {
    Settings { listen: SocketAddr::from(([127, 0, 0, 1], 0)), ..Settings::default() }
}

/// Runs the cases of some areas, `least` of them at least, by the runner, which says how.
fn check(areas: &[&str], least: usize, settings: &Settings, how: &[&str]) {
    let Some(folder) = shared("conformance") else { return };
    let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let cases = temporary.join(format!("{}-{}-cases.jsonl", areas[0], how.len()));
    let picked = pick(&folder.join("cases"), areas, how.contains(&HISTORY));
    assert!(picked.len() >= least, "only {} cases found", picked.len());
    std::fs::write(&cases, picked.join("\n")).expect("a file of cases");
    let programs = clients(temporary).expect("the real clients");
    let server = Server::start_with(&root().join("tests/guests"), settings.clone()).expect("a server");
    let mut run = Command::new(programs.join("python"));
    run.arg(folder.join("run_conformance.py")).args(["--endpoint", &server.endpoint()]);
    run.args(how).arg("--cases").arg(&cases);
    let said = succeed(&mut run).unwrap_or_else(|failures| panic!("{failures}"));
    let summary = said.lines().last().unwrap_or_default();
    assert!(summary.contains(", 0 failed, "), "{said}");
    println!("{summary}");
}

fn pick(folder: &Path, areas: &[&str], with_history: bool) -> Vec<String> {
    let mut exceptions = exceptions(areas, with_history);
    let mut picked = Vec::new();
    for area in areas {
        let file = folder.join(format!("{area}.jsonl"));
        let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let case: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            if !exceptions.remove(case["id"].as_str().unwrap_or_default()) {
                picked.push(line.to_owned());
            }
        }
    }
    assert!(exceptions.is_empty(), "there are no such cases: {exceptions:?}");
    picked
}

/// The exceptions of some areas.
fn exceptions(areas: &[&str], with_history: bool) -> BTreeSet<&'static str> {
    let lines: Vec<&str> = EXCEPTIONS.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert!(lines.len() <= EXCEPTIONS_MAX, "{} exceptions", lines.len());
    let lines = lines.into_iter().filter_map(|line| match line.strip_prefix(OF_HISTORY) {
        Some(line) => with_history.then_some(line),
        None => Some(line),
    });
    let named = lines.map(|line| line.split_once(" | ").expect("ID | REASON").0);
    named.filter(|id| areas.contains(&id.split('/').next().unwrap_or_default())).collect()
}
