//! The evaluator: walks the tree of an expression over an input.

mod call;
mod env;
mod group;
mod operators;
mod path;
mod sort;
mod transform;

use super::ast::{Kind, Lambda, Node, Transform};
use super::budget::{TOO_DEEP, exceeded};
use super::dialect::Known;
use super::regex::Regex;
use super::stack::Stack;
use super::value::{Array, Tuple};
use super::{Budget, Code, Dialect, JsonataError, ObjectValue, Value, parser, process};
use env::{Env, Frame};
use fleetstep_document::Text;
use std::rc::Rc;
use std::sync::Arc;

// What the compiled form shares with this one.
pub(in crate::jsonata) use group::{Groups, appended};
pub(in crate::jsonata) use operators::{arithmetic, calculate, compare, compare_documents, range};
pub(in crate::jsonata) use path::{keep_singleton, place, reset};

/// A function value.
pub(crate) enum Function {
    /// Of the library.
    Native(&'static Known),
    /// Made by the expression, with the variables and the context that it was made in.
    Lambda(LambdaValue),
    /// A call that the caller of the function in which it stands makes.
    TailCall(TailCall),
    /// A function some of whose arguments are given.
    Partial { function: Value, arguments: Vec<Option<Value>>, depth: u32 },
    /// One function after the other.
    Chain { first: Value, second: Value, depth: u32 },
    /// A regular expression literal: called with a string it gives `{match, start, end, groups, next}`. The string
    /// functions look at it directly.
    Regex(Arc<Regex>),
    /// The `next` of a match: looks on in the text from this byte.
    NextMatch { regex: Arc<Regex>, text: Text, from: usize },
    /// `| pattern | update, delete |`
    Transform { transform: Arc<Transform>, env: Env },
}

/// The signature of every transform.
const TRANSFORM_SIGNATURE: &str = "<(oa):o>";

/// A function made by the expression.
pub(crate) struct LambdaValue {
    lambda: Arc<Lambda>,
    /// The parameters that are not bound in `env` yet; `None`: all of them.
    open: Option<Vec<Text>>,
    input: Value,
    env: Env,
    depth: u32,
}

/// A call to be made, with the variables and the context of its place.
pub(crate) struct TailCall {
    call: Arc<Node>,
    input: Value,
    env: Env,
}

impl LambdaValue {
    fn new(lambda: Arc<Lambda>, open: Option<Vec<Text>>, input: Value, env: Env) -> Self {
        let depth = 1 + input.depth();
        Self { lambda, open, input, env, depth }
    }

    fn parameters(&self) -> &[Text] {
        self.open.as_deref().unwrap_or(&self.lambda.parameters)
    }
}

impl Function {
    /// The same number for the same function while it lives: one of the library is looked up anew each time.
    pub(crate) fn identity(&self) -> usize {
        match self {
            Self::Native(known) => std::ptr::from_ref(*known).addr(),
            made => std::ptr::from_ref(made).addr(),
        }
    }

    /// The signature as it is written, of a function that jsonata-js would define.
    pub(crate) fn signature_text(&self) -> Option<&'static str> {
        match self {
            Self::Native(known) => Some(known.native.signature),
            Self::Transform { .. } => Some(TRANSFORM_SIGNATURE),
            _ => None,
        }
    }

    /// How deep values are nested in it. Each kind that holds values keeps the number, since a function may hold
    /// another one twice.
    pub(crate) fn depth(&self) -> u32 {
        match self {
            Self::Lambda(LambdaValue { depth, .. }) | Self::Partial { depth, .. } | Self::Chain { depth, .. } => *depth,
            _ => 0,
        }
    }
}

/// One evaluation that is under way. Functions of the library get it to call function values, to spend of the
/// budget, and to ask for time and chance.
pub(crate) struct Evaluator<'b, 'a> {
    /// The bounds, time and chance.
    pub(crate) budget: &'b mut Budget<'a>,
    dialect: &'static Dialect,
    depth: u32,
    stack: Stack,
    /// The variables where the function of the library that runs was called.
    environment: Option<Env>,
    /// Frames in which functions are bound: they may hold each other, and are emptied in the end.
    tied: Vec<Env>,
}

/// What a tied frame costs, in bytes.
const FRAME_BYTES: usize = 256;

