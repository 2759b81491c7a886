//! A report in plain text, for a terminal.

use super::{Report, Stage, mebibytes, millis, thousands, whole_millis};
use crate::load::Point;
use crate::measure::{Counts, Spread};
use std::fmt::Write as _;

/// One line about a point of the series.
#[must_use]
pub fn progress_line(point: &Point) -> String {
    let mut line = format!("{:6.1} s  {:>9}/s", point.at, thousands(point.rate));
    if point.warm_up {
        line.push_str("  warm-up");
    } else if point.latency_ms.max > 0.0 {
        let Spread { p50, p99, max, .. } = point.latency_ms;
        let _ = write!(line, "  p50 {} ms  p99 {} ms  max {} ms", millis(p50), millis(p99), millis(max));
    }
    if point.lost > 0.0 {
        let _ = write!(line, "  lost {}/s", thousands(point.lost));
    }
    if let (Some(cores), Some(bytes)) = (point.server_cores, point.server_bytes) {
        let _ = write!(line, "  server {cores:.2} cores {}", mebibytes(bytes));
    }
    line
}

/// The whole report.
#[must_use]
pub fn table(report: &Report) -> String {
    let mut out = String::new();
    let about = &report.about;
    let _ = writeln!(out, "{}\n{}, {}", about.target, about.starts, about.client);
    if report.stages.len() > 1 || report.knee.is_some() {
        steps(&mut out, report);
    }
    if let Some(knee) = &report.knee {
        let goal = millis(knee.goal.p99_ms);
        let _ = match knee.rate {
            Some(rate) => writeln!(
                out,
                "\nThe knee: {}/s, the highest rate tried that kept p99 within {goal} ms. At that rate:",
                thousands(rate)
            ),
            None => writeln!(out, "\nNo rate kept p99 within {goal} ms."),
        };
    } else if report.stages.len() > 1 {
        out.push_str("\nThe last step:\n");
    }
    if let Some(shown) = report.shown() {
        stage(&mut out, shown);
    }
    let _ = writeln!(out, "\nserver: {}", about.server);
    out
}

fn steps(out: &mut String, report: &Report) {
    let _ = writeln!(out, "\n  meant/s   answers/s   p50 ms   p99 ms  p99.9 ms     lost  server µs  verdict");
    for (at, stage) in report.stages.iter().enumerate() {
        let verdict = match &report.knee {
            Some(knee) => knee.steps.get(at).and_then(|(_, missed)| *missed).unwrap_or("kept"),
            None => "",
        };
        let Spread { p50, p99, p999, .. } = stage.latency_ms;
        let server = stage.server.map_or_else(|| "-".to_owned(), |work| format!("{:.1}", work.cpu_us_per_answer));
        let _ = writeln!(
            out,
            "{:>9}   {:>9} {:>8} {:>8}  {:>8} {:>8}  {server:>9}  {verdict}",
            thousands(stage.offered.unwrap_or(0.0)),
            thousands(stage.rate),
            millis(p50),
            millis(p99),
            millis(p999),
            thousands(stage.counts.lost() as f64),
        );
    }
}

fn stage(out: &mut String, stage: &Stage) {
    let loop_kind = match stage.offered {
        None => "closed loop: each connection waits for its answer before it asks again".to_owned(),
        Some(offered) if stage.is_ramp => format!("open loop, a ramp: {}/s on average", thousands(offered)),
        Some(offered) => format!("open loop: {}/s meant to be sent", thousands(offered)),
    };
    let _ = writeln!(out, "\n{loop_kind}; {:.1} s measured", stage.seconds);
    let _ = writeln!(out, "\n  {} answers/s", thousands(stage.rate));
    latencies(out, stage);
    outcomes(out, &stage.counts, stage.reconnects);
    if stage.workflows.len() > 1 {
        let _ =
            writeln!(out, "\n  {:<24} {:>10}  {:>8} {:>8}  {:>8}", "workflow", "started", "p50 ms", "p99 ms", "lost");
        for workflow in &stage.workflows {
            let Spread { p50, p99, .. } = workflow.latency_ms;
            let (started, lost) = (workflow.counts.started() as f64, workflow.counts.lost() as f64);
            let (started, lost) = (thousands(started), thousands(lost));
            let _ = writeln!(
                out,
                "  {:<24} {started:>10}  {:>8} {:>8}  {lost:>8}",
                workflow.name,
                millis(p50),
                millis(p99)
            );
        }
    }
    completions(out, stage);
    for (name, work) in [("server", stage.server), ("generator", stage.generator)] {
        if let Some(work) = work {
            let memory = mebibytes(work.resident_bytes_max);
            let _ = writeln!(
                out,
                "\n  {name}: {:.1} CPU µs an answer, {:.2} cores, {memory}",
                work.cpu_us_per_answer, work.cores
            );
        }
    }
    for words in &stage.words {
        let _ = writeln!(out, "\n  the first {}: {}", words.kind, words.words);
    }
    for doubt in &stage.doubts {
        let _ = writeln!(out, "\n  note: {doubt}");
    }
}

