//! The process: how it stands to its bounds, from the metrics that Prometheus reads.

use crate::ask::{Problem, Visitor};
use crate::page::{Page, Tab};
use crate::shown::{bytes, count};
use maud::{Markup, html};
use std::collections::HashMap;

/// One sample of the metrics.
struct Sample<'a> {
    /// The metric, with its labels.
    name: &'a str,
    value: f64,
}

pub(crate) async fn page(visitor: &Visitor<'_>) -> Result<Page, Problem> {
    let page = Page::new("System", Tab::System);
    let text = match visitor.text("/metrics").await {
        Ok(text) => text,
        // Whoever may look at one account only is told so, not asked to sign in again.
        Err(problem) if problem.status == http::StatusCode::UNAUTHORIZED && visitor.token().is_some() => {
            let told = html! { p.empty { "The process is shown to administrators of the server's own account." } };
            return Ok(page.with("system", told));
        }
        Err(problem) => return Err(problem),
    };
    let samples: Vec<_> = samples(&text).collect();
    let helps = helps(&text);
    Ok(page.with_live("bounds", bounds(&samples, &helps)).with_live("others", others(&samples, &helps)))
}

/// What the metrics of a single workflow or function begin with.
const OF_ONE: [&str; 10] = [
    "fleetstep_executions_ended",
    "fleetstep_executions_refused",
    "fleetstep_executions_duration",
    "fleetstep_executions_busy",
    "fleetstep_executions_input",
    "fleetstep_executions_output",
    "fleetstep_executions_memory",
    "fleetstep_executions_billed",
    "fleetstep_executions_express",
    "fleetstep_calls_",
];

/// Samples of the process and of what has bounds; those of single workflows and functions have their own pages.
fn samples(text: &str) -> impl Iterator<Item = Sample<'_>> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let parsed = lines.filter_map(|line| {
        let (name, value) = line.rsplit_once(' ')?;
        Some(Sample { name, value: value.parse().ok()? })
    });
    parsed.filter(|sample| {
        let metric = metric_of(sample.name);
        let is_of_one = OF_ONE.iter().any(|prefix| metric.starts_with(prefix));
        !is_of_one || metric.starts_with("fleetstep_calls_running")
    })
}

fn metric_of(name: &str) -> &str {
    name.split('{').next().unwrap_or(name)
}

/// What has a bound, beside it.
fn bounds<'a>(samples: &[Sample<'a>], helps: &Helps<'a>) -> Markup {
    html! {
        h2 { "In use, and its bound" }
        div.meters {
            @for sample in samples {
                @if let Some(max) = bound_of(sample, samples) {
                    div.meter {
                        p { (help(sample.name, helps)) (labels(sample.name)) }
                        meter min="0" max=(max) high=(max * 0.8) value=(sample.value)
                            aria-label=(help(sample.name, helps)) {}
                        p.number { (shown(sample)) " of " (shown(&Sample { name: sample.name, value: max })) }
                    }
                }
            }
        }
    }
}

/// The value of the metric that ends in `_max`, with the same labels.
fn bound_of(sample: &Sample<'_>, samples: &[Sample<'_>]) -> Option<f64> {
    let metric = metric_of(sample.name);
    let wanted = format!("{metric}_max{}", &sample.name[metric.len()..]);
    samples.iter().find(|other| other.name == wanted).map(|other| other.value).filter(|max| *max > 0.0)
}

fn others<'a>(samples: &[Sample<'a>], helps: &Helps<'a>) -> Markup {
    html! {
        h2 { "Counts" }
        dl.facts {
            @for sample in samples {
                @if bound_of(sample, samples).is_none() && !metric_of(sample.name).ends_with("_max") {
                    div { dt { (help(sample.name, helps)) (labels(sample.name)) } dd { (shown(sample)) } }
                }
            }
        }
        p.note { "These are the metrics of " a href="/metrics" { "/metrics" } "." }
    }
}

fn shown(sample: &Sample<'_>) -> String {
    if metric_of(sample.name).contains("bytes") { bytes(sample.value) } else { count(sample.value.max(0.0) as u64) }
}

/// What the metrics say about each of them, without the full stop.
type Helps<'a> = HashMap<&'a str, &'a str>;

fn helps(text: &str) -> Helps<'_> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("# HELP ")?.split_once(' '));
    lines.map(|(metric, help)| (metric, help.trim_end_matches('.'))).collect()
}

fn help<'a>(name: &'a str, helps: &Helps<'a>) -> &'a str {
    let metric = metric_of(name);
    helps.get(metric).copied().unwrap_or(metric)
}

fn labels(name: &str) -> Markup {
    let labels = name.split_once('{').map_or("", |(_, labels)| labels.trim_end_matches('}'));
    let values: Vec<&str> = labels
        .split("\",")
        .filter_map(|label| label.split_once("=\"").map(|(_, value)| value.trim_end_matches('"')))
        .collect();
    let values: Vec<&str> = values.into_iter().filter(|value| !value.is_empty()).collect();
    html! { @if !values.is_empty() { " " span.muted { (values.join(", ")) } } }
}
