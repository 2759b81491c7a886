//! A case: what goes in, what tasks answer, what is to come out.

use crate::Mocks;
use fleetstep_document::{Document, Text};

/// One case of a workflow.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// Its name: that of its folder, or of its member in a `MockConfigFile.json`.
    pub name: String,
    /// The execution's input.
    pub input: Document,
    /// What tasks answer.
    pub mocks: Mocks,
    /// How the execution is to end.
    pub expected: Expected,
}

/// What is expected of an execution.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// How it ends.
    pub ending: Ending,
    /// The states that it enters, in order, those of branches and iterations among them; `None`: any.
    pub path: Option<Vec<String>>,
}

/// How an execution is to end. What is `None` may be anything.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// `SUCCEEDED`
    Succeeded(Option<Document>),
    /// `FAILED`
    Failed {
        /// The error's name.
        error: Option<Text>,
        /// Its cause.
        cause: Option<Text>,
    },
    /// `TIMED_OUT`
    TimedOut,
}

impl Expected {
    /// What is expected where nobody says: success, with whatever output.
    pub const SUCCESS: Self = Self { ending: Ending::Succeeded(None), path: None };

    /// Reads `{"status": …, "output": …}` or `{"status": …, "error": …, "cause": …}`, with or without `"path"`. The
    /// error says what is wrong.
    pub fn parse(text: &Document) -> Result<Self, String> {
        let members = text.as_object().ok_or("what is expected is an object with a status")?;
        let status = members.get("status").and_then(Document::as_str).unwrap_or_default();
        let part = |name: &str| match members.get(name) {
            Some(part) => part.as_text().cloned().map(Some).ok_or_else(|| format!("{name} is a text")),
            None => Ok(None),
        };
        let (ending, allowed): (_, &[&str]) = match status {
            "SUCCEEDED" => (Ending::Succeeded(members.get("output").cloned()), &["output"]),
            "FAILED" => (Ending::Failed { error: part("error")?, cause: part("cause")? }, &["error", "cause"]),
            "TIMED_OUT" => (Ending::TimedOut, &[]),
            _ => return Err(String::from("status is SUCCEEDED, FAILED or TIMED_OUT")),
        };
        let is_known = |name: &str| ["status", "path"].contains(&name) || allowed.contains(&name);
        if let Some((name, _)) = members.iter().find(|(name, _)| !is_known(name)) {
            return Err(format!("{name} is not part of what is expected of an execution that ends as {status}"));
        }
        Ok(Self { ending, path: members.get("path").map(parse_path).transpose()? })
    }
}

fn parse_path(text: &Document) -> Result<Vec<String>, String> {
    let names = text.as_array().and_then(|names| names.iter().map(|name| name.as_str().map(String::from)).collect());
    names.ok_or_else(|| String::from("path is an array of names of states"))
}
