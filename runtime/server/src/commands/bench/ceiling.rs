//! What the load generator itself can drive: against a bare echo, beside wrk where that is installed, in turns.

use crate::terminal::{progress, result};
use anyhow::{Context as _, Result, bail};
use fleetstep_load::process;
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

/// Turns of each generator; the medians are told.
const ROUNDS: usize = 5;
/// How often a generator's CPU time is looked at.
const LOOK: Duration = Duration::from_millis(10);
/// Requests in a pipeline, where there is one.
const PIPELINES: [usize; 2] = [1, 16];
/// What is sent, some 300 bytes, as a small order is.
const BODY: &str = r#"{"orderId":"A-1001","customer":{"id":42,"name":"Ada Lovelace","email":"ada@example.com"},"lines":[{"sku":"tea","quantity":2,"price":4.5},{"sku":"cup","quantity":1,"price":12.25}],"address":{"street":"12 St James's Square","city":"London","postcode":"SW1Y 4JH"},"total":21.25,"currency":"GBP","express":true}"#;

/// Is the echo, and says where.
pub(super) fn serve_echo() -> Result<ExitCode> {
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    tokio.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        result(listener.local_addr()?);
        match fleetstep_api::serve_echo(listener).await? {}
    })
}

/// Measures and prints.
pub(super) fn measure(duration: Duration, connections: usize) -> Result<ExitCode> {
    let bench = Ceiling::new(duration, connections)?;
    let has_wrk = bench.on_load("wrk").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    let mut rows: Vec<Row> = Vec::new();
    for pipeline in PIPELINES {
        rows.push(Row::new(Generator::Ours, pipeline));
        if has_wrk {
            rows.push(Row::new(Generator::Wrk, pipeline));
        }
    }
    for round in 1..=ROUNDS {
        progress(format_args!("round {round} of {ROUNDS}"));
        for row in &mut rows {
            let (requests, seconds, cpu) = match row.generator {
                Generator::Ours => bench.ours(row.pipeline)?,
                Generator::Wrk => bench.wrk(row.pipeline)?,
            };
            row.rates.push(requests / seconds);
            row.cpu_us.push(cpu.as_secs_f64() * 1e6 / requests.max(1.0));
        }
    }
    tell(&bench, &rows, has_wrk);
    Ok(ExitCode::SUCCESS)
}

#[derive(Clone, Copy)]
enum Generator {
    Ours,
    Wrk,
}

/// One generator, and what was seen round by round.
struct Row {
    generator: Generator,
    pipeline: usize,
    rates: Vec<f64>,
    cpu_us: Vec<f64>,
}

impl Row {
    fn new(generator: Generator, pipeline: usize) -> Self {
        Self { generator, pipeline, rates: Vec::new(), cpu_us: Vec::new() }
    }
}

/// The echo, and where the generators run.
struct Ceiling {
    echo: Child,
    address: SocketAddr,
    /// The processors of the echo and of the generators, where they can be kept apart.
    apart: Option<(usize, usize)>,
    seconds: u64,
    connections: usize,
    folder: PathBuf,
}

impl Ceiling {
    fn new(duration: Duration, connections: usize) -> Result<Self> {
        let apart = apart();
        let mut command = on(apart.map(|(echo, _)| echo), std::env::current_exe()?);
        let mut echo = command.args(["bench", "--serve-echo"]).stdout(Stdio::piped()).spawn().context("the echo")?;
        let mut line = String::new();
        BufReader::new(echo.stdout.take().context("its output is a pipe")?).read_line(&mut line)?;
        let Ok(address) = line.trim().parse() else {
            let _already_ended = echo.kill();
            bail!("the echo said `{}` instead of an address", line.trim());
        };
        let folder = std::env::temp_dir().join(format!("fleetstep-ceiling-{}", std::process::id()));
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let seconds = duration.as_secs().max(1);
        Ok(Self { echo, address, apart, seconds, connections, folder })
    }

    fn on_load(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        on(self.apart.map(|(_, load)| load), program)
    }

    fn ours(&self, pipeline: usize) -> Result<(f64, f64, Duration)> {
        let json = self.folder.join("ours.json");
        let mut command = self.on_load(std::env::current_exe()?);
        // The echo answers to any name, and to the triggers' paths.
        command.args(["bench", "--workflow", "echo", "--protocol", "http", "--warm-up", "0s", "--threads", "1"]);
        command.args(["--endpoint", &format!("http://{}", self.address), "--input", BODY]);
        command.args(["--duration", &format!("{}s", self.seconds), "--connections", &self.connections.to_string()]);
        command.args(["--pipeline", &pipeline.to_string(), "--json"]).arg(&json);
        let (_, cpu) = run(&mut command)?;
        let report: Value = serde_json::from_str(&std::fs::read_to_string(&json)?)?;
        let stage = &report["stages"][0];
        let number = |value: &Value| value.as_f64().context("a figure of our own");
        Ok((number(&stage["counts"]["succeeded"])?, number(&stage["seconds"])?, cpu))
    }

