//! The histories of the latest executions, running or over: a bounded memory.

use super::Subject;
use crate::Limits;
use crate::executions::{Key, SHARDS};
use fleetstep_document::Text;
use fleetstep_engine::{HistoryEvent, HistoryLevel};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// What a history weighs beside its events.
const HISTORY_BYTES: usize = 512;

/// Histories by execution; of those that were begun first, the oldest are forgotten first. Of one that is too long,
/// its newest events are kept.
#[derive(Clone)]
pub(crate) struct Histories(Arc<Shared>);

struct Shared {
    shards: [Mutex<Shard>; SHARDS],
    limits: ShardLimits,
}

struct ShardLimits {
    histories_max: usize,
    bytes_max: usize,
    /// Of one execution.
    events_max: usize,
    /// Of one execution.
    event_bytes_max: usize,
}

#[derive(Default)]
struct Shard {
    by_key: HashMap<Key, Kept>,
    /// In the order in which they were begun.
    order: VecDeque<Key>,
    /// How many histories hold each definition, by where its text lies: those of one revision share it.
    definitions: HashMap<usize, u32>,
    bytes: usize,
}

struct Kept {
    subject: Arc<Subject>,
    level: HistoryLevel,
    shows_data: bool,
    /// In the order of their numbers, each with its weight.
    events: VecDeque<(usize, HistoryEvent)>,
    bytes: usize,
    /// Up to this number, events were dropped.
    dropped_to: u64,
    /// Rung when there is more; there is none until someone follows.
    bell: Option<Arc<Notify>>,
}

/// Part of a history.
pub(crate) struct HistoryPage {
    pub(crate) subject: Arc<Subject>,
    /// What is kept of it.
    pub(crate) level: HistoryLevel,
    pub(crate) shows_data: bool,
    /// Up to this number, events are kept no longer.
    pub(crate) dropped_to: u64,
    pub(crate) events: Vec<HistoryEvent>,
    /// The number of the last event of this page, if there are more.
    pub(crate) next_after: Option<u64>,
}

/// Which part of a history is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HistoryRequest {
    pub(crate) events_max: usize,
    /// The newest first.
    pub(crate) reverse: bool,
    /// The number of the last event of the page before.
    pub(crate) after: Option<u64>,
}

impl Histories {
    pub(crate) fn new(limits: &Limits) -> Self {
        let limits = ShardLimits {
            histories_max: limits.history_entries_max / SHARDS,
            bytes_max: limits.history_bytes_max / SHARDS,
            events_max: limits.history_events_max,
            event_bytes_max: limits.history_event_bytes_max,
        };
        Self(Arc::new(Shared { shards: std::array::from_fn(|_| Mutex::default()), limits }))
    }

    /// Begins the history of an execution.
    pub(super) fn begin(&self, subject: &Arc<Subject>, level: HistoryLevel, shows_data: bool) {
        let Some(key) = Key::of(&subject.identity.execution_arn) else { return };
        let kept = Kept {
            subject: Arc::clone(subject),
            level,
            shows_data,
            events: VecDeque::new(),
            bytes: 0,
            dropped_to: 0,
            bell: None,
        };
        let mut shard = self.shard(key);
        shard.hold(&subject.ran.definition);
        shard.by_key.insert(key, kept);
        shard.order.push_back(key);
        shard.bytes += HISTORY_BYTES;
        let forgotten = shard.make_room(&self.0.limits);
        drop(shard);
        // Dropped here, where nobody waits for the lock.
        drop(forgotten);
    }

    /// Adds to the history of an execution, unless it is forgotten already.
    pub(super) fn extend(&self, subject: &Subject, events: Vec<(usize, HistoryEvent)>) {
        let Some(key) = Key::of(&subject.identity.execution_arn) else { return };
        let limits = &self.0.limits;
        let mut shard = self.shard(key);
        let Some(kept) = shard.by_key.get_mut(&key) else { return };
        let before = kept.bytes;
        let dropped = kept.extend(events, limits);
        let after = kept.bytes;
        kept.ring();
        shard.bytes = shard.bytes + after - before;
        let forgotten = shard.make_room(limits);
        drop(shard);
        drop((dropped, forgotten));
    }

    /// What rings when there is more of a history; nothing where none is kept.
    pub(crate) fn bell(&self, arn: &str) -> Option<Arc<Notify>> {
        let key = Key::of(arn)?;
        let mut shard = self.shard(key);
        let kept = shard.by_key.get_mut(&key).filter(|kept| kept.subject.identity.execution_arn == arn)?;
        Some(Arc::clone(kept.bell.get_or_insert_default()))
    }

    /// Tells those who follow an execution that it is over.
    pub(crate) fn ring(&self, arn: &str) {
        let Some(key) = Key::of(arn) else { return };
        if let Some(kept) = self.shard(key).by_key.get(&key) {
            kept.ring();
        }
    }

