//! A server with the functions that the conformance runner calls, for anyone's run.

use anyhow::Result;
use clap::Parser;
use fleetstep_engine::HistoryLevel;
use fleetstep_server::deploy::Deployment;
use fleetstep_server::serving::serve;
use fleetstep_server::settings::Settings;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Serves the eight `conf-*` functions until Ctrl-C.
///
/// Then, elsewhere: python run_conformance.py --endpoint http://127.0.0.1:PORT
#[derive(Parser)]
struct Flags {
    /// Where to listen; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:8083")]
    listen: SocketAddr,
    /// Keep every history and tell it over the AWS protocol, for the runner's flag of the same name
    #[arg(long)]
    history: bool,
    /// Log to this file, for the runner's --log-reader 'fleetstep logs FILE --execution {executionArn}'
    #[arg(long)]
    log_file: Option<PathBuf>,
}

#[tokio::main]
#[allow(clippy::print_stdout)] // The address is this program's result.
async fn main() -> Result<()> {
    let Flags { listen, history, log_file } = Flags::parse();
    let history_level = if history { HistoryLevel::All } else { HistoryLevel::Off };
    let settings = Settings { listen, history_level, aws_extensions: history, log_file, ..Settings::default() };
    let deployment = Deployment::at(&fleetstep_tests::root().join("tests/guests"))?;
    let announce = |address| {
        println!("listening on http://{address}");
        async { tokio::signal::ctrl_c().await.unwrap_or(()) }
    };
    serve(&settings, &deployment, announce).await?;
    Ok(())
}
