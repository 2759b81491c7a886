//! What comes in from outside, and what must hold of it, whatever it is.
//!
//! A [`Target`] takes bytes to one door and panics if a promise is broken there: not only by a panic of the code
//! behind the door, but also by an answer that cannot be right. The fuzzer (`tests/hostile/run`) makes up the bytes,
//! guided by what they reach; the tests take those of `corpus/`, in which every fixed bug has left a file.
//! `generate` makes state machines by chance, for these targets and for the simulator.
#![forbid(unsafe_code)]

mod definitions;
mod documents;
mod expressions;
pub mod generate;
mod modules;
mod requests;
mod signatures;

use std::path::{Path, PathBuf};

/// A door.
pub struct Target {
    /// Its name, and that of its folder in `corpus/`.
    pub name: &'static str,
    /// The longest input that says anything new.
    pub input_bytes_max: usize,
    /// Takes an input.
    pub check: fn(&[u8]),
}

/// Every door.
pub const TARGETS: &[Target] = &[
    Target { name: "documents", input_bytes_max: 4_096, check: documents::check },
    Target { name: "paths", input_bytes_max: 1_024, check: expressions::paths },
    Target { name: "intrinsics", input_bytes_max: 1_024, check: expressions::intrinsics },
    Target { name: "jsonata", input_bytes_max: 1_024, check: expressions::jsonata },
    Target { name: "definitions", input_bytes_max: 8_192, check: definitions::check },
    Target { name: "requests", input_bytes_max: 4_096, check: requests::check },
    Target { name: "modules", input_bytes_max: 8_192, check: modules::check },
    Target { name: "signatures", input_bytes_max: 4_096, check: signatures::check },
];

/// The target of that name.
#[must_use]
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

impl Target {
    /// Where its inputs are kept, one a file, each named after what it is.
    #[must_use]
    pub fn corpus(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(self.name)
    }
}
