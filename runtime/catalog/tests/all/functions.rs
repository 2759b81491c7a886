//! The operations on functions.

use super::support::{begin, call, calling, echoes, empty, function_arn, says, says_after};
use bytes::Bytes;
use fleetstep_catalog::{BucketGrant, FunctionError, FunctionSettings, Grants, PageRequest, Secrets};
use fleetstep_wasm::Digest;
use std::collections::BTreeMap;
use std::time::Duration;

#[tokio::test]
async fn a_function_is_described_as_it_was_put() {
    let catalog = empty().await;
    let settings = FunctionSettings {
        memory_mib: 16,
        timeout_seconds: 7,
        concurrency_max: 3,
        reuse: 1,
        preinitialise: false,
        environment: BTreeMap::from([("STAGE".to_owned(), "test".to_owned())]),
        secrets: Secrets(BTreeMap::from([("TOKEN".to_owned(), "correct horse".to_owned())])),
        grants: Grants { keyvalue: vec![BucketGrant::new("default")], ..Grants::default() },
        description: "echoes".into(),
    };
    let put = catalog.put_function("echo", echoes(), Some(settings.clone())).await.unwrap();
    assert!(put.created);
    let function = catalog.describe_function("echo").unwrap();
    assert_eq!(function.arn.as_text(), &function_arn("echo"));
    assert_eq!(function.settings, settings);
    assert_eq!((function.kind, function.module_bytes), (Some("command"), echoes().len() as u64));
    assert_eq!(function.module_sha256, Digest::of(&echoes()).to_string());

    let again = catalog.put_function("echo", says("1"), None).await.unwrap();
    assert!(!again.created);
    assert_eq!((again.function.settings, again.function.created), (settings, function.created));
    assert_ne!(again.function.module_sha256, function.module_sha256);
}

#[tokio::test]
async fn functions_are_listed_and_deleted() {
    let catalog = empty().await;
    for name in ["b", "a"] {
        catalog.put_function(name, says("1"), None).await.unwrap();
    }
    let names = || {
        let page = catalog.list_functions(&PageRequest::default()).unwrap();
        page.items.iter().map(|function| function.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(), ["a", "b"]);
    catalog.delete_function("a").await.unwrap();
    assert_eq!(names(), ["b"]);
    for error in [catalog.delete_function("a").await.unwrap_err(), catalog.describe_function("a").unwrap_err()] {
        assert_eq!(error.to_string(), format!("Function not found: {}", function_arn("a")));
    }
}

#[tokio::test]
async fn what_cannot_be_put_is_refused() {
    let catalog = empty().await;
    for module in [&b"not wasm"[..], b"", b"\0asm\x01\0\0\0"] {
        let error = catalog.put_function("f", Bytes::from_static(module), None).await.unwrap_err();
        assert!(matches!(error, FunctionError::InvalidModule(_)), "{error}");
    }
    let error = catalog.put_function("a.b", says("1"), None).await.unwrap_err();
    assert!(matches!(error, FunctionError::InvalidName(_)), "{error}");
    let right = FunctionSettings { memory_mib: 8, ..FunctionSettings::default() };
    let variable = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
    for (settings, named) in [
        (FunctionSettings { memory_mib: 0, ..right.clone() }, "memory_mib"),
        (FunctionSettings { memory_mib: u32::MAX, ..right.clone() }, "memory_mib"),
        (FunctionSettings { memory_mib: 129, ..right.clone() }, "memory"),
        (FunctionSettings { timeout_seconds: 301, ..right.clone() }, "timeout_seconds"),
        (FunctionSettings { concurrency_max: 0, ..right.clone() }, "concurrency_max"),
        (FunctionSettings { environment: variable("1A", ""), ..right.clone() }, "'1A'"),
        (FunctionSettings { environment: variable("A", &"v".repeat(4_096)), ..right.clone() }, "4097 bytes"),
        (FunctionSettings { environment: variable("A", "\0"), ..right.clone() }, "environment"),
        (FunctionSettings { secrets: Secrets(variable("A", "1234567")), ..right.clone() }, "less than 8 bytes"),
        (FunctionSettings { secrets: Secrets(variable("1A", "12345678")), ..right.clone() }, "'1A'"),
        (
            FunctionSettings {
                environment: variable("A", "shown"),
                secrets: Secrets(variable("A", "12345678")),
                ..right.clone()
            },
            "'A' is in the environment too",
        ),
        (FunctionSettings { description: "d".repeat(257), ..right.clone() }, "description"),
    ] {
        let error = catalog.put_function("f", says("1"), Some(settings)).await.unwrap_err();
        assert!(matches!(&error, FunctionError::InvalidSettings(text) if text.contains(named)), "{named}: {error}");
    }
    assert!(catalog.list_functions(&PageRequest::default()).unwrap().items.is_empty());
}

#[tokio::test]
async fn settings_change_without_a_new_module() {
    let catalog = empty().await;
    let wait = says_after(Duration::from_secs(30), "1");
    let settings = FunctionSettings { memory_mib: 8, timeout_seconds: 60, ..FunctionSettings::default() };
    let before = catalog.put_function("f", wait, Some(settings.clone())).await.unwrap().function;
    let settings = FunctionSettings { timeout_seconds: 1, ..settings };
    let after = catalog.configure_function("f", settings.clone()).await.unwrap();
    assert_eq!((after.settings, &after.module_sha256), (settings, &before.module_sha256));
    let machine = calling(&catalog, "m", &function_arn("f")).await;
    let failure = call(&machine, "{}").await.unwrap_err();
    assert_eq!(failure.error.as_deref(), Some("Sandbox.Timedout"));
    let error = catalog.configure_function("g", FunctionSettings::default()).await.unwrap_err();
    assert!(matches!(error, FunctionError::NotFound { .. }));
}

#[tokio::test]
async fn calls_of_a_module_that_was_replaced_count_in_the_concurrency() {
    let catalog = empty().await;
    let settings = FunctionSettings { memory_mib: 8, concurrency_max: 1, ..FunctionSettings::default() };
    catalog.put_function("f", says_after(Duration::from_secs(30), "1"), Some(settings)).await.unwrap();
    let machine = calling(&catalog, "m", &function_arn("f")).await;
    let running = begin(&machine, "{}");
    catalog.put_function("f", says("2"), None).await.unwrap();
    let failure = call(&machine, "{}").await.unwrap_err();
    assert_eq!(failure.error.as_deref(), Some("Lambda.TooManyRequestsException"));
    drop(running);
    assert_eq!(call(&machine, "{}").await.unwrap(), "2");
}
