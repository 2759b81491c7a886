//! Keeps a server at half of what the machine can do, and looks at its memory, its errors, and whether it comes to rest.
//!
//! ```sh
//! cargo run --release -p fleetstep-tests --bin soak -- --minutes 20
//! ```
#![allow(clippy::print_stdout)] // What it finds is this program's result.

use anyhow::Result;
use clap::Parser;
use fleetstep_tests::soak::{GROWTH_PERCENT_MAX, soak};
use std::process::ExitCode;
use std::time::Duration;

/// Keeps a server at half of what the machine can do, with mixed workflows, sync and async.
#[derive(Parser)]
struct Flags {
    /// How long
    #[arg(long, default_value_t = 20.0)]
    minutes: f64,
    /// Starts a second, instead of half of what a closed loop reaches
    #[arg(long)]
    rate: Option<f64>,
    /// Flags for the server, after `--`: `-- --history-samples 0` says what histories have to do with it
    #[arg(last = true)]
    serve: Vec<String>,
}

fn main() -> Result<ExitCode> {
    let flags = Flags::parse();
    let soaked =
        soak(Duration::from_secs_f64(60.0 * flags.minutes), flags.rate, &flags.serve, |line| println!("{line}"))?;
    let (before, after) = soaked.settled_mib;
    println!("{} starts succeeded or were acknowledged, {} errors", soaked.good, soaked.errors.len());
    println!(
        "memory: {before:.1} MiB once it had its time to grow, {after:.1} MiB at the end: {:+.2} %, {GROWTH_PERCENT_MAX} % allowed",
        soaked.growth_percent()
    );
    println!("idle: {} ms of CPU in 10 s", 10 * soaked.idle_ticks);
    let complaints = soaked.complaints();
    complaints.iter().for_each(|complaint| println!("{complaint}"));
    println!("{}", if complaints.is_empty() { "passed" } else { "failed" });
    Ok(if complaints.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
