//! One evaluation: operations to values.

use super::Roots;
use super::op::{Binary, Call, Filtered, Head, Item, Key, Object, Op, Part, Path, Start};
use super::val::{Gather, Source, Val};
use crate::jsonata::ast::Operator;
use crate::jsonata::cast::{self, numeric};
use crate::jsonata::eval::{self, Groups, appended, collapse, range};
use crate::jsonata::value::{Array, scalars_equal};
use crate::jsonata::{Arguments, Code, Evaluator, JsonataError, Value};
use fleetstep_document::{Document, Number, View};
use std::cell::OnceCell;
use std::fmt::Write as _;
use std::rc::Rc;

/// What a condition, a default or a block comes to.
pub(super) enum Chosen<'e> {
    /// The value of this operation.
    Op(&'e Op),
    Value(Val<'e>),
}

pub(super) type Outcome<T> = Result<T, JsonataError>;

/// One evaluation that is under way.
pub(super) struct Run<'e, 'b, 'a> {
    /// What the functions of the library work with; also the budget.
    pub(super) evaluator: Evaluator<'b, 'a>,
    pub(super) roots: Roots<'e>,
    /// The context object, once something asked for it.
    pub(super) context: &'e OnceCell<Document>,
    pub(super) locals: Vec<Val<'e>>,
    /// The first value that no JSON can be written for; the general engine finds it after everything else.
    pub(super) unwritable: Option<JsonataError>,
}

