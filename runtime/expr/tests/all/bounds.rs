//! No expression runs for ever, takes all memory or overflows the stack.

use crate::{json, no_names, over};
use fleetstep_document::{DEPTH_MAX, Document};
use fleetstep_expr::{Chance, Expr, Scope};
use std::collections::HashSet;

fn nested(levels: usize) -> Document {
    json(&format!("{}{}", "[".repeat(levels), "]".repeat(levels)))
}

#[test]
fn explosive_queries_are_given_up() {
    let wide = json(&format!("[{}0]", "[[[0],0],0],".repeat(2_000)));
    let deep = nested(300);
    for (path, input) in [
        ("$..*..*..*..*", &deep),
        ("$..[?(@..[?(@..* anyof [1])])]", &deep),
        ("$[?($..* anyof [1])]", &wide),
        ("$..*[?(@ in $..*)]", &wide),
    ] {
        let expr = Expr::path(path, "InputPath", &mut no_names()).expect(path);
        let result = over(input, &Document::NULL, |scope| expr.evaluate(scope)).map(|found| found.json_len());
        let message = format!("Invalid path '{path}' : The query looks at too many values");
        assert_eq!(result.map_err(|error| error.into_complaint().message), Err(message));
    }
}

#[test]
fn deep_documents_are_walked() {
    let deep = nested(DEPTH_MAX);
    let every = Expr::path("$..*", "InputPath", &mut no_names()).expect("a path");
    let found = over(&deep, &Document::NULL, |scope| every.evaluate(scope)).expect("a list");
    assert_eq!(found.as_array().map(<[_]>::len), Some(DEPTH_MAX - 1));
    // A filter that starts from the root again and again is given up before the stack ends.
    let mut path = "$..*".to_owned();
    for _ in 0..12 {
        path = format!("$..[?({path})]");
    }
    let again = Expr::path(&path, "InputPath", &mut no_names()).expect("a path");
    let error = over(&deep, &Document::NULL, |scope| again.evaluate(scope)).expect_err("given up");
    assert!(error.message.ends_with("The query looks at too many values"), "{}", error.message);
    let printed = Expr::path_or_intrinsic("States.Format('{}', $)", "v.$", &mut no_names()).expect("a call");
    let text = over(&deep, &Document::NULL, |scope| printed.evaluate(scope)).expect("a text");
    assert_eq!(text.as_str().map(str::len), Some(2 * DEPTH_MAX));
}

#[test]
fn what_is_compiled_nests_no_deeper_than_it_may() {
    let steps = |count| format!("${}", ".a".repeat(count));
    assert!(Expr::path(&steps(256), "InputPath", &mut no_names()).is_ok());
    assert!(Expr::path(&steps(257), "InputPath", &mut no_names()).is_err());

    let calls = |count| format!("{}1{}", "States.Array(".repeat(count), ")".repeat(count));
    assert!(Expr::path_or_intrinsic(&calls(10), "v.$", &mut no_names()).is_ok());
    assert!(Expr::path_or_intrinsic(&calls(11), "v.$", &mut no_names()).is_err());
    assert!(Expr::path_or_intrinsic(&calls(100_000), "v.$", &mut no_names()).is_err());

    let filter = |open: &str, close: &str, count| format!("$[?({}@.a{})]", open.repeat(count), close.repeat(count));
    assert!(Expr::path(&filter("(", ")", 30), "InputPath", &mut no_names()).is_ok());
    for (open, close) in [("(", ")"), ("!", ""), ("@.a[?(", ")]")] {
        assert!(Expr::path(&filter(open, close, 100_000), "InputPath", &mut no_names()).is_err(), "{open}");
    }
    assert!(Expr::path(&format!("$[?(@.a in {})]", "[".repeat(100_000)), "InputPath", &mut no_names()).is_err());

    let template = |levels| json(&format!("{}{{\"a.$\":\"$\"}}{}", "[".repeat(levels), "]".repeat(levels)));
    assert!(Expr::template(&template(256), &mut no_names()).is_ok());
    assert!(Expr::template(&template(257), &mut no_names()).is_err());
    assert!(Expr::template(&nested(DEPTH_MAX), &mut no_names()).is_ok_and(|constant| constant.as_literal().is_some()));
}

