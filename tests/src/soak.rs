//! A server under a steady, mixed load for a long time: what its memory does, whether anything fails, and whether it
//! comes to rest.

use crate::hostile::{echo, exits};
use crate::http;
use crate::program::{self, Serving};
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// Workflows that are started synchronously, with their weights.
const SYNC: [(&str, u32); 5] = [("pass", 4), ("choice", 4), ("task", 6), ("parallel", 2), ("map", 1)];
/// Workflows that are started asynchronously: they wait, or fail, are retried and caught.
const ASYNC: [(&str, u32); 3] = [("waits", 4), ("recovers", 1), ("task", 5)];
/// For each asynchronous start so many synchronous ones.
const SYNC_FOR_ASYNC: f64 = 19.0;
/// How long the machine's capacity is looked for.
const CALIBRATION: Duration = Duration::from_secs(5);
/// Memory may grow for so long, or for the first quarter of a shorter soak.
const GROWING_MAX: Duration = Duration::from_secs(300);
/// What memory may grow by after that, in percent.
pub const GROWTH_PERCENT_MAX: f64 = 2.0;
/// How long the server is looked at when nothing is asked of it any more.
const IDLE: Duration = Duration::from_secs(10);
/// One tick of the kernel's count of CPU time is what looking at it may cost.
pub const IDLE_TICKS_MAX: u64 = 1;

/// What a soak came to.
#[derive(Debug)]
pub struct Soaked {
    /// Starts a second that a closed loop reached.
    pub capacity: f64,
    /// Starts a second, synchronous and asynchronous, that were sent.
    pub rates: (f64, f64),
    /// Starts that succeeded, or were acknowledged.
    pub good: u64,
    /// What else became of starts, by name.
    pub errors: Vec<(String, u64)>,
    /// Resident memory second by second, in MiB.
    pub resident_mib: Vec<f64>,
    /// Its median over a minute once it may not grow any more, and over the last minute.
    pub settled_mib: (f64, f64),
    /// CPU time while idle, in ticks of 10 ms.
    pub idle_ticks: u64,
}

impl Soaked {
    /// Growth of memory after it had its time to grow.
    #[must_use]
    pub fn growth_percent(&self) -> f64 {
        let (before, after) = self.settled_mib;
        100.0 * (after / before - 1.0)
    }

    /// What did not hold, in words.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        let mut complaints: Vec<String> =
            self.errors.iter().map(|(name, count)| format!("{count} starts ended as {name}")).collect();
        if self.growth_percent() > GROWTH_PERCENT_MAX {
            complaints.push(format!("memory grew by {:.1} %", self.growth_percent()));
        }
        if self.idle_ticks > IDLE_TICKS_MAX {
            complaints.push(format!("{} ms of CPU while idle", 10 * self.idle_ticks));
        }
        complaints
    }
}

/// Serves, with these flags beside its own, finds what the machine can do, and asks for half of it for so long.
///
/// # Errors
/// A server or a load that does not start, or that ends before its time.
pub fn soak(time: Duration, rate: Option<f64>, flags: &[String], tell: impl Fn(&str)) -> Result<Soaked> {
    let data = tempfile::tempdir()?;
    let folder = data.path().join("data").display().to_string();
    let own = ["--data-dir", &folder].into_iter();
    let server = Serving::start(own.chain(flags.iter().map(String::as_str)))?;
    deploy(&server)?;
    let capacity = match rate {
        Some(rate) => 2.0 * rate,
        None => Load::begin(&server, data.path(), "calibration", &SYNC, CALIBRATION, None)?.end()?.rate,
    };
    let sync_rate = (capacity / 2.0 * SYNC_FOR_ASYNC / (1.0 + SYNC_FOR_ASYNC)).floor();
    let async_rate = (sync_rate / SYNC_FOR_ASYNC).ceil();
    tell(&format!(
        "{capacity:.0} starts/s in a closed loop; now {sync_rate} synchronous and {async_rate} asynchronous"
    ));
    let sync = Load::begin(&server, data.path(), "sync", &SYNC, time, Some(sync_rate))?;
    let asynchronous = Load::begin(&server, data.path(), "async", &ASYNC, time, Some(async_rate))?;
    let mut resident_mib = Vec::new();
    for second in 0..time.as_secs() {
        thread::sleep(Duration::from_secs(1));
        resident_mib.push(server.resident_mib()?);
        if second % 60 == 59 {
            tell(&format!("minute {}: {:.1} MiB", second / 60 + 1, resident_mib.last().unwrap_or(&0.0)));
        }
    }
    let (sync, asynchronous) = (sync.end()?, asynchronous.end()?);
    until_nothing_runs(&server)?;
    // What the last requests left to be done is done by now.
    thread::sleep(Duration::from_secs(2));
    let before = server.cpu_ticks()?;
    thread::sleep(IDLE);
    let idle_ticks = server.cpu_ticks()? - before;
    let good = sync.good + asynchronous.good;
    let errors = [sync.errors, asynchronous.errors].concat();
    let settled_mib = settled(&resident_mib, time);
    Ok(Soaked { capacity, rates: (sync_rate, async_rate), good, errors, resident_mib, settled_mib, idle_ticks })
}

