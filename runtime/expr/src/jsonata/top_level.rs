//! What an expression reads of the context item that it is evaluated against, which is `$`. An expression of a
//! workflow has none.

use super::ast::{Group, Kind, Node};
use fleetstep_document::Text;

/// Names that are looked up in the context item, `$` and `$$` among them, each once and in the order of the text.
///
/// Only the first step of a path is: every later step, each predicate, sort term and grouping is evaluated against
/// what the step before it gave. The body of a function keeps the context of the expression that defines it.
pub(super) fn top_level(root: &Node) -> Vec<Text> {
    let mut found = Vec::new();
    node(root, &mut found);
    found
}

fn node(at: &Node, found: &mut Vec<Text>) {
    match &at.kind {
        Kind::Name(name) => add(name.clone(), found),
        Kind::Variable(name) if name.is_empty() => add(Text::from("$"), found),
        Kind::Variable(name) if name.as_str() == "$" => add(Text::from("$$"), found),
        Kind::Path(steps) => steps.iter().take(1).for_each(|step| node(step, found)),
        Kind::Binary(_, left, right) | Kind::Apply(left, right) | Kind::Default { left, right, .. } => {
            node(left, found);
            node(right, found);
        }
        Kind::Negate(inner) | Kind::Bind(_, inner) => node(inner, found),
        Kind::Array(items) | Kind::Block(items) => items.iter().for_each(|item| node(item, found)),
        Kind::Object(pairs) => group(pairs, found),
        Kind::Call(call) | Kind::Partial(call) => {
            node(&call.procedure, found);
            call.arguments.iter().for_each(|argument| node(argument, found));
        }
        Kind::TailCall(call) => node(call, found),
        Kind::Lambda(lambda) => node(&lambda.body, found),
        Kind::Condition { condition, then, otherwise } => {
            node(condition, found);
            node(then, found);
            otherwise.iter().for_each(|otherwise| node(otherwise, found));
        }
        Kind::Variable(_) | Kind::Literal(_) | Kind::Regex(_) | Kind::Wildcard | Kind::Descendant => {}
        Kind::Parent(..) | Kind::Placeholder | Kind::Sort(_) | Kind::Transform(_) => {}
    }
}

fn group(group: &Group, found: &mut Vec<Text>) {
    for (key, value) in &group.pairs {
        node(key, found);
        node(value, found);
    }
}

fn add(name: Text, found: &mut Vec<Text>) {
    if !found.contains(&name) {
        found.push(name);
    }
}
