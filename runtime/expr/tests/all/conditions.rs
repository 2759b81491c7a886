//! Choice rules against `data/conditions.json`, and the table of operators.

use crate::expressions::check;
use crate::{json, no_names};
use fleetstep_document::Document;
use fleetstep_expr::{Condition, Expr, OPERATORS, OperandKind, Operator};

/// The condition of a rule, as the parser of definitions makes it.
pub(crate) fn condition(rule: &Document) -> Result<Condition, String> {
    let list = |key: &str| -> Option<Result<Box<[Condition]>, String>> {
        Some(rule.get(key)?.as_array()?.iter().map(condition).collect())
    };
    if let Some(all) = list("And") {
        return Ok(Condition::And(all?));
    }
    if let Some(any) = list("Or") {
        return Ok(Condition::Or(any?));
    }
    if let Some(not) = rule.get("Not") {
        return Ok(Condition::Not(Box::new(condition(not)?)));
    }
    let variable = rule.get("Variable").and_then(Document::as_str).ok_or("no Variable")?;
    let (operator, operand) = rule
        .as_object()
        .and_then(|fields| fields.iter().find_map(|(key, value)| Some((Operator::named(key)?, value))))
        .ok_or("no operator")?;
    Condition::compare(operator, variable, operand, &mut no_names())
        .map_err(|error| format!("{}: {error}", error.field))
}

#[test]
fn rules() {
    check(include_str!("../data/conditions.json"), |rule| condition(&json(rule)).map(Expr::condition));
}

#[test]
fn every_operator_takes_its_kind_of_operand_and_no_other() {
    let operands = [
        (OperandKind::String, json("\"no timestamp, no path\"")),
        (OperandKind::Number, json("1")),
        (OperandKind::Boolean, json("true")),
        (OperandKind::Timestamp, json("\"2012-10-09T19:00:55Z\"")),
        (OperandKind::Path, json("\"$.x\"")),
    ];
    assert_eq!(OPERATORS.len(), 39, "the specification has so many comparison operators");
    for operator in OPERATORS {
        assert!(std::ptr::eq(Operator::named(operator.name).expect("it is in the table"), operator));
        assert_eq!(operator.name.ends_with("Path"), operator.operand == OperandKind::Path, "{}", operator.name);
        for (kind, operand) in &operands {
            let fits =
                *kind == operator.operand || (operator.operand == OperandKind::String && operand.as_str().is_some());
            let compiled = Condition::compare(operator, "$.x", operand, &mut no_names());
            assert_eq!(compiled.is_ok(), fits, "{} {operand}", operator.name);
        }
    }
}
