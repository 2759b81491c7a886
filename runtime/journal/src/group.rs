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

/// So many are woken from without, one for each of a few threads; the first of them that runs wakes the others. A wake-up from
/// a thread of the executor's own is a push to that thread's queue; one from another thread is a lock that all of them
/// want.
const WOKEN_FIRST: usize = 2;

#[derive(Debug, Default)]
struct State {
    outcome: Option<Outcome>,
    /// By place. Nobody stands where there is none.
    wakers: Vec<Option<Waker>>,
}

impl Group {
    /// A group that so many are likely to wait for.
    pub(crate) fn new(store: Weak<dyn Abandon>, expected: usize) -> Arc<Self> {
        let state = State { outcome: None, wakers: Vec::with_capacity(expected) };
        Arc::new(Self { state: Mutex::new(state), store })
    }

    /// How many stand in the list.
    pub(crate) fn waiting(&self) -> usize {
        self.lock().wakers.len()
    }

    /// Tells everyone. Later calls change nothing.
    pub(crate) fn settle(&self, outcome: Outcome) {
        let first: SmallVec<[Waker; WOKEN_FIRST]> = {
            let mut state = self.lock();
            state.outcome.get_or_insert(outcome);
            state.wakers.iter_mut().filter_map(Option::take).take(WOKEN_FIRST).collect()
        };
        first.into_iter().for_each(Waker::wake);
    }

    /// The outcome, or a place in the list of those to wake.
    fn poll(&self, place: &mut Option<usize>, waker: &Waker) -> Poll<Outcome> {
        let mut state = self.lock();
        if let Some(outcome) = state.outcome.clone() {
            wake_others(state);
            return Poll::Ready(outcome);
        }
        match *place {
            Some(place) => match &mut state.wakers[place] {
                Some(before) => before.clone_from(waker),
                none => *none = Some(waker.clone()),
            },
            None => {
                *place = Some(state.wakers.len());
                state.wakers.push(Some(waker.clone()));
            }
        }
        Poll::Pending
    }

    /// One who will not be polled again leaves. If it was to wake the others, it does so now.
    fn leave(&self, place: Option<usize>) {
        let mut state = self.lock();
        match place {
            _ if state.outcome.is_some() => wake_others(state),
            Some(place) => state.wakers[place] = None,
            None => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code of others runs under this lock, and the state is whole after each statement.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake_others(mut state: MutexGuard<'_, State>) {
    let others = std::mem::take(&mut state.wakers);
    drop(state);
    others.into_iter().flatten().for_each(Waker::wake);
}

/// Takes back what nobody waits for any more.
pub(crate) trait Abandon: Send + Sync + fmt::Debug {
    /// These records were given to the store, and whoever gave them has gone before hearing whether they are durable.
    fn abandon(&self, ids: &[RecordId]);
}

/// A batch on its way to the disk: resolves to its ids, in the order of its payloads, once it is durable.
///
/// Whoever is woken has to poll this again or drop it: the others of the group may be waiting for that.
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
        if self.is_told {
            return;
        }
        self.group.leave(self.place);
        if !self.ids.is_empty() {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
    use std::task::Wake;

    #[derive(Debug)]
    struct Nothing;

    impl Abandon for Nothing {
        fn abandon(&self, _: &[RecordId]) {}
    }

    #[derive(Default)]
    struct Flag(AtomicBool);

    impl Wake for Flag {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Relaxed);
        }
    }

    /// Six who wait; the second has gone already. Who of them was woken once `then` was done after the group was settled?
    fn woken(then: impl FnOnce(&mut Vec<Option<Accepting>>)) -> Vec<bool> {
        let group = Group::new(Weak::<Nothing>::new(), 6);
        let flags: Vec<Arc<Flag>> = (0..6).map(|_| Arc::default()).collect();
        let wait = |(index, flag): (usize, &Arc<Flag>)| {
            let mut waiting = Accepting::group(Arc::clone(&group), ids_from(index as u64, 1));
            let waker = Waker::from(Arc::clone(flag));
            assert!(Pin::new(&mut waiting).poll(&mut Context::from_waker(&waker)).is_pending());
            Some(waiting)
        };
        let mut waiting: Vec<_> = flags.iter().enumerate().map(wait).collect();
        waiting[1] = None;
        group.settle(Ok(()));
        then(&mut waiting);
        flags.iter().map(|flag| flag.0.load(Relaxed)).collect()
    }

    #[test]
    fn the_first_who_are_woken_wake_the_others() {
        assert_eq!(woken(|_| {}), [true, false, true, false, false, false]);
        let all = [true, false, true, true, true, true];
        assert_eq!(woken(|waiting| waiting[2] = None), all, "one that goes does what it was woken for");
        let poll = |waiting: &mut Option<Accepting>| {
            let answer = Pin::new(waiting.as_mut().unwrap()).poll(&mut Context::from_waker(Waker::noop()));
            assert!(matches!(answer, Poll::Ready(Ok(_))));
        };
        assert_eq!(woken(|waiting| poll(&mut waiting[0])), all);
        assert_eq!(woken(|waiting| poll(&mut waiting[5])), all, "whoever looks first");
    }
}
