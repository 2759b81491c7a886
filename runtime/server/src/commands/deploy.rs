//! `fleetstep deploy`: a directory into a running server.

use crate::client::ServerArgs;
use crate::deploy::{Deployment, Report};
use crate::terminal::{self, progress};
use crate::when;
use anyhow::{Result, ensure};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// Exit status of a deployment of which something was refused.
const EXIT_REFUSED: u8 = 1;

/// Builds the functions of a directory and puts them, its workflows, routes and schedules into a running server: what differs from
/// what is there.
/// Exits with 0 when everything is in place, with 1 when something was refused or does not build.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  fleetstep deploy examples/orders
  FLEETSTEP_TOKEN=… fleetstep deploy . --endpoint https://flows.example
      The token needs the scope deploy, and read to see what is there.
  fleetstep deploy orders.asl.json --json

Nothing is put before every definition is checked and every crate is built. What the server has beside is left alone.")]
pub(crate) struct Deploy {
    /// A directory (definitions, modules, fleetstep.toml) or one definition
    #[arg(value_name = "DIR|FILE", default_value = ".")]
    path: PathBuf,
    /// Print JSON: a line for each function, workflow, route and schedule
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArgs,
}

impl Deploy {
    pub(crate) fn execute(self) -> Result<ExitCode> {
        let deployment = Deployment::at(&self.path)?;
        ensure!(
            deployment.len() > 0,
            "there is nothing to deploy in {}: no fleetstep.toml, no *.asl.json, no *.wasm",
            self.path.display()
        );
        let client = self.server.client()?;
        let mut report = if self.json { Report::as_json() } else { Report::for_people() };
        let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        tokio.block_on(client.reach())?;
        tokio.block_on(deployment.deploy_to(&client, &mut report));
        for failure in report.failures() {
            progress(format_args!("error: {failure}"));
        }
        if !report.failures().is_empty() {
            return Ok(ExitCode::from(EXIT_REFUSED));
        }
        if !self.json {
            let (changed, unchanged) = report.counts();
            let took = when::duration(i64::try_from(report.elapsed().as_micros()).unwrap_or(i64::MAX));
            terminal::result(format_args!(
                "{}: {changed} changed, {unchanged} unchanged, in {took}",
                client.endpoint()
            ));
        }
        Ok(ExitCode::SUCCESS)
    }
}
