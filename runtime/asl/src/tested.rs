//! A state made ready for a test of its own (`TestState`), alone or out of its machine.

use crate::lone::LONE_STATE_NAME;
use crate::source::{self, Node};
use crate::{Diagnostic, Format, Options, Resource, WorkflowType, compile, compile_state};
use fleetstep_document::{Document, Text};
use fleetstep_expr::Expr;
use fleetstep_machine::{Kind, Program, StateId, StateKind, TaskId};

/// A state that is to be tested.
#[derive(Debug)]
pub struct Tested {
    /// A program that starts at the state, which is named [`LONE_STATE_NAME`], as on the service. The machine's own
    /// `TimeoutSeconds` is not the state's.
    pub program: Program,
    /// What the state calls, if it is a Task: the only task, with the number 0, that a run of the state alone can
    /// call.
    pub resource: Option<Resource>,
    /// Which kind of state.
    pub kind: StateKind,
    /// Whether it is written in JSONata.
    pub is_jsonata: bool,
    /// Whether it is a Map whose iterations are executions of their own.
    pub is_distributed: bool,
    /// Whether it is a Map that writes its results somewhere, and answers with the place.
    pub writes_results: bool,
    /// `ReaderConfig` of a Map that reads its items from somewhere.
    pub reader: Option<Document>,
    state: StateId,
    name: Text,
    within: Vec<String>,
}

/// Why a state cannot be tested.
#[derive(Debug)]
pub enum TestedError {
    /// The definition is wrong.
    Invalid(Vec<Diagnostic>),
    /// The machine has no such state.
    NotFound,
}

/// Compiles the state called `name` of the machine `source`, or else the one state that `source` is. What it takes
/// to be run (a STANDARD machine, a service) is not asked: a test may answer in its place.
pub fn compile_tested(source: &str, name: Option<&str>) -> Result<Tested, TestedError> {
    let options = Options { format: Format::Json, target: Some(WorkflowType::Standard), mocked: true };
    let compilation = match name {
        Some(_) => compile(source, &options),
        None => compile_state(source, &options),
    };
    let Some(compiled) = compilation.compiled else { return Err(TestedError::Invalid(compilation.diagnostics)) };
    let (mut program, mut resources) = (compiled.program, compiled.resources);
    let root = source::read(source, options.format).map_err(|_| TestedError::NotFound)?;
    let node = match name {
        Some(name) => state_of(&root, name).ok_or(TestedError::NotFound)?,
        None => &root,
    };
    let name = name.unwrap_or(LONE_STATE_NAME);
    let at = program.states.iter().position(|state| state.name == name).ok_or(TestedError::NotFound)?;
    let state = &mut program.states[at];
    let name = std::mem::replace(&mut state.name, Text::from(LONE_STATE_NAME));
    let kind = state.kind.state_kind();
    let resource = match &mut state.kind {
        Kind::Task(task) => {
            let resource = resources.swap_remove(task.task.index());
            task.task = TaskId(0);
            Some(resource)
        }
        _ => None,
    };
    let state = StateId(at as u32);
    program.branches[program.root.index()].start = state;
    program.timeout = None;
    let language = node.text_of("QueryLanguage").or_else(|| root.text_of("QueryLanguage"));
    let reader = node.get("ItemReader");
    let reader = reader.map(|reader| reader.get("ReaderConfig").map_or_else(Document::empty_object, Node::to_document));
    Ok(Tested {
        program,
        resource,
        kind,
        is_jsonata: language == Some("JSONata"),
        is_distributed: is_distributed(node),
        writes_results: node.get("ResultWriter").is_some(),
        reader,
        state,
        name,
        within: lists_of(node).flat_map(names_of).collect(),
    })
}

impl Tested {
    /// The name of a state that the tested one leads to.
    #[must_use]
    pub fn name_of(&self, state: StateId) -> &Text {
        if state == self.state { &self.name } else { &self.program.states[state.index()].name }
    }

    /// How many branches it has, if it is a Parallel.
    #[must_use]
    pub fn branches(&self) -> usize {
        match &self.program.states[self.state.index()].kind {
            Kind::Parallel(parallel) => parallel.branches.len(),
            _ => 0,
        }
    }

    /// Whether a state of that name is within it, at whatever depth.
    #[must_use]
    pub fn has_within(&self, name: &str) -> bool {
        self.within.iter().any(|known| known == name)
    }

    /// Gives a Map its items.
    pub fn set_items(&mut self, items: Document) {
        if let Kind::Map(map) = &mut self.program.states[self.state.index()].kind {
            map.items = Expr::literal(items);
        }
    }
}

fn is_distributed(node: &Node) -> bool {
    let mode = lists_of(node).find_map(|list| list.get("ProcessorConfig")?.text_of("Mode"));
    mode == Some("DISTRIBUTED")
}

/// The lists of states that a state runs.
fn lists_of(state: &Node) -> impl Iterator<Item = &Node> {
    let processor = ["ItemProcessor", "Iterator"].into_iter().find_map(|field| state.get(field));
    state.get("Branches").map_or(&[][..], Node::elements).iter().chain(processor)
}

/// The state of that name in a list of states, at whatever depth. The text is not nested deeper than
/// [`source::NESTING_DEPTH_MAX`].
fn state_of<'a>(list: &'a Node, name: &str) -> Option<&'a Node> {
    let states = list.get("States")?;
    states.get(name).or_else(|| {
        let mut lists = states.entries().iter().flat_map(|state| lists_of(&state.value));
        lists.find_map(|list| state_of(list, name))
    })
}

/// The names of all states of a list, at whatever depth.
fn names_of(list: &Node) -> Vec<String> {
    let states = list.get("States").map_or(&[][..], Node::entries);
    let below = states.iter().flat_map(|state| lists_of(&state.value)).flat_map(names_of);
    states.iter().map(|state| state.key.clone()).chain(below).collect()
}
