//! Who called, and in which trace: W3C Trace Context and X-Ray's header, in and out.

use fleetstep_document::Text;
use std::fmt::{self, Write as _};

/// The longest `tracestate` that is passed on: what the specification asks for at least.
pub const TRACESTATE_BYTES_MAX: usize = 512;
/// The longest X-Ray header that is read: what the service lets a `traceHeader` have.
pub const XRAY_BYTES_MAX: usize = 256;

/// A trace.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TraceId(pub(crate) u128);

/// A span within a trace.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SpanId(pub(crate) u64);

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// What a start says of the trace that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub(crate) trace: TraceId,
    /// X-Ray's header may name a trace alone.
    pub(crate) span: Option<SpanId>,
    /// Whether the caller's spans are kept; `None` leaves that to us.
    pub(crate) sampled: Option<bool>,
    pub(crate) state: Option<Text>,
}

impl Caller {
    /// Reads the headers `traceparent` and `tracestate`. What is no trace context is none: a start is never refused
    /// for it.
    #[must_use]
    pub fn of_w3c(traceparent: &[u8], tracestate: Option<&[u8]>) -> Option<Self> {
        let text = std::str::from_utf8(traceparent).ok()?.trim_ascii();
        let (version, rest) = text.split_at_checked(2)?;
        let version = hex(version, 2)?;
        let rest = rest.strip_prefix('-')?;
        let (trace, rest) = rest.split_at_checked(32)?;
        let (span, rest) = rest.strip_prefix('-')?.split_at_checked(16)?;
        let (flags, rest) = rest.strip_prefix('-')?.split_at_checked(2)?;
        // Of a later version, what is known comes first, and more may follow.
        if version == 0xff || !(rest.is_empty() || version > 0 && rest.starts_with('-')) {
            return None;
        }
        let (trace, span, flags) = (hex(trace, 32)?, hex(span, 16)? as u64, hex(flags, 2)?);
        if trace == 0 || span == 0 {
            return None;
        }
        let state = tracestate.and_then(|state| std::str::from_utf8(state).ok()).map(str::trim_ascii);
        let fits = |state: &&str| {
            !state.is_empty()
                && state.len() <= TRACESTATE_BYTES_MAX
                && state.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        };
        Some(Self {
            trace: TraceId(trace),
            span: Some(SpanId(span)),
            sampled: Some(flags & SAMPLED != 0),
            state: state.filter(fits).map(Text::from),
        })
    }

    /// Reads X-Ray's header: `Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1`.
    #[must_use]
    pub fn of_xray(header: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(header).ok().filter(|text| text.len() <= XRAY_BYTES_MAX)?;
        let mut caller = Self { trace: TraceId(0), span: None, sampled: None, state: None };
        for (name, value) in text.split(';').filter_map(|part| part.trim_ascii().split_once('=')) {
            match name {
                "Root" => {
                    let (seconds, random) = value.strip_prefix("1-")?.split_once('-')?;
                    caller.trace = TraceId(hex(seconds, 8)? << 96 | hex(random, 24)?);
                }
                "Parent" => caller.span = hex(value, 16).map(|span| SpanId(span as u64)).filter(|span| span.0 != 0),
                "Sampled" => {
                    caller.sampled = match value {
                        "1" => Some(true),
                        "0" => Some(false),
                        // `?`: the caller asks for a decision.
                        _ => None,
                    }
                }
                _ => {}
            }
        }
        (caller.trace.0 != 0).then_some(caller)
    }
}

/// The flag of a trace whose spans are kept.
const SAMPLED: u128 = 1;

/// Lower-case digits alone, so many of them.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let right = text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if right { u128::from_str_radix(text, 16).ok() } else { None }
}

/// One execution within a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    pub(crate) trace: TraceId,
    /// The span of the execution itself.
    pub(crate) root: SpanId,
    /// The caller's span.
    pub(crate) parent: Option<SpanId>,
    pub(crate) sampled: bool,
    pub(crate) state: Option<Text>,
}

