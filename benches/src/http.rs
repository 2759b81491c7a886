//! CPU microseconds of a start over HTTP, beside a bare hyper echo in the same run.

use crate::load::{Seen, closed_loop};
use crate::process::cpu_time;
use crate::{Side, median, modules, step};
use anyhow::{Context as _, Result, bail};
use clap::ValueEnum as _;
use fleetstep_document::Document;
use fleetstep_server::deploy::Deployment;
use fleetstep_server::serving;
use fleetstep_server::settings::Settings;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Connections of a load; one request at a time on each.
pub(crate) const CONNECTIONS: usize = 64;

/// One server in a process of its own; ended when it is dropped.
pub(crate) struct Other {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Other {
    /// Starts this very program as the other side.
    pub(crate) fn start(side: Side) -> Result<Self> {
        let name = side.to_possible_value().context("a side has a name")?;
        let mut child = Command::new(std::env::current_exe()?)
            .args(["--serve", name.get_name()])
            .stdout(Stdio::piped())
            .spawn()
            .context("the other side")?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("its output")?).read_line(&mut line)?;
        match line.trim().parse() {
            Ok(address) => Ok(Self { child, address }),
            Err(_) => {
                child.kill()?;
                bail!("the other side said `{}` instead of an address", line.trim())
            }
        }
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _already_ended = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The other side of a load, with the modules of the tests deployed.
pub(crate) fn serve() -> Result<()> {
    let settings = Settings { listen: SocketAddr::from(([127, 0, 0, 1], 0)), ..Settings::default() };
    let deployment = Deployment::at(&modules())?;
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ready = |address| println!("{address}");
    tokio.block_on(serving::serve(&settings, &deployment, ready, std::future::pending()))?;
    Ok(())
}

/// A StartSyncExecution of `workflow` as it goes over the wire.
pub(crate) fn start_sync(workflow: &str, input: &str) -> Vec<u8> {
    let input = Document::from(input).to_json();
    let body = format!(
        r#"{{"stateMachineArn":"arn:aws:states:us-east-1:000000000000:stateMachine:{workflow}","input":{input}}}"#
    );
    let length = body.len();
    format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-amz-json-1.0\r\n\
         x-amz-target: AWSStepFunctions.StartSyncExecution\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

fn echo_request() -> Vec<u8> {
    let length = step::ORDER.len();
    format!("POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n{}", step::ORDER).into_bytes()
}

/// One row: what is loaded, by which request, and what was seen round by round.
struct Row<'a> {
    name: &'a str,
    server: &'a Other,
    request: Vec<u8>,
    rates: Vec<f64>,
    cpu_us: Vec<f64>,
    p99_us: Vec<f64>,
}

/// Prints the figures. The rounds are interleaved, so that a noisy minute meets every row.
pub(crate) fn measure(rounds: usize, seconds: u64) -> Result<()> {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (echo, fleetstep) = (Other::start(Side::Echo)?, Other::start(Side::Fleetstep)?);
    let row = |name, server, request| Row { name, server, request, rates: vec![], cpu_us: vec![], p99_us: vec![] };
    let mut rows = [
        row("bare hyper echo", &echo, echo_request()),
        row("StartSyncExecution, one Pass", &fleetstep, start_sync("pass", step::ORDER)),
        row("StartSyncExecution, three states with a Choice", &fleetstep, start_sync("three", step::ORDER)),
        row("StartSyncExecution, one Wasm task", &fleetstep, start_sync("task", step::ORDER)),
    ];
    for row in &rows {
        tokio.block_on(closed_loop(row.server.address, &row.request, CONNECTIONS, Duration::from_millis(500)))?;
    }
    for _ in 0..rounds {
        for row in &mut rows {
            let before = cpu_time(row.server.pid())?;
            let load = closed_loop(row.server.address, &row.request, CONNECTIONS, Duration::from_secs(seconds));
            let seen: Seen = tokio.block_on(load)?;
            let used = cpu_time(row.server.pid())?.saturating_sub(before);
            row.rates.push(seen.rate());
            row.cpu_us.push(used.as_secs_f64() * 1e6 / seen.requests.max(1) as f64);
            row.p99_us.push(f64::from(seen.percentile_us(0.99)));
        }
    }
    print(&rows);
    Ok(())
}

fn print(rows: &[Row<'_>]) {
    println!("## Over HTTP: {CONNECTIONS} connections, server and load share the machine\n");
    println!(
        "| request | req/s | share of echo | server CPU µs per request | p99 ms |\n| --- | --- | --- | --- | --- |"
    );
    let floor = rows.first().map_or(f64::NAN, |row| median(row.rates.clone()));
    for row in rows {
        let (rate, cpu) = (median(row.rates.clone()), median(row.cpu_us.clone()));
        let (share, p99) = (100.0 * rate / floor, median(row.p99_us.clone()) / 1e3);
        println!("| {} | {rate:.0} | {share:.0} % | {cpu:.1} | {p99:.2} |", row.name);
    }
    println!();
}
