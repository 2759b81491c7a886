//! The expressions against data: tables of this repository, and the service's recorded answers where they are at hand.
#![allow(clippy::print_stderr, reason = "a test that has no data says so")]

mod bounds;
mod conditions;
mod expressions;
mod fields;
mod jsonata_bounds;
mod jsonata_functions;
mod jsonata_suite;
mod recorded;
mod references;
#[allow(unreachable_pub, reason = "a library has this module too")]
#[path = "../suite/mod.rs"]
mod suite;

use fleetstep_document::Document;
use fleetstep_expr::{Chance, EvalError, Scope, VariableNames};
use std::path::{Path, PathBuf};

/// A directory of the shared data, or a line that says that it is not there.
fn shared(name: &str) -> Option<PathBuf> {
    let shared = std::env::var_os("FLEETSTEP_SHARED").map(PathBuf::from);
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let directory = shared.unwrap_or_else(beside).join(name);
    if directory.is_dir() {
        return Some(directory);
    }
    eprintln!("no {}: nothing to compare", directory.display());
    None
}

/// Parses a document that a test was written with.
fn json(text: &str) -> Document {
    Document::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Names for expressions that read no variable.
fn no_names() -> VariableNames {
    VariableNames::default()
}

/// Evaluates over `root` with the context object `context` and a fixed seed.
fn over<T>(
    root: &Document,
    context: &Document,
    evaluate: impl FnOnce(&Scope<'_>) -> Result<T, EvalError>,
) -> Result<T, EvalError> {
    let chance = Chance::new(7);
    let scope = Scope {
        root,
        input: root,
        result: None,
        error_output: None,
        context,
        variables: &[],
        chance: &chance,
        now_us: 0,
    };
    evaluate(&scope)
}
