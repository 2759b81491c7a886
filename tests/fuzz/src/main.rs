//! Our JSONata engine beside jlens, another one in Rust: expressions are made at random, both evaluate them, and where
//! they differ the expression is made as small as it can be.
//!
//! A difference that `known.txt` lists, with the reason, is counted; any other is printed and makes the run fail. Who
//! is right is decided by jsonata-js, not by this program. A run can be repeated with its seed.

mod corpus;
mod engines;
mod generate;
mod known;

use anyhow::Result;
use clap::Parser;
use engines::{Case, Pair};
use generate::Generator;
use known::Known;
use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Looks for expressions of which our engine makes something else than jlens does.
#[derive(Parser)]
struct Flags {
    /// How long to look
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Where chance begins; without it a new one is taken, and printed
    #[arg(long)]
    seed: Option<u64>,
}

/// Differences that are printed; after so many there is something to mend first.
const PRINTED_MAX: usize = 200;

/// What both engines may use of a stack.
const STACK_BYTES: usize = 256 << 20;

fn main() -> Result<ExitCode> {
    let flags = Flags::parse();
    let run = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(move || run(&flags))?;
    run.join().unwrap_or_else(|_| anyhow::bail!("an engine panicked: see above for the expression"))
}

#[allow(clippy::disallowed_methods, reason = "how long to look is a matter of this program alone")]
fn run(flags: &Flags) -> Result<ExitCode> {
    let seed = flags.seed.unwrap_or_else(|| fastrand::u64(..));
    println!("seed {seed}");
    let known = Known::read()?;
    let mut generator = Generator::new(seed, corpus::expressions()?);
    let mut seen = BTreeSet::new();
    let (mut expressions, mut listed) = (0_u64, 0_u64);
    let end = Instant::now() + Duration::from_secs(flags.seconds);
    while Instant::now() < end && seen.len() < PRINTED_MAX {
        let case = generator.case();
        expressions += 1;
        let pair = Pair::of(&case);
        if pair.agree() {
            continue;
        }
        let (case, pair) = smallest(case, pair);
        if known.lists(&case, &pair) {
            listed += 1;
        } else if seen.insert(case.expression.clone()) {
            println!("{case}\n  ours:  {}\n  jlens: {}", pair.ours, pair.theirs);
        }
    }
    println!("{expressions} expressions, {} differences, {listed} known", seen.len());
    Ok(if seen.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Takes characters away as long as the two sides still differ in the same way.
fn smallest(mut case: Case, mut pair: Pair) -> (Case, Pair) {
    let mut length = case.expression.chars().count().div_ceil(2);
    while length > 0 {
        let mut at = 0;
        let mut shorter = false;
        while at < case.expression.chars().count() {
            let before = case.expression.chars().take(at);
            let kept: String = before.chain(case.expression.chars().skip(at + length)).collect();
            let candidate = Case { expression: kept, ..case.clone() };
            let outcome = Pair::of(&candidate);
            if !outcome.agree() && outcome.classes() == pair.classes() {
                (case, pair, shorter) = (candidate, outcome, true);
            } else {
                at += length;
            }
        }
        if !shorter {
            length /= 2;
        }
    }
    (case, pair)
}
