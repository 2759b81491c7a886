//! The shard under all kinds of weather.

use super::programs::{call, catcher, fail, go_to, list, map, parallel, pass, program, retrier, task, wait};
use super::{seven, succeeded};
use crate::simulator::{Faults, Report, Response, Simulator};
use crate::{Call, Failure, Outcome, Program};
use fleetstep_machine::Kind;
use std::sync::Arc;
use std::time::Duration;

/// Some of everything that can wait.
fn programs() -> Vec<Arc<Program>> {
    let retried = || {
        let mut task = task(0);
        task.retry = Box::new([retrier(3)]);
        Kind::Task(task)
    };
    let caught = |next| {
        let mut task = task(1);
        task.catch = Box::new([catcher(next)]);
        Kind::Task(task)
    };
    let mut programs = vec![
        list(vec![pass()]),
        list(vec![retried(), wait(5), retried()]),
        list(vec![caught(1), wait(30), caught(3), call(2)]),
        program(vec![
            vec![parallel(&[1, 2, 3], Some(1)), retried()],
            vec![call(0)],
            vec![wait(2), call(1)],
            vec![retried()],
        ]),
        program(vec![vec![parallel(&[1, 2], Some(1)), wait(1), go_to(0)], vec![wait(100)], vec![call(1), fail()]]),
        program(vec![vec![map(9, 1, Some(1)), map(0, 1, None), call(2)], vec![call(1), wait(1), retried()]]),
        // Spins for as long as its other branch waits, then is caught.
        program(vec![vec![parallel(&[1, 2], Some(1)), wait(1)], vec![go_to(2)], vec![wait(0), fail()]]),
    ];
    programs.push(Program { timeout: Some(Duration::from_secs(3)), ..list(vec![wait(2), call(0), wait(2)]) });
    programs.into_iter().map(Arc::new).collect()
}

fn host(call: &Call) -> Response {
    match call.task.0 {
        0 => Response::at_once(Ok(call.input.clone())),
        1 => Response::after(Duration::from_millis(7), Ok(call.input.clone())),
        _ => Response::after(Duration::from_secs(2), Ok(call.input.clone())),
    }
}

fn simulate(seed: u64, faults: Faults, executions: usize, executions_running_max: usize) -> Report {
    let programs = programs();
    let mut chance = fastrand::Rng::with_seed(seed);
    let mut simulator = Simulator::new(seed).host(host).faults(faults).executions_running_max(executions_running_max);
    for _ in 0..executions {
        let program = Arc::clone(&programs[chance.usize(..programs.len())]);
        simulator = simulator.start(Duration::from_millis(chance.u64(..30_000)), program, seven());
    }
    simulator.run().unwrap_or_else(|broken| panic!("{broken}"))
}

#[test]
fn promises_hold_whatever_happens() {
    let mut timed_out = 0;
    let mut failed = 0;
    let mut aborted = 0;
    let mut succeeded = 0;
    for seed in 0..150 {
        for finished in simulate(seed, Faults::ALL, 30, usize::MAX).executions {
            match finished.expect("there is room").outcome {
                Outcome::Succeeded(_) => succeeded += 1,
                Outcome::Failed(_) => failed += 1,
                Outcome::TimedOut(_) => timed_out += 1,
                Outcome::Aborted(_) => aborted += 1,
            }
        }
    }
    // Otherwise the weather was not what it should be.
    assert!([timed_out, failed, aborted, succeeded].into_iter().all(|count| count > 100));
}

#[test]
fn nobody_is_let_in_beyond_the_limit_and_everyone_else_ends() {
    for seed in 0..40 {
        let report = simulate(seed, Faults::ALL, 60, 10);
        let refused = report.executions.iter().filter(|execution| execution.is_none()).count();
        assert!(refused > 0 && refused < 50, "seed {seed}: {refused} refused");
    }
}

#[test]
fn the_same_seed_gives_the_same_course() {
    for seed in 0..20 {
        assert_eq!(simulate(seed, Faults::ALL, 30, 20), simulate(seed, Faults::ALL, 30, 20));
    }
    assert_ne!(simulate(1, Faults::ALL, 30, 20).trace, simulate(2, Faults::ALL, 30, 20).trace);
}

#[test]
fn in_fair_weather_times_are_exact() {
    let program = Arc::new(list(vec![wait(3), call(2), wait(4)]));
    let simulator = Simulator::new(1).host(host).start(Duration::ZERO, program, seven());
    let report = simulator.run().unwrap_or_else(|broken| panic!("{broken}"));
    let finished = report.executions[0].as_ref().expect("there is room");
    assert_eq!(finished.outcome, succeeded());
    assert_eq!(finished.stopped.since(finished.started), Duration::from_secs(9));
    assert_eq!(report.calls, 1);
}

/// What the checks are worth: a simulation that does not end is noticed, and says its seed.
#[test]
fn what_does_not_end_is_told() {
    let endless = Arc::new(list(vec![call(0), go_to(0)]));
    let simulator = Simulator::new(11).steps_max(1_000).host(host).start(Duration::ZERO, endless, seven());
    let broken = simulator.run().expect_err("it never waits, so that time stands still");
    assert_eq!(broken.to_string(), "seed 11, step 1001: it does not end");
}

#[test]
fn a_failing_host_fails_the_execution() {
    let program = Arc::new(list(vec![call(0)]));
    let refuse = |_: &Call| Response::at_once(Err(Failure::new("Refused", "no")));
    let report = Simulator::new(1).host(refuse).start(Duration::ZERO, program, seven()).run();
    let report = report.unwrap_or_else(|broken| panic!("{broken}"));
    let outcome = report.executions[0].as_ref().map(|finished| &finished.outcome);
    assert_eq!(outcome, Some(&Outcome::Failed(Failure::new("Refused", "no"))));
}
