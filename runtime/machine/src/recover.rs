//! How failures go: through `Retry`, through `Catch`, or out of the state and up.

use crate::run::{Run, Sight, Turn};
use crate::strand::{Phase, StrandId, Timer};
use crate::{Catcher, Decider, ErrorPattern, Failure, Happening, Kind, Next, Outcome, Retrier};
use fleetstep_document::Text;
use fleetstep_expr::{ErrorName, EvalError};
use std::time::Duration;

/// A failure on its way, with what decides who may catch it.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) failure: Failure,
    origin: Origin,
    /// The field whose expression failed.
    location: Option<Text>,
}

/// Where a failure comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// A task answered so, or a Fail state said so.
    Workflow,
    /// A heartbeat was missed.
    Heartbeat,
    /// An expression; its event is not recorded yet.
    Expression,
    /// A document is over the limit. `States.ALL` does not match it, unless a task answered so.
    Limit,
    /// `States.Runtime`: nothing catches it, nothing retries it.
    Runtime,
}

impl Fault {
    fn new(failure: Failure, origin: Origin) -> Self {
        Self { failure, origin, location: None }
    }

    pub(crate) fn of_task(failure: Failure) -> Self {
        let runtime = failure.error.as_deref() == Some(ErrorName::Runtime.as_str());
        Self::new(failure, if runtime { Origin::Runtime } else { Origin::Workflow })
    }

    pub(crate) fn of_fail(error: Option<Text>, cause: Option<Text>) -> Self {
        Self::new(Failure { error, cause }, Origin::Workflow)
    }

    /// The service reports a missed heartbeat as `States.Timeout` too; both names match it.
    pub(crate) fn of_timer(timer: Timer) -> Self {
        let origin = if timer == Timer::Heartbeat { Origin::Heartbeat } else { Origin::Workflow };
        Self::new(Failure::named(TIMEOUT), origin)
    }

    /// Of a callback's limit that its host kept: which one is over, if it is that.
    pub(crate) fn timer_of(failure: &Failure) -> Option<Timer> {
        match (failure.error.as_deref(), &failure.cause) {
            (Some(HEARTBEAT_TIMEOUT), None) => Some(Timer::Heartbeat),
            (Some(TIMEOUT), None) => Some(Timer::Timeout),
            _ => None,
        }
    }

    fn matches(&self, pattern: &ErrorPattern) -> bool {
        let error = self.failure.error.as_deref().unwrap_or_default();
        match pattern {
            ErrorPattern::All => self.origin != Origin::Limit,
            ErrorPattern::TaskFailed => error != TIMEOUT && self.origin != Origin::Limit,
            ErrorPattern::Name(name) if name == HEARTBEAT_TIMEOUT => {
                error == HEARTBEAT_TIMEOUT || self.origin == Origin::Heartbeat
            }
            ErrorPattern::Name(name) => self.failure.error.as_deref() == Some(name.as_str()),
        }
    }

    pub(crate) fn matches_any(&self, patterns: &[ErrorPattern]) -> bool {
        patterns.iter().any(|pattern| self.matches(pattern))
    }
}

pub(crate) const TIMEOUT: &str = "States.Timeout";
const DATA_LIMIT_EXCEEDED: &str = "States.DataLimitExceeded";
pub(crate) const HEARTBEAT_TIMEOUT: &str = "States.HeartbeatTimeout";

impl Kind {
    fn handlers(&self) -> (&[Retrier], &[Catcher]) {
        match self {
            Self::Task(task) => (&task.retry, &task.catch),
            Self::Parallel(parallel) => (&parallel.retry, &parallel.catch),
            Self::Map(map) => (&map.retry, &map.catch),
            _ => (&[], &[]),
        }
    }

    /// Whether a failure may leave the execution in the state, or within its list.
    pub(crate) fn may_recover(&self) -> bool {
        let (retriers, catchers) = self.handlers();
        !(retriers.is_empty() && catchers.is_empty())
    }
}

impl<'a> Run<'a> {
    /// The service's wording of an expression's error.
    pub(crate) fn fault(&self, id: StrandId, error: EvalError) -> Fault {
        let error = error.into_complaint();
        let origin = if error.name == ErrorName::Runtime { Origin::Runtime } else { Origin::Expression };
        let cause = if self.effects.inspection.is_some() {
            // A test has one state and no history: the service says the bare reason.
            error.message
        } else {
            format!(
                "An error occurred while executing the state '{}' (entered at the event id #{}). {}",
                self.state(id).name,
                self.execution.strand(id).entered_event,
                error.message
            )
        };
        Fault { location: error.field, ..Fault::new(Failure::new(error.name.as_str(), cause), origin) }
    }

    pub(crate) fn runtime_fault(&self, id: StrandId, message: &str) -> Fault {
        self.fault(id, EvalError::new(ErrorName::Runtime, message))
    }

    /// A document of the state is over the limit.
    pub(crate) fn over_limit(&self, id: StrandId) -> Fault {
        let cause = format!(
            "The state/task '{}' returned a result with a size exceeding the maximum number of bytes service limit.",
            self.state(id).name
        );
        Fault::new(Failure::new(DATA_LIMIT_EXCEEDED, cause), Origin::Limit)
    }

    /// What the state assigns, or all variables with it, are over their limit. The service's words are not known.
    pub(crate) fn variables_over_limit(&self, id: StrandId) -> Fault {
        let cause = format!(
            "The variables assigned in the state '{}' exceed the maximum number of bytes service limit.",
            self.state(id).name
        );
        Fault::new(Failure::new(DATA_LIMIT_EXCEEDED, cause), Origin::Limit)
    }

