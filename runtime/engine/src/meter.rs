//! How often something ended lately, how, and how long it took: counts that everyone may add to and hardly anyone reads.
//!
//! An addition is a few relaxed atomic operations, without a lock and without a clock of its own. Time goes by in slots;
//! whoever comes first to a new one folds the slot that it replaces into the totals. So an idle meter costs nothing.

use crate::Timestamp;
use fleetstep_document::Text;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a slot is, in microseconds.
const SLOT_MICROS: i64 = 5_000_000;
/// The slots of the window, and the one that is being filled.
const SLOTS: usize = 13;
/// What [`Meter::lately`] looks back on, at most.
pub const METER_WINDOW: Duration = Duration::from_secs(60);
/// Four buckets for each doubling, from one microsecond to more than eight minutes.
const BUCKETS: usize = 4 * 28;

/// How something ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Well.
    Succeeded,
    /// With an error.
    Failed,
    /// Its time was over.
    TimedOut,
    /// Somebody ended it.
    Aborted,
    /// It was not let in; this has no duration.
    Refused,
}

impl Ended {
    /// All of them, in the order of their counts.
    pub const ALL: [Self; 5] = [Self::Succeeded, Self::Failed, Self::TimedOut, Self::Aborted, Self::Refused];
}

/// Meters by name, each made when something of that name first ends.
#[derive(Debug, Default)]
pub struct Meters(Mutex<BTreeMap<Text, Arc<Meter>>>);

/// The most names that [`Meters`] has; others are not counted.
pub const METERS_MAX: usize = 1_000;

impl Meters {
    /// Counts one that began at `from` and ended at `to`.
    pub fn count(&self, name: &Text, ended: Ended, from: Timestamp, to: Timestamp) {
        let meter = {
            let mut meters = self.meters();
            match meters.get(name) {
                Some(meter) => Arc::clone(meter),
                None if meters.len() >= METERS_MAX => return,
                None => Arc::clone(meters.entry(name.clone()).or_default()),
            }
        };
        meter.count(ended, from, to);
    }

    /// What ended lately, by name.
    #[must_use]
    pub fn lately(&self, now: Timestamp) -> Vec<(Text, Counts)> {
        let meters = self.meters();
        meters.iter().map(|(name, meter)| (name.clone(), meter.lately(now))).collect()
    }

    fn meters(&self) -> MutexGuard<'_, BTreeMap<Text, Arc<Meter>>> {
        // Every change leaves the map whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was used, in sums; of memory, the most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Time that they had a thread, in microseconds.
    pub busy_micros: u64,
    /// Bytes that came in.
    pub bytes_in: u64,
    /// Bytes that went out.
    pub bytes_out: u64,
    /// What the service would bill of each, rounded up by itself, in steps of its own.
    pub billed_steps: u64,
    /// The most memory of one, in KiB.
    pub memory_kib: u64,
}

/// [`Used`], as everyone may add to it.
#[derive(Debug, Default)]
struct Sums {
    busy_micros: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    billed_steps: AtomicU64,
    memory_kib: AtomicU64,
}

impl Sums {
    fn parts(&self) -> [&AtomicU64; 4] {
        [&self.busy_micros, &self.bytes_in, &self.bytes_out, &self.billed_steps]
    }

    fn add(&self, used: &Used) {
        let Used { busy_micros, bytes_in, bytes_out, billed_steps, memory_kib } = *used;
        for (sum, part) in self.parts().into_iter().zip([busy_micros, bytes_in, bytes_out, billed_steps]) {
            if part > 0 {
                sum.fetch_add(part, Relaxed);
            }
        }
        // Mostly it is as much as ever, and then nobody else's cache has to hear of it.
        if memory_kib > self.memory_kib.load(Relaxed) {
            self.memory_kib.fetch_max(memory_kib, Relaxed);
        }
    }

    /// Moves all to other sums.
    fn fold(&self, to: &Self) {
        for (from, to) in self.parts().into_iter().zip(to.parts()) {
            to.fetch_add(from.swap(0, Relaxed), Relaxed);
        }
        to.memory_kib.fetch_max(self.memory_kib.swap(0, Relaxed), Relaxed);
    }

