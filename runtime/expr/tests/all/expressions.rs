//! `data/*.json`: documents, and beside each the expressions over it with what they give.
//!
//! A case gives a `value`, an `error` (the message of a `States.Runtime`) or, when it is no expression at all, why it
//! is `refused`.

use crate::{json, no_names, over};
use fleetstep_document::Document;
use fleetstep_expr::Expr;

/// What a case of any table comes to, in the form in which the tables say it.
fn outcome(compiled: Result<Expr, String>, input: &Document, context: &Document) -> String {
    match compiled {
        Err(reason) => format!("refused: {reason}"),
        Ok(expr) => match over(input, context, |scope| expr.evaluate(scope)) {
            Ok(value) => format!("value: {value}"),
            Err(error) => format!("error: {} {}", error.name.as_str(), error.message),
        },
    }
}

fn expected(case: &Document) -> String {
    let text = |key| case.get(key).and_then(Document::as_str);
    match (case.get("value"), text("error"), text("refused")) {
        (Some(value), None, None) => format!("value: {value}"),
        (None, Some(error), None) => format!("error: States.Runtime {error}"),
        (None, None, Some(reason)) => format!("refused: {reason}"),
        _ => panic!("a case has one of value, error, refused: {case}"),
    }
}

/// Runs every case of a table and says all that differ.
pub(crate) fn check(table: &str, compile: impl Fn(&str) -> Result<Expr, String>) {
    let nothing = Document::empty_object();
    let mut wrong = Vec::new();
    for group in json(table).as_array().expect("a table is a list of groups") {
        let input = group.get("input").unwrap_or(&nothing);
        let context = group.get("context").unwrap_or(&nothing);
        let cases = group.get("cases").and_then(Document::as_object).expect("a group has cases");
        for (expression, case) in cases.iter() {
            let (got, expected) = (outcome(compile(expression), input, context), expected(case));
            if got != expected {
                wrong.push(format!("{expression}\n  over     {input}\n  expected {expected}\n  got      {got}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} cases differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn paths() {
    check(include_str!("../data/paths.json"), |text| {
        Expr::path(text, "InputPath", &mut no_names()).map_err(|error| error.reason)
    });
}

#[test]
fn filters() {
    check(include_str!("../data/filters.json"), |text| {
        Expr::path(text, "InputPath", &mut no_names()).map_err(|error| error.reason)
    });
}

#[test]
fn intrinsics() {
    check(include_str!("../data/intrinsics.json"), |text| {
        Expr::path_or_intrinsic(text, "value.$", &mut no_names()).map_err(|error| error.reason)
    });
}

#[test]
fn templates() {
    check(include_str!("../data/templates.json"), |text| {
        Expr::template(&json(text), &mut no_names()).map_err(|error| {
            let (pointer, error) = (error.pointer, error.error);
            format!("at '{pointer}' field '{}' offset {}: {error}", error.field, error.offset)
        })
    });
}