    /// What a failure of the strand's state leads to.
    pub(crate) fn recover(&mut self, id: StrandId, mut fault: Fault) -> Turn {
        if fault.origin == Origin::Runtime {
            return Turn::Over(Outcome::Failed(fault.failure));
        }
        let state = self.state(id);
        let (retriers, catchers) = state.kind.handlers();
        self.note_evaluation(id, &mut fault);
        if self.inspected(id).is_some() {
            if self.note_failure(id, retriers, &fault) {
                return Turn::Over(Outcome::Failed(fault.failure));
            }
        } else if let Some(delay) = self.retry(id, retriers, &fault) {
            return self.back_off(id, delay);
        }
        // What the Catch itself does wrong is told as if the state had not been told to have failed.
        let before = self.execution.strand(id).last_event;
        self.note_failed(id);
        let Some(at) = catchers.iter().position(|catcher| fault.matches_any(&catcher.errors)) else {
            return self.fail_out(id, fault);
        };
        // Before it leaves: it is in another state then.
        let caught_in = self.execution.strand(id).state;
        match self.catch(id, &catchers[at], &fault) {
            Ok(turn) => {
                self.note_way_of(caught_in, || Decider::Catcher(at as u32));
                if let Some(inspection) = self.inspected(id) {
                    inspection.catcher = Some(at);
                }
                turn
            }
            Err(fault) if fault.origin == Origin::Runtime => Turn::Over(Outcome::Failed(fault.failure)),
            Err(mut fault) => {
                self.execution.strand_mut(id).last_event = before;
                self.note_evaluation(id, &mut fault);
                self.note_failed(id);
                self.fail_out(id, fault)
            }
        }
    }

    fn note_evaluation(&mut self, id: StrandId, fault: &mut Fault) {
        if fault.origin == Origin::Expression {
            fault.origin = Origin::Workflow;
            if fault.failure.error.as_deref() == Some(ErrorName::QueryEvaluationError.as_str()) {
                let state = self.state(id);
                let strand = self.execution.strand_mut(id);
                // But for a Wait, the service tells a first failure as if the state had not been entered yet.
                if strand.last_event == strand.entered_event && !matches!(state.kind, Kind::Wait(_)) {
                    strand.last_event = strand.before_event;
                }
                self.record(id, |_| Happening::EvaluationFailed {
                    state: state.name.clone(),
                    location: fault.location.clone(),
                    failure: fault.failure.clone(),
                });
            }
        }
    }

    fn note_failed(&mut self, id: StrandId) {
        match self.state(id).kind {
            Kind::Parallel(_) => _ = self.record(id, |_| Happening::ParallelStateFailed),
            Kind::Map(_) => _ = self.record(id, |_| Happening::MapStateFailed),
            _ => {}
        }
    }

    /// How long to wait before the next try, if there is to be one. The first retrier that names the error decides.
    fn retry(&mut self, id: StrandId, retriers: &[Retrier], fault: &Fault) -> Option<Duration> {
        let at = retriers.iter().position(|retrier| fault.matches_any(&retrier.errors))?;
        let retrier = &retriers[at];
        let strand = self.execution.strand_mut(id);
        let used = strand.attempts.as_ref().map_or(0, |attempts| attempts.by_retrier[at]);
        if used >= retrier.max_attempts {
            return None;
        }
        let attempts = strand.attempts.get_or_insert_default();
        attempts.by_retrier.resize(retriers.len(), 0);
        attempts.by_retrier[at] = used + 1;
        attempts.total += 1;
        self.note_way(id, || Decider::Retrier(at as u32));
        let delay = retrier.delay(used);
        Some(if retrier.full_jitter { delay.mul_f64(self.execution.chance.next_f64()) } else { delay })
    }

    fn back_off(&mut self, id: StrandId, delay: Duration) -> Turn {
        if delay.is_zero() {
            return Turn::Act(id);
        }
        let ticket = self.wait(id, Phase::BackingOff);
        self.wake_at(ticket, self.now.after(delay));
        Turn::Parked
    }

    fn catch(&mut self, id: StrandId, catcher: &'a Catcher, fault: &Fault) -> Result<Turn, Fault> {
        let error_output = fault.failure.error_output();
        let sight = Sight { error_output: Some(&error_output), ..Sight::of(&error_output) };
        let assigned = self.assignments(id, &catcher.assign, sight)?;
        let output = match &catcher.output {
            Some(output) => self.evaluate(id, output, sight)?,
            None => error_output.clone(),
        };
        let output = self.place(id, &catcher.placement, output)?;
        self.measure(id, &output)?;
        Ok(self.leave(id, output, assigned, Next::State(catcher.next)))
    }

    /// The state fails for good: so does the execution, or the fork that it is in.
    fn fail_out(&mut self, id: StrandId, fault: Fault) -> Turn {
        match self.execution.strand(id).parent {
            None => Turn::Over(Outcome::Failed(fault.failure)),
            Some(parent) => self.fail_fork(id, parent, fault),
        }
    }
}

/// No delay is longer than this, in seconds: decades, so that it cannot be reached, and can be reckoned with.
const DELAY_SECONDS_MAX: f64 = 1e9;

impl Retrier {
    /// The time before the next try when `used` were made: `IntervalSeconds` × `BackoffRate`^used, and no more than
    /// `MaxDelaySeconds`.
    pub(crate) fn delay(&self, used: u32) -> Duration {
        if self.interval.is_zero() {
            return Duration::ZERO;
        }
        let seconds = self.interval.as_secs_f64() * self.backoff_rate.powf(f64::from(used));
        let delay = Duration::from_secs_f64(seconds.clamp(0.0, DELAY_SECONDS_MAX));
        self.max_delay.map_or(delay, |most| delay.min(most))
    }
}
