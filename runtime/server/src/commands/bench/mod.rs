//! `fleetstep bench`: a load, from the flags to the report.

mod ceiling;
mod flags;
mod local;
mod preflight;

pub(crate) use flags::Bench;

use crate::terminal::{Progress, progress, result};
use anyhow::{Context as _, Result, bail};
use flags::{Endpoint, Protocol, Rates, Weighted};
use fleetstep_engine::clock;
use fleetstep_load::follow::Source;
use fleetstep_load::knee::{Goal, Next, Search};
use fleetstep_load::load::RATE_MAX;
use fleetstep_load::pace::Segment;
use fleetstep_load::report::{self, About, Knee, Report, Stage};
use fleetstep_load::template::Template;
use fleetstep_load::transport::{Http, InProcess, Transport};
use fleetstep_load::workload::{Workflow, Workload};
use fleetstep_load::{Load, Outcome, Shape, Watch, process};
use local::Local;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

/// Exit status of a load of which no execution was started.
const EXIT_FAILED: u8 = 1;
/// The rate at which a search for the knee begins.
const KNEE_FROM: f64 = 1_000.0;
/// The largest file of an input.
const INPUT_BYTES_MAX: u64 = 1 << 20;

impl Bench {
    pub(crate) fn execute(self) -> Result<ExitCode> {
        if self.serve_echo {
            return ceiling::serve_echo();
        }
        if self.ceiling {
            return ceiling::measure(self.duration, self.connections);
        }
        let report = match &self.in_process {
            Some(path) => {
                let names = self.workflows.iter().map(|workflow| workflow.name.as_str());
                let local = Local::open(path, names)?;
                let workload = self.workload(|_, input| Ok(fleetstep_load::workload::Request::bare(input.clone())))?;
                let about = self.about(format!("the engine in process, {}", path.display()), OWN_PROCESS.to_owned());
                self.measured(workload, &InProcess(local), Watched::default(), about)?
            }
            None => self.over_http()?,
        };
        self.tell(&report)?;
        let started = report.stages.iter().any(|stage| stage.counts.started() > 0);
        Ok(if started { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FAILED) })
    }

    fn over_http(&self) -> Result<Report> {
        let Endpoint { host, address } = &self.endpoint;
        let server = preflight::Server::find(&self.endpoint)?;
        let workload = self.workload(|name, input| server.request(name, input, self.protocol, self.is_async))?;
        preflight::try_each(*address, &workload)?;
        let pid = self.server_pid.or_else(|| process::listener(*address));
        let measured = match pid {
            Some(pid) if process::usage(pid).is_some() => format!("CPU and memory of process {pid}, from /proc"),
            Some(pid) => format!("CPU not measured: there is no /proc/{pid}"),
            None => "CPU not measured: it does not run beside the load, or as another user (--server-pid)".to_owned(),
        };
        let follow = if self.is_async { server.source()? } else { None };
        let about = self.about(format!("http://{host}"), measured);
        let watched = Watched { server_pid: pid, follow: follow.map(|source| (*address, source)) };
        self.measured(workload, &Http { address: *address }, watched, about)
    }

    /// The mix, each workflow with the request that `request` makes of its input.
    fn workload(
        &self,
        request: impl Fn(&str, &Template) -> Result<fleetstep_load::workload::Request>,
    ) -> Result<Workload> {
        let mut workflows = Vec::new();
        for Weighted { name, weight } in &self.workflows {
            let template = self.input_of(name)?;
            workflows.push(Workflow { name: name.clone(), weight: *weight, request: request(name, &template)? });
        }
        let protocol = match (&self.in_process, self.protocol) {
            (None, Protocol::Http) => fleetstep_load::workload::Protocol::Web,
            (None, Protocol::Aws) => fleetstep_load::workload::Protocol::Aws,
            (Some(_), _) => fleetstep_load::workload::Protocol::Plain,
        };
        Ok(Workload::new(workflows, protocol, self.is_async)?)
    }

    /// What `--input` says for this workflow: for it alone, or else for all.
    fn input_of(&self, workflow: &str) -> Result<Template> {
        let of_one = |input: &&String| input.split_once('=').is_some_and(|(name, _)| self.names(name));
        let own = self.inputs.iter().filter_map(|input| input.split_once('='));
        let own = own.filter(|(name, _)| *name == workflow).map(|(_, input)| input).next_back();
        let all = self.inputs.iter().filter(|input| !of_one(input)).map(String::as_str).next_back();
        let input = own.or(all).unwrap_or("{}");
        let text = match input.strip_prefix('@') {
            None => input.to_owned(),
            Some(file) => {
                let size = std::fs::metadata(file).with_context(|| format!("cannot read the input {file}"))?.len();
                if size > INPUT_BYTES_MAX {
                    bail!("the input {file} has {size} bytes: {INPUT_BYTES_MAX} are the most");
                }
                std::fs::read_to_string(file).with_context(|| format!("cannot read the input {file}"))?
            }
        };
        Template::parse(text.trim()).with_context(|| format!("the input of {workflow}"))
    }

    fn names(&self, name: &str) -> bool {
        self.workflows.iter().any(|workflow| workflow.name == name)
    }

    fn threads(&self) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        self.threads.unwrap_or((cores / 4).clamp(1, 8)).min(self.connections.max(1))
    }

    fn load(&self, workload: Workload, shape: Shape, duration: Duration) -> Load {
        // In process there is no connection: what bounds an open loop is what is in flight.
        let connections_max = if self.in_process.is_some() { self.in_flight_max } else { self.connections_max };
        Load {
            workload,
            shape,
            threads: self.threads(),
            connections: self.connections,
            connections_max,
            pipeline: self.pipeline,
            in_flight_max: self.in_flight_max,
            warm_up: self.warm_up,
            duration,
            patience: self.patience,
            request_timeout: self.request_timeout,
            seed: self.seed,
        }
    }

    fn measured<T: Transport>(
        &self,
        workload: Workload,
        transport: &T,
        watched: Watched,
        about: About,
    ) -> Result<Report> {
        let mut stages = Vec::new();
        let stage = |shape: Shape| -> Result<Stage> {
            let load = self.load(workload.clone(), shape, self.duration);
            let outcome = run(&load, transport, watched)?;
            Ok(Stage::new(&load, &outcome, watched.follow.map(|(_, source)| source)))
        };
        let at = |rate: f64| Shape::Open(vec![Segment::constant(rate, self.duration)]);
        let mut knee = None;
        match &self.rate {
            _ if self.find_knee => knee = Some(self.search(&mut stages, |rate| stage(at(rate)))?),
            None => stages.push(stage(Shape::Closed)?),
            Some(Rates::Ramp(from, to)) => {
                stages.push(stage(Shape::Open(vec![Segment { duration: self.duration, from: *from, to: *to }]))?);
            }
            Some(Rates::Steps(rates)) => {
                for rate in rates {
                    if rates.len() > 1 {
                        progress(format_args!("{rate:.0}/s for {:?}", self.duration));
                    }
                    stages.push(stage(at(*rate))?);
                }
            }
        }
        Ok(Report { about, stages, knee })
    }

    fn search(&self, stages: &mut Vec<Stage>, mut stage: impl FnMut(f64) -> Result<Stage>) -> Result<Knee> {
        let from = match &self.rate {
            None => KNEE_FROM,
            Some(Rates::Steps(rates)) if rates.len() == 1 => rates[0],
            Some(_) => bail!("--find-knee begins at one rate: give --rate one, or leave it out"),
        };
        let goal = Goal { p99_ms: self.p99.as_secs_f64() * 1e3 };
        let (mut search, mut steps) = (Search::new(goal, from, RATE_MAX), Vec::new());
        loop {
            match search.next() {
                Next::Done(rate) => return Ok(Knee { goal, rate, steps }),
                Next::Try(rate) => {
                    progress(format_args!("step {}: {rate:.0}/s for {:?}", steps.len() + 1, self.duration));
                    let stage = stage(rate)?;
                    let step = stage.step();
                    search.tell(&step);
                    steps.push((step, goal.missed(&step)));
                    stages.push(stage);
                }
            }
        }
    }

    fn about(&self, target: String, server: String) -> About {
        let kind = if self.is_async { "asynchronous" } else { "synchronous" };
        let over = match (&self.in_process, self.protocol) {
            (Some(_), _) => "in process",
            (None, Protocol::Aws) => "AWS JSON",
            (None, Protocol::Http) => "HTTP triggers",
        };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = self.threads();
        let mut client = format!("{threads} {}, ", if threads == 1 { "thread" } else { "threads" });
        client.push_str(&format!("{} connections", self.connections));
        if self.pipeline > 1 {
            client.push_str(&format!(", {} requests in a pipeline", self.pipeline));
        }
        About {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            date: report::date(clock::now().as_micros()),
            machine: format!("{}, {}, {cores} cores", std::env::consts::OS, processor()),
            target,
            starts: format!("{kind} starts, {over}"),
            command: command(),
            client,
            seed: self.seed,
            server,
        }
    }

    fn tell(&self, report: &Report) -> Result<()> {
        result(report::table(report).trim_end());
        if let Some(file) = &self.json {
            let json = serde_json::to_string_pretty(report)?;
            std::fs::write(file, json + "\n").with_context(|| format!("cannot write {}", file.display()))?;
        }
        if let Some(file) = &self.html {
            std::fs::write(file, report::page(report)).with_context(|| format!("cannot write {}", file.display()))?;
            progress(format_args!("the page is {}", file.display()));
        }
        Ok(())
    }
}

