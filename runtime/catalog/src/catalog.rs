//! The catalog itself: what is deployed, in memory, with every change written through to the store.

mod activities;
mod aliases;
mod call;
mod function_aliases;
mod function_versions;
mod functions;
mod open;
mod pins;
mod state_machines;
mod tags;
mod triggers;
mod versions;

pub use activities::Activity;
pub use aliases::{AliasRequest, RouteRequest};
pub use function_aliases::FunctionAliasChange;
pub use function_versions::{FunctionFound, PublishFunction};
pub use functions::{ChangeOf, FunctionChange, FunctionChanged, FunctionExpected};
pub use pins::{Pin, PinError, Restored};
pub use triggers::{ROUTES_OF_ACCOUNT_MAX, SCHEDULES_MAX, Scheduled, Settled};

use crate::arn::{Place, StateMachineArn};
use crate::function::Functions;
use crate::integration::{Executions, Outside};
use crate::published::Published;
use crate::{Change, OpenError, StateMachineError, Store, StoreError};
use dashmap::DashMap;
use fleetstep_document::Text;
use fleetstep_wasm::{CallBounds, Sandbox};
use pins::Pins;
use std::sync::{Arc, Weak};
use triggers::Triggers;

/// The most state machines of one catalog: the service's quota.
pub const STATE_MACHINES_MAX: usize = 10_000;
/// The most functions of one catalog.
pub const FUNCTIONS_MAX: usize = 10_000;

/// The most activities of one catalog: the service's quota.
pub const ACTIVITIES_MAX: usize = 10_000;

/// What a catalog is told when it is opened.
#[derive(Clone, Debug, Default)]
pub struct CatalogConfig {
    /// Region and account of its ARNs.
    pub place: Place,
    /// What service integrations run that are not built in.
    pub outside: Option<Arc<dyn Outside>>,
    /// Whether EXPRESS machines may wait as only STANDARD ones may on the service: `.sync`, `.waitForTaskToken`,
    /// activities.
    pub extended: bool,
}

/// What is deployed. Cheap to clone; every clone is the same catalog.
///
/// Look-ups answer from memory and take no lock that a writer holds while it waits for the disk. Changes are made
/// one after the other, on disk first, and to the end even when their caller no longer waits for them.
#[derive(Clone)]
pub struct Catalog {
    inner: Arc<Inner>,
}

struct Inner {
    config: CatalogConfig,
    sandbox: Arc<Sandbox>,
    store: Arc<dyn Store>,
    machines: DashMap<Text, Arc<Published>>,
    functions: Arc<Functions>,
    activities: DashMap<Text, Activity>,
    pins: Pins,
    triggers: Triggers,
    problems: Vec<String>,
    /// Held by whoever changes the catalog.
    changing: tokio::sync::Mutex<()>,
}

impl Catalog {
    /// Reads everything from `store`, loads the modules and compiles the definitions.
    ///
    /// A definition that no longer compiles and a module that can't be loaded are no errors: they are listed in
    /// [`Catalog::problems`], stay visible, and what needs them fails with the reason. A record that can't be read is
    /// an error: to go on without it would mean that its name is free.
    pub async fn open(config: CatalogConfig, sandbox: Arc<Sandbox>, store: Arc<dyn Store>) -> Result<Self, OpenError> {
        let inner = Inner::open(config, sandbox, store).await?;
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Region and account.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.inner.config.place
    }

    /// From now on tasks start executions there, and are answered from there.
    pub fn connect(&self, executions: Weak<dyn Executions>) {
        self.inner.functions.integrations().connect(executions);
    }

    /// Whether EXPRESS machines may wait as only STANDARD ones may on the service.
    #[must_use]
    pub fn is_extended(&self) -> bool {
        self.inner.config.extended
    }

    /// What could not be brought back at opening: a text for each.
    #[must_use]
    pub fn problems(&self) -> &[String] {
        &self.inner.problems
    }

    /// Task calls that are under way in the whole process, and how many may be.
    #[must_use]
    pub fn calls_running(&self) -> (u32, u32) {
        self.inner.sandbox.running()
    }

    /// What bounds the calls of this catalog's functions beside that, if anything does.
    #[must_use]
    pub fn call_bounds(&self) -> Option<&CallBounds> {
        self.inner.sandbox.bounds()
    }

    /// Makes a change: alone, and to its end. A caller that stops waiting must not leave the disk saying one
    /// thing and memory another.
    async fn change<T, E, F>(&self, change: impl FnOnce(Arc<Inner>) -> F + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        let inner = Arc::clone(&self.inner);
        let work = tokio::spawn(async move {
            let _alone = inner.changing.lock().await;
            change(Arc::clone(&inner)).await
        });
        work.await.map_err(StoreError::interrupted("a change of the catalog"))?
    }
}

/// What every change of state machines, versions, aliases and tags is made of. The caller is the only one who changes
/// anything.
impl Inner {
    /// What is published under the machine's own ARN.
    fn published(&self, arn: &StateMachineArn) -> Result<Arc<Published>, StateMachineError> {
        let found = self.machines.get(arn.name()).map(|found| Arc::clone(found.value()));
        found
            .filter(|found| found.machine.arn.as_text() == arn.as_text())
            .ok_or_else(|| StateMachineError::DoesNotExist { arn: arn.as_text().to_string() })
    }

    /// Keeps what a change made: on disk, then in memory.
    async fn keep(&self, published: Published, changes: Vec<Change>) -> Result<Arc<Published>, StoreError> {
        self.store.write(changes).await?;
        let published = Arc::new(published);
        self.machines.insert(published.machine.name.clone(), Arc::clone(&published));
        Ok(published)
    }
}
