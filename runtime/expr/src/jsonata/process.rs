//! The plain tree to the one that is evaluated: paths are flattened to steps, `%` finds the step whose input it
//! stands for, calls in tail position are marked.

use super::ast::{Call, Group, Kind, Lambda, Node, Operator, SlotId, Stage, Transform};
use super::parser::{Raw, RawKind, SortTerm};
use super::stack::Stack;
use super::{Code, JsonataError};
use fleetstep_document::{Document, Text};
use std::sync::Arc;

/// Makes the tree of an expression.
pub(super) fn process(raw: Raw, stack: Stack) -> Result<Node, JsonataError> {
    let mut processor = Processor { levels: Vec::new(), stack };
    let node = processor.node(raw)?;
    if matches!(node.kind, Kind::Parent(..)) || !node.seeking.is_empty() {
        return Err(JsonataError::new(Code::S0217).at(node.position));
    }
    Ok(node)
}

struct Processor {
    /// For each `%`, how many steps it has still to look back.
    levels: Vec<i32>,
    stack: Stack,
}

type Outcome<T> = Result<T, JsonataError>;

impl Processor {
    fn node(&mut self, raw: Raw) -> Outcome<Node> {
        self.stack.check()?;
        let Raw { kind, position, keep_array } = raw;
        let mut node = match kind {
            RawKind::Name(name) => name_path(name, position, keep_array),
            RawKind::Operator("?") => Node::new(Kind::Placeholder, position),
            RawKind::Operator(word) => name_path(Text::from(word), position, keep_array),
            RawKind::End => return Err(JsonataError::new(Code::S0207).at(position).token("(end)")),
            RawKind::Variable(name) => Node::new(Kind::Variable(name), position),
            RawKind::Literal(literal) => Node::new(Kind::Literal(literal), position),
            RawKind::Regex(regex) => Node::new(Kind::Regex(regex), position),
            RawKind::Wildcard => Node::new(Kind::Wildcard, position),
            RawKind::Descendant => Node::new(Kind::Descendant, position),
            RawKind::Parent => self.parent(position),
            RawKind::Binary(operator, left, right) => self.binary(operator, *left, *right, position, keep_array)?,
            RawKind::Group(left, pairs) => self.group_by(*left, pairs, position)?,
            RawKind::Sort(left, terms) => self.sort(*left, terms, position)?,
            RawKind::Negate(operand) => self.negate(*operand, position)?,
            RawKind::Array(items) => self.array(items, position)?,
            RawKind::Object(pairs) => self.object(pairs, position)?,
            RawKind::Call { procedure, arguments, partial } => self.call(*procedure, arguments, partial, position)?,
            RawKind::Lambda { parameters, signature, body } => {
                let body = tail_calls(self.node(*body)?);
                Node::new(Kind::Lambda(Arc::new(Lambda { parameters, signature, body })), position)
            }
            RawKind::Block(expressions) => self.block(expressions, position)?,
            RawKind::Condition { condition, then, otherwise } => {
                let condition = self.node(*condition)?;
                let then = self.node(*then)?;
                let otherwise = otherwise.map(|otherwise| self.node(*otherwise)).transpose()?;
                let mut seeking = Vec::new();
                for part in [Some(&condition), Some(&then), otherwise.as_ref()].into_iter().flatten() {
                    push_seeking(&mut seeking, part);
                }
                let (condition, then) = (Box::new(condition), Box::new(then));
                let kind = Kind::Condition { condition, then, otherwise: otherwise.map(Box::new) };
                Node { seeking, ..Node::new(kind, position) }
            }
            RawKind::Transform { pattern, update, delete } => {
                let pattern = self.node(*pattern)?;
                let update = self.node(*update)?;
                let delete = delete.map(|delete| self.node(*delete)).transpose()?;
                Node::new(Kind::Transform(Arc::new(Transform { pattern, update, delete, position })), position)
            }
        };
        node.keep_array |= keep_array;
        Ok(node)
    }

    fn parent(&mut self, position: usize) -> Node {
        self.levels.push(1);
        let slot = self.levels.len() - 1;
        Node::new(Kind::Parent(slot, slot_name(slot)), position)
    }

