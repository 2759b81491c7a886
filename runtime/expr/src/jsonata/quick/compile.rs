//! The tree of an expression to operations.

use super::op::{
    Binary, Call, Condition, Filter, Filtered, Head, Item, Key, LOOPS, Loop, LoopKind, Object, Op, Part, Path, Place,
    Start, Statement, Step,
};
use crate::VariableNames;
use crate::jsonata::Dialect;
use crate::jsonata::ast::{self, Kind, Node, Operator, Stage};
use crate::jsonata::dialect::Known;
use fleetstep_document::Text;

/// How deep operations may nest; what nests deeper is left to the general engine, which counts as it goes.
const DEPTH_MAX: usize = 100;

/// What compiling needs to know and finds out.
pub(super) struct Compiler<'n> {
    /// The slots of the variables that come in.
    names: &'n mut VariableNames,
    pub(super) dialect: &'static Dialect,
    /// `$states` is the state's own, rather than a variable.
    workflow: bool,
    /// The expression's own variables that can be seen, the innermost last.
    locals: Vec<(Text, u32)>,
    /// How many slots they need.
    pub(super) slots: u32,
    /// The functions of the library that are called.
    pub(super) natives: Vec<&'static str>,
    depth: usize,
    nodes: u64,
    /// How often `$` is read, or may be an argument that is not given.
    dollars: u32,
}

impl<'n> Compiler<'n> {
    pub(super) fn new(names: &'n mut VariableNames, dialect: &'static Dialect, workflow: bool) -> Self {
        Self {
            names,
            dialect,
            workflow,
            locals: Vec::new(),
            slots: 0,
            natives: Vec::new(),
            depth: 0,
            nodes: 0,
            dollars: 0,
        }
    }

    /// A node outside of the tail of a lambda.
    pub(super) fn node(&mut self, node: &Node) -> Option<Op> {
        self.place(node, false)
    }

    fn boxed(&mut self, node: &Node) -> Option<Box<Op>> {
        self.node(node).map(Box::new)
    }

    /// A node; with `tail`, one whose value is the result of a lambda as it is.
    fn place(&mut self, node: &Node, tail: bool) -> Option<Op> {
        let streams = node.tuple || node.focus.is_some() || node.index.is_some() || !node.ancestors.is_empty();
        if streams || !node.seeking.is_empty() || self.depth == DEPTH_MAX {
            return None;
        }
        self.depth += 1;
        self.nodes += 1;
        let is_path = matches!(node.kind, Kind::Path(_));
        let filtered = !node.predicates.is_empty() || node.group.is_some() && !is_path || node.keep_array;
        let op = self.kind(node, tail && !filtered)?;
        let op = if filtered {
            let filters = node.predicates.iter().map(|predicate| self.filter(predicate)).collect::<Option<_>>()?;
            let group = if is_path { None } else { self.group(node)? };
            Op::Filtered(Box::new(Filtered { op, filters, group, keep_array: node.keep_array }))
        } else {
            op
        };
        self.depth -= 1;
        Some(op)
    }

