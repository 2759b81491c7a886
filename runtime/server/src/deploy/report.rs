//! What is told of a deployment, item by item: to people, or as lines of JSON.

use super::target::{Change, Done, Failure};
use super::triggers::Trigger;
use crate::commands::validate::as_json;
use crate::terminal::{self, Progress};
use fleetstep_asl::{Diagnostic, Severity, code_frame};
use fleetstep_engine::clock;
use serde_json::{Value, json};
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How much of a digest is shown to people.
const DIGEST_SHOWN: usize = 12;

/// What became of one function or workflow.
pub(crate) struct Told<'a> {
    kind: &'static str,
    name: &'a str,
    file: Option<&'a Path>,
    source: Option<String>,
    /// What it does.
    says: Option<String>,
    outcome: Result<Done, Failure>,
}

impl<'a> Told<'a> {
    pub(crate) fn function(name: &'a str, outcome: Result<Done, Failure>) -> Self {
        Self { kind: "function", name, file: None, source: None, says: None, outcome }
    }

    pub(crate) fn workflow(name: &'a str, file: &'a Path, outcome: Result<Done, Failure>) -> Self {
        Self { kind: "workflow", name, file: Some(file), source: None, says: None, outcome }
    }

    pub(crate) fn trigger(trigger: &'a Trigger, outcome: Result<Done, Failure>) -> Self {
        let says = Some(trigger.says());
        Self { kind: trigger.kind(), name: trigger.name(), file: None, source: None, says, outcome }
    }

    /// One that is no more.
    pub(crate) fn removed(kind: &'static str, name: &'a str, outcome: Result<Done, Failure>) -> Self {
        Self { kind, name, file: None, source: None, says: None, outcome }
    }

    /// With the text that its diagnostics are about.
    pub(crate) fn with_source(self, source: String) -> Self {
        Self { source: Some(source), ..self }
    }

    fn diagnostics(&self) -> &[Diagnostic] {
        match &self.outcome {
            Ok(done) => &done.warnings,
            Err(Failure::Invalid(_, diagnostics)) => diagnostics,
            Err(Failure::Other(_)) => &[],
        }
    }

    fn file_name(&self) -> String {
        self.file.map(|file| file.display().to_string()).unwrap_or_default()
    }

    /// What is wrong, in one line, if something is.
    fn failure(&self) -> Option<String> {
        let (kind, name) = (self.kind, self.name);
        match &self.outcome {
            Ok(_) => None,
            Err(Failure::Invalid(_, diagnostics)) => {
                let errors = diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
                Some(format!("{kind} {name}: {} has {errors} error(s), shown above", self.file_name()))
            }
            Err(Failure::Other(error)) => Some(format!("{kind} {name}: {error:#}")),
        }
    }

    fn json(&self) -> Value {
        let file = self.file.map_or_else(PathBuf::new, Path::to_owned);
        let diagnostics: Vec<Value> = self.diagnostics().iter().map(|diagnostic| as_json(&file, diagnostic)).collect();
        let mut told = json!({"kind": self.kind, "name": self.name, "diagnostics": diagnostics});
        match &self.outcome {
            Ok(done) => {
                told["change"] = json!(done.change.as_str());
                if let Some(module) = &done.module {
                    told["moduleKind"] = json!(module.kind);
                    told["moduleBytes"] = json!(module.bytes);
                    told["moduleSha256"] = json!(module.sha256);
                }
            }
            Err(Failure::Invalid(..)) => told["error"] = json!("the definition has errors"),
            Err(Failure::Other(error)) => told["error"] = json!(format!("{error:#}")),
        }
        told
    }

    /// What was done, in one line.
    fn line(&self, done: &Done) -> String {
        let mut line = format!("{} {}: {}", self.kind, self.name, done.change.as_str());
        if let Some(module) = done.module.as_ref().filter(|_| done.change != Change::Unchanged) {
            let kind = module.kind.as_deref().unwrap_or("module");
            let digest = module.sha256.get(..DIGEST_SHOWN).unwrap_or(&module.sha256);
            line.push_str(&format!(", {kind}, {} KiB, {digest}", module.bytes.div_ceil(1024)));
        }
        if let Some(file) = self.file {
            line.push_str(&format!(", {}", file.display()));
        }
        if let Some(says) = &self.says {
            line.push_str(&format!(", {says}"));
        }
        line
    }
}

/// Tells of a deployment as it goes, and counts.
pub(crate) struct Report {
    is_json: bool,
    shows_unchanged: bool,
    begun: Instant,
    progress: Progress,
    changed: usize,
    unchanged: usize,
    failures: Vec<String>,
}

impl Report {
    /// Lines on standard error.
    pub(crate) fn for_people() -> Self {
        Self {
            is_json: false,
            shows_unchanged: true,
            begun: clock::instant(),
            // Elsewhere than on a terminal, the line of each item says enough.
            progress: Progress::new(Duration::MAX),
            changed: 0,
            unchanged: 0,
            failures: Vec::new(),
        }
    }

    /// A line of JSON for each item on standard output.
    pub(crate) fn as_json() -> Self {
        Self { is_json: true, ..Self::for_people() }
    }

    /// Without a word of what is as it was.
    pub(crate) fn of_changes() -> Self {
        Self { shows_unchanged: false, ..Self::for_people() }
    }

    /// On a terminal: what is being done.
    pub(crate) fn working(&mut self, what: impl Display) {
        if self.progress.is_terminal() {
            self.progress.show(self.begun.elapsed(), format_args!("putting {what}"));
        }
    }

    /// Tells of one item.
    pub(crate) fn tell(&mut self, told: &Told<'_>) {
        self.progress.finish();
        if self.is_json {
            terminal::json(&told.json().to_string());
        } else {
            self.show(told);
        }
        match &told.outcome {
            Ok(done) if done.change.is_one() => self.changed += 1,
            Ok(_) => self.unchanged += 1,
            Err(_) => self.failures.extend(told.failure()),
        }
    }

    fn show(&self, told: &Told<'_>) {
        let source = match &told.outcome {
            Err(Failure::Invalid(source, _)) => source,
            _ => told.source.as_deref().unwrap_or_default(),
        };
        let is_news = !matches!(&told.outcome, Ok(done) if !done.change.is_one() && !self.shows_unchanged);
        for diagnostic in told.diagnostics().iter().filter(|_| is_news) {
            terminal::progress(code_frame(&told.file_name(), source, diagnostic));
        }
        match &told.outcome {
            Ok(done) if is_news => terminal::progress(told.line(done)),
            Ok(_) => {}
            Err(_) => {}
        }
    }

    /// What is wrong with the first item of which something is.
    pub(crate) fn first_failure(&self) -> Option<&str> {
        self.failures.first().map(String::as_str)
    }

    /// What is wrong, item by item.
    pub(crate) fn failures(&self) -> &[String] {
        &self.failures
    }

    /// How many items are others than before, and how many are as they were.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.changed, self.unchanged)
    }

    /// How long it has taken so far.
    pub(crate) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }
}
