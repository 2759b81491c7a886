//! Spans out of history events: pure.
//!
//! An execution is a span, each visit of a state one within it, each iteration of a Map one within the Map's, and each
//! call of a task one within its state's. A branch of a Parallel has no event, and so no span: its states lie within the
//! Parallel's, each with the number of its branch.
//!
//! An event names the one that it follows from. From that one on, the span that is meant is found outwards: names of
//! states are unique in a definition, so that the nearest open span of the right name or kind is the right one.

use fleetstep_document::{Document, Text};
use fleetstep_engine::{Failure, Happening, HistoryEvent, StateKind, TaskId, Timestamp};

/// Spans of one execution; what more there were is counted.
pub const SPANS_MAX: usize = 4_096;
/// Events of one execution that are followed.
pub const EVENTS_MAX: usize = 65_536;

/// One span.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// Number of the event that it began with.
    pub event: u64,
    /// Index of the span around it; the first, that of the execution, has none.
    pub around: Option<usize>,
    /// What of the execution it is.
    pub what: What,
    /// When it began.
    pub start: Timestamp,
    /// When it ended.
    pub end: Timestamp,
    /// How.
    pub status: Status,
    /// The last failure in it: what it ended with, or what was caught.
    pub failure: Option<Failure>,
}

/// What of an execution a span is.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// All of it.
    Execution,
    /// A visit of a state.
    State {
        /// Its name.
        name: Text,
        /// Its kind.
        kind: StateKind,
        /// Which branch it lies in, directly within a Parallel.
        branch: Option<u32>,
        /// Calls of a task, items of a Map.
        count: u32,
    },
    /// An iteration of a Map.
    Iteration {
        /// Name of the Map.
        map: Text,
        /// Which item.
        index: u32,
    },
    /// A call of a task.
    Call {
        /// Which task of the program.
        task: TaskId,
        /// What names the function, where the input does.
        function: Option<Text>,
        /// How often its state was tried before.
        retry: u32,
    },
}

/// How a span ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It has not.
    Open,
    /// Well.
    Succeeded,
    /// It failed, and a Catch took the failure.
    Caught,
    /// Not well.
    Failed,
    /// Its time was over.
    TimedOut,
    /// Others ended it.
    Aborted,
}

impl Status {
    /// As the service's APIs word it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Caught => "CAUGHT",
            Self::Failed => "FAILED",
            Self::TimedOut => "TIMED_OUT",
            Self::Aborted => "ABORTED",
        }
    }

    /// Whether it is an error to those who look at traces.
    #[must_use]
    pub fn is_error(self) -> bool {
        matches!(self, Self::Failed | Self::TimedOut)
    }
}

/// Index of a span.
type Index = usize;

/// Makes the spans of one execution, event by event.
#[derive(Debug, Default)]
pub struct Follower {
    spans: Vec<Span>,
    /// Those that have not ended, in the order in which they began.
    open: Vec<Index>,
    /// Which span each event left its strand in, by the event's number less one.
    of_event: Vec<u32>,
    /// The event that told of an open Parallel or Map that it has failed for good.
    failed_at: Vec<(Index, u64)>,
    /// The branch that starts next in an open Parallel.
    branches: Vec<(Index, u32)>,
    /// They have failed; what by is told when the failure arrives where it is told.
    unnamed: Vec<Index>,
    dropped: u32,
    is_over: bool,
}

/// The span of the execution.
const ROOT: Index = 0;

/// The spans that `events`, all of one execution, tell of.
#[must_use]
pub fn spans(events: &[HistoryEvent]) -> Vec<Span> {
    let mut follower = Follower::default();
    events.iter().for_each(|event| follower.follow(event));
    follower.spans
}

impl Follower {
    /// Takes the next event in. All of them are needed: the level of the history must be the highest.
    pub fn follow(&mut self, event: &HistoryEvent) {
        if self.is_over {
            return;
        }
        let is_end = matches!(
            event.what,
            Happening::ExecutionSucceeded { .. }
                | Happening::ExecutionFailed(_)
                | Happening::ExecutionTimedOut(_)
                | Happening::ExecutionAborted(_)
        );
        if self.of_event.len() >= EVENTS_MAX && !is_end {
            self.dropped = self.dropped.saturating_add(u32::from(begins_one(&event.what)));
            return;
        }
        let from = self.span_after(event.previous);
        let left_in = self.took(event, from).unwrap_or(from);
        if self.of_event.len() < EVENTS_MAX {
            self.of_event.push(u32::try_from(left_in).unwrap_or(0));
        }
    }

