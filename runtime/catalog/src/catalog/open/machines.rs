//! State machines, and what is published of them: a version has its own definition, an alias leads to versions.

use super::{Inner, LOADING_MAX, unreadable};
use crate::arn::StateMachineArn;
use crate::function::Functions;
use crate::pin::PinCache;
use crate::published::{Alias, Published, Route, Version, version_number};
use crate::record::{self, AliasRecord, FormatRecord, StateMachineRecord, VersionRecord};
use crate::state_machine::{Definition, execution_arn_prefix};
use crate::{
    Diagnostic, OpenError, RecordKind, Runnable, StateMachine, StateMachineStatus, StoreError, Stored, WorkflowType,
};
use fleetstep_asl::Severity;
use fleetstep_document::Text;
use fleetstep_machine::Timestamp;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// Puts the machines of `records` into an empty catalog.
pub(super) async fn bring_back(inner: &mut Inner, records: &[Stored]) -> Result<(), OpenError> {
    let machines: Vec<(&Stored, StateMachineRecord)> = read_all(records, RecordKind::StateMachine)?;
    let versions: Vec<(&Stored, VersionRecord)> = read_all(records, RecordKind::Version)?;
    let aliases: Vec<(&Stored, AliasRecord)> = read_all(records, RecordKind::Alias)?;
    let current = machines.iter().map(|(_, record)| (record.format, record.definition.as_str()));
    let pinned = versions.iter().map(|(_, record)| (record.format, record.definition.as_str()));
    let programs = Programs::compile(current.chain(pinned), &inner.functions, inner.config.extended).await?;

    let mut published: BTreeMap<&str, Published> = BTreeMap::new();
    for (stored, record) in machines {
        let arn = StateMachineArn::new(&inner.config.place, &stored.name);
        let arn = arn.map_err(|error| unreadable(stored, error.to_string()))?;
        let (versions_published, tags) = (record.versions_published, record.tags.clone());
        let machine = machine_of(arn, record, &programs).map_err(|message| unreadable(stored, message))?;
        note_problem(&mut inner.problems, &format!("state machine '{}'", stored.name), &machine);
        published.insert(&stored.name, Published { versions_published, ..Published::new(machine, tags) });
    }
    for (stored, record) in versions {
        let (owner, number) = owner(stored, &mut published)?;
        let version = version_of(number, record, &owner.machine, &programs);
        let version = version.map_err(|message| unreadable(stored, message))?;
        let what = format!("version {number} of state machine '{}'", version.machine.name);
        note_problem(&mut inner.problems, &what, &version.machine);
        owner.versions.insert(version.number, Arc::new(version));
    }
    for (stored, record) in aliases {
        let (owner, name) = owner(stored, &mut published)?;
        let alias = alias_of(name, record, owner).map_err(|message| unreadable(stored, message))?;
        owner.aliases.insert(alias.name.clone(), Arc::new(alias));
    }
    for published in published.into_values() {
        inner.machines.insert(published.machine.name.clone(), Arc::new(published));
    }
    Ok(())
}

/// The records of one kind.
fn read_all<'a, R: Deserialize<'a>>(
    records: &'a [Stored],
    kind: RecordKind,
) -> Result<Vec<(&'a Stored, R)>, StoreError> {
    let of_the_kind = records.iter().filter(|stored| stored.kind == kind);
    let read = |stored: &'a Stored| match record::read(stored) {
        Ok(record) => Ok((stored, record)),
        Err(message) => Err(unreadable(stored, message)),
    };
    of_the_kind.map(read).collect()
}

/// What a version or an alias belongs to, and its own part of the key.
fn owner<'a, 'p>(
    stored: &'a Stored,
    published: &'p mut BTreeMap<&str, Published>,
) -> Result<(&'p mut Published, &'a str), StoreError> {
    let (machine, own) = stored.name.split_once(':').unwrap_or((&stored.name, ""));
    // Both are written in one batch: that one of them is missing, no crash can bring about.
    let owner = published.get_mut(machine).ok_or_else(|| unreadable(stored, "its state machine is missing".into()))?;
    Ok((owner, own))
}

/// Compiled definitions. Revisions that have the same text share one.
struct Programs(HashMap<(FormatRecord, Text), Result<Runnable, Vec<Diagnostic>>>);

