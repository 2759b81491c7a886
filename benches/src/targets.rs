//! What the figures must reach: one table, printed beside what was measured.

use crate::bench::BENCHES;
use crate::figure::{Better, Figure, markdown_table, quantity};
use std::collections::BTreeMap;

/// A line of the table of targets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    /// What it says to a person.
    pub(crate) what: &'static str,
    /// The figure that it is about, by name.
    pub(crate) figure: &'static str,
    /// The bench that gives the figure.
    pub(crate) bench: &'static str,
    /// Unit of both bounds.
    pub(crate) unit: &'static str,
    /// Which way is better.
    pub(crate) better: Better,
    /// What must be reached.
    pub(crate) must: f64,
    /// What would be splendid.
    pub(crate) moonshot: f64,
}

macro_rules! targets {
    ($($bench:literal $figure:literal $what:literal $better:ident $must:literal $moonshot:literal $unit:literal;)*) => {
        &[$(Target {
            what: $what, figure: $figure, bench: $bench, unit: $unit, better: Better::$better,
            must: $must, moonshot: $moonshot,
        }),*]
    };
}

/// Every target: bench, figure, what it is, which way is better, must, moonshot, unit.
#[rustfmt::skip]
pub(crate) const TARGETS: &[Target] = targets![
    "compare" "compare.pass-share" "StartSyncExecution, one Pass: share of a bare hyper echo's req/s" Higher 70.0 85.0 "%";
    "compare" "compare.task-share" "StartSyncExecution, one Wasm task, fresh instance: share of the echo" Higher 38.0 50.0 "%";
    "compare" "compare.task-over-serve" "the same against `wasmtime serve`, best flags, fresh instance" Higher 3.0 4.5 "×";
    "compare" "compare.task-over-serve-reuse" "the same against `wasmtime serve` with instance reuse" Higher 1.3 1.8 "×";
    "compare" "compare.task-wasi-share" "the same guest with WASI p2 imported: share of the echo" Higher 32.0 42.0 "%";
    "compare" "compare.three-over-pass" "three states with a Choice, JSONPath or JSONata (the lower), against one Pass" Higher 0.9 0.97 "×";
    "inprocess" "inprocess.pass-rate" "in process, one core: one-Pass executions, 300 B in and out, parsed and written" Higher 400_000.0 700_000.0 "/s";
    "inprocess" "inprocess.task-rate" "in process, one core: one-Wasm-task executions" Higher 85_000.0 110_000.0 "/s";
    "step" "step.further-pass" "in process: marginal cost of a further Pass" Lower 60.0 30.0 "ns";
    "inprocess" "inprocess.two-cores" "in process: two cores against one, one Wasm task" Higher 1.7 1.9 "×";
    "inprocess" "inprocess.map-over-starts" "Map of 1,000 items, one Pass each, against 1,000 single starts' engine cost" Lower 0.5 0.3 "×";
    "parked" "parked.bytes" "a parked execution, beyond its payload" Lower 256.0 128.0 "B";
    "million" "million.rss" "1,000,000 executions in Wait at once, all finishing right: resident memory" Lower 700.0 400.0 "MB";
    "async" "async.acknowledged" "asynchronous starts acknowledged over HTTP, two cores shared with the load" Higher 100_000.0 300_000.0 "/s";
    "async" "async.batch-over-single" "asynchronous starts acknowledged: a batch against single requests" Higher 3.0 6.0 "×";
    "journal" "journal.share-64" "durable starts, 64 callers: share of a bare grouped fdatasync loop" Higher 70.0 90.0 "%";
    "journal" "journal.share-1000" "durable starts, 1,000 callers: share of a bare grouped fdatasync loop" Higher 70.0 90.0 "%";
    "journal" "journal.http-cpu-ratio" "CPU of a durable start against one that lives in memory, over HTTP" Lower 1.5 1.1 "×";
    "functions" "functions.in-turn" "200 distinct functions in turn, against one function" Higher 0.7 0.9 "×";
    "languages" "languages.javascript-fresh" "a task in JavaScript, fresh instance: CPU of a call" Lower 231.0 162.0 "µs";
    "languages" "languages.go-preinitialised-fresh" "a task in Go, fresh instance" Lower 416.0 291.0 "µs";
    "languages" "languages.python-fresh" "a task in Python, fresh instance" Lower 1_200.0 840.0 "µs";
    "console" "console.page-slowest" "slowest page of the console, 10,000 executions in the cache, 20,000 starts/s under way" Lower 100.0 20.0 "ms";
    "console" "console.cost" "processor time of the server for a start that one who looks at the console adds" Lower 3.0 1.0 "%";
    "tracing" "tracing.pass-sampled" "throughput that tracing 1 % of the executions takes away, one Pass" Lower 2.0 0.5 "%";
    "tracing" "tracing.task-sampled" "the same, one Wasm task" Lower 2.0 0.5 "%";
    "idle" "idle.cpu" "idle CPU with 100 workflows and functions deployed" Lower 0.1 0.0 "%";
    "start-up" "start-up.first-answer" "start of the binary with 100 functions in the artefact cache to the first answer" Lower 300.0 100.0 "ms";
];

/// How a measured figure stands to its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reached {
    /// The moonshot too.
    Moonshot,
    /// What must be.
    Must,
    /// Neither.
    Missed,
}

