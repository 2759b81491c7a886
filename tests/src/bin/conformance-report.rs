//! Runs the recorded cases and writes `docs/conformance.md`.

use anyhow::{Context as _, Result, bail};
use fleetstep_tests::conformance::{Way, page, run};
use fleetstep_tests::root;

#[allow(clippy::print_stdout, clippy::print_stderr)] // For a person at a terminal.
fn main() -> Result<()> {
    let scratch = std::env::temp_dir().join("fleetstep-conformance");
    std::fs::create_dir_all(&scratch)?;
    let absent = "the recorded cases are not beside the checkout";
    eprintln!("every case as on AWS, with logs …");
    let plain = run(Way::Plain, &scratch)?.context(absent)?;
    eprintln!("every execution with its history …");
    let history = run(Way::History, &scratch)?.context(absent)?;
    std::fs::write(root().join("docs/conformance.md"), page(&plain, &history)?.context(absent)?)?;
    for report in [&plain, &history] {
        let total = report.total();
        println!("{} passed, {} failed, {} skipped", total.passed, total.failed, total.skipped);
    }
    let surprises = format!("{}{}", plain.surprises(Way::Plain), history.surprises(Way::History));
    if !surprises.is_empty() {
        bail!("not on the list of exceptions:\n{surprises}");
    }
    Ok(())
}
