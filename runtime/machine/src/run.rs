//! One step of an execution: the loop in which a state takes its input, acts, gives its output and moves on.

use crate::act::Act;
use crate::context::Context;
use crate::execution::{Execution, InLine, Stage};
use crate::recover::Fault;
use crate::strand::{Phase, StrandId, Timer};
use crate::variables::{self, Assigned};
use crate::{
    Assignment, Command, Effects, Event, Failure, Happening, Kind, Next, OUTPUT_BYTES_MAX, Outcome, Placement, Program,
    STEP_TRANSITIONS_MAX, Settle, State, Status, Step, TaskId, Ticket, Timestamp, Waits,
};
use fleetstep_document::Document;
use fleetstep_expr::{EvalError, Expr, Scope};

/// A step under way.
pub(crate) struct Run<'a> {
    pub(crate) execution: &'a mut Execution,
    pub(crate) program: &'a Program,
    pub(crate) now: Timestamp,
    pub(crate) effects: &'a mut Effects,
    transitions_left: u32,
    /// What was left of the budget when the strand that runs got its turn.
    turn_transitions: u32,
    /// Microseconds since the start.
    elapsed_us: u32,
}

/// What comes next.
pub(crate) enum Turn {
    /// The strand enters its state.
    Enter(StrandId),
    /// The strand acts (again).
    Act(StrandId),
    /// The act, or taking its output, failed.
    Failed(StrandId, Fault),
    /// The strand's list of states has ended.
    Ended(StrandId, Document),
    /// Nothing for now: whoever stands in line.
    Parked,
    /// The execution has ended.
    Over(Outcome),
}

/// How a strand leaves its state: as the state says, or as the rule of a Choice does.
#[derive(Clone, Copy)]
pub(crate) struct Exit<'a> {
    pub(crate) settle: Option<&'a Settle>,
    pub(crate) assign: &'a [Assignment],
    pub(crate) output: Option<&'a Expr>,
    pub(crate) next: Next,
    /// Whether the result is new, so that its size is not known to be within the limit.
    pub(crate) fresh: bool,
}

impl<'a> Exit<'a> {
    pub(crate) fn of(state: &'a State, fresh: bool) -> Self {
        let settle = match &state.kind {
            Kind::Pass { settle, .. } => Some(settle),
            Kind::Task(task) => Some(&task.settle),
            Kind::Parallel(parallel) => Some(&parallel.settle),
            Kind::Map(map) => Some(&map.settle),
            Kind::Choice { .. } | Kind::Wait(_) | Kind::Succeed | Kind::Fail { .. } => None,
        };
        Self { settle, assign: &state.assign, output: state.output.as_ref(), next: state.next, fresh }
    }

    /// Whether a result that is the input is the output too, and nothing else becomes of it.
    fn is_plain(&self) -> bool {
        let is_settled = match self.settle {
            Some(Settle { selector, placement }) => selector.is_none() && !matches!(placement, Placement::At(_)),
            None => true,
        };
        is_settled && self.output.is_none() && self.assign.is_empty()
    }
}

/// What an expression sees, beside what its strand has anyway.
#[derive(Clone, Copy)]
pub(crate) struct Sight<'a> {
    pub(crate) root: &'a Document,
    pub(crate) result: Option<&'a Document>,
    pub(crate) error_output: Option<&'a Document>,
    pub(crate) item: Option<(u32, &'a Document)>,
}

impl<'a> Sight<'a> {
    /// `$` alone.
    pub(crate) fn of(root: &'a Document) -> Self {
        Self { root, result: None, error_output: None, item: None }
    }

    /// `$` is what the act gave; where that is a result, it is that too.
    fn of_result(root: &'a Document, has_result: bool) -> Self {
        Self { result: has_result.then_some(root), ..Self::of(root) }
    }
}

