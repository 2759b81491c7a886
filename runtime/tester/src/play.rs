//! One execution in the simulator: no faults, a fixed seed, tasks that answer what they are told to.

use crate::PLAYED_EVENTS_MAX;
use fleetstep_document::{Document, Text};
use fleetstep_engine::simulator::{Response, Simulator};
use fleetstep_machine::{Happening, HistoryEvent, Outcome, Program, StateKind, Way};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// What the chance of every played execution starts from.
const SEED: u64 = 1;

/// How often the simulation may turn: calls that are answered at once are looked at no earlier.
const PLAYED_STEPS_MAX: u64 = PLAYED_EVENTS_MAX as u64;

/// What happened.
pub(crate) struct Played {
    /// How it ended; the error says why it was not played to its end.
    pub(crate) outcome: Result<Outcome, String>,
    pub(crate) history: Vec<HistoryEvent>,
    pub(crate) ways: Vec<Way>,
    /// Virtual time.
    pub(crate) duration: Duration,
    /// The states that called, with the number of the call, in order.
    pub(crate) calls: Vec<(Text, u32)>,
}

/// Plays an execution. `answer` is asked for each call, by the name of the state and the number of its call.
pub(crate) fn play(
    program: &Arc<Program>,
    input: &Document,
    mut answer: impl FnMut(&Text, u32) -> Response + 'static,
) -> Played {
    let calls = Rc::new(RefCell::new(Vec::new()));
    let (book, mut counts) = (Rc::clone(&calls), HashMap::<Text, u32>::new());
    let simulated = Simulator::new(SEED)
        .prompt()
        .recorded(PLAYED_EVENTS_MAX)
        .steps_max(PLAYED_STEPS_MAX)
        .host(move |call| {
            let count = counts.entry(call.state.clone()).or_default();
            let number = *count;
            *count += 1;
            book.borrow_mut().push((call.state.clone(), number));
            answer(&call.state, number)
        })
        .start(Duration::ZERO, Arc::clone(program), input.clone())
        .run();
    let calls = calls.take();
    match simulated {
        Ok(mut report) => {
            let finished = report.executions.pop().flatten();
            let duration = finished.as_ref().map_or(Duration::ZERO, |ended| ended.stopped.since(ended.started));
            let outcome = finished.map(|ended| ended.outcome).ok_or_else(|| String::from("it was not let in"));
            let history = report.histories.pop().unwrap_or_default();
            Played { outcome, history, ways: report.ways, duration, calls }
        }
        Err(broken) => {
            let outcome =
                Err(format!("the simulation was stopped; is there a loop that never waits? ({})", broken.promise));
            Played { outcome, history: Vec::new(), ways: Vec::new(), duration: Duration::ZERO, calls }
        }
    }
}

impl Played {
    /// How much was played: one that was stopped had all that there may be.
    pub(crate) fn events(&self) -> usize {
        if self.outcome.is_err() { PLAYED_EVENTS_MAX } else { self.history.len() }
    }

    /// The states that it entered, in order.
    pub(crate) fn path(&self) -> impl DoubleEndedIterator<Item = (&Text, StateKind)> {
        self.history.iter().filter_map(|event| match &event.what {
            Happening::StateEntered { name, kind, .. } => Some((name, *kind)),
            _ => None,
        })
    }
}