    fn binary(
        &mut self,
        operator: &'static str,
        left: Raw,
        right: Raw,
        position: usize,
        keep_array: bool,
    ) -> Outcome<Node> {
        match operator {
            "." => self.map(left, right, position),
            "[" => self.predicate(left, right, position),
            "@" => self.focus(left, right, position, keep_array),
            "#" => self.index(left, right),
            ":=" => {
                let (RawKind::Variable(name), value) = (left.kind, self.node(right)?) else {
                    return Err(JsonataError::new(Code::S0212).at(left.position));
                };
                let mut seeking = Vec::new();
                push_seeking(&mut seeking, &value);
                Ok(Node { seeking, ..Node::new(Kind::Bind(name, Box::new(value)), position) })
            }
            "~>" => {
                // A `%` on either side is not looked for any further: jsonata-js forgets it here.
                let (left, right) = (self.node(left)?, self.node(right)?);
                let keep_array = left.keep_array || right.keep_array;
                let kind = Kind::Apply(Box::new(left), Box::new(right));
                Ok(Node { keep_array, ..Node::new(kind, position) })
            }
            _ => {
                let (left, right) = (self.node(left)?, self.node(right)?);
                let mut seeking = Vec::new();
                push_seeking(&mut seeking, &left);
                push_seeking(&mut seeking, &right);
                let (left, right) = (Box::new(left), Box::new(right));
                let kind = match Operator::from_text(operator) {
                    Some(operator) => Kind::Binary(operator, left, right),
                    None => Kind::Default { left, right, coalesce: operator == "??" },
                };
                Ok(Node { seeking, ..Node::new(kind, position) })
            }
        }
    }

    /// `left.right`: one path of the steps of both.
    fn map(&mut self, left: Raw, right: Raw, position: usize) -> Outcome<Node> {
        let left = self.node(left)?;
        let parent = match left.kind {
            Kind::Parent(slot, _) => Some(slot),
            _ => None,
        };
        let mut path = as_path(left, position);
        path.seeking.extend(parent);
        let rest = self.node(right)?;
        let Kind::Path(steps) = &mut path.kind else { unreachable!("just made a path") };
        append(steps, rest);
        for step in steps.iter_mut() {
            if let Kind::Literal(literal) = &step.kind {
                let Some(name) = literal.as_text() else {
                    let value = super::Value::Document(literal.clone());
                    return Err(JsonataError::new(Code::S0213).at(step.position).value("value", &value));
                };
                step.kind = Kind::Name(name.clone());
            }
        }
        path.keep_singleton |= steps.iter().any(|step| step.keep_array);
        let last = steps.len() - 1;
        for at in [0, last] {
            if steps[at].is_array_constructor() {
                steps[at].cons_array = true;
            }
        }
        self.resolve_ancestry(&mut path)?;
        Ok(path)
    }

    /// `left[right]`
    fn predicate(&mut self, left: Raw, right: Raw, position: usize) -> Outcome<Node> {
        let mut result = self.node(left)?;
        let is_path = matches!(result.kind, Kind::Path(_));
        // Behind the group of a path it filters the path's last step, which comes before the group.
        let step = last_step(&mut result);
        if step.group.is_some() {
            return Err(JsonataError::new(Code::S0209).at(position));
        }
        let predicate = self.node(right)?;
        for &slot in &predicate.seeking {
            if self.levels[slot] == 1 {
                self.seek(step, slot)?;
            } else {
                self.levels[slot] -= 1;
            }
        }
        if !predicate.seeking.is_empty() {
            push_seeking(&mut step.seeking, &predicate);
        }
        if is_path {
            step.stages.push(Stage::Filter(predicate));
        } else {
            step.predicates.push(predicate);
        }
        Ok(result)
    }

    /// `left@$name`
    fn focus(&mut self, left: Raw, right: Raw, position: usize, keep_array: bool) -> Outcome<Node> {
        let RawKind::Variable(name) = right.kind else {
            return Err(JsonataError::new(Code::S0214).at(right.position).token("@"));
        };
        let mut result = self.node(left)?;
        let step = last_step(&mut result);
        if !step.stages.is_empty() || !step.predicates.is_empty() {
            return Err(JsonataError::new(Code::S0215).at(position));
        }
        if matches!(step.kind, Kind::Sort(_)) {
            return Err(JsonataError::new(Code::S0216).at(position));
        }
        step.keep_array |= keep_array;
        step.focus = Some(name);
        step.tuple = true;
        Ok(result)
    }

    /// `left#$name`
    fn index(&mut self, left: Raw, right: Raw) -> Outcome<Node> {
        let RawKind::Variable(name) = right.kind else {
            return Err(JsonataError::new(Code::S0214).at(right.position).token("#"));
        };
        let left = self.node(left)?;
        let position = left.position;
        let mut result = as_path(left, position);
        let step = last_step(&mut result);
        let predicates = std::mem::take(&mut step.predicates);
        step.stages.extend(predicates.into_iter().map(Stage::Filter));
        if step.stages.is_empty() {
            step.index = Some(name);
        } else {
            step.stages.push(Stage::Index(name));
        }
        step.tuple = true;
        Ok(result)
    }

