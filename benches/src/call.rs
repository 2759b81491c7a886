//! Microseconds of a Wasm call: a fresh instance, memory limit and deadline on, in process.

use crate::{median, modules, step};
use anyhow::{Context as _, Result, bail};
use fleetstep_document::Document;
use fleetstep_engine::{Outcome, Start, clock};
use fleetstep_server::deploy::Deployment;
use fleetstep_server::runtime::Runtime;
use fleetstep_server::settings::Settings;
use std::sync::Arc;

/// Executions of each round.
const EXECUTIONS: u32 = 20_000;

/// Prints the figures.
pub(crate) fn measure(rounds: usize) -> Result<()> {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio.block_on(async {
        let runtime = Runtime::open(&Settings::default()).await?;
        Deployment::at(&modules())?.deploy(&runtime.catalog).await?;
        let (mut pass, mut task) = (Vec::new(), Vec::new());
        for _ in 0..=rounds {
            pass.push(micros(&runtime, "pass").await?);
            task.push(micros(&runtime, "task").await?);
        }
        let (pass, task) = (median(pass), median(task));
        println!("## A Wasm call, in process, one thread\n\n| execution | µs |\n| --- | --- |");
        println!("| one Pass through the engine | {pass:.2} |");
        println!("| one Wasm task through the engine | {task:.2} |");
        println!("| the call: fresh instance, JSON in, JSON out | {:.2} |\n", task - pass);
        Ok(())
    })
}

async fn micros(runtime: &Runtime, workflow: &str) -> Result<f64> {
    let machine = runtime.catalog.state_machine(workflow).with_context(|| format!("workflow {workflow}"))?;
    let Ok(runnable) = &machine.runnable else { bail!("{workflow} does not compile") };
    let input = Document::parse(step::ORDER.as_bytes())?;
    let identity = machine.identity(None);
    let started = clock::instant();
    for seed in 0..EXECUTIONS {
        let (program, host) = (Arc::clone(&runnable.program), Arc::clone(&runnable.host));
        let start = Start {
            program,
            host,
            identity: Arc::clone(&identity),
            input: input.clone(),
            seed: seed.into(),
            history: None,
        };
        match runtime.engine.run(start).await?.outcome {
            Outcome::Succeeded(_) => {}
            other => bail!("{workflow}: {other:?}"),
        }
    }
    Ok(started.elapsed().as_secs_f64() * 1e6 / f64::from(EXECUTIONS))
}