    /// Forgets the history of an execution that was not started after all.
    pub(crate) fn forget(&self, arn: &str) {
        let Some(key) = Key::of(arn) else { return };
        let mut shard = self.shard(key);
        shard.order.retain(|known| *known != key);
        let forgotten = shard.remove(key);
        drop(shard);
        drop(forgotten);
    }

    /// Part of the history of an execution; `None` when none is kept, or no longer.
    pub(crate) fn page(&self, arn: &str, request: HistoryRequest) -> Option<HistoryPage> {
        let key = Key::of(arn)?;
        let shard = self.shard(key);
        let kept = shard.by_key.get(&key).filter(|kept| kept.subject.identity.execution_arn == arn)?;
        Some(kept.page(request))
    }

    /// How many are kept, and what they hold, in bytes.
    pub(crate) fn held(&self) -> (usize, usize) {
        let shards = self.0.shards.iter().map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner));
        shards.fold((0, 0), |(count, bytes), shard| (count + shard.order.len(), bytes + shard.bytes))
    }

    fn shard(&self, key: Key) -> MutexGuard<'_, Shard> {
        // No code that holds the lock can leave a shard half changed.
        self.0.shards[key.shard()].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shard {
    /// Takes out what has to go, for the caller to drop.
    fn make_room(&mut self, limits: &ShardLimits) -> Vec<Kept> {
        let mut forgotten = Vec::new();
        while self.order.len() > limits.histories_max || self.bytes > limits.bytes_max {
            let Some(oldest) = self.order.pop_front() else { break };
            forgotten.extend(self.remove(oldest));
        }
        forgotten
    }

    fn remove(&mut self, key: Key) -> Option<Kept> {
        let kept = self.by_key.remove(&key)?;
        self.bytes -= HISTORY_BYTES + kept.bytes;
        self.let_go(&kept.subject.ran.definition);
        Some(kept)
    }

    /// One history more holds a definition; the first one pays for it.
    fn hold(&mut self, definition: &Text) {
        let held = self.definitions.entry(definition.as_ptr() as usize).or_default();
        *held += 1;
        self.bytes += if *held == 1 { definition.len() } else { 0 };
    }

    fn let_go(&mut self, definition: &Text) {
        let place = definition.as_ptr() as usize;
        let held = self.definitions.get_mut(&place).expect("it was held");
        *held -= 1;
        if *held == 0 {
            self.definitions.remove(&place);
            self.bytes -= definition.len();
        }
    }
}

impl Kept {
    /// Adds events, and takes out those that have to go for them.
    fn extend(&mut self, events: Vec<(usize, HistoryEvent)>, limits: &ShardLimits) -> Vec<(usize, HistoryEvent)> {
        self.bytes += events.iter().map(|(bytes, _)| bytes).sum::<usize>();
        self.events.extend(events);
        let mut dropped = Vec::new();
        while self.events.len() > limits.events_max || self.bytes > limits.event_bytes_max {
            let Some(oldest) = self.events.pop_front() else { break };
            self.bytes -= oldest.0;
            self.dropped_to = oldest.1.id;
            dropped.push(oldest);
        }
        dropped
    }

    fn ring(&self) {
        if let Some(bell) = &self.bell {
            bell.notify_waiters();
        }
    }

