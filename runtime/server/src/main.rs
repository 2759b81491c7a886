//! The `fleetstep` binary.

use fleetstep_server::cli;
use std::process::ExitCode;

/// Small, short-lived allocations on several threads are what a request is made of.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
