//! Turns of guests: how long one lasts, and who has used his up.

use crate::state::State;
use crate::ticker::{TICK, Ticker};
use fleetstep_engine::clock;
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::mem::replace;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::time::{Sleep, timeout_at};
use wasmtime::{Store, StoreContextMut, UpdateDeadline};

/// Ticks of a guest's first turn. One would cut short whoever starts just before a tick; two give between one
/// and two of them.
const FIRST_TURN_TICKS: u64 = 2;
/// A tick that never comes.
const NO_TICK: u64 = u64::MAX / 2;
/// Ticks of every further turn.
const TURN_TICKS: u64 = 1;
/// How long a guest that waits may run in all where it waits. One that gives each turn back just before it is over
/// would otherwise hold a serving thread for as long as it likes.
const STAY_MAX: Duration = Duration::from_millis(10);
/// Turns that a guest in the slow lane has in a row before it lets the next call of its function have its place. Each is
/// a millisecond long; to hand a place on costs a few microseconds.
const STINT_TURNS: u32 = 8;

/// The deadline of a call was reached while its guest ran.
#[derive(Debug, thiserror::Error)]
#[error("the deadline of the call has passed")]
pub(crate) struct DeadlinePassed;

thread_local! {
    /// When the poll that this thread is in began.
    static BEGAN: Cell<Option<Instant>> = const { Cell::new(None) };
    /// Whether the guest gave the thread back because its turn was over, rather than to wait for something.
    static SPENT: Cell<bool> = const { Cell::new(false) };
}

/// Gives the guest of this store turns.
pub(crate) fn meter(store: &mut Store<State>) {
    store.set_epoch_deadline(FIRST_TURN_TICKS);
    store.epoch_deadline_callback(on_epoch);
}

/// Counts no turns in this store: nothing of the guest runs in it before it is [metered](meter).
pub(crate) fn leave_out(store: &mut Store<State>) {
    store.set_epoch_deadline(NO_TICK);
}

/// Gives the guest of this store a first turn again: it was called before.
pub(crate) fn renew(store: &mut Store<State>) {
    store.set_epoch_deadline(FIRST_TURN_TICKS);
}

fn on_epoch(cx: StoreContextMut<'_, State>) -> wasmtime::Result<UpdateDeadline> {
    let now = clock::instant();
    if now >= cx.data().deadline {
        return Err(DeadlinePassed.into());
    }
    // After a wait the epoch is far ahead, though this turn has only begun.
    if BEGAN.get().is_some_and(|began| now.duration_since(began) < TICK) {
        return Ok(UpdateDeadline::Continue(TURN_TICKS));
    }
    SPENT.set(true);
    Ok(UpdateDeadline::Yield(TURN_TICKS))
}

/// Ends the turn of the guest that this is called for, before the time: it goes on in the slow lane.
pub(crate) async fn end_turn() {
    let mut ended = false;
    poll_fn(|cx| {
        if replace(&mut ended, true) {
            return Poll::Ready(());
        }
        SPENT.set(true);
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A future that runs a guest within itself, until a deadline.
pub(crate) struct Turns<T> {
    ticker: Arc<Ticker>,
    guest: Pin<Box<dyn Future<Output = T> + Send>>,
    deadline: Instant,
    /// How long it has run between its waits.
    stayed: Duration,
    /// How long it has run in the slow lane.
    ran: Duration,
    /// Set at the first wait: a guest that ends within its first turn has none.
    timer: Option<Pin<Box<Sleep>>>,
}

/// How a turn ended.
pub(crate) enum Turn<T> {
    /// The guest came to its end.
    Done(T),
    /// The guest would go on; it asks for another turn at once.
    Spent,
    /// The guest waits for something outside of it.
    Waits,
}

/// How several turns in one place ended.
pub(crate) enum Stay<T> {
    /// The guest came to its end.
    Done(T),
    /// The guest burns CPU, and has to go on elsewhere.
    Spent,
    /// The deadline came while the guest waited.
    TimedOut,
}

/// How several turns in the slow lane ended.
enum Stint<T> {
    /// The guest came to its end.
    Done(T),
    /// The guest waits, or it is another's turn.
    Over,
}

impl<T> Turns<T> {
    pub(crate) fn new(ticker: Arc<Ticker>, deadline: Instant, guest: impl Future<Output = T> + Send + 'static) -> Self {
        Self { ticker, guest: Box::pin(guest), deadline, stayed: Duration::ZERO, ran: Duration::ZERO, timer: None }
    }

    /// One turn that begins `now`.
    pub(crate) fn turn(&mut self, now: Instant, cx: &mut Context<'_>) -> Turn<T> {
        let _busy = self.ticker.busy();
        BEGAN.set(Some(now));
        SPENT.set(false);
        match self.guest.as_mut().poll(cx) {
            Poll::Ready(value) => Turn::Done(value),
            Poll::Pending if SPENT.get() => Turn::Spent,
            Poll::Pending => Turn::Waits,
        }
    }

    /// Waits with the guest, for as long as it only waits.
    pub(crate) async fn stay(&mut self) -> Stay<T> {
        poll_fn(|cx| {
            let began = clock::instant();
            let turn = self.turn(began, cx);
            self.stayed += clock::instant().saturating_duration_since(began);
            match turn {
                Turn::Done(value) => Poll::Ready(Stay::Done(value)),
                Turn::Spent => Poll::Ready(Stay::Spent),
                Turn::Waits if self.stayed >= STAY_MAX => Poll::Ready(Stay::Spent),
                Turn::Waits => self.poll_deadline(cx).map(|()| Stay::TimedOut),
            }
        })
        .await
    }

    /// Gives the guest turns, whenever it has one of the `places`, until it comes to its end; `None` when the deadline
    /// came first. And how long it ran here.
    pub(crate) async fn go_on(mut self, places: Arc<Semaphore>) -> (Option<T>, Duration) {
        // The timer belongs to the runtime that it was first awaited in.
        self.timer = None;
        let ended = timeout_at(self.deadline.into(), self.stints(&places)).await.ok();
        (ended, self.ran)
    }

    async fn stints(&mut self, places: &Semaphore) -> T {
        loop {
            let place = places.acquire().await.expect("the semaphore is never closed");
            let stint = self.stint().await;
            // A guest that waits holds no place meanwhile.
            drop(place);
            match stint {
                Stint::Done(value) => return value,
                Stint::Over => woken().await,
            }
        }
    }

    async fn stint(&mut self) -> Stint<T> {
        let mut turns = 0;
        poll_fn(|cx| {
            let began = clock::instant();
            let turn = self.turn(began, cx);
            self.ran += clock::instant().saturating_duration_since(began);
            match turn {
                Turn::Done(value) => Poll::Ready(Stint::Done(value)),
                Turn::Waits => Poll::Ready(Stint::Over),
                Turn::Spent => {
                    turns += 1;
                    if turns < STINT_TURNS { Poll::Pending } else { Poll::Ready(Stint::Over) }
                }
            }
        })
        .await
    }

    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(self.deadline.into())));
        timer.as_mut().poll(cx)
    }
}

