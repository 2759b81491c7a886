//! A server from settings and a deployment: the one way in which the command, the tests and the benches start it.

use crate::deploy::Deployment;
use crate::runtime::Runtime;
use crate::settings::Settings;
use crate::terminal::progress;
use anyhow::{Context as _, Result};
use fleetstep_api::{Drained, Limits, Service};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;

/// Opens, deploys, listens, tells `ready` where, and serves until `stop`. Needs a tokio runtime.
///
/// # Errors
/// A data directory, a deployment or an address that cannot be used.
pub async fn serve(
    settings: &Settings,
    deployment: &Deployment,
    ready: impl FnOnce(SocketAddr),
    stop: impl Future<Output = ()>,
) -> Result<Drained> {
    let runtime = Runtime::open(settings).await?;
    for problem in runtime.catalog.problems() {
        progress(format_args!("warning: {problem}"));
    }
    deployment.deploy(&runtime.catalog).await?;
    let listener =
        TcpListener::bind(settings.listen).await.with_context(|| format!("cannot listen on {}", settings.listen))?;
    ready(listener.local_addr()?);
    let limits = Limits { patience: Duration::from_secs(settings.drain_seconds), ..Limits::default() };
    let service = Service::new(runtime.catalog, runtime.engine, limits);
    Ok(fleetstep_api::serve(vec![listener], service, stop).await)
}
