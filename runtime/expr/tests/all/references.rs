//! `ResultPath`, and the readers of `…Path` fields.

use crate::{json, no_names, over};
use fleetstep_document::Document;
use fleetstep_expr::{ErrorName, EvalError, Expr, ReferencePath};

#[test]
fn results_are_placed() {
    for (path, input, expected) in [
        ("$", r#"{"a":1}"#, Ok(r#""R""#)),
        ("$.r", r#"{"a":1}"#, Ok(r#"{"a":1,"r":"R"}"#)),
        ("$.a", r#"{"a":1,"b":2}"#, Ok(r#"{"a":"R","b":2}"#)),
        ("$.a.b.c", r#"{}"#, Ok(r#"{"a":{"b":{"c":"R"}}}"#)),
        ("$.a.b", r#"{"a":null}"#, Ok(r#"{"a":{"b":"R"}}"#)),
        ("$['a b']['c.d']", r#"{}"#, Ok(r#"{"a b":{"c.d":"R"}}"#)),
        ("$.a[1]", r#"{"a":[1,2,3]}"#, Ok(r#"{"a":[1,"R",3]}"#)),
        ("$[1].x", r#"[0,{"y":1}]"#, Ok(r#"[0,{"y":1,"x":"R"}]"#)),
        ("$.r", r#""text""#, Err(r#"Unable to apply ReferencePath $.r to input "text""#)),
        ("$.a.b", r#"{"a":1}"#, Err(r#"Unable to apply ReferencePath $.a.b to input {"a":1}"#)),
        ("$.a.b", r#"{"a":[]}"#, Err(r#"Unable to apply ReferencePath $.a.b to input {"a":[]}"#)),
        ("$.a[3]", r#"{"a":[1,2,3]}"#, Err(r#"Unable to apply ReferencePath $.a[3] to input {"a":[1,2,3]}"#)),
        ("$.x.y[0]", r#"{}"#, Err(r#"Unable to apply ReferencePath $.x.y[0] to input {}"#)),
        ("$.a[0]", r#"{}"#, Err(r#"Unable to apply ReferencePath $.a[0] to input {}"#)),
    ] {
        let before = json(input);
        let reference = ReferencePath::parse(path, "ResultPath").expect(path);
        let placed = reference.place(&before, Document::from("R"));
        let expected = expected.map(json).map_err(|message| EvalError::new(ErrorName::ResultPathMatchFailure, message));
        assert_eq!(placed, expected, "{path}");
        assert_eq!(before, json(input), "{path} left what it was given unchanged");
        assert_eq!(reference.place_in(before, Document::from("R")), expected, "{path} in place");
    }
}

#[test]
fn what_may_name_several_places_is_no_reference_path() {
    for text in [
        "",
        "r",
        "$.a[*]",
        "$..a",
        "$.a[0:1]",
        "$.a[0,1]",
        "$['a','b']",
        "$.a[?(@.x)]",
        "$.a.length()",
        "$$.a",
        "$.a[-1]",
        "$x",
    ] {
        let error = ReferencePath::parse(text, "ResultPath").expect_err(text);
        assert_eq!(error.message, "The value for the field 'ResultPath' must be a valid Reference Path", "{text}");
    }
    assert!(ReferencePath::parse("$", "ResultPath").expect("a path").is_root());
    assert!(!ReferencePath::parse("$.a", "ResultPath").expect("a path").is_root());
}

/// One reader of a field, over the value `{"v": VALUE}` or, for nothing, over `{}`.
fn check<T: PartialEq + std::fmt::Debug>(
    field: &str,
    read: impl Fn(&Expr, &fleetstep_expr::Scope<'_>) -> Result<T, EvalError>,
    cases: &[(&str, Result<T, &str>)],
) {
    for (value, expected) in cases {
        let input = if value.is_empty() { json("{}") } else { json(&format!("{{\"v\":{value}}}")) };
        let expr = Expr::path("$.v", field, &mut no_names()).expect("a path");
        let got = over(&input, &Document::NULL, |scope| read(&expr, scope));
        match (&got, expected) {
            (Ok(got), Ok(expected)) => assert_eq!(got, expected, "{field} {value}"),
            (Err(got), Err(expected)) => {
                assert_eq!((got.name, got.message.as_str()), (ErrorName::Runtime, *expected), "{field} {value}");
            }
            _ => panic!("{field} {value}: {got:?}, expected {expected:?}"),
        }
    }
}

#[test]
fn seconds_are_whole_and_not_negative() {
    check(
        "SecondsPath",
        Expr::seconds,
        &[
            ("0", Ok(0)),
            ("300", Ok(300)),
            ("\"7\"", Ok(7)),
            ("", Err("The SecondsPath parameter does not reference an input value: $.v")),
            ("-1", Err("The SecondsPath parameter references a negative value: $.v == -1")),
            ("1.5", Err("The SecondsPath parameter cannot be parsed as a long value: $.v == 1.5")),
            ("-1.5", Err("The SecondsPath parameter cannot be parsed as a long value: $.v == -1.5")),
            ("\"soon\"", Err("The SecondsPath parameter cannot be parsed as a long value: $.v == soon")),
            ("[]", Err("The SecondsPath parameter cannot be parsed as a long value: $.v == []")),
            (
                "99999999999999999999",
                Err("The SecondsPath parameter cannot be parsed as a long value: $.v == 99999999999999999999"),
            ),
        ],
    );
    check(
        "TimeoutSecondsPath",
        Expr::seconds,
        &[("3", Ok(3)), ("", Err("Invalid path '$.v' : No results for path: $['v']"))],
    );
    let literal = Expr::literal(json("60"));
    assert_eq!(over(&Document::NULL, &Document::NULL, |scope| literal.seconds(scope)), Ok(60));
}

#[test]
fn timestamps_have_an_offset() {
    let wrong = "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: $.v == ";
    check(
        "TimestampPath",
        Expr::timestamp_us,
        &[
            ("\"1970-01-01T00:00:01Z\"", Ok(1_000_000)),
            ("\"1970-01-01T00:00:00.25+00:00\"", Ok(250_000)),
            ("", Err("The TimestampPath parameter does not reference an input value: $.v")),
            ("\"1970-01-01T00:00:01\"", Err(&format!("{wrong}1970-01-01T00:00:01"))),
            ("7", Err(&format!("{wrong}7"))),
        ],
    );
}

#[test]
fn numbers_may_be_written_as_strings() {
    check(
        "MaxConcurrencyPath",
        Expr::integer,
        &[
            ("5", Ok(5)),
            ("-5", Ok(-5)),
            ("\"1\"", Ok(1)),
            (
                "\"NoNumber\"",
                Err("The MaxConcurrencyPath field refers to value \"NoNumber\" which is not a valid integer: $.v"),
            ),
            ("1.5", Err("The MaxConcurrencyPath field refers to value \"1.5\" which is not a valid integer: $.v")),
            ("null", Err("The MaxConcurrencyPath field refers to value \"null\" which is not a valid integer: $.v")),
        ],
    );
    check(
        "ToleratedFailurePercentagePath",
        Expr::float,
        &[
            ("1.1", Ok(1.1)),
            ("\"50\"", Ok(50.0)),
            (
                "{}",
                Err("The ToleratedFailurePercentagePath field refers to value \"{}\" which is not a valid float: $.v"),
            ),
        ],
    );
}

#[test]
fn items_are_an_array() {
    check(
        "ItemsPath",
        Expr::array,
        &[("[1]", Ok(json("[1]"))), ("{}", Err("Reference path \"$.v\" must point to array."))],
    );
    let path = Expr::path("$.a.v", "ItemsPath", &mut no_names()).expect("a path");
    let error = over(&json(r#"{"a":{}}"#), &Document::NULL, |scope| path.array(scope)).expect_err("nothing there");
    assert_eq!(error.to_string(), r#"States.ReferencePathConflict: Unable to apply step "v" to input {"a":{}}"#);
    let context = Expr::path("$$.Execution.Input", "ItemsPath", &mut no_names()).expect("a path");
    let got = over(&Document::NULL, &json(r#"{"Execution":{"Input":{}}}"#), |scope| context.array(scope));
    assert_eq!(got.expect_err("no array").message, "Reference path \"$.Execution.Input\" must point to array.");
}

#[test]
fn errors_and_causes_are_strings() {
    let read = |text: &str, input: &str| {
        let expr = Expr::path_or_intrinsic(text, "CausePath", &mut no_names()).expect("an expression");
        over(&json(input), &Document::NULL, |scope| expr.string(scope)).map_err(|error| error.into_complaint().message)
    };
    assert_eq!(read("$.c", r#"{"c":"why"}"#).as_deref(), Ok("why"));
    assert_eq!(read("States.Format('{}!', $.c)", r#"{"c":"why"}"#).as_deref(), Ok("why!"));
    assert_eq!(
        read("$.d", r#"{"c":"why"}"#),
        Err("The JSONPath '$.d' specified for the field 'CausePath' could not be found in the input '{\"c\":\"why\"}'"
            .to_owned())
    );
    assert_eq!(
        read("$.c", r#"{"c":[1]}"#),
        Err("The value for the field 'CausePath' must be a string, but '$.c' was: [1]".to_owned())
    );
}
