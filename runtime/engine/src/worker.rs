//! The async driver of a shard.

use crate::bell::Bell;
use crate::calls::Answer;
use crate::clock::{Clock, Nap};
use crate::engine::Finished;
use crate::flight::Flight;
use crate::run::{Resting, give_way};
use crate::shard::{Key, Output, Shard};
use fleetstep_machine::{Failure, Ticket, Timestamp};
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Of each kind of event, how many are taken in before the next kind has its turn.
const BATCH_EVENTS_MAX: usize = 64;

/// Executions whose calls are polled before the next kind has its turn: a poll may run a guest for a while.
const BATCH_POLLS_MAX: usize = 32;

/// Answers of one execution taken in before the next execution has its turn.
const EXECUTION_ANSWERS_MAX: usize = 16;

/// Executions that get another turn before the next kind has its turn. A turn may be a step's whole budget.
const BATCH_TURNS_MAX: usize = 2;

/// Rounds before the other tasks of the thread have their turn.
const TURN_ROUNDS_MAX: usize = 4;

/// What a worker is told. An execution stands in the message itself, since it is on its way into a slot, and a box
/// would be made on one thread to be freed on another.
#[allow(clippy::large_enum_variant)]
pub(crate) enum Message {
    /// Carry an execution on.
    Adopt(Resting),
    /// Carry many on.
    AdoptMany(Vec<Resting>),
    /// End an execution that was adopted under this key.
    Abort(Arc<AtomicU64>, Failure),
}

/// The way to a worker.
#[derive(Clone)]
pub(crate) struct WorkerHandle {
    /// Needs no bound of its own: what is adopted holds its permit, and a handle aborts once.
    inbox: UnboundedSender<Message>,
}

/// Drives a shard: takes messages, answers and times in, in batches and
/// carries out what the shard asks for. An execution that waits for a time has neither a task nor a future here;
/// one that waits for calls has just those futures, and the worker polls them itself.
pub(crate) struct Worker {
    shard: Shard<Flight>,
    inbox: UnboundedReceiver<Message>,
    /// Whether all who could send have gone.
    is_closed: bool,
    /// Says whose calls are to be polled.
    bell: Bell,
    /// Answers that were there at once; at most one for each strand of an execution.
    answers: VecDeque<(Key, Ticket, Answer)>,
    nap: Nap,
    clock: Clock,
    now: Timestamp,
}

impl WorkerHandle {
    /// Hands an execution over. Without a worker, since the runtime is going down, it ends here.
    pub(crate) fn adopt(&self, run: Resting) {
        let _ = self.inbox.send(Message::Adopt(run));
    }

    /// Hands executions over.
    pub(crate) fn adopt_many(&self, runs: Vec<Resting>) {
        if !runs.is_empty() {
            let _ = self.inbox.send(Message::AdoptMany(runs));
        }
    }

    pub(crate) fn abort(&self, key: Arc<AtomicU64>, failure: Failure) {
        let _ = self.inbox.send(Message::Abort(key, failure));
    }
}

impl Worker {
    /// A worker, which ends when all its handles are gone and all its executions are over.
    pub(crate) fn new(clock: Clock) -> (Self, WorkerHandle) {
        let (sender, inbox) = unbounded_channel();
        let worker = Self {
            shard: Shard::default(),
            inbox,
            is_closed: false,
            bell: Bell::default(),
            answers: VecDeque::new(),
            nap: Nap::default(),
            clock,
            now: clock.now(),
        };
        (worker, WorkerHandle { inbox: sender })
    }

    /// Takes in what is there of each kind. False when there was nothing.
    fn round(&mut self, cx: &mut Context<'_>) -> bool {
        self.read_clock();
        let mut is_busy = self.take_messages(cx);
        is_busy |= self.poll_calls();
        is_busy |= self.take_answers();
        is_busy |= self.shard.wake(self.now, BATCH_EVENTS_MAX) > 0 || self.shard.is_waking();
        self.carry_out();
        is_busy |= self.shard.resume(self.now, BATCH_TURNS_MAX) > 0;
        self.carry_out();
        is_busy
    }

