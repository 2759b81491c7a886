//! Where and when the figures were taken.

use anyhow::Result;
use fleetstep_engine::clock;
use serde::Serialize;
use std::process::Command;
use std::time::Duration;

/// What a figure is worth nothing without.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Sitting {
    /// The day, as `2026-11-22`, UTC.
    pub(crate) date: String,
    /// Processor, cores, memory, kernel.
    pub(crate) machine: String,
    /// The revision, with `+` where the tree differs from it.
    pub(crate) revision: String,
    /// Share of the processors that others used in the second before, in percent.
    pub(crate) busy_before: f64,
    /// Whether it was only a quick look.
    pub(crate) quick: bool,
}

/// Above this share the machine is not quiet, and the figures say so.
const BUSY_PERCENT_QUIET: f64 = 10.0;

impl Sitting {
    /// Looks around; takes a second.
    pub(crate) fn now(quick: bool) -> Self {
        Self {
            quick,
            date: today(),
            machine: machine(),
            revision: revision(),
            busy_before: busy_percent().unwrap_or(f64::NAN),
        }
    }

    /// Whether the figures are worth their digits.
    fn quiet(&self) -> bool {
        self.busy_before < BUSY_PERCENT_QUIET
    }

    /// The date, with a word on what the figures are worth.
    pub(crate) fn when(&self) -> String {
        let worth = match self {
            Self { quick: true, .. } => ", only a quick look",
            _ if self.quiet() => "",
            _ => ", not quiet",
        };
        format!("{}{worth}", self.date)
    }

    /// One sentence for people.
    pub(crate) fn sentence(&self) -> String {
        let Self { date, machine, revision, busy_before, quick: _ } = self;
        let quiet = if self.quiet() { "quiet" } else { "**not quiet**" };
        format!("{date}, revision {revision}, {machine}; the machine was {quiet} before ({busy_before:.0} % busy).")
    }
}

/// Today, UTC.
pub(crate) fn today() -> String {
    let seconds = clock::now().as_micros() / 1_000_000;
    jiff::Timestamp::from_second(seconds).map(|now| now.strftime("%Y-%m-%d").to_string()).unwrap_or_default()
}

fn machine() -> String {
    let file = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let processor = field(&file("/proc/cpuinfo"), "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let virtual_machine = if file("/proc/cpuinfo").contains(" hypervisor") { ", virtual" } else { "" };
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let memory = field(&file("/proc/meminfo"), "MemTotal")
        .and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok())
        .map_or(f64::NAN, |kib| kib / f64::from(1 << 20));
    let kernel = file("/proc/sys/kernel/osrelease");
    let system = std::env::consts::OS;
    format!("{processor}{virtual_machine}, {cores} cores, {memory:.0} GiB, {system} {}", kernel.trim())
}

/// The revision of this source, by git; `unknown` where there is none.
pub(crate) fn revision() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").arg("-C").arg(crate::home()).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(revision) = git(&["rev-parse", "--short", "HEAD"]) else { return "unknown".to_owned() };
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|changes| !changes.is_empty());
    if changed { revision + "+" } else { revision }
}

/// Share of all processors that were busy over a second, in percent.
fn busy_percent() -> Result<f64> {
    let before = ticks()?;
    std::thread::sleep(Duration::from_secs(1));
    let after = ticks()?;
    let (all, idle) = (after.0 - before.0, after.1 - before.1);
    Ok(100.0 * (1.0 - idle / all.max(1.0)))
}

/// Ticks of all processors so far: all, and idle.
fn ticks() -> Result<(f64, f64)> {
    let stat = std::fs::read_to_string("/proc/stat")?;
    let line = stat.lines().next().unwrap_or_default();
    let fields: Vec<f64> = line.split_whitespace().skip(1).take(8).filter_map(|field| field.parse().ok()).collect();
    let idle = fields.iter().skip(3).take(2).sum();
    Ok((fields.iter().sum(), idle))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_says_when_the_machine_was_not_quiet() {
        let sitting = |busy_before| Sitting {
            date: "2026-01-02".into(),
            machine: "a machine".into(),
            revision: "abc".into(),
            busy_before,
            quick: false,
        };
        assert_eq!(
            sitting(3.2).sentence(),
            "2026-01-02, revision abc, a machine; the machine was quiet before (3 % busy)."
        );
        assert!(sitting(50.0).sentence().contains("**not quiet**"));
        assert!(sitting(f64::NAN).sentence().contains("**not quiet**"));
        assert_eq!(sitting(3.2).when(), "2026-01-02");
        assert_eq!(sitting(50.0).when(), "2026-01-02, not quiet");
        assert_eq!(Sitting { quick: true, ..sitting(3.2) }.when(), "2026-01-02, only a quick look");
    }
}
