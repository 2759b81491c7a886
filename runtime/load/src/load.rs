//! A load from its beginning to its end: the threads that send, and the one that gathers what they saw.

use crate::clock::{Clock, nanoseconds};
use crate::follow::{Completions, Follower, Source};
use crate::measure::{Recorder, Slice, Spread, Window};
use crate::pace::{Arrivals, Pacer, Segment};
use crate::process::{self, Usage};
use crate::template::Values;
use crate::transport::{Part, Transport};
use crate::workload::Workload;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;
use thiserror::Error;

/// Threads of a load.
pub const THREADS_MAX: usize = 64;
/// Connections of a load.
pub const CONNECTIONS_MAX: usize = 60_000;
/// Requests on one connection that wait for their answers.
pub const PIPELINE_MAX: usize = 1_024;
/// Requests a second.
pub const RATE_MAX: f64 = 10_000_000.0;
/// The longest warm-up.
pub const WARM_UP_MAX: Duration = Duration::from_secs(3_600);
/// The longest load, but for its warm-up.
pub const DURATION_MAX: Duration = Duration::from_secs(24 * 3_600);
/// Points of a time series; a longer load has longer slices.
const POINTS_MAX: u32 = 240;
/// The shortest slice of a time series: the kernel counts CPU time in hundredths of a second.
const SLICE_MIN: Duration = Duration::from_millis(250);

/// A load that cannot be, or that had to end.
#[derive(Debug, Error)]
pub enum LoadError {
    /// A setting out of its bounds.
    #[error("{what} is {value}, but must be within {bounds}")]
    Bounds {
        /// Which one.
        what: &'static str,
        /// What it is.
        value: String,
        /// What it may be.
        bounds: String,
    },
    /// There is no server any more.
    #[error("the server at {address} is gone: {why}")]
    Gone {
        /// Where it was.
        address: SocketAddr,
        /// What the last attempt to connect said.
        why: String,
    },
    /// The system refuses what a load needs.
    #[error("the system refuses what a load needs: {0}; too many open files? `ulimit -n` shows how many there may be")]
    System(#[source] io::Error),
    /// A thread of the load ended badly.
    #[error("a thread of the load panicked")]
    Panicked,
}

/// How requests follow one another.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// The next one when the one before it was answered.
    Closed,
    /// At rates that do not depend on the server.
    Open(Vec<Segment>),
}

/// What is to be done.
#[derive(Clone, Debug)]
pub struct Load {
    /// What is sent.
    pub workload: Workload,
    /// When.
    pub shape: Shape,
    /// Threads that send.
    pub threads: usize,
    /// Connections at first, of all threads; in process, executions at once.
    pub connections: usize,
    /// Connections that an open loop may come to when all are busy.
    pub connections_max: usize,
    /// Requests on one connection that may wait for their answers.
    pub pipeline: usize,
    /// Requests of an open loop that are due or sent, and not answered: beyond, they are not sent, and counted.
    pub in_flight_max: usize,
    /// What comes first and does not count.
    pub warm_up: Duration,
    /// How long a closed loop is measured; an open one by its segments.
    pub duration: Duration,
    /// How long answers are waited for after the end.
    pub patience: Duration,
    /// How long one request may take.
    pub request_timeout: Duration,
    /// What all chance starts from.
    pub seed: u64,
}

impl Load {
    /// A load with the usual bounds: a closed loop of 64 connections for ten seconds.
    #[must_use]
    pub fn new(workload: Workload) -> Self {
        Self {
            workload,
            shape: Shape::Closed,
            threads: 1,
            connections: 64,
            connections_max: 1_000,
            pipeline: 1,
            in_flight_max: 10_000,
            warm_up: Duration::from_secs(1),
            duration: Duration::from_secs(10),
            patience: Duration::from_secs(5),
            request_timeout: Duration::from_secs(60),
            seed: 0,
        }
    }

    /// Makes sure that every setting is within its bounds.
    ///
    /// # Errors
    /// The first that is not.
    pub fn check(&self) -> Result<(), LoadError> {
        within("threads", self.threads, 1, THREADS_MAX)?;
        within("connections", self.connections, self.threads, CONNECTIONS_MAX)?;
        within("connections-max", self.connections_max, self.threads, CONNECTIONS_MAX)?;
        within("pipeline", self.pipeline, 1, PIPELINE_MAX)?;
        within("in-flight-max", self.in_flight_max, self.threads, 10_000_000)?;
        let measured = self.measured();
        within("duration", measured, Duration::from_millis(100), DURATION_MAX)?;
        within("warm-up", self.warm_up, Duration::ZERO, WARM_UP_MAX)?;
        within("request-timeout", self.request_timeout, Duration::from_millis(1), DURATION_MAX)?;
        if let Shape::Open(segments) = &self.shape {
            for rate in segments.iter().flat_map(|segment| [segment.from, segment.to]) {
                if !(0.0..=RATE_MAX).contains(&rate) {
                    return Err(bounds("rate", rate, 0.0, RATE_MAX));
                }
            }
        }
        Ok(())
    }

