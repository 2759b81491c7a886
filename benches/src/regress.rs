//! Whether this tree is slower than another revision, by more than the noise.
//!
//! Both are built alike, from a work tree in the cache folder, and loaded in turn: in each round both servers start
//! anew, since the luck of one process with its memory is noise too. What is compared is the server's CPU for each
//! request, which does not depend on what else the machine does as a rate would.

use crate::cache_dir;
use crate::compare::{CpuLoad, cpu_load};
use crate::figure::{markdown_table, number};
use crate::machine::Sitting;
use crate::modules;
use crate::pin::Pin;
use crate::process::run_within;
use crate::server::Server;
use crate::stats::{interval, median};
use anyhow::{Context as _, Result, bail};
use clap::{Parser, builder::PossibleValuesParser};
use fleetstep_server::guests::{DEFAULT_TARGET, build};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

/// Says whether this tree is slower than another revision: ends with 1 if it is.
#[derive(Parser)]
#[command(name = "regress")]
struct Flags {
    /// The revision to compare with [default: the last tag, or the commit before]
    #[arg(long, value_name = "REV")]
    against: Option<String>,
    /// Rounds; each loads both revisions once with each request
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u16).range(1..=200))]
    rounds: u16,
    /// Seconds of each load
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// Only these workflows
    #[arg(long, value_delimiter = ',', value_parser = PossibleValuesParser::new(WORKFLOWS))]
    only: Vec<String>,
    /// A difference below this is none, in percent
    #[arg(long, default_value_t = 2.0, value_name = "PERCENT")]
    margin: f64,
    /// Compare the other revision with itself: shows the noise
    #[arg(long)]
    same: bool,
    /// Where both are built [default: in the cache folder]
    #[arg(long, value_name = "FOLDER")]
    target_dir: Option<PathBuf>,
    /// Print JSON instead of Markdown
    #[arg(long)]
    json: bool,
}

/// What is started; each is a definition of the workload, with the module of this tree on both sides.
const WORKFLOWS: [&str; 4] = ["pass", "three", "three-jsonata", "task"];
/// How long the build of one revision may take: the first one compiles wasmtime.
const BUILD_TIME_MAX: Duration = Duration::from_secs(60 * 60);
/// How sure a verdict is.
const CONFIDENCE: f64 = 0.95;

/// The command.
///
/// # Errors
/// A revision that cannot be built or that does not serve today's workload.
pub fn main() -> Result<ExitCode> {
    let flags = Flags::parse();
    let other = match &flags.against {
        Some(revision) => commit_of(revision)?,
        None => last()?,
    };
    let this = if flags.same { other.clone() } else { this_tree()? };
    let folder = cache_dir()?.join("regress");
    let target = flags.target_dir.clone().unwrap_or_else(|| folder.join("target"));
    let binaries = [build_of(&other, &folder, &target)?, build_of(&this, &folder, &target)?];
    let workload = workload()?;
    let sitting = Sitting::now(false);
    let pin = Pin::apart();
    pin.move_here()?;
    let wanted = |name: &&str| flags.only.is_empty() || flags.only.iter().any(|only| only == name);
    let mut rows: Vec<Row> = WORKFLOWS.into_iter().filter(wanted).map(Row::of).collect();
    let seconds = Duration::from_secs_f64(flags.seconds);
    for round in 0..flags.rounds {
        eprintln!("round {} of {}", round + 1, flags.rounds);
        one_round(&mut rows, &binaries, workload.path(), &pin, seconds, round % 2 == 1)?;
    }
    let verdicts: Vec<Judged> = rows.iter().map(|row| row.judge(flags.margin / 100.0)).collect();
    print(&flags, &sitting, &pin, [&other, &this], &verdicts)?;
    let slower = verdicts.iter().any(|judged| judged.verdict == Verdict::Slower);
    Ok(ExitCode::from(u8::from(slower)))
}

/// One workflow, and the CPU of a request by round: the other revision, this one.
struct Row {
    workflow: &'static str,
    cpu_us: Vec<[f64; 2]>,
}

/// What the rounds say of this tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Verdict {
    /// Slower by more than the margin, surely.
    Slower,
    /// Faster by more than the margin, surely.
    Faster,
    /// Neither is.
    Same,
    /// The interval is too wide to say: more rounds, or a quieter machine.
    Unclear,
}

