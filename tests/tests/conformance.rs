//! The recorded cases of the real service pass, but for those that are listed with a reason; and the page says so.

use fleetstep_tests::conformance::{Report, Way, page, run};
use fleetstep_tests::root;
use std::path::Path;

fn report(way: Way) -> Option<Report> {
    let report = run(way, Path::new(env!("CARGO_TARGET_TMPDIR"))).expect("the runner runs")?;
    let surprises = report.surprises(way);
    assert!(surprises.is_empty(), "{way:?}:\n{surprises}");
    let total = report.total();
    println!("{way:?}: {} passed, {} failed, {} skipped", total.passed, total.failed, total.skipped);
    Some(report)
}

#[test]
fn recorded_cases_pass() {
    let (Some(plain), Some(history)) = (report(Way::Plain), report(Way::History)) else { return };
    assert!(plain.total().passed > 800 && history.total().passed > 600, "cases were run");
    let Some(page) = page(&plain, &history).expect("the suite is readable") else { return };
    let written = std::fs::read_to_string(root().join("docs/conformance.md")).unwrap_or_default();
    assert!(
        written == page,
        "docs/conformance.md is behind: cargo run --release -p fleetstep-tests --bin conformance-report"
    );
}
