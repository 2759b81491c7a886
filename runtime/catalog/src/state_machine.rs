//! State machines as they are deployed.

use crate::function::Functions;
use crate::host::MachineHost;
use crate::pin::PinCache;
use crate::token::TOKENS;
use crate::uuid::{UUID_BYTES, uuid, write_uuid};
use crate::{StateMachineArn, StoreError, Version};
use arcstr::literal;
use fleetstep_asl::{Compilation, Diagnostic, Options, Resource};
use fleetstep_document::{Document, ObjectBuilder, Text};
use fleetstep_engine::{Identity, Meter, Meters, TaskHost};
use fleetstep_machine::{Program, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

pub use fleetstep_asl::Format as DefinitionFormat;

/// The types of state machine that can be deployed here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum WorkflowType {
    /// Short, in memory.
    #[default]
    Express,
}

impl WorkflowType {
    /// As it stands on the wire: `EXPRESS`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Express => "EXPRESS",
        }
    }

    fn target(self) -> fleetstep_asl::WorkflowType {
        match self {
            Self::Express => fleetstep_asl::WorkflowType::Express,
        }
    }
}

/// Whether a state machine takes starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateMachineStatus {
    /// `ACTIVE`
    Active,
    /// `DELETING`: while the store forgets it.
    Deleting,
}

/// What `CreateStateMachine` asks for. The name is checked by the catalog.
#[derive(Clone, Debug)]
pub struct CreateStateMachine {
    /// Its name.
    pub name: String,
    /// The definition's text.
    pub definition: String,
    /// How the text is written.
    pub format: DefinitionFormat,
    /// ARN of the role.
    pub role_arn: String,
    /// EXPRESS.
    pub workflow_type: WorkflowType,
    /// `loggingConfiguration`; `None` is level OFF.
    pub logging: Option<Document>,
    /// `tracingConfiguration`; `None` is not enabled.
    pub tracing: Option<Document>,
    /// Tags, kept and returned.
    pub tags: BTreeMap<String, String>,
    /// Makes it version 1 as well.
    pub publish: Option<Publication>,
}

/// That a revision becomes a version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Publication {
    /// For people.
    pub description: Option<String>,
}

/// What `UpdateStateMachine` changes: the parts that are there.
#[derive(Clone, Debug, Default)]
pub struct UpdateStateMachine {
    /// A new definition and how it is written.
    pub definition: Option<(String, DefinitionFormat)>,
    /// Another role.
    pub role_arn: Option<String>,
    /// `loggingConfiguration`
    pub logging: Option<Document>,
    /// `tracingConfiguration`
    pub tracing: Option<Document>,
    /// Makes a version of what there is then.
    pub publish: Option<Publication>,
}

impl UpdateStateMachine {
    pub(crate) fn is_empty(&self) -> bool {
        self.definition.is_none() && self.role_arn.is_none() && self.logging.is_none() && self.tracing.is_none()
    }
}

/// The answer to a creation or an update.
#[derive(Clone, Debug)]
pub struct Created {
    /// The machine that is there now.
    pub machine: Arc<StateMachine>,
    /// Its version, where one was asked for.
    pub version: Option<Arc<Version>>,
    /// What the compiler warned of; empty where nothing was compiled.
    pub warnings: Vec<Diagnostic>,
    /// Whether a machine of that name was there already: after a creation, the very same.
    pub existed: bool,
}

/// What an execution needs.
#[derive(Clone)]
pub struct Runnable {
    /// The compiled definition.
    pub program: Arc<Program>,
    /// Runs its tasks.
    pub host: Arc<dyn TaskHost>,
    /// What each task is, by its index.
    pub resources: Arc<[Resource]>,
}

impl std::fmt::Debug for Runnable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runnable").finish_non_exhaustive()
    }
}

/// A definition that compiled, before its resources are looked up.
#[derive(Debug)]
pub(crate) struct Definition {
    pub(crate) text: Text,
    pub(crate) format: DefinitionFormat,
    pub(crate) compilation: Compilation,
}

impl Definition {
    /// Compiles a text, on a thread for work that blocks: a definition may be large.
    pub(crate) async fn compile(
        text: Text,
        format: DefinitionFormat,
        workflow_type: WorkflowType,
        extended: bool,
    ) -> Result<Self, StoreError> {
        let target = Some(workflow_type.target());
        // What nothing is bound to, the host tells.
        let options = Options { format, target, extended, bound: true, ..Options::default() };
        let source = text.clone();
        let work = tokio::task::spawn_blocking(move || fleetstep_asl::compile(&source, &options));
        let compilation = work.await.map_err(StoreError::interrupted("compiling a definition"))?;
        Ok(Self { text, format, compilation })
    }

    /// What its tasks are.
    pub(crate) fn resources(&self) -> &[Resource] {
        self.compilation.compiled.as_ref().map_or(&[], |compiled| &compiled.resources)
    }

