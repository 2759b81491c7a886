//! The trace that an execution is a part of, as its calls see it: what they send on, and where their lines go.

use crate::history::HistorySink;
use fleetstep_machine::Timestamp;
use std::fmt;
use std::sync::Arc;

/// The trace of one execution. Its calls are told apart by the number of the event that told of each.
pub trait Trace: Send + Sync + 'static {
    /// What a call sends on as `traceparent` (W3C Trace Context).
    fn traceparent(&self, call: u64) -> String;

    /// What it sends on as `tracestate`, if there is any.
    fn tracestate(&self) -> Option<&str>;

    /// The same as X-Ray words it: `X-Amzn-Trace-Id`.
    fn xray(&self, call: u64) -> String;

    /// A line that a call has written. It must not block.
    fn line(&self, call: u64, at: Timestamp, severity: Severity, text: &str);
}

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The finest.
    Trace,
    /// For the author.
    Debug,
    /// Ordinary.
    Info,
    /// Unexpected.
    Warn,
    /// Failed.
    Error,
}

/// One call, in the trace of its execution.
#[derive(Clone)]
pub struct CallTrace {
    execution: Arc<dyn Trace>,
    call: u64,
}

impl CallTrace {
    /// The call that the event `call` tells of.
    #[must_use]
    pub fn new(execution: Arc<dyn Trace>, call: u64) -> Self {
        Self { execution, call }
    }

    /// The same, if whoever takes the history traces it.
    pub(crate) fn of(sink: &dyn HistorySink, call: u64) -> Option<Self> {
        sink.trace().map(|execution| Self::new(execution, call))
    }

    /// `traceparent`, to be sent on by whatever leaves the process for this call.
    #[must_use]
    pub fn traceparent(&self) -> String {
        self.execution.traceparent(self.call)
    }

    /// `tracestate`, to be sent on beside it.
    #[must_use]
    pub fn tracestate(&self) -> Option<&str> {
        self.execution.tracestate()
    }

    /// `X-Amzn-Trace-Id`, for those who know X-Ray.
    #[must_use]
    pub fn xray(&self) -> String {
        self.execution.xray(self.call)
    }

    /// A line that the call has written.
    pub fn line(&self, at: Timestamp, severity: Severity, text: &str) {
        self.execution.line(self.call, at, severity, text);
    }
}

impl fmt::Debug for CallTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallTrace").field("call", &self.call).finish_non_exhaustive()
    }
}
