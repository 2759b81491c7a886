//! Where states lead: every target is there, every state is reached, every list of states ends.

use super::Checker;
use crate::hint::did_you_mean;
use crate::source::{Entry, Extent, Node, Place};
use crate::{Code, Diagnostic, Severity};
use std::collections::{HashMap, HashSet};

/// The states of a list, by position and by name.
struct Names<'a> {
    states: &'a [Entry],
    index: HashMap<&'a str, usize>,
}

/// A way out of a state.
pub(super) struct Edge<'a> {
    /// The field that names the next state, and where it stands: in a list, or in the state itself.
    pub(super) field: &'static str,
    pub(super) within: Option<(&'static str, usize)>,
    pub(super) target: &'a Node,
    /// What is assigned on this way.
    pub(super) assign: Option<&'a Node>,
}

/// The ways out of a state, in the order in which the service looks at them.
pub(super) fn edges(state: &Node) -> impl Iterator<Item = Edge<'_>> {
    let own = |field| {
        let target = state.get(field)?;
        Some(Edge { field, within: None, target, assign: state.get("Assign") })
    };
    let rules = ["Choices", "Catch"].into_iter().flat_map(|list| {
        let rules = state.get(list).map_or(&[][..], Node::elements).iter().enumerate();
        rules.filter_map(move |(at, rule)| {
            let target = rule.get("Next")?;
            Some(Edge { field: "Next", within: Some((list, at)), target, assign: rule.get("Assign") })
        })
    });
    own("Next").into_iter().chain(rules).chain(own("Default"))
}

impl<'a> Checker<'a> {
    /// Checks the transitions of a list of states.
    pub(super) fn container(&mut self, node: &'a Node, place: Place<'_>) {
        let (Some(start), Some(states)) = (node.get("StartAt"), node.get("States")) else { return };
        let Some(start_name) = start.as_text() else { return };
        let states = states.entries();
        let index = states.iter().enumerate().map(|(at, state)| (&*state.key, at)).collect();
        let names = Names { states, index };
        let states_place = place.field("States");
        let missing = self.transitions.len();
        self.target(start_name, &names, place.field("StartAt"), start.extent);
        let mut graph = Vec::with_capacity(states.len());
        for state in states {
            let mut reached = Vec::new();
            self.targets(&state.value, states_place.field(&state.key), &names, &mut reached);
            graph.push(reached);
        }
        if !states.iter().all(|state| is_flow_known(&state.value)) {
            return;
        }
        if self.transitions.len() == missing && is_endless(states) {
            let location = if let Place::Root = place { String::new() } else { place.to_string() };
            let message = String::from("Workflow has no terminal state");
            self.transition(Code::MissingEndState, message, location, start.extent, None);
            return;
        }
        for at in unreachable(&graph, names.index.get(start_name).copied()) {
            let state = &states[at];
            let message = format!("State \"{}\" is not reachable.", state.key);
            let location = states_place.field(&state.key).to_string();
            self.transition(Code::MissingTransitionTarget, message, location, state.key_extent, None);
        }
    }

    /// The states that `state` leads to, by position.
    fn targets(&mut self, state: &'a Node, place: Place<'_>, names: &Names<'_>, reached: &mut Vec<usize>) {
        for Edge { field, within, target, .. } in edges(state) {
            let Some(text) = target.as_text() else { continue };
            let found = match within {
                None => self.target(text, names, place.field(field), target.extent),
                Some((list, at)) => {
                    let list = place.field(list);
                    let rule = list.element(at);
                    self.target(text, names, rule.field(field), target.extent)
                }
            };
            reached.extend(found);
        }
    }

    fn target(&mut self, name: &'a str, names: &Names<'_>, place: Place<'_>, extent: Extent) -> Option<usize> {
        if let Some(&at) = names.index.get(name) {
            return Some(at);
        }
        // The service says 'Next' whatever the field is.
        let message = format!("Missing 'Next' target: {name}");
        self.transition(Code::MissingTransitionTarget, message, place.to_string(), extent, Some(name));
        let close = did_you_mean(name, names.states.iter().map(|state| state.key.as_str()));
        self.transitions.last_mut().expect("just reported").0.hint = close;
        None
    }

    /// Puts what was found here after all else, now that the names of all states are known.
    pub(super) fn append_transitions(&mut self) {
        for (mut diagnostic, target) in std::mem::take(&mut self.transitions) {
            if target.is_some_and(|target| self.state_names.contains(target)) {
                let rule = "a state leads to states of its own list, not out of a branch or a processor, nor into one";
                diagnostic.hint = Some(String::from(rule));
            }
            self.diagnostics.push(diagnostic);
        }
    }

    fn transition(&mut self, code: Code, message: String, location: String, extent: Extent, missing: Option<&'a str>) {
        let span = Some(self.lines.span(extent));
        let diagnostic = Diagnostic { severity: Severity::Error, code, message, location, span, hint: None };
        self.transitions.push((diagnostic, missing));
    }
}

/// Whether it is certain where a state leads: what is missing or malformed is reported as such, and says nothing
/// about the list.
fn is_flow_known(state: &Node) -> bool {
    match state.text_of("Type") {
        Some("Choice") => {
            let rules = state.get("Choices").map_or(&[][..], Node::elements);
            !rules.is_empty() && rules.iter().all(|rule| rule.text_of("Next").is_some())
        }
        Some("Task" | "Pass" | "Wait" | "Parallel" | "Map") => {
            state.text_of("Next").is_some() || state.get("End").is_some_and(Node::is_true)
        }
        Some("Succeed" | "Fail") => true,
        _ => false,
    }
}

/// Whether no state ends the list.
fn is_endless(states: &[Entry]) -> bool {
    let ends = |state: &Entry| match state.value.text_of("Type") {
        Some("Succeed" | "Fail") => true,
        _ => state.value.get("End").is_some_and(Node::is_true),
    };
    !states.is_empty() && !states.iter().any(ends)
}

/// The states that cannot be reached, but of those that only lead to each other just the first: the service
/// names the head of an unreachable chain, not its links.
fn unreachable(graph: &[Vec<usize>], start: Option<usize>) -> Vec<usize> {
    let mut reached = HashSet::new();
    let mut reach = |from: usize| -> bool {
        let mut pending = vec![from];
        let mut is_new = false;
        while let Some(at) = pending.pop() {
            if reached.insert(at) {
                is_new = true;
                pending.extend(&graph[at]);
            }
        }
        is_new
    };
    if let Some(start) = start {
        reach(start);
    }
    let mut entered = vec![false; graph.len()];
    for (from, targets) in graph.iter().enumerate() {
        for &to in targets.iter().filter(|&&to| to != from) {
            entered[to] = true;
        }
    }
    let heads = (0..graph.len()).filter(|&at| !entered[at]);
    let rest = (0..graph.len()).filter(|&at| entered[at]);
    let mut found: Vec<usize> = heads.chain(rest).filter(|&at| reach(at)).collect();
    found.sort_unstable();
    found
}
