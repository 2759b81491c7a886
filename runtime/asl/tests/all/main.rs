//! The tests of the compiler of definitions.
#![allow(clippy::print_stderr, reason = "a test says why it had nothing to check")]

mod collection;
mod data;
mod frame;
mod hostile;
mod program;
mod recorded;
mod tested;

use fleetstep_asl::{Compilation, Diagnostic, Severity};
use std::path::PathBuf;

/// A file of the shared material, if it is there: beside the checkout, or where `FLEETSTEP_SHARED` says.
fn shared(path: &str) -> Option<String> {
    let beside = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared"));
    let shared = std::env::var_os("FLEETSTEP_SHARED").map_or(beside, PathBuf::from);
    let file = shared.join(path);
    let text = std::fs::read_to_string(&file).ok();
    if text.is_none() {
        eprintln!("skipped: there is no {}", file.display());
    }
    text
}

fn errors(compilation: &Compilation) -> Vec<&Diagnostic> {
    compilation.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).collect()
}

/// A diagnostic in one line. Of the place of a syntax error, which repeats the text, only the end.
fn line(diagnostic: &Diagnostic) -> String {
    let severity = diagnostic.severity.as_str().to_lowercase();
    let place = diagnostic.span.map_or(String::from("-"), |span| format!("{}:{}", span.line, span.column));
    let location = match diagnostic.location.rsplit_once("\"; ") {
        Some((_, end)) => format!(" at [{end}"),
        None if diagnostic.location.is_empty() => String::new(),
        None => format!(" at {}", diagnostic.location),
    };
    let message = diagnostic.message.lines().next().unwrap_or_default();
    format!("{place} {severity} {}: {message}{location}", diagnostic.code.as_str())
}
