//! A server from settings and a deployment: the one way in which the command, the tests and the benches start it.

use crate::accounts;
use crate::console::with_console;
use crate::deploy::Deployment;
use crate::journal;
use crate::registries::Registries;
use crate::runtime::Runtime;
use crate::settings::Settings;
use crate::terminal::{json_lines, progress};
use anyhow::{Context as _, Result};
use fleetstep_api::{Drained, Front, Limits, LogSink, Logs, ModuleSource, Options, Service};
use fleetstep_catalog::Catalog;
use fleetstep_journal::Journal;
use fleetstep_telemetry::Telemetry;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpSocket;

/// Connections that the kernel keeps until they are accepted.
const BACKLOG: u32 = 1024;
/// How long a collector gets to take what is left when the server stops.
const TELEMETRY_PATIENCE: Duration = Duration::from_secs(5);
/// How long the log's sinks get to take what is left when the server stops.
const LOG_PATIENCE: Duration = Duration::from_secs(10);

/// Opens, deploys, listens, tells `ready` where, and serves until what `ready` returned is. Needs a tokio runtime.
///
/// # Errors
/// A data directory, a deployment or an address that cannot be used.
pub async fn serve<S: Future<Output = ()>>(
    settings: &Settings,
    deployment: &Deployment,
    ready: impl FnOnce(SocketAddr) -> S,
) -> Result<Drained> {
    serve_catalog(settings, deployment, |address, _| ready(address)).await
}

/// The same; `ready` is told of the catalog too, which may be changed while it is served.
pub(crate) async fn serve_catalog<S: Future<Output = ()>>(
    settings: &Settings,
    deployment: &Deployment,
    ready: impl FnOnce(SocketAddr, &Catalog) -> S,
) -> Result<Drained> {
    // Before anything is built or changed: an address that is taken, or should not be served to everyone, must not cost
    // the time nor leave a trace.
    settings.exposure.check(settings.listen)?;
    let keys = settings.exposure.open_keys()?;
    let socket = bound(settings.listen).with_context(|| format!("cannot listen on {}", settings.listen))?;
    let telemetry = settings.telemetry.open()?;
    let logs = open_logs(settings, telemetry.as_ref())?;
    let runtime = Runtime::open(settings).await?;
    let others = accounts::open(settings, &runtime, keys.as_ref()).await?;
    for catalog in others.iter().chain([&runtime.catalog]) {
        for problem in catalog.problems() {
            progress(format_args!("warning: {problem}"));
        }
    }
    deployment.deploy(&runtime.catalog).await?;
    let (journal, unfinished) = journal::open(settings).await?;
    let options = Options { telemetry: telemetry.clone(), ..options(settings, logs.clone(), journal.clone()) };
    let catalog = runtime.catalog.clone();
    let service = Service::new(runtime.catalog, runtime.engine, options, report);
    let others = others.into_iter().map(|catalog| service.beside(catalog)).collect();
    let (front, audit) = settings.exposure.guard(Front::new(service, others), keys, &settings.region)?;
    let front = if settings.console { with_console(front, &Limits::default()) } else { front };
    let listener = socket.listen(BACKLOG).with_context(|| format!("cannot listen on {}", settings.listen))?;
    let stop = ready(listener.local_addr()?, &catalog);
    let rerun = tokio::spawn(journal::rerun(front.clone(), unfinished));
    let scheduler = {
        let front = front.clone();
        tokio::spawn(async move { front.run_schedules().await })
    };
    let drained = fleetstep_api::serve(vec![listener], front, stop).await;
    // It may be asleep.
    scheduler.abort();
    rerun.await?;
    journal::flush(journal).await;
    let unwritten = tokio::task::spawn_blocking(move || logs.close(LOG_PATIENCE)).await?;
    if unwritten > 0 {
        progress(format_args!("error: {unwritten} log events were not written"));
    }
    // Behind the log, some of which goes there.
    if let Some(telemetry) = telemetry {
        let unsent = tokio::task::spawn_blocking(move || telemetry.close(TELEMETRY_PATIENCE)).await?;
        if unsent > 0 {
            progress(format_args!("error: {unsent} spans and log records were not sent"));
        }
    }
    if let Some(audit) = audit
        && !tokio::task::spawn_blocking(move || audit.flush(LOG_PATIENCE)).await?
    {
        progress("error: the audit was not written to its end");
    }
    Ok(drained)
}

