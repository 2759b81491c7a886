//! Reactors: how they are called, and where their instances begin.

use crate::guests::{echo, reactor, reactor_draws};
use crate::host::{function_in, invoke, sandbox};
use fleetstep_document::Text;
use fleetstep_wasm::{ConfigError, Function, FunctionConfig, ModuleKind, Sandbox, SandboxConfig, Start};
use std::collections::BTreeMap;
use std::sync::Arc;

async fn load(sandbox: &Sandbox, module: Vec<u8>, start: Start) -> Result<Arc<Function>, String> {
    let module = sandbox.load_as(module.into(), start).await.map_err(|error| error.to_string())?;
    Ok(Function::new(sandbox, Text::from("f"), Text::from("arn:f"), module, FunctionConfig::default()))
}

#[tokio::test]
async fn a_reactor_is_called_as_a_task() {
    let sandbox = sandbox(SandboxConfig::default());
    let post = r#"(global $after (mut i32) (i32.const 0))
        (func (export "cabi_post_handle") (param i32) (global.set $after (local.get 0)))"#;
    for items in ["", post] {
        let echo = reactor(items, "(call $ok (local.get $ptr) (local.get $len))");
        let function = function_in(&sandbox, echo, FunctionConfig::default()).await;
        assert_eq!(function.module().kind(), ModuleKind::Reactor);
        assert_eq!(invoke(&function, r#"{"a":[1]}"#).await.unwrap().to_json(), r#"{"a":[1]}"#);
    }
    let fails = r#"(data (i32.const 1024) "OutOfStock no cups")"#;
    let body = "(call $err (i32.const 1024) (i32.const 10) (i32.const 1035) (i32.const 7))";
    let function = function_in(&sandbox, reactor(fails, body), FunctionConfig::default()).await;
    let failure = invoke(&function, "{}").await.unwrap_err();
    assert_eq!(failure.error.as_deref(), Some("OutOfStock"));
    assert_eq!(failure.cause.as_deref(), Some(r#"{"errorMessage":"no cups","errorType":"OutOfStock"}"#));
    let function = function_in(&sandbox, reactor("", "(i32.const 65530)"), FunctionConfig::default()).await;
    let failure = invoke(&function, "{}").await.unwrap_err();
    assert!(failure.cause.unwrap().contains("the result lies outside of the memory"));
}

#[tokio::test]
async fn what_a_reactor_must_export_is_said() {
    let sandbox = sandbox(SandboxConfig::default());
    let whole = String::from(
        r#"(module (memory (export "memory") 1)
            (func (export "handle") (param i32 i32) (result i32) (i32.const 0))
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0)))"#,
    );
    for (there, instead, said) in [
        ("(export \"memory\")", "", "`memory` as a memory"),
        ("(param i32 i32) (result i32)", "(param i32) (result i32)", "`handle` as `func(event"),
        ("cabi_realloc", "realloc", "`cabi_realloc` as"),
        ("(memory ", "(func (export \"_initialize\") (param i32)) (memory ", "`_initialize` as"),
        ("(memory ", "(import \"env\" \"f\" (func)) (memory ", "env.f"),
    ] {
        let module = wat::parse_str(whole.replacen(there, instead, 1)).unwrap();
        let error = load(&sandbox, module, Start::Fresh).await.unwrap_err();
        assert!(error.contains(said), "{said} is not in: {error}");
    }
    assert!(load(&sandbox, wat::parse_str(&whole).unwrap(), Start::Fresh).await.is_ok());
}

#[tokio::test]
async fn a_start_up_runs_for_each_instance_or_once_for_all() {
    let dir = tempfile::tempdir().unwrap();
    let cached = || sandbox(SandboxConfig { cache_dir: Some(dir.path().join("cache")), ..SandboxConfig::default() });
    let mut drawn = Vec::new();
    for (start, sandbox) in
        [(Start::Preinitialised, cached()), (Start::Fresh, cached()), (Start::Preinitialised, cached())]
    {
        let function = load(&sandbox, reactor_draws(), start).await.unwrap();
        assert_eq!(function.module().is_preinitialised(), start == Start::Preinitialised);
        let [a, b] = [invoke(&function, "{}").await.unwrap(), invoke(&function, "{}").await.unwrap()];
        assert_eq!(a.to_json().len(), 9);
        assert_eq!(a == b, start == Start::Preinitialised, "{a} and {b}");
        drawn.push(a);
    }
    assert_ne!(drawn[0], drawn[1]);
    assert_eq!(drawn[0], drawn[2], "what was kept starts as it did");
}

#[tokio::test]
async fn both_ways_to_start_are_modules_of_their_own() {
    let sandbox = sandbox(SandboxConfig::default());
    let fresh = load(&sandbox, reactor_draws(), Start::Fresh).await.unwrap();
    let started = load(&sandbox, reactor_draws(), Start::Preinitialised).await.unwrap();
    assert_eq!(fresh.module().digest(), started.module().digest());
    assert!(!Arc::ptr_eq(fresh.module(), started.module()));
    let environment = BTreeMap::from([("A".to_owned(), "1".to_owned())]);
    let config = FunctionConfig { environment, ..FunctionConfig::default() };
    assert_eq!(sandbox.check(fresh.module(), &config), Ok(()));
    assert_eq!(sandbox.check(started.module(), &config), Err(ConfigError::StartedWithout));
}

#[tokio::test]
async fn what_cannot_be_started_ahead_is_refused() {
    let sandbox = sandbox(SandboxConfig::default());
    let initialize = |body: &str| {
        let items = format!("(table 1 funcref) (func (export \"_initialize\") {body})");
        reactor(&items, "(call $ok (local.get $ptr) (local.get $len))")
    };
    for (module, said) in [
        (echo(), "it is no reactor"),
        (reactor("", "unreachable"), "it is no reactor"),
        (initialize("unreachable"), "unreachable"),
        (initialize("(table.set (i32.const 0) (ref.null func))"), "table.set"),
    ] {
        let error = load(&sandbox, module, Start::Preinitialised).await.unwrap_err();
        assert!(error.contains("can't be pre-initialised") && error.contains(said), "{said} is not in: {error}");
    }
    let grows = initialize("(if (i32.eq (memory.grow (i32.const 300)) (i32.const -1)) (then unreachable))");
    let function = load(&sandbox, grows, Start::Preinitialised).await.unwrap();
    assert_eq!(function.module().memory_bytes_min(), 301 << 16);
    assert_eq!(invoke(&function, "[1]").await.unwrap().to_json(), "[1]");
}
