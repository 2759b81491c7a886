//! The recorded cases of the real service, run by their own runner, and the page that tells the score.

use crate::{Server, clients, program, root, shared, suite};
use anyhow::{Context as _, Result, bail};
use fleetstep_engine::HistoryLevel;
use fleetstep_server::settings::Settings;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

/// Cases that fail, each with the reason.
const EXCEPTIONS: &str = include_str!("../data/conformance-exceptions.txt");

/// What is different from AWS on purpose, for the page.
const DIFFERENCES: &str = include_str!("../data/conformance-differences.md");

/// How many cases may be on the list of exceptions.
const EXCEPTIONS_MAX: usize = 10;

/// Cases that the runner has under way at once. Most of them wait for a timer.
const JOBS: &str = "24";

/// How the cases are run: every way has a server of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// As a user of AWS runs them, logs included.
    Plain,
    /// With the history of each execution, which AWS does not keep for express workflows.
    History,
}

/// How many cases of an area passed, failed, and were skipped by the runner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Score {
    /// Answered as recorded.
    pub passed: u64,
    /// Answered otherwise.
    pub failed: u64,
    /// Not for express workflows, or without what the runner needs.
    pub skipped: u64,
}

/// A case that was answered otherwise than recorded.
#[derive(Clone, Debug)]
pub struct Miss {
    /// Its `id`.
    pub id: String,
    /// The differences, one a line.
    pub lines: Vec<String>,
}

/// What a run of the runner came to.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// By area.
    pub areas: BTreeMap<String, Score>,
    /// The failures.
    pub misses: Vec<Miss>,
}

