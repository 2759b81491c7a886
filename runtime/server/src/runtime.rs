//! Settings become a wired runtime: sandbox, catalog, engine.

use crate::accounts;
use crate::bounds::FileBounds;
use crate::settings::Settings;
use anyhow::{Context as _, Result};
use fleetstep_catalog::{Catalog, CatalogConfig, MemoryStore, Place, RedbStore, Store};
use fleetstep_engine::{Engine, Limits};
use fleetstep_integrations::Shared;
use fleetstep_keyvalue::Embedded;
use fleetstep_wasm::{Sandbox, SandboxConfig};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// In an account's folder, what its tasks keep from one call to the next.
const KEPT: &str = "keyvalue.redb";

/// The parts that serve executions, wired.
#[derive(Clone)]
pub struct Runtime {
    /// What is deployed.
    pub catalog: Catalog,
    /// What runs.
    pub engine: Engine,
    sandbox: Sandbox,
    outside: Shared,
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
            compiler: settings.compiler.clone(),
            compile_memory_bytes_max: u64::from(settings.compile_mib) << 20,
            compile_timeout: Duration::from_secs(settings.compile_seconds.into()),
            ..SandboxConfig::default()
        };
        let in_data_dir = || match &settings.data_dir {
            Some(folder) => format!("cannot use the data directory {}", folder.display()),
            None => "cannot set up the sandbox".to_owned(),
        };
        let sandbox = Sandbox::new(sandbox).with_context(in_data_dir)?;
        let outside = Shared::new(&settings.outside, &settings.account, &settings.region)?;
        let config = catalog_config(settings, place, &outside);
        let catalog = open_catalog(config, settings.data_dir.as_deref(), &sandbox, &settings.bounds).await?;
        let limits = Limits { executions_running_max: settings.executions_running_max, ..Limits::default() };
        Ok(Self { catalog, engine: Engine::new(limits), sandbox, outside })
    }

    /// Opens the catalog of another account, whose tasks run in the same sandbox.
    ///
    /// # Errors
    /// A folder that cannot be opened, or an account that is none.
    pub async fn open_account(&self, settings: &Settings, account: &str) -> Result<Catalog> {
        let place = Place::new(&settings.region, account)?;
        let folder = settings.data_dir.as_ref().map(|data_dir| accounts::folder(data_dir, account));
        let config = catalog_config(settings, place, &self.outside);
        open_catalog(config, folder.as_deref(), &self.sandbox, &settings.bounds).await
    }
}

fn catalog_config(settings: &Settings, place: Place, outside: &Shared) -> CatalogConfig {
    let outside = Arc::new(outside.of_account(&place.account));
    CatalogConfig { place, outside: Some(outside), extended: settings.workflow_extensions }
}

async fn open_catalog(
    config: CatalogConfig,
    folder: Option<&Path>,
    sandbox: &Sandbox,
    bounds: &FileBounds,
) -> Result<Catalog> {
    let kept = match folder {
        Some(folder) => Embedded::on_disk(folder.join(KEPT)),
        None => Embedded::in_memory(),
    };
    let sandbox = Arc::new(sandbox.bounded(bounds.calls(&config.place.account)).storing(Arc::new(kept)));
    let store: Arc<dyn Store> = match folder {
        Some(folder) => {
            let opened = RedbStore::open(folder).await;
            Arc::new(opened.with_context(|| format!("cannot use the data directory {}", folder.display()))?)
        }
        None => Arc::new(MemoryStore::default()),
    };
    Ok(Catalog::open(config, sandbox, store).await?)
}
