//! Names of routes and schedules, and of what they start.

use crate::Problem;

/// The longest name of a route or a schedule, in characters.
pub const NAME_CHARS_MAX: usize = 60;
/// The longest name of a workflow, with a version or an alias.
const WORKFLOW_CHARS_MAX: usize = 80 + 1 + 80;

/// Whether a text can be the name of a route or a schedule: letters, digits, `-` and `_`.
///
/// # Errors
/// It cannot.
pub fn check_name(name: &str) -> Result<(), Problem> {
    let fits = (1..=NAME_CHARS_MAX).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    let message = || format!("a name has 1 to {NAME_CHARS_MAX} letters, digits, '-' or '_'");
    if fits { Ok(()) } else { Err(Problem::at("/name", message())) }
}

/// Whether a text can name what is started: `NAME`, `NAME:VERSION` or `NAME:ALIAS`. Whether that is there is looked at
/// when it is started: it may be deployed later.
pub(crate) fn check_workflow(workflow: &str) -> Result<(), Problem> {
    let parts = || workflow.split(':');
    let is_part = |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_control() || c.is_whitespace());
    if workflow.chars().count() > WORKFLOW_CHARS_MAX || parts().count() > 2 || !parts().all(is_part) {
        return Err(Problem::at("/workflow", "this is no workflow: write NAME, NAME:VERSION or NAME:ALIAS"));
    }
    Ok(())
}
