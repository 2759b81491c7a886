//! Kills a server under load again and again, and counts what became of every start that it acknowledged.
//!
//! ```sh
//! cargo run --release -p fleetstep-tests --bin crash-rounds -- --rounds 50 --seed 1
//! ```
#![allow(clippy::print_stdout)] // What it counts is this program's result.

use anyhow::{Context as _, Result};
use clap::{Parser, ValueEnum};
use fleetstep_tests::crash::{self, Tally};
use std::path::PathBuf;
use std::process::ExitCode;

/// Kills a server under a load of asynchronous starts, and counts what became of those that it acknowledged: as it is,
/// on a disk that is filled meanwhile, and with the journal's tail cut and its bits changed.
#[derive(Parser)]
struct Flags {
    /// How often the server is killed
    #[arg(long, default_value_t = 50)]
    rounds: u32,
    /// For the moments at which it is killed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only one part of it
    #[arg(long)]
    only: Option<Part>,
    /// A folder that is alone on a small disk, to serve from while that disk is filled
    #[arg(long, hide = true)]
    fill: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The server is killed
    Kills,
    /// The disk is full when it is killed
    FullDisk,
    /// The journal is cut and changed
    Damage,
}

fn main() -> Result<ExitCode> {
    let flags = Flags::parse();
    let Flags { rounds, seed, .. } = flags;
    if let Some(folder) = &flags.fill {
        return Ok(told(rounds, &crash::on_a_full_disk(folder, rounds, seed, |line| println!("{line}"))?));
    }
    let does = |part| flags.only.is_none_or(|only| only == part);
    let mut ended = ExitCode::SUCCESS;
    if does(Part::Kills) {
        ended = told(rounds, &crash::rounds(rounds, seed, |line| println!("{line}"))?);
    }
    if does(Part::FullDisk) {
        println!("on a disk that is filled:");
        let (rounds, seed) = (rounds.to_string(), seed.to_string());
        let arguments = ["--rounds", &rounds, "--seed", &seed, "--fill"];
        match crash::with_a_small_disk(&std::env::current_exe().context("this program")?, &arguments)? {
            Err(why) => println!("left out: no small disk can be had here: {}", why.trim()),
            Ok(output) => {
                print!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
                if !output.status.success() {
                    ended = ExitCode::FAILURE;
                }
            }
        }
    }
    if does(Part::Damage) {
        let damage = crash::damaged()?;
        println!(
            "the tail cut at {} places: all before it was there; {} bits changed: {} refused, {} cut with a warning, {} \
             without effect, none read wrong",
            damage.cuts, damage.flips, damage.refused, damage.cut, damage.unharmed
        );
    }
    Ok(ended)
}

fn told(rounds: u32, tally: &Tally) -> ExitCode {
    for warning in &tally.warnings {
        println!("{warning}");
    }
    for arn in &tally.lost {
        println!("lost: {arn}");
    }
    println!(
        "{rounds} rounds: {} acknowledged, {} lost, {} run again, {} doubles, {} run that were not acknowledged, {} \
         requests refused, {} starts of the server refused",
        tally.acknowledged,
        tally.lost.len(),
        tally.run_again,
        tally.doubles,
        tally.unacknowledged,
        tally.throttled,
        tally.refused_to_start
    );
    if tally.lost.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
