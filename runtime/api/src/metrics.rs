//! `GET /metrics`: how the server stands to its bounds, in the text format that Prometheus reads. Everything is read when
//! it is asked for; nothing is counted for its sake but refusals.

mod metered;

use crate::Service;
use crate::admission::Bound;
use crate::fault::Fault;
use crate::reply::{self, Reply};
use fleetstep_journal::Stats;
use fleetstep_telemetry::Counts;
use hyper::Method;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use std::fmt::Write as _;

/// The text format, and its version.
const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Starts that met a bound, by bound.
const REFUSED: &str = "fleetstep_starts_refused_total";

/// A figure of the whole process.
struct Metric {
    name: &'static str,
    /// `gauge` or `counter`.
    kind: &'static str,
    help: &'static str,
    /// Nothing where there is none.
    value: fn(&Service) -> Option<u64>,
}

const fn gauge(name: &'static str, help: &'static str, value: fn(&Service) -> Option<u64>) -> Metric {
    Metric { name, kind: "gauge", help, value }
}

const fn counter(name: &'static str, help: &'static str, value: fn(&Service) -> Option<u64>) -> Metric {
    Metric { name, kind: "counter", help, value }
}

/// What belongs to the process, each figure beside its bound.
const METRICS: &[Metric] = &[
    gauge("fleetstep_executions_running", "Executions that run or wait.", |service| count(service.engine().running())),
    gauge("fleetstep_executions_running_max", "Executions that may.", |service| count(service.engine().running_max())),
    gauge("fleetstep_resident_bytes", "Resident memory of the process.", |service| {
        service.admission().memory().resident_bytes()
    }),
    gauge("fleetstep_resident_bytes_max", "Above this nothing is started.", |service| {
        service.admission().memory().bytes_max()
    }),
    gauge("fleetstep_arriving_bytes", "Set aside for bodies that are still arriving.", |service| {
        count(service.arriving_bytes())
    }),
    gauge("fleetstep_arriving_bytes_max", "The most of that.", |service| count(service.limits().arriving_bytes_max)),
    gauge("fleetstep_uploads", "Modules that are being taken in.", |service| count(service.uploading())),
    gauge("fleetstep_uploads_max", "The most of those.", |service| count(service.limits().uploads_max)),
    gauge("fleetstep_calls_running", "Task calls that are under way.", |service| {
        Some(service.catalog().calls_running().0.into())
    }),
    gauge("fleetstep_calls_running_max", "Task calls that may be.", |service| {
        Some(service.catalog().calls_running().1.into())
    }),
    gauge("fleetstep_connections", "Connections that are open.", |service| {
        count(service.limits().connections_max - service.connections().available_permits())
    }),
    gauge("fleetstep_connections_max", "Connections that may be open.", |service| {
        count(service.limits().connections_max)
    }),
    counter("fleetstep_log_events_dropped_total", "Log events that there was no room for.", |service| {
        Some(service.logs().dropped())
    }),
    counter("fleetstep_trace_spans_sent_total", "Spans that a collector took.", |service| {
        telemetry(service, |counts| counts.spans_sent)
    }),
    counter(
        "fleetstep_trace_spans_dropped_total",
        "Spans that there was no room for, or that no collector took.",
        |service| telemetry(service, |counts| counts.spans_dropped),
    ),
    counter("fleetstep_otlp_log_records_sent_total", "Log records that a collector took.", |service| {
        telemetry(service, |counts| counts.records_sent)
    }),
    counter(
        "fleetstep_otlp_log_records_dropped_total",
        "Log records that there was no room for, or that no collector took.",
        |service| telemetry(service, |counts| counts.records_dropped),
    ),
    counter("fleetstep_otlp_requests_failed_total", "Requests to a collector that failed.", |service| {
        telemetry(service, |counts| counts.requests_failed)
    }),
    gauge("fleetstep_otlp_waiting_bytes", "Spans and log records that wait to be sent.", |service| {
        telemetry(service, |counts| counts.waiting_bytes)
    }),
    gauge("fleetstep_journal_unfinished", "Durable starts that are not finished.", |service| {
        journal(service, |stats| stats.unfinished)
    }),
    gauge("fleetstep_journal_bytes", "Bytes of the journal's segments.", |service| {
        journal(service, |stats| stats.bytes)
    }),
    gauge("fleetstep_journal_segments", "The journal's segments.", |service| journal(service, |stats| stats.segments)),
    gauge("fleetstep_journal_pending_bytes", "Bytes that wait to be written to it.", |service| {
        journal(service, |stats| stats.pending_bytes)
    }),
    counter("fleetstep_journal_groups_total", "Writes that became durable.", |service| {
        journal(service, |stats| stats.groups)
    }),
    counter("fleetstep_journal_groups_failed_total", "Writes that failed.", |service| {
        journal(service, |stats| stats.groups_failed)
    }),
];

