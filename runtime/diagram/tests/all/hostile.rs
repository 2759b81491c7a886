//! Definitions that nobody means well with.

use crate::geometry::faults;
use fleetstep_asl::Format;
use fleetstep_diagram::{DrawError, Graph, Options, Overlay, STATES_DRAWN_MAX, dot, mermaid, svg};
use serde_json::{Map, Value, json};

fn draw(definition: &Value) -> Result<String, DrawError> {
    let graph = Graph::read(&definition.to_string(), Format::Json)?;
    svg(&graph, &Overlay::default(), &Options::default())
}

/// A machine of states by number, each with what `body` gives for it.
fn machine(count: usize, body: impl Fn(usize) -> Value) -> Value {
    let states: Map<String, Value> = (0..count).map(|index| (format!("S{index}"), body(index))).collect();
    json!({ "StartAt": "S0", "States": states })
}

#[test]
fn too_many_states_are_refused() {
    let chain = machine(10_000, |index| json!({ "Type": "Pass", "Next": format!("S{}", index + 1) }));
    assert_eq!(draw(&chain), Err(DrawError::TooManyStates));
    let ghosts = json!({ "StartAt": "A", "States": { "A": { "Type": "Choice", "Choices":
        (0..STATES_DRAWN_MAX).map(|index| json!({ "Next": format!("G{index}") })).collect::<Vec<_>>() } } });
    assert_eq!(draw(&ghosts), Err(DrawError::TooManyStates));
}

#[test]
fn lines_without_end_are_refused() {
    let back = machine(
        1_000,
        |index| json!({ "Type": "Choice", "Choices": [{ "Next": "S0" }], "Default": format!("S{}", index + 1) }),
    );
    assert_eq!(draw(&back), Err(DrawError::TooTangled));
}

#[test]
fn two_hundred_states_are_drawn_without_a_fault() {
    let knot = machine(200, |index| {
        let next = |step: usize| format!("S{}", (index * step + 1) % 200);
        match index % 4 {
            0 => json!({ "Type": "Choice", "Choices": [
                { "Variable": "$.x", "NumericEquals": index, "Next": next(3) },
                { "Variable": "$.y", "StringEquals": "some longer text", "Next": next(7) }], "Default": next(1) }),
            1 => json!({ "Type": "Task", "Resource": "x", "Next": next(1),
                "Catch": [{ "ErrorEquals": ["States.ALL"], "Next": "S199" }] }),
            2 => json!({ "Type": "Pass", "Next": next(5) }),
            _ => json!({ "Type": "Wait", "Seconds": 1, "Next": next(1) }),
        }
    });
    assert_eq!(faults(&draw(&knot).unwrap()), Vec::<String>::new());
}

#[test]
fn nesting_is_drawn_as_deep_as_a_definition_goes() {
    let mut inner = json!({ "StartAt": "S", "States": { "S": { "Type": "Succeed" } } });
    for level in 0..24 {
        let (kind, field) = if level % 2 == 0 { ("Parallel", "Branches") } else { ("Map", "ItemProcessor") };
        let nested = if level % 2 == 0 { json!([inner]) } else { inner };
        let mut state = json!({ "Type": kind, "End": true });
        state[field] = nested;
        inner = json!({ "StartAt": "N", "States": { "N": state } });
    }
    assert_eq!(faults(&draw(&inner).unwrap()), Vec::<String>::new());
    let too_deep = format!("{}{}", "{\"a\":".repeat(200), "}".repeat(200));
    assert!(matches!(Graph::read(&too_deep, Format::Json), Err(DrawError::Unreadable(_))));
}

#[test]
fn names_are_escaped_in_every_output() {
    let names = [
        "</svg><script>alert(1)</script>",
        "\"onload=\"x",
        "a\u{0}b\u{7}c\u{1b}[31m\u{202e}d\u{ffff}",
        "]]>&amp;<!--",
        "'quote' \\ \"double\"\nline",
        "\u{65e5}\u{672c}\u{8a9e}\u{306e}\u{3068}\u{3066}\u{3082}\u{9577}\u{3044}\u{72b6}\u{614b}\u{540d}\u{524d}",
        "",
        &"endless".repeat(10_000),
        &"endless_Words-and more ".repeat(1_000),
    ];
    for name in names {
        let catch = json!([{ "ErrorEquals": [name], "Next": name }]);
        let definition = json!({ "Comment": name, "StartAt": name, "States": { name: {
            "Type": "Task", "Comment": name, "Resource": name, "Next": format!("{name}?"), "Catch": catch } } });
        let picture = draw(&definition).unwrap();
        assert_eq!(faults(&picture), Vec::<String>::new(), "{name:.40}");
        let document = roxmltree::Document::parse(&picture).unwrap();
        assert!(document.descendants().all(|node| !node.has_tag_name("script")), "{name:.40}");
        let allowed = |c: char| c == '\n' || !c.is_control();
        assert!(picture.chars().all(allowed), "{name:.40}");
        let graph = Graph::read(&definition.to_string(), Format::Json).unwrap();
        for text in [dot(&graph), mermaid(&graph)] {
            assert!(text.chars().all(allowed) && !text.contains("\u{202e}"), "{name:.40}");
        }
        assert!(!mermaid(&graph).contains("<script"));
    }
}

#[test]
fn what_is_no_machine_is_drawn_as_far_as_it_goes() {
    for definition in [
        json!({}),
        json!({ "StartAt": 3, "States": [] }),
        json!({ "StartAt": "A", "States": {} }),
        json!({ "States": { "A": null, "B": [], "C": { "Type": 1, "Next": {}, "Catch": {}, "Choices": "x" } } }),
        json!({ "StartAt": "A", "States": { "A": { "Type": "Parallel", "Branches": [null, 1, {}], "Next": "A" } } }),
        json!({ "StartAt": "A", "States": { "A": { "Type": "Map", "ItemProcessor": 5, "Catch": [1, {}] } } }),
        json!({ "StartAt": "A", "States": { "A": { "Type": "Choice", "Choices": [null, { "Next": "A" }, { "And": [], "Next": "B" }] } } }),
    ] {
        assert_eq!(faults(&draw(&definition).unwrap()), Vec::<String>::new(), "{definition}");
    }
    for text in ["", "[]", "nonsense", "{\"a\":1,\"a\":2}"] {
        assert!(
            matches!(Graph::read(text, Format::Json), Err(DrawError::Unreadable(why)) if !why.is_empty()),
            "{text}"
        );
    }
}
