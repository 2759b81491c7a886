//! JSONata fields: values in which strings of the form `{% … %}` are expressions.

use crate::expr::Kind;
use crate::jsonata::{Ambient, Answer, Budget, Code, Jsonata, JsonataError, Quick, Walk};
use crate::library::WORKFLOW;
use crate::path::clipped_json;
use crate::template::{DEPTH_MAX, Template, constant};
use crate::time::parse_timestamp;
use crate::{
    CompileError, ErrorName, EvalError, Expr, Fault, Reference, Referent, Scope, TemplateError, VariableNames,
};
use fleetstep_document::{Document, ObjectBuilder, Text, View};

/// The longest time that a field in seconds may ask for: the service's own limit.
const SECONDS_MAX: f64 = 99_999_999.0;

/// One expression, compiled, with what it reads.
#[derive(Debug)]
pub(crate) struct Query {
    /// The name of its field as messages have it: `Output/result`, `Output/list[0]`.
    field: Text,
    source: Text,
    /// The compiled form, where the expression has one.
    quick: Option<Quick>,
    program: Jsonata,
    /// The workflow variables that it reads: slot and name.
    variables: Box<[(u32, Text)]>,
    /// The members of `$states` that it reads; nothing for the whole.
    states: Box<[Option<Text>]>,
}

impl Query {
    fn compile(source: &str, field: &str, names: &mut VariableNames) -> Result<Self, CompileError> {
        let fault =
            |fault, message, reason, offset| CompileError { fault, message, reason, field: field.to_owned(), offset };
        let program = Jsonata::compile_with(source, &WORKFLOW).map_err(|error| {
            let position = error.position().unwrap_or_default();
            let offset = source.chars().take(position).map(char::len_utf8).sum();
            let reason = format!("{} of JSONata, after {position} characters", error.code().as_str());
            fault(Fault::InvalidJsonata, error.message(), reason, offset)
        })?;
        let references = program.references();
        if let Some(name) = references.unbound.first() {
            let (message, reason) = match name.as_str() {
                "$$" => (format!("Reference to '{name}' is not supported."), "the input of a state is '$states.input'"),
                _ => (
                    format!("Reference to '{name}' at the top level is not supported."),
                    "the input of a state is '$states.input', a variable starts with '$'",
                ),
            };
            let offset = source.find(name.as_str()).unwrap_or_default();
            return Err(fault(Fault::UnsupportedJsonata, message, reason.to_owned(), offset));
        }
        let variables = references.variables.into_iter().map(|name| (names.slot(&name), name)).collect();
        let quick = program.quick(names);
        let states = references.states.into();
        Ok(Self { field: Text::from(field), source: Text::from(source), quick, program, variables, states })
    }

    /// The walk that it is, if it is nothing else.
    pub(crate) fn walk(&self) -> Option<Walk> {
        self.quick.as_ref()?.walk()
    }

    /// The value where nothing has to be made for it.
    #[inline]
    pub(crate) fn at_hand<'s>(&'s self, scope: &Scope<'s>) -> Option<&'s Document> {
        self.quick.as_ref()?.at_hand(scope)
    }

    /// The value.
    pub(crate) fn evaluate(&self, scope: &Scope<'_>) -> Result<Document, EvalError> {
        let mut world = World { scope };
        if let Some(quick) = &self.quick {
            return match quick.evaluate(scope, &mut Budget::new(&mut world)) {
                Ok(value) => value.ok_or_else(|| self.nothing()),
                Err(error) => Err(self.threw(&error)),
            };
        }
        let value = |slot: u32| scope.variables.get(slot as usize)?.clone();
        let bound = self.variables.iter().filter_map(|(slot, name)| Some((name.clone(), value(*slot)?)));
        let states = (!self.states.is_empty()).then(|| (Text::from("states"), self.states(scope)));
        match self.program.evaluate(None, bound.chain(states), &mut Budget::new(&mut world)) {
            Ok(Answer::Document(value)) => Ok(value),
            Ok(Answer::Nothing) => Err(self.nothing()),
            Ok(Answer::Function) => Err(self.failed("returned an unsupported result type.")),
            Err(error) => Err(self.threw(&error)),
        }
    }

