//! What can go wrong with an expression, when it is compiled and when it is evaluated.

use fleetstep_document::{Document, Text};
use std::ops::Deref;

/// What kind of fault a [`CompileError`] is: the code of its diagnostic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `SCHEMA_VALIDATION_FAILED`: no JSONPath, no call, an operand of a wrong kind.
    Schema,
    /// `INVALID_JSONATA_EXPRESSION`: a text that is no JSONata.
    InvalidJsonata,
    /// `UNSUPPORTED_JSONATA_EXPRESSION`: JSONata that reads what the service does not offer.
    UnsupportedJsonata,
}

impl Fault {
    /// The code as the service gives it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Schema => "SCHEMA_VALIDATION_FAILED",
            Self::InvalidJsonata => "INVALID_JSONATA_EXPRESSION",
            Self::UnsupportedJsonata => "UNSUPPORTED_JSONATA_EXPRESSION",
        }
    }
}

/// Why a text is no expression. The caller adds the place within the definition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}: {reason}")]
pub struct CompileError {
    /// Its kind.
    pub fault: Fault,
    /// What is wrong, in the service's words: `The value for the field 'x.$' must be a valid JSONPath or …`.
    pub message: String,
    /// What exactly the parser stumbled on, for the author of a definition.
    pub reason: String,
    /// The name of the field at fault.
    pub field: String,
    /// Byte offset within the expression's text.
    pub offset: usize,
}

impl CompileError {
    /// A field that holds neither a path nor a call.
    pub(crate) fn no_expression(field: &str, reason: String, offset: usize) -> Self {
        let message =
            format!("The value for the field '{field}' must be a valid JSONPath or a valid intrinsic function call");
        Self { fault: Fault::Schema, message, reason, field: field.to_owned(), offset }
    }
}

/// A payload template of which one field is no expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error} at {pointer}")]
pub struct TemplateError {
    /// JSON pointer, below the template, of the object that holds the field ([`CompileError::field`]): the
    /// service gives the object as the place. Empty for the template itself.
    pub pointer: String,
    /// What is wrong with the field.
    pub error: CompileError,
}

/// The name under which a failed evaluation reaches `Retry` and `Catch`.
///
/// The specification also has `States.ParameterPathFailure` and `States.IntrinsicFailure`; the service reports
/// `States.Runtime` in their place, and so does this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorName {
    /// `States.Runtime`
    Runtime,
    /// `States.ResultPathMatchFailure`
    ResultPathMatchFailure,
    /// `States.ReferencePathConflict`
    ReferencePathConflict,
    /// `States.QueryEvaluationError`
    QueryEvaluationError,
}

impl ErrorName {
    /// The name as it stands in a definition.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Runtime => "States.Runtime",
            Self::ResultPathMatchFailure => "States.ResultPathMatchFailure",
            Self::ReferencePathConflict => "States.ReferencePathConflict",
            Self::QueryEvaluationError => "States.QueryEvaluationError",
        }
    }
}

/// A failed evaluation. One word, so that the result of an evaluation is handed back in registers: failures are rare.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {}", self.name.as_str(), self.message)]
pub struct EvalError(Box<Complaint>);

/// What an [`EvalError`] says: its name, and its text without the prefix that names the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// The error's name.
    pub name: ErrorName,
    /// The service's wording.
    pub message: String,
    /// The JSONata field at fault, as the message names it: `Output/total`.
    pub field: Option<Text>,
}

impl EvalError {
    /// An error that is told without its field.
    #[must_use]
    pub fn new(name: ErrorName, message: impl Into<String>) -> Self {
        Self(Box::new(Complaint { name, message: message.into(), field: None }))
    }

    /// The same of a JSONata field.
    #[must_use]
    pub(crate) fn of_field(mut self, field: Text) -> Self {
        self.0.field = Some(field);
        self
    }

    /// What it says, to keep.
    #[must_use]
    pub fn into_complaint(self) -> Complaint {
        *self.0
    }
}

impl Deref for EvalError {
    type Target = Complaint;

    fn deref(&self) -> &Complaint {
        &self.0
    }
}

const _: () = assert!(size_of::<Result<Document, EvalError>>() == 16, "two words");
