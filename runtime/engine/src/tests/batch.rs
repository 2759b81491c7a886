//! Many started at once.

use super::programs::{call, list, pass, wait};
use super::{duration, echo, engine, silent, slow_echo, start, succeeded};
use crate::{BATCH_STARTS_MAX, Call, Engine, Failure, Finished, OnFinish, Outcome, Program, Reply, Saturated, Start};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What ended, by its place in the batch, in the order in which it was told.
type Ends = Arc<Mutex<Vec<(usize, Finished)>>>;

fn noting(ends: &Ends, place: usize) -> OnFinish {
    let ends = Arc::clone(ends);
    Box::new(move |finished| ends.lock().expect("no test panics with it").push((place, finished)))
}

fn batch(ends: &Ends, starts: impl IntoIterator<Item = Start>) -> Vec<(Start, OnFinish)> {
    starts.into_iter().enumerate().map(|(place, start)| (start, noting(ends, place))).collect()
}

fn ended(ends: &Ends) -> Vec<(usize, Finished)> {
    let mut ended = ends.lock().expect("no test panics with it").clone();
    ended.sort_by_key(|(place, _)| *place);
    ended
}

/// A hundred in one batch, of which some never wait, some sleep and some call.
#[tokio::test(start_paused = true)]
async fn each_ends_as_if_it_had_been_started_alone() {
    let engine = engine(100);
    let ends = Ends::default();
    let (host, kinds): (fn(Call) -> Reply, _) = (slow_echo, 4);
    let program = |place: usize| match place % kinds {
        0 => list(vec![pass()]),
        1 => list(vec![wait(5)]),
        2 => list(vec![call(0), pass()]),
        _ => list((0..1_500).map(|_| pass()).collect()),
    };
    let handles = engine.start_batch(batch(&ends, (0..100).map(|place| start(program(place), host))));
    assert_eq!(handles.len(), 100);
    assert!(handles.iter().all(Result::is_ok));
    assert_eq!(ended(&ends).len(), 25, "what never waits is over when the batch is started");
    assert_eq!(engine.drain(Duration::from_secs(60)).await, 0);
    let ended = ended(&ends);
    assert_eq!(ended.len(), 100);
    for (at, (place, finished)) in ended.into_iter().enumerate() {
        assert_eq!(at, place, "each is told once");
        assert_eq!(finished.outcome, succeeded());
        assert_eq!(duration(&finished).as_secs(), [0, 5, 1, 0][place % kinds]);
    }
}

/// The handles are in the order of the starts.
#[tokio::test(start_paused = true)]
async fn each_handle_is_of_its_own_execution() {
    let engine = engine(70);
    let ends = Ends::default();
    let handles = engine.start_batch(batch(&ends, (0..70).map(|_| start(list(vec![call(0)]), silent))));
    for (place, handle) in handles.into_iter().enumerate() {
        if place.is_multiple_of(7) {
            handle.expect("there is room").abort(Failure::named("Enough"));
        }
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let places: Vec<_> = ended(&ends).iter().map(|(place, _)| *place).collect();
    assert_eq!(places, (0..70).step_by(7).collect::<Vec<_>>());
    assert!(ended(&ends).iter().all(|(_, finished)| finished.outcome == Outcome::Aborted(Failure::named("Enough"))));
    assert_eq!(engine.running(), 60);
}

fn let_in(engine: &Engine, ends: &Ends, program: fn() -> Program, starts: usize) -> Vec<bool> {
    let starts = batch(ends, (0..starts).map(|_| start(program(), echo)));
    engine.start_batch(starts).into_iter().map(|handle| !matches!(handle, Err(Saturated))).collect()
}

#[tokio::test(start_paused = true)]
async fn what_there_is_no_room_for_is_refused() {
    let (engine, ends) = (engine(40), Ends::default());
    let sleeping = || list(vec![wait(5)]);
    assert_eq!(let_in(&engine, &ends, sleeping, 30), [true; 30]);
    let second = let_in(&engine, &ends, sleeping, 20);
    assert_eq!(second, [[true; 10], [false; 10]].concat(), "the first come in");
    assert_eq!(engine.running(), 40);
    assert_eq!(let_in(&engine, &ends, sleeping, 1), [false]);
    assert_eq!(let_in(&engine, &ends, sleeping, 0), []);
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!((engine.running(), ended(&ends).len()), (0, 40));
    assert_eq!(engine.drain(Duration::ZERO).await, 0);
    assert_eq!(let_in(&engine, &ends, sleeping, 2), [false; 2], "a drained engine lets no one in");
    assert_eq!(engine.running(), 0, "nor does it count whom it refused");
}

#[tokio::test(start_paused = true)]
async fn a_batch_has_a_bound() {
    let (engine, ends) = (engine(2 * BATCH_STARTS_MAX), Ends::default());
    let let_in = let_in(&engine, &ends, || list(vec![pass()]), BATCH_STARTS_MAX + 5);
    assert!(let_in[..BATCH_STARTS_MAX].iter().all(|is_in| *is_in));
    assert!(let_in[BATCH_STARTS_MAX..].iter().all(|is_in| !*is_in));
    assert_eq!(ended(&ends).len(), BATCH_STARTS_MAX);
}
