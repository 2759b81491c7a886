//! One state without a machine around it, as `TestState` takes it.

use crate::source::{Entry, Node, Value};

/// The name of a state that is compiled alone: the service's.
pub const LONE_STATE_NAME: &str = "StateName";

/// A machine that holds the state, and a Succeed state under each name that it leads to.
pub(crate) fn machine_of(state: Node) -> Node {
    let extent = state.extent;
    let node = |value: Value| Node { extent, value };
    let entry = |key: &str, value: Value| Entry { key: String::from(key), key_extent: extent, value: node(value) };
    let mut states: Vec<Entry> = Vec::new();
    for target in targets(&state) {
        if target != LONE_STATE_NAME && states.iter().all(|known| known.key != target) {
            let succeed = vec![entry("Type", Value::Text(String::from("Succeed")))];
            states.push(entry(target, Value::Object(succeed)));
        }
    }
    states.insert(0, Entry { key: String::from(LONE_STATE_NAME), key_extent: extent, value: state });
    node(Value::Object(vec![
        entry("StartAt", Value::Text(String::from(LONE_STATE_NAME))),
        entry("States", Value::Object(states)),
    ]))
}

/// The names that a state leads to, some of them perhaps more than once.
fn targets(state: &Node) -> impl Iterator<Item = &str> {
    let rules = ["Choices", "Catch"].into_iter().flat_map(|list| state.get(list).map_or(&[][..], Node::elements));
    let own = ["Next", "Default"].into_iter().filter_map(|field| state.text_of(field));
    own.chain(rules.filter_map(|rule| rule.text_of("Next")))
}
