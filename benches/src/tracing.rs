//! What traces cost: servers beside each other, one that traces nothing and others that do, loaded in turn.

use crate::bench::Plan;
use crate::figure::{Figure, Report};
use crate::http::{CONNECTIONS, fleetstep_with, start_sync};
use crate::load::closed_loop;
use crate::pin::Pin;
use crate::process::cpu_time;
use crate::server::Server;
use crate::step;
use anyhow::{Result, ensure};
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::runtime::Runtime;

/// How the servers trace: a name, what it is, and the share of executions.
const WAYS: [(&str, &str, &str); 3] = [
    ("idle", "none of whose executions is traced", "0"),
    ("sampled", "that traces 1 %", "0.01"),
    ("all", "that traces all", "1"),
];
/// What is started: a name, and what it is.
const WORKFLOWS: [(&str, &str); 2] = [("pass", "one Pass"), ("task", "one Wasm task")];
/// Turns of each server in a round: short ones, so that what else the machine does hits all of them alike.
const TURNS: u32 = 4;

/// A server under load: starts, and the CPU that they took.
#[derive(Clone, Copy, Default)]
struct Seen {
    rate: f64,
    cpu_micros: f64,
}

/// The figures.
pub(crate) fn measure(plan: &Plan) -> Result<Report> {
    let tokio = Runtime::new()?;
    let pin = Pin::Shared("the load, the collector and the servers share this machine".to_owned());
    // What takes all that it is sent, and answers 200.
    let collector = Server::echo(&pin)?;
    let endpoint = format!("http://{}", collector.address);
    let plain = fleetstep_with(&pin, &[OsStr::new("--in-memory")])?;
    let traced = WAYS.iter().map(|(_, _, share)| {
        let flags = ["--in-memory", "--otlp-endpoint", &endpoint, "--trace-sample", share].map(OsStr::new);
        fleetstep_with(&pin, &flags)
    });
    let traced = traced.collect::<Result<Vec<Server>>>()?;
    let mut figures = Vec::new();
    for (workflow, what) in WORKFLOWS {
        let mut costs = vec![(Vec::new(), Vec::new()); WAYS.len()];
        for _ in 0..plan.rounds {
            let seen = round(&tokio, &plain, &traced, &start_sync(workflow, step::ORDER), plan)?;
            for (at, (rates, cpus)) in costs.iter_mut().enumerate() {
                rates.push((1.0 - seen[at + 1].rate / seen[0].rate) * 100.0);
                cpus.push((seen[at + 1].cpu_micros / seen[0].cpu_micros - 1.0) * 100.0);
            }
        }
        for ((name, which, _), (rates, cpus)) in WAYS.iter().zip(costs) {
            let of = |kind: &str| format!("tracing.{workflow}-{name}{kind}");
            let rate = format!("{what}: throughput that a server loses {which}");
            let cpu = format!("{what}: CPU of each start that it takes more");
            figures.push(Figure::lower(of(""), rate, "%", &rates));
            figures.push(Figure::lower(of("-cpu"), cpu, "%", &cpus));
        }
    }
    arrived(&tokio, traced[1].address)?;
    let mut report = Report::of("What traces cost", figures);
    report.notes.push(format!(
        "StartSyncExecution over {CONNECTIONS} connections, against a server without `--otlp-endpoint`, in {TURNS} turns each \
         round; the collector is a bare echo beside them."
    ));
    Ok(report)
}

/// The means of the turns of each server, the plain one first.
fn round(tokio: &Runtime, plain: &Server, traced: &[Server], request: &[u8], plan: &Plan) -> Result<Vec<Seen>> {
    let servers: Vec<&Server> = std::iter::once(plain).chain(traced).collect();
    let mut seen = vec![Seen::default(); servers.len()];
    let time = Duration::from_secs_f64(plan.seconds / f64::from(TURNS));
    for turn in 0..TURNS {
        // There and back again, so that no server is always the first.
        for step in 0..servers.len() {
            let at = if turn % 2 == 0 { step } else { servers.len() - 1 - step };
            let before = cpu_time(servers[at].pid())?;
            let load = tokio.block_on(closed_loop(servers[at].address, request, CONNECTIONS, time))?;
            let cpu = cpu_time(servers[at].pid())? - before;
            seen[at].rate += load.rate() / f64::from(TURNS);
            seen[at].cpu_micros += cpu.as_secs_f64() * 1e6 / load.requests as f64 / f64::from(TURNS);
        }
    }
    Ok(seen)
}

/// The sampled server's spans got to the collector: a cost without them would be none.
fn arrived(tokio: &Runtime, server: SocketAddr) -> Result<()> {
    let request = b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let text = tokio.block_on(crate::load::ask(server, request))?;
    let sent = text.lines().find_map(|line| line.strip_prefix("fleetstep_trace_spans_sent_total "));
    ensure!(sent.is_some_and(|sent| sent != "0"), "no span was sent: {text}");
    Ok(())
}
