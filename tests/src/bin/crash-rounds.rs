//! Kills a server under load again and again, and counts what became of every start that it acknowledged.
//!
//! ```sh
//! cargo run --release -p fleetstep-tests --bin crash-rounds -- --rounds 50 --seed 1
//! ```
#![allow(clippy::print_stdout)] // What it counts is this program's result.

use anyhow::Result;
use clap::Parser;
use fleetstep_tests::crash;
use std::process::ExitCode;

/// Kills a server under a load of asynchronous starts, and counts what became of those that it acknowledged.
#[derive(Parser)]
struct Flags {
    /// How often the server is killed
    #[arg(long, default_value_t = 50)]
    rounds: u32,
    /// For the moments at which it is killed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Leave out the cut tails and the changed bits
    #[arg(long)]
    no_damage: bool,
}

fn main() -> Result<ExitCode> {
    let Flags { rounds, seed, no_damage } = Flags::parse();
    let tally = crash::rounds(rounds, seed, |line| println!("{line}"))?;
    for warning in &tally.warnings {
        println!("{warning}");
    }
    for arn in &tally.lost {
        println!("lost: {arn}");
    }
    println!(
        "{rounds} rounds: {} acknowledged, {} lost, {} run again, {} doubles, {} run that were not acknowledged",
        tally.acknowledged,
        tally.lost.len(),
        tally.run_again,
        tally.doubles,
        tally.unacknowledged
    );
    if !no_damage {
        let damage = crash::damaged()?;
        println!(
            "the tail cut at {} places: all before it was there; {} bits changed: {} refused, {} cut with a warning, {} \
             without effect, none read wrong",
            damage.cuts, damage.flips, damage.refused, damage.cut, damage.unharmed
        );
    }
    Ok(if tally.lost.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