impl Context {
    /// Whether its spans are kept.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.sampled
    }

    /// What the caller passed on as `tracestate`.
    #[must_use]
    pub fn tracestate(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// `traceparent` of the execution's own span.
    #[must_use]
    pub fn traceparent(&self) -> String {
        self.traceparent_of(self.root)
    }

    /// `X-Amzn-Trace-Id` of the execution's own span.
    #[must_use]
    pub fn xray(&self) -> String {
        self.xray_of(self.root)
    }

    /// The span that begins with that event. One event begins one span at most.
    pub(crate) fn span_of(&self, event: u64) -> SpanId {
        let mixed = mix(self.root.0 ^ event.wrapping_mul(ODD));
        SpanId(if mixed == 0 { 1 } else { mixed })
    }

    pub(crate) fn traceparent_of(&self, span: SpanId) -> String {
        let mut text = String::with_capacity(55);
        let _ = write!(text, "00-{:032x}-{:016x}-{:02x}", self.trace.0, span.0, u8::from(self.sampled));
        text
    }

    pub(crate) fn xray_of(&self, span: SpanId) -> String {
        let (seconds, random) = (self.trace.0 >> 96, self.trace.0 & ((1 << 96) - 1));
        let sampled = u8::from(self.sampled);
        format!("Root=1-{seconds:08x}-{random:024x};Parent={:016x};Sampled={sampled}", span.0)
    }
}

/// The golden ratio's bits, as SplitMix64 steps by.
const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finalizer of SplitMix64: every input has an output of its own.
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_traceparent_is_read_or_passed_over() {
        let right = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        for (text, sampled) in [
            (right, Some(true)),
            (" 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 ", Some(true)),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", Some(false)),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03", Some(true)),
            ("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", Some(true)),
            ("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes", Some(true)),
            ("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.what", None),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-", None),
            ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", None),
            ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", None),
            ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", None),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", None),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7", None),
            ("00-4bf92f3577b34da6a3ce929d0e0e473ü-00f067aa0ba902b7-01", None),
            ("0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", None),
            ("", None),
        ] {
            assert_eq!(Caller::of_w3c(text.as_bytes(), None).and_then(|caller| caller.sampled), sampled, "{text}");
        }
        let caller = Caller::of_w3c(right.as_bytes(), Some(b"a=1,b=2")).unwrap();
        assert_eq!(format!("{:?} {:?}", caller.trace, caller.span.unwrap()), right[3..52].replace('-', " "));
        assert_eq!(caller.state.as_deref(), Some("a=1,b=2"));
        for state in [&b""[..], b"a=\x01", &[b'a'; TRACESTATE_BYTES_MAX + 1]] {
            assert_eq!(Caller::of_w3c(right.as_bytes(), Some(state)).unwrap().state, None);
        }
    }

    #[test]
    fn a_header_of_x_ray_is_read_or_passed_over() {
        let root = "Root=1-5759e988-bd862e3fe1be46a994272793";
        for (text, expected) in [
            (format!("{root};Parent=53995c3f42cd8ad8;Sampled=1"), Some((true, Some(true)))),
            (format!("{root};Parent=53995c3f42cd8ad8;Sampled=0;Lineage=a:b"), Some((true, Some(false)))),
            (format!("{root};Sampled=?"), Some((false, None))),
            (format!("Self=1-2-3; {root}"), Some((false, None))),
            ("Parent=53995c3f42cd8ad8;Sampled=1".to_owned(), None),
            ("Root=2-5759e988-bd862e3fe1be46a994272793".to_owned(), None),
            ("Root=1-5759e988-bd862e3fe1be46a99427279".to_owned(), None),
            ("Root=1-00000000-000000000000000000000000".to_owned(), None),
            (format!("{root};{}", "x".repeat(XRAY_BYTES_MAX)), None),
            (String::new(), None),
        ] {
            let caller = Caller::of_xray(text.as_bytes());
            assert_eq!(caller.map(|caller| (caller.span.is_some(), caller.sampled)), expected, "{text}");
        }
    }

    #[test]
    fn what_goes_out_comes_in_again() {
        for sampled in [true, false] {
            let (trace, root) = (TraceId(0x5759_e988_bd86_2e3f_e1be_46a9_9427_2793), SpanId(0xf0_67aa_0ba9_02b7));
            let context = Context { trace, root, parent: None, sampled, state: None };
            let caller = Caller { trace, span: Some(root), sampled: Some(sampled), state: None };
            assert_eq!(Caller::of_w3c(context.traceparent().as_bytes(), None), Some(caller.clone()));
            assert_eq!(Caller::of_xray(context.xray().as_bytes()), Some(caller));
        }
    }

    #[test]
    fn every_event_has_a_span_of_its_own() {
        let context = Context { trace: TraceId(1), root: SpanId(7), parent: None, sampled: true, state: None };
        let spans: HashSet<u64> = (1..=10_000).map(|event| context.span_of(event).0).collect();
        assert_eq!((spans.len(), spans.contains(&0)), (10_000, false));
    }
}
