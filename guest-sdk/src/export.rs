//! What `#[task]` writes into a module calls this; nothing else does.

pub use crate::bindings::*;
use crate::{Context, TaskError as Failure};
use serde::{Deserialize, Serialize};

/// Before the task runs.
pub fn begin() {
    #[cfg(feature = "panic-log")]
    std::panic::set_hook(Box::new(|panic| crate::log::error!("{panic}")));
}

/// The context for a task that takes one.
pub fn context() -> Context {
    Context::of_call()
}

/// The event as the task's input. The error's name is the one that Lambda's own runtimes give.
pub fn read<'event, Input: Deserialize<'event>>(event: &'event str) -> Result<Input, TaskError> {
    serde_json::from_str(event).map_err(|error| said(Failure::new("Runtime.UnmarshalError", error.to_string())))
}

/// What the task answered, as text for the host.
pub fn answer<Output: Serialize, E: Into<Failure>>(answer: Result<Output, E>) -> Result<String, TaskError> {
    let output = answer.map_err(|error| said(error.into()))?;
    serde_json::to_string(&output).map_err(|error| said(Failure::new("Runtime.MarshalError", error.to_string())))
}

fn said(failure: Failure) -> TaskError {
    TaskError { error: failure.error, message: failure.message }
}
