//! Where workflow variables are assigned, and which states may see them.
//!
//! A variable is there from the state on that its assignment leads to. That is decided by the transitions alone: one
//! that is assigned on some way to a state counts as defined there.

use super::transitions::edges;
use crate::fields::QueryLanguage;
use crate::source::{Entry, Node};
use std::collections::HashMap;

/// The variables of one list of states.
pub(super) struct Scope<'a> {
    /// By name, the states that are entered with the variable just assigned.
    targets: HashMap<&'a str, Vec<usize>>,
    /// The states that each leads to.
    graph: Vec<Vec<usize>>,
    /// What can be reached from a state, as bits; made when it is asked for.
    reached: HashMap<usize, Box<[u64]>>,
    /// The state that is being checked.
    here: usize,
}

impl<'a> Scope<'a> {
    /// The scope of the list of states of `container`; `language` is that of states that name none.
    pub(super) fn of(container: &'a Node, language: QueryLanguage) -> Self {
        let states = container.get("States").map_or(&[][..], Node::entries);
        let index: HashMap<&str, usize> = states.iter().enumerate().map(|(at, state)| (&*state.key, at)).collect();
        let mut targets: HashMap<&str, Vec<usize>> = HashMap::new();
        let mut graph = Vec::with_capacity(states.len());
        for Entry { value: state, .. } in states {
            let language = QueryLanguage::of(state).unwrap_or(language);
            let mut next = Vec::new();
            for edge in edges(state) {
                let Some(&target) = edge.target.as_text().and_then(|name| index.get(name)) else { continue };
                next.push(target);
                for entry in edge.assign.map_or(&[][..], Node::entries) {
                    targets.entry(assigned_name(&entry.key, language)).or_default().push(target);
                }
            }
            graph.push(next);
        }
        Self { targets, graph, reached: HashMap::new(), here: 0 }
    }

    /// Goes to the state at a position of the list.
    pub(super) fn enter(&mut self, at: usize) {
        self.here = at;
    }

    /// Whether the variable may have been assigned when the state is entered.
    pub(super) fn defines(&mut self, name: &str) -> bool {
        let here = self.here;
        let (graph, reached) = (&self.graph, &mut self.reached);
        self.targets.get(name).is_some_and(|targets| {
            targets.iter().any(|&target| {
                let bits = reached.entry(target).or_insert_with(|| reach(graph, target));
                bits[here / 64] & (1 << (here % 64)) != 0
            })
        })
    }
}

/// The states that can be reached from `start`, itself among them.
fn reach(graph: &[Vec<usize>], start: usize) -> Box<[u64]> {
    let mut bits = vec![0_u64; graph.len().div_ceil(64)].into_boxed_slice();
    let mut pending = vec![start];
    while let Some(at) = pending.pop() {
        let (word, bit) = (at / 64, 1 << (at % 64));
        if bits[word] & bit == 0 {
            bits[word] |= bit;
            pending.extend(&graph[at]);
        }
    }
    bits
}

/// The variable that a key of `Assign` names.
pub(super) fn assigned_name(key: &str, language: QueryLanguage) -> &str {
    match language {
        QueryLanguage::JsonPath => key.strip_suffix(".$").unwrap_or(key),
        QueryLanguage::Jsonata => key,
    }
}