    fn add_to(&self, used: &mut Used) {
        used.busy_micros += self.busy_micros.load(Relaxed);
        used.bytes_in += self.bytes_in.load(Relaxed);
        used.bytes_out += self.bytes_out.load(Relaxed);
        used.billed_steps += self.billed_steps.load(Relaxed);
        used.memory_kib = used.memory_kib.max(self.memory_kib.load(Relaxed));
    }
}

/// Counts by how things ended, and durations.
#[derive(Debug)]
pub struct Meter {
    slots: [Slot; SLOTS],
    /// Of all slots that were replaced.
    ended: [AtomicU64; Ended::ALL.len()],
    buckets: [AtomicU64; BUCKETS],
    micros: AtomicU64,
    used: Sums,
}

#[derive(Debug)]
struct Slot {
    /// Which slot of all time it is.
    epoch: AtomicI64,
    ended: [AtomicU32; Ended::ALL.len()],
    buckets: [AtomicU32; BUCKETS],
    micros: AtomicU64,
    used: Sums,
}

/// What a meter counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    ended: [u64; Ended::ALL.len()],
    buckets: [u64; BUCKETS],
    /// The durations together, in microseconds.
    pub micros: u64,
    /// What they used.
    pub used: Used,
    /// Over what time, in microseconds; 0 for totals.
    pub window_micros: u64,
}

impl Default for Meter {
    fn default() -> Self {
        let slot = || Slot {
            epoch: AtomicI64::new(0),
            ended: Default::default(),
            buckets: std::array::from_fn(|_| AtomicU32::new(0)),
            micros: AtomicU64::new(0),
            used: Sums::default(),
        };
        Self {
            slots: std::array::from_fn(|_| slot()),
            ended: Default::default(),
            buckets: std::array::from_fn(|_| AtomicU64::new(0)),
            micros: AtomicU64::new(0),
            used: Sums::default(),
        }
    }
}

impl Meter {
    /// Counts one that began at `from` and ended at `to`.
    pub fn count(&self, ended: Ended, from: Timestamp, to: Timestamp) {
        self.count_used(ended, from, to, &Used::default());
    }

    /// The same, with what it used.
    pub fn count_used(&self, ended: Ended, from: Timestamp, to: Timestamp, used: &Used) {
        let micros = u64::try_from(to.as_micros().saturating_sub(from.as_micros())).unwrap_or(0);
        let slot = self.slot(to);
        slot.ended[ended as usize].fetch_add(1, Relaxed);
        slot.buckets[bucket(micros)].fetch_add(1, Relaxed);
        slot.micros.fetch_add(micros, Relaxed);
        slot.used.add(used);
    }

    /// Counts one that was not let in.
    pub fn refuse(&self, at: Timestamp) {
        self.slot(at).ended[Ended::Refused as usize].fetch_add(1, Relaxed);
    }

    /// What ended within the last [`METER_WINDOW`], slot by slot: the current one, which is not full yet, and those before.
    #[must_use]
    pub fn lately(&self, now: Timestamp) -> Counts {
        let current = epoch(now);
        let mut counts = Counts::default();
        for slot in &self.slots {
            let epoch = slot.epoch.load(Relaxed);
            if epoch <= current && current - epoch < SLOTS as i64 {
                slot.add_to(&mut counts);
            }
        }
        // A meter that was idle counts as long as one that was not: what did not happen is a rate, too.
        let began = (current - (SLOTS as i64 - 1)) * SLOT_MICROS;
        counts.window_micros = now.as_micros().saturating_sub(began).unsigned_abs().max(1);
        counts
    }