impl Programs {
    async fn compile<'a>(
        definitions: impl Iterator<Item = (FormatRecord, &'a str)>,
        functions: &Arc<Functions>,
        extended: bool,
    ) -> Result<Self, StoreError> {
        let distinct: HashSet<(FormatRecord, &str)> = definitions.collect();
        let compiled = stream::iter(distinct).map(|(format, text)| async move {
            let text = Text::from(text);
            let definition = Definition::compile(text.clone(), format.into(), WorkflowType::Express, extended).await?;
            Ok(((format, text), definition.bind(functions).0))
        });
        Ok(Self(compiled.buffer_unordered(LOADING_MAX).try_collect().await?))
    }

    /// A definition's shared text, and what it compiled to.
    fn get(&self, format: FormatRecord, text: String) -> (Text, Result<Runnable, Vec<Diagnostic>>) {
        let compiled = self.0.get_key_value(&(format, Text::from(text)));
        let ((_, text), runnable) = compiled.expect("every definition of the records was compiled");
        (text.clone(), runnable.clone())
    }
}

fn machine_of(arn: StateMachineArn, record: StateMachineRecord, programs: &Programs) -> Result<StateMachine, String> {
    let (definition, runnable) = programs.get(record.format, record.definition);
    Ok(StateMachine {
        name: arn.name().clone(),
        definition,
        format: record.format.into(),
        role_arn: Text::from(record.role_arn),
        workflow_type: record.workflow_type,
        status: StateMachineStatus::Active,
        created: Timestamp::from_micros(record.created_micros),
        updated: Timestamp::from_micros(record.updated_micros),
        revision_id: record.revision_id.map(Text::from),
        logging: record::document(&record.logging)?,
        tracing: record::document(&record.tracing)?,
        runnable,
        execution_arn_prefix: execution_arn_prefix(&arn),
        meter: Arc::default(),
        states: Arc::default(),
        pin: PinCache::default(),
        arn,
    })
}

fn version_of(
    number: &str,
    record: VersionRecord,
    current: &Arc<StateMachine>,
    programs: &Programs,
) -> Result<Version, String> {
    let arn = current.arn.qualified_by(number);
    let number = version_number(number).ok_or("its key has no number")?;
    let (definition, runnable) = programs.get(record.format, record.definition);
    let pinned = StateMachine {
        definition,
        runnable,
        format: record.format.into(),
        role_arn: Text::from(record.role_arn),
        updated: Timestamp::from_micros(record.updated_micros),
        revision_id: record.revision_id.map(Text::from),
        logging: record::document(&record.logging)?,
        tracing: record::document(&record.tracing)?,
        ..StateMachine::clone(current)
    };
    Ok(Version {
        arn,
        number,
        description: record.description.map(Text::from),
        created: Timestamp::from_micros(record.created_micros),
        machine: Arc::new(pinned),
    })
}

fn alias_of(name: &str, record: AliasRecord, owner: &Published) -> Result<Alias, String> {
    let route = |route: record::RouteRecord| {
        let version = owner.versions.get(&route.version).cloned();
        let version = version.ok_or_else(|| format!("there is no version {}", route.version))?;
        Ok(Route { version, weight: route.weight })
    };
    let routes = record.routes.into_iter().map(route).collect::<Result<Vec<_>, String>>()?;
    if routes.iter().map(|route| u64::from(route.weight)).sum::<u64>() != u64::from(crate::WEIGHTS_SUM) {
        return Err("its weights do not add up".to_owned());
    }
    Ok(Alias {
        arn: owner.machine.arn.qualified_by(name),
        name: Text::from(name),
        description: record.description.map(Text::from),
        routes,
        created: Timestamp::from_micros(record.created_micros),
        updated: Timestamp::from_micros(record.updated_micros),
    })
}

fn note_problem(problems: &mut Vec<String>, what: &str, machine: &StateMachine) {
    let Err(diagnostics) = &machine.runnable else { return };
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error);
    let messages: Vec<&str> = errors.map(|diagnostic| diagnostic.message.as_str()).collect();
    problems.push(format!("{what} can't be started: {}", messages.join("; ")));
}
