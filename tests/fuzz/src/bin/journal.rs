//! Recovery of a journal whose files were changed at random: whatever was done to them, opening, looking and repairing
//! end, and what they find was accepted once, byte for byte.
//!
//! The changes are repeated with the seed; the salts of the files and how starts fall into batches are not. A folder in memory (`--folder /dev/shm`) makes it many times as fast.

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use fleetstep_journal::{FileConfig, FileJournal, Journal, OpenError, inspect, repair};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

/// Changes the files of journals at random, and opens and repairs them.
#[derive(Parser)]
struct Flags {
    /// How long to look
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Where chance begins; without it a new one is taken, and printed
    #[arg(long)]
    seed: Option<u64>,
    /// Where the journals are made
    #[arg(long, default_value = ".")]
    folder: PathBuf,
}

/// Changed copies of one journal before the next is made.
const COPIES: u64 = 300;
/// An opening or a repair of a few kilobytes that takes so long hangs.
const HANGS: Duration = Duration::from_secs(20);

type Files = BTreeMap<String, Vec<u8>>;
type Starts = BTreeMap<u64, Vec<u8>>;

#[allow(clippy::disallowed_methods, reason = "how long to look is a matter of this program alone")]
fn main() -> Result<()> {
    let flags = Flags::parse();
    let seed = flags.seed.unwrap_or_else(|| fastrand::u64(..));
    println!("seed {seed}");
    let mut chance = fastrand::Rng::with_seed(seed);
    let (mut journals, mut opened, mut refused) = (0_u64, 0_u64, 0_u64);
    let end = Instant::now() + Duration::from_secs(flags.seconds);
    while Instant::now() < end {
        let (files, accepted) = journal(&flags.folder, &mut chance)?;
        journals += 1;
        for _ in 0..COPIES {
            let mut changed = files.clone();
            for _ in 0..chance.u32(1..6) {
                change(&mut changed, &mut chance);
            }
            let started = Instant::now();
            let opens = check(&flags.folder, &changed, &accepted)
                .with_context(|| format!("journal {journals} of seed {seed}"))?;
            ensure!(started.elapsed() < HANGS, "journal {journals} of seed {seed} takes {:?}", started.elapsed());
            *(if opens { &mut opened } else { &mut refused }) += 1;
        }
    }
    println!("{journals} journals, {opened} changed copies opened, {refused} refused and repaired");
    Ok(())
}

/// A journal as it is used, closed: its files, and all that it ever accepted.
fn journal(folder: &Path, chance: &mut fastrand::Rng) -> Result<(Files, Starts)> {
    let scratch = tempfile::tempdir_in(folder)?;
    let segment_bytes = chance.u64(1_100..4_000);
    let config = FileConfig { segment_bytes, has_room_ahead: chance.bool(), ..FileConfig::new(scratch.path()) };
    let mut accepted = Starts::new();
    for _ in 0..chance.u32(1..4) {
        let opened = FileJournal::open(&config)?;
        for _ in 0..chance.u32(1..12) {
            let payloads: Vec<Vec<u8>> = (0..chance.usize(1..5)).map(|_| payload(&accepted, chance)).collect();
            let payloads: Vec<&[u8]> = payloads.iter().map(|payload| &payload[..]).collect();
            let ids = wait(opened.journal.accept(&payloads))?;
            accepted.extend(ids.iter().zip(&payloads).map(|(id, payload)| (id.get(), payload.to_vec())));
            let finished: Vec<_> = ids.into_iter().filter(|_| chance.bool()).collect();
            opened.journal.finish(&finished);
        }
    }
    Ok((files(scratch.path())?, accepted))
}

/// Bytes at random, or what looks like many records.
fn payload(accepted: &Starts, chance: &mut fastrand::Rng) -> Vec<u8> {
    match chance.u32(0..4) {
        0 => [1, 0, 0, 0].repeat(chance.usize(0..100)),
        1 => accepted.values().next_back().cloned().unwrap_or_default(),
        _ => (0..chance.usize(0..300)).map(|_| chance.u8(..)).collect(),
    }
}

fn files(folder: &Path) -> Result<Files> {
    let entries = std::fs::read_dir(folder)?.map(|entry| {
        let entry = entry?;
        Ok((entry.file_name().to_string_lossy().into_owned(), std::fs::read(entry.path())?))
    });
    entries.collect()
}

fn change(files: &mut Files, chance: &mut fastrand::Rng) {
    let names: Vec<String> = files.keys().cloned().collect();
    let (Some(name), Some(other)) = (chance.choice(&names), chance.choice(&names)) else { return };
    let other = files[other].clone();
    let bytes = files.get_mut(name).expect("it was listed");
    let length = bytes.len();
    let start = chance.usize(0..=length);
    let end = (start + chance.usize(0..300)).min(length);
    match chance.u32(0..11) {
        0 => bytes.truncate(start),
        1 => bytes[start..end].fill(0),
        2 => bytes[start..end].fill_with(|| chance.u8(..)),
        3 => drop(bytes.drain(start..end)),
        4 => drop(bytes.splice(start..start, other.iter().copied().take(200))),
        5 => bytes.extend_from_within(start..end),
        6 => bytes.extend(&other[start.min(other.len())..]),
        7 => drop(files.remove(name)),
        8 => drop(files.insert(format!("{:016x}.segment", chance.u64(0..8)), other)),
        9 => drop(files.insert("ffffffffffffffff.segment".to_owned(), other)),
        _ => bytes[start..end].iter_mut().for_each(|byte| *byte ^= 1 << chance.u32(0..8)),
    }
}

/// Whether it opens; repaired, it must.
fn check(folder: &Path, files: &Files, accepted: &Starts) -> Result<bool> {
    let scratch = tempfile::tempdir_in(folder)?;
    for (name, bytes) in files {
        std::fs::write(scratch.path().join(name), bytes)?;
    }
    inspect(scratch.path(), |_| ())?;
    let config = FileConfig { has_room_ahead: false, ..FileConfig::new(scratch.path()) };
    let opens = match FileJournal::open(&config) {
        Ok(opened) => {
            known(&opened.unfinished, accepted)?;
            true
        }
        Err(OpenError::Damaged { .. } | OpenError::Missing { .. }) => {
            let repaired = repair(scratch.path())?;
            let opened = FileJournal::open(&config).context("after a repair")?;
            ensure!(opened.warnings.is_empty(), "after a repair: {:?}", opened.warnings);
            ensure!(repaired.kept == opened.unfinished.len() as u64, "a repair keeps what it says");
            known(&opened.unfinished, accepted)?;
            false
        }
        Err(other) => return Err(other.into()),
    };
    Ok(opens)
}

fn known(unfinished: &[fleetstep_journal::Unfinished], accepted: &Starts) -> Result<()> {
    for start in unfinished {
        let payload = accepted.get(&start.id.get());
        ensure!(payload.is_some_and(|payload| *payload == start.payload), "{start:?} was never accepted");
    }
    Ok(())
}

struct Unpark(std::thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(answer) => return answer,
            Poll::Pending => std::thread::park(),
        }
    }
}
