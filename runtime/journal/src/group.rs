//! What many callers wait for together, and what each of them holds meanwhile.

use crate::{AcceptError, Ids, RecordId};
use smallvec::SmallVec;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

type Outcome = Result<(), AcceptError>;
type BoxedAccept = Pin<Box<dyn Future<Output = Result<Ids, AcceptError>> + Send>>;

/// Everything that goes to the disk in one write: one outcome for all who wait.
#[derive(Debug)]
pub(crate) struct Group {
    state: Mutex<State>,
    /// Once for all: a count that every start went up and down would be the hottest word of the room.
    store: Weak<dyn Abandon>,
}

#[derive(Debug, Default)]
struct State {
    outcome: Option<Outcome>,
    wakers: Vec<Waker>,
}

impl Group {
    pub(crate) fn new(store: Weak<dyn Abandon>) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), store })
    }

    /// Tells everyone. Later calls change nothing.
    pub(crate) fn settle(&self, outcome: Outcome) {
        let wakers = {
            let mut state = self.lock();
            state.outcome.get_or_insert(outcome);
            std::mem::take(&mut state.wakers)
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    /// The outcome, or a place in the list of those to wake.
    fn poll(&self, place: &mut Option<usize>, waker: &Waker) -> Poll<Outcome> {
        let mut state = self.lock();
        if let Some(outcome) = &state.outcome {
            return Poll::Ready(outcome.clone());
        }
        match *place {
            Some(place) => state.wakers[place].clone_from(waker),
            None => {
                *place = Some(state.wakers.len());
                state.wakers.push(waker.clone());
            }
        }
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code of others runs under this lock, and the state is whole after each statement.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes back what nobody waits for any more.
pub(crate) trait Abandon: Send + Sync + fmt::Debug {
    /// These records were given to the store, and whoever gave them has gone before hearing whether they are durable.
    fn abandon(&self, ids: &[RecordId]);
}

/// A batch on its way to the disk: resolves to its ids, in the order of its payloads, once it is durable.
///
/// Dropped before, the batch is taken back as far as that is still possible: its records are marked finished, so that
/// what nobody was told of does not run after a crash.
#[must_use = "a batch is accepted once this has resolved"]
pub struct Accepting(Way);

enum Way {
    Done(Option<Result<Ids, AcceptError>>),
    Group(Waiting),
    Boxed(BoxedAccept),
}

struct Waiting {
    group: Arc<Group>,
    place: Option<usize>,
    ids: Ids,
    is_told: bool,
}

impl Accepting {
    /// The answer, at once.
    pub fn ready(answer: Result<Ids, AcceptError>) -> Self {
        Self(Way::Done(Some(answer)))
    }

    /// For a store that has a future of its own. Dropped early, it should take the batch back as described above.
    pub fn boxed(future: impl Future<Output = Result<Ids, AcceptError>> + Send + 'static) -> Self {
        Self(Way::Boxed(Box::pin(future)))
    }

    /// One of those who wait for a group.
    pub(crate) fn group(group: Arc<Group>, ids: Ids) -> Self {
        Self(Way::Group(Waiting { group, place: None, ids, is_told: false }))
    }
}

impl Future for Accepting {
    type Output = Result<Ids, AcceptError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Way::Done(answer) => Poll::Ready(answer.take().expect("a future is not polled after it resolved")),
            Way::Boxed(future) => future.as_mut().poll(context),
            Way::Group(waiting) => waiting.group.poll(&mut waiting.place, context.waker()).map(|outcome| {
                waiting.is_told = true;
                outcome.map(|()| std::mem::take(&mut waiting.ids))
            }),
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if !self.is_told && !self.ids.is_empty() {
            // A store that is gone has written what it had; there is nothing to tell it.
            if let Some(store) = self.group.store.upgrade() {
                store.abandon(&self.ids);
            }
        }
    }
}

impl fmt::Debug for Accepting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accepting").finish_non_exhaustive()
    }
}

/// Ids from `first` on.
pub(crate) fn ids_from(first: u64, count: usize) -> Ids {
    (first..first + count as u64).map(RecordId::from).collect::<SmallVec<_>>()
}
