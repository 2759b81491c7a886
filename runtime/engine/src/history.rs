//! Where the history of an execution goes, when someone asks for it.

use crate::trace::Trace;
use fleetstep_machine::{HistoryEvent, HistoryLevel};
use std::sync::Arc;

/// Takes what happens in one execution.
pub trait HistorySink: Send + 'static {
    /// Takes the events of one step, in order, out of `events`; what is left there is dropped. Called on a serving
    /// thread, before the end of the execution is told: it must not block.
    fn take(&mut self, events: &mut Vec<HistoryEvent>);

    /// The trace that the execution's calls belong to; mostly none.
    fn trace(&self) -> Option<Arc<dyn Trace>> {
        None
    }
}

/// What is asked for of an execution's history, and where it goes.
pub struct History {
    /// Which events.
    pub level: HistoryLevel,
    /// Who takes them.
    pub sink: Box<dyn HistorySink>,
}

impl std::fmt::Debug for History {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("History").field("level", &self.level).finish_non_exhaustive()
    }
}
