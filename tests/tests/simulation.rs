//! Definitions in a world that fails, dawdles, forgets, answers twice and wakes late: the simulator's promises hold for
//! every seed, and a seed says everything that happens.
//!
//! `FLEETSTEP_SEED=7` plays one seed alone.

use crate::workflows::{cases, compiled, json};
use fleetstep_document::Document;
use fleetstep_engine::simulator::{Broken, Faults, Report, Response, Simulator};
use fleetstep_engine::{Call, Failure, Program};
use fleetstep_tests::markdown::Block;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const SEEDS: u64 = 300;
const EXECUTIONS_MAX: usize = 8;
/// How deep generated definitions nest.
const DEPTH_MAX: u32 = 3;

/// Makes definitions in ASL: tasks and waits, Parallels and Maps of such lists, with Retry and Catch.
struct Generator {
    chance: fastrand::Rng,
    /// Lists so far: states of different lists must not have the same name.
    lists: u32,
}

impl Generator {
    fn list(&mut self, depth: u32) -> Value {
        let (list, count) = (self.lists, self.chance.usize(1..4));
        self.lists += 1;
        // Where a Catch leads; it must be reachable also where no state has one.
        let caught = format!("{list} caught");
        let gate = json!({"Type": "Choice", "Default": format!("{list}.0"),
            "Choices": [{"Variable": "$.skip", "IsPresent": true, "Next": caught}]});
        let name = format!("{list} gate");
        let mut states = json!({name.as_str(): gate, caught.as_str(): {"Type": "Pass", "End": true}});
        for number in 0..count {
            let mut state = self.state(depth);
            if state["Type"] != "Wait" {
                self.protect(&mut state, &caught);
            }
            match number + 1 == count {
                true => state["End"] = json!(true),
                false => state["Next"] = json!(format!("{list}.{}", number + 1)),
            }
            states[format!("{list}.{number}")] = state;
        }
        json!({"StartAt": name, "States": states})
    }

    fn state(&mut self, depth: u32) -> Value {
        match self.chance.u32(if depth < DEPTH_MAX { 0..6 } else { 0..3 }) {
            0 => json!({"Type": "Wait", "Seconds": self.chance.u32(0..20)}),
            1 | 2 => json!({"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:f",
                "TimeoutSeconds": self.chance.u32(1..30)}),
            3 => {
                let branches: Vec<Value> = (0..self.chance.u32(1..4)).map(|_| self.list(depth + 1)).collect();
                json!({"Type": "Parallel", "Branches": branches})
            }
            _ => json!({"Type": "Map", "ItemsPath": "$$.Execution.Input.items",
                "MaxConcurrency": self.chance.u32(0..3), "ItemSelector": {"item.$": "$$.Map.Item.Value"},
                "ItemProcessor": self.list(depth + 1)}),
        }
    }

    /// Adds a Retry, a Catch, both or neither.
    fn protect(&mut self, state: &mut Value, caught: &str) {
        state["ResultPath"] = json!("$.r");
        let chance = &mut self.chance;
        if chance.bool() {
            let jitter = if chance.bool() { "FULL" } else { "NONE" };
            state["Retry"] = json!([{"ErrorEquals": ["States.ALL"], "IntervalSeconds": chance.u32(1..5),
                "MaxAttempts": chance.u32(0..4), "BackoffRate": 1.5, "MaxDelaySeconds": 10, "JitterStrategy": jitter}]);
        }
        if chance.bool() {
            state["Catch"] = json!([{"ErrorEquals": ["States.ALL"], "ResultPath": "$.caught", "Next": caught}]);
        }
    }
}

fn generated(chance: &mut fastrand::Rng) -> Arc<Program> {
    let text = Generator { chance: chance.fork(), lists: 0 }.list(0).to_string();
    let block = Block { language: "json".to_owned(), role: "definition".to_owned(), text };
    match compiled(&block) {
        Ok(compiled) => Arc::new(compiled.program),
        Err(errors) => panic!("a generated definition is refused:\n{errors}\n{}", block.text),
    }
}

/// The programs of the data tests, with their inputs.
fn written() -> Vec<(Arc<Program>, Document)> {
    let programs = cases().into_iter().filter_map(|(case, definition)| {
        let input = case.block("input").map_or_else(Document::empty_object, |block| json(&block.text));
        Some((Arc::new(compiled(&definition).ok()?.program), input))
    });
    programs.collect()
}

fn host(mut chance: fastrand::Rng) -> impl FnMut(&Call) -> Response {
    move |call| {
        let answer = match chance.u32(0..4) {
            0 => Err(Failure::new("Busy", "try again")),
            _ => Ok(call.input.clone()),
        };
        Response::after(Duration::from_millis(chance.u64(0..3_000)), answer)
    }
}

fn play(seed: u64, written: &[(Arc<Program>, Document)]) -> Result<Report, Broken> {
    let mut chance = fastrand::Rng::with_seed(seed);
    let executions = chance.usize(1..=EXECUTIONS_MAX);
    let mut simulator = Simulator::new(seed).faults(if chance.u8(0..4) == 0 { Faults::NONE } else { Faults::ALL });
    simulator = simulator.executions_running_max(chance.usize(1..=EXECUTIONS_MAX));
    for _ in 0..executions {
        let after = Duration::from_millis(chance.u64(0..60_000));
        let (program, input) = match chance.bool() {
            true => written[chance.usize(0..written.len())].clone(),
            false => (generated(&mut chance), json(r#"{"items": [1, 2, 3, 4]}"#)),
        };
        simulator = simulator.start(after, program, input);
    }
    simulator.host(host(chance.fork())).run()
}

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
    let written = written();
    let alone = std::env::var("FLEETSTEP_SEED").ok().map(|seed| seed.parse::<u64>().expect("a number"));
    let seeds = alone.map_or(0..SEEDS, |seed| seed..seed + 1);
    let (mut finished, mut calls) = (0, 0);
    for seed in seeds {
        let _playing = Playing(seed);
        let report = play(seed, &written).unwrap_or_else(|broken| panic!("{broken}"));
        assert_eq!(Ok(&report), play(seed, &written).as_ref(), "the same seed, another course");
        finished += report.executions.iter().flatten().count();
        calls += report.calls;
    }
    assert!(alone.is_some() || (finished > 500 && calls > 5_000), "{finished} executions, {calls} calls");
}
