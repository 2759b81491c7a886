//! Single values: types, ranges, paths, templates, names of errors, resources.

use super::Checker;
use super::expressions::Written;
use crate::fields::{Field, Kind, QueryLanguage};
use crate::resource::{self, Integration, Pattern, Resource, ResourceError};
use crate::source::{Extent, Node, Place, Value};
use crate::{Code, Severity};
use fleetstep_document::Document;
use fleetstep_expr::{Chance, CompileError, Expr, ReferencePath, Scope, parse_timestamp};
use std::collections::HashSet;
use std::fmt::Display;

pub(super) const NO_JSONPATH: &str = "Value must be a valid JSONPath.";
const NO_REFERENCE_PATH: &str = "Value is not a Reference Path";
pub(super) const NO_TIMESTAMP: &str = "String does not match RFC3339 timestamp";

impl<'a> Checker<'a> {
    /// Checks the value of a field that holds no further objects of ours.
    pub(super) fn value(&mut self, field: &'static Field, node: &Node, place: Place<'_>, language: QueryLanguage) {
        let may_be_jsonata =
            field.computed || matches!(field.kind, Kind::Array | Kind::Condition | Kind::Timestamp | Kind::Credentials);
        if language == QueryLanguage::Jsonata
            && may_be_jsonata
            && let Some(text) = node.as_text()
            && !matches!(Written::of(text), Written::Literal)
        {
            return self.jsonata_text(field, text, place, node.extent);
        }
        match field.kind {
            Kind::Any => self.literal(field, node, place),
            Kind::Text => self.typed(node.as_text().is_some(), "String", place, node.extent),
            Kind::Boolean => self.typed(matches!(node.value, Value::Boolean(_)), "Boolean", place, node.extent),
            Kind::Integer(min, max) => match node.as_i64() {
                Some(value) => self.within(value, min, max, place, node.extent),
                None if node.as_f64().is_some_and(|value| value.fract() == 0.0) => {
                    self.schema(format!("Maximum value is {max}"), place, node.extent);
                }
                None => self.wrong_type("Integer", place, node.extent),
            },
            Kind::Number(min, max) => match node.as_f64() {
                Some(value) => self.within(Decimal(value), Decimal(min), Decimal(max), place, node.extent),
                None => self.wrong_type("Number", place, node.extent),
            },
            Kind::Word(words) => match node.as_text() {
                Some(text) if words.contains(&text) => {}
                Some(text) => self.not_one_of(text, words.iter().copied(), place, node.extent),
                None => self.not_one_of("", words.iter().copied(), place, node.extent),
            },
            Kind::NullablePath | Kind::ResultPath if node.is_null() => {}
            Kind::Path | Kind::NullablePath => self.path(node, field.name, place),
            Kind::PathOrIntrinsic => self.path_or_intrinsic(field.name, node, place, place),
            Kind::ReferencePath if node.as_text().is_some_and(is_variable) => {
                self.variable_path(node, field.name, place)
            }
            Kind::ReferencePath | Kind::ResultPath => self.reference_path(node, field.name, place),
            Kind::Timestamp if node.as_text().is_some_and(|text| parse_timestamp(text).is_some()) => {}
            Kind::Timestamp => self.schema(NO_TIMESTAMP, place, node.extent),
            Kind::Template if language == QueryLanguage::JsonPath => self.template(node, place),
            Kind::Template | Kind::Value => self.jsonata(field, node, place),
            Kind::Array if matches!(node.value, Value::List(_)) => self.jsonata(field, node, place),
            Kind::Array => self.wrong_type("Array", place, node.extent),
            Kind::Condition => self.typed(matches!(node.value, Value::Boolean(_)), "Boolean", place, node.extent),
            Kind::Assign => self.assign(field, node, place, language),
            Kind::Credentials => self.credentials(field, node, place, language),
            Kind::Resource => self.resource(node, place),
            Kind::ErrorNames => self.error_names(node, place),
            Kind::Object(_) | Kind::List(_) | Kind::States => unreachable!("checked as objects"),
        }
    }

