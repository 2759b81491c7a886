//! How many starts a second the journal accepts, as a share of what the same disk does with a bare loop of one write and
//! one `fdatasync` for as many records as there are callers; and what a start costs in CPU.
//!
//! `cargo run --release -p fleetstep-journal --example throughput -- FOLDER [SECONDS] [ROUNDS] [CALLERS …]`
//!
//! The rounds of the two alternate, and the median of their ratios counts. FOLDER should lie on the disk that is meant.
#![allow(clippy::print_stdout)] // It is what this is for.
#![allow(clippy::disallowed_methods)] // It measures how long things take.

use fleetstep_journal::{FileConfig, FileJournal, Journal};
use rustix::time::{ClockId, clock_gettime};
use std::error::Error;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Bytes of a payload: an input of some hundred bytes with its names.
const PAYLOAD_BYTES: usize = 300;
/// Bytes that the journal adds to a payload; the bare loop writes as many.
const HEAD_BYTES: usize = 32;
const CALLERS: [usize; 3] = [1, 64, 1_000];

/// One round.
#[derive(Clone, Copy, Debug, Default)]
struct Measured {
    per_second: f64,
    cpu_micros: f64,
    syncs_per_second: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("which folder?")?;
    let seconds = Duration::from_secs_f64(arguments.next().map_or(Ok(0.5), |text| text.parse())?);
    let rounds: usize = arguments.next().map_or(Ok(15), |text| text.parse())?;
    let counts: Vec<usize> = arguments.map(|text| text.parse()).collect::<Result<_, _>>()?;
    let counts = if counts.is_empty() { CALLERS.to_vec() } else { counts };
    println!(
        "| callers | accepted/s | bare loop/s | share | CPU µs a start | of a bare record | starts a sync | syncs/s |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    for callers in counts {
        let mut measured = Vec::new();
        for _ in 0..rounds {
            let scratch = tempfile::tempdir_in(&folder)?;
            let bare = bare(scratch.path(), callers, seconds)?;
            let journal = journal(&scratch.path().join("journal"), callers, seconds)?;
            measured.push((journal, bare));
        }
        let of = |pick: fn(&(Measured, Measured)) -> f64| median(measured.iter().map(pick).collect());
        println!(
            "| {callers} | {:.0} | {:.0} | {:.0} % | {:.2} | {:.2} | {:.1} | {:.0} |",
            of(|(journal, _)| journal.per_second),
            of(|(_, bare)| bare.per_second),
            of(|(journal, bare)| 100.0 * journal.per_second / bare.per_second),
            of(|(journal, _)| journal.cpu_micros),
            of(|(_, bare)| bare.cpu_micros),
            of(|(journal, _)| journal.per_second / journal.syncs_per_second),
            of(|(journal, _)| journal.syncs_per_second),
        );
    }
    Ok(())
}

/// One thread that writes `callers` records and makes them durable, over and over.
fn bare(folder: &Path, callers: usize, time: Duration) -> Result<Measured, Box<dyn Error>> {
    let file = File::create(folder.join("bare"))?;
    let batch = vec![7; callers * (PAYLOAD_BYTES + HEAD_BYTES)];
    let (started, cpu) = (Instant::now(), cpu_time());
    let mut at = 0;
    let mut syncs = 0;
    while started.elapsed() < time {
        file.write_all_at(&batch, at)?;
        file.sync_data()?;
        at += batch.len() as u64;
        syncs += 1;
    }
    Ok(measured(started, cpu, syncs * callers as u64, syncs))
}

/// `callers` tasks, each of which waits for its start before it gives the next, and marks it as finished.
fn journal(folder: &Path, callers: usize, time: Duration) -> Result<Measured, Box<dyn Error>> {
    let journal: Arc<dyn Journal> = Arc::new(FileJournal::open(&FileConfig::new(folder))?.journal);
    let (is_over, accepted) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (started, cpu) = (Instant::now(), cpu_time());
    let all: Vec<_> = (0..callers)
        .map(|_| {
            let (journal, is_over, accepted) = (Arc::clone(&journal), Arc::clone(&is_over), Arc::clone(&accepted));
            runtime.spawn(async move {
                while !is_over.load(Relaxed) {
                    let ids = journal.accept(&[&[7; PAYLOAD_BYTES]]).await?;
                    accepted.fetch_add(1, Relaxed);
                    journal.finish(&ids);
                }
                Ok::<(), fleetstep_journal::AcceptError>(())
            })
        })
        .collect();
    std::thread::sleep(time);
    let measured = measured(started, cpu, accepted.load(Relaxed), journal.stats().groups);
    is_over.store(true, Relaxed);
    for caller in all {
        runtime.block_on(caller)??;
    }
    Ok(measured)
}

fn measured(started: Instant, cpu: Duration, records: u64, syncs: u64) -> Measured {
    let seconds = started.elapsed().as_secs_f64();
    Measured {
        per_second: records as f64 / seconds,
        cpu_micros: (cpu_time() - cpu).as_secs_f64() * 1e6 / records as f64,
        syncs_per_second: syncs as f64 / seconds,
    }
}

/// What all threads of this process have had of processors.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
