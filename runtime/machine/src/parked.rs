//! An execution that waits, packed.

use crate::execution::{Execution, Stage};
use crate::strand::{Attempts, Micros, Phase, Strand, Variables};
use crate::{HistoryLevel, Identity, StateId, Ticket, Timestamp};
use fleetstep_document::Document;
use fleetstep_expr::Chance;
use slab::Slab;
use smallvec::SmallVec;
use std::sync::Arc;
use std::time::Duration;

/// An [`Execution`] with one strand that waits, in less than half the room: most of those that wait by the million
/// are in a Wait or in a slow call, with no branch, no variable and no retry. It does nothing until it is
/// unpacked; what it waits for can be asked.
#[derive(Debug)]
pub struct Parked {
    identity: Arc<Identity>,
    input: Document,
    /// The state's input as it came in.
    state_input: Document,
    chance: Chance,
    started: Timestamp,
    state: StateId,
    generation: u32,
    phase: Phase,
    entered: Micros,
    entered_event: u32,
    before_event: u32,
    last_event: u32,
    events: u32,
    /// What few have; `None` where all of it is empty.
    belongings: Option<Box<Belongings>>,
    /// The deadline, in seconds after the start: an execution lasts five minutes at most.
    deadline_seconds: u16,
    history: HistoryLevel,
}

#[derive(Debug)]
struct Belongings {
    attempts: Option<Box<Attempts>>,
    variables: Variables,
    /// Of the only strand, and so of the execution.
    variables_bytes: u32,
}

const _: () = assert!(size_of::<Parked>() <= 104);

impl Execution {
    /// Whether [`Execution::park`] can pack it: it waits with its only strand, and counts fewer than four billion
    /// events.
    #[must_use]
    pub fn can_park(&self) -> bool {
        self.stage == Stage::Running
            && self.strands.len() == 1
            && matches!(self.strands[0].phase, Phase::Calling(..) | Phase::Sleeping | Phase::BackingOff)
            && self.line.is_empty()
            && self.strands[0].variables_bytes as usize == self.variables_bytes
            && u32::try_from(self.events).is_ok()
            && self.duration_seconds().is_some()
    }

    /// Packs it until the next event.
    ///
    /// # Panics
    /// If it [cannot](Execution::can_park) be packed.
    #[must_use]
    pub fn park(mut self) -> Parked {
        assert!(self.can_park(), "only an execution that waits with one strand is packed");
        let deadline_seconds = self.duration_seconds().expect("it was looked at just now");
        let strand = self.strands.pop().expect("its root");
        let Strand { attempts, variables, variables_bytes, .. } = strand;
        let is_empty = attempts.is_none() && variables.is_none();
        // Events are numbered in order, so that all numbers fit where the latest does.
        Parked {
            identity: self.identity,
            input: self.input,
            state_input: strand.input,
            chance: self.chance,
            started: self.started,
            state: strand.state,
            generation: strand.generation,
            phase: strand.phase,
            entered: strand.entered_us,
            entered_event: strand.entered_event as u32,
            before_event: strand.before_event as u32,
            last_event: strand.last_event as u32,
            events: self.events as u32,
            belongings: (!is_empty).then(|| Box::new(Belongings { attempts, variables, variables_bytes })),
            deadline_seconds,
            history: self.history,
        }
    }

    /// How long it may run, if that is whole seconds, as a definition says it.
    fn duration_seconds(&self) -> Option<u16> {
        let duration = self.deadline.since(self.started);
        if duration.subsec_nanos() == 0 { u16::try_from(duration.as_secs()).ok() } else { None }
    }
}

impl Parked {
    /// The execution as it was, ready for its next event.
    #[must_use]
    pub fn unpark(self) -> Execution {
        let (started, deadline) = (self.started, self.deadline());
        let (attempts, variables, variables_bytes) = match self.belongings {
            Some(belongings) => (belongings.attempts, belongings.variables, belongings.variables_bytes),
            None => (None, None, 0),
        };
        let strand = Strand {
            state: self.state,
            generation: self.generation,
            phase: self.phase,
            parent: None,
            input: self.state_input,
            entered_us: self.entered,
            entered_event: self.entered_event.into(),
            before_event: self.before_event.into(),
            last_event: self.last_event.into(),
            attempts,
            variables,
            variables_bytes,
        };
        Execution {
            strands: SmallVec::from_buf([strand]),
            forks: Slab::new(),
            line: SmallVec::new(),
            vacant: None,
            events: self.events.into(),
            variables_bytes: variables_bytes as usize,
            history: self.history,
            stage: Stage::Running,
            identity: self.identity,
            input: self.input,
            chance: self.chance,
            started,
            deadline,
        }
    }

    /// Names its wait.
    #[must_use]
    pub fn ticket(&self) -> Ticket {
        Ticket { strand: 0, generation: self.generation }
    }

    /// As [`Execution::started`].
    #[must_use]
    pub fn started(&self) -> Timestamp {
        self.started
    }

    /// As [`Execution::deadline`].
    #[must_use]
    pub fn deadline(&self) -> Timestamp {
        self.started.after(Duration::from_secs(self.deadline_seconds.into()))
    }
}
