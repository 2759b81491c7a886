//! A report as a page: one file, no network, light or dark as the reader's system is.

use super::plot::{Axis, Line, Plot, SECONDS, Scale};
use super::{Report, Stage, mebibytes, millis, thousands, whole_millis};
use crate::measure::Spread;
use std::fmt::Write as _;

const STYLE: &str = include_str!("page.css");

/// The whole page.
#[must_use]
pub fn page(report: &Report) -> String {
    let about = &report.about;
    let shown = report.shown();
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>Load of {target}</title>\n<style>\n{STYLE}</style>\n<main>\n\
         <header><h1>Load of {target}</h1>\n<p>{starts}; {client}. {date}</p></header>\n",
        target = escaped(&about.target),
        starts = escaped(&about.starts),
        client = escaped(&about.client),
        date = escaped(&about.date),
    );
    if let Some(knee) = &report.knee {
        let goal = millis(knee.goal.p99_ms);
        let _ = match knee.rate {
            Some(rate) => writeln!(
                out,
                "<p class=\"lead\">The knee: <b>{}</b> a second, the highest rate tried at which 99 in 100 were \
                 answered within {goal} ms. What follows is of that rate.</p>",
                thousands(rate)
            ),
            None => writeln!(out, "<p class=\"lead\">No rate kept 99 in 100 within {goal} ms.</p>"),
        };
    }
    if let Some(stage) = shown {
        tiles(&mut out, stage);
        doubts(&mut out, stage);
        latencies(&mut out, stage);
    }
    if report.stages.len() > 1 {
        steps(&mut out, report);
    }
    series(&mut out, report);
    if let Some(stage) = shown {
        distribution(&mut out, stage);
        outcomes(&mut out, stage);
    }
    how(&mut out, report);
    out.push_str("</main>\n</html>\n");
    out
}

fn tiles(out: &mut String, stage: &Stage) {
    let mut tiles = vec![
        (thousands(stage.rate), "answers a second"),
        (format!("{} ms", millis(stage.latency_ms.p50)), "half within"),
        (format!("{} ms", millis(stage.latency_ms.p99)), "99 in 100 within"),
        (thousands(stage.counts.lost() as f64), "requests lost"),
    ];
    if let Some(work) = stage.server {
        tiles.push((format!("{:.1} µs", work.cpu_us_per_answer), "of the server’s CPU an answer"));
        tiles.push((mebibytes(work.resident_bytes_max), "of the server’s memory, at most"));
    }
    out.push_str("<section class=\"tiles\">\n");
    for (value, name) in tiles {
        let _ = writeln!(out, "<div><b>{value}</b><span>{name}</span></div>");
    }
    out.push_str("</section>\n");
}

fn doubts(out: &mut String, stage: &Stage) {
    for doubt in &stage.doubts {
        let _ = writeln!(out, "<p class=\"note\">{}</p>", escaped(doubt));
    }
}

const SPREAD_HEAD: &str = "<th>p50</th><th>p90</th><th>p99</th><th>p99.9</th><th>p99.99</th><th>max</th>";

fn spread(spread: &Spread, words: fn(f64) -> String) -> String {
    let Spread { p50, p90, p99, p999, p9999, max, .. } = *spread;
    [p50, p90, p99, p999, p9999, max].map(|ms| format!("<td>{}</td>", escaped(&words(ms)))).concat()
}

fn latencies(out: &mut String, stage: &Stage) {
    let explained = match stage.offered {
        Some(offered) => format!(
            "An open loop of {} requests a second, measured for {:.1} s. Latency counts from when a request was meant to \
             be sent; the second row, from when it was, is what a load without that correction would tell.",
            thousands(offered),
            stage.seconds
        ),
        None => format!(
            "A closed loop, measured for {:.1} s: each connection asks again once it was answered, so that a slow server \
             is asked less. For latency at a given rate use an open loop.",
            stage.seconds
        ),
    };
    let _ = writeln!(out, "<section><h2>Latency</h2>\n<p>{explained}</p>\n<div class=\"scroll\"><table>");
    let _ = writeln!(out, "<tr><th>milliseconds</th>{SPREAD_HEAD}</tr>");
    if stage.offered.is_some() {
        let _ = writeln!(out, "<tr><th>from intended</th>{}</tr>", spread(&stage.latency_ms, millis));
        let _ = writeln!(out, "<tr><th>from sent</th>{}</tr>", spread(&stage.from_sent_ms, millis));
    } else {
        let _ = writeln!(out, "<tr><th>from sent</th>{}</tr>", spread(&stage.latency_ms, millis));
    }
    if stage.workflows.len() > 1 {
        for workflow in &stage.workflows {
            let _ =
                writeln!(out, "<tr><th>{}</th>{}</tr>", escaped(&workflow.name), spread(&workflow.latency_ms, millis));
        }
    }
    if let Some(seen) = stage.completions.as_ref().filter(|seen| seen.followed > 0) {
        let _ = writeln!(out, "<tr><th>to the end</th>{}</tr>", spread(&seen.latency_ms, whole_millis));
    }
    out.push_str("</table></div>\n");
    if let Some(seen) = &stage.completions {
        let _ = writeln!(
            out,
            "<p>Starts are asynchronous: the rows above are to the acknowledgement. From start to end, by the server’s \
             clock with its grain of a millisecond, {} executions of {} were followed ({} unfinished, {} forgotten).</p>",
            thousands(seen.followed as f64),
            thousands(seen.acknowledged as f64),
            seen.unfinished,
            seen.forgotten
        );
    }
    out.push_str("</section>\n");
}

