//! `/v1/stats`: how executions and calls ended within the last minute; and how the states of a workflow did.

use super::workflows::named;
use super::{Call, unknown_parameter};
use crate::billing;
use crate::fault::Fault;
use crate::reply::{self, Reply};
use bytes::Bytes;
use fleetstep_document::{Document, ObjectBuilder};
use fleetstep_engine::{Counts, Ended, METER_WINDOW, clock};
use hyper::StatusCode;
use hyper::body::Body;

/// The members that tell how many ended how.
const ENDED: [(&str, Ended); 5] = [
    ("succeeded", Ended::Succeeded),
    ("failed", Ended::Failed),
    ("timedOut", Ended::TimedOut),
    ("aborted", Ended::Aborted),
    ("refused", Ended::Refused),
];

/// The members that tell durations.
const QUANTILES: [(&str, f64); 3] = [("p50Micros", 0.5), ("p90Micros", 0.9), ("p99Micros", 0.99)];

/// `GET /v1/stats`
pub(super) fn all<B: Body<Data = Bytes>>(call: &Call<'_, B>) -> Result<Reply, Fault> {
    if let Some((name, _)) = call.query().next() {
        return Err(unknown_parameter(&name, "none"));
    }
    let (now, catalog) = (clock::now(), call.service.catalog());
    let workflows = catalog.state_machines();
    let workflows = workflows.iter().map(|machine| {
        let (lately, ever) = (machine.meter.lately(now), machine.meter.totals());
        let cost = ObjectBuilder::with_capacity(2)
            .with("lastMinute", billing::cost(lately.finished(), &lately.used))
            .with("sinceStart", billing::cost(ever.finished(), &ever.used));
        told(&machine.name, &lately).with("cost", cost.build()).build()
    });
    let workflows: Vec<Document> = workflows.collect();
    let functions = catalog.function_counts(|meter| meter.lately(now));
    let functions = functions.iter().map(|(name, running, counts)| {
        let peak = count(counts.used.memory_kib.saturating_mul(1_024));
        told(name, counts).with("running", i64::from(*running)).with("memoryBytesPeak", peak).build()
    });
    let body = window()
        .with("prices", billing::prices())
        .with("workflows", workflows)
        .with("functions", functions.collect::<Vec<Document>>());
    Ok(reply::json(&body.build(), StatusCode::OK))
}

/// `GET /v1/workflows/NAME/states`
pub(super) fn states<B: Body<Data = Bytes>>(call: &Call<'_, B>) -> Result<Reply, Fault> {
    if let Some((name, _)) = call.query().next() {
        return Err(unknown_parameter(&name, "none"));
    }
    let machine = named(call)?.machine;
    let states = machine.states.lately(clock::now());
    let states: Vec<Document> = states.iter().map(|(name, counts)| told(name, counts).build()).collect();
    Ok(reply::json(&window().with("states", states).build(), StatusCode::OK))
}

fn window() -> ObjectBuilder {
    let seconds = i64::try_from(METER_WINDOW.as_secs()).unwrap_or(i64::MAX);
    ObjectBuilder::with_capacity(4).with("windowSeconds", seconds)
}

fn told(name: &str, counts: &Counts) -> ObjectBuilder {
    let mut body = ObjectBuilder::with_capacity(13).with("name", name);
    for (member, ended) in ENDED {
        body.push(member, count(counts.of(ended)));
    }
    body.push("perSecond", (counts.per_second() * 1e3).round() / 1e3);
    for (member, share) in QUANTILES {
        if let Some(micros) = counts.quantile_micros(share) {
            body.push(member, micros.round());
        }
    }
    body
}

fn count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
