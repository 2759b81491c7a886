//! The one place that reads a clock.
#![allow(clippy::disallowed_methods)] // This is the place.

use fleetstep_machine::Timestamp;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};
use tokio::time::Sleep;

/// The time now.
#[must_use]
pub fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}

/// A steady point in time, for measuring how long something takes.
#[must_use]
pub fn instant() -> std::time::Instant {
    std::time::Instant::now()
}

/// The clock of an engine.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Clock {
    /// The wall's.
    Wall,
    /// A test's, which tokio pauses and moves.
    #[cfg(test)]
    Paused(tokio::time::Instant),
}

impl Clock {
    pub(crate) fn now(self) -> Timestamp {
        match self {
            Self::Wall => now(),
            #[cfg(test)]
            Self::Paused(origin) => Timestamp::from_micros(1_700_000_000_000_000).after(origin.elapsed()),
        }
    }

    /// A clock that stands still until tokio moves it.
    #[cfg(test)]
    pub(crate) fn paused() -> Self {
        Self::Paused(tokio::time::Instant::now())
    }
}

/// The longest nap. Timers follow the wall clock and sleeps do not: that the clock was set, or the machine
/// suspended, is noticed after this long.
const NAP_MAX: Duration = Duration::from_secs(10);

/// The one sleep of a driver. There is none until the driver first has to wait.
#[derive(Debug, Default)]
pub(crate) struct Nap {
    sleep: Option<Pin<Box<Sleep>>>,
    /// When the sleep ends; `None` when it has.
    until: Option<Timestamp>,
}

impl Nap {
    /// Ready when it is worth looking at the clock again: at `due`, or sooner.
    pub(crate) fn poll(&mut self, due: Timestamp, now: Timestamp, cx: &mut Context<'_>) -> Poll<()> {
        // A sleep that ends too soon is kept: an idle look at the clock costs less than moving the sleep each time.
        if self.until.is_none_or(|until| due < until) {
            let nap = due.since(now).min(NAP_MAX);
            self.until = Some(now.after(nap));
            match &mut self.sleep {
                Some(sleep) => sleep.as_mut().reset(tokio::time::Instant::now() + nap),
                None => self.sleep = Some(Box::pin(tokio::time::sleep(nap))),
            }
        }
        if let Some(sleep) = &mut self.sleep {
            ready!(sleep.as_mut().poll(cx));
            self.until = None;
        }
        Poll::Ready(())
    }
}
