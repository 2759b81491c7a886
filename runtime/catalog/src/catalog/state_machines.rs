//! State machines: look-ups, and the four operations.

use super::{Catalog, Inner, STATE_MACHINES_MAX};
use crate::arn::StateMachineArn;
use crate::page::page;
use crate::pin::PinCache;
use crate::published::Published;
use crate::record::{self, StateMachineRecord, VersionRecord};
use crate::state_machine::{Definition, execution_arn_prefix, logging_or_default, tracing_or_default};
use crate::uuid::uuid;
use crate::{
    CreateStateMachine, Created, InvalidToken, Page, PageRequest, Publication, StateMachine, StateMachineError,
    StateMachineStatus, Target, UpdateStateMachine, Version,
};
use fleetstep_asl::Diagnostic;
use fleetstep_document::Text;
use fleetstep_engine::clock;
use std::sync::Arc;

impl Catalog {
    /// The machine of that name.
    #[must_use]
    pub fn state_machine(&self, name: &str) -> Option<Arc<StateMachine>> {
        self.inner.machines.get(name).map(|published| Arc::clone(&published.machine))
    }

    /// The machine of that ARN, region and account included.
    pub fn describe_state_machine(&self, arn: &StateMachineArn) -> Result<Arc<StateMachine>, StateMachineError> {
        Ok(Arc::clone(&self.inner.published(arn)?.machine))
    }

    /// What a start by that ARN runs: of a machine, a version or an alias. The look-up of a start.
    pub fn target(&self, arn: &str) -> Result<Target, StateMachineError> {
        // What is there is found without parsing: an ARN ends in the machine's name, or in that and a qualifier.
        let (rest, last) = arn.rsplit_once(':').unwrap_or_default();
        if let Some(machine) = self.state_machine(last)
            && machine.arn.as_text() == arn
        {
            return Ok(machine.into());
        }
        let name = rest.rsplit_once(':').map_or("", |(_, name)| name);
        let target = self.inner.machines.get(name).and_then(|published| published.qualified(arn, last));
        target.ok_or_else(|| match StateMachineArn::parse(arn) {
            Ok(_) => StateMachineError::DoesNotExist { arn: arn.to_owned() },
            Err(error) => error.into(),
        })
    }

    /// `CreateStateMachine`. A second creation of the very same machine answers as the first did.
    pub async fn create_state_machine(&self, request: CreateStateMachine) -> Result<Created, StateMachineError> {
        let arn = StateMachineArn::new(self.place(), &request.name)?;
        let text = Text::from(request.definition.as_str());
        let definition = Definition::compile(text, request.format, request.workflow_type, self.is_extended()).await?;
        self.change(move |inner| async move { inner.create(arn, definition, request).await }).await
    }

    /// `UpdateStateMachine`. Running executions keep what they started with.
    pub async fn update_state_machine(
        &self,
        arn: &StateMachineArn,
        request: UpdateStateMachine,
    ) -> Result<Created, StateMachineError> {
        let there = self.describe_state_machine(arn)?;
        if request.is_empty() {
            return Err(StateMachineError::NothingToUpdate);
        }
        let definition = match &request.definition {
            Some((text, format)) => {
                let text = Text::from(text.as_str());
                Some(Definition::compile(text, *format, there.workflow_type, self.is_extended()).await?)
            }
            None => None,
        };
        let arn = arn.clone();
        self.change(move |inner| async move { inner.update(&arn, definition, request).await }).await
    }

    /// `DeleteStateMachine`: whether there was one. Its versions and aliases go with it; running executions go on.
    pub async fn delete_state_machine(&self, arn: &StateMachineArn) -> Result<bool, StateMachineError> {
        let arn = arn.clone();
        self.change(move |inner| async move { inner.delete(&arn).await }).await
    }

    /// `ListStateMachines`, by name.
    pub fn list_state_machines(&self, request: &PageRequest) -> Result<Page<Arc<StateMachine>>, InvalidToken> {
        let all = self.inner.machines.iter().map(|published| Arc::clone(&published.machine)).collect();
        page(all, |machine: &Arc<StateMachine>| machine.name.clone(), request)
    }

    /// Every state machine, by name.
    #[must_use]
    pub fn state_machines(&self) -> Vec<Arc<StateMachine>> {
        let mut all: Vec<_> = self.inner.machines.iter().map(|published| Arc::clone(&published.machine)).collect();
        all.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        all
    }
}

