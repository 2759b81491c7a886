//! The tests of the tester: suites as folders, and what is to come of them.

mod explored;
mod hostile;
mod orders;
mod replayed;
mod suites;

use std::path::PathBuf;

/// The root of the repository.
fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// A suite of this room's own.
fn data(name: &str) -> PathBuf {
    root().join("runtime/tester/tests/data").join(name)
}
