//! The engines: which settings make a fresh instance cheap, and which keep it inside.
//!
//! There are three. A memory of a few pages is quicker cleared as a whole than the kernel is asked which of its pages were
//! written: the question is a system call that takes the lock of the process's memory, which the other cores' calls
//! want too. For a large memory it is the other way round. And what is cleared as a whole may as well be filled by a
//! copy: a place that holds no image of a module is any module's, so that many small functions that are called in turn
//! share the one that the core's caches hold.
//!
//! The third is for guests that bring an engine of their own, as JavaScript, Python and Go do. They write here and there
//! over megabytes, and every page that is given back is a page fault in the next call: of theirs all stay in place.

use crate::SandboxConfig;
use crate::limits::{CORE_INSTANCES_MAX, MEMORIES_MAX, MODULE_TABLES_MAX, TABLE_ELEMENTS_MAX, TABLES_MAX};
use crate::reuse;
use crate::sandbox::COMPILES_MAX;
use wasmtime::{Config, Enabled, Engine, OptLevel, PoolingAllocationConfig};

/// An instance that starts with no larger memory than this is the small engine's. A task of the SDK's template has two
/// thirds of it. Where clearing costs as much as asking: by `examples/cost.rs`, 5.8 µs a call with 64 KiB, 6.1 with 128,
/// 6.5 with 192; 7.3 with the question, whatever the size.
pub(crate) const SMALL_MEMORY_BYTES_MAX: u64 = 192 << 10;
/// One that starts with more than this is the huge engine's. A Rust or C program with its usual stack of a mebibyte stays
/// below; the smallest of the others, Go, starts with three.
const LARGE_MEMORY_BYTES_MAX: u64 = 2 << 20;
/// How much of a huge memory stays resident between two calls: what CPython has, with some room. Only pages that a call
/// wrote take any.
const HUGE_MEMORY_RESIDENT_BYTES: usize = 16 << 20;
/// Stack of a guest; deeper recursion is a trap.
const STACK_BYTES_MAX: usize = 512 << 10;
/// Stack of a call: the guest's, and what host functions need on top of it. Address space; pages count once touched.
const CALL_STACK_BYTES: usize = 2 << 20;
/// Address space by which a memory grows ahead during a start-up.
const STARTER_GROWTH_BYTES: u64 = 16 << 20;
/// How much of a table stays resident between two calls.
const TABLE_RESIDENT_BYTES: usize = 64 << 10;

/// One of something for each engine.
pub(crate) struct BySize<T> {
    pub(crate) small: T,
    pub(crate) large: T,
    pub(crate) huge: T,
}

impl<T> BySize<T> {
    /// The one for instances that start with a memory of so many bytes.
    pub(crate) fn of(&self, memory_bytes_min: u64) -> &T {
        if memory_bytes_min <= SMALL_MEMORY_BYTES_MAX {
            &self.small
        } else if memory_bytes_min <= LARGE_MEMORY_BYTES_MAX {
            &self.large
        } else {
            &self.huge
        }
    }

    /// The same of something else.
    pub(crate) fn try_map<U, E>(&self, mut map: impl FnMut(&T) -> Result<U, E>) -> Result<BySize<U>, E> {
        Ok(BySize { small: map(&self.small)?, large: map(&self.large)?, huge: map(&self.huge)? })
    }
}

/// Makes the engines.
pub(crate) fn engines(config: &SandboxConfig) -> wasmtime::Result<BySize<Engine>> {
    let [mut small, mut large, mut huge] = [pool(config), pool(config), pool(config)];
    small
        .linear_memory_keep_resident(SMALL_MEMORY_BYTES_MAX as usize)
        .pagemap_scan(Enabled::No)
        .max_unused_warm_slots(0);
    let scan = if config.pagemap_scan { Enabled::Auto } else { Enabled::No };
    // A place that another module used last has to be mapped anew, which costs more than the call: as long as there are
    // others, a module is given one of its own.
    let calls = calls_max(config);
    large.linear_memory_keep_resident(config.memory_resident_bytes).pagemap_scan(scan).max_unused_warm_slots(calls);
    huge.linear_memory_keep_resident(huge_resident_bytes(config)).pagemap_scan(scan).max_unused_warm_slots(calls);
    let engine = |pool, maps_images| Engine::new(settings(maps_images).allocation_strategy(pool));
    Ok(BySize { small: engine(small, false)?, large: engine(large, true)?, huge: engine(huge, true)? })
}