/// Ready when the task is polled again, for which the guest has seen to: at once when its turn was over, or else when
/// what it waits for has come.
async fn woken() {
    let mut polled = false;
    poll_fn(|_| if replace(&mut polled, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    #[tokio::test]
    async fn a_guest_that_yields_before_each_turn_is_over_does_not_stay() {
        let guest = poll_fn(|cx| {
            std::thread::sleep(TICK / 2);
            cx.waker().wake_by_ref();
            Poll::<()>::Pending
        });
        let ticker = Arc::new(Ticker::start([wasmtime::Engine::default()]).unwrap());
        let mut turns = Turns::new(ticker, clock::instant() + Duration::from_secs(5), guest);
        assert!(matches!(turns.stay().await, Stay::Spent));
    }

    /// Uses up this many turns, and counts all that were had.
    fn burns(turns: u32, had: &Arc<AtomicU32>) -> impl Future<Output = ()> + Send + 'static {
        let (mut left, had) = (turns, Arc::clone(had));
        poll_fn(move |cx| {
            had.fetch_add(1, Relaxed);
            if left == 0 {
                return Poll::Ready(());
            }
            left -= 1;
            SPENT.set(true);
            cx.waker().wake_by_ref();
            Poll::Pending
        })
    }

    #[tokio::test]
    async fn a_function_has_its_turns_however_many_calls_another_burns() {
        let ticker = Arc::new(Ticker::start([wasmtime::Engine::default()]).unwrap());
        let (theirs, ours, had) = (Arc::new(Semaphore::new(1)), Arc::new(Semaphore::new(1)), Arc::default());
        let later = clock::instant() + Duration::from_secs(600);
        let turns = |turns, had| Turns::new(Arc::clone(&ticker), later, burns(turns, had));
        let loops: Vec<_> = (0..100).map(|_| tokio::spawn(turns(u32::MAX, &had).go_on(Arc::clone(&theirs)))).collect();
        let call = tokio::spawn(turns(20, &Arc::default()).go_on(ours));
        assert_eq!(call.await.unwrap().0, Some(()));
        // Without places each of its turns would have come after a hundred of theirs.
        assert!(had.load(Relaxed) <= 100, "{had:?} turns of the loops");
        loops.iter().for_each(tokio::task::JoinHandle::abort);
    }

    #[tokio::test]
    async fn a_guest_that_waits_holds_no_place_and_the_deadline_holds_without_one() {
        let ticker = Arc::new(Ticker::start([wasmtime::Engine::default()]).unwrap());
        let places = Arc::new(Semaphore::new(1));
        let soon = || clock::instant() + Duration::from_millis(50);
        let waits = Turns::new(Arc::clone(&ticker), soon(), std::future::pending::<()>());
        let waits = tokio::spawn(waits.go_on(Arc::clone(&places)));
        let place = tokio::time::timeout(Duration::from_secs(5), async {
            tokio::task::yield_now().await;
            places.acquire().await.unwrap()
        });
        let place = place.await.expect("the guest that waits keeps its place");
        assert_eq!(waits.await.unwrap().0, None);
        let ready = Turns::new(ticker, soon(), std::future::ready(()));
        assert_eq!(ready.go_on(Arc::clone(&places)).await.0, None, "no place was free before the deadline");
        drop(place);
    }
}
