//! The collection of real definitions.

use fleetstep_asl::{Format, Options, compile};
use serde_json::Value;
use std::collections::HashMap;

/// Where the service decides otherwise than the collection: an id a line, then the reason.
const EXCEPTIONS: &str = include_str!("../data/exceptions.txt");

#[test]
fn definitions_are_accepted_and_refused_as_the_collection_says() {
    let Some(text) = super::shared("definitions/definitions.jsonl") else { return };
    let mut exceptions: HashMap<&str, &str> = EXCEPTIONS
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| line.split_once(": ").expect("an exception has a reason"))
        .collect();
    let mut checked = 0;
    let mut failed = Vec::new();
    for case in text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        let id = case["id"].as_str().unwrap();
        let source = case["text"].as_str().map_or_else(|| case["definition"].to_string(), String::from);
        checked += 1;
        let compilation = compile(&source, &Options { format: Format::Json, target: None, ..Options::default() });
        let errors = super::errors(&compilation);
        let is_exception = exceptions.remove(id).is_some();
        let expect_refusal = (case["verdict"] == "invalid") != is_exception;
        let is_located = errors.iter().all(|error| error.span.is_some());
        if errors.is_empty() == expect_refusal || !is_located {
            let lines: Vec<String> = errors.into_iter().map(super::line).collect();
            failed.push(format!("{id} ({}): {}", case["verdict"], lines.join("; ")));
        }
    }
    eprintln!("{checked} definitions checked");
    assert!(failed.is_empty(), "{} failed:\n{}", failed.len(), failed.join("\n"));
    assert!(exceptions.is_empty(), "no such definitions: {:?}", exceptions.keys());
}