/// Without the kernel's answer, all that stays is cleared after each call: megabytes cost more than faults would.
fn huge_resident_bytes(config: &SandboxConfig) -> usize {
    let is_told = config.pagemap_scan && PoolingAllocationConfig::is_pagemap_scan_available();
    if is_told { config.memory_resident_bytes.max(HUGE_MEMORY_RESIDENT_BYTES) } else { config.memory_resident_bytes }
}

/// An engine that only compiles, for one of those.
pub(crate) fn compiler(maps_images: bool) -> wasmtime::Result<Engine> {
    Engine::new(&settings(maps_images))
}

/// Whether instances that start with a memory of so many bytes have its first image mapped, or else copied.
pub(crate) fn maps_images(memory_bytes_min: u64) -> bool {
    *BySize { small: false, large: true, huge: true }.of(memory_bytes_min)
}

/// An engine for start-ups that are run once, in a process of little address space. The first image of the memory is
/// mapped: copying it in is compiled, and of the thousands of pieces that Go's has, that makes a function of gigabytes.
pub(crate) fn starter() -> wasmtime::Result<Engine> {
    let mut settings = settings(true);
    settings
        .cranelift_opt_level(OptLevel::None)
        .memory_reservation(0)
        .memory_reservation_for_growth(STARTER_GROWTH_BYTES)
        .memory_guard_size(64 << 10);
    Engine::new(&settings)
}

fn settings(maps_images: bool) -> Config {
    let mut settings = Config::new();
    settings
        // A guest yields at the next loop or call after the epoch moved on.
        .epoch_interruption(true)
        .max_wasm_stack(STACK_BYTES_MAX)
        .async_stack_size(CALL_STACK_BYTES)
        // Guards of unmapped memory stand in for bounds checks.
        .signals_based_traps(true)
        .memory_init_cow(maps_images)
        // Neither collected references nor the asynchronous component ABI is part of the contract with modules.
        .concurrency_support(false)
        .gc_support(false)
        // Sizes are counted in pages of 64 KiB, and only with other ones does a growth fail that was never asked for.
        .wasm_custom_page_sizes(false);
    settings
}

/// Instances, memories, tables and stacks are kept ready: with what a call touches staying resident, it makes no page
/// fault and, but for the page scan, no system call.
fn pool(config: &SandboxConfig) -> PoolingAllocationConfig {
    let calls = calls_max(config);
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(calls)
        .total_memories(calls)
        .total_stacks(calls)
        // A WASI component is four core instances with two tables. These two are counts and address space only.
        .total_core_instances(calls.saturating_mul(8))
        .total_tables(calls.saturating_mul(3))
        .max_core_instances_per_component(CORE_INSTANCES_MAX)
        .max_memories_per_component(MEMORIES_MAX)
        .max_tables_per_component(TABLES_MAX)
        .max_tables_per_module(MODULE_TABLES_MAX)
        .table_elements(TABLE_ELEMENTS_MAX)
        .table_keep_resident(TABLE_RESIDENT_BYTES);
    pool
}

/// A module is tried in a place of its own: it must not be refused because every call is taken, nor take a call's. The
/// same goes for instances that wait for their next call.
fn calls_max(config: &SandboxConfig) -> u32 {
    config.instances_max.saturating_add(COMPILES_MAX).saturating_add(reuse::waiting_max(config))
}
