//! Along the record, as far as it leads; and on from where it does not.

use super::player::{Pending, Player};
use super::tokens::same_but_for;
use super::visits::Visits;
use super::{Compiled, EVENTS_BEYOND_MAX, Parting, ReplayError, ReplayReport};
use crate::compare::{differences, shown};
use fleetstep_document::{Document, Text};
use fleetstep_engine::simulator::Response;
use fleetstep_machine::{Event, Happening, HistoryEvent, Recording, TaskId, Timestamp, Unreadable};
use std::collections::HashMap;
use std::time::Duration;

/// Steps that tell nothing, one after the other: more are a file that makes no sense.
const SILENT_STEPS_MAX: usize = 10_000;

pub(super) fn follow(recording: &Recording, compiled: &Compiled) -> Result<ReplayReport, ReplayError> {
    let Some(HistoryEvent { what: Happening::ExecutionStarted { input }, .. }) = recording.events.first() else {
        let problem = String::from("the first event is not ExecutionStarted: nothing says what the input was");
        return Err(Unreadable { place: String::from("/events"), problem }.into());
    };
    let mut player = Player::new(&compiled.program, recording, input.clone());
    let (same_events, parting) = Follower { recording, compiled }.follow(&mut player);
    let is_whole = parting.is_none();
    let parting = parting.map(|instead| part(recording, compiled, same_events, instead, &player));
    let outcome = match (is_whole, player.outcome.take()) {
        (_, Some(outcome)) => Ok(outcome),
        (true, None) => Err(String::from("the record ends here: the execution was running")),
        (false, None) => go_on(recording, same_events, &mut player),
    };
    Ok(ReplayReport {
        workflow: recording.identity.state_machine_name.clone(),
        execution_arn: recording.identity.execution_arn.clone(),
        recorded_status: recording.status.clone(),
        recorded_events: recording.events.len(),
        same_events,
        parting,
        outcome,
        duration: player.now.since(recording.started),
        visits: Visits::of(&player.events).all,
    })
}

/// What the replayed execution does where it should tell the next recorded event.
enum Instead {
    /// It tells another event.
    Event,
    Nothing(String),
}

struct Follower<'a> {
    recording: &'a Recording,
    compiled: &'a Compiled,
}

impl Follower<'_> {
    /// How many events are the same; and what comes instead of the next, if they are not all.
    fn follow(&self, player: &mut Player<'_>) -> (usize, Option<Instead>) {
        let recorded = &self.recording.events;
        let (mut same, mut silent) = (0, 0);
        player.step(Event::Start, self.recording.started);
        loop {
            while let Some(event) = player.events.get(same) {
                if !recorded.get(same).is_some_and(|known| self.is_same(known, event, player)) {
                    return (same, Some(Instead::Event));
                }
                (same, silent) = (same + 1, 0);
            }
            let Some(next) = recorded.get(same) else {
                let is_over = player.outcome.is_some() || &*self.recording.status == "RUNNING";
                return (same, (!is_over).then(|| Instead::Nothing(waits(player))));
            };
            if player.outcome.is_some() {
                return (same, Some(Instead::Nothing(String::from("it is over"))));
            }
            match player.event_for(next).filter(|_| silent < SILENT_STEPS_MAX) {
                Some((event, at)) => player.step(event, at),
                None => return (same, Some(Instead::Nothing(waits(player)))),
            }
            silent += 1;
        }
    }

    /// Whether two events tell the same. Their times are the record's either way, tasks are known by what they call, and
    /// tokens of callbacks stand for each other.
    fn is_same(&self, recorded: &HistoryEvent, replayed: &HistoryEvent, player: &Player<'_>) -> bool {
        let uri = |task: TaskId| self.compiled.resources.get(task.index()).map(|resource| resource.uri());
        let recorded_uri = |task: TaskId| self.recording.resources.get(task.index()).map(Text::as_str);
        let what = match (task_of(&recorded.what), task_of(&replayed.what)) {
            (Some(one), Some(other)) if recorded_uri(one) == uri(other) => &with_task(&replayed.what, one),
            (Some(_), Some(_)) => return false,
            _ => &replayed.what,
        };
        if (recorded.id, recorded.previous) != (replayed.id, replayed.previous) {
            return false;
        }
        let has_own_token = || match (&recorded.what, what) {
            (Happening::TaskScheduled { input: one, .. }, Happening::TaskScheduled { input: other, .. }) => {
                player.tokens().any(|token| same_but_for(one, other, token))
            }
            _ => false,
        };
        recorded.what == *what || has_own_token()
    }
}

fn task_of(what: &Happening) -> Option<TaskId> {
    match what {
        Happening::TaskScheduled { task, .. }
        | Happening::TaskStarted { task }
        | Happening::TaskSucceeded { task, .. }
        | Happening::TaskFailed { task, .. }
        | Happening::TaskTimedOut { task, .. } => Some(*task),
        _ => None,
    }
}

fn with_task(what: &Happening, number: TaskId) -> Happening {
    let mut what = what.clone();
    match &mut what {
        Happening::TaskScheduled { task, .. }
        | Happening::TaskStarted { task }
        | Happening::TaskSucceeded { task, .. }
        | Happening::TaskFailed { task, .. }
        | Happening::TaskTimedOut { task, .. } => *task = number,
        _ => {}
    }
    what
}

/// What an execution waits for, in words.
fn waits(player: &Player<'_>) -> String {
    let after = |at: Timestamp| format!("{:.3} s", at.since(player.now).as_secs_f64());
    let mut waits: Vec<String> =
        player.calls.iter().map(|call| format!("for the answer of the task of \"{}\"", call.state)).collect();
    waits.extend(player.first_alarm().map(|at| format!("for {} more", after(at))));
    if waits.is_empty() {
        waits.push(format!("for its end in {}", after(player.deadline())));
    }
    format!("it waits {}", waits.join(", and "))
}