    fn measured(&self) -> Duration {
        match &self.shape {
            Shape::Closed => self.duration,
            Shape::Open(segments) => segments.iter().map(|segment| segment.duration).sum(),
        }
    }

    /// The warm-up and the load proper, both in whole slices.
    fn window(&self) -> Window {
        let slice = ((self.warm_up + self.measured()) / POINTS_MAX).max(SLICE_MIN).min(self.measured());
        let slices = |duration: Duration| duration.as_nanos().div_ceil(slice.as_nanos()) as u64 * nanoseconds(slice);
        let from = slices(self.warm_up);
        // What is over of the last slice is cut off, so that no slice is half empty.
        let whole = (self.measured().as_nanos() / slice.as_nanos()).max(1) as u64 * nanoseconds(slice);
        Window { from, to: from + whole, slice: nanoseconds(slice) }
    }

    fn pacer(&self, part: usize, window: Window) -> Pacer {
        let Shape::Open(segments) = &self.shape else { return Pacer::closed(window.to) };
        let first = segments.first().map_or(0.0, |segment| segment.from);
        let warm_up = Segment::constant(first, Duration::from_nanos(window.from));
        let all: Vec<Segment> = std::iter::once(warm_up).chain(segments.iter().copied()).collect();
        let in_flight_max = share(self.in_flight_max, part, self.threads);
        Pacer::open(Arrivals::new(&all, part, self.threads), window.to, in_flight_max)
    }
}

fn within<T: PartialOrd + std::fmt::Debug>(what: &'static str, value: T, from: T, to: T) -> Result<(), LoadError> {
    if value >= from && value <= to { Ok(()) } else { Err(bounds(what, value, from, to)) }
}

fn bounds<T: std::fmt::Debug>(what: &'static str, value: T, from: T, to: T) -> LoadError {
    LoadError::Bounds { what, value: format!("{value:?}"), bounds: format!("{from:?} to {to:?}") }
}

/// What part `part` of `parts` gets of `total`.
fn share(total: usize, part: usize, parts: usize) -> usize {
    total / parts + usize::from(part < total % parts)
}

/// One point of the time series.
#[derive(Clone, Debug, Serialize)]
pub struct Point {
    /// Its end, in seconds since the load began.
    pub at: f64,
    /// Whether it belongs to the warm-up: then there are no latencies.
    pub warm_up: bool,
    /// Answers a second.
    pub rate: f64,
    /// Requests a second that did not start an execution.
    pub lost: f64,
    /// Latencies of the requests that were answered within it, in milliseconds.
    pub latency_ms: Spread,
    /// Cores that the server kept busy; `None` where that was not measured.
    pub server_cores: Option<f64>,
    /// The server's resident memory, in bytes.
    pub server_bytes: Option<u64>,
}

/// What a process did while a load was measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Work {
    /// Cores that it kept busy.
    pub cores: f64,
    /// CPU microseconds for each answer.
    pub cpu_us_per_answer: f64,
    /// The most resident memory that was seen, in bytes.
    pub resident_bytes_max: u64,
}

/// What came of a load.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// All that was seen.
    pub seen: Slice,
    /// The series.
    pub points: Vec<Point>,
    /// How long was measured.
    pub measured: Duration,
    /// Answers that arrived in that time.
    pub arrived: u64,
    /// What the server did; `None` where that was not measured.
    pub server: Option<Work>,
    /// What this process did.
    pub generator: Option<Work>,
    /// What became of asynchronous starts.
    pub completions: Option<Completions>,
}

impl Outcome {
    /// Answers a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.arrived as f64 / self.measured.as_secs_f64()
    }
}

/// What is looked at while a load runs, and who is told.
pub struct Watch<'a> {
    /// The server's process, where it runs beside the load.
    pub server_pid: Option<u32>,
    /// Where asynchronous starts are followed to their end.
    pub follow: Option<(SocketAddr, Source)>,
    /// Told every point of the series as soon as it is there.
    pub told: &'a mut dyn FnMut(&Point),
}

