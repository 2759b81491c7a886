//! `fleetstep dev`: a directory, served while it is worked on.

mod project;

use crate::client::Client;
use crate::commands::serve::{say_what_was_cut, stop_signal};
use crate::deploy::Deployment;
use crate::follow::{self, Follower};
use crate::serving::serve_catalog;
use crate::settings::{DevFlags, Settings};
use crate::terminal::{json, progress};
use anyhow::{Result, ensure};
use clap::Args;
use fleetstep_api::Drained;
use fleetstep_catalog::Catalog;
use project::Project;
use std::future::pending;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use tokio::sync::oneshot;

/// How often the executions are looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(300);

/// Serves a directory and watches it: what changes is built, checked and put into service again, and what is wrong is shown,
/// while the version before stays. Executions that run go on with what they started with; each is told of when it ends.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  fleetstep dev
  fleetstep dev examples/orders --listen 127.0.0.1:9000
  fleetstep start orders --input @order.json
      In another terminal.

The definition of a workflow, or a function, that is no longer in the directory is removed from the server. Nothing is kept
over a restart, unless --data-dir says where. Everybody who can reach the address is served; keys of the manifest are not
asked for. Ctrl-C stops it once what runs is over; a second one cuts it.")]
pub(crate) struct Dev {
    /// A directory: definitions, modules, fleetstep.toml
    #[arg(value_name = "DIR", default_value = ".")]
    directory: PathBuf,
    #[command(flatten)]
    flags: DevFlags,
    /// Print JSON: a line for each function and workflow that has changed, and for each execution that has ended
    #[arg(long)]
    json: bool,
}

impl Dev {
    pub(crate) fn execute(self) -> Result<ExitCode> {
        ensure!(self.directory.is_dir(), "there is no directory {}", self.directory.display());
        let settings =
            Settings::of_dev(self.flags.clone(), Deployment::at(&self.directory)?.settings())?.with_compiler();
        let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let drained = tokio.block_on(self.serve(&settings))?;
        // A build may be under way; nobody waits for what it makes.
        tokio.shutdown_background();
        say_what_was_cut(&settings, drained);
        Ok(ExitCode::SUCCESS)
    }

    async fn serve(&self, settings: &Settings) -> Result<Drained> {
        let (told, ready) = oneshot::channel();
        let tell = |address: SocketAddr, catalog: &Catalog| {
            let stop = stop_signal();
            self.announce(settings, address);
            // Who would take it waits beside.
            let _taken = told.send((address, catalog.clone()));
            stop
        };
        let nothing = Deployment::empty();
        let server = serve_catalog(settings, &nothing, tell);
        let beside = async {
            let Ok((address, catalog)) = ready.await else { return pending().await };
            let ignored = [&settings.log_file, &settings.exposure.audit_file].into_iter().flatten().cloned();
            let project = Project::new(&self.directory, catalog, ignored, self.json);
            tokio::join!(project.keep(), self.tell_of_executions(address));
        };
        tokio::select! {
            drained = server => drained,
            () = beside => unreachable!("a project is kept, and executions are told of, until the server ends"),
        }
    }

    fn announce(&self, settings: &Settings, address: SocketAddr) {
        let console = if settings.console { format!("; the console: http://{address}/console") } else { String::new() };
        progress(format_args!("fleetstep {} listens on http://{address}{console}", env!("CARGO_PKG_VERSION")));
    }

    /// Prints executions as they end.
    async fn tell_of_executions(&self, address: SocketAddr) {
        let Ok(client) = Client::new(&format!("http://{address}"), None) else { return pending().await };
        let mut follower = Follower::new(client, None);
        loop {
            tokio::time::sleep(LOOK_INTERVAL).await;
            // It is of this process: what keeps it from answering is over soon, or all is.
            let Ok(ended) = follower.look().await else { continue };
            if ended.left_out > 0 {
                progress(format_args!("{} more ended", ended.left_out));
            }
            for execution in &ended.executions {
                if self.json {
                    json(&execution.to_json());
                } else {
                    follow::line(execution).result();
                }
            }
        }
    }
}
