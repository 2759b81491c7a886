//! What an execution remembers between two steps: its strands and its forks.

use crate::{StateId, Ticket};
use fleetstep_document::Document;
use std::num::NonZero;
use std::sync::Arc;

/// Index of a strand.
pub(crate) type StrandId = u32;

/// Index of a fork.
pub(crate) type ForkId = u32;

/// Workflow variables by slot, shared with the strands that were forked off until one of them assigns.
pub(crate) type Variables = Option<Arc<Vec<Option<Document>>>>;

/// One thread of control. The first is the root; a branch of a Parallel and an iteration of a Map are one each.
#[derive(Debug)]
pub(crate) struct Strand {
    /// The state that it is in.
    pub(crate) state: StateId,
    /// Counts the waits of this slot, through all the strands that use it one after the other.
    pub(crate) generation: u32,
    pub(crate) phase: Phase,
    /// Whose branch or iteration it is; `None` for the root.
    pub(crate) parent: Option<Parent>,
    /// The state's input as it came in.
    pub(crate) input: Document,
    /// When it entered the state, in microseconds after the start: five minutes fit.
    pub(crate) entered_us: u32,
    /// Number of the event that entered the state.
    pub(crate) entered_event: u64,
    /// Number of the event that this strand came from into the state.
    pub(crate) before_event: u64,
    /// Number of this strand's latest event.
    pub(crate) last_event: u64,
    /// The retries of this state; `None` until the first.
    pub(crate) attempts: Option<Box<Attempts>>,
    pub(crate) variables: Variables,
    /// Bytes of JSON of the variables that this strand assigned itself.
    pub(crate) variables_bytes: u32,
}

/// What a strand waits for.
///
/// ```text
///           Start, item ──► Running ──► Calling ──► Running        (reply)
///                             │  ▲         └──────► Backing off    (failure, timer)
///                             │  └───── Sleeping, BackingOff       (timer)
///                             │  └───── Joining                    (the last branch)
///                             └──► Vacant ──► Running              (slot used again)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing: it runs, or stands in line to.
    Running,
    /// A task's answer, or the timer of the task's own deadline, which is then.
    Calling(Timer, Micros),
    /// The end of a Wait.
    Sleeping,
    /// The end of a Retry's interval.
    BackingOff,
    /// The branches of this fork.
    Joining(ForkId),
    /// The slot is free; with the next free one.
    Vacant(Option<Vacant>),
}

/// Index of a free slot. The root keeps its own to the end.
pub(crate) type Vacant = NonZero<StrandId>;

/// Microseconds after the start of the execution.
pub(crate) type Micros = u32;

/// Which deadline of a task ends first and is armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    /// None: only the execution's own.
    Unarmed,
    /// `TimeoutSeconds`
    Timeout,
    /// `HeartbeatSeconds`: what answers itself sends no heartbeat, so that the first is missed.
    Heartbeat,
}

/// A strand's place in its fork.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Parent {
    pub(crate) fork: ForkId,
    /// Which branch, or which item.
    pub(crate) index: u32,
}

/// How often a state was retried.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    /// In all: `$$.State.RetryCount`.
    pub(crate) total: u32,
    /// By retrier.
    pub(crate) by_retrier: Vec<u32>,
}

impl Strand {
    pub(crate) fn new(state: StateId, input: Document) -> Self {
        Self {
            state,
            generation: 0,
            phase: Phase::Running,
            parent: None,
            input,
            entered_us: 0,
            entered_event: 0,
            before_event: 0,
            last_event: 0,
            attempts: None,
            variables: None,
            variables_bytes: 0,
        }
    }

    pub(crate) fn ticket(&self, id: StrandId) -> Ticket {
        Ticket { strand: id, generation: self.generation }
    }

    pub(crate) fn retry_count(&self) -> u32 {
        self.attempts.as_ref().map_or(0, |attempts| attempts.total)
    }
}

/// A Parallel or Map state at work.
#[derive(Debug)]
pub(crate) struct Fork {
    /// The strand whose state it is.
    pub(crate) owner: StrandId,
    /// How many branches or items there are.
    pub(crate) total: u32,
    /// The next one to start.
    pub(crate) next: u32,
    /// How many run.
    pub(crate) live: u32,
    /// How many may run at once.
    pub(crate) live_max: u32,
    /// Whether it stands in line to start its next.
    pub(crate) in_line: bool,
    /// Number of the event that started it.
    pub(crate) started_event: u64,
    /// The input of every branch of a Parallel; of a Map, its input after `InputPath`, which `ItemSelector` reads.
    pub(crate) input: Document,
    /// The items of a Map.
    pub(crate) items: Option<Document>,
    /// What has come back, by index; `null` where nothing has yet.
    pub(crate) results: Vec<Document>,
    /// Bytes of JSON of the array of `results`, as far as it has come.
    pub(crate) results_bytes: usize,
}

impl Fork {
    /// One of that strand's state, with nothing to run.
    pub(crate) fn of(owner: StrandId) -> Self {
        Self {
            owner,
            total: 0,
            next: 0,
            live: 0,
            live_max: 0,
            in_line: false,
            started_event: 0,
            input: Document::NULL,
            items: None,
            results: Vec::new(),
            // Two brackets, less the comma that the last element does not need.
            results_bytes: 1,
        }
    }

    pub(crate) fn may_start(&self) -> bool {
        self.next < self.total && self.live < self.live_max
    }
}

const _: () = assert!(size_of::<Strand>() <= 96);
const _: () = assert!(size_of::<Phase>() == 8);
