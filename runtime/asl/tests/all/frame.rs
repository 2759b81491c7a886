//! How a diagnostic looks on a terminal.

use fleetstep_asl::{Options, code_frame, compile};

fn check(source: &str, expected: &str) {
    let compilation = compile(source, &Options::default());
    let frames: String =
        compilation.diagnostics.iter().map(|diagnostic| code_frame("orders.asl.json", source, diagnostic)).collect();
    assert_eq!(frames, expected);
}

#[test]
fn a_caret_stands_below_the_place() {
    let source =
        "{\n  \"StartAt\": \"A\",\n  \"States\": {\n\t\"A\": {\"Type\": \"Succeed\", \"Outputpath\": \"$\"}\n  }\n}";
    check(
        source,
        r#"orders.asl.json:4:27: error[SCHEMA_VALIDATION_FAILED]: Field 'Outputpath' is not supported at /States/A
  |
4 |  "A": {"Type": "Succeed", "Outputpath": "$"}
  |                           ^^^^^^^^^^^^
  = did you mean 'OutputPath'?
"#,
    );
}

#[test]
fn a_long_line_is_cut_around_the_place() {
    let padding = "x".repeat(300);
    let source = format!(
        r#"{{"StartAt":"A","Comment":"{padding}","States":{{"A":{{"Type":"Pass","Comment":"{padding}","End":true,"Nxt":1}}}}}}"#
    );
    let expected = format!(
        "orders.asl.json:1:682: error[SCHEMA_VALIDATION_FAILED]: Field 'Nxt' is not supported at /States/A\n  |\n\
         1 | {}\",\"End\":true,\"Nxt\":1}}}}}}\n  | {}^^^^^\n  = did you mean 'Next'?\n",
        "x".repeat(47),
        " ".repeat(60)
    );
    check(&source, &expected);
}

#[test]
fn a_syntax_error_points_at_the_character() {
    check(
        "{\n  \"é\": [1 2]\n}",
        "orders.asl.json:2:11: error[INVALID_JSON_DESCRIPTION]: Unexpected character ('2' (code 50)): was expecting \
         comma to separate Array entries\n  |\n2 |   \"é\": [1 2]\n  |           ^\n",
    );
}
