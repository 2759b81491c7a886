//! A module that was verified and compiled, and why one was not.

use crate::http_in;
use crate::linker::{self, Imports, Linkers};
use crate::output::Handled;
use crate::reactor::{self, Reactor};
use crate::state::State;
use crate::wasi::Preview;
use sha2::{Digest as _, Sha256};
use std::fmt;
use wasmtime::component::{self, Component, ComponentExportIndex};
use wasmtime::{Engine, ModuleExport, Store};

/// Bytes of one page of linear memory.
pub(crate) const PAGE_BYTES: u64 = 64 << 10;
/// Exports that an error names.
const NAMED_MAX: usize = 8;

/// SHA-256 of a module's bytes as they were uploaded. Displayed in lower-case hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for Digest {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How a module is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModuleKind {
    /// It exports `handle` of the world `fleetstep:task/task`.
    Task,
    /// A WASI command: the event on stdin, the result on stdout.
    Command,
    /// A WASI reactor: a core module that exports `handle` and imports WASI's first preview at most.
    Reactor,
    /// A `wasi:http` proxy component: the event as a POST, the result as its answer.
    Http,
}

impl ModuleKind {
    /// Whether an instance can serve one call after another.
    #[must_use]
    pub fn serves_again(self) -> bool {
        match self {
            Self::Task | Self::Reactor => true,
            Self::Command | Self::Http => false,
        }
    }
}

/// What a module must be, for those whose module is something else.
const EXPECTED: &str = "expected a component that exports `handle: func(event: string) -> result<string, task-error>` \
    of the world fleetstep:task/task@0.1.0, a core module built for wasm32-unknown-unknown that carries this world, \
    a WASI reactor (a core module that exports `handle` and `cabi_realloc`), a WASI command (`_start` of a core module, \
    or wasi:cli/run@0.2), or a proxy component (wasi:http/incoming-handler@0.2)";

/// Why a module was not accepted. All but [`Host`](Self::Host) are the uploader's to mend.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModuleError {
    /// More bytes than a module may have.
    #[error("the module has {bytes} bytes, and {bytes_max} are allowed")]
    TooLarge {
        /// How many it has.
        bytes: u64,
        /// How many it may have.
        bytes_max: u64,
    },
    /// Neither a module nor a component in binary form.
    #[error("this is not WebAssembly in binary form; {EXPECTED}")]
    NotWasm,
    /// Malformed, using a proposal that is not enabled, or larger than any instance may be.
    #[error("the module is not valid: {0}")]
    Invalid(String),
    /// A core module with a world that imports WASI's first preview.
    #[error(
        "the core module carries a component's world but imports wasi_snapshot_preview1; \
         build it for wasm32-unknown-unknown or wasm32-wasip2"
    )]
    NeedsAdapter,
    /// It exports nothing that can be called.
    #[error("the module exports {0}; {EXPECTED}")]
    NotATask(String),
    /// `handle` or `run` has another type than it should.
    #[error("the module's export has the wrong type: {0}; {EXPECTED}")]
    WrongType(String),
    /// Compiling it takes more memory or time than is allowed.
    #[error("the module is too costly to compile: {0}")]
    TooCostly(String),
    /// It imports what nobody offers.
    #[error(
        "the module imports what no host function answers: {}; it may import fleetstep:task/{{context, environment, \
         logging}}@0.1, wasi:{{cli, clocks, filesystem, http, io, random, sockets}}@0.2, wasi:{{config, keyvalue}}@0.2 \
         and wasi:logging@0.1 as drafted, or as a command wasi_snapshot_preview1",
        .0.join(", ")
    )]
    UnknownImports(Vec<String>),
    /// It imports an interface that is offered, but with other contents.
    #[error("the module's imports do not match what the host offers: {0}")]
    WrongImports(String),
    /// An instance of it could not be made.
    #[error("the module failed when it was tried: {0}")]
    Trial(String),
    /// It has no start-up that can be run ahead of its calls, or one that needs what is not there then.
    #[error("the module can't be pre-initialised: {0}")]
    NotPreinitialisable(String),
    /// The host's fault: it is going down, for example.
    #[error("the host could not load the module: {0}")]
    Host(String),
}

impl ModuleError {
    /// The compiler panicked.
    pub(crate) fn gave_up() -> Self {
        Self::Invalid("the compiler could not make sense of it and gave up".into())
    }
}

/// A module that was verified and compiled.
pub struct Module {
    pub(crate) digest: Digest,
    pub(crate) bytes_len: u64,
    pub(crate) is_preinitialised: bool,
    /// Whether an instance of a task is made without running any of its code, and nothing that it imports waits.
    pub(crate) starts_at_once: bool,
    pub(crate) linked: Linked,
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module").field("digest", &self.digest).field("kind", &self.kind()).finish_non_exhaustive()
    }
}

