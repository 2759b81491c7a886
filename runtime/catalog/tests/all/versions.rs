//! Versions, aliases and tags.

use super::support::{PASS, create, creation, empty, open};
use fleetstep_catalog::{
    ALIASES_MAX, AliasRequest, Catalog, MemoryStore, PageRequest, Publication, RedbStore, RouteRequest, StateMachine,
    StateMachineArn, UpdateStateMachine,
};
use std::collections::BTreeMap;
use std::sync::Arc;

const MACHINE: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:m";

/// A definition whose text tells it from others.
fn numbered(number: u32) -> String {
    format!(r#"{{"StartAt": "A", "States": {{"A": {{"Type": "Pass", "Result": {number}, "End": true}}}}}}"#)
}

fn arn(qualifier: &str) -> StateMachineArn {
    let text = if qualifier.is_empty() { MACHINE.to_owned() } else { format!("{MACHINE}:{qualifier}") };
    StateMachineArn::parse(&text).unwrap()
}

/// A machine with so many versions, numbered as their definitions are.
async fn with_versions(catalog: &Catalog, count: u32) {
    create(catalog, "m", &numbered(0)).await.unwrap();
    for number in 1..=count {
        update(catalog, &numbered(number), true).await;
    }
}

async fn update(catalog: &Catalog, definition: &str, publish: bool) -> Option<u32> {
    let update = UpdateStateMachine {
        definition: Some((definition.to_owned(), fleetstep_catalog::DefinitionFormat::Json)),
        publish: publish.then(Publication::default),
        ..UpdateStateMachine::default()
    };
    let updated = catalog.update_state_machine(&arn(""), update).await.unwrap();
    updated.version.map(|version| version.number)
}

fn alias(name: &str, routes: &[(&str, u32)]) -> AliasRequest {
    let route = |(qualifier, weight): &(&str, u32)| RouteRequest {
        version_arn: arn(qualifier).as_text().to_string(),
        weight: *weight,
    };
    AliasRequest { name: name.to_owned(), description: None, routes: routes.iter().map(route).collect() }
}

fn definition(machine: &StateMachine) -> String {
    machine.definition.to_string()
}

#[tokio::test]
async fn a_revision_has_one_version_and_numbers_are_not_given_twice() {
    let catalog = empty().await;
    let mut request = creation("m", PASS);
    request.publish = Some(Publication { description: Some("d".into()) });
    let created = catalog.create_state_machine(request).await.unwrap();
    let first = created.version.unwrap();
    assert_eq!((first.number, first.description.as_deref()), (1, Some("d")));
    assert_eq!(first.arn, arn("1"));
    assert!(Arc::ptr_eq(&first.machine, &created.machine));
    assert_eq!(update(&catalog, PASS, true).await, Some(1), "nothing changed: it is the same revision");
    assert_eq!(catalog.state_machine("m").unwrap().revision_id, None);
    let published = catalog.publish_version(&arn(""), Some("INITIAL".into()), Some("other".into())).await.unwrap();
    assert!(Arc::ptr_eq(&published, &first));

    assert_eq!(update(&catalog, &numbered(2), true).await, Some(2));
    catalog.delete_version(&arn("2")).await.unwrap();
    assert_eq!(update(&catalog, &numbered(2), true).await, Some(3), "the revision has none any more");
    assert_eq!(update(&catalog, PASS, true).await, Some(4), "an old definition is a new revision");
    let revision = catalog.state_machine("m").unwrap().revision_id.clone().unwrap().to_string();
    assert_eq!(catalog.publish_version(&arn(""), Some(revision), None).await.unwrap().number, 4);
    let error = catalog.publish_version(&arn(""), Some("INITIAL".into()), None).await.unwrap_err();
    assert!(error.to_string().starts_with("Failed to publish the State Machine version for revision INITIAL."));
    for (number, expected) in [("1", Some(PASS.to_owned())), ("2", None), ("3", Some(numbered(2))), ("5", None)] {
        let found = catalog.version(&arn(number)).ok().map(|version| definition(&version.machine));
        assert_eq!(found, expected, "version {number}");
    }
    assert!(catalog.target(&format!("{MACHINE}:01")).is_err(), "a number has no zeros before it");
}

#[tokio::test]
async fn a_start_by_a_version_or_an_alias_knows_both() {
    let catalog = empty().await;
    with_versions(&catalog, 2).await;
    catalog.create_alias(alias("live", &[("1", 100)])).await.unwrap();
    for (qualifier, number, version, by_alias) in [
        ("", 2, None, None),
        ("1", 1, Some("1"), None),
        ("2", 2, Some("2"), None),
        ("live", 1, Some("1"), Some("live")),
    ] {
        let text = arn(qualifier).as_text().clone();
        let target = catalog.target(&text).unwrap();
        assert_eq!(definition(&target.machine), numbered(number), "{text}");
        let identity = target.identity(Some("n"));
        assert!(identity.execution_arn.starts_with("arn:aws:states:us-east-1:000000000000:express:m:n:"), "{text}");
        assert_eq!((&*identity.state_machine_arn, &*identity.state_machine_name), (MACHINE, "m"));
        let qualified = |part: Option<&str>| part.map(|part| arn(part).as_text().clone());
        assert_eq!(identity.state_machine_version_arn, qualified(version), "{text}");
        assert_eq!(identity.state_machine_alias_arn, qualified(by_alias), "{text}");
    }
    // Names that look like parts of an ARN are names all the same.
    for name in ["stateMachine", "1", "live"] {
        create(&catalog, name, PASS).await.unwrap();
        let own = MACHINE.replace(":m", &format!(":{name}"));
        assert_eq!(catalog.target(&own).unwrap().machine.name, name);
        assert_eq!(catalog.target(arn("live").as_text()).unwrap().machine.name, "m");
    }
    for absent in ["m:3", "m:dead", "none", "none:1"] {
        let text = MACHINE.replace(":m", &format!(":{absent}"));
        let error = catalog.target(&text).unwrap_err().to_string();
        assert_eq!(error, format!("State Machine Does Not Exist: '{text}'"));
    }
    let elsewhere = arn("live").as_text().replace("us-east-1", "eu-west-1");
    assert!(catalog.target(&elsewhere).is_err(), "another region is another alias");
    for text in ["", ":", "::", "m", "m:1", "a:b:c"] {
        let error = catalog.target(text).unwrap_err().to_string();
        assert!(error.starts_with("Invalid Arn: '"), "{text}: {error}");
    }
}

#[tokio::test]
async fn an_alias_divides_starts_by_weight() {
    const STARTS: u32 = 20_000;
    // The generator is this thread's own, and nothing else runs on it.
    fastrand::seed(3);
    let catalog = empty().await;
    with_versions(&catalog, 2).await;
    for (name, weights) in [("a", (100, 0)), ("b", (0, 100)), ("c", (90, 10)), ("d", (50, 50)), ("e", (1, 99))] {
        catalog.create_alias(alias(name, &[("1", weights.0), ("2", weights.1)])).await.unwrap();
        let text = arn(name).as_text().clone();
        let runs_first = |_: &u32| catalog.target(&text).unwrap().version_arn.unwrap() == *arn("1").as_text();
        let firsts = (0..STARTS).filter(runs_first).count() as f64 / f64::from(STARTS);
        let expected = f64::from(weights.0) / 100.0;
        let exact = weights.0 % 100 == 0;
        let tolerance = if exact { 0.0 } else { 0.01 };
        assert!((firsts - expected).abs() <= tolerance, "{name}: {firsts} of the starts, not {expected}");
    }
    let main = |name: &str| catalog.alias(&arn(name)).unwrap().main_version().number;
    assert_eq!(["a", "b", "c", "d", "e"].map(main), [1, 2, 1, 1, 2]);
}

#[tokio::test]
async fn an_alias_holds_its_versions() {
    let catalog = empty().await;
    with_versions(&catalog, 3).await;
    catalog.create_alias(alias("x", &[("1", 50), ("2", 50)])).await.unwrap();
    let again = catalog.create_alias(alias("x", &[("2", 50), ("1", 50)])).await.unwrap();
    assert_eq!(again.created, again.updated, "the order of routes is no difference");
    for (routes, message) in [
        (&[("1", 60), ("2", 40)][..], "an alias with the same name and a different routing configuration"),
        (&[("9", 100)], "Request references a resource that does not exist."),
        (&[("1", 100), ("2", 1)], "Sum of routing configuration weights must equal 100. Received: [100, 1]"),
        (&[("1", u32::MAX), ("2", 101)], "Sum of routing configuration weights must equal 100."),
        (&[], "must contain one or two versions"),
        (&[("1", 1), ("2", 1), ("3", 98)], "must contain one or two versions"),
        (&[("x", 100)], "must contain state machine version ARNs"),
    ] {
        let error = catalog.create_alias(alias("x", routes)).await.unwrap_err().to_string();
        assert!(error.contains(message), "{routes:?}: {error}");
    }
    let error = catalog.delete_version(&arn("2")).await.unwrap_err().to_string();
    assert!(error.ends_with("Current list of aliases referencing this version: [x]"), "{error}");
    let routes = alias("x", &[("3", 100)]).routes;
    catalog.update_alias(&arn("x"), None, Some(routes)).await.unwrap();
    catalog.delete_version(&arn("2")).await.unwrap();

    let listed = |of: &str| {
        let page = catalog.list_aliases(&arn(of), &PageRequest::default()).unwrap();
        page.items.iter().map(|alias| alias.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!((listed(""), listed("1"), listed("3")), (vec!["x".to_owned()], vec![], vec!["x".to_owned()]));
    catalog.delete_state_machine(&arn("")).await.unwrap();
    create(&catalog, "m", PASS).await.unwrap();
    assert_eq!(listed(""), [""; 0], "versions and aliases went with their machine");
    assert!(catalog.version(&arn("1")).is_err());
}

#[tokio::test]
async fn versions_and_aliases_come_in_pages() {
    let catalog = empty().await;
    with_versions(&catalog, 12).await;
    for name in ["c", "a", "d", "b"] {
        catalog.create_alias(alias(name, &[("1", 100)])).await.unwrap();
    }
    let mut numbers = Vec::new();
    let mut request = PageRequest { items_max: 5, token: None };
    loop {
        let page = catalog.list_versions(&arn(""), &request).unwrap();
        numbers.extend(page.items.iter().map(|version| version.number));
        request.token = page.next_token;
        if request.token.is_none() {
            break;
        }
    }
    assert_eq!(numbers, (1..=12).rev().collect::<Vec<_>>());
    let first = catalog.list_aliases(&arn(""), &PageRequest { items_max: 3, token: None }).unwrap();
    let second = catalog.list_aliases(&arn(""), &PageRequest { items_max: 3, token: first.next_token }).unwrap();
    let names: Vec<_> = first.items.iter().chain(&second.items).map(|alias| alias.name.as_str()).collect();
    assert_eq!((names, second.next_token), (vec!["a", "b", "c", "d"], None));
}

#[tokio::test]
async fn there_is_an_end_to_aliases_and_tags() {
    let catalog = empty().await;
    with_versions(&catalog, 1).await;
    for number in 0..ALIASES_MAX {
        catalog.create_alias(alias(&format!("a{number}"), &[("1", 100)])).await.unwrap();
    }
    let error = catalog.create_alias(alias("more", &[("1", 100)])).await.unwrap_err().to_string();
    assert!(error.contains("has 100 aliases"), "{error}");
    let tags = |numbers: std::ops::Range<u32>| -> BTreeMap<String, String> {
        numbers.map(|number| (format!("k{number}"), "v".to_owned())).collect()
    };
    catalog.tag(&arn(""), tags(0..50)).await.unwrap();
    catalog.tag(&arn(""), tags(10..20)).await.unwrap();
    let error = catalog.tag(&arn(""), tags(49..51)).await.unwrap_err().to_string();
    assert!(error.contains("50 tags"), "{error}");
    assert_eq!(catalog.tags(&arn("")).unwrap().len(), 50, "a refused change changes nothing");
    let mut request = creation("n", PASS);
    request.tags = tags(0..51);
    assert!(catalog.create_state_machine(request).await.is_err());
}

/// All that can be seen of what is published under a name.
fn everything(catalog: &Catalog) -> String {
    let page = PageRequest::default();
    let versions = catalog.list_versions(&arn(""), &page).unwrap().items;
    let versions: Vec<_> = versions
        .iter()
        .map(|version| {
            let machine = &version.machine;
            let revision = (&machine.definition, &machine.role_arn, &machine.revision_id, machine.updated);
            format!("{} {:?} {:?} {revision:?}", version.arn.as_text(), version.description, version.created)
        })
        .collect();
    let aliases = catalog.list_aliases(&arn(""), &page).unwrap().items;
    let aliases: Vec<_> = aliases
        .iter()
        .map(|alias| {
            let routes: Vec<_> = alias.routes.iter().map(|route| (route.version.number, route.weight)).collect();
            format!("{:?} {:?} {routes:?} {:?} {:?}", alias.arn, alias.description, alias.created, alias.updated)
        })
        .collect();
    format!("{versions:#?} {aliases:#?} {:?}", catalog.tags(&arn("")).unwrap())
}

#[tokio::test]
async fn what_is_published_survives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = open(Arc::new(RedbStore::open(dir.path()).await.unwrap())).await;
    with_versions(&catalog, 3).await;
    let role = Some("arn:aws:iam::000000000000:role/other".to_owned());
    let publish = Some(Publication { description: Some("with another role".into()) });
    let update = UpdateStateMachine { role_arn: role, publish, ..UpdateStateMachine::default() };
    catalog.update_state_machine(&arn(""), update).await.unwrap();
    update_and_forget(&catalog).await;
    let before = everything(&catalog);
    drop(catalog);

    let catalog = open(Arc::new(RedbStore::open(dir.path()).await.unwrap())).await;
    assert_eq!(everything(&catalog), before);
    let target = catalog.target(arn("kept").as_text()).unwrap();
    assert_eq!(definition(&target.machine), numbered(1));
    assert!(target.machine.runnable.is_ok());
    let of = |number: &str| catalog.version(&arn(number)).unwrap().machine.clone();
    let (third, fourth) = (of("3"), of("4"));
    let programs = [&third, &fourth].map(|machine| &machine.runnable.as_ref().unwrap().program);
    assert!(Arc::ptr_eq(programs[0], programs[1]), "one text is compiled once");
    assert_eq!(update_number(&catalog).await, 5, "a number that was deleted is not given again");
}

/// An alias that stays, one that goes, and a version that goes.
async fn update_and_forget(catalog: &Catalog) {
    catalog.create_alias(alias("kept", &[("1", 100), ("3", 0)])).await.unwrap();
    catalog.update_alias(&arn("kept"), Some("d".into()), None).await.unwrap();
    catalog.create_alias(alias("gone", &[("2", 100)])).await.unwrap();
    catalog.delete_alias(&arn("gone")).await.unwrap();
    catalog.delete_version(&arn("2")).await.unwrap();
    catalog.tag(&arn(""), BTreeMap::from([("a".into(), "1".into()), ("b".into(), String::new())])).await.unwrap();
    catalog.untag(&arn(""), vec!["a".into()]).await.unwrap();
}

async fn update_number(catalog: &Catalog) -> u32 {
    update(catalog, &numbered(77), true).await.unwrap()
}

#[tokio::test]
async fn a_store_of_the_first_schema_opens() {
    let dir = tempfile::tempdir().unwrap();
    drop(RedbStore::open(dir.path()).await.unwrap());
    let database = redb::Database::open(dir.path().join("catalog.redb")).unwrap();
    let transaction = database.begin_write().unwrap();
    let meta = redb::TableDefinition::<&str, u64>::new("meta");
    transaction.open_table(meta).unwrap().insert("schema", 1).unwrap();
    for table in ["state_machine_versions", "state_machine_aliases"] {
        let table = redb::TableDefinition::<&str, &[u8]>::new(table);
        assert!(transaction.delete_table(table).unwrap());
    }
    // As the first release wrote it.
    let record = br#"{"definition":"{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}","format":"json",
        "role_arn":"arn:aws:iam::000000000000:role/r","type":"EXPRESS","created_micros":1700000000000000,
        "updated_micros":1700000000000000,"revision_id":null,"logging":"{\"level\":\"OFF\"}",
        "tracing":"{\"enabled\":false}","description":null,"tags":{"team":"red"}}"#;
    let machines = redb::TableDefinition::<&str, &[u8]>::new("state_machines");
    transaction.open_table(machines).unwrap().insert("m", record.as_slice()).unwrap();
    transaction.commit().unwrap();
    drop(database);

    for number in [1, 2] {
        let catalog = open(Arc::new(RedbStore::open(dir.path()).await.unwrap())).await;
        assert_eq!(catalog.tags(&arn("")).unwrap()["team"], "red");
        assert!(catalog.target(MACHINE).unwrap().machine.runnable.is_ok());
        assert_eq!(update(&catalog, &numbered(number), true).await, Some(number));
    }
}

#[tokio::test]
async fn publishing_at_the_same_time_makes_one_version() {
    let catalog = open(Arc::new(MemoryStore::default())).await;
    create(&catalog, "m", PASS).await.unwrap();
    let publishing = (0..8).map(|_| {
        let catalog = catalog.clone();
        tokio::spawn(async move { catalog.publish_version(&arn(""), None, None).await.unwrap().number })
    });
    for published in publishing.collect::<Vec<_>>() {
        assert_eq!(published.await.unwrap(), 1);
    }
    // A start and an update meet: whoever runs sees a whole revision.
    catalog.create_alias(alias("x", &[("1", 100)])).await.unwrap();
    let changing = tokio::spawn({
        let catalog = catalog.clone();
        async move {
            for number in 1..20 {
                update(&catalog, &numbered(number), true).await;
            }
        }
    });
    while !changing.is_finished() {
        let target = catalog.target(arn("x").as_text()).unwrap();
        assert_eq!(
            (definition(&target.machine), target.version_arn.as_ref()),
            (PASS.to_owned(), Some(arn("1").as_text()))
        );
        tokio::task::yield_now().await;
    }
    changing.await.unwrap();
}
