//! The recorded cases of the real service, by their own runner, against a server with the functions they call.

use fleetstep_engine::HistoryLevel;
use fleetstep_server::settings::Settings;
use fleetstep_tests::{Server, clients, program, root, shared, succeed};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
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

/// Cases whose history cannot be had here, each with the reason.
const HISTORY_EXCEPTIONS: &[(&str, &str)] = &[(
    "variables/error_output/map_catch_error[MAP_CATCH_ERROR_VARIABLE_SAMPLING]",
    "its outputs are compared with the text of the stack trace that the recorded Python function had",
)];

#[test]
fn every_case_passes() {
    let Some(folder) = shared("conformance") else { return };
    let server = Server::start(&root().join("tests/guests")).expect("a server");
    println!("{}", run(&folder, &server, "cases", |_| true, &[]));
}

/// Against a server that keeps and tells histories, and logs; the kinds `execution` and `logs` are those that have any.
#[test]
fn every_history_and_every_log_matches() {
    let Some(folder) = shared("conformance") else { return };
    let log_file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("conformance.log");
    let _ = std::fs::remove_file(&log_file);
    let settings = Settings {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        history_level: HistoryLevel::All,
        aws_extensions: true,
        log_file: Some(log_file.clone()),
        ..Settings::default()
    };
    let server = Server::start_with(&root().join("tests/guests"), settings).expect("a server");
    let fleetstep = program::folder().expect("the program").join("fleetstep");
    let reader = format!("'{}' logs '{}' --execution {{executionArn}}", fleetstep.display(), log_file.display());
    let is_wanted = |id: &str| HISTORY_EXCEPTIONS.iter().all(|(exception, _)| *exception != id);
    let arguments = ["--history", "--kind", "execution", "--kind", "logs", "--log-reader", &reader];
    println!("{}", run(&folder, &server, "histories", is_wanted, &arguments));
}

/// Runs the wanted cases of all areas, and returns the runner's last line.
fn run(folder: &Path, server: &Server, name: &str, is_wanted: impl Fn(&str) -> bool, arguments: &[&str]) -> String {
    let temporary = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let cases = temporary.join(format!("{name}.jsonl"));
    let picked = pick(&folder.join("cases"), is_wanted);
    assert!(picked.len() > 600, "only {} cases found", picked.len());
    std::fs::write(&cases, picked.join("\n")).expect("a file of cases");
    let programs = clients(&temporary).expect("the real clients");
    let mut run = Command::new(programs.join("python"));
    run.arg(folder.join("run_conformance.py")).args(["--endpoint", &server.endpoint()]);
    run.args(["--type", "EXPRESS", "--mode", "sync"]).args(arguments).arg("--cases").arg(&cases);
    let said = succeed(&mut run).unwrap_or_else(|failures| panic!("{failures}"));
    let summary = said.lines().last().unwrap_or_default();
    assert!(summary.contains(", 0 failed, "), "{said}");
    summary.to_owned()
}

fn pick(folder: &Path, is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let mut picked = Vec::new();
    for area in AREAS {
        let file = folder.join(format!("{area}.jsonl"));
        let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        picked.extend(text.lines().filter(|line| id(line).is_some_and(|id| is_wanted(&id))).map(str::to_owned));
    }
    picked
}

fn id(line: &str) -> Option<String> {
    let case: serde_json::Value = serde_json::from_str(line).ok()?;
    case["id"].as_str().map(str::to_owned)
}
