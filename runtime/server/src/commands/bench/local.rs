//! The engine in this process, as a target of a load.

use crate::deploy::Deployment;
use crate::runtime::Runtime;
use crate::settings::Settings;
use anyhow::{Context as _, Result, bail};
use fleetstep_catalog::StateMachine;
use fleetstep_document::Document;
use fleetstep_engine::{Engine, Failure, Finished, Outcome, Saturated, Start};
use fleetstep_load::transport::{Ended, Target};
use fleetstep_load::workload::Verdict;
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use tokio::runtime::Handle;

/// A deployment in memory, and its engine.
pub(super) struct Local {
    /// Lives as long as the engine, whose workers run on it.
    _tokio: tokio::runtime::Runtime,
    handle: Handle,
    engine: Engine,
    machines: Vec<Arc<StateMachine>>,
}

impl Local {
    pub(super) fn open<'a>(path: &Path, workflows: impl Iterator<Item = &'a str>) -> Result<Self> {
        let deployment = Deployment::at(path)?;
        let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let runtime = tokio.block_on(async {
            let runtime = Runtime::open(&Settings::in_process(deployment.settings())?.with_compiler()).await?;
            deployment.deploy(&runtime.catalog).await?;
            anyhow::Ok(runtime)
        })?;
        let machine = |name: &str| {
            let names = || deployment.workflows().collect::<Vec<_>>().join(", ");
            let machine = runtime.catalog.state_machine(name);
            let machine = machine.with_context(|| format!("there is no workflow {name} here, only: {}", names()))?;
            if machine.runnable.is_err() {
                bail!("the definition of {name} does not compile");
            }
            Ok(machine)
        };
        let machines = workflows.map(machine).collect::<Result<Vec<_>>>()?;
        Ok(Self { handle: tokio.handle().clone(), _tokio: tokio, engine: runtime.engine, machines })
    }
}

impl Target for Local {
    /// From the bytes of the input to the bytes of the output, as a server does it between its sockets.
    fn start(&self, workflow: usize, input: &[u8], done: impl FnOnce(Ended) + Send + 'static) -> Option<Ended> {
        let machine = &self.machines[workflow];
        let runnable = machine.runnable.as_ref().ok()?;
        let input = match Document::parse(input) {
            Ok(input) => input,
            Err(error) => return Some(Ended { verdict: Verdict::Refused(400), words: error.to_string() }),
        };
        let start = Start {
            program: Arc::clone(&runnable.program),
            host: Arc::clone(&runnable.host),
            identity: machine.identity(None),
            input,
            seed: fastrand::u64(..),
            history: None,
        };
        let engine = self.engine.clone();
        let mut run = Box::pin(async move { engine.run(start).await });
        let _inside = self.handle.enter();
        // Most executions end within the first poll; only the others cost a task.
        match run.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(ended) => Some(told(ended)),
            Poll::Pending => {
                self.handle.spawn(async move { done(told(run.await)) });
                None
            }
        }
    }
}

fn told(ended: Result<Finished, Saturated>) -> Ended {
    let outcome = match ended {
        Ok(finished) => finished.outcome,
        Err(saturated) => return Ended { verdict: Verdict::Refused(429), words: saturated.to_string() },
    };
    let (verdict, failure) = match outcome {
        Outcome::Succeeded(output) => {
            let mut written = Vec::with_capacity(512);
            output.write_json(&mut written);
            std::hint::black_box(written);
            return Ended { verdict: Verdict::Succeeded, words: String::new() };
        }
        Outcome::Failed(failure) => (Verdict::Failed, failure),
        Outcome::TimedOut(failure) => (Verdict::TimedOut, failure),
        Outcome::Aborted(failure) => (Verdict::Aborted, failure),
    };
    let Failure { error, cause } = failure;
    let text = |part: Option<fleetstep_document::Text>| part.map(|text| text.to_string()).unwrap_or_default();
    Ended { verdict, words: format!("{} {}", text(error), text(cause)) }
}