    fn typed(&mut self, fits: bool, expected: &str, place: Place<'_>, extent: Extent) {
        if !fits {
            self.wrong_type(expected, place, extent);
        }
    }

    fn within<T: PartialOrd + Display>(&mut self, value: T, min: T, max: T, place: Place<'_>, extent: Extent) {
        if value < min {
            self.schema(format!("Minimum value is {min}"), place, extent);
        } else if value > max {
            self.schema(format!("Maximum value is {max}"), place, extent);
        }
    }

    /// A value that is taken as it stands, where a path in it may be a mistake.
    fn literal(&mut self, field: &'static Field, node: &Node, place: Place<'_>) {
        if field.name == "Result" && holds_dynamic_field(node) {
            let message = String::from("The Result of a Pass is taken as it stands, fields that end in '.$' too");
            self.report(Severity::Warning, Code::PassResultIsStatic, message, place, node.extent);
            self.hint(Some(String::from("Parameters are evaluated")));
        }
    }

    fn path(&mut self, node: &Node, field: &str, place: Place<'_>) {
        let Some(text) = node.as_text() else {
            return self.wrong_type("String", place, node.extent);
        };
        match Expr::path(text, field, &mut self.names) {
            Ok(path) => self.references(&path, QueryLanguage::JsonPath, None, place, node.extent),
            Err(error) => self.no_expression(NO_JSONPATH, error, place, node),
        }
    }

    /// A reference path that starts at a variable: below it, it is one like any other.
    fn variable_path(&mut self, node: &Node, field: &str, place: Place<'_>) {
        let text = node.as_text().unwrap_or_default();
        let end = text[1..].find(['.', '[']).map_or(text.len(), |at| at + 1);
        match ReferencePath::parse(&format!("${}", &text[end..]), field) {
            Ok(_) => self.path(node, field, place),
            Err(error) => self.no_expression(NO_REFERENCE_PATH, error, place, node),
        }
    }

    fn reference_path(&mut self, node: &Node, field: &str, place: Place<'_>) {
        let Some(text) = node.as_text() else {
            return self.wrong_type("String", place, node.extent);
        };
        if let Err(error) = ReferencePath::parse(text, field) {
            self.no_expression(NO_REFERENCE_PATH, error, place, node);
        }
    }

    /// The service's words, with what the parser stumbled on as a hint.
    pub(super) fn no_expression(&mut self, message: &str, error: CompileError, place: Place<'_>, node: &Node) {
        self.schema(message, place, within_text(node, error.offset));
        self.hint((!error.reason.is_empty()).then_some(error.reason));
    }

    /// Checks every field of a payload template that ends in `.$`. The service gives the object that holds the
    /// field as the place.
    pub(super) fn template(&mut self, node: &Node, place: Place<'_>) {
        for (index, element) in node.elements().iter().enumerate() {
            self.template(element, place.element(index));
        }
        let keys: HashSet<&str> = node.entries().iter().map(|entry| entry.key.as_str()).collect();
        for entry in node.entries() {
            let Some(plain) = entry.key.strip_suffix(".$") else {
                self.template(&entry.value, place.field(&entry.key));
                self.missing_dollar(&entry.key, &entry.value, place);
                continue;
            };
            if keys.contains(plain) {
                let message = format!("The fields '{plain}' and '{plain}.$' must not stand side by side");
                self.schema(message, place, entry.key_extent);
            }
            self.path_or_intrinsic(&entry.key, &entry.value, place.field(&entry.key), place);
        }
    }