    /// Whether the execution has ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// Whether it has begun.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        !self.spans.is_empty()
    }

    /// Ends what has not ended, of an execution that never told of its end.
    pub fn cut(&mut self, at: Timestamp) {
        self.end_all(at, Status::Aborted);
    }

    /// The spans, and how many more there were.
    #[must_use]
    pub fn finish(self) -> (Vec<Span>, u32) {
        (self.spans, self.dropped)
    }

    /// The span that the event's strand is in now, where that is another one than before.
    fn took(&mut self, event: &HistoryEvent, from: Index) -> Option<Index> {
        let HistoryEvent { previous, at, what, .. } = event;
        let at = *at;
        match what {
            Happening::ExecutionStarted { .. } => self.begin(event, None, What::Execution),
            Happening::StateEntered { kind, name, .. } => self.enter(event, from, *kind, name),
            Happening::StateExited { name, .. } => {
                self.unnamed.clear();
                let state = self.outwards(from, |what| is_state(what, name))?;
                let status = if self.spans[state].failure.is_some() { Status::Caught } else { Status::Succeeded };
                self.end(state, at, status);
                Some(state)
            }
            Happening::StateAborted { kind } => {
                let state = self.outwards(from, |what| is_kind(what, *kind))?;
                let status = if self.spans[state].failure.is_some() { Status::Failed } else { Status::Aborted };
                self.end(state, at, status);
                Some(state)
            }
            Happening::EvaluationFailed { state, failure, .. } => {
                let state = self.evaluating(from, *previous, state)?;
                self.spans[state].failure = Some(failure.clone());
                Some(state)
            }
            Happening::TaskScheduled { task, input, .. } => self.call(event, from, *task, input),
            Happening::TaskStarted { .. } => None,
            Happening::TaskSucceeded { .. } => self.answered(from, at, Status::Succeeded, None),
            Happening::TaskFailed { failure, .. } => self.answered(from, at, Status::Failed, Some(failure)),
            Happening::TaskTimedOut { failure, .. } => self.answered(from, at, Status::TimedOut, Some(failure)),
            Happening::ParallelStateStarted => self.fork(event, from, StateKind::Parallel, 0),
            Happening::MapStateStarted { length } => self.fork(event, from, StateKind::Map, *length),
            Happening::ParallelStateSucceeded | Happening::MapStateSucceeded => None,
            Happening::ParallelStateFailed => self.fork_failed(event, from, StateKind::Parallel),
            Happening::MapStateFailed => self.fork_failed(event, from, StateKind::Map),
            Happening::MapIterationStarted { name, index } => {
                self.begin(event, Some(from), What::Iteration { map: name.clone(), index: *index })
            }
            Happening::MapIterationSucceeded { index, .. } => {
                let iteration = self.outwards(from, |what| is_iteration(what, *index))?;
                self.end(iteration, at, Status::Succeeded);
                Some(iteration)
            }
            Happening::MapIterationFailed { index, .. } => {
                let iteration =
                    self.outwards(self.beyond_failed(from, *previous), |what| is_iteration(what, *index))?;
                self.fail_between(from, iteration, at);
                self.end(iteration, at, Status::Failed);
                None
            }
            Happening::MapIterationAborted { index, .. } => {
                let iteration = self.outwards(from, |what| is_iteration(what, *index))?;
                self.end(iteration, at, Status::Aborted);
                None
            }
            Happening::ExecutionSucceeded { .. } => self.over(at, Status::Succeeded, None, from),
            Happening::ExecutionFailed(failure) => self.over(at, Status::Failed, Some(failure), from),
            Happening::ExecutionTimedOut(failure) => self.over(at, Status::TimedOut, Some(failure), from),
            Happening::ExecutionAborted(failure) => self.over(at, Status::Aborted, Some(failure), from),
        }
    }

    /// The span that an event left its strand in.
    fn span_after(&self, event: u64) -> Index {
        let at = event.checked_sub(1).and_then(|at| usize::try_from(at).ok());
        at.and_then(|at| self.of_event.get(at)).map_or(ROOT, |&span| span as Index)
    }

    fn begin(&mut self, event: &HistoryEvent, around: Option<Index>, what: What) -> Option<Index> {
        if self.spans.len() >= SPANS_MAX {
            self.dropped += 1;
            return None;
        }
        let index = self.spans.len();
        let HistoryEvent { id, at, .. } = *event;
        self.spans.push(Span { event: id, around, what, start: at, end: at, status: Status::Open, failure: None });
        self.open.push(index);
        Some(index)
    }

    fn enter(&mut self, event: &HistoryEvent, from: Index, kind: StateKind, name: &Text) -> Option<Index> {
        self.unnamed.clear();
        // What follows a state that has ended is beside it, what follows one that has not is within.
        let before = self.spans.get(from)?;
        let is_within = before.status == Status::Open;
        let around = if is_within { Some(from) } else { before.around };
        let branch = match &before.what {
            What::State { branch, .. } if !is_within => *branch,
            _ => self.next_branch(from),
        };
        self.begin(event, around, What::State { name: name.clone(), kind, branch, count: 0 })
    }

    /// The number of the branch that begins in a Parallel; of nothing else there is one.
    fn next_branch(&mut self, parallel: Index) -> Option<u32> {
        let (_, next) = self.branches.iter_mut().find(|(span, _)| *span == parallel)?;
        *next += 1;
        Some(*next - 1)
    }

    /// The state whose expression failed. Its first failure is told as if it had not been entered yet: then it is the
    /// open one of that name that followed from the same event.
    fn evaluating(&self, from: Index, previous: u64, name: &Text) -> Option<Index> {
        let around = self.outwards(from, |what| is_state(what, name));
        around.or_else(|| {
            let within = |span: Index| {
                let entered = self.spans[span].event;
                is_state(&self.spans[span].what, name) && entered > previous
            };
            self.open.iter().rev().copied().find(|&span| within(span) && self.is_beside_or_within(span, from))
        })
    }

    fn is_beside_or_within(&self, span: Index, from: Index) -> bool {
        let around = self.spans[span].around;
        around == Some(from) || around == self.spans[from].around
    }

    fn call(&mut self, event: &HistoryEvent, from: Index, task: TaskId, input: &Document) -> Option<Index> {
        self.unnamed.clear();
        let state = self.outwards(from, |what| matches!(what, What::State { kind: StateKind::Task, .. }))?;
        self.spans[state].failure = None;
        let What::State { count, .. } = &mut self.spans[state].what else { return None };
        let retry = *count;
        *count += 1;
        let function = input.get("FunctionName").and_then(Document::as_text).cloned();
        self.begin(event, Some(state), What::Call { task, function, retry });
        Some(state)
    }

    /// The call that is open in a state has its answer.
    fn answered(&mut self, from: Index, at: Timestamp, status: Status, failure: Option<&Failure>) -> Option<Index> {
        let state = self.outwards(from, |what| matches!(what, What::State { kind: StateKind::Task, .. }))?;
        let is_call = |&span: &Index| self.spans[span].around == Some(state);
        if let Some(call) = self.open.iter().rev().copied().find(is_call) {
            self.spans[call].failure = failure.cloned();
            self.end(call, at, status);
        }
        self.spans[state].failure = failure.cloned();
        Some(state)
    }

    /// A Parallel or a Map starts its branches, perhaps again.
    fn fork(&mut self, event: &HistoryEvent, from: Index, kind: StateKind, length: u32) -> Option<Index> {
        self.unnamed.clear();
        let state = self.outwards(self.beyond_failed(from, event.previous), |what| is_kind(what, kind))?;
        if from != state {
            self.fail_between(from, state, event.at);
            self.unnamed.clear();
        }
        self.end_within(state, event.at);
        self.spans[state].failure = None;
        if let What::State { count, .. } = &mut self.spans[state].what {
            *count = length;
        }
        self.branches.retain(|(span, _)| *span != state);
        if kind == StateKind::Parallel {
            self.branches.push((state, 0));
        }
        Some(state)
    }

    /// A Parallel or a Map has failed for good, unless it is caught; and with it what it failed by.
    fn fork_failed(&mut self, event: &HistoryEvent, from: Index, kind: StateKind) -> Option<Index> {
        let state = self.outwards(self.beyond_failed(from, event.previous), |what| is_kind(what, kind))?;
        self.fail_between(from, state, event.at);
        self.end_within(state, event.at);
        if self.spans[state].failure.is_none() {
            self.unnamed.push(state);
        }
        self.failed_at.retain(|(span, _)| *span != state);
        self.failed_at.push((state, event.id));
        Some(state)
    }

    /// Where to look from: what was told to have failed is not meant again.
    fn beyond_failed(&self, from: Index, previous: u64) -> Index {
        let has_failed = self.failed_at.contains(&(from, previous));
        if has_failed { self.spans[from].around.unwrap_or(from) } else { from }
    }

    /// Ends what lies from `from` outwards to `to`, which takes the failure over.
    fn fail_between(&mut self, from: Index, to: Index, at: Timestamp) {
        let (mut failure, mut next) = (None, Some(from));
        while let Some(span) = next.filter(|&span| span != to) {
            failure = failure.or_else(|| self.spans[span].failure.clone());
            if self.spans[span].status == Status::Open {
                if self.spans[span].failure.is_none() {
                    self.spans[span].failure.clone_from(&failure);
                }
                if self.spans[span].failure.is_none() {
                    self.unnamed.push(span);
                }
                self.end(span, at, Status::Failed);
            }
            next = self.spans[span].around;
        }
        if self.spans[to].failure.is_none() {
            self.spans[to].failure = failure;
        }
    }

    fn over(&mut self, at: Timestamp, status: Status, failure: Option<&Failure>, from: Index) -> Option<Index> {
        self.spans.get(ROOT)?;
        if let (Status::Failed, Some(failure)) = (status, failure) {
            self.fail_between(from, ROOT, at);
            for span in std::mem::take(&mut self.unnamed) {
                self.spans[span].failure = Some(failure.clone());
            }
        }
        self.spans[ROOT].failure = failure.cloned();
        self.end_all(at, status);
        Some(ROOT)
    }

    fn end_all(&mut self, at: Timestamp, status: Status) {
        if self.spans.is_empty() || self.is_over {
            return;
        }
        self.end(ROOT, at, status);
        self.is_over = true;
    }

    /// Ends a span, and what is open within it.
    fn end(&mut self, span: Index, at: Timestamp, status: Status) {
        self.end_within(span, at);
        self.open.retain(|&other| other != span);
        let ended = &mut self.spans[span];
        (ended.end, ended.status) = (at, status);
        let is_open = |span: Index| self.spans[span].status == Status::Open;
        self.failed_at.retain(|(span, _)| is_open(*span));
        self.branches.retain(|(span, _)| is_open(*span));
    }

    fn end_within(&mut self, around: Index, at: Timestamp) {
        let spans = &mut self.spans;
        self.open.retain(|&span| {
            let is_within = lies_within(spans, span, around);
            if is_within {
                (spans[span].end, spans[span].status) = (at, Status::Aborted);
            }
            !is_within
        });
    }

    /// The span, or the nearest one around it, that is open and meant.
    fn outwards(&self, from: Index, is_meant: impl Fn(&What) -> bool) -> Option<Index> {
        let mut next = Some(from);
        while let Some(span) = next {
            let found = self.spans.get(span)?;
            if found.status == Status::Open && is_meant(&found.what) {
                return Some(span);
            }
            next = found.around;
        }
        None
    }
}

fn lies_within(spans: &[Span], span: Index, around: Index) -> bool {
    let mut next = spans[span].around;
    while let Some(found) = next {
        if found == around {
            return true;
        }
        next = spans[found].around;
    }
    false
}

fn is_state(what: &What, name: &Text) -> bool {
    matches!(what, What::State { name: known, .. } if known == name)
}

fn is_kind(what: &What, kind: StateKind) -> bool {
    matches!(what, What::State { kind: known, .. } if *known == kind)
}

fn is_iteration(what: &What, index: u32) -> bool {
    matches!(what, What::Iteration { index: known, .. } if *known == index)
}

fn begins_one(what: &Happening) -> bool {
    matches!(
        what,
        Happening::StateEntered { .. } | Happening::TaskScheduled { .. } | Happening::MapIterationStarted { .. }
    )
}
