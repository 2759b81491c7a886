//! What the store keeps of state machines, versions, aliases and functions: JSON, so that a person can read what a
//! tool dumps.
//!
//! A field that a later version adds gets a default here; a field whose meaning changes raises the store's schema.

use crate::arn::{FunctionArn, NameError, Place};
use crate::function::Deployed;
use crate::published::Published;
use crate::release::{FunctionAlias, FunctionPackage, FunctionProfile, FunctionRoute, FunctionVersion, Releases};
use crate::store::{Change, RecordKind, Stored};
use crate::{
    Activity, Alias, DefinitionFormat, FunctionDescription, FunctionSettings, StateMachine, Version, WorkflowType,
};
use fleetstep_document::{Document, Text};
use fleetstep_machine::Timestamp;
use fleetstep_trigger::{Moment, RouteSpec, ScheduleSpec};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A state machine, as it is kept under its name.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StateMachineRecord {
    pub(crate) definition: String,
    pub(crate) format: FormatRecord,
    pub(crate) role_arn: String,
    #[serde(rename = "type")]
    pub(crate) workflow_type: WorkflowType,
    pub(crate) created_micros: i64,
    pub(crate) updated_micros: i64,
    pub(crate) revision_id: Option<String>,
    /// JSON text, so that it comes back as it was given.
    pub(crate) logging: String,
    /// JSON text.
    pub(crate) tracing: String,
    /// Nobody could ever give one over the wire: read, so that an old record can be, and not written.
    #[serde(default, skip_serializing)]
    pub(crate) description: Option<String>,
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
    /// How many versions were published under the name, those that are deleted among them.
    #[serde(default)]
    pub(crate) versions_published: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FormatRecord {
    Json,
    Yaml,
}

impl From<DefinitionFormat> for FormatRecord {
    fn from(format: DefinitionFormat) -> Self {
        match format {
            DefinitionFormat::Json => Self::Json,
            DefinitionFormat::Yaml => Self::Yaml,
        }
    }
}

impl From<FormatRecord> for DefinitionFormat {
    fn from(format: FormatRecord) -> Self {
        match format {
            FormatRecord::Json => Self::Json,
            FormatRecord::Yaml => Self::Yaml,
        }
    }
}

impl StateMachineRecord {
    /// The change that keeps a machine as it is: its current revision and its tags.
    pub(crate) fn put(published: &Published) -> Change {
        let machine = &published.machine;
        let record = Self {
            definition: machine.definition.to_string(),
            format: machine.format.into(),
            role_arn: machine.role_arn.to_string(),
            workflow_type: machine.workflow_type,
            created_micros: machine.created.as_micros(),
            updated_micros: machine.updated.as_micros(),
            revision_id: machine.revision_id.as_ref().map(Text::to_string),
            logging: machine.logging.to_json(),
            tracing: machine.tracing.to_json(),
            description: None,
            tags: published.tags.clone(),
            versions_published: published.versions_published,
        };
        put(RecordKind::StateMachine, machine.name.to_string(), &record)
    }
}

/// A stored document: what a record was given as JSON text.
pub(crate) fn document(json: &str) -> Result<Document, String> {
    Document::parse(json.as_bytes()).map_err(|error| error.to_string())
}

/// A version, with the revision that it pins, as it is kept under the machine's name and its number.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VersionRecord {
    pub(crate) description: Option<String>,
    pub(crate) created_micros: i64,
    pub(crate) definition: String,
    pub(crate) format: FormatRecord,
    pub(crate) role_arn: String,
    pub(crate) revision_id: Option<String>,
    /// When the revision was made.
    pub(crate) updated_micros: i64,
    /// JSON text.
    pub(crate) logging: String,
    /// JSON text.
    pub(crate) tracing: String,
}

impl VersionRecord {
    /// The change that keeps a version.
    pub(crate) fn put(version: &Version) -> Change {
        let machine = &version.machine;
        let record = Self {
            description: version.description.as_ref().map(Text::to_string),
            created_micros: version.created.as_micros(),
            definition: machine.definition.to_string(),
            format: machine.format.into(),
            role_arn: machine.role_arn.to_string(),
            revision_id: machine.revision_id.as_ref().map(Text::to_string),
            updated_micros: machine.updated.as_micros(),
            logging: machine.logging.to_json(),
            tracing: machine.tracing.to_json(),
        };
        put(RecordKind::Version, version_key(version), &record)
    }
}

