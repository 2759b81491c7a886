//! The journal: how many starts a second it makes durable, as a share of what the same disk does with a bare loop of one
//! write and one `fdatasync` for as many records as there are callers; and what durability adds to the CPU of a start.

use crate::bench::Plan;
use crate::figure::{Figure, Report};
use crate::http::{CONNECTIONS, aws, fleetstep_with};
use crate::pin::Pin;
use crate::server::Server;
use crate::starts::{Way, one_round};
use crate::step::ORDER;
use anyhow::{Context as _, Result};
use fleetstep_document::Document;
use fleetstep_engine::clock;
use fleetstep_journal::{AcceptError, FileConfig, FileJournal, Journal};
use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Callers, each of whom waits for one start before it gives the next.
const CALLERS: [usize; 2] = [64, 1_000];
/// Bytes of a payload: an order with its names.
const PAYLOAD_BYTES: usize = 300;
/// Bytes that the journal adds to a payload; the bare loop writes as many.
const HEAD_BYTES: usize = 32;
/// Rounds for each of the plan's: a disk's moods last for about a second, and only pairs count.
const PAIRS: usize = 3;

/// The figures.
pub(crate) fn measure(plan: &Plan) -> Result<Report> {
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let time = Duration::from_secs_f64(plan.seconds.min(1.0));
    let mut figures = Vec::new();
    for callers in CALLERS {
        let (mut rates, mut shares) = (Vec::new(), Vec::new());
        for _ in 0..plan.rounds * PAIRS {
            let scratch = scratch()?;
            let bare = bare(scratch.path(), callers, time)?;
            let accepted = accepted(&tokio, &scratch.path().join("journal"), callers, time)?;
            rates.push(accepted);
            shares.push(100.0 * accepted / bare);
        }
        let what = format!("starts made durable, {callers} callers");
        figures.push(Figure::higher(format!("journal.rate-{callers}"), what, "/s", &rates));
        let what = format!("the same, of a bare loop that writes and syncs {callers} records at a time");
        figures.push(Figure::higher(format!("journal.share-{callers}"), what, "%", &shares));
    }
    figures.extend(over_http(plan, &tokio)?);
    let mut report = Report::of("Durable starts", figures);
    report.notes.push(
        "The first four: the journal alone, in process, with payloads of 300 B; each start is marked finished too. The \
         last three: StartExecution of one Pass, with a data directory and without."
            .to_owned(),
    );
    Ok(report)
}

/// A folder on the disk where this program lies: the system's one for temporary files may be memory.
fn scratch() -> Result<TempDir> {
    let program = std::env::current_exe()?;
    Ok(tempfile::tempdir_in(program.parent().context("a folder")?)?)
}

/// Records a second of one thread that writes `callers` of them and makes them durable, over and over.
fn bare(folder: &Path, callers: usize, time: Duration) -> Result<f64> {
    let file = File::create(folder.join("bare"))?;
    let batch = vec![7; callers * (PAYLOAD_BYTES + HEAD_BYTES)];
    let (started, mut batches) = (clock::instant(), 0);
    while started.elapsed() < time {
        file.write_all_at(&batch, batches * batch.len() as u64)?;
        file.sync_data()?;
        batches += 1;
    }
    Ok((batches * callers as u64) as f64 / started.elapsed().as_secs_f64())
}

/// Starts a second that `callers` tasks get accepted, each of which it marks as finished.
fn accepted(tokio: &Runtime, folder: &Path, callers: usize, time: Duration) -> Result<f64> {
    let journal: Arc<dyn Journal> = Arc::new(FileJournal::open(&FileConfig::new(folder))?.journal);
    let (is_over, accepted) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let started = clock::instant();
    let caller = |_| {
        let (journal, is_over, accepted) = (Arc::clone(&journal), Arc::clone(&is_over), Arc::clone(&accepted));
        tokio.spawn(async move {
            while !is_over.load(Relaxed) {
                let ids = journal.accept(&[&[7; PAYLOAD_BYTES]]).await?;
                accepted.fetch_add(1, Relaxed);
                journal.finish(&ids);
            }
            Ok::<(), AcceptError>(())
        })
    };
    let callers: Vec<_> = (0..callers).map(caller).collect();
    std::thread::sleep(time);
    let rate = accepted.load(Relaxed) as f64 / started.elapsed().as_secs_f64();
    is_over.store(true, Relaxed);
    for caller in callers {
        tokio.block_on(caller)??;
    }
    Ok(rate)
}

/// The server's CPU for a StartExecution, with the journal and without.
fn over_http(plan: &Plan, tokio: &Runtime) -> Result<Vec<Figure>> {
    let scratch = scratch()?;
    let pin = Pin::Shared("the load and the server share this machine".to_owned());
    let durable = fleetstep_with(&pin, &[OsStr::new("--data-dir"), scratch.path().as_os_str()])?;
    let forgetful = fleetstep_with(&pin, &[OsStr::new("--in-memory")])?;
    let machine = "arn:aws:states:us-east-1:000000000000:stateMachine:pass";
    let input = Document::from(ORDER).to_json();
    let way = Way {
        name: "single",
        what: String::new(),
        message: aws("StartExecution", &format!(r#"{{"stateMachineArn":"{machine}","input":{input}}}"#)),
        starts: 1,
        connections: CONNECTIONS,
    };
    let one = |server: &Server| tokio.block_on(one_round(server, &way, Duration::from_secs_f64(plan.seconds)));
    let (mut rates, mut costs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        let (rate, cost) = one(&durable)?;
        let (_, cost_forgetful) = one(&forgetful)?;
        rates.push(rate);
        costs.push(cost);
        ratios.push(cost / cost_forgetful);
    }
    let what = format!("acknowledged over HTTP when durable, one at a time on each of {CONNECTIONS} connections");
    Ok(vec![
        Figure::higher("journal.http-rate", what, "/s", &rates),
        Figure::lower("journal.http-cpu", "server's CPU for each", "µs", &costs),
        Figure::lower("journal.http-cpu-ratio", "the same, against starts that live in memory", "×", &ratios),
    ])
}