impl Drop for Evaluator<'_, '_> {
    fn drop(&mut self) {
        self.tied.iter().for_each(|frame| frame.clear());
    }
}

type Outcome = Result<Value, JsonataError>;

impl<'b, 'a> Evaluator<'b, 'a> {
    /// An evaluation with nothing bound.
    pub(super) fn new(budget: &'b mut Budget<'a>, dialect: &'static Dialect) -> Self {
        Self { budget, dialect, depth: 0, stack: Stack::here(), environment: None, tied: Vec::new() }
    }

    /// Whether an answer names a number that is not finite.
    pub(in crate::jsonata) fn names_infinities(&self) -> bool {
        self.dialect.names_infinities
    }

    /// Evaluates a whole expression.
    pub(super) fn run(&mut self, root: &Node, input: Value, bindings: Vec<(Text, Value)>) -> Outcome {
        let env = Env::default();
        for (name, value) in bindings {
            env.set(name, value);
        }
        env.set(Text::from("$"), input.clone());
        self.environment = Some(env.clone());
        let input = match input.items() {
            Some(_) => {
                let mut wrapper = Array::sequence(vec![input]);
                wrapper.outer_wrapper = true;
                Value::Array(Rc::new(wrapper))
            }
            None => input,
        };
        self.value(root, &input, &env)
    }

    /// Evaluates a text as an expression of its own (`$eval`), in the environment of the call. A text that does not
    /// compile is D3120, one that fails is D3121; a bound that it exceeds stays what it is.
    pub(crate) fn evaluate_text(&mut self, text: &str, input: &Value) -> Outcome {
        let wrapped = |code, error: &JsonataError| JsonataError::new(code).text("value", error.message());
        let root = parser::parse(text, self.stack)
            .and_then(|raw| process::process(raw, self.stack))
            .map_err(|error| wrapped(Code::D3120, &error))?;
        let env = self.environment.clone().unwrap_or_default();
        self.value(&root, input, &env).map_err(|error| match error.code() {
            Code::U1001 => error,
            _ => wrapped(Code::D3121, &error),
        })
    }

    /// The value of a variable, or the function of the library of that name.
    fn lookup(&self, name: &str, env: &Env) -> Value {
        match env.get(name) {
            Some(value) => value,
            None => match self.dialect.function(name) {
                Some(known) => Value::Function(Rc::new(Function::Native(known))),
                None => Value::Undefined,
            },
        }
    }

    fn bind(&mut self, env: &Env, name: Text, value: Value) -> Result<(), JsonataError> {
        if value.has_functions() {
            self.budget.allocate(FRAME_BYTES)?;
            self.tied.push(env.clone());
        }
        env.set(name, value);
        Ok(())
    }

    /// What a node comes to where no path goes on with it.
    fn value(&mut self, node: &Node, input: &Value, env: &Env) -> Outcome {
        let value = self.eval(node, input, env)?;
        if let Value::Tuples(tuples) = &value { self.tuples_shown(tuples) } else { Ok(value) }
    }

    /// A stream of tuples as an expression of jsonata-js sees it that gets hold of one: an array of objects.
    fn tuples_shown(&mut self, tuples: &[Tuple]) -> Outcome {
        let mut objects = Vec::with_capacity(tuples.len());
        for tuple in tuples {
            self.budget.items(2 + 2 * tuple.names.len())?;
            let mut object = ObjectValue::default();
            object.insert(Text::from("@"), tuple.value.clone());
            tuple.names.iter().for_each(|(name, value)| object.insert(name.clone(), value.clone()));
            objects.push(Value::Object(Rc::new(object)).checked()?);
        }
        Value::array(objects).checked()
    }

    fn eval(&mut self, node: &Node, input: &Value, env: &Env) -> Outcome {
        self.budget.spend(1)?;
        self.stack.check()?;
        self.depth += 1;
        if self.depth > self.budget.depth_max {
            return Err(exceeded(TOO_DEEP));
        }
        let mut result = self.eval_kind(node, input, env)?;
        for predicate in &node.predicates {
            result = self.filter(predicate, result, env)?;
        }
        if let Some(group) = &node.group
            && !matches!(node.kind, Kind::Path(_))
        {
            result = self.group(group, result, env)?;
        }
        self.depth -= 1;
        if node.keep_array {
            self.pay_to_own(&result)?;
        }
        collapse(result, node.keep_array).checked()
    }

