//! What is wrong with a spec: all of it at once, each with its place.

use std::fmt;

/// Something in a spec that cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// JSON pointer within the spec.
    pub location: String,
    /// Where within the text that stands there, in bytes; for an expression, where its parser stopped.
    pub offset: Option<usize>,
    /// What is wrong, for the one who wrote it.
    pub message: String,
}

impl Problem {
    /// One about a member as a whole.
    pub(crate) fn at(location: impl Into<String>, message: impl Into<String>) -> Self {
        Self { location: location.into(), offset: None, message: message.into() }
    }

    /// One about a place within the text of a member.
    pub(crate) fn within(location: impl Into<String>, offset: usize, message: impl Into<String>) -> Self {
        Self { offset: Some(offset), ..Self::at(location, message) }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { location, offset, message } = self;
        match offset {
            Some(offset) => write!(f, "{location}, at {offset}: {message}"),
            None if location.is_empty() => f.write_str(message),
            None => write!(f, "{location}: {message}"),
        }
    }
}

/// All that is wrong with a spec; never empty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("; ")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

/// The problems that were found so far.
#[derive(Default)]
pub(crate) struct Found(Vec<Problem>);

impl Found {
    pub(crate) fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// What was read; where it could not be, a problem, and nothing.
    pub(crate) fn take<T>(&mut self, read: Result<T, Problem>) -> Option<T> {
        read.map_err(|problem| self.push(problem)).ok()
    }

    /// Fails if anything was found.
    pub(crate) fn finish(self) -> Result<(), Problems> {
        if self.0.is_empty() { Ok(()) } else { Err(Problems(self.0)) }
    }
}
