//! Functions: calls, partial application, chains, tail calls, matches of regular expressions.

use super::{Env, Evaluator, Frame, Function, LambdaValue, Outcome, TRANSFORM_SIGNATURE};
use crate::jsonata::ast::{Call, Kind, Node};
use crate::jsonata::functions;
use crate::jsonata::signature::Signature;
use crate::jsonata::{Arguments, Code, Items, JsonataError, Value};
use std::rc::Rc;
use std::sync::LazyLock;

impl Evaluator<'_, '_> {
    /// Calls a function value with exactly these arguments. The error of a value that is no function is T1006.
    pub(crate) fn call(&mut self, function: &Value, arguments: Vec<Value>) -> Outcome {
        let env = self.environment.clone().unwrap_or_default();
        self.apply(function, arguments, &Value::NULL, &env)
    }

    /// Calls a function value as `$map` and its like do: with as many of `arguments` (value, index, whole array) as
    /// the function declares, at least one.
    pub(crate) fn call_higher_order(&mut self, function: &Value, arguments: [Value; 3]) -> Outcome {
        let wanted = self.arity(function).clamp(1, 3);
        self.call(function, arguments.into_iter().take(wanted).collect())
    }

    /// How many parameters a function value declares.
    pub(crate) fn arity(&self, function: &Value) -> usize {
        match function.as_function().map(Rc::as_ref) {
            Some(Function::Native(known)) => known.native.arity,
            Some(Function::Lambda(lambda)) => lambda.parameters().len(),
            Some(Function::Partial { arguments, .. }) => arguments.iter().filter(|given| given.is_none()).count(),
            Some(Function::Chain { .. } | Function::Transform { .. }) => 1,
            // The text, and where to begin in it.
            Some(Function::Regex(_)) => 2,
            Some(Function::NextMatch { .. } | Function::TailCall(_)) | None => 0,
        }
    }

    /// `procedure(arguments)`, with `applied` before the arguments when it stands right of `~>`.
    pub(super) fn evaluate_call(
        &mut self,
        node: &Node,
        call: &Call,
        applied: Option<Value>,
        input: &Value,
        env: &Env,
    ) -> Outcome {
        let procedure = self.procedure(node, call, Code::T1005, input, env)?;
        let mut arguments = Vec::with_capacity(call.arguments.len() + 1);
        arguments.extend(applied);
        for argument in &call.arguments {
            arguments.push(self.value(argument, input, env)?);
        }
        self.apply(&procedure, arguments, input, env).map_err(|error| located(error, node, call))
    }

    /// What is called. A name that lacks its `$` gets an error of its own.
    fn procedure(&mut self, node: &Node, call: &Call, hint: Code, input: &Value, env: &Env) -> Outcome {
        let procedure = self.eval(&call.procedure, input, env)?;
        if procedure.is_undefined()
            && let Kind::Path(steps) = &call.procedure.kind
            && let Some(name) = steps[0].procedure_name()
            && !self.lookup(name, env).is_undefined()
        {
            return Err(JsonataError::new(hint).at(node.position).token(name));
        }
        Ok(procedure)
    }

    /// Calls a function and makes the calls that it hands back in its tail positions.
    fn apply(&mut self, function: &Value, arguments: Vec<Value>, input: &Value, env: &Env) -> Outcome {
        let mut result = self.apply_once(function, arguments, input, env)?;
        loop {
            let Some(Function::TailCall(tail)) = result.as_function().map(Rc::as_ref) else { return Ok(result) };
            let Kind::Call(call) = &tail.call.kind else { unreachable!("a tail call is a call") };
            let next = self.eval(&call.procedure, &tail.input, &tail.env)?;
            let mut arguments = Vec::with_capacity(call.arguments.len());
            for argument in &call.arguments {
                arguments.push(self.value(argument, &tail.input, &tail.env)?);
            }
            let next =
                self.apply_once(&next, arguments, input, env).map_err(|error| located(error, &tail.call, call))?;
            result = next;
        }
    }

    fn apply_once(&mut self, function: &Value, arguments: Vec<Value>, input: &Value, env: &Env) -> Outcome {
        let Some(function) = function.as_function() else { return Err(JsonataError::new(Code::T1006)) };
        match function.as_ref() {
            Function::Native(known) => {
                let values = self.validate(&known.signature, arguments, input)?;
                let outer = self.environment.replace(env.clone());
                let result = (known.native.call)(self, &Arguments { values: &values, context: input });
                self.environment = outer;
                result
            }
            Function::Lambda(lambda) => self.apply_lambda(lambda, arguments, input),
            Function::Partial { function, arguments: given, .. } => {
                let mut open = arguments.into_iter();
                let fill = |given: &Option<Value>| given.clone().unwrap_or_else(|| open.next().unwrap_or_default());
                let arguments = given.iter().map(fill).collect();
                self.apply(function, arguments, &Value::NULL, env)
            }
            Function::Chain { first, second, .. } => {
                let argument = arguments.into_iter().next().unwrap_or_default();
                let between = self.apply(first, vec![argument], &Value::NULL, env)?;
                self.apply(second, vec![between], &Value::NULL, env)
            }
            Function::Regex(regex) => {
                let mut arguments = arguments.into_iter();
                let argument = arguments.next().unwrap_or_default();
                match argument.as_text() {
                    Some(text) => functions::call_regex(self, regex, text, &arguments.next().unwrap_or_default()),
                    None => Ok(Value::Undefined),
                }
            }
            Function::NextMatch { regex, text, from } => functions::next_match(self, regex, text, *from),
            Function::Transform { transform, env } => {
                let arguments = TRANSFORM.validate(arguments, input)?;
                self.transform(transform, arguments.into_iter().next().unwrap_or_default(), env)
            }
            Function::TailCall(_) => Ok(Value::Function(function.clone())),
        }
    }

