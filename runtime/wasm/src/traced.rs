//! What a guest may know of the trace that its call belongs to: variables of its environment, by the names that
//! OpenTelemetry and Lambda give them. What the function's configuration says of these names comes first.

use crate::Function;
use fleetstep_engine::{Call, CallTrace};

/// The variables, and what each says.
type Variable = (&'static str, fn(&CallTrace) -> Option<String>);

const VARIABLES: [Variable; 3] = [
    ("TRACEPARENT", |trace| Some(trace.traceparent())),
    ("TRACESTATE", |trace| trace.tracestate().map(str::to_owned)),
    ("_X_AMZN_TRACE_ID", |trace| Some(trace.xray())),
];

/// One of them, in a call that is a part of a trace.
pub(crate) fn variable(call: &Call, name: &str) -> Option<String> {
    let trace = call.trace.as_ref()?;
    let (_, value) = VARIABLES.iter().find(|(known, _)| *known == name)?;
    value(trace)
}

/// All of them that the function's configuration does not have itself.
pub(crate) fn variables(function: &Function, call: &Call) -> Vec<(String, String)> {
    let Some(trace) = &call.trace else { return Vec::new() };
    let is_set = |name: &str| function.environment.iter().any(|(known, _)| known == name);
    let unset = VARIABLES.iter().filter(|(name, _)| !is_set(name));
    unset.filter_map(|(name, value)| Some(((*name).to_owned(), value(trace)?))).collect()
}
