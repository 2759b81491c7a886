//! The journal with its thread, on a real folder and on a disk that can be held.

use super::disk::{Faults, SimDisk};
use super::{ROOMY, open};
use crate::{AcceptError, Accepting, FileConfig, FileJournal, Ids, Journal, MemoryJournal, OpenError};
use std::collections::BTreeMap;
use std::future::Future as _;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

/// Wakes the thread that waits.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn wait(accepting: Accepting) -> Result<Ids, AcceptError> {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut accepting = pin!(accepting);
    loop {
        match accepting.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(answer) => return answer,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// The answer, if it is there at once.
fn at_once(accepting: Accepting) -> Option<Result<Ids, AcceptError>> {
    match pin!(accepting).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => Some(answer),
        Poll::Pending => None,
    }
}

/// Marks are written with a batch only, and a failing disk is tried again at once.
fn config(folder: &Path) -> FileConfig {
    FileConfig { marks_interval: Duration::from_secs(3_600), retry_interval: Duration::ZERO, ..FileConfig::new(folder) }
}

fn on(disk: &SimDisk, config: &FileConfig) -> FileJournal {
    FileJournal::run(open(disk, ROOMY).0, config).unwrap()
}

fn payloads(folder: &Path) -> Vec<Vec<u8>> {
    let opened = FileJournal::open(&config(folder)).unwrap();
    assert_eq!(opened.warnings, []);
    opened.unfinished.into_iter().map(|start| start.payload.to_vec()).collect()
}

#[test]
fn what_is_accepted_in_a_folder_is_there_until_it_is_finished() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("new/journal");
    let opened = FileJournal::open(&config(&folder)).unwrap();
    assert_eq!((opened.unfinished.len(), opened.warnings.len()), (0, 0));
    let ids = wait(opened.journal.accept(&[b"one", b"", b"three"])).unwrap();
    assert_eq!(ids.len(), 3);
    let later = wait(opened.journal.accept(&[b"four"])).unwrap();
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]) && ids[2] < later[0]);
    opened.journal.finish(&[ids[0], later[0], ids[0]]);
    wait(opened.journal.accept(&[])).unwrap();
    // Callers are told before the books are kept.
    let stats = loop {
        match opened.journal.stats() {
            stats if stats.unfinished == 2 => break stats,
            _ => std::thread::yield_now(),
        }
    };
    assert_eq!((stats.unfinished, stats.segments, stats.groups_failed, stats.pending_bytes), (2, 1, 0, 0));
    drop(opened);
    assert_eq!(payloads(&folder), [b"".to_vec(), b"three".to_vec()]);
    assert_eq!(payloads(&folder), [b"".to_vec(), b"three".to_vec()], "an opening finishes nothing");
}

#[test]
fn a_folder_is_one_journals() {
    let scratch = tempfile::tempdir().unwrap();
    let opened = FileJournal::open(&config(scratch.path())).unwrap();
    assert!(matches!(FileJournal::open(&config(scratch.path())), Err(OpenError::Locked(_))));
    assert!(matches!(crate::repair(scratch.path()), Err(OpenError::Locked(_))));
    let mut entries = 0;
    crate::inspect(scratch.path(), |_| entries += 1).expect("looking takes no lock");
    assert_eq!(entries, 1);
    drop(opened);
    FileJournal::open(&config(scratch.path())).unwrap();
}

