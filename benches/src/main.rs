//! The first figures, in one sitting: what an expression costs, a step, a call, a start over HTTP beside a bare echo,
//! a parked execution, and what hostile neighbours do to a workflow's latency.
//!
//! `cargo run --release -p fleetstep-benches` prints them as Markdown. The machine is rarely quiet: read the
//! ratios and the medians, not one absolute time.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout)] // Figures are this program's result.

mod call;
mod document;
mod echo;
mod expr;
mod http;
mod load;
mod neighbours;
mod parked;
mod process;
mod step;

use anyhow::Result;
use clap::{Parser, ValueEnum};
use std::path::PathBuf;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Prints the figures as Markdown.
#[derive(Parser)]
struct Flags {
    /// Only these
    #[arg(long, value_enum)]
    only: Vec<Figure>,
    /// Seconds of each load over HTTP
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Rounds of each figure; the median is printed
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Serve instead of measuring: how this program starts the other side of a load
    #[arg(long, value_enum, hide = true)]
    serve: Option<Side>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Figure {
    /// Nanoseconds of reading and writing documents beside `serde_json`
    Document,
    /// Nanoseconds of expressions beside Rust by hand
    Expr,
    /// Nanoseconds of a Pass and of a Choice
    Step,
    /// Microseconds of a Wasm call
    Call,
    /// CPU microseconds of a StartSyncExecution over HTTP beside a bare hyper echo
    Http,
    /// Bytes of a parked execution
    Parked,
    /// A workflow's latency beside hostile ones
    Neighbours,
}

/// The other side of a load.
#[derive(Clone, Copy, ValueEnum)]
enum Side {
    /// A bare hyper echo
    Echo,
    /// Fleetstep with the modules of the tests
    Fleetstep,
}

fn main() -> Result<ExitCode> {
    let flags = Flags::parse();
    match flags.serve {
        Some(Side::Echo) => echo::serve()?,
        Some(Side::Fleetstep) => http::serve()?,
        None => measure(&flags)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn measure(flags: &Flags) -> Result<()> {
    let wanted = |figure| flags.only.is_empty() || flags.only.contains(&figure);
    if wanted(Figure::Document) {
        document::measure(flags.rounds)?;
    }
    if wanted(Figure::Expr) {
        expr::measure(flags.rounds)?;
    }
    if wanted(Figure::Step) {
        step::measure(flags.rounds)?;
    }
    if wanted(Figure::Call) {
        call::measure(flags.rounds)?;
    }
    if wanted(Figure::Http) {
        http::measure(flags.rounds, flags.seconds)?;
    }
    if wanted(Figure::Parked) {
        parked::measure()?;
    }
    if wanted(Figure::Neighbours) {
        neighbours::measure(flags.rounds, flags.seconds)?;
    }
    Ok(())
}

/// The modules that the loads call, with their manifest.
fn modules() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/guests")
}

/// The middle one of `figures`.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
