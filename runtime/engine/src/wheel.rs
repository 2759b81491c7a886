//! Which execution of a shard is due next.

use crate::slots::CHUNK_SLOTS;
use fleetstep_machine::Timestamp;

/// Bits of a time that one level looks at.
const BITS: u32 = 6;
/// Lists of a level.
const LISTS: usize = 1 << BITS;
/// Levels that cover all of 64 bits: nothing is too far away for the wheel.
const LEVELS: usize = 64_usize.div_ceil(BITS as usize);
/// The list of what is on its way to lower levels.
const FALLING: usize = LEVELS * LISTS;
/// Entries that one turn moves to lower levels: a million that come due together must not hold a thread.
const FALL_MAX: usize = 64;
/// No entry.
const NONE: u32 = u32::MAX;
/// What `before` of a list's first entry adds to the list's number.
const HEAD: u32 = 1 << 31;

/// A hierarchical timing wheel with one entry for each slot of a shard, 16 bytes. Setting, moving and cancelling take
/// a few writes, whatever the number of entries.
///
/// Times are microseconds. An entry stands at the level of the highest digit, in base 64, in which its time differs
/// from the wheel's, in the list of its own digit there; when the wheel comes to that list, its entries fall to lower
/// levels, and on the lowest all entries of a list are due at that very microsecond. Every entry shares the higher
/// digits with the wheel, so that the first list of the lowest level in use is the earliest of all.
#[derive(Debug)]
pub(crate) struct Wheel {
    /// By slot, in chunks as long as those of [`Slots`](crate::slots::Slots), and for the same reason.
    entries: Vec<Box<[Entry; CHUNK_SLOTS]>>,
    /// The first entry of each list.
    heads: Box<[u32; FALLING + 1]>,
    /// Which lists of a level have entries.
    used: [u64; LEVELS],
    /// The wheel's time: whatever was due before it has been given out.
    time: u64,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    at: u64,
    next: u32,
    /// The entry before, or the list where it is the first; [`NONE`] while it is not set.
    before: u32,
}

impl Entry {
    /// In no list.
    const UNSET: Self = Self { at: 0, next: NONE, before: NONE };
}

/// What a turn of the wheel came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turned {
    /// This slot is due.
    Due(u32),
    /// Entries fell to lower levels; there may be more to do.
    Moved,
    /// Nothing is due.
    Idle,
}

impl Default for Wheel {
    fn default() -> Self {
        Self { entries: Vec::new(), heads: Box::new([NONE; FALLING + 1]), used: [0; LEVELS], time: 0 }
    }
}

impl Wheel {
    /// Bytes of an entry.
    pub(crate) const ENTRY_BYTES: usize = size_of::<Entry>();

    /// Sets the time of a slot, whether or not it has one.
    pub(crate) fn set(&mut self, slot: u32, at: Timestamp) {
        let chunks = slot as usize / CHUNK_SLOTS + 1;
        if chunks > self.entries.len() {
            self.entries.resize_with(chunks, || Box::new([Entry::UNSET; CHUNK_SLOTS]));
        }
        let at = ticks(at);
        let entry = *self.entry(slot);
        if entry.before != NONE {
            if entry.at == at {
                return;
            }
            self.unlink(slot);
        }
        self.entry_mut(slot).at = at;
        self.link(slot);
    }

    /// Forgets the time of a slot, if it has one.
    pub(crate) fn clear(&mut self, slot: u32) {
        if (slot as usize / CHUNK_SLOTS) < self.entries.len() && self.entry(slot).before != NONE {
            self.unlink(slot);
        }
    }

    /// A time before which nothing is due. When it comes, what it stands for may turn out to be due later.
    pub(crate) fn first(&self) -> Option<Timestamp> {
        if self.is_moving() {
            return Some(timestamp(self.time));
        }
        self.earliest().map(|(_, _, start)| timestamp(start))
    }

    /// Whether entries are on their way to lower levels: another turn is to be made at once.
    pub(crate) fn is_moving(&self) -> bool {
        self.heads[FALLING] != NONE
    }

    /// Gives out one slot that is due, in the order of times, or does a bounded part of the way there.
    pub(crate) fn turn(&mut self, now: Timestamp) -> Turned {
        if self.is_moving() {
            return self.fall();
        }
        let now = ticks(now);
        match self.earliest() {
            Some((level, list, start)) if start <= now => {
                self.time = self.time.max(start);
                if level == 0 {
                    let slot = self.heads[list];
                    self.unlink(slot);
                    return Turned::Due(slot);
                }
                self.drop_list(level, list);
                self.fall()
            }
            _ => {
                self.time = self.time.max(now);
                Turned::Idle
            }
        }
    }

