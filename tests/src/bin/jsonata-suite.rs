//! Runs the JSONata engine over a suite of cases that anyone may name.

use anyhow::{Context as _, Result};
use clap::Parser;
use fleetstep_tests::suite;
use std::path::PathBuf;
use std::process::ExitCode;

/// Runs the cases of a JSONata suite, prints those that fail, and counts.
#[derive(Parser)]
struct Flags {
    /// The directory with `cases/*.jsonl`, one case a line, and `datasets/*.json`
    directory: PathBuf,
}

#[allow(clippy::print_stdout)] // The report is this program's result.
fn main() -> Result<ExitCode> {
    let directory = Flags::parse().directory;
    let report = suite::run(&directory).with_context(|| format!("the suite at {}", directory.display()))?;
    for failure in &report.failures {
        println!("{}\n    {}", failure.name, failure.expression);
        println!("    expected {}\n    got      {}", failure.expected, failure.got);
    }
    if report.skipped > 0 {
        println!("{} lines skipped: not valid Unicode", report.skipped);
    }
    println!("{} passed, {} failed", report.passed, report.failures.len());
    Ok(if report.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