impl<'e> Run<'e, '_, '_> {
    /// The value of an operation: nothing for an empty sequence, its item for one of a single item.
    pub(super) fn eval(&mut self, op: &'e Op, at: &Val<'e>) -> Outcome<Val<'e>> {
        match op {
            Op::Constant(document) => Ok(Val::Ref(document)),
            Op::Start(start) => Ok(self.start(*start, at)),
            // What these give is collapsed already, or must not be.
            Op::Condition(_) | Op::Block(_) | Op::Default { .. } | Op::Tail(_) | Op::Concat(_) => self.raw(op, at),
            Op::Path(path) if path.is_walk => match self.peek(op, at) {
                Some(found) => Ok(Val::Ref(found)),
                None => Ok(collapsed(self.path(path, at)?)),
            },
            Op::Binary(binary) if binary.operator != Operator::Range => self.binary(binary, at),
            _ => Ok(collapsed(self.raw(op, at)?)),
        }
    }

    /// The value of an operation as it comes.
    fn raw(&mut self, op: &'e Op, at: &Val<'e>) -> Outcome<Val<'e>> {
        match op {
            Op::Constant(document) => Ok(Val::Ref(document)),
            Op::Start(start) => Ok(self.start(*start, at)),
            Op::Path(path) => self.path(path, at),
            Op::Name(name) => self.name(name, at),
            Op::Binary(binary) => self.binary(binary, at),
            Op::Concat(parts) => self.concat(parts, at),
            Op::Negate { operand, position } => self.negate(operand, *position, at),
            Op::Array { items, cons } => self.array(items, *cons, at),
            Op::Object(object) => self.object(object, at),
            Op::Call(call) => self.call(call, at),
            Op::Loop(looping) => self.looping(looping, at),
            Op::Condition(_) | Op::Default { .. } | Op::Block(_) => match self.choose(op, at)? {
                Chosen::Op(op) => self.eval(op, at),
                Chosen::Value(value) => Ok(value),
            },
            Op::Filtered(filtered) => self.filtered(filtered, at),
            Op::Tail(call) => self.raw(call, at),
        }
    }

    /// Runs a condition, a default or a block up to the operation whose value is its own.
    pub(super) fn choose(&mut self, op: &'e Op, at: &Val<'e>) -> Outcome<Chosen<'e>> {
        Ok(match op {
            Op::Condition(condition) => match (self.tested(&condition.condition, at)?, &condition.otherwise) {
                (true, _) => Chosen::Op(&condition.then),
                (false, Some(otherwise)) => Chosen::Op(otherwise),
                (false, None) => Chosen::Value(Val::NOTHING),
            },
            Op::Default { left, right, coalesce } => {
                let left = self.eval(left, at)?;
                let taken = if *coalesce { !left.is_nothing() } else { self.truthy(&left)? };
                if taken { Chosen::Value(left) } else { Chosen::Op(right) }
            }
            Op::Block(statements) => {
                let Some((last, before)) = statements.split_last() else { return Ok(Chosen::Value(Val::NOTHING)) };
                for statement in before {
                    let value = self.eval(&statement.op, at)?;
                    self.bind(&statement.slots, value);
                }
                if last.slots.is_empty() {
                    return Ok(Chosen::Op(&last.op));
                }
                // Nobody sees a variable that the last expression binds.
                Chosen::Value(self.eval(&last.op, at)?)
            }
            op => Chosen::Op(op),
        })
    }

    fn bind(&mut self, slots: &[u32], value: Val<'e>) {
        // A sequence is made once, so that the variable is cheap to read.
        let value = if let Val::Many(_) = value { Val::Own(value.into_value()) } else { value };
        for &slot in slots {
            self.locals[slot as usize] = value.clone();
        }
    }

    pub(super) fn start(&mut self, start: Start, at: &Val<'e>) -> Val<'e> {
        match start {
            Start::Current => match at {
                Val::Own(Value::Array(array)) if array.outer_wrapper => Val::of(self.roots.dollar),
                _ => at.clone(),
            },
            Start::Whole => Val::of(self.roots.dollar),
            Start::Input => Val::of(self.roots.states.map(|states| states.input)),
            Start::Result => Val::of(self.roots.states.and_then(|states| states.result)),
            Start::ErrorOutput => Val::of(self.roots.states.and_then(|states| states.error_output)),
            Start::Context => {
                Val::of(self.roots.states.map(|states| self.context.get_or_init(|| states.context.context())))
            }
            Start::Variable(slot) => Val::of(self.roots.variables.get(slot as usize).and_then(Option::as_ref)),
            Start::Local(slot) => self.locals[slot as usize].clone(),
        }
    }

    /// The value of an operation where nothing has to be made for it: of a walk along keys, of a constant.
    #[inline]
    fn peek(&self, op: &'e Op, at: &Val<'e>) -> Option<&'e Document> {
        let (start, keys) = match op {
            Op::Path(path) => path.walk()?,
            Op::Constant(document) => return Some(document),
            Op::Start(start) => (*start, &[][..]),
            _ => return None,
        };
        let mut found = match start {
            Start::Current => at.borrowed()?,
            Start::Local(slot) => self.locals[slot as usize].borrowed()?,
            Start::Variable(slot) => self.roots.variables.get(slot as usize)?.as_ref()?,
            Start::Input => self.roots.states?.input,
            Start::Result => self.roots.states?.result?,
            Start::ErrorOutput => self.roots.states?.error_output?,
            Start::Whole => self.roots.dollar?,
            Start::Context => return None,
        };
        for key in keys {
            found = found.get(key)?;
        }
        Some(found)
    }

    /// The number that an operation comes to where its operands are at hand; nothing where anything else comes of it,
    /// an error too.
    #[inline]
    pub(super) fn number(&self, op: &'e Op, at: &Val<'e>) -> Option<f64> {
        match op {
            Op::Binary(binary) if binary.operator.is_arithmetic() => self.calculated(binary, at),
            op => match self.peek(op, at)?.view() {
                View::Number(Number::Int(number)) => Some(number as f64),
                View::Number(number) => Some(number.as_f64()),
                _ => None,
            },
        }
    }

    fn calculated(&self, binary: &'e Binary, at: &Val<'e>) -> Option<f64> {
        let (left, right) = (self.number(&binary.left, at)?, self.number(&binary.right, at)?);
        let number = eval::calculate(binary.operator, left, right);
        number.is_finite().then_some(number)
    }

    /// What a comparison of two values at hand comes to.
    #[inline]
    pub(super) fn compared(&self, binary: &'e Binary, at: &Val<'e>) -> Option<bool> {
        let (left, right) = (self.peek(&binary.left, at)?, self.peek(&binary.right, at)?);
        match binary.operator {
            Operator::Equal => scalars_equal(left, right),
            Operator::NotEqual => scalars_equal(left, right).map(|equal| !equal),
            Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => {
                eval::compare_documents(binary.operator, left, right)
            }
            _ => None,
        }
    }

    /// An operator between two values; its own errors have its place.
    fn binary(&mut self, binary: &'e Binary, at: &Val<'e>) -> Outcome<Val<'e>> {
        if let Some(holds) = self.compared(binary, at) {
            return Ok(truth(holds));
        }
        if binary.operator.is_arithmetic()
            && let Some(number) = self.calculated(binary, at)
        {
            return Ok(Val::Own(Value::Document(cast::number_document(number))));
        }
        let left = self.eval(&binary.left, at)?;
        match binary.operator {
            Operator::And | Operator::Or => {
                // What fails on the right is blamed on the operator.
                let blamed = |error: JsonataError| error.at(binary.position).token(binary.operator.text());
                let decided = self.truthy(&left).map_err(blamed)?;
                if decided == (binary.operator == Operator::Or) {
                    return Ok(truth(decided));
                }
                self.tested(&binary.right, at).map(truth).map_err(blamed)
            }
            operator => {
                // What a side itself fails with is not the operator's.
                let right = self.eval(&binary.right, at)?;
                self.operate(operator, left, right).map_err(|error| error.at(binary.position).token(operator.text()))
            }
        }
    }

    /// Whether the value of an operation counts as true.
    pub(super) fn tested(&mut self, op: &'e Op, at: &Val<'e>) -> Outcome<bool> {
        if let Op::Binary(binary) = op
            && let Some(holds) = self.compared(binary, at)
        {
            return Ok(holds);
        }
        let value = self.eval(op, at)?;
        self.truthy(&value)
    }

    /// Whether a value counts as true.
    #[inline]
    pub(super) fn truthy(&mut self, value: &Val<'e>) -> Outcome<bool> {
        match value.document().map(Document::view) {
            Some(View::Bool(truth)) => Ok(truth),
            Some(View::Number(number)) => Ok(number.as_f64() != 0.0),
            Some(View::String(text)) => Ok(!text.is_empty()),
            _ => self.evaluator.truthy(&value.value()),
        }
    }

    fn operate(&mut self, operator: Operator, left: Val<'e>, right: Val<'e>) -> Outcome<Val<'e>> {
        match operator {
            operator if operator.is_arithmetic() => {
                if let (Some(left), Some(right)) = (left.number(), right.number()) {
                    return Ok(Val::Own(Value::from(eval::calculate(operator, left, right))));
                }
                eval::arithmetic(operator, &left.into_value(), &right.into_value()).map(Val::Own)
            }
            Operator::Equal | Operator::NotEqual => {
                if left.is_nothing() || right.is_nothing() {
                    return Ok(truth(false));
                }
                let scalars = match (left.document(), right.document()) {
                    (Some(left), Some(right)) => scalars_equal(left, right),
                    _ => None,
                };
                let equal = match scalars {
                    Some(equal) => equal,
                    None => left.into_value().deep_equal(&right.into_value(), self.evaluator.budget)?,
                };
                Ok(truth(equal == (operator == Operator::Equal)))
            }
            Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => {
                if let (Some(left), Some(right)) = (left.document(), right.document())
                    && let Some(holds) = eval::compare_documents(operator, left, right)
                {
                    return Ok(truth(holds));
                }
                eval::compare(operator, &left.into_value(), &right.into_value()).map(Val::Own)
            }
            Operator::Range => range(&left.into_value(), &right.into_value()).map(Val::Own),
            _ => self.evaluator.includes(&left.into_value(), &right.into_value()).map(truth),
        }
    }

    /// Appends the text of a value.
    fn write_text(&mut self, value: &Val<'e>, out: &mut String) -> Outcome<()> {
        /// Up to here a whole number is the same as a double.
        const EXACT_MAX: i64 = 1 << 53;
        let before = out.len();
        match value.document().map(Document::view) {
            Some(View::String(text)) => out.push_str(text),
            Some(View::Number(Number::Int(number))) if (-EXACT_MAX..=EXACT_MAX).contains(&number) => {
                // Writing to a string does not fail.
                let _ = write!(out, "{number}");
            }
            _ if value.is_nothing() => {}
            _ => out.push_str(&cast::text(&value.value(), false, self.evaluator.budget)?),
        }
        self.evaluator.budget.read(out.len() - before)
    }

    /// Appends the text of a value, of which a new text is made.
    fn write_more(&mut self, value: &Val<'e>, out: &mut String) -> Outcome<()> {
        self.write_text(value, out)?;
        self.evaluator.budget.allocate(out.len())
    }

    /// `a & b & c`: each text is made when the general engine would make it, so that the same error comes first.
    fn concat(&mut self, parts: &'e [Part], at: &Val<'e>) -> Outcome<Val<'e>> {
        let mut out = String::new();
        let [first, second, rest @ ..] = parts else { return Ok(Val::NOTHING) };
        // What a part itself fails with is not the operator's.
        let (left, right) = (self.eval(&first.op, at)?, self.eval(&second.op, at)?);
        let written = self.write_text(&left, &mut out).and_then(|()| self.write_more(&right, &mut out));
        let placed = |error: JsonataError, part: &Part| error.at(part.position).token(Operator::Concat.text());
        written.map_err(|error| placed(error, second))?;
        for part in rest {
            let value = self.eval(&part.op, at)?;
            self.write_more(&value, &mut out).map_err(|error| placed(error, part))?;
        }
        Ok(Val::Own(Value::from(out)))
    }

    fn negate(&mut self, operand: &'e Op, position: usize, at: &Val<'e>) -> Outcome<Val<'e>> {
        let value = self.eval(operand, at)?;
        if value.is_nothing() {
            return Ok(value);
        }
        let value = value.into_value();
        match numeric(&value)? {
            Some(number) => Ok(Val::Own(Value::from(-number))),
            None => Err(JsonataError::new(Code::D1002).at(position).token("-").value("value", &value)),
        }
    }

    fn array(&mut self, items: &'e [Item], cons: bool, at: &Val<'e>) -> Outcome<Val<'e>> {
        if let [only] = items
            && !only.nested
        {
            // A range that is all of the array is not written out.
            let value = self.eval(&only.op, at)?;
            if let Val::Own(Value::Array(array)) = &value {
                return Ok(Val::Own(Value::Array(Rc::new(array.unmarked(cons)))));
            }
            let mut items = Gather::default();
            if !value.is_nothing() {
                items.join(value);
            }
            return constructed(items.into_values(), cons);
        }
        let mut made = Gather::default();
        for item in items {
            let value = self.eval(&item.op, at)?;
            if value.is_nothing() {
                continue;
            }
            if item.nested {
                made.push(value);
            } else if let Val::Own(Value::Array(array)) = &value {
                self.pay(array.items().len())?;
                made.join(Val::Own(Value::Array(Rc::new(array.unmarked(false)))));
            } else {
                self.pay(value.source().len())?;
                made.join(value);
            }
        }
        constructed(made.into_values(), cons)
    }

    /// An object over the items of the context; with plain keys there is one group of all the items.
    pub(super) fn object(&mut self, object: &'e Object, at: &Val<'e>) -> Outcome<Val<'e>> {
        if !object.is_plain() {
            return self.grouped(object, at);
        }
        let at = self.group_context(at);
        let mut entries = Vec::with_capacity(object.pairs.len());
        for (key, op) in &object.pairs {
            let value = self.eval(op, &at)?;
            if let Key::Literal(key) = key
                && !value.is_nothing()
            {
                entries.push((key.clone(), value.into_value()));
            }
        }
        Value::object(entries).checked().map(Val::Own)
    }

    /// What the values of an object with plain keys are evaluated over.
    pub(super) fn group_context(&mut self, at: &Val<'e>) -> Val<'e> {
        match at.source() {
            Source::One(_) => at.clone(),
            source if source.len() == 0 => Val::NOTHING,
            source if source.len() == 1 => source.get(0),
            source => Val::Own(appended((0..source.len()).map(|at| source.get(at).into_value()).collect())),
        }
    }

    fn grouped(&mut self, object: &'e Object, at: &Val<'e>) -> Outcome<Val<'e>> {
        let mut groups = Groups::new();
        let source = at.source();
        for number in 0..source.len().max(1) {
            self.evaluator.budget.spend(object.pairs.len() as u64)?;
            let item = source.get(number);
            for (pair, (key, _)) in object.pairs.iter().enumerate() {
                let key = match key {
                    Key::Literal(text) => Value::from(text.clone()),
                    Key::Computed(op) => self.eval(op, &item)?.into_value(),
                };
                groups.add(object.position, pair, &key, item.value())?;
            }
        }
        let mut entries = Vec::new();
        for members in groups.members {
            let context = Val::Own(appended(members.items));
            let value = self.eval(&object.pairs[members.pair].1, &context)?;
            if !value.is_nothing() {
                entries.push((members.key, value.into_value()));
            }
        }
        Value::object(entries).checked().map(Val::Own)
    }

    fn call(&mut self, call: &'e Call, at: &Val<'e>) -> Outcome<Val<'e>> {
        let mut values = Vec::with_capacity(call.arguments.len());
        for argument in &call.arguments {
            values.push(self.eval(argument, at)?.into_value());
        }
        self.evaluator.budget.spend(1)?;
        let called = (|| {
            let context = if call.place.tail { Value::NULL } else { at.value() };
            let values = self.evaluator.validate(&call.known.signature, values, &context)?;
            (call.known.native.call)(&mut self.evaluator, &Arguments { values: &values, context: &Value::Undefined })
        })();
        called.map(Val::Own).map_err(|error| call.place.locate(error))
    }

    fn filtered(&mut self, filtered: &'e Filtered, at: &Val<'e>) -> Outcome<Val<'e>> {
        let mut value = self.raw(&filtered.op, at)?;
        for filter in &filtered.filters {
            value = self.filter(filter, value)?;
        }
        if let Some(group) = &filtered.group {
            value = self.object(group, &value)?;
        }
        if !filtered.keep_array {
            return Ok(collapsed(value));
        }
        let path = matches!(&filtered.op, Op::Path(path) if path.group.is_none());
        let value =
            if filtered.group.is_none() && (path || !filtered.filters.is_empty()) { sequenced(value) } else { value };
        Ok(Val::Own(collapse(value.into_value(), true)))
    }

    fn path(&mut self, path: &'e Path, at: &Val<'e>) -> Outcome<Val<'e>> {
        let steps = path.keys.len() + path.rest.len();
        let mut current = match &path.head {
            Head::Relative if at.source().len() == 0 => Val::Many(Vec::new()),
            Head::Relative => at.clone(),
            Head::Start(start) => passed(self.start(*start, at), false),
            Head::Absolute(step) => passed(self.step_of(step, at)?, steps == 0),
            Head::Constructor(op) => {
                let whole = if at.is_array() { at.clone() } else { Val::Own(Value::sequence(vec![at.value()])) };
                let made = self.eval(op, &whole)?;
                if made.is_array() { made } else { Val::Own(Value::sequence(vec![made.into_value()])) }
            }
        };
        let mut keys = &path.keys[..];
        if let Val::Ref(mut document) = current {
            // The walk that nearly every path is.
            while let Some((key, rest)) = keys.split_first() {
                match document.view() {
                    View::Object(object) => match object.get(key) {
                        Some(value) => document = value,
                        None => return self.finished(path, Val::Many(Vec::new())),
                    },
                    View::Array(_) => break,
                    _ => return self.finished(path, Val::Many(Vec::new())),
                }
                keys = rest;
            }
            if keys.is_empty() && path.is_walk {
                return Ok(Val::Ref(document));
            }
            current = Val::Ref(document);
        }
        if steps > 0 || matches!(path.head, Head::Relative) {
            current = self.steps(path, keys, current)?;
        }
        self.finished(path, current)
    }

    fn finished(&mut self, path: &'e Path, current: Val<'e>) -> Outcome<Val<'e>> {
        let current =
            if path.keep_singleton { Val::Own(eval::keep_singleton(sequenced(current).into_value())) } else { current };
        match &path.group {
            Some(group) => self.object(group, &current),
            None => Ok(current),
        }
    }

    /// Takes the making of a sequence from the budget.
    #[inline]
    pub(super) fn pay(&mut self, items: usize) -> Outcome<()> {
        self.evaluator.budget.items(items)
    }
}

