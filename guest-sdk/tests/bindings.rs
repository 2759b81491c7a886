//! `src/bindings.rs` is what wit-bindgen makes of `wit/task.wit`. It is kept here, made, so that building a task
//! compiles no parser of WIT; `FLEETSTEP_UPDATE=1 cargo test` makes it anew.

use std::path::Path;
use wit_bindgen_core::wit_parser::Resolve;
use wit_bindgen_core::{Files, WorldGenerator};

const HEADER: &str = "\
//! The contract's bindings: made by wit-bindgen from `wit/task.wit`, kept up to date by `tests/bindings.rs`.

#![allow(unsafe_code, missing_docs, unreachable_pub, clippy::all, clippy::undocumented_unsafe_blocks)]
#![cfg_attr(rustfmt, rustfmt_skip)]

";

fn generated() -> String {
    let mut resolve = Resolve::default();
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("wit");
    let (package, _) = resolve.push_dir(&wit).expect("the contract parses");
    let world = resolve.select_world(&[package], Some("task")).expect("the world exists");
    let options = wit_bindgen_rust::Opts {
        generate_all: true,
        format: true,
        pub_export_macro: true,
        runtime_path: Some("::wit_bindgen::rt".to_owned()),
        ..Default::default()
    };
    let mut files = Files::default();
    options.build().generate(&mut resolve, world, &mut files).expect("bindings are made");
    let (_, contents) = files.iter().next().expect("one file");
    format!("{HEADER}{}", String::from_utf8_lossy(contents))
}

#[test]
fn are_made_from_the_contract() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/bindings.rs");
    let made = generated();
    if std::env::var_os("FLEETSTEP_UPDATE").is_some() {
        std::fs::write(&path, &made).expect("the file is written");
    }
    let kept = std::fs::read_to_string(&path).expect("the file is there");
    assert!(kept == made, "src/bindings.rs is not what wit/task.wit makes: run FLEETSTEP_UPDATE=1 cargo test");
}