    /// Everything that it ever counted.
    #[must_use]
    pub fn totals(&self) -> Counts {
        let mut counts = Counts::default();
        for slot in &self.slots {
            slot.add_to(&mut counts);
        }
        let add = |sum: &mut u64, count: &AtomicU64| *sum += count.load(Relaxed);
        counts.ended.iter_mut().zip(&self.ended).for_each(|(sum, count)| add(sum, count));
        counts.buckets.iter_mut().zip(&self.buckets).for_each(|(sum, count)| add(sum, count));
        add(&mut counts.micros, &self.micros);
        self.used.add_to(&mut counts.used);
        counts
    }

    /// The slot of a moment. Two that come to a new one at once agree on who folds; what a third adds meanwhile is
    /// counted in either.
    fn slot(&self, at: Timestamp) -> &Slot {
        let epoch = epoch(at);
        let slot = &self.slots[epoch.rem_euclid(SLOTS as i64) as usize];
        let before = slot.epoch.load(Relaxed);
        if before < epoch && slot.epoch.compare_exchange(before, epoch, Relaxed, Relaxed).is_ok() {
            self.fold(slot);
        }
        slot
    }

    #[cold]
    fn fold(&self, slot: &Slot) {
        let counts = slot.ended.iter().chain(&slot.buckets).zip(self.ended.iter().chain(&self.buckets));
        for (from, to) in counts {
            to.fetch_add(from.swap(0, Relaxed).into(), Relaxed);
        }
        self.micros.fetch_add(slot.micros.swap(0, Relaxed), Relaxed);
        slot.used.fold(&self.used);
    }
}

impl Slot {
    fn add_to(&self, counts: &mut Counts) {
        let add = |sum: &mut u64, count: &AtomicU32| *sum += u64::from(count.load(Relaxed));
        counts.ended.iter_mut().zip(&self.ended).for_each(|(sum, count)| add(sum, count));
        counts.buckets.iter_mut().zip(&self.buckets).for_each(|(sum, count)| add(sum, count));
        counts.micros += self.micros.load(Relaxed);
        self.used.add_to(&mut counts.used);
    }
}

impl Default for Counts {
    fn default() -> Self {
        Self { ended: Default::default(), buckets: [0; BUCKETS], micros: 0, used: Used::default(), window_micros: 0 }
    }
}

impl Counts {
    /// How many ended like that.
    #[must_use]
    pub fn of(&self, ended: Ended) -> u64 {
        self.ended[ended as usize]
    }

    /// How many ended, however; those that were not let in are not among them.
    #[must_use]
    pub fn finished(&self) -> u64 {
        self.ended.iter().sum::<u64>() - self.of(Ended::Refused)
    }

    /// How many finished each second of the window.
    #[must_use]
    pub fn per_second(&self) -> f64 {
        if self.window_micros == 0 { 0.0 } else { self.finished() as f64 * 1e6 / self.window_micros as f64 }
    }

    /// The duration, in microseconds, that this share of all stayed below: 0.99 for the 99th percentile; nothing where
    /// nothing ended. It is true to a fifth of itself at worst.
    #[must_use]
    pub fn quantile_micros(&self, share: f64) -> Option<f64> {
        let all: u64 = self.buckets.iter().sum();
        let wanted = (share.clamp(0.0, 1.0) * all as f64).max(1.0);
        let mut below = 0.0;
        for (at, count) in self.buckets.iter().enumerate().filter(|(_, count)| **count > 0) {
            let count = *count as f64;
            if below + count >= wanted {
                let (from, to) = bounds(at);
                return Some(from + (to - from) * ((wanted - below) / count));
            }
            below += count;
        }
        None
    }

    /// How many took `micros` at most. Exact where that is the upper bound of a bucket, as doublings from 4 on are.
    #[must_use]
    pub fn within(&self, micros: u64) -> u64 {
        self.buckets
            .iter()
            .enumerate()
            .take_while(|(at, _)| bounds(*at).1 <= micros as f64)
            .map(|(_, count)| count)
            .sum()
    }
}

fn epoch(at: Timestamp) -> i64 {
    at.as_micros().div_euclid(SLOT_MICROS)
}

