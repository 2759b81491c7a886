//! What workflows and functions have counted: how executions and calls ended, and how long they took.

use super::{about, line};
use crate::Service;
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
    },
    Metered {
        prefix: "fleetstep_calls",
        label: "function",
        helps: ["Task calls that ended.", "Task calls that met a bound.", "How long task calls took."],
        counts: |service| {
            let counts = service.catalog().function_counts(Meter::totals);
            counts.into_iter().map(|(name, _, counts)| (name.to_string(), counts)).collect()
        },
    },
];

/// What each has, behind its prefix.
const METRICS: [&str; 3] = ["ended_total", "refused_total", "duration_seconds"];

/// The names of all of them.
#[cfg(test)]
pub(super) fn names() -> Vec<String> {
    METERED.iter().flat_map(|metered| METRICS.map(|metric| format!("{}_{metric}", metered.prefix))).collect()
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
