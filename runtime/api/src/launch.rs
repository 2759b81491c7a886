//! A start, whichever way it came in: a machine, an input, an identity; attended or not.

use crate::Service;
use crate::executions::{Parts, Record, output_bytes};
use crate::fault::{Fault, Kind};
use fleetstep_catalog::{Runnable, StateMachineStatus, Target};
use fleetstep_document::Document;
use fleetstep_engine::{Finished, Identity, Start, Timestamp, clock};
use std::sync::Arc;

/// An execution that is about to start.
pub(crate) struct Launch {
    pub(crate) identity: Arc<Identity>,
    runnable: Runnable,
    input: Document,
    /// Size of the input as text.
    input_bytes: usize,
}

impl Launch {
    /// Makes an execution of `target`: `name` if given, else a UUID is its name.
    pub(crate) fn new(
        target: &Target,
        name: Option<&str>,
        input: Document,
        input_bytes: usize,
    ) -> Result<Self, Fault> {
        let machine = &target.machine;
        if machine.status == StateMachineStatus::Deleting {
            let message = format!("State Machine Is Being Deleted: '{}'", machine.arn.as_text());
            return Err(Fault::new(Kind::StateMachineDeleting, message));
        }
        let runnable = machine.runnable.as_ref().map_err(|diagnostics| Fault::invalid_definition(diagnostics))?;
        Ok(Self { identity: target.identity(name), runnable: runnable.clone(), input, input_bytes })
    }

    fn start(&self) -> Start {
        Start {
            program: Arc::clone(&self.runnable.program),
            host: Arc::clone(&self.runnable.host),
            identity: Arc::clone(&self.identity),
            input: self.input.clone(),
            seed: fastrand::u64(..),
        }
    }

    /// Runs it in the caller's own future.
    pub(crate) async fn run(&self, service: &Service) -> Result<Finished, Fault> {
        Ok(service.engine().run(self.start()).await?)
    }

    /// Keeps what came of [`Launch::run`], to be shown later; `output_bytes` is the size of the output as text.
    pub(crate) fn keep(self, service: &Service, finished: Finished, output_bytes: usize) {
        let arn = self.identity.execution_arn.clone();
        let bytes = self.input_bytes + output_bytes;
        let parts = Parts { started: finished.started, finished: Some(finished), ..self.running(Timestamp::MAX) };
        service.executions().keep(&arn, Record::Parts(parts), bytes);
    }

    /// Starts it, to be carried on by the engine. Returns the time of the start.
    pub(crate) fn detach(self, service: &Service) -> Result<Timestamp, Fault> {
        let (start, input_bytes) = (self.start(), self.input_bytes);
        let started = clock::now();
        let parts = self.running(started);
        let arn = parts.identity.execution_arn.clone();
        // The record comes first: an execution that never waits is over before `start` returns.
        service.executions().keep(&arn, Record::Parts(parts.clone()), input_bytes);
        let executions = service.executions().clone();
        let on_finish = Box::new(move |finished: Finished| {
            let bytes = input_bytes + output_bytes(&finished);
            let parts = Parts { started: finished.started, finished: Some(finished), ..parts };
            executions.replace(&parts.identity.execution_arn.clone(), Record::Parts(parts), bytes);
        });
        if let Err(saturated) = service.engine().start(start, on_finish) {
            service.executions().forget(&arn);
            return Err(saturated.into());
        }
        Ok(started)
    }

    fn running(self, started: Timestamp) -> Parts {
        Parts { identity: self.identity, input: self.input, started, finished: None }
    }
}