/// An alias, as it is kept under the machine's name and its own.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AliasRecord {
    pub(crate) description: Option<String>,
    pub(crate) routes: Vec<RouteRecord>,
    pub(crate) created_micros: i64,
    pub(crate) updated_micros: i64,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RouteRecord {
    pub(crate) version: u32,
    pub(crate) weight: u32,
}

impl AliasRecord {
    /// The change that keeps an alias.
    pub(crate) fn put(alias: &Alias) -> Change {
        let route = |route: &crate::Route| RouteRecord { version: route.version.number, weight: route.weight };
        let record = Self {
            description: alias.description.as_ref().map(Text::to_string),
            routes: alias.routes.iter().map(route).collect(),
            created_micros: alias.created.as_micros(),
            updated_micros: alias.updated.as_micros(),
        };
        put(RecordKind::Alias, alias_key(alias), &record)
    }
}

/// An activity, as it is kept under its name.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ActivityRecord {
    pub(crate) created_micros: i64,
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
}

impl ActivityRecord {
    /// The change that keeps an activity.
    pub(crate) fn put(activity: &Activity) -> Change {
        let record = Self { created_micros: activity.created.as_micros(), tags: activity.tags.clone() };
        put(RecordKind::Activity, activity.arn.name().to_string(), &record)
    }
}

/// The change that forgets a version.
pub(crate) fn delete_version(version: &Version) -> Change {
    Change::Delete { kind: RecordKind::Version, name: version_key(version) }
}

/// The change that forgets an alias.
pub(crate) fn delete_alias(alias: &Alias) -> Change {
    Change::Delete { kind: RecordKind::Alias, name: alias_key(alias) }
}

/// The changes that forget a machine, its versions and its aliases.
pub(crate) fn delete_all(published: &Published) -> Vec<Change> {
    let machine = Change::Delete { kind: RecordKind::StateMachine, name: published.machine.name.to_string() };
    let versions = published.versions.values().map(|version| delete_version(version));
    let aliases = published.aliases.values().map(|alias| delete_alias(alias));
    std::iter::once(machine).chain(versions).chain(aliases).collect()
}

// No name of a machine has a colon in it.

fn version_key(version: &Version) -> String {
    format!("{}:{}", version.arn.name(), version.number)
}

fn alias_key(alias: &Alias) -> String {
    format!("{}:{}", alias.arn.name(), alias.name)
}

/// A function, as it is kept under its name; and a version of one, under the name and its number.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FunctionRecord {
    pub(crate) module_sha256: String,
    pub(crate) module_bytes: u64,
    pub(crate) settings: FunctionSettings,
    pub(crate) created_micros: i64,
    pub(crate) updated_micros: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    package: Option<FunctionPackage>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reserved_concurrency: Option<u32>,
    #[serde(default, skip_serializing_if = "FunctionProfile::is_default")]
    profile: FunctionProfile,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revision_id: Option<String>,
    /// Of the name, whatever is deployed under it: nothing in a version's record.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) tags: BTreeMap<String, String>,
    /// How many versions were published under the name, those that are deleted among them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) versions_published: u32,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // As serde calls it.
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl FunctionRecord {
    pub(crate) fn of(function: &FunctionDescription) -> Self {
        Self {
            module_sha256: function.module_sha256.to_string(),
            module_bytes: function.module_bytes,
            settings: function.settings.clone(),
            created_micros: function.created.as_micros(),
            updated_micros: function.updated.as_micros(),
            package: function.package.clone(),
            reserved_concurrency: function.reserved_concurrency,
            profile: function.profile.clone(),
            revision_id: function.revision_id.as_ref().map(Text::to_string),
            tags: BTreeMap::new(),
            versions_published: 0,
        }
    }

    /// The change that keeps a function as it is.
    pub(crate) fn put(function: &Deployed) -> Change {
        let Releases { tags, versions_published, .. } = &*function.releases;
        let record =
            Self { tags: tags.clone(), versions_published: *versions_published, ..Self::of(&function.description) };
        put(RecordKind::Function, function.description.name.to_string(), &record)
    }

    /// The change that keeps a version of a function.
    pub(crate) fn put_version(version: &Deployed) -> Change {
        let description = &version.description;
        put(RecordKind::FunctionVersion, function_version_key(description), &Self::of(description))
    }

    /// The function of that name, of which nothing is loaded.
    pub(crate) fn description(
        self,
        place: &Place,
        name: &str,
        version: FunctionVersion,
    ) -> Result<FunctionDescription, NameError> {
        let arn = FunctionArn::new(place, name)?;
        Ok(FunctionDescription {
            name: arn.name().clone(),
            arn,
            version,
            module_sha256: Text::from(self.module_sha256),
            module_bytes: self.module_bytes,
            package: self.package,
            kind: None,
            problem: None,
            settings: self.settings,
            reserved_concurrency: self.reserved_concurrency,
            profile: self.profile,
            revision_id: self.revision_id.map(Text::from),
            created: Timestamp::from_micros(self.created_micros),
            updated: Timestamp::from_micros(self.updated_micros),
        })
    }
}

