//! Versions, aliases, tags and the reserved concurrency of functions: published, called, kept.

use super::support::{LAMBDA_INVOKE, begin, call, calling, empty, end, function_arn, json, open, says, says_after};
use fleetstep_catalog::{
    Catalog, FUNCTION_WEIGHTS_SUM, FunctionAliasChange, FunctionChange, FunctionError, FunctionExpected, FunctionRoute,
    FunctionSettings, FunctionVersion, PageRequest, PublishFunction, RedbStore, StateMachine,
};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const ONE: FunctionVersion = FunctionVersion::Number(1);
const HALF: u32 = FUNCTION_WEIGHTS_SUM / 2;

async fn at(dir: &Path) -> Catalog {
    open(Arc::new(RedbStore::open(dir).await.unwrap())).await
}

fn modules(dir: &Path) -> usize {
    std::fs::read_dir(dir.join("modules")).unwrap().count()
}

async fn publish(catalog: &Catalog, name: &str) -> FunctionVersion {
    catalog.publish_function(name, PublishFunction::default()).await.unwrap().version
}

/// A function `f` with two versions, which say 1 and 2, while what was put last says 3.
async fn published(catalog: &Catalog) {
    for (says_what, version) in [("1", 1), ("2", 2)] {
        catalog.put_function("f", says(says_what), None).await.unwrap();
        assert_eq!(publish(catalog, "f").await, FunctionVersion::Number(version));
    }
    catalog.put_function("f", says("3"), None).await.unwrap();
}

async fn alias(catalog: &Catalog, name: &str, version: FunctionVersion, second: Option<(u32, u32)>) {
    let route = FunctionRoute { version, second };
    catalog.create_function_alias("f", name, route, String::new()).await.unwrap();
}

/// What a machine says that calls `f` by each of these qualifiers.
async fn answers(machine: &StateMachine, inputs: &[&str]) -> Vec<String> {
    let mut all = Vec::new();
    for input in inputs {
        let answer = json(&call(machine, input).await.unwrap());
        all.push(answer.get("Payload").unwrap().to_json());
    }
    all
}

const BY_QUALIFIER: [&str; 5] = [
    r#"{"FunctionName":"f"}"#,
    r#"{"FunctionName":"f:1"}"#,
    r#"{"FunctionName":"f","Qualifier":"2"}"#,
    r#"{"FunctionName":"f:live"}"#,
    r#"{"FunctionName":"f","Qualifier":"$LATEST"}"#,
];

