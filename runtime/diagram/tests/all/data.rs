//! Our own definitions, each beside what must be seen in its picture: `tests/data/*.json` has the definition, and in
//! `expect` a list of edges (`from kind to`), of labels, and of states that nothing leads to.

use crate::geometry::faults;
use fleetstep_asl::Format;
use fleetstep_diagram::{Graph, Options, Overlay, dot, mermaid, svg};
use fleetstep_document::Document;
use serde_json::Value;
use std::path::Path;

#[test]
fn each_definition_is_drawn_as_expected() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        // The order of the fields counts, which serde_json does not keep.
        let definition = Document::parse(text.as_bytes()).unwrap().get("definition").unwrap().to_json();
        check(&file, &definition, &serde_json::from_str(&text).unwrap());
    }
}

fn check(file: &Path, definition: &str, case: &Value) {
    let name = file.file_name().unwrap().to_string_lossy();
    let graph = Graph::read(definition, Format::Json).unwrap();
    let picture = svg(&graph, &Overlay::default(), &Options::default()).unwrap();
    assert_eq!(faults(&picture), Vec::<String>::new(), "{name}");
    let (mut edges, mut labels) = (Vec::new(), Vec::new());
    for edge in graph.scopes.iter().flat_map(|scope| &scope.edges) {
        let end = |end, mark: &str| match graph.name(end) {
            "" => mark.to_owned(),
            name => name.to_owned(),
        };
        edges.push(format!("{} {} {}", end(edge.from, "Start"), edge.kind.name(), end(edge.to, "End")));
        labels.extend(edge.labels.iter().cloned());
    }
    let unreachable: Vec<String> =
        graph.states.iter().filter(|state| !state.is_reachable).map(|state| state.name.clone()).collect();
    let captions: Vec<String> = graph.states.iter().map(|state| state.caption.clone()).collect();
    for (what, found) in [("edges", edges), ("labels", labels), ("unreachable", unreachable), ("captions", captions)] {
        if let Some(expected) = case["expect"].get(what) {
            assert_eq!(serde_json::to_value(found).unwrap(), *expected, "{name}: {what}");
        }
    }
    for state in &graph.states {
        for text in [dot(&graph), mermaid(&graph)] {
            assert!(text.contains(&state.name), "{name}: {} is missing in {text}", state.name);
        }
    }
}
