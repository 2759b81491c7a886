//! The key figures of each release, a line each: `benches/history.jsonl`.

use crate::figure::Figure;
use crate::machine::Sitting;
use crate::targets::TARGETS;
use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;

/// One sitting.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Entry {
    version: String,
    revision: String,
    date: String,
    machine: String,
    /// Share of the processors that others used before, in percent.
    busy_before: f64,
    /// Medians by name.
    figures: BTreeMap<String, f64>,
}

/// Appends the figures that targets are about, and the CPU of each request.
pub(crate) fn append(sitting: &Sitting, figures: &[Figure]) -> Result<()> {
    let entry = entry(sitting, figures);
    let path = path();
    let mut file = std::fs::File::options().create(true).append(true).open(&path).context("the history")?;
    writeln!(file, "{}", serde_json::to_string(&entry)?).with_context(|| path.display().to_string())
}

fn entry(sitting: &Sitting, figures: &[Figure]) -> Entry {
    let key =
        |figure: &&Figure| figure.name.ends_with("-cpu") || TARGETS.iter().any(|target| target.figure == figure.name);
    // Four digits are more than any figure is worth, and keep a line readable.
    let rounded = |value: f64| format!("{value:.3e}").parse().unwrap_or(value);
    Entry {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        revision: sitting.revision.clone(),
        date: sitting.date.clone(),
        machine: sitting.machine.clone(),
        busy_before: sitting.busy_before.round(),
        figures: figures.iter().filter(key).map(|figure| (figure.name.clone(), rounded(figure.value))).collect(),
    }
}

fn path() -> PathBuf {
    crate::home().join("history.jsonl")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_keeps_key_figures_alone() {
        let sitting = Sitting {
            date: "2026-01-02".into(),
            machine: "m".into(),
            revision: "r".into(),
            busy_before: 1.4,
            quick: false,
        };
        let figures = ["compare.pass-share", "compare.pass-cpu", "compare.pass-rate"]
            .map(|name| Figure::higher(name, "", "", &[12.345_67]));
        let entry = entry(&sitting, &figures);
        let names: Vec<&str> = entry.figures.keys().map(String::as_str).collect();
        assert_eq!(names, ["compare.pass-cpu", "compare.pass-share"]);
        assert_eq!(entry.figures["compare.pass-cpu"], 12.35);
        assert_eq!(serde_json::from_str::<Entry>(&serde_json::to_string(&entry).unwrap()).unwrap(), entry);
    }

    #[test]
    fn every_line_of_the_history_can_be_read() {
        let text = std::fs::read_to_string(path()).unwrap_or_default();
        for line in text.lines() {
            let entry: Entry = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            assert!(!entry.figures.is_empty(), "{line}");
        }
    }
}
