//! What the eight kinds of state do.

use crate::recover::Fault;
use crate::run::{Exit, Run, Sight};
use crate::strand::{ForkId, Micros, Phase, StrandId, Timer};
use crate::{Callback, Command, Decider, Happening, Kind, Next, Rule, StateId, Step, Task, Timestamp, Until, Waits};
use fleetstep_document::Document;
use fleetstep_expr::Expr;
use std::time::Duration;

/// What an act comes to. The fourth outcome, failure, is the `Err` beside it.
pub(crate) enum Act<'a> {
    /// It is done, with this result.
    Done(Document, Exit<'a>),
    /// It waits for the world.
    Wait,
    /// It waits for its branches.
    Fork(ForkId),
}

/// What acting gives.
pub(crate) type Acted<'a> = Result<Act<'a>, Fault>;

/// What the service says of a Choice that nothing leads out of; `States.NoChoiceMatched` it does not say.
const NO_WAY_OUT: &str = "Failed to transition out of the state. The state does not point to a next state.";

/// The longest Wait, in seconds: 24,855 days.
const WAIT_SECONDS_MAX: u64 = 24_855 * 86_400;

impl<'a> Run<'a> {
    pub(crate) fn act_on(&mut self, id: StrandId, input: Document) -> Acted<'a> {
        match &self.state(id).kind {
            Kind::Pass { arguments, result, .. } => self.pass(id, input, arguments.as_ref(), result.as_ref()),
            Kind::Task(task) => self.call(id, task, input),
            Kind::Choice { rules, default } => {
                let exit = self.choose(id, rules, *default, &input)?;
                Ok(Act::Done(input, exit))
            }
            Kind::Wait(until) => self.sleep(id, until, input),
            Kind::Parallel(parallel) => self.fork_parallel(id, parallel, input),
            Kind::Map(map) => self.fork_map(id, map, input),
            Kind::Succeed => Ok(Act::Done(input, self.succeed(id))),
            Kind::Fail { error, cause } => Err(self.fail(id, &input, error.as_ref(), cause.as_ref())?),
        }
    }

    /// The exit of a state whose act leaves its input as it is: a Pass that makes nothing, a Choice, a Succeed. Nobody
    /// has to hold the input for these, beside the strand. An inspection sees the states go the long way.
    #[inline]
    pub(crate) fn way_through(&self, id: StrandId) -> Option<Result<Exit<'a>, Fault>> {
        let state = self.state(id);
        if state.input.is_some() || self.effects.inspection.is_some() {
            return None;
        }
        match &state.kind {
            Kind::Pass { arguments: None, result: None, .. } => Some(Ok(Exit::of(state, false))),
            Kind::Choice { rules, default } => Some(self.choose(id, rules, *default, &self.execution.strand(id).input)),
            Kind::Succeed => Some(Ok(self.succeed(id))),
            _ => None,
        }
    }

    fn pass(&mut self, id: StrandId, input: Document, arguments: Option<&Expr>, result: Option<&Expr>) -> Acted<'a> {
        let instead = result.or(arguments);
        let exit = Exit::of(self.state(id), instead.is_some());
        let given = match instead {
            Some(expr) => self.evaluate(id, expr, Sight::of(&input))?,
            None => input,
        };
        let step = if result.is_some() { Step::Result } else { Step::Arguments };
        self.note_step(id, step, || given.clone());
        Ok(Act::Done(given, exit))
    }

    /// Goes where the first rule that holds says, or else to the default.
    fn choose(
        &self,
        id: StrandId,
        rules: &'a [Rule],
        default: Option<StateId>,
        input: &Document,
    ) -> Result<Exit<'a>, Fault> {
        let state = self.state(id);
        for (at, rule) in rules.iter().enumerate() {
            if self.with_scope(id, Sight::of(input), |scope| rule.condition.test(scope))? {
                self.note_way(id, || Decider::Rule(at as u32));
                let (assign, output) = (&*rule.assign, rule.output.as_ref());
                return Ok(Exit { assign, output, next: Next::State(rule.next), ..Exit::of(state, false) });
            }
        }
        let next = default.ok_or_else(|| self.runtime_fault(id, NO_WAY_OUT))?;
        self.note_way(id, || Decider::Default);
        Ok(Exit { next: Next::State(next), ..Exit::of(state, false) })
    }

    fn succeed(&self, id: StrandId) -> Exit<'a> {
        Exit { next: Next::End, ..Exit::of(self.state(id), false) }
    }

    fn sleep(&mut self, id: StrandId, until: &Until, input: Document) -> Acted<'a> {
        let until = match until {
            Until::Seconds(seconds) => {
                let seconds = self.with_scope(id, Sight::of(&input), |scope| seconds.seconds(scope))?;
                self.now.after(self.wait_of(id, seconds)?)
            }
            Until::Timestamp(timestamp) => {
                let at = self.with_scope(id, Sight::of(&input), |scope| timestamp.timestamp_us(scope))?;
                let at = Timestamp::from_micros(at);
                self.wait_of(id, at.since(self.now).as_secs())?;
                at
            }
        };
        if until <= self.now {
            return Ok(Act::Done(input, Exit::of(self.state(id), false)));
        }
        let ticket = self.wait(id, Phase::Sleeping);
        self.wake_at(ticket, until);
        Ok(Act::Wait)
    }

    fn wait_of(&self, id: StrandId, seconds: u64) -> Result<Duration, Fault> {
        if seconds > WAIT_SECONDS_MAX {
            return Err(self.runtime_fault(id, "Wait state delay is too long."));
        }
        Ok(Duration::from_secs(seconds))
    }

    fn call(&mut self, id: StrandId, task: &'a Task, input: Document) -> Acted<'a> {
        let timeout = self.limit(id, task.timeout.as_ref(), &input)?;
        let heartbeat = self.limit(id, task.heartbeat.as_ref(), &input)?;
        let arguments = match &task.arguments {
            Some(arguments) => {
                let arguments = self.evaluate(id, arguments, Sight::of(&input))?;
                self.measure(id, &arguments)?;
                arguments
            }
            None => input,
        };
        self.note_step(id, Step::Arguments, || arguments.clone());
        let (timer, deadline) = match task.waits {
            Waits::Answer => self.deadline_of(timeout, heartbeat),
            // A sign of life comes to whoever takes the call, and a worker's time does not count before there is one.
            Waits::Callback => self.deadline_of(timeout, None),
            Waits::Worker => self.deadline_of(None, None),
        };
        let event = self.record(id, |_| Happening::TaskScheduled {
            task: task.task,
            input: arguments.clone(),
            timeout,
            heartbeat,
        });
        self.record(id, |_| Happening::TaskStarted { task: task.task });
        if let Some(acted) = self.mocked(id) {
            return acted;
        }
        let due = deadline.since(self.execution.started).as_micros() as Micros;
        let ticket = self.wait(id, Phase::Calling(timer, due));
        let callback = (task.waits != Waits::Answer).then(|| {
            let identity = &self.execution.identity;
            let timeout = timeout.filter(|_| task.waits == Waits::Worker);
            Box::new(Callback { token: identity.tokens.token(identity, ticket), timeout, heartbeat })
        });
        self.effects.commands.push(Command::Call {
            ticket,
            task: task.task,
            input: arguments,
            state: self.state(id).name.clone(),
            retry_count: self.execution.strand(id).retry_count(),
            deadline,
            callback,
            event,
        });
        if timer != Timer::Unarmed {
            self.wake_at(ticket, deadline);
        }
        Ok(Act::Wait)
    }

    fn limit(&self, id: StrandId, expr: Option<&Expr>, input: &Document) -> Result<Option<Duration>, Fault> {
        let Some(expr) = expr else { return Ok(None) };
        let seconds = self.with_scope(id, Sight::of(input), |scope| expr.seconds(scope))?;
        Ok(Some(Duration::from_secs(seconds)))
    }

    /// When a call is over, and whether a timer of its own sees to it.
    fn deadline_of(&self, timeout: Option<Duration>, heartbeat: Option<Duration>) -> (Timer, Timestamp) {
        let first = match (timeout, heartbeat) {
            (timeout, Some(heartbeat)) if timeout.is_none_or(|timeout| heartbeat < timeout) => {
                Some((Timer::Heartbeat, heartbeat))
            }
            (Some(timeout), _) => Some((Timer::Timeout, timeout)),
            (None, _) => None,
        };
        match first.map(|(timer, after)| (timer, self.now.after(after))) {
            Some((timer, at)) if at < self.execution.deadline => (timer, at),
            _ => (Timer::Unarmed, self.execution.deadline),
        }
    }

    /// How a Fail state fails; the `Err` is a path that finds nothing.
    fn fail(&self, id: StrandId, input: &Document, error: Option<&Expr>, cause: Option<&Expr>) -> Result<Fault, Fault> {
        let text = |expr: Option<&Expr>| {
            expr.map(|expr| self.with_scope(id, Sight::of(input), |scope| expr.string(scope))).transpose()
        };
        Ok(Fault::of_fail(text(error)?, text(cause)?))
    }
}
