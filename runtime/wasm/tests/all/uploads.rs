//! What is accepted, what is refused and why, and what the cache is good for.

use crate::guests::{self, command, echo};
use crate::host::{function_in, invoke, sandbox};
use fleetstep_wasm::{ConfigError, FunctionConfig, ModuleKind, SandboxConfig};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The module is refused with an error whose text holds all of these.
async fn check_refused(module: impl Into<Vec<u8>>, texts: &[&str]) {
    let sandbox = sandbox(SandboxConfig { module_bytes_max: 1 << 20, ..SandboxConfig::default() });
    let error = sandbox.load(module.into().into()).await.expect_err("the module should be refused").to_string();
    for text in texts {
        assert!(error.contains(text), "{text:?} is not in: {error}");
    }
}

fn binary(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

#[tokio::test]
async fn kinds_are_told_apart_by_what_they_export() {
    let sandbox = sandbox(SandboxConfig::default());
    for (module, kind) in [
        (echo(), ModuleKind::Task),
        (command(""), ModuleKind::Command),
        (guests::command_component(0), ModuleKind::Command),
    ] {
        let len = module.len() as u64;
        let module = sandbox.load(module.into()).await.unwrap();
        assert_eq!((module.kind(), module.bytes_len()), (kind, len));
    }
}

#[tokio::test]
async fn a_core_module_that_carries_the_world_is_made_a_component() {
    let sandbox = sandbox(SandboxConfig::default());
    let context = r#"(import "fleetstep:task/context@0.1.0" "retry-count" (func (result i32)))"#;
    for import in ["", context] {
        let function = function_in(&sandbox, guests::core_task(import), FunctionConfig::default()).await;
        assert_eq!(function.module().kind(), ModuleKind::Task);
        assert_eq!(invoke(&function, "[1]").await.unwrap().to_json(), "[1]");
    }
    let wasi = r#"(import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))"#;
    check_refused(guests::core_task(wasi), &["build it for wasm32-unknown-unknown or wasm32-wasip2"]).await;
    check_refused(guests::core_task(r#"(import "env" "f" (func))"#), &["not valid", "env"]).await;
    let no_handle = [binary("(module)"), world_section(&guests::core_task(""))].concat();
    check_refused(no_handle, &["not valid", "handle"]).await;
    let broken_world = [binary("(module)"), vec![0, 16, 14], b"component-type".to_vec(), vec![7]].concat();
    check_refused(broken_world, &["not valid"]).await;
}

/// The custom section at the end of a module that carries a world.
fn world_section(module: &[u8]) -> Vec<u8> {
    let name = module.windows(14).rposition(|bytes| bytes == b"component-type").unwrap();
    // Before the name stand its length, the section's length in two bytes, and the section's number.
    module[name - 4..].to_vec()
}

#[tokio::test]
async fn what_is_no_module_is_refused() {
    check_refused("", &["not WebAssembly", "expected a component that exports `handle"]).await;
    check_refused("(module)", &["not WebAssembly"]).await;
    check_refused([0x7f, b'E', b'L', b'F'], &["not WebAssembly"]).await;
    check_refused([b"\0asm\x01\0\0\0".as_slice(), &[0xff; 20]].concat(), &["not valid"]).await;
    check_refused([b"\0asm\x0d\0\x01\0".as_slice(), &[0xff; 20]].concat(), &["not valid"]).await;
    let mut cut = echo();
    cut.truncate(cut.len() / 2);
    check_refused(cut, &["not valid"]).await;
    check_refused(vec![0; (1 << 20) + 1], &["1048577 bytes", "1048576 are allowed"]).await;
}

#[tokio::test]
async fn what_exports_nothing_to_call_is_refused() {
    check_refused(binary("(module)"), &["exports nothing", "`_start`"]).await;
    check_refused(binary("(module (func (export \"run\")))"), &["exports `run`"]).await;
    check_refused(binary("(component)"), &["exports nothing"]).await;
    check_refused(binary("(module (func (export \"_start\") (param i32)))"), &["`_start` must be a function"]).await;
    let other_type = r#"(component
        (core module $m (func (export "handle")))
        (core instance $i (instantiate $m))
        (func $handle (canon lift (core func $i "handle")))
        (export "handle" (func $handle)))"#;
    check_refused(binary(other_type), &["wrong type", "handle: func(event: string)"]).await;
}

#[tokio::test]
async fn imports_that_nobody_answers_are_named() {
    // A component that would hand its requests to another one, past what it is granted itself.
    for name in ["wasi:http/incoming-handler@0.2.0", "wasi:http/handler@0.3.0", "wasi:keyvalue/store@0.1.0"] {
        check_refused(guests::task_that_imports(name), &[name, "it may import"]).await;
    }
    check_refused(guests::task_that_imports("fleetstep:task/context@0.2.0"), &["fleetstep:task/context@0.2.0"]).await;
    check_refused(guests::task_that_imports("fleetstep:task/context@0.1.0"), &["do not match", "context"]).await;
    let core = r#"(module (import "env" "f" (func)) (import "env" "g" (func)) (func (export "_start")))"#;
    check_refused(binary(core), &["env.f, env.g"]).await;
    let unknown = r#"(module (import "wasi_snapshot_preview1" "no_such" (func)) (func (export "_start")))"#;
    check_refused(binary(unknown), &["do not match", "no_such"]).await;
}

#[tokio::test]
async fn what_starts_too_large_is_refused() {
    check_refused(binary("(module (table 100001 funcref) (func (export \"_start\")))"), &["100001", "100000"]).await;
    let tables =
        |count: usize| binary(&format!("(module {} (func (export \"_start\")))", "(table 1 funcref)".repeat(count)));
    check_refused(tables(5), &["defined tables count of 5"]).await;
    check_refused(binary("(module (memory 1) (memory 1) (func (export \"_start\")))"), &["memories"]).await;
    let memory = |pages: u32| binary(&format!("(module (memory {pages}) (func (export \"_start\")))"));
    let sandbox = sandbox(SandboxConfig { memory_bytes_max: 1 << 20, ..SandboxConfig::default() });
    assert!(sandbox.load(memory(17).into()).await.is_err());
    assert!(sandbox.load(memory(16).into()).await.is_ok());
    assert!(sandbox.load(tables(4).into()).await.is_ok());
}

#[tokio::test]
async fn a_module_is_tried() {
    let traps = binary("(module (func $f unreachable) (start $f) (func (export \"_start\")))");
    check_refused(traps, &["when it was tried", "unreachable"]).await;
}

#[tokio::test]
async fn a_configuration_is_checked_against_the_module() {
    let sandbox = sandbox(SandboxConfig { memory_bytes_max: 1 << 20, ..SandboxConfig::default() });
    let module = sandbox.load(echo().into()).await.unwrap();
    assert_eq!(module.memory_bytes_min(), 8 << 16);
    let check = |config: FunctionConfig| sandbox.check(&module, &config);
    let good = FunctionConfig { memory_bytes_max: 1 << 20, ..FunctionConfig::default() };
    assert_eq!(check(good.clone()), Ok(()));
    let (given, needed, allowed) = ((8 << 16) - 1, 8 << 16, 1 << 20);
    let small = FunctionConfig { memory_bytes_max: given, ..good.clone() };
    assert_eq!(check(small), Err(ConfigError::MemoryTooSmall { needed, given }));
    let large = FunctionConfig { memory_bytes_max: allowed + 1, ..good.clone() };
    assert_eq!(check(large), Err(ConfigError::MemoryTooLarge { given: allowed + 1, allowed }));
    assert_eq!(check(FunctionConfig { timeout: Duration::ZERO, ..good.clone() }), Err(ConfigError::Zero));
    assert_eq!(check(FunctionConfig { concurrency_max: 0, ..good }), Err(ConfigError::Zero));
}

#[tokio::test]
async fn what_is_loaded_is_answered_at_once() {
    let sandbox = sandbox(SandboxConfig::default());
    let (a, b) = tokio::join!(sandbox.load(echo().into()), sandbox.load(echo().into()));
    assert!(Arc::ptr_eq(&a.unwrap(), &b.unwrap()));
}

#[tokio::test]
async fn an_artefact_serves_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let cached = || sandbox(SandboxConfig { cache_dir: Some(dir.path().join("cache")), ..SandboxConfig::default() });
    // Of two engines: the last one begins with a small memory.
    for module in [echo(), guests::command_echo(), guests::core_task("")] {
        let first = cached().load(module.clone().into()).await.unwrap();
        let written = files(&dir.path().join("cache"));
        let sandbox = cached();
        let function = function_in(&sandbox, module, FunctionConfig::default()).await;
        assert_eq!((function.module().digest(), function.module().kind()), (first.digest(), first.kind()));
        assert_eq!(invoke(&function, "[1]").await.unwrap().to_json(), "[1]");
        // Whoever compiles writes: new files, with other numbers.
        assert_eq!(files(&dir.path().join("cache")), written);
    }
}

#[tokio::test]
async fn a_cache_that_cannot_be_written_fails_no_load() {
    let dir = tempfile::tempdir().unwrap();
    let cache_dir = dir.path().join("cache");
    let sandbox = sandbox(SandboxConfig { cache_dir: Some(cache_dir.clone()), ..SandboxConfig::default() });
    std::fs::remove_dir_all(&cache_dir).unwrap();
    let function = function_in(&sandbox, echo(), FunctionConfig::default()).await;
    assert_eq!(invoke(&function, "[1]").await.unwrap().to_json(), "[1]");
    assert!(!cache_dir.exists());
}

fn files(dir: &Path) -> Vec<(std::ffi::OsString, u64)> {
    use std::os::unix::fs::DirEntryExt;
    let mut files: Vec<_> =
        std::fs::read_dir(dir).unwrap().map(|f| f.map(|f| (f.file_name(), f.ino())).unwrap()).collect();
    files.sort();
    files
}
