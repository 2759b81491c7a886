//! What a load is told as: one value that becomes JSON, a table, or a page.

mod html;
mod plot;
mod table;

pub use html::page;
pub use table::{progress_line, table};

use crate::follow::{CompletionReport, Source};
use crate::knee::{Goal, Step};
use crate::load::{Load, Outcome, Point, Shape, Work};
use crate::measure::{Counts, Spread};
use crate::workload::Verdict;
use serde::Serialize;

/// Of a core, what a generator may use before its own figures are to be doubted.
const GENERATOR_SHARE_MAX: f64 = 0.9;
/// How late a generator may send, of 99 in a hundred requests, in milliseconds, before that is said.
const LAG_MS_MAX: f64 = 1.0;

/// All that there is to tell.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What was loaded, and how, as a person would say it.
    pub about: About,
    /// Loads one after the other: one, the steps that were asked for, or those of a search for the knee.
    pub stages: Vec<Stage>,
    /// What a search for the knee found.
    pub knee: Option<Knee>,
}

impl Report {
    /// The stage whose figures are shown in full: the knee's, or the last.
    #[must_use]
    pub fn shown(&self) -> Option<&Stage> {
        let Some(knee) = &self.knee else { return self.stages.last() };
        let kept = |stage: &&Stage| stage.offered == knee.rate && knee.goal.missed(&stage.step()).is_none();
        self.stages.iter().rev().find(kept)
    }
}

/// What was loaded, and how.
#[derive(Clone, Debug, Serialize)]
pub struct About {
    /// The version of the load tool.
    pub version: String,
    /// When it began, ISO 8601.
    pub date: String,
    /// The system, its processor and its cores.
    pub machine: String,
    /// The endpoint, or what runs in this process.
    pub target: String,
    /// Synchronous or asynchronous starts, and over which protocol.
    pub starts: String,
    /// The command's own words, to run it again.
    pub command: String,
    /// Threads, connections, pipelining.
    pub client: String,
    /// What all chance started from.
    pub seed: u64,
    /// Where the server's CPU and memory come from, or why they were not measured.
    pub server: String,
}

/// What a search for the knee found.
#[derive(Clone, Debug, Serialize)]
pub struct Knee {
    /// What was asked.
    pub goal: Goal,
    /// The highest rate that kept it; `None` where none did.
    pub rate: Option<f64>,
    /// Every rate that was tried, and why it was not kept.
    pub steps: Vec<(Step, Option<&'static str>)>,
}

/// One load.
#[derive(Clone, Debug, Serialize)]
pub struct Stage {
    /// Requests a second that were meant to be sent; `None` for a closed loop.
    pub offered: Option<f64>,
    /// Whether the rate changed while it was measured.
    pub is_ramp: bool,
    /// Seconds that were measured.
    pub seconds: f64,
    /// Answers a second.
    pub rate: f64,
    /// Of all workflows together.
    pub counts: Counts,
    /// From the intended time of sending to the answer.
    pub latency_ms: Spread,
    /// From the moment of sending to the answer.
    pub from_sent_ms: Spread,
    /// From the intended time of sending to the moment of sending.
    pub lag_ms: Spread,
    /// The distribution of latencies: `(share, milliseconds)`.
    pub curve: Vec<(f64, f64)>,
    /// By workflow.
    pub workflows: Vec<WorkflowStage>,
    /// Connections that were opened again.
    pub reconnects: u64,
    /// The first answer of each kind that is no success.
    pub words: Vec<Words>,
    /// What the server did.
    pub server: Option<Work>,
    /// What the generator did.
    pub generator: Option<Work>,
    /// What became of asynchronous starts.
    pub completions: Option<CompletionReport>,
    /// What makes these figures doubtful.
    pub doubts: Vec<String>,
    /// The time series.
    pub points: Vec<Point>,
}

/// One workflow of a stage.
#[derive(Clone, Debug, Serialize)]
pub struct WorkflowStage {
    /// Its name.
    pub name: String,
    /// What came of its requests.
    pub counts: Counts,
    /// From the intended time of sending to the answer.
    pub latency_ms: Spread,
}

/// The first answer of its kind.
#[derive(Clone, Debug, Serialize)]
pub struct Words {
    /// `FAILED`, or a status.
    pub kind: String,
    /// The server's own words.
    pub words: String,
}

impl Stage {
    /// What came of `load`. `source` is where asynchronous starts were followed.
    #[must_use]
    pub fn new(load: &Load, outcome: &Outcome, source: Option<Source>) -> Self {
        let together = outcome.seen.together();
        let workflows = load.workload.workflows().iter().zip(&outcome.seen.seen);
        let mut stage = Self {
            offered: match &load.shape {
                Shape::Closed => None,
                Shape::Open(segments) => {
                    let seconds: f64 = segments.iter().map(|segment| segment.duration.as_secs_f64()).sum();
                    let meant = |segment: &crate::pace::Segment| {
                        (segment.from + segment.to) / 2.0 * segment.duration.as_secs_f64()
                    };
                    Some(segments.iter().map(meant).sum::<f64>() / seconds)
                }
            },
            is_ramp: matches!(&load.shape, Shape::Open(segments) if segments.iter().any(|one| one.from != one.to)),
            seconds: outcome.measured.as_secs_f64(),
            rate: outcome.rate(),
            latency_ms: together.latencies.spread(),
            from_sent_ms: outcome.seen.from_sent.spread(),
            lag_ms: outcome.seen.lag.spread(),
            curve: together.latencies.curve(),
            counts: together.counts,
            workflows: workflows
                .map(|(workflow, seen)| WorkflowStage {
                    name: workflow.name.clone(),
                    counts: seen.counts.clone(),
                    latency_ms: seen.latencies.spread(),
                })
                .collect(),
            reconnects: outcome.seen.reconnects,
            words: outcome.seen.words.iter().map(|(verdict, words)| words_of(*verdict, words)).collect(),
            server: outcome.server,
            generator: outcome.generator,
            completions: outcome.completions.as_ref().zip(source).map(|(seen, source)| seen.report(source)),
            doubts: Vec::new(),
            points: outcome.points.clone(),
        };
        stage.doubts = doubts(load, &stage);
        stage
    }

