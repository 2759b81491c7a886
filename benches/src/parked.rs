//! Bytes of an execution that waits.

use crate::bench::Plan;
use crate::figure::{Figure, Report};
use crate::modules;
use crate::process::resident_bytes;
use anyhow::{Context as _, Result, bail};
use fleetstep_document::Document;
use fleetstep_engine::Start;
use fleetstep_server::deploy::Deployment;
use fleetstep_server::runtime::Runtime;
use fleetstep_server::settings::Settings;
use std::sync::Arc;

/// Executions that wait at once.
const PARKED: u32 = 200_000;

/// The figure: growth of resident memory over the executions that wait, whose payload and identity are shared.
pub(crate) fn measure(plan: &Plan) -> Result<Report> {
    let parked = plan.count(PARKED);
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    tokio.block_on(async {
        let runtime =
            Runtime::open(&Settings { executions_running_max: parked as usize, ..Settings::default() }).await?;
        Deployment::at(&modules())?.deploy(&runtime.catalog).await?;
        let machine = runtime.catalog.state_machine("wait").context("workflow wait")?;
        let Ok(runnable) = &machine.runnable else { bail!("wait does not compile") };
        let (identity, input) = (machine.identity(None), Document::empty_object());
        let before = resident_bytes(std::process::id())?;
        for seed in 0..u64::from(parked) {
            let (program, host) = (Arc::clone(&runnable.program), Arc::clone(&runnable.host));
            let start =
                Start { program, host, identity: Arc::clone(&identity), input: input.clone(), seed, history: None };
            runtime.engine.start(start, Box::new(drop))?;
        }
        while runtime.engine.running() < parked as usize {
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        let grown = resident_bytes(std::process::id())?.saturating_sub(before);
        let bytes = grown as f64 / f64::from(parked);
        let what = format!("resident memory of each of {parked} executions in Wait");
        Ok(Report::of("A parked execution", vec![Figure::lower("parked.bytes", what, "B", &[bytes])]))
    })
}
