//! State machines: look-ups, and the four operations.

use super::{Catalog, Inner, STATE_MACHINES_MAX};
use crate::arn::{ArnError, StateMachineArn};
use crate::page::page;
use crate::record::StateMachineRecord;
use crate::state_machine::{Definition, execution_arn_prefix, logging_or_default, tracing_or_default};
use crate::uuid::uuid;
use crate::{
    Change, CreateStateMachine, Created, InvalidToken, Page, PageRequest, RecordKind, StateMachine, StateMachineError,
    StateMachineStatus, UpdateStateMachine,
};
use fleetstep_asl::Diagnostic;
use fleetstep_document::Text;
use fleetstep_engine::clock;
use std::sync::Arc;

impl Catalog {
    /// The machine of that name. The look-up of a start.
    #[must_use]
    pub fn state_machine(&self, name: &str) -> Option<Arc<StateMachine>> {
        self.inner.machines.get(name).map(|machine| Arc::clone(machine.value()))
    }

    /// The machine of that ARN, region and account included.
    pub fn describe_state_machine(&self, arn: &StateMachineArn) -> Result<Arc<StateMachine>, StateMachineError> {
        self.state_machine(arn.name())
            .filter(|machine| machine.arn.as_text() == arn.as_text())
            .ok_or_else(|| does_not_exist(arn))
    }

    /// `CreateStateMachine`. A second creation of the very same machine answers as the first did.
    pub async fn create_state_machine(&self, request: CreateStateMachine) -> Result<Created, StateMachineError> {
        let arn = StateMachineArn::new(self.place(), &request.name)?;
        let text = Text::from(request.definition.as_str());
        let definition = Definition::compile(text, request.format, request.workflow_type).await?;
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
                Some(Definition::compile(Text::from(text.as_str()), *format, there.workflow_type).await?)
            }
            None => None,
        };
        let arn = arn.clone();
        self.change(move |inner| async move { inner.update(&arn, definition, request).await }).await
    }

    /// `DeleteStateMachine`: whether there was one. Running executions go on.
    pub async fn delete_state_machine(&self, arn: &StateMachineArn) -> Result<bool, StateMachineError> {
        if let Some(qualifier) = arn.qualifier() {
            return Err(ArnError::Qualified { qualifier: qualifier.to_string() }.into());
        }
        let arn = arn.clone();
        self.change(move |inner| async move { inner.delete(&arn).await }).await
    }

    /// `ListStateMachines`, by name.
    pub fn list_state_machines(&self, request: &PageRequest) -> Result<Page<Arc<StateMachine>>, InvalidToken> {
        let all = self.inner.machines.iter().map(|machine| Arc::clone(machine.value())).collect();
        page(all, |machine: &Arc<StateMachine>| &machine.name, request)
    }
}

fn does_not_exist(arn: &StateMachineArn) -> StateMachineError {
    StateMachineError::DoesNotExist { arn: arn.as_text().to_string() }
}

/// The three changes. Their caller is the only one who changes anything.
impl Inner {
    async fn create(
        &self,
        arn: StateMachineArn,
        definition: Definition,
        request: CreateStateMachine,
    ) -> Result<Created, StateMachineError> {
        if let Some(there) = self.machines.get(arn.name()).map(|there| Arc::clone(there.value())) {
            if !there.is_what_is_asked_for(&request) {
                return Err(StateMachineError::AlreadyExists { arn: there.arn.as_text().to_string() });
            }
            // A stored one may have been right for an earlier version of the compiler only.
            return match &there.runnable {
                Ok(_) => Ok(Created { machine: there, warnings: Vec::new(), existed: true }),
                Err(diagnostics) => Err(StateMachineError::InvalidDefinition(diagnostics.clone())),
            };
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
            description: request.description.map(Text::from),
            tags: request.tags,
            runnable,
            execution_arn_prefix: execution_arn_prefix(&arn),
            arn,
        };
        self.keep(machine, warnings, false).await
    }

    async fn update(
        &self,
        arn: &StateMachineArn,
        definition: Option<Definition>,
        request: UpdateStateMachine,
    ) -> Result<Created, StateMachineError> {
        let there = self.machines.get(arn.name()).map(|there| Arc::clone(there.value()));
        let there = there.ok_or_else(|| does_not_exist(arn))?;
        let mut machine = StateMachine::clone(&there);
        drop(there);
        let mut warnings = Vec::new();
        if let Some(definition) = definition {
            machine.definition = definition.text.clone();
            machine.format = definition.format;
            (machine.runnable, warnings) = definition.bind(&self.functions);
        }
        machine.role_arn = request.role_arn.map_or(machine.role_arn, Text::from);
        machine.logging = request.logging.unwrap_or(machine.logging);
        machine.tracing = request.tracing.unwrap_or(machine.tracing);
        machine.updated = clock::now();
        machine.revision_id = Some(uuid());
        self.keep(machine, warnings, true).await
    }

    /// Keeps a machine, unless its definition is wrong: on disk, then in memory.
    async fn keep(
        &self,
        machine: StateMachine,
        warnings: Vec<Diagnostic>,
        existed: bool,
    ) -> Result<Created, StateMachineError> {
        let kept = match &machine.runnable {
            Ok(_) => self.store.write(vec![StateMachineRecord::put(&machine)]).await.map_err(StateMachineError::from),
            Err(diagnostics) => Err(StateMachineError::InvalidDefinition(diagnostics.clone())),
        };
        let answer = kept.map(|()| {
            let machine = Arc::new(machine);
            self.machines.insert(machine.name.clone(), Arc::clone(&machine));
            Created { machine, warnings, existed }
        });
        // Of the machine that was replaced, or of the one that was not kept.
        self.functions.forget_unused();
        answer
    }

    async fn delete(&self, arn: &StateMachineArn) -> Result<bool, StateMachineError> {
        let Some(there) = self.machines.get(arn.name()).map(|there| Arc::clone(there.value())) else {
            return Ok(false);
        };
        if there.arn != *arn {
            return Ok(false);
        }
        let deleting = StateMachine { status: StateMachineStatus::Deleting, ..StateMachine::clone(&there) };
        self.machines.insert(there.name.clone(), Arc::new(deleting));
        let change = Change::Delete { kind: RecordKind::StateMachine, name: there.name.to_string() };
        if let Err(error) = self.store.write(vec![change]).await {
            self.machines.insert(there.name.clone(), there);
            return Err(error.into());
        }
        self.machines.remove(&there.name);
        drop(there);
        self.functions.forget_unused();
        Ok(true)
    }
}
