//! `fleetstep serve`: the server.

use crate::deploy::Deployment;
use crate::serving::serve;
use crate::settings::{ServerFlags, Settings};
use crate::terminal::{self, progress};
use anyhow::Result;
use clap::Args;
use fleetstep_api::Drained;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::task::Poll;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Serves the AWS wire protocol, HTTP triggers and functions until SIGTERM or Ctrl-C.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  fleetstep serve examples/orders
  fleetstep serve --listen 127.0.0.1:9000 --data-dir data/fleetstep
  curl --json @order.json http://127.0.0.1:8083/v1/workflows/orders/run

Settings may stand in the directory's fleetstep.toml under [server]; a flag overrides them.")]
pub(crate) struct Serve {
    /// A directory that is deployed at start: definitions, modules, fleetstep.toml
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
    #[command(flatten)]
    flags: ServerFlags,
}

impl Serve {
    pub(crate) fn execute(self) -> Result<ExitCode> {
        let deployment = self.directory.as_deref().map_or_else(|| Ok(Deployment::empty()), Deployment::at)?;
        let settings = Settings::resolve(self.flags, deployment.settings())?.with_compiler().with_environment()?;
        terminal::say_as(settings.log_format);
        let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let ready = |address: SocketAddr| {
            // Before anyone is told the address: from then on a signal ends the server in good order.
            let stop = stop_signal();
            announce(&settings, address);
            stop
        };
        let drained = tokio.block_on(serve(&settings, &deployment, ready))?;
        say_what_was_cut(&settings, drained);
        Ok(ExitCode::SUCCESS)
    }
}

/// Tells what did not come to its end.
pub(crate) fn say_what_was_cut(settings: &Settings, drained: Drained) {
    if drained.executions_cut + drained.connections_cut > 0 {
        progress(format_args!(
            "stopped with {} executions and {} connections cut after {} s",
            drained.executions_cut, drained.connections_cut, settings.drain_seconds
        ));
    }
}

fn announce(settings: &Settings, address: SocketAddr) {
    let scheme = if settings.exposure.tls.is_some() { "https" } else { "http" };
    let (id, secret) = if settings.exposure.keys.is_some() { ("ID", "SECRET") } else { ("any", "any") };
    progress(format_args!(
        "fleetstep {} listens on {scheme}://{address}\n\
         \n\
         boto3 and the AWS CLI, unchanged:\n\
         \x20 export AWS_ENDPOINT_URL_SFN={scheme}://{address} AWS_DISABLE_HOST_PREFIX_INJECTION=true\n\
         \x20 export AWS_ENDPOINT_URL_LAMBDA={scheme}://{address}\n\
         \x20 export AWS_DEFAULT_REGION={} AWS_ACCESS_KEY_ID={id} AWS_SECRET_ACCESS_KEY={secret}\n\
         (StartSyncExecution puts `sync-` before the host's name; the second variable stops that.)",
        env!("CARGO_PKG_VERSION"),
        settings.region
    ));
    if let Some(warning) = settings.exposure.warnings(settings.listen) {
        progress(warning);
    }
    match &settings.data_dir {
        Some(folder) => progress(format_args!("what is deployed is kept in {}", folder.display())),
        None => progress("what is deployed is kept in memory only"),
    }
}

/// Exit status of a server that was told twice to stop.
const EXIT_CUT: i32 = 1;

/// Ready at SIGTERM or Ctrl-C, both of which are listened to when this returns. A second one does not wait for what runs.
pub(crate) fn stop_signal() -> impl Future<Output = ()> {
    let mut signals = Signals::listen();
    async move {
        signals.next().await;
        progress("stopping: no new work is taken; what runs may finish (a second signal cuts it)");
        tokio::spawn(async move {
            signals.next().await;
            progress("stopped at once");
            std::process::exit(EXIT_CUT);
        });
    }
}

/// SIGTERM and Ctrl-C. One that cannot be listened to ends the process as the system does.
struct Signals([Option<Signal>; 2]);

impl Signals {
    fn listen() -> Self {
        Self([SignalKind::terminate(), SignalKind::interrupt()].map(|kind| signal(kind).ok()))
    }

    /// The next of either.
    async fn next(&mut self) {
        poll_fn(|cx| {
            let has_come = |signal: &mut Signal| signal.poll_recv(cx).is_ready();
            if self.0.iter_mut().flatten().any(has_come) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}
