//! Bytes of an execution that waits.

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
const PARKED: usize = 200_000;

/// Prints the figure: growth of resident memory over the executions that wait, whose payload and identity are shared.
pub(crate) fn measure() -> Result<()> {
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    tokio.block_on(async {
        let runtime = Runtime::open(&Settings { executions_running_max: PARKED, ..Settings::default() }).await?;
        Deployment::at(&modules())?.deploy(&runtime.catalog).await?;
        let machine = runtime.catalog.state_machine("wait").context("workflow wait")?;
        let Ok(runnable) = &machine.runnable else { bail!("wait does not compile") };
        let (identity, input) = (machine.identity(None), Document::empty_object());
        let before = resident_bytes(std::process::id())?;
        for seed in 0..PARKED as u64 {
            let (program, host) = (Arc::clone(&runnable.program), Arc::clone(&runnable.host));
            let start =
                Start { program, host, identity: Arc::clone(&identity), input: input.clone(), seed, history: None };
            runtime.engine.start(start, Box::new(drop))?;
        }
        while runtime.engine.running() < PARKED {
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        let grown = resident_bytes(std::process::id())?.saturating_sub(before);
        println!("## A parked execution\n\n| what | bytes |\n| --- | --- |");
        println!("| resident memory of each of {PARKED} executions in Wait | {} |\n", grown / PARKED as u64);
        Ok(())
    })
}
