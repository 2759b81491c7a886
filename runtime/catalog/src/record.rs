//! What the store keeps of state machines and functions: JSON, so that a person can read what a tool dumps.
//!
//! A field that a later version adds gets a default here; a field whose meaning changes raises the store's schema.

use crate::store::{Change, RecordKind, Stored};
use crate::{DefinitionFormat, FunctionDescription, FunctionSettings, StateMachine, WorkflowType};
use fleetstep_document::{Document, Text};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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
    pub(crate) description: Option<String>,
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
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
    /// The change that keeps a machine as it is.
    pub(crate) fn put(machine: &StateMachine) -> Change {
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
            description: machine.description.as_ref().map(Text::to_string),
            tags: machine.tags.clone(),
        };
        put(RecordKind::StateMachine, &machine.name, &record)
    }

    /// A stored document: what [`StateMachineRecord::put`] wrote.
    pub(crate) fn document(json: &str) -> Result<Document, String> {
        Document::parse(json.as_bytes()).map_err(|error| error.to_string())
    }
}

/// A function, as it is kept under its name.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FunctionRecord {
    pub(crate) module_sha256: String,
    pub(crate) module_bytes: u64,
    pub(crate) settings: FunctionSettings,
    pub(crate) created_micros: i64,
    pub(crate) updated_micros: i64,
}

impl FunctionRecord {
    /// The change that keeps a function as it is.
    pub(crate) fn put(function: &FunctionDescription) -> Change {
        let record = Self {
            module_sha256: function.module_sha256.to_string(),
            module_bytes: function.module_bytes,
            settings: function.settings.clone(),
            created_micros: function.created.as_micros(),
            updated_micros: function.updated.as_micros(),
        };
        put(RecordKind::Function, &function.name, &record)
    }
}

/// Why a record can't be read.
pub(crate) fn read<'a, R: Deserialize<'a>>(stored: &'a Stored) -> Result<R, String> {
    serde_json::from_slice(&stored.bytes).map_err(|error| error.to_string())
}

fn put(kind: RecordKind, name: &str, record: &impl Serialize) -> Change {
    // Every key is a string and every value has a JSON form, so that writing cannot fail.
    let bytes = serde_json::to_vec(record).expect("a record has a JSON form");
    Change::Put(Stored { kind, name: name.to_owned(), bytes })
}