    /// `left{key: value}`
    fn group_by(&mut self, left: Raw, pairs: Vec<(Raw, Raw)>, position: usize) -> Outcome<Node> {
        let mut result = self.node(left)?;
        if result.group.is_some() {
            return Err(JsonataError::new(Code::S0210).at(position));
        }
        let pairs = self.pairs(pairs)?;
        result.group = Some(Box::new(Group { pairs, position }));
        Ok(result)
    }

    fn pairs(&mut self, pairs: Vec<(Raw, Raw)>) -> Outcome<Vec<(Node, Node)>> {
        pairs.into_iter().map(|(key, value)| Ok((self.node(key)?, self.node(value)?))).collect()
    }

    /// `left^(terms)`
    fn sort(&mut self, left: Raw, terms: Vec<SortTerm<Raw>>, position: usize) -> Outcome<Node> {
        let left = self.node(left)?;
        let mut path = as_path(left, position);
        let mut seeking = Vec::new();
        let mut sorted = Vec::with_capacity(terms.len());
        for SortTerm { descending, expression } in terms {
            let expression = self.node(expression)?;
            push_seeking(&mut seeking, &expression);
            sorted.push(SortTerm { descending, expression });
        }
        let Kind::Path(steps) = &mut path.kind else { unreachable!("just made a path") };
        steps.push(Node { seeking, ..Node::new(Kind::Sort(sorted), position) });
        self.resolve_ancestry(&mut path)?;
        Ok(path)
    }

    fn negate(&mut self, operand: Raw, position: usize) -> Outcome<Node> {
        let operand = self.node(operand)?;
        if let Kind::Literal(literal) = &operand.kind
            && let Some(number) = literal.as_f64()
        {
            let literal = super::cast::number_document(-number);
            return Ok(Node { kind: Kind::Literal(literal), ..operand });
        }
        let mut seeking = Vec::new();
        push_seeking(&mut seeking, &operand);
        Ok(Node { seeking, ..Node::new(Kind::Negate(Box::new(operand)), position) })
    }

    fn array(&mut self, items: Vec<Raw>, position: usize) -> Outcome<Node> {
        let items = items.into_iter().map(|item| self.node(item)).collect::<Outcome<Vec<_>>>()?;
        let mut seeking = Vec::new();
        items.iter().for_each(|item| push_seeking(&mut seeking, item));
        Ok(Node { seeking, ..Node::new(Kind::Array(items), position) })
    }

    fn object(&mut self, pairs: Vec<(Raw, Raw)>, position: usize) -> Outcome<Node> {
        let pairs = self.pairs(pairs)?;
        let mut seeking = Vec::new();
        for (key, value) in &pairs {
            push_seeking(&mut seeking, key);
            push_seeking(&mut seeking, value);
        }
        Ok(Node { seeking, ..Node::new(Kind::Object(Group { pairs, position }), position) })
    }

    fn call(&mut self, procedure: Raw, arguments: Vec<Raw>, partial: bool, position: usize) -> Outcome<Node> {
        let arguments = arguments.into_iter().map(|argument| self.node(argument)).collect::<Outcome<Vec<_>>>()?;
        let mut seeking = Vec::new();
        arguments.iter().for_each(|argument| push_seeking(&mut seeking, argument));
        let call = Call { procedure: Box::new(self.node(procedure)?), arguments };
        let kind = if partial { Kind::Partial(call) } else { Kind::Call(call) };
        Ok(Node { seeking, ..Node::new(kind, position) })
    }

    fn block(&mut self, expressions: Vec<Raw>, position: usize) -> Outcome<Node> {
        let expressions = expressions.into_iter().map(|item| self.node(item)).collect::<Outcome<Vec<_>>>()?;
        let mut node = Node::new(Kind::Block(Vec::new()), position);
        for part in &expressions {
            push_seeking(&mut node.seeking, part);
            let first_cons = matches!(&part.kind, Kind::Path(steps) if steps[0].cons_array);
            node.cons_array |= part.cons_array || first_cons;
        }
        node.kind = Kind::Block(expressions);
        Ok(node)
    }

