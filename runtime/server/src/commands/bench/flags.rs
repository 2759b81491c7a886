//! The flags of `fleetstep bench`, each read into what it means.

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use fleetstep_load::load::RATE_MAX;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// Loads a server, or the engine in this process, and measures what it keeps.
///
/// With --rate, requests are sent at that rate whatever the server does, and latency counts from when a request was
/// meant to be sent (an open loop). Without, each connection asks again once it was answered (a closed loop).
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  fleetstep bench --workflow hello
      A closed loop of 64 connections for ten seconds, against http://127.0.0.1:8083.
  fleetstep bench --workflow hello --rate 50000 --duration 60s --html load.html
      An open loop, and a page with plots.
  fleetstep bench --workflow hello --find-knee --p99 5ms
      The highest rate at which 99 in 100 starts are answered within 5 ms.
  fleetstep bench --workflow orders=3 --workflow hello=1 --input orders=@order.json --rate 1000..20000
      A mix of three to one, on a ramp.
  fleetstep bench --workflow slow --async --rate 2000
      Asynchronous starts, acknowledged and to their end.
  fleetstep bench --in-process examples/orders --workflow orders --input @examples/orders/cases/accepted/input.json
      The engine alone, with no HTTP.
  fleetstep bench --ceiling --duration 3s
      What this tool can drive on this machine.

An input may have placeholders: ${seq}, ${uuid}, ${random:1..100}, ${pick:a,b,c}; $${ is ${ itself.
docs/bench.md says how to measure honestly.")]
pub(crate) struct Bench {
    /// What to start, and its weight in a mix; may be given more than once. A name, NAME:ALIAS or an ARN
    #[arg(long = "workflow", value_name = "NAME[=WEIGHT]", required_unless_present_any = ["ceiling", "serve_echo"], help_heading = "What is started")]
    pub(super) workflows: Vec<Weighted>,
    /// The input of every workflow, or of one: JSON or @FILE, with placeholders
    #[arg(long = "input", value_name = "[NAME=]JSON|@FILE", help_heading = "What is started")]
    pub(super) inputs: Vec<String>,
    /// Start asynchronously: acknowledged at once, and a sample followed to its end
    #[arg(long = "async", help_heading = "What is started")]
    pub(super) is_async: bool,
    /// What all chance starts from
    #[arg(long, value_name = "NUMBER", default_value_t = 1, help_heading = "What is started")]
    pub(super) seed: u64,

    /// The server
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8083", help_heading = "Where")]
    pub(super) endpoint: Endpoint,
    /// How a start is asked for
    #[arg(long, value_enum, default_value_t = Protocol::Aws, help_heading = "Where")]
    pub(super) protocol: Protocol,
    /// Run executions in this process instead: a directory or a definition, as `fleetstep run` takes it
    #[arg(long, value_name = "DIR|FILE", conflicts_with_all = ["endpoint", "protocol", "server_pid", "is_async"], help_heading = "Where")]
    pub(super) in_process: Option<PathBuf>,
    /// The server's process, whose CPU and memory are measured; found by its port where it runs beside the load
    #[arg(long, value_name = "PID", help_heading = "Where")]
    pub(super) server_pid: Option<u32>,

    /// Requests a second, in an open loop: one rate, a ramp FROM..TO, or steps A,B,C of --duration each
    #[arg(long, value_name = "RATE|FROM..TO|A,B,…", help_heading = "How much")]
    pub(super) rate: Option<Rates>,
    /// Search for the highest rate that keeps --p99; each rate is tried for --duration, from --rate or 1000 on
    #[arg(long, help_heading = "How much")]
    pub(super) find_knee: bool,
    /// What --find-knee asks of 99 in 100 latencies
    #[arg(long, value_name = "TIME", default_value = "5ms", requires = "find_knee", value_parser = duration, help_heading = "How much")]
    pub(super) p99: Duration,
    /// Connections: all of a closed loop, the first ones of an open one. In process: executions at once
    #[arg(long, value_name = "COUNT", default_value_t = 64, help_heading = "How much")]
    pub(super) connections: usize,
    /// Requests that wait for their answers on one connection
    #[arg(long, value_name = "COUNT", default_value_t = 1, help_heading = "How much")]
    pub(super) pipeline: usize,
    /// How long is measured: 500ms, 10s, 5m
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration, help_heading = "How much")]
    pub(super) duration: Duration,
    /// What comes first and does not count
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration, help_heading = "How much")]
    pub(super) warm_up: Duration,

    /// Measure the load generator itself, against an echo that does nothing else, beside wrk where that is installed
    #[arg(long, conflicts_with_all = ["workflows", "in_process", "rate", "find_knee", "is_async"], help_heading = "How much")]
    pub(super) ceiling: bool,
    /// Be the echo of --ceiling: how this program starts the other side
    #[arg(long, hide = true)]
    pub(super) serve_echo: bool,

    /// Threads that send; one drives some 100,000 requests a second
    #[arg(long, value_name = "COUNT", help_heading = "Bounds")]
    pub(super) threads: Option<usize>,
    /// Connections that an open loop may come to when all are busy
    #[arg(long, value_name = "COUNT", default_value_t = 1_000, help_heading = "Bounds")]
    pub(super) connections_max: usize,
    /// Requests of an open loop that are due or sent, and not answered; beyond, they are not sent, and counted
    #[arg(long, value_name = "COUNT", default_value_t = 10_000, help_heading = "Bounds")]
    pub(super) in_flight_max: usize,
    /// How long one request may take
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration, help_heading = "Bounds")]
    pub(super) request_timeout: Duration,
    /// How long answers, and ends of asynchronous executions, are waited for after the last request
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration, help_heading = "Bounds")]
    pub(super) patience: Duration,

    /// Write all figures as JSON
    #[arg(long, value_name = "FILE", help_heading = "What is told")]
    pub(super) json: Option<PathBuf>,
    /// Write a page with plots: one file that needs no network
    #[arg(long, value_name = "FILE", help_heading = "What is told")]
    pub(super) html: Option<PathBuf>,
}

