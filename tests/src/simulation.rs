//! Whole engines in a world that fails, dawdles, forgets, answers twice and wakes late, and whose process stops: what is
//! promised holds after every step, for every seed, and a seed says everything that happens.
//!
//! The simulator itself checks, after every step: a ticket names one wait; an answer that nobody waits for has no effect;
//! nobody passes their deadline, which is five minutes at most; there are as many permits as executions; an execution
//! has no more strands than its program allows; its history is numbered without a gap, and ends once and as the execution does.
//! Here are added: the journal's count agrees with what is running; whoever was running when the process stopped runs
//! again to an end; the order of results does not depend on the order of answers.

use crate::workflows::{cases, compiled, json};
use crate::{markdown::Block, shared};
use fastrand::Rng;
use fleetstep_asl::{Options, WorkflowType, compile};
use fleetstep_document::Document;
use fleetstep_engine::simulator::{Faults, Moment, Report, Response, Simulator};
use fleetstep_engine::{Call, Failure, Outcome, Program};
use fleetstep_hostile::generate;
use fleetstep_journal::{Journal, MemoryJournal, RecordId};
use serde_json::Value;
use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Executions of one seed.
const EXECUTIONS_MAX: usize = 8;
/// Of so many seeds, one has a process that stops.
const STOPS_ONE_IN: u8 = 3;

/// A machine, and an input for it.
type Workload = (Arc<Program>, Document);

/// The machines that were written by hand: those of this repository's tests, and the shared ones where they are at hand.
pub struct Written(Vec<Workload>);

/// What came of a seed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Played {
    /// Executions that ended.
    pub finished: usize,
    /// Of these, those that ran again after the process had stopped.
    pub run_again: usize,
    /// Starts that were not let in.
    pub refused: usize,
    /// Calls of tasks.
    pub calls: u64,
    /// Steps after which everything was checked.
    pub steps: u64,
    /// Stands for all that happened.
    pub trace: u64,
}

