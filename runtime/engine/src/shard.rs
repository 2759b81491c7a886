//! Many executions that share one driver, one clock and one timer wheel. Pure: no tokio, no clock, no locks.

use crate::held::Held;
use crate::host::Call;
use crate::running::{Request, Running};
use crate::slots::Slots;
use crate::wheel::{Turned, Wheel};
use fleetstep_document::Document;
use fleetstep_machine::{Effects, Event, ExecutionStart, Failure, Outcome, Program, Status, Ticket, Timestamp, Way};
use std::collections::VecDeque;
use std::sync::Arc;

/// Executions that wait, each with what its driver attaches to it. Events go in, [`Output`]s come out.
///
/// An execution that waits is a slot and an entry of the timer wheel, nothing else.
#[derive(Debug)]
pub struct Shard<A> {
    slots: Slots<Slot<A>>,
    timers: Wheel,
    /// Slots whose executions used up their step budget, each at most once.
    yielded: VecDeque<Key>,
    outputs: VecDeque<Output<A>>,
    /// Reused from step to step.
    effects: Effects,
    generation: u32,
}

/// Names one execution of a shard. The key of an execution that has ended names nothing, though its slot may be
/// in use again: generations repeat after four billion executions only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    index: u32,
    generation: u32,
}

/// What the driver has to do.
#[derive(Debug)]
pub enum Output<A> {
    /// Call a task, and hand the answer to [`Shard::reply`].
    Call {
        /// The execution.
        key: Key,
        /// To be named in the reply.
        ticket: Ticket,
        /// The call. When its deadline comes, the shard sees to it that the execution goes on.
        call: Call,
    },
    /// Nobody waits for the answers to these tickets any more.
    Cancel {
        /// The execution.
        key: Key,
        /// Which calls, if they are calls.
        tickets: Vec<Ticket>,
    },
    /// An execution has ended, and its calls with it.
    Finished {
        /// The execution; its key names nothing from now on.
        key: Key,
        /// How it ended.
        outcome: Outcome,
        /// When it was started.
        started: Timestamp,
        /// What the driver had attached.
        attachment: A,
    },
}

#[derive(Debug)]
struct Slot<A> {
    held: Held,
    attachment: A,
    generation: u32,
    /// Whether it stands in `yielded`.
    is_yielded: bool,
}

impl<A> Default for Shard<A> {
    fn default() -> Self {
        Self {
            slots: Slots::default(),
            timers: Wheel::default(),
            yielded: VecDeque::new(),
            outputs: VecDeque::new(),
            effects: Effects::default(),
            generation: 0,
        }
    }
}

impl<A> Shard<A> {
    /// Bytes that a waiting execution takes beside its documents: its slot, and its entry in the timer wheel. One with
    /// branches, variables or retries takes tables of its own.
    pub const EXECUTION_BYTES: usize = Slots::<Slot<A>>::SLOT_BYTES + Wheel::ENTRY_BYTES;

    /// From now on, what decides where executions go is noted.
    pub(crate) fn note_ways(&mut self) {
        self.effects.ways = Some(Box::default());
    }

    /// What was noted.
    pub(crate) fn take_ways(&mut self) -> Vec<Way> {
        self.effects.ways.as_mut().map(|ways| std::mem::take(ways.get_mut())).unwrap_or_default()
    }

    /// Starts an execution.
    pub fn start(&mut self, program: Arc<Program>, start: ExecutionStart, attachment: A, now: Timestamp) -> Key {
        self.start_running(Running::new(program, start), attachment, now)
    }

    /// Starts what has not been stepped yet.
    pub(crate) fn start_running(&mut self, running: Running, attachment: A, now: Timestamp) -> Key {
        let key = self.insert(Held::Whole(Box::new(running)), attachment);
        self.step(key, Event::Start, now);
        key
    }

    /// Takes over an execution that is under way.
    pub(crate) fn adopt(&mut self, held: Held, has_yielded: bool, attachment: A) -> Key {
        let key = self.insert(held, attachment);
        if has_yielded {
            self.queue(key);
        }
        self.arm(key);
        key
    }

    /// Hands in the answer to a call. One that comes late, or twice, has no effect.
    pub fn reply(&mut self, key: Key, ticket: Ticket, answer: Result<Document, Failure>, now: Timestamp) {
        self.step(key, Event::Reply(ticket, answer), now);
    }

    /// Ends an execution as `ABORTED`, unless it is over.
    pub fn abort(&mut self, key: Key, failure: Failure, now: Timestamp) {
        self.step(key, Event::Abort(failure), now);
    }

    /// Wakes executions whose time has come, `wakes_max` at most. Returns how many it looked at.
    pub fn wake(&mut self, now: Timestamp, wakes_max: usize) -> usize {
        let mut count = 0;
        for _ in 0..wakes_max {
            match self.timers.turn(now) {
                Turned::Due(index) => {
                    count += 1;
                    self.wake_one(index, now);
                }
                Turned::Moved => {}
                Turned::Idle => break,
            }
        }
        count
    }