    /// Checks arguments; those that are long take as long as their length says to check and to work through.
    pub(in crate::jsonata) fn validate(
        &mut self,
        signature: &Signature,
        mut arguments: Vec<Value>,
        input: &Value,
    ) -> Result<Vec<Value>, JsonataError> {
        for argument in &arguments {
            if let Some(text) = argument.as_str() {
                self.budget.read(text.len())?;
            } else if signature.looks_into_arrays() {
                self.budget.look_at(argument.items().map_or(0, Items::len))?;
            }
        }
        if signature.accept(&mut arguments)? {
            return Ok(arguments);
        }
        signature.validate(arguments, input)
    }

    fn apply_lambda(&mut self, lambda: &LambdaValue, arguments: Vec<Value>, input: &Value) -> Outcome {
        let arguments = match &lambda.lambda.signature {
            Some(signature) if lambda.open.is_none() => self.validate(signature, arguments, input)?,
            _ => arguments,
        };
        let frame = Frame::inside(&lambda.env);
        let mut arguments = arguments.into_iter();
        for parameter in lambda.parameters() {
            self.bind(&frame, parameter.clone(), arguments.next().unwrap_or_default())?;
        }
        self.value(&lambda.lambda.body, &lambda.input, &frame)
    }

    /// `procedure(argument, ?)`
    pub(super) fn partial(&mut self, node: &Node, call: &Call, input: &Value, env: &Env) -> Outcome {
        let mut given = Vec::with_capacity(call.arguments.len());
        for argument in &call.arguments {
            given.push(match argument.kind {
                Kind::Placeholder => None,
                _ => Some(self.value(argument, input, env)?),
            });
        }
        let procedure = self.procedure(node, call, Code::T1007, input, env)?;
        let Some(function) = procedure.as_function() else {
            return Err(located(JsonataError::new(Code::T1008), node, call));
        };
        let Function::Lambda(lambda) = function.as_ref() else {
            let deepest = given.iter().flatten().map(Value::depth).max().unwrap_or(0);
            let depth = 1 + deepest.max(procedure.depth());
            return Ok(Value::Function(Rc::new(Function::Partial { function: procedure, arguments: given, depth })));
        };
        let frame = Frame::inside(&lambda.env);
        let mut open = Vec::new();
        let mut given = given.into_iter();
        for parameter in lambda.parameters() {
            match given.next() {
                Some(None) => open.push(parameter.clone()),
                value => self.bind(&frame, parameter.clone(), value.flatten().unwrap_or_default())?,
            }
        }
        let (code, input) = (lambda.lambda.clone(), lambda.input.clone());
        let lambda = LambdaValue::new(code, Some(open), input, frame);
        Ok(Value::Function(Rc::new(Function::Lambda(lambda))))
    }

    /// `left ~> right`
    pub(super) fn apply_to(&mut self, node: &Node, left: &Node, right: &Node, input: &Value, env: &Env) -> Outcome {
        let left = self.value(left, input, env)?;
        if let Kind::Call(call) = &right.kind {
            return self.evaluate_call(right, call, Some(left), input, env);
        }
        let function = self.eval(right, input, env)?;
        if function.as_function().is_none() {
            return Err(JsonataError::new(Code::T2006).at(node.position).value("value", &function));
        }
        if left.as_function().is_some() {
            let depth = 1 + left.depth().max(function.depth());
            return Ok(Value::Function(Rc::new(Function::Chain { first: left, second: function, depth })));
        }
        self.apply(&function, vec![left], &Value::NULL, env)
    }
}

/// What a transform takes: one object or array.
static TRANSFORM: LazyLock<Signature> =
    LazyLock::new(|| Signature::parse(TRANSFORM_SIGNATURE).expect("a signature of the language"));

/// An error of a call, with its place and the function's name.
fn located(error: JsonataError, node: &Node, call: &Call) -> JsonataError {
    let error = error.or_at(node.position);
    match call.procedure.procedure_name() {
        Some(name) => error.or_token(name),
        None => error,
    }
}
