//! The sandbox: the engines and their threads, and the modules that are loaded.

use crate::bounds::CallBounds;
use crate::cache::Cache;
use crate::engine::{self, BySize, SMALL_MEMORY_BYTES_MAX};
use crate::grants::GrantError;
use crate::lane::{Compilers, Lane, places};
use crate::limits::Limits;
use crate::linker::Linkers;
use crate::module::{self, Code, Compiled, Digest, Linked, Module, ModuleError};
use crate::preinit::Start;
use crate::quantum::{DeadlinePassed, Turns};
use crate::reuse::Room;
use crate::state::State;
use crate::ticker::Ticker;
use crate::{FunctionConfig, SandboxConfig, call, compiler, inspect};
use bytes::Bytes;
use fleetstep_engine::clock;
use fleetstep_keyvalue::KeyValue;
use fleetstep_outbound::{Bounds, Client};
use std::collections::HashMap;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::{Engine, Store};

/// Modules that are compiled at the same time; each uses all of the compiler's threads.
pub(crate) const COMPILES_MAX: u32 = 1;
/// How long a module may take to be instantiated when it is tried.
const TRIAL_TIMEOUT: Duration = Duration::from_secs(10);

/// The sandbox could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The engine refused its settings, or the operating system the address space that they need.
    #[error("the engine could not be set up (fewer `instances_max` need less address space): {0}")]
    Engine(String),
    /// The directory for compiled modules cannot be used.
    #[error("the directory for compiled modules cannot be used: {0}")]
    Cache(std::io::Error),
    /// A thread could not be started.
    #[error("a thread could not be started: {0}")]
    Threads(String),
}

/// What a function's configuration asks for cannot be given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Less memory than the module starts with.
    #[error("the module starts with {needed} bytes of memory, and the function is given {given}")]
    MemoryTooSmall {
        /// What an instance has before it runs.
        needed: u64,
        /// What the configuration says.
        given: u64,
    },
    /// More memory than any function may have.
    #[error("the function is given {given} bytes of memory, and {allowed} are the most that is allowed")]
    MemoryTooLarge {
        /// What the configuration says.
        given: u64,
        /// The sandbox's bound.
        allowed: u64,
    },
    /// A grant that is not clear.
    #[error("{0}")]
    Grant(#[from] GrantError),
    /// No time, or no calls.
    #[error("a function's timeout, its concurrency and the calls of its instances must be more than zero")]
    Zero,
    /// A command or a proxy component is to serve several calls.
    #[error("an instance of a command or of a proxy component runs once: only one of a task can serve several calls")]
    RunsOnce,
    /// A pre-initialised module is to have an environment.
    #[error("the module has started before it was given an environment, and would not see it: keep one of both")]
    StartedWithout,
}

/// Where modules are loaded and functions called. Clones share it; its threads end with the last of them and of the
/// functions.
#[derive(Clone)]
pub struct Sandbox {
    pub(crate) shared: Arc<Shared>,
    /// Of the functions that are made through this handle.
    pub(crate) bounds: Option<Arc<CallBounds>>,
    /// What those functions keep from one call to the next is kept here.
    pub(crate) store: Option<Arc<dyn KeyValue>>,
}

pub(crate) struct Shared {
    pub(crate) config: SandboxConfig,
    engines: BySize<Engine>,
    pub(crate) ticker: Arc<Ticker>,
    pub(crate) lane: Lane,
    /// Sends the requests of guests.
    pub(crate) client: Client,
    /// Calls that are under way, over all functions.
    pub(crate) running: AtomicU32,
    /// For instances that wait for their next call.
    pub(crate) room: Arc<Room>,
    linkers: BySize<Linkers>,
    compilers: Compilers,
    compiles: Arc<Semaphore>,
    cache: Option<Cache>,
    loaded: Mutex<HashMap<Digest, Weak<Module>>>,
}

impl Sandbox {
    /// Sets up the engine and its threads, which sleep until they are needed.
    ///
    /// # Errors
    /// See [`SandboxError`].
    pub fn new(config: SandboxConfig) -> Result<Self, SandboxError> {
        let refused = |error: wasmtime::Error| SandboxError::Engine(format!("{error:#}"));
        let engines = engine::engines(&config).map_err(refused)?;
        let open = |dir| Cache::open(dir, config.cache_bytes_max);
        let ticked = [&engines.small, &engines.large, &engines.huge].map(Engine::clone);
        let shared = Shared {
            linkers: engines.try_map(Linkers::new).map_err(refused)?,
            ticker: Arc::new(Ticker::start(ticked).map_err(|error| SandboxError::Threads(error.to_string()))?),
            lane: Lane::start(&config).map_err(|error| SandboxError::Threads(error.to_string()))?,
            compilers: Compilers::start(&config).map_err(|error| SandboxError::Threads(error.to_string()))?,
            compiles: Arc::new(Semaphore::new(COMPILES_MAX as usize)),
            cache: config.cache_dir.as_deref().map(open).transpose().map_err(SandboxError::Cache)?,
            running: AtomicU32::new(0),
            client: Client::new(Bounds::default()),
            room: Arc::new(Room::new(&config)),
            loaded: Mutex::default(),
            engines,
            config,
        };
        Ok(Self { shared: Arc::new(shared), bounds: None, store: None })
    }

