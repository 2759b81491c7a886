//! `fleetstep replay`: a recorded execution, run again from its events.

use crate::commands::validate::format_of;
use crate::terminal;
use anyhow::{Context as _, Result, ensure};
use clap::Args;
use fleetstep_tester::{REPLAY_BYTES_MAX, ReplayReport, StateVisit, read_recording, replay};
use std::fs::File;
use std::io::{BufRead as _, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Runs a recorded execution again, step by step, in virtual time: with its own definition or a changed one. Exits with 0
/// when all events come as they were recorded, with 1 when the two part, with 2 when the file cannot be used.
///
/// A replay file is the console's "Download as a replay file", or what GET /v1/executions/ARN/replay answers.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  fleetstep replay order-4711.replay.json
  fleetstep replay order-4711.replay.json --definition orders.asl.yaml
  fleetstep replay order-4711.replay.json --step
  fleetstep replay order-4711.replay.json --until Charge")]
pub(crate) struct Replay {
    /// A replay file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Run this definition instead of the recorded one, as JSON (*.json) or YAML (*.yaml, *.yml)
    #[arg(long, value_name = "FILE")]
    definition: Option<PathBuf>,
    /// Show each state with its data; on a terminal, one after the other as Enter is pressed
    #[arg(long)]
    step: bool,
    /// Show the states up to the first time that this one was entered
    #[arg(long, value_name = "STATE", conflicts_with = "step")]
    until: Option<String>,
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
}

impl Replay {
    pub(crate) fn execute(self) -> Result<ExitCode> {
        let of_file = || self.file.display().to_string();
        let recording = read_recording(&read(&self.file)?).with_context(of_file)?;
        let changed = match &self.definition {
            Some(path) => {
                let text = String::from_utf8(read(path)?).with_context(|| path.display().to_string())?;
                Some((text, format_of(path)))
            }
            None => None,
        };
        let report = replay(&recording, changed.as_ref().map(|(text, format)| (text.as_str(), *format)))
            .with_context(|| self.definition.as_ref().unwrap_or(&self.file).display().to_string())?;
        let shown = self.shown(&report)?;
        if self.json {
            terminal::json(&ReplayReport { visits: shown.to_vec(), ..report.clone() }.json(self.shows_states()));
        } else {
            for (at, visit) in shown.iter().enumerate() {
                terminal::result(visit.text(recording.started));
                if self.step && at + 1 < shown.len() && !goes_on() {
                    break;
                }
            }
            terminal::result(report.text().trim_end());
        }
        Ok(ExitCode::from(u8::from(!report.is_same())))
    }

    fn shows_states(&self) -> bool {
        self.step || self.until.is_some()
    }

    /// The states that are to be shown.
    fn shown<'a>(&self, report: &'a ReplayReport) -> Result<&'a [StateVisit]> {
        let visits = &report.visits[..];
        let Some(state) = &self.until else { return Ok(if self.step { visits } else { &[] }) };
        let at = visits.iter().position(|visit| visit.name == state.as_str());
        let at = at.with_context(|| format!("the replayed execution never enters a state '{state}'"))?;
        Ok(&visits[..=at])
    }
}

/// Waits for Enter where a person sits; anything that begins with q is enough.
fn goes_on() -> bool {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() || !std::io::stdout().is_terminal() {
        return true;
    }
    let mut line = String::new();
    let read = stdin.lock().read_line(&mut line);
    read.is_ok_and(|bytes| bytes > 0) && !line.starts_with(['q', 'Q'])
}

fn read(file: &Path) -> Result<Vec<u8>> {
    let cannot = || format!("cannot read {}", file.display());
    let mut bytes = Vec::new();
    File::open(file).with_context(cannot)?.take(REPLAY_BYTES_MAX + 1).read_to_end(&mut bytes).with_context(cannot)?;
    ensure!(bytes.len() as u64 <= REPLAY_BYTES_MAX, "{}: more than {REPLAY_BYTES_MAX} bytes", file.display());
    Ok(bytes)
}
