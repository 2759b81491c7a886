//! The door: start an execution, attended or not.

use crate::admission::{Admission, Limits, Permit, Saturated};
use crate::calls::Calls;
use crate::clock::{Clock, Nap};
use crate::flight::Flight;
use crate::history::History;
use crate::host::TaskHost;
use crate::run::{Attended, Resting, Run};
use crate::running::Running;
use crate::usage::Usage;
use crate::worker::{Worker, WorkerHandle};
use fleetstep_document::Document;
use fleetstep_machine::{
    Effects, ExecutionStart, Failure, HistoryLevel, Identity, Inspection, Outcome, Program, Timestamp, Trial,
};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// Starts that [`Engine::start_batch`] takes at most: their first legs hold the calling thread.
pub const BATCH_STARTS_MAX: usize = 4_096;

/// Starts of a batch that share two readings of the clock and a worker.
const PART_STARTS: usize = 32;

/// Runs executions. Cheap to clone; all clones are the same engine.
#[derive(Clone)]
pub struct Engine(Arc<Shared>);

struct Shared {
    admission: Arc<Admission>,
    workers: Box<[WorkerHandle]>,
    /// Counts what was handed to workers, to hand it round.
    handed: AtomicUsize,
    clock: Clock,
}

/// What is to be run.
pub struct Start {
    /// The compiled state machine.
    pub program: Arc<Program>,
    /// Runs its tasks.
    pub host: Arc<dyn TaskHost>,
    /// Who the execution is.
    pub identity: Arc<Identity>,
    /// Its input.
    pub input: Document,
    /// What its chance starts from.
    pub seed: u64,
    /// Where its history goes; `None` collects nothing.
    pub history: Option<History>,
}

/// How an execution ended, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// How it ended.
    pub outcome: Outcome,
    /// When it was started.
    pub started: Timestamp,
    /// When it ended.
    pub stopped: Timestamp,
    /// What it used. Where a worker carried it on, its own steps there are not in it, but its calls are.
    pub usage: Usage,
}

/// Told once, when the execution has ended. It must not block. It may be called before [`Engine::start`]
/// returns: an execution that never waits is over by then.
pub type OnFinish = Box<dyn FnOnce(Finished) + Send>;

/// An execution that nobody attends.
pub struct Handle(Option<(WorkerHandle, Arc<AtomicU64>)>);

impl Handle {
    /// The way to an execution that is about to be handed to a worker.
    fn of(worker: &WorkerHandle, run: &mut Run) -> Self {
        let key = Arc::new(AtomicU64::new(u64::MAX));
        run.key = Some(Arc::clone(&key));
        Self(Some((worker.clone(), key)))
    }

    /// Ends the execution as `ABORTED`, unless it is over already. The end is told as any other, soon.
    pub fn abort(self, failure: Failure) {
        if let Some((worker, key)) = self.0 {
            worker.abort(key, failure);
        }
    }
}