    /// A field that holds a path or a call; an error is reported at `object`, what it reads at the field's own place.
    fn path_or_intrinsic(&mut self, field: &str, node: &Node, place: Place<'_>, object: Place<'_>) {
        match node.as_text() {
            Some(text) => match Expr::path_or_intrinsic(text, field, &mut self.names) {
                Ok(expression) => {
                    self.references(&expression, QueryLanguage::JsonPath, None, place, node.extent);
                    if let Some(failure) = certain_failure(text, &expression) {
                        self.schema(no_expression_in(field), object, node.extent);
                        self.hint(Some(failure));
                    }
                }
                Err(error) => self.no_expression(&no_expression_in(field), error, object, node),
            },
            None => self.schema(no_expression_in(field), object, node.extent),
        }
    }

    fn missing_dollar(&mut self, key: &str, value: &Node, place: Place<'_>) {
        let Some(text) = value.as_text() else { return };
        let is_call = text.strip_prefix("States.").is_some_and(|rest| rest.contains('(') && rest.ends_with(')'));
        if is_call || ["$.", "$[", "$$."].iter().any(|root| text.starts_with(root)) {
            let message = format!("The value of '{key}' looks like a path, but the field's name does not end in '.$'");
            self.report(Severity::Warning, Code::NoDollar, message, place, value.extent);
            self.hint(Some(format!("did you mean '{key}.$'?")));
        }
    }

    fn credentials(&mut self, field: &'static Field, node: &Node, place: Place<'_>, language: QueryLanguage) {
        if !matches!(node.value, Value::Object(_)) {
            return self.wrong_type("Object", place, node.extent);
        }
        if node.get("RoleArn").is_none() && node.get("RoleArn.$").is_none() {
            self.schema("The field 'RoleArn' is required but was missing", place, super::opening(node));
        }
        match language {
            QueryLanguage::JsonPath => self.template(node, place),
            QueryLanguage::Jsonata => self.jsonata(field, node, place),
        }
    }

    fn resource(&mut self, node: &Node, place: Place<'_>) {
        let Some(text) = node.as_text() else {
            return self.wrong_type("String", place, node.extent);
        };
        let parsed = match resource::parse(text) {
            Ok(parsed) => parsed,
            Err(ResourceError::Malformed) => {
                return self.schema("Value is not a valid resource ARN", place, node.extent);
            }
            Err(ResourceError::Unknown) => {
                let message = format!(
                    "The resource provided {text} is not recognized. The value is not a valid resource ARN, or the \
                     resource is not available in this region."
                );
                return self.schema(message, place, node.extent);
            }
        };
        // The service's own words, with the blank that it leaves at the end of the second.
        let refusal = "Express state machine does not support";
        match (parsed.pattern, &parsed.resource) {
            (Pattern::Sync, _) => {
                let refusal = format!("{refusal} '.sync' service integration");
                self.standard_only("A '.sync' service integration", refusal, false, place, node.extent);
                if self.extended {
                    self.needs_binding(text, place, node.extent);
                }
            }
            (Pattern::TaskToken, _) => {
                let refusal = format!("{refusal} '.waitForTaskToken' service integration ");
                self.standard_only("A '.waitForTaskToken' service integration", refusal, false, place, node.extent);
                if self.extended {
                    self.needs_binding(text, place, node.extent);
                }
            }
            (Pattern::Request, Resource::Activity { .. }) => {
                self.standard_only("An activity", format!("{refusal} activities"), false, place, node.extent);
            }
            (Pattern::Request, Resource::Service { .. }) => {
                self.needs_binding(text, place, node.extent);
            }
            (Pattern::Request, Resource::Other { .. }) if self.target.is_none() => {
                let message = format!("'{text}' is no resource that a state machine can call as it stands");
                self.report(Severity::Warning, Code::NotSupported, message, place, node.extent);
            }
            (Pattern::Request, Resource::Other { .. }) => {
                self.schema("Value is not a valid resource ARN", place, node.extent);
            }
            (Pattern::Request, Resource::Function { .. } | Resource::LambdaInvoke) => {}
        }
    }

