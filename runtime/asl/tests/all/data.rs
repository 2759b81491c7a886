//! Definitions beside what is said of them: the Markdown files of `tests/data`.
//!
//! A case is a heading, a definition in a fenced block (`json` or `yaml`, then perhaps `express` or `standard`,
//! the type that it is compiled for, and `extended`), and a fenced block with a line for each diagnostic.
//! With `FLEETSTEP_BLESS=1` in the environment the second blocks are written anew; read the difference.

use fleetstep_asl::{Format, Options, WorkflowType, compile};
use std::path::Path;

#[test]
fn definitions_and_what_is_said_of_them() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data"));
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "md"));
    files.sort();
    assert!(files.len() > 5, "the data are not where they should be: {files:?}");
    let failed: Vec<String> = files.iter().flat_map(|file| check_file(file)).collect();
    assert!(failed.is_empty(), "{} cases failed:\n{}", failed.len(), failed.join("\n"));
}

fn check_file(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap();
    let mut failed = Vec::new();
    let mut blessed = String::new();
    let mut heading = String::new();
    // Between the fences, text and blocks take turns.
    let parts: Vec<&str> = text.split("```").collect();
    assert!(parts.len() % 4 == 1, "{}: a fenced block is missing", file.display());
    let mut said = String::new();
    for (at, part) in parts.iter().enumerate() {
        match at % 4 {
            0 | 2 => {
                if let Some(found) = part.lines().rfind(|line| line.starts_with('#')) {
                    heading = String::from(found.trim_start_matches(['#', ' ']));
                }
                blessed.push_str(part);
            }
            1 => {
                let (info, definition) = part.split_once('\n').unwrap();
                said = check(info, definition);
                blessed.push_str(&format!("```{part}```"));
            }
            _ => {
                let expected = part.trim_start_matches("text\n");
                if expected != said {
                    let file = file.file_name().unwrap().display();
                    failed.push(format!("## {file}: {heading}\nexpected:\n{expected}\nsaid:\n{said}"));
                }
                blessed.push_str(&format!("```text\n{said}```"));
            }
        }
    }
    if std::env::var_os("FLEETSTEP_BLESS").is_some() {
        std::fs::write(file, blessed).unwrap();
        return Vec::new();
    }
    failed
}

/// What is said of a definition, a line for each diagnostic and each hint.
fn check(info: &str, definition: &str) -> String {
    let mut words = info.split(' ');
    let format = match words.next() {
        Some("json") => Format::Json,
        Some("yaml") => Format::Yaml,
        other => panic!("no format: {other:?}"),
    };
    let target = match words.next() {
        None => None,
        Some("express") => Some(WorkflowType::Express),
        Some("standard") => Some(WorkflowType::Standard),
        Some(other) => panic!("no type: {other}"),
    };
    let extended = words.next() == Some("extended");
    let compilation = compile(definition, &Options { format, target, extended, ..Options::default() });
    let mut said = String::new();
    for diagnostic in &compilation.diagnostics {
        said.push_str(&super::line(diagnostic));
        said.push('\n');
        if let Some(hint) = &diagnostic.hint {
            said.push_str(&format!("    {hint}\n"));
        }
    }
    if compilation.compiled.is_none() && super::errors(&compilation).is_empty() {
        said.push_str("(accepted, but not compiled)\n");
    }
    said
}