    /// The same sandbox; what functions that are made through it call is bounded together.
    #[must_use]
    pub fn bounded(&self, bounds: CallBounds) -> Self {
        let bounds = (!bounds.is_empty()).then(|| Arc::new(bounds));
        Self { shared: Arc::clone(&self.shared), bounds, store: self.store.clone() }
    }

    /// The same sandbox; functions that are made through it keep what they keep in this store.
    #[must_use]
    pub fn storing(&self, store: Arc<dyn KeyValue>) -> Self {
        Self { shared: Arc::clone(&self.shared), bounds: self.bounds.clone(), store: Some(store) }
    }

    /// The bounds of this handle, if it has any.
    #[must_use]
    pub fn bounds(&self) -> Option<&CallBounds> {
        self.bounds.as_deref()
    }

    /// Calls that are under way, over all functions, and how many may be.
    #[must_use]
    pub fn running(&self) -> (u32, u32) {
        (self.shared.running.load(Relaxed), self.shared.config.instances_max)
    }

    /// Verifies, compiles (or finds in the cache) and tries a module, on threads of low priority. A module that is
    /// loaded already is answered at once. When the caller goes away, what it began is carried to its end.
    ///
    /// # Errors
    /// See [`ModuleError`]: its text is for whoever uploaded the module.
    pub async fn load(&self, bytes: Bytes) -> Result<Arc<Module>, ModuleError> {
        self.load_as(bytes, Start::Fresh).await
    }

    /// As [`Sandbox::load`], of a module whose start-up may run now, once for all its instances.
    ///
    /// # Errors
    /// See [`ModuleError`].
    pub async fn load_as(&self, bytes: Bytes, start: Start) -> Result<Arc<Module>, ModuleError> {
        let (found, bytes_max) = (bytes.len() as u64, self.shared.config.module_bytes_max);
        if found > bytes_max {
            return Err(ModuleError::TooLarge { bytes: found, bytes_max });
        }
        let hashed = bytes.clone();
        let digest = self.shared.compilers.run(move || Digest::of(&hashed)).await.ok_or_else(ModuleError::gave_up)?;
        let key = start.key(digest);
        if let Some(module) = self.shared.loaded(&key) {
            return Ok(module);
        }
        let turn = Arc::clone(&self.shared.compiles).acquire_owned().await.map_err(host)?;
        if let Some(module) = self.shared.loaded(&key) {
            return Ok(module);
        }
        let shared = Arc::clone(&self.shared);
        self.shared.lane.spawn(shared.build(digest, start, bytes, turn)).await.map_err(host)?
    }

    /// Whether a function with this configuration can be made of the module.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn check(&self, module: &Module, config: &FunctionConfig) -> Result<(), ConfigError> {
        let (given, needed) = (config.memory_bytes_max, module.memory_bytes_min());
        let allowed = self.shared.config.memory_bytes_max;
        if config.timeout.is_zero() || config.concurrency_max == 0 || config.calls_per_instance_max == 0 {
            Err(ConfigError::Zero)
        } else if let Err(error) = config.grants.check() {
            Err(error.into())
        } else if config.calls_per_instance_max > 1 && !module.kind().serves_again() {
            Err(ConfigError::RunsOnce)
        } else if module.is_preinitialised && !(config.environment.is_empty() && config.secrets.is_empty()) {
            Err(ConfigError::StartedWithout)
        } else if given > allowed {
            Err(ConfigError::MemoryTooLarge { given, allowed })
        } else if given < needed {
            Err(ConfigError::MemoryTooSmall { needed, given })
        } else {
            Ok(())
        }
    }
}

impl Shared {
    fn loaded(&self, digest: &Digest) -> Option<Arc<Module>> {
        self.modules().get(digest).and_then(Weak::upgrade)
    }

    fn modules(&self) -> MutexGuard<'_, HashMap<Digest, Weak<Module>>> {
        // Every change to the map is one call, which a panic elsewhere cannot leave half done.
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn build(
        self: Arc<Self>,
        digest: Digest,
        start: Start,
        bytes: Bytes,
        _turn: OwnedSemaphorePermit,
    ) -> Result<Arc<Module>, ModuleError> {
        let bytes_len = bytes.len() as u64;
        let (this, found, key) = (Arc::clone(&self), bytes.clone(), start.key(digest));
        let found = self.compilers.run(move || this.cached(&key, start, &found)).await;
        let linked = match found.ok_or_else(ModuleError::gave_up)? {
            // Tried again, though it was before it was kept: this takes microseconds, and calls rely on it.
            Some(linked) => {
                self.try_out(&linked).await?;
                linked
            }
            None => self.compile(key, start, bytes.clone()).await?,
        };
        let is_preinitialised = start == Start::Preinitialised;
        let starts_at_once = !is_preinitialised && self.starts_at_once(&linked, &bytes);
        let module = Arc::new(Module { digest, bytes_len, is_preinitialised, starts_at_once, linked });
        let mut modules = self.modules();
        modules.retain(|_, module| module.strong_count() > 0);
        modules.insert(key, Arc::downgrade(&module));
        Ok(module)
    }

