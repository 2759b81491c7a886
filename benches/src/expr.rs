//! Nanoseconds of an expression, beside the same written by hand in Rust over `serde_json::Value`.

use crate::bench::Plan;
use crate::figure::{Figure, Report, markdown_table, number as digits};
use crate::median;
use anyhow::{Context as _, Result, ensure};
use fleetstep_document::Document;
use fleetstep_engine::clock;
use fleetstep_expr::{Chance, Condition, EvalError, Expr, Operator, Scope, VariableNames};
use serde_json::{Map, Value, json};
use std::hint::black_box;

/// How long a batch takes, roughly; batches of the two sides take turns.
const BATCH_NANOS: f64 = 1_000_000.0;
/// Batches of each side in a round.
const BATCHES: usize = 25;

/// One row: an expression, and what somebody would write in its place.
struct Row<'a> {
    name: &'a str,
    /// What the ratio may be, where that is promised.
    ratio_max: Option<f64>,
    expression: Evaluate<'a>,
    by_hand: Box<dyn Fn(&Value) -> Value + 'a>,
}

/// The figures: a ratio for each expression.
pub(crate) fn measure(plan: &Plan) -> Result<Report> {
    let text = order();
    let input = Document::parse(text.as_bytes())?;
    let value: Value = serde_json::from_str(&text)?;
    let (mut figures, mut cells) = (Vec::new(), Vec::new());
    for row in rows()? {
        let (ours, by_hand) = compare(&row, &input, &value, plan.rounds)?;
        let ratio = ours / by_hand;
        let promised = row.ratio_max.map_or_else(String::new, digits);
        cells.push(vec![row.name.to_owned(), digits(ours), digits(by_hand), digits(ratio), promised]);
        let name = format!("expr.{}", row.name.to_lowercase().replace(' ', "-").replace(['`', ','], ""));
        figures.push(Figure::lower(name, format!("{}, against Rust by hand", row.name), "×", &[ratio]));
    }
    let mut table = markdown_table(&["expression", "ns", "by hand over `serde_json`", "ratio", "at most"], cells);
    table.push('\n');
    table.push_str(&walks(&input, &value, plan.rounds)?);
    let title = format!("An expression, over a document of {:.1} KB", text.len() as f64 / 1024.0);
    Ok(Report { title, notes: Vec::new(), table: Some(table), figures })
}

/// An order of about 8 KB: a few fields and a list.
pub(crate) fn order() -> String {
    let item = |at: usize| {
        json!({"sku": format!("sku-{at:04}"), "name": format!("item {at}"), "price": (at * 37 % 100) as f64 + 0.5,
            "qty": at % 7 + 1, "tags": ["new"]})
    };
    let items: Vec<Value> = (0..112).map(item).collect();
    json!({"a": {"b": 42, "c": {"d": 7}}, "path": {"to": {"leaf": 17}}, "orderId": "A-1001", "express": true,
        "customer": {"id": 42, "name": "Ada Lovelace", "email": "ada@example.com"}, "total": 21.25, "items": items})
    .to_string()
}