/// The three changes. Their caller is the only one who changes anything.
impl Inner {
    async fn create(
        &self,
        arn: StateMachineArn,
        definition: Definition,
        request: CreateStateMachine,
    ) -> Result<Created, StateMachineError> {
        if let Some(there) = self.machines.get(arn.name()) {
            return created_before(&there, &request);
        }
        if self.machines.len() >= STATE_MACHINES_MAX {
            return Err(StateMachineError::LimitExceeded { machines_max: STATE_MACHINES_MAX });
        }
        let now = clock::now();
        let text = definition.text.clone();
        let (runnable, warnings) = definition.bind(&self.functions);
        let machine = StateMachine {
            name: arn.name().clone(),
            definition: text,
            format: request.format,
            role_arn: Text::from(request.role_arn),
            workflow_type: request.workflow_type,
            status: StateMachineStatus::Active,
            created: now,
            updated: now,
            revision_id: None,
            logging: logging_or_default(request.logging),
            tracing: tracing_or_default(request.tracing),
            runnable,
            execution_arn_prefix: execution_arn_prefix(&arn),
            meter: Arc::default(),
            states: Arc::default(),
            pin: PinCache::default(),
            arn,
        };
        let published = Published::new(machine, request.tags);
        published.check_tags()?;
        self.keep_revision(published, request.publish, warnings, false).await
    }

    async fn update(
        &self,
        arn: &StateMachineArn,
        definition: Option<Definition>,
        request: UpdateStateMachine,
    ) -> Result<Created, StateMachineError> {
        let there = self.published(arn)?;
        let mut machine = StateMachine::clone(&there.machine);
        // A role may be another under the same name: who names it alone means to change it.
        let renewed = definition.is_none() && request.role_arn.is_some();
        let mut warnings = Vec::new();
        if let Some(definition) = definition {
            machine.definition = definition.text.clone();
            machine.format = definition.format;
            (machine.runnable, warnings) = definition.bind(&self.functions);
        }
        machine.role_arn = request.role_arn.map_or(machine.role_arn, Text::from);
        machine.logging = request.logging.unwrap_or(machine.logging);
        machine.tracing = request.tracing.unwrap_or(machine.tracing);
        let mut published = Published::clone(&there);
        if renewed || !machine.is_the_same_as(&there.machine) {
            machine.updated = clock::now();
            machine.revision_id = Some(uuid());
            published.machine = Arc::new(machine);
        }
        drop(there);
        self.keep_revision(published, request.publish, warnings, true).await
    }

    /// Keeps the current revision, unless its definition is wrong, and publishes it, if that is asked for.
    async fn keep_revision(
        &self,
        published: Published,
        publish: Option<Publication>,
        warnings: Vec<Diagnostic>,
        existed: bool,
    ) -> Result<Created, StateMachineError> {
        let kept = match &published.machine.runnable {
            Ok(_) => self.keep_runnable(published, publish).await,
            Err(diagnostics) => Err(StateMachineError::InvalidDefinition(diagnostics.clone())),
        };
        let answer = kept.map(|(machine, version)| Created { machine, version, warnings, existed });
        // Of the revision that was replaced, or of the one that was not kept.
        self.functions.forget_unused();
        answer
    }

    async fn keep_runnable(
        &self,
        mut published: Published,
        publish: Option<Publication>,
    ) -> Result<(Arc<StateMachine>, Option<Arc<Version>>), StateMachineError> {
        let version = publish.map(|publication| published.publish(publication.description)).transpose()?;
        let mut changes = vec![StateMachineRecord::put(&published)];
        if let Some((version, true)) = &version {
            changes.push(VersionRecord::put(version));
        }
        let published = self.keep(published, changes).await?;
        Ok((Arc::clone(&published.machine), version.map(|(version, _)| version)))
    }

    async fn delete(&self, arn: &StateMachineArn) -> Result<bool, StateMachineError> {
        let Ok(there) = self.published(arn) else { return Ok(false) };
        let deleting = StateMachine { status: StateMachineStatus::Deleting, ..StateMachine::clone(&there.machine) };
        let name = there.machine.name.clone();
        self.machines.insert(name.clone(), Arc::new(Published::new(deleting, there.tags.clone())));
        if let Err(error) = self.store.write(record::delete_all(&there)).await {
            self.machines.insert(name, there);
            return Err(error.into());
        }
        self.machines.remove(&name);
        drop(there);
        self.functions.forget_unused();
        Ok(true)
    }
}

/// The answer to a creation of a machine that is there.
fn created_before(there: &Published, request: &CreateStateMachine) -> Result<Created, StateMachineError> {
    let machine = &there.machine;
    // That it was published, and how that was described, belongs to what is asked for.
    let version = request.publish.as_ref().map(|publication| {
        let version = there.current_version();
        version.filter(|version| version.description.as_deref() == publication.description.as_deref())
    });
    if matches!(version, Some(None)) || !machine.is_what_is_asked_for(request) {
        return Err(StateMachineError::AlreadyExists { arn: machine.arn.as_text().to_string() });
    }
    // A stored one may have been right for an earlier version of the compiler only.
    if let Err(diagnostics) = &machine.runnable {
        return Err(StateMachineError::InvalidDefinition(diagnostics.clone()));
    }
    let version = version.flatten().cloned();
    Ok(Created { machine: Arc::clone(machine), version, warnings: Vec::new(), existed: true })
}
