//! The conditions of a Choice.

use super::value::{NO_JSONPATH, NO_TIMESTAMP};
use super::{Checker, opening};
use crate::fields::{NESTED_CONDITION, QueryLanguage};
use crate::source::{Entry, Node, Place, Value};
use fleetstep_expr::{Condition, Expr, OperandKind, Operator};

impl<'a> Checker<'a> {
    /// Checks the condition of a rule, or one within `And`, `Or` or `Not`.
    pub(super) fn choice_rule(&mut self, node: &'a Node, place: Place<'_>, language: QueryLanguage) {
        if language == QueryLanguage::Jsonata {
            if node.get("Condition").is_none() {
                self.schema("These fields are required: [Condition]", place, opening(node));
            }
            return;
        }
        let is_test = |entry: &&Entry| {
            matches!(entry.key.as_str(), "And" | "Or" | "Not") || Operator::named(&entry.key).is_some()
        };
        let tests: Vec<&Entry> = node.entries().iter().filter(is_test).collect();
        match tests.as_slice() {
            [test] => match Operator::named(&test.key) {
                Some(operator) => self.comparison(operator, node, &test.value, place),
                None => self.combination(node, test, place),
            },
            [] => {
                let message = "One of these fields is required: [And, Or, Not] or a comparison operator";
                self.schema(message, place, opening(node));
            }
            several => {
                let names: Vec<&str> = several.iter().map(|entry| entry.key.as_str()).collect();
                self.only_one_of(&names, node, place);
            }
        }
    }

    fn combination(&mut self, node: &'a Node, test: &'a Entry, place: Place<'_>) {
        if let Some(variable) = node.entries().iter().find(|entry| entry.key == "Variable") {
            self.schema("Field 'Variable' is not supported", place, variable.key_extent);
            self.hint(Some(format!("'{}' combines conditions, each with its own Variable", test.key)));
        }
        let place = place.field(&test.key);
        if test.key == "Not" {
            return self.object(&test.value, &NESTED_CONDITION, place, QueryLanguage::JsonPath);
        }
        let Value::List(conditions) = &test.value.value else {
            return self.wrong_type("Array", place, test.value.extent);
        };
        if conditions.is_empty() {
            self.schema("Value cannot be empty", place, test.value.extent);
        }
        for (index, condition) in conditions.iter().enumerate() {
            self.object(condition, &NESTED_CONDITION, place.element(index), QueryLanguage::JsonPath);
        }
    }

    fn comparison(&mut self, operator: &'static Operator, node: &Node, operand: &Node, place: Place<'_>) {
        let Some(variable) = node.get("Variable") else {
            return self.schema("These fields are required: [Variable]", place, opening(node));
        };
        // What is no string at all is reported with the field.
        let Some(path) = variable.as_text() else { return };
        let error = match Condition::compare(operator, path, &operand.to_document(), &mut self.names) {
            Ok(condition) => {
                let condition = Expr::condition(condition);
                return self.references(&condition, QueryLanguage::JsonPath, None, place, node.extent);
            }
            Err(error) => error,
        };
        if error.field == "Variable" {
            return self.no_expression(NO_JSONPATH, error, place.field("Variable"), variable);
        }
        let message = match operator.operand {
            OperandKind::Path => NO_JSONPATH,
            OperandKind::Timestamp => NO_TIMESTAMP,
            OperandKind::String => "Expected value of type String",
            OperandKind::Number => "Expected value of type Number",
            OperandKind::Boolean => "Expected value of type Boolean",
        };
        self.no_expression(message, error, place.field(operator.name), operand);
    }
}
