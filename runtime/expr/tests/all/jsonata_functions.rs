//! The language and its functions against tables of expressions and what jsonata-js 2.2 makes of them.

use crate::json;
use fleetstep_document::Document;
use fleetstep_expr::jsonata::{Ambient, Answer, Budget, Jsonata};

/// Time and chance that stand still.
struct Still;

impl Ambient for Still {
    fn now_millis(&self) -> i64 {
        1_700_000_000_123
    }

    fn random(&mut self) -> f64 {
        0.5
    }
}

fn evaluate(expression: &str, input: &Document) -> String {
    let mut ambient = Still;
    let mut budget = Budget::new(&mut ambient);
    let compiled = Jsonata::compile(expression);
    match compiled.and_then(|compiled| compiled.evaluate(Some(input), [], &mut budget)) {
        Ok(Answer::Document(result)) => result.to_json(),
        Ok(Answer::Nothing) => "undefined".to_owned(),
        Ok(Answer::Function) => "function".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// Checks a table: an expression, perhaps `<= ` and its input (`null` where there is none), `=> ` and what it comes to.
fn check(table: &str) {
    let mut failures = Vec::new();
    for case in table.split("\n\n") {
        let (question, expected) = case.trim_end().split_once("\n=> ").expect("an expression and its result");
        let (expression, input) = question.split_once("\n<= ").unwrap_or((question, "null"));
        let actual = evaluate(expression, &json(input));
        if actual != expected {
            failures.push(format!("{expression}\n   gives {actual}\n  wanted {expected}"));
        }
    }
    assert!(failures.is_empty(), "{} failures\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn functions_give_what_the_reference_gives() {
    check(include_str!("../data/jsonata_functions.txt"));
}

#[test]
fn the_language_means_what_the_reference_means() {
    check(include_str!("../data/jsonata_language.txt"));
}