    fn kind(&mut self, node: &Node, tail: bool) -> Option<Op> {
        let position = node.position;
        Some(match &node.kind {
            Kind::Literal(literal) => Op::Constant(literal.clone()),
            Kind::Name(name) => Op::Name(name.clone()),
            Kind::Variable(name) => Op::Start(self.variable(name)?),
            Kind::Path(steps) => return self.path(node, steps),
            Kind::Binary(Operator::Concat, ..) => {
                let mut parts = Vec::new();
                self.parts(node, &mut parts)?;
                Op::Concat(parts.into())
            }
            Kind::Binary(operator, left, right) => {
                let (left, right) = (self.node(left)?, self.node(right)?);
                Op::Binary(Box::new(Binary { operator: *operator, left, right, position }))
            }
            Kind::Negate(operand) => Op::Negate { operand: self.boxed(operand)?, position },
            Kind::Array(items) => {
                let mut compiled = Vec::with_capacity(items.len());
                for item in items {
                    if item.is_array_constructor() && !item.predicates.is_empty() {
                        // It may come to nothing: the general engine knows what that makes of the array.
                        return None;
                    }
                    compiled.push(Item { op: self.node(item)?, nested: item.is_array_constructor() });
                }
                Op::Array { items: compiled.into(), cons: node.cons_array }
            }
            Kind::Object(group) => Op::Object(Box::new(self.object(group)?)),
            Kind::Call(call) => return self.call(node, call, None, false),
            Kind::TailCall(inner) if tail => {
                let Kind::Call(call) = &inner.kind else { return None };
                Op::Tail(Box::new(self.call(inner, call, None, true)?))
            }
            Kind::Apply(left, right) => {
                let Kind::Call(call) = &right.kind else { return None };
                return self.call(right, call, Some(left), false);
            }
            Kind::Condition { condition, then, otherwise } => {
                let condition = self.node(condition)?;
                let then = self.place(then, tail)?;
                let otherwise = match otherwise {
                    Some(otherwise) => Some(self.place(otherwise, tail)?),
                    None => None,
                };
                Op::Condition(Box::new(Condition { condition, then, otherwise }))
            }
            Kind::Default { left, right, coalesce } => {
                Op::Default { left: self.boxed(left)?, right: self.boxed(right)?, coalesce: *coalesce }
            }
            Kind::Block(expressions) => return self.block(expressions, tail),
            _ => return None,
        })
    }

    /// What a variable's name stands for; nothing for a function and for `$states` as a whole.
    fn variable(&mut self, name: &Text) -> Option<Start> {
        if let Some((_, slot)) = self.locals.iter().rev().find(|(known, _)| known == name) {
            return Some(Start::Local(*slot));
        }
        match name.as_str() {
            "" => {
                self.dollars += 1;
                Some(Start::Current)
            }
            "$" => Some(Start::Whole),
            "states" if self.workflow => None,
            name if self.dialect.function(name).is_some() => None,
            name => Some(Start::Variable(self.names.slot(name))),
        }
    }

    /// A new variable; the caller takes it away again where it is seen no more.
    fn bind(&mut self, name: &Text) -> Option<u32> {
        if name.is_empty() || name == "$" {
            return None;
        }
        let slot = self.slots;
        self.slots += 1;
        self.locals.push((name.clone(), slot));
        Some(slot)
    }

    fn path(&mut self, node: &Node, steps: &[Node]) -> Option<Op> {
        let (head, mut steps) = self.head(steps)?;
        let group = self.group(node)?;
        if steps.is_empty()
            && group.is_none()
            && !node.keep_singleton
            && let Head::Start(start) = head
        {
            return Some(Op::Start(start));
        }
        let mut keys = Vec::new();
        while let Some((step, rest)) = steps.split_first()
            && let Some(name) = plain_name(step)
        {
            keys.push(name.clone());
            steps = rest;
        }
        self.nodes += keys.len() as u64;
        let rest = steps.iter().map(|step| self.step(step)).collect::<Option<Box<[_]>>>()?;
        let is_walk = rest.is_empty() && group.is_none() && !node.keep_singleton;
        let path = Path { head, keys: keys.into(), rest, keep_singleton: node.keep_singleton, is_walk, group };
        Some(Op::Path(Box::new(path)))
    }

