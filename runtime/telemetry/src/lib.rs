//! What executions did, for those who look at them with OpenTelemetry: traces and logs, by OTLP over HTTP.
//!
//! An execution has a place in a trace ([`Context`]), which its caller gives it ([`Caller`]) or chance does
//! ([`Sampler`]). From the events of its history come its spans ([`spans`]: pure), beside them the lines of its calls
//! ([`Shared`]). At its end all of it goes into a bounded queue, and a thread of its own words it and sends it
//! ([`Telemetry`]): no start and no step ever waits for a collector.
//!
//! What asks for the history, and which failures may be seen how, is the API's business.
#![forbid(unsafe_code)]

mod client;
mod config;
mod context;
mod encode;
mod event;
mod exporter;
mod queue;
mod request;
mod sampler;
mod spans;
mod telemetry;
mod trace;

pub use config::{Config, ConfigError, Endpoint, Headers, RATIO_DEFAULT, TIMEOUT_DEFAULT, pairs, ratio};
pub use context::{Caller, Context, SpanId, TRACESTATE_BYTES_MAX, TraceId, XRAY_BYTES_MAX};
pub use encode::{ATTRIBUTE_BYTES_MAX, SPAN_LINES_MAX};
pub use queue::{Counts, QUEUE_BYTES_MAX, QUEUE_RECORDS_MAX};
pub use request::REQUEST_BYTES_MAX;
pub use sampler::Sampler;
pub use spans::{EVENTS_MAX, Follower, SPANS_MAX, Span, Status, What, spans};
pub use telemetry::{OpenError, Telemetry};
pub use trace::{LINE_BYTES_MAX, LINES_BYTES_MAX, LINES_MAX, Line, Recording, Shared, Subject, Trace};