#[derive(Debug, Serialize)]
struct Judged {
    workflow: &'static str,
    /// Medians of CPU for each request, in µs: the other revision, this one.
    cpu_us: [f64; 2],
    /// This over the other: the median of the rounds.
    ratio: f64,
    /// Where the ratio lies.
    interval: (f64, f64),
    verdict: Verdict,
}

impl Row {
    fn of(workflow: &'static str) -> Self {
        Self { workflow, cpu_us: Vec::new() }
    }

    fn judge(&self, margin: f64) -> Judged {
        let ratios: Vec<f64> = self.cpu_us.iter().map(|[other, this]| this / other).collect();
        let side = |at: usize| median(&self.cpu_us.iter().map(|pair| pair[at]).collect::<Vec<_>>());
        let interval = interval(&ratios, CONFIDENCE);
        let cpu_us = [side(0), side(1)];
        Judged { workflow: self.workflow, cpu_us, ratio: median(&ratios), interval, verdict: verdict(interval, margin) }
    }
}

fn verdict((low, high): (f64, f64), margin: f64) -> Verdict {
    match () {
        () if low > 1.0 + margin => Verdict::Slower,
        () if high < 1.0 - margin => Verdict::Faster,
        () if low >= 1.0 - margin && high <= 1.0 + margin => Verdict::Same,
        () => Verdict::Unclear,
    }
}

/// Starts both, and loads them in turn; in every other round the order is reversed.
fn one_round(
    rows: &mut [Row],
    binaries: &[PathBuf; 2],
    workload: &Path,
    pin: &Pin,
    seconds: Duration,
    reversed: bool,
) -> Result<()> {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let arguments = [workload.as_os_str(), "--in-memory".as_ref()];
    let servers = [&binaries[0], &binaries[1]].map(|binary| Server::product(pin, binary, &arguments));
    let [other, this] = servers;
    let servers = [other.context("the other revision")?, this.context("this tree")?];
    let order = if reversed { [1, 0] } else { [0, 1] };
    for row in rows {
        let mut pair = [0.0; 2];
        for side in order {
            let load = CpuLoad { server: &servers[side], workflow: row.workflow };
            // The first one warms up.
            cpu_load(&tokio, &load, seconds / 4)?;
            pair[side] = cpu_load(&tokio, &load, seconds)?;
        }
        row.cpu_us.push(pair);
    }
    Ok(())
}

/// The workload with its module as a file, so that neither side runs cargo, and both call the same module.
fn workload() -> Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    std::fs::copy(build(&modules().join("bench"), DEFAULT_TARGET)?, folder.path().join("bench.wasm"))?;
    for (from, name) in [
        (modules().join("workflows"), "pass"),
        (modules().join("workflows"), "three"),
        (modules().join("workflows"), "task"),
        (crate::home().join("workload"), "three-jsonata"),
    ] {
        let file = format!("{name}.asl.json");
        std::fs::copy(from.join(&file), folder.path().join(&file)).context(file)?;
    }
    Ok(folder)
}

/// The product's binary at `commit`, built once.
fn build_of(commit: &str, folder: &Path, target: &Path) -> Result<PathBuf> {
    let binary = folder.join("bin").join(commit);
    if binary.exists() {
        return Ok(binary);
    }
    // One work tree for all revisions: what did not change between two is not compiled again, and no path differs.
    let tree = folder.join("tree");
    let at = tree.to_string_lossy().into_owned();
    if tree.join(".git").exists() {
        git_in(&tree, &["checkout", "--quiet", "--force", "--detach", commit])?;
    } else {
        git_in(&crate::home(), &["worktree", "prune"])?;
        git_in(&crate::home(), &["worktree", "add", "--quiet", "--force", "--detach", &at, commit])?;
    }
    eprintln!("building {commit:.12}; the first build compiles wasmtime, which takes some minutes");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--release", "--locked", "--workspace", "--bin", "fleetstep"]).current_dir(&tree);
    cargo.env("CARGO_TARGET_DIR", target).stdout(Stdio::null());
    let status = run_within(&mut cargo, BUILD_TIME_MAX)?;
    if !status.success() {
        bail!("{commit} does not build");
    }
    std::fs::create_dir_all(folder.join("bin"))?;
    std::fs::copy(target.join("release/fleetstep"), &binary)?;
    Ok(binary)
}

