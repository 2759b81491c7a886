//! The one compiled form.

use crate::condition::Condition;
use crate::intrinsic::Call;
use crate::jsonata::Walk;
use crate::path::{Flaw, Miss, Path, Root, clipped_json, variable};
use crate::query::{self, Query};
use crate::template::Template;
use crate::time::parse_timestamp;
use crate::{CompileError, ErrorName, EvalError, Fault, Reference, Referent, Scope, TemplateError, VariableNames};
use fleetstep_document::{Document, Text, View};
use std::sync::Arc;

/// A compiled expression, with the name of the field that it stands in. Cheap to clone; Send and Sync.
#[derive(Clone, Debug)]
pub struct Expr(Arc<Compiled>);

#[derive(Debug)]
struct Compiled {
    /// Of a JSONata expression that is a walk and nothing else: beside its kind, where it is found at once.
    walk: Option<Walk>,
    kind: Kind,
    field: Text,
    source: Text,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Literal(Document),
    /// The path of a `…Path` field.
    Path(Path),
    /// The path of a `….$` field, of `ErrorPath` or `CausePath`: its misses are worded otherwise.
    Reference(Path),
    Intrinsic(Call),
    Template(Template),
    Condition(Condition),
    /// One JSONata expression.
    Query(Box<Query>),
    /// The state's input, where a JSONata Map has no `Items`.
    Input,
}

impl Expr {
    /// A constant.
    #[must_use]
    pub fn literal(value: Document) -> Self {
        Self::new(Kind::Literal(value), "", "")
    }

    /// A JSONPath (over `$`, `$$` or a variable) in a `…Path` field (`InputPath`, `SecondsPath`, …) named `field`.
    ///
    /// # Errors
    /// The text is no JSONPath.
    pub fn path(text: &str, field: &str, names: &mut VariableNames) -> Result<Self, CompileError> {
        let path = Path::parse(text, names).map_err(|flaw| CompileError {
            fault: Fault::Schema,
            message: format!("The value for the field '{field}' must be a valid JSONPath"),
            reason: flaw.reason,
            field: field.to_owned(),
            offset: flaw.offset,
        })?;
        Ok(Self::new(Kind::Path(path), field, text))
    }

    /// A JSONPath or an intrinsic call, as `ErrorPath`, `CausePath` or a `….$` field may hold.
    ///
    /// # Errors
    /// The text is neither.
    pub fn path_or_intrinsic(text: &str, field: &str, names: &mut VariableNames) -> Result<Self, CompileError> {
        let flawed = |flaw: Flaw| CompileError::no_expression(field, flaw.reason, flaw.offset);
        let kind = if text.starts_with('$') {
            Kind::Reference(Path::parse(text, names).map_err(flawed)?)
        } else {
            let call = Call::parse(text, names).map_err(flawed)?;
            match call.constant() {
                Some(value) => Kind::Literal(value),
                None => Kind::Intrinsic(call),
            }
        };
        Ok(Self::new(kind, field, text))
    }

    /// A payload template (`Parameters`, `ResultSelector`, `ItemSelector`): keys that end in `.$` are expressions.
    ///
    /// # Errors
    /// The first field at fault, with its place.
    pub fn template(template: &Document, names: &mut VariableNames) -> Result<Self, TemplateError> {
        Ok(Self::of(Template::compile(template, names)?, ""))
    }

    /// The value of a field that may hold JSONata: strings that begin with `{%` and end with `%}`, at any depth, are
    /// expressions; all else is literal. `field` is the field's name within the state as the service's messages have
    /// it: `Arguments`, `Choices[1]/Condition`, `Catch[0]/Output`; parts are named below it, `Output/list[0]/name`.
    ///
    /// # Errors
    /// The first expression at fault, with its place.
    pub fn jsonata(value: &Document, field: &str, names: &mut VariableNames) -> Result<Self, TemplateError> {
        Ok(match query::compile(value, field, names)? {
            Template::Expr(expr) => expr,
            template => Self::of(template, field),
        })
    }

