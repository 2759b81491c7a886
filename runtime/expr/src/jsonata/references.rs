//! What an expression reads that it does not make itself: workflow variables and parts of `$states`.

use super::Dialect;
use super::ast::{Group, Kind, Node, Stage};
use fleetstep_document::Text;

/// The variable that holds what a state can see.
const STATES: &str = "states";

/// Names that are free in an expression, each once.
#[derive(Debug, Default)]
pub(crate) struct References {
    /// Variables that neither the expression nor the library binds, and those of the library that are read but not
    /// called: a workflow variable hides a function of its name.
    pub(crate) variables: Vec<Text>,
    /// The members of `$states`; `None` where it is taken whole.
    pub(crate) states: Vec<Option<Text>>,
    /// What is read of a context that an expression of a workflow does not have: names and `$` outside of any path,
    /// and `$$` anywhere. Each once.
    pub(crate) unbound: Vec<Text>,
}

/// What the tree reads.
pub(super) fn references(root: &Node, dialect: &Dialect) -> References {
    let mut walk = Walk { found: References::default(), bound: Vec::new(), outermost: true, dialect };
    walk.node(root);
    walk.found
}

/// Whether a step is `$states` and no more.
fn is_states(step: &Node) -> bool {
    let plain = step.stages.is_empty() && step.predicates.is_empty() && step.group.is_none();
    plain && matches!(&step.kind, Kind::Variable(name) if name.as_str() == STATES)
}

struct Walk<'d> {
    found: References,
    /// What the expression itself has bound so far.
    bound: Vec<Text>,
    /// Whether the context is still the one that the whole expression has.
    outermost: bool,
    dialect: &'d Dialect,
}

impl Walk<'_> {
    fn node(&mut self, node: &Node) {
        match &node.kind {
            Kind::Literal(_) | Kind::Regex(_) | Kind::Wildcard | Kind::Descendant => {}
            Kind::Parent(..) | Kind::Placeholder => {}
            Kind::Name(name) if self.outermost => self.unbound(name),
            Kind::Name(_) => {}
            Kind::Variable(name) if name.is_empty() && self.outermost => self.unbound(&Text::from("$")),
            Kind::Variable(name) if name.is_empty() => {}
            Kind::Variable(name) if name.as_str() == "$" => self.unbound(&Text::from("$$")),
            Kind::Variable(name) if name.as_str() == STATES => self.states(None),
            Kind::Variable(name) => self.variable(name),
            Kind::Path(steps) => self.path(steps),
            Kind::Binary(_, left, right) | Kind::Apply(left, right) | Kind::Default { left, right, .. } => {
                self.node(left);
                self.node(right);
            }
            Kind::Negate(operand) => self.node(operand),
            Kind::Array(items) => items.iter().for_each(|item| self.node(item)),
            Kind::Object(group) => self.group(group),
            Kind::Call(call) | Kind::Partial(call) => {
                self.procedure(&call.procedure);
                call.arguments.iter().for_each(|argument| self.node(argument));
            }
            Kind::TailCall(call) => self.node(call),
            Kind::Lambda(lambda) => {
                let outer = self.bound.len();
                self.bound.extend(lambda.parameters.iter().cloned());
                self.node(&lambda.body);
                self.bound.truncate(outer);
            }
            Kind::Condition { condition, then, otherwise } => {
                self.node(condition);
                self.node(then);
                otherwise.iter().for_each(|otherwise| self.node(otherwise));
            }
            Kind::Block(expressions) => self.block(expressions),
            Kind::Bind(name, value) => {
                self.node(value);
                self.bound.push(name.clone());
            }
            Kind::Sort(terms) => self.inside(|walk| terms.iter().for_each(|term| walk.node(&term.expression))),
            Kind::Transform(transform) => self.inside(|walk| {
                walk.node(&transform.pattern);
                walk.node(&transform.update);
                transform.delete.iter().for_each(|delete| walk.node(delete));
            }),
        }
        self.bound.extend(node.focus.iter().chain(&node.index).cloned());
        self.inside(|walk| {
            for stage in &node.stages {
                match stage {
                    Stage::Filter(filter) => walk.node(filter),
                    Stage::Index(name) => walk.bound.push(name.clone()),
                }
            }
            node.predicates.iter().for_each(|predicate| walk.node(predicate));
            node.group.iter().for_each(|group| walk.group(group));
        });
    }

    /// Walks what is evaluated with another context.
    fn inside(&mut self, walk: impl FnOnce(&mut Self)) {
        let outermost = std::mem::replace(&mut self.outermost, false);
        walk(self);
        self.outermost = outermost;
    }

    /// `$states.input.a`: the member after the variable is what is read.
    fn path(&mut self, steps: &[Node]) {
        let outer = self.bound.len();
        match steps {
            [first, Node { kind: Kind::Name(member), .. }, ..] if is_states(first) => self.states(Some(member.clone())),
            [first, ..] => self.node(first),
            [] => {}
        }
        self.inside(|walk| steps.iter().skip(1).for_each(|step| walk.node(step)));
        self.bound.truncate(outer);
    }

    /// Functions of a block may call those that stand after them.
    fn block(&mut self, expressions: &[Node]) {
        let outer = self.bound.len();
        for expression in expressions {
            if let Kind::Bind(name, value) = &expression.kind
                && matches!(value.kind, Kind::Lambda(_))
            {
                self.bound.push(name.clone());
            }
        }
        expressions.iter().for_each(|expression| self.node(expression));
        self.bound.truncate(outer);
    }

    fn group(&mut self, group: &Group) {
        for (key, value) in &group.pairs {
            self.node(key);
            self.node(value);
        }
    }

    /// The name of a library function that is called reads no variable.
    fn procedure(&mut self, procedure: &Node) {
        match &procedure.kind {
            Kind::Variable(name) if self.dialect.function(name).is_some() => {}
            _ => self.node(procedure),
        }
    }

    fn unbound(&mut self, name: &Text) {
        if !self.found.unbound.contains(name) {
            self.found.unbound.push(name.clone());
        }
    }

    fn states(&mut self, member: Option<Text>) {
        if !self.found.states.contains(&member) {
            self.found.states.push(member);
        }
    }

    fn variable(&mut self, name: &Text) {
        if !self.bound.contains(name) && !self.found.variables.contains(name) {
            self.found.variables.push(name.clone());
        }
    }
}