    /// Takes it from the budget that the array is copied when it is changed, if it is shared.
    fn pay_to_own(&mut self, value: &Value) -> Result<(), JsonataError> {
        match value {
            Value::Array(array) if Rc::strong_count(array) > 1 => self.budget.items(array.items().len()),
            _ => Ok(()),
        }
    }

    fn eval_kind(&mut self, node: &Node, input: &Value, env: &Env) -> Outcome {
        match &node.kind {
            Kind::Literal(literal) => Ok(Value::Document(literal.clone())),
            Kind::Name(name) => self.name(name, input),
            Kind::Variable(name) if name.is_empty() => Ok(match input {
                Value::Array(array) if array.outer_wrapper => array.items().get(0).unwrap_or_default(),
                _ => input.clone(),
            }),
            Kind::Variable(name) => Ok(self.lookup(name, env)),
            Kind::Parent(_, name) => Ok(env.get(name).unwrap_or_default()),
            Kind::Path(steps) => self.path(node, steps, input, env),
            Kind::Binary(operator, left, right) => self.binary(node, *operator, (left, right), input, env),
            Kind::Call(call) => self.evaluate_call(node, call, None, input, env),
            Kind::Regex(regex) => Ok(Value::Function(Rc::new(Function::Regex(regex.clone())))),
            Kind::Wildcard => self.wildcard(input),
            Kind::Descendant => self.descendants(input),
            Kind::Placeholder => Ok(Value::Undefined),
            Kind::Negate(operand) => self.negate(node, operand, input, env),
            Kind::Array(items) => self.array(node, items, input, env),
            Kind::Object(group) => self.group(group, input.clone(), env),
            Kind::Partial(call) => self.partial(node, call, input, env),
            Kind::TailCall(call) => {
                let (call, input, env) = (call.clone(), input.clone(), env.clone());
                Ok(Value::Function(Rc::new(Function::TailCall(TailCall { call, input, env }))))
            }
            Kind::Lambda(lambda) => {
                let lambda = LambdaValue::new(lambda.clone(), None, input.clone(), env.clone());
                Ok(Value::Function(Rc::new(Function::Lambda(lambda))))
            }
            Kind::Condition { condition, then, otherwise } => {
                let condition = self.value(condition, input, env)?;
                match (self.truthy(&condition)?, otherwise) {
                    (true, _) => self.eval(then, input, env),
                    (false, Some(otherwise)) => self.eval(otherwise, input, env),
                    (false, None) => Ok(Value::Undefined),
                }
            }
            Kind::Default { left, right, coalesce } => {
                let left = self.eval(left, input, env)?;
                let taken = if *coalesce { !left.is_undefined() } else { self.truthy(&left)? };
                if taken { Ok(left) } else { self.eval(right, input, env) }
            }
            Kind::Block(expressions) => {
                let frame = Frame::inside(env);
                let mut result = Value::Undefined;
                for expression in expressions {
                    result = self.eval(expression, input, &frame)?;
                }
                Ok(result)
            }
            Kind::Bind(name, value) => {
                let value = self.value(value, input, env)?;
                self.bind(env, name.clone(), value.clone())?;
                Ok(value)
            }
            Kind::Apply(left, right) => self.apply_to(node, left, right, input, env),
            Kind::Sort(terms) => self.sort(node, terms, input, env),
            Kind::Transform(transform) => {
                let (transform, env) = (transform.clone(), env.clone());
                Ok(Value::Function(Rc::new(Function::Transform { transform, env })))
            }
        }
    }
}

/// What a sequence comes to: nothing, its only item, or itself.
pub(in crate::jsonata) fn collapse(value: Value, keep_array: bool) -> Value {
    let Value::Array(mut array) = value else { return value };
    if !array.sequence {
        return Value::Array(array);
    }
    if keep_array && !array.keep_singleton {
        Rc::make_mut(&mut array).keep_singleton = true;
    }
    match array.items().len() {
        0 => Value::Undefined,
        1 if !array.keep_singleton => array.items().get(0).unwrap_or_default(),
        _ => Value::Array(array),
    }
}