    /// The state's input, which a JSONata Map without `Items` goes through.
    #[must_use]
    pub fn state_input() -> Self {
        Self::new(Kind::Input, "", "")
    }

    fn of(template: Template, field: &str) -> Self {
        let kind = match template {
            Template::Literal(value) => Kind::Literal(value),
            template => Kind::Template(template),
        };
        Self::new(kind, field, "")
    }

    /// A Choice rule's condition.
    #[must_use]
    pub fn condition(condition: Condition) -> Self {
        Self::new(Kind::Condition(condition), "", "")
    }

    pub(crate) fn new(kind: Kind, field: &str, source: &str) -> Self {
        let walk = match &kind {
            Kind::Query(query) => query.walk(),
            _ => None,
        };
        Self(Arc::new(Compiled { walk, kind, field: Text::from(field), source: Text::from(source) }))
    }

    /// The value.
    ///
    /// # Errors
    /// What the service answers when a path finds nothing or a function refuses its arguments.
    #[inline]
    pub fn evaluate(&self, scope: &Scope<'_>) -> Result<Document, EvalError> {
        let found = match (&self.0.walk, &self.0.kind) {
            (Some(walk), _) => walk.at_hand(scope),
            (None, Kind::Path(path) | Kind::Reference(path)) => path.at_hand(scope),
            _ => None,
        };
        match found {
            Some(found) => Ok(found.clone()),
            None => self.compute(scope),
        }
    }

    fn compute(&self, scope: &Scope<'_>) -> Result<Document, EvalError> {
        match &self.0.kind {
            Kind::Literal(value) => Ok(value.clone()),
            Kind::Path(path) => path.read(scope).map_err(|miss| self.invalid_path(&miss)),
            Kind::Reference(path) => path.read(scope).or_else(|miss| self.unresolved(path, miss, scope)),
            Kind::Intrinsic(call) => call.evaluate(scope).map_err(|failure| failure.worded(&self.0.source, scope)),
            Kind::Template(template) => template.evaluate(scope),
            Kind::Condition(condition) => condition.holds(scope).map(Document::from),
            Kind::Query(query) => query.evaluate(scope),
            Kind::Input => Ok(scope.input.clone()),
        }
    }

    /// The truth of a condition.
    ///
    /// # Errors
    /// A `Variable` or an operand's path that finds nothing; an expression that is no boolean.
    pub fn test(&self, scope: &Scope<'_>) -> Result<bool, EvalError> {
        match &self.0.kind {
            Kind::Condition(condition) => return condition.holds(scope),
            Kind::Query(query) => return query.typed(scope, "boolean", Document::as_bool),
            _ => {}
        }
        let value = self.evaluate(scope)?;
        value
            .as_bool()
            .ok_or_else(|| runtime(format!("A condition must be a boolean but was: {}", clipped_json(&value))))
    }

    /// A non-negative whole number of seconds (Wait, TimeoutSeconds, HeartbeatSeconds).
    ///
    /// # Errors
    /// The value is missing, negative or no whole number.
    pub fn seconds(&self, scope: &Scope<'_>) -> Result<u64, EvalError> {
        if let Kind::Query(query) = &self.0.kind {
            return query.seconds(scope);
        }
        self.wanted(scope, |value| {
            let text = plain_text(value);
            let Ok(seconds) = text.parse::<i64>() else {
                return Err(self.about("cannot be parsed as a long value", &text));
            };
            u64::try_from(seconds).map_err(|_| self.about("references a negative value", &text))
        })
    }

    /// A point in time, microseconds since the epoch, from an ISO-8601 offset date-time.
    ///
    /// # Errors
    /// The value is missing or no such date-time.
    pub fn timestamp_us(&self, scope: &Scope<'_>) -> Result<i64, EvalError> {
        if let Kind::Query(query) = &self.0.kind {
            return query.timestamp_us(scope);
        }
        self.wanted(scope, |value| match value.as_str().and_then(parse_timestamp) {
            Some(instant) => Ok(instant.as_microsecond()),
            None => Err(self.about(
                "does not reference a valid ISO-8601 extended offset date-time format string",
                &plain_text(value),
            )),
        })
    }

