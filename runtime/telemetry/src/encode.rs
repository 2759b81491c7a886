//! Traces as OTLP words them: the messages of its protocol, with the names of OpenTelemetry's semantic conventions where
//! there are any. docs/observability.md lists the attributes.

use crate::context::SpanId;
use crate::spans::{Span, Status as Ended, What};
use crate::trace::{Line, Trace};
use fleetstep_asl::Resource as Task;
use fleetstep_document::Text;
use fleetstep_engine::{Failure, Identity, Severity, StateKind, Timestamp};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, SeverityNumber};
use opentelemetry_proto::tonic::trace::v1::span::{Event, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span as Message, SpanFlags, Status};

/// The version of the semantic conventions that names are taken from.
pub(crate) const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.37.0";

/// Bytes of a text in an attribute or a status.
pub const ATTRIBUTE_BYTES_MAX: usize = 4 << 10;
/// Lines that a call's span shows; the log records have all of them.
pub const SPAN_LINES_MAX: usize = 128;
/// Bytes of those together.
const SPAN_LINES_BYTES_MAX: usize = 64 << 10;

/// The flag of a trace whose spans are kept.
const SAMPLED: u32 = 1;
/// Who runs the functions that tasks call.
const PROVIDER: &str = "fleetstep";

/// Who speaks.
pub(crate) fn scope() -> InstrumentationScope {
    let (name, version) = ("fleetstep".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    InstrumentationScope { name, version, ..InstrumentationScope::default() }
}

pub(crate) fn text(key: &str, value: impl Into<String>) -> KeyValue {
    value_of(key, Value::StringValue(cut(value.into())))
}

fn number(key: &str, value: u32) -> KeyValue {
    value_of(key, Value::IntValue(value.into()))
}

fn value_of(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(ATTRIBUTE_BYTES_MAX));
    text
}

fn nanos(at: Timestamp) -> u64 {
    u64::try_from(at.as_micros()).unwrap_or(0).saturating_mul(1_000)
}

fn id_of(span: SpanId) -> Vec<u8> {
    span.0.to_be_bytes().to_vec()
}