impl Written {
    /// Reads them.
    #[must_use]
    pub fn read() -> Self {
        let own = cases().into_iter().filter_map(|(case, definition)| {
            let input = case.block("input").map_or_else(Document::empty_object, |block| json(&block.text));
            Some((Arc::new(compiled(&definition).ok()?.program), input))
        });
        let text = shared("definitions/definitions.jsonl").and_then(|path| std::fs::read_to_string(path).ok());
        let text = text.unwrap_or_default();
        let others = text.lines().filter_map(|line| {
            let definition = serde_json::from_str::<Value>(line).ok()?.get("definition")?.to_string();
            let options = Options { target: Some(WorkflowType::Express), ..Options::default() };
            Some((Arc::new(compile(&definition, &options).compiled?.program), json(generate::INPUT)))
        });
        Self(own.chain(others).collect())
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    fn choose(&self, chance: &mut Rng) -> Workload {
        match chance.bool() {
            true => self.0[chance.usize(0..self.0.len())].clone(),
            false => (program(&generate::definition(chance)), json(generate::INPUT)),
        }
    }
}

fn program(definition: &Value) -> Arc<Program> {
    let block = Block { language: "json".to_owned(), role: "definition".to_owned(), text: definition.to_string() };
    match compiled(&block) {
        Ok(compiled) => Arc::new(compiled.program),
        Err(errors) => panic!("a generated definition is refused:\n{errors}\n{}", block.text),
    }
}

/// Plays a seed twice.
///
/// # Errors
/// The promise that was not kept.
pub fn play(seed: u64, written: &Written) -> Result<Played, String> {
    let played = play_once(seed, written)?;
    let again = play_once(seed, written)?;
    if played != again {
        return Err(format!("seed {seed}: another course: {played:?}, then {again:?}"));
    }
    let order = in_order(seed)?;
    Ok(Played { finished: played.finished + order, ..played })
}

fn play_once(seed: u64, written: &Written) -> Result<Played, String> {
    let mut chance = Rng::with_seed(seed);
    let count = chance.usize(1..=EXECUTIONS_MAX);
    let starts: Vec<(Duration, Workload)> =
        (0..count).map(|_| (Duration::from_millis(chance.u64(0..60_000)), written.choose(&mut chance))).collect();
    let faults = if chance.u8(0..4) == 0 { Faults::NONE } else { Faults::ALL };
    let running_max = chance.usize(1..=EXECUTIONS_MAX);
    let stops = chance.u8(0..STOPS_ONE_IN) == 0;
    let mut simulator = life(seed, &starts, &mut chance).faults(faults).executions_running_max(running_max);
    if stops {
        simulator = simulator.stopped_after(chance.u64(1..200));
    }
    let first = simulator.run().map_err(|broken| broken.to_string())?;
    let mut played = Played::default();
    played.count(&first);
    if !first.unfinished.is_empty() {
        // As after a crash: each from its beginning, at once.
        let again: Vec<(Duration, Workload)> =
            first.unfinished.iter().map(|&id| (Duration::ZERO, starts[id].1.clone())).collect();
        let simulator = life(!seed, &again, &mut chance).faults(faults);
        let second = simulator.run().map_err(|broken| format!("seed {seed}, after the stop: {broken}"))?;
        if second.executions.iter().any(Option::is_none) {
            return Err(format!("seed {seed}: a start was lost"));
        }
        played.count(&second);
        played.run_again = again.len();
    } else if !stops {
        played.refused = first.executions.iter().filter(|ended| ended.is_none()).count();
    }
    Ok(played)
}

/// A simulation whose starts and ends a journal keeps count of.
fn life(seed: u64, starts: &[(Duration, Workload)], chance: &mut Rng) -> Simulator {
    let mut simulator = Simulator::new(seed).host(host(chance.fork())).watch(keeping_count());
    for (after, (program, input)) in starts {
        simulator = simulator.start(*after, Arc::clone(program), input.clone());
    }
    simulator
}

impl Played {
    fn count(&mut self, report: &Report) {
        self.finished += report.executions.iter().flatten().count();
        self.calls += report.calls;
        self.steps += report.steps;
        self.trace = self.trace.rotate_left(1) ^ report.trace;
    }
}

fn keeping_count() -> impl FnMut(Moment) -> Result<(), String> {
    let journal = MemoryJournal::default();
    let mut accepted: HashMap<usize, RecordId> = HashMap::new();
    move |moment| {
        match moment {
            Moment::Started(id) => {
                match pin!(journal.accept(&[b"start"])).poll(&mut Context::from_waker(Waker::noop())) {
                    Poll::Ready(Ok(ids)) => drop(accepted.insert(id, ids[0])),
                    other => return Err(format!("the journal in memory answers {other:?}")),
                }
            }
            Moment::Finished(id) => {
                let record = accepted.remove(&id).ok_or_else(|| format!("start {id} is finished twice"))?;
                journal.finish(&[record]);
            }
            Moment::Stepped(running) => {
                let unfinished = journal.stats().unfinished;
                if unfinished != running as u64 || accepted.len() != running {
                    return Err(format!("{running} are running, and the journal has {unfinished} unfinished"));
                }
            }
        }
        Ok(())
    }
}

/// Tasks that answer with their input, or fail, within some time.
fn host(mut chance: Rng) -> impl FnMut(&Call) -> Response {
    move |call| {
        let answer = match chance.u32(0..4) {
            0 => Err(Failure::new("Busy", "try again")),
            _ => Ok(call.input.clone()),
        };
        Response::after(Duration::from_millis(chance.u64(0..3_000)), answer)
    }
}

/// A machine whose tasks do not fail comes to the same whenever they answer, however often, and whenever the driver
/// looks at its timers. Gives the number of executions.
fn in_order(seed: u64) -> Result<usize, String> {
    let mut chance = Rng::with_seed(seed);
    let program = program(&generate::steady_definition(&mut chance));
    // Nothing comes so late that the shortest timeout, of a second, is over.
    let (delay_max, lateness_max) = (Duration::from_millis(400), Duration::from_millis(200));
    let restless = Faults { slow: 0.5, delay_max, doubled: 0.5, late: 0.5, lateness_max, ..Faults::NONE };
    let mut outcome = |faults: Faults| {
        let mut answers = chance.fork();
        let host = move |call: &Call| {
            let after = if faults == Faults::NONE { 0 } else { answers.u64(0..200) };
            Response::after(Duration::from_millis(after), Ok(call.input.clone()))
        };
        let input = json(generate::INPUT);
        let simulator = Simulator::new(seed).faults(faults).host(host).watch(keeping_count());
        let report = simulator.start(Duration::ZERO, Arc::clone(&program), input).run();
        let ended = report.map_err(|broken| broken.to_string())?.executions.pop().flatten();
        Ok::<_, String>(ended.map(|finished| finished.outcome))
    };
    let (calm, hurried) = (outcome(Faults::NONE)?, outcome(restless)?);
    match (&calm, &hurried) {
        (Some(Outcome::Succeeded(calm)), Some(Outcome::Succeeded(hurried))) if calm != hurried => {
            Err(format!("seed {seed}: in another order of answers {hurried}, not {calm}"))
        }
        // Waits alone may come close to the five minutes.
        (Some(Outcome::Succeeded(_)), Some(Outcome::Succeeded(_) | Outcome::TimedOut(_))) => Ok(2),
        (Some(Outcome::Succeeded(_)), other) => Err(format!("seed {seed}: in another order of answers {other:?}")),
        _ => Ok(2),
    }
}