    /// A whole number (`MaxConcurrencyPath`, `ToleratedFailureCountPath`); its range is the caller's to check.
    ///
    /// # Errors
    /// The value is missing or no whole number.
    pub fn integer(&self, scope: &Scope<'_>) -> Result<i64, EvalError> {
        match &self.0.kind {
            Kind::Query(query) => query.integer(scope),
            _ => self.parsed(scope, "integer"),
        }
    }

    /// A number (`ToleratedFailurePercentagePath`); its range is the caller's to check.
    ///
    /// # Errors
    /// The value is missing or no number.
    pub fn float(&self, scope: &Scope<'_>) -> Result<f64, EvalError> {
        match &self.0.kind {
            Kind::Query(query) => query.typed(scope, "number", Document::as_f64),
            _ => self.parsed(scope, "float"),
        }
    }

    /// An array (`ItemsPath`).
    ///
    /// # Errors
    /// The value is missing or no array.
    pub fn array(&self, scope: &Scope<'_>) -> Result<Document, EvalError> {
        let value = match &self.0.kind {
            Kind::Path(path) => path.read(scope).map_err(|miss| self.unapplied(&miss, scope))?,
            Kind::Query(query) => {
                return query.typed(scope, "array", |value| value.as_array().map(|_| value.clone()));
            }
            Kind::Input if scope.input.as_array().is_none() => {
                let input = clipped_json(scope.input);
                return Err(query::evaluation_error(format!("Map state input must be an array but was: {input}")));
            }
            _ => self.evaluate(scope)?,
        };
        if value.as_array().is_some() {
            return Ok(value);
        }
        // The service names the path within the context object, not the `$$` that led there.
        let path = self.0.source.strip_prefix('$').filter(|path| path.starts_with('$')).unwrap_or(&self.0.source);
        Err(runtime(format!("Reference path \"{path}\" must point to array.")))
    }

    /// A string (`ErrorPath`, `CausePath`).
    ///
    /// # Errors
    /// The value is missing or no string.
    pub fn string(&self, scope: &Scope<'_>) -> Result<Text, EvalError> {
        if let Kind::Query(query) = &self.0.kind {
            return query.typed(scope, "string", |value| value.as_text().cloned());
        }
        let value = self.evaluate(scope)?;
        value.as_text().cloned().ok_or_else(|| {
            let (field, source) = (&self.0.field, &self.0.source);
            let value = clipped_json(&value);
            runtime(format!("The value for the field '{field}' must be a string, but '{source}' was: {value}"))
        })
    }

    /// The value, when it is the same whatever the scope.
    #[must_use]
    pub fn as_literal(&self) -> Option<&Document> {
        match &self.0.kind {
            Kind::Literal(value) => Some(value),
            _ => None,
        }
    }

    /// Everything that it reads of workflow variables and of `$states`.
    #[must_use]
    pub fn references(&self) -> Vec<Reference> {
        let mut found = Vec::new();
        self.references_at("", &mut found);
        found
    }

    /// The slots of the workflow variables that it reads.
    #[must_use]
    pub fn variables(&self) -> Vec<u32> {
        let slots = self.references().into_iter().filter_map(|reference| match reference.referent {
            Referent::Variable(slot) => Some(slot),
            Referent::States(_) => None,
        });
        slots.collect()
    }

    pub(crate) fn references_at(&self, pointer: &str, found: &mut Vec<Reference>) {
        let mut variable =
            |slot| found.push(Reference { pointer: pointer.to_owned(), referent: Referent::Variable(slot) });
        match &self.0.kind {
            Kind::Literal(_) | Kind::Input => {}
            Kind::Path(path) | Kind::Reference(path) => path.variable().into_iter().for_each(variable),
            Kind::Intrinsic(call) => call.variables(&mut variable),
            Kind::Condition(condition) => condition.variables(&mut variable),
            Kind::Template(template) => template.references(pointer, found),
            Kind::Query(query) => query.references(pointer, found),
        }
    }

