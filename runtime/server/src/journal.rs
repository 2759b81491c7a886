//! The journal of a data directory: opened before the server listens, run again while it does, flushed at its end.

use crate::settings::{Durability, Settings};
use crate::terminal::progress;
use anyhow::{Context as _, Result};
use fleetstep_api::Front;
use fleetstep_journal::{FileConfig, FileJournal, Journal, Unfinished};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How long marks of finished executions may take to get to disk when the server ends; what is lost of them runs twice.
const FLUSH_TIME_MAX: Duration = Duration::from_secs(10);

/// Where the journal of a data directory lies.
pub(crate) fn folder(data_dir: &Path) -> PathBuf {
    data_dir.join("journal")
}

/// Opens the journal that `settings` ask for, and what an earlier life of the server left in it.
pub(crate) async fn open(settings: &Settings) -> Result<(Option<Arc<dyn Journal>>, Vec<Unfinished>)> {
    let Some(data_dir) = settings.data_dir.as_ref().filter(|_| settings.durability == Durability::Journal) else {
        return Ok((None, Vec::new()));
    };
    let config = FileConfig::new(folder(data_dir)).with_total_bytes(u64::from(settings.journal_mib) << 20);
    let opened = tokio::task::spawn_blocking(move || FileJournal::open(&config)).await?;
    let opened = opened.with_context(|| format!("cannot use the journal in {}", folder(data_dir).display()))?;
    for warning in &opened.warnings {
        progress(format_args!("warning: {warning}"));
    }
    Ok((Some(Arc::new(opened.journal)), opened.unfinished))
}

/// Runs again what was left, and says so.
pub(crate) async fn rerun(front: Front, unfinished: Vec<Unfinished>) {
    let found = unfinished.len();
    if found == 0 {
        return;
    }
    progress(format_args!("{found} starts were accepted and not finished: they run again"));
    let begun = front.rerun(unfinished).await;
    if begun < found {
        progress(format_args!("{begun} of {found} run again; the others stay in the journal"));
    }
}

/// Writes what waits to be written, which the next start of the server would run again otherwise.
pub(crate) async fn flush(journal: Option<Arc<dyn Journal>>) {
    let Some(journal) = journal else { return };
    match tokio::time::timeout(FLUSH_TIME_MAX, journal.accept(&[])).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => progress(format_args!("error: {error}; what was finished last runs again at the next start")),
        Err(_) => {
            progress("error: the journal's disk does not answer; what was finished last runs again at the next start")
        }
    }
    // Its end waits for its thread.
    let _ = tokio::task::spawn_blocking(move || drop(journal)).await;
}