#[test]
fn inspection_shows_what_was_written_and_repair_of_a_whole_journal_keeps_it() {
    let scratch = tempfile::tempdir().unwrap();
    let journal = FileJournal::open(&config(scratch.path())).unwrap().journal;
    let ids = wait(journal.accept(&[b"one", b"two"])).unwrap();
    journal.finish(&ids[..1]);
    drop(journal);
    let mut lines = Vec::new();
    crate::inspect(scratch.path(), |entry| {
        lines.push(match entry {
            crate::Entry::Segment { file, bytes, .. } => format!("{file} {bytes}"),
            crate::Entry::Start { id, payload, openings, .. } => format!("start {id} {payload:?} {openings}"),
            crate::Entry::Finished { ids, .. } => format!("finished {ids:?}"),
            crate::Entry::Damaged { offset, bytes, .. } => format!("damaged {offset} {bytes}"),
        });
    })
    .unwrap();
    assert_eq!(
        lines,
        ["0000000000000001.segment 1134", "start 1 [111, 110, 101] 0", "start 2 [116, 119, 111] 0", "finished [1]"]
    );
    let repaired = crate::repair(scratch.path()).unwrap();
    assert_eq!(repaired, crate::Repaired { kept: 1, ..crate::Repaired::default() });
    let unfinished = FileJournal::open(&config(scratch.path())).unwrap().unfinished;
    assert_eq!((&unfinished[0].payload[..], unfinished[0].openings), (&b"two"[..], 1), "a repair hands nothing out");
}

#[test]
fn what_nobody_waits_for_is_taken_back() {
    let scratch = tempfile::tempdir().unwrap();
    let journal = FileJournal::open(&config(scratch.path())).unwrap().journal;
    drop(journal.accept(&[b"dropped before it was polled"]));
    assert!(matches!(at_once(journal.accept(&[b"dropped after"])), None | Some(Ok(_))));
    wait(journal.accept(&[b"waited for"])).unwrap();
    drop(journal);
    assert_eq!(payloads(scratch.path()).pop(), Some(b"waited for".to_vec()));
    assert!(!payloads(scratch.path()).contains(&b"dropped before it was polled".to_vec()));
}

#[test]
fn over_a_bound_the_answer_comes_at_once() {
    let disk = SimDisk::new(1);
    let bounds = FileConfig {
        pending_bytes_max: 1_000,
        pending_records_max: 4,
        payload_bytes_max: 500,
        total_bytes_max: 4_000,
        ..config(Path::new(""))
    };
    let journal = on(&disk, &bounds);
    let bound_of = |accepting| match at_once(accepting) {
        Some(Err(AcceptError::Saturated { bound })) => bound,
        other => panic!("{other:?}"),
    };
    assert!(matches!(
        at_once(journal.accept(&[&[0; 501]])),
        Some(Err(AcceptError::PayloadTooLarge { bytes: 501, bytes_max: 500 }))
    ));
    // The writer may have taken any part of what was given before the disk stands still: fill up to the bound.
    let held = disk.hold();
    let mut waiting = Vec::new();
    let bound = loop {
        let mut accepting = journal.accept(&[&[0; 400]]);
        match pin!(&mut accepting).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Err(AcceptError::Saturated { bound })) => break bound,
            Poll::Ready(other) => panic!("{other:?}"),
            Poll::Pending => waiting.push(accepting),
        }
        assert!(waiting.len() < 8);
    };
    assert_eq!(bound, "pending_bytes_max");
    drop(held);
    let mut ids: Vec<_> = waiting.into_iter().flat_map(|accepting| wait(accepting).unwrap()).collect();
    assert_eq!(bound_of(journal.accept(&[b"1", b"2", b"3", b"4", b"5"])), "pending_records_max");
    let bound = loop {
        match wait(journal.accept(&[&[0; 400]])) {
            Ok(more) => ids.extend(more),
            Err(AcceptError::Saturated { bound }) => break bound,
            Err(other) => panic!("{other}"),
        }
        assert!(ids.len() < 20);
    };
    assert_eq!(bound, "total_bytes_max");
    assert!(wait(journal.accept(&[])).is_ok(), "marks and flushes still go through");
}

#[test]
fn a_failing_disk_refuses_everyone_and_the_journal_goes_on_after_it() {
    let disk = SimDisk::new(1);
    let journal = on(&disk, &config(Path::new("")));
    disk.set_faults(Faults { capacity: Some(0), ..Faults::default() });
    for _ in 0..3 {
        assert!(matches!(wait(journal.accept(&[b"refused"])), Err(AcceptError::Unavailable(_))));
    }
    disk.set_faults(Faults::default());
    // The writer may still be resting from the last fault.
    while let Err(error) = wait(journal.accept(&[b"accepted"])) {
        assert!(matches!(error, AcceptError::Unavailable(_)), "{error}");
    }
    assert!(journal.stats().groups_failed >= 1);
    drop(journal);
    assert_eq!(open(&disk, ROOMY).1.into_iter().map(|start| start.1).collect::<Vec<_>>(), [b"accepted".to_vec()]);
}