fn options(settings: &Settings, logs: Logs, journal: Option<Arc<dyn Journal>>) -> Options {
    Options {
        limits: Limits {
            patience: Duration::from_secs(settings.drain_seconds),
            idempotency_kept: Duration::from_secs(60 * u64::from(settings.idempotency_minutes)),
            ..Limits::default()
        },
        history_level: settings.history_level,
        history_samples_per_second: settings.history_samples,
        admission: settings.admission.clone(),
        aws_extensions: settings.aws_extensions,
        redact: settings.redact.clone(),
        idempotent_names: settings.idempotent_names,
        logs,
        journal,
        modules: modules(settings),
        telemetry: None,
    }
}

/// Where modules may be fetched from, if anywhere.
fn modules(settings: &Settings) -> Option<Arc<dyn ModuleSource>> {
    let registries = Some(settings.module_registries.clone()).filter(|registries| !registries.is_empty());
    registries.map(|registries| Arc::new(Registries(registries)) as Arc<dyn ModuleSource>)
}

pub(crate) fn report(problem: &str) {
    progress(format_args!("error: {problem}"));
}

/// The log with the sinks that `settings` name.
fn open_logs(settings: &Settings, telemetry: Option<&Telemetry>) -> Result<Logs> {
    let mut sinks = Vec::new();
    if settings.log_stdout {
        sinks.push(LogSink { name: "standard output".to_owned(), writer: json_lines() });
    }
    if let Some(path) = &settings.log_file {
        let file = std::fs::File::options().create(true).append(true).open(path);
        let file = file.with_context(|| format!("cannot write the log to {}", path.display()))?;
        sinks.push(LogSink { name: path.display().to_string(), writer: Box::new(file) });
    }
    if let Some(telemetry) = telemetry.filter(|_| settings.telemetry.logs) {
        sinks.push(LogSink { name: "the collector".to_owned(), writer: telemetry.lines() });
    }
    Ok(Logs::open(sinks, report))
}

/// A socket with this address that nobody can connect to yet.
fn bound(address: SocketAddr) -> std::io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // As `TcpListener::bind` does: a restart need not wait until the kernel has forgotten old connections.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn refused(settings: Settings) -> String {
        let served = serve(&settings, &Deployment::empty(), |_| std::future::ready(())).await;
        format!("{:#}", served.expect_err("refused"))
    }

    #[tokio::test]
    async fn an_address_that_is_taken_is_refused_before_anything_is_deployed() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let data_dir = folder.path().join("data");
        let listen = taken.local_addr().unwrap();
        let error = refused(Settings { listen, data_dir: Some(data_dir.clone()), ..Settings::default() }).await;
        assert!(error.starts_with("cannot listen on 127.0.0.1"), "{error}");
        assert!(!data_dir.exists());
    }

    #[tokio::test]
    async fn a_data_directory_that_cannot_be_used_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let data_dir = Some(file.path().to_owned());
        let error = refused(Settings { listen, data_dir, ..Settings::default() }).await;
        assert!(error.contains(&*file.path().to_string_lossy()), "{error}");
    }

    #[tokio::test]
    async fn an_account_and_a_region_that_make_no_arn_are_refused() {
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let settings = || Settings { listen, cache_dir: None, ..Settings::default() };
        assert!(refused(Settings { account: "12".into(), ..settings() }).await.contains("is no account"));
        assert!(refused(Settings { region: String::new(), ..settings() }).await.contains("is no region"));
    }
}
