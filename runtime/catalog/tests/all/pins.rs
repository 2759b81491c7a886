//! What starts are pinned to: the same after a restart, whatever was deployed since.

use super::support::{PASS, call, calling, create, function_arn, json, open, says, task};
use fleetstep_catalog::{Catalog, PinError, RedbStore, UpdateStateMachine};
use std::path::Path;
use std::sync::Arc;

async fn at(dir: &Path) -> Catalog {
    open(Arc::new(RedbStore::open(dir).await.unwrap())).await
}

fn modules(dir: &Path) -> usize {
    std::fs::read_dir(dir.join("modules")).unwrap().count()
}

#[tokio::test]
async fn a_pin_lasts_until_what_it_names_changes() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = at(dir.path()).await;
    catalog.put_function("f", says("1"), None).await.unwrap();
    let machine = calling(&catalog, "m", &function_arn("f")).await;
    assert!(catalog.latest_pin(&machine).is_none());
    let first = catalog.pin(&machine).await.unwrap();
    assert_eq!(catalog.latest_pin(&machine).unwrap().digest(), first.digest());

    // Another function changes nothing, but has to be looked at.
    catalog.put_function("g", says("2"), None).await.unwrap();
    assert!(catalog.latest_pin(&machine).is_none());
    assert!(Arc::ptr_eq(&catalog.pin(&machine).await.unwrap(), &first));

    catalog.put_function("f", says("3"), None).await.unwrap();
    let second = catalog.pin(&machine).await.unwrap();
    assert_ne!(second.digest(), first.digest());
    assert_eq!(modules(dir.path()), 3, "the module of the first pin stays");
    drop(first);
    catalog.put_function("g", says("2"), None).await.unwrap();
    assert_eq!(modules(dir.path()), 2, "and goes with it");
}

#[tokio::test]
async fn a_program_that_calls_nothing_has_one_pin() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = at(dir.path()).await;
    let machine = create(&catalog, "m", PASS).await.unwrap().machine;
    let pin = catalog.pin(&machine).await.unwrap();
    catalog.put_function("f", says("1"), None).await.unwrap();
    assert!(Arc::ptr_eq(&catalog.latest_pin(&machine).unwrap(), &pin));
}

#[tokio::test]
async fn what_was_accepted_runs_again_with_its_revision_and_its_modules() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = at(dir.path()).await;
    catalog.put_function("f", says("1"), None).await.unwrap();
    let machine = calling(&catalog, "m", &function_arn("f")).await;
    let digest = *catalog.pin(&machine).await.unwrap().digest();
    catalog.put_function("f", says("2"), None).await.unwrap();
    let update = UpdateStateMachine { definition: Some((PASS.to_owned(), machine.format)), ..Default::default() };
    catalog.update_state_machine(&machine.arn, update).await.unwrap();
    drop(catalog);

    let catalog = at(dir.path()).await;
    let restored = catalog.restore(&digest).await.unwrap();
    assert_eq!(restored.machine.definition, machine.definition);
    assert_eq!(restored.machine.name, machine.name);
    assert_eq!(call(&restored.machine, "{}").await.unwrap(), "1");
    assert_eq!(modules(dir.path()), 2);
    catalog.sweep_pins().await.unwrap();
    assert_eq!(modules(dir.path()), 2, "the start is not finished");
    drop(restored);
    catalog.sweep_pins().await.unwrap();
    assert_eq!(modules(dir.path()), 1);
    let error = catalog.restore(&digest).await.unwrap_err();
    assert!(matches!(error, PinError::Unknown { .. }), "{error}");
}

#[tokio::test]
async fn what_was_deleted_runs_again_too() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = at(dir.path()).await;
    catalog.put_function("f", says("1"), None).await.unwrap();
    let machine = calling(&catalog, "m", "arn:aws:states:::lambda:invoke").await;
    let digest = *catalog.pin(&machine).await.unwrap().digest();
    catalog.delete_function("f").await.unwrap();
    catalog.delete_state_machine(&machine.arn).await.unwrap();
    drop((catalog, machine));

    let catalog = at(dir.path()).await;
    let restored = catalog.restore(&digest).await.unwrap();
    let answer = call(&restored.machine, r#"{"FunctionName":"f","Payload":{}}"#).await.unwrap();
    assert_eq!(json(&answer).get("Payload"), Some(&json("1")));
}

#[tokio::test]
async fn what_was_not_deployed_then_is_called_as_it_is_now() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = at(dir.path()).await;
    let machine = create(&catalog, "m", &task(&function_arn("f"))).await.unwrap().machine;
    let digest = *catalog.pin(&machine).await.unwrap().digest();
    drop((catalog, machine));

    let catalog = at(dir.path()).await;
    let restored = catalog.restore(&digest).await.unwrap();
    assert!(call(&restored.machine, "{}").await.is_err());
    catalog.put_function("f", says("1"), None).await.unwrap();
    assert_eq!(call(&restored.machine, "{}").await.unwrap(), "1");
}
