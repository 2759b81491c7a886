//! A collection of hostile modules, let loose on a server of its own beside a workflow that means well: how each ends, and
//! what that does to the host and to its neighbour.

mod commands;
mod neighbour;
mod tasks;
mod uploads;

use crate::http;
use crate::program::Serving;
use anyhow::{Result, anyhow, ensure};
use neighbour::Neighbour;
use serde_json::{Value, json};
use std::time::Duration;

/// What a function of the collection may use: memory of a call, in MiB, and its time.
const MEMORY_MIB: u32 = 64;
const TIMEOUT_SECONDS: u32 = 1;
/// How long compiling one of them may take.
const COMPILE_SECONDS: u32 = 5;
/// How often each is called at once.
const CALLS: usize = 4;
/// How much larger the host may be after all of them than before, once it has had so much time.
pub const GROWTH_MIB_MAX: f64 = 96.0;
const SETTLING_SECONDS_MAX: u32 = 20;
/// The neighbour's p99 beside them. A call may hold a thread for its first slice of a millisecond, and the compiler has
/// a core for a moment.
pub const NEIGHBOUR_P99_MAX: Duration = Duration::from_millis(100);

pub(crate) use commands::exits;
pub(crate) use tasks::echo;

/// A module that means no good.
pub struct Hostile {
    /// What it does.
    pub name: &'static str,
    /// How it has to end.
    pub expected: Expected,
    /// Its bytes.
    pub module: Vec<u8>,
}

/// How a module has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Refused when it is uploaded: the exception's name, and a part of what is said.
    Refused(&'static str, &'static str),
    /// Taken; a call of it fails: the error, and a part of the cause.
    Fails(&'static str, &'static str),
    /// Taken; a call of it comes to this, which shows that it got nothing that it should not.
    Gets(&'static str),
}

/// All of them.
#[must_use]
pub fn collection() -> Vec<Hostile> {
    [uploads::all(), commands::all(), tasks::all()].into_iter().flatten().collect()
}

/// What became of one.
pub struct Ended {
    /// Which.
    pub name: &'static str,
    /// What was wrong with how it ended, if anything.
    pub wrong: Option<String>,
    /// How it ended, shortly.
    pub how: String,
    /// Resident memory of the host afterwards, in MiB.
    pub host_mib: f64,
    /// The slowest and the 99th percentile of the neighbour's calls meanwhile.
    pub slowest: Duration,
    /// See there.
    pub p99: Duration,
}

/// What became of all.
pub struct Outcome {
    /// One by one.
    pub ended: Vec<Ended>,
    /// Resident memory of the host before the first, in MiB.
    pub host_mib_before: f64,
    /// The same once the last is gone, in MiB.
    pub host_mib_after: f64,
    /// The neighbour's 99th percentile before the first.
    pub p99_alone: Duration,
    /// The same over all of its calls beside them.
    pub p99_beside: Duration,
    /// Calls of the neighbour that did not come to their result.
    pub neighbour_failures: usize,
}

impl Outcome {
    /// What the host held at the end beyond what it held before, in MiB.
    #[must_use]
    pub fn growth_mib(&self) -> f64 {
        self.host_mib_after - self.host_mib_before
    }

    /// What did not hold, in words.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        let wrong = |ended: &Ended| ended.wrong.as_ref().map(|wrong| format!("{}: {wrong}", ended.name));
        let mut complaints: Vec<String> = self.ended.iter().filter_map(wrong).collect();
        if self.growth_mib() > GROWTH_MIB_MAX {
            complaints.push(format!("the host grew by {:.0} MiB", self.growth_mib()));
        }
        if self.p99_beside > NEIGHBOUR_P99_MAX {
            complaints.push(format!("the neighbour's p99 was {:?}", self.p99_beside));
        }
        if self.neighbour_failures > 0 {
            complaints.push(format!("{} calls of the neighbour failed", self.neighbour_failures));
        }
        complaints
    }
}

/// Serves, lets each of `modules` loose, and tells `each` what became of it.
///
/// # Errors
/// A server that does not start or is gone, or a neighbour that cannot be deployed.
pub fn run(modules: Vec<Hostile>, quiet: Duration, each: impl Fn(&Ended)) -> Result<Outcome> {
    let data = tempfile::tempdir()?;
    let (folder, seconds) = (data.path().display().to_string(), COMPILE_SECONDS.to_string());
    let limits = ["--data-dir", &folder, "--compile-seconds", &seconds];
    let server = Serving::start(limits)?;
    put_module(&server, "neighbour", &echo())?.map_err(|refused| anyhow!("the neighbour: {refused:?}"))?;
    put_workflow(&server, "neighbour")?;
    let neighbour = Neighbour::begin(server.address, "neighbour");
    std::thread::sleep(quiet);
    let alone = neighbour.take();
    let host_mib_before = server.resident_mib()?;
    let (mut ended, mut beside, mut neighbour_failures) = (Vec::new(), Vec::new(), alone.failures);
    for hostile in modules {
        let (how, wrong) = let_loose(&server, &hostile)?;
        let calls = neighbour.take();
        neighbour_failures += calls.failures;
        let (p99, slowest) = (calls.percentile(0.99), calls.percentile(1.0));
        beside.extend(calls.latencies);
        let one = Ended { name: hostile.name, wrong, how, host_mib: server.resident_mib()?, slowest, p99 };
        each(&one);
        ended.push(one);
    }
    let p99_alone = alone.percentile(0.99);
    let p99_beside = neighbour::Calls { latencies: beside, failures: 0 }.percentile(0.99);
    let host_mib_after = settled_mib(&server, host_mib_before)?;
    Ok(Outcome { ended, host_mib_before, host_mib_after, p99_alone, p99_beside, neighbour_failures })
}

