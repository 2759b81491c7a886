//! JSONata in its fields, and what expressions of either language read: `$states` and workflow variables.

use super::Checker;
use super::scopes::assigned_name;
use crate::fields::{Field, QueryLanguage};
use crate::source::{Extent, Node, Place, Value};
use crate::{Code, Severity};
use fleetstep_document::Document;
use fleetstep_expr::{Expr, Fault, Referent, TemplateError};

/// The longest name of a variable, in characters.
const VARIABLE_NAME_CHARS_MAX: usize = 80;

/// The name of a variable that is the service's own.
const STATES: &str = "states";

/// The function of JSONata that the service does not have.
const EVAL: &str = "eval";

/// What a text is to a field that may hold JSONata.
pub(super) enum Written {
    /// `{% … %}`
    Expression,
    /// It has one fence only.
    HalfFenced,
    Literal,
}

impl Written {
    pub(super) fn of(text: &str) -> Self {
        match (text.strip_prefix("{%"), text.ends_with("%}")) {
            (Some(rest), true) if rest.len() >= 2 => Self::Expression,
            (None, false) => Self::Literal,
            _ => Self::HalfFenced,
        }
    }
}

impl<'a> Checker<'a> {
    /// Checks a value in which JSONata may stand at any depth.
    pub(super) fn jsonata(&mut self, field: &'static Field, node: &Node, place: Place<'_>) {
        match &node.value {
            Value::Text(text) => self.jsonata_text(field, text, place, node.extent),
            Value::List(elements) => {
                for (at, element) in elements.iter().enumerate() {
                    self.jsonata(field, element, place.element(at));
                }
            }
            Value::Object(entries) => {
                for entry in entries {
                    self.jsonata(field, &entry.value, place.field(&entry.key));
                }
            }
            Value::Null | Value::Boolean(_) | Value::Number(_) => {}
        }
    }

    /// Checks a text that may be JSONata.
    pub(super) fn jsonata_text(&mut self, field: &'static Field, text: &str, place: Place<'_>, extent: Extent) {
        match Written::of(text) {
            Written::Expression => self.jsonata_expression(field, text, place, extent),
            Written::HalfFenced => {
                let message = String::from("A JSONata expression must start with '{%' and end with '%}'");
                self.report(Severity::Error, Code::InvalidJsonataExpression, message, place, extent);
            }
            Written::Literal => {}
        }
    }

    fn jsonata_expression(&mut self, field: &'static Field, text: &str, place: Place<'_>, extent: Extent) {
        match Expr::jsonata(&Document::from(text), field.name, &mut self.names) {
            Ok(expr) => self.references(&expr, QueryLanguage::Jsonata, field.sees, place, extent),
            Err(TemplateError { error, .. }) => {
                let code = match error.fault {
                    Fault::Schema => Code::SchemaValidationFailed,
                    Fault::InvalidJsonata => Code::InvalidJsonataExpression,
                    Fault::UnsupportedJsonata => Code::UnsupportedJsonataExpression,
                };
                self.report(Severity::Error, code, error.message, place, extent);
                self.hint(Some(error.reason));
            }
        }
    }

    fn unsupported(&mut self, message: String, place: Place<'_>, extent: Extent) {
        self.report(Severity::Error, Code::UnsupportedJsonataExpression, message, place, extent);
    }

    /// Checks what an expression reads. `sees` is the member of `$states` that is there beside those that always are.
    pub(super) fn references(
        &mut self,
        expr: &Expr,
        language: QueryLanguage,
        sees: Option<&str>,
        place: Place<'_>,
        extent: Extent,
    ) {
        let mut seen = Vec::new();
        for reference in expr.references() {
            if seen.contains(&reference.referent) {
                continue;
            }
            match &reference.referent {
                Referent::Variable(slot) => {
                    let name = self.names.names()[*slot as usize].clone();
                    self.variable(&name, language, place, extent);
                }
                Referent::States(Some(member)) => {
                    if !matches!(member.as_str(), "input" | "context") && sees != Some(member.as_str()) {
                        self.unsupported(format!("Field '$states.{member}' does not exist."), place, extent);
                    }
                }
                Referent::States(None) => {}
            }
            seen.push(reference.referent);
        }
    }

    fn variable(&mut self, name: &str, language: QueryLanguage, place: Place<'_>, extent: Extent) {
        match (name, language) {
            (STATES, QueryLanguage::JsonPath) => {
                self.schema("Variable '$states' is only supported for the 'JSONata' QueryLanguage", place, extent);
            }
            (EVAL, QueryLanguage::Jsonata) => {
                self.unsupported(format!("Reference to '${EVAL}' is not supported."), place, extent);
            }
            _ if self.is_lone || self.scopes.iter_mut().any(|scope| scope.defines(name)) => {}
            _ => {
                let message = format!("Variable '{name}' is possibly not defined.");
                self.report(Severity::Warning, Code::PossiblyUndefinedVariable, message, place, extent);
            }
        }
    }

    /// Checks the names of an `Assign`, and the values.
    pub(super) fn assign(&mut self, field: &'static Field, node: &Node, place: Place<'_>, language: QueryLanguage) {
        if !matches!(node.value, Value::Object(_)) {
            return self.wrong_type("Object", place, node.extent);
        }
        for entry in node.entries() {
            let place = place.field(&entry.key);
            let name = assigned_name(&entry.key, language);
            if let Some(rule) = flaw_of_name(name) {
                self.schema(format!("Invalid variable name '{name}': {rule}"), place, entry.key_extent);
            }
            let outer = self.scopes.len().saturating_sub(1);
            if self.scopes[..outer].iter_mut().any(|scope| scope.defines(name)) {
                let message = format!("The variable name '{name}' was already defined in a parent scope.");
                self.report(Severity::Error, Code::DuplicateVariableName, message, place, entry.key_extent);
            }
        }
        match language {
            QueryLanguage::Jsonata => self.jsonata(field, node, place),
            QueryLanguage::JsonPath => self.template(node, place),
        }
    }
}

/// Why a text is no name of a variable: <https://states-language.net/spec.html#variables>.
fn flaw_of_name(name: &str) -> Option<String> {
    let mut characters = name.chars();
    let is_identifier =
        characters.next().is_some_and(unicode_ident::is_xid_start) && characters.all(unicode_ident::is_xid_continue);
    if name == STATES {
        return Some(String::from("it is reserved"));
    }
    if !is_identifier {
        return Some(String::from("it must be a letter, followed by letters, digits and underscores"));
    }
    (name.chars().count() > VARIABLE_NAME_CHARS_MAX)
        .then(|| format!("it must not be longer than {VARIABLE_NAME_CHARS_MAX} characters"))
}