/// What each account has for itself.
struct AccountMetric {
    name: &'static str,
    help: &'static str,
    value: fn(&Service) -> u64,
}

const ACCOUNT_METRICS: &[AccountMetric] = &[
    AccountMetric {
        name: "fleetstep_executions_kept",
        help: "Executions that are remembered.",
        value: |service| service.executions().held().0 as u64,
    },
    AccountMetric {
        name: "fleetstep_executions_kept_bytes",
        help: "What they hold.",
        value: |service| service.executions().held().1 as u64,
    },
    AccountMetric {
        name: "fleetstep_idempotency_keys",
        help: "Idempotency keys that are kept.",
        value: |service| service.idempotency().held().0 as u64,
    },
    AccountMetric {
        name: "fleetstep_idempotency_bytes",
        help: "What they and their answers hold.",
        value: |service| service.idempotency().held().1 as u64,
    },
    AccountMetric {
        name: "fleetstep_tasks_waiting",
        help: "Tasks that wait for a token or a worker.",
        value: |service| service.tasks().waiting() as u64,
    },
    AccountMetric {
        name: "fleetstep_histories_kept",
        help: "Histories that are kept.",
        value: |service| service.histories().held().0 as u64,
    },
    AccountMetric {
        name: "fleetstep_histories_kept_bytes",
        help: "What they hold.",
        value: |service| service.histories().held().1 as u64,
    },
];

fn count(value: usize) -> Option<u64> {
    u64::try_from(value).ok()
}

fn telemetry(service: &Service, value: fn(&Counts) -> u64) -> Option<u64> {
    Some(value(&service.telemetry()?.counts()))
}

fn journal(service: &Service, value: fn(&Stats) -> u64) -> Option<u64> {
    Some(value(&service.journal()?.stats()))
}

/// The answer; the first of the services is the server's own.
pub(crate) fn answer(head: &Parts, services: &[&Service]) -> Result<Reply, Fault> {
    if !matches!(head.method, Method::GET | Method::HEAD) {
        return Err(Fault::method_not_allowed("GET, HEAD".to_owned()));
    }
    let mut reply = Reply::new(reply::whole(text(services)));
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    Ok(reply)
}

fn text(services: &[&Service]) -> String {
    let mut out = String::with_capacity(4_096);
    let Some(own) = services.first() else { return out };
    for metric in METRICS {
        let Some(value) = (metric.value)(own) else { continue };
        about(&mut out, metric.name, metric.kind, metric.help);
        line(&mut out, metric.name, &[], value);
    }
    about(&mut out, REFUSED, "counter", "Starts that met a bound.");
    for bound in Bound::ALL {
        let refused = own.admission().refusals().of(*bound);
        line(&mut out, REFUSED, &[("bound", bound.label())], refused);
    }
    for metric in ACCOUNT_METRICS {
        about(&mut out, metric.name, "gauge", metric.help);
        for service in services {
            line(&mut out, metric.name, &[("account", &service.catalog().place().account)], (metric.value)(service));
        }
    }
    metered::write(&mut out, services);
    for metric in BOUNDED {
        bounded(&mut out, services, metric);
    }
    out
}

