//! The differences that are known, each with its reason.

use crate::engines::{Case, Pair};
use anyhow::{Context as _, Result};
use regex::Regex;
use std::fs;

/// The list. A line has what ours comes to, what theirs comes to (`value`, `nothing`, `function`, a code, or `*`), a
/// regular expression that the smallest expression matches somewhere, and the reason.
const LIST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/known.txt");

/// A line of the list.
struct Entry {
    ours: String,
    theirs: String,
    expression: Regex,
}

/// The list, read.
pub(crate) struct Known {
    entries: Vec<Entry>,
}

impl Known {
    /// Reads the list; a line without a reason is an error.
    pub(crate) fn read() -> Result<Self> {
        let list = fs::read_to_string(LIST).with_context(|| format!("the list {LIST}"))?;
        let lines = list.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let entry = |line: &str| {
            let malformed = || format!("known.txt: not a difference and its reason: {line}");
            let words: Vec<&str> = line.split_whitespace().collect();
            let [ours, theirs, expression, _, ..] = words[..] else { anyhow::bail!(malformed()) };
            let expression = Regex::new(expression).with_context(malformed)?;
            Ok(Entry { ours: ours.to_owned(), theirs: theirs.to_owned(), expression })
        };
        Ok(Self { entries: lines.map(entry).collect::<Result<_>>()? })
    }

    /// Whether a difference is listed.
    pub(crate) fn lists(&self, case: &Case, pair: &Pair) -> bool {
        let (ours, theirs) = pair.classes();
        let fits = |pattern: &str, found: &str| pattern == "*" || pattern == found;
        self.entries.iter().any(|known| {
            fits(&known.ours, ours) && fits(&known.theirs, theirs) && known.expression.is_match(&case.expression)
        })
    }
}
