//! A start, whichever way it came in: a machine, an input, an identity; attended or not.

use crate::Service;
use crate::executions::{Record, Stopper, output_bytes};
use crate::fault::{Fault, Kind};
use crate::history::Asked;
use fleetstep_catalog::{StateMachine, StateMachineStatus, Target};
use fleetstep_document::Document;
use fleetstep_engine::{Finished, Identity, Start, Timestamp, clock};
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
                self.forget_history(service);
                Err(saturated.into())
            }
        }
    }

    fn forget_history(&self, service: &Service) {
        if self.asked.is_some() {
            service.histories().forget(&self.identity.execution_arn);
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
        let started = clock::now();
        let stopper = Arc::new(Stopper::default());
        let (identity, input, input_bytes) = (Arc::clone(&self.identity), self.input.clone(), self.input_bytes);
        // The record comes first: an execution that never waits is over before `start` returns.
        let record = Record::running(Arc::clone(&identity), input.clone(), started, &stopper);
        service.executions().keep(&identity.execution_arn, record, input_bytes);
        let (executions, stoppable) = (service.executions().clone(), Arc::clone(&stopper));
        let on_finish = Box::new(move |finished: Finished| {
            stoppable.done();
            let bytes = input_bytes + output_bytes(&finished);
            executions.replace(Record::over(identity, input, finished), bytes);
        });
        match service.engine().start(self.start(service), on_finish) {
            Ok(handle) => {
                stopper.arm(handle);
                Ok(started)
            }
            Err(saturated) => {
                service.executions().forget(&self.identity.execution_arn);
                self.forget_history(service);
                Err(saturated.into())
            }
        }
    }
}