#[tokio::test]
async fn tasks_call_versions_and_aliases() {
    let catalog = empty().await;
    let before = calling(&catalog, "before", &function_arn("f:live")).await;
    published(&catalog).await;
    let failure = call(&before, "{}").await.unwrap_err();
    let missing = format!("Function not found: {}", function_arn("f:live"));
    assert!(failure.cause.unwrap().starts_with(&missing), "the alias is not there yet");
    alias(&catalog, "live", ONE, None).await;
    for (name, says_what) in [("f", "3"), ("f:$LATEST", "3"), ("f:1", "1"), ("f:2", "2"), ("f:live", "1")] {
        let machine = calling(&catalog, &name.replace([':', '$'], "-"), &function_arn(name)).await;
        assert_eq!(call(&machine, "{}").await.unwrap(), says_what, "{name}");
    }
    assert_eq!(call(&before, "{}").await.unwrap(), "1");
    let invoke = calling(&catalog, "invoke", LAMBDA_INVOKE).await;
    assert_eq!(answers(&invoke, &BY_QUALIFIER).await, ["3", "1", "2", "1", "3"]);
    let answer = json(&call(&invoke, BY_QUALIFIER[3]).await.unwrap());
    assert_eq!(answer.get("ExecutedVersion").unwrap().as_str(), Some("1"), "the version, not the alias");
    let headers = answer.get("SdkHttpMetadata").unwrap().get("HttpHeaders").unwrap().to_json();
    assert_eq!(headers, r#"{"X-Amz-Executed-Version":"1","Content-Type":"application/json"}"#);
}

#[tokio::test]
async fn an_alias_divides_calls_and_moves_on() {
    let catalog = empty().await;
    published(&catalog).await;
    alias(&catalog, "live", ONE, Some((2, HALF))).await;
    let machine = calling(&catalog, "m", &function_arn("f:live")).await;
    let mut seen = [0; 2];
    for _ in 0..200 {
        let version: usize = call(&machine, "{}").await.unwrap().parse().unwrap();
        seen[version - 1] += 1;
    }
    // That one of them has less than 40 has a chance of one in 10^17.
    assert!(seen.iter().all(|times| *times >= 40), "{seen:?}");

    let there = catalog.function_alias("f", "live").unwrap();
    let change = FunctionAliasChange { second: Some(None), ..FunctionAliasChange::default() };
    let changed = catalog.update_function_alias("f", "live", change.clone()).await.unwrap();
    assert_ne!(changed.revision_id, there.revision_id);
    assert_eq!((changed.route.version, changed.route.second), (ONE, None));
    let stale = FunctionAliasChange { revision_id: Some(there.revision_id.to_string()), ..change };
    let error = catalog.update_function_alias("f", "live", stale).await.unwrap_err();
    assert!(matches!(error, FunctionError::OtherRevision), "{error}");
    for _ in 0..20 {
        assert_eq!(call(&machine, "{}").await.unwrap(), "1");
    }
}

#[tokio::test]
async fn what_has_not_changed_has_one_version() {
    let catalog = empty().await;
    catalog.put_function("f", says("1"), None).await.unwrap();
    assert_eq!(publish(&catalog, "f").await, ONE);
    assert_eq!(publish(&catalog, "f").await, ONE);
    let settings = FunctionSettings { memory_mib: 8, ..FunctionSettings::default() };
    catalog.configure_function("f", settings).await.unwrap();
    assert_eq!(publish(&catalog, "f").await, FunctionVersion::Number(2));
    catalog.delete_function_version("f", 2).await.unwrap();
    assert_eq!(publish(&catalog, "f").await, FunctionVersion::Number(3), "a number is never given twice");
    let page = catalog.list_function_versions("f", &PageRequest::default()).unwrap();
    let versions: Vec<String> = page.items.iter().map(|function| function.version.to_string()).collect();
    assert_eq!(versions, ["$LATEST", "1", "3"]);
    assert_eq!(page.items[1].settings.memory_mib, FunctionSettings::default().memory_mib, "a version stays as it was");
}

#[tokio::test]
async fn what_cannot_be_published_or_named_is_refused() {
    let catalog = empty().await;
    published(&catalog).await;
    alias(&catalog, "live", ONE, Some((2, 1))).await;
    let wrong = PublishFunction { code_sha256: Some("x".into()), ..PublishFunction::default() };
    let error = catalog.publish_function("f", wrong).await.unwrap_err();
    assert!(matches!(error, FunctionError::OtherCode { .. }), "{error}");
    let stale = PublishFunction { revision_id: Some("x".into()), ..PublishFunction::default() };
    assert!(matches!(catalog.publish_function("f", stale).await, Err(FunctionError::OtherRevision)));
    for number in [1, 2] {
        let error = catalog.delete_function_version("f", number).await.unwrap_err();
        assert!(matches!(error, FunctionError::VersionInUse { .. }), "{error}");
    }
    let route = |version, second| FunctionRoute { version, second };
    for (name, route, said) in [
        ("live", route(ONE, None), "Alias already exists"),
        ("other", route(FunctionVersion::Number(7), None), "Function not found"),
        ("other", route(ONE, Some((7, 1))), "Function not found"),
        ("other", route(FunctionVersion::Latest, Some((1, 1))), "$LATEST is not supported"),
    ] {
        let error = catalog.create_function_alias("f", name, route, String::new()).await.unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    assert!(matches!(catalog.function("f", Some("7")), Err(FunctionError::NotFound { .. })));
    assert!(matches!(catalog.function_alias("g", "live"), Err(FunctionError::AliasNotFound { .. })));
}

#[tokio::test]
async fn a_change_is_made_where_it_is_expected_to_be_and_a_dry_run_changes_nothing() {
    let catalog = empty().await;
    let of = |expected, says_what: &str| FunctionChange {
        module: Some((says(says_what), None)),
        ..FunctionChange::expecting(expected)
    };
    let one = |revision_id| FunctionExpected::One { revision_id };
    let error = catalog.change_function("f", of(one(None), "1")).await.unwrap_err();
    assert!(matches!(error, FunctionError::NotFound { .. }), "{error}");
    let made = catalog.change_function("f", of(FunctionExpected::Nothing, "1")).await.unwrap();
    assert!(made.created);
    let error = catalog.change_function("f", of(FunctionExpected::Nothing, "1")).await.unwrap_err();
    assert!(matches!(error, FunctionError::AlreadyExists { .. }), "{error}");
    let revision = made.function.revision_id.map(|revision| revision.to_string());
    let dry = FunctionChange { dry_run: true, ..of(one(revision.clone()), "2") };
    let would_be = catalog.change_function("f", dry).await.unwrap().function;
    assert_ne!(would_be.module_sha256, made.function.module_sha256);
    assert_eq!(catalog.describe_function("f").unwrap().module_sha256, made.function.module_sha256);
    catalog.change_function("f", of(one(revision.clone()), "2")).await.unwrap();
    let error = catalog.change_function("f", of(one(revision), "3")).await.unwrap_err();
    assert!(matches!(error, FunctionError::OtherRevision), "{error}");
}

#[tokio::test]
async fn all_versions_share_one_concurrency() {
    let catalog = empty().await;
    let wait = Duration::from_millis(400);
    catalog.put_function("f", says_after(wait, "1"), None).await.unwrap();
    publish(&catalog, "f").await;
    catalog.put_function("f", says_after(wait, "2"), None).await.unwrap();
    let (first, latest) =
        (calling(&catalog, "first", &function_arn("f:1")).await, calling(&catalog, "m", &function_arn("f")).await);
    catalog.reserve_concurrency("f", Some(1)).await.unwrap();
    let in_flight = begin(&first, "{}");
    for machine in [&first, &latest] {
        let failure = call(machine, "{}").await.unwrap_err();
        assert_eq!(failure.error.as_deref(), Some("Lambda.TooManyRequestsException"));
    }
    assert_eq!(end(in_flight).await.unwrap(), "1");
    catalog.reserve_concurrency("f", Some(0)).await.unwrap();
    assert!(call(&first, "{}").await.is_err() && call(&latest, "{}").await.is_err(), "0 lets nothing through");
    catalog.reserve_concurrency("f", None).await.unwrap();
    let (a, b) = (begin(&first, "{}"), begin(&latest, "{}"));
    assert_eq!((end(a).await.unwrap().as_str(), end(b).await.unwrap().as_str()), ("1", "2"));
}

#[tokio::test]
async fn all_of_it_comes_back_after_a_restart_and_goes_with_its_function() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = at(dir.path()).await;
    published(&catalog).await;
    alias(&catalog, "live", ONE, Some((2, 250_000))).await;
    alias(&catalog, "next", FunctionVersion::Latest, None).await;
    catalog.change_function_tags("f", |tags| drop(tags.insert("team".into(), "sales".into()))).await.unwrap();
    catalog.reserve_concurrency("f", Some(5)).await.unwrap();
    let (found, live) = (catalog.function("f", Some("1")).unwrap(), catalog.function_alias("f", "live").unwrap());
    drop(catalog);

    let catalog = at(dir.path()).await;
    let again = catalog.function("f", Some("1")).unwrap();
    assert_eq!(again.function.revision_id, found.function.revision_id);
    assert_eq!(again.tags.get("team").map(String::as_str), Some("sales"));
    assert_eq!(again.function.reserved_concurrency, Some(5));
    assert_eq!(*catalog.function_alias("f", "live").unwrap(), *live);
    let page = catalog.list_function_aliases("f", Some(FunctionVersion::Latest), &PageRequest::default()).unwrap();
    assert_eq!(page.items.iter().map(|alias| alias.name.as_str()).collect::<Vec<_>>(), ["next"]);
    let invoke = calling(&catalog, "invoke", LAMBDA_INVOKE).await;
    assert_eq!(answers(&invoke, &BY_QUALIFIER[..3]).await, ["3", "1", "2"]);
    assert_eq!(publish(&catalog, "f").await, FunctionVersion::Number(3), "the count goes on");
    assert_eq!(modules(dir.path()), 3);

    catalog.delete_function("f").await.unwrap();
    assert_eq!(modules(dir.path()), 0, "the modules of versions go with them");
    drop(catalog);
    assert!(matches!(at(dir.path()).await.function("f", None), Err(FunctionError::NotFound { .. })));
}

#[tokio::test]
async fn a_module_goes_with_the_last_version_that_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = at(dir.path()).await;
    published(&catalog).await;
    assert_eq!(modules(dir.path()), 3);
    catalog.delete_function_version("f", 1).await.unwrap();
    assert_eq!(modules(dir.path()), 2);
    catalog.put_function("f", says("2"), None).await.unwrap();
    assert_eq!(modules(dir.path()), 1, "the version has what was put last");
    catalog.delete_function_version("f", 2).await.unwrap();
    assert_eq!(modules(dir.path()), 1);
}

