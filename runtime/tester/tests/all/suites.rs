//! Suites as folders below `tests/data`: each has a `report.txt` of what is to be told of it, and a file
//! `explore` beside it where failures are to be put into its cases. `FLEETSTEP_BLESS=1` writes the reports anew.

use crate::{data, root};
use fleetstep_document::Document;
use fleetstep_tester::{Settings, Suite};
use std::path::{Path, PathBuf};

fn check(folder: &Path) {
    let suite = Suite::read(folder).unwrap_or_else(|error| panic!("{error}"));
    let explore = folder.join("explore").exists();
    let report = suite.run(&Settings { explore, ..Settings::default() });
    assert_eq!(suite.run(&Settings { explore, ..Settings::default() }), report, "the same each time");
    let (told, file) = (report.text(), folder.join("report.txt"));
    if std::env::var_os("FLEETSTEP_BLESS").is_some() {
        std::fs::write(&file, &told).expect("the report is written");
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(told, expected, "{}", folder.display());
    let cases: usize = report.workflows.iter().map(|workflow| workflow.cases.len()).sum();
    let failed: usize = report.workflows.iter().map(|workflow| workflow.failed()).sum();
    let broken = report.workflows.iter().filter(|workflow| workflow.problem.is_some()).count();
    check_junit(&report.junit(), cases + broken, failed, broken);
    let json = Document::parse(report.json().as_bytes()).expect("JSON");
    assert_eq!(json.get("passed").and_then(Document::as_bool), Some(report.passed()));
    assert_eq!(report.passed(), cases > 0 && failed + broken == 0);
}

fn check_junit(junit: &str, tests: usize, failed: usize, broken: usize) {
    let document = roxmltree::Document::parse(junit).unwrap_or_else(|error| panic!("{error}: {junit}"));
    let count = |tag: &str| document.descendants().filter(|node| node.has_tag_name(tag)).count();
    assert_eq!((count("testcase"), count("failure"), count("error")), (tests, failed, broken), "{junit}");
    let totals = ["tests", "failures", "errors"].map(|name| document.root_element().attribute(name));
    assert_eq!(
        totals,
        [tests, failed, broken].map(|number| number.to_string()).each_ref().map(|text| Some(text.as_str()))
    );
}

#[test]
fn every_suite_is_told_of_as_expected() {
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(data("")).expect("suites").map(|entry| entry.expect("an entry").path()).collect();
    folders.sort();
    assert!(folders.len() >= 5);
    folders.iter().for_each(|folder| check(folder));
}

/// The example of the documentation is a suite of this room's.
#[test]
fn the_documentation_shows_what_is_tested() {
    let page = std::fs::read_to_string(root().join("docs/testing-workflows.md")).expect("the page");
    for file in ["greet.asl.json", "cases/late/input.json", "cases/late/mocks.json", "cases/late/expected.json"] {
        let text = std::fs::read_to_string(data("documented").join(file)).expect("a file");
        assert!(page.contains(text.trim_end()), "docs/testing-workflows.md does not show {file}");
    }
    let report = std::fs::read_to_string(data("documented/report.txt")).expect("the report");
    assert!(page.contains(report.trim_end()), "docs/testing-workflows.md does not show the report");
}