fn latencies(out: &mut String, stage: &Stage) {
    let _ = writeln!(
        out,
        "\n  latency ms {:>12} {:>8} {:>8} {:>8} {:>8} {:>8}",
        "p50", "p90", "p99", "p99.9", "p99.99", "max"
    );
    let mut row = |name: &str, spread: &Spread| {
        let Spread { p50, p90, p99, p999, p9999, max, .. } = *spread;
        let [a, b, c, d, e, f] = [p50, p90, p99, p999, p9999, max].map(millis);
        let _ = writeln!(out, "  {name:<14} {a:>8} {b:>8} {c:>8} {d:>8} {e:>8} {f:>8}");
    };
    if stage.offered.is_some() {
        row("from intended", &stage.latency_ms);
        row("from sent", &stage.from_sent_ms);
    } else {
        row("from sent", &stage.latency_ms);
    }
}

fn outcomes(out: &mut String, counts: &Counts, reconnects: u64) {
    let kinds = kinds(counts, reconnects).into_iter();
    let parts: Vec<String> = kinds.map(|(count, name)| format!("{} {name}", thousands(count as f64))).collect();
    let _ =
        writeln!(out, "\n  {}", if parts.is_empty() { "nothing was answered".to_owned() } else { parts.join(", ") });
}

/// What requests came to, in words; only what there was.
pub(super) fn kinds(counts: &Counts, reconnects: u64) -> Vec<(u64, String)> {
    let Counts { succeeded, accepted, failed, timed_out, aborted, refused, broken, unanswered, unsent } = counts;
    let named = [
        (*succeeded, "succeeded"),
        (*accepted, "acknowledged"),
        (*failed, "FAILED"),
        (*timed_out, "TIMED_OUT"),
        (*aborted, "ABORTED"),
        (*broken, "connections broke"),
        (*unanswered, "not answered in time"),
        (*unsent, "not sent"),
        (reconnects, "connected again"),
    ];
    let mut kinds: Vec<_> = named.into_iter().map(|(count, name)| (count, name.to_owned())).collect();
    kinds.extend(refused.iter().map(|(status, count)| (*count, format!("HTTP {status}"))));
    kinds.retain(|(count, _)| *count > 0);
    kinds
}

fn completions(out: &mut String, stage: &Stage) {
    let Some(seen) = &stage.completions else { return };
    let Spread { p50, p90, p99, max, .. } = seen.latency_ms;
    out.push('\n');
    if seen.followed > 0 {
        let [p50, p90, p99, max] = [p50, p90, p99, max].map(whole_millis);
        let _ = writeln!(
            out,
            "  to the end     p50 {p50} ms  p90 {p90} ms  p99 {p99} ms  max {max} ms (start to end by the server's clock, \
             whose grain is a millisecond)"
        );
    }
    let ended: Vec<String> = seen.ended.iter().map(|(status, count)| format!("{count} {status}")).collect();
    let _ = writeln!(
        out,
        "  {} of {} acknowledged executions followed: {}; {} unfinished, {} forgotten",
        thousands(seen.followed as f64),
        thousands(seen.acknowledged as f64),
        if ended.is_empty() { "none ended".to_owned() } else { ended.join(", ") },
        seen.unfinished,
        seen.forgotten
    );
}
