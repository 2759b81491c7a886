//! Runs the cases of a JSONata suite: a directory with `cases/*.jsonl`, one case a line, and `datasets/*.json`.
//!
//! A case has `group`, `case`, `expr`, an input (`data`, or the name of a `dataset`, `null` for none), `bindings`,
//! perhaps a `depth` and a `timelimit`, and what is expected: `result`, `undefinedResult` or `code`.
//!
//! The tests of `fleetstep-expr` and the library of `fleetstep-tests` both have this module.

use fleetstep_document::{Document, Text};
use fleetstep_expr::jsonata::{Ambient, Answer, Budget, Jsonata, JsonataError};
use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What came of a suite.
#[derive(Default)]
pub struct Report {
    /// How many cases passed.
    pub passed: usize,
    /// Those that did not.
    pub failures: Vec<Failure>,
    /// Lines that are no text: an unpaired UTF-16 surrogate has no place in JSON that a workflow may carry.
    pub skipped: usize,
}

/// A case that did not pass.
pub struct Failure {
    /// `group/case`
    pub name: String,
    /// The expression.
    pub expression: String,
    /// What was expected.
    pub expected: String,
    /// What came instead.
    pub got: String,
}

/// Steps that stand for a millisecond of a case's own limit of time.
const STEPS_PER_MS: u64 = 10_000;

/// Runs all cases of `directory`.
///
/// # Errors
/// A file that cannot be read, or a dataset that is no JSON.
pub fn run(directory: &Path) -> io::Result<Report> {
    let mut datasets = HashMap::new();
    for file in files(&directory.join("datasets"), "json")? {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        datasets.insert(name, parse(&fs::read(&file)?).map_err(io::Error::other)?);
    }
    let mut report = Report::default();
    for file in files(&directory.join("cases"), "jsonl")? {
        for line in fs::read(&file)?.split(|&byte| byte == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
            match Document::parse(line) {
                Ok(case) => run_case(&case, &datasets, &mut report),
                Err(_) => report.skipped += 1,
            }
        }
    }
    Ok(report)
}

/// The files of a directory with an extension, by name.
fn files(directory: &Path, extension: &str) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn parse(text: &[u8]) -> Result<Document, String> {
    Document::parse(text).map_err(|error| error.to_string())
}

fn run_case(case: &Document, datasets: &HashMap<String, Document>, report: &mut Report) {
    let field = |name: &str| case.get(name).and_then(Document::as_str).unwrap_or("?");
    let wanted = ["result", "undefinedResult", "code"].into_iter().find_map(|name| Some((name, case.get(name)?)));
    let expected = wanted.map_or_else(|| "nothing".to_owned(), |(name, value)| format!("{name} {value}"));
    let got = match evaluate(case, datasets) {
        Ok(actual) if matches(case, &actual) => {
            report.passed += 1;
            return;
        }
        Ok(Ok(Answer::Document(result))) => format!("result {result}"),
        Ok(Ok(Answer::Nothing)) => "undefinedResult".to_owned(),
        Ok(Ok(Answer::Function)) => "a function".to_owned(),
        Ok(Err(error)) => error.to_string(),
        Err(problem) => problem,
    };
    let name = format!("{}/{}", field("group"), field("case"));
    report.failures.push(Failure { name, expression: field("expr").to_owned(), expected, got });
}

fn matches(case: &Document, actual: &Result<Answer, JsonataError>) -> bool {
    match actual {
        Ok(Answer::Document(result)) => case.get("result") == Some(result),
        Ok(Answer::Nothing) => case.get("undefinedResult").is_some(),
        Ok(Answer::Function) => false,
        Err(error) => case.get("code").and_then(Document::as_str) == Some(error.code().as_str()),
    }
}

/// Evaluates a case; the outer error is of the case itself.
fn evaluate(case: &Document, datasets: &HashMap<String, Document>) -> Result<Result<Answer, JsonataError>, String> {
    let expression = case.get("expr").and_then(Document::as_str).ok_or("the case has no expression")?;
    let input = match (case.get("data"), case.get("dataset").map(Document::as_str)) {
        (Some(data), _) => Some(data),
        (None, Some(Some(name))) => Some(datasets.get(name).ok_or_else(|| format!("no dataset {name}"))?),
        (None, _) => None,
    };
    let bindings: Vec<(Text, Document)> = match case.get("bindings").and_then(Document::as_object) {
        Some(bindings) => bindings.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        None => Vec::new(),
    };
    let mut world = World { seed: 1 };
    let mut budget = Budget::new(&mut world);
    if let Some(depth) = case.get("depth").and_then(Document::as_i64) {
        budget.depth_max = budget.depth_max.min(depth as u32);
    }
    if let Some(limit_ms) = case.get("timelimit").and_then(Document::as_i64) {
        budget.steps_max = u64::try_from(limit_ms).unwrap_or(0) * STEPS_PER_MS;
    }
    Ok(Jsonata::compile(expression).and_then(|compiled| compiled.evaluate(input, bindings, &mut budget)))
}

/// A time and a chance that are the same in every run.
struct World {
    seed: u64,
}

impl Ambient for World {
    fn now_millis(&self) -> i64 {
        1_767_225_600_000
    }

    fn random(&mut self) -> f64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 11) as f64 / (1_u64 << 53) as f64
    }
}
