//! A start, whichever way it came in: a machine, an input, an identity; attended or not.

use crate::Service;
use crate::admission::{Bound, Entry, Way};
use crate::aws::parse_input;
use crate::billing::billed_steps;
use crate::durable::{self, Accepted};
use crate::executions::{Record, Stopper, output_bytes};
use crate::fault::{Fault, Kind};
use crate::history::{self, Asked};
use crate::limits::INPUT_BYTES_MAX;
use crate::tracing;
use fleetstep_catalog::arn::check_execution_name;
use fleetstep_catalog::{StateMachine, StateMachineStatus, Target};
use fleetstep_document::{Document, Text};
use fleetstep_engine::{
    Ended, Failure, Finished, Handle, HistoryLevel, Identity, Meter, OnFinish, Outcome, Saturated, Start, Timestamp,
    Used, clock,
};
use fleetstep_telemetry::{Caller, Context};
use std::sync::Arc;
use tokio::sync::oneshot;

/// An execution that is about to start.
pub(crate) struct Launch {
    pub(crate) identity: Arc<Identity>,
    /// One that can be run.
    pub(crate) machine: Arc<StateMachine>,
    pub(crate) input: Document,
    /// Size of the input as text.
    input_bytes: usize,
    /// What is asked for of its history; mostly nothing.
    pub(crate) asked: Option<Asked>,
    /// By which it is known again when it comes twice.
    pub(crate) key: Option<Text>,
    /// Its place in a trace; mostly none.
    pub(crate) trace: Option<Arc<Context>>,
}

impl Launch {
    /// Makes an execution of `target`: `name` if given, else a UUID is its name.
    pub(crate) fn new(
        service: &Service,
        target: Target,
        name: Option<&str>,
        input: Document,
        input_bytes: usize,
    ) -> Result<Self, Fault> {
        let machine = &target.machine;
        if machine.status == StateMachineStatus::Deleting {
            let message = format!("State Machine Is Being Deleted: '{}'", machine.arn.as_text());
            return Err(Fault::new(Kind::StateMachineDeleting, message));
        }
        let identity = target.identity(name);
        Self::of(service, target.machine, identity, input, input_bytes)
    }

    /// Makes an execution of what an ARN names; no input is `{}`.
    pub(crate) fn of_text(
        service: &Service,
        arn: &str,
        name: Option<&str>,
        input: Option<&Text>,
    ) -> Result<Self, Fault> {
        let target = service.target(arn)?;
        if let Some(name) = name {
            check_execution_name(name)?;
        }
        let document = match input {
            Some(text) => parse_input(text)?,
            None => Document::empty_object(),
        };
        // The constraint counts characters, the quota counts bytes.
        let input_bytes = input.map_or(2, |text| text.len());
        if input_bytes > INPUT_BYTES_MAX {
            let message = format!("Invalid State Machine Execution Input: 'the input exceeds {INPUT_BYTES_MAX} bytes'");
            return Err(Fault::new(Kind::InvalidExecutionInput, message));
        }
        Self::new(service, target, name, document, input_bytes)
    }

    /// The same, started by a task of `parent`.
    pub(crate) fn below(self, parent: &Identity) -> Self {
        let started_by = Some(parent.execution_arn.clone());
        let identity = Identity { started_by, nesting: parent.nesting + 1, ..Identity::clone(&self.identity) };
        Self { identity: Arc::new(identity), ..self }
    }

    /// Makes an execution of a revision, whoever it is.
    pub(crate) fn of(
        service: &Service,
        machine: Arc<StateMachine>,
        identity: Arc<Identity>,
        input: Document,
        input_bytes: usize,
    ) -> Result<Self, Fault> {
        machine.runnable.as_ref().map_err(|diagnostics| Fault::invalid_definition(diagnostics))?;
        let asked = Asked::of(&machine, service.next_history_level());
        let trace = service.telemetry().and_then(|telemetry| tracing::place(telemetry, &machine, None));
        Ok(Self { identity, machine, input, input_bytes, asked, key: None, trace })
    }

    /// The same, as a part of the trace of whoever called.
    pub(crate) fn called_by(self, service: &Service, caller: Option<Caller>) -> Self {
        match (service.telemetry(), caller) {
            (Some(telemetry), Some(caller)) => {
                Self { trace: tracing::place(telemetry, &self.machine, Some(&caller)), ..self }
            }
            _ => self,
        }
    }

    /// The same; its history is kept at that level at least.
    pub(crate) fn with_history(self, level: HistoryLevel) -> Self {
        if level == HistoryLevel::Off {
            return self;
        }
        Self { asked: Asked::of(&self.machine, level.max(self.asked.map_or(level, |asked| asked.level))), ..self }
    }

    /// Its place in a trace, if it has one, and the ARN that tells it from another start with the same key.
    pub(crate) fn traced(&self) -> Option<(Arc<Context>, Text)> {
        self.trace.clone().map(|trace| (trace, self.identity.execution_arn.clone()))
    }

    /// The same, known by a key.
    pub(crate) fn with_key(self, key: Text) -> Self {
        Self { key: Some(key), ..self }
    }

