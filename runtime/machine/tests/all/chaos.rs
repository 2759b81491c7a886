//! Random programs, and every order in which the world may answer: what holds after each step.

use crate::support::{history_text, json, outcome_text};
use fleetstep_document::Document;
use fleetstep_machine::testing::{Draft, Driver, machine, retrier};
use fleetstep_machine::{Command, Event, Failure, Happening, Program, Retrier, Status, Ticket, Timestamp};
use std::collections::BTreeSet;
use std::time::Duration;

const SEEDS: u64 = 400;
const EVENTS_MAX: usize = 3_000;

/// A random program of tasks, waits, Parallels and Maps. State names may repeat in different lists.
fn program(chance: &mut fastrand::Rng) -> Program {
    let mut states = list(chance, 0);
    states.push(Draft::wait("Last", 1));
    machine(states)
}

fn list(chance: &mut fastrand::Rng, depth: u32) -> Vec<Draft> {
    let next = if depth == 0 { "Last" } else { "End" };
    let mut first = match chance.u32(if depth < 3 { 0..6 } else { 0..3 }) {
        0 | 1 => task(chance, "S"),
        2 => Draft::wait("S", chance.u32(0..4)),
        3 => Draft::parallel("S", (0..chance.u32(1..4)).map(|_| list(chance, depth + 1)).collect()),
        _ => Draft::map("S", "$.items", list(chance, depth + 1))
            .parameters(r#"{"items.$":"$$.Execution.Input.items"}"#)
            .max_concurrency(chance.i64(0..4)),
    };
    if chance.u32(0..4) == 0 {
        first = first.retry(Retrier { max_attempts: 2, ..retrier(&["Chaos"]) });
    }
    let mut states = vec![first.result_path(Some("$.r")).next(next)];
    if depth > 0 {
        states.push(task(chance, "End").result_path(None));
    }
    states
}

fn task(chance: &mut fastrand::Rng, name: &'static str) -> Draft {
    let mut draft = Draft::task(name, chance.u32(0..3));
    if chance.bool() {
        draft = draft.timeout(chance.u32(1..5));
    }
    if chance.bool() {
        let max_attempts = chance.u32(0..3);
        draft = draft.retry(Retrier { max_attempts, full_jitter: chance.bool(), ..retrier(&["States.ALL"]) });
    }
    draft
}

/// What was asked for and has not been answered.
#[derive(Default)]
struct World {
    calls: Vec<Ticket>,
    alarms: Vec<(Timestamp, Ticket)>,
    cancelled: BTreeSet<(u32, u32)>,
    answered: Vec<Ticket>,
}

impl World {
    fn take(&mut self, commands: Vec<Command>, seen: &mut BTreeSet<(u32, u32)>) {
        for command in commands {
            match command {
                Command::Call { ticket, .. } => {
                    assert!(seen.insert((ticket.strand, ticket.generation)), "a ticket names one wait");
                    self.calls.push(ticket);
                }
                Command::Wake { ticket, at } => {
                    seen.insert((ticket.strand, ticket.generation));
                    self.alarms.push((at, ticket));
                }
                Command::Cancel(ticket) => {
                    assert!(
                        seen.contains(&(ticket.strand, ticket.generation)),
                        "only what was asked for is taken back"
                    );
                    self.cancelled.insert((ticket.strand, ticket.generation));
                }
            }
        }
    }

    /// How many calls and alarms there are that the execution did not take back.
    fn awaited(&self) -> usize {
        let pending = self.calls.iter().chain(self.alarms.iter().map(|(_, ticket)| ticket));
        pending.filter(|ticket| !self.cancelled.contains(&(ticket.strand, ticket.generation))).count()
    }

    /// The next event: an answer, an alarm, or noise. Cancelled calls may answer all the same.
    fn event(&mut self, chance: &mut fastrand::Rng, driver: &mut Driver<'_>) -> Event {
        if chance.u32(0..10) == 0 && !self.answered.is_empty() {
            let ticket = self.answered[chance.usize(0..self.answered.len())];
            return if chance.bool() { Event::Wake(ticket) } else { Event::Reply(ticket, Ok(Document::NULL)) };
        }
        if !self.calls.is_empty() && (self.alarms.is_empty() || chance.u32(0..3) > 0) {
            let ticket = self.calls.swap_remove(chance.usize(0..self.calls.len()));
            self.answered.push(ticket);
            let failed = chance.u32(0..8) == 0;
            return Event::Reply(ticket, if failed { Err(Failure::named("Chaos")) } else { Ok(json("{}")) });
        }
        let Some(at) = (0..self.alarms.len()).min_by_key(|at| self.alarms[*at].0) else { return Event::Resume };
        let (at, ticket) = self.alarms.swap_remove(at);
        driver.now = driver.now.max(at);
        self.answered.push(ticket);
        Event::Wake(ticket)
    }
}

/// Runs to the end, and gives what a second run must give again.
fn run(seed: u64) -> (String, String) {
    let mut chance = fastrand::Rng::with_seed(seed);
    let program = program(&mut chance);
    let mut driver = Driver::new(&program, json(r#"{"items":[1,2,3]}"#), seed);
    let (mut world, mut seen) = (World::default(), BTreeSet::new());
    let mut event = Event::Start;
    for _ in 0..EVENTS_MAX {
        let status = driver.step(event);
        world.take(driver.commands(), &mut seen);
        match status {
            Status::Finished(outcome) => {
                check_end(seed, &mut driver, &world);
                return (outcome_text(&outcome), history_text(&driver.history));
            }
            Status::Waiting => {
                let in_time = driver.now.after(Duration::from_secs(10)) < driver.execution.deadline();
                assert!(!in_time || world.awaited() > 0, "seed {seed}: it waits for something");
                event = world.event(&mut chance, &mut driver);
            }
            Status::Yielded => event = Event::Resume,
        }
        if matches!(event, Event::Resume) && world.calls.is_empty() && world.alarms.is_empty() {
            driver.now = driver.execution.deadline();
        }
    }
    panic!("seed {seed}: no end after {EVENTS_MAX} events");
}

fn check_end(seed: u64, driver: &mut Driver<'_>, world: &World) {
    assert_eq!(driver.execution.strands_live(), 0, "seed {seed}: nothing is left behind");
    for ticket in &world.calls {
        let key = (ticket.strand, ticket.generation);
        assert!(world.cancelled.contains(&key), "seed {seed}: a call that nobody answered was taken back");
    }
    for (at, event) in driver.history.iter().enumerate() {
        assert_eq!(event.id as usize, at + 1, "seed {seed}: events are numbered without a gap");
        assert!(event.previous < event.id, "seed {seed}: an event follows from an earlier one");
    }
    let ends = driver.history.iter().filter(|event| {
        matches!(
            event.what,
            Happening::ExecutionSucceeded { .. } | Happening::ExecutionFailed(_) | Happening::ExecutionTimedOut(_)
        )
    });
    assert_eq!(ends.count(), 1, "seed {seed}: it ends once");
    let ticket = Ticket { strand: 0, generation: 1 };
    driver.now = driver.now.after(Duration::from_secs(1));
    for event in [Event::Reply(ticket, Ok(Document::NULL)), Event::Wake(ticket), Event::Resume] {
        assert!(matches!(driver.step(event), Status::Waiting), "seed {seed}: nothing happens after the end");
    }
}

#[test]
fn whatever_the_order_every_execution_ends_once_and_the_same_way() {
    let mut outcomes = std::collections::BTreeMap::<String, u32>::new();
    for seed in 0..SEEDS {
        let first = run(seed);
        assert_eq!(first, run(seed), "seed {seed}: same events, same result");
        let kind = first.0.split(' ').next().unwrap_or_default().to_owned();
        *outcomes.entry(kind).or_default() += 1;
    }
    assert!(outcomes.get("SUCCEEDED").is_some_and(|count| *count > 20), "{outcomes:?}");
    assert!(outcomes.get("FAILED").is_some_and(|count| *count > 20), "{outcomes:?}");
}