    /// A service integration that is not built in runs what the operator has bound to it.
    fn needs_binding(&mut self, text: &str, place: Place<'_>, extent: Extent) {
        let is_built_in = Integration::of(text).is_some_and(|integration| integration.is_built_in());
        if is_built_in || self.bound || self.mocked {
            return;
        }
        let message =
            format!("'{text}' runs what the server's operator has bound to it, and fails where that is nothing");
        self.report(Severity::Warning, Code::NotBound, message, place, extent);
    }

    fn error_names(&mut self, node: &Node, place: Place<'_>) {
        let Value::List(names) = &node.value else {
            return self.wrong_type("Array", place, node.extent);
        };
        if names.is_empty() {
            self.schema("Value cannot be empty", place, node.extent);
        }
        for (index, name) in names.iter().enumerate() {
            self.typed(name.as_text().is_some(), "String", place.element(index), name.extent);
        }
    }

    /// `States.ALL` stands alone in its `ErrorEquals`, and in the last entry of `Retry` or `Catch`.
    pub(super) fn all_errors_last(&mut self, entries: &[Node], place: Place<'_>) {
        for (index, entry) in entries.iter().enumerate() {
            let names = entry.get("ErrorEquals").map_or(&[][..], Node::elements);
            let Some(at) = names.iter().position(|name| name.as_text() == Some("States.ALL")) else { continue };
            if names.len() > 1 || index + 1 < entries.len() {
                let place = place.element(index);
                let place = place.field("ErrorEquals");
                let rule = "States.ALL must appear alone and at end of list";
                self.schema(rule, place.element(at), names[at].extent);
            }
        }
    }

    /// The delays of a retrier fit each other.
    pub(super) fn retrier(&mut self, node: &Node, place: Place<'_>) {
        let interval = node.get("IntervalSeconds").map_or(Some(1), Node::as_i64);
        let Some(max_delay) = node.get("MaxDelaySeconds") else { return };
        if let (Some(interval), Some(seconds)) = (interval, max_delay.as_i64())
            && (1..=interval).contains(&seconds)
        {
            let rule = "MaxDelaySeconds must be greater than IntervalSeconds";
            self.schema(rule, place.field("MaxDelaySeconds"), max_delay.extent);
        }
    }
}

fn no_expression_in(field: &str) -> String {
    format!("The value for the field '{field}' must be a valid JSONPath or a valid intrinsic function call")
}

/// Why an expression that reads nothing can have no value, whatever the input: `States.MathAdd(1, 'two')`.
fn certain_failure(text: &str, expression: &Expr) -> Option<String> {
    if text.contains('$') {
        return None;
    }
    let nothing = Document::NULL;
    let scope = Scope {
        root: &nothing,
        input: &nothing,
        result: None,
        error_output: None,
        context: &nothing,
        variables: &[],
        chance: &Chance::new(0),
        now_us: 0,
    };
    expression.evaluate(&scope).err().map(|failure| failure.into_complaint().message)
}

/// Whether a path starts at a workflow variable, and not at `$` or `$$`.
fn is_variable(text: &str) -> bool {
    text.strip_prefix('$').is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['.', '[', '$']))
}

fn holds_dynamic_field(node: &Node) -> bool {
    node.elements().iter().any(holds_dynamic_field)
        || node.entries().iter().any(|entry| entry.key.ends_with(".$") || holds_dynamic_field(&entry.value))
}

/// The place of a byte within a string; the string's own where escapes make the two differ.
fn within_text(node: &Node, offset: usize) -> Extent {
    let text_bytes = node.as_text().map_or(0, str::len);
    let is_verbatim = node.extent.end - node.extent.start == text_bytes + 2;
    if !is_verbatim || offset >= text_bytes {
        return node.extent;
    }
    let start = node.extent.start + 1 + offset;
    Extent { start, end: node.extent.end - 1 }
}

/// A double that prints with a fraction, as the service prints the limits of such fields: `100.0`.
#[derive(PartialEq, PartialOrd)]
struct Decimal(f64);

impl Display for Decimal {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{:?}", self.0)
    }
}
