//! `fleetstep run`: one execution in this process.

use crate::deploy::Deployment;
use crate::input;
use crate::runtime::Runtime;
use crate::serving::report;
use crate::settings::Settings;
use crate::terminal::{json, progress};
use anyhow::{Context as _, Result, bail};
use clap::Args;
use fleetstep_api::{Options, Service};
use fleetstep_document::Document;
use fleetstep_engine::{Failure, Outcome, Start};
use std::path::PathBuf;
use std::process::ExitCode;

/// Exit status of an execution that did not succeed.
pub(crate) const EXIT_FAILED: u8 = 1;

/// Deploys a directory or a definition in memory, runs one execution and prints its output as JSON. Exits with 0
/// when it succeeded, with 1 when it failed or timed out (error and cause go to standard error).
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  fleetstep run examples/orders --workflow orders --input @order.json
  echo '{\"n\":1}' | fleetstep run hello.asl.json --input -
  fleetstep run hello.asl.json --function greet=greet.wasm --input '{}'")]
pub(crate) struct Run {
    /// A directory (definitions, modules, fleetstep.toml) or one definition
    #[arg(value_name = "DIR|FILE")]
    path: PathBuf,
    /// Which workflow; may be left out where there is only one
    #[arg(long, value_name = "NAME")]
    workflow: Option<String>,
    /// The input: JSON, @FILE, or - for standard input
    #[arg(long, value_name = "JSON|@FILE|-", default_value = "{}")]
    input: String,
    /// A function from a finished module; may be given more than once
    #[arg(long = "function", value_name = "NAME=FILE")]
    functions: Vec<String>,
}

impl Run {
    pub(crate) fn execute(self) -> Result<ExitCode> {
        let input = input::read(&self.input)?;
        let mut deployment = Deployment::at(&self.path)?;
        for function in &self.functions {
            let (name, file) = function.split_once('=').with_context(|| format!("`{function}` is not NAME=FILE"))?;
            deployment.add_module(name, PathBuf::from(file));
        }
        let workflow = self.chosen(&deployment)?;
        let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let outcome = tokio.block_on(run(&deployment, &workflow, input))?;
        Ok(show(outcome))
    }

    fn chosen(&self, deployment: &Deployment) -> Result<String> {
        let names: Vec<&str> = deployment.workflows().collect();
        match (&self.workflow, names.as_slice()) {
            (Some(name), names) if names.contains(&name.as_str()) => Ok(name.clone()),
            (Some(name), _) => bail!("there is no workflow {name} here, only: {}", names.join(", ")),
            (None, [only]) => Ok((*only).to_owned()),
            (None, []) => bail!("there is no workflow here: a definition is a file *.asl.json or *.asl.yaml"),
            (None, _) => bail!("say which with --workflow: {}", names.join(", ")),
        }
    }
}

async fn run(deployment: &Deployment, workflow: &str, input: Document) -> Result<Outcome> {
    let runtime = Runtime::open(&Settings::in_process(deployment.settings())?.with_compiler()).await?;
    deployment.deploy(&runtime.catalog).await?;
    // Its tasks may start executions of others.
    let _service = Service::new(runtime.catalog.clone(), runtime.engine.clone(), Options::default(), report);
    let machine = runtime.catalog.state_machine(workflow).context("the workflow is deployed")?;
    let Ok(runnable) = &machine.runnable else { bail!("the definition of {workflow} does not compile") };
    let start = Start {
        program: runnable.program.clone(),
        host: runnable.host.clone(),
        identity: machine.identity(None),
        input,
        seed: fastrand::u64(..),
        history: None,
    };
    let finished = runtime.engine.run(start).await?;
    progress(format_args!("{workflow}: {:.1} ms", finished.stopped.since(finished.started).as_secs_f64() * 1e3));
    Ok(finished.outcome)
}

fn show(outcome: Outcome) -> ExitCode {
    let (status, failure) = match outcome {
        Outcome::Succeeded(output) => {
            json(&output.to_json());
            return ExitCode::SUCCESS;
        }
        Outcome::Failed(failure) => ("FAILED", failure),
        Outcome::TimedOut(failure) => ("TIMED_OUT", failure),
        Outcome::Aborted(failure) => ("ABORTED", failure),
    };
    let Failure { error, cause } = failure;
    progress(format_args!("{status} {}", error.unwrap_or_default()));
    if let Some(cause) = cause {
        progress(cause);
    }
    ExitCode::from(EXIT_FAILED)
}
