//! One execution.

use crate::run::Run;
use crate::strand::{Fork, ForkId, Phase, Strand, StrandId, Vacant};
use crate::{Effects, Event, HistoryLevel, Identity, Program, Status, Ticket, Timestamp};
use fleetstep_document::Document;
use fleetstep_expr::Chance;
use slab::Slab;
use smallvec::SmallVec;
use std::sync::Arc;
use std::time::Duration;

/// How long an express workflow may run, whatever its definition says.
pub const EXECUTION_DURATION_MAX: Duration = Duration::from_secs(300);

/// State transitions after which a step gives others their turn with [`Status::Yielded`].
pub const STEP_TRANSITIONS_MAX: u32 = 1_000;

/// Bytes of JSON that the output of a state may have.
pub const OUTPUT_BYTES_MAX: usize = 262_144;

/// Iterations of one Map that run at once, whatever its `MaxConcurrency` says: the service's limit for an inline
/// Map.
pub const MAP_ITERATIONS_LIVE_MAX: u32 = 40;

/// What an execution starts from.
#[derive(Clone, Debug)]
pub struct ExecutionStart {
    /// The input.
    pub input: Document,
    /// Who it is.
    pub identity: Arc<Identity>,
    /// What its chance starts from: retry jitter, `States.UUID`, `States.MathRandom`.
    pub seed: u64,
    /// When it was started: its deadline counts from here.
    pub started: Timestamp,
    /// Which history events it puts into [`Effects::history`].
    pub history: HistoryLevel,
}

/// One execution of a [`Program`].
///
/// All that it remembers is its strands of control, each in one state, and the forks that join them: a Parallel or
/// a Map is a fork whose owner waits for the strands of its branches. A strand that ends leaves its slot to the
/// next one, and the slot counts its waits, so that a reply to an earlier one is known to be late.
#[derive(Debug)]
pub struct Execution {
    /// The first is the root.
    pub(crate) strands: SmallVec<[Strand; 1]>,
    pub(crate) forks: Slab<Fork>,
    /// What is to run before the step ends; the last comes first, so that a branch runs as far as it can before
    /// the next one starts.
    pub(crate) line: SmallVec<[InLine; 2]>,
    /// The first free slot of `strands`; each names the next.
    pub(crate) vacant: Option<Vacant>,
    /// How many events there were. Five minutes of a short loop are more than 32 bits count.
    pub(crate) events: u64,
    /// Bytes of JSON of all variables, those of branches too.
    pub(crate) variables_bytes: usize,
    pub(crate) history: HistoryLevel,
    pub(crate) stage: Stage,
    pub(crate) identity: Arc<Identity>,
    pub(crate) input: Document,
    pub(crate) chance: Chance,
    pub(crate) started: Timestamp,
    pub(crate) deadline: Timestamp,
}

/// How far an execution is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    New,
    Running,
    Over,
}

/// What stands in line to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InLine {
    /// A strand that is about to enter its state.
    Enter(StrandId),
    /// A strand that is about to act again in its state.
    Act(StrandId),
    /// A fork that is about to start its next branch or item.
    Start(ForkId),
}

impl Execution {
    /// An execution that waits for [`Event::Start`].
    #[must_use]
    pub fn new(program: &Program, start: ExecutionStart) -> Self {
        let mut root = Strand::new(program.branches[program.root.index()].start, start.input.clone());
        if !program.variables.is_empty() {
            root.variables = Some(Arc::new(vec![None; program.variables.len()]));
        }
        let duration = program.timeout.unwrap_or(EXECUTION_DURATION_MAX).min(EXECUTION_DURATION_MAX);
        Self {
            strands: SmallVec::from_buf([root]),
            forks: Slab::new(),
            line: SmallVec::new(),
            vacant: None,
            events: 0,
            variables_bytes: 0,
            history: start.history,
            stage: Stage::New,
            identity: start.identity,
            input: start.input,
            chance: Chance::new(start.seed),
            started: start.started,
            deadline: start.started.after(duration),
        }
    }

    /// Takes one event in and goes on until nothing is left to do without the world, the step budget is used
    /// up, or the execution is over. Every step of one execution is given the same `program`; `now` never goes
    /// back. An event that nothing waits for (a late or doubled reply, any event after the end) changes nothing
    /// and is answered with [`Status::Waiting`].
    pub fn step(&mut self, program: &Program, event: Event, now: Timestamp, effects: &mut Effects) -> Status {
        Run::new(self, program, now, effects).step(event)
    }

    /// When the execution is over at the latest. The driver sends any event then ([`Event::Resume`] will do);
    /// every event that comes at this time or after it ends the execution as timed out.
    #[must_use]
    pub fn deadline(&self) -> Timestamp {
        self.deadline
    }

    /// When it was started.
    #[must_use]
    pub fn started(&self) -> Timestamp {
        self.started
    }

    /// Who it is.
    #[must_use]
    pub fn identity(&self) -> &Arc<Identity> {
        &self.identity
    }

    /// How many strands there are, running or waiting: 1, and one for each branch and iteration under way.
    #[must_use]
    pub fn strands_live(&self) -> usize {
        self.strands.iter().filter(|strand| !matches!(strand.phase, Phase::Vacant(_))).count()
    }

    /// The event that a wait follows from: the latest of the strand that waits. `None` for a wait that is over.
    #[must_use]
    pub fn event_before(&self, ticket: Ticket) -> Option<u64> {
        let strand = self.strands.get(ticket.strand as usize)?;
        let waits = matches!(strand.phase, Phase::Calling(..) | Phase::Sleeping | Phase::BackingOff);
        (waits && strand.generation == ticket.generation).then_some(strand.last_event)
    }

    #[inline]
    pub(crate) fn strand(&self, id: StrandId) -> &Strand {
        &self.strands[id as usize]
    }

    #[inline]
    pub(crate) fn strand_mut(&mut self, id: StrandId) -> &mut Strand {
        &mut self.strands[id as usize]
    }

    pub(crate) fn fork(&self, id: ForkId) -> &Fork {
        &self.forks[id as usize]
    }

    pub(crate) fn fork_mut(&mut self, id: ForkId) -> &mut Fork {
        &mut self.forks[id as usize]
    }

    /// A strand in a free slot, or in a new one.
    pub(crate) fn occupy(&mut self, mut strand: Strand) -> StrandId {
        match self.vacant {
            Some(vacant) => {
                let id = vacant.get();
                let slot = self.strand_mut(id);
                let Phase::Vacant(next) = slot.phase else {
                    unreachable!("the list of vacant slots holds vacant ones")
                };
                strand.generation = slot.generation;
                *slot = strand;
                self.vacant = next;
                id
            }
            None => {
                self.strands.push(strand);
                self.strands.len() as StrandId - 1
            }
        }
    }

    /// Frees a strand's slot, and what the strand held.
    pub(crate) fn vacate(&mut self, id: StrandId) {
        let vacant = self.vacant;
        self.variables_bytes -= self.strand(id).variables_bytes as usize;
        let slot = self.strand_mut(id);
        let generation = slot.generation;
        *slot = Strand { generation, phase: Phase::Vacant(vacant), ..Strand::new(slot.state, Document::NULL) };
        self.vacant = Some(Vacant::new(id).expect("the root is not vacated"));
    }
}

const _: () = assert!(size_of::<Execution>() <= 256);