impl Trace {
    /// Its spans.
    pub(crate) fn messages(&self) -> impl Iterator<Item = Message> + '_ {
        self.spans.iter().enumerate().map(|(at, span)| self.message(at, span))
    }

    /// Its calls' lines.
    pub(crate) fn records(&self) -> impl Iterator<Item = LogRecord> + '_ {
        self.lines.iter().map(|line| self.record(line))
    }

    pub(crate) fn span_count(&self) -> usize {
        self.spans.len()
    }

    pub(crate) fn line_count(&self) -> usize {
        self.lines.len()
    }

    fn message(&self, at: usize, span: &Span) -> Message {
        let context = &self.context;
        let parent = match span.around {
            Some(around) => Some(self.id(around)),
            None => context.parent,
        };
        let is_remote = span.around.is_none() && parent.is_some();
        let remote = if is_remote { SpanFlags::ContextIsRemoteMask as u32 } else { 0 };
        let (name, kind, mut attributes) = self.told(span);
        attributes.push(text("fleetstep.status", span.status.as_str()));
        if let Some(failure) = &span.failure {
            push_failure(&mut attributes, failure);
        } else if span.status == Ended::Failed {
            attributes.push(text("error.type", "_OTHER"));
        }
        let (events, dropped_events_count) = self.events(span);
        Message {
            trace_id: context.trace.0.to_be_bytes().to_vec(),
            span_id: id_of(self.id(at)),
            trace_state: context.tracestate().unwrap_or_default().to_owned(),
            parent_span_id: parent.map(id_of).unwrap_or_default(),
            flags: SAMPLED | SpanFlags::ContextHasIsRemoteMask as u32 | remote,
            name,
            kind: kind.into(),
            start_time_unix_nano: nanos(span.start),
            end_time_unix_nano: nanos(span.end),
            attributes,
            events,
            dropped_events_count,
            status: Some(status(span)),
            ..Message::default()
        }
    }

    fn id(&self, at: usize) -> SpanId {
        if at == 0 { self.context.root } else { self.context.span_of(self.spans[at].event) }
    }

    /// Its name, its kind, and what is to be said of it.
    fn told(&self, span: &Span) -> (String, SpanKind, Vec<KeyValue>) {
        match &span.what {
            What::Execution => {
                (self.subject.identity.state_machine_name.to_string(), SpanKind::Server, self.execution())
            }
            What::State { name, kind, branch, count } => {
                let mut all =
                    vec![text("fleetstep.state.name", name.as_str()), text("fleetstep.state.type", kind.as_str())];
                all.extend(branch.map(|branch| number("fleetstep.parallel.branch", branch)));
                match kind {
                    StateKind::Task => all.push(number("fleetstep.task.calls", *count)),
                    StateKind::Map => all.push(number("fleetstep.map.items", *count)),
                    _ => {}
                }
                (name.to_string(), SpanKind::Internal, all)
            }
            What::Iteration { map, index } => {
                let all = vec![text("fleetstep.state.name", map.as_str()), number("fleetstep.map.index", *index)];
                (format!("{map} iteration"), SpanKind::Internal, all)
            }
            What::Call { task, function, retry } => {
                let resource = self.subject.resources.get(task.index());
                let (name, kind, mut all) = called(resource, function.as_ref(), &self.subject.identity);
                all.push(number("fleetstep.task.retry", *retry));
                (name, kind, all)
            }
        }
    }

    fn execution(&self) -> Vec<KeyValue> {
        let Identity {
            execution_arn,
            execution_name,
            state_machine_arn,
            state_machine_version_arn,
            state_machine_alias_arn,
            redrive_count,
            ..
        } = &*self.subject.identity;
        let mut all = vec![
            text("aws.step_functions.state_machine.arn", state_machine_arn.as_str()),
            text("fleetstep.execution.arn", execution_arn.as_str()),
            text("fleetstep.execution.name", execution_name.as_str()),
        ];
        let mut parts = execution_arn.split(':').skip(3);
        all.extend(parts.next().map(|region| text("cloud.region", region)));
        all.extend(parts.next().map(|account| text("cloud.account.id", account)));
        for (key, arn) in [
            ("fleetstep.state_machine.version.arn", state_machine_version_arn),
            ("fleetstep.state_machine.alias.arn", state_machine_alias_arn),
        ] {
            all.extend(arn.as_ref().map(|arn| text(key, arn.as_str())));
        }
        for (key, count) in [
            ("fleetstep.execution.redrive_count", *redrive_count),
            ("fleetstep.spans.dropped", self.spans_dropped),
            ("fleetstep.lines.dropped", self.lines_dropped),
        ] {
            all.extend((count > 0).then(|| number(key, count)));
        }
        all
    }

    /// The lines of a call, within bounds, and how many more there are.
    fn events(&self, span: &Span) -> (Vec<Event>, u32) {
        if !matches!(span.what, What::Call { .. }) {
            return (Vec::new(), 0);
        }
        let (mut events, mut bytes, mut dropped) = (Vec::new(), 0, 0);
        for line in self.lines.iter().filter(|line| line.call == span.event) {
            bytes += line.text.len();
            if events.len() >= SPAN_LINES_MAX || bytes > SPAN_LINES_BYTES_MAX {
                dropped += 1;
                continue;
            }
            events.push(Event {
                time_unix_nano: nanos(line.at),
                name: "log".to_owned(),
                attributes: vec![text("log.severity", severity(line.severity).1), text("log.message", &*line.text)],
                ..Event::default()
            });
        }
        (events, dropped)
    }

    fn record(&self, line: &Line) -> LogRecord {
        let (number, name) = severity(line.severity);
        let mut attributes = vec![text("fleetstep.execution.arn", self.subject.identity.execution_arn.as_str())];
        let called = self.spans.iter().find(|span| span.event == line.call);
        if let Some(span) = called {
            let state = span.around.map(|around| &self.spans[around].what);
            if let Some(What::State { name, .. }) = state {
                attributes.push(text("fleetstep.state.name", name.as_str()));
            }
            let of_call = self.told(span).2;
            attributes.extend(of_call.into_iter().filter(|attribute| attribute.key == "faas.invoked_name"));
        }
        LogRecord {
            time_unix_nano: nanos(line.at),
            observed_time_unix_nano: nanos(line.at),
            severity_number: number.into(),
            severity_text: name.to_owned(),
            body: Some(AnyValue { value: Some(Value::StringValue(line.text.clone())) }),
            attributes,
            flags: SAMPLED,
            trace_id: self.context.trace.0.to_be_bytes().to_vec(),
            // The execution's own, where the call's span was one too many.
            span_id: id_of(called.map_or(self.context.root, |_| self.context.span_of(line.call))),
            ..LogRecord::default()
        }
    }
}

