//! The template, built as its user builds it and made a component as the server makes it.

use std::path::{Path, PathBuf};
use std::process::Command;
use wasmparser::{Parser, Payload, TypeRef};

/// A stack of 48 KiB, 40 KiB of arena and the module's data.
const PAGES_MAX: u64 = 2;

fn template() -> PathBuf {
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("template");
    let built = Command::new(env!("CARGO")).arg("wasm").current_dir(&template).env_remove("CARGO_TARGET_DIR").status();
    assert!(built.expect("cargo runs").success(), "the template builds");
    template.join("target/wasm32-unknown-unknown/release/greet.wasm")
}

/// The functions that a core module imports, and the pages that its memory begins with.
fn needs(module: &[u8]) -> (Vec<String>, u64) {
    let (mut functions, mut pages) = (Vec::new(), 0);
    for payload in Parser::new(0).parse_all(module) {
        match payload.expect("a module") {
            Payload::ImportSection(imports) => {
                let imports = imports.into_imports().map(|import| import.expect("an import"));
                let imports = imports.filter(|import| matches!(import.ty, TypeRef::Func(_)));
                functions.extend(imports.map(|import| format!("{} {}", import.module, import.name)));
            }
            Payload::MemorySection(memories) => {
                pages += memories.into_iter().map(|memory| memory.expect("a memory").initial).sum::<u64>();
            }
            _ => {}
        }
    }
    (functions, pages)
}

#[test]
fn of_the_template_is_the_fast_kind() {
    let module = std::fs::read(template()).expect("the module is there");
    let (functions, pages) = needs(&module);
    assert_eq!(functions, Vec::<String>::new(), "what is not used is not imported");
    assert!((1..=PAGES_MAX).contains(&pages), "{pages} pages");

    let encoder = wit_component::ComponentEncoder::default().module(&module).expect("carries its type");
    let component = encoder.validate(true).encode().expect("becomes a component");
    let wit = wit_component::decode(&component).expect("has a type");
    let resolve = wit.resolve();
    let (_, world) = resolve.worlds.iter().next().expect("has a world");
    let exports: Vec<_> = world.exports.keys().map(|key| resolve.name_world_key(key)).collect();
    assert_eq!(exports, ["handle"]);
    let functions: usize = resolve.interfaces.iter().map(|(_, interface)| interface.functions.len()).sum();
    assert_eq!(functions, 0, "the component imports a type and no function");
}