#[tokio::test]
async fn what_was_accepted_runs_again_with_the_version_that_its_alias_led_to() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = at(dir.path()).await;
    published(&catalog).await;
    alias(&catalog, "live", ONE, None).await;
    let direct = calling(&catalog, "direct", &function_arn("f:live")).await;
    let invoke = calling(&catalog, "invoke", LAMBDA_INVOKE).await;
    let other = calling(&catalog, "other", &function_arn("f")).await;
    let digests = [&direct, &invoke, &other].map(Arc::clone);
    let mut pins = Vec::new();
    for machine in &digests {
        pins.push(catalog.pin(machine).await.unwrap());
    }
    let change = FunctionAliasChange { version: Some(FunctionVersion::Number(2)), ..FunctionAliasChange::default() };
    catalog.update_function_alias("f", "live", change).await.unwrap();
    catalog.delete_function_version("f", 1).await.unwrap();
    assert_eq!(modules(dir.path()), 3, "the module of the version stays for those that were accepted");
    assert!(Arc::ptr_eq(&catalog.pin(&other).await.unwrap(), &pins[2]), "no version matters to who calls none");
    assert_eq!(call(&direct, "{}").await.unwrap(), "2");
    let digests: Vec<[u8; 32]> = pins.iter().map(|pin| *pin.digest()).collect();
    drop((catalog, pins, direct, invoke, other));

    let catalog = at(dir.path()).await;
    assert_eq!(modules(dir.path()), 3);
    let direct = catalog.restore(&digests[0]).await.unwrap();
    assert_eq!(call(&direct.machine, "{}").await.unwrap(), "1");
    let invoke = catalog.restore(&digests[1]).await.unwrap();
    assert_eq!(answers(&invoke.machine, &BY_QUALIFIER).await, ["3", "1", "2", "1", "3"]);
    drop((direct, invoke));
    catalog.sweep_pins().await.unwrap();
    assert_eq!(modules(dir.path()), 2);
}

