//! How soon a binary that was just started answers.

use crate::bench::Plan;
use crate::figure::{Figure, Report};
use crate::fleet::{Fleet, name};
use crate::http::start_sync;
use crate::load::ask;
use crate::pin::Pin;
use crate::process::{resident_bytes, run_within};
use crate::server::{SERVE, Server, free_address};
use crate::step::ORDER;
use anyhow::{Context as _, Result, bail};
use fleetstep_engine::clock;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Functions whose artefacts are in the cache, each with a workflow.
const DEPLOYED: u32 = 100;
/// How often the port is tried.
const TRY: Duration = Duration::from_micros(200);
/// How long a start may take.
const START_TIME_MAX: Duration = Duration::from_secs(30);
/// How long a server may take to stop when it is told to.
const STOP_TIME_MAX: Duration = Duration::from_secs(10);

/// The figures.
pub(crate) fn measure(plan: &Plan) -> Result<Report> {
    let deployed = if plan.quick { DEPLOYED / 10 } else { DEPLOYED };
    let fleet = Fleet::of(deployed)?;
    let data = tempfile::tempdir()?;
    deploy(&fleet, data.path())?;
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut answers, mut resident) = (Vec::new(), Vec::new());
    for round in 0..plan.rounds as u32 {
        let workflow = name(round % deployed);
        let (millis, bytes) = tokio.block_on(first_answer(data.path(), &workflow))?;
        answers.push(millis);
        resident.push(bytes / 1e6);
    }
    let mut report = Report::of(
        "The start of the binary",
        vec![
            Figure::lower("start-up.first-answer", "from the start to the first answer", "ms", &answers),
            Figure::lower("start-up.rss", "resident memory then", "MB", &resident),
        ],
    );
    report.notes.push(format!(
        "{deployed} functions in the artefact cache and as many workflows in the data directory; \
         the first answer is of a StartSyncExecution with one Wasm task."
    ));
    Ok(report)
}

/// Deploys the fleet into a data directory, once, and stops the server as a person would.
fn deploy(fleet: &Fleet, data: &Path) -> Result<()> {
    let everywhere = Pin::Shared("deploying".to_owned());
    let arguments = [fleet.path().as_os_str(), "--data-dir".as_ref(), data.as_os_str()];
    let server = Server::fleetstep(&everywhere, &arguments)?;
    run_within(Command::new("kill").args(["-TERM", &server.pid().to_string()]), STOP_TIME_MAX)?;
    server.wait(STOP_TIME_MAX)
}

/// A process that is ended when it is dropped.
struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        let _already_ended = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Milliseconds until a new process has answered, and its resident memory in bytes then.
async fn first_answer(data: &Path, workflow: &str) -> Result<(f64, f64)> {
    let (program, address) = (std::env::current_exe()?, free_address()?);
    let request = start_sync(workflow, ORDER);
    let mut command = Command::new(program);
    command.arg(SERVE).arg("--data-dir").arg(data).args(["--listen", &address.to_string()]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let began = clock::instant();
    let child = Started(command.spawn().context("the server")?);
    loop {
        match ask(address, &request).await {
            Ok(answer) if answer.contains("SUCCEEDED") => break,
            Ok(answer) => bail!("{workflow}: {answer}"),
            Err(error) if began.elapsed() > START_TIME_MAX => return Err(error),
            Err(_) => tokio::time::sleep(TRY).await,
        }
    }
    let millis = began.elapsed().as_secs_f64() * 1e3;
    Ok((millis, resident_bytes(child.0.id())? as f64))
}
