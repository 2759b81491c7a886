//! What the console costs a server under load, and how long its pages take meanwhile.

use crate::bench::Plan;
use crate::figure::{Figure, Report};
use crate::http::{fleetstep, start_sync};
use crate::load::{ask, closed_loop};
use crate::pin::Pin;
use crate::step;
use anyhow::{Context as _, Result, ensure};
use fleetstep_engine::clock;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The argument that makes one of these programs the product's load generator.
pub(crate) const LOAD: &str = "bench";
/// Starts a second while the pages are timed.
const STARTS_PER_SECOND: u32 = 20_000;
/// Connections of the load whose throughput is compared.
const CONNECTIONS: usize = 64;
/// The pages that somebody looks at; the last is one execution, the newest.
const PAGES: [&str; 4] = ["/console", "/console/workflows/pass", "/console/executions", "/console/system"];
/// How often somebody goes to another page.
const EVERY: Duration = Duration::from_millis(500);
/// Executions that are in the cache before anything is measured.
const EXECUTIONS: u64 = 10_000;

/// The figures.
pub(crate) fn measure(plan: &Plan) -> Result<Report> {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let server = fleetstep(&Pin::Shared("whoever looks at pages does so beside the load".to_owned()))?;
    let request = start_sync("pass", step::ORDER);
    let time = Duration::from_secs_f64(plan.seconds);
    let (mut costs, mut slowest, mut medians) = (Vec::new(), Vec::new(), Vec::new());
    tokio.block_on(async {
        let mut filled = 0;
        while filled < EXECUTIONS {
            filled += closed_loop(server.address, &request, CONNECTIONS, Duration::from_millis(500)).await?.requests;
        }
        for _ in 0..plan.rounds {
            let alone = closed_loop(server.address, &request, CONNECTIONS, time).await?.rate();
            let somebody = [tokio::spawn(look(server.address)), tokio::spawn(watch(server.address))];
            let watched = closed_loop(server.address, &request, CONNECTIONS, time).await?.rate();
            somebody.iter().for_each(tokio::task::JoinHandle::abort);
            costs.push((1.0 - watched / alone) * 100.0);
            let mut took = under_load(server.address, time).await?;
            took.sort_unstable_by(f64::total_cmp);
            medians.push(took[took.len() / 2]);
            slowest.push(took[took.len() - 1]);
        }
        anyhow::Ok(())
    })?;
    let load = format!("{STARTS_PER_SECOND} starts/s");
    let figures = vec![
        Figure::lower("console.page-slowest", format!("slowest page of the console, {load} under way"), "ms", &slowest),
        Figure::lower("console.page", format!("a page, {load} under way"), "ms", &medians),
        Figure::lower("console.cost", "throughput that one who looks takes away", "%", &costs),
    ];
    let mut report = Report::of("The console under load", figures);
    report.notes.push(format!(
        "{EXECUTIONS} executions in the cache and more; {PAGES:?} and the newest execution, one every {EVERY:?}; for the cost, \
         one page is live beside that."
    ));
    Ok(report)
}

/// The times of pages, in milliseconds, while an open loop keeps its rate.
async fn under_load(address: SocketAddr, time: Duration) -> Result<Vec<f64>> {
    let mut load = open_loop(address, time)?;
    let until = clock::instant() + time;
    let mut took = Vec::new();
    while clock::instant() < until {
        took.extend(visit(address).await?);
        tokio::time::sleep(EVERY / 10).await;
    }
    let status = load.wait()?;
    ensure!(status.success(), "the load ended with {status}");
    ensure!(!took.is_empty(), "no page was asked for");
    Ok(took)
}

fn open_loop(address: SocketAddr, time: Duration) -> Result<Child> {
    let mut load = Command::new(std::env::current_exe()?);
    load.args([LOAD, "--endpoint", &format!("http://{address}"), "--workflow", "pass"]);
    load.args(["--input", step::ORDER, "--rate", &STARTS_PER_SECOND.to_string(), "--warm-up", "0s"]);
    load.args(["--duration", &format!("{}s", time.as_secs().max(1))]);
    load.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().context("the load")
}

/// Goes through all pages once: how long each took, in milliseconds.
async fn visit(address: SocketAddr) -> Result<Vec<f64>> {
    let mut took = Vec::new();
    let mut newest = None;
    for page in PAGES {
        let began = clock::instant();
        let text = ask(address, &get(page, "text/html")).await?;
        took.push(began.elapsed().as_secs_f64() * 1e3);
        let link = text.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
        newest = newest.or_else(|| link.into_iter().find(|link| link.contains("/executions/arn")).map(str::to_owned));
    }
    let began = clock::instant();
    // It may have been forgotten since the list was made: that is an answer, too.
    let _gone = ask(address, &get(&newest.context("the list has executions")?, "text/html")).await;
    took.push(began.elapsed().as_secs_f64() * 1e3);
    Ok(took)
}

/// Looks at one page after the other.
async fn look(address: SocketAddr) -> Result<()> {
    loop {
        for page in PAGES {
            ask(address, &get(page, "text/html")).await?;
            tokio::time::sleep(EVERY).await;
        }
    }
}

/// Has one page told of its changes.
async fn watch(address: SocketAddr) -> Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(&get("/console/executions", "text/event-stream")).await?;
    let mut buffer = vec![0; 64 << 10];
    while stream.read(&mut buffer).await? > 0 {}
    Ok(())
}

fn get(path: &str, accept: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\naccept: {accept}\r\n\r\n").into_bytes()
}
