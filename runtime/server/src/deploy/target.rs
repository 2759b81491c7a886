//! Where functions and workflows are put, and the catalog as such a place.

use super::triggers::{self, Trigger};
use bytes::Bytes;
use fleetstep_asl::Diagnostic;
use fleetstep_catalog::{
    Catalog, CreateStateMachine, DefinitionFormat, FunctionDescription, FunctionSettings, StateMachineArn,
    StateMachineError, UpdateStateMachine, WorkflowType,
};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// The role of a machine that a directory deploys: nothing is done with it here, but the API names one.
const ROLE_NAME: &str = "fleetstep-local";

/// What became of something that was to be put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Created,
    Updated,
    /// The module is the same, its settings are others.
    Configured,
    /// All is the same as far as can be seen, which secrets cannot: they were sent again.
    SecretsSent,
    Unchanged,
    Removed,
}

impl Change {
    /// For people, and for programs.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Configured => "settings changed",
            Self::SecretsSent => "unchanged, secrets sent again",
            Self::Unchanged => "unchanged",
            Self::Removed => "removed",
        }
    }

    /// Whether the place is another than before, as far as is known.
    pub(crate) fn is_one(self) -> bool {
        !matches!(self, Self::Unchanged | Self::SecretsSent)
    }
}

/// What was done for one function or workflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) change: Change,
    /// Of a function.
    pub(crate) module: Option<ModuleFacts>,
    /// The warnings of a definition.
    pub(crate) warnings: Vec<Diagnostic>,
}

/// What a module turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ModuleFacts {
    pub(crate) kind: Option<String>,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

impl Done {
    pub(crate) fn workflow(change: Change, warnings: Vec<Diagnostic>) -> Self {
        Self { change, module: None, warnings }
    }

    pub(crate) fn trigger(change: Change) -> Self {
        Self::workflow(change, Vec::new())
    }

    pub(crate) fn function(change: Change, module: ModuleFacts) -> Self {
        Self { change, module: Some(module), warnings: Vec::new() }
    }

    pub(crate) fn removed() -> Self {
        Self { change: Change::Removed, module: None, warnings: Vec::new() }
    }
}

/// Why something was not put.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A definition with errors, and its text.
    Invalid(String, Vec<Diagnostic>),
    Other(anyhow::Error),
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

/// A place for functions and workflows. What is there already is left alone.
pub(crate) trait Target {
    /// Puts a function.
    async fn put_function(&self, name: &str, module: Bytes, settings: FunctionSettings) -> Result<Done, Failure>;

    /// Creates or updates a workflow.
    async fn put_workflow(&self, name: &str, definition: &str, format: DefinitionFormat) -> Result<Done, Failure>;

    /// Puts a route or a schedule; `all` are those that belong together.
    async fn put_trigger(&self, trigger: &Trigger, all: &[Trigger]) -> Result<Done, Failure>;

    /// Removes a function; calls in flight go on.
    async fn remove_function(&self, name: &str) -> Result<Done, Failure>;

    /// Removes a workflow; executions in flight go on.
    async fn remove_workflow(&self, name: &str) -> Result<Done, Failure>;

    /// Removes a route or a schedule.
    async fn remove_trigger(&self, trigger: &Trigger) -> Result<Done, Failure>;
}

/// SHA-256 of a module, as descriptions have it.
pub(crate) fn digest(module: &[u8]) -> String {
    Sha256::digest(module).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Target for Catalog {
    async fn put_function(&self, name: &str, module: Bytes, settings: FunctionSettings) -> Result<Done, Failure> {
        let there = self.describe_function(name).ok().filter(|there| {
            there.kind.is_some() && there.settings == settings && *there.module_sha256 == *digest(&module)
        });
        if let Some(there) = there {
            return Ok(Done::function(Change::Unchanged, facts(&there)));
        }
        let put = Catalog::put_function(self, name, module, Some(settings)).await?;
        let change = if put.created { Change::Created } else { Change::Updated };
        Ok(Done::function(change, facts(&put.function)))
    }

    async fn put_workflow(&self, name: &str, definition: &str, format: DefinitionFormat) -> Result<Done, Failure> {
        let before = self.state_machine(name);
        let warnings = match create_or_update(self, name, definition, format).await {
            Ok(warnings) => warnings,
            Err(StateMachineError::InvalidDefinition(diagnostics)) => {
                return Err(Failure::Invalid(definition.to_owned(), diagnostics));
            }
            Err(other) => return Err(other.into()),
        };
        let change = match before {
            None => Change::Created,
            Some(before) if *before.definition == *definition && before.format == format => Change::Unchanged,
            Some(_) => Change::Updated,
        };
        Ok(Done::workflow(change, warnings))
    }

    async fn put_trigger(&self, trigger: &Trigger, all: &[Trigger]) -> Result<Done, Failure> {
        triggers::put(self, trigger, all).await
    }

    async fn remove_function(&self, name: &str) -> Result<Done, Failure> {
        self.delete_function(name).await?;
        Ok(Done::removed())
    }

    async fn remove_workflow(&self, name: &str) -> Result<Done, Failure> {
        self.delete_state_machine(&StateMachineArn::new(self.place(), name)?).await?;
        Ok(Done::removed())
    }

    async fn remove_trigger(&self, trigger: &Trigger) -> Result<Done, Failure> {
        match trigger {
            Trigger::Route(route) => self.delete_route(&route.name).await?,
            Trigger::Schedule(schedule) => self.delete_schedule(&schedule.name).await?,
        };
        Ok(Done::removed())
    }
}

fn facts(function: &FunctionDescription) -> ModuleFacts {
    ModuleFacts {
        kind: function.kind.map(str::to_owned),
        bytes: function.module_bytes,
        sha256: function.module_sha256.to_string(),
    }
}

async fn create_or_update(
    catalog: &Catalog,
    name: &str,
    definition: &str,
    format: DefinitionFormat,
) -> Result<Vec<Diagnostic>, StateMachineError> {
    let create = CreateStateMachine {
        name: name.to_owned(),
        definition: definition.to_owned(),
        format,
        role_arn: format!("arn:aws:iam::{}:role/{ROLE_NAME}", catalog.place().account),
        workflow_type: WorkflowType::Express,
        logging: None,
        tracing: None,
        publish: None,
        tags: BTreeMap::new(),
    };
    match catalog.create_state_machine(create).await {
        Ok(created) => Ok(created.warnings),
        Err(StateMachineError::AlreadyExists { .. }) => {
            let arn = StateMachineArn::new(catalog.place(), name)?;
            let definition = Some((definition.to_owned(), format));
            let update = UpdateStateMachine { definition, ..UpdateStateMachine::default() };
            Ok(catalog.update_state_machine(&arn, update).await?.warnings)
        }
        Err(other) => Err(other),
    }
}
