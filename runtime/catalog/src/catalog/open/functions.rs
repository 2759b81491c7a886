//! Functions, their versions and their aliases.

use super::{Inner, LOADING_MAX, deploy, unreadable};
use crate::function::Deployed;
use crate::record::{self, FunctionAliasRecord, FunctionRecord};
use crate::release::{FunctionVersion, Releases};
use crate::{FunctionDescription, OpenError, RecordKind, StoreError, Stored};
use fleetstep_document::Text;
use futures_util::stream::{self, StreamExt as _};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Puts the functions of `records` into an empty catalog.
pub(super) async fn bring_back(inner: &mut Inner, records: &[Stored]) -> Result<(), OpenError> {
    let of_kind = |kind| records.iter().filter(move |stored| stored.kind == kind);
    let mut releases = BTreeMap::new();
    let mut latest = Vec::new();
    for stored in of_kind(RecordKind::Function) {
        let record: FunctionRecord = record::read(stored).map_err(|message| unreadable(stored, message))?;
        let (tags, versions_published) = (record.tags.clone(), record.versions_published);
        latest.push(described(inner, stored, record, &stored.name, FunctionVersion::Latest)?);
        releases.insert(stored.name.as_str(), Releases { tags, versions_published, ..Releases::default() });
    }
    let latest = deploy_all(inner, latest.into_iter().map(|description| (description, None)).collect()).await;
    let latest: BTreeMap<Text, Arc<Deployed>> =
        latest.into_iter().map(|deployed| (deployed.description.name.clone(), Arc::new(deployed))).collect();

    let mut versions = Vec::new();
    for stored in of_kind(RecordKind::FunctionVersion) {
        let (name, number) = owned(stored)?;
        let version = FunctionVersion::parse(number).filter(|version| *version != FunctionVersion::Latest);
        let version = version.ok_or_else(|| unreadable(stored, format!("'{number}' is no number of a version")))?;
        let owner = latest.get(name).ok_or_else(|| orphaned(stored, name))?;
        let record: FunctionRecord = record::read(stored).map_err(|message| unreadable(stored, message))?;
        let mut description = described(inner, stored, record, name, version)?;
        description.take_concurrency_of(&owner.description);
        versions.push((description, Some(Arc::clone(owner))));
    }
    for version in deploy_all(inner, versions).await {
        if let (Some(of_name), FunctionVersion::Number(number)) =
            (releases.get_mut(version.description.name.as_str()), version.description.version)
        {
            of_name.versions.insert(number, Arc::new(version));
        }
    }
    for stored in of_kind(RecordKind::FunctionAlias) {
        let (name, alias) = owned(stored)?;
        let owner = latest.get(name).ok_or_else(|| orphaned(stored, name))?;
        let record: FunctionAliasRecord = record::read(stored).map_err(|message| unreadable(stored, message))?;
        let alias = record.alias(&owner.description.arn, alias);
        if let Some(of_name) = releases.get_mut(name) {
            of_name.aliases.insert(alias.name.clone(), Arc::new(alias));
        }
    }
    for (name, deployed) in &latest {
        inner.functions.put(deployed.releasing(releases.remove(name.as_str()).unwrap_or_default()));
    }
    Ok(())
}

/// Loads the modules, each description with the function that it is a version of; notes what can't be loaded.
async fn deploy_all(
    inner: &mut Inner,
    descriptions: Vec<(FunctionDescription, Option<Arc<Deployed>>)>,
) -> Vec<Deployed> {
    let (sandbox, store) = (&inner.sandbox, &inner.store);
    let deployed: Vec<(Deployed, Option<String>)> = stream::iter(descriptions)
        .map(|(description, of)| async move {
            let of = of.as_ref().and_then(|of| of.function.as_deref());
            deploy(sandbox, &**store, description, of).await
        })
        .buffered(LOADING_MAX)
        .collect()
        .await;
    let problems = deployed.iter().filter_map(|(deployed, problem)| {
        let (FunctionDescription { name, version, .. }, problem) = (&deployed.description, problem.as_ref()?);
        Some(match version {
            FunctionVersion::Latest => format!("function '{name}' can't be called: {problem}"),
            FunctionVersion::Number(number) => {
                format!("version {number} of function '{name}' can't be called: {problem}")
            }
        })
    });
    inner.problems.extend(problems);
    deployed.into_iter().map(|(deployed, _)| deployed).collect()
}

fn described(
    inner: &Inner,
    stored: &Stored,
    record: FunctionRecord,
    name: &str,
    version: FunctionVersion,
) -> Result<FunctionDescription, StoreError> {
    record.description(&inner.config.place, name, version).map_err(|error| unreadable(stored, error.to_string()))
}

/// Whose a record is, and how it is called there.
fn owned(stored: &Stored) -> Result<(&str, &str), StoreError> {
    stored.name.split_once(':').ok_or_else(|| unreadable(stored, "its key has no colon".to_owned()))
}

fn orphaned(stored: &Stored, name: &str) -> StoreError {
    unreadable(stored, format!("there is no function '{name}'"))
}
