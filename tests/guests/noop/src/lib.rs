//! Does nothing: what a call costs without the guest's own work.

use fleetstep_guest::TaskError;

#[fleetstep_guest::task]
fn noop() -> Result<(), TaskError> {
    Ok(())
}
