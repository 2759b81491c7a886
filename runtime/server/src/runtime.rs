//! Settings become a wired runtime: sandbox, catalog, engine.

use crate::settings::Settings;
use anyhow::{Context as _, Result};
use fleetstep_catalog::{Catalog, CatalogConfig, MemoryStore, Place, RedbStore, Store};
use fleetstep_engine::{Engine, Limits};
use fleetstep_wasm::{Sandbox, SandboxConfig};
use std::sync::Arc;

/// The parts that serve executions, wired.
#[derive(Clone)]
pub struct Runtime {
    /// What is deployed.
    pub catalog: Catalog,
    /// What runs.
    pub engine: Engine,
}

impl Runtime {
    /// Opens the catalog that `settings` name and starts the engine. Needs a tokio runtime.
    ///
    /// # Errors
    /// A data directory that cannot be opened, or a sandbox that this machine cannot give.
    pub async fn open(settings: &Settings) -> Result<Self> {
        let place = Place::new(&settings.region, &settings.account)?;
        let cache_dir =
            settings.data_dir.as_ref().or(settings.cache_dir.as_ref()).map(|folder| folder.join("artefacts"));
        let sandbox = SandboxConfig {
            cache_dir,
            instances_max: settings.calls_running_max,
            memory_resident_bytes: settings.memory_resident_kib as usize * 1024,
            pagemap_scan: settings.page_scan,
            ..SandboxConfig::default()
        };
        let in_data_dir = || match &settings.data_dir {
            Some(folder) => format!("cannot use the data directory {}", folder.display()),
            None => "cannot set up the sandbox".to_owned(),
        };
        let sandbox = Sandbox::new(sandbox).with_context(in_data_dir)?;
        let store: Arc<dyn Store> = match &settings.data_dir {
            Some(folder) => Arc::new(RedbStore::open(folder).await.with_context(in_data_dir)?),
            None => Arc::new(MemoryStore::default()),
        };
        let catalog = Catalog::open(CatalogConfig { place }, Arc::new(sandbox), store).await?;
        let limits = Limits { executions_running_max: settings.executions_running_max, ..Limits::default() };
        Ok(Self { catalog, engine: Engine::new(limits) })
    }
}
