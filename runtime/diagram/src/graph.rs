//! What a definition says, as states, scopes and edges.

use crate::{DrawError, STATES_DRAWN_MAX, condition};
use fleetstep_asl::{Format, Options, compile, definition_json};
use fleetstep_document::{Document, Object};
use std::collections::HashMap;

/// A state of a [`Graph`]: an index into its `states`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StateId(pub usize);

/// A scope of a [`Graph`]: an index into its `scopes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScopeId(pub usize);

/// A definition to be drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graph {
    /// The definition's `Comment`.
    pub comment: Option<String>,
    /// All states, those of nested scopes among them.
    pub states: Vec<State>,
    /// The definition itself (the first), the branches of its Parallel states and the processors of its Map states.
    pub scopes: Vec<Scope>,
}

/// A state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: Kind,
    /// What it does, in a few words: `Lambda · invoke`.
    pub caption: String,
    /// Its `Comment`.
    pub comment: Option<String>,
    /// What is nested in it, in order.
    pub scopes: Vec<ScopeId>,
    /// Whether a way leads to it from its scope's `StartAt`.
    pub is_reachable: bool,
}

/// The type of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// `Task`
    Task,
    /// `Pass`
    Pass,
    /// `Choice`
    Choice,
    /// `Wait`
    Wait,
    /// `Succeed`
    Succeed,
    /// `Fail`
    Fail,
    /// `Parallel`
    Parallel,
    /// `Map`
    Map,
    /// A state whose type is not one of these.
    Unknown,
    /// A name that something leads to, and that no state has.
    Missing,
}

impl Kind {
    /// All of them, in the order of a legend.
    pub const ALL: [Kind; 10] = [
        Kind::Task,
        Kind::Pass,
        Kind::Choice,
        Kind::Wait,
        Kind::Succeed,
        Kind::Fail,
        Kind::Parallel,
        Kind::Map,
        Kind::Unknown,
        Kind::Missing,
    ];

    /// The type as ASL writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kind::Task => "Task",
            Kind::Pass => "Pass",
            Kind::Choice => "Choice",
            Kind::Wait => "Wait",
            Kind::Succeed => "Succeed",
            Kind::Fail => "Fail",
            Kind::Parallel => "Parallel",
            Kind::Map => "Map",
            Kind::Unknown => "Unknown",
            Kind::Missing => "Missing",
        }
    }

    fn of(state: &Document) -> Self {
        let name = state.get("Type").and_then(Document::as_str).unwrap_or_default();
        Self::ALL[..8].iter().copied().find(|kind| kind.name() == name).unwrap_or(Kind::Unknown)
    }
}

/// States that lead to each other: a definition, a branch, an item processor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Its states, in the order of the text; then the ghosts.
    pub states: Vec<StateId>,
    /// What leads where.
    pub edges: Vec<Edge>,
}

/// What an edge leads from or to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// Where a scope begins.
    Start,
    /// A state.
    State(StateId),
    /// Where a scope ends.
    End,
}

/// Something that leads on. Between two states there is one edge of a kind, which has all that leads so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// Where it begins.
    pub from: End,
    /// Where it leads.
    pub to: End,
    /// Why it is there.
    pub kind: EdgeKind,
    /// The conditions, or the names of errors; none for a plain transition.
    pub labels: Vec<String>,
}

/// The kind of an [`Edge`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EdgeKind {
    /// `StartAt`, `Next`, and the way of a last state to the end.
    Next,
    /// A rule of a Choice.
    Choice,
    /// The `Default` of a Choice.
    Default,
    /// A catcher.
    Catch,
}

impl EdgeKind {
    /// The word for it: the value of `data-kind`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            EdgeKind::Next => "next",
            EdgeKind::Choice => "choice",
            EdgeKind::Default => "default",
            EdgeKind::Catch => "catch",
        }
    }
}

impl Graph {
    /// The graph of a definition, however broken it is, as long as it is an object of JSON or YAML.
    ///
    /// # Errors
    /// [`DrawError::Unreadable`], and [`DrawError::TooManyStates`].
    pub fn read(source: &str, format: Format) -> Result<Self, DrawError> {
        let Some(json) = definition_json(source, format) else {
            let compilation = compile(source, &Options { format, ..Options::default() });
            let complaint = compilation.diagnostics.into_iter().next().map(|diagnostic| diagnostic.message);
            return Err(DrawError::Unreadable(complaint.unwrap_or_default()));
        };
        let root = Document::parse(json.as_bytes()).map_err(|error| DrawError::Unreadable(error.to_string()))?;
        let comment = root.get("Comment").and_then(Document::as_str).map(String::from);
        let mut graph = Self { comment, states: Vec::new(), scopes: Vec::new() };
        graph.add_scope(&root)?;
        Ok(graph)
    }

    /// The state of that id.
    #[must_use]
    pub fn state(&self, id: StateId) -> &State {
        &self.states[id.0]
    }

    /// The scope of that id.
    #[must_use]
    pub fn scope(&self, id: ScopeId) -> &Scope {
        &self.scopes[id.0]
    }

    /// The name of an end of an edge; that of a Start and an End is empty.
    #[must_use]
    pub fn name(&self, end: End) -> &str {
        match end {
            End::State(id) => &self.state(id).name,
            End::Start | End::End => "",
        }
    }