impl Engine {
    /// An engine with its workers, which live on the current tokio runtime.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self::with_clock(limits, Clock::Wall)
    }

    pub(crate) fn with_clock(limits: Limits, clock: Clock) -> Self {
        let spawn = |_| {
            let (worker, handle) = Worker::new(clock);
            tokio::spawn(worker);
            handle
        };
        Self(Arc::new(Shared {
            admission: Admission::new(limits.executions_running_max),
            workers: (0..limits.workers.max(1)).map(spawn).collect(),
            handed: AtomicUsize::new(0),
            clock,
        }))
    }

    /// Runs an execution within the caller's own future, and returns when it has ended: one that never waits ends
    /// within the first poll. If the future is dropped midway, the execution goes on without it.
    pub async fn run(&self, start: Start) -> Result<Finished, Saturated> {
        let mut run = self.admit(start, None)?;
        let began = run.now;
        if let Some(outcome) = run.depart(self.0.clock, &mut Effects::default()) {
            return Ok(run.finished(outcome, began, self.0.clock));
        }
        run.flight.usage.was_busy(began, self.0.clock.now());
        // Boxed: a caller whose execution never waits does not make room for one that does.
        Ok(Box::pin(Attended::new(run, self.0.clock, self.next_worker().clone())).await)
    }

    /// Runs the first state of a program for whoever tests it, within the caller's own future. If the future is
    /// dropped midway, the test ends with it.
    pub async fn inspect(&self, start: Start, trial: Trial) -> Result<(Outcome, Inspection), Saturated> {
        let mut run = self.admit(start, None)?;
        let inspection = Some(Box::new(Inspection::of(trial)));
        let mut effects = Effects { inspection, ..Effects::default() };
        let mut nap = Nap::default();
        let clock = self.0.clock;
        let outcome = match run.depart(clock, &mut effects) {
            Some(outcome) => outcome,
            None => poll_fn(|cx| run.turn(&mut effects, &mut nap, clock, cx)).await,
        };
        Ok((outcome, *effects.inspection.expect("a step leaves the inspection where it is")))
    }

    /// Starts an execution and returns. The first leg is run here; if it has to wait, a worker carries it on.
    pub fn start(&self, start: Start, on_finish: OnFinish) -> Result<Handle, Saturated> {
        Ok(self.launch(self.admit(start, Some(on_finish))?))
    }

    /// The same for what a task of a running execution starts, which is let in while the engine is drained too: it is
    /// part of what may finish.
    pub fn start_nested(&self, start: Start, on_finish: OnFinish) -> Result<Handle, Saturated> {
        let permit = self.0.admission.admit_nested()?;
        Ok(self.launch(begin(start, Some(on_finish), permit, self.0.clock.now())))
    }

    fn launch(&self, mut run: Run) -> Handle {
        let began = run.now;
        if let Some(outcome) = run.depart(self.0.clock, &mut Effects::default()) {
            let finished = run.finished(outcome, began, self.0.clock);
            run.flight.finish(finished);
            return Handle(None);
        }
        run.flight.usage.was_busy(began, self.0.clock.now());
        let worker = self.next_worker();
        let handle = Handle::of(worker, &mut run);
        worker.adopt(run.rest());
        handle
    }

    /// Starts many executions and returns what [`Engine::start`] would for each, in their order. They share what a
    /// start costs beside its first leg: the permits are taken in one go, and a few dozen share two readings of the
    /// clock, which may be some microseconds apart from the time at which one begins or ends, and a message to one
    /// worker. What is beyond [`BATCH_STARTS_MAX`], or beyond the room that there is, is refused; then what comes
    /// first is let in.
    pub fn start_batch(&self, starts: Vec<(Start, OnFinish)>) -> Vec<Result<Handle, Saturated>> {
        let mut permits = self.0.admission.admit_many(starts.len().min(BATCH_STARTS_MAX));
        let mut handles = Vec::with_capacity(starts.len());
        let mut effects = Effects::default();
        let mut starts = starts.into_iter().peekable();
        while starts.peek().is_some() {
            let part = starts.by_ref().take(PART_STARTS);
            self.start_part(part, &mut permits, &mut effects, &mut handles);
        }
        handles
    }

    fn start_part(
        &self,
        starts: impl Iterator<Item = (Start, OnFinish)>,
        permits: &mut impl Iterator<Item = Permit>,
        effects: &mut Effects,
        handles: &mut Vec<Result<Handle, Saturated>>,
    ) {
        let clock = self.0.clock;
        let (started, worker) = (clock.now(), self.next_worker());
        let (mut over, mut waiting) = (Vec::new(), Vec::new());
        for (start, on_finish) in starts {
            let Some(permit) = permits.next() else {
                handles.push(Err(Saturated));
                continue;
            };
            let mut run = begin(start, Some(on_finish), permit, started);
            match run.depart(clock, effects) {
                Some(outcome) => {
                    handles.push(Ok(Handle(None)));
                    over.push((run.flight, outcome, run.now));
                }
                None => {
                    handles.push(Ok(Handle::of(worker, &mut run)));
                    waiting.push(run.rest());
                }
            }
        }
        let now = clock.now();
        // They shared the time: each has its share of it.
        let share = now.since(started) / u32::try_from(over.len() + waiting.len()).unwrap_or(1).max(1);
        let each = started.after(share);
        waiting.iter_mut().for_each(|run: &mut Resting| run.flight.usage.was_busy(started, each));
        worker.adopt_many(waiting);
        for (flight, outcome, at) in over {
            let mut usage = flight.usage;
            usage.was_busy(started, each);
            flight.finish(Finished { outcome, started, stopped: now.max(at), usage });
        }
    }

    /// How many executions are running.
    #[must_use]
    pub fn running(&self) -> usize {
        self.0.admission.running()
    }

    /// How many executions may be running.
    #[must_use]
    pub fn running_max(&self) -> usize {
        self.0.admission.running_max()
    }

    /// Lets no further execution in, and waits at most `patience` for those that are running. Returns how many
    /// are running still.
    pub async fn drain(&self, patience: Duration) -> usize {
        self.0.admission.close();
        // Either way, what is left is what counts.
        let _ = tokio::time::timeout(patience, self.0.admission.idle()).await;
        self.running()
    }

    fn admit(&self, start: Start, on_finish: Option<OnFinish>) -> Result<Run, Saturated> {
        let permit = self.0.admission.admit()?;
        Ok(begin(start, on_finish, permit, self.0.clock.now()))
    }

    /// Hands work round. What waits costs a worker nothing, so that counting would not tell who has more to do.
    fn next_worker(&self) -> &WorkerHandle {
        let workers = &self.0.workers;
        &workers[self.0.handed.fetch_add(1, Ordering::Relaxed) % workers.len()]
    }
}

/// An execution that has not made its first step.
fn begin(start: Start, on_finish: Option<OnFinish>, permit: Permit, started: Timestamp) -> Run {
    let Start { program, host, identity, input, seed, history: recorded } = start;
    let history = recorded.as_ref().map_or(HistoryLevel::Off, |history| history.level);
    let execution = ExecutionStart { input, identity, seed, started, history };
    Run {
        running: Running::new(program, execution).with_sink(recorded.map(|history| history.sink)),
        flight: Flight { host, calls: Calls::default(), on_finish, usage: Usage::default(), permit },
        answers: VecDeque::new(),
        has_yielded: false,
        now: started,
        key: None,
    }
}
