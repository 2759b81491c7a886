//! Calls by wasmtime and nothing else: the limit of what a sandbox around it can reach.

use crate::process::thread_cpu_time;
use crate::step::ORDER;
use wasmtime::component::{Component, ComponentExportIndex, InstancePre, Linker, Val};
use wasmtime::{Config, Enabled, Engine, PoolingAllocationConfig, Result, Store, bail, format_err};
use wit_component::ComponentEncoder;

/// What of a memory is cleared after a call, rather than given back: all that these guests have.
const MEMORY_RESIDENT_BYTES: usize = 192 << 10;
const TABLE_RESIDENT_BYTES: usize = 64 << 10;

/// Modules of the SDK that import nothing, as components that are ready to be instantiated.
pub(crate) struct Modules {
    engine: Engine,
    ready: Vec<(InstancePre<()>, ComponentExportIndex)>,
}

impl Modules {
    /// Compiles them for an engine with the settings that make a fresh instance of a small module cheapest.
    pub(crate) fn of(modules: Vec<Vec<u8>>) -> Result<Self> {
        let mut pool = PoolingAllocationConfig::default();
        pool.linear_memory_keep_resident(MEMORY_RESIDENT_BYTES)
            .table_keep_resident(TABLE_RESIDENT_BYTES)
            .pagemap_scan(Enabled::No)
            .max_unused_warm_slots(0);
        let mut config = Config::new();
        config.allocation_strategy(pool).memory_init_cow(false).concurrency_support(false).gc_support(false);
        let engine = Engine::new(&config)?;
        let linker = Linker::new(&engine);
        let ready = modules.iter().map(|module| {
            let encoded = ComponentEncoder::default().module(module).and_then(|mut encoder| encoder.encode());
            let encoded = encoded.map_err(|error| format_err!("{error:#}"))?;
            let component = Component::new(&engine, encoded)?;
            let Some(handle) = component.get_export_index(None, "handle") else { bail!("no `handle` is exported") };
            Ok((linker.instantiate_pre(&component)?, handle))
        });
        Ok(Self { ready: ready.collect::<Result<_>>()?, engine })
    }

    /// Microseconds of this thread's CPU that a call takes, when the first `count` of them are called in turn.
    pub(crate) fn micros(&self, count: usize, calls: u32) -> Result<f64> {
        let in_turn = || self.ready[..count].iter().cycle();
        // Each of them is called once before: a first call maps the module's memory.
        in_turn().take(count).try_for_each(|module| self.call(module))?;
        let before = thread_cpu_time();
        in_turn().take(calls as usize).try_for_each(|module| self.call(module))?;
        Ok((thread_cpu_time() - before).as_secs_f64() * 1e6 / f64::from(calls))
    }

    /// A fresh instance, the order in, the result out.
    fn call(&self, (pre, handle): &(InstancePre<()>, ComponentExportIndex)) -> Result<()> {
        let mut store = Store::new(&self.engine, ());
        let instance = pre.instantiate(&mut store)?;
        let Some(handle) = instance.get_func(&mut store, handle) else { bail!("`handle` is no function") };
        let mut results = [Val::Bool(false)];
        handle.call(&mut store, &[Val::String(ORDER.into())], &mut results)?;
        match results {
            [Val::Result(Ok(Some(_)))] => Ok(()),
            other => bail!("{other:?}"),
        }
    }
}
