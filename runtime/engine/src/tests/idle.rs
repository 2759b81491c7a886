//! An engine with nothing to do does nothing.

use crate::clock::Clock;
use crate::worker::Worker;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_without_executions_is_not_woken() {
    let (worker, handle) = Worker::new(Clock::paused());
    let mut worker = std::pin::pin!(worker);
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    assert!(worker.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    assert_eq!(woken.0.load(Ordering::Relaxed), 0);
    drop(handle);
    assert_eq!(woken.0.load(Ordering::Relaxed), 1, "that nobody can send any more is told");
    assert_eq!(worker.as_mut().poll(&mut Context::from_waker(&waker)), Poll::Ready(()));
}