/// An alias of a function, as it is kept under the function's name and its own.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FunctionAliasRecord {
    description: String,
    /// What was put last, where there is none.
    version: Option<u32>,
    second: Option<RouteRecord>,
    revision_id: String,
}

impl FunctionAliasRecord {
    pub(crate) fn of(alias: &FunctionAlias) -> Self {
        let version = match alias.route.version {
            FunctionVersion::Latest => None,
            FunctionVersion::Number(number) => Some(number),
        };
        Self {
            description: alias.description.clone(),
            version,
            second: alias.route.second.map(|(version, weight)| RouteRecord { version, weight }),
            revision_id: alias.revision_id.to_string(),
        }
    }

    /// The change that keeps an alias.
    pub(crate) fn put(alias: &FunctionAlias) -> Change {
        put(RecordKind::FunctionAlias, function_alias_key(alias), &Self::of(alias))
    }

    /// The alias of that name of a function.
    pub(crate) fn alias(self, function: &FunctionArn, name: &str) -> FunctionAlias {
        FunctionAlias {
            arn: function.qualified_by(name),
            name: Text::from(name),
            description: self.description,
            route: FunctionRoute {
                version: self.version.map_or(FunctionVersion::Latest, FunctionVersion::Number),
                second: self.second.map(|RouteRecord { version, weight }| (version, weight)),
            },
            revision_id: Text::from(self.revision_id),
        }
    }
}

fn function_version_key(version: &FunctionDescription) -> String {
    format!("{}:{}", version.name, version.version)
}

fn function_alias_key(alias: &FunctionAlias) -> String {
    format!("{}:{}", alias.arn.name(), alias.name)
}

/// The change that forgets a version of a function.
pub(crate) fn delete_function_version(version: &Deployed) -> Change {
    Change::Delete { kind: RecordKind::FunctionVersion, name: function_version_key(&version.description) }
}

/// The change that forgets an alias of a function.
pub(crate) fn delete_function_alias(alias: &FunctionAlias) -> Change {
    Change::Delete { kind: RecordKind::FunctionAlias, name: function_alias_key(alias) }
}

/// The changes that forget a function, its versions and its aliases.
pub(crate) fn delete_function(function: &Deployed) -> Vec<Change> {
    let name = function.description.name.to_string();
    let versions = function.releases.versions.values().map(|version| delete_function_version(version));
    let aliases = function.releases.aliases.values().map(|alias| delete_function_alias(alias));
    std::iter::once(Change::Delete { kind: RecordKind::Function, name }).chain(versions).chain(aliases).collect()
}

