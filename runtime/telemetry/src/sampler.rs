//! Which executions are traced.

use crate::context::{Caller, Context, SpanId, TraceId};
use fleetstep_document::Text;
use fleetstep_engine::Timestamp;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// State machines that ask for traces and whose last one is remembered; with more of them, all are forgotten together,
/// which costs a trace each.
const MACHINES_MAX: usize = 4_096;

/// Bits of a trace id that chance gives, by the second level of W3C Trace Context.
const RANDOM_BITS: u32 = 56;

/// Decides, once for each execution. What its caller decided holds.
#[derive(Debug)]
pub struct Sampler {
    /// Of the random bits, what is below is not kept: as OpenTelemetry's samplers do it, so that all who sample by the
    /// same share keep the same traces.
    rejected_below: u64,
    /// When a state machine that asks for traces had its last one, in seconds.
    asked: Mutex<HashMap<Text, i64>>,
}

impl Sampler {
    /// Keeps that share of the executions whose callers do not say: 0 to 1.
    #[must_use]
    pub fn new(ratio: f64) -> Self {
        let kept = (ratio.clamp(0.0, 1.0) * (1_u64 << RANDOM_BITS) as f64) as u64;
        Self { rejected_below: (1 << RANDOM_BITS) - kept, asked: Mutex::default() }
    }

    /// The place of an execution in a trace; `None` where it has none. `asks` is of the state machine that says it wants
    /// traces: the first of each second is one then, and the ratio holds for the others.
    #[must_use]
    pub fn place(
        &self,
        caller: Option<&Caller>,
        asks: Option<&Text>,
        now: impl FnOnce() -> Timestamp,
    ) -> Option<Context> {
        let Some(caller) = caller else {
            let random = fastrand::u128(..);
            let by_ratio = self.keeps(random);
            if !by_ratio && asks.is_none() {
                return None;
            }
            let seconds = now().as_millis() / 1_000;
            if !by_ratio && !self.is_first_of_second(asks?, seconds) {
                return None;
            }
            // X-Ray wants to find the time in a trace id.
            let trace = TraceId(u128::from(seconds as u32) << 96 | random & ((1 << 96) - 1));
            return Some(Context { trace, root: fresh(), parent: None, sampled: true, state: None });
        };
        let sampled = caller.sampled.unwrap_or_else(|| {
            self.keeps(caller.trace.0)
                || asks.is_some_and(|machine| self.is_first_of_second(machine, now().as_millis() / 1_000))
        });
        let Caller { trace, span, state, .. } = caller;
        Some(Context { trace: *trace, root: fresh(), parent: *span, sampled, state: state.clone() })
    }

    fn keeps(&self, trace: u128) -> bool {
        trace as u64 & ((1 << RANDOM_BITS) - 1) >= self.rejected_below
    }

    fn is_first_of_second(&self, machine: &Text, second: i64) -> bool {
        // Every change leaves the map whole.
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = asked.get_mut(machine) {
            return std::mem::replace(last, second) != second;
        }
        if asked.len() >= MACHINES_MAX {
            asked.clear();
        }
        asked.insert(machine.clone(), second);
        true
    }
}

/// A span that nobody has yet.
fn fresh() -> SpanId {
    SpanId(fastrand::u64(1..))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> impl Fn() -> Timestamp {
        move || Timestamp::from_micros(seconds * 1_000_000 + 7)
    }

    fn caller(sampled: Option<bool>) -> Caller {
        Caller { trace: TraceId(0), span: Some(SpanId(9)), sampled, state: Some("a=b".into()) }
    }

    #[test]
    fn a_ratio_keeps_its_share() {
        fastrand::seed(7);
        for (ratio, least, most) in [(0.0, 0, 0), (0.01, 60, 140), (0.5, 4_800, 5_200), (1.0, 10_000, 10_000)] {
            let sampler = Sampler::new(ratio);
            let kept = (0..10_000).filter(|_| sampler.place(None, None, at(1)).is_some()).count();
            assert!((least..=most).contains(&kept), "{ratio}: {kept}");
        }
    }

    #[test]
    fn what_the_caller_decided_holds() {
        for ratio in [0.0, 1.0] {
            let sampler = Sampler::new(ratio);
            for decided in [true, false] {
                let context = sampler.place(Some(&caller(Some(decided))), None, at(1)).unwrap();
                assert_eq!((context.sampled, context.parent), (decided, Some(SpanId(9))));
                assert_eq!((context.trace, context.tracestate()), (TraceId(0), Some("a=b")));
            }
            let context = sampler.place(Some(&caller(None)), None, at(1)).unwrap();
            assert_eq!(context.sampled, ratio == 1.0);
        }
    }

    #[test]
    fn a_machine_that_asks_has_the_first_of_each_second() {
        let (sampler, machine, other) = (Sampler::new(0.0), Text::from("arn:m"), Text::from("arn:n"));
        let is_kept = |machine, second| sampler.place(None, Some(machine), at(second)).is_some();
        let kept = [is_kept(&machine, 1), is_kept(&machine, 1), is_kept(&other, 1), is_kept(&machine, 2)];
        assert_eq!(kept, [true, false, true, true]);
        assert!(!sampler.place(Some(&caller(None)), Some(&machine), at(2)).unwrap().sampled);
        assert!(sampler.place(Some(&caller(None)), Some(&machine), at(3)).unwrap().sampled);
    }

    #[test]
    fn a_trace_id_begins_with_its_time() {
        let context = Sampler::new(1.0).place(None, None, at(0x5759_e988)).unwrap();
        assert!(context.xray().starts_with("Root=1-5759e988-"), "{}", context.xray());
        assert_ne!(context.root.0, 0);
    }
}