impl<'a> Run<'a> {
    pub(crate) fn new(
        execution: &'a mut Execution,
        program: &'a Program,
        now: Timestamp,
        effects: &'a mut Effects,
    ) -> Self {
        // No later than the deadline, five minutes at most, or else the step does nothing but end.
        let elapsed_us = now.as_micros().saturating_sub(execution.started.as_micros()) as u32;
        Self {
            execution,
            program,
            now,
            effects,
            transitions_left: STEP_TRANSITIONS_MAX,
            turn_transitions: STEP_TRANSITIONS_MAX,
            elapsed_us,
        }
    }

    pub(crate) fn step(mut self, event: Event) -> Status {
        if self.execution.stage == Stage::Over {
            return Status::Waiting;
        }
        let first = self.take(event);
        self.drive(first)
    }

    /// What an event leads to.
    fn take(&mut self, event: Event) -> Turn {
        if self.execution.stage == Stage::New {
            self.execution.stage = Stage::Running;
            self.set_variables();
            self.record_end(|execution| Happening::ExecutionStarted { input: execution.input.clone() });
            self.execution.line.push(InLine::Enter(0));
        }
        if self.now >= self.execution.deadline {
            return Turn::Over(Outcome::TimedOut(Failure::named("States.Timeout")));
        }
        match event {
            Event::Start | Event::Resume => Turn::Parked,
            Event::Abort(failure) => Turn::Over(Outcome::Aborted(failure)),
            Event::Reply(ticket, reply) => self.replied(ticket, reply),
            Event::Wake(ticket) => self.woken(ticket),
        }
    }

    /// The loop. A strand runs until it waits or ends; then comes whoever stands in line.
    fn drive(mut self, first: Turn) -> Status {
        let mut turn = first;
        loop {
            turn = match turn {
                Turn::Enter(id) if self.transitions_left == 0 => return self.give_way(InLine::Enter(id)),
                Turn::Act(id) if self.transitions_left == 0 => return self.give_way(InLine::Act(id)),
                Turn::Enter(id) => {
                    self.enter(id);
                    self.act(id)
                }
                Turn::Act(id) => self.act(id),
                Turn::Failed(id, fault) => self.recover(id, fault),
                Turn::Ended(id, output) => self.end(id, output),
                Turn::Parked => match self.next_in_line() {
                    Some(InLine::Enter(id)) => Turn::Enter(id),
                    Some(InLine::Act(id)) => Turn::Act(id),
                    Some(InLine::Start(fork)) => self.start_next(fork),
                    None => return Status::Waiting,
                },
                Turn::Over(outcome) => return self.finish(outcome),
            };
        }
    }

    fn next_in_line(&mut self) -> Option<InLine> {
        self.turn_transitions = self.transitions_left;
        self.execution.line.pop()
    }

    fn give_way(self, next: InLine) -> Status {
        let line = &mut self.execution.line;
        // A strand that had a whole step to itself lets the others come first: a branch that loops must not keep
        // them from ever starting.
        let place = if self.turn_transitions == STEP_TRANSITIONS_MAX { 0 } else { line.len() };
        line.insert(place, next);
        Status::Yielded
    }