fn steps(out: &mut String, report: &Report) {
    out.push_str("<section><h2>Rate by rate</h2>\n");
    // Of a rate that was tried twice the plot has the second time, the table both.
    let is_last = |at: usize| !report.stages[at + 1..].iter().any(|later| later.offered == report.stages[at].offered);
    let stages = report.stages.iter().enumerate().filter(|(at, _)| is_last(*at));
    let mut stages: Vec<&Stage> = stages.map(|(_, stage)| stage).collect();
    stages.sort_by(|one, other| one.offered.unwrap_or(0.0).total_cmp(&other.offered.unwrap_or(0.0)));
    let line = |name, colour, pick: fn(&Spread) -> f64| Line {
        name,
        colour,
        points: stages.iter().map(|stage| (stage.offered.unwrap_or(0.0), pick(&stage.latency_ms))).collect(),
    };
    let plot = Plot {
        title: "Latency by rate",
        unit: "ms",
        lines: vec![line("p50", 1, |spread| spread.p50), line("p99", 3, |spread| spread.p99)],
        x: Axis { label: "requests a second", scale: Scale::Linear },
        y: Axis { label: "ms", scale: Scale::Decades },
        shaded: Vec::new(),
        goal: report.knee.as_ref().map(|knee| knee.goal.p99_ms),
    };
    out.push_str(&plot.figure());
    out.push_str(
        "<div class=\"scroll\"><table>\n<tr><th>meant a second</th><th>answered</th><th>p50 ms</th><th>p99 ms</th>\
         <th>lost</th><th>server µs</th><th></th></tr>\n",
    );
    for (at, stage) in report.stages.iter().enumerate() {
        let verdict = report
            .knee
            .as_ref()
            .map_or("", |knee| knee.steps.get(at).and_then(|(_, missed)| *missed).unwrap_or("kept"));
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td class=\"words\">{verdict}</td></tr>",
            thousands(stage.offered.unwrap_or(0.0)),
            thousands(stage.rate),
            millis(stage.latency_ms.p50),
            millis(stage.latency_ms.p99),
            thousands(stage.counts.lost() as f64),
            stage.server.map_or_else(|| "–".to_owned(), |work| format!("{:.1}", work.cpu_us_per_answer)),
        );
    }
    out.push_str("</table></div></section>\n");
}

/// All stages, one after the other.
struct Series {
    /// Where the warm-ups are, in seconds.
    warm_ups: Vec<(f64, f64)>,
    points: Vec<(f64, crate::load::Point)>,
}

impl Series {
    fn of(report: &Report) -> Self {
        let (mut warm_ups, mut points, mut offset) = (Vec::new(), Vec::new(), 0.0);
        for stage in &report.stages {
            if let Some(last) = stage.points.iter().rfind(|point| point.warm_up) {
                warm_ups.push((offset, offset + last.at));
            }
            points.extend(stage.points.iter().map(|point| (offset + point.at, point.clone())));
            offset += stage.points.last().map_or(0.0, |point| point.at);
        }
        Self { warm_ups, points }
    }

    fn line(&self, name: &'static str, colour: usize, pick: impl Fn(&crate::load::Point) -> f64) -> Line {
        Line { name, colour, points: self.points.iter().map(|(at, point)| (*at, pick(point))).collect() }
    }

    fn plot(&self, title: &'static str, unit: &'static str, scale: Scale, lines: Vec<Line>) -> Plot {
        let x = Axis { label: SECONDS, scale: Scale::Linear };
        Plot { title, unit, lines, x, y: Axis { label: "", scale }, shaded: self.warm_ups.clone(), goal: None }
    }
}