    /// The text it was written as; empty for a literal, a template and a condition.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// Reads the value of a `…Path` field with `read`.
    fn wanted<T>(
        &self,
        scope: &Scope<'_>,
        read: impl FnOnce(&Document) -> Result<T, EvalError>,
    ) -> Result<T, EvalError> {
        match &self.0.kind {
            Kind::Literal(value) => read(value),
            Kind::Path(path) => match path.with(scope, read) {
                Ok(read) => read,
                Err(_) if self.is_wait_field() => {
                    let (field, source) = (&self.0.field, &self.0.source);
                    Err(runtime(format!("The {field} parameter does not reference an input value: {source}")))
                }
                Err(miss) => Err(self.invalid_path(&miss)),
            },
            _ => read(&self.evaluate(scope)?),
        }
    }

    /// A number, or a string that reads as one.
    fn parsed<T: std::str::FromStr>(&self, scope: &Scope<'_>, kind: &str) -> Result<T, EvalError> {
        self.wanted(scope, |value| {
            let text = plain_text(value);
            let number =
                if matches!(value.view(), View::Number(_) | View::String(_)) { text.parse().ok() } else { None };
            number.ok_or_else(|| {
                let (field, source) = (&self.0.field, &self.0.source);
                runtime(format!("The {field} field refers to value \"{text}\" which is not a valid {kind}: {source}"))
            })
        })
    }

    /// Wait has a wording of its own for what it does not find.
    fn is_wait_field(&self) -> bool {
        matches!(self.0.field.as_str(), "SecondsPath" | "TimestampPath")
    }

    fn about(&self, complaint: &str, value: &str) -> EvalError {
        runtime(format!("The {} parameter {complaint}: {} == {value}", self.0.field, self.0.source))
    }

    fn invalid_path(&self, miss: &Miss) -> EvalError {
        runtime(format!("Invalid path '{}' : {}", self.0.source, miss.message()))
    }

    /// An `ItemsPath` that leads nowhere has an error of its own.
    fn unapplied(&self, miss: &Miss, scope: &Scope<'_>) -> EvalError {
        let key = match miss {
            Miss::NotFound(missing) => missing.key.as_ref(),
            _ => None,
        };
        let Some(key) = key else { return self.invalid_path(miss) };
        let message = format!("Unable to apply step \"{key}\" to input {}", clipped_json(scope.root));
        EvalError::new(ErrorName::ReferencePathConflict, message)
    }

    /// What a `….$` field has where its path finds nothing.
    fn unresolved(&self, path: &Path, miss: Miss, scope: &Scope<'_>) -> Result<Document, EvalError> {
        let (field, source) = (&self.0.field, &self.0.source);
        match miss {
            // The service gives null for an element past the end of an array, but fails for a missing key.
            Miss::NotFound(missing) if missing.past_end => Ok(Document::NULL),
            Miss::Exhausted => Err(self.invalid_path(&miss)),
            Miss::NotFound(_) | Miss::Invalid(_) | Miss::Unassigned => {
                let input = match path.root() {
                    Root::Input => clipped_json(scope.root),
                    Root::Context => clipped_json(&scope.context.context()),
                    Root::Variable(slot) => clipped_json(variable(scope, slot).unwrap_or(scope.root)),
                };
                Err(runtime(format!(
                    "The JSONPath '{source}' specified for the field '{field}' could not be found in the input '{input}'"
                )))
            }
        }
    }
}

/// A failure that no `Catch` sees.
pub(crate) fn runtime(message: String) -> EvalError {
    EvalError::new(ErrorName::Runtime, message)
}

/// A string as it is, anything else as JSON.
fn plain_text(value: &Document) -> Text {
    match value.as_text() {
        Some(text) => text.clone(),
        None => Text::from(clipped_json(value)),
    }
}

const _: () = {
    const fn shared_between_threads<T: Send + Sync>() {}
    shared_between_threads::<Expr>();
};