/// Runs all recorded cases one way; `None` where there are none beside the checkout. `scratch` is a folder to write in.
///
/// # Errors
/// A server, a Python environment or a runner that does not work; failing cases are no error.
pub fn run(way: Way, scratch: &Path) -> Result<Option<Report>> {
    let Some(folder) = shared("conformance") else { return Ok(None) };
    let programs = clients(scratch)?;
    let log = scratch.join(format!("{way:?}-{}.log", std::process::id()));
    let json = scratch.join(format!("{way:?}-{}.json", std::process::id()));
    let server = Server::start_with(&root().join("tests/guests"), settings(way, &log))?;
    let mut runner = Command::new(programs.join("python"));
    runner.arg(folder.join("run_conformance.py")).args(["--endpoint", &server.endpoint(), "--quiet", "--jobs", JOBS]);
    runner.args(["--type", "EXPRESS", "--mode", "sync"]).arg("--json").arg(&json);
    match way {
        Way::Plain => {
            let program = program::folder()?.join("fleetstep");
            let reader = format!("'{}' logs '{}' --execution {{executionArn}}", program.display(), log.display());
            runner.args(["--api-type", "EXPRESS", "--log-reader", &reader]);
        }
        Way::History => _ = runner.args(["--history", "--kind", "execution"]),
    }
    let output = runner.output().context("the runner")?;
    // 1 is that a case failed, which the report tells.
    if !matches!(output.status.code(), Some(0 | 1)) {
        bail!("the runner: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    let report = Report::read(&std::fs::read_to_string(&json)?)?;
    for file in [json, log] {
        // A run without logs leaves none.
        let _absent = std::fs::remove_file(file);
    }
    Ok(Some(report))
}

fn settings(way: Way, log: &Path) -> Settings {
    let settings = Settings { listen: SocketAddr::from(([127, 0, 0, 1], 0)), ..Settings::default() };
    match way {
        Way::Plain => Settings { log_file: Some(log.to_owned()), ..settings },
        Way::History => Settings { history_level: HistoryLevel::All, aws_extensions: true, ..settings },
    }
}

impl Report {
    fn read(json: &str) -> Result<Self> {
        let read: Value = serde_json::from_str(json)?;
        let mut report = Self::default();
        for (area, score) in read["areas"].as_object().context("the report has areas")? {
            let count = |what: &str| score[what].as_u64().unwrap_or(0);
            let score = Score { passed: count("passed"), failed: count("failed"), skipped: count("skipped") };
            report.areas.insert(area.clone(), score);
        }
        for (id, case) in read["cases"].as_object().context("the report has cases")? {
            if case["outcome"] == "failed" {
                let lines = case["lines"].as_array().into_iter().flatten();
                let lines = lines.filter_map(Value::as_str).map(str::to_owned).collect();
                report.misses.push(Miss { id: id.clone(), lines });
            }
        }
        Ok(report)
    }

    /// The sum over all areas.
    #[must_use]
    pub fn total(&self) -> Score {
        self.areas.values().fold(Score::default(), |sum, score| Score {
            passed: sum.passed + score.passed,
            failed: sum.failed + score.failed,
            skipped: sum.skipped + score.skipped,
        })
    }

    /// What failed and is not on the list, and what is on the list and did not fail, for a person; empty if there is
    /// nothing.
    #[must_use]
    pub fn surprises(&self, way: Way) -> String {
        let mut out = String::new();
        let listed: Vec<_> = exceptions().filter(|exception| exception.way == way).collect();
        for miss in self.misses.iter().filter(|miss| !exceptions().any(|listed| listed.id == miss.id)) {
            push(&mut out, format_args!("FAIL {}\n", miss.id));
            for line in miss.lines.iter().take(6) {
                push(&mut out, format_args!("     {line}\n"));
            }
        }
        for exception in listed.iter().filter(|listed| !self.misses.iter().any(|miss| listed.id == miss.id)) {
            push(&mut out, format_args!("LISTED, but passes: {}\n", exception.id));
        }
        out
    }
}

/// A case that is expected to fail.
pub struct Exception {
    /// How it is run when it fails.
    pub way: Way,
    /// The case's `id`.
    pub id: &'static str,
    /// Why it fails.
    pub reason: &'static str,
}

/// The cases that are expected to fail.
///
/// # Panics
/// When there are more than the project allows itself, or one has no reason.
pub fn exceptions() -> impl Iterator<Item = Exception> {
    let lines = || EXCEPTIONS.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    assert!(lines().count() <= EXCEPTIONS_MAX, "more than {EXCEPTIONS_MAX} exceptions");
    lines().map(|line| {
        let (way, line) = match line.strip_prefix("history: ") {
            Some(line) => (Way::History, line),
            None => (Way::Plain, line),
        };
        let (id, reason) = line.split_once(" | ").expect("an exception is `ID | REASON`");
        Exception { way, id, reason }
    })
}

/// The page: scores, exceptions, differences. `None` where there is no JSONata suite beside the checkout.
///
/// # Errors
/// A JSONata suite that cannot be read.
pub fn page(plain: &Report, history: &Report) -> Result<Option<String>> {
    let Some(folder) = shared("jsonata-suite") else { return Ok(None) };
    let jsonata = suite::run(&folder)?;
    let mut out = String::from(HEAD);
    for (area, score) in &plain.areas {
        row(&mut out, area, *score, history.areas.get(area).copied());
    }
    row(&mut out, "**all**", plain.total(), Some(history.total()));
    out.push_str(LEGEND);
    let mut listed = exceptions().peekable();
    if listed.peek().is_none() {
        out.push_str("No case is excepted.\n");
    }
    for Exception { way, id, reason } in listed {
        let only = if way == Way::History { " (its history)" } else { "" };
        push(&mut out, format_args!("- `{id}`{only}: {reason}\n"));
    }
    let (passed, failed, skipped) = (jsonata.passed, jsonata.failures.len(), jsonata.skipped);
    push(&mut out, format_args!("{JSONATA}\n{passed} passed, {failed} failed, {skipped} skipped.\n\n"));
    out.push_str(DIFFERENCES);
    Ok(Some(out))
}

const HEAD: &str = "# Conformance

<!-- Made by `cargo run --release -p fleetstep-tests --bin conformance-report`; do not edit by hand. -->

The proof that a definition means here what it means on AWS is a suite of cases recorded from AWS Step Functions itself. They
are run as express workflows over the AWS protocol, by boto3. The suite is no part of this repository; with it beside the checkout,
`cargo run --release -p fleetstep-tests --bin conformance-report` runs it and writes this page, and the test `conformance` fails when
a case fails that is not listed below.

| area | passed | failed | skipped | with history: passed | failed |
| --- | ---: | ---: | ---: | ---: | ---: |
";

const LEGEND: &str = "
Skipped are the cases that only STANDARD workflows can run: distributed Maps, activities, listings of executions. \"With history\"
compares every event of the execution too, with its number, its predecessor and its details; only cases that run an execution have
one.

## Cases that fail

";

const JSONATA: &str = "
## JSONata

The official test suite of JSONata 2.2, by `cargo run --release -p fleetstep-tests --bin jsonata-suite -- DIRECTORY`, which takes any
directory in its format. Skipped are texts with an unpaired surrogate, which JSON that a workflow carries cannot hold.
";

fn row(out: &mut String, area: &str, score: Score, history: Option<Score>) {
    let Score { passed, failed, skipped } = score;
    let (with, without) =
        history.map_or((String::new(), String::new()), |score| (score.passed.to_string(), score.failed.to_string()));
    push(out, format_args!("| {area} | {passed} | {failed} | {skipped} | {with} | {without} |\n"));
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a String takes every text");
}
