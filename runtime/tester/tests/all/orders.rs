//! `examples/orders`: its cases cover all of it, and a Catch that is taken away is found.

use crate::root;
use fleetstep_diagram::{Graph, Options, Status, svg};
use fleetstep_document::Document;
use fleetstep_tester::{FindingKind, Group, Report, Settings, Suite};

fn suite() -> Suite {
    Suite::read(&root().join("examples/orders")).expect("the example is read")
}

fn explored(suite: &Suite) -> Report {
    suite.run(&Settings { explore: true, ..Settings::default() })
}

#[test]
fn the_cases_pass_and_cover_everything() {
    let report = suite().run(&Settings::default());
    let text = report.text();
    assert!(report.passed(), "{text}");
    let coverage = report.workflows[0].coverage.as_ref().expect("a coverage");
    assert_eq!(coverage.missing().count(), 0, "{text}");
    assert!(Group::ALL.iter().all(|group| coverage.of(*group).0 > 0), "{text}");
    assert!(report.coverage_percent() >= 100.0, "{text}");
    assert!(text.ends_with("7 of 7 cases passed, 100.0 % covered\n"), "{text}");
    // Three attempts with a second and a half of waiting after the first: virtual.
    let retried = report.workflows[0].cases.iter().find(|case| case.name == "retried").expect("the case");
    assert_eq!(retried.duration.as_millis(), 2_500);
}

#[test]
fn one_case_covers_its_part() {
    let suite = suite();
    let report = suite.run(&Settings { case: Some(String::from("invalid")), ..Settings::default() });
    assert!(report.passed(), "{}", report.text());
    let coverage = report.workflows[0].coverage.as_ref().expect("a coverage");
    assert_eq!(coverage.of(Group::States), (17, 3));
    assert_eq!(coverage.of(Group::Catchers), (3, 1));
    let overlay = coverage.overlay();
    assert_eq!(overlay.states["Validate order"].status, Some(Status::Caught));
    assert_eq!(overlay.states["Order refused"].status, Some(Status::Succeeded));
    assert_eq!(overlay.states["Charge card"].status, Some(Status::Failed));
    assert!(overlay.transitions.contains(&("Validate order".into(), "Read problem".into())));
    assert!(!overlay.transitions.contains(&("Validate order".into(), "Reserve stock".into())));
    let graph = Graph::read(&suite.workflows[0].source, suite.workflows[0].format).expect("a graph");
    assert!(svg(&graph, &overlay, &Options::default()).expect("a picture").contains("no case enters it"));
}

/// The Catch of `Charge card` is what releases the stock when a card is declined.
#[test]
fn a_missing_catch_is_found() {
    let is_lost = |report: &Report| {
        let exploration = report.workflows[0].exploration.as_ref().expect("it was explored");
        assert!(exploration.unmocked.is_empty() && !exploration.is_cut_off, "{}", report.text());
        let findings = exploration.findings.iter();
        findings.filter(|found| found.kind == FindingKind::NeverRecovers).any(|found| found.state == "Charge card")
    };
    let mut suite = suite();
    let whole = explored(&suite);
    assert!(!is_lost(&whole), "{}", whole.text());
    let mut definition = Document::parse(suite.workflows[0].source.as_bytes()).expect("JSON");
    let states = definition.as_object_mut().expect("an object").entry("States");
    let charge = states.as_object_mut().expect("an object").entry("Charge card");
    assert!(charge.as_object_mut().expect("an object").remove("Catch").is_some());
    suite.workflows[0].source = definition.to_json();
    let planted = explored(&suite);
    assert!(is_lost(&planted), "{}", planted.text());
    assert!(planted.has_findings());
    assert_eq!(explored(&suite), planted, "exploring is the same each time");
}
