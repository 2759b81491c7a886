//! The same graph as text for other tools: dot and Mermaid.

use crate::graph::{Edge, EdgeKind, End, Graph, Kind, ScopeId, StateId};
use crate::text::visible;
use std::fmt::Write;

/// The graph for Graphviz.
#[must_use]
pub fn dot(graph: &Graph) -> String {
    let mut out = String::from("digraph machine {\n  compound=true;\n  node [shape=box, style=rounded];\n");
    dot_scope(graph, ScopeId(0), 1, &mut out);
    out.push_str("}\n");
    out
}

fn dot_scope(graph: &Graph, id: ScopeId, depth: usize, out: &mut String) {
    let scope = graph.scope(id);
    let pad = "  ".repeat(depth);
    for &state in &scope.states {
        let State { name, shape } = dot_state(graph, state);
        if graph.state(state).scopes.is_empty() {
            let _ = writeln!(out, "{pad}s{} [label={name}{shape}];", state.0);
            continue;
        }
        let _ = writeln!(out, "{pad}subgraph cluster_s{} {{\n{pad}  label={name};", state.0);
        // An edge of a cluster needs a node to hold on to.
        let _ = writeln!(out, "{pad}  s{} [shape=point, style=invis];", state.0);
        for nested in &graph.state(state).scopes {
            let _ = writeln!(out, "{pad}  subgraph cluster_b{} {{\n{pad}    label=\"\"; style=dashed;", nested.0);
            dot_scope(graph, *nested, depth + 2, out);
            let _ = writeln!(out, "{pad}  }}");
        }
        let _ = writeln!(out, "{pad}}}");
    }
    for edge in &scope.edges {
        let is_mark = edge.from == End::Start || edge.to == End::End;
        if is_mark && id.0 != 0 {
            continue;
        }
        let mut attributes = vec![format!("label={}", dot_text(&edge.labels.join("\n")))];
        for (end, name) in [(edge.from, "ltail"), (edge.to, "lhead")] {
            if let End::State(state) = end
                && !graph.state(state).scopes.is_empty()
            {
                attributes.push(format!("{name}=cluster_s{}", state.0));
            }
        }
        if edge.kind == EdgeKind::Catch {
            attributes.push(String::from("style=dashed"));
        }
        let _ = writeln!(out, "{pad}{} -> {} [{}];", node(edge.from), node(edge.to), attributes.join(", "));
    }
    if id.0 == 0 {
        out.push_str("  start [shape=circle, label=\"Start\"];\n");
        if scope.edges.iter().any(|edge| edge.to == End::End) {
            out.push_str("  end [shape=doublecircle, label=\"End\"];\n");
        }
    }
}

struct State {
    name: String,
    shape: &'static str,
}

fn dot_state(graph: &Graph, id: StateId) -> State {
    let state = graph.state(id);
    let shape = match state.kind {
        Kind::Choice => ", shape=diamond, style=\"\"",
        Kind::Missing => ", style=dashed",
        _ => "",
    };
    State { name: dot_text(&state.name), shape }
}

fn dot_text(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c => out.push(visible(c)),
        }
    }
    out.push('"');
    out
}

fn node(end: End) -> String {
    match end {
        End::Start => String::from("start"),
        End::End => String::from("end"),
        End::State(id) => format!("s{}", id.0),
    }
}

/// The graph for Mermaid, as a flowchart.
#[must_use]
pub fn mermaid(graph: &Graph) -> String {
    let mut out = String::from("flowchart TD\n");
    mermaid_scope(graph, ScopeId(0), 1, &mut out);
    out
}

fn mermaid_scope(graph: &Graph, id: ScopeId, depth: usize, out: &mut String) {
    let scope = graph.scope(id);
    let pad = "  ".repeat(depth);
    if id.0 == 0 {
        out.push_str("  start([Start])\n");
        if scope.edges.iter().any(|edge| edge.to == End::End) {
            out.push_str("  finish([End])\n");
        }
    }
    for &state_id in &scope.states {
        let state = graph.state(state_id);
        let name = mermaid_text(&state.name);
        if state.scopes.is_empty() {
            let (open, close) = match state.kind {
                Kind::Choice => ("{", "}"),
                Kind::Succeed | Kind::Fail => ("([", "])"),
                _ => ("[", "]"),
            };
            let _ = writeln!(out, "{pad}s{}{open}{name}{close}", state_id.0);
            continue;
        }
        let _ = writeln!(out, "{pad}subgraph s{}[{name}]", state_id.0);
        for (index, nested) in state.scopes.iter().enumerate() {
            let _ = writeln!(out, "{pad}  subgraph b{}[\"{}\"]", nested.0, index + 1);
            mermaid_scope(graph, *nested, depth + 2, out);
            let _ = writeln!(out, "{pad}  end");
        }
        let _ = writeln!(out, "{pad}end");
    }
    for edge in scope.edges.iter().filter(|edge| id.0 == 0 || edge.from != End::Start && edge.to != End::End) {
        let _ = writeln!(out, "{pad}{}", mermaid_edge(edge));
    }
}

fn mermaid_edge(edge: &Edge) -> String {
    // `end` is a word of Mermaid's own.
    let name = |end: End| if end == End::End { String::from("finish") } else { node(end) };
    let arrow = if edge.kind == EdgeKind::Catch { "-.->" } else { "-->" };
    let labels: Vec<&str> = edge.labels.iter().map(String::as_str).filter(|label| !label.is_empty()).collect();
    let label = if labels.is_empty() { String::new() } else { format!("|{}|", mermaid_text(&labels.join(" / "))) };
    format!("{} {arrow}{label} {}", name(edge.from), name(edge.to))
}

/// A text in quotes; what would end it, or be read as markup, goes by its number.
fn mermaid_text(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars().map(visible) {
        match c {
            '"' | '<' | '>' | '&' | '#' | '`' | '\\' => {
                let _ = write!(out, "#{};", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