fn series(out: &mut String, report: &Report) {
    let series = Series::of(report);
    let latency = |pick: fn(&Spread) -> f64| {
        move |point: &crate::load::Point| {
            // Where nothing was answered there is no latency, rather than one of 0.
            if point.latency_ms.max > 0.0 { pick(&point.latency_ms) } else { f64::NAN }
        }
    };
    let mut plots = vec![series.plot(
        "Rate",
        "answers a second",
        Scale::Linear,
        vec![series.line("answers", 1, |point| point.rate)],
    )];
    if series.points.iter().any(|(_, point)| point.lost > 0.0) {
        plots[0].lines.push(series.line("lost", 3, |point| point.lost));
    }
    plots.push(series.plot(
        "Latency",
        "ms",
        Scale::Decades,
        vec![
            series.line("p50", 1, latency(|spread| spread.p50)),
            series.line("p90", 2, latency(|spread| spread.p90)),
            series.line("p99", 3, latency(|spread| spread.p99)),
            series.line("max", 4, latency(|spread| spread.max)),
        ],
    ));
    plots[1].goal = report.knee.as_ref().map(|knee| knee.goal.p99_ms);
    if series.points.iter().any(|(_, point)| point.server_cores.is_some()) {
        let cores = |point: &crate::load::Point| point.server_cores.unwrap_or(f64::NAN);
        let memory =
            |point: &crate::load::Point| point.server_bytes.map_or(f64::NAN, |bytes| bytes as f64 / f64::from(1 << 20));
        plots.push(series.plot("Server CPU", "cores busy", Scale::Linear, vec![series.line("cores", 1, cores)]));
        plots.push(series.plot("Server memory", "MiB resident", Scale::Linear, vec![series.line("MiB", 2, memory)]));
    }
    out.push_str("<section><h2>Over time</h2>\n");
    if !series.warm_ups.is_empty() {
        out.push_str("<p>What is shaded is warm-up and counts in no figure.</p>\n");
    }
    for plot in plots {
        out.push_str(&plot.figure());
    }
    if !report.stages.iter().any(|stage| stage.server.is_some()) {
        let _ = writeln!(out, "<p>The server’s CPU and memory: not measured. {}</p>", escaped(&report.about.server));
    }
    out.push_str("</section>\n");
}

fn distribution(out: &mut String, stage: &Stage) {
    if stage.curve.len() < 2 {
        return;
    }
    let plot = Plot {
        title: "Distribution of latency",
        unit: "ms",
        lines: vec![Line { name: "latency", colour: 1, points: stage.curve.clone() }],
        x: Axis { label: "share of requests answered within", scale: Scale::Nines },
        y: Axis { label: "", scale: Scale::Decades },
        shaded: Vec::new(),
        goal: None,
    };
    let _ = writeln!(out, "<section><h2>Distribution</h2>\n{}</section>", plot.figure());
}

fn outcomes(out: &mut String, stage: &Stage) {
    out.push_str("<section><h2>What came of the requests</h2>\n<div class=\"scroll\"><table>\n");
    out.push_str("<tr><th></th><th>requests</th></tr>\n");
    for (count, name) in super::table::kinds(&stage.counts, stage.reconnects) {
        let _ = writeln!(out, "<tr><th>{}</th><td>{}</td></tr>", escaped(&name), thousands(count as f64));
    }
    out.push_str("</table></div>\n");
    for words in &stage.words {
        let _ = writeln!(out, "<p>The first {}:</p><pre>{}</pre>", escaped(&words.kind), escaped(&words.words));
    }
    out.push_str("</section>\n");
}

fn how(out: &mut String, report: &Report) {
    let about = &report.about;
    let generator = report.shown().and_then(|stage| stage.generator).map_or_else(String::new, |work| {
        format!("{:.2} cores, {:.1} µs an answer", work.cores, work.cpu_us_per_answer)
    });
    out.push_str("<section><h2>How it was measured</h2>\n<dl>\n");
    for (name, value) in [
        ("Command", format!("fleetstep {}", about.command)),
        ("Version", about.version.clone()),
        ("Machine of the load", about.machine.clone()),
        ("Server", about.server.clone()),
        ("Load generator", generator),
        ("Seed", about.seed.to_string()),
    ] {
        if !value.is_empty() {
            let _ = writeln!(out, "<dt>{name}</dt><dd>{}</dd>", escaped(&value));
        }
    }
    out.push_str("</dl></section>\n");
}

/// Text as it stands in HTML.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::knee::{Goal, Search};
    use crate::report::{Knee, tests};

    #[test]
    fn a_page_has_every_plot_and_needs_no_network() {
        let mut report = tests::report();
        report.about.target = "<script>&".to_owned();
        let page = page(&report);
        for title in ["Rate", "Latency", "Server CPU", "Server memory", "Distribution of latency"] {
            let svg = format!("role=\"img\" aria-label=\"{title}\"");
            assert_eq!(page.matches(&svg).count(), 2, "{title}");
        }
        assert_eq!(page.matches("<path class=\"line").count(), 2 * (1 + 4 + 1 + 1 + 1));
        assert!(page.contains("Load of &lt;script&gt;&amp;") && page.contains("prefers-color-scheme: dark"));
        for outside in ["http://", "https://", "src=", "url(", "@import", "NaN", "inf"] {
            assert!(!page.contains(outside), "{outside}");
        }
    }

    #[test]
    fn a_search_shows_its_steps() {
        let mut report = tests::report();
        let goal = Goal { p99_ms: 5.0 };
        let stage = report.stages[0].clone();
        report.stages.push(crate::report::Stage { offered: Some(200.0), ..stage });
        let steps = report.stages.iter().map(|stage| (stage.step(), goal.missed(&stage.step()))).collect();
        assert!(matches!(Search::new(goal, 1.0, 2.0).next(), crate::knee::Next::Try(_)));
        report.knee = Some(Knee { goal, rate: Some(100.0), steps });
        let page = page(&report);
        assert!(page.contains("aria-label=\"Latency by rate\"") && page.contains("The knee: <b>100</b>"));
        assert!(page.contains("answers came more slowly than requests"));
    }
}
