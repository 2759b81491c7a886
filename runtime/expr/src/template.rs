//! Payload templates: documents in which keys that end in `.$` are expressions.

use crate::{CompileError, EvalError, Expr, Reference, Scope, TemplateError, VariableNames};
use fleetstep_document::{Document, Object, ObjectBuilder, Text, View};

/// How deep the changing part of a template may nest. Each level costs a stack frame.
pub(crate) const DEPTH_MAX: usize = 256;

/// A compiled template. What is constant in it is shared, not built again.
#[derive(Debug)]
pub(crate) enum Template {
    Literal(Document),
    Expr(Expr),
    Object(Box<[(Text, Template)]>),
    Array(Box<[Template]>),
}

impl Template {
    pub(crate) fn compile(value: &Document, names: &mut VariableNames) -> Result<Self, TemplateError> {
        Compiler { pointer: String::new(), depth: 0, names }.value(value)
    }

    /// What it reads. `pointer` is that of the template itself.
    pub(crate) fn references(&self, pointer: &str, found: &mut Vec<Reference>) {
        match self {
            Self::Literal(_) => {}
            Self::Expr(expr) => expr.references_at(pointer, found),
            Self::Object(entries) => {
                for (key, template) in entries {
                    template.references(&below(pointer, key), found);
                }
            }
            Self::Array(items) => {
                for (at, template) in items.iter().enumerate() {
                    template.references(&below(pointer, &at.to_string()), found);
                }
            }
        }
    }

    pub(crate) fn evaluate(&self, scope: &Scope<'_>) -> Result<Document, EvalError> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Expr(expr) => expr.evaluate(scope),
            Self::Object(entries) => {
                let mut object = ObjectBuilder::with_capacity(entries.len());
                for (key, template) in entries {
                    object.push(key.clone(), template.evaluate(scope)?);
                }
                Ok(object.build())
            }
            Self::Array(items) => {
                let items = items.iter().map(|item| item.evaluate(scope));
                Ok(Document::from(items.collect::<Result<Vec<_>, _>>()?))
            }
        }
    }
}

struct Compiler<'n> {
    /// JSON pointer of the value that is being compiled.
    pointer: String,
    depth: usize,
    names: &'n mut VariableNames,
}

impl Compiler<'_> {
    fn value(&mut self, value: &Document) -> Result<Template, TemplateError> {
        match value.view() {
            View::Object(object) => self.object(value, object),
            View::Array(items) => {
                let compiled = items.iter().enumerate().map(|(at, item)| self.below(&at.to_string(), item));
                let compiled = compiled.collect::<Result<Vec<_>, _>>()?;
                Ok(constant(value, compiled.iter()).unwrap_or_else(|| Template::Array(compiled.into())))
            }
            _ => Ok(Template::Literal(value.clone())),
        }
    }

    fn object(&mut self, value: &Document, object: &Object) -> Result<Template, TemplateError> {
        let mut entries = Vec::with_capacity(object.len());
        let mut dynamic = false;
        for (key, value) in object.iter() {
            entries.push(match key.strip_suffix(".$") {
                Some(name) => {
                    dynamic = true;
                    (Text::from(name), Template::Expr(self.expression(key, value)?))
                }
                None => (key.clone(), self.below(key, value)?),
            });
        }
        let constant = if dynamic { None } else { constant(value, entries.iter().map(|(_, template)| template)) };
        Ok(constant.unwrap_or_else(|| Template::Object(entries.into())))
    }

    fn below(&mut self, token: &str, value: &Document) -> Result<Template, TemplateError> {
        let length = self.pointer.len();
        self.pointer.push('/');
        self.pointer.push_str(&token.replace('~', "~0").replace('/', "~1"));
        self.depth += 1;
        let template = if self.depth <= DEPTH_MAX {
            self.value(value)?
        } else if has_expression(value) {
            return Err(self.error(token, format!("expressions in a template stand {DEPTH_MAX} levels deep at most")));
        } else {
            Template::Literal(value.clone())
        };
        self.depth -= 1;
        self.pointer.truncate(length);
        Ok(template)
    }

    fn expression(&mut self, key: &str, value: &Document) -> Result<Expr, TemplateError> {
        let Some(text) = value.as_str() else {
            return Err(self.error(key, format!("it is a {}, not a string", value.type_name())));
        };
        Expr::path_or_intrinsic(text, key, self.names)
            .map_err(|error| TemplateError { pointer: self.pointer.clone(), error })
    }

    fn error(&self, field: &str, reason: String) -> TemplateError {
        TemplateError { pointer: self.pointer.clone(), error: CompileError::no_expression(field, reason, 0) }
    }
}

fn has_expression(value: &Document) -> bool {
    match value.view() {
        View::Object(object) => object.iter().any(|(key, value)| key.ends_with(".$") || has_expression(value)),
        View::Array(items) => items.iter().any(has_expression),
        _ => false,
    }
}

/// The JSON pointer of a part.
pub(crate) fn below(pointer: &str, token: &str) -> String {
    format!("{pointer}/{}", token.replace('~', "~0").replace('/', "~1"))
}

/// The value itself, when none of its parts changes.
pub(crate) fn constant<'t>(value: &Document, mut parts: impl Iterator<Item = &'t Template>) -> Option<Template> {
    parts.all(|part| matches!(part, Template::Literal(_))).then(|| Template::Literal(value.clone()))
}
