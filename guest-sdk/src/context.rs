//! Which call of which execution a task is in.

use std::time::Duration;

/// The call that a task is in. Each question goes to the host when it is asked, so a task pays only for what it asks.
///
/// A native test makes one from a `TestCall`.
#[derive(Debug)]
pub struct Context {
    #[cfg(not(target_arch = "wasm32"))]
    call: TestCall,
    #[cfg(target_arch = "wasm32")]
    _made_by_the_sdk: (),
}

/// Answers a question of the context: by the host, or in a native build by the test's own facts.
#[cfg(target_arch = "wasm32")]
macro_rules! ask {
    ($context:ident, $question:ident) => {
        crate::bindings::fleetstep::task::context::$question()
    };
}
#[cfg(not(target_arch = "wasm32"))]
macro_rules! ask {
    ($context:ident, $question:ident) => {
        $context.call.$question.clone()
    };
}

impl Context {
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn of_call() -> Self {
        Self { _made_by_the_sdk: () }
    }

    /// ARN of the execution.
    pub fn execution_arn(&self) -> String {
        ask!(self, execution_arn)
    }

    /// Name of the execution.
    pub fn execution_name(&self) -> String {
        ask!(self, execution_name)
    }

    /// ARN of the state machine.
    pub fn state_machine_arn(&self) -> String {
        ask!(self, state_machine_arn)
    }

    /// Name of the state that calls.
    pub fn state_name(&self) -> String {
        ask!(self, state_name)
    }

    /// How often this state was tried before: 0 at the first call, 1 at the first retry.
    pub fn retry_count(&self) -> u32 {
        ask!(self, retry_count)
    }

    /// How long the host lets the call run from now on.
    pub fn remaining(&self) -> Duration {
        Duration::from_millis(ask!(self, remaining_ms))
    }
}

/// What a native test wants its task to be told: `TestCall { retry_count: 2, ..TestCall::default() }.context()`.
#[cfg(not(target_arch = "wasm32"))]
#[derive(Debug, Clone)]
pub struct TestCall {
    /// ARN of the execution.
    pub execution_arn: String,
    /// Name of the execution.
    pub execution_name: String,
    /// ARN of the state machine.
    pub state_machine_arn: String,
    /// Name of the state that calls.
    pub state_name: String,
    /// How often the state was tried before.
    pub retry_count: u32,
    /// Milliseconds until the host ends the call.
    pub remaining_ms: u64,
}

#[cfg(not(target_arch = "wasm32"))]
impl TestCall {
    /// The context of this call.
    pub fn context(self) -> Context {
        Context { call: self }
    }
}

/// The first try of a state `Task` with a minute left.
#[cfg(not(target_arch = "wasm32"))]
impl Default for TestCall {
    fn default() -> Self {
        Self {
            execution_arn: "arn:aws:states:us-east-1:000000000000:express:test:test:0".to_owned(),
            execution_name: "test".to_owned(),
            state_machine_arn: "arn:aws:states:us-east-1:000000000000:stateMachine:test".to_owned(),
            state_name: "Task".to_owned(),
            retry_count: 0,
            remaining_ms: 60_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_call_is_what_the_task_is_told() {
        let context = TestCall { retry_count: 2, remaining_ms: 1500, ..TestCall::default() }.context();
        assert_eq!(context.retry_count(), 2);
        assert_eq!(context.remaining(), Duration::from_millis(1500));
        assert_eq!(context.state_name(), "Task");
    }
}
