//! Plays whole engines in virtual time, seed after seed, and checks what is promised after every step.
//!
//! ```sh
//! cargo run --release -p fleetstep-tests --bin simulate -- --seconds 60 --seed 1
//! ```
#![allow(clippy::print_stdout)] // What it counts is this program's result.

use clap::Parser;
use fleetstep_tests::simulation::{Played, Written, play};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Plays executions in a world in which everything goes wrong, and checks what is promised after every step.
#[derive(Parser)]
struct Flags {
    /// How long to play
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// The first seed; the next ones follow it
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[allow(clippy::disallowed_methods, reason = "how long to play is a matter of this program alone")]
fn main() -> ExitCode {
    let Flags { seconds, seed } = Flags::parse();
    let written = Written::read();
    println!("{} machines that were written, and as many as it takes by chance", written.count());
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut all = Played::default();
    let (mut seeds, mut broken) = (0_u64, 0_u64);
    while Instant::now() < end {
        match play(seed + seeds, &written) {
            Ok(played) => {
                all.finished += played.finished;
                all.run_again += played.run_again;
                all.refused += played.refused;
                all.calls += played.calls;
                all.steps += played.steps;
            }
            Err(promise) => {
                println!("{promise}");
                broken += 1;
            }
        }
        seeds += 1;
    }
    println!(
        "{seeds} seeds from {seed}, each twice: {} executions finished, {} of them run again after a stop, {} starts refused, {} \
         calls, {} steps checked, {broken} promises broken",
        all.finished, all.run_again, all.refused, all.calls, all.steps
    );
    if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
