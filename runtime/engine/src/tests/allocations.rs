//! What the engine allocates around an execution that never waits: nothing.

use super::programs::{list, pass};
use super::{echo, engine, start};
use crate::Start;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

#[tokio::test(start_paused = true)]
async fn an_execution_that_never_waits_allocates_nothing() {
    let engine = engine(9);
    let made = start(list(vec![pass(), pass(), pass()]), echo);
    for _ in 0..2 {
        let (program, host) = (Arc::clone(&made.program), Arc::clone(&made.host));
        let (identity, input) = (Arc::clone(&made.identity), made.input.clone());
        let start = Start { program, host, identity, input, seed: 1, history: None };
        let counted = allocation_counter::measure(|| {
            let mut run = std::pin::pin!(engine.run(start));
            let polled = run.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(matches!(polled, Poll::Ready(Ok(_))), "it had to wait");
        });
        assert_eq!(counted.count_total, 0);
    }
}