/// The bucket of a duration: the first four have one microsecond each.
fn bucket(micros: u64) -> usize {
    if micros < 4 {
        return micros as usize;
    }
    let doubling = micros.ilog2() as usize;
    let quarter = (micros >> (doubling - 2) & 3) as usize;
    ((doubling - 1) * 4 + quarter).min(BUCKETS - 1)
}

/// From where to where a bucket goes, in microseconds; the end is not in it.
fn bounds(bucket: usize) -> (f64, f64) {
    let from = |bucket: usize| match bucket {
        0..4 => bucket as f64,
        _ => ((4 + bucket % 4) as f64) * f64::from(1_u32 << (bucket / 4 - 1)),
    };
    (from(bucket), from(bucket + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(1_700_000_000_000_000 + micros)
    }

    #[test]
    fn every_duration_is_within_the_bounds_of_its_bucket() {
        for micros in (0..5_000).chain((0..28).flat_map(|bit| [(1 << bit) - 1, 1 << bit, (1 << bit) + 1])) {
            let (from, to) = bounds(bucket(micros));
            assert!(from <= micros as f64 && (micros as f64) < to, "{micros}: {from}..{to}");
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_are_near() {
        let meter = Meter::default();
        for micros in 1..=1_000 {
            meter.count(Ended::Succeeded, at(0), at(micros));
        }
        let counts = meter.lately(at(1_000));
        for (share, exact) in [(0.5, 500.0), (0.9, 900.0), (0.99, 990.0)] {
            let found = counts.quantile_micros(share).unwrap();
            assert!((found - exact).abs() / exact < 0.05, "{share}: {found}");
        }
        assert_eq!(counts.finished(), 1_000);
        assert_eq!((counts.within(512), counts.within(1_024)), (511, 1_000));
        assert_eq!(counts.micros, 500_500);
        assert!(Meter::default().lately(at(0)).quantile_micros(0.5).is_none());
    }

    #[test]
    fn what_is_past_leaves_the_window_and_stays_in_the_totals() {
        let meter = Meter::default();
        meter.count(Ended::Failed, at(0), at(10));
        meter.refuse(at(10));
        let second = 1_000_000;
        let of = |counts: Counts| (counts.of(Ended::Failed), counts.of(Ended::Refused), counts.finished());
        assert_eq!(of(meter.lately(at(59 * second))), (1, 1, 1));
        assert_eq!(of(meter.lately(at(66 * second))), (0, 0, 0));
        // The slot is used again.
        for slot in 0..3 * SLOTS as i64 {
            meter.count(Ended::Succeeded, at(0), at(slot * SLOT_MICROS));
        }
        assert_eq!(of(meter.totals()), (1, 1, 1 + 3 * SLOTS as u64));
        let last = meter.lately(at((3 * SLOTS as i64 - 1) * SLOT_MICROS));
        assert_eq!((last.of(Ended::Succeeded), last.of(Ended::Failed)), (SLOTS as u64, 0));
    }

    #[test]
    fn what_was_used_adds_up_and_of_memory_the_most_stays() {
        let meter = Meter::default();
        let used = |memory_kib| Used { busy_micros: 3, bytes_in: 10, bytes_out: 20, billed_steps: 1, memory_kib };
        meter.count_used(Ended::Succeeded, at(0), at(1), &used(64));
        meter.count_used(Ended::Failed, at(0), at(70_000_000), &used(32));
        let twice = Used { busy_micros: 6, bytes_in: 20, bytes_out: 40, billed_steps: 2, memory_kib: 64 };
        assert_eq!(meter.totals().used, twice);
        assert_eq!(meter.lately(at(70_000_000)).used, used(32));
        // The slot of the first is used again.
        meter.count(Ended::Succeeded, at(0), at(SLOTS as i64 * SLOT_MICROS));
        assert_eq!(meter.totals().used, twice);
    }

    #[test]
    fn nothing_is_lost_where_many_count() {
        let meter = Meter::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..10_000).for_each(|n| meter.count(Ended::Succeeded, at(0), at(n * 20_000))));
            }
        });
        assert_eq!(meter.totals().finished(), 40_000);
    }
}