    /// How many slots have a time.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entries.iter().flat_map(|chunk| chunk.iter()).filter(|entry| entry.before != NONE).count()
    }

    fn entry(&self, slot: u32) -> &Entry {
        &self.entries[slot as usize / CHUNK_SLOTS][slot as usize % CHUNK_SLOTS]
    }

    fn entry_mut(&mut self, slot: u32) -> &mut Entry {
        &mut self.entries[slot as usize / CHUNK_SLOTS][slot as usize % CHUNK_SLOTS]
    }

    /// The level, the list and the first time of the earliest list with entries.
    fn earliest(&self) -> Option<(usize, usize, u64)> {
        let level = self.used.iter().position(|used| *used != 0)?;
        let digit = self.used[level].trailing_zeros() as usize;
        let shift = level as u32 * BITS;
        let higher = self.time.checked_shr(shift + BITS).unwrap_or(0).checked_shl(shift + BITS).unwrap_or(0);
        Some((level, level * LISTS + digit, higher | (digit as u64) << shift))
    }

    /// Lets a whole list fall.
    fn drop_list(&mut self, level: usize, list: usize) {
        let first = std::mem::replace(&mut self.heads[list], NONE);
        self.used[level] &= !(1 << (list % LISTS));
        self.heads[FALLING] = first;
        self.entry_mut(first).before = HEAD | FALLING as u32;
    }

    fn fall(&mut self) -> Turned {
        for _ in 0..FALL_MAX {
            let slot = self.heads[FALLING];
            if slot == NONE {
                break;
            }
            self.unlink(slot);
            self.link(slot);
        }
        Turned::Moved
    }

    /// Puts an entry, which is in no list, where its time belongs. What is due already is due now.
    fn link(&mut self, slot: u32) {
        let at = self.entry(slot).at.max(self.time);
        let differing = 63 - ((at ^ self.time) | 1).leading_zeros();
        let level = (differing / BITS) as usize;
        let digit = (at >> (level as u32 * BITS)) as usize % LISTS;
        let list = level * LISTS + digit;
        self.used[level] |= 1 << digit;
        let next = std::mem::replace(&mut self.heads[list], slot);
        if next != NONE {
            self.entry_mut(next).before = slot;
        }
        let entry = self.entry_mut(slot);
        (entry.next, entry.before) = (next, HEAD | list as u32);
    }

    fn unlink(&mut self, slot: u32) {
        let Entry { next, before, .. } = *self.entry(slot);
        if next != NONE {
            self.entry_mut(next).before = before;
        }
        if before & HEAD == 0 {
            self.entry_mut(before).next = next;
        } else {
            let list = (before & !HEAD) as usize;
            self.heads[list] = next;
            if next == NONE && list != FALLING {
                self.used[list / LISTS] &= !(1 << (list % LISTS));
            }
        }
        self.entry_mut(slot).before = NONE;
    }
}

fn ticks(at: Timestamp) -> u64 {
    u64::try_from(at.as_micros()).unwrap_or(0)
}

fn timestamp(ticks: u64) -> Timestamp {
    Timestamp::from_micros(i64::try_from(ticks).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// All that is due at `now`, and at what time each was to fire.
    fn fired(wheel: &mut Wheel, now: u64) -> Vec<u32> {
        let mut slots = Vec::new();
        loop {
            match wheel.turn(timestamp(now)) {
                Turned::Due(slot) => slots.push(slot),
                Turned::Moved => {}
                Turned::Idle => return slots,
            }
        }
    }

    /// Against a plain map: whatever is set, moved and cancelled, what is due comes, in order, and never early.
    #[test]
    fn agrees_with_a_map() {
        for seed in 0..20 {
            let mut chance = fastrand::Rng::with_seed(seed);
            let mut wheel = Wheel::default();
            let mut map = BTreeMap::new();
            let mut now = if chance.bool() { 0 } else { 1_767_225_600_000_000 };
            for _ in 0..5_000 {
                let slot = chance.u32(0..300);
                match chance.u32(0..8) {
                    0..5 => {
                        let far = 1_u64 << chance.u32(0..40);
                        let at = now + chance.u64(0..far);
                        wheel.set(slot, timestamp(at));
                        map.insert(slot, at);
                    }
                    5 => {
                        wheel.clear(slot);
                        map.remove(&slot);
                    }
                    _ => {
                        let far = 1_u64 << chance.u32(0..38);
                        now += chance.u64(0..far);
                        let slots = fired(&mut wheel, now);
                        let times: Vec<u64> = slots.iter().filter_map(|slot| map.remove(slot)).collect();
                        assert_eq!(times.len(), slots.len(), "seed {seed}: fired what was not set");
                        assert!(times.is_sorted() && times.iter().all(|at| *at <= now), "seed {seed}");
                        assert!(map.values().all(|at| *at > now), "seed {seed}: something was left");
                    }
                }
                assert_eq!(wheel.len(), map.len());
                let earliest = map.values().min().copied();
                match (wheel.first(), earliest) {
                    (Some(first), Some(at)) => assert!(ticks(first) <= at.max(now), "seed {seed}"),
                    (first, at) => assert_eq!(first.is_none(), at.is_none(), "seed {seed}"),
                }
            }
        }
    }

    /// Whoever sleeps until the first time and turns then makes a handful of turns for a timer, not one for each
    /// microsecond.
    #[test]
    fn a_lone_timer_is_looked_at_a_few_times() {
        let mut wheel = Wheel::default();
        let now = 1_767_225_600_123_456;
        assert_eq!(wheel.turn(timestamp(now)), Turned::Idle);
        wheel.set(7, timestamp(now + 300_000_000));
        let mut looks = 0;
        loop {
            let first = wheel.first().expect("it is set");
            looks += 1;
            if fired(&mut wheel, ticks(first)) == [7] {
                assert_eq!(ticks(first), now + 300_000_000);
                break;
            }
        }
        assert!(looks <= 6, "{looks}");
    }

    /// However many are due together, one turn does a bounded part.
    #[test]
    fn many_fall_in_parts() {
        let mut wheel = Wheel::default();
        for slot in 0..10_000 {
            wheel.set(slot, timestamp(1_000_000));
        }
        let mut turns = 0;
        while wheel.turn(timestamp(1_000_000)) == Turned::Moved {
            turns += 1;
        }
        assert!(turns >= 10_000 / FALL_MAX, "{turns}");
    }

    #[test]
    fn an_entry_is_16_bytes() {
        assert_eq!(Wheel::ENTRY_BYTES, 16);
    }
}
