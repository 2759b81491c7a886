//! The command that runs benches and sets what they find beside the targets.

use crate::bench::{BENCHES, Bench, Cores, Plan, find};
use crate::figure::{Figure, Report};
use crate::machine::Sitting;
use crate::pin::{Pin, on};
use crate::process::run_within;
use crate::shipped::become_shipped;
use crate::{history, targets};
use anyhow::{Context as _, Result, bail};
use clap::{Args, Parser, builder::PossibleValuesParser};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

/// Runs the benches, each in a process of its own, and prints what they found as Markdown.
#[derive(Parser)]
#[command(name = "figures")]
struct Flags {
    /// Only these benches
    #[arg(long, value_delimiter = ',', value_parser = PossibleValuesParser::new(BENCHES.iter().map(|bench| bench.name)))]
    only: Vec<String>,
    /// Say which benches there are
    #[arg(long)]
    list: bool,
    /// Rounds of each figure; the median is printed
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=100))]
    rounds: u16,
    /// Seconds of each load over HTTP
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// One short round of each, nothing installed: only to see that they work
    #[arg(long)]
    quick: bool,
    /// Measure this very program, rather than one that is built as the product is shipped
    #[arg(long)]
    this_build: bool,
    #[command(flatten)]
    output: Output,
    /// Run one bench in this process and print its report as JSON: how the command calls itself
    #[arg(long, hide = true, value_name = "BENCH")]
    here: Option<String>,
}

/// Where the figures go.
#[derive(Args, Debug)]
pub(crate) struct Output {
    /// Print JSON instead of Markdown
    #[arg(long)]
    json: bool,
    /// Put the tables into their places in this page, too
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Append the key figures to the history, too
    #[arg(long)]
    record: bool,
}

/// The command.
///
/// # Errors
/// A bench that failed, after all others have run; a file that cannot be written.
pub fn main() -> Result<ExitCode> {
    let flags = Flags::parse();
    let plan = match flags.quick {
        true => Plan::quick(),
        false => Plan { rounds: flags.rounds.into(), seconds: flags.seconds, quick: false },
    };
    if let Some(name) = &flags.here {
        let bench = find(name).context("no such bench")?;
        println!("{}", serde_json::to_string(&(bench.measure)(&plan)?)?);
        return Ok(ExitCode::SUCCESS);
    }
    if flags.list {
        BENCHES.iter().for_each(|bench| println!("{:<12} {}", bench.name, bench.about));
        return Ok(ExitCode::SUCCESS);
    }
    if !flags.quick && !flags.this_build {
        become_shipped()?;
    }
    let sitting = Sitting::now(flags.quick);
    let (mut reports, mut failed) = (Vec::new(), Vec::new());
    for bench in
        BENCHES.iter().filter(|bench| flags.only.is_empty() || flags.only.iter().any(|name| name == bench.name))
    {
        eprintln!("{}: {}", bench.name, bench.about);
        match apart(bench, &plan) {
            Ok(report) => reports.push((bench.name, report)),
            Err(error) => {
                eprintln!("{} failed: {error:#}", bench.name);
                failed.push(bench.name);
            }
        }
    }
    publish(&sitting, &reports, &flags.output)?;
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs `bench` in a process of its own: its memory is its own, and it ends when its time is over.
fn apart(bench: &Bench, plan: &Plan) -> Result<Report> {
    let program = std::env::current_exe()?;
    let mut command = match (bench.cores, Pin::apart()) {
        (Cores::One, Pin::Apart { server, .. }) => on(server, program),
        _ => Command::new(program),
    };
    let mut said = tempfile::tempfile()?;
    command.arg("--here").arg(bench.name).stdin(Stdio::null()).stdout(said.try_clone()?);
    match plan.quick {
        true => command.arg("--quick"),
        false => command.arg(format!("--rounds={}", plan.rounds)).arg(format!("--seconds={}", plan.seconds)),
    };
    let status = run_within(&mut command, Duration::from_secs(60 * bench.minutes_max))?;
    if !status.success() {
        bail!("ended with {status}");
    }
    std::io::Seek::rewind(&mut said)?;
    serde_json::from_reader(said).context("its report")
}

/// What `--json` prints.
#[derive(Serialize)]
struct Published<'a> {
    sitting: &'a Sitting,
    figures: Vec<&'a Figure>,
}

