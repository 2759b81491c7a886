//! Every figure beside its target: `cargo run --release -p fleetstep-benches`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    fleetstep_benches::main(fleetstep_benches::figures)
}