    /// The value as `read` takes it, of the type that is `expected`.
    pub(crate) fn typed<T>(
        &self,
        scope: &Scope<'_>,
        expected: &str,
        read: impl FnOnce(&Document) -> Option<T>,
    ) -> Result<T, EvalError> {
        let made;
        let value = match self.at_hand(scope) {
            Some(value) => value,
            None => {
                made = self.evaluate(scope)?;
                &made
            }
        };
        read(value).ok_or_else(|| {
            let (got, value) = (value.type_name(), clipped_json(value));
            self.failed(&format!(
                "returned an unexpected result type. Expected '{expected}', but was '{got}' for value: {value}"
            ))
        })
    }

    /// A whole number.
    pub(crate) fn integer(&self, scope: &Scope<'_>) -> Result<i64, EvalError> {
        let (whole, number) =
            self.typed(scope, "number", |value| Some((value.as_i64(), value.as_number()?.as_f64())))?;
        let field = &self.field;
        whole.ok_or_else(|| self.complaint(format!("The {field} field cannot be parsed as an integer: {number}")))
    }

    /// A number of seconds.
    pub(crate) fn seconds(&self, scope: &Scope<'_>) -> Result<u64, EvalError> {
        let seconds = self.integer(scope)?;
        let within = u64::try_from(seconds).ok().filter(|&seconds| seconds as f64 <= SECONDS_MAX);
        let field = &self.field;
        within.ok_or_else(|| self.complaint(format!("{field} must be between 0 and {SECONDS_MAX} but was: {seconds}")))
    }

    /// A point in time, microseconds since the epoch.
    pub(crate) fn timestamp_us(&self, scope: &Scope<'_>) -> Result<i64, EvalError> {
        let text = self.typed(scope, "string", |value| value.as_text().cloned())?;
        parse_timestamp(&text).map(|instant| instant.as_microsecond()).ok_or_else(|| {
            let field = &self.field;
            let shape = "an ISO-8601 extended offset date-time format string";
            self.complaint(format!("The {field} field cannot be parsed as {shape}: {text}"))
        })
    }

    fn nothing(&self) -> EvalError {
        self.failed("returned nothing (undefined).")
    }

    /// The error of a bound has no code that the service would print.
    fn threw(&self, error: &JsonataError) -> EvalError {
        self.failed(&match error.code() {
            Code::U1001 => format!("threw an error during evaluation: {}", error.message()),
            _ => format!("threw an error during evaluation. {error}"),
        })
    }

    fn failed(&self, complaint: &str) -> EvalError {
        let (source, field) = (&self.source, &self.field);
        self.complaint(format!("The JSONata expression '{source}' specified for the field '{field}' {complaint}"))
    }

    /// An error of its field.
    fn complaint(&self, message: String) -> EvalError {
        evaluation_error(message).of_field(self.field.clone())
    }

    /// `$states`, with its context only where the expression reads it.
    fn states(&self, scope: &Scope<'_>) -> Document {
        let reads = |member: &str| self.states.iter().any(|read| read.as_deref().is_none_or(|read| read == member));
        let mut states = ObjectBuilder::with_capacity(4).with("input", scope.input.clone());
        if reads("context") {
            states.push(Text::from("context"), scope.context.context());
        }
        if let Some(result) = scope.result {
            states.push(Text::from("result"), result.clone());
        }
        if let Some(error) = scope.error_output {
            states.push(Text::from("errorOutput"), error.clone());
        }
        states.build()
    }

    /// What it reads, as of the text at `pointer`.
    pub(crate) fn references(&self, pointer: &str, found: &mut Vec<Reference>) {
        let variables = self.variables.iter().filter(|(_, name)| !is_function(name));
        let variables = variables.map(|(slot, _)| Referent::Variable(*slot));
        let states = self.states.iter().map(|member| Referent::States(member.clone()));
        found.extend(variables.chain(states).map(|referent| Reference { pointer: pointer.to_owned(), referent }));
    }
}

/// Whether a variable may be a function of the library that is handed on, `$map(items, $uppercase)`.
fn is_function(name: &str) -> bool {
    WORKFLOW.function(name).is_some()
}