    /// Where a path starts, and the steps that are left.
    fn head<'a>(&mut self, steps: &'a [Node]) -> Option<(Head, &'a [Node])> {
        let (first, rest) = steps.split_first()?;
        if first.cons_array {
            // Only what certainly gives an array: of another value the general engine makes what jsonata-js does.
            let plain = first.is_array_constructor() && first.stages.is_empty() && first.predicates.is_empty();
            if !plain || first.group.is_some() {
                return None;
            }
            let dollars = self.dollars;
            let made = self.node(first)?;
            // There `$` is a sequence of the context, of which only the general engine knows how it falls together.
            return (self.dollars == dollars).then_some((Head::Constructor(made), rest));
        }
        let Kind::Variable(name) = &first.kind else { return Some((Head::Relative, steps)) };
        let local = self.locals.iter().any(|(known, _)| known == name);
        if !(self.workflow && !local && name == "states") {
            let head = match self.step(first)? {
                Step { op: Op::Start(start), filters, .. } if filters.is_empty() => Head::Start(start),
                step => Head::Absolute(step),
            };
            return Some((head, rest));
        }
        let (second, rest) = rest.split_first()?;
        let Kind::Name(member) = &second.kind else { return None };
        let start = match member.as_str() {
            "input" => Start::Input,
            "result" => Start::Result,
            "errorOutput" => Start::ErrorOutput,
            "context" => Start::Context,
            _ => return None,
        };
        let bare = first.stages.is_empty() && first.predicates.is_empty() && !first.keep_array && !second.keep_array;
        if !bare || !second.predicates.is_empty() || !is_still(first) || !is_still(second) {
            return None;
        }
        if second.stages.is_empty() {
            return Some((Head::Start(start), rest));
        }
        let filters = self.stages(second)?;
        Some((Head::Absolute(Step { op: Op::Start(start), filters, weight: 1 }), rest))
    }

    fn step(&mut self, node: &Node) -> Option<Step> {
        let before = self.nodes;
        let op = self.node(node)?;
        let filters = self.stages(node)?;
        Some(Step { op, filters, weight: weight(self.nodes - before) })
    }

    fn stages(&mut self, node: &Node) -> Option<Box<[Filter]>> {
        let filter = |stage: &Stage| match stage {
            Stage::Filter(predicate) => self.filter(predicate),
            Stage::Index(_) => None,
        };
        node.stages.iter().map(filter).collect()
    }

    fn filter(&mut self, predicate: &Node) -> Option<Filter> {
        if let Kind::Literal(literal) = &predicate.kind
            && let Some(number) = literal.as_f64()
        {
            return Some(Filter::Index(number));
        }
        let before = self.nodes;
        let op = self.node(predicate)?;
        Some(Filter::Test { op, weight: weight(self.nodes - before) })
    }

    /// The group of a node; the outer nothing when it is left to the general engine.
    fn group(&mut self, node: &Node) -> Option<Option<Box<Object>>> {
        match &node.group {
            Some(group) => Some(Some(Box::new(self.object(group)?))),
            None => Some(None),
        }
    }

    fn object(&mut self, group: &ast::Group) -> Option<Object> {
        let mut pairs: Vec<(Key, Op)> = Vec::with_capacity(group.pairs.len());
        for (key, value) in &group.pairs {
            let key = match &key.kind {
                Kind::Literal(literal) if is_undecorated(key) && literal.as_text().is_some() => {
                    Key::Literal(literal.as_text().cloned().unwrap_or_default())
                }
                _ => Key::Computed(self.node(key)?),
            };
            if let Key::Literal(text) = &key
                && pairs.iter().any(|(known, _)| matches!(known, Key::Literal(known) if known == text))
            {
                return None;
            }
            pairs.push((key, self.node(value)?));
        }
        Some(Object { pairs: pairs.into(), position: group.position })
    }

    /// The parts of a text, from the left; a chain of `&` is one operation.
    fn parts(&mut self, node: &Node, parts: &mut Vec<Part>) -> Option<()> {
        let Kind::Binary(Operator::Concat, left, right) = &node.kind else { return None };
        if matches!(left.kind, Kind::Binary(Operator::Concat, ..)) && is_undecorated(left) && is_still(left) {
            self.parts(left, parts)?;
        } else {
            parts.push(Part { op: self.node(left)?, position: node.position });
        }
        parts.push(Part { op: self.node(right)?, position: node.position });
        Some(())
    }

    fn block(&mut self, expressions: &[Node], tail: bool) -> Option<Op> {
        let outer = self.locals.len();
        let mut statements = Vec::with_capacity(expressions.len());
        for (at, expression) in expressions.iter().enumerate() {
            let mut bound = Vec::new();
            let mut value = expression;
            while let Kind::Bind(name, inner) = &value.kind {
                if !is_undecorated(value) || !is_still(value) {
                    return None;
                }
                bound.push(name);
                value = inner;
            }
            let op = self.place(value, tail && bound.is_empty() && at + 1 == expressions.len())?;
            let slots = bound.into_iter().rev().map(|name| self.bind(name)).collect::<Option<_>>()?;
            statements.push(Statement { slots, op });
        }
        self.locals.truncate(outer);
        Some(Op::Block(statements.into()))
    }

    /// A call of a function of the library, with `applied` as the first argument when it stands right of `~>`.
    fn call(&mut self, node: &Node, call: &ast::Call, applied: Option<&Node>, tail: bool) -> Option<Op> {
        let Kind::Variable(name) = &call.procedure.kind else { return None };
        let local = self.locals.iter().any(|(known, _)| known == name);
        if local || !is_undecorated(&call.procedure) || !is_still(&call.procedure) {
            return None;
        }
        // `$eval` sees the variables of its place.
        let known = self.dialect.function(name).filter(|known| known.native.name != "eval")?;
        self.natives.push(known.native.name);
        let arguments: Vec<&Node> = applied.into_iter().chain(&call.arguments).collect();
        self.dollars += u32::from(known.signature.may_take_context(arguments.len()));
        let place = Place { position: node.position, name: name.clone(), tail };
        if let Some((_, kind)) = LOOPS.iter().find(|(looping, _)| *looping == known.native.name)
            && let [over, function, initial @ ..] = &arguments[..]
            && let Kind::Lambda(lambda) = &function.kind
        {
            let initial = match (kind, initial) {
                (_, []) => None,
                (LoopKind::Reduce, [initial]) => Some(*initial),
                _ => return None,
            };
            return if is_undecorated(function) {
                self.looping(known, *kind, over, lambda, initial, place)
            } else {
                None
            };
        }
        let arguments = arguments.into_iter().map(|argument| self.node(argument)).collect::<Option<_>>()?;
        Some(Op::Call(Box::new(Call { known, arguments, place })))
    }

    fn looping(
        &mut self,
        known: &'static Known,
        kind: LoopKind,
        over: &Node,
        lambda: &ast::Lambda,
        initial: Option<&Node>,
        place: Place,
    ) -> Option<Op> {
        if lambda.signature.is_some() {
            return None;
        }
        let over = self.node(over)?;
        let initial = match initial {
            Some(initial) => Some(self.node(initial)?),
            None => None,
        };
        let (outer, before) = (self.locals.len(), self.nodes);
        let parameters = lambda.parameters.iter().map(|name| self.bind(name)).collect::<Option<_>>()?;
        let body = self.place(&lambda.body, true)?;
        self.locals.truncate(outer);
        let weight = weight(self.nodes - before);
        Some(Op::Loop(Box::new(Loop { known, kind, over, initial, parameters, body, place, weight })))
    }
}

/// What it costs of the budget to run so many operations: they are that much faster than the nodes of the tree, by
/// which the budget is measured.
fn weight(operations: u64) -> u64 {
    1 + operations / 4
}

/// The name of a step that is nothing but a name.
fn plain_name(step: &Node) -> Option<&Text> {
    match &step.kind {
        Kind::Name(name) if is_undecorated(step) && step.stages.is_empty() && is_still(step) => Some(name),
        _ => None,
    }
}

/// Whether nothing is done to the node's value.
fn is_undecorated(node: &Node) -> bool {
    node.predicates.is_empty() && node.group.is_none() && !node.keep_array
}

/// Whether the node neither makes nor passes a stream of tuples.
fn is_still(node: &Node) -> bool {
    !node.tuple && node.focus.is_none() && node.index.is_none() && node.ancestors.is_empty() && node.seeking.is_empty()
}
