//! What an execution costs while it waits.

use super::programs::{call, list, wait};
use crate::flight::Flight;
use crate::shard::{Output, Shard};
use crate::simulator::BEGINNING;
use fleetstep_document::Document;
use fleetstep_machine::{ExecutionStart, HistoryLevel, Identity, Outcome};
use std::sync::Arc;
use std::time::Duration;

/// All that is kept of an execution that waits, beside its documents: its slot and its entry in the timer wheel. It has
/// no task, and no table of its own unless it has branches. Eight bytes of it are what it used so far.
#[test]
fn a_parked_execution_is_small() {
    let all = Shard::<Flight>::EXECUTION_BYTES;
    assert!(all <= 208, "{all}");
}

fn begin(identity: &Arc<Identity>) -> ExecutionStart {
    begin_with(identity, Document::NULL)
}

fn begin_with(identity: &Arc<Identity>, input: Document) -> ExecutionStart {
    let (identity, history) = (Arc::clone(identity), HistoryLevel::Off);
    ExecutionStart { input, identity, seed: 1, started: BEGINNING, history }
}

/// A million executions wait at once, and all of them end when they should, each with its own output.
#[test]
fn a_million_wait() {
    const EXECUTIONS: u32 = 1_000_000;
    let program = Arc::new(list(vec![wait(60)]));
    let identity = Arc::default();
    let mut shard = Shard::<u32>::default();
    for number in 0..EXECUTIONS {
        // A thousand each microsecond.
        let now = BEGINNING.after(Duration::from_micros((number / 1_000).into()));
        let start = ExecutionStart { started: now, ..begin_with(&identity, Document::from(number)) };
        shard.start(Arc::clone(&program), start, number, now);
    }
    assert_eq!(shard.len(), EXECUTIONS as usize);
    let first = BEGINNING.after(Duration::from_secs(60));
    let mut ended = vec![false; EXECUTIONS as usize];
    for micros in 0..1_000 {
        let now = first.after(Duration::from_micros(micros));
        assert!(shard.next_wake() <= Some(now));
        let mut woken = shard.wake(now, 64);
        while shard.is_waking() || shard.next_wake().is_some_and(|at| at <= now) {
            woken += shard.wake(now, 64);
        }
        assert_eq!(woken, 1_000);
        while let Some(Output::Finished { outcome, attachment: number, .. }) = shard.next_output() {
            assert_eq!(outcome, Outcome::Succeeded(Document::from(number)));
            assert_eq!(u64::from(number / 1_000), micros);
            assert!(!std::mem::replace(&mut ended[number as usize], true));
        }
    }
    assert!(shard.is_empty() && ended.into_iter().all(|ended| ended));
    assert_eq!(shard.next_wake(), None);
}

/// Executions that end soon leave no five-minute timers behind.
#[test]
fn short_executions_leave_no_timers() {
    let program = Arc::new(list(vec![call(0)]));
    let identity = Arc::default();
    let mut shard = Shard::<()>::default();
    for _ in 0..20_000 {
        shard.start(Arc::clone(&program), begin(&identity), (), BEGINNING);
        let Some(Output::Call { key, ticket, call }) = shard.next_output() else { panic!("it calls") };
        shard.reply(key, ticket, Ok(call.input), BEGINNING);
        assert!(matches!(shard.next_output(), Some(Output::Finished { .. })));
        assert_eq!(shard.timers(), 0);
    }
}
