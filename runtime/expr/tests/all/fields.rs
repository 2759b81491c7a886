//! JSONata fields, and variables in both languages, against `data/fields.json`.
//!
//! A group gives what the expressions can see (`input`, `result`, `errorOutput`, `context`, `variables`), the `field`
//! that they stand in and the reader (`as`) that takes them; a case is an expression, or with `as` of `document` a
//! field's whole value as JSON, and the `value`, the `error` or the fault it is `refused` with.

use crate::json;
use fleetstep_document::Document;
use fleetstep_expr::{Chance, Condition, EvalError, Expr, Operator, Referent, Scope, VariableNames};

/// What the expressions of a group can see.
struct World {
    input: Document,
    result: Option<Document>,
    error_output: Option<Document>,
    context: Document,
    variables: Document,
}

impl World {
    fn of(group: &Document) -> Self {
        let part = |key: &str| group.get(key).cloned();
        let or_empty = |key: &str| part(key).unwrap_or_else(Document::empty_object);
        Self {
            input: or_empty("input"),
            result: part("result"),
            error_output: part("errorOutput"),
            context: or_empty("context"),
            variables: or_empty("variables"),
        }
    }

    fn see<T>(&self, names: &VariableNames, evaluate: impl FnOnce(&Scope<'_>) -> T) -> T {
        let variables: Vec<_> = names.names().iter().map(|name| self.variables.get(name).cloned()).collect();
        evaluate(&Scope {
            root: &self.input,
            input: &self.input,
            result: self.result.as_ref(),
            error_output: self.error_output.as_ref(),
            context: &self.context,
            variables: &variables,
            chance: &Chance::new(7),
            now_us: 1_700_000_000_123_456,
        })
    }
}

fn compile(reader: &str, text: &str, field: &str, names: &mut VariableNames) -> Result<Expr, String> {
    let wrong = |error: &fleetstep_expr::CompileError| format!("{}: {}", error.fault.as_str(), error.message);
    match reader {
        "path" => Expr::path(text, field, names).map_err(|error| wrong(&error)),
        "payload" => Expr::path_or_intrinsic(text, field, names).map_err(|error| wrong(&error)),
        "rule" => {
            let rule = json(text);
            let rule = rule.as_object().expect("a rule is an object");
            let variable = rule.get("Variable").and_then(Document::as_str).expect("a rule has a Variable");
            let test = rule.iter().find_map(|(key, operand)| Some((Operator::named(key)?, operand)));
            let (operator, operand) = test.expect("a rule has an operator");
            Condition::compare(operator, variable, operand, names).map(Expr::condition).map_err(|error| wrong(&error))
        }
        _ => {
            let value = if reader == "document" { json(text) } else { Document::from(format!("{{% {text} %}}")) };
            Expr::jsonata(&value, field, names).map_err(|error| {
                format!(
                    "{}{}",
                    wrong(&error.error),
                    if error.pointer.is_empty() { String::new() } else { format!(" at {}", error.pointer) }
                )
            })
        }
    }
}

fn read(reader: &str, expr: &Expr, scope: &Scope<'_>) -> Result<Document, EvalError> {
    match reader {
        "boolean" | "rule" => expr.test(scope).map(Document::from),
        "seconds" => expr.seconds(scope).map(|seconds| Document::from(seconds as i64)),
        "timestamp" => expr.timestamp_us(scope).map(Document::from),
        "integer" => expr.integer(scope).map(Document::from),
        "number" => expr.float(scope).map(|number| json(&number.to_string())),
        "array" => expr.array(scope),
        "string" => expr.string(scope).map(Document::from),
        _ => expr.evaluate(scope),
    }
}

#[test]
fn tables() {
    let mut wrong = Vec::new();
    for group in json(include_str!("../data/fields.json")).as_array().expect("a list of groups") {
        let text = |key: &str, otherwise: &'static str| {
            group.get(key).map_or(otherwise.to_owned(), |text| text.as_str().expect(key).to_owned())
        };
        let (reader, field) = (text("as", "value"), text("field", "Output"));
        let world = World::of(group);
        for (source, case) in group.get("cases").and_then(Document::as_object).expect("cases").iter() {
            let mut names = VariableNames::default();
            let got = match compile(&reader, source, &field, &mut names) {
                Err(refusal) => format!("refused: {refusal}"),
                Ok(expr) => match world.see(&names, |scope| read(&reader, &expr, scope)) {
                    Ok(value) => format!("value: {value}"),
                    Err(error) => format!("error: {}: {}", error.name.as_str(), error.message),
                },
            };
            let expected = case.as_object().and_then(|case| case.iter().next()).expect("a case says one thing");
            let text = expected.1.as_str().filter(|_| expected.0 != "value");
            let expected = format!("{}: {}", expected.0, text.map_or_else(|| expected.1.to_json(), str::to_owned));
            if got != expected {
                wrong.push(format!("{source}\n  expected {expected}\n  got      {got}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} cases differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn what_an_expression_reads_is_known_before_it_runs() {
    for (value, expected) in [
        (r#""{% $states.input.a + $x %}""#, vec![" x", " $states.input"]),
        (
            r#"{"a": ["{% $x %}", "{% $y.b[c = $z] %}"], "b/c": "{% $states %}"}"#,
            vec!["/a/0 x", "/a/1 y", "/a/1 z", "/b~1c $states"],
        ),
        (
            r#""{% ($x := $y; $f := function($n) { $n + $x + $g($n) }; $g := function($m) { $m }; $f($z)) %}""#,
            vec![" y", " z"],
        ),
        (r#""{% $map($x, $uppercase) ~> $join(',') %}""#, vec![" x"]),
        (r#""{% ($x := $x + 1; $x) %}""#, vec![" x"]),
        (r#""{% $states.input.items@$i.rows#$r.(name & $i & $r & $suffix) %}""#, vec![" suffix", " $states.input"]),
        (r#""{% $states.other %}""#, vec![" $states.other"]),
        (r#""$x""#, vec![]),
    ] {
        let mut names = VariableNames::default();
        let expr = Expr::jsonata(&json(value), "Output", &mut names).expect(value);
        let word = |referent: &Referent| match referent {
            Referent::Variable(slot) => names.names()[*slot as usize].to_string(),
            Referent::States(None) => "$states".to_owned(),
            Referent::States(Some(member)) => format!("$states.{member}"),
        };
        let mut got: Vec<String> = expr
            .references()
            .iter()
            .map(|reference| format!("{} {}", reference.pointer, word(&reference.referent)))
            .collect();
        got.sort();
        let mut expected: Vec<String> = expected.into_iter().map(str::to_owned).collect();
        expected.sort();
        assert_eq!(got, expected, "{value}");
    }
    let mut names = VariableNames::default();
    let template = json(r#"{"a": {"b.$": "States.Format('{}', $x.y, States.ArrayLength($z))"}, "c.$": "$.x"}"#);
    let expr = Expr::template(&template, &mut names).expect("a template");
    assert_eq!(names.names(), ["x", "z"]);
    assert_eq!(expr.variables(), [0, 1]);
    assert_eq!(expr.references()[0].pointer, "/a/b");
}