    /// The stage as a step of a search.
    #[must_use]
    pub fn step(&self) -> Step {
        let meant = self.counts.meant().max(1) as f64;
        let offered = self.offered.unwrap_or(self.rate);
        let started = self.counts.started() as f64 / meant;
        Step { offered, rate: self.rate, started, p99_ms: self.latency_ms.p99 }
    }
}

fn words_of(verdict: Verdict, words: &str) -> Words {
    let kind = match verdict {
        Verdict::Succeeded => "SUCCEEDED".to_owned(),
        Verdict::Accepted => "accepted".to_owned(),
        Verdict::Failed => "FAILED".to_owned(),
        Verdict::TimedOut => "TIMED_OUT".to_owned(),
        Verdict::Aborted => "ABORTED".to_owned(),
        Verdict::Refused(status) => format!("HTTP {status}"),
    };
    Words { kind, words: words.to_owned() }
}

fn doubts(load: &Load, stage: &Stage) -> Vec<String> {
    let mut doubts = Vec::new();
    let cores = stage.generator.map_or(0.0, |work| work.cores);
    if stage.server.is_some() && cores > GENERATOR_SHARE_MAX * load.threads as f64 {
        doubts.push(format!(
            "the load generator kept {cores:.2} of {} cores busy: it, not the server, may be the limit; try --threads {}",
            load.threads,
            load.threads + 1
        ));
    }
    if stage.offered.is_some() && stage.lag_ms.p99 > LAG_MS_MAX {
        doubts.push(format!(
            "1 in 100 requests was sent {:.1} ms or more after it was due (which its latency includes): connections were \
             all busy, or the generator was",
            stage.lag_ms.p99
        ));
    }
    if stage.counts.unsent > 0 {
        doubts.push(format!(
            "{} requests were due and not sent: {} were in flight (--in-flight-max). Their latency is in no percentile",
            stage.counts.unsent, load.in_flight_max
        ));
    }
    if let Some(completions) = &stage.completions
        && completions.forgotten > 0
    {
        doubts.push(format!(
            "the server had forgotten {} executions before their end was seen: it remembers the latest 10,000",
            completions.forgotten
        ));
    }
    doubts
}

/// A point in time, in microseconds since 1970, as ISO 8601.
#[must_use]
pub fn date(micros: i64) -> String {
    jiff::Timestamp::from_microsecond(micros).map(|time| format!("{time:.0}")).unwrap_or_default()
}

/// A count with separators between thousands.
fn thousands(number: f64) -> String {
    let digits = format!("{:.0}", number.max(0.0));
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Milliseconds with three figures that count.
fn millis(ms: f64) -> String {
    match ms {
        ..10.0 => format!("{ms:.3}"),
        ..100.0 => format!("{ms:.2}"),
        ..1000.0 => format!("{ms:.1}"),
        _ => thousands(ms),
    }
}

/// A time whose grain is a millisecond.
fn whole_millis(ms: f64) -> String {
    if ms < 1.0 { "<1".to_owned() } else { thousands(ms) }
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.0} MiB", bytes as f64 / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::{Recorder, Sent, Slice, Window};
    use crate::pace::Segment;
    use crate::template::Template;
    use crate::workload::{Request, Workload};
    use std::sync::mpsc;
    use std::time::Duration;

    /// Of a second's load of 100 a second, all answered within 1 to 100 ms but for one that failed.
    pub(super) fn report() -> Report {
        let second = 1_000_000_000;
        let (sink, slices) = mpsc::channel();
        let mut recorder = Recorder::new(Window { from: 0, to: second, slice: second }, 1, sink);
        for at in 0..100 {
            let verdict = if at == 50 { Verdict::Failed } else { Verdict::Succeeded };
            let intended = at * 1_000_000;
            recorder.answered(
                Sent { workflow: 0, intended, sent: intended },
                2 * intended + 1_000_000,
                verdict,
                b"<no>",
            );
        }
        recorder.finish();
        let mut seen = Slice::of(1);
        slices.into_iter().for_each(|(_, slice)| seen.add(slice));
        let point = |at| Point {
            at,
            warm_up: false,
            rate: 100.0,
            lost: 0.0,
            latency_ms: seen.together().latencies.spread(),
            server_cores: Some(0.5),
            server_bytes: Some(3 << 20),
        };
        let work = Work { cores: 0.5, cpu_us_per_answer: 5_000.0, resident_bytes_max: 3 << 20 };
        let outcome = Outcome {
            points: vec![point(0.5), point(1.0)],
            measured: Duration::from_secs(1),
            arrived: 100,
            server: Some(work),
            generator: Some(work),
            completions: None,
            seen,
        };
        let load = Load {
            shape: Shape::Open(vec![Segment::constant(100.0, Duration::from_secs(1))]),
            ..Load::new(Workload::plain("hello", Request::bare(Template::parse("1").unwrap())))
        };
        let text = || "x".to_owned();
        Report {
            about: About {
                version: text(),
                date: date(1_700_000_000_000_000),
                machine: text(),
                target: "somewhere".to_owned(),
                starts: text(),
                command: text(),
                client: text(),
                seed: 1,
                server: text(),
            },
            stages: vec![Stage::new(&load, &outcome, None)],
            knee: None,
        }
    }

    #[test]
    fn a_table_tells_latencies_outcomes_and_the_first_failure() {
        let table = table(&report());
        for line in [
            "open loop: 100/s meant to be sent; 1.0 s measured",
            "  100 answers/s",
            "  from intended     50.00    90.05    99.02    100.0    100.0    100.0",
            "  99 succeeded, 1 FAILED",
            "  server: 5000.0 CPU µs an answer, 0.50 cores, 3 MiB",
            "  the first FAILED: <no>",
        ] {
            assert!(table.lines().any(|found| found == line), "{line}\n{table}");
        }
    }

    #[test]
    fn json_has_all_figures() {
        let json = serde_json::to_value(report()).unwrap();
        assert_eq!(json["stages"][0]["counts"]["failed"], 1);
        assert_eq!(json["stages"][0]["points"].as_array().unwrap().len(), 2);
        assert_eq!(json["about"]["date"], "2023-11-14T22:13:20Z");
    }

    #[test]
    fn what_makes_figures_doubtful_is_said() {
        let mut report = report();
        let stage = &mut report.stages[0];
        let load = Load::new(Workload::plain("hello", Request::bare(Template::parse("1").unwrap())));
        assert_eq!(doubts(&load, stage), Vec::<String>::new());
        stage.counts.unsent = 7;
        stage.lag_ms.p99 = 2.0;
        stage.generator = Some(Work { cores: 0.95, cpu_us_per_answer: 1.0, resident_bytes_max: 0 });
        let said = doubts(&load, stage);
        assert!(said[0].contains("--threads 2") && said[1].contains("2.0 ms") && said[2].starts_with("7 requests"));
    }

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!([999.4, 1_000.0, 1_234_567.0].map(thousands), ["999", "1,000", "1,234,567"]);
        assert_eq!([0.1234, 12.345, 123.45, 12_345.6].map(millis), ["0.123", "12.35", "123.5", "12,346"]);
        assert_eq!(mebibytes(3 << 20), "3 MiB");
    }
}