/// Prints the reports, and writes them where `output` says.
pub(crate) fn publish(sitting: &Sitting, reports: &[(&str, Report)], output: &Output) -> Result<()> {
    let figures: Vec<Figure> = reports.iter().flat_map(|(_, report)| report.figures.clone()).collect();
    if output.json {
        let published = Published { sitting, figures: figures.iter().collect() };
        println!("{}", serde_json::to_string(&published)?);
    } else {
        println!("{}\n", sitting.sentence());
        for (_, report) in reports {
            println!("{}", report.markdown());
        }
        println!("### Targets\n\n{}", targets::measured_table(&figures, &sitting.when()));
    }
    if let Some(page) = &output.write {
        write(page, sitting, reports, &figures)?;
    }
    if output.record && !sitting.quick {
        history::append(sitting, &figures)?;
    }
    Ok(())
}

/// The name of the block in which the table of targets stands.
const TARGETS_BLOCK: &str = "targets";

fn write(page: &Path, sitting: &Sitting, reports: &[(&str, Report)], figures: &[Figure]) -> Result<()> {
    let mut text = std::fs::read_to_string(page).with_context(|| page.display().to_string())?;
    let before = block(&text, TARGETS_BLOCK).with_context(|| format!("{}: no place for targets", page.display()))?;
    let table = targets::table(figures, &sitting.when(), before);
    text = with_block(&text, TARGETS_BLOCK, &table);
    for (name, report) in reports {
        text = with_block(&text, name, &format!("{}\n{}\n", report.markdown(), sitting.sentence()));
    }
    std::fs::write(page, text).with_context(|| page.display().to_string())
}

fn marks(name: &str) -> (String, String) {
    (format!("<!-- {name}: made by the benches -->\n"), format!("<!-- end of {name} -->\n"))
}

/// What stands between the marks of `name`.
fn block<'a>(page: &'a str, name: &str) -> Option<&'a str> {
    let (open, close) = marks(name);
    let from = page.find(&open)? + open.len();
    Some(&page[from..from + page[from..].find(&close)?])
}

/// `page` with `content` between the marks of `name`; they are put at the end where there are none.
fn with_block(page: &str, name: &str, content: &str) -> String {
    let (open, close) = marks(name);
    match block(page, name) {
        Some(before) => {
            let from = before.as_ptr() as usize - page.as_ptr() as usize;
            format!("{}\n{}\n{}", &page[..from], content.trim_end(), &page[from + before.len()..])
        }
        None => format!("{}\n\n{open}\n{}\n{close}", page.trim_end(), content.trim_end()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory as _;
        Flags::command().debug_assert();
    }

    #[test]
    fn a_block_of_a_page_is_replaced_and_the_rest_stays() {
        let page = "# A\n\n<!-- b: made by the benches -->\nold\n<!-- end of b -->\nafter\n";
        assert_eq!(block(page, "b"), Some("old\n"));
        let once = with_block(page, "b", "new\n");
        assert_eq!(once, "# A\n\n<!-- b: made by the benches -->\n\nnew\n<!-- end of b -->\nafter\n");
        assert_eq!(with_block(&once, "b", "new\n"), once);
        let added = with_block(&once, "c", "more");
        assert_eq!(block(&added, "c"), Some("\nmore\n"));
        assert!(added.starts_with(once.trim_end()), "{added}");
    }

    #[test]
    fn the_page_of_figures_has_a_place_for_the_targets() {
        let page = std::fs::read_to_string(crate::home().join("../docs/performance.md")).unwrap();
        let table = block(&page, TARGETS_BLOCK).expect("docs/performance.md has the marks of the targets");
        let again = targets::table(&[], "", table);
        assert_eq!(table.trim(), again.trim(), "the table is not of today's targets: write the page anew");
    }
}