/// The parting, with the states on both sides. The replayed execution is at its first difference, or beyond it within
/// the same step.
fn part(recording: &Recording, compiled: &Compiled, at: usize, instead: Instead, player: &Player<'_>) -> Parting {
    let recorded = recording.events.get(at).cloned();
    let replayed = match instead {
        Instead::Event => Ok(player.events[at].clone()),
        Instead::Nothing(why) => Err(why),
    };
    let documents = |event: &HistoryEvent| document_of(&event.what);
    let told = match (recorded.as_ref().and_then(documents), replayed.as_ref().ok().and_then(documents)) {
        (Some(one), Some(other)) => differences(&one, &other),
        _ => Vec::new(),
    };
    let task = |event: Option<&HistoryEvent>| event.and_then(|event| task_of(&event.what)).map(TaskId::index);
    let one = task(recorded.as_ref()).and_then(|task| recording.resources.get(task).cloned());
    let other = task(replayed.as_ref().ok()).and_then(|task| Some(Text::from(compiled.resources.get(task)?.uri())));
    let resources = one.zip(other).filter(|(one, other)| one != other);
    let ends_at = |event: &HistoryEvent| event.id;
    let of_side = |events: &[HistoryEvent], event: Option<u64>| {
        let seen = events.iter().take_while(|known| event.is_none_or(|last| known.id <= last));
        let visits = Visits::of(&seen.cloned().collect::<Vec<_>>());
        // Where nothing more is told, the state is that of what was told last.
        visits.of_event(event.or(events.get(at.checked_sub(1)?).map(ends_at))?).cloned()
    };
    // Where it tells nothing, the state is that which the record goes on in: up to there, the two are the same.
    let before = recorded.as_ref().map(|event| event.previous).filter(|previous| *previous > 0);
    let replayed_state = of_side(&player.events, replayed.as_ref().ok().map(ends_at).or(before));
    Parting {
        recorded_state: of_side(&recording.events, recorded.as_ref().map(ends_at)),
        replayed_state,
        recorded,
        replayed,
        differences: told,
        resources,
    }
}

/// The document that an event tells.
fn document_of(what: &Happening) -> Option<Document> {
    match what {
        Happening::ExecutionStarted { input: told }
        | Happening::ExecutionSucceeded { output: told }
        | Happening::StateEntered { input: told, .. }
        | Happening::StateExited { output: told, .. }
        | Happening::TaskScheduled { input: told, .. }
        | Happening::TaskSucceeded { output: told, .. } => Some(told.clone()),
        _ => None,
    }
}

/// A call in the record, and what came of it.
struct Recorded {
    /// The event that the answer follows from.
    started: u64,
    state: Text,
    input: Document,
    after: Duration,
    at: Timestamp,
    answer: Result<Document, fleetstep_machine::Failure>,
    is_used: bool,
}

/// Goes on where the record does not lead any further. A task answers as it did when it was called in the same state
/// with the same input, or else as the next call of that state was answered.
fn go_on(recording: &Recording, same: usize, player: &mut Player<'_>) -> Result<fleetstep_machine::Outcome, String> {
    let mut answers = answers(recording, same);
    let open: HashMap<_, _> =
        player.calls.iter().filter_map(|call| Some((call.ticket, player.event_before(call.ticket)?))).collect();
    while player.outcome.is_none() {
        if player.events.len() > recording.events.len() + EVENTS_BEYOND_MAX {
            return Err(format!(
                "it was stopped {EVENTS_BEYOND_MAX} events beyond its record: is there an endless loop?"
            ));
        }
        let now = player.now;
        let gone_on = player.go_on(|call| {
            let before = open.get(&call.ticket);
            let found = answers
                .iter()
                // What was called before the two parted is answered when it was.
                .position(|answer| !answer.is_used && before == Some(&answer.started))
                .or_else(|| answers.iter().position(|answer| answer.is_for(call) && answer.input == call.input))
                .or_else(|| answers.iter().position(|answer| answer.is_for(call)))?;
            let found = &mut answers[found];
            found.is_used = true;
            let after = if before == Some(&found.started) { found.at.since(now) } else { found.after };
            Some(Response::after(after, found.answer.clone()))
        });
        if let Err(call) = gone_on {
            let input = shown(&call.input);
            return Err(format!("\"{}\" calls its task with {input}: the record has no answer to that", call.state));
        }
    }
    Ok(player.outcome.take().expect("it was just seen"))
}

impl Recorded {
    fn is_for(&self, call: &Pending) -> bool {
        !self.is_used && self.state == call.state
    }
}

/// Every call of the record that was answered; those up to event `same` are used.
fn answers(recording: &Recording, same: usize) -> Vec<Recorded> {
    let visits = Visits::of(&recording.events);
    let scheduled = |event: &HistoryEvent| recording.events.get((event.previous as usize).checked_sub(1)?);
    let answered = recording.events.iter().filter_map(|event| {
        let answer = match &event.what {
            Happening::TaskSucceeded { output, .. } => Ok(output.clone()),
            Happening::TaskFailed { failure, .. } => Err(failure.clone()),
            _ => return None,
        };
        let call = scheduled(scheduled(event)?)?;
        let Happening::TaskScheduled { input, .. } = &call.what else { return None };
        Some(Recorded {
            started: event.previous,
            state: visits.of_event(call.id)?.name.clone(),
            input: input.clone(),
            after: event.at.since(call.at),
            at: event.at,
            answer,
            is_used: event.id <= same as u64,
        })
    });
    answered.collect()
}
