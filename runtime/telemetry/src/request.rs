//! Requests of OTLP: a batch of spans or log records in as few of them as their size allows.

use crate::encode::{SCHEMA_URL, scope, text};
use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;

/// Bytes of a request's spans or log records.
pub const REQUEST_BYTES_MAX: usize = 1 << 20;
/// What an element takes beside its own bytes: its tag and its length.
const ELEMENT_BYTES: usize = 6;

/// A request, ready to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) body: Bytes,
    /// Spans or log records in it.
    pub(crate) count: u64,
}

/// Who sends.
#[derive(Clone, Debug)]
pub(crate) struct Sender(Resource);

impl Sender {
    pub(crate) fn new(attributes: &[(String, String)]) -> Self {
        let attributes = attributes.iter().map(|(name, value)| text(name, value.as_str())).collect();
        Self(Resource { attributes, ..Resource::default() })
    }

    /// Requests with these spans, in their order.
    pub(crate) fn spans(&self, spans: impl Iterator<Item = Span>) -> Vec<Request> {
        packed(spans, |spans| {
            let scope_spans = vec![ScopeSpans { scope: Some(scope()), spans, schema_url: SCHEMA_URL.to_owned() }];
            let of_resource = ResourceSpans { resource: Some(self.0.clone()), scope_spans, ..ResourceSpans::default() };
            ExportTraceServiceRequest { resource_spans: vec![of_resource] }.encode_to_vec()
        })
    }

    /// Requests with these log records, in their order.
    pub(crate) fn records(&self, records: impl Iterator<Item = LogRecord>) -> Vec<Request> {
        packed(records, |log_records| {
            let scope_logs = vec![ScopeLogs { scope: Some(scope()), log_records, schema_url: SCHEMA_URL.to_owned() }];
            let of_resource = ResourceLogs { resource: Some(self.0.clone()), scope_logs, ..ResourceLogs::default() };
            ExportLogsServiceRequest { resource_logs: vec![of_resource] }.encode_to_vec()
        })
    }
}

fn packed<M: Message>(messages: impl Iterator<Item = M>, encode: impl Fn(Vec<M>) -> Vec<u8>) -> Vec<Request> {
    let (mut requests, mut held, mut bytes) = (Vec::new(), Vec::new(), 0);
    let mut close = |held: Vec<M>| {
        let count = held.len() as u64;
        if count > 0 {
            requests.push(Request { body: encode(held).into(), count });
        }
    };
    for message in messages {
        let size = message.encoded_len() + ELEMENT_BYTES;
        if bytes + size > REQUEST_BYTES_MAX {
            close(std::mem::take(&mut held));
            bytes = 0;
        }
        bytes += size;
        held.push(message);
    }
    close(held);
    requests
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_bounded_and_nothing_is_lost() {
        let sender = Sender::new(&[("service.name".into(), "test".into())]);
        let span = |at: usize| Span { name: format!("{at}:{}", "x".repeat(10_000)), ..Span::default() };
        let requests = sender.spans((0..300).map(span));
        assert_eq!(requests.iter().map(|request| request.count).collect::<Vec<_>>(), [104, 104, 92]);
        let mut names = Vec::new();
        for request in requests {
            assert!(request.body.len() <= REQUEST_BYTES_MAX + 512, "{}", request.body.len());
            let message = ExportTraceServiceRequest::decode(request.body).unwrap();
            assert_eq!(message.resource_spans[0].resource, Some(sender.0.clone()));
            names.extend(message.resource_spans[0].scope_spans[0].spans.iter().map(|span| span.name.clone()));
        }
        assert_eq!(names, (0..300).map(|at| span(at).name).collect::<Vec<_>>());
        assert!(sender.records(std::iter::empty()).is_empty());
    }
}
