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
/// it; one that loses its caller moves with them.
#[derive(Default)]
pub(crate) enum Calls {
    #[default]
    None,
    One(Pending),
    Many(Box<FuturesUnordered<Pending>>),
}

/// One call; its future gives the ticket back with the answer.
pub(crate) struct Pending {
    ticket: Ticket,
    future: ReplyFuture,
}

impl Calls {
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::None)
    }

    pub(crate) fn insert(&mut self, ticket: Ticket, future: ReplyFuture) {
        let pending = Pending { ticket, future };
        match self {
            Self::Many(many) => many.push(pending),
            Self::None => *self = Self::One(pending),
            Self::One(_) => {
                let Self::One(first) = std::mem::take(self) else { unreachable!("just matched") };
                *self = Self::Many(Box::new([first, pending].into_iter().collect()));
            }
        }
    }

    /// Drops calls that nobody waits for.
    pub(crate) fn cancel(&mut self, tickets: &[Ticket]) {
        match self {
            Self::None => {}
            Self::One(pending) if tickets.contains(&pending.ticket) => discard(std::mem::take(self)),
            Self::One(_) => {}
            Self::Many(many) => {
                let tickets: HashSet<Ticket> = tickets.iter().copied().collect();
                let is_gone = |call: &Pending| tickets.contains(&call.ticket);
                let (gone, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut **many).into_iter().partition(is_gone);
                many.extend(kept);
                gone.into_iter().for_each(discard);
                self.tidy();
            }
        }
    }

    /// The next answer; `None` when nothing is pending.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<(Ticket, Answer)>> {
        let answer = match self {
            Self::None => return Poll::Ready(None),
            Self::One(pending) => {
                let answer = std::task::ready!(Pin::new(pending).poll(cx));
                discard(std::mem::take(self));
                return Poll::Ready(Some(answer));
            }
            Self::Many(many) => std::task::ready!(Pin::new(&mut **many).poll_next(cx)),
        };
        self.tidy();
        Poll::Ready(answer)
    }

    /// Gives the memory of an empty set back.
    fn tidy(&mut self) {
        if matches!(self, Self::Many(many) if many.is_empty()) {
            *self = Self::None;
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
