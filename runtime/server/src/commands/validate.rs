//! `fleetstep validate`: every diagnostic of every file, with its place.

use crate::cli::EXIT_UNUSABLE;
use crate::terminal;
use anyhow::Result;
use clap::{Args, ValueEnum};
use fleetstep_asl::{Compilation, Format, Options, Severity, WorkflowType, code_frame, compile};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Checks definitions. Exits with 0 when no file has an error, with 1 when one has, with 2 when one cannot be read.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  fleetstep validate orders.asl.json
  fleetstep validate --type EXPRESS workflows/*.asl.yaml
  fleetstep validate --json orders.asl.json")]
pub(crate) struct Validate {
    /// Definitions, as JSON (*.json) or YAML (*.yaml, *.yml)
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Also refuse what a machine of this type cannot do here; without it such features are warnings
    #[arg(long = "type", value_name = "TYPE")]
    workflow_type: Option<TypeFlag>,
    /// Print one JSON object a diagnostic instead of text
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum TypeFlag {
    /// What CreateStateMachine accepts for an express workflow
    #[value(name = "EXPRESS", alias = "express")]
    Express,
    /// The rules of a standard workflow
    #[value(name = "STANDARD", alias = "standard")]
    Standard,
}

impl Validate {
    pub(crate) fn execute(self) -> Result<ExitCode> {
        let mut errors = 0;
        let mut warnings = 0;
        let mut unreadable = 0;
        for file in &self.files {
            let source = match std::fs::read_to_string(file) {
                Ok(source) => source,
                Err(error) => {
                    terminal::progress(format_args!("error: cannot read {}: {error}", file.display()));
                    unreadable += 1;
                    continue;
                }
            };
            let compilation =
                compile(&source, &Options { format: format_of(file), target: self.target(), ..Options::default() });
            for severity in compilation.diagnostics.iter().map(|diagnostic| diagnostic.severity) {
                match severity {
                    Severity::Error => errors += 1,
                    Severity::Warning => warnings += 1,
                }
            }
            self.show(file, &source, &compilation);
        }
        if !self.json {
            terminal::result(summary(self.files.len() - unreadable, errors, warnings));
        }
        Ok(if unreadable > 0 { ExitCode::from(EXIT_UNUSABLE) } else { ExitCode::from(u8::from(errors > 0)) })
    }

    fn target(&self) -> Option<WorkflowType> {
        self.workflow_type.map(|flag| match flag {
            TypeFlag::Express => WorkflowType::Express,
            TypeFlag::Standard => WorkflowType::Standard,
        })
    }

    fn show(&self, file: &Path, source: &str, compilation: &Compilation) {
        for diagnostic in &compilation.diagnostics {
            if self.json {
                terminal::json(&as_json(file, diagnostic).to_string());
            } else {
                terminal::result(code_frame(&file.display().to_string(), source, diagnostic));
            }
        }
    }
}

/// A diagnostic for programs.
pub(crate) fn as_json(file: &Path, diagnostic: &fleetstep_asl::Diagnostic) -> serde_json::Value {
    let span = diagnostic.span.as_ref();
    serde_json::json!({
        "file": file.display().to_string(),
        "severity": diagnostic.severity.as_str(),
        "code": diagnostic.code.as_str(),
        "message": diagnostic.message,
        "location": diagnostic.location,
        "line": span.map(|span| span.line),
        "column": span.map(|span| span.column),
        "hint": diagnostic.hint,
    })
}

fn summary(files: usize, errors: usize, warnings: usize) -> String {
    let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    format!("{}: {}, {}", count(files, "file"), count(errors, "error"), count(warnings, "warning"))
}

/// YAML by its file name; everything else is JSON.
pub(crate) fn format_of(file: &Path) -> Format {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("yaml" | "yml") => Format::Yaml,
        _ => Format::Json,
    }
}
