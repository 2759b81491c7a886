//! Counting events, and keeping those that are asked for.

use crate::execution::Execution;
use crate::run::Run;
use crate::strand::StrandId;
use crate::{Decider, Happening, HistoryEvent, HistoryLevel, StateId, Way};

impl Run<'_> {
    /// The next event of a strand: the strand goes on from it.
    #[inline]
    pub(crate) fn record(&mut self, id: StrandId, what: impl FnOnce(&Execution) -> Happening) -> u64 {
        let previous = self.execution.strand(id).last_event;
        let event = self.event(previous, what);
        self.execution.strand_mut(id).last_event = event;
        event
    }

    /// An event beside a strand's chain: the strand's next one follows from the same event as this.
    pub(crate) fn record_aside(&mut self, id: StrandId, what: impl FnOnce(&Execution) -> Happening) {
        let previous = self.execution.strand(id).last_event;
        self.event(previous, what);
    }

    /// An event of the execution itself: it follows from the latest of all.
    pub(crate) fn record_end(&mut self, what: impl FnOnce(&Execution) -> Happening) {
        let previous = self.execution.events;
        self.event(previous, what);
    }

    /// What decided where the strand goes from its state.
    #[inline]
    pub(crate) fn note_way(&self, id: StrandId, by: impl FnOnce() -> Decider) {
        self.note_way_of(self.execution.strand(id).state, by);
    }

    /// What decided where a strand went from a state.
    #[inline]
    pub(crate) fn note_way_of(&self, state: StateId, by: impl FnOnce() -> Decider) {
        if let Some(ways) = &self.effects.ways {
            ways.borrow_mut().push(Way { state, by: by() });
        }
    }

    #[inline]
    fn event(&mut self, previous: u64, what: impl FnOnce(&Execution) -> Happening) -> u64 {
        self.execution.events += 1;
        let id = self.execution.events;
        if self.execution.history != HistoryLevel::Off {
            let what = what(self.execution);
            if self.execution.history >= what.level() {
                self.effects.history.push(HistoryEvent { id, previous, at: self.now, what });
            }
        }
        id
    }
}