fn rows<'a>() -> Result<Vec<Row<'a>>> {
    let arguments = json!({"order": "{% $states.input.orderId %}", "name": "{% $states.input.customer.name %}",
        "total": "{% $states.input.total %}", "express": "{% $states.input.express %}", "limit": "{% $states.input.a.b %}"});
    Ok(vec![
        Row {
            name: "`{% $states.input.a.b %}`",
            ratio_max: Some(1.5),
            expression: jsonata(&json!("{% $states.input.a.b %}"))?,
            by_hand: Box::new(|input| field(input, &["a", "b"]).clone()),
        },
        Row {
            name: "Arguments of five such fields",
            ratio_max: Some(1.5),
            expression: jsonata(&arguments)?,
            by_hand: Box::new(arguments_by_hand),
        },
        Row {
            name: "JSONPath `$.path.to.leaf`",
            ratio_max: Some(1.2),
            expression: path("$.path.to.leaf")?,
            by_hand: Box::new(|input| field(input, &["path", "to", "leaf"]).clone()),
        },
        Row {
            name: "a Choice, `{% $states.input.a.b > 10 %}`",
            ratio_max: None,
            expression: test(compiled(&json!("{% $states.input.a.b > 10 %}"))?),
            by_hand: Box::new(|input| Value::Bool(number(field(input, &["a", "b"])) > 10.0)),
        },
        Row {
            name: "a Choice, `NumericGreaterThan` over `$.a.b`",
            ratio_max: None,
            expression: test(choice()?),
            by_hand: Box::new(|input| Value::Bool(number(field(input, &["a", "b"])) > 10.0)),
        },
        Row {
            name: "`{% $states.input.a.b * 2 + 1 %}`",
            ratio_max: None,
            expression: jsonata(&json!("{% $states.input.a.b * 2 + 1 %}"))?,
            by_hand: Box::new(|input| Value::from(number(field(input, &["a", "b"])) * 2.0 + 1.0)),
        },
        Row {
            name: "`{% 'Hello, ' & $states.input.customer.name & '!' %}`",
            ratio_max: None,
            expression: jsonata(&json!("{% 'Hello, ' & $states.input.customer.name & '!' %}"))?,
            by_hand: Box::new(|input| {
                Value::String(format!("Hello, {}!", field(input, &["customer", "name"]).as_str().unwrap_or_default()))
            }),
        },
        Row {
            name: "`{% $states.input.items.price %}`",
            ratio_max: None,
            expression: jsonata(&json!("{% $states.input.items.price %}"))?,
            by_hand: Box::new(|input| items(input).map(|item| item["price"].clone()).collect()),
        },
        Row {
            name: "`{% $states.input.items[price > 50].name %}`",
            ratio_max: None,
            expression: jsonata(&json!("{% $states.input.items[price > 50].name %}"))?,
            by_hand: Box::new(|input| {
                items(input).filter(|item| number(&item["price"]) > 50.0).map(|item| item["name"].clone()).collect()
            }),
        },
        Row {
            name: "`{% $sum($states.input.items.price) %}`",
            ratio_max: None,
            expression: jsonata(&json!("{% $sum($states.input.items.price) %}"))?,
            by_hand: Box::new(|input| Value::from(items(input).map(|item| number(&item["price"])).sum::<f64>())),
        },
        Row {
            name: "`{% $map($states.input.items, function($i) { $i.price * $i.qty }) %}`",
            ratio_max: None,
            expression: jsonata(&json!("{% $map($states.input.items, function($i) { $i.price * $i.qty }) %}"))?,
            by_hand: Box::new(|input| {
                items(input).map(|item| Value::from(number(&item["price"]) * number(&item["qty"]))).collect()
            }),
        },
        Row {
            name: "`{% $filter($states.input.items, function($i) { $i.price > 50 }) %}`",
            ratio_max: None,
            expression: jsonata(&json!("{% $filter($states.input.items, function($i) { $i.price > 50 }) %}"))?,
            by_hand: Box::new(|input| items(input).filter(|item| number(&item["price"]) > 50.0).cloned().collect()),
        },
    ])
}

fn field<'v>(value: &'v Value, keys: &[&str]) -> &'v Value {
    keys.iter().fold(value, |value, key| value.get(key).unwrap_or(&Value::Null))
}

fn items(input: &Value) -> impl Iterator<Item = &Value> {
    input["items"].as_array().into_iter().flatten()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

fn arguments_by_hand(input: &Value) -> Value {
    let mut made = Map::new();
    for (key, keys) in [
        ("order", &["orderId"][..]),
        ("name", &["customer", "name"]),
        ("total", &["total"]),
        ("express", &["express"]),
        ("limit", &["a", "b"]),
    ] {
        made.insert(key.to_owned(), field(input, keys).clone());
    }
    Value::Object(made)
}

type Evaluate<'a> = Box<dyn Fn(&Scope<'_>) -> Result<Document, EvalError> + 'a>;

fn compiled(value: &Value) -> Result<Expr> {
    let value = Document::parse(value.to_string().as_bytes())?;
    Ok(Expr::jsonata(&value, "Output", &mut VariableNames::default())?)
}

