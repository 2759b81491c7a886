//! The input of an execution as it is given on the command line: JSON, `@FILE`, or `-` for standard input.

use anyhow::{Context as _, Result, bail};
use fleetstep_document::Document;
use std::io::Read as _;

/// The service's limit for the input of an execution.
const INPUT_BYTES_MAX: usize = 262_144;

/// Reads what the argument says.
pub(crate) fn read(argument: &str) -> Result<Document> {
    parsed(&bytes(argument)?)
}

fn bytes(argument: &str) -> Result<Vec<u8>> {
    if argument == "-" {
        let mut text = Vec::new();
        // One more than there may be tells that there is too much.
        let read = std::io::stdin().lock().take(INPUT_BYTES_MAX as u64 + 1).read_to_end(&mut text);
        read.context("cannot read standard input")?;
        return Ok(text);
    }
    match argument.strip_prefix('@') {
        Some(file) => std::fs::read(file).with_context(|| format!("cannot read the input from {file}")),
        None => Ok(argument.as_bytes().to_vec()),
    }
}

fn parsed(input: &[u8]) -> Result<Document> {
    if input.len() > INPUT_BYTES_MAX {
        bail!("the input has {} bytes: {INPUT_BYTES_MAX} are the most that an execution takes", input.len());
    }
    Document::parse(input).context("the input is no JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_has_a_largest_size() {
        let text = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2)).into_bytes();
        assert!(parsed(&text(INPUT_BYTES_MAX)).is_ok());
        assert!(parsed(&text(INPUT_BYTES_MAX + 1)).unwrap_err().to_string().contains("262145 bytes"));
    }
}