impl Module {
    /// Digest of the bytes that were uploaded.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// How it is called.
    #[must_use]
    pub fn kind(&self) -> ModuleKind {
        match self.linked.code {
            Code::Task { .. } => ModuleKind::Task,
            Code::Command { .. } | Code::CoreCommand { .. } => ModuleKind::Command,
            Code::Http { .. } => ModuleKind::Http,
            Code::Reactor(_) => ModuleKind::Reactor,
        }
    }

    /// Whether its instances begin where its start-up had come to when it was uploaded.
    #[must_use]
    pub fn is_preinitialised(&self) -> bool {
        self.is_preinitialised
    }

    /// Size of the bytes that were uploaded.
    #[must_use]
    pub fn bytes_len(&self) -> u64 {
        self.bytes_len
    }

    /// Size of its largest memory before it runs. A function must be given at least this much.
    #[must_use]
    pub fn memory_bytes_min(&self) -> u64 {
        self.linked.memory_bytes_min
    }
}

/// Compiled code, whatever it is.
#[derive(Clone)]
pub(crate) enum Compiled {
    Component(Component),
    Core(wasmtime::Module),
}

impl Compiled {
    pub(crate) fn serialize(&self) -> wasmtime::Result<Vec<u8>> {
        match self {
            Self::Component(component) => component.serialize(),
            Self::Core(module) => module.serialize(),
        }
    }

    /// The size of the largest memory that an instance starts with. How many memories and tables it may have, and how
    /// large, the engine has checked when it compiled the module.
    pub(crate) fn memory_bytes_min(&self) -> u64 {
        let required = match self {
            Self::Component(component) => component.resources_required(),
            Self::Core(module) => Some(module.resources_required()),
        };
        // Only a component that imports core modules has no answer, and that import is refused when it is linked.
        required.and_then(|required| required.max_initial_memory_size).unwrap_or(0).saturating_mul(PAGE_BYTES)
    }
}

/// Compiled code with its imports answered and its export looked up.
#[derive(Clone)]
pub(crate) struct Linked {
    pub(crate) code: Code,
    /// The state of WASI that an instance needs.
    pub(crate) wasi: Option<Preview>,
    /// Whether it can send requests.
    pub(crate) outgoing: bool,
    pub(crate) memory_bytes_min: u64,
}

/// What is instantiated for a call, and what is called in it.
#[derive(Clone)]
pub(crate) enum Code {
    Task { pre: component::InstancePre<State>, handle: ComponentExportIndex },
    Command { pre: component::InstancePre<State>, run: ComponentExportIndex },
    CoreCommand { pre: wasmtime::InstancePre<State>, start: ModuleExport },
    Http { pre: component::InstancePre<State>, handle: ComponentExportIndex },
    Reactor(Reactor),
}

/// `handle` of a task.
pub(crate) type Handle<'a> = component::TypedFunc<(&'a str,), (Handled,)>;
/// `run` of a command.
pub(crate) type Run = component::TypedFunc<(), (Result<(), ()>,)>;

/// Answers the imports of compiled code, or says what it lacks.
pub(crate) fn link(linkers: &Linkers, compiled: Compiled) -> Result<Linked, ModuleError> {
    let memory_bytes_min = compiled.memory_bytes_min();
    match compiled {
        Compiled::Component(component) => link_component(linkers, &component, memory_bytes_min),
        Compiled::Core(module) => link_core(linkers, &module, memory_bytes_min),
    }
}

fn link_component(linkers: &Linkers, component: &Component, memory_bytes_min: u64) -> Result<Linked, ModuleError> {
    let imports = granted(linker::component_imports(component))?;
    let (wasi, outgoing) = (imports.wasi.then_some(Preview::Second), imports.outgoing);
    let export = find_export(component)?;
    let pre = linkers.component.instantiate_pre(component).map_err(wrong_imports)?;
    let code = match export {
        ComponentExport::Handle(handle) => Code::Task { pre, handle },
        ComponentExport::Run(run) => Code::Command { pre, run },
        ComponentExport::Http(handle) => Code::Http { pre, handle },
    };
    Ok(Linked { code, wasi, outgoing, memory_bytes_min })
}

fn link_core(linkers: &Linkers, module: &wasmtime::Module, memory_bytes_min: u64) -> Result<Linked, ModuleError> {
    let start = module.get_export_index("_start");
    if start.is_none() && reactor::is_reactor(module) {
        return reactor::link(linkers, module, memory_bytes_min);
    }
    let start = start.ok_or_else(|| not_a_task(module.exports().map(|e| e.name())))?;
    let start_type = module.get_export("_start").and_then(|export| export.func().cloned());
    if !start_type.is_some_and(|func| func.params().len() == 0 && func.results().len() == 0) {
        return Err(ModuleError::WrongType("`_start` must be a function without parameters and results".into()));
    }
    let wasi = granted(linker::core_imports(module))?.wasi.then_some(Preview::First);
    let pre = linkers.core.instantiate_pre(module).map_err(wrong_imports)?;
    Ok(Linked { code: Code::CoreCommand { pre, start }, wasi, outgoing: false, memory_bytes_min })
}