fn git_in(folder: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new("git").arg("-C").arg(folder).args(arguments).output().context("git")?;
    if !output.status.success() {
        bail!("git {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn commit_of(revision: &str) -> Result<String> {
    git_in(&crate::home(), &["rev-parse", "--verify", &format!("{revision}^{{commit}}")])
}

/// The last release; without one, the commit before.
fn last() -> Result<String> {
    match git_in(&crate::home(), &["describe", "--tags", "--abbrev=0"]) {
        Ok(tag) => commit_of(&tag),
        Err(_) => commit_of("HEAD~1"),
    }
}

/// A commit of this tree as it stands, with what is not committed yet; no branch or file is touched by that.
fn this_tree() -> Result<String> {
    let stash = git_in(&crate::home(), &["stash", "create"])?;
    if stash.is_empty() { commit_of("HEAD") } else { Ok(stash) }
}

#[derive(Serialize)]
struct Published<'a> {
    sitting: &'a Sitting,
    other: &'a str,
    this: &'a str,
    rounds: u16,
    workflows: &'a [Judged],
}

fn print(flags: &Flags, sitting: &Sitting, pin: &Pin, [other, this]: [&str; 2], workflows: &[Judged]) -> Result<()> {
    if flags.json {
        let published = Published { sitting, other, this, rounds: flags.rounds, workflows };
        println!("{}", serde_json::to_string(&published)?);
        return Ok(());
    }
    println!("{}\n", sitting.sentence());
    println!(
        "{this:.12} against {other:.12}: {} rounds of {} s, both started anew in each. {}\n",
        flags.rounds,
        flags.seconds,
        pin.sentence()
    );
    println!("{}", table(workflows));
    println!(
        "The interval is of the median ratio, at {:.0} %; a difference below {} % is none.",
        CONFIDENCE * 100.0,
        flags.margin
    );
    Ok(())
}

fn table(workflows: &[Judged]) -> String {
    markdown_table(
        &["workflow", "CPU µs/request, other", "this", "ratio", "interval", "verdict"],
        workflows.iter().map(|judged| {
            let verdict = match judged.verdict {
                Verdict::Slower => "**slower**",
                Verdict::Faster => "faster",
                Verdict::Same => "no difference",
                Verdict::Unclear => "cannot tell: more rounds, or a quieter machine",
            };
            vec![
                judged.workflow.to_owned(),
                number(judged.cpu_us[0]),
                number(judged.cpu_us[1]),
                format!("{:.3}", judged.ratio),
                format!("{:.3} to {:.3}", judged.interval.0, judged.interval.1),
                verdict.to_owned(),
            ]
        }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_needs_the_whole_interval_on_one_side_of_the_margin() {
        let cases = [
            ((1.03, 1.10), Verdict::Slower),
            ((0.90, 0.97), Verdict::Faster),
            ((0.99, 1.01), Verdict::Same),
            ((1.00, 1.10), Verdict::Unclear),
            ((0.90, 1.10), Verdict::Unclear),
        ];
        for (interval, expected) in cases {
            assert_eq!(verdict(interval, 0.02), expected, "{interval:?}");
        }
    }

    #[test]
    fn rounds_are_paired_so_a_drift_of_the_machine_is_no_difference() {
        let drift = |at: usize| 10.0 + at as f64;
        let pairs = |factor: f64| (0..12).map(|at| [drift(at), drift(at) * factor]).collect::<Vec<_>>();
        let judged = |factor| Row { workflow: "pass", cpu_us: pairs(factor) }.judge(0.02);
        assert_eq!(judged(1.0).verdict, Verdict::Same);
        assert_eq!(judged(1.05).verdict, Verdict::Slower);
        assert_eq!(judged(0.9).verdict, Verdict::Faster);
        assert!(table(&[judged(1.05)]).contains("| pass | 15.5 | 16.3 | 1.050 | 1.050 to 1.050 | **slower** |"));
    }

    #[test]
    fn the_workload_has_every_workflow() {
        let from = [modules().join("workflows"), crate::home().join("workload")];
        for name in WORKFLOWS {
            let file = format!("{name}.asl.json");
            assert!(from.iter().any(|folder| folder.join(&file).is_file()), "{file}");
        }
    }
}