    fn page(&self, request: HistoryRequest) -> HistoryPage {
        let HistoryRequest { events_max, reverse, after } = request;
        // Numbers grow, but a level leaves some out.
        let place = |number: u64| self.events.partition_point(|(_, event)| event.id < number);
        let (events, more): (Vec<HistoryEvent>, bool) = if reverse {
            let end = after.map_or(self.events.len(), place);
            let first = end.saturating_sub(events_max);
            (self.events.range(first..end).rev().map(|(_, event)| event.clone()).collect(), first > 0)
        } else {
            let first = after.map_or(0, |after| place(after.saturating_add(1)));
            let end = self.events.len().min(first.saturating_add(events_max));
            (self.events.range(first..end).map(|(_, event)| event.clone()).collect(), end < self.events.len())
        };
        let next_after = events.last().filter(|_| more).map(|event| event.id);
        HistoryPage {
            subject: Arc::clone(&self.subject),
            level: self.level,
            shows_data: self.shows_data,
            dropped_to: self.dropped_to,
            events,
            next_after,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Ran, event_bytes};
    use fleetstep_document::Document;
    use fleetstep_engine::{Happening, Identity, Timestamp};

    fn subject(random: u32) -> Arc<Subject> {
        let execution_arn = Text::from(format!("a:{random:08x}-0000-4000-8000-0000{random:08x}"));
        let identity = Arc::new(Identity { execution_arn, ..Identity::default() });
        subject_of(identity, Text::default())
    }

    fn subject_of(identity: Arc<Identity>, definition: Text) -> Arc<Subject> {
        let ran = Ran { definition, ..Ran::default() };
        Arc::new(Subject { identity, resources: Arc::from([]), redaction: Arc::default(), ran })
    }

    fn events(ids: std::ops::RangeInclusive<u64>) -> Vec<(usize, HistoryEvent)> {
        let what = || Happening::ExecutionStarted { input: Document::NULL };
        let event = |id| HistoryEvent { id, previous: id - 1, at: Timestamp::from_micros(0), what: what() };
        ids.map(event).map(|event| (event_bytes(&event), event)).collect()
    }

    fn pages(histories: &Histories, subject: &Subject, request: HistoryRequest) -> Vec<Vec<u64>> {
        let (mut all, mut request) = (Vec::new(), request);
        loop {
            let page = histories.page(&subject.identity.execution_arn, request).unwrap();
            all.push(page.events.iter().map(|event| event.id).collect());
            match page.next_after {
                Some(after) => request.after = Some(after),
                None => return all,
            }
        }
    }

    #[test]
    fn pages_hold_every_event_once_in_either_order() {
        let histories = Histories::new(&Limits::default());
        let one = subject(1);
        histories.begin(&one, HistoryLevel::All, true);
        histories.extend(&one, events(1..=2));
        histories.extend(&one, events(3..=5));
        let request = HistoryRequest { events_max: 2, ..HistoryRequest::default() };
        assert_eq!(pages(&histories, &one, request), [vec![1, 2], vec![3, 4], vec![5]]);
        let request = HistoryRequest { reverse: true, ..request };
        assert_eq!(pages(&histories, &one, request), [vec![5, 4], vec![3, 2], vec![1]]);
        let request = HistoryRequest { events_max: 5, ..request };
        assert_eq!(pages(&histories, &one, request), [vec![5, 4, 3, 2, 1]]);
    }

    #[test]
    fn of_a_long_history_the_newest_events_are_kept() {
        let histories = Histories::new(&Limits { history_events_max: 3, ..Limits::default() });
        let one = subject(1);
        histories.begin(&one, HistoryLevel::All, true);
        histories.extend(&one, events(1..=10));
        let request = HistoryRequest { events_max: 10, ..HistoryRequest::default() };
        assert_eq!(pages(&histories, &one, request), [vec![8, 9, 10]]);
    }

    #[test]
    fn both_bounds_hold_and_every_byte_is_given_back() {
        let by_number = Histories::new(&Limits { history_entries_max: 2 * SHARDS, ..Limits::default() });
        let history_bytes_max = SHARDS * (3 * HISTORY_BYTES + 10 * EVENT);
        let by_size = Histories::new(&Limits { history_bytes_max, ..Limits::default() });
        const EVENT: usize = 192 + 24;
        for histories in [&by_number, &by_size] {
            for random in 0..10 {
                // Numbers that are equal modulo the number of shards meet in one shard.
                let one = subject(random * SHARDS as u32);
                histories.begin(&one, HistoryLevel::All, true);
                histories.extend(&one, events(1..=5));
            }
            let known = |random: &u32| {
                let arn = &subject(random * SHARDS as u32).identity.execution_arn;
                histories.page(arn, HistoryRequest::default()).is_some()
            };
            assert_eq!((0..10).filter(known).collect::<Vec<_>>(), [8, 9]);
            for random in 0..10 {
                histories.forget(&subject(random * SHARDS as u32).identity.execution_arn);
            }
            let empty = |shard: &Mutex<Shard>| {
                let shard = shard.lock().unwrap();
                shard.bytes == 0 && shard.order.is_empty() && shard.by_key.is_empty() && shard.definitions.is_empty()
            };
            assert!(histories.0.shards.iter().all(empty));
        }
    }

    #[test]
    fn a_definition_weighs_as_long_as_a_history_holds_it_and_once() {
        let histories = Histories::new(&Limits::default());
        let of = |random: u32, definition: &Text| {
            subject_of(Arc::clone(&subject(random * SHARDS as u32).identity), definition.clone())
        };
        let (first, second) = (Text::from("x".repeat(1_000)), Text::from("y".repeat(100)));
        let all = [of(1, &first), of(2, &first), of(3, &second)];
        all.iter().for_each(|subject| histories.begin(subject, HistoryLevel::All, true));
        assert_eq!(histories.held(), (3, 3 * HISTORY_BYTES + 1_100));
        histories.forget(&all[0].identity.execution_arn);
        assert_eq!(histories.held(), (2, 2 * HISTORY_BYTES + 1_100));
        histories.forget(&all[1].identity.execution_arn);
        assert_eq!(histories.held(), (1, HISTORY_BYTES + 100));
        histories.forget(&all[2].identity.execution_arn);
        assert_eq!(histories.held(), (0, 0));
    }

    #[test]
    fn what_comes_after_it_was_forgotten_is_not_kept() {
        let histories = Histories::new(&Limits { history_entries_max: 0, ..Limits::default() });
        let one = subject(1);
        histories.begin(&one, HistoryLevel::All, true);
        histories.extend(&one, events(1..=5));
        assert!(histories.page(&one.identity.execution_arn, HistoryRequest::default()).is_none());
    }
}