/// A pin that held every version of every function would grow with each deployment.
#[tokio::test]
async fn who_may_call_any_function_is_pinned_to_aliases_and_calls_other_versions_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = at(dir.path()).await;
    published(&catalog).await;
    let invoke = calling(&catalog, "invoke", LAMBDA_INVOKE).await;
    let pin = catalog.pin(&invoke).await.unwrap();
    let digest = *pin.digest();
    catalog.delete_function_version("f", 1).await.unwrap();
    assert_eq!(modules(dir.path()), 2, "no alias led to it");
    alias(&catalog, "live", FunctionVersion::Number(2), None).await;
    drop((catalog, invoke, pin));

    let catalog = at(dir.path()).await;
    let restored = catalog.restore(&digest).await.unwrap();
    let (latest, second, live) = (BY_QUALIFIER[0], BY_QUALIFIER[2], BY_QUALIFIER[3]);
    assert_eq!(answers(&restored.machine, &[latest, second, live]).await, ["3", "2", "2"]);
    assert!(call(&restored.machine, BY_QUALIFIER[1]).await.is_err(), "it was deleted");

    catalog.delete_function("f").await.unwrap();
    catalog.put_function("f", says("4"), None).await.unwrap();
    assert_eq!(publish(&catalog, "f").await, ONE);
    let restored = catalog.restore(&digest).await.unwrap();
    assert_eq!(answers(&restored.machine, &[latest]).await, ["3"]);
    assert!(call(&restored.machine, BY_QUALIFIER[1]).await.is_err(), "that version is another function's");
}
