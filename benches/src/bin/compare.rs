//! Fleetstep beside other systems, over HTTP.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    fleetstep_benches::main(fleetstep_benches::compare)
}
