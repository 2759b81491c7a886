//! One execution and the times that it waits for: what every driver has in common.

use crate::alarms::Alarms;
use crate::history::HistorySink;
use crate::host::Call;
use crate::trace::CallTrace;
use fleetstep_machine::{
    Command, Effects, Event, Execution, ExecutionStart, Failure, Outcome, Program, Status, Ticket, Timestamp,
};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// An [`Execution`] that keeps its own alarms. It asks its driver for two things only: to carry out calls and
/// their cancellation, and to come back at [`Running::due`].
pub(crate) struct Running {
    pub(crate) execution: Execution,
    pub(crate) program: Arc<Program>,
    pub(crate) alarms: Alarms,
    /// Takes the history, if anyone asks for it.
    pub(crate) sink: Option<Box<dyn HistorySink>>,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running")
            .field("execution", &self.execution)
            .field("alarms", &self.alarms)
            .finish_non_exhaustive()
    }
}

/// What an execution asks of its driver.
pub(crate) enum Request {
    /// Call a task.
    Call(Ticket, Call),
    /// Nobody waits for the answers to these tickets, if they are of calls.
    Cancel(Vec<Ticket>),
}

impl Running {
    pub(crate) fn new(program: Arc<Program>, start: ExecutionStart) -> Self {
        let execution = Execution::new(&program, start);
        Self { execution, program, alarms: Alarms::None, sink: None }
    }

    /// The same, with someone who takes its history.
    pub(crate) fn with_sink(self, sink: Option<Box<dyn HistorySink>>) -> Self {
        Self { sink, ..self }
    }

    /// Takes one event in, and asks the driver for what is to be done outside: nothing, once it is over.
    pub(crate) fn step(
        &mut self,
        event: Event,
        now: Timestamp,
        effects: &mut Effects,
        ask: impl FnMut(Request),
    ) -> Status {
        if let Event::Reply(ticket, _) | Event::Wake(ticket) = &event {
            self.alarms.clear(*ticket);
        }
        let step = AssertUnwindSafe(|| self.execution.step(&self.program, event, now, effects));
        // One broken execution must not take its neighbours along.
        let status = catch_unwind(step).unwrap_or_else(|_| Status::Finished(Outcome::Failed(panicked("execution"))));
        if let Some(sink) = &mut self.sink
            && !effects.history.is_empty()
        {
            // A panic of the sink's is the sink's: the execution goes on, and its events are lost.
            let _ = catch_unwind(AssertUnwindSafe(|| sink.take(&mut effects.history)));
            effects.history.clear();
        }
        match status {
            Status::Finished(_) => effects.commands.clear(),
            Status::Waiting | Status::Yielded => self.carry_out(effects, ask),
        }
        status
    }

    fn carry_out(&mut self, effects: &mut Effects, mut ask: impl FnMut(Request)) {
        let mut cancelled = Vec::new();
        for command in effects.commands.drain(..) {
            match command {
                Command::Call { ticket, task, input, state, retry_count, deadline, callback, event } => {
                    let identity = Arc::clone(self.execution.identity());
                    let trace = self.sink.as_ref().and_then(|sink| CallTrace::of(&**sink, event));
                    let call = Call { task, input, state, retry_count, deadline, identity, callback, trace };
                    ask(Request::Call(ticket, call));
                }
                Command::Wake { ticket, at } => self.alarms.set(at, ticket),
                Command::Cancel(ticket) => {
                    self.alarms.clear(ticket);
                    cancelled.push(ticket);
                }
            }
        }
        // A ticket is used once, so that cancelling after the step's calls is as good as in between.
        if !cancelled.is_empty() {
            ask(Request::Cancel(cancelled));
        }
    }

    /// When it was started.
    pub(crate) fn started(&self) -> Timestamp {
        self.execution.started()
    }

    /// When the driver has to come back at the latest.
    pub(crate) fn due(&self) -> Timestamp {
        let deadline = self.execution.deadline();
        self.alarms.first().map_or(deadline, |(at, _)| at.min(deadline))
    }

    /// What has come due.
    pub(crate) fn due_event(&self, now: Timestamp) -> Option<Event> {
        if now >= self.execution.deadline() {
            return Some(Event::Resume);
        }
        self.alarms.first().filter(|(at, _)| *at <= now).map(|(_, ticket)| Event::Wake(ticket))
    }
}

/// What an execution or a task that panicked fails with.
pub(crate) fn panicked(who: &str) -> Failure {
    Failure::new("States.Runtime", format!("The {who} panicked: this is a defect of the runtime."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::programs::{call, fail, list, parallel, program, wait};
    use fleetstep_document::Document;
    use fleetstep_machine::{HistoryLevel, Identity};
    use std::time::Duration;

    const STARTED: Timestamp = Timestamp::from_micros(0);

    fn at(seconds: u64) -> Timestamp {
        STARTED.after(Duration::from_secs(seconds))
    }

    /// An execution after its first step, and the ticket of its last call.
    fn begin(program: Program) -> (Running, Option<Ticket>) {
        let (input, identity, history) = (Document::NULL, Arc::new(Identity::default()), HistoryLevel::Off);
        let start = ExecutionStart { input, identity, seed: 1, started: STARTED, history };
        let mut running = Running::new(Arc::new(program), start);
        let mut called = None;
        let ask = |request| {
            if let Request::Call(ticket, _) = request {
                called = Some(ticket);
            }
        };
        running.step(Event::Start, STARTED, &mut Effects::default(), ask);
        (running, called)
    }

    /// What waits no more leaves no alarm behind, however often that happens.
    #[test]
    fn a_cancelled_wait_leaves_no_alarm() {
        let caught = program(vec![vec![parallel(&[1, 2], Some(1)), call(1)], vec![wait(100)], vec![call(0), fail()]]);
        let (mut running, called) = begin(caught);
        assert_eq!(running.due(), at(100));
        let reply = Event::Reply(called.expect("a branch calls"), Ok(Document::NULL));
        running.step(reply, at(1), &mut Effects::default(), |_| {});
        assert_eq!(running.due(), at(300));
    }

    #[test]
    fn it_is_due_at_its_first_alarm_or_its_deadline() {
        let (running, _) = begin(list(vec![wait(7)]));
        assert_eq!(running.due(), at(7));
        assert!(running.due_event(Timestamp::from_micros(6_999_999)).is_none());
        assert!(matches!(running.due_event(at(7)), Some(Event::Wake(_))));
        assert!(matches!(running.due_event(at(300)), Some(Event::Resume)));
        let (running, _) = begin(list(vec![call(0)]));
        assert_eq!(running.due(), at(300));
        let (running, _) = begin(list(vec![wait(400)]));
        assert_eq!(running.due(), at(300));
    }
}