/// A revision with the functions that it calls, as it is kept under its digest.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PinRecord {
    /// The machine's.
    pub(crate) name: String,
    pub(crate) definition: String,
    pub(crate) format: FormatRecord,
    pub(crate) role_arn: String,
    pub(crate) revision_id: Option<String>,
    pub(crate) created_micros: i64,
    pub(crate) updated_micros: i64,
    /// JSON text.
    pub(crate) logging: String,
    /// JSON text.
    pub(crate) tracing: String,
    /// By name.
    pub(crate) functions: BTreeMap<String, FunctionRecord>,
    /// By the function's name and number.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) function_versions: BTreeMap<String, BTreeMap<u32, FunctionRecord>>,
    /// By the function's name and the alias's own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) function_aliases: BTreeMap<String, BTreeMap<String, FunctionAliasRecord>>,
}

impl PinRecord {
    /// Of a machine with the functions that it calls, and what it reaches of what is published of each.
    pub(crate) fn of(machine: &StateMachine, functions: &[(Arc<Deployed>, Releases)]) -> Self {
        let mut record = Self {
            name: machine.name.to_string(),
            definition: machine.definition.to_string(),
            format: machine.format.into(),
            role_arn: machine.role_arn.to_string(),
            revision_id: machine.revision_id.as_ref().map(Text::to_string),
            created_micros: machine.created.as_micros(),
            updated_micros: machine.updated.as_micros(),
            logging: machine.logging.to_json(),
            tracing: machine.tracing.to_json(),
            functions: BTreeMap::new(),
            function_versions: BTreeMap::new(),
            function_aliases: BTreeMap::new(),
        };
        for (deployed, reached) in functions {
            record.add(deployed, reached);
        }
        record
    }

    fn add(&mut self, deployed: &Deployed, reached: &Releases) {
        let name = deployed.description.name.to_string();
        let version = |(number, version): (&u32, &Arc<Deployed>)| (*number, FunctionRecord::of(&version.description));
        let alias = |(name, alias): (&Text, &Arc<FunctionAlias>)| (name.to_string(), FunctionAliasRecord::of(alias));
        if !reached.versions.is_empty() {
            self.function_versions.insert(name.clone(), reached.versions.iter().map(version).collect());
        }
        if !reached.aliases.is_empty() {
            self.function_aliases.insert(name.clone(), reached.aliases.iter().map(alias).collect());
        }
        self.functions.insert(name, FunctionRecord::of(&deployed.description));
    }

    /// Digests of its modules.
    pub(crate) fn modules(&self) -> impl Iterator<Item = &str> {
        let versions = self.function_versions.values().flat_map(BTreeMap::values);
        self.functions.values().chain(versions).map(|function| function.module_sha256.as_str())
    }

    /// Its bytes: two that are equal have the same.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        bytes_of(self)
    }
}

/// A route, as it is kept under its name, secrets and all.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HttpRouteRecord {
    pub(crate) spec: RouteSpec,
}

impl HttpRouteRecord {
    /// The change that keeps a route.
    pub(crate) fn put(spec: &RouteSpec) -> Change {
        put(RecordKind::Route, spec.name.clone(), &Self { spec: spec.clone() })
    }
}

/// A schedule, as it is kept under its name.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScheduleRecord {
    pub(crate) spec: ScheduleSpec,
    /// When it was made, or last became another: a rate counts from then.
    pub(crate) created_seconds: i64,
    /// Slots up to here are done with.
    pub(crate) settled_seconds: i64,
}

impl ScheduleRecord {
    /// The change that keeps a schedule.
    pub(crate) fn put(spec: &ScheduleSpec, created: Moment, settled: Moment) -> Change {
        let record =
            Self { spec: spec.clone(), created_seconds: created.as_second(), settled_seconds: settled.as_second() };
        put(RecordKind::Schedule, spec.name.clone(), &record)
    }
}

/// Why a record can't be read.
pub(crate) fn read<'a, R: Deserialize<'a>>(stored: &'a Stored) -> Result<R, String> {
    serde_json::from_slice(&stored.bytes).map_err(|error| error.to_string())
}

fn put(kind: RecordKind, name: String, record: &impl Serialize) -> Change {
    Change::Put(Stored { kind, name, bytes: bytes_of(record) })
}

fn bytes_of(record: &impl Serialize) -> Vec<u8> {
    // Every key is a string and every value has a JSON form, so that writing cannot fail.
    serde_json::to_vec(record).expect("a record has a JSON form")
}
