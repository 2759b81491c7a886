//! A task by the SDK.

use fleetstep_guest::TaskError;
use serde_json::Value;

/// Does what its event says.
#[fleetstep_guest::task]
fn reach(event: Value) -> Result<Value, TaskError> {
    reach::act(&event).map_err(|reason| TaskError::new("CannotReach", reason))
}
