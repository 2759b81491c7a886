//! The official cases of JSONata, where they are at hand.

use crate::{shared, suite};

/// The cases that do not pass, each with its reason; the list may only become shorter.
const KNOWN: &str = include_str!("../data/jsonata_known.txt");

#[test]
fn official_cases() {
    let Some(directory) = shared("jsonata-suite") else { return };
    let report = suite::run(&directory).expect("the suite is readable");
    let known: Vec<&str> = KNOWN.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let known: Vec<&str> = known.iter().filter_map(|line| line.split_whitespace().next()).collect();
    let failed: Vec<&str> = report.failures.iter().map(|failure| failure.name.as_str()).collect();
    let unknown: String = report
        .failures
        .iter()
        .filter(|failure| !known.contains(&failure.name.as_str()))
        .map(|failure| format!("{}\n    {}\n    {}\n", failure.name, failure.expression, failure.reason))
        .collect();
    assert!(unknown.is_empty(), "{} passed; failed:\n{unknown}", report.passed);
    let passed: Vec<&&str> = known.iter().filter(|name| !failed.contains(name)).collect();
    assert!(passed.is_empty(), "listed as failing, but passed or gone: {passed:?}");
    assert!(report.passed > 1000, "only {} cases were found", report.passed);
}