fn jsonata<'a>(value: &Value) -> Result<Evaluate<'a>> {
    let expr = compiled(value)?;
    Ok(Box::new(move |scope| expr.evaluate(scope)))
}

fn path<'a>(text: &str) -> Result<Evaluate<'a>> {
    let expr = Expr::path(text, "InputPath", &mut VariableNames::default())?;
    Ok(Box::new(move |scope| expr.evaluate(scope)))
}

fn choice() -> Result<Expr> {
    let operator = Operator::named("NumericGreaterThan").context("there is such an operator")?;
    let condition = Condition::compare(operator, "$.a.b", &Document::from(10_i64), &mut VariableNames::default())?;
    Ok(Expr::condition(condition))
}

fn test<'a>(expr: Expr) -> Evaluate<'a> {
    Box::new(move |scope| expr.test(scope).map(Document::from))
}

/// Nanoseconds of the two sides of a row, once they have agreed on the result.
fn compare(row: &Row<'_>, input: &Document, value: &Value, rounds: usize) -> Result<(f64, f64)> {
    let (context, chance) = (Document::NULL, Chance::new(1));
    let scope = Scope {
        root: input,
        input,
        result: None,
        error_output: None,
        context: &context,
        variables: &[],
        chance: &chance,
        now_us: 0,
    };
    let (made, wanted) = ((row.expression)(&scope)?, (row.by_hand)(value));
    let wanted = Document::parse(wanted.to_string().as_bytes())?;
    ensure!(made == wanted, "{} gives {made}, by hand {wanted}", row.name);
    let mut ours = || (row.expression)(black_box(&scope));
    let mut by_hand = || (row.by_hand)(black_box(value));
    Ok(interleaved(&mut ours, &mut by_hand, rounds))
}

/// Medians of batches that take turns.
fn interleaved<A, B>(first: &mut dyn FnMut() -> A, second: &mut dyn FnMut() -> B, rounds: usize) -> (f64, f64) {
    let (first_times, second_times) = (times(first), times(second));
    let (mut firsts, mut seconds) = (Vec::new(), Vec::new());
    for _ in 0..rounds * BATCHES {
        firsts.push(nanos(first, first_times));
        seconds.push(nanos(second, second_times));
    }
    (median(firsts), median(seconds))
}

/// How often `act` fits into a batch.
fn times<T>(act: &mut dyn FnMut() -> T) -> u32 {
    nanos(act, 200);
    (BATCH_NANOS / nanos(act, 200).max(1.0)).clamp(10.0, 100_000.0) as u32
}

fn nanos<T>(act: &mut dyn FnMut() -> T, times: u32) -> f64 {
    let started = clock::instant();
    for _ in 0..times {
        black_box(act());
    }
    started.elapsed().as_nanos() as f64 / f64::from(times)
}

/// The JSONPath once more beside walks that are nothing but the loads, over both kinds of value.
fn walks(input: &Document, value: &Value, rounds: usize) -> Result<String> {
    let context = Document::NULL;
    let chance = Chance::new(1);
    let expr = Expr::path("$.path.to.leaf", "InputPath", &mut VariableNames::default())?;
    let scope = Scope {
        root: input,
        input,
        result: None,
        error_output: None,
        context: &context,
        variables: &[],
        chance: &chance,
        now_us: 0,
    };
    let mut ours = || expr.evaluate(black_box(&scope));
    let mut over_value = || black_box(value).get("path").and_then(|at| at.get("to")?.get("leaf").cloned());
    let mut over_document = || black_box(input).get("path").and_then(|at| at.get("to")?.get("leaf").cloned());
    let (path, value_walk) = interleaved(&mut ours, &mut over_value, rounds);
    let (path_again, document_walk) = interleaved(&mut ours, &mut over_document, rounds);
    let cells =
        |what: &str, path: f64, walk: f64| vec![what.to_owned(), digits(path), digits(walk), digits(path / walk)];
    Ok(markdown_table(
        &["JSONPath `$.path.to.leaf`", "ns", "walk", "ratio"],
        [
            cells("beside a walk over `serde_json::Value`", path, value_walk),
            cells("beside a walk over `Document`", path_again, document_walk),
        ],
    ))
}
