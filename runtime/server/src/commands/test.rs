//! `fleetstep test`: the cases of workflows, played with virtual time against mocks.

use crate::terminal;
use anyhow::{Context as _, Result, ensure};
use clap::Args;
use fleetstep_diagram::{Graph, Options, svg};
use fleetstep_tester::{Report, Settings, Suite};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Plays the cases of workflows: tasks answer what mocks say, waits take no time. Exits with 0 when all pass and enough is
/// covered, with 1 when not, with 2 when something cannot be read.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  fleetstep test examples/orders
  fleetstep test examples/orders --coverage-min 100 --junit report.xml
  fleetstep test examples/orders --explore
  fleetstep test orders --case refused --coverage-svg coverage.svg")]
pub(crate) struct Test {
    /// A folder with definitions and their cases, or one definition
    #[arg(value_name = "DIR|FILE", default_value = ".")]
    path: PathBuf,
    /// Play this case only
    #[arg(long, value_name = "NAME")]
    case: Option<String>,
    /// Inject each failure that a task can have, one at a time and in pairs, and tell what never recovers
    #[arg(long)]
    explore: bool,
    /// Fail where less than this percentage of states, transitions, Retriers and Catchers is covered
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    coverage_min: Option<u8>,
    /// Write the results as JUnit XML, too
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Draw what is covered on the diagram; where there are several workflows, each name stands in front of the file's
    #[arg(long, value_name = "FILE")]
    coverage_svg: Option<PathBuf>,
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
}

impl Test {
    pub(crate) fn execute(self) -> Result<ExitCode> {
        let suite = Suite::read(&self.path)?;
        let report = suite.run(&Settings { case: self.case.clone(), explore: self.explore });
        let played: usize = report.workflows.iter().map(|workflow| workflow.cases.len()).sum();
        if let Some(case) = &self.case {
            ensure!(played > 0, "there is no case '{case}' in {}", self.path.display());
        }
        if let Some(file) = &self.junit {
            write(file, &report.junit())?;
        }
        if let Some(file) = &self.coverage_svg {
            draw(&suite, &report, file)?;
        }
        if self.json {
            terminal::json(&report.json());
        } else {
            terminal::result(report.text().trim_end());
        }
        let is_covered = self.coverage_min.is_none_or(|least| report.coverage_percent() >= f64::from(least));
        if let Some(least) = self.coverage_min.filter(|_| !is_covered) {
            terminal::progress(format_args!(
                "error: {:.1} % is covered, less than {least} %",
                report.coverage_percent()
            ));
        }
        // What exploring finds may be meant: it is told, and fails nothing.
        Ok(ExitCode::from(u8::from(!report.passed() || !is_covered)))
    }
}

/// Each workflow's diagram, with what was covered on it.
fn draw(suite: &Suite, report: &Report, file: &Path) -> Result<()> {
    for (workflow, told) in suite.workflows.iter().zip(&report.workflows) {
        let Some(coverage) = &told.coverage else { continue };
        let graph = Graph::read(&workflow.source, workflow.format)?;
        let title = Some(format!("Coverage of {}", workflow.name));
        let picture = svg(&graph, &coverage.overlay(), &Options { title, has_legend: true, ..Options::default() })?;
        if suite.workflows.len() == 1 {
            write(file, &picture)?;
        } else {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            write(&file.with_file_name(format!("{}-{name}", workflow.name)), &picture)?;
        }
    }
    Ok(())
}

fn write(file: &Path, text: &str) -> Result<()> {
    std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}
