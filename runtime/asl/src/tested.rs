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
    /// What the state calls, if it is a Task: the program's task 0, the only one that a run of the state alone calls.
    pub resource: Option<Resource>,
    /// Which kind of state.
    pub kind: StateKind,
    /// Whether it is written in JSONata.
    pub is_jsonata: bool,
    /// Whether it is a Map whose iterations are executions of their own.
    pub is_distributed: bool,
    /// Whether it is run by a Map, at whatever depth.
    pub is_within_map: bool,
    /// Whether it is a Map that writes its results somewhere, and answers with the place.
    pub writes_results: bool,
    /// How many branches it has, if it is a Parallel.
    pub branches: usize,
    /// `ReaderConfig` of a Map that reads its items from somewhere.
    pub reader: Option<Document>,
    /// Of the program.
    state: StateId,
    /// The names of the program's states, as the definition has them.
    names: Vec<Text>,
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
///
/// The program starts at the state, which is named [`LONE_STATE_NAME`], as on the service. The machine's own
/// `TimeoutSeconds` is not the state's.
pub fn compile_tested(source: &str, name: Option<&str>) -> Result<(Program, Tested), TestedError> {
    let options =
        Options { format: Format::Json, target: Some(WorkflowType::Standard), mocked: true, ..Options::default() };
    let compilation = match name {
        Some(_) => compile(source, &options),
        None => compile_state(source, &options),
    };
    let Some(compiled) = compilation.compiled else { return Err(TestedError::Invalid(compilation.diagnostics)) };
    let (mut program, mut resources) = (compiled.program, compiled.resources);
    let root = source::read(source, options.format).map_err(|_| TestedError::NotFound)?;
    let (node, is_within_map) = match name {
        Some(name) => state_of(&root, name, false).ok_or(TestedError::NotFound)?,
        None => (&root, false),
    };
    let name = name.unwrap_or(LONE_STATE_NAME);
    let at = program.states.iter().position(|state| state.name == name).ok_or(TestedError::NotFound)?;
    let names = program.states.iter().map(|state| state.name.clone()).collect();
    let state = &mut program.states[at];
    state.name = Text::from(LONE_STATE_NAME);
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
    let tested = Tested {
        resource,
        kind,
        is_jsonata: language == Some("JSONata"),
        is_distributed: is_distributed(node),
        is_within_map,
        writes_results: node.get("ResultWriter").is_some(),
        reader,
        state,
        names,
        branches: node.get("Branches").map_or(0, |branches| branches.elements().len()),
        within: lists_of(node).flat_map(names_of).collect(),
    };
    Ok((program, tested))
}

impl Tested {
    /// The name of a state that the tested one leads to.
    #[must_use]
    pub fn name_of(&self, state: StateId) -> &Text {
        &self.names[state.index()]
    }

    /// Whether a state of that name is within it, at whatever depth.
    #[must_use]
    pub fn has_within(&self, name: &str) -> bool {
        self.within.iter().any(|known| known == name)
    }

    /// Gives a Map its items, in the `program` that it was compiled to.
    pub fn set_items(&self, program: &mut Program, items: Document) {
        if let Kind::Map(map) = &mut program.states[self.state.index()].kind {
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

/// The state of that name in a list of states, at whatever depth, and whether a Map runs it. The text is not nested
/// deeper than [`source::NESTING_DEPTH_MAX`].
fn state_of<'a>(list: &'a Node, name: &str, is_within_map: bool) -> Option<(&'a Node, bool)> {
    let states = list.get("States")?;
    if let Some(found) = states.get(name) {
        return Some((found, is_within_map));
    }
    states.entries().iter().find_map(|state| {
        let is_within_map = is_within_map || state.value.text_of("Type") == Some("Map");
        lists_of(&state.value).find_map(|list| state_of(list, name, is_within_map))
    })
}

/// The names of all states of a list, at whatever depth.
fn names_of(list: &Node) -> Vec<String> {
    let states = list.get("States").map_or(&[][..], Node::entries);
    let below = states.iter().flat_map(|state| lists_of(&state.value)).flat_map(names_of);
    states.iter().map(|state| state.key.clone()).chain(below).collect()
}