    fn add_state(&mut self, name: &str, kind: Kind, body: Option<&Document>) -> Result<StateId, DrawError> {
        if self.states.len() == STATES_DRAWN_MAX {
            return Err(DrawError::TooManyStates);
        }
        let comment = body.and_then(|body| body.get("Comment")).and_then(Document::as_str).map(String::from);
        let caption = body.map_or_else(|| String::from("no such state"), |body| condition::caption(kind, body));
        let name = String::from(name);
        self.states.push(State { name, kind, caption, comment, scopes: Vec::new(), is_reachable: false });
        Ok(StateId(self.states.len() - 1))
    }

    fn add_scope(&mut self, body: &Document) -> Result<ScopeId, DrawError> {
        let id = ScopeId(self.scopes.len());
        self.scopes.push(Scope::default());
        let mut reader = Reader { graph: self, names: HashMap::new(), scope: Scope::default() };
        let states = body.get("States").and_then(Document::as_object);
        for (name, state) in states.into_iter().flat_map(Object::iter) {
            let state_id = reader.graph.add_state(name, Kind::of(state), Some(state))?;
            reader.names.insert(name.to_string(), state_id);
            reader.scope.states.push(state_id);
        }
        if let Some(start) = body.get("StartAt").and_then(Document::as_str) {
            let to = reader.target(start)?;
            reader.edge(End::Start, to, EdgeKind::Next, None);
        }
        for (name, state) in states.into_iter().flat_map(Object::iter) {
            reader.transitions(reader.names[name.as_str()], state)?;
        }
        let Reader { scope, .. } = reader;
        self.mark_reachable(&scope);
        let members: Vec<(StateId, Document)> = scope
            .states
            .iter()
            .copied()
            .zip(states.into_iter().flat_map(Object::iter).map(|entry| entry.1.clone()))
            .collect();
        self.scopes[id.0] = scope;
        for (state, body) in members {
            for nested in nested(self.state(state).kind, &body) {
                let nested = self.add_scope(nested)?;
                self.states[state.0].scopes.push(nested);
            }
        }
        Ok(id)
    }

    fn mark_reachable(&mut self, scope: &Scope) {
        let mut ways: HashMap<End, Vec<End>> = HashMap::new();
        for edge in &scope.edges {
            ways.entry(edge.from).or_default().push(edge.to);
        }
        let mut open = vec![End::Start];
        while let Some(end) = open.pop() {
            if let End::State(id) = end {
                self.states[id.0].is_reachable = true;
            }
            open.extend(ways.remove(&end).unwrap_or_default());
        }
    }
}

/// The scopes within a state.
fn nested(kind: Kind, body: &Document) -> Vec<&Document> {
    match kind {
        Kind::Parallel => body.get("Branches").and_then(Document::as_array).unwrap_or_default().iter().collect(),
        Kind::Map => body.get("ItemProcessor").or_else(|| body.get("Iterator")).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// Reads the transitions of one scope.
struct Reader<'a> {
    graph: &'a mut Graph,
    names: HashMap<String, StateId>,
    scope: Scope,
}

impl Reader<'_> {
    /// The state of that name, or its ghost.
    fn target(&mut self, name: &str) -> Result<End, DrawError> {
        if let Some(id) = self.names.get(name) {
            return Ok(End::State(*id));
        }
        let id = self.graph.add_state(name, Kind::Missing, None)?;
        self.names.insert(String::from(name), id);
        self.scope.states.push(id);
        Ok(End::State(id))
    }

    fn edge(&mut self, from: End, to: End, kind: EdgeKind, label: Option<String>) {
        // The edges of a state follow one another, so those to be joined are at the end of the list.
        let own = self.scope.edges.iter_mut().rev().take_while(|edge| edge.from == from);
        match own.into_iter().find(|edge| edge.to == to && edge.kind == kind) {
            Some(edge) => edge.labels.extend(label),
            None => self.scope.edges.push(Edge { from, to, kind, labels: label.into_iter().collect() }),
        }
    }

    fn transitions(&mut self, id: StateId, state: &Document) -> Result<(), DrawError> {
        let from = End::State(id);
        for rule in list(state, "Choices") {
            self.lead(from, rule, "Next", EdgeKind::Choice, Some(condition::rule(rule)))?;
        }
        self.lead(from, state, "Default", EdgeKind::Default, Some(String::from("otherwise")))?;
        self.lead(from, state, "Next", EdgeKind::Next, None)?;
        let ends = state.get("End").and_then(Document::as_bool) == Some(true);
        if ends || self.graph.state(id).kind == Kind::Succeed {
            self.edge(from, End::End, EdgeKind::Next, None);
        }
        for catcher in list(state, "Catch") {
            let errors = list(catcher, "ErrorEquals").iter().filter_map(Document::as_str);
            let label = errors.collect::<Vec<_>>().join(", ");
            self.lead(from, catcher, "Next", EdgeKind::Catch, Some(label))?;
        }
        Ok(())
    }

    fn lead(
        &mut self,
        from: End,
        at: &Document,
        field: &str,
        kind: EdgeKind,
        label: Option<String>,
    ) -> Result<(), DrawError> {
        if let Some(name) = at.get(field).and_then(Document::as_str) {
            let to = self.target(name)?;
            self.edge(from, to, kind, label);
        }
        Ok(())
    }
}

fn list<'a>(at: &'a Document, field: &str) -> &'a [Document] {
    at.get(field).and_then(Document::as_array).unwrap_or_default()
}