/// Runs a load to its end.
///
/// # Errors
/// A load out of its bounds, or a server that is gone.
pub fn run<T: Transport>(load: &Load, transport: &T, watch: &mut Watch<'_>) -> Result<Outcome, LoadError> {
    load.check()?;
    let window = load.window();
    let (sink, slices) = channel();
    let (follower, followed) = Follower::new();
    let follow = watch.follow.map(|_| &follower);
    // The clock starts when everything else is there.
    let clock = Clock::start();
    std::thread::scope(|scope| {
        let parts: Vec<_> = (0..load.threads)
            .map(|number| part(load, number, window, clock, sink.clone(), follow))
            .map(|part| scope.spawn(|| transport.drive(part)))
            .collect();
        drop(sink);
        let eye = watch.follow.map(|(address, source)| {
            let (follower, followed) = (&follower, followed);
            scope.spawn(move || follower.run(&followed, address, source, load.patience, clock))
        });
        let gathered = Gatherer::new(load, window, clock, watch).gather(&slices);
        let ended: Vec<_> = parts.into_iter().map(|part| part.join().unwrap_or(Err(LoadError::Panicked))).collect();
        follower.close();
        let completions = eye.map(|eye| eye.join().map_err(|_| LoadError::Panicked)).transpose()?;
        ended.into_iter().collect::<Result<(), _>>()?;
        Ok(Outcome { completions, ..gathered })
    })
}

fn part<'a>(
    load: &'a Load,
    number: usize,
    window: Window,
    clock: Clock,
    sink: Sender<(usize, Slice)>,
    follow: Option<&'a Follower>,
) -> Part<'a> {
    Part {
        load,
        clock,
        connections: share(load.connections, number, load.threads),
        connections_max: match load.shape {
            Shape::Closed => share(load.connections, number, load.threads),
            Shape::Open(_) => share(load.connections_max.max(load.connections), number, load.threads),
        },
        pacer: load.pacer(number, window),
        values: Values::new(load.seed, number, load.threads),
        recorder: Recorder::new(window, load.workload.workflows().len(), sink),
        follow,
        ends: window.to,
        gives_up: window.to + nanoseconds(load.patience),
    }
}

/// What the server and this process had used at one time.
#[derive(Clone, Copy)]
struct Look {
    server: Option<Usage>,
    generator: Option<Usage>,
}

/// Makes one series of what the threads saw, and looks at processes in between.
struct Gatherer<'a, 'w> {
    load: &'a Load,
    window: Window,
    clock: Clock,
    watch: &'a mut Watch<'w>,
    /// By the number of a slice: what is there of it, and from how many threads.
    waiting: BTreeMap<usize, (Slice, usize)>,
    /// What processes had used by the end of each slice; first, at the beginning.
    used: Vec<Look>,
    points: Vec<Point>,
    all: Slice,
    arrived: u64,
}

impl<'a, 'w> Gatherer<'a, 'w> {
    fn new(load: &'a Load, window: Window, clock: Clock, watch: &'a mut Watch<'w>) -> Self {
        let all = Slice::of(load.workload.workflows().len());
        let (waiting, used, points) = (BTreeMap::new(), Vec::new(), Vec::new());
        let mut new = Self { load, window, clock, watch, waiting, used, points, all, arrived: 0 };
        new.look();
        new
    }

