//! How long each state took and whether it failed: counted from the histories that are collected anyway.

use fleetstep_document::Text;
use fleetstep_engine::{Ended, Happening, HistoryEvent, Meters, Timestamp};
use std::collections::HashMap;
use std::sync::Arc;

/// How many events of one execution are followed: what a history remembers of them while it runs is bounded.
const EVENTS_FOLLOWED_MAX: usize = 10_000;

/// Follows one execution.
pub(super) struct Followed {
    meters: Arc<Meters>,
    visits: Vec<Visit>,
    /// Which visit an event belongs to.
    visit_of: HashMap<u64, usize>,
}

struct Visit {
    state: Text,
    entered: Timestamp,
    has_failed: bool,
    is_over: bool,
    /// The visit of the Parallel or Map around it.
    within: Option<usize>,
}

impl Followed {
    pub(super) fn new(meters: Arc<Meters>) -> Self {
        Self { meters, visits: Vec::new(), visit_of: HashMap::new() }
    }

    pub(super) fn follow(&mut self, event: &HistoryEvent) {
        if self.visit_of.len() >= EVENTS_FOLLOWED_MAX {
            return;
        }
        let before = self.visit_of.get(&event.previous).copied();
        if let Happening::StateEntered { name, .. } = &event.what {
            return self.enter(event, name, before);
        }
        let Some(visit) = before else { return };
        let visit = match &event.what {
            Happening::StateExited { name, .. } => {
                let left = self.around(visit, |visit| visit.state == *name);
                self.end(left, event.at);
                left
            }
            Happening::TaskFailed { .. } | Happening::TaskTimedOut { .. } | Happening::EvaluationFailed { .. } => {
                self.visits[visit].has_failed = true;
                visit
            }
            Happening::ParallelStateFailed | Happening::MapStateFailed => {
                let container = self.visits[visit].within.unwrap_or(visit);
                self.visits[container].has_failed = true;
                container
            }
            Happening::ParallelStateSucceeded | Happening::MapStateSucceeded => {
                if self.visits[visit].is_over {
                    self.visits[visit].within.unwrap_or(visit)
                } else {
                    visit
                }
            }
            Happening::ExecutionFailed(_) | Happening::ExecutionTimedOut(_) => {
                let mut next = Some(visit);
                while let Some(at) = next {
                    self.visits[at].has_failed = true;
                    self.end(at, event.at);
                    next = self.visits[at].within;
                }
                visit
            }
            _ => visit,
        };
        self.visit_of.insert(event.id, visit);
    }

    fn enter(&mut self, event: &HistoryEvent, name: &Text, before: Option<usize>) {
        // What follows a state that was left is beside it, what follows one that was not is within.
        let within = before.and_then(|before| {
            let visit = &self.visits[before];
            if visit.is_over { visit.within } else { Some(before) }
        });
        self.visit_of.insert(event.id, self.visits.len());
        let (state, entered) = (name.clone(), event.at);
        self.visits.push(Visit { state, entered, has_failed: false, is_over: false, within });
    }

    /// The visit, or the nearest one around it, that is meant; itself where there is none.
    fn around(&self, visit: usize, is_meant: impl Fn(&Visit) -> bool) -> usize {
        let mut next = Some(visit);
        while let Some(at) = next {
            if !self.visits[at].is_over && is_meant(&self.visits[at]) {
                return at;
            }
            next = self.visits[at].within;
        }
        visit
    }

    fn end(&mut self, visit: usize, at: Timestamp) {
        let visit = &mut self.visits[visit];
        if !std::mem::replace(&mut visit.is_over, true) {
            let ended = if visit.has_failed { Ended::Failed } else { Ended::Succeeded };
            self.meters.count(&visit.state, ended, visit.entered, at);
        }
    }
}
