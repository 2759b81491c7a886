//! How a state, and with it an execution, fails.

use fleetstep_document::{Document, ObjectBuilder, Text};

/// A failure as `Retry` and `Catch` see it. A Fail state may leave either part out, and so does the answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// The error's name, for example `States.Timeout`.
    pub error: Option<Text>,
    /// What happened, for people; from a function it is the text of a JSON object.
    pub cause: Option<Text>,
}

impl Failure {
    /// A failure with a name and a cause.
    #[must_use]
    pub fn new(error: impl Into<Text>, cause: impl Into<Text>) -> Self {
        Self { error: Some(error.into()), cause: Some(cause.into()) }
    }

    /// A failure that has a name only, as `States.Timeout` has.
    #[must_use]
    pub fn named(error: impl Into<Text>) -> Self {
        Self { error: Some(error.into()), cause: None }
    }

    /// `{"Error": …, "Cause": …}`, what a Catch hands on; a missing part is the empty string.
    #[must_use]
    pub fn error_output(&self) -> Document {
        let part = |text: &Option<Text>| Document::from(text.clone().unwrap_or_default());
        ObjectBuilder::with_capacity(2).with("Error", part(&self.error)).with("Cause", part(&self.cause)).build()
    }
}
