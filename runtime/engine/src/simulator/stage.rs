//! The simulation while it is played.

use super::chronicle::{Chronicle, strands_max};
use super::{BEGINNING, Broken, Moment, PlannedStart, Report, Simulator};
use crate::Finished;
use crate::admission::{Admission, Permit};
use crate::calls::Answer;
use crate::host::Call;
use crate::running::{Running, panicked};
use crate::shard::{Key, Output, Shard};
use crate::usage::Usage;
use fleetstep_document::Text;
use fleetstep_machine::{
    EXECUTION_DURATION_MAX, ExecutionStart, Failure, HistoryEvent, HistoryLevel, Identity, Outcome, Ticket, Timestamp,
};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

pub(super) struct Stage {
    simulator: Simulator,
    chance: fastrand::Rng,
    now: Timestamp,
    shard: Shard<Player>,
    admission: Arc<Admission>,
    /// What is to happen, by time; what happens at the same time is in the order of a drawn number.
    plan: BTreeMap<(Timestamp, u64), Happening>,
    planned: u32,
    /// By the order of the starts.
    fates: Vec<Fate>,
    /// The executions that are not over.
    running: HashMap<Key, usize>,
    /// Every ticket that was ever given to a call, and those whose answers are still waited for.
    tickets: HashSet<(Key, Ticket)>,
    open: HashSet<(Key, Ticket)>,
    step: u64,
    calls: u64,
    trace: DefaultHasher,
    /// By the order of the starts, where they are recorded.
    histories: Vec<Vec<HistoryEvent>>,
}

/// What the simulation attaches to an execution: its permit, as the engine does, and its history.
#[derive(Debug)]
struct Player {
    _permit: Permit,
    chronicle: Chronicle,
}

/// What became of a start.
enum Fate {
    Planned,
    Refused,
    Running { key: Key, started: Timestamp, deadline: Timestamp, strands_max: usize },
    Finished { key: Key, finished: Finished },
}

/// What happens outside of the shard.
enum Happening {
    Start(usize),
    Answer(Key, Ticket, Answer),
    Abort(usize),
}

/// What the driver does next.
enum Move {
    Resume,
    Wake(Timestamp),
    Happen((Timestamp, u64)),
}

impl Stage {
    pub(super) fn new(simulator: Simulator) -> Self {
        let mut stage = Self {
            chance: fastrand::Rng::with_seed(simulator.seed),
            now: BEGINNING,
            shard: Shard::default(),
            admission: Admission::new(simulator.executions_running_max),
            plan: BTreeMap::new(),
            planned: 0,
            fates: simulator.starts.iter().map(|_| Fate::Planned).collect(),
            running: HashMap::new(),
            tickets: HashSet::new(),
            open: HashSet::new(),
            step: 0,
            calls: 0,
            trace: DefaultHasher::new(),
            histories: simulator.events_max.map_or_else(Vec::new, |_| vec![Vec::new(); simulator.starts.len()]),
            simulator,
        };
        if stage.simulator.events_max.is_some() {
            stage.shard.note_ways();
        }
        for id in 0..stage.fates.len() {
            stage.plan(stage.simulator.starts[id].at, Happening::Start(id));
        }
        stage
    }

    pub(super) fn play(mut self) -> Result<Report, Broken> {
        while let Some(next) = self.next_move() {
            if self.simulator.stopped_after.is_some_and(|steps| self.step >= steps) {
                return Ok(self.report());
            }
            self.count_step()?;
            match next {
                Move::Resume => {
                    let turns = self.chance.usize(1..4);
                    self.shard.resume(self.now, turns);
                }
                Move::Wake(at) => self.wake(at)?,
                Move::Happen(key) => {
                    let happening = self.plan.remove(&key).expect("it was just seen");
                    self.now = self.now.max(key.0);
                    self.happen(happening)?;
                }
            }
            self.carry_out()?;
            self.check()?;
        }
        self.end()
    }

    /// Whatever comes first; what comes at the same time, by chance.
    fn next_move(&mut self) -> Option<Move> {
        if self.shard.has_yielded() && (self.simulator.is_prompt || self.chance.bool()) {
            return Some(Move::Resume);
        }
        let happening = self.plan.first_key_value().map(|(key, _)| *key);
        match (self.shard.next_wake(), happening) {
            (Some(at), Some(key)) if at < key.0 || (at == key.0 && self.chance.bool()) => Some(Move::Wake(at)),
            (_, Some(key)) => Some(Move::Happen(key)),
            (Some(at), None) => Some(Move::Wake(at)),
            (None, None) => self.shard.has_yielded().then_some(Move::Resume),
        }
    }

    fn wake(&mut self, at: Timestamp) -> Result<(), Broken> {
        if at > self.now {
            let early = Timestamp::from_micros(at.as_micros() - 1).max(self.now);
            if self.shard.wake(early, usize::MAX) != 0 || self.shard.next_output().is_some() {
                return Err(self.broken("a timer fired before its time"));
            }
            let lateness = self.draw(self.simulator.faults.late, self.simulator.faults.lateness_max);
            self.now = at.after(lateness.unwrap_or_default());
        }
        let wakes = self.chance.usize(1..8);
        self.shard.wake(self.now, wakes);
        Ok(())
    }

