//! The figures, in one sitting and by one command each.
//!
//! - `cargo run --release -p fleetstep-benches` runs every bench ([`figures`]) and prints the table of targets.
//! - `… --bin compare` loads Fleetstep and other systems over HTTP, interleaved ([`compare`]).
//! - `… --bin regress` says whether this tree is slower than another revision, by more than the noise ([`regress`]).
//!
//! A bench is one line of `bench::BENCHES` and returns named figures; a target is one line of `targets::TARGETS` and
//! names the figure that it is about. The machine is rarely quiet: read ratios and medians, not one absolute time.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr)] // Figures are the result of these programs, progress goes beside.

mod bare;
mod bench;
mod call;
mod compare;
mod console;
mod document;
mod echo;
mod expr;
mod figure;
mod figures;
mod fleet;
mod functions;
mod history;
mod http;
mod http2;
mod idle;
mod inprocess;
mod journal;
mod languages;
mod load;
mod machine;
mod neighbours;
mod parked;
mod pin;
mod process;
mod regress;
mod server;
mod shipped;
mod start_up;
mod starts;
mod stats;
mod step;
mod targets;
mod tracing;

pub use compare::main as compare;
pub use figures::main as figures;
pub use regress::main as regress;

use fleetstep_server::cli;
use std::path::PathBuf;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs `command`, or becomes the other side of a load: each of these programs is also the server that it loads.
/// `serve …` is the product's own command line; `echo` is the bare echo.
#[must_use]
pub fn main(command: fn() -> anyhow::Result<ExitCode>) -> ExitCode {
    let done = match std::env::args().nth(1).as_deref() {
        Some(server::SERVE | cli::COMPILE | console::LOAD) => return cli::main(),
        Some(server::ECHO) => echo::serve().map(|()| ExitCode::SUCCESS),
        _ => command(),
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::from(2)
    })
}

/// The folder of this package, where its workloads and guests lie.
fn home() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The modules that the loads call, with their manifest.
fn modules() -> PathBuf {
    home().join("../tests/guests")
}

/// Where peers and other revisions are kept, by the XDG rules.
fn cache_dir() -> anyhow::Result<PathBuf> {
    let from = |variable: &str| std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
    let user = from("XDG_CACHE_HOME").or_else(|| Some(from("HOME")?.join(".cache")));
    let folder = anyhow::Context::context(user, "neither XDG_CACHE_HOME nor HOME is set")?.join("fleetstep-benches");
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// The middle one of `figures`.
fn median(figures: Vec<f64>) -> f64 {
    stats::median(&figures)
}