/// What is said of the server's CPU where there is no server.
const OWN_PROCESS: &str = "no server: the generator's CPU is that of both, in one process";

/// What is looked at beside the load.
#[derive(Clone, Copy, Default)]
struct Watched {
    server_pid: Option<u32>,
    follow: Option<(SocketAddr, Source)>,
}

fn run<T: Transport>(load: &Load, transport: &T, watched: Watched) -> Result<Outcome> {
    let mut line = Progress::new(Duration::from_secs(1));
    let mut told = |point: &fleetstep_load::Point| {
        line.show(Duration::from_secs_f64(point.at), report::progress_line(point));
    };
    let mut watch = Watch { server_pid: watched.server_pid, follow: watched.follow, told: &mut told };
    let outcome = fleetstep_load::run(load, transport, &mut watch);
    line.finish();
    Ok(outcome?)
}

/// The words after the program's name, so that a shell reads them as they were.
fn command() -> String {
    let words: Vec<String> = std::env::args().skip(1).map(|word| quoted(&word)).collect();
    words.join(" ")
}

fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=@,%+".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// The processor's name, where the system tells it.
fn processor() -> String {
    let known = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = known.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_quoted_where_a_shell_would_take_it_apart() {
        let cases = [
            ("--rate", "--rate"),
            ("1..20k", "1..20k"),
            ("orders=@a/b.json", "orders=@a/b.json"),
            ("", "''"),
            ("{\"n\":${seq}}", "'{\"n\":${seq}}'"),
            ("it's", "'it'\\''s'"),
        ];
        for (word, expected) in cases {
            assert_eq!(quoted(word), expected);
        }
    }
}
