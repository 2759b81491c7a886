//! What events tell of states: which state each belongs to, and what came in and went out of it.

use fleetstep_document::{Document, Text};
use fleetstep_machine::{Failure, Happening, HistoryEvent, StateKind, Timestamp};
use std::collections::HashMap;

/// One time that a state was entered.
#[derive(Clone, Debug, PartialEq)]
pub struct StateVisit {
    /// Its name.
    pub name: Text,
    /// Which of the eight it is.
    pub kind: StateKind,
    /// The number of the event that entered it.
    pub event: u64,
    /// When.
    pub entered: Timestamp,
    /// When it was left, if it was.
    pub left: Option<Timestamp>,
    /// What came in.
    pub input: Document,
    /// What went out, if it was left.
    pub output: Option<Document>,
    /// The variables that it set.
    pub assigned: Vec<(Text, Document)>,
    /// How often its task was called.
    pub calls: u32,
    /// The latest failure in it.
    pub failure: Option<Failure>,
}

/// The visits of states, in the order in which they were entered.
#[derive(Default)]
pub(super) struct Visits {
    pub(super) all: Vec<StateVisit>,
    /// Which visit an event belongs to.
    of_event: HashMap<u64, usize>,
    /// Those that were not left, by the names of their states.
    open: HashMap<Text, Vec<usize>>,
}

impl Visits {
    pub(super) fn of(events: &[HistoryEvent]) -> Self {
        let mut visits = Self::default();
        events.iter().for_each(|event| visits.add(event));
        visits
    }

    fn add(&mut self, event: &HistoryEvent) {
        if let Happening::StateEntered { kind, name, input } = &event.what {
            self.of_event.insert(event.id, self.all.len());
            self.open.entry(name.clone()).or_default().push(self.all.len());
            self.all.push(StateVisit {
                name: name.clone(),
                kind: *kind,
                event: event.id,
                entered: event.at,
                left: None,
                input: input.clone(),
                output: None,
                assigned: Vec::new(),
                calls: 0,
                failure: None,
            });
            return;
        }
        let Some(mut visit) = self.of_event.get(&event.previous).copied() else { return };
        if let Happening::StateExited { name, .. } = &event.what {
            // The chain of a Parallel or a Map goes through the last of its branches.
            let open = self.open.entry(name.clone()).or_default();
            if let Some(at) = open.iter().rposition(|open| *open <= visit) {
                visit = open.remove(at);
            }
        }
        self.of_event.insert(event.id, visit);
        self.all[visit].take(event);
    }

    /// The visit that an event belongs to.
    pub(super) fn of_event(&self, event: u64) -> Option<&StateVisit> {
        self.of_event.get(&event).map(|visit| &self.all[*visit])
    }
}

impl StateVisit {
    fn take(&mut self, event: &HistoryEvent) {
        match &event.what {
            Happening::StateExited { name, output, assigned, .. } if *name == self.name => {
                self.left = Some(event.at);
                self.output = Some(output.clone());
                self.assigned = assigned.to_vec();
            }
            Happening::TaskScheduled { .. } => self.calls += 1,
            Happening::TaskFailed { failure, .. }
            | Happening::TaskTimedOut { failure, .. }
            | Happening::EvaluationFailed { failure, .. }
            | Happening::ExecutionFailed(failure) => self.failure = Some(failure.clone()),
            _ => {}
        }
    }
}
