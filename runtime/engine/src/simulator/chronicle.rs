//! The history of one simulated execution, checked as it is told, and how many strands its program may have.

use crate::history::HistorySink;
use fleetstep_document::Text;
use fleetstep_machine::{
    BranchId, Happening, HistoryEvent, Kind, MAP_ITERATIONS_LIVE_MAX, Next, Outcome, Program, StateId, Timestamp,
};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

/// What was told so far; shared by the simulation and the sink that the execution carries.
#[derive(Clone, Debug, Default)]
pub(super) struct Chronicle(Arc<Mutex<Told>>);

#[derive(Debug, Default)]
struct Told {
    /// The number of the last event, and its time.
    last: u64,
    at: Option<Timestamp>,
    end: Option<Happening>,
    /// Iterations that have begun and not ended: by their Map's name and their number.
    iterations: HashMap<(Text, u32), u32>,
    trace: DefaultHasher,
    /// What is kept of it, and how much of it at the most, if anyone asks for it.
    kept: Vec<HistoryEvent>,
    kept_max: Option<usize>,
    /// The first promise that was not kept.
    broken: Option<String>,
}

impl HistorySink for Chronicle {
    fn take(&mut self, events: &mut Vec<HistoryEvent>) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for event in events.drain(..) {
            match told.kept_max {
                Some(most) if told.kept.len() >= most => {
                    told.broken.get_or_insert_with(|| format!("an execution has more than {most} events"));
                    return;
                }
                Some(_) => told.kept.push(event.clone()),
                None => {}
            }
            let broken = told.tell(event).err();
            told.broken = told.broken.take().or(broken);
        }
    }
}

impl Told {
    fn tell(&mut self, event: HistoryEvent) -> Result<(), String> {
        format!("{event:?}").hash(&mut self.trace);
        let HistoryEvent { id, previous, at, what } = event;
        let expected = self.last + 1;
        self.last = id;
        if let Some(end) = &self.end {
            return Err(format!("event {id}, {what:?}, comes after the end, {end:?}"));
        }
        if id != expected || previous >= id {
            return Err(format!("event {id} follows from {previous}, where event {expected} should stand"));
        }
        if self.at.replace(at).is_some_and(|before| before > at) {
            return Err(format!("event {id} is earlier than the one before it"));
        }
        if (id == 1) != matches!(what, Happening::ExecutionStarted { .. }) {
            return Err(format!("event {id} is {what:?}"));
        }
        self.follow(what)
    }

    fn follow(&mut self, what: Happening) -> Result<(), String> {
        match what {
            Happening::MapIterationStarted { name, index } => {
                *self.iterations.entry((name, index)).or_default() += 1;
                Ok(())
            }
            Happening::MapIterationSucceeded { name, index }
            | Happening::MapIterationFailed { name, index }
            | Happening::MapIterationAborted { name, index } => {
                let live = self.iterations.get_mut(&(name.clone(), index)).filter(|live| **live > 0);
                let live = live.ok_or_else(|| format!("iteration {index} of {name} ends and has not begun"))?;
                *live -= 1;
                Ok(())
            }
            end @ (Happening::ExecutionSucceeded { .. }
            | Happening::ExecutionFailed(_)
            | Happening::ExecutionTimedOut(_)
            | Happening::ExecutionAborted(_)) => {
                self.end = Some(end);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl Chronicle {
    /// One that keeps up to so many events, if a number is given.
    pub(super) fn keeping(kept_max: Option<usize>) -> Self {
        Self(Arc::new(Mutex::new(Told { kept_max, ..Told::default() })))
    }

    /// What was kept.
    pub(super) fn take_kept(&self) -> Vec<HistoryEvent> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).kept)
    }

    /// The promise that was not kept, if there is one.
    pub(super) fn broken(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).broken.clone()
    }

    /// Holds the history against how the execution ended. What it is, as a number.
    pub(super) fn close(&self, outcome: &Outcome) -> Result<u64, String> {
        let told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(broken) = &told.broken {
            return Err(broken.clone());
        }
        let agrees = match (&told.end, outcome) {
            (Some(Happening::ExecutionSucceeded { output }), Outcome::Succeeded(ended)) => output == ended,
            (Some(Happening::ExecutionFailed(failure)), Outcome::Failed(ended))
            | (Some(Happening::ExecutionTimedOut(failure)), Outcome::TimedOut(ended))
            | (Some(Happening::ExecutionAborted(failure)), Outcome::Aborted(ended)) => failure == ended,
            _ => false,
        };
        if !agrees {
            return Err(format!("the history ends with {:?}, the execution with {outcome:?}", told.end));
        }
        let left = told.iterations.iter().find(|(_, live)| **live > 0);
        match (left, outcome) {
            (Some(((name, index), _)), Outcome::Succeeded(_)) => {
                Err(format!("a success, and iteration {index} of {name} has not ended"))
            }
            _ => Ok(told.trace.finish()),
        }
    }
}

/// How many strands an execution of the program may have at once.
pub(super) fn strands_max(program: &Program) -> usize {
    strands_of(program, program.root)
}

fn strands_of(program: &Program, branch: BranchId) -> usize {
    let below = states_of(program, branch).into_iter().map(|id| match &program.states[id.index()].kind {
        Kind::Parallel(parallel) => {
            let branches = parallel.branches.iter().map(|branch| strands_of(program, *branch));
            branches.fold(0, usize::saturating_add)
        }
        Kind::Map(map) => strands_of(program, map.processor).saturating_mul(MAP_ITERATIONS_LIVE_MAX as usize),
        _ => 0,
    });
    below.max().unwrap_or(0).saturating_add(1)
}

/// The states that a branch comes to; the states below them are others'.
fn states_of(program: &Program, branch: BranchId) -> HashSet<StateId> {
    let mut seen = HashSet::new();
    let mut left = BTreeSet::from([program.branches[branch.index()].start]);
    while let Some(id) = left.pop_first() {
        if seen.insert(id) {
            let state = &program.states[id.index()];
            let next = match state.next {
                Next::State(next) => Some(next),
                Next::End => None,
            };
            let caught = match &state.kind {
                Kind::Task(task) => &task.catch,
                Kind::Parallel(parallel) => &parallel.catch,
                Kind::Map(map) => &map.catch,
                _ => &Box::default(),
            };
            left.extend(caught.iter().map(|catcher| catcher.next).chain(next));
            if let Kind::Choice { rules, default } = &state.kind {
                left.extend(rules.iter().map(|rule| rule.next).chain(*default));
            }
        }
    }
    seen
}
