//! What is drawn, looked at as geometry.

#![allow(clippy::print_stderr)] // What was found, and what was left out, is told.
mod collection;
mod data;
mod geometry;
mod hostile;
mod overlay;
#[cfg(feature = "png")]
mod png;

/// A file of the shared collection; `None`, said in a line, where there is none.
fn shared(path: &str) -> Option<String> {
    let folder = std::env::var("FLEETSTEP_SHARED")
        .unwrap_or_else(|_| String::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")));
    let text = std::fs::read_to_string(std::path::Path::new(&folder).join(path)).ok();
    if text.is_none() {
        eprintln!("{path} is not there: nothing checked");
    }
    text
}
