//! `fleetstep journal`: what lies in a journal, and what can be saved of a damaged one.

use crate::journal::folder;
use crate::settings::DATA_DIR_DEFAULT;
use crate::terminal::{json, progress};
use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use fleetstep_api::AcceptedStart;
use fleetstep_document::{Document, ObjectBuilder};
use fleetstep_journal::{Entry, Repaired, inspect, repair};
use std::path::PathBuf;
use std::process::ExitCode;

/// Look into the journal of accepted starts, or repair it; the server must not be running.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  fleetstep journal inspect --data-dir .fleetstep
      A line of JSON for each record: what was accepted, what was finished.
  fleetstep journal repair --data-dir .fleetstep
      Keep all that verifies; a damaged file is set aside under another name.")]
pub(crate) struct JournalCommand {
    #[command(subcommand)]
    act: Act,
    /// The server's data directory
    #[arg(long, value_name = "FOLDER", default_value = DATA_DIR_DEFAULT, global = true)]
    data_dir: PathBuf,
}

#[derive(Clone, Copy, Debug, Subcommand)]
enum Act {
    /// List every record
    Inspect,
    /// Keep all that verifies of a damaged journal
    Repair,
}

impl JournalCommand {
    pub(crate) fn execute(self) -> Result<ExitCode> {
        let folder = folder(&self.data_dir);
        let of_folder = || format!("cannot read the journal in {}", folder.display());
        match self.act {
            Act::Inspect => inspect(&folder, |entry| json(&line(&entry).to_json())).with_context(of_folder)?,
            Act::Repair => say(&repair(&folder).with_context(of_folder)?),
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// An entry as a line of JSON.
fn line(entry: &Entry<'_>) -> Document {
    let line = ObjectBuilder::with_capacity(6);
    match *entry {
        Entry::Segment { file, bytes, row_start, previous_bytes } => line
            .with("segment", file)
            .with("bytes", number(bytes))
            .with("rowStart", row_start)
            .with("previousBytes", number(previous_bytes)),
        Entry::Start { offset, id, openings, payload } => {
            let line = line.with("offset", number(offset)).with("start", number(id)).with("openings", openings);
            match AcceptedStart::read(payload) {
                Some(start) => line
                    .with("executionArn", start.execution_arn)
                    .with("accepted", start.accepted)
                    .with("inputBytes", number(start.input.len() as u64)),
                None => line.with("payloadBytes", number(payload.len() as u64)),
            }
        }
        Entry::Finished { offset, ref ids } => {
            let ids: Vec<Document> = ids.iter().copied().map(number).collect();
            line.with("offset", number(offset)).with("finished", ids)
        }
        Entry::Damaged { file, offset, bytes } => {
            line.with("damaged", file.unwrap_or_default()).with("offset", number(offset)).with("bytes", number(bytes))
        }
    }
    .build()
}

fn number(value: u64) -> Document {
    i64::try_from(value).unwrap_or(i64::MAX).into()
}

fn say(repaired: &Repaired) {
    for (file, offset, bytes) in &repaired.skipped {
        progress(format_args!("{file}: {bytes} bytes from byte {offset} do not verify and were left out"));
    }
    for (first, last) in &repaired.missing {
        progress(format_args!(
            "{first} to {last} are missing: starts in them are lost, and some that were finished run again"
        ));
    }
    for file in &repaired.set_aside {
        progress(format_args!("{file} is the damaged file as it was"));
    }
    progress(format_args!("{} unfinished starts were kept", repaired.kept));
}
