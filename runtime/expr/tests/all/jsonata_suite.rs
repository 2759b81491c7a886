//! The official cases of JSONata, where they are at hand.

use crate::{shared, suite};

#[test]
fn official_cases() {
    let Some(directory) = shared("jsonata-suite") else { return };
    let report = suite::run(&directory).expect("the suite is readable");
    let failed = |case: &suite::Failure| {
        format!("{}\n    {}\n    wanted {}, got {}\n", case.name, case.expression, case.expected, case.got)
    };
    let failures: String = report.failures.iter().map(failed).collect();
    assert!(failures.is_empty(), "{} passed; failed:\n{failures}", report.passed);
    assert!(report.passed > 1000, "only {} cases were found", report.passed);
    assert!(report.skipped <= 1, "{} lines are no JSON", report.skipped);
}
