//! Who asks for a history gets every event, in order, whoever drives the execution; who does not, gets none.

use super::programs::{call, list, parallel, program, wait};
use super::{echo, engine, seven, slow_echo, start, succeeded, succeeded_each};
use crate::{Happening, History, HistoryEvent, HistoryLevel, HistorySink, Outcome, Start};
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot;

/// Keeps the batches that it is given.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<HistoryEvent>>>);

impl HistorySink for Kept {
    fn take(&mut self, events: &mut Vec<HistoryEvent>) {
        assert!(!events.is_empty(), "a batch holds something");
        self.0.lock().unwrap().append(events);
    }
}

impl Kept {
    fn asked(&self, level: HistoryLevel, start: Start) -> Start {
        Start { history: Some(History { level, sink: Box::new(self.clone()) }), ..start }
    }

    fn ids(&self) -> Vec<u64> {
        self.0.lock().unwrap().iter().map(|event| event.id).collect()
    }

    fn last(&self) -> Option<Happening> {
        self.0.lock().unwrap().last().map(|event| event.what.clone())
    }
}

#[tokio::test(start_paused = true)]
async fn attended_events_come_in_order_and_before_the_end() {
    let kept = Kept::default();
    let waiting = start(list(vec![wait(1), call(0)]), slow_echo);
    let finished = engine(10).run(kept.asked(HistoryLevel::All, waiting)).await.unwrap();
    assert_eq!(finished.outcome, succeeded());
    // Started; entered, left; entered, scheduled, started, succeeded, left; succeeded.
    assert_eq!(kept.ids(), (1..=9).collect::<Vec<_>>());
    assert_eq!(kept.last(), Some(Happening::ExecutionSucceeded { output: seven() }));
}

#[tokio::test(start_paused = true)]
async fn unattended_events_come_in_order_and_before_the_end() {
    let kept = Kept::default();
    let forked = program(vec![vec![parallel(&[1, 2], None)], vec![call(0)], vec![wait(1)]]);
    let (told, ended) = oneshot::channel();
    let (seen, expected) = (kept.clone(), succeeded_each(2));
    let on_finish = Box::new(move |finished: crate::Finished| {
        assert_eq!(finished.outcome, expected);
        told.send(seen.last()).unwrap();
    });
    let engine = engine(10);
    engine.start(kept.asked(HistoryLevel::All, start(forked, slow_echo)), on_finish).unwrap();
    assert!(matches!(ended.await.unwrap(), Some(Happening::ExecutionSucceeded { .. })));
    let ids = kept.ids();
    assert_eq!(ids, (1..=ids.len() as u64).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_lower_level_leaves_out_but_does_not_renumber() {
    let kept = Kept::default();
    let failing = start(list(vec![call(0)]), |_| crate::Reply::Ready(Err(crate::Failure::named("Broken"))));
    let outcome = engine(10).run(kept.asked(HistoryLevel::Error, failing)).await.unwrap().outcome;
    assert_eq!(outcome, Outcome::Failed(crate::Failure::named("Broken")));
    // TaskFailed and ExecutionFailed; Started, Entered, Scheduled and Started are told at ALL only.
    assert_eq!(kept.ids(), [5, 6]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_collected_when_nobody_asks() {
    let kept = Kept::default();
    engine(10).run(kept.asked(HistoryLevel::Off, start(list(vec![call(0)]), echo))).await.unwrap();
    assert!(kept.ids().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_panics_does_not_end_the_execution() {
    struct Broken;
    impl HistorySink for Broken {
        fn take(&mut self, _: &mut Vec<HistoryEvent>) {
            panic!("on purpose")
        }
    }
    let history = Some(History { level: HistoryLevel::All, sink: Box::new(Broken) });
    let finished = engine(10).run(Start { history, ..start(list(vec![call(0)]), echo) }).await.unwrap();
    assert_eq!(finished.outcome, succeeded());
}
