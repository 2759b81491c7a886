//! Who answers: how each server is started, and with which flags.

use super::peers::Peers;
use crate::http::aws;
use crate::load::ask;
use crate::pin::Pin;
use crate::server::{Server, free_address};
use crate::{cache_dir, home};
use anyhow::{Context as _, Result, bail};
use fleetstep_document::Document;
use fleetstep_server::guests;
use tokio::runtime::Runtime;

/// A server of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SideName {
    /// The floor.
    Echo,
    /// The product.
    Fleetstep,
    /// `wasmtime serve`, an instance for each request.
    ServeFresh,
    /// The same with a guest to which nobody gave a small stack.
    ServeStock,
    /// `wasmtime serve`, instances reused.
    ServeReuse,
    /// Cloudflare's runtime.
    Workerd,
    /// An emulator of AWS.
    Ministack,
}

/// What makes `wasmtime serve` fastest on a machine like this: slots of a pool that keep their memory, and are reset
/// by looking at what was written.
const SERVE_FLAGS: &[&str] = &[
    "-S",
    "cli",
    "-O",
    "pooling-allocator=y",
    "-O",
    "pooling-memory-keep-resident=2097152",
    "-O",
    "pooling-table-keep-resident=65536",
    "-O",
    "pooling-pagemap-scan=y",
];
/// Requests that an instance answers before it is dropped, where it is reused.
const REUSE: &str = "10000";
const WASI_HTTP_TARGET: &str = "wasm32-wasip2";

/// Starts `side`, on the server's processor.
///
/// # Errors
/// Why it cannot be had, in words that a table can carry.
pub(crate) fn start(side: SideName, pin: &Pin, peers: &Peers, tokio: &Runtime) -> Result<Server> {
    match side {
        SideName::Echo => Server::echo(pin),
        SideName::Fleetstep => {
            let workload = home().join("workload");
            Server::fleetstep(pin, &[workload.as_os_str(), "--in-memory".as_ref()])
        }
        SideName::ServeFresh => serve(pin, peers, "serve", &[]),
        SideName::ServeStock => serve(pin, peers, "serve-stock", &[]),
        SideName::ServeReuse => serve(pin, peers, "serve", &["--max-instance-reuse-count", REUSE]),
        SideName::Workerd => workerd(pin, peers),
        SideName::Ministack => ministack(pin, peers, tokio),
    }
}

fn serve(pin: &Pin, peers: &Peers, guest: &str, flags: &[&str]) -> Result<Server> {
    let wasmtime = peers.wasmtime()?;
    let guest = guests::build(&home().join("peers").join(guest), WASI_HTTP_TARGET)?;
    let address = free_address()?;
    let mut command = pin.server(wasmtime);
    command.arg("serve").arg("--addr").arg(address.to_string()).args(SERVE_FLAGS).args(flags).arg(guest);
    Server::that_listens(&mut command, address, &cache_dir()?.join("serve.log"))
}

fn workerd(pin: &Pin, peers: &Peers) -> Result<Server> {
    let (workerd, address) = (peers.workerd()?, free_address()?);
    let mut command = pin.server(workerd);
    command.arg("serve").arg(home().join("peers/workerd/config.capnp")).arg(format!("--socket-addr=http={address}"));
    Server::that_listens(&mut command, address, &cache_dir()?.join("workerd.log"))
}

fn ministack(pin: &Pin, peers: &Peers, tokio: &Runtime) -> Result<Server> {
    let (ministack, address) = (peers.ministack()?, free_address()?);
    let mut command = pin.server(ministack);
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    command.env("BIND_HOST", &host).env("MINISTACK_HOST", &host).env("LOG_LEVEL", "ERROR");
    command.env("GATEWAY_PORT", &port).env("EDGE_PORT", &port);
    let server = Server::that_listens(&mut command, address, &cache_dir()?.join("ministack.log"))?;
    let definition = std::fs::read_to_string(crate::modules().join("workflows/pass.asl.json"))?;
    let definition = Document::from(definition.as_str()).to_json();
    let body = format!(
        r#"{{"name":"pass","type":"EXPRESS","roleArn":"arn:aws:iam::000000000000:role/r","definition":{definition}}}"#
    );
    let answer = tokio.block_on(ask(address, &aws("CreateStateMachine", &body))).context("CreateStateMachine")?;
    if !answer.contains("stateMachine:pass") {
        bail!("CreateStateMachine: {answer}");
    }
    Ok(server)
}
