//! Seeded crashes: whatever was acknowledged and not finished is there afterwards, each once and as it was.

use super::disk::{Faults, SimDisk};
use super::{append, open};
use crate::log::{Log, Sizes};
use std::collections::{BTreeMap, BTreeSet};

const SEEDS: u64 = 4_000;

/// What the caller knows of a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Acknowledged, or returned by an opening.
    Accepted,
    Finished,
    /// Refused; since then another was accepted, so that the refusal has become durable too.
    Refused {
        for_good: bool,
    },
}

struct Run {
    chance: fastrand::Rng,
    disk: SimDisk,
    sizes: Sizes,
    /// By what the payload begins with: each start of a run has a number of its own.
    fates: BTreeMap<u64, Fate>,
    payloads: BTreeMap<u64, Vec<u8>>,
    /// Start by id, of those that are accepted.
    ids: BTreeMap<u64, u64>,
    seen: Seen,
}

/// That the tests have seen what they are about.
#[derive(Debug, Default)]
struct Seen {
    openings: u64,
    cuts: u64,
    unwritable: u64,
    refused: u64,
    recovered: u64,
    dropped: u64,
    recycled: u64,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut chance = fastrand::Rng::with_seed(seed);
        let segment_bytes = chance.u64(1_500..6_000);
        let carry_above_bytes = if chance.bool() { segment_bytes * chance.u64(1..4) } else { u64::MAX };
        let disk = SimDisk::new(chance.u64(..));
        disk.prepare(chance.bool().then(|| chance.usize(500..8_000)));
        Self {
            disk,
            sizes: Sizes { segment_bytes, carry_above_bytes },
            chance,
            fates: BTreeMap::new(),
            payloads: BTreeMap::new(),
            ids: BTreeMap::new(),
            seen: Seen::default(),
        }
    }

    /// Opens after a crash, perhaps with another crash on the way.
    fn reopen(&mut self) -> Log<SimDisk> {
        while self.chance.u32(0..3) == 0 {
            self.disk.set_faults(Faults { stops_after: Some(self.chance.u32(1..20)), ..Faults::default() });
            let _stopped = Log::open(self.disk.clone(), self.sizes, self.chance.fork());
            self.disk.crash();
        }
        if self.chance.u32(0..10) == 0 {
            self.disk.set_faults(Faults { capacity: Some(100), ..Faults::default() });
        }
        let (log, unfinished, warnings) = open(&self.disk, self.sizes);
        self.seen.openings += 1;
        for warning in &warnings {
            match warning {
                crate::Warning::Cut { .. } => self.seen.cuts += 1,
                crate::Warning::Unwritable { .. } => self.seen.unwritable += 1,
                crate::Warning::Header { .. } => panic!("a crash does not tear a header: {warning}"),
            }
        }
        self.check(&unfinished);
        log
    }

    fn check(&mut self, unfinished: &[(u64, Vec<u8>)]) {
        assert!(unfinished.windows(2).all(|pair| pair[0].0 < pair[1].0), "ids in order, each once");
        self.ids.clear();
        let mut there = BTreeSet::new();
        for (id, payload) in unfinished {
            let start = u64::from_le_bytes(payload[..8].try_into().unwrap());
            assert_eq!(Some(payload), self.payloads.get(&start), "start {start} as it was given");
            let fate = self.fates.insert(start, Fate::Accepted);
            assert_ne!(fate, Some(Fate::Refused { for_good: true }), "start {start} was refused");
            assert!(there.insert(start), "start {start} once");
            self.ids.insert(*id, start);
        }
        for (start, fate) in &self.fates {
            let is_there = there.contains(start);
            assert!(*fate != Fate::Accepted || is_there, "start {start} was acknowledged and is lost");
        }
        self.seen.recovered += unfinished.len() as u64;
    }

    fn faults(&mut self) -> Faults {
        let chance = &mut self.chance;
        let mut one_of = |of: u32, value: u32| if chance.u32(0..of) == 0 { value } else { 0 };
        Faults {
            write_fails: one_of(4, 100),
            sync_fails: one_of(4, 150),
            folder_sync_fails: one_of(4, 300),
            is_read_only: one_of(15, 1) == 1,
            capacity: (one_of(4, 1) == 1).then(|| chance.usize(2_000..20_000)),
            stops_after: (chance.u32(0..3) > 0).then(|| chance.u32(1..60)),
        }
    }

    /// One batch with marks.
    fn step(&mut self, log: &mut Log<SimDisk>) {
        let starts: Vec<u64> = (0..self.chance.u64(0..6)).map(|index| self.payloads.len() as u64 + index).collect();
        for &start in &starts {
            let mut payload = start.to_le_bytes().to_vec();
            payload.extend((0..self.chance.usize(0..300)).map(|_| self.chance.u8(..)));
            self.payloads.insert(start, payload);
        }
        // Most end soon; some are long, and hold on to their segment.
        let mut ends =
            |start: u64| if start.is_multiple_of(7) { self.chance.u32(0..30) == 0 } else { self.chance.u32(0..4) > 0 };
        let finished: Vec<u64> = self.ids.iter().filter(|(_, start)| ends(**start)).map(|(id, _)| *id).collect();
        for id in &finished {
            let start = self.ids.remove(id).unwrap();
            self.fates.insert(start, Fate::Finished);
        }
        let payloads: Vec<&[u8]> = starts.iter().map(|start| &self.payloads[start][..]).collect();
        let segments = log.segments();
        let written = append(log, &payloads, &finished);
        self.seen.dropped += segments.saturating_sub(log.segments()) as u64;
        match written {
            Ok(ids) => {
                for fate in self.fates.values_mut().filter(|_| !starts.is_empty()) {
                    if matches!(fate, Fate::Refused { .. }) {
                        *fate = Fate::Refused { for_good: true };
                    }
                }
                for (id, start) in ids.into_iter().zip(starts) {
                    self.ids.insert(id, start);
                    self.fates.insert(start, Fate::Accepted);
                }
            }
            Err(_) => {
                self.seen.refused += starts.len() as u64;
                self.fates.extend(starts.into_iter().map(|start| (start, Fate::Refused { for_good: false })));
            }
        }
    }
}

fn run(seed: u64) -> Seen {
    let mut run = Run::new(seed);
    for _ in 0..run.chance.u32(2..6) {
        let mut log = run.reopen();
        for _ in 0..run.chance.u32(0..30) {
            if run.chance.u32(0..8) == 0 {
                let faults = run.faults();
                run.disk.set_faults(faults);
            }
            run.step(&mut log);
            if run.disk.has_stopped() {
                break;
            }
        }
        run.disk.crash();
    }
    run.reopen();
    run.seen.recycled = run.disk.recycled();
    run.seen
}

#[test]
fn nothing_acknowledged_is_lost_by_a_crash() {
    let mut all = Seen::default();
    for seed in 0..SEEDS {
        let seen = std::panic::catch_unwind(|| run(seed)).unwrap_or_else(|_| panic!("seed {seed}"));
        all.openings += seen.openings;
        all.cuts += seen.cuts;
        all.unwritable += seen.unwritable;
        all.refused += seen.refused;
        all.recovered += seen.recovered;
        all.dropped += seen.dropped;
        all.recycled += seen.recycled;
    }
    let Seen { openings, cuts, unwritable, refused, recovered, dropped, recycled } = all;
    let each = [openings, cuts, unwritable, refused, recovered, dropped, recycled];
    assert!(each.iter().all(|&count| count > SEEDS / 20), "the seeds reach what they are for: {all:?}");
}
