//! One traced execution: its spans grow with its history, its calls' lines come in beside them.

use crate::context::{Context, SpanId};
use crate::spans::{Follower, Span};
use fleetstep_asl::Resource;
use fleetstep_document::Text;
use fleetstep_engine::{Failure, HistoryEvent, Identity, Severity, Timestamp};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Lines of one execution that are kept.
pub const LINES_MAX: usize = 1_024;
/// Bytes of those together.
pub const LINES_BYTES_MAX: usize = 256 << 10;
/// Bytes of one of them.
pub const LINE_BYTES_MAX: usize = 8 << 10;

/// About what a span holds in memory beside its texts.
const SPAN_BYTES: usize = 192;
/// The same of a line.
const LINE_BYTES: usize = 64;

/// A line that a call of a task has written.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Number of the event that the call began with.
    pub call: u64,
    /// When it was written.
    pub at: Timestamp,
    /// How much it matters.
    pub severity: Severity,
    /// The line.
    pub text: String,
}

/// Who a traced execution is.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Its names.
    pub identity: Arc<Identity>,
    /// What its program's tasks are.
    pub resources: Arc<[Resource]>,
}

/// What an execution and its calls share of its trace.
#[derive(Debug)]
pub struct Shared {
    context: Context,
    lines: Mutex<Lines>,
}

#[derive(Debug, Default)]
struct Lines {
    kept: Vec<Line>,
    bytes: usize,
    dropped: u32,
    /// Whether the execution has ended: what its calls say then has no place any more.
    closed: bool,
}

impl Shared {
    /// Of an execution with that place in a trace.
    #[must_use]
    pub fn new(context: Context) -> Arc<Self> {
        Arc::new(Self { context, lines: Mutex::default() })
    }

    /// Its place in the trace.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.context
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        // Every change leaves the lines whole.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn span(&self, call: u64) -> SpanId {
        // Nobody hears of the spans of one that is not sampled: what follows then follows from the execution.
        if self.context.sampled { self.context.span_of(call) } else { self.context.root }
    }
}

impl fleetstep_engine::Trace for Shared {
    fn traceparent(&self, call: u64) -> String {
        self.context.traceparent_of(self.span(call))
    }

    fn tracestate(&self) -> Option<&str> {
        self.context.tracestate()
    }

    fn xray(&self, call: u64) -> String {
        self.context.xray_of(self.span(call))
    }

    fn line(&self, call: u64, at: Timestamp, severity: Severity, text: &str) {
        if !self.context.sampled {
            return;
        }
        let text = &text[..text.floor_char_boundary(LINE_BYTES_MAX)];
        let mut lines = self.lines();
        let bytes = lines.bytes + text.len();
        if lines.closed || lines.kept.len() >= LINES_MAX || bytes > LINES_BYTES_MAX {
            lines.dropped = lines.dropped.saturating_add(1);
            return;
        }
        lines.bytes = bytes;
        lines.kept.push(Line { call, at, severity, text: text.to_owned() });
    }
}

/// Makes the trace of one sampled execution.
#[derive(Debug)]
pub struct Recording {
    shared: Arc<Shared>,
    subject: Subject,
    follower: Follower,
    last: Timestamp,
}

impl Recording {
    /// Begins one.
    #[must_use]
    pub fn new(shared: Arc<Shared>, subject: Subject) -> Self {
        Self { shared, subject, follower: Follower::default(), last: Timestamp::from_micros(0) }
    }

    /// Takes the next events in; whether the execution has ended with them.
    pub fn follow(&mut self, events: &[HistoryEvent]) -> bool {
        for event in events {
            self.follower.follow(event);
            self.last = event.at;
        }
        self.follower.is_over()
    }

    /// What there is to be told, if anything happened; `seen` is how a failure may be seen. An execution that has not
    /// told of its end was cut off.
    #[must_use]
    pub fn finish(mut self, seen: impl Fn(&Failure) -> Failure) -> Option<Trace> {
        if !self.follower.has_begun() {
            return None;
        }
        self.follower.cut(self.last);
        let (mut spans, spans_dropped) = self.follower.finish();
        for failure in spans.iter_mut().filter_map(|span| span.failure.as_mut()) {
            *failure = seen(failure);
        }
        let mut lines = self.shared.lines();
        lines.closed = true;
        let (kept, lines_dropped) = (std::mem::take(&mut lines.kept), lines.dropped);
        drop(lines);
        let context = self.shared.context.clone();
        Some(Trace { context, subject: self.subject, spans, spans_dropped, lines: kept, lines_dropped })
    }
}

/// What is told of one execution.
#[derive(Clone, Debug)]
pub struct Trace {
    pub(crate) context: Context,
    pub(crate) subject: Subject,
    /// The first is that of the execution.
    pub(crate) spans: Vec<Span>,
    pub(crate) spans_dropped: u32,
    pub(crate) lines: Vec<Line>,
    pub(crate) lines_dropped: u32,
}

impl Trace {
    /// About how many bytes it holds.
    pub(crate) fn bytes(&self) -> usize {
        let text = |text: &Option<Text>| text.as_ref().map_or(0, |text| text.len());
        let failure = |failure: &Failure| text(&failure.error) + text(&failure.cause);
        let of_span = |span: &Span| SPAN_BYTES + span.failure.as_ref().map_or(0, failure);
        let spans = self.spans.iter().map(of_span).sum::<usize>();
        spans + self.lines.iter().map(|line| LINE_BYTES + line.text.len()).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::TraceId;
    use fleetstep_engine::Trace as _;

    fn shared(sampled: bool) -> Arc<Shared> {
        Shared::new(Context { trace: TraceId(1), root: SpanId(7), parent: None, sampled, state: None })
    }

    fn said(shared: &Shared, times: usize, text: &str) -> (usize, usize, u32) {
        (0..times).for_each(|_| shared.line(3, Timestamp::from_micros(1), Severity::Info, text));
        let lines = shared.lines();
        (lines.kept.len(), lines.bytes, lines.dropped)
    }

    #[test]
    fn lines_are_bounded_and_what_is_beyond_is_counted() {
        assert_eq!(said(&shared(true), 2_000, "x"), (LINES_MAX, LINES_MAX, 976));
        assert_eq!(said(&shared(true), 40, &"ü".repeat(LINE_BYTES_MAX)), (32, LINES_BYTES_MAX, 8));
        assert_eq!(said(&shared(false), 10, "x"), (0, 0, 0));
    }

    #[test]
    fn a_call_sends_its_own_span_on_where_that_is_kept() {
        let (kept, not) = (shared(true), shared(false));
        assert_eq!(kept.traceparent(3), kept.context.traceparent_of(kept.context.span_of(3)));
        assert_ne!(kept.traceparent(3), kept.traceparent(4));
        assert_eq!(not.traceparent(3), "00-00000000000000000000000000000001-0000000000000007-00");
        assert_eq!(not.xray(3), "Root=1-00000000-000000000000000000000001;Parent=0000000000000007;Sampled=0");
    }

    #[test]
    fn what_never_began_is_not_told() {
        let subject = Subject { identity: Arc::default(), resources: Arc::from([]) };
        assert!(Recording::new(shared(true), subject).finish(Failure::clone).is_none());
    }
}
