//! What is compared: the rows, and the ratios between them.

use super::sides::SideName;
use crate::http::{post, start_sync};
use crate::step::ORDER;

/// One load: a server, and a request to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// What `--only` and the names of its figures say.
    pub(crate) name: &'static str,
    /// What a request does.
    pub(crate) what: &'static str,
    /// Who answers.
    pub(crate) side: SideName,
    /// What is asked.
    pub(crate) call: Call,
    /// Every answer holds this.
    pub(crate) expected: &'static str,
}

/// A request with the document of about 300 bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Call {
    /// As the body of a POST.
    Post,
    /// As the input of a StartSyncExecution of this workflow.
    StartSync(&'static str),
}

impl Call {
    /// As it goes over the wire.
    pub(crate) fn request(self) -> Vec<u8> {
        match self {
            Self::Post => post(ORDER),
            Self::StartSync(workflow) => start_sync(workflow, ORDER),
        }
    }
}

const fn row(name: &'static str, side: SideName, call: Call, expected: &'static str, what: &'static str) -> Row {
    Row { name, what, side, call, expected }
}

/// How an execution that succeeded says so.
pub(crate) const SUCCEEDED: &str = "SUCCEEDED";
/// How a task that was really run says so.
const PROCESSED: &str = r#""processed":true"#;
/// The same within an output, which is a string.
const PROCESSED_IN_STRING: &str = r#"\"processed\":true"#;

/// Every row; the first is the floor.
#[rustfmt::skip]
pub(crate) const ROWS: &[Row] = &[
    row("echo", SideName::Echo, Call::Post, "orderId", "bare hyper echo of the document"),
    row("pass", SideName::Fleetstep, Call::StartSync("pass"), SUCCEEDED, "StartSyncExecution, one Pass"),
    row("three-jsonpath", SideName::Fleetstep, Call::StartSync("three"), SUCCEEDED, "StartSyncExecution, three states with a Choice, JSONPath"),
    row("three-jsonata", SideName::Fleetstep, Call::StartSync("three-jsonata"), SUCCEEDED, "StartSyncExecution, three states with a Choice, JSONata"),
    row("task", SideName::Fleetstep, Call::StartSync("task"), PROCESSED_IN_STRING, "StartSyncExecution, one Wasm task, fresh instance"),
    row("task-wasi", SideName::Fleetstep, Call::StartSync("task-wasi"), PROCESSED_IN_STRING, "the same guest with WASI p2 imported"),
    row("task-reused", SideName::Fleetstep, Call::StartSync("task-reused"), PROCESSED_IN_STRING, "the same guest, instance reused (not isolated)"),
    row("serve", SideName::ServeFresh, Call::Post, PROCESSED, "`wasmtime serve`, best flags, the same work, fresh instance, guest with a small stack"),
    row("serve-stock", SideName::ServeStock, Call::Post, PROCESSED, "the same with a guest as cargo builds it: a stack of a megabyte"),
    row("serve-reuse", SideName::ServeReuse, Call::Post, PROCESSED, "`wasmtime serve`, best flags, instance reused (not isolated)"),
    row("workerd", SideName::Workerd, Call::Post, PROCESSED, "workerd, the same work in JavaScript, one warm isolate"),
    row("ministack", SideName::Ministack, Call::StartSync("pass"), SUCCEEDED, "ministack (an AWS emulator): StartSyncExecution, one Pass"),
];

/// A figure made of two rows' rates.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ratio {
    /// The figure's name after `compare.`.
    pub(crate) name: &'static str,
    /// In words.
    pub(crate) what: &'static str,
    /// The rows above the line; of several, the one with the lowest ratio counts.
    pub(crate) above: &'static [&'static str],
    /// The row below it.
    pub(crate) below: &'static str,
    /// `%` or `×`.
    pub(crate) unit: &'static str,
}

const fn ratio(
    name: &'static str,
    above: &'static [&'static str],
    below: &'static str,
    unit: &'static str,
    what: &'static str,
) -> Ratio {
    Ratio { name, what, above, below, unit }
}

/// Every ratio.
#[rustfmt::skip]
pub(crate) const RATIOS: &[Ratio] = &[
    ratio("pass-share", &["pass"], "echo", "%", "one Pass: share of the echo's req/s"),
    ratio("task-share", &["task"], "echo", "%", "one Wasm task: share of the echo's req/s"),
    ratio("task-wasi-share", &["task-wasi"], "echo", "%", "one Wasm task with WASI p2: share of the echo's req/s"),
    ratio("task-over-serve", &["task"], "serve", "×", "one Wasm task against `wasmtime serve`, both fresh"),
    ratio("task-over-serve-stock", &["task"], "serve-stock", "×", "one Wasm task against `wasmtime serve` with such a guest"),
    ratio("task-over-serve-reuse", &["task"], "serve-reuse", "×", "one Wasm task, fresh, against `wasmtime serve` with reuse"),
    ratio("task-reused-over-serve-reuse", &["task-reused"], "serve-reuse", "×", "one Wasm task against `wasmtime serve`, both with reuse"),
    ratio("task-wasi-over-serve", &["task-wasi"], "serve", "×", "one Wasm task with WASI p2 against `wasmtime serve`, both fresh"),
    ratio("three-over-pass", &["three-jsonpath", "three-jsonata"], "pass", "×", "three states (the slower language) against one Pass"),
    ratio("task-over-workerd", &["task"], "workerd", "×", "one Wasm task, fresh, against workerd's warm isolate"),
    ratio("pass-over-ministack", &["pass"], "ministack", "×", "one Pass against ministack"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_name_rows_and_rows_have_names_of_their_own() {
        let known = |name: &str| ROWS.iter().filter(|row| row.name == name).count() == 1;
        for row in ROWS {
            assert!(known(row.name), "{} twice", row.name);
            assert!(row.call.request().starts_with(b"POST / HTTP/1.1\r\n"), "{}", row.name);
        }
        for ratio in RATIOS {
            assert!(ratio.above.iter().all(|name| known(name)) && known(ratio.below), "{}", ratio.name);
        }
    }

    #[test]
    fn every_target_of_the_comparison_is_a_ratio() {
        for target in crate::targets::TARGETS.iter().filter(|target| target.bench == "compare") {
            let ratio = RATIOS.iter().find(|ratio| target.figure == format!("compare.{}", ratio.name));
            assert_eq!(ratio.map(|ratio| ratio.unit), Some(target.unit), "{}", target.figure);
        }
    }
}
