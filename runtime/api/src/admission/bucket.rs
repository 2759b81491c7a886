//! A token bucket in one word: the generic cell rate algorithm of ITU-T I.371. The word is the time at which the bucket would be
//! full again; a token moves it on by the time between two.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::Duration;

const NANOS: f64 = 1e9;

#[derive(Debug)]
pub(crate) struct Bucket {
    /// Between two tokens, in nanoseconds.
    interval: i64,
    /// How far the time may be ahead: a burst's worth.
    ahead_max: i64,
    full_at: AtomicI64,
}

impl Bucket {
    /// One that gives so many tokens a second, and `burst` at once after a pause; a second's worth unless said, and at least one.
    pub(crate) fn new(rate: f64, burst: Option<u32>) -> Self {
        let interval = (NANOS / rate.max(f64::MIN_POSITIVE)).clamp(1.0, 1e18);
        let burst = burst.map_or(rate.ceil(), f64::from).max(1.0);
        let ahead_max = (interval * burst).min(i64::MAX as f64 / 4.0);
        Self { interval: interval as i64, ahead_max: ahead_max as i64, full_at: AtomicI64::new(i64::MIN / 2) }
    }

    /// Takes a token at that time, in microseconds since 1970; or says after how long there will be one.
    pub(crate) fn take(&self, now_micros: i64) -> Result<(), Duration> {
        let now = now_micros.saturating_mul(1_000);
        let next = |full_at: i64| full_at.max(now) + self.interval;
        let allowed = |full_at| Some(next(full_at)).filter(|next| next - now <= self.ahead_max);
        self.full_at
            .fetch_update(Relaxed, Relaxed, allowed)
            .map(drop)
            .map_err(|full_at| Duration::from_nanos(u64::try_from(next(full_at) - now - self.ahead_max).unwrap_or(0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;
    /// A November day.
    const DAY: i64 = 1_763_000_000 * SECOND;

    #[test]
    fn a_burst_then_the_rate() {
        let bucket = Bucket::new(10.0, Some(5));
        let taken = |from: i64, to: i64| (from..to).step_by(1_000).filter(|at| bucket.take(DAY + at).is_ok()).count();
        assert_eq!(taken(0, 1_000), 1);
        assert_eq!((0..10).filter(|_| bucket.take(DAY).is_ok()).count(), 4, "the burst is five");
        assert_eq!(bucket.take(DAY), Err(Duration::from_millis(100)));
        assert_eq!(taken(0, 10 * SECOND), 99, "ten a second from then on");
        assert_eq!((0..10).filter(|_| bucket.take(DAY + 20 * SECOND).is_ok()).count(), 5, "no more after a long pause");
    }

    #[test]
    fn rates_that_no_clock_can_tell_apart_and_such_that_are_hardly_any() {
        let quick = Bucket::new(1e12, None);
        assert!((0..1_000).all(|_| quick.take(DAY).is_ok()));
        let slow = Bucket::new(1e-12, None);
        assert!(slow.take(DAY).is_ok());
        assert!(slow.take(DAY + SECOND).unwrap_err() > Duration::from_secs(1_000));
        assert!(Bucket::new(f64::NAN, Some(0)).take(DAY).is_ok());
    }

    #[test]
    fn a_clock_that_is_set_back_opens_nothing() {
        let bucket = Bucket::new(1.0, Some(1));
        assert!(bucket.take(DAY).is_ok());
        assert!(bucket.take(DAY - 10 * SECOND).is_err());
    }
}