/// The medians of a minute, or less, after the time to grow and at the end.
fn settled(resident_mib: &[f64], time: Duration) -> (f64, f64) {
    let growing = GROWING_MAX.min(time / 4).as_secs() as usize;
    let window = 60.min(resident_mib.len() / 4).max(1);
    let median = |part: &[f64]| {
        let mut sorted = part.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or_default()
    };
    let start = growing.min(resident_mib.len().saturating_sub(window));
    (
        median(&resident_mib[start..(start + window).min(resident_mib.len())]),
        median(&resident_mib[resident_mib.len().saturating_sub(window)..]),
    )
}

fn deploy(server: &Serving) -> Result<()> {
    for (name, module) in [("echo", echo()), ("exits", exits())] {
        let path = format!("/v1/functions/{name}");
        let (status, answer) = http::request(server.address, "PUT", &path, "application/wasm", &module)?;
        ensure!(status < 300, "{answer}");
    }
    let task = |function: &str| json!({"Type": "Task", "Resource": format!("arn:aws:lambda:us-east-1:000000000000:function:{function}"), "End": true});
    let pass = json!({"Type": "Pass", "End": true});
    let of = |name: &str, state: &Value| json!({"StartAt": name, "States": {name: state}});
    let branch = |state: &Value| of("S", state);
    let mut recovers = task("exits");
    recovers["Retry"] = json!([{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 1}]);
    recovers["Catch"] = json!([{"ErrorEquals": ["States.ALL"], "Next": "End"}]);
    let choice = json!({"Type": "Choice", "Choices": [{"Variable": "$.total", "NumericGreaterThan": 100, "Next": "End"}], "Default": "Task"});
    let definitions = [
        ("pass", branch(&pass)),
        ("choice", json!({"StartAt": "S", "States": {"S": choice, "Task": task("echo"), "End": pass}})),
        ("task", branch(&task("echo"))),
        (
            "parallel",
            branch(
                &json!({"Type": "Parallel", "Branches": [of("Left", &pass), of("Right", &task("echo"))], "End": true}),
            ),
        ),
        (
            "map",
            branch(
                &json!({"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": of("Each", &task("echo")), "End": true}),
            ),
        ),
        ("waits", branch(&json!({"Type": "Wait", "Seconds": 2, "End": true}))),
        ("recovers", json!({"StartAt": "S", "States": {"S": recovers, "End": pass}})),
    ];
    for (name, definition) in definitions {
        let body = definition.to_string();
        let path = format!("/v1/workflows/{name}");
        let (status, answer) = http::request(server.address, "PUT", &path, http::JSON, body.as_bytes())?;
        ensure!(status < 300, "{name}: {answer}");
    }
    Ok(())
}

fn until_nothing_runs(server: &Serving) -> Result<()> {
    for _ in 0..60 {
        let (_, health) = http::request(server.address, "GET", "/healthz", http::JSON, b"")?;
        if health["executionsRunning"] == 0 {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(500));
    }
    anyhow::bail!("executions are still running")
}

/// `fleetstep bench`, running.
struct Load {
    process: Child,
    told: PathBuf,
}

/// What it told.
struct Told {
    rate: f64,
    good: u64,
    errors: Vec<(String, u64)>,
}

impl Load {
    fn begin(
        server: &Serving,
        folder: &Path,
        name: &str,
        mix: &[(&str, u32)],
        time: Duration,
        rate: Option<f64>,
    ) -> Result<Self> {
        let told = folder.join(format!("{name}.json"));
        let mut command = Command::new(program::folder()?.join("fleetstep"));
        command.args(["bench", "--endpoint", &format!("http://{}", server.address)]);
        command.args(["--duration", &format!("{}s", time.as_secs()), "--input", INPUT, "--json"]).arg(&told);
        for (workflow, weight) in mix {
            command.args(["--workflow", &format!("{workflow}={weight}")]);
        }
        if let Some(rate) = rate {
            command.args(["--rate", &rate.to_string()]);
        }
        if mix == ASYNC {
            command.arg("--async");
        }
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        Ok(Self { process, told })
    }

    fn end(mut self) -> Result<Told> {
        self.process.wait()?;
        let told: Value = serde_json::from_slice(&std::fs::read(&self.told).context("what the load told")?)?;
        let stage = &told["stages"][0];
        let mut good = 0;
        let mut errors = Vec::new();
        for (name, count) in stage["counts"].as_object().context("counts")? {
            // `refused` counts by name.
            let count = count.as_u64().or_else(|| count.as_object()?.values().map(Value::as_u64).sum());
            match (name.as_str(), count.context("a count")?) {
                ("succeeded" | "accepted", count) => good += count,
                (_, 0) => {}
                (_, count) => errors.push((name.clone(), count)),
            }
        }
        let completions = &stage["completions"];
        for (name, count) in completions["ended"].as_object().into_iter().flatten() {
            if name != "SUCCEEDED" {
                errors.push((format!("asynchronous {name}"), count.as_u64().unwrap_or_default()));
            }
        }
        Ok(Told { rate: stage["rate"].as_f64().context("a rate")?, good, errors })
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        // It has ended already, mostly.
        let _gone = self.process.kill().and_then(|()| self.process.wait());
    }
}

const INPUT: &str = r#"{"order":"o-1","customer":{"id":7,"name":"Ada"},"total":80,"items":[1,2,3,4,5,6,7,8,9,10]}"#;