/// How it ended, and what was wrong with that.
fn let_loose(server: &Serving, hostile: &Hostile) -> Result<(String, Option<String>)> {
    const NAME: &str = "hostile";
    let refused = put_module(server, NAME, &hostile.module)?;
    let (how, is_right) = match (refused, hostile.expected) {
        (Err((error, message)), expected) => {
            let is_right = matches!(expected, Expected::Refused(name, part) if name == error && message.contains(part));
            (format!("{error}: {message}"), is_right)
        }
        (Ok(()), Expected::Refused(..)) => ("it was taken".to_owned(), false),
        (Ok(()), expected) => {
            put_workflow(server, NAME)?;
            let answers = call(server, NAME)?;
            let is_right = answers.iter().all(|answer| is_expected(answer, expected));
            (told(&answers[0]), is_right)
        }
    };
    let gone = http::request(server.address, "DELETE", &format!("/v1/functions/{NAME}"), http::JSON, b"")?.0;
    ensure!(gone < 500, "the function could not be deleted: {gone}");
    let how: String = how.chars().take(100).collect();
    let wrong = (!is_right).then(|| format!("expected {:?}, and it ended with {how}", hostile.expected));
    Ok((how, wrong))
}

type Refusal = (String, String);

/// Uploads a module as a function with the collection's limits: taken, or refused.
fn put_module(server: &Serving, name: &str, module: &[u8]) -> Result<Result<(), Refusal>> {
    let path = format!("/v1/functions/{name}?memory_mib={MEMORY_MIB}&timeout_seconds={TIMEOUT_SECONDS}");
    let (status, answer) = http::request(server.address, "PUT", &path, "application/wasm", module)?;
    let text = |member: &str| answer[member].as_str().unwrap_or_default().to_owned();
    Ok(if status < 300 { Ok(()) } else { Err((text("title"), text("detail"))) })
}

fn put_workflow(server: &Serving, name: &str) -> Result<()> {
    let resource = format!("arn:aws:lambda:us-east-1:000000000000:function:{name}");
    let definition =
        json!({"StartAt": "Call", "States": {"Call": {"Type": "Task", "Resource": resource, "End": true}}});
    let path = format!("/v1/workflows/{name}");
    let (status, answer) = http::request(server.address, "PUT", &path, http::JSON, definition.to_string().as_bytes())?;
    ensure!(status < 300, "{answer}");
    Ok(())
}

/// Runs a workflow a few times at once.
fn call(server: &Serving, name: &str) -> Result<Vec<(u16, Value)>> {
    let path = format!("/v1/workflows/{name}/run");
    let sent: Vec<_> = (0..CALLS)
        .map(|_| http::send(server.address, "POST", &path, http::JSON, b"{\"a\":1}"))
        .collect::<Result<_>>()?;
    sent.into_iter().map(http::answer).collect()
}

fn is_expected((status, answer): &(u16, Value), expected: Expected) -> bool {
    match expected {
        Expected::Fails(error, cause) => {
            *status == 422
                && answer["error"] == error
                && answer["cause"].as_str().is_some_and(|found| found.contains(cause))
        }
        Expected::Gets(result) => {
            *status == 200 && serde_json::from_str::<Value>(result).is_ok_and(|result| *answer == result)
        }
        Expected::Refused(..) => false,
    }
}

fn told((status, answer): &(u16, Value)) -> String {
    match answer["error"].as_str() {
        Some(error) => format!("{error}: {}", answer["cause"].as_str().unwrap_or_default()),
        None => format!("{status} {answer}"),
    }
}

/// Resident memory once the allocator has given back what it does not need, which it does a little later.
fn settled_mib(server: &Serving, before: f64) -> Result<f64> {
    let mut now = server.resident_mib()?;
    for _ in 0..SETTLING_SECONDS_MAX {
        if now - before <= GROWTH_MIB_MAX {
            break;
        }
        std::thread::sleep(Duration::from_secs(1));
        now = server.resident_mib()?;
    }
    Ok(now)
}