    fn enter(&self, service: &Service, way: Way) -> Result<Option<Entry>, Fault> {
        service.admission().enter(&self.machine.name, way).inspect_err(|_| self.machine.meter.refuse(clock::now()))
    }

    fn start(&self, service: &Service) -> Start {
        let runnable = self.machine.runnable.as_ref().expect("it was looked at when the launch was made");
        let seed = fastrand::u64(..);
        Start {
            program: Arc::clone(&runnable.program),
            host: Arc::clone(&runnable.host),
            identity: Arc::clone(&self.identity),
            input: self.input.clone(),
            seed,
            history: history::record(service, self, &runnable.resources, seed),
        }
    }

    /// Runs it in the caller's own future.
    pub(crate) async fn run(&self, service: &Service) -> Result<Finished, Fault> {
        let _entry = self.enter(service, Way::Sync)?;
        service.engine().run(self.start(service)).await.map_err(|saturated| {
            forget_history(service, self.asked, &self.identity);
            self.refused(service, saturated)
        })
    }

    /// Counts what came of [`Launch::run`], where it is not [kept](Self::keep); `output_bytes` is the size of the output
    /// as text.
    pub(crate) fn measure(&self, finished: &Finished, output_bytes: usize) {
        measure(&self.machine.meter, finished, self.input_bytes, output_bytes);
    }

    /// Counts what came of [`Launch::run`], and keeps it, to be shown later; `output_bytes` is the size of the output as
    /// text.
    pub(crate) fn keep(self, service: &Service, finished: Finished, output_bytes: usize) {
        self.measure(&finished, output_bytes);
        let bytes = self.input_bytes + output_bytes;
        let identity = Arc::clone(&self.identity);
        service.executions().keep(&identity.execution_arn, Record::over(self.identity, self.input, finished), bytes);
    }

    /// Starts it, to be carried on by the engine, for a caller who follows it: it is lost if the server ends before it.
    pub(crate) fn follow(self, service: &Service) -> Result<Timestamp, Fault> {
        let entry = self.enter(service, Way::Sync)?;
        let started = clock::now();
        match self.begin(service, started, None, entry) {
            Ok(()) => Ok(started),
            Err(saturated) => Err(self.refused(service, saturated)),
        }
    }

    /// Starts it, to be carried on by the engine, once it is durable. Returns the time of the start.
    pub(crate) async fn detach(self, service: &Service) -> Result<Timestamp, Fault> {
        let entry = self.enter(service, Way::Async)?;
        let started = clock::now();
        let accepted = durable::accept(service, &[&self], started).await?.pop().flatten();
        match self.begin(service, started, accepted.clone(), entry) {
            Ok(()) => Ok(started),
            Err(saturated) => {
                accepted.into_iter().for_each(Accepted::finish);
                Err(self.refused(service, saturated))
            }
        }
    }

    /// Starts it for one who waits for its end, and ends it when he does not wait any more.
    pub(crate) fn attend(self, service: &Service) -> Result<Child, Fault> {
        let entry = self.enter(service, Way::Sync)?;
        let (tell, told) = oneshot::channel();
        let (stopper, start, on_finish) = self.detached(service, clock::now(), None, entry);
        let on_finish = Box::new(move |finished: Finished| {
            on_finish(finished.clone());
            // He may have gone.
            let _ = tell.send(finished);
        });
        let handle = service.engine().start_nested(start, on_finish);
        self.begun(service, &stopper, handle).map_err(|saturated| self.refused(service, saturated))?;
        Ok(Child { stopper, told })
    }

    /// Hands it to the engine; at its end what was accepted is finished, and its place is free.
    pub(crate) fn begin(
        &self,
        service: &Service,
        started: Timestamp,
        accepted: Option<Accepted>,
        entry: Option<Entry>,
    ) -> Result<(), Saturated> {
        let (stopper, start, on_finish) = self.detached(service, started, accepted, entry);
        let handle = match self.identity.nesting {
            0 => service.engine().start(start, on_finish),
            _ => service.engine().start_nested(start, on_finish),
        };
        self.begun(service, &stopper, handle)
    }

    /// What the engine needs to carry it on.
    fn detached(
        &self,
        service: &Service,
        started: Timestamp,
        accepted: Option<Accepted>,
        entry: Option<Entry>,
    ) -> (Arc<Stopper>, Start, OnFinish) {
        let start = self.start(service);
        let (identity, input, input_bytes) = (Arc::clone(&self.identity), self.input.clone(), self.input_bytes);
        let stopper = Arc::new(Stopper::default());
        // The record comes first: an execution that never waits is over before `start` returns.
        let record = Record::running(Arc::clone(&identity), input.clone(), started, &stopper);
        service.executions().keep(&identity.execution_arn, record, input_bytes);
        let (executions, stoppable) = (service.executions().clone(), Arc::clone(&stopper));
        let meter = Arc::clone(&self.machine.meter);
        let followed = self.asked.map(|_| service.histories().clone());
        let on_finish = move |finished: Finished| {
            stoppable.done();
            let bytes = input_bytes + output_bytes(&finished);
            measure(&meter, &finished, input_bytes, bytes - input_bytes);
            let arn = followed.as_ref().map(|_| identity.execution_arn.clone());
            executions.replace(Record::over(identity, input, finished), bytes);
            if let (Some(followed), Some(arn)) = (followed, arn) {
                followed.ring(&arn);
            }
            accepted.into_iter().for_each(Accepted::finish);
            drop(entry);
        };
        (stopper, start, Box::new(on_finish))
    }