    /// The program with its tasks resolved, and the warnings; or everything that is wrong with it.
    pub(crate) fn bind(self, functions: &Arc<Functions>) -> (Result<Runnable, Vec<Diagnostic>>, Vec<Diagnostic>) {
        let Compilation { compiled, mut diagnostics } = self.compilation;
        let Some(compiled) = compiled else { return (Err(diagnostics), Vec::new()) };
        match MachineHost::bind(&compiled.resources, functions) {
            Ok((host, warnings)) => {
                diagnostics.extend(warnings);
                let (program, resources) = (Arc::new(compiled.program), compiled.resources.into());
                (Ok(Runnable { program, host: Arc::new(host), resources }), diagnostics)
            }
            Err(unsupported) => {
                diagnostics.extend(unsupported);
                (Err(diagnostics), Vec::new())
            }
        }
    }
}

/// A deployed state machine as it was at one moment; an update makes another.
#[derive(Clone, Debug)]
pub struct StateMachine {
    /// Its ARN, without a qualifier.
    pub arn: StateMachineArn,
    /// Its name.
    pub name: Text,
    /// The definition's text as it was given.
    pub definition: Text,
    /// How the definition is written.
    pub format: DefinitionFormat,
    /// ARN of the role.
    pub role_arn: Text,
    /// EXPRESS.
    pub workflow_type: WorkflowType,
    /// Whether it takes starts.
    pub status: StateMachineStatus,
    /// When it was created.
    pub created: Timestamp,
    /// When it was last updated; its creation, if never.
    pub updated: Timestamp,
    /// Changes with every update; none before the first.
    pub revision_id: Option<Text>,
    /// `loggingConfiguration`: kept and returned.
    pub logging: Document,
    /// `tracingConfiguration`: kept and returned.
    pub tracing: Document,
    /// Program and host; the diagnostics, when a stored definition no longer compiles.
    pub runnable: Result<Runnable, Vec<Diagnostic>>,
    /// How its executions ended lately; that of all revisions.
    pub meter: Arc<Meter>,
    /// How its states did lately, in those executions whose history was collected.
    pub states: Arc<Meters>,
    /// What the ARNs of its executions begin with, up to the name.
    pub(crate) execution_arn_prefix: Text,
    /// What its starts are pinned to. Another revision begins without.
    pub(crate) pin: PinCache,
}

impl StateMachine {
    /// Who a new execution of the machine itself is: `name` if given, else a UUID is its name.
    #[must_use]
    pub fn identity(&self, name: Option<&str>) -> Arc<Identity> {
        Arc::new(self.new_identity(name))
    }

    pub(crate) fn new_identity(&self, name: Option<&str>) -> Identity {
        let execution_name = name.map_or_else(uuid, Text::from);
        let mut id = [0; UUID_BYTES];
        let parts = [&*self.execution_arn_prefix, &*execution_name, ":", write_uuid(&mut id)];
        let length = parts.iter().map(|part| part.len()).sum();
        // Written where it stays.
        let execution_arn = Text::init_with(length, |mut out| {
            for part in parts {
                out.split_off_mut(..part.len()).expect("there is room for all").copy_from_slice(part.as_bytes());
            }
        });
        Identity {
            execution_arn: execution_arn.expect("texts make a text"),
            execution_name,
            role_arn: self.role_arn.clone(),
            state_machine_arn: self.arn.as_text().clone(),
            state_machine_name: self.name.clone(),
            tokens: TOKENS,
            ..Identity::default()
        }
    }

    /// Whether this is no other revision than `other`: the service gives an update that changes nothing no new one.
    /// A definition that does not run any more is another once it does.
    pub(crate) fn is_the_same_as(&self, other: &Self) -> bool {
        self.definition == other.definition
            && self.format == other.format
            && self.role_arn == other.role_arn
            && self.logging == other.logging
            && self.tracing == other.tracing
            && self.runnable.is_ok() == other.runnable.is_ok()
    }

    /// Whether a creation asks for what is there. Role and tags do not count: the service ignores them too
    /// (`CreateStateMachine` in the API reference).
    pub(crate) fn is_what_is_asked_for(&self, request: &CreateStateMachine) -> bool {
        self.definition == request.definition
            && self.format == request.format
            && self.workflow_type == request.workflow_type
            && self.logging == logging_or_default(request.logging.clone())
            && self.tracing == tracing_or_default(request.tracing.clone())
    }
}

/// What the ARNs of a machine's executions begin with, up to the name.
pub(crate) fn execution_arn_prefix(arn: &StateMachineArn) -> Text {
    // The machine's own ARN with another resource type: it was made by `StateMachineArn::new`.
    Text::from(format!("{}:", arn.as_text().replacen(":stateMachine:", ":express:", 1)))
}

/// `loggingConfiguration` of a machine that was created without.
pub(crate) fn logging_or_default(given: Option<Document>) -> Document {
    given.unwrap_or_else(|| {
        ObjectBuilder::with_capacity(2)
            .with(literal!("level"), literal!("OFF"))
            .with(literal!("includeExecutionData"), false)
            .build()
    })
}

/// `tracingConfiguration` of a machine that was created without.
pub(crate) fn tracing_or_default(given: Option<Document>) -> Document {
    given.unwrap_or_else(|| ObjectBuilder::with_capacity(1).with(literal!("enabled"), false).build())
}
