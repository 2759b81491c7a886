//! What is there again when a catalog is opened over the same directory.

use super::support::{PASS, call, calling, create, echoes, function_arn, open, sandbox, says, task};
use fleetstep_catalog::{
    Catalog, CatalogConfig, Change, FunctionSettings, MemoryStore, OpenError, PageRequest, RecordKind, RedbStore,
    StateMachine, StateMachineError, Store, Stored, UpdateStateMachine,
};
use std::fs;
use std::path::Path;
use std::sync::Arc;

async fn at(dir: &Path) -> Catalog {
    open(Arc::new(RedbStore::open(dir).await.unwrap())).await
}

fn modules(dir: &Path) -> Vec<String> {
    let names = fs::read_dir(dir.join("modules")).unwrap();
    let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn everything_is_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = at(dir.path()).await;
    let settings = FunctionSettings { memory_mib: 9, timeout_seconds: 8, ..FunctionSettings::default() };
    catalog.put_function("echo", echoes(), Some(settings)).await.unwrap();
    let machine = calling(&catalog, "m", &function_arn("echo")).await;
    let update = UpdateStateMachine { role_arn: Some("arn:aws:iam::0:role/x".into()), ..Default::default() };
    let machine = catalog.update_state_machine(&machine.arn, update).await.unwrap().machine;
    let gone = create(&catalog, "gone", PASS).await.unwrap().machine;
    catalog.delete_state_machine(&gone.arn).await.unwrap();
    let function = catalog.describe_function("echo").unwrap();
    drop(catalog);

    let catalog = at(dir.path()).await;
    let same = |machine: &StateMachine| {
        let StateMachine { arn, definition, format, role_arn, created, updated, revision_id, logging, .. } =
            machine.clone();
        format!(
            "{arn:?} {definition} {format:?} {role_arn} {created:?} {updated:?} {revision_id:?} {}",
            logging.to_json()
        )
    };
    let page = catalog.list_state_machines(&PageRequest::default()).unwrap();
    assert_eq!(page.items.len(), 1);
    assert_eq!(same(&page.items[0]), same(&machine));
    assert_eq!(call(&page.items[0], r#"{"a":0.0}"#).await.unwrap(), r#"{"a":0.0}"#);
    assert_eq!(format!("{:?}", catalog.describe_function("echo").unwrap()), format!("{function:?}"));
    assert!(create(&catalog, "m", &machine.definition).await.unwrap().existed);
}

#[tokio::test]
async fn modules_stay_while_a_function_has_them() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = at(dir.path()).await;
    for name in ["a", "b"] {
        catalog.put_function(name, says("1"), None).await.unwrap();
    }
    let first = modules(dir.path());
    assert_eq!(first.len(), 1, "the same contents are kept once");
    let put = catalog.put_function("a", says("2"), None).await.unwrap();
    assert_eq!(modules(dir.path()).len(), 2);
    catalog.delete_function("b").await.unwrap();
    assert_eq!(modules(dir.path()), [format!("{}.wasm", put.function.module_sha256)]);
    catalog.put_function("a", says("2"), None).await.unwrap();
    assert_eq!(modules(dir.path()).len(), 1, "the same module put again stays");
    drop(catalog);

    // What a crash between two writes leaves behind.
    for name in [".new-x1", &first[0], "not-ours.txt"] {
        fs::write(dir.path().join("modules").join(name), "left").unwrap();
    }
    let catalog = at(dir.path()).await;
    assert_eq!(modules(dir.path()), [format!("{}.wasm", put.function.module_sha256), "not-ours.txt".to_owned()]);
    drop(catalog);
}

#[tokio::test]
async fn a_function_whose_module_is_damaged_or_missing_stays_visible() {
    for damage in [|path: &Path| fs::write(path, "damaged").unwrap(), |path: &Path| fs::remove_file(path).unwrap()] {
        let dir = tempfile::tempdir().unwrap();
        let catalog = at(dir.path()).await;
        catalog.put_function("f", says("1"), None).await.unwrap();
        calling(&catalog, "m", &function_arn("f")).await;
        drop(catalog);
        damage(&dir.path().join("modules").join(&modules(dir.path())[0]));

        let store = Arc::new(RedbStore::open(dir.path()).await.unwrap());
        let catalog = Catalog::open(CatalogConfig::default(), sandbox(), store).await.unwrap();
        let [problem] = catalog.problems() else { panic!("{:?}", catalog.problems()) };
        assert!(problem.starts_with("function 'f' can't be called: "), "{problem}");
        let function = catalog.describe_function("f").unwrap();
        assert_eq!(function.kind, None);
        let machine = catalog.state_machine("m").unwrap();
        let failure = call(&machine, "{}").await.unwrap_err();
        assert_eq!(failure.error.as_deref(), Some("Lambda.ResourceNotReadyException"));
        let told = function.problem.unwrap();
        assert!(!told.contains('/'), "{told} names a file of the host");
        assert!(failure.cause.unwrap().contains(&told));
        let put = catalog.put_function("f", says("1"), None).await.unwrap();
        assert_eq!((put.created, put.function.problem), (false, None));
        assert_eq!(call(&machine, "{}").await.unwrap(), "1");
    }
}

fn record(kind: RecordKind, name: &str, json: &str) -> Change {
    Change::Put(Stored { kind, name: name.to_owned(), bytes: json.as_bytes().to_vec() })
}

#[tokio::test]
async fn a_definition_that_no_longer_compiles_stays_visible() {
    let store = Arc::new(MemoryStore::default());
    let catalog = open(store.clone()).await;
    create(&catalog, "old", PASS).await.unwrap();
    let kept = store.load_all().await.unwrap().remove(0);
    let kept = String::from_utf8(kept.bytes).unwrap().replace("Pass", "Gone");
    store.write(vec![record(RecordKind::StateMachine, "old", &kept)]).await.unwrap();

    let catalog = Catalog::open(CatalogConfig::default(), sandbox(), store.clone()).await.unwrap();
    let [problem] = catalog.problems() else { panic!("{:?}", catalog.problems()) };
    assert!(problem.starts_with("state machine 'old' can't be started: "), "{problem}");
    let machine = catalog.state_machine("old").unwrap();
    assert!(!machine.runnable.as_ref().unwrap_err().is_empty());
    assert!(machine.definition.contains("Gone"));
    let error = create(&catalog, "old", &machine.definition).await.unwrap_err();
    assert!(matches!(error, StateMachineError::InvalidDefinition(_)), "{error}");
    let update = UpdateStateMachine { definition: Some((PASS.into(), machine.format)), ..Default::default() };
    assert!(catalog.update_state_machine(&machine.arn, update).await.unwrap().machine.runnable.is_ok());
    assert_eq!(open(store).await.state_machine("old").unwrap().definition, PASS);
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_named() {
    for (kind, json, message) in [
        (RecordKind::StateMachine, "{\"definition\": \"{", "the record of state machine 'r' can't be read: EOF"),
        (RecordKind::Function, "\u{0}", "the record of function 'r' can't be read: "),
        (RecordKind::Function, "{}", "the record of function 'r' can't be read: missing field"),
    ] {
        let store = Arc::new(MemoryStore::default());
        store.write(vec![record(kind, "r", json)]).await.unwrap();
        let Err(OpenError::Store(error)) = Catalog::open(CatalogConfig::default(), sandbox(), store).await.map(drop)
        else {
            panic!("{json}: no error of the store");
        };
        assert!(error.to_string().starts_with(message), "{error}");
    }
}

#[tokio::test]
async fn many_machines_come_back() {
    let store = Arc::new(MemoryStore::default());
    let catalog = open(store.clone()).await;
    for n in 0..40 {
        create(&catalog, &format!("m{n}"), &task(&function_arn(&format!("f{n}")))).await.unwrap();
    }
    drop(catalog);
    let catalog = open(store).await;
    let page = catalog.list_state_machines(&PageRequest::default()).unwrap();
    assert_eq!(page.items.len(), 40);
    assert!(page.items.iter().all(|machine| machine.runnable.is_ok()));
}
