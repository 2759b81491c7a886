//! Bounds for calls that belong together: all of an account's, and those that one of its workflows makes.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// How many calls may be under way at once, beside what a function's own concurrency and the sandbox's instances
/// allow. One more is `Lambda.TooManyRequestsException`.
#[derive(Debug, Default)]
pub struct CallBounds {
    all: Option<Arc<Count>>,
    workflows: HashMap<String, Arc<Count>>,
}

/// Calls that are under way, and how many may be.
#[derive(Debug)]
struct Count {
    running: AtomicU32,
    max: u32,
}

/// The right to one call as far as bounds have a say; given back when dropped.
#[derive(Debug, Default)]
pub(crate) struct Taken([Option<Arc<Count>>; 2]);

impl CallBounds {
    /// For all calls, and for those of workflows by name.
    pub fn new(all_max: Option<u32>, workflows: impl IntoIterator<Item = (String, u32)>) -> Self {
        let count = |max| Arc::new(Count { running: AtomicU32::new(0), max });
        let workflows = workflows.into_iter().map(|(name, max)| (name, count(max))).collect();
        Self { all: all_max.map(count), workflows }
    }

    /// Whether nothing is bounded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_none() && self.workflows.is_empty()
    }

    /// Calls that are under way and how many may be, of all (without a name) and of each workflow that has a bound.
    pub fn running(&self) -> impl Iterator<Item = (Option<&str>, u32, u32)> {
        let all = self.all.iter().map(|count| (None, count));
        let workflows = self.workflows.iter().map(|(name, count)| (Some(name.as_str()), count));
        all.chain(workflows).map(|(name, count)| (name, count.running.load(Relaxed), count.max))
    }

    /// One more call for a workflow, or none.
    pub(crate) fn take(&self, workflow: &str) -> Option<Taken> {
        let mut taken = Taken::default();
        for (count, place) in [self.workflows.get(workflow), self.all.as_ref()].into_iter().zip(&mut taken.0) {
            let Some(count) = count else { continue };
            if !take_one(&count.running, count.max) {
                return None;
            }
            *place = Some(Arc::clone(count));
        }
        Some(taken)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        for count in self.0.iter().flatten() {
            count.running.fetch_sub(1, Relaxed);
        }
    }
}

/// Adds first and looks then: cheaper than a loop of compare and exchange, and at the limit at most refuses one that
/// would just have fitted.
pub(crate) fn take_one(counter: &AtomicU32, max: u32) -> bool {
    let fits = counter.fetch_add(1, Relaxed) < max;
    if !fits {
        counter.fetch_sub(1, Relaxed);
    }
    fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_given_back_and_what_is_refused_holds_nothing() {
        let bounds = CallBounds::new(Some(2), [("slow".to_owned(), 1)]);
        let running = || bounds.running().map(|(name, running, _)| (name.is_some(), running)).collect::<Vec<_>>();
        let slow = bounds.take("slow").unwrap();
        assert!(bounds.take("slow").is_none());
        assert_eq!(running(), [(false, 1), (true, 1)]);
        let _other = bounds.take("other").unwrap();
        assert!(bounds.take("other").is_none());
        drop(slow);
        assert_eq!(running(), [(false, 1), (true, 0)]);
        let _slow = bounds.take("slow").unwrap();
        assert!(CallBounds::new(None, []).take("any").is_some() && CallBounds::new(None, []).is_empty());
    }
}