impl Target {
    /// How `value` stands to this target.
    pub(crate) fn reached(&self, value: f64) -> Reached {
        let within = |bound: f64| match self.better {
            Better::Higher => value >= bound,
            Better::Lower => value <= bound,
        };
        match () {
            () if within(self.moonshot) => Reached::Moonshot,
            () if within(self.must) => Reached::Must,
            () => Reached::Missed,
        }
    }

    fn bound(&self, bound: f64) -> String {
        let sign = match self.better {
            Better::Higher => "≥",
            Better::Lower => "≤",
        };
        format!("{sign} {}", quantity(bound, self.unit))
    }

    /// What measures it, once a bench does.
    fn command(&self) -> String {
        match BENCHES.iter().any(|bench| bench.name == self.bench) {
            true => format!("`-- --only {}`", self.bench),
            false => "–".to_owned(),
        }
    }
}

/// Heads of the table of targets.
const HEAD: &[&str] = &["figure", "must", "moonshot", "measured", "when", "command"];

/// The table of targets with `figures` of `date` in it. What was not measured now keeps the cells that it has in
/// `before`, an earlier table of this kind, so that one figure can be taken again alone.
pub(crate) fn table(figures: &[Figure], date: &str, before: &str) -> String {
    rows(TARGETS.iter(), figures, date, before)
}

fn rows<'a>(targets: impl Iterator<Item = &'a Target>, figures: &[Figure], date: &str, before: &str) -> String {
    let before = measured_before(before);
    let rows = targets.map(|target| {
        let (measured, when) = match figures.iter().find(|figure| figure.name == target.figure) {
            Some(figure) => (measured(target, figure), date.to_owned()),
            None => before.get(target.what).cloned().unwrap_or_else(|| ("–".to_owned(), "–".to_owned())),
        };
        vec![
            target.what.to_owned(),
            target.bound(target.must),
            target.bound(target.moonshot),
            measured,
            when,
            target.command(),
        ]
    });
    markdown_table(HEAD, rows)
}

/// The rows of the table that `figures` are about.
pub(crate) fn measured_table(figures: &[Figure], date: &str) -> String {
    let measured = |target: &&Target| figures.iter().any(|figure| figure.name == target.figure);
    rows(TARGETS.iter().filter(measured), figures, date, "")
}

fn measured(target: &Target, figure: &Figure) -> String {
    let mark = match target.reached(figure.value) {
        Reached::Moonshot => "moonshot",
        Reached::Must => "reached",
        Reached::Missed => "**missed**",
    };
    format!("{}, {mark}", quantity(figure.value, target.unit))
}

/// `what` to the cells `measured` and `when` of an earlier table.
fn measured_before(table: &str) -> BTreeMap<String, (String, String)> {
    let rows = table.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    rows.filter_map(|row| match row.split(" | ").collect::<Vec<_>>()[..] {
        [what, _, _, measured, when, _] => Some((what.to_owned(), (measured.to_owned(), when.to_owned()))),
        _ => None,
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_has_a_figure_of_its_own_and_an_easier_bound() {
        for (at, target) in TARGETS.iter().enumerate() {
            assert!(target.figure.starts_with(&format!("{}.", target.bench)), "{}", target.figure);
            assert!(TARGETS[at + 1..].iter().all(|other| other.figure != target.figure), "{} twice", target.figure);
            assert_eq!(target.reached(target.moonshot), Reached::Moonshot);
            assert_eq!(target.reached(target.must), Reached::Must, "{}: must is easier", target.figure);
        }
    }

    #[test]
    fn a_figure_stands_beside_its_bounds() {
        let target = |figure| TARGETS.iter().find(|target| target.figure == figure).unwrap();
        let cases = [
            ("compare.pass-share", 86.0, Reached::Moonshot),
            ("compare.pass-share", 70.0, Reached::Must),
            ("compare.pass-share", 69.9, Reached::Missed),
            ("step.further-pass", 29.0, Reached::Moonshot),
            ("step.further-pass", 45.0, Reached::Must),
            ("step.further-pass", 61.0, Reached::Missed),
            ("step.further-pass", f64::NAN, Reached::Missed),
        ];
        for (figure, value, expected) in cases {
            assert_eq!(target(figure).reached(value), expected, "{figure} {value}");
        }
    }

    #[test]
    fn what_is_not_measured_again_keeps_its_cells() {
        let figure = |name: &str, value: f64| Figure::higher(name, "", "%", &[value]);
        let row = |table: &str, what: &str| table.lines().find(|line| line.contains(what)).unwrap().to_owned();
        let first = table(&[figure("compare.pass-share", 72.0)], "2026-01-01", "");
        assert!(row(&first, "one Pass: share").contains("| 72 %, reached | 2026-01-01 |"), "{first}");
        assert!(row(&first, "idle CPU").contains("| – | – |"), "{first}");
        let second = table(&[figure("compare.task-share", 20.0)], "2026-02-02", &first);
        assert!(row(&second, "one Pass: share").contains("| 72 %, reached | 2026-01-01 |"), "{second}");
        assert!(row(&second, "one Wasm task, fresh").contains("| 20 %, **missed** | 2026-02-02 |"), "{second}");
        assert_eq!(second.lines().count(), TARGETS.len() + 2);
    }
}