    fn wrk(&self, pipeline: usize) -> Result<(f64, f64, Duration)> {
        let script = self.script(pipeline)?;
        let mut command = self.on_load("wrk");
        command.args(["-t1", &format!("-c{}", self.connections), &format!("-d{}s", self.seconds), "-s"]);
        command.arg(script).arg(format!("http://{}/", self.address));
        let (said, cpu) = run(&mut command)?;
        let (requests, rate) = wrk_said(&said).with_context(|| format!("wrk said:\n{said}"))?;
        Ok((requests, requests / rate, cpu))
    }

    fn script(&self, pipeline: usize) -> Result<PathBuf> {
        let script = self.folder.join("wrk.lua");
        let text = format!(
            "wrk.method = \"POST\"\nwrk.body = [==[{BODY}]==]\nwrk.headers[\"content-type\"] = \"application/json\"\n\
             local batch\nfunction init()\n  local all = {{}}\n  for i = 1, {pipeline} do all[i] = wrk.format() end\n  \
             batch = table.concat(all)\nend\nfunction request() return batch end\n"
        );
        std::fs::write(&script, text)?;
        Ok(script)
    }
}

impl Drop for Ceiling {
    fn drop(&mut self) {
        let _already_ended = self.echo.kill();
        let _status = self.echo.wait();
        let _already_gone = std::fs::remove_dir_all(&self.folder);
    }
}

/// Two processors, where there are two and `taskset` to keep processes on them.
fn apart() -> Option<(usize, usize)> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut taskset = Command::new("taskset");
    let can = taskset.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    (can && cores > 1).then_some((0, 1))
}

fn on(processor: Option<usize>, program: impl AsRef<std::ffi::OsStr>) -> Command {
    let Some(processor) = processor else { return Command::new(program) };
    let mut command = Command::new("taskset");
    command.args(["-c", &processor.to_string()]).arg(program);
    command
}

/// Runs a generator to its end: what it printed, and the CPU time that it took.
fn run(command: &mut Command) -> Result<(String, Duration)> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let mut cpu = Duration::ZERO;
    let status = loop {
        if let Some(usage) = process::usage(child.id()) {
            cpu = usage.cpu;
        }
        match child.try_wait()? {
            Some(status) => break status,
            None => std::thread::sleep(LOOK),
        }
    };
    let mut said = String::new();
    child.stdout.take().context("its output is a pipe")?.read_to_string(&mut said)?;
    if !status.success() {
        bail!("{command:?} ended with {status}:\n{said}");
    }
    Ok((said, cpu))
}

/// The requests, and the requests a second, that wrk tells.
fn wrk_said(said: &str) -> Option<(f64, f64)> {
    let requests = said.lines().find_map(|line| line.trim().split_once(" requests in ")?.0.parse().ok())?;
    let rate = said.lines().find_map(|line| line.trim().strip_prefix("Requests/sec:")?.trim().parse().ok())?;
    Some((requests, rate))
}

fn tell(bench: &Ceiling, rows: &[Row], has_wrk: bool) {
    let place = match bench.apart {
        Some((echo, load)) => format!("the echo on processor {echo}, the generator on processor {load}"),
        None => "echo and generator share the machine (no `taskset`, or one processor)".to_owned(),
    };
    result(format_args!(
        "A bare hyper echo of {} bytes, {} connections, one thread; {place}; medians of {ROUNDS} turns of {} s\n",
        BODY.len(),
        bench.connections,
        bench.seconds
    ));
    result("generator   pipeline   answers/s   its CPU µs each   what one core could drive");
    for Row { generator, pipeline, rates, cpu_us } in rows {
        let name = match generator {
            Generator::Ours => "fleetstep",
            Generator::Wrk => "wrk",
        };
        let (rate, cpu_us) = (median(rates), median(cpu_us));
        result(format_args!("{name:<10} {pipeline:>9} {rate:>11.0} {cpu_us:>17.2} {:>25.0}", 1e6 / cpu_us));
    }
    if !has_wrk {
        result("\nwrk is not installed: it is not beside it");
    }
}

fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wrk_says_is_read() {
        let said = "Running 3s test @ http://127.0.0.1:1/\n  1 threads and 64 connections\n\
                    \x20 147813 requests in 4.05s, 50.04MB read\nRequests/sec:  36498.60\nTransfer/sec:     12.36MB\n";
        assert_eq!(wrk_said(said), Some((147_813.0, 36_498.6)));
        assert_eq!(wrk_said("unable to connect"), None);
    }
}