/// Documents share their parts: a few bytes of memory may stand for gigabytes of text.
#[test]
fn texts_do_not_outgrow_memory() {
    let input = Document::from("x".repeat(200_000));
    let many = |function: &str| format!("States.{function}(States.Array({}$))", "$,".repeat(50_000));
    for function in ["JsonToString", "ArrayUnique", "ArrayLength"] {
        let expr = Expr::path_or_intrinsic(&many(function), "v.$", &mut no_names()).expect(function);
        let error = over(&input, &Document::NULL, |scope| expr.evaluate(scope)).expect_err(function);
        assert!(
            error.message.ends_with("Invalid arguments in States.Array: the arguments are too large"),
            "{function}"
        );
    }
    let format = format!("States.Format('{}'{})", "{}".repeat(20), ",$".repeat(20));
    let expr = Expr::path_or_intrinsic(&format, "v.$", &mut no_names()).expect("a call");
    let error = over(&input, &Document::NULL, |scope| expr.evaluate(scope)).expect_err("too long");
    assert!(error.message.ends_with("Invalid arguments in States.Format: the text is too long"), "{}", error.message);
}

#[test]
fn patterns_are_bounded() {
    assert!(Expr::path("$[?(@ =~ /(a{1000}){1000}/)]", "InputPath", &mut no_names()).is_err());
    let expr = Expr::path("$[?(@ =~ /(a+)+b/)]", "InputPath", &mut no_names()).expect("a path");
    let text = Document::from(vec![Document::from("a".repeat(100_000))]);
    assert_eq!(over(&text, &Document::NULL, |scope| expr.evaluate(scope)), Ok(json("[]")));
}

#[test]
fn unique_takes_its_time_in_proportion() {
    let distinct: Vec<String> = (0..50_000).map(|n| format!("{{\"k\":{n}}}")).collect();
    let input = json(&format!("[{}]", distinct.join(",")));
    let expr =
        Expr::path_or_intrinsic("States.ArrayLength(States.ArrayUnique($))", "v.$", &mut no_names()).expect("a call");
    assert_eq!(over(&input, &Document::NULL, |scope| expr.evaluate(scope)), Ok(json("50000")));
}

#[test]
fn chance_comes_from_the_seed() {
    let draw = |seed: u64| {
        let chance = Chance::new(seed);
        let (root, context) = (Document::NULL, Document::NULL);
        let scope = Scope {
            root: &root,
            input: &root,
            result: None,
            error_output: None,
            context: &context,
            variables: &[],
            chance: &chance,
            now_us: 0,
        };
        let expr =
            Expr::template(&json(r#"[{"u.$":"States.UUID()","n.$":"States.MathRandom(-5, 5)"}]"#), &mut no_names())
                .expect("a template");
        (0..200).map(|_| expr.evaluate(&scope).expect("a value")).collect::<Vec<_>>()
    };
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
    let (mut uuids, mut numbers) = (HashSet::new(), HashSet::new());
    for drawn in draw(3) {
        let uuid = drawn.at(0).and_then(|o| o.get("u")?.as_str().map(str::to_owned)).expect("a UUID");
        let shape: String = uuid.chars().map(|c| if c.is_ascii_hexdigit() { 'x' } else { c }).collect();
        assert_eq!(shape, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx");
        assert!(uuid[14..].starts_with('4') && "89ab".contains(&uuid[19..20]), "{uuid} is of version 4");
        assert!(uuids.insert(uuid));
        numbers.insert(drawn.at(0).and_then(|o| o.get("n")?.as_i64()).expect("a number"));
    }
    assert_eq!(numbers, (-5..5).collect());
}
