//! What exploring finds in small machines: each finding, and nothing where there is nothing.

use fleetstep_asl::Format;
use fleetstep_document::Document;
use fleetstep_tester::{Case, Expected, FindingKind, Mocks, Settings, Suite, Workflow};

const CALL: &str = r#""Type":"Task","Resource":"arn:aws:lambda:us-east-1:000000000000:function:f""#;
const CATCH_ALL: &str = r#""Catch":[{"ErrorEquals":["States.ALL"],"Next":"Sorry"}]"#;

/// The findings of a machine with the states given and one that fails as it is meant to.
fn findings(states: &str, mocks: &str) -> Vec<(FindingKind, String, Vec<String>)> {
    let source = format!(r#"{{"StartAt":"A","States":{{{states},"Sorry":{{"Type":"Fail","Error":"Sorry"}}}}}}"#);
    let mocks = Mocks::parse(&Document::parse(mocks.as_bytes()).expect("JSON")).expect("mocks");
    let case = Case { name: "one".into(), input: Document::empty_object(), mocks, expected: Expected::SUCCESS };
    let (name, file) = (String::from("machine"), "machine.asl.json".into());
    let suite = Suite { workflows: vec![Workflow { name, file, source, format: Format::Json, cases: vec![case] }] };
    let report = suite.run(&Settings { explore: true, ..Settings::default() });
    assert!(report.passed(), "{}", report.text());
    let exploration = report.workflows[0].exploration.clone().expect("it was explored");
    assert!(exploration.runs > 0 && !exploration.is_cut_off);
    exploration.findings.into_iter().map(|found| (found.kind, found.state, found.errors)).collect()
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| String::from(*text)).collect()
}

const ONE: &str = r#"{"A":{"Return":{}}}"#;
const TWO: &str = r#"{"A":{"Return":{}},"B":{"Return":{}}}"#;

#[test]
fn what_is_caught_and_has_a_timeout_is_well() {
    assert_eq!(findings(&format!(r#""A":{{{CALL},"TimeoutSeconds":5,{CATCH_ALL},"End":true}}"#), ONE), []);
}

#[test]
fn what_nothing_takes_never_recovers_and_may_wait_for_the_cap() {
    let expected = [
        (FindingKind::NeverRecovers, "A".into(), texts(&["any error"])),
        (FindingKind::TooLong, "A".into(), texts(&["a late answer"])),
    ];
    // The other state is there for the Fail to be reached.
    let choice = r#""B":{"Type":"Choice","Choices":[{"Variable":"$.no","IsPresent":true,"Next":"Sorry"}],"Default":"C"},"C":{"Type":"Succeed"}"#;
    assert_eq!(findings(&format!(r#""A":{{{CALL},"Next":"B"}},{choice}"#), ONE), expected);
}

/// A Catch takes all but the timeout; the Retry helps while the failure does not last.
#[test]
fn what_is_only_retried_is_told_apart() {
    let state = format!(
        r#""A":{{{CALL},"TimeoutSeconds":5,"Retry":[{{"ErrorEquals":["States.Timeout"],"MaxAttempts":2}}],
        "Catch":[{{"ErrorEquals":["States.TaskFailed"],"Next":"Sorry"}}],"End":true}}"#
    );
    let expected = [(FindingKind::OnlyRetried, "A".into(), texts(&["States.Timeout", "a late answer"]))];
    assert_eq!(findings(&state, ONE), expected);
}

/// Six attempts with a pause that doubles: 10 + 20 + 40 + 80 + 160 seconds and more.
#[test]
fn retries_that_pass_the_cap_are_found() {
    let state = format!(
        r#""A":{{{CALL},"TimeoutSeconds":5,"Retry":[{{"ErrorEquals":["Slow"],"IntervalSeconds":10,"MaxAttempts":6}}],
        {CATCH_ALL},"End":true}}"#
    );
    assert_eq!(findings(&state, ONE), [(FindingKind::TooLong, "A".into(), texts(&["Slow"]))]);
}

#[test]
fn a_recovery_that_fails_is_found() {
    let states = format!(
        r#""A":{{{CALL},"TimeoutSeconds":5,"Catch":[{{"ErrorEquals":["States.ALL"],"Next":"B"}}],"End":true}},
        "B":{{"Type":"Pass","Parameters":{{"x.$":"$.missing"}},"Next":"Sorry"}}"#
    );
    assert_eq!(
        findings(&states, ONE),
        [(FindingKind::RecoveryFails, "A".into(), texts(&["any error", "a late answer"]))]
    );
}

/// The way to `B` goes through a failure of `A`, so that only a pair finds that nothing takes `B`'s.
#[test]
fn a_pair_finds_what_one_failure_does_not() {
    let states = format!(
        r#""A":{{{CALL},"TimeoutSeconds":5,"Catch":[{{"ErrorEquals":["States.ALL"],"Next":"B"}}],"End":true}},
        "B":{{{CALL},"TimeoutSeconds":5,"Catch":[{{"ErrorEquals":["Odd"],"Next":"Sorry"}}],"Next":"Sorry"}}"#
    );
    let found = findings(&states, TWO);
    let errors = texts(&["Fleetstep.Unknown", "States.TaskFailed", "States.Timeout", "a late answer"]);
    assert_eq!(found, [(FindingKind::NeverRecovers, "B".into(), errors)]);
}

/// What is nested is taken by what it is nested in.
#[test]
fn a_catch_around_counts() {
    let inner = format!(r#"{{"StartAt":"B","States":{{"B":{{{CALL},"TimeoutSeconds":5,"End":true}}}}}}"#);
    let states = format!(r#""A":{{"Type":"Parallel","Branches":[{inner}],{CATCH_ALL},"End":true}}"#);
    assert_eq!(findings(&states, r#"{"B":{"Return":{}}}"#), []);
}

#[test]
fn what_never_matches_is_found() {
    let state = format!(
        r#""A":{{{CALL},"TimeoutSeconds":5,
        "Retry":[{{"ErrorEquals":["One","Two"],"IntervalSeconds":1}},{{"ErrorEquals":["Two"],"IntervalSeconds":1}}],
        "Catch":[{{"ErrorEquals":["States.TaskFailed"],"Next":"Sorry"}},{{"ErrorEquals":["Three"],"Next":"Sorry"}},
        {{"ErrorEquals":["States.ALL"],"Next":"Sorry"}}],"End":true}}"#
    );
    let expected = [
        (FindingKind::NeverMatches, "A".into(), texts(&["Retry/1"])),
        (FindingKind::NeverMatches, "A".into(), texts(&["Catch/1"])),
    ];
    assert_eq!(findings(&state, ONE), expected);
}