    fn wake_one(&mut self, index: u32, now: Timestamp) {
        let Some(slot) = self.slots.get(index) else { return };
        let key = Key { index, generation: slot.generation };
        match slot.held.due_event(now) {
            Some(event) => self.step(key, event, now),
            // The clock of its last step was ahead of this one.
            None => self.arm(key),
        }
    }

    /// Gives executions that used up their step budget another turn, `turns_max` at most. Returns how many.
    pub fn resume(&mut self, now: Timestamp, turns_max: usize) -> usize {
        // Those that yield again stand at the end of the queue, and must not be met twice.
        let turns = turns_max.min(self.yielded.len());
        for _ in 0..turns {
            let Some(key) = self.yielded.pop_front() else { break };
            if let Some(slot) = find(&mut self.slots, key) {
                slot.is_yielded = false;
                self.step(key, Event::Resume, now);
            }
        }
        turns
    }

    /// When [`Shard::wake`] has something to do; it may turn out to be nothing.
    #[must_use]
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.timers.first()
    }

    /// Whether [`Shard::wake`] stopped on its way, and has something to do at once.
    #[must_use]
    pub fn is_waking(&self) -> bool {
        self.timers.is_moving()
    }

    /// Whether an execution used up its step budget and awaits [`Shard::resume`].
    #[must_use]
    pub fn has_yielded(&self) -> bool {
        !self.yielded.is_empty()
    }

    /// The next thing to do, in order.
    pub fn next_output(&mut self) -> Option<Output<A>> {
        self.outputs.pop_front()
    }

    /// What the driver attached to an execution that is not over.
    pub fn get_mut(&mut self, key: Key) -> Option<&mut A> {
        find(&mut self.slots, key).map(|slot| &mut slot.attachment)
    }

    /// How many executions are not over.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether all executions are over.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The execution that lives at an index now.
    pub(crate) fn key_at(&self, index: u32) -> Option<Key> {
        self.slots.get(index).map(|slot| Key { index, generation: slot.generation })
    }

    /// How many strands an execution has, 0 if it is over.
    pub(crate) fn strands_live(&self, key: Key) -> usize {
        let slot = self.slots.get(key.index).filter(|slot| slot.generation == key.generation);
        slot.map_or(0, |slot| slot.held.strands_live())
    }

    #[cfg(test)]
    pub(crate) fn timers(&self) -> usize {
        self.timers.len()
    }

    fn insert(&mut self, held: Held, attachment: A) -> Key {
        self.generation = self.generation.wrapping_add(1);
        let generation = self.generation;
        let index = self.slots.insert(Slot { held, attachment, generation, is_yielded: false });
        Key { index, generation }
    }

    fn step(&mut self, key: Key, event: Event, now: Timestamp) {
        let Some(slot) = find(&mut self.slots, key) else { return };
        let ask = |request| {
            self.outputs.push_back(match request {
                Request::Call(ticket, call) => Output::Call { key, ticket, call },
                Request::Cancel(tickets) => Output::Cancel { key, tickets },
            });
        };
        let started = slot.held.started();
        match slot.held.step(|running| running.step(event, now, &mut self.effects, ask)) {
            Status::Finished(outcome) => {
                let Slot { attachment, .. } = self.slots.remove(key.index).expect("it was just found");
                self.timers.clear(key.index);
                self.outputs.push_back(Output::Finished { key, outcome, started, attachment });
            }
            status => {
                if matches!(status, Status::Yielded) {
                    self.queue(key);
                }
                self.arm(key);
            }
        }
    }

    /// Sees to it that the timers know when an execution is due.
    fn arm(&mut self, key: Key) {
        if let Some(slot) = find(&mut self.slots, key) {
            self.timers.set(key.index, slot.held.due());
        }
    }

    fn queue(&mut self, key: Key) {
        if let Some(slot) = find(&mut self.slots, key)
            && !slot.is_yielded
        {
            slot.is_yielded = true;
            self.yielded.push_back(key);
        }
    }
}

fn find<A>(slots: &mut Slots<Slot<A>>, key: Key) -> Option<&mut Slot<A>> {
    slots.get_mut(key.index).filter(|slot| slot.generation == key.generation)
}

impl Key {
    /// Where it lives; another execution may live there later.
    pub(crate) fn index(self) -> u32 {
        self.index
    }

    /// The key as a number, for a handle.
    pub(crate) fn to_bits(self) -> u64 {
        (u64::from(self.index) << 32) | u64::from(self.generation)
    }

    /// The key of [`Key::to_bits`].
    pub(crate) fn from_bits(bits: u64) -> Self {
        Self { index: (bits >> 32) as u32, generation: bits as u32 }
    }
}
