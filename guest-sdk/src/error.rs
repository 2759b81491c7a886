//! What a failed task says.

use std::convert::Infallible;
use std::fmt;

/// Why a task failed: the name that `Retry` and `Catch` compare with, and a message for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskError {
    /// The error's name, for example `OutOfStock`: the workflow's `Error`.
    pub error: String,
    /// What went wrong: the `errorMessage` in the workflow's `Cause`.
    pub message: String,
}

impl TaskError {
    /// An error with this name and message.
    pub fn new(error: impl Into<String>, message: impl Into<String>) -> Self {
        Self { error: error.into(), message: message.into() }
    }
}

impl fmt::Display for TaskError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.error, self.message)
    }
}

impl std::error::Error for TaskError {}

/// JSON within the task's own data that cannot be read or written.
impl From<serde_json::Error> for TaskError {
    fn from(error: serde_json::Error) -> Self {
        Self::new("InvalidJson", error.to_string())
    }
}

/// For a task that cannot fail.
impl From<Infallible> for TaskError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_its_name_and_its_message() {
        assert_eq!(TaskError::new("OutOfStock", "no cups").to_string(), "OutOfStock: no cups");
    }

    #[test]
    fn json_errors_keep_the_place() {
        let error = serde_json::from_str::<u32>("{").expect_err("not a number");
        let error = TaskError::from(error);
        assert_eq!(error.error, "InvalidJson");
        assert!(error.message.contains("line 1 column"), "{}", error.message);
    }
}