/// What of accounts and workflows has a bound of its own.
struct Bounded {
    names: [&'static str; 2],
    helps: [&'static str; 2],
    counts: fn(&Service) -> Vec<Count<'_>>,
}

/// A workflow, or none for the whole account; what is in use; the bound.
type Count<'a> = (Option<&'a str>, u64, u64);

const BOUNDED: &[Bounded] = &[
    Bounded {
        names: ["fleetstep_bounded_executions_running", "fleetstep_bounded_executions_running_max"],
        helps: ["Executions of an account, or of a workflow, that has a bound of its own.", "That bound."],
        counts: |service| {
            let counts = service.admission().running().filter(|(_, _, max)| *max < usize::MAX);
            counts.map(|(name, running, max)| (name, running as u64, max as u64)).collect()
        },
    },
    Bounded {
        names: ["fleetstep_bounded_calls_running", "fleetstep_bounded_calls_running_max"],
        helps: ["Task calls of an account, or of a workflow, that has a bound of its own.", "That bound."],
        counts: |service| {
            let counts = service.catalog().call_bounds().into_iter().flat_map(|bounds| bounds.running());
            counts.map(|(name, running, max)| (name, running.into(), max.into())).collect()
        },
    },
];

fn bounded(out: &mut String, services: &[&Service], metric: &Bounded) {
    for (at, (name, help)) in metric.names.into_iter().zip(metric.helps).enumerate() {
        about(out, name, "gauge", help);
        for service in services {
            let account = &*service.catalog().place().account;
            for (workflow, running, max) in (metric.counts)(service) {
                let labels = [("account", account), ("workflow", workflow.unwrap_or_default())];
                line(out, name, &labels, [running, max][at]);
            }
        }
    }
}

fn about(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn line(out: &mut String, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
    out.push_str(name);
    for (at, (label, text)) in labels.iter().enumerate() {
        out.push_str(if at == 0 { "{" } else { "," });
        let _ = write!(out, "{label}=\"");
        for character in text.chars() {
            match character {
                '\\' => out.push_str("\\\\"),
                '"' => out.push_str("\\\""),
                '\n' => out.push_str("\\n"),
                other => out.push(other),
            }
        }
        out.push('"');
    }
    let _ = writeln!(out, "{} {value}", if labels.is_empty() { "" } else { "}" });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_escapes_what_its_labels_hold() {
        let mut out = String::new();
        line(&mut out, "a", &[], 1);
        line(&mut out, "b", &[("x", "q\"\\\n"), ("y", "")], 2);
        assert_eq!(out, "a 1\nb{x=\"q\\\"\\\\\\n\",y=\"\"} 2\n");
    }

    #[test]
    fn names_are_those_that_prometheus_takes_and_each_is_there_once() {
        let names: Vec<&str> =
            METRICS.iter().map(|metric| metric.name).chain(ACCOUNT_METRICS.iter().map(|metric| metric.name)).collect();
        for (at, name) in names.iter().enumerate() {
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
            assert!(!names[..at].contains(name), "{name}");
        }
        assert!(METRICS.iter().all(|metric| metric.name.ends_with("_total") == (metric.kind == "counter")));
    }

    /// docs/grafana.json shows what there is, and nothing else.
    #[test]
    fn the_dashboard_names_only_metrics_that_there_are() {
        let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/grafana.json")).unwrap();
        let metered = metered::names();
        let known: Vec<&str> = METRICS
            .iter()
            .map(|metric| metric.name)
            .chain(ACCOUNT_METRICS.iter().map(|metric| metric.name))
            .chain(BOUNDED.iter().flat_map(|metric| metric.names))
            .chain([REFUSED])
            .chain(metered.iter().map(String::as_str))
            .collect();
        let is_of_name = |c: char| c.is_ascii_lowercase() || c == '_';
        let mut seen = 0;
        for (at, _) in text.match_indices("fleetstep_") {
            let name = &text[at..];
            let name = &name[..name.find(|c| !is_of_name(c)).unwrap_or(name.len())];
            assert!(known.contains(&name.trim_end_matches("_bucket")), "{name}");
            seen += 1;
        }
        assert!(seen > 15, "{seen}");
    }

    /// docs/observability.md has the table of the code.
    #[test]
    fn the_documentation_lists_every_metric() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/observability.md");
        let text = std::fs::read_to_string(path).unwrap();
        let rows = METRICS.iter().map(|metric| (metric.name, metric.help));
        let rows = rows.chain(ACCOUNT_METRICS.iter().map(|metric| (metric.name, metric.help)));
        for (name, help) in rows.chain(metered::used_rows()) {
            let row = format!("| `{name}` | {help} |");
            assert!(text.lines().any(|line| line == row), "docs/observability.md lacks:\n{row}");
        }
        for bound in Bound::ALL {
            assert!(text.contains(&format!("`{}`", bound.label())), "{}", bound.label());
        }
    }
}
