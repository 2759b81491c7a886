//! A start, whichever way it came in: a machine, an input, an identity; attended or not.

use crate::Service;
use crate::executions::{Record, Stopper, output_bytes};
use crate::fault::{Fault, Kind};
use crate::history::Asked;
use fleetstep_catalog::{StateMachine, StateMachineStatus, Target};
use fleetstep_document::Document;
use fleetstep_engine::{Finished, Handle, Identity, OnFinish, Saturated, Start, Timestamp, clock};
use std::sync::Arc;

/// An execution that is about to start.
pub(crate) struct Launch {
    pub(crate) identity: Arc<Identity>,
    /// One that can be run.
    machine: Arc<StateMachine>,
    input: Document,
    /// Size of the input as text.
    input_bytes: usize,
    /// What is asked for of its history; mostly nothing.
    asked: Option<Asked>,
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
        machine.runnable.as_ref().map_err(|diagnostics| Fault::invalid_definition(diagnostics))?;
        let asked = Asked::of(machine, service.history_level());
        Ok(Self { identity: target.identity(name), machine: target.machine, input, input_bytes, asked })
    }

    fn start(&self, service: &Service) -> Start {
        let runnable = self.machine.runnable.as_ref().expect("it was looked at when the launch was made");
        Start {
            program: Arc::clone(&runnable.program),
            host: Arc::clone(&runnable.host),
            identity: Arc::clone(&self.identity),
            input: self.input.clone(),
            seed: fastrand::u64(..),
            history: self.asked.map(|asked| asked.record(service, &self.identity, &runnable.resources)),
        }
    }

    /// Runs it in the caller's own future.
    pub(crate) async fn run(&self, service: &Service) -> Result<Finished, Fault> {
        match service.engine().run(self.start(service)).await {
            Ok(finished) => Ok(finished),
            Err(saturated) => {
                forget_history(service, self.asked, &self.identity);
                Err(saturated.into())
            }
        }
    }

    /// Keeps what came of [`Launch::run`], to be shown later; `output_bytes` is the size of the output as text.
    pub(crate) fn keep(self, service: &Service, finished: Finished, output_bytes: usize) {
        let bytes = self.input_bytes + output_bytes;
        let identity = Arc::clone(&self.identity);
        service.executions().keep(&identity.execution_arn, Record::over(self.identity, self.input, finished), bytes);
    }

    /// Starts it, to be carried on by the engine. Returns the time of the start.
    pub(crate) fn detach(self, service: &Service) -> Result<Timestamp, Fault> {
        let (detached, start, on_finish) = self.detached(service);
        detached.begun(service, service.engine().start(start, on_finish))
    }

    /// What the engine needs to carry it on, and what is to be done about its answer.
    fn detached(self, service: &Service) -> (Detached, Start, OnFinish) {
        let start = self.start(service);
        let Self { identity, input, input_bytes, asked, .. } = self;
        let (started, stopper) = (clock::now(), Arc::new(Stopper::default()));
        // The record comes first: an execution that never waits is over before `start` returns.
        let record = Record::running(Arc::clone(&identity), input.clone(), started, &stopper);
        service.executions().keep(&identity.execution_arn, record, input_bytes);
        let detached = Detached { identity: Arc::clone(&identity), started, stopper: Arc::clone(&stopper), asked };
        let executions = service.executions().clone();
        let on_finish = move |finished: Finished| {
            stopper.done();
            let bytes = input_bytes + output_bytes(&finished);
            executions.replace(Record::over(identity, input, finished), bytes);
        };
        (detached, start, Box::new(on_finish))
    }
}

/// Starts all that can be, in one go: who each is and when it began.
pub(crate) fn detach_all(
    service: &Service,
    launches: Vec<Result<Launch, Fault>>,
) -> Vec<Result<(Arc<Identity>, Timestamp), Fault>> {
    let mut starts = Vec::with_capacity(launches.len());
    let detach = |launch: Result<Launch, Fault>| {
        launch.map(|launch| {
            let (detached, start, on_finish) = launch.detached(service);
            starts.push((start, on_finish));
            detached
        })
    };
    let detached: Vec<Result<Detached, Fault>> = launches.into_iter().map(detach).collect();
    let mut handles = service.engine().start_batch(starts).into_iter();
    let begun = |detached: Result<Detached, Fault>| {
        let detached = detached?;
        let identity = Arc::clone(&detached.identity);
        let started = detached.begun(service, handles.next().expect("a handle for each start"))?;
        Ok((identity, started))
    };
    detached.into_iter().map(begun).collect()
}

/// An execution that the engine carries on.
struct Detached {
    identity: Arc<Identity>,
    started: Timestamp,
    stopper: Arc<Stopper>,
    asked: Option<Asked>,
}

impl Detached {
    /// It began, or it was not let in and leaves nothing behind.
    fn begun(self, service: &Service, handle: Result<Handle, Saturated>) -> Result<Timestamp, Fault> {
        match handle {
            Ok(handle) => {
                self.stopper.arm(handle);
                Ok(self.started)
            }
            Err(saturated) => {
                service.executions().forget(&self.identity.execution_arn);
                forget_history(service, self.asked, &self.identity);
                Err(saturated.into())
            }
        }
    }
}

fn forget_history(service: &Service, asked: Option<Asked>, identity: &Identity) {
    if asked.is_some() {
        service.histories().forget(&identity.execution_arn);
    }
}
