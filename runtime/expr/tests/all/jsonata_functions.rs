//! The functions of JSONata against a table of expressions and what jsonata-js 2.2 makes of them.

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

fn evaluate(expression: &str) -> String {
    let mut ambient = Still;
    let mut budget = Budget::new(&mut ambient);
    let compiled = Jsonata::compile(expression);
    match compiled.and_then(|compiled| compiled.evaluate(Some(&Document::NULL), [], &mut budget)) {
        Ok(Answer::Document(result)) => result.to_json(),
        Ok(Answer::Nothing) => "undefined".to_owned(),
        Ok(Answer::Function) => "function".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn functions_give_what_the_reference_gives() {
    let table = include_str!("../data/jsonata_functions.txt");
    let mut failures = Vec::new();
    for case in table.split("\n\n") {
        let (expression, expected) = case.trim_end().split_once("\n=> ").expect("an expression and its result");
        let actual = evaluate(expression);
        if actual != expected {
            failures.push(format!("{expression}\n   gives {actual}\n  wanted {expected}"));
        }
    }
    assert!(failures.is_empty(), "{} failures\n{}", failures.len(), failures.join("\n"));
}
