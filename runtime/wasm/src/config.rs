//! What an operator sets: for the whole sandbox, and for one function.

use crate::Compiler;
use crate::grants::Grants;
use crate::secrets::Secrets;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// How a sandbox is set up. `..SandboxConfig::default()` fills in the rest.
#[derive(Clone, Debug)]
pub struct SandboxConfig {
    /// Where compiled artefacts are kept; `None`: nowhere, so that each start compiles again. The directory is made when
    /// it is missing, and must be this user's alone: what lies there is executed.
    pub cache_dir: Option<PathBuf>,
    /// When the directory holds more than this, the artefacts that were written first are removed.
    pub cache_bytes_max: u64,
    /// Calls at the same time, over all functions; one more is throttled. Each reserves 4 GiB of address space and,
    /// once it was used, keeps [`memory_resident_bytes`](Self::memory_resident_bytes) of memory.
    pub instances_max: u32,
    /// The most memory that any function may be given.
    pub memory_bytes_max: u64,
    /// The largest module that is accepted.
    pub module_bytes_max: u64,
    /// How much of a memory stays resident between two calls, so that the next one makes no page fault. Modules that
    /// start with at most 192 KiB always keep those; modules that start with more than 2 MiB keep the pages that they
    /// write in the first 16 MiB, where the kernel tells which these are.
    pub memory_resident_bytes: usize,
    /// Whether the kernel is asked which pages of a larger memory a call touched (`PAGEMAP_SCAN`, Linux 6.7 or later; without it they are
    /// cleared from the first to the last that is kept resident).
    pub pagemap_scan: bool,
    /// Threads for guests that burn CPU; they run at low priority.
    pub slow_threads: usize,
    /// Threads that compile modules; they run at low priority.
    pub compile_threads: usize,
    /// Who compiles them.
    pub compiler: Compiler,
    /// The address space of a process that compiles a module.
    pub compile_memory_bytes_max: u64,
    /// How long that process may take, in whole seconds.
    pub compile_timeout: Duration,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            cache_dir: None,
            cache_bytes_max: 4 << 30,
            instances_max: 1_000,
            memory_bytes_max: 4 << 30,
            module_bytes_max: 64 << 20,
            memory_resident_bytes: 256 << 10,
            pagemap_scan: true,
            slow_threads: cores,
            compile_threads: cores,
            compiler: Compiler::InProcess,
            compile_memory_bytes_max: 1 << 30,
            compile_timeout: Duration::from_secs(60),
        }
    }
}

/// What one function may use. `..FunctionConfig::default()` fills in the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionConfig {
    /// Linear memory of one call, over all its memories.
    pub memory_bytes_max: u64,
    /// How long one call may take.
    pub timeout: Duration,
    /// The environment that it sees.
    pub environment: BTreeMap<String, String>,
    /// What it sees in its environment beside that, and what nobody finds in its log and its errors.
    pub secrets: Secrets,
    /// What it may reach beside itself.
    pub grants: Grants,
    /// Calls at the same time; one more is throttled. A tenth of the sandbox's instances is out of reach of any single
    /// function, however much this allows.
    pub concurrency_max: u32,
    /// Calls that one instance serves, one after another; 1 is a fresh instance for each. With more, a call sees what
    /// the ones before it left in the instance.
    pub calls_per_instance_max: u32,
}

impl Default for FunctionConfig {
    fn default() -> Self {
        Self {
            memory_bytes_max: 128 << 20,
            timeout: Duration::from_secs(60),
            environment: BTreeMap::new(),
            secrets: Secrets::default(),
            grants: Grants::default(),
            concurrency_max: 1_000,
            calls_per_instance_max: 1,
        }
    }
}