/// What a call's span is called, and what is said of what it calls.
fn called(resource: Option<&Task>, function: Option<&Text>, identity: &Identity) -> (String, SpanKind, Vec<KeyValue>) {
    let region = || identity.execution_arn.split(':').nth(3).unwrap_or_default();
    let of_function = |name: &str| {
        vec![
            text("faas.invoked_name", name),
            text("faas.invoked_provider", PROVIDER),
            text("faas.invoked_region", region()),
        ]
    };
    let resource_is = |arn: &str| text("fleetstep.resource", arn);
    match resource {
        Some(Task::Function { arn, name, .. }) => {
            let mut all = of_function(name);
            all.push(resource_is(arn));
            (name.to_string(), SpanKind::Internal, all)
        }
        Some(Task::LambdaInvoke) => {
            // A name, a partial ARN or an ARN, perhaps with a qualifier.
            let given = function.map(Text::as_str).unwrap_or_default();
            let name = given.rsplit_once("function:").map_or(given, |(_, name)| name);
            let name = name.split(':').next().unwrap_or_default();
            let mut all = of_function(name);
            all.push(resource_is("arn:aws:states:::lambda:invoke"));
            (if name.is_empty() { "lambda:invoke" } else { name }.to_owned(), SpanKind::Internal, all)
        }
        Some(Task::Activity { arn, name }) => {
            let all = vec![text("aws.step_functions.activity.arn", arn.as_str()), resource_is(arn)];
            (name.to_string(), SpanKind::Client, all)
        }
        Some(Task::Service { arn } | Task::Other { uri: arn }) => {
            let name = arn.strip_prefix("arn:aws:states:::").unwrap_or(arn);
            (name.to_owned(), SpanKind::Client, vec![resource_is(arn)])
        }
        None => ("task".to_owned(), SpanKind::Internal, Vec::new()),
    }
}

fn push_failure(attributes: &mut Vec<KeyValue>, failure: &Failure) {
    let error = failure.error.as_deref().filter(|error| !error.is_empty()).unwrap_or("_OTHER");
    attributes.push(text("error.type", error));
    attributes.extend(failure.cause.as_ref().map(|cause| text("fleetstep.error.cause", cause.as_str())));
}

fn status(span: &Span) -> Status {
    if !span.status.is_error() {
        return Status::default();
    }
    let Failure { error, cause } = span.failure.clone().unwrap_or_default();
    let parts: Vec<&str> = [&error, &cause].into_iter().flatten().map(Text::as_str).collect();
    Status { message: cut(parts.join(": ")), code: StatusCode::Error.into() }
}

fn severity(severity: Severity) -> (SeverityNumber, &'static str) {
    match severity {
        Severity::Trace => (SeverityNumber::Trace, "TRACE"),
        Severity::Debug => (SeverityNumber::Debug, "DEBUG"),
        Severity::Info => (SeverityNumber::Info, "INFO"),
        Severity::Warn => (SeverityNumber::Warn, "WARN"),
        Severity::Error => (SeverityNumber::Error, "ERROR"),
    }
}
