//! Sleeps, then returns its payload: a task by the SDK that uses WASI, so it is built for `wasm32-wasip2`.

use fleetstep_guest::{TaskError, env};
use serde_json::value::RawValue;
use std::time::Duration;

/// Sleeps for as many seconds as the variable `SECONDS` says, or for one minute.
#[fleetstep_guest::task]
fn sleep(event: &RawValue) -> Result<Box<RawValue>, TaskError> {
    let seconds = env("SECONDS").map_or(Ok(60), |seconds| seconds.parse());
    let seconds = seconds.map_err(|error| TaskError::new("NotConfigured", format!("the variable SECONDS: {error}")))?;
    std::thread::sleep(Duration::from_secs(seconds));
    Ok(event.to_owned())
}