    /// Lets the `%` of the last step of a path look back along the steps before it.
    fn resolve_ancestry(&mut self, path: &mut Node) -> Outcome<()> {
        let Kind::Path(steps) = &mut path.kind else { return Ok(()) };
        let Some((last, before)) = steps.split_last_mut() else { return Ok(()) };
        let mut slots = last.seeking.clone();
        if let Kind::Parent(slot, _) = last.kind {
            slots.push(slot);
        }
        for slot in slots {
            let mut at = before.len();
            while self.levels[slot] > 0 {
                if at == 0 {
                    path.seeking.push(slot);
                    break;
                }
                at -= 1;
                // Steps in a row that bind the focus all look at the same input.
                while at > 0 && before[at].focus.is_some() && before[at - 1].focus.is_some() {
                    at -= 1;
                }
                self.seek(&mut before[at], slot)?;
            }
        }
        Ok(())
    }

    /// One step back: `node` is where the slot's value comes from, or the slot goes on looking.
    fn seek(&mut self, node: &mut Node, slot: SlotId) -> Outcome<()> {
        match &mut node.kind {
            Kind::Name(_) | Kind::Wildcard => {
                self.levels[slot] -= 1;
                if self.levels[slot] == 0 {
                    node.ancestors.push(slot_name(slot));
                    node.tuple = true;
                }
            }
            Kind::Parent(..) => self.levels[slot] += 1,
            Kind::Block(expressions) => {
                if let Some(last) = expressions.last_mut() {
                    node.tuple = true;
                    self.seek(last, slot)?;
                }
            }
            Kind::Path(steps) => {
                node.tuple = true;
                let mut steps = steps.iter_mut().rev();
                if let Some(last) = steps.next() {
                    self.seek(last, slot)?;
                }
                for step in steps {
                    if self.levels[slot] <= 0 {
                        break;
                    }
                    self.seek(step, slot)?;
                }
            }
            _ => return Err(JsonataError::new(Code::S0217).at(node.position)),
        }
        Ok(())
    }
}

/// The name that the value of a slot is bound under; no variable can be called so.
fn slot_name(slot: SlotId) -> Text {
    Text::from(format!("!{slot}"))
}

fn name_path(name: Text, position: usize, keep_array: bool) -> Node {
    let mut step = Node::new(Kind::Name(name), position);
    step.keep_array = keep_array;
    Node { keep_singleton: keep_array, ..Node::new(Kind::Path(vec![step]), position) }
}

/// The node itself if it is a path, else a path of this one step.
fn as_path(node: Node, position: usize) -> Node {
    if matches!(node.kind, Kind::Path(_)) {
        return node;
    }
    Node::new(Kind::Path(vec![node]), position)
}

/// Adds the steps of `rest`, or `rest` as a step.
fn append(steps: &mut Vec<Node>, mut rest: Node) {
    match rest.kind {
        Kind::Path(more) => steps.extend(more),
        _ => {
            let predicates = std::mem::take(&mut rest.predicates);
            rest.stages.extend(predicates.into_iter().map(Stage::Filter));
            steps.push(rest);
        }
    }
}

/// The step that predicates and variables attach to.
fn last_step(node: &mut Node) -> &mut Node {
    if matches!(&node.kind, Kind::Path(_)) {
        let Kind::Path(steps) = &mut node.kind else { unreachable!("just matched") };
        return steps.last_mut().expect("a path has a step");
    }
    node
}

/// Hands the `%` that `part` has not resolved on to the node around it.
fn push_seeking(seeking: &mut Vec<SlotId>, part: &Node) {
    seeking.extend_from_slice(&part.seeking);
    if let Kind::Parent(slot, _) = part.kind {
        seeking.push(slot);
    }
}

/// Marks the calls that are the last thing a function does.
fn tail_calls(mut node: Node) -> Node {
    match &mut node.kind {
        Kind::Call(_) if node.predicates.is_empty() && node.group.is_none() => {
            let position = node.position;
            Node::new(Kind::TailCall(Arc::new(node)), position)
        }
        Kind::Condition { then, otherwise, .. } => {
            replace(then);
            otherwise.iter_mut().for_each(replace);
            node
        }
        Kind::Block(expressions) => {
            if let Some(last) = expressions.pop() {
                expressions.push(tail_calls(last));
            }
            node
        }
        _ => node,
    }
}

fn replace(node: &mut Box<Node>) {
    let placeholder = Node::new(Kind::Literal(Document::NULL), 0);
    let taken = std::mem::replace(node.as_mut(), placeholder);
    **node = tail_calls(taken);
}
