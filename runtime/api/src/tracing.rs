//! The place of a start in a trace: what its request says, and what goes out with the answer.

use crate::Service;
use fleetstep_catalog::StateMachine;
use fleetstep_document::Document;
use fleetstep_telemetry::{Caller, Context, Telemetry};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use std::sync::Arc;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
const XRAY: HeaderName = HeaderName::from_static("x-amzn-trace-id");

/// Who called, as far as the request says: its member `traceHeader`, which is meant for this very start; else what was
/// put into its headers on the way, `traceparent` before `X-Amzn-Trace-Id`. Nobody where nothing is traced.
pub(crate) fn caller(service: &Service, headers: &HeaderMap, trace_header: Option<&str>) -> Option<Caller> {
    service.telemetry()?;
    let header = |name: &HeaderName| headers.get(name).map(HeaderValue::as_bytes);
    trace_header
        .and_then(|header| Caller::of_xray(header.as_bytes()))
        .or_else(|| Caller::of_w3c(header(&TRACEPARENT)?, header(&TRACESTATE)))
        .or_else(|| Caller::of_xray(header(&XRAY)?))
}

/// The place of an execution of that machine; mostly none.
pub(crate) fn place(telemetry: &Telemetry, machine: &StateMachine, caller: Option<&Caller>) -> Option<Arc<Context>> {
    let is_enabled = machine.tracing.get("enabled").and_then(Document::as_bool).unwrap_or_default();
    telemetry.place(caller, is_enabled.then(|| machine.arn.as_text())).map(Arc::new)
}

/// Says in an answer which trace the execution is a part of.
pub(crate) fn tell(context: Option<&Context>, headers: &mut HeaderMap) {
    let Some(context) = context else { return };
    for (name, value) in [(TRACEPARENT, context.traceparent()), (XRAY, context.xray())] {
        headers.insert(name, HeaderValue::try_from(value).expect("digits and signs make a header"));
    }
}
