//! Runs the cases of a JSONata suite: a directory with `cases/*.jsonl`, one case a line, and `datasets/*.json`.
//!
//! A case has `group`, `case`, `expr`, an input (`data`, or the name of a `dataset`, `null` for none), `bindings`,
//! perhaps a `depth`, and what is expected: `result`, `undefinedResult` or `code`.

use fleetstep_document::{Document, Text};
use fleetstep_expr::jsonata::{Ambient, Answer, Budget, Jsonata, JsonataError};
use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What came of a suite.
#[derive(Default)]
pub(crate) struct Report {
    /// How many cases passed.
    pub(crate) passed: usize,
    /// The others.
    pub(crate) failures: Vec<Failure>,
}

/// A case that did not pass.
pub(crate) struct Failure {
    /// `group/case`
    pub(crate) name: String,
    /// The expression.
    pub(crate) expression: String,
    /// What was expected, and what came instead.
    pub(crate) reason: String,
}

/// Runs all cases of `directory`. A line that is no JSON (an unpaired surrogate) is a failure that says so.
pub(crate) fn run(directory: &Path) -> io::Result<Report> {
    let mut datasets = HashMap::new();
    for file in files(&directory.join("datasets"), "json")? {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        datasets.insert(name, parse(&fs::read(&file)?).map_err(io::Error::other)?);
    }
    let mut report = Report::default();
    for file in files(&directory.join("cases"), "jsonl")? {
        for line in fs::read_to_string(&file)?.lines().filter(|line| !line.trim().is_empty()) {
            run_line(line, &file, &datasets, &mut report);
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

fn run_line(line: &str, file: &Path, datasets: &HashMap<String, Document>, report: &mut Report) {
    let field = |case: &Document, name: &str| case.get(name).and_then(Document::as_str).unwrap_or("?").to_owned();
    let (name, expression, outcome) = match parse(line.as_bytes()) {
        Ok(case) => {
            let name = format!("{}/{}", field(&case, "group"), field(&case, "case"));
            (name, field(&case, "expr"), check(&case, datasets))
        }
        Err(error) => (file.file_name().unwrap_or_default().to_string_lossy().into_owned(), String::new(), Err(error)),
    };
    match outcome {
        Ok(()) => report.passed += 1,
        Err(reason) => report.failures.push(Failure { name, expression, reason }),
    }
}

fn check(case: &Document, datasets: &HashMap<String, Document>) -> Result<(), String> {
    let actual = evaluate(case, datasets)?;
    let matches = match &actual {
        Ok(Answer::Document(result)) => case.get("result") == Some(result),
        Ok(Answer::Nothing) => case.get("undefinedResult").is_some(),
        Ok(Answer::Function) => false,
        Err(error) => case.get("code").and_then(Document::as_str) == Some(error.code().as_str()),
    };
    if matches {
        return Ok(());
    }
    let wanted = ["result", "undefinedResult", "code"].into_iter().find_map(|name| Some((name, case.get(name)?)));
    let wanted = wanted.map_or_else(|| "nothing".to_owned(), |(name, value)| format!("{name} {value}"));
    Err(format!("wanted {wanted}, got {actual:?}"))
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
