//! One execution that drives itself: the first leg of every execution, and the whole of an attended one.

use crate::calls::Answer;
use crate::clock::{Clock, Nap};
use crate::engine::Finished;
use crate::flight::Flight;
use crate::held::Held;
use crate::running::{Request, Running};
use crate::worker::WorkerHandle;
use fleetstep_machine::{Effects, Event, Outcome, Status, Ticket, Timestamp};
use std::collections::VecDeque;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::task::{Context, Poll};

/// Events that an execution takes in before others have their turn.
pub(crate) const TURN_EVENTS_MAX: usize = 16;

/// Ends a turn that could go on: others come first, and before this task comes again, the runtime looks at its
/// timers and sockets.
pub(crate) fn give_way<T>(cx: &mut Context<'_>) -> Poll<T> {
    let polled = pin!(tokio::task::yield_now()).poll(cx);
    debug_assert!(polled.is_pending(), "the first poll yields");
    Poll::Pending
}

/// An execution under way, with all that it needs to go on anywhere.
pub(crate) struct Run {
    pub(crate) running: Running,
    pub(crate) flight: Flight,
    /// Answers that were there at once, not taken in yet.
    pub(crate) answers: VecDeque<(Ticket, Answer)>,
    /// Whether the last step used up its budget.
    pub(crate) has_yielded: bool,
    /// The last reading of the clock: time never goes back for an execution.
    pub(crate) now: Timestamp,
    /// The key that a worker gave it, for its handle.
    pub(crate) key: Option<Arc<AtomicU64>>,
}

/// A [`Run`] on its way to a worker, with its execution packed.
pub(crate) struct Resting {
    pub(crate) held: Held,
    pub(crate) flight: Flight,
    pub(crate) answers: VecDeque<(Ticket, Answer)>,
    pub(crate) has_yielded: bool,
    pub(crate) now: Timestamp,
    pub(crate) key: Option<Arc<AtomicU64>>,
}

impl Run {
    /// Packs it, to wait elsewhere.
    pub(crate) fn rest(self) -> Resting {
        let Self { running, flight, answers, has_yielded, now, key } = self;
        Resting { held: Held::of(running), flight, answers, has_yielded, now, key }
    }

    /// The first leg: everything up to where the execution has to wait, or where its turn is over.
    pub(crate) fn depart(&mut self, clock: Clock, effects: &mut Effects) -> Option<Outcome> {
        let outcome = self.step(Event::Start, effects);
        if outcome.is_some() { outcome } else { self.take_answers(clock, effects) }
    }

    /// Takes in the answers that are there already, as long as the turn lasts.
    fn take_answers(&mut self, clock: Clock, effects: &mut Effects) -> Option<Outcome> {
        for _ in 0..TURN_EVENTS_MAX {
            let (ticket, answer) = self.answers.pop_front()?;
            self.read(clock);
            let outcome = self.step(Event::Reply(ticket, answer), effects);
            if outcome.is_some() || self.has_yielded {
                return outcome;
            }
        }
        None
    }

    /// One turn. `Pending` means that the execution has to wait for something that will wake it, or that others
    /// should have their turn.
    pub(crate) fn turn(
        &mut self,
        effects: &mut Effects,
        nap: &mut Nap,
        clock: Clock,
        cx: &mut Context<'_>,
    ) -> Poll<Outcome> {
        for _ in 0..TURN_EVENTS_MAX {
            if let Some(outcome) = self.take_answers(clock, effects) {
                return Poll::Ready(outcome);
            }
            // What came from outside goes first, so that a branch that never pauses does not shut the others out.
            let event = match self.next_event(clock, cx) {
                Some(event) => event,
                None if self.has_yielded => Event::Resume,
                None if !self.answers.is_empty() => break,
                None => {
                    std::task::ready!(nap.poll(self.running.due(), self.now, cx));
                    continue;
                }
            };
            if let Some(outcome) = self.step(event, effects) {
                return Poll::Ready(outcome);
            }
            if self.has_yielded {
                break;
            }
        }
        give_way(cx)
    }

    /// What has happened outside meanwhile.
    fn next_event(&mut self, clock: Clock, cx: &mut Context<'_>) -> Option<Event> {
        let polled = self.flight.calls.poll_next(cx);
        self.flight.usage.take_up();
        self.read(clock);
        match polled {
            Poll::Ready(Some((ticket, answer))) => Some(Event::Reply(ticket, answer)),
            Poll::Ready(None) | Poll::Pending => self.running.due_event(self.now),
        }
    }

    /// Its end, which is now; its last turn began some time before.
    pub(crate) fn finished(&self, outcome: Outcome, began: Timestamp, clock: Clock) -> Finished {
        let (stopped, mut usage) = (clock.now().max(self.now), self.flight.usage);
        usage.was_busy(began, stopped);
        Finished { outcome, started: self.running.started(), stopped, usage }
    }

    fn read(&mut self, clock: Clock) {
        self.now = clock.now().max(self.now);
    }

    fn step(&mut self, event: Event, effects: &mut Effects) -> Option<Outcome> {
        let Self { running, flight, answers, has_yielded, now, .. } = self;
        *has_yielded &= !matches!(event, Event::Resume);
        let ask = |request| match request {
            Request::Call(ticket, call) => answers.extend(flight.call(ticket, call).map(|answer| (ticket, answer))),
            Request::Cancel(tickets) => flight.calls.cancel(&tickets),
        };
        let status = running.step(event, *now, effects, ask);
        *has_yielded |= matches!(status, Status::Yielded);
        match status {
            Status::Finished(outcome) => Some(outcome),
            Status::Waiting | Status::Yielded => None,
        }
    }
}

/// A [`Run`] after its first leg, within its caller's future. The caller's own task polls the calls: there is no spawn, no channel and,
/// until something is really pending, no timer. Dropped midway, the run goes to a worker.
pub(crate) struct Attended {
    /// `None` once it is over.
    run: Option<Run>,
    effects: Effects,
    nap: Nap,
    clock: Clock,
    worker: WorkerHandle,
}

impl Attended {
    pub(crate) fn new(run: Run, clock: Clock, worker: WorkerHandle) -> Self {
        Self { run: Some(run), effects: Effects::default(), nap: Nap::default(), clock, worker }
    }

    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<Outcome> {
        let Self { run, effects, nap, clock, .. } = self;
        run.as_mut().expect("a future is not polled after its end").turn(effects, nap, *clock, cx)
    }
}

impl Future for Attended {
    type Output = Finished;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Finished> {
        let began = self.clock.now();
        let polled = self.turn(cx);
        let (clock, run) = (self.clock, self.run.as_mut().expect("a future is not polled after its end"));
        let Poll::Ready(outcome) = polled else {
            run.flight.usage.was_busy(began, clock.now());
            return Poll::Pending;
        };
        let finished = run.finished(outcome, began, clock);
        self.run = None;
        Poll::Ready(finished)
    }
}

impl Drop for Attended {
    fn drop(&mut self) {
        // The caller has hung up. What was begun is not undone by that: a worker brings it to its end.
        if let Some(run) = self.run.take() {
            self.worker.adopt(run.rest());
        }
    }
}
