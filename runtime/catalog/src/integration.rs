//! What a task can reach beside functions: the seams at which others carry it out.
//!
//! The catalog resolves a `Resource` and knows neither executions in flight nor the network. Who starts executions and
//! knows who waits for a call back is connected when it is there ([`Executions`]); what the operator has bound to a
//! service integration is given when the catalog is opened ([`Outside`]).

use fleetstep_document::{Document, Text};
use fleetstep_engine::{Call, Identity, ReplyFuture, TaskHost};
use fleetstep_machine::Failure;
use std::sync::{Arc, PoisonError, RwLock, Weak};

/// Executions that tasks start, and answers that come from elsewhere.
pub trait Executions: Send + Sync + 'static {
    /// Starts an execution for a task.
    fn start(&self, nested: Nested) -> ReplyFuture;
    /// Waits for whoever was handed the token of a call. It waits from now on, not from the first poll.
    fn wait(&self, call: &Call) -> Result<ReplyFuture, Failure>;
    /// Offers a call to the workers of an activity, and waits for the answer of the one that takes it.
    fn offer(&self, activity: &str, call: &Call) -> Result<ReplyFuture, Failure>;
}

/// How a task starts an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nesting {
    /// `states:startExecution`: answered once it is accepted.
    Start,
    /// `states:startExecution.sync`: answered at its end, with texts of JSON.
    Sync,
    /// `states:startExecution.sync:2`: answered at its end, with JSON.
    Sync2,
    /// `aws-sdk:sfn:startExecution`
    SdkStart,
    /// `aws-sdk:sfn:startSyncExecution`
    SdkSync,
}

/// An execution that a task asks for.
#[derive(Clone, Debug)]
pub struct Nested {
    /// How it is started, and what is answered.
    pub nesting: Nesting,
    /// What is to be run: a state machine, a version or an alias.
    pub state_machine_arn: Text,
    /// Its name, if it is to have one of the task's choice.
    pub name: Option<Text>,
    /// Its input, as text.
    pub input: Text,
    /// The execution whose task asks.
    pub parent: Arc<Identity>,
}

/// What the operator has set up for service integrations that are not built in.
pub trait Outside: std::fmt::Debug + Send + Sync + 'static {
    /// What runs an integration: `dynamodb:putItem`, `aws-sdk:sqs:sendMessage`.
    fn bound(&self, action: &str) -> Bound;
}

/// What runs an integration.
pub enum Bound {
    /// Nothing: a call fails.
    Nothing,
    /// The function of that name.
    Function(Text),
    /// Something outside.
    Host(Arc<dyn TaskHost>),
}

/// All of it, as state machines are bound to it. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Integrations {
    outside: Option<Arc<dyn Outside>>,
    executions: Arc<RwLock<Option<Weak<dyn Executions>>>>,
}

impl Integrations {
    pub(crate) fn new(outside: Option<Arc<dyn Outside>>) -> Self {
        Self { outside, ..Self::default() }
    }

    /// From now on `executions` is asked. It is not kept alive by that.
    pub(crate) fn connect(&self, executions: Weak<dyn Executions>) {
        *self.executions.write().unwrap_or_else(PoisonError::into_inner) = Some(executions);
    }

    /// Who starts executions, if anybody does.
    pub(crate) fn executions(&self) -> Result<Arc<dyn Executions>, Failure> {
        let connected = self.executions.read().unwrap_or_else(PoisonError::into_inner).as_ref().and_then(Weak::upgrade);
        connected
            .ok_or_else(|| Failure::new("States.Runtime", "Nothing that starts executions is connected to this task"))
    }

    /// What runs an integration.
    pub(crate) fn bound(&self, action: &str) -> Bound {
        self.outside.as_ref().map_or(Bound::Nothing, |outside| outside.bound(action))
    }

    /// The function that is bound to an integration.
    pub(crate) fn bound_function(&self, action: &str) -> Option<Text> {
        match self.bound(action) {
            Bound::Function(name) => Some(name),
            Bound::Nothing | Bound::Host(_) => None,
        }
    }
}

/// Parameters as a document of an object's members.
pub(crate) fn member<'a>(parameters: &'a Document, name: &str) -> Option<&'a Document> {
    parameters.get(name).filter(|value| !value.is_null())
}