/// A failed evaluation of a JSONata field.
pub(crate) fn evaluation_error(message: String) -> EvalError {
    EvalError::new(ErrorName::QueryEvaluationError, message)
}

/// Time and chance of an evaluation.
struct World<'a> {
    scope: &'a Scope<'a>,
}

impl Ambient for World<'_> {
    fn now_millis(&self) -> i64 {
        self.scope.now_us.div_euclid(1_000)
    }

    fn random(&mut self) -> f64 {
        self.scope.chance.next_f64()
    }
}

/// What stands between the marks of an expression. Blanks outside of the marks make a text of it.
fn expression_in(text: &str) -> Option<&str> {
    text.strip_prefix("{%")?.strip_suffix("%}")
}

/// Compiles the value of the field named `field`.
pub(crate) fn compile(value: &Document, field: &str, names: &mut VariableNames) -> Result<Template, TemplateError> {
    Compiler { field: field.to_owned(), pointer: String::new(), depth: 0, names }.value(value)
}

struct Compiler<'n> {
    /// The field's name as messages have it: `Output/result`.
    field: String,
    /// JSON pointer of the value that is being compiled.
    pointer: String,
    depth: usize,
    names: &'n mut VariableNames,
}

impl Compiler<'_> {
    fn value(&mut self, value: &Document) -> Result<Template, TemplateError> {
        match value.view() {
            View::String(text) => match expression_in(text) {
                Some(inside) => self.expression(inside),
                None => Ok(Template::Literal(value.clone())),
            },
            View::Object(object) => {
                let entries =
                    object.iter().map(|(key, value)| Ok((key.clone(), self.below(&format!("/{key}"), key, value)?)));
                let entries = entries.collect::<Result<Vec<_>, TemplateError>>()?;
                let constant = constant(value, entries.iter().map(|(_, template)| template));
                Ok(constant.unwrap_or_else(|| Template::Object(entries.into())))
            }
            View::Array(items) => {
                let part = |(at, item): (usize, _)| self.below(&format!("[{at}]"), &at.to_string(), item);
                let items = items.iter().enumerate().map(part);
                let items = items.collect::<Result<Vec<_>, _>>()?;
                Ok(constant(value, items.iter()).unwrap_or_else(|| Template::Array(items.into())))
            }
            _ => Ok(Template::Literal(value.clone())),
        }
    }

    fn expression(&mut self, inside: &str) -> Result<Template, TemplateError> {
        let source = inside.trim();
        let query = Query::compile(source, &self.field, self.names).map_err(|mut error| {
            // The place within the whole string, marks and all.
            error.offset += "{%".len() + inside.len() - inside.trim_start().len();
            TemplateError { pointer: self.pointer.clone(), error }
        })?;
        Ok(Template::Expr(Expr::new(Kind::Query(Box::new(query)), &self.field, source)))
    }

    /// A part, which messages name by `suffix` and a pointer by `token`.
    fn below(&mut self, suffix: &str, token: &str, value: &Document) -> Result<Template, TemplateError> {
        let (field, pointer) = (self.field.len(), self.pointer.len());
        self.field.push_str(suffix);
        self.pointer.push('/');
        self.pointer.push_str(&token.replace('~', "~0").replace('/', "~1"));
        self.depth += 1;
        let template = if self.depth <= DEPTH_MAX {
            self.value(value)?
        } else if has_expression(value) {
            let reason = format!("expressions in a field stand {DEPTH_MAX} levels deep at most");
            let error = CompileError {
                fault: Fault::UnsupportedJsonata,
                message: "The field is nested too deeply".to_owned(),
                reason,
                field: self.field.clone(),
                offset: 0,
            };
            return Err(TemplateError { pointer: self.pointer.clone(), error });
        } else {
            Template::Literal(value.clone())
        };
        self.depth -= 1;
        self.field.truncate(field);
        self.pointer.truncate(pointer);
        Ok(template)
    }
}

fn has_expression(value: &Document) -> bool {
    match value.view() {
        View::String(text) => expression_in(text).is_some(),
        View::Object(object) => object.iter().any(|(_, value)| has_expression(value)),
        View::Array(items) => items.iter().any(has_expression),
        _ => false,
    }
}
