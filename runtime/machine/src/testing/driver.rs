//! A loop in virtual time.

use crate::{
    Callback, Command, Effects, Event, Execution, ExecutionStart, Failure, HistoryEvent, HistoryLevel, Identity,
    Outcome, Program, Status, TaskId, Ticket, Timestamp,
};
use fleetstep_document::{Document, Text};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Drives one execution in virtual time: when nothing is left to do, the clock jumps to the next event.
pub struct Driver<'a> {
    /// The execution.
    pub execution: Execution,
    /// The time.
    pub now: Timestamp,
    /// Every call, in order.
    pub calls: Vec<Called>,
    /// What came back as [`Command::Cancel`], in order.
    pub cancelled: Vec<Ticket>,
    /// Every history event, in order.
    pub history: Vec<HistoryEvent>,
    /// How often the execution gave way.
    pub yields: u32,
    /// The most strands that there were after any step.
    pub strands_live_max: usize,
    program: &'a Program,
    effects: Effects,
    /// What is to happen, by time, and by order within one time.
    agenda: BTreeMap<(Timestamp, u64), Event>,
    planned: u64,
}

/// A call as it was made.
#[derive(Clone, Debug, PartialEq)]
pub struct Called {
    /// When.
    pub at: Timestamp,
    /// What was called.
    pub task: TaskId,
    /// What with.
    pub input: Document,
    /// By which state.
    pub state: Text,
    /// In which retry.
    pub retry_count: u32,
    /// Until when.
    pub deadline: Timestamp,
    /// Where another than the called answers.
    pub callback: Option<Box<Callback>>,
}

/// How a task answers.
pub enum Answer {
    /// After a while, well.
    Ok(Duration, Document),
    /// After a while, with a failure.
    Err(Duration, Failure),
    /// Not at all.
    Never,
}

impl Answer {
    /// At once, well.
    #[must_use]
    pub fn now(output: Document) -> Self {
        Self::Ok(Duration::ZERO, output)
    }

    /// At once, with a failure of that name and cause.
    #[must_use]
    pub fn fail(error: &str, cause: &str) -> Self {
        Self::Err(Duration::ZERO, Failure::new(error, cause))
    }
}

impl<'a> Driver<'a> {
    /// A driver of a new execution, which keeps its whole history.
    #[must_use]
    pub fn new(program: &'a Program, input: Document, seed: u64) -> Self {
        let started = Timestamp::from_micros(1_721_044_800_123_456);
        let identity = Arc::new(Identity {
            execution_arn: Text::from("arn:aws:states:us-east-1:000000000000:express:m:e:1"),
            execution_name: Text::from("e"),
            role_arn: Text::from("arn:aws:iam::000000000000:role/r"),
            state_machine_arn: Text::from("arn:aws:states:us-east-1:000000000000:stateMachine:m"),
            state_machine_name: Text::from("m"),
            ..Identity::default()
        });
        let start = ExecutionStart { input, identity, seed, started, history: HistoryLevel::All };
        Self {
            execution: Execution::new(program, start),
            now: started,
            calls: Vec::new(),
            cancelled: Vec::new(),
            history: Vec::new(),
            yields: 0,
            strands_live_max: 0,
            program,
            effects: Effects::default(),
            agenda: BTreeMap::new(),
            planned: 0,
        }
    }

    /// Runs the execution to its end.
    pub fn run(&mut self, mut host: impl FnMut(&Called) -> Answer) -> Outcome {
        let mut event = Event::Start;
        loop {
            let status = self.step(event);
            for command in std::mem::take(&mut self.effects.commands) {
                self.carry_out(command, &mut host);
            }
            event = match status {
                Status::Finished(outcome) => return outcome,
                Status::Yielded => {
                    self.yields += 1;
                    Event::Resume
                }
                Status::Waiting => self.next_event(),
            };
        }
    }

    /// One step, whose history is kept.
    pub fn step(&mut self, event: Event) -> Status {
        let status = self.execution.step(self.program, event, self.now, &mut self.effects);
        self.history.append(&mut self.effects.history);
        self.strands_live_max = self.strands_live_max.max(self.execution.strands_live());
        self.pack();
        status
    }

    /// Packs the execution and unpacks it wherever that can be done: nobody can tell.
    fn pack(&mut self) {
        if self.execution.can_park() {
            let (identity, input) = (Arc::clone(self.execution.identity()), Document::NULL);
            let start = ExecutionStart { input, identity, seed: 0, started: self.now, history: HistoryLevel::Off };
            let execution = std::mem::replace(&mut self.execution, Execution::new(self.program, start));
            let times = (execution.deadline(), execution.started());
            let parked = execution.park();
            assert_eq!((parked.deadline(), parked.started()), times);
            self.execution = parked.unpark();
        }
    }

    /// What the steps so far ask for.
    pub fn commands(&mut self) -> Vec<Command> {
        self.effects.commands.drain(..).collect()
    }

    /// The next event, and the time at which it happens: at the latest, the execution's deadline.
    fn next_event(&mut self) -> Event {
        let deadline = self.execution.deadline();
        assert!(self.now < deadline, "the execution outlives its deadline");
        match self.agenda.pop_first() {
            Some(((at, _), event)) if at < deadline => {
                self.now = self.now.max(at);
                event
            }
            _ => {
                self.now = deadline;
                Event::Resume
            }
        }
    }

    fn carry_out(&mut self, command: Command, host: &mut impl FnMut(&Called) -> Answer) {
        match command {
            Command::Call { ticket, task, input, state, retry_count, deadline, callback, .. } => {
                let called = Called { at: self.now, task, input, state, retry_count, deadline, callback };
                let answer = host(&called);
                self.calls.push(called);
                match answer {
                    Answer::Ok(after, output) => self.plan(after, Event::Reply(ticket, Ok(output))),
                    Answer::Err(after, failure) => self.plan(after, Event::Reply(ticket, Err(failure))),
                    Answer::Never => {}
                }
            }
            Command::Wake { ticket, at } => self.plan(at.since(self.now), Event::Wake(ticket)),
            // The event stays on the agenda: it is for the execution to know it as late.
            Command::Cancel(ticket) => self.cancelled.push(ticket),
        }
    }

    fn plan(&mut self, after: Duration, event: Event) {
        self.planned += 1;
        self.agenda.insert((self.now.after(after), self.planned), event);
    }
}
