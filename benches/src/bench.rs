//! Every bench, by name.

use crate::figure::Report;
use crate::{
    call, compare, console, document, expr, functions, http2, idle, inprocess, journal, languages, neighbours, parked,
    start_up, starts, step, tracing,
};
use anyhow::Result;

/// What a bench has to know.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Rounds of each figure; the median counts.
    pub(crate) rounds: usize,
    /// Seconds of each load.
    pub(crate) seconds: f64,
    /// Only to see that it works: little work, no installation.
    pub(crate) quick: bool,
}

impl Plan {
    /// Rounds and seconds of a quick look.
    pub(crate) fn quick() -> Self {
        Self { rounds: 1, seconds: 0.5, quick: true }
    }

    /// `count`, or a fiftieth of it for a quick look.
    pub(crate) fn count(&self, count: u32) -> u32 {
        if self.quick { (count / 50).max(1) } else { count }
    }
}

/// The processors that a bench is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cores {
    /// One, so that the figure is that of a core.
    One,
    /// All of the machine; the bench may share them out.
    All,
}

/// One bench.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bench {
    /// What `--only` and the names of its figures begin with.
    pub(crate) name: &'static str,
    /// What it measures, for `--list`.
    pub(crate) about: &'static str,
    /// Where it runs.
    pub(crate) cores: Cores,
    /// After so many minutes it is ended.
    pub(crate) minutes_max: u64,
    /// Runs it, in a process of its own.
    pub(crate) measure: fn(&Plan) -> Result<Report>,
}

const fn bench(
    name: &'static str,
    cores: Cores,
    minutes_max: u64,
    about: &'static str,
    measure: fn(&Plan) -> Result<Report>,
) -> Bench {
    Bench { name, about, cores, minutes_max, measure }
}

/// Every bench, in the order in which they run.
#[rustfmt::skip]
pub(crate) const BENCHES: &[Bench] = &[
    bench("expr", Cores::One, 3, "expressions beside Rust by hand", expr::measure),
    bench("document", Cores::One, 3, "reading and writing documents beside serde_json", document::measure),
    bench("step", Cores::One, 2, "a Pass and a Choice, in the pure core", step::measure),
    bench("call", Cores::One, 3, "one Pass and one Wasm task, in process", call::measure),
    bench("inprocess", Cores::All, 5, "whole executions with no HTTP: one core, two cores, a Map", inprocess::measure),
    bench("functions", Cores::One, 5, "200 functions in turn beside one, in process", functions::measure),
    bench("languages", Cores::One, 15, "the same task in five languages: size, compilation, calls", languages::measure),
    bench("compare", Cores::All, 12, "StartSyncExecution over HTTP beside a bare echo and other systems", compare::measure),
    bench("async", Cores::All, 3, "asynchronous starts acknowledged over HTTP, in batches and one by one", starts::measure),
    bench("http2", Cores::All, 3, "StartSyncExecution over HTTP/2 with many streams, beside HTTP/1.1", http2::measure),
    bench("journal", Cores::All, 5, "durable starts: a share of what the disk can do, and their CPU", journal::measure),
    bench("parked", Cores::All, 4, "bytes of a parked execution", parked::measure),
    bench("million", Cores::All, 5, "a million executions in Wait at once, all ending right", parked::million),
    bench("idle", Cores::All, 3, "CPU of an idle server with 100 workflows and functions", idle::measure),
    bench("start-up", Cores::All, 3, "start of the binary with 100 functions in the artefact cache", start_up::measure),
    bench("console", Cores::All, 3, "the console under load: its pages, and what it costs", console::measure),
    bench("tracing", Cores::All, 6, "what traces cost: off, 1 % of the executions, all", tracing::measure),
    bench("neighbours", Cores::All, 3, "a workflow's latency beside hostile ones", neighbours::measure),
];

/// The bench of this name.
pub(crate) fn find(name: &str) -> Option<&'static Bench> {
    BENCHES.iter().find(|bench| bench.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct() {
        for (at, bench) in BENCHES.iter().enumerate() {
            assert!(BENCHES[at + 1..].iter().all(|other| other.name != bench.name), "{} twice", bench.name);
        }
    }
}
