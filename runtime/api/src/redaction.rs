//! What is not to be seen by those who look at executions: members of documents with certain names.
//!
//! Callers get what they asked for. Histories, logs, descriptions of executions and the errors in them show `"***"`
//! instead, at whatever depth the member lies.

use fleetstep_document::{Document, Object, ObjectBuilder, Text, View};
use fleetstep_engine::Failure;
use std::collections::HashSet;

/// What stands where something is not shown.
const HIDDEN: &str = "***";

/// Names of members whose values are not shown, whatever their case.
#[derive(Clone, Debug, Default)]
pub(crate) struct Redaction(HashSet<String>);

impl Redaction {
    pub(crate) fn new(names: &[String]) -> Self {
        Self(names.iter().map(|name| name.to_lowercase()).collect())
    }

    /// The document as it may be seen.
    pub(crate) fn document(&self, document: &Document) -> Document {
        if self.0.is_empty() || !self.concerns(document) { document.clone() } else { self.redacted(document) }
    }

    /// The same of a text that may be JSON: a cause, a document in a string.
    pub(crate) fn text(&self, text: &Text) -> Text {
        if self.0.is_empty() {
            return text.clone();
        }
        match Document::parse(text.as_bytes()) {
            Ok(document) if self.concerns(&document) => Text::from(self.redacted(&document).to_json()),
            _ => text.clone(),
        }
    }

    /// A failure as it may be seen.
    pub(crate) fn failure(&self, failure: &Failure) -> Failure {
        let Failure { error, cause } = failure;
        Failure { error: error.clone(), cause: cause.as_ref().map(|cause| self.text(cause)) }
    }

    /// Whether a part of the document is not to be seen.
    pub(crate) fn hides_of(&self, document: &Document) -> bool {
        !self.0.is_empty() && self.concerns(document)
    }

    fn is_hidden(&self, name: &str) -> bool {
        self.0.contains(name)
            || name.bytes().any(|byte| !byte.is_ascii_lowercase()) && self.0.contains(&name.to_lowercase())
    }

    /// Whether a part of it is not to be seen.
    fn concerns(&self, document: &Document) -> bool {
        match document.view() {
            View::Null | View::Bool(_) | View::Number(_) => false,
            // A document within a document, as services pass them on.
            View::String(text) => looks_like_json(text) && self.text(text) != *text,
            View::Array(items) => items.iter().any(|item| self.concerns(item)),
            View::Object(object) => object.iter().any(|(name, value)| self.is_hidden(name) || self.concerns(value)),
        }
    }

    fn redacted(&self, document: &Document) -> Document {
        match document.view() {
            View::Null | View::Bool(_) | View::Number(_) => document.clone(),
            View::String(text) if looks_like_json(text) => Document::from(self.text(text)),
            View::String(_) => document.clone(),
            View::Array(items) => Document::from(items.iter().map(|item| self.redacted(item)).collect::<Vec<_>>()),
            View::Object(object) => self.object(object),
        }
    }

    fn object(&self, object: &Object) -> Document {
        let mut shown = ObjectBuilder::with_capacity(object.len());
        for (name, value) in object.iter() {
            let value = if self.is_hidden(name) { Document::from(HIDDEN) } else { self.redacted(value) };
            shown.push(name.clone(), value);
        }
        shown.build()
    }
}

/// A number or a word hides nothing, and is what most texts would be taken for.
fn looks_like_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '[', '"'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(names: &[&str], json: &str) -> String {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        Redaction::new(&names).document(&Document::parse(json.as_bytes()).unwrap()).to_json()
    }

    #[test]
    fn members_are_hidden_by_name_wherever_they_lie() {
        let names = ["Password", "pan"];
        for (json, shown) in [
            (r#"{"user":"a","password":"b"}"#, r#"{"user":"a","password":"***"}"#),
            (r#"[{"card":{"PAN":[1,2]}},{"pan":null}]"#, r#"[{"card":{"PAN":"***"}},{"pan":"***"}]"#),
            (r#""{\"password\":\"b\"}""#, r#""{\"password\":\"***\"}""#),
            (
                r#"{"body":"{\"inner\":\"[{\\\"pan\\\":1}]\"}"}"#,
                r#"{"body":"{\"inner\":\"[{\\\"pan\\\":\\\"***\\\"}]\"}"}"#,
            ),
            (r#"{"span":1,"text":"password","n":1.50}"#, r#"{"span":1,"text":"password","n":1.50}"#),
        ] {
            assert_eq!(seen(&names, json), shown);
            assert_eq!(seen(&[], json), json, "without names nothing is touched");
        }
    }

    #[test]
    fn a_cause_that_is_json_is_hidden_in_and_another_one_stays() {
        let redaction = Redaction::new(&["token".to_owned()]);
        let of = |cause: &str| redaction.failure(&Failure { error: Some("E".into()), cause: Some(cause.into()) }).cause;
        assert_eq!(of(r#"{"errorMessage":"no","token":"x"}"#).unwrap(), r#"{"errorMessage":"no","token":"***"}"#);
        assert_eq!(of("the token is wrong").unwrap(), "the token is wrong");
    }
}