    fn happen(&mut self, happening: Happening) -> Result<(), Broken> {
        match happening {
            Happening::Start(id) => self.start(id),
            Happening::Answer(key, ticket, answer) => {
                let is_awaited = self.open.remove(&(key, ticket));
                let is_without_effect = !is_awaited && !self.may_move(key);
                self.shard.reply(key, ticket, answer, self.now);
                if is_without_effect { self.expect_no_effect("an answer that nobody waits for") } else { Ok(()) }
            }
            Happening::Abort(id) => self.abort(id),
        }
    }

    fn start(&mut self, id: usize) -> Result<(), Broken> {
        let Ok(permit) = self.admission.admit() else {
            self.fates[id] = Fate::Refused;
            let is_full = self.running.len() == self.simulator.executions_running_max;
            return if is_full { Ok(()) } else { Err(self.broken("refused, though there was room")) };
        };
        let PlannedStart { program, input, .. } = &self.simulator.starts[id];
        let (program, input, started) = (Arc::clone(program), input.clone(), self.now);
        let duration = program.timeout.unwrap_or(EXECUTION_DURATION_MAX).min(EXECUTION_DURATION_MAX);
        let (seed, history) = (self.chance.u64(..), HistoryLevel::All);
        let start = ExecutionStart { input, identity: identity(id), seed, started, history };
        let (chronicle, strands_max) = (Chronicle::keeping(self.simulator.events_max), strands_max(&program));
        let running = Running::new(program, start).with_sink(Some(Box::new(chronicle.clone())));
        let key = self.shard.start_running(running, Player { _permit: permit, chronicle }, self.now);
        if self.running.insert(key, id).is_some() {
            return Err(self.broken("one key for two executions"));
        }
        self.fates[id] = Fate::Running { key, started, deadline: started.after(duration), strands_max };
        self.tell(Moment::Started(id))?;
        let abort_after = self.draw(self.simulator.faults.aborted, Duration::from_secs(60));
        if let Some(after) = abort_after {
            self.plan(self.now.after(after), Happening::Abort(id));
        }
        Ok(())
    }

    fn abort(&mut self, id: usize) -> Result<(), Broken> {
        let failure = Failure::named("Simulated.Abort");
        match self.fates[id] {
            Fate::Running { key, .. } => {
                self.shard.abort(key, failure, self.now);
                self.carry_out()?;
                let is_running = matches!(self.fates[id], Fate::Running { .. });
                if is_running { Err(self.broken("an aborted execution goes on")) } else { Ok(()) }
            }
            Fate::Finished { key, .. } => {
                self.shard.abort(key, failure, self.now);
                self.expect_no_effect("aborting what is over")
            }
            Fate::Planned | Fate::Refused => Ok(()),
        }
    }

    /// Plays the tasks, and notes who has ended.
    fn carry_out(&mut self) -> Result<(), Broken> {
        while let Some(output) = self.shard.next_output() {
            match output {
                Output::Call { key, ticket, call } => {
                    let Some(&id) = self.running.get(&key) else {
                        return Err(self.broken("a call by an execution that is over"));
                    };
                    ("call", id, ticket, self.now).hash(&mut self.trace);
                    self.call(key, ticket, call)?;
                }
                Output::Cancel { key, tickets } => {
                    for ticket in tickets {
                        self.open.remove(&(key, ticket));
                    }
                }
                Output::Finished { key, outcome, attachment, .. } => self.finish(key, outcome, &attachment)?,
            }
        }
        Ok(())
    }

    fn call(&mut self, key: Key, ticket: Ticket, call: Call) -> Result<(), Broken> {
        self.count_step()?;
        self.calls += 1;
        if !self.tickets.insert((key, ticket)) {
            return Err(self.broken("one ticket for two calls"));
        }
        let faults = self.simulator.faults;
        let mut response = (self.simulator.host)(&call);
        if self.draw(faults.failing, Duration::ZERO).is_some() {
            response.answer = Err(Failure::named("Simulated"));
        }
        let mut after = response.after + self.draw(faults.slow, faults.delay_max).unwrap_or_default();
        // Whoever answers here gives no sign of life before.
        if let Some((limit, failure)) = call.callback.as_ref().and_then(|callback| callback.overdue(after)) {
            (after, response.answer) = (limit, Err(failure));
        }
        if let Some(again_after) = self.draw(faults.doubled, faults.delay_max) {
            let again = Happening::Answer(key, ticket, response.answer.clone());
            self.plan(self.now.after(after + again_after), again);
        }
        if self.draw(faults.lost, Duration::ZERO).is_some() {
            self.open.insert((key, ticket));
        } else if after.is_zero() {
            self.shard.reply(key, ticket, response.answer, self.now);
        } else {
            self.open.insert((key, ticket));
            self.plan(self.now.after(after), Happening::Answer(key, ticket, response.answer));
        }
        Ok(())
    }

