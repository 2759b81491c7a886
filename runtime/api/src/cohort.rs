//! Requests that are there at the same time are worked on one after another, and then their answers are sent one after
//! another: what sends them, the kernel's code mostly, and what makes them, guests mostly, would else drive each other
//! out of the processor's caches for each request anew, and the peer would be woken for each anew.

use fleetstep_engine::clock;
use std::cell::Cell;
use std::time::{Duration, Instant};

/// A request that begins so soon after this thread had to do with the one before was there already. To send an answer and
/// to read the next request takes less; where none was to be read, the thread has slept, which takes more.
const BACK_TO_BACK: Duration = Duration::from_micros(25);

thread_local! {
    /// When this thread last had an answer, or went on to send one.
    static ANSWERED: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Answers a request. Where others are there already, their turn comes before the answer is sent.
pub(crate) async fn with_others<T>(answering: impl Future<Output = T>) -> T {
    let began = clock::instant();
    let is_one_of_many =
        ANSWERED.get().is_some_and(|answered| began.saturating_duration_since(answered) < BACK_TO_BACK);
    let answer = answering.await;
    if is_one_of_many {
        ANSWERED.set(Some(clock::instant()));
        tokio::task::yield_now().await;
    }
    ANSWERED.set(Some(clock::instant()));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::rc::Rc;
    use tokio::task::LocalSet;

    #[tokio::test]
    async fn requests_that_are_there_are_answered_before_an_answer_is_sent() {
        let done = Rc::new(RefCell::new(Vec::new()));
        let local = LocalSet::new();
        for number in 0..3 {
            let done = Rc::clone(&done);
            local.spawn_local(async move {
                // The first one comes alone, the others at once behind it, however long this thread pauses meanwhile.
                ANSWERED.set((number > 0).then(|| clock::instant() + Duration::from_secs(3_600)));
                with_others(async { done.borrow_mut().push("answered") }).await;
                done.borrow_mut().push("sent");
            });
        }
        local.await;
        // In which order answers that waited are sent is the runtime's business.
        assert_eq!(*done.borrow(), ["answered", "sent", "answered", "answered", "sent", "sent"]);
    }
}
