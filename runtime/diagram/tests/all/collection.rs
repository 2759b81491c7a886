//! All definitions of the collection are drawn without a fault.

use crate::geometry::faults;
use fleetstep_asl::{Format, definition_json};
use fleetstep_diagram::{Graph, Options, Overlay, Theme, svg};
use fleetstep_document::Document;

#[test]
fn every_definition_is_drawn_without_a_fault() {
    let Some(text) = crate::shared("definitions/definitions.jsonl") else { return };
    let (mut drawn, mut failed) = (0, Vec::new());
    // The order of the fields counts, which serde_json does not keep.
    for case in text.lines().map(|line| Document::parse(line.as_bytes()).unwrap()) {
        let id = case.get("id").and_then(Document::as_str).unwrap();
        let source = match case.get("text").and_then(Document::as_str) {
            Some(text) => text.to_owned(),
            None => case.get("definition").unwrap().to_json(),
        };
        let graph = match Graph::read(&source, Format::Json) {
            Ok(graph) => graph,
            Err(error) => {
                let is_readable = definition_json(&source, Format::Json).is_some();
                assert!(!is_readable, "{id} can be read, but is not drawn: {error}");
                continue;
            }
        };
        let picture = svg(&graph, &Overlay::default(), &Options { theme: Theme::Page, ..Options::default() }).unwrap();
        failed.extend(faults(&picture).into_iter().map(|fault| format!("{id}: {fault}")));
        drawn += 1;
    }
    eprintln!("{drawn} definitions drawn");
    assert!(failed.is_empty(), "{} faults:\n{}", failed.len(), failed.join("\n"));
}
