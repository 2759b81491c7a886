//! Whether this tree is slower than another revision.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    fleetstep_benches::main(fleetstep_benches::regress)
}
