//! What a server costs while nobody asks it for anything.

use crate::bench::Plan;
use crate::figure::{Figure, Report};
use crate::fleet::{Fleet, name};
use crate::http::start_sync;
use crate::load::ask;
use crate::pin::Pin;
use crate::process::{Threads, resident_bytes};
use crate::server::Server;
use crate::step::ORDER;
use anyhow::{Result, bail};
use fleetstep_engine::clock;
use std::time::Duration;

/// Workflows that are deployed, each with a function of its own.
const DEPLOYED: u32 = 100;
/// How long a server is left alone before it is looked at: what its last work left behind may end first.
const SETTLE: Duration = Duration::from_secs(3);
/// How long it is looked at.
const LOOK: Duration = Duration::from_secs(20);

/// The figures.
pub(crate) fn measure(plan: &Plan) -> Result<Report> {
    let fleet = Fleet::of(DEPLOYED)?;
    let everywhere = Pin::Shared("idle".to_owned());
    let server = Server::fleetstep(&everywhere, &[fleet.path().as_os_str(), "--in-memory".as_ref()])?;
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for at in 0..DEPLOYED {
        let answer = tokio.block_on(ask(server.address, &start_sync(&name(at), ORDER)))?;
        if !answer.contains("SUCCEEDED") {
            bail!("{}: {answer}", name(at));
        }
    }
    std::thread::sleep(SETTLE);
    let look = if plan.quick { LOOK / 20 } else { LOOK };
    let (started, before) = (clock::instant(), Threads::of(server.pid())?);
    std::thread::sleep(look);
    let (elapsed, used) = (started.elapsed().as_secs_f64(), Threads::of(server.pid())?.since(&before));
    let percent = 100.0 * used.processor.as_secs_f64() / elapsed;
    let sleeps = used.sleeps as f64 / elapsed;
    let resident = resident_bytes(server.pid())? as f64 / 1e6;
    let mut report = Report::of(
        "An idle server",
        vec![
            Figure::lower("idle.cpu", "CPU, of one processor", "%", &[percent]),
            Figure::lower("idle.wake-ups", "times that a thread woke up", "/s", &[sleeps]),
            Figure::lower("idle.rss", "resident memory", "MB", &[resident]),
        ],
    );
    report.notes.push(format!(
        "{DEPLOYED} workflows, each with a function of its own that was called once; looked at for {elapsed:.0} s."
    ));
    Ok(report)
}
