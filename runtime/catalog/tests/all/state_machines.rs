//! The operations on state machines.

use super::support::{PASS, call, create, creation, empty, json, open, task};
use fleetstep_catalog::{
    MemoryStore, PageRequest, StateMachineArn, StateMachineError, StateMachineStatus, UpdateStateMachine,
};
use fleetstep_document::Document;
use std::sync::Arc;

const OTHER: &str = r#"{"StartAt": "B", "States": {"B": {"Type": "Succeed"}}}"#;

#[tokio::test]
async fn a_machine_is_described_as_it_was_created() {
    let catalog = empty().await;
    let mut request = creation("orders", PASS);
    request.tags.insert("team".into(), "sales".into());
    let created = catalog.create_state_machine(request).await.unwrap();
    assert!(!created.existed);

    let arn = StateMachineArn::parse("arn:aws:states:us-east-1:000000000000:stateMachine:orders").unwrap();
    let machine = catalog.describe_state_machine(&arn).unwrap();
    assert_eq!((machine.name.as_str(), machine.definition.as_str()), ("orders", PASS));
    assert_eq!(machine.status, StateMachineStatus::Active);
    assert_eq!((machine.created, machine.revision_id.as_deref()), (machine.updated, None));
    assert_eq!(machine.logging.to_json(), r#"{"level":"OFF","includeExecutionData":false}"#);
    assert_eq!(machine.tracing.to_json(), r#"{"enabled":false}"#);
    assert_eq!(catalog.tags(&arn).unwrap()["team"], "sales");
    assert!(machine.runnable.is_ok());
}

#[tokio::test]
async fn the_very_same_creation_answers_as_the_first() {
    let catalog = empty().await;
    let first = create(&catalog, "m", PASS).await.unwrap();
    // Role and tags are no difference, nor is what is the default anyway.
    let mut request = creation("m", PASS);
    request.role_arn = "arn:aws:iam::000000000000:role/other".into();
    request.logging = Some(json(r#"{"includeExecutionData": false, "level": "OFF"}"#));
    let second = catalog.create_state_machine(request).await.unwrap();
    assert!(second.existed && Arc::ptr_eq(&first.machine, &second.machine));

    let mut logging = creation("m", PASS);
    logging.logging = Some(json(r#"{"level": "ALL"}"#));
    let mut tracing = creation("m", PASS);
    tracing.tracing = Some(json(r#"{"enabled": true}"#));
    let spaces = format!(" {PASS}");
    for request in [creation("m", OTHER), creation("m", &spaces), logging, tracing] {
        let error = catalog.create_state_machine(request).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "State Machine Already Exists: 'arn:aws:states:us-east-1:000000000000:stateMachine:m'"
        );
    }
}

#[tokio::test]
async fn an_update_is_a_new_machine_beside_the_old() {
    let catalog = empty().await;
    let old = create(&catalog, "m", PASS).await.unwrap().machine;
    let update = UpdateStateMachine { definition: Some((OTHER.into(), old.format)), ..Default::default() };
    let new = catalog.update_state_machine(&old.arn, update).await.unwrap().machine;
    assert_eq!((new.definition.as_str(), &new.role_arn, new.created), (OTHER, &old.role_arn, old.created));
    let revision = new.revision_id.clone().unwrap();

    let update = UpdateStateMachine { role_arn: Some("arn:aws:iam::0:role/x".into()), ..Default::default() };
    let newest = catalog.update_state_machine(&old.arn, update).await.unwrap().machine;
    assert_eq!((newest.definition.as_str(), newest.role_arn.as_str()), (OTHER, "arn:aws:iam::0:role/x"));
    assert_ne!(newest.revision_id.clone().unwrap(), revision);
    let (before, after) = (new.runnable.as_ref().unwrap(), newest.runnable.as_ref().unwrap());
    assert!(Arc::ptr_eq(&before.program, &after.program), "an update without definition compiles nothing");
    assert_eq!(old.definition, PASS, "whoever holds the old one keeps it");

    let error = catalog.update_state_machine(&old.arn, UpdateStateMachine::default()).await.unwrap_err();
    assert!(matches!(error, StateMachineError::NothingToUpdate));
    let update = UpdateStateMachine { definition: Some(("{}".into(), old.format)), ..Default::default() };
    let error = catalog.update_state_machine(&old.arn, update).await.unwrap_err();
    assert!(matches!(error, StateMachineError::InvalidDefinition(_)));
    assert_eq!(catalog.state_machine("m").unwrap().revision_id, newest.revision_id, "a refused update changes nothing");
}

#[tokio::test]
async fn a_deleted_machine_is_gone_and_deleting_again_is_fine() {
    let catalog = empty().await;
    let machine = create(&catalog, "m", PASS).await.unwrap().machine;
    assert!(catalog.delete_state_machine(&machine.arn).await.unwrap());
    assert!(catalog.state_machine("m").is_none());
    assert!(!catalog.delete_state_machine(&machine.arn).await.unwrap());
    let error = catalog.describe_state_machine(&machine.arn).unwrap_err();
    assert_eq!(
        error.to_string(),
        "State Machine Does Not Exist: 'arn:aws:states:us-east-1:000000000000:stateMachine:m'"
    );
    assert!(!create(&catalog, "m", OTHER).await.unwrap().existed, "its name is free");
}

#[tokio::test]
async fn versions_and_other_places_are_other_machines() {
    let catalog = empty().await;
    create(&catalog, "m", PASS).await.unwrap();
    for text in [
        "arn:aws:states:us-east-1:000000000000:stateMachine:m:1",
        "arn:aws:states:eu-west-1:000000000000:stateMachine:m",
        "arn:aws:states:us-east-1:111111111111:stateMachine:m",
    ] {
        let arn = StateMachineArn::parse(text).unwrap();
        let error = catalog.describe_state_machine(&arn).unwrap_err();
        assert_eq!(error.to_string(), format!("State Machine Does Not Exist: '{text}'"));
        assert!(!catalog.delete_state_machine(&arn).await.unwrap_or(false));
    }
    assert!(catalog.state_machine("m").is_some());
}

#[tokio::test]
async fn a_wrong_definition_is_refused_with_everything_that_is_wrong() {
    let catalog = empty().await;
    let definition = r#"{"StartAt": "A", "States": {
        "A": {"Type": "Pass", "Next": "Nowhere"},
        "B": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "End": true}}}"#;
    let StateMachineError::InvalidDefinition(diagnostics) = create(&catalog, "m", definition).await.unwrap_err() else {
        panic!("another error");
    };
    assert!(diagnostics.len() >= 2, "{diagnostics:?}");
    let activity = task("arn:aws:states:us-east-1:000000000000:activity:work");
    let error = create(&catalog, "m", &activity).await.unwrap_err();
    assert!(matches!(error, StateMachineError::InvalidDefinition(_)), "{error}");
    assert!(error.to_string().contains("not support"), "{error}");
    let error = create(&catalog, "a name", PASS).await.unwrap_err();
    assert_eq!(error.to_string(), "Invalid Name: 'a name'");
    assert!(catalog.list_state_machines(&PageRequest::default()).unwrap().items.is_empty());
}

#[tokio::test]
async fn what_nothing_is_bound_to_is_warned_of_and_fails_when_it_is_called() {
    let catalog = empty().await;
    let created = create(&catalog, "m", &task("arn:aws:states:::dynamodb:getItem")).await.unwrap();
    let [warning] = &created.warnings[..] else { panic!("{:?}", created.warnings) };
    assert_eq!(warning.message, "Nothing is bound to arn:aws:states:::dynamodb:getItem: every call of it fails");
    let failure = call(&created.machine, "{}").await.unwrap_err();
    assert_eq!(failure.error.as_deref(), Some("Fleetstep.ResourceNotBound"));
    // Nobody starts executions here.
    let created = create(&catalog, "n", &task("arn:aws:states:::states:startExecution")).await.unwrap();
    assert!(created.warnings.is_empty());
    let failure = call(&created.machine, r#"{"StateMachineArn": "x"}"#).await.unwrap_err();
    assert_eq!(failure.error.as_deref(), Some("States.Runtime"));
}

#[tokio::test]
async fn activities_survive_a_restart() {
    let store = Arc::new(MemoryStore::default());
    let catalog = open(store.clone()).await;
    let made = catalog.create_activity("paint", [("k".to_owned(), "v".to_owned())].into()).await.unwrap();
    catalog.create_activity("dry", Default::default()).await.unwrap();
    catalog
        .delete_activity(&catalog.activity("arn:aws:states:us-east-1:000000000000:activity:dry").unwrap().arn)
        .await
        .unwrap();
    let catalog = open(store).await;
    assert_eq!(catalog.list_activities(&PageRequest::default()).unwrap().items, [made]);
    assert_eq!(catalog.activity("arn:aws:states:us-east-1:111111111111:activity:paint"), None);
}

#[tokio::test]
async fn machines_are_listed_by_name_in_pages() {
    let catalog = empty().await;
    for name in ["c", "a", "d", "b"] {
        create(&catalog, name, PASS).await.unwrap();
    }
    let mut request = PageRequest { items_max: 3, token: None };
    let first = catalog.list_state_machines(&request).unwrap();
    request.token = first.next_token;
    let second = catalog.list_state_machines(&request).unwrap();
    let names: Vec<_> = first.items.iter().chain(&second.items).map(|machine| machine.name.as_str()).collect();
    assert_eq!((names, second.next_token), (vec!["a", "b", "c", "d"], None));
    request.token = Some("made up".into());
    let error = catalog.list_state_machines(&request).unwrap_err();
    assert_eq!(error.to_string(), "Invalid Token: 'made up'");
}

#[tokio::test]
async fn an_execution_is_named_after_its_machine() {
    let catalog = empty().await;
    let machine = create(&catalog, "orders", PASS).await.unwrap().machine;
    let identity = machine.identity(Some("run-1"));
    let prefix = "arn:aws:states:us-east-1:000000000000:express:orders:run-1:";
    let id = identity.execution_arn.strip_prefix(prefix).unwrap();
    assert_eq!((id.len(), identity.execution_name.as_str()), (36, "run-1"));
    assert_eq!(identity.state_machine_arn, *machine.arn.as_text());
    let unnamed = machine.identity(None);
    assert_eq!(unnamed.execution_name.len(), 36);
    assert_ne!(unnamed.execution_arn, machine.identity(None).execution_arn);
}

#[tokio::test]
async fn creations_at_the_same_time_make_one_machine() {
    let catalog = empty().await;
    let creations = (0..8).map(|n| {
        let catalog = catalog.clone();
        let definition = if n % 2 == 0 { PASS } else { OTHER };
        tokio::spawn(async move { create(&catalog, "m", definition).await })
    });
    let mut made = 0;
    for creation in creations.collect::<Vec<_>>() {
        match creation.await.unwrap() {
            Ok(created) => made += usize::from(!created.existed),
            Err(error) => assert!(matches!(error, StateMachineError::AlreadyExists { .. })),
        }
    }
    assert_eq!(made, 1);
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_no_half_change() {
    let catalog = empty().await;
    for n in 0..50 {
        let name = format!("m{n}");
        let creation = create(&catalog, &name, PASS);
        // Polled a few times, then dropped.
        let _ = tokio::time::timeout(std::time::Duration::from_micros(n * 20), creation).await;
    }
    // A change that began is carried to its end before the next begins.
    create(&catalog, "last", PASS).await.unwrap();
    let page = catalog.list_state_machines(&PageRequest::default()).unwrap();
    for machine in &page.items {
        let Ok(again) = create(&catalog, &machine.name, PASS).await else { panic!("{} differs", machine.name) };
        assert!(again.existed);
    }
    assert_eq!(page.items.last().unwrap().logging.get("level"), Some(&Document::from("OFF")));
}
