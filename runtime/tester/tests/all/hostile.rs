//! What nobody means well: it is refused, or ends at a bound, in words.

use fleetstep_document::Document;
use fleetstep_tester::{
    CASES_MAX, DIFFERENCES_MAX, MOCKED_ANSWERS_MAX, MockedCalls, Mocks, ReadError, Settings, Suite, differences,
};
use std::fs;
use std::path::Path;

fn parse(text: &str) -> Document {
    Document::parse(text.as_bytes()).expect("JSON")
}

#[test]
fn odd_mocks_are_refused() {
    for text in [
        "[]",
        "{\"0\":{}}",
        "{\"0\":[]}",
        "{\"0\":{\"Return\":1,\"Throw\":{\"Error\":\"E\"}}}",
        "{\"0\":{\"Throw\":{}}}",
        "{\"0\":{\"Throw\":{\"Error\":1}}}",
        "{\"0\":{\"Return\":1,\"Wait\":1}}",
        "{\"0\":{\"Return\":1,\"DelaySeconds\":-1}}",
        "{\"0\":{\"Return\":1,\"DelaySeconds\":1e300}}",
        "{\"-1\":{\"Return\":1}}",
        "{\"+1\":{\"Return\":1}}",
        "{\"2-1\":{\"Return\":1}}",
        "{\"0-\":{\"Return\":1}}",
        "{\"\":{\"Return\":1}}",
        "{\"0-4294967296\":{\"Return\":1}}",
        "{\"0-2\":{\"Return\":1},\"2\":{\"Return\":1}}",
    ] {
        assert!(MockedCalls::parse(&parse(text)).is_err(), "{text}");
    }
    let many: Vec<String> = (0..=MOCKED_ANSWERS_MAX).map(|call| format!("\"{call}\":{{\"Return\":1}}")).collect();
    assert!(MockedCalls::parse(&parse(&format!("{{{}}}", many.join(",")))).is_err());
    for config in ["{\"StateMachines\":{\"m\":{}}}", "{\"StateMachines\":[]}", "{}"] {
        assert!(Mocks::parse_config(&parse(config), "m").is_err(), "{config}");
    }
    let unknown = r#"{"StateMachines":{"m":{"TestCases":{"c":{"S":"R"}}}},"MockedResponses":{}}"#;
    assert_eq!(Mocks::parse_config(&parse(unknown), "m"), Err(String::from("there is no mocked response R")));
}