    fn gather(mut self, slices: &Receiver<(usize, Slice)>) -> Outcome {
        let count = (self.window.to / self.window.slice) as usize;
        loop {
            // The processes are looked at when a slice ends, not when the last thread has told of it.
            let wait =
                if self.used.len() <= count { self.next_look().saturating_sub(self.clock.now()) } else { u64::MAX };
            match slices.recv_timeout(Duration::from_nanos(wait.min(60_000_000_000))) {
                Ok((number, slice)) => self.take(number, slice),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if self.used.len() <= count && self.clock.now() >= self.next_look() {
                self.look();
            }
        }
        self.outcome()
    }

    fn next_look(&self) -> u64 {
        self.used.len() as u64 * self.window.slice
    }

    fn look(&mut self) {
        let usage = |pid: Option<u32>| pid.and_then(process::usage);
        let server = usage(self.watch.server_pid);
        self.used.push(Look { server, generator: usage(Some(std::process::id())) });
    }

    fn take(&mut self, number: usize, slice: Slice) {
        let workflows = self.load.workload.workflows().len();
        let (gathered, parts) = self.waiting.entry(number).or_insert_with(|| (Slice::of(workflows), 0));
        gathered.add(slice);
        *parts += 1;
        if *parts == self.load.threads
            && let Some((slice, _)) = self.waiting.remove(&number)
        {
            self.point(number, slice);
        }
    }

    fn point(&mut self, number: usize, slice: Slice) {
        // The threads may be faster than this one.
        while self.used.len() <= number + 1 {
            self.look();
        }
        let seconds = self.window.slice as f64 / 1e9;
        let warm_up = (number as u64 + 1) * self.window.slice <= self.window.from;
        let together = slice.together();
        let server = |index: usize| self.used.get(index).and_then(|look| look.server);
        let server_cores = server(number)
            .zip(server(number + 1))
            .map(|(before, after)| after.cpu.saturating_sub(before.cpu).as_secs_f64() / seconds);
        let point = Point {
            at: (number + 1) as f64 * seconds,
            warm_up,
            rate: slice.arrived as f64 / seconds,
            lost: together.counts.lost() as f64 / seconds,
            latency_ms: together.latencies.spread(),
            server_cores,
            server_bytes: server(number + 1).map(|usage| usage.resident_bytes),
        };
        (self.watch.told)(&point);
        self.points.push(point);
        if !warm_up {
            self.arrived += slice.arrived;
        }
        self.all.add(slice);
    }

    fn outcome(mut self) -> Outcome {
        // A thread that ended early told less than the others; what it told counts all the same.
        for (number, (slice, _)) in std::mem::take(&mut self.waiting) {
            self.point(number, slice);
        }
        let measured = Duration::from_nanos(self.window.to - self.window.from);
        let work = |pick: fn(&Look) -> Option<Usage>| {
            let first = (self.window.from / self.window.slice) as usize;
            let used: Vec<Usage> = self.used.iter().skip(first).filter_map(pick).collect();
            let cpu = used.last()?.cpu.saturating_sub(used.first()?.cpu);
            Some(Work {
                cores: cpu.as_secs_f64() / measured.as_secs_f64(),
                cpu_us_per_answer: cpu.as_secs_f64() * 1e6 / self.arrived.max(1) as f64,
                resident_bytes_max: used.iter().map(|usage| usage.resident_bytes).max().unwrap_or(0),
            })
        };
        let (server, generator) = (work(|look| look.server), work(|look| look.generator));
        let Self { all, points, arrived, .. } = self;
        Outcome { seen: all, points, measured, arrived, server, generator, completions: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::Template;
    use crate::workload::Request;

    fn load() -> Load {
        Load::new(Workload::plain("x", Request::bare(Template::parse("1").unwrap())))
    }

    #[test]
    fn a_window_is_made_of_whole_slices() {
        // (warm-up, duration) in milliseconds: (warm-up, end, slice)
        let cases = [
            ((1_000, 10_000), (1_000, 11_000, 250)),
            ((1_100, 10_100), (1_250, 11_250, 250)),
            ((0, 100), (0, 100, 100)),
            ((60_000, 240_000), (60_000, 300_000, 1_250)),
        ];
        for ((warm_up, duration), expected) in cases {
            let millis = Duration::from_millis;
            let load = Load { warm_up: millis(warm_up), duration: millis(duration), ..load() };
            let Window { from, to, slice } = load.window();
            assert_eq!((from / 1_000_000, to / 1_000_000, slice / 1_000_000), expected);
        }
    }

    #[test]
    fn settings_out_of_their_bounds_are_named() {
        let refused = |change: fn(&mut Load)| {
            let mut load = load();
            change(&mut load);
            load.check().unwrap_err().to_string()
        };
        assert_eq!(refused(|load| load.threads = 0), "threads is 0, but must be within 1 to 64");
        assert!(refused(|load| load.connections = 60_001).starts_with("connections is 60001"));
        assert!(refused(|load| load.pipeline = 0).starts_with("pipeline is 0"));
        assert!(refused(|load| load.duration = Duration::ZERO).starts_with("duration is 0ns"));
        let open = |rate| Shape::Open(vec![Segment::constant(rate, Duration::from_secs(1))]);
        let load = Load { shape: open(f64::NAN), ..load() };
        assert!(load.check().unwrap_err().to_string().starts_with("rate is NaN"));
    }

    #[test]
    fn the_parts_of_a_number_add_up() {
        for (total, parts) in [(10, 3), (64, 2), (5, 5)] {
            assert_eq!((0..parts).map(|part| share(total, part, parts)).sum::<usize>(), total);
        }
    }
}