#[test]
fn while_a_failed_disk_rests_the_answer_comes_at_once() {
    let disk = SimDisk::new(1);
    let rests = FileConfig { retry_interval: Duration::from_secs(3_600), ..config(Path::new("")) };
    let journal = on(&disk, &rests);
    disk.set_faults(Faults { is_read_only: true, ..Faults::default() });
    assert!(matches!(wait(journal.accept(&[b"tried"])), Err(AcceptError::Unavailable(_))));
    assert!(matches!(at_once(journal.accept(&[b"not tried"])), Some(Err(AcceptError::Unavailable(_)))));
    // Closing does not wait for the rest to be over.
    drop(journal);
}

#[test]
fn those_who_wait_when_it_closes_are_told() {
    let disk = SimDisk::new(1);
    let journal = on(&disk, &config(Path::new("")));
    let held = disk.hold();
    let accepting: Vec<_> = (0..10).map(|_| journal.accept(&[b"late"])).collect();
    let closing = std::thread::spawn(move || drop(journal));
    drop(held);
    for accepting in accepting {
        wait(accepting).unwrap();
    }
    closing.join().unwrap();
    assert_eq!(open(&disk, ROOMY).1.len(), 10);
}

/// Many threads, a disk that fails now and then, and crashes: what was acknowledged and not finished is there.
#[test]
fn nothing_that_many_threads_were_told_is_lost() {
    let mut all_told = 0;
    for seed in 0..30 {
        let disk = SimDisk::new(seed);
        let sizes = crate::log::Sizes { segment_bytes: 5_000, carry_above_bytes: 20_000 };
        let journal = Arc::new(FileJournal::run(open(&disk, sizes).0, &config(Path::new(""))).unwrap());
        let faults = Faults { sync_fails: 50, write_fails: 50, stops_after: Some(400), ..Faults::default() };
        disk.set_faults(faults);
        let number = AtomicU64::new(0);
        let told: BTreeMap<u64, bool> = std::thread::scope(|scope| {
            let callers: Vec<_> = (0..8)
                .map(|caller| {
                    let (journal, number, disk) = (&journal, &number, &disk);
                    let mut chance = fastrand::Rng::with_seed(seed * 8 + caller);
                    scope.spawn(move || calls(&**journal, number, disk, &mut chance))
                })
                .collect();
            callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect()
        });
        drop(journal);
        disk.crash();
        let found: Vec<u64> =
            open(&disk, sizes).1.into_iter().map(|start| u64::from_le_bytes(start.1.try_into().unwrap())).collect();
        for (start, is_finished) in &told {
            assert!(*is_finished || found.contains(start), "seed {seed}: start {start} is lost");
        }
        all_told += told.len();
    }
    assert!(all_told > 1_000, "{all_told} were told");
}

/// Starts that were acknowledged before the machine stopped, and whether they are finished.
fn calls(journal: &dyn Journal, number: &AtomicU64, disk: &SimDisk, chance: &mut fastrand::Rng) -> Vec<(u64, bool)> {
    let mut told = Vec::new();
    while !disk.has_stopped() {
        let start = number.fetch_add(1, Relaxed);
        if let Ok(ids) = wait(journal.accept(&[&start.to_le_bytes()])) {
            let is_finished = chance.bool();
            if is_finished {
                journal.finish(&ids);
            }
            told.push((start, is_finished));
        }
    }
    told
}

#[test]
fn memory_accepts_at_once_and_counts() {
    let journal = MemoryJournal::default();
    let ids = at_once(journal.accept(&[b"one", b"two"])).unwrap().unwrap();
    assert_eq!(ids.iter().map(|id| id.get()).collect::<Vec<_>>(), [1, 2]);
    journal.finish(&ids[..1]);
    assert_eq!(journal.stats().unfinished, 1);
}
