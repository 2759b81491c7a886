//! An execution's input: JSON text within JSON text, and the words for what is wrong with it.

use crate::fault::{Fault, Kind};
use fleetstep_asl::json_complaint;
use fleetstep_document::{Document, ParseError, Text};

/// Parses an execution's input.
pub(crate) fn parse_input(text: &Text) -> Result<Document, Fault> {
    Document::parse_text(text).map_err(|error| refused(text, &error))
}

/// The same, of text that is not shared.
pub(crate) fn copy_input(text: &str) -> Result<Document, Fault> {
    Document::parse_lazily(text.as_bytes()).map_err(|error| refused(text, &error))
}

fn refused(text: &str, error: &ParseError) -> Fault {
    let problem = complaint(text, error);
    Fault::new(Kind::InvalidExecutionInput, format!("Invalid State Machine Execution Input: '{problem}'"))
}

/// What the service, whose parser is Jackson, says: with the name of the exception.
fn complaint(text: &str, error: &ParseError) -> String {
    const PACKAGE: &str = "com.fasterxml.jackson";
    if text.trim().is_empty() {
        let end = "No content to map due to end-of-input";
        return format!(
            "{PACKAGE}.databind.exc.MismatchedInputException: {end}\n at [Source: (String)\"{text}\"; line: 1, column: 0]"
        );
    }
    match json_complaint(text) {
        Some(complaint) if complaint.starts_with("Unexpected end-of-input") => {
            format!("{PACKAGE}.core.io.JsonEOFException: {complaint}")
        }
        Some(complaint) => format!("{PACKAGE}.core.JsonParseException: {complaint}"),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_are_worded_as_by_jackson() {
        let deep = "[".repeat(5_000);
        let cases = [
            (
                "{} x",
                "core.JsonParseException: Unexpected character ('x' (code 120)): Expected space separating root-level values",
            ),
            ("no json", "core.JsonParseException: Unrecognized token 'no': was expecting (JSON String, Number"),
            (
                "",
                "databind.exc.MismatchedInputException: No content to map due to end-of-input\n at [Source: (String)\"\"",
            ),
            ("{\"a\": }", "core.JsonParseException: Unexpected character ('}' (code 125)): expected a valid value"),
            ("{\"a\": [1", "core.io.JsonEOFException: Unexpected end-of-input"),
            (&deep, "nesting deeper than 1000 at line 1 column 1001"),
        ];
        for (text, expected) in cases {
            let error = Document::parse(text.as_bytes()).unwrap_err();
            let complaint = complaint(text, &error);
            assert!(complaint.trim_start_matches("com.fasterxml.jackson.").starts_with(expected), "{complaint}");
        }
    }
}
