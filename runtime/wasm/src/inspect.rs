//! What a module's bytes are, before anything is compiled.

use crate::module::{ModuleError, PAGE_BYTES};
use crate::reactor::{HANDLE, INITIALIZE};
use std::borrow::Cow;
use wasmparser::{Parser, Payload};
use wit_component::ComponentEncoder;

/// Custom sections of this name hold the world that a core module was written against.
const WORLD_SECTION: &str = "component-type";

/// Bytes that can be compiled.
pub(crate) enum Binary<'a> {
    /// A component, or a core module that was made one.
    Component(Cow<'a, [u8]>),
    /// A core module that is to be a WASI command.
    Core(&'a [u8]),
}

/// Tells components from core modules, and makes a component of a core module that carries its world: this is
/// what wit-bindgen leaves in a plain `wasm32-unknown-unknown` build.
pub(crate) fn inspect(bytes: &[u8]) -> Result<Binary<'_>, ModuleError> {
    if Parser::is_component(bytes) {
        return Ok(Binary::Component(Cow::Borrowed(bytes)));
    }
    if !Parser::is_core_wasm(bytes) {
        return Err(ModuleError::NotWasm);
    }
    let core = survey(bytes).map_err(|error| ModuleError::Invalid(error.to_string()))?;
    if !core.has_world || core.is_command {
        return Ok(Binary::Core(bytes));
    }
    if core.imports_wasi {
        return Err(ModuleError::NeedsAdapter);
    }
    // What is encoded is validated when it is compiled.
    let encoded = ComponentEncoder::default().module(bytes).and_then(|mut encoder| encoder.encode());
    encoded
        .map(|component| Binary::Component(Cow::Owned(component)))
        .map_err(|error| ModuleError::Invalid(format!("{error:#}")))
}

/// The size of the largest memory that an instance starts with, as the module declares it. Zero where it cannot be read:
/// what is wrong with it is told when it is compiled.
pub(crate) fn memory_bytes_min(bytes: &[u8]) -> u64 {
    let mut pages = 0;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload {
            Ok(Payload::MemorySection(memories)) => {
                pages = memories.into_iter().flatten().map(|memory| memory.initial).fold(pages, u64::max);
            }
            Ok(_) => {}
            Err(_) => return 0,
        }
    }
    pages.saturating_mul(PAGE_BYTES)
}

/// Whether an instance runs code of the module's before it is called, as far as its bytes can be read.
pub(crate) fn runs_at_start(bytes: &[u8]) -> bool {
    let starts =
        |payload| matches!(payload, Ok(Payload::StartSection { .. } | Payload::ComponentStartSection { .. }) | Err(_));
    Parser::new(0).parse_all(bytes).any(starts)
}

/// Whether this is a core module with a start-up that comes before its calls, rather than being them.
pub(crate) fn starts_up(bytes: &[u8]) -> bool {
    Parser::is_core_wasm(bytes)
        && survey(bytes).is_ok_and(|core| core.starts_up && core.handles && !core.has_world && !core.is_command)
}

#[derive(Default)]
struct Survey {
    has_world: bool,
    imports_wasi: bool,
    is_command: bool,
    handles: bool,
    starts_up: bool,
}

fn survey(bytes: &[u8]) -> Result<Survey, wasmparser::BinaryReaderError> {
    let mut core = Survey::default();
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::CustomSection(section) => core.has_world |= section.name().starts_with(WORLD_SECTION),
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    core.imports_wasi |= import?.module.starts_with("wasi_");
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    match export?.name {
                        "_start" => core.is_command = true,
                        HANDLE => core.handles = true,
                        INITIALIZE => core.starts_up = true,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    Ok(core)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_memory_is_found_in_components_too() {
        let of = |text: &str| memory_bytes_min(&wat::parse_str(text).unwrap());
        assert_eq!(of("(module)"), 0);
        assert_eq!(of("(module (memory 3) (memory 2 7))"), 3 * PAGE_BYTES);
        assert_eq!(of("(component (core module (memory 1)) (component (core module (memory 5))))"), 5 * PAGE_BYTES);
        assert_eq!(memory_bytes_min(b"\0asm\x01\0\0\0\x05"), 0);
    }

    #[test]
    fn a_start_is_found_in_components_too() {
        let of = |text: &str| runs_at_start(&wat::parse_str(text).unwrap());
        assert!(!of("(module (func))"));
        assert!(of("(module (func) (start 0))"));
        assert!(!of("(component (core module (func)))"));
        assert!(of("(component (component (core module) (core module (func) (start 0))))"));
        assert!(runs_at_start(b"\0asm\x01\0\0\0\x05"), "what can't be read may do anything");
    }
}
