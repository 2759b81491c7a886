//! What an execution costs while it waits.

use super::programs::{call, list, wait};
use crate::flight::Flight;
use crate::shard::{Output, Shard};
use crate::simulator::BEGINNING;
use fleetstep_document::Document;
use fleetstep_machine::{Execution, ExecutionStart, HistoryLevel, Identity, Outcome, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// What the drivers add to an execution that waits: its slot, its places in the timer queue, its rope. It has no
/// task, and no table of its own unless several of its branches wait.
#[test]
fn a_parked_execution_is_small() {
    let all = Shard::<Flight>::EXECUTION_BYTES + size_of::<usize>();
    let added = all - size_of::<Execution>();
    assert!(added <= 184, "{added}");
    // With the execution itself, which the machine keeps within 256.
    assert!(all <= 440, "{all}");
}

fn begin(identity: &Arc<Identity>) -> ExecutionStart {
    let (identity, input, history) = (Arc::clone(identity), Document::NULL, HistoryLevel::Off);
    ExecutionStart { input, identity, seed: 1, started: BEGINNING, history }
}

/// A million executions wait at once, and all of them end.
#[test]
fn a_million_wait() {
    const EXECUTIONS: usize = 1_000_000;
    let program = Arc::new(list(vec![wait(60)]));
    let identity = Arc::default();
    let mut shard = Shard::<()>::default();
    for _ in 0..EXECUTIONS {
        shard.start(Arc::clone(&program), begin(&identity), (), BEGINNING);
    }
    assert_eq!(shard.len(), EXECUTIONS);
    let end = BEGINNING.after(Duration::from_secs(60));
    assert_eq!(shard.next_wake(), Some(end));
    assert_eq!(shard.wake(Timestamp::from_micros(end.as_micros() - 1), EXECUTIONS), 0);
    assert_eq!(shard.wake(end, EXECUTIONS), EXECUTIONS);
    let mut ended = 0;
    while let Some(Output::Finished { outcome, .. }) = shard.next_output() {
        assert!(matches!(outcome, Outcome::Succeeded(_)));
        ended += 1;
    }
    assert_eq!(ended, EXECUTIONS);
    assert!(shard.is_empty());
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
        assert!(shard.timers() < 2_000, "{}", shard.timers());
    }
}
