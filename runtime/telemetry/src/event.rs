//! A line of the log of executions, which `loggingConfiguration` asks for, as a log record.

use crate::encode::text;
use fleetstep_document::Document;
use opentelemetry_proto::tonic::common::v1::AnyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, SeverityNumber};

/// What one weighs beside its text.
const EVENT_BYTES: usize = 64;
/// Ends of the names of events that tell of what went wrong.
const WRONG: [&str; 3] = ["Failed", "TimedOut", "Aborted"];

/// One line, which is JSON.
#[derive(Debug)]
pub(crate) struct LogEvent(pub(crate) String);

impl LogEvent {
    pub(crate) fn bytes(&self) -> usize {
        EVENT_BYTES + self.0.len()
    }

    /// The line is its body; what it says of itself stands beside it.
    pub(crate) fn record(self) -> LogRecord {
        let line = Document::parse(self.0.as_bytes()).unwrap_or(Document::NULL);
        let member = |name| line.get(name).and_then(Document::as_str).unwrap_or_default();
        let millis: u64 = member("event_timestamp").parse().unwrap_or(0);
        let kind = member("type");
        let is_wrong = WRONG.iter().any(|end| kind.ends_with(end));
        let (number, name) = if is_wrong { (SeverityNumber::Error, "ERROR") } else { (SeverityNumber::Info, "INFO") };
        LogRecord {
            time_unix_nano: millis.saturating_mul(1_000_000),
            observed_time_unix_nano: millis.saturating_mul(1_000_000),
            severity_number: number.into(),
            severity_text: name.to_owned(),
            attributes: vec![text("fleetstep.execution.arn", member("execution_arn"))],
            event_name: kind.to_owned(),
            body: Some(AnyValue { value: Some(Value::StringValue(self.0)) }),
            ..LogRecord::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_when_it_was_and_how_bad() {
        for (kind, severity) in [("ExecutionFailed", "ERROR"), ("PassStateEntered", "INFO"), ("TaskTimedOut", "ERROR")]
        {
            let line = format!(r#"{{"id":"1","type":"{kind}","event_timestamp":"1500","execution_arn":"arn"}}"#);
            let record = LogEvent(line.clone()).record();
            assert_eq!((record.event_name.as_str(), record.severity_text.as_str()), (kind, severity));
            assert_eq!(record.time_unix_nano, 1_500_000_000);
            assert_eq!(record.body.unwrap().value, Some(Value::StringValue(line)));
        }
        assert_eq!(LogEvent("no JSON".to_owned()).record().event_name, "");
    }
}