/// How a start is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Protocol {
    /// StartSyncExecution and StartExecution in AWS JSON
    Aws,
    /// The HTTP trigger: POST /v1/workflows/NAME/run
    Http,
}

/// A workflow and its weight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Weighted {
    pub(super) name: String,
    pub(super) weight: u32,
}

impl FromStr for Weighted {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, weight) = match text.split_once('=') {
            None => (text, 1),
            Some((name, weight)) => {
                (name, weight.parse().with_context(|| format!("the weight `{weight}` is no whole number"))?)
            }
        };
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_plain) {
            bail!("`{name}` is no name of a workflow");
        }
        Ok(Self { name: name.to_owned(), weight })
    }
}

/// Where a server listens.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    /// As it stands in the `host` header.
    pub(super) host: String,
    pub(super) address: SocketAddr,
}

impl FromStr for Endpoint {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        if text.starts_with("https:") {
            bail!("TLS is not spoken: load the server itself, by its http:// address");
        }
        let host = text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/');
        if host.contains('/') {
            bail!("the endpoint is http://HOST:PORT, without a path");
        }
        let with_port = if host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) {
            host.to_owned()
        } else {
            format!("{host}:80")
        };
        let mut addresses = with_port.to_socket_addrs().with_context(|| format!("`{host}` is no HOST:PORT"))?;
        let address = addresses.next().with_context(|| format!("`{host}` has no address"))?;
        Ok(Self { host: host.to_owned(), address })
    }
}

/// The rates of an open loop.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Rates {
    /// One after the other.
    Steps(Vec<f64>),
    /// Evenly from one to the other.
    Ramp(f64, f64),
}

/// Steps of one load.
const STEPS_MAX: usize = 100;

impl FromStr for Rates {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        if let Some((from, to)) = text.split_once("..") {
            return Ok(Self::Ramp(rate(from)?, rate(to)?));
        }
        let steps = text.split(',').map(rate).collect::<Result<Vec<_>>>()?;
        if steps.len() > STEPS_MAX {
            bail!("{} steps: {STEPS_MAX} are the most", steps.len());
        }
        Ok(Self::Steps(steps))
    }
}

fn rate(text: &str) -> Result<f64> {
    let (digits, factor) = match text.strip_suffix('k') {
        Some(digits) => (digits, 1e3),
        None => (text, 1.0),
    };
    let rate = digits.parse::<f64>().ok().map(|number| number * factor);
    let rate = rate.filter(|rate| *rate > 0.0 && *rate <= RATE_MAX);
    rate.with_context(|| format!("`{text}` is no rate: a number above 0, at most {RATE_MAX}, such as 50000 or 50k"))
}

/// The longest time that a flag takes.
const SECONDS_MAX: f64 = 24.0 * 3_600.0;

fn duration(text: &str) -> Result<Duration> {
    let at = text.find(|character: char| character.is_ascii_alphabetic()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(at);
    let factor = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        _ => bail!("`{text}` has no unit: us, ms, s, m or h"),
    };
    let seconds = digits.parse::<f64>().ok().map(|number| number * factor);
    let seconds = seconds.filter(|seconds| (0.0..=SECONDS_MAX).contains(seconds));
    Ok(Duration::from_secs_f64(seconds.with_context(|| format!("`{text}` is no time up to a day, such as 10s"))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_one_several_or_a_ramp() {
        let cases = [
            ("50000", Rates::Steps(vec![50_000.0])),
            ("1k,2.5k", Rates::Steps(vec![1_000.0, 2_500.0])),
            ("100..20k", Rates::Ramp(100.0, 20_000.0)),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<Rates>().unwrap(), expected);
        }
        for text in ["", "0", "-1", "1..", "x", "1e99", "NaN", "inf"] {
            assert!(text.parse::<Rates>().is_err(), "{text}");
        }
    }

    #[test]
    fn times_have_a_unit_and_a_bound() {
        let cases =
            [("500ms", 500_000), ("10s", 10_000_000), ("1.5m", 90_000_000), ("24h", 86_400_000_000), ("7us", 7)];
        for (text, micros) in cases {
            assert_eq!(duration(text).unwrap(), Duration::from_micros(micros), "{text}");
        }
        for text in ["10", "s", "-1s", "25h", "1d"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_workflow_may_have_a_weight_and_an_endpoint_no_path() {
        let weighted = |text: &str| text.parse::<Weighted>().unwrap();
        assert_eq!(weighted("orders=3"), Weighted { name: "orders".into(), weight: 3 });
        assert_eq!(weighted("hello:LIVE").weight, 1);
        for text in ["", "=1", "a=x", "a b", "a/b"] {
            assert!(text.parse::<Weighted>().is_err(), "{text}");
        }
        let endpoint: Endpoint = "http://127.0.0.1:8083/".parse().unwrap();
        assert_eq!((endpoint.host.as_str(), endpoint.address.port()), ("127.0.0.1:8083", 8083));
        assert_eq!("127.0.0.1".parse::<Endpoint>().unwrap().address.port(), 80);
        assert!("https://127.0.0.1".parse::<Endpoint>().unwrap_err().to_string().contains("TLS"));
        assert!("http://127.0.0.1:1/x".parse::<Endpoint>().is_err());
    }
}
