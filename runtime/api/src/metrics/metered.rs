//! What workflows and functions have counted: how executions and calls ended, and how long they took.

use super::{about, line};
use crate::{Service, billing};
use fleetstep_engine::{Counts, Ended, Meter};

/// The label that says how something ended; what was refused has a metric of its own.
const STATUSES: [(&str, Ended); 4] = [
    ("SUCCEEDED", Ended::Succeeded),
    ("FAILED", Ended::Failed),
    ("TIMED_OUT", Ended::TimedOut),
    ("ABORTED", Ended::Aborted),
];

/// The upper bounds of a histogram, in microseconds: doublings, each the bound of a bucket that is counted.
const BOUNDS_MICROS: [u64; 10] = [64, 256, 1 << 10, 1 << 12, 1 << 14, 1 << 16, 1 << 18, 1 << 20, 1 << 23, 1 << 26];

/// Something that is counted, by account and name.
struct Metered {
    /// What its metrics begin with.
    prefix: &'static str,
    /// The label that names it.
    label: &'static str,
    helps: [&'static str; 3],
    counts: fn(&Service) -> Vec<(String, Counts)>,
    /// Whether what they used is told, and what that would cost.
    has_cost: bool,
}

const METERED: [Metered; 2] = [
    Metered {
        prefix: "fleetstep_executions",
        label: "workflow",
        helps: ["Executions that ended.", "Starts that met a bound.", "How long executions took."],
        counts: |service| {
            let machines = service.catalog().state_machines();
            machines.iter().map(|machine| (machine.name.to_string(), machine.meter.totals())).collect()
        },
        has_cost: true,
    },
    Metered {
        prefix: "fleetstep_calls",
        label: "function",
        helps: ["Task calls that ended.", "Task calls that met a bound.", "How long task calls took."],
        counts: |service| {
            let counts = service.catalog().function_counts(Meter::totals);
            counts.into_iter().map(|(name, _, counts)| (name.to_string(), counts)).collect()
        },
        has_cost: false,
    },
];

/// What each has, behind its prefix.
const METRICS: [&str; 3] = ["ended_total", "refused_total", "duration_seconds"];

/// What the executions of a workflow used.
struct UsedMetric {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    value: fn(&Counts) -> f64,
}

const USED: [UsedMetric; 6] = [
    UsedMetric {
        name: "fleetstep_executions_busy_seconds_total",
        kind: "counter",
        help: "Time that executions and their calls had a thread.",
        value: |counts| counts.used.busy_micros as f64 / 1e6,
    },
    UsedMetric {
        name: "fleetstep_executions_input_bytes_total",
        kind: "counter",
        help: "Bytes of the inputs of executions.",
        value: |counts| counts.used.bytes_in as f64,
    },
    UsedMetric {
        name: "fleetstep_executions_output_bytes_total",
        kind: "counter",
        help: "Bytes of their outputs.",
        value: |counts| counts.used.bytes_out as f64,
    },
    UsedMetric {
        name: "fleetstep_executions_memory_bytes_peak",
        kind: "gauge",
        help: "The most memory that a call of one came to hold.",
        value: |counts| counts.used.memory_kib as f64 * 1_024.0,
    },
    UsedMetric {
        name: "fleetstep_executions_billed_gb_seconds_total",
        kind: "counter",
        help: "What AWS would bill of executions, in GB-seconds.",
        value: |counts| billing::gb_seconds(counts.used.billed_steps),
    },
    UsedMetric {
        name: "fleetstep_executions_express_usd_total",
        kind: "counter",
        help: "What AWS would have billed for them, in US dollars.",
        value: |counts| billing::usd(counts.finished(), counts.used.billed_steps),
    },
];

/// The names of all of them.
#[cfg(test)]
pub(super) fn names() -> Vec<String> {
    let used = USED.iter().map(|metric| metric.name.to_owned());
    METERED
        .iter()
        .flat_map(|metered| METRICS.map(|metric| format!("{}_{metric}", metered.prefix)))
        .chain(used)
        .collect()
}

/// The rows that the documentation has for what executions used.
#[cfg(test)]
pub(super) fn used_rows() -> impl Iterator<Item = (&'static str, &'static str)> {
    USED.iter().map(|metric| (metric.name, metric.help))
}

/// Writes all of them.
pub(super) fn write(out: &mut String, services: &[&Service]) {
    for metered in &METERED {
        let counted: Vec<_> = services
            .iter()
            .flat_map(|service| {
                let account = service.catalog().place().account.clone();
                (metered.counts)(service).into_iter().map(move |(name, counts)| (account.clone(), name, counts))
            })
            .collect();
        let Metered { prefix, label, helps, .. } = metered;
        let [ended, refused, duration] = METRICS.map(|metric| format!("{prefix}_{metric}"));
        about(out, &ended, "counter", helps[0]);
        for (account, name, counts) in &counted {
            for (status, how) in STATUSES {
                line(out, &ended, &[("account", account), (label, name), ("status", status)], counts.of(how));
            }
        }
        about(out, &refused, "counter", helps[1]);
        for (account, name, counts) in &counted {
            line(out, &refused, &[("account", account), (label, name)], counts.of(Ended::Refused));
        }
        about(out, &duration, "histogram", helps[2]);
        for (account, name, counts) in &counted {
            histogram(out, &duration, &[("account", account), (label, name)], counts);
        }
        for metric in USED.iter().filter(|_| metered.has_cost) {
            about(out, metric.name, metric.kind, metric.help);
            for (account, name, counts) in &counted {
                line(out, metric.name, &[("account", account), (label, name)], (metric.value)(counts));
            }
        }
    }
}

fn histogram(out: &mut String, name: &str, labels: &[(&str, &str)], counts: &Counts) {
    let bucket = format!("{name}_bucket");
    for bound in BOUNDS_MICROS {
        let le = (bound as f64 / 1e6).to_string();
        line(out, &bucket, &[labels, &[("le", &le)]].concat(), counts.within(bound));
    }
    line(out, &bucket, &[labels, &[("le", "+Inf")]].concat(), counts.finished());
    line(out, &format!("{name}_sum"), labels, counts.micros as f64 / 1e6);
    line(out, &format!("{name}_count"), labels, counts.finished());
}
