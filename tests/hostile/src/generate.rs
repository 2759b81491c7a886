//! State machines by chance, in ASL: tasks and waits, passes and choices, Parallels and Maps of such lists, with Retry
//! and Catch, in both query languages.

use fastrand::Rng;
use serde_json::{Value, json};

/// How deep lists nest in each other.
const DEPTH_MAX: u32 = 3;

/// The input that the generated machines are made for.
pub const INPUT: &str = r#"{"items": [1, 2, 3, 4], "text": "a,b", "object": {"a": {"b": null}}}"#;

/// A machine. Whatever the chance, it compiles.
#[must_use]
pub fn definition(chance: &mut Rng) -> Value {
    let mut generator = Generator::new(chance, false);
    let mut machine = generator.machine();
    if generator.chance.u8(0..4) == 0 {
        machine["TimeoutSeconds"] = json!(generator.chance.u32(1..400));
    }
    machine
}

/// A machine in which nothing fails by itself and nothing is left to chance: as long as no task fails, what it comes to
/// does not depend on when they answer.
#[must_use]
pub fn steady_definition(chance: &mut Rng) -> Value {
    Generator::new(chance, true).machine()
}

struct Generator {
    chance: Rng,
    is_steady: bool,
    is_jsonata: bool,
    /// Lists so far: states of different lists must not have the same name.
    lists: u32,
}

impl Generator {
    fn new(chance: &mut Rng, is_steady: bool) -> Self {
        Self { is_jsonata: chance.u8(0..3) == 0, is_steady, chance: chance.fork(), lists: 0 }
    }

    fn machine(&mut self) -> Value {
        let mut machine = self.list(0);
        if self.is_jsonata {
            machine["QueryLanguage"] = json!("JSONata");
        }
        machine
    }

    fn list(&mut self, depth: u32) -> Value {
        let (list, count) = (self.lists, self.chance.usize(1..4));
        self.lists += 1;
        // Where a Catch leads; it must be reachable also where no state has one.
        let caught = format!("{list} caught");
        let rule = match self.is_jsonata {
            true => json!({"Condition": "{% $exists($states.input.skip) %}", "Next": caught}),
            false => json!({"Variable": "$.skip", "IsPresent": true, "Next": caught}),
        };
        let gate = json!({"Type": "Choice", "Default": format!("{list}.0"), "Choices": [rule]});
        let name = format!("{list} gate");
        let mut states = json!({name.as_str(): gate, caught.as_str(): {"Type": "Pass", "End": true}});
        for number in 0..count {
            let mut state = self.state(list, depth);
            if ["Task", "Parallel", "Map"].iter().any(|kind| state["Type"] == *kind) {
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

    fn state(&mut self, list: u32, depth: u32) -> Value {
        match self.chance.u32(if depth < DEPTH_MAX { 0..8 } else { 0..5 }) {
            0 => json!({"Type": "Wait", "Seconds": self.chance.u32(0..20)}),
            1 | 2 => json!({"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:f",
                "TimeoutSeconds": self.chance.u32(1..30)}),
            3 | 4 => self.pass(list),
            5 => {
                let branches: Vec<Value> = (0..self.chance.u32(1..4)).map(|_| self.list(depth + 1)).collect();
                json!({"Type": "Parallel", "Branches": branches})
            }
            _ => self.map(depth),
        }
    }

    fn pass(&mut self, list: u32) -> Value {
        // A list must not assign what a list around it assigns.
        let variable = format!("v{list}");
        let text = |text: &str| json!({"Type": "Pass", "Assign": {variable.as_str(): 1}, "Output": text});
        let drawn = if self.is_steady { self.chance.u32(0..2) } else { self.chance.u32(0..4) };
        match (self.is_jsonata, drawn) {
            (true, 2) => text("{% $merge([$states.input, {'n': $random()}]) %}"),
            (true, 1) => text("{% $states.input ~> |$|{'count': $count($states.input.items)}| %}"),
            (true, 3) => text("{% $states.input.items[0] / 0 %}"),
            (true, _) => text("{% $states.input %}"),
            (false, 3) => json!({"Type": "Pass", "ResultPath": "$.p", "Parameters": {"id.$": "States.UUID()"}}),
            (false, 1) => {
                json!({"Type": "Pass", "ResultPath": "$.p", "Assign": {format!("{variable}.$"): "$"}, "Parameters":
                {"list.$": "States.StringSplit($$.Execution.Input.text, ',')"}})
            }
            (false, 2) => json!({"Type": "Pass", "InputPath": "$.missing"}),
            (false, _) => json!({"Type": "Pass", "Result": {"n": [1, 2.50]}, "ResultPath": "$.p.q"}),
        }
    }

    fn map(&mut self, depth: u32) -> Value {
        let (concurrency, processor) = (self.chance.u32(0..3), self.list(depth + 1));
        let mut map = json!({"Type": "Map", "MaxConcurrency": concurrency, "ItemProcessor": processor});
        if self.is_jsonata {
            map["Items"] = json!("{% $states.context.Execution.Input.items %}");
            map["ItemSelector"] = json!({"item": "{% $states.context.Map.Item.Value %}", "items": [1, 2]});
        } else {
            map["ItemsPath"] = json!("$$.Execution.Input.items");
            map["ItemSelector"] = json!({"item.$": "$$.Map.Item.Value"});
        }
        if self.chance.u8(0..4) == 0 {
            map["ToleratedFailureCount"] = json!(self.chance.u32(0..3));
        }
        map
    }

    /// Adds a Retry, a Catch, both or neither.
    fn protect(&mut self, state: &mut Value, caught: &str) {
        let mut catch = json!({"ErrorEquals": ["States.ALL"], "Next": caught});
        if self.is_jsonata {
            state["Output"] = json!("{% $merge([$states.input, {'r': $states.result}]) %}");
        } else {
            state["ResultPath"] = json!("$.r");
            catch["ResultPath"] = json!("$.caught");
        }
        let chance = &mut self.chance;
        if chance.bool() {
            let jitter = if chance.bool() { "FULL" } else { "NONE" };
            state["Retry"] = json!([{"ErrorEquals": ["States.ALL"], "IntervalSeconds": chance.u32(1..5),
                "MaxAttempts": chance.u32(0..4), "BackoffRate": 1.5, "MaxDelaySeconds": 10, "JitterStrategy": jitter}]);
        }
        if chance.bool() {
            state["Catch"] = json!([catch]);
        }
    }
}