    pub(crate) fn state(&self, id: StrandId) -> &'a State {
        &self.program.states[self.execution.strand(id).state.index()]
    }

    fn enter(&mut self, id: StrandId) {
        let state = self.state(id);
        let before = self.execution.strand(id).last_event;
        let event = self.record(id, |execution| Happening::StateEntered {
            kind: state.kind.state_kind(),
            name: state.name.clone(),
            input: execution.strand(id).input.clone(),
        });
        let strand = self.execution.strand_mut(id);
        strand.entered_us = self.elapsed_us;
        strand.entered_event = event;
        strand.before_event = before;
        strand.attempts = None;
    }

    /// Takes the input, and acts.
    fn act(&mut self, id: StrandId) -> Turn {
        self.transitions_left -= 1;
        if let Some(exit) = self.way_through(id) {
            return match exit {
                Ok(exit) if exit.is_plain() => self.pass_on(id, exit.next),
                Ok(exit) => self.done(id, self.execution.strand(id).input.clone(), exit),
                Err(fault) => Turn::Failed(id, fault),
            };
        }
        let acted = self.input(id).and_then(|input| {
            self.note_step(id, Step::Input, || input.clone());
            self.act_on(id, input)
        });
        match acted {
            Ok(Act::Done(result, exit)) => self.done(id, result, exit),
            Ok(Act::Wait) => Turn::Parked,
            Ok(Act::Fork(fork)) => self.start_next(fork),
            Err(fault) => Turn::Failed(id, fault),
        }
    }

    /// Leaves a state that gives its input on as it came in. The document stays where it is.
    fn pass_on(&mut self, id: StrandId, next: Next) -> Turn {
        let state = self.state(id);
        self.record(id, |execution| Happening::StateExited {
            kind: state.kind.state_kind(),
            name: state.name.clone(),
            output: execution.strand(id).input.clone(),
            assigned: Box::default(),
        });
        let strand = self.execution.strand_mut(id);
        match next {
            Next::State(next) => {
                strand.state = next;
                Turn::Enter(id)
            }
            Next::End => Turn::Ended(id, std::mem::take(&mut strand.input)),
        }
    }

    /// The state's input after `InputPath`.
    pub(crate) fn input(&self, id: StrandId) -> Result<Document, Fault> {
        let input = &self.execution.strand(id).input;
        match &self.state(id).input {
            Some(path) => self.evaluate(id, path, Sight::of(input)),
            None => Ok(input.clone()),
        }
    }

    /// The act is done: takes the output, and moves on.
    #[inline]
    pub(crate) fn done(&mut self, id: StrandId, result: Document, exit: Exit<'a>) -> Turn {
        match self.output(id, result, exit) {
            Ok((output, assigned)) => self.leave(id, output, assigned, exit.next),
            Err(fault) => Turn::Failed(id, fault),
        }
    }

    /// What becomes of a result: `Assign`, `ResultSelector`, `ResultPath`, `OutputPath`. None of them sees what the
    /// state assigns.
    fn output(&mut self, id: StrandId, result: Document, exit: Exit<'a>) -> Result<(Document, Vec<Assigned>), Fault> {
        let mut fresh = exit.fresh;
        let has_result = self.state(id).kind.has_result();
        let assigned = self.assignments(id, exit.assign, Sight::of_result(&result, has_result))?;
        let mut output = result;
        if let Some(Settle { selector, placement }) = exit.settle {
            if let Some(selector) = selector {
                output = self.evaluate(id, selector, Sight::of_result(&output, has_result))?;
                fresh = true;
            }
            self.note_step(id, Step::Selector, || output.clone());
            output = match placement {
                Placement::At(path) if exit.output.is_none() && !self.state(id).kind.may_recover() => {
                    // Nothing looks at the input after this, so that it need not be copied to be changed.
                    let input = std::mem::take(&mut self.execution.strand_mut(id).input);
                    path.place_in(input, output).map_err(|error| self.fault(id, error))?
                }
                placement => self.place(id, placement, output)?,
            };
            self.note_step(id, Step::Placed, || output.clone());
            fresh = match placement {
                Placement::Replace => fresh,
                Placement::Discard => false,
                Placement::At(_) => true,
            };
        }
        if let Some(path) = exit.output {
            output = self.evaluate(id, path, Sight::of(&output))?;
            fresh = true;
        }
        if fresh {
            self.measure(id, &output)?;
        }
        Ok((output, assigned))
    }

    /// A result where `ResultPath` wants it.
    pub(crate) fn place(&self, id: StrandId, placement: &Placement, result: Document) -> Result<Document, Fault> {
        let input = &self.execution.strand(id).input;
        match placement {
            Placement::Replace => Ok(result),
            Placement::Discard => Ok(input.clone()),
            Placement::At(path) => path.place(input, result).map_err(|error| self.fault(id, error)),
        }
    }

    /// Whether the state may give a document on. The limit bounds its depth too.
    pub(crate) fn measure(&self, id: StrandId, document: &Document) -> Result<(), Fault> {
        if document.json_len() > OUTPUT_BYTES_MAX { Err(self.over_limit(id)) } else { Ok(()) }
    }

    /// Leaves the state, and sets what it assigned.
    pub(crate) fn leave(&mut self, id: StrandId, output: Document, assigned: Vec<Assigned>, next: Next) -> Turn {
        let (state, program) = (self.state(id), self.program);
        self.record(id, |_| Happening::StateExited {
            kind: state.kind.state_kind(),
            name: state.name.clone(),
            output: output.clone(),
            assigned: variables::by_name(program, &assigned),
        });
        if self.inspected(id).is_some() {
            // It looks at this state alone.
            self.note_left(id, &assigned, next);
            return Turn::Ended(id, output);
        }
        self.assign(id, assigned);
        match next {
            Next::State(next) => {
                let strand = self.execution.strand_mut(id);
                strand.state = next;
                strand.input = output;
                Turn::Enter(id)
            }
            Next::End => Turn::Ended(id, output),
        }
    }

    fn end(&mut self, id: StrandId, output: Document) -> Turn {
        match self.execution.strand(id).parent {
            Some(parent) => self.join(id, parent, output),
            None => Turn::Over(Outcome::Succeeded(output)),
        }
    }

    fn finish(mut self, outcome: Outcome) -> Status {
        self.record_end(|_| match outcome.clone() {
            Outcome::Succeeded(output) => Happening::ExecutionSucceeded { output },
            Outcome::Failed(failure) => Happening::ExecutionFailed(failure),
            Outcome::TimedOut(failure) => Happening::ExecutionTimedOut(failure),
            Outcome::Aborted(failure) => Happening::ExecutionAborted(failure),
        });
        for id in 0..self.execution.strands.len() as StrandId {
            self.stop_waiting(id);
        }
        self.execution.strands.clear();
        self.execution.forks.clear();
        self.execution.line.clear();
        self.execution.stage = Stage::Over;
        Status::Finished(outcome)
    }

    fn replied(&mut self, ticket: Ticket, reply: Result<Document, Failure>) -> Turn {
        let Some(Phase::Calling(timer, _)) = self.awaited(ticket) else { return Turn::Parked };
        if timer != Timer::Unarmed {
            self.effects.commands.push(Command::Cancel(ticket));
        }
        let id = ticket.strand;
        self.execution.strand_mut(id).phase = Phase::Running;
        let state = self.state(id);
        let Kind::Task(called) = &state.kind else { unreachable!("only a Task calls") };
        let task = called.task;
        match reply {
            Ok(output) => {
                self.record(id, |_| Happening::TaskSucceeded { task, output: output.clone() });
                self.note_step(id, Step::Result, || output.clone());
                self.done(id, output, Exit::of(state, true))
            }
            Err(failure) => {
                if called.waits != Waits::Answer
                    && let Some(timer) = Fault::timer_of(&failure)
                {
                    return self.out_of_time(id, task, timer);
                }
                self.record(id, |_| Happening::TaskFailed { task, failure: failure.clone() });
                Turn::Failed(id, Fault::of_task(failure))
            }
        }
    }

    fn woken(&mut self, ticket: Ticket) -> Turn {
        let id = ticket.strand;
        let Some(phase) = self.awaited(ticket) else { return Turn::Parked };
        match phase {
            Phase::Calling(timer, _) => self.timed_out(id, timer),
            Phase::Sleeping => {
                self.execution.strand_mut(id).phase = Phase::Running;
                match self.input(id) {
                    Ok(input) => self.done(id, input, Exit::of(self.state(id), false)),
                    Err(fault) => Turn::Failed(id, fault),
                }
            }
            Phase::BackingOff => {
                self.execution.strand_mut(id).phase = Phase::Running;
                Turn::Act(id)
            }
            Phase::Running | Phase::Joining(_) | Phase::Vacant(_) => Turn::Parked,
        }
    }

    /// A task's own deadline has come.
    fn timed_out(&mut self, id: StrandId, timer: Timer) -> Turn {
        if timer == Timer::Unarmed {
            return Turn::Parked;
        }
        self.stop_waiting(id);
        let Kind::Task(task) = &self.state(id).kind else { unreachable!("only a Task calls") };
        self.out_of_time(id, task.task, timer)
    }

    fn out_of_time(&mut self, id: StrandId, task: TaskId, timer: Timer) -> Turn {
        let fault = Fault::of_timer(timer);
        self.record(id, |_| Happening::TaskTimedOut { task, failure: fault.failure.clone() });
        Turn::Failed(id, fault)
    }

    /// Tells that the deadline of a strand's task has come, where it has: the strand is about to be ended with
    /// others, before its own timer is taken in.
    pub(crate) fn note_timed_out(&mut self, id: StrandId) {
        let Phase::Calling(timer, due) = self.execution.strand(id).phase else { return };
        if timer == Timer::Unarmed || due > self.elapsed_us {
            return;
        }
        let Kind::Task(task) = &self.state(id).kind else { unreachable!("only a Task calls") };
        self.record(id, |_| Happening::TaskTimedOut { task: task.task, failure: Fault::of_timer(timer).failure });
    }

    /// What the strand of a ticket waits for, unless that wait is over.
    fn awaited(&self, ticket: Ticket) -> Option<Phase> {
        let strand = self.execution.strands.get(ticket.strand as usize)?;
        (strand.generation == ticket.generation).then_some(strand.phase)
    }

    /// Begins a wait, and names it.
    pub(crate) fn wait(&mut self, id: StrandId, phase: Phase) -> Ticket {
        let strand = self.execution.strand_mut(id);
        strand.generation = strand.generation.wrapping_add(1);
        strand.phase = phase;
        strand.ticket(id)
    }

    /// Asks to be woken, unless the execution is over by then.
    pub(crate) fn wake_at(&mut self, ticket: Ticket, at: Timestamp) {
        if at < self.execution.deadline {
            self.effects.commands.push(Command::Wake { ticket, at });
        }
    }

    /// Takes back what a strand asked of the world.
    pub(crate) fn stop_waiting(&mut self, id: StrandId) {
        let strand = self.execution.strand_mut(id);
        if matches!(strand.phase, Phase::Calling(..) | Phase::Sleeping | Phase::BackingOff) {
            strand.phase = Phase::Running;
            let ticket = strand.ticket(id);
            self.effects.commands.push(Command::Cancel(ticket));
        }
    }

    pub(crate) fn evaluate(&self, id: StrandId, expr: &Expr, sight: Sight<'_>) -> Result<Document, Fault> {
        self.with_scope(id, sight, |scope| expr.evaluate(scope))
    }

    /// Hands an expression what it may see, and words its error.
    pub(crate) fn with_scope<T>(
        &self,
        id: StrandId,
        sight: Sight<'_>,
        evaluate: impl FnOnce(&Scope<'_>) -> Result<T, EvalError>,
    ) -> Result<T, Fault> {
        let strand = self.execution.strand(id);
        let inspection = self.effects.inspection.as_deref();
        let context = Context { execution: self.execution, program: self.program, strand: id, sight, inspection };
        let scope = Scope {
            root: sight.root,
            input: &strand.input,
            result: sight.result,
            error_output: sight.error_output,
            context: &context,
            variables: strand.variables.as_deref().map_or(&[], Vec::as_slice),
            chance: &self.execution.chance,
            now_us: self.now.as_micros(),
        };
        evaluate(&scope).map_err(|error| self.fault(id, error))
    }
}