    fn finish(&mut self, key: Key, outcome: Outcome, player: &Player) -> Result<(), Broken> {
        let Some(id) = self.running.remove(&key) else {
            return Err(self.broken("an execution ended twice"));
        };
        let Fate::Running { started, deadline, .. } = self.fates[id] else {
            return Err(self.broken("an execution ended that was not running"));
        };
        if (self.now >= deadline) != matches!(outcome, Outcome::TimedOut(_)) {
            return Err(self.broken(format!("{outcome:?} after {:?}", self.now.since(started))));
        }
        if self.now > deadline.after(self.simulator.faults.lateness_max) {
            return Err(self.broken(format!("the end came {:?} too late", self.now.since(deadline))));
        }
        if matches!(&outcome, Outcome::Failed(failure) if *failure == panicked("execution")) {
            return Err(self.broken("the execution panicked"));
        }
        let history = player.chronicle.close(&outcome).map_err(|promise| self.broken(promise))?;
        ("end", id, self.now, format!("{outcome:?}"), history).hash(&mut self.trace);
        if let Some(kept) = self.histories.get_mut(id) {
            *kept = player.chronicle.take_kept();
        }
        self.open.retain(|(other, _)| *other != key);
        let finished = Finished { outcome, started, stopped: self.now, usage: Usage::default() };
        self.fates[id] = Fate::Finished { key, finished };
        self.tell(Moment::Finished(id))
    }

    /// Whether any event moves this execution: its time is up, or it has a turn to come.
    fn may_move(&self, key: Key) -> bool {
        let fate = self.running.get(&key).map(|&id| &self.fates[id]);
        let is_over_time = matches!(fate, Some(Fate::Running { deadline, .. }) if self.now >= *deadline);
        is_over_time || (fate.is_some() && self.shard.has_yielded())
    }

    fn expect_no_effect(&mut self, what: &str) -> Result<(), Broken> {
        match self.shard.next_output() {
            Some(output) => Err(self.broken(format!("{what} had an effect: {output:?}"))),
            None => Ok(()),
        }
    }

    fn check(&mut self) -> Result<(), Broken> {
        let (shard, admitted, running) = (self.shard.len(), self.admission.running(), self.running.len());
        if shard != running || admitted != running {
            let promise = format!("{running} are running, {shard} in the shard, {admitted} permits are out");
            return Err(self.broken(promise));
        }
        for (&key, &id) in &self.running {
            let strands = self.shard.strands_live(key);
            let is_bounded = matches!(self.fates[id], Fate::Running { strands_max, .. } if strands <= strands_max);
            if !is_bounded {
                return Err(self.broken(format!("execution {id} has {strands} strands")));
            }
            if let Some(promise) = self.shard.get_mut(key).and_then(|player| player.chronicle.broken()) {
                return Err(self.broken(format!("execution {id}: {promise}")));
            }
        }
        self.tell(Moment::Stepped(running))
    }

    fn end(self) -> Result<Report, Broken> {
        if !self.running.is_empty() || self.admission.running() > 0 || !self.open.is_empty() {
            return Err(self.broken("something is left behind, and nothing will wake it"));
        }
        if self.fates.iter().any(|fate| matches!(fate, Fate::Planned | Fate::Running { .. })) {
            return Err(self.broken("an execution never ended"));
        }
        Ok(self.report())
    }

    fn report(mut self) -> Report {
        let ways = self.shard.take_ways();
        let mut executions = Vec::with_capacity(self.fates.len());
        let mut unfinished = Vec::new();
        for (id, fate) in self.fates.into_iter().enumerate() {
            if matches!(fate, Fate::Running { .. }) {
                unfinished.push(id);
            }
            executions.push(match fate {
                Fate::Finished { finished, .. } => Some(finished),
                _ => None,
            });
        }
        let (seed, steps, calls, trace) = (self.simulator.seed, self.step, self.calls, self.trace.finish());
        let histories = self.histories;
        Report { seed, executions, unfinished, steps, calls, trace, histories, ways }
    }

    fn tell(&mut self, moment: Moment) -> Result<(), Broken> {
        (self.simulator.watch)(moment).map_err(|promise| self.broken(promise))
    }

    fn count_step(&mut self) -> Result<(), Broken> {
        self.step += 1;
        if self.step > self.simulator.steps_max { Err(self.broken("it does not end")) } else { Ok(()) }
    }

    /// With some probability, a time up to some length.
    fn draw(&mut self, probability: f64, up_to: Duration) -> Option<Duration> {
        let happens = self.chance.f64() < probability;
        happens.then(|| up_to.mul_f64(self.chance.f64()))
    }

    fn plan(&mut self, at: Timestamp, happening: Happening) {
        self.planned += 1;
        let order = (u64::from(self.chance.u32(..)) << 32) | u64::from(self.planned);
        self.plan.insert((at, order), happening);
    }

    fn broken(&self, promise: impl Into<String>) -> Broken {
        Broken { seed: self.simulator.seed, step: self.step, promise: promise.into() }
    }
}

fn identity(id: usize) -> Arc<Identity> {
    let name = Text::from(format!("simulated-{id}"));
    Arc::new(Identity { execution_arn: name.clone(), execution_name: name, ..Identity::default() })
}