    /// The engine has no room.
    fn refused(&self, service: &Service, saturated: Saturated) -> Fault {
        service.admission().refusals().count(Bound::ServerRunning);
        self.machine.meter.refuse(clock::now());
        saturated.into()
    }

    /// It began, or it was not let in and leaves nothing behind.
    fn begun(&self, service: &Service, stopper: &Stopper, handle: Result<Handle, Saturated>) -> Result<(), Saturated> {
        match handle {
            Ok(handle) => {
                stopper.arm(handle);
                Ok(())
            }
            Err(saturated) => {
                service.executions().forget(&self.identity.execution_arn);
                forget_history(service, self.asked, &self.identity);
                Err(saturated)
            }
        }
    }
}

/// An execution that a task of another waits for.
pub(crate) struct Child {
    stopper: Arc<Stopper>,
    told: oneshot::Receiver<Finished>,
}

impl Child {
    /// How it ended.
    pub(crate) async fn end(mut self) -> Finished {
        match (&mut self.told).await {
            Ok(finished) => finished,
            // The engine goes down, and takes the task that waits along.
            Err(_) => std::future::pending().await,
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let cause = "The execution whose task waited for this one does not wait any more";
        self.stopper.stop(Failure { error: None, cause: Some(Text::from(cause)) });
    }
}

/// Starts all that can be, in one go, once they are durable: who each is and when it began.
pub(crate) async fn detach_all(
    service: &Service,
    launches: Vec<Result<Launch, Fault>>,
) -> Vec<Result<(Arc<Identity>, Timestamp), Fault>> {
    let started = clock::now();
    let enter = |launch: Launch| launch.enter(service, Way::Async).map(|entry| (launch, entry));
    let (launches, mut entries): (Vec<Result<Launch, Fault>>, Vec<_>) = launches
        .into_iter()
        .map(|launch| match launch.and_then(enter) {
            Ok((launch, entry)) => (Ok(launch), Some(entry)),
            Err(fault) => (Err(fault), None),
        })
        .unzip();
    let right: Vec<&Launch> = launches.iter().filter_map(|launch| launch.as_ref().ok()).collect();
    let accepted = match durable::accept(service, &right, started).await {
        Ok(accepted) => accepted,
        Err(fault) => {
            service.refuse(&fault);
            return launches.into_iter().map(|launch| Err(launch.err().unwrap_or_else(Fault::throttled))).collect();
        }
    };
    let entries = entries.drain(..).flatten();
    let detached = right
        .iter()
        .zip(&accepted)
        .zip(entries)
        .map(|((launch, accepted), entry)| launch.detached(service, started, accepted.clone(), entry));
    let (stoppers, starts): (Vec<_>, Vec<_>) =
        detached.map(|(stopper, start, on_finish)| (stopper, (start, on_finish))).unzip();
    let handles = service.engine().start_batch(starts);
    let mut begun =
        right.iter().zip(accepted).zip(stoppers.iter().zip(handles)).map(|((launch, accepted), (stopper, handle))| {
            match launch.begun(service, stopper, handle) {
                Ok(()) => Ok((Arc::clone(&launch.identity), started)),
                Err(saturated) => {
                    accepted.into_iter().for_each(Accepted::finish);
                    Err(launch.refused(service, saturated))
                }
            }
        });
    let answer = |launch: &Result<Launch, Fault>| launch.is_ok().then(|| begun.next().expect("one for each"));
    let begun: Vec<_> = launches.iter().map(answer).collect();
    launches
        .into_iter()
        .zip(begun)
        .map(|(launch, begun)| begun.unwrap_or_else(|| Err(launch.err().expect("it is none"))))
        .collect()
}

/// Counts how one ended, how long it took, and what it used.
fn measure(meter: &Meter, finished: &Finished, input_bytes: usize, output_bytes: usize) {
    let ended = match finished.outcome {
        Outcome::Succeeded(_) => Ended::Succeeded,
        Outcome::Failed(_) => Ended::Failed,
        Outcome::TimedOut(_) => Ended::TimedOut,
        Outcome::Aborted(_) => Ended::Aborted,
    };
    let Finished { started, stopped, usage, .. } = finished;
    let used = Used {
        busy_micros: usage.busy_micros.into(),
        bytes_in: input_bytes as u64,
        bytes_out: output_bytes as u64,
        billed_steps: billed_steps(*started, *stopped),
        memory_kib: usage.memory_kib.into(),
    };
    meter.count_used(ended, *started, *stopped, &used);
}

fn forget_history(service: &Service, asked: Option<Asked>, identity: &Identity) {
    if asked.is_some() {
        service.histories().forget(&identity.execution_arn);
    }
}
