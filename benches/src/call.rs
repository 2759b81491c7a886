//! Microseconds of a Wasm call: a fresh instance, memory limit and deadline on, in process.

use crate::bench::Plan;
use crate::figure::{Figure, Report};
use crate::{modules, step};
use anyhow::{Context as _, Result, bail};
use fleetstep_document::Document;
use fleetstep_engine::{Outcome, Start, clock};
use fleetstep_server::deploy::Deployment;
use fleetstep_server::runtime::Runtime;
use fleetstep_server::settings::Settings;
use std::sync::Arc;

/// Executions of each round.
const EXECUTIONS: u32 = 20_000;

/// The figures.
pub(crate) fn measure(plan: &Plan) -> Result<Report> {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let executions = plan.count(EXECUTIONS);
    tokio.block_on(async {
        let runtime = Runtime::open(&Settings::default()).await?;
        Deployment::at(&modules())?.deploy(&runtime.catalog).await?;
        let (mut passes, mut tasks) = (Vec::new(), Vec::new());
        // The first round warms up.
        for round in 0..=plan.rounds {
            let (pass, task) =
                (micros(&runtime, "pass", executions).await?, micros(&runtime, "task", executions).await?);
            if round > 0 {
                passes.push(pass);
                tasks.push(task);
            }
        }
        let calls: Vec<f64> = tasks.iter().zip(&passes).map(|(task, pass)| task - pass).collect();
        Ok(Report::of(
            "A Wasm call, in process, one thread",
            vec![
                Figure::lower("call.pass", "one Pass through the engine", "µs", &passes),
                Figure::lower("call.task", "one Wasm task through the engine", "µs", &tasks),
                Figure::lower("call.call", "the call: fresh instance, JSON in, JSON out", "µs", &calls),
            ],
        ))
    })
}

async fn micros(runtime: &Runtime, workflow: &str, executions: u32) -> Result<f64> {
    let machine = runtime.catalog.state_machine(workflow).with_context(|| format!("workflow {workflow}"))?;
    let Ok(runnable) = &machine.runnable else { bail!("{workflow} does not compile") };
    let input = Document::parse(step::ORDER.as_bytes())?;
    let identity = machine.identity(None);
    let started = clock::instant();
    for seed in 0..executions {
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
    Ok(started.elapsed().as_secs_f64() * 1e6 / f64::from(executions))
}