    fn take_messages(&mut self, cx: &mut Context<'_>) -> bool {
        for count in 0..BATCH_EVENTS_MAX {
            match self.inbox.poll_recv(cx) {
                Poll::Ready(Some(Message::Adopt(run))) => self.adopt(run),
                Poll::Ready(Some(Message::AdoptMany(runs))) => runs.into_iter().for_each(|run| self.adopt(run)),
                Poll::Ready(Some(Message::Abort(key, failure))) => {
                    let key = Key::from_bits(key.load(Ordering::Relaxed));
                    self.shard.abort(key, failure, self.now);
                    self.carry_out();
                }
                Poll::Ready(None) => {
                    self.is_closed = true;
                    return count > 0;
                }
                Poll::Pending => return count > 0,
            }
        }
        true
    }

    fn adopt(&mut self, run: Resting) {
        let Resting { held, flight, answers, has_yielded, now, key: named } = run;
        self.now = self.now.max(now);
        let has_calls = !flight.calls.is_empty();
        let key = self.shard.adopt(held, has_yielded, flight);
        if let Some(named) = named {
            // Read only by messages that come after this one, so that the order of memory does not matter.
            named.store(key.to_bits(), Ordering::Relaxed);
        }
        self.answers.extend(answers.into_iter().map(|(ticket, answer)| (key, ticket, answer)));
        if has_calls {
            self.bell.note(key.index());
        }
    }

    /// Polls the calls of the executions for which the bell has rung.
    fn poll_calls(&mut self) -> bool {
        for count in 0..BATCH_POLLS_MAX {
            let Some(index) = self.bell.next() else { return count > 0 };
            if let Some(key) = self.shard.key_at(index) {
                self.poll_calls_of(key);
            }
        }
        true
    }

    fn poll_calls_of(&mut self, key: Key) {
        let waker = self.bell.waker(key.index());
        let mut cx = Context::from_waker(&waker);
        for _ in 0..EXECUTION_ANSWERS_MAX {
            let began = self.clock.now();
            let Some(flight) = self.shard.get_mut(key) else { return };
            let polled = flight.calls.poll_next(&mut cx);
            // The poll may have run the task itself, which takes time.
            self.now = self.clock.now().max(self.now);
            flight.usage.take_up();
            flight.usage.was_busy(began, self.now);
            let Poll::Ready(Some((ticket, answer))) = polled else { return };
            self.shard.reply(key, ticket, answer, self.now);
            self.carry_out();
        }
        self.bell.note(key.index());
    }

    fn take_answers(&mut self) -> bool {
        for count in 0..BATCH_EVENTS_MAX {
            let Some((key, ticket, answer)) = self.answers.pop_front() else { return count > 0 };
            self.shard.reply(key, ticket, answer, self.now);
            self.carry_out();
        }
        true
    }

    /// Time never goes back for an execution, whatever the clock does.
    fn read_clock(&mut self) {
        self.now = self.clock.now().max(self.now);
    }

    /// Does what the shard asks for.
    fn carry_out(&mut self) {
        while let Some(output) = self.shard.next_output() {
            match output {
                Output::Call { key, ticket, call } => {
                    let began = self.clock.now();
                    let Some(flight) = self.shard.get_mut(key) else { continue };
                    let answer = flight.call(ticket, call);
                    flight.usage.was_busy(began, self.clock.now());
                    match answer {
                        Some(answer) => self.answers.push_back((key, ticket, answer)),
                        None => self.bell.note(key.index()),
                    }
                }
                Output::Cancel { key, tickets } => {
                    if let Some(flight) = self.shard.get_mut(key) {
                        flight.calls.cancel(&tickets);
                        if !flight.calls.is_empty() {
                            // A set that was rebuilt has to be polled again, or nothing wakes it.
                            self.bell.note(key.index());
                        }
                    }
                }
                Output::Finished { outcome, started, attachment, .. } => {
                    let usage = attachment.usage;
                    attachment.finish(Finished { outcome, started, stopped: self.now, usage });
                }
            }
        }
    }
}

impl Future for Worker {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let worker = self.get_mut();
        worker.bell.register(cx.waker());
        for _ in 0..TURN_ROUNDS_MAX {
            if worker.round(cx) {
                continue;
            }
            if worker.is_closed && worker.shard.is_empty() {
                return Poll::Ready(());
            }
            // With no time to wait for, only a message or a call wakes the worker: an idle engine does nothing at all.
            let Some(due) = worker.shard.next_wake() else { return Poll::Pending };
            if worker.nap.poll(due, worker.now, cx).is_pending() {
                return Poll::Pending;
            }
        }
        give_way(cx)
    }
}
