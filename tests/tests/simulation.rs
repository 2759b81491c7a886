//! The promises of whole engines, over a few hundred seeds; `--bin simulate` plays as many as there is time for.
//!
//! `FLEETSTEP_SEED=7` plays one seed alone.

use fleetstep_tests::simulation::{Written, play};

const SEEDS: u64 = 300;

/// Says which seed a panic came from; a broken promise says it itself.
struct Playing(u64);

impl Drop for Playing {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("play it alone with FLEETSTEP_SEED={}", self.0);
        }
    }
}

#[test]
fn every_seed_keeps_the_promises_and_plays_the_same_twice() {
    let written = Written::read();
    assert!(written.count() >= 30, "{} machines", written.count());
    let alone = std::env::var("FLEETSTEP_SEED").ok().map(|seed| seed.parse::<u64>().expect("a number"));
    let seeds = alone.map_or(0..SEEDS, |seed| seed..seed + 1);
    let (mut finished, mut calls, mut run_again) = (0, 0, 0);
    for seed in seeds {
        let _playing = Playing(seed);
        let played = play(seed, &written).unwrap_or_else(|broken| panic!("{broken}"));
        finished += played.finished;
        calls += played.calls;
        run_again += played.run_again;
    }
    let is_much = finished > 1_000 && calls > 5_000 && run_again > 20;
    assert!(alone.is_some() || is_much, "{finished} executions, {calls} calls, {run_again} run again");
}
