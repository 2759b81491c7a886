//! One execution, driven by hand: every event that it takes in, and when, is somebody else's decision.

use fleetstep_document::{Document, Text};
use fleetstep_engine::simulator::Response;
use fleetstep_machine::{
    Callback, Command, Effects, Event, Execution, ExecutionStart, Failure, Happening, HistoryEvent, HistoryLevel,
    Outcome, Program, Recording, Status, Ticket, Timestamp,
};

/// A call that is not answered.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) ticket: Ticket,
    pub(super) state: Text,
    pub(super) input: Document,
    /// Where another than the called answers: then the limits of time are not the machine's, but that one's.
    callback: Option<Box<Callback>>,
    /// When its answer comes, and what it is, where that is known: only beyond the record.
    pub(super) answer: Option<(Timestamp, Result<Document, Failure>)>,
}

/// An execution and what it waits for.
pub(super) struct Player<'a> {
    program: &'a Program,
    execution: Execution,
    effects: Effects,
    pub(super) calls: Vec<Pending>,
    /// Times that were asked for, by time and then in the order in which they were asked for.
    alarms: Vec<(Timestamp, Ticket)>,
    pub(super) has_yielded: bool,
    pub(super) now: Timestamp,
    /// What it told so far.
    pub(super) events: Vec<HistoryEvent>,
    /// Set once it is over.
    pub(super) outcome: Option<Outcome>,
}

impl<'a> Player<'a> {
    pub(super) fn new(program: &'a Program, recording: &Recording, input: Document) -> Self {
        let start = ExecutionStart {
            input,
            identity: recording.identity.clone(),
            seed: recording.seed,
            started: recording.started,
            history: HistoryLevel::All,
        };
        Self {
            program,
            execution: Execution::new(program, start),
            effects: Effects::default(),
            calls: Vec::new(),
            alarms: Vec::new(),
            has_yielded: false,
            now: recording.started,
            events: Vec::new(),
            outcome: None,
        }
    }

    pub(super) fn step(&mut self, event: Event, at: Timestamp) {
        self.now = self.now.max(at);
        if let Event::Reply(ticket, _) | Event::Wake(ticket) = &event {
            self.forget(*ticket);
        }
        if matches!(event, Event::Resume) {
            self.has_yielded = false;
        }
        match self.execution.step(self.program, event, self.now, &mut self.effects) {
            Status::Waiting => {}
            Status::Yielded => self.has_yielded = true,
            Status::Finished(outcome) => self.outcome = Some(outcome),
        }
        self.events.append(&mut self.effects.history);
        for command in std::mem::take(&mut self.effects.commands) {
            match command {
                Command::Call { ticket, input, state, callback, .. } => {
                    self.calls.push(Pending { ticket, state, input, callback, answer: None });
                }
                Command::Wake { ticket, at } => {
                    let place = self.alarms.partition_point(|(other, _)| *other <= at);
                    self.alarms.insert(place, (at, ticket));
                }
                Command::Cancel(ticket) => self.forget(ticket),
            }
        }
    }

    fn forget(&mut self, ticket: Ticket) {
        self.calls.retain(|call| call.ticket != ticket);
        self.alarms.retain(|(_, alarm)| *alarm != ticket);
    }

    /// The tokens of the callbacks that it waits for.
    pub(super) fn tokens(&self) -> impl Iterator<Item = &Text> {
        self.calls.iter().filter_map(|call| call.callback.as_ref()).map(|callback| &callback.token)
    }

    /// The event that what waits with this ticket follows from.
    pub(super) fn event_before(&self, ticket: Ticket) -> Option<u64> {
        self.execution.event_before(ticket)
    }

    pub(super) fn deadline(&self) -> Timestamp {
        self.execution.deadline()
    }

    /// When something is due that was asked for.
    pub(super) fn first_alarm(&self) -> Option<Timestamp> {
        self.alarms.first().map(|(at, _)| *at)
    }

    /// What the execution takes in so that it tells `next`, and when; `None` where nothing that it waits for leads there.
    pub(super) fn event_for(&self, next: &HistoryEvent) -> Option<(Event, Timestamp)> {
        let follows = |ticket: Ticket| self.event_before(ticket) == Some(next.previous);
        let called = || self.calls.iter().map(|call| call.ticket).find(|ticket| follows(*ticket));
        let event = match &next.what {
            Happening::TaskSucceeded { output, .. } => Event::Reply(called()?, Ok(output.clone())),
            Happening::TaskFailed { failure, .. } => Event::Reply(called()?, Err(failure.clone())),
            Happening::ExecutionAborted(failure) => Event::Abort(failure.clone()),
            _ if next.at >= self.deadline() => Event::Resume,
            _ => {
                let due = || self.alarms.iter().take_while(|(at, _)| *at <= next.at);
                if let Some((_, ticket)) = due().find(|(_, ticket)| follows(*ticket)) {
                    Event::Wake(*ticket)
                } else if let Some((ticket, failure)) = self.out_of_time(next).filter(|(ticket, _)| follows(*ticket)) {
                    Event::Reply(ticket, Err(failure))
                } else if self.has_yielded {
                    Event::Resume
                } else {
                    // One that tells nothing of itself, as a try that fails again before its task is called.
                    let (at, ticket) = due().next()?;
                    return Some((Event::Wake(*ticket), *at));
                }
            }
        };
        Some((event, next.at))
    }

    /// A call whose limits others keep, and how it fails when the record says that its time was over.
    fn out_of_time(&self, next: &HistoryEvent) -> Option<(Ticket, Failure)> {
        let Happening::TaskTimedOut { .. } = next.what else { return None };
        let call = self.calls.iter().find(|call| self.event_before(call.ticket) == Some(next.previous))?;
        let callback = call.callback.as_ref()?;
        let missed = callback.heartbeat.is_some();
        Some((call.ticket, if missed { Callback::heartbeat_missed() } else { Callback::timed_out() }))
    }

    /// Goes on by itself, one event at a time, as soon as anything is due: what has no answer yet is asked for one, and
    /// the `Err` is a call that has none.
    pub(super) fn go_on(&mut self, mut answer: impl FnMut(&Pending) -> Option<Response>) -> Result<(), Pending> {
        let now = self.now;
        for call in self.calls.iter_mut().filter(|call| call.answer.is_none()) {
            match answer(call) {
                Some(Response { after, answer }) => call.answer = Some((now.after(after), answer)),
                None => return Err(call.clone()),
            }
        }
        if self.has_yielded {
            self.step(Event::Resume, now);
            return Ok(());
        }
        let answered = self.calls.iter().filter_map(|call| Some((call.answer.as_ref()?.0, call.ticket))).min_by_key(
            // What comes at the same time comes in the order of the calls.
            |(at, _)| *at,
        );
        let alarm = self.alarms.first().copied();
        let deadline = self.deadline();
        match (answered, alarm) {
            (Some((at, ticket)), alarm) if at < deadline && alarm.is_none_or(|(due, _)| at <= due) => {
                let call = self.calls.iter().find(|call| call.ticket == ticket);
                let answer = call.and_then(|call| call.answer.clone()).expect("it was just seen").1;
                self.step(Event::Reply(ticket, answer), at);
            }
            (_, Some((at, ticket))) if at < deadline => self.step(Event::Wake(ticket), at),
            _ => self.step(Event::Resume, deadline),
        }
        Ok(())
    }
}