impl super::op::Place {
    /// An error of a call, with its place and the function's name.
    pub(super) fn locate(&self, error: JsonataError) -> JsonataError {
        error.or_at(self.position).or_token(&self.name)
    }
}

/// A single value of a path, which stands for the sequence of it, as that sequence.
fn sequenced(value: Val<'_>) -> Val<'_> {
    match value {
        Val::Ref(document) if document.as_array().is_none() => Val::Many(vec![document]),
        Val::Own(value) if value.items().is_none() && !value.is_undefined() => Val::Own(Value::sequence(vec![value])),
        value => value,
    }
}

fn truth<'e>(truth: bool) -> Val<'e> {
    Val::Own(Value::from(truth))
}

fn constructed<'e>(items: Vec<Value>, cons: bool) -> Outcome<Val<'e>> {
    let mut array = Array::plain(items);
    array.cons = cons;
    Value::Array(Rc::new(array)).checked().map(Val::Own)
}

/// Nothing for an empty sequence, its item for one of a single item.
#[inline]
pub(super) fn collapsed(value: Val<'_>) -> Val<'_> {
    match value {
        Val::Ref(_) => value,
        Val::Many(documents) => match documents[..] {
            [] => Val::NOTHING,
            [only] => Val::Ref(only),
            _ => Val::Many(documents),
        },
        Val::Own(value @ Value::Array(_)) => Val::Own(collapse(value, false)),
        Val::Own(_) => value,
    }
}

/// The only result of a step as the sequence that the next step goes over; of the `last`, an array stays what it is.
pub(super) fn passed(value: Val<'_>, last: bool) -> Val<'_> {
    if value.is_nothing() {
        return Val::Many(Vec::new());
    }
    if last && value.is_array() && !value.is_sequence() {
        return value;
    }
    match value {
        // An array in the scope and a single value stand for the sequence of their items.
        Val::Ref(_) | Val::Many(_) => value,
        value if value.is_cons() => Val::Own(Value::sequence(vec![value.into_value()])),
        Val::Own(value) if value.is_sequence() => Val::Own(eval::reset(value)),
        value if value.is_array() => {
            let mut joined = Gather::default();
            joined.join(value);
            joined.sequence()
        }
        value => value,
    }
}
