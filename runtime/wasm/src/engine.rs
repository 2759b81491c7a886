//! The one engine: which settings make a fresh instance cheap, and which keep it inside.

use crate::SandboxConfig;
use crate::limits::{CORE_INSTANCES_MAX, MEMORIES_MAX, MODULE_TABLES_MAX, TABLE_ELEMENTS_MAX, TABLES_MAX};
use crate::sandbox::COMPILES_MAX;
use wasmtime::{Config, Enabled, Engine, PoolingAllocationConfig};

/// Stack of a guest; deeper recursion is a trap.
const STACK_BYTES_MAX: usize = 512 << 10;
/// Stack of a call: the guest's, and what host functions need on top of it. Address space; pages count once touched.
const CALL_STACK_BYTES: usize = 2 << 20;
/// How much of a table stays resident between two calls.
const TABLE_RESIDENT_BYTES: usize = 64 << 10;

/// Makes the engine.
pub(crate) fn new(config: &SandboxConfig) -> wasmtime::Result<Engine> {
    let mut settings = Config::new();
    settings
        .allocation_strategy(pool(config))
        // A guest yields at the next loop or call after the epoch moved on.
        .epoch_interruption(true)
        .max_wasm_stack(STACK_BYTES_MAX)
        .async_stack_size(CALL_STACK_BYTES)
        // Guards of unmapped memory stand in for bounds checks, and a memory's first image is mapped, not copied.
        .signals_based_traps(true)
        .memory_init_cow(true)
        // Neither collected references nor the asynchronous component ABI is part of the contract with modules.
        .concurrency_support(false)
        .gc_support(false)
        // Sizes are counted in pages of 64 KiB, and only with other ones does a growth fail that was never asked for.
        .wasm_custom_page_sizes(false);
    Engine::new(&settings)
}

/// Instances, memories, tables and stacks are kept ready: with what a small call touches staying resident, a call
/// makes no page fault and, but for the page scan, no system call.
fn pool(config: &SandboxConfig) -> PoolingAllocationConfig {
    // A module is tried in a place of its own: it must not be refused because every call is taken, nor take a call's.
    let calls = config.instances_max.saturating_add(COMPILES_MAX);
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(calls)
        .total_memories(calls)
        .total_stacks(calls)
        // A WASI component is four core instances with two tables. These two are counts and address space only.
        .total_core_instances(calls.saturating_mul(8))
        .total_tables(calls.saturating_mul(3))
        // A place that another module used last has to be mapped anew, which costs more than the call: as long as there
        // are others, a module is given one of its own.
        .max_unused_warm_slots(calls)
        .max_core_instances_per_component(CORE_INSTANCES_MAX)
        .max_memories_per_component(MEMORIES_MAX)
        .max_tables_per_component(TABLES_MAX)
        .max_tables_per_module(MODULE_TABLES_MAX)
        .table_elements(TABLE_ELEMENTS_MAX)
        .linear_memory_keep_resident(config.memory_resident_bytes)
        .table_keep_resident(TABLE_RESIDENT_BYTES)
        .pagemap_scan(if config.pagemap_scan { Enabled::Auto } else { Enabled::No });
    pool
}
