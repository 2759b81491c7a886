//! Opening: records become functions, machines and what is published of them again.

mod functions;
mod machines;

use super::pins::Pins;
use super::triggers::Triggers;
use super::{CatalogConfig, Inner};
use crate::function::{Deployed, Functions};
use crate::integration::Integrations;
use crate::{FunctionDescription, OpenError, Store, StoreError, Stored};
use dashmap::DashMap;
use fleetstep_document::Text;
use fleetstep_wasm::{Function, Module, ModuleError, Sandbox};
use std::sync::Arc;

/// How many modules are loaded, and how many definitions compiled, at the same time.
const LOADING_MAX: usize = 8;

impl Inner {
    pub(super) async fn open(
        config: CatalogConfig,
        sandbox: Arc<Sandbox>,
        store: Arc<dyn Store>,
    ) -> Result<Self, OpenError> {
        let records = store.load_all().await?;
        let integrations = Integrations::new(config.outside.clone());
        let functions = Arc::new(Functions::new(config.place.clone(), integrations));
        let mut inner = Self {
            config,
            sandbox,
            store,
            machines: DashMap::new(),
            functions,
            activities: DashMap::new(),
            pins: Pins::of(&records)?,
            triggers: Triggers::default(),
            problems: Vec::new(),
            changing: tokio::sync::Mutex::new(()),
        };
        inner.bring_back_activities(&records)?;
        functions::bring_back(&mut inner, &records).await?;
        machines::bring_back(&mut inner, &records).await?;
        inner.bring_back_triggers(&records)?;
        inner.drop_orphaned_modules().await?;
        Ok(inner)
    }

    /// Drops the modules that a crash between two writes left behind.
    async fn drop_orphaned_modules(&self) -> Result<(), StoreError> {
        for sha256 in self.unneeded(self.store.modules().await?.into_iter().map(Text::from).collect()) {
            self.store.delete_module(&sha256).await?;
        }
        Ok(())
    }
}

/// A function with its stored module, another version of `of` where there is one; where that can't be loaded, one that
/// says so, and what the operator should know.
pub(super) async fn deploy(
    sandbox: &Sandbox,
    store: &dyn Store,
    description: FunctionDescription,
    of: Option<&Function>,
) -> (Deployed, Option<String>) {
    match load(sandbox, store, &description).await {
        Ok(module) => match Deployed::new(sandbox, description.clone(), module, of) {
            Ok(deployed) => (deployed, None),
            Err(error) => (Deployed::broken(description, error.to_string()), Some(error.to_string())),
        },
        Err(Unloaded { told, detail }) => (Deployed::broken(description, told), Some(detail)),
    }
}

/// Why a stored module could not be loaded.
struct Unloaded {
    /// For callers.
    told: String,
    /// For the operator: it may name files of the host.
    detail: String,
}

async fn load(
    sandbox: &Sandbox,
    store: &dyn Store,
    description: &FunctionDescription,
) -> Result<Arc<Module>, Unloaded> {
    let sha256 = &description.module_sha256;
    let of_the_host = |detail| Unloaded { told: format!("the server could not read module {sha256}"), detail };
    let bytes = store.module(sha256).await.map_err(|error| of_the_host(error.to_string()))?;
    let bytes = bytes.ok_or_else(|| of_the_host(format!("module {sha256} is missing in the store")))?;
    sandbox.load_as(bytes, description.settings.start()).await.map_err(|error| match error {
        ModuleError::Host(_) => of_the_host(error.to_string()),
        refused => Unloaded { told: refused.to_string(), detail: refused.to_string() },
    })
}

pub(super) fn unreadable(stored: &Stored, message: String) -> StoreError {
    StoreError::Record { kind: stored.kind, name: stored.name.clone(), message }
}
