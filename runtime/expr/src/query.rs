//! JSONata fields: values in which strings of the form `{% … %}` are expressions.

use crate::expr::Kind;
use crate::jsonata::{Ambient, Answer, Budget, Jsonata, JsonataError, Quick};
use crate::template::{DEPTH_MAX, Template, constant};
use crate::{CompileError, ErrorName, EvalError, Expr, Reference, Referent, Scope, TemplateError, VariableNames};
use fleetstep_document::{Document, ObjectBuilder, Text, View};

/// One expression, compiled, with what it reads.
#[derive(Debug)]
pub(crate) struct Query {
    program: Jsonata,
    /// The compiled form, where there is one: the program's work is done by it then.
    quick: Option<Quick>,
    /// The workflow variables that it reads: slot and name.
    variables: Box<[(u32, Text)]>,
    /// The members of `$states` that it reads; nothing for the whole.
    states: Box<[Option<Text>]>,
}

impl Query {
    fn compile(source: &str, field: &str, names: &mut VariableNames) -> Result<Self, CompileError> {
        let program = Jsonata::compile(source).map_err(|error| CompileError {
            message: format!("Value is not a valid JSONata expression: {error}"),
            reason: error.message(),
            field: field.to_owned(),
            offset: source.chars().take(error.position().unwrap_or_default()).map(char::len_utf8).sum(),
        })?;
        let references = program.references();
        let variables = references.variables.into_iter().map(|name| (names.slot(&name), name)).collect();
        let quick = program.quick(names);
        Ok(Self { program, quick, variables, states: references.states.into() })
    }

    /// The value where nothing has to be made for it.
    #[inline]
    pub(crate) fn at_hand<'s>(&'s self, scope: &Scope<'s>) -> Option<&'s Document> {
        self.quick.as_ref()?.at_hand(scope)
    }

    /// The value, or nothing; `Err` is the second half of a message.
    pub(crate) fn evaluate(&self, scope: &Scope<'_>) -> Result<Document, String> {
        let mut world = World { scope };
        let mut budget = Budget::new(&mut world);
        if let Some(quick) = &self.quick {
            return match quick.evaluate(scope, &mut budget) {
                Ok(value) => value.ok_or_else(|| NOTHING.to_owned()),
                Err(error) => Err(thrown(&error)),
            };
        }
        let bound = self
            .variables
            .iter()
            .filter_map(|(slot, name)| Some((name.clone(), scope.variables.get(*slot as usize)?.clone()?)));
        let states = (!self.states.is_empty()).then(|| (Text::from("states"), self.states(scope)));
        match self.program.evaluate(None, bound.chain(states), &mut budget) {
            Ok(Answer::Document(value)) => Ok(value),
            Ok(Answer::Nothing) => Err(NOTHING.to_owned()),
            Ok(Answer::Function) => Err("returned an unsupported result type.".to_owned()),
            Err(error) => Err(thrown(&error)),
        }
    }

    /// `$states`, of the parts that the expression reads.
    fn states(&self, scope: &Scope<'_>) -> Document {
        let reads = |member: &str| self.states.iter().any(|read| read.as_deref().is_none_or(|read| read == member));
        let mut states = ObjectBuilder::with_capacity(4).with("input", scope.input.clone());
        if let Some(result) = scope.result {
            states.push(Text::from("result"), result.clone());
        }
        if let Some(error) = scope.error_output {
            states.push(Text::from("errorOutput"), error.clone());
        }
        if reads("context") {
            states.push(Text::from("context"), scope.context.context());
        }
        states.build()
    }

    /// What it reads, as of the text at `pointer`.
    pub(crate) fn references(&self, pointer: &str, found: &mut Vec<Reference>) {
        let variables = self.variables.iter().map(|(slot, _)| Referent::Variable(*slot));
        let states = self.states.iter().map(|member| Referent::States(member.clone()));
        found.extend(variables.chain(states).map(|referent| Reference { pointer: pointer.to_owned(), referent }));
    }
}

const NOTHING: &str = "returned nothing (undefined).";

fn thrown(error: &JsonataError) -> String {
    format!("threw an error during evaluation. {error}")
}

/// A failed evaluation of a JSONata field.
pub(crate) fn failed(source: &str, field: &str, complaint: &str) -> EvalError {
    EvalError {
        name: ErrorName::QueryEvaluationError,
        message: format!("The JSONata expression '{source}' specified for the field '{field}' {complaint}"),
    }
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

/// The expression that a string of a JSONata field is, if it is one.
fn expression_in(text: &str) -> Option<&str> {
    text.strip_prefix("{%")?.strip_suffix("%}").map(str::trim)
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
                Some(source) => self.expression(source),
                None => Ok(Template::Literal(value.clone())),
            },
            View::Object(object) => {
                let entries = object.iter().map(|(key, value)| Ok((key.clone(), self.below(key, value)?)));
                let entries = entries.collect::<Result<Vec<_>, TemplateError>>()?;
                let constant = constant(value, entries.iter().map(|(_, template)| template));
                Ok(constant.unwrap_or_else(|| Template::Object(entries.into())))
            }
            View::Array(items) => {
                let items = items.iter().enumerate().map(|(at, item)| self.below(&at.to_string(), item));
                let items = items.collect::<Result<Vec<_>, _>>()?;
                Ok(constant(value, items.iter()).unwrap_or_else(|| Template::Array(items.into())))
            }
            _ => Ok(Template::Literal(value.clone())),
        }
    }

    fn expression(&mut self, source: &str) -> Result<Template, TemplateError> {
        let query = Query::compile(source, &self.field, self.names)
            .map_err(|error| TemplateError { pointer: self.pointer.clone(), error })?;
        Ok(Template::Expr(Expr::new(Kind::Query(query), &self.field, source)))
    }

    fn below(&mut self, token: &str, value: &Document) -> Result<Template, TemplateError> {
        let (field, pointer) = (self.field.len(), self.pointer.len());
        self.field.push('/');
        self.field.push_str(token);
        self.pointer.push('/');
        self.pointer.push_str(&token.replace('~', "~0").replace('/', "~1"));
        self.depth += 1;
        let template = if self.depth <= DEPTH_MAX {
            self.value(value)?
        } else if has_expression(value) {
            let reason = format!("expressions in a field stand {DEPTH_MAX} levels deep at most");
            let error = CompileError { message: reason.clone(), reason, field: self.field.clone(), offset: 0 };
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
