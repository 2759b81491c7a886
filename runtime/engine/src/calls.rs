//! The calls of one execution that are not answered yet.

use crate::host::ReplyFuture;
use crate::running::panicked;
use fleetstep_document::Document;
use fleetstep_machine::{Failure, Ticket};
use futures_util::stream::{FuturesUnordered, Stream};
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

/// What a task answered.
pub(crate) type Answer = Result<Document, Failure>;

/// Pending calls. They live with their execution rather than in a set of the worker's or in tokio tasks of their
/// own: most executions have one at a time, which is polled directly; an execution that ends takes its calls with
/// it; one that loses its caller moves with them. Most of those that wait have none, and pay for a word.
#[derive(Default)]
pub(crate) struct Calls(Option<Box<Set>>);

enum Set {
    One(Pending),
    Many(FuturesUnordered<Pending>),
}

/// One call; its future gives the ticket back with the answer.
pub(crate) struct Pending {
    ticket: Ticket,
    future: ReplyFuture,
}

impl Calls {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn insert(&mut self, ticket: Ticket, future: ReplyFuture) {
        let pending = Pending { ticket, future };
        if let Some(Set::Many(many)) = self.0.as_deref_mut() {
            many.push(pending);
            return;
        }
        let set = match self.0.take().map(|set| *set) {
            Some(Set::One(first)) => Set::Many([first, pending].into_iter().collect()),
            _ => Set::One(pending),
        };
        self.0 = Some(Box::new(set));
    }

    /// Drops calls that nobody waits for.
    pub(crate) fn cancel(&mut self, tickets: &[Ticket]) {
        match self.0.as_deref_mut() {
            Some(Set::One(pending)) if tickets.contains(&pending.ticket) => discard(self.0.take()),
            None | Some(Set::One(_)) => {}
            Some(Set::Many(many)) => {
                let tickets: HashSet<Ticket> = tickets.iter().copied().collect();
                let is_gone = |call: &Pending| tickets.contains(&call.ticket);
                let (gone, kept): (Vec<_>, Vec<_>) = std::mem::take(many).into_iter().partition(is_gone);
                many.extend(kept);
                gone.into_iter().for_each(discard);
                self.tidy();
            }
        }
    }

    /// The next answer; `None` when nothing is pending.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<(Ticket, Answer)>> {
        let answer = match self.0.as_deref_mut() {
            None => return Poll::Ready(None),
            Some(Set::One(pending)) => {
                let answer = std::task::ready!(Pin::new(pending).poll(cx));
                discard(self.0.take());
                return Poll::Ready(Some(answer));
            }
            Some(Set::Many(many)) => std::task::ready!(Pin::new(many).poll_next(cx)),
        };
        self.tidy();
        Poll::Ready(answer)
    }

    /// Gives the memory of an empty set back.
    fn tidy(&mut self) {
        if matches!(self.0.as_deref(), Some(Set::Many(many)) if many.is_empty()) {
            self.0 = None;
        }
    }
}

/// Drops what belongs to a host. A panic of the host's must not take the worker down.
pub(crate) fn discard<T>(value: T) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(value)));
}

impl Future for Pending {
    type Output = (Ticket, Answer);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = catch_unwind(AssertUnwindSafe(|| self.future.as_mut().poll(cx)));
        let answer = std::task::ready!(polled.unwrap_or_else(|_| Poll::Ready(Err(panicked("task")))));
        Poll::Ready((self.ticket, answer))
    }
}
