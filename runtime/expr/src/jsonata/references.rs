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
}

/// What the tree reads.
pub(super) fn references(root: &Node, dialect: &'static Dialect) -> References {
    let mut walk = Walk { dialect, found: References::default(), bound: Vec::new() };
    walk.node(root);
    walk.found
}

struct Walk {
    dialect: &'static Dialect,
    found: References,
    /// What the expression itself has bound so far.
    bound: Vec<Text>,
}

impl Walk {
    fn node(&mut self, node: &Node) {
        match &node.kind {
            Kind::Literal(_) | Kind::Name(_) | Kind::Regex(_) | Kind::Wildcard | Kind::Descendant => {}
            Kind::Parent(..) | Kind::Placeholder => {}
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
            Kind::Sort(terms) => terms.iter().for_each(|term| self.node(&term.expression)),
            Kind::Transform(transform) => {
                self.node(&transform.pattern);
                self.node(&transform.update);
                transform.delete.iter().for_each(|delete| self.node(delete));
            }
        }
        self.bound.extend(node.focus.iter().chain(&node.index).cloned());
        for stage in &node.stages {
            match stage {
                Stage::Filter(filter) => self.node(filter),
                Stage::Index(name) => self.bound.push(name.clone()),
            }
        }
        node.predicates.iter().for_each(|predicate| self.node(predicate));
        node.group.iter().for_each(|group| self.group(group));
    }

    /// `$states.input.a`: the member after the variable is what is read.
    fn path(&mut self, steps: &[Node]) {
        let outer = self.bound.len();
        let mut rest = steps;
        if let [first, second, ..] = steps
            && let (Kind::Variable(variable), Kind::Name(member)) = (&first.kind, &second.kind)
            && variable.as_str() == STATES
            && first.stages.is_empty()
            && first.predicates.is_empty()
        {
            self.states(Some(member.clone()));
            rest = &steps[1..];
        }
        rest.iter().for_each(|step| self.node(step));
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

    fn states(&mut self, member: Option<Text>) {
        if !self.found.states.contains(&member) {
            self.found.states.push(member);
        }
    }

    fn variable(&mut self, name: &Text) {
        let is_root = name.is_empty() || name.as_str() == "$";
        if !is_root && !self.bound.contains(name) && !self.found.variables.contains(name) {
            self.found.variables.push(name.clone());
        }
    }
}