enum ComponentExport {
    Handle(ComponentExportIndex),
    Run(ComponentExportIndex),
    Http(ComponentExportIndex),
}

fn find_export(component: &Component) -> Result<ComponentExport, ModuleError> {
    if let Some(handle) = component.get_export_index(None, "handle") {
        return Ok(ComponentExport::Handle(handle));
    }
    let engine = component.engine();
    let exports = component.component_type();
    let within = |interface: &str, function: &str| {
        let name = exports.exports(engine).map(|(name, _)| name).find(|name| name.starts_with(interface))?;
        let interface = component.get_export_index(None, name)?;
        component.get_export_index(Some(&interface), function)
    };
    let run = within("wasi:cli/run@0.2.", "run").map(ComponentExport::Run);
    let export = run.or_else(|| within(http_in::INTERFACE, http_in::HANDLE).map(ComponentExport::Http));
    export.ok_or_else(|| not_a_task(exports.exports(engine).map(|(name, _)| name)))
}

pub(crate) fn granted(imports: Imports) -> Result<Imports, ModuleError> {
    if imports.unknown.is_empty() { Ok(imports) } else { Err(ModuleError::UnknownImports(imports.unknown)) }
}

pub(crate) fn wrong_imports(error: wasmtime::Error) -> ModuleError {
    ModuleError::WrongImports(format!("{error:#}"))
}

fn not_a_task<'a>(exports: impl ExactSizeIterator<Item = &'a str>) -> ModuleError {
    let more = exports.len().saturating_sub(NAMED_MAX);
    let mut names: Vec<_> = exports.take(NAMED_MAX).map(|name| format!("`{name}`")).collect();
    match (names.len(), more) {
        (0, _) => names.push("nothing".into()),
        (_, 0) => (),
        (_, more) => names.push(format!("{more} more")),
    }
    ModuleError::NotATask(names.join(", "))
}

impl Linked {
    /// The engine that runs it.
    pub(crate) fn engine(&self) -> &Engine {
        match &self.code {
            Code::Task { pre, .. } | Code::Command { pre, .. } | Code::Http { pre, .. } => pre.engine(),
            Code::CoreCommand { pre, .. } | Code::Reactor(Reactor { pre, .. }) => pre.module().engine(),
        }
    }

    /// Makes an instance and looks at the type of what will be called in it. Only its start-up runs. Calls rely on this check, see `call.rs`.
    pub(crate) async fn try_out(&self, store: &mut Store<State>) -> Result<(), ModuleError> {
        let failed = |error: wasmtime::Error| ModuleError::Trial(format!("{:#}", error.root_cause()));
        let wrong = |error: wasmtime::Error| ModuleError::WrongType(format!("{error:#}"));
        match &self.code {
            Code::Task { pre, handle } => {
                let instance = pre.instantiate_async(&mut *store).await.map_err(failed)?;
                instance.get_typed_func::<(&str,), (Handled,)>(store, handle).map(drop).map_err(wrong)
            }
            Code::Command { pre, run } => {
                let instance = pre.instantiate_async(&mut *store).await.map_err(failed)?;
                instance.get_typed_func::<(), (Result<(), ()>,)>(store, run).map(drop).map_err(wrong)
            }
            Code::CoreCommand { pre, .. } => pre.instantiate_async(store).await.map(drop).map_err(failed),
            Code::Reactor(reactor) => reactor.instantiate(store).await.map(drop).map_err(failed),
            Code::Http { pre, handle } => {
                let instance = pre.instantiate_async(&mut *store).await.map_err(failed)?;
                instance.get_typed_func::<http_in::Params, ()>(store, handle).map(drop).map_err(wrong)
            }
        }
    }
}

/// Compiles, on the threads of whoever calls.
pub(crate) fn compile(engine: &Engine, bytes: &[u8]) -> Result<Compiled, ModuleError> {
    let invalid = |error: wasmtime::Error| ModuleError::Invalid(format!("{error:#}"));
    match crate::inspect::inspect(bytes)? {
        crate::inspect::Binary::Component(bytes) => {
            Component::from_binary(engine, &bytes).map(Compiled::Component).map_err(invalid)
        }
        crate::inspect::Binary::Core(bytes) => {
            wasmtime::Module::from_binary(engine, bytes).map(Compiled::Core).map_err(invalid)
        }
    }
}