/// A range takes no more room than a number.
#[test]
fn a_wide_range_is_a_range() {
    let calls = MockedCalls::parse(&parse(r#"{"0-4000000000":{"Return":1},"4000000001-4294967295":{"Return":2}}"#));
    let calls = calls.expect("two ranges");
    let answer = |call| calls.answer(call).and_then(|response| response.answer.as_ref().ok()?.as_i64());
    assert_eq!([answer(0), answer(4_000_000_000), answer(u32::MAX)], [Some(1), Some(1), Some(2)]);
    let calls = MockedCalls::parse(&parse(r#"{"1":{"Return":1}}"#)).expect("a number");
    assert!(calls.answer(0).is_none() && calls.answer(1).is_some() && calls.answer(2).is_none());
}

#[test]
fn differences_are_bounded_and_have_pointers() {
    let many: Vec<Document> = (0..100_000_i64).map(Document::from).collect();
    assert_eq!(differences(&Document::from(many), &Document::from(vec![])).len(), DIFFERENCES_MAX);
    let told = differences(&parse(r#"{"a/b":{"~":[1,2]},"c":1}"#), &parse(r#"{"a/b":{"~":[1,3,4]},"d":null}"#));
    let pointers: Vec<&str> = told.iter().map(|difference| difference.pointer.as_str()).collect();
    assert_eq!(pointers, ["/a~1b/~0/1", "/a~1b/~0/2", "/c", "/d"]);
    assert_eq!(told[2].to_string(), "/c: expected 1, found nothing");
    let deep = |core: &str| parse(&format!("{}{core}{}", "[".repeat(999), "]".repeat(999)));
    assert_eq!(differences(&deep("1"), &deep("2")).len(), 1);
}

fn write(folder: &Path, name: &str, text: &str) {
    let file = folder.join(name);
    fs::create_dir_all(file.parent().expect("a folder")).expect("it is made");
    fs::write(file, text).expect("it is written");
}

/// A loop that never waits ends at a bound of events, and a long one that does at the cap; exploring them ends too.
#[test]
fn loops_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let call = r#""Type":"Task","Resource":"arn:aws:lambda:us-east-1:000000000000:function:f","Next":"A""#;
    write(
        folder.path(),
        "pass.asl.json",
        r#"{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Pass","Next":"A"}}}"#,
    );
    write(folder.path(), "call.asl.json", &format!(r#"{{"StartAt":"A","States":{{"A":{{{call}}}}}}}"#));
    write(
        folder.path(),
        "wait.asl.json",
        r#"{"StartAt":"A","States":{"A":{"Type":"Wait","Seconds":1,"Next":"B"},"B":{"Type":"Pass","Next":"A"}}}"#,
    );
    for name in ["pass", "call", "wait"] {
        // That a list of states never ends is a diagnostic for those that have no way out.
        let source = fs::read_to_string(folder.path().join(format!("{name}.asl.json"))).expect("it is there");
        let out = r#""Z":{"Type":"Choice","Choices":[{"Variable":"$.never","IsPresent":true,"Next":"Y"}],"Default":"A"},"Y":{"Type":"Succeed"}"#;
        let source = source.replace(r#""Next":"A"}"#, &format!(r#""Next":"Z"}},{out}"#));
        write(folder.path(), &format!("{name}.asl.json"), &source);
        write(folder.path(), &format!("cases/{name}/one/mocks.json"), "{}");
    }
    write(folder.path(), "cases/call/one/mocks.json", r#"{"A":{"Return":{}}}"#);
    let suite = Suite::read(folder.path()).expect("it is read");
    let report = suite.run(&Settings { explore: true, ..Settings::default() });
    let problems: Vec<&str> = report.workflows.iter().map(|workflow| workflow.cases[0].problems[0].as_str()).collect();
    let expected = [
        "the simulation was stopped; is there a loop that never waits? (it does not end)",
        "the simulation was stopped; is there a loop that never waits? (execution 0: an execution has more than 100000 events)",
        "expected SUCCEEDED, but it ran into the five-minute cap",
    ];
    assert_eq!(problems, expected, "{}", report.text());
}

#[test]
fn odd_folders_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let read = || Suite::read(folder.path());
    assert!(matches!(read(), Err(ReadError::NoDefinition(_))));
    assert!(matches!(Suite::read(&folder.path().join("none")), Err(ReadError::Unreadable { .. })));
    write(folder.path(), "m.asl.json", "{}");
    let broken = read().expect("a definition that cannot be run is told of in the report").run(&Settings::default());
    assert!(!broken.passed() && broken.workflows[0].problem.is_some() && broken.coverage_percent() < 1.0);
    for (name, text) in [
        ("mocks.json", "{"),
        ("mocks.json", "{\"A\":1}"),
        ("expected.json", "{}"),
        ("expected.json", "{\"status\":\"SUCCEEDED\",\"error\":\"E\"}"),
        ("expected.json", "{\"status\":\"TIMED_OUT\",\"path\":[1]}"),
        ("input.json", "\u{0}"),
    ] {
        write(folder.path(), &format!("cases/c/{name}"), text);
        assert!(matches!(read(), Err(ReadError::Malformed { .. })), "{name} {text}");
        fs::remove_file(folder.path().join("cases/c").join(name)).expect("it was there");
    }
    write(folder.path(), "cases/c/input.json", &" ".repeat(5 << 20));
    assert!(matches!(read(), Err(ReadError::TooLarge(_))));
    fs::remove_file(folder.path().join("cases/c/input.json")).expect("it was there");
    for case in 0..CASES_MAX {
        fs::create_dir(folder.path().join(format!("cases/{case}"))).expect("it is made");
    }
    assert!(matches!(read(), Err(ReadError::TooMany { .. })));
}

/// Work takes no time: what is long and never waits does not run into the cap.
#[test]
fn a_long_loop_that_ends_is_played_to_its_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let definition = r#"{"StartAt":"A","States":{
        "A":{"Type":"Pass","Parameters":{"n.$":"States.MathAdd($.n, 1)"},"Next":"B"},
        "B":{"Type":"Choice","Choices":[{"Variable":"$.n","NumericLessThan":5000,"Next":"A"}],"Default":"C"},
        "C":{"Type":"Succeed"}}}"#;
    write(folder.path(), "m.asl.json", definition);
    write(folder.path(), "cases/one/input.json", r#"{"n":0}"#);
    write(folder.path(), "cases/one/expected.json", r#"{"status":"SUCCEEDED","output":{"n":5000}}"#);
    let report = Suite::read(folder.path()).expect("it is read").run(&Settings::default());
    assert!(report.passed(), "{}", report.text());
}
