//! The differences that are known, each with its reason.

use crate::engines::{Case, Pair};
use anyhow::{Context as _, Result};
use std::fs;

/// The list. A line has what ours comes to, what theirs comes to (`value`, `nothing`, `function`, a code, or `*`), a
/// text that the smallest expression contains (`*` for any), and the reason.
const LIST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/known.txt");

/// The list, read.
pub(crate) struct Known {
    entries: Vec<[String; 3]>,
}

impl Known {
    /// Reads the list; a line without a reason is an error.
    pub(crate) fn read() -> Result<Self> {
        let list = fs::read_to_string(LIST).with_context(|| format!("the list {LIST}"))?;
        let lines = list.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let entry = |line: &str| {
            let mut words = line.split_whitespace();
            let mut word = || words.next();
            let entry =
                word().zip(word()).zip(word()).map(|((ours, theirs), text)| [ours, theirs, text].map(str::to_owned));
            let entry = entry.filter(|_| words.next().is_some());
            entry.with_context(|| format!("known.txt: not a difference and its reason: {line}"))
        };
        Ok(Self { entries: lines.map(entry).collect::<Result<_>>()? })
    }

    /// Whether a difference is listed.
    pub(crate) fn lists(&self, case: &Case, pair: &Pair) -> bool {
        let (ours, theirs) = pair.classes();
        let fits = |pattern: &str, found: &str| pattern == "*" || pattern == found;
        self.entries.iter().any(|[known_ours, known_theirs, text]| {
            fits(known_ours, ours)
                && fits(known_theirs, theirs)
                && (text == "*" || case.expression.contains(text.as_str()))
        })
    }
}
