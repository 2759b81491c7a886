//! Lets a collection of hostile modules loose on a server, and looks at how each ends, what the host holds, and what a
//! neighbour feels of it.
//!
//! ```sh
//! cargo run --release -p fleetstep-tests --bin hostile-modules
//! ```
#![allow(clippy::print_stdout)] // What became of them is this program's result.

use anyhow::Result;
use clap::Parser;
use fleetstep_tests::hostile::{self, Ended};
use std::process::ExitCode;
use std::time::Duration;

/// Lets a collection of hostile modules loose on a server, one after the other and each four times at once, beside a workflow that is called
/// 250 times a second.
#[derive(Parser)]
struct Flags {
    /// Only those whose name holds this
    #[arg(long, default_value = "")]
    only: String,
}

fn main() -> Result<ExitCode> {
    let flags = Flags::parse();
    let modules: Vec<_> = hostile::collection().into_iter().filter(|one| one.name.contains(&flags.only)).collect();
    let count = modules.len();
    println!("{:<50} {:>9} {:>9} {:>9}  how it ended", "module", "host MiB", "p99 ms", "slowest");
    let outcome = hostile::run(modules, Duration::from_secs(3), tell)?;
    println!(
        "host: {:.0} MiB before, {:+.1} MiB after all; the neighbour's p99: {:.2} ms alone, {:.2} ms beside them",
        outcome.host_mib_before,
        outcome.growth_mib(),
        millis(outcome.p99_alone),
        millis(outcome.p99_beside)
    );
    let failed = outcome.ended.iter().filter(|ended| ended.wrong.is_some()).count();
    let complaints = outcome.complaints();
    complaints.iter().for_each(|complaint| println!("{complaint}"));
    println!("{} passed, {failed} failed", count - failed);
    Ok(if complaints.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tell(ended: &Ended) {
    let Ended { name, wrong, how, host_mib, slowest, p99 } = ended;
    let mark = if wrong.is_some() { "FAILED " } else { "" };
    let (p99, slowest) = (millis(*p99), millis(*slowest));
    println!("{name:<50} {host_mib:>9.1} {p99:>9.2} {slowest:>9.2}  {mark}{how}");
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