    fn cached(&self, key: &Digest, start: Start, bytes: &[u8]) -> Option<Linked> {
        let memory_bytes_min = start.memory_bytes_min(bytes);
        let found = self.cache.as_ref()?.find(key, self.engines.of(memory_bytes_min))?;
        module::link(self.linkers.of(memory_bytes_min), found).ok()
    }

    async fn compile(self: &Arc<Self>, key: Digest, start: Start, bytes: Bytes) -> Result<Linked, ModuleError> {
        let this = Arc::clone(self);
        let job = move || {
            let bytes = match start {
                Start::Fresh => bytes,
                Start::Preinitialised => compiler::preinitialise(&this.config, &bytes)?.into(),
            };
            let memory_bytes_min = start.memory_bytes_min(&bytes);
            let compiled =
                compiler::compile(&this.config, this.engines.of(memory_bytes_min), memory_bytes_min, &bytes)?;
            Ok((module::link(this.linkers.of(memory_bytes_min), compiled.clone())?, compiled))
        };
        let (linked, compiled) = self.compilers.run(job).await.ok_or_else(ModuleError::gave_up)??;
        self.try_out(&linked).await?;
        if self.cache.is_some() {
            let (this, linked) = (Arc::clone(self), linked.clone());
            // The module is good without it. A disk that is full costs the next start a compilation, no more.
            self.compilers.run(move || this.keep(&key, linked.engine(), &compiled)).await;
        }
        Ok(linked)
    }

    /// Keeps an artefact where there is a cache that takes it; `None` where not.
    fn keep(&self, digest: &Digest, engine: &Engine, compiled: &Compiled) -> Option<()> {
        let artefact = compiled.serialize().ok()?;
        self.cache.as_ref()?.keep(digest, engine, &artefact).ok()
    }

    /// Runs in the slow lane, as all of `build` does: start functions are the guest's code.
    async fn try_out(&self, linked: &Linked) -> Result<(), ModuleError> {
        let linked = linked.clone();
        let now = clock::instant();
        let mut store = self.trial_store(&linked, now + TRIAL_TIMEOUT);
        call::restrict(&mut store);
        let trial = async move { linked.try_out(&mut store).await };
        let timed_out = || ModuleError::Trial(DeadlinePassed.to_string());
        let turns = Turns::new(Arc::clone(&self.ticker), now + TRIAL_TIMEOUT, trial);
        turns.go_on(places(&self.config)).await.0.unwrap_or_else(|| Err(timed_out()))
    }

    /// See [`Module::starts_at_once`]. What imports a host function that waits is refused by the engine.
    fn starts_at_once(&self, linked: &Linked, bytes: &[u8]) -> bool {
        let Code::Task { pre, .. } = &linked.code else { return false };
        if linked.memory_bytes_min > SMALL_MEMORY_BYTES_MAX || inspect::runs_at_start(bytes) {
            return false;
        }
        let mut store = self.trial_store(linked, clock::instant());
        call::start_at_once(&mut store, pre).is_ok()
    }

    /// A store in which nobody calls.
    fn trial_store(&self, linked: &Linked, deadline: Instant) -> Store<State> {
        let state = State {
            limits: Limits::new(self.config.memory_bytes_max),
            deadline,
            caller: None,
            preview: linked.wasi,
            wasi: None,
            http: None,
            runtime: None,
            pipes: None,
        };
        Store::new(linked.engine(), state)
    }
}

fn host(error: impl std::fmt::Display) -> ModuleError {
    ModuleError::Host(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether instances of a task start at once, whose core module has these parts.
    async fn starts_at_once(sandbox: &Sandbox, items: &str) -> bool {
        let text = format!(
            r#"(component
                (import "fleetstep:task/types@0.1.0" (instance $types
                    (type $record (record (field "error" string) (field "message" string)))
                    (export "task-error" (type (eq $record)))))
                (alias export $types "task-error" (type $task-error))
                (core module $m
                    {items}
                    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64))
                    (func $handle (export "handle") (param i32 i32) (result i32) unreachable))
                (core instance $i (instantiate $m))
                (func $handle (param "event" string) (result (result string (error $task-error)))
                    (canon lift (core func $i "handle") (memory $i "memory") (realloc (func $i "realloc"))))
                (export "handle" (func $handle)))"#
        );
        sandbox.load(wat::parse_str(text).unwrap().into()).await.unwrap().starts_at_once
    }

    #[tokio::test]
    async fn a_task_that_runs_nothing_before_it_is_called_starts_at_once() {
        let sandbox = Sandbox::new(SandboxConfig { instances_max: 16, ..SandboxConfig::default() }).unwrap();
        let memory = r#"(memory (export "memory") 1) (data (i32.const 0) "kept")"#;
        assert!(starts_at_once(&sandbox, memory).await);
        assert!(!starts_at_once(&sandbox, &format!("{memory} (func $start) (start $start)")).await);
        assert!(!starts_at_once(&sandbox, r#"(memory (export "memory") 8)"#).await, "its memory is not small");
    }
}
