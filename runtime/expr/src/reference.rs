//! Reference paths: `ResultPath`, where a result is put.

use crate::path::{Path, Step, clipped_json, position};
use crate::{CompileError, ErrorName, EvalError, Fault, VariableNames};
use fleetstep_document::{Document, Text};
use std::sync::Arc;

/// A definite path of keys and indices below `$`.
/// <https://states-language.net/#ref-paths>
#[derive(Clone, Debug)]
pub struct ReferencePath {
    steps: Arc<[Step]>,
    source: Text,
}

impl ReferencePath {
    /// Parses the text of the field named `field`.
    ///
    /// # Errors
    /// The text is no path, or one that may name several places or the context object.
    pub fn parse(text: &str, field: &str) -> Result<Self, CompileError> {
        let error = |reason: String, offset| CompileError {
            fault: Fault::Schema,
            message: format!("The value for the field '{field}' must be a valid Reference Path"),
            reason,
            field: field.to_owned(),
            offset,
        };
        let path = Path::parse(text, &mut VariableNames::default()).map_err(|flaw| error(flaw.reason, flaw.offset))?;
        let steps = path.reference_steps().ok_or_else(|| {
            error("a reference path starts with '$' and has nothing but names and single indices".to_owned(), 0)
        })?;
        if steps.iter().any(|step| matches!(step, Step::Index(index) if *index < 0)) {
            return Err(error("an index of a reference path counts from 0".to_owned(), 0));
        }
        Ok(Self { steps: steps.into(), source: Text::from(text) })
    }

    /// Whether it is `$`: what is placed replaces the whole.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.steps.is_empty()
    }

    /// `into` with `value` placed at the path; makes the objects that are missing on the way and copies nothing
    /// beside it.
    ///
    /// # Errors
    /// `States.ResultPathMatchFailure`: on the way there is a value that is neither missing nor the object or the
    /// array that the path asks for, or an array that is too short.
    pub fn place(&self, into: &Document, value: Document) -> Result<Document, EvalError> {
        self.place_in(into.clone(), value)
    }

    /// As [`Self::place`], of a document that is not needed any more: what nobody shares is changed where it is.
    ///
    /// # Errors
    /// As those of [`Self::place`].
    pub fn place_in(&self, mut into: Document, value: Document) -> Result<Document, EvalError> {
        if !fits(&into, &self.steps) {
            let message = format!("Unable to apply ReferencePath {} to input {}", self.source, clipped_json(&into));
            return Err(EvalError::new(ErrorName::ResultPathMatchFailure, message));
        }
        if let Some(slot) = slot(&mut into, &self.steps) {
            *slot = value;
        }
        Ok(into)
    }
}

/// Whether [`slot`] finds or makes a place: asked first, so that an error shows the document as it was.
fn fits(whole: &Document, steps: &[Step]) -> bool {
    let mut at = Some(whole);
    for step in steps {
        at = match (step, at.filter(|value| !value.is_null())) {
            (Step::Key(_), None) => None,
            (Step::Index(_), None) => return false,
            (Step::Key(key), Some(value)) => match value.as_object() {
                Some(object) => object.get(key),
                None => return false,
            },
            (Step::Index(index), Some(value)) => {
                let found = value.as_array().and_then(|items| items.get(position(items.len(), *index)?));
                if found.is_none() {
                    return false;
                }
                found
            }
        };
    }
    true
}

/// The place to put a value, with the way to it made free to change.
fn slot<'d>(whole: &'d mut Document, steps: &[Step]) -> Option<&'d mut Document> {
    let mut at = whole;
    for step in steps {
        at = match step {
            Step::Key(key) => {
                if at.is_null() {
                    *at = Document::empty_object();
                }
                at.as_object_mut()?.entry(key)
            }
            Step::Index(index) => {
                let at_index = position(at.as_array()?.len(), *index)?;
                at.as_array_mut()?.get_mut(at_index)?
            }
        };
    }
    Some(at)
}
