//! A future that is seldom ready, beside one that is polled all the time.

use futures_util::task::AtomicWaker;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// Polls its future only when that future itself was woken: every other wake-up of the task costs a look at a flag,
/// where a `select` would poll all that it waits for.
pub(crate) struct Aside<T> {
    future: Pin<Box<dyn Future<Output = T> + Send>>,
    bell: Arc<Bell>,
    waker: Waker,
    /// The task's waker as the bell knows it.
    known: Option<Waker>,
}

struct Bell {
    has_rung: AtomicBool,
    task: AtomicWaker,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.has_rung.store(true, Ordering::Release);
        self.task.wake();
    }
}

impl<T> Aside<T> {
    pub(crate) fn new(future: impl Future<Output = T> + Send + 'static) -> Self {
        // It has to be polled once before it can wake anyone.
        let bell = Arc::new(Bell { has_rung: AtomicBool::new(true), task: AtomicWaker::new() });
        Self { future: Box::pin(future), waker: Waker::from(Arc::clone(&bell)), bell, known: None }
    }

    /// To be called at every poll of the task, and not after it was ready.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<T> {
        if !self.known.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
            // Before the look at the flag, so that what rings from now on wakes this task.
            self.bell.task.register(cx.waker());
            self.known = Some(cx.waker().clone());
        }
        if !self.bell.has_rung.load(Ordering::Acquire) {
            return Poll::Pending;
        }
        // Lowered before the poll: what happens during it rings again.
        self.bell.has_rung.swap(false, Ordering::AcqRel);
        self.future.as_mut().poll(&mut Context::from_waker(&self.waker))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;
    use tokio::sync::oneshot;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn it_is_polled_when_it_was_woken_and_wakes_the_task_that_polled_last() {
        let (sender, receiver) = oneshot::channel();
        let polls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&polls);
        let mut receiver = Box::pin(receiver);
        let mut aside = Aside::new(std::future::poll_fn(move |cx| {
            counted.fetch_add(1, Ordering::Relaxed);
            receiver.as_mut().poll(cx)
        }));
        let (first, second) = (Arc::new(Count::default()), Arc::new(Count::default()));
        for task in [&first, &first, &second, &second] {
            let waker = Waker::from(Arc::clone(task));
            assert!(aside.poll(&mut Context::from_waker(&waker)).is_pending());
        }
        assert_eq!(polls.load(Ordering::Relaxed), 1);
        // A channel wakes whom it knows, which is the bell, and the bell the task that it knows last.
        assert!(sender.send(7).is_ok());
        assert_eq!((first.0.load(Ordering::Relaxed), second.0.load(Ordering::Relaxed)), (0, 1));
        let waker = Waker::from(second);
        assert_eq!(aside.poll(&mut Context::from_waker(&waker)), Poll::Ready(Ok(7)));
        assert_eq!(polls.load(Ordering::Relaxed), 2);
    }
}
