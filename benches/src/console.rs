//! What the console costs a server under load, and how long its pages take meanwhile.
//!
//! The cost is told by processor time, not by throughput: on a shared machine throughput swings by more than the console
//! takes. Slices of the same load without and with somebody who looks follow each other closely, in the order A B B A, so
//! that what drifts meets both alike; of each slice, the server's processor time for a start is compared. Beside that, what
//! the looking takes of an idle server is counted by itself, as a share of what the server takes under load.

use crate::bench::Plan;
use crate::figure::{Figure, Report};
use crate::http::{fleetstep, start_sync};
use crate::load::{ask, closed_loop};
use crate::pin::Pin;
use crate::process::Threads;
use crate::server::Server;
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
/// Slices of a round: without and with somebody who looks.
const SLICES: [bool; 8] = [false, true, true, false, false, true, true, false];
/// How often the cost is taken in each round: it is small beside the swings of a shared machine.
const COSTS: u32 = 3;
/// How often all pages are asked for where their cost is counted alone.
const VISITS: u32 = 50;

/// The figures.
pub(crate) fn measure(plan: &Plan) -> Result<Report> {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let server = fleetstep(&Pin::Shared("whoever looks at pages does so beside the load".to_owned()))?;
    let request = start_sync("pass", step::ORDER);
    let time = Duration::from_secs_f64(plan.seconds);
    let (mut slowest, mut medians) = (Vec::new(), Vec::new());
    let mut costs = Costs::default();
    tokio.block_on(async {
        let mut filled = 0;
        while filled < EXECUTIONS {
            filled += closed_loop(server.address, &request, CONNECTIONS, Duration::from_millis(500)).await?.requests;
        }
        for _ in 0..plan.rounds {
            for _ in 0..COSTS {
                costs.round(&server, &request, time).await?;
            }
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
        Figure::lower("console.cost", "processor time for a start that one who looks adds", "%", &costs.processor),
        Figure::lower(
            "console.share",
            "what looking takes of the server, of what it takes under load",
            "%",
            &costs.share,
        ),
        Figure::lower("console.throughput", "throughput that one who looks takes away", "%", &costs.throughput),
    ];
    let mut report = Report::of("The console under load", figures);
    report.notes.push(format!(
        "{EXECUTIONS} executions in the cache and more; {PAGES:?} and the newest execution, one every {EVERY:?}; for the cost, \
         one page is live beside that. Slices without and with somebody who looks follow each other as A B B A; processor \
         time is that of the server's threads."
    ));
    Ok(report)
}

/// What somebody who looks costs, in percent, round by round.
#[derive(Default)]
struct Costs {
    processor: Vec<f64>,
    share: Vec<f64>,
    throughput: Vec<f64>,
}

/// The slices of one kind in a round.
#[derive(Clone, Copy, Default)]
struct Sum {
    starts: u64,
    seconds: f64,
    processor_seconds: f64,
}

impl Costs {
    async fn round(&mut self, server: &Server, request: &[u8], time: Duration) -> Result<()> {
        let mut sums = [Sum::default(); 2];
        for is_watched in SLICES {
            let somebody =
                is_watched.then(|| [tokio::spawn(look(server.address)), tokio::spawn(watch(server.address))]);
            let before = Threads::of(server.pid())?;
            let seen = closed_loop(server.address, request, CONNECTIONS, time / SLICES.len() as u32 * 2).await?;
            let used = Threads::of(server.pid())?.since(&before);
            somebody.iter().flatten().for_each(tokio::task::JoinHandle::abort);
            let sum = &mut sums[usize::from(is_watched)];
            sum.starts += seen.requests;
            sum.seconds += seen.elapsed.as_secs_f64();
            sum.processor_seconds += used.processor.as_secs_f64();
        }
        let [alone, watched] = sums;
        let each = |sum: Sum| sum.processor_seconds / sum.starts as f64;
        let rate = |sum: Sum| sum.starts as f64 / sum.seconds;
        self.processor.push((each(watched) / each(alone) - 1.0) * 100.0);
        self.throughput.push((1.0 - rate(watched) / rate(alone)) * 100.0);
        let under_load = alone.processor_seconds / alone.seconds;
        self.share.push(looking(server).await? / under_load * 100.0);
        Ok(())
    }
}

/// How many seconds of processor time a server that does nothing else takes in a second for somebody who looks.
async fn looking(server: &Server) -> Result<f64> {
    let seconds_since = |before| anyhow::Ok(Threads::of(server.pid())?.since(before).processor.as_secs_f64());
    let before = Threads::of(server.pid())?;
    for _ in 0..VISITS {
        for page in PAGES {
            ask(server.address, &get(page, "text/html")).await?;
        }
    }
    let a_page = seconds_since(&before)? / f64::from(VISITS) / PAGES.len() as f64;
    let watching = tokio::spawn(watch(server.address));
    let (before, began) = (Threads::of(server.pid())?, clock::instant());
    tokio::time::sleep(EVERY * 8).await;
    let live = seconds_since(&before)? / began.elapsed().as_secs_f64();
    watching.abort();
    Ok(a_page / EVERY.as_secs_f64() + live)
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
