//! The knee: the highest rate that a server keeps. Pure: it says which rate to try next, and is told how that went.
//!
//! It doubles the rate until one is not kept, then halves the gap until the two are close. A rate that was not kept
//! is tried once more before it is believed: a single bad moment of the machine is no property of the server.

use serde::Serialize;

/// Steps of a search.
pub const STEPS_MAX: usize = 24;
/// The gap between a rate that is kept and one that is not, as a share, at which the search ends.
const GAP_MIN: f64 = 0.04;
/// Of what was meant to be sent, this must have been started for a rate to be kept.
const STARTED_MIN: f64 = 0.99;
/// And answers must have come at this share of the rate.
const RATE_MIN: f64 = 0.97;

/// What is asked of a rate.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Goal {
    /// 99 in a hundred latencies may be this long, in milliseconds.
    pub p99_ms: f64,
}

/// How one rate went.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Step {
    /// Requests a second that were meant to be sent.
    pub offered: f64,
    /// Answers a second.
    pub rate: f64,
    /// Of what was meant to be sent, the share that was started.
    pub started: f64,
    /// 99 in a hundred latencies were no longer, in milliseconds.
    pub p99_ms: f64,
}

impl Goal {
    /// Why a step did not keep the goal; `None` when it did.
    #[must_use]
    pub fn missed(&self, step: &Step) -> Option<&'static str> {
        if step.started < STARTED_MIN {
            Some("requests were lost")
        } else if step.rate < RATE_MIN * step.offered {
            Some("answers came more slowly than requests")
        } else if step.p99_ms > self.p99_ms {
            Some("p99 is over the goal")
        } else {
            None
        }
    }
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Next {
    /// Try this rate.
    Try(f64),
    /// The highest rate that was kept; `None` where not even the lowest was.
    Done(Option<f64>),
}

/// A search for the knee.
#[derive(Clone, Debug)]
pub struct Search {
    goal: Goal,
    kept: Option<f64>,
    missed: Option<f64>,
    /// The rate that was missed once, and is tried again.
    doubted: Option<f64>,
    next: f64,
    rate_max: f64,
    steps: usize,
}

impl Search {
    /// A search that begins at `from` requests a second and does not go beyond `rate_max`.
    #[must_use]
    pub fn new(goal: Goal, from: f64, rate_max: f64) -> Self {
        Self { goal, kept: None, missed: None, doubted: None, next: from.min(rate_max), rate_max, steps: 0 }
    }

    /// The rate to try.
    #[must_use]
    pub fn next(&self) -> Next {
        let close = match (self.kept, self.missed) {
            (Some(kept), Some(missed)) => missed / kept - 1.0 < GAP_MIN,
            (Some(kept), None) => kept >= self.rate_max,
            // Below one request in a second there is nothing to find.
            (None, Some(missed)) => missed <= 1.0,
            (None, None) => false,
        };
        let is_over = self.doubted.is_none() && close;
        if is_over || self.steps >= STEPS_MAX { Next::Done(self.kept) } else { Next::Try(self.next) }
    }

    /// How the rate that was to be tried went.
    pub fn tell(&mut self, step: &Step) {
        self.steps += 1;
        if self.goal.missed(step).is_none() {
            self.kept = Some(self.next);
            self.doubted = None;
        } else if self.doubted == Some(self.next) {
            self.missed = Some(self.next);
            self.doubted = None;
        } else {
            self.doubted = Some(self.next);
            return;
        }
        self.next = match (self.kept, self.missed) {
            (Some(kept), Some(missed)) => (kept * missed).sqrt(),
            (Some(kept), None) => (kept * 2.0).min(self.rate_max),
            (None, Some(missed)) => (missed / 4.0).max(1.0),
            (None, None) => self.next,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that can do `capacity` a second and has a latency as a queue has it; `bad` are the numbers of steps
    /// in which the machine had a bad moment.
    fn search(capacity: f64, base_ms: f64, goal_ms: f64, from: f64, bad: &[usize]) -> (Option<f64>, usize) {
        let mut search = Search::new(Goal { p99_ms: goal_ms }, from, 1e6);
        for count in 0.. {
            let offered = match search.next() {
                Next::Try(rate) => rate,
                Next::Done(knee) => return (knee, count),
            };
            let load = offered / capacity;
            let p99_ms = if load < 1.0 { base_ms / (1.0 - load) } else { 10_000.0 };
            let p99_ms = if bad.contains(&count) { 1_000.0 } else { p99_ms };
            search.tell(&Step { offered, rate: offered.min(capacity), started: 1.0, p99_ms });
        }
        unreachable!("a search has a bound of steps")
    }

    #[test]
    fn the_highest_rate_that_keeps_the_goal_is_found() {
        // (capacity, base ms, goal ms, first rate): the knee is where base / (1 - rate / capacity) is the goal.
        let cases = [
            (50_000.0, 0.2, 5.0, 1_000.0),
            (50_000.0, 0.2, 0.4, 1_000.0),
            (800.0, 1.0, 10.0, 1_000.0),
            (120_000.0, 0.1, 2.0, 200_000.0),
            (3.0, 1.0, 100.0, 1_000.0),
        ];
        for (capacity, base, goal, from) in cases {
            let truth = capacity * (1.0 - base / goal);
            let (knee, steps) = search(capacity, base, goal, from, &[]);
            let knee = knee.expect("there is one");
            assert!(knee <= truth && knee > truth / 1.05, "{knee} for {truth}");
            assert!(steps < STEPS_MAX, "{steps} steps for {truth}");
        }
    }

    #[test]
    fn one_bad_moment_does_not_make_a_knee() {
        let (knee, _) = search(50_000.0, 0.2, 5.0, 1_000.0, &[2, 5]);
        assert!(knee.is_some_and(|knee| knee > 45_000.0), "{knee:?}");
    }

    #[test]
    fn there_may_be_none_or_none_within_the_bound() {
        assert_eq!(search(1_000.0, 50.0, 5.0, 64.0, &[]).0, None);
        assert_eq!(search(1e9, 0.1, 5.0, 1_000.0, &[]).0, Some(1e6));
    }

    #[test]
    fn a_step_says_what_it_missed() {
        let goal = Goal { p99_ms: 5.0 };
        let kept = Step { offered: 100.0, rate: 99.0, started: 1.0, p99_ms: 5.0 };
        assert_eq!(goal.missed(&kept), None);
        assert_eq!(goal.missed(&Step { p99_ms: 5.1, ..kept }), Some("p99 is over the goal"));
        assert_eq!(goal.missed(&Step { started: 0.9, ..kept }), Some("requests were lost"));
        assert_eq!(goal.missed(&Step { rate: 90.0, ..kept }), Some("answers came more slowly than requests"));
    }
}
