//! A module's start-up, run once for all its instances.
//!
//! What a reactor does in `_initialize` takes a runtime such as Go's longer than most calls. Here it is done when the
//! module is uploaded, in the process that compiles; memory and globals as they are then become those that every
//! instance begins with. So every instance has the clock that was read then, the random numbers that were drawn then, and
//! no environment: there is none at that time. That is why a function has to ask for it.

use crate::engine;
use crate::limits::Limits;
use crate::linker::Linkers;
use crate::module::{Digest, ModuleError};
use crate::quantum::DeadlinePassed;
use crate::reactor::INITIALIZE;
use crate::state::State;
use crate::wasi::Preview;
use crate::{call, inspect};
use fleetstep_engine::clock;
use std::pin::pin;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use wasmtime::{Engine, Instance, Module, Store, Val};
use wasmtime_wizer::{InstanceState, SnapshotVal, ValType, Wizer};

/// Linear memory of a start-up.
pub(crate) const MEMORY_BYTES_MAX: u64 = 128 << 20;
/// How long a start-up may take.
const TIME_MAX: Duration = Duration::from_secs(10);

/// Where the instances of a module begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// At its beginning.
    #[default]
    Fresh,
    /// Behind its start-up, which was run once.
    Preinitialised,
}

impl Start {
    /// What a module that starts so is known by.
    pub(crate) fn key(self, digest: Digest) -> Digest {
        match self {
            Self::Fresh => digest,
            Self::Preinitialised => Digest::of(&[b"preinitialised ", digest.as_bytes().as_slice()].concat()),
        }
    }

    /// By which size of memory the engine of a module is chosen. How large one has become when its start-up is over
    /// isn't known from its bytes: large, mostly, where that is worth the trouble.
    pub(crate) fn memory_bytes_min(self, bytes: &[u8]) -> u64 {
        match self {
            Self::Fresh => inspect::memory_bytes_min(bytes),
            Self::Preinitialised => u64::MAX,
        }
    }
}

/// Runs the start-up of a module, and gives the module that begins behind it. Blocks.
pub(crate) fn preinitialise(bytes: &[u8]) -> Result<Vec<u8>, ModuleError> {
    let refused = |error: wasmtime::Error| {
        ModuleError::NotPreinitialisable(match error.downcast_ref() {
            Some(DeadlinePassed) => format!("its start-up takes more than {} seconds", TIME_MAX.as_secs()),
            None => format!("{error:#}"),
        })
    };
    if !inspect::starts_up(bytes) {
        return Err(ModuleError::NotPreinitialisable(format!(
            "it is no reactor, a core module that exports `handle` and `{INITIALIZE}`; a component that was built from \
             JavaScript or Python is pre-initialised already"
        )));
    }
    let mut wizer = Wizer::new();
    wizer.init_func(INITIALIZE);
    let (cx, instrumented) = wizer.instrument(bytes).map_err(refused)?;
    let mut started = at_once(start(&instrumented, TIME_MAX)).ok_or_else(waits)?.map_err(refused)?;
    let snapshot = at_once(wizer.snapshot(&cx, &mut started)).ok_or_else(waits)?;
    snapshot.map_err(refused)
}

/// Makes an instance and runs its start-up, for so long at most.
async fn start(instrumented: &[u8], time_max: Duration) -> wasmtime::Result<Started> {
    let engine = engine::starter()?;
    let module = Module::from_binary(&engine, instrumented)?;
    let linkers = Linkers::new(&engine)?;
    let state = State {
        limits: Limits::new(MEMORY_BYTES_MAX),
        deadline: clock::instant() + time_max,
        caller: None,
        preview: Some(Preview::First),
        wasi: None,
        http: None,
        runtime: None,
        pipes: None,
    };
    let mut store = Store::new(&engine, state);
    call::restrict(&mut store);
    store.set_epoch_deadline(1);
    let _until_it_has_started = ends_in_time(engine, time_max);
    let instance = linkers.core.instantiate_async(&mut store, &module).await?;
    let initialize = instance.get_typed_func::<(), ()>(&mut store, INITIALIZE)?;
    initialize.call_async(&mut store, ()).await?;
    Ok(Started { store, instance })
}

/// Moves the epoch on when a start-up has had its time, unless what is returned is dropped before.
fn ends_in_time(engine: Engine, time_max: Duration) -> Sender<()> {
    let (started, has_started) = mpsc::channel();
    std::thread::spawn(move || {
        if has_started.recv_timeout(time_max) == Err(RecvTimeoutError::Timeout) {
            engine.increment_epoch();
        }
    });
    started
}

/// The answer of a future that has no reason to wait. It is polled twice: with a large memory, a turn ends once.
fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let (mut future, mut cx) = (pin!(future), Context::from_waker(Waker::noop()));
    (0..2).find_map(|_| match future.as_mut().poll(&mut cx) {
        Poll::Ready(answer) => Some(answer),
        Poll::Pending => None,
    })
}

fn waits() -> ModuleError {
    ModuleError::NotPreinitialisable("its start-up waits for something".into())
}

/// An instance behind its start-up.
struct Started {
    store: Store<State>,
    instance: Instance,
}

impl InstanceState for Started {
    async fn global_get(&mut self, name: &str, _: ValType) -> SnapshotVal {
        let global = self.instance.get_global(&mut self.store, name).expect("the instrumented module exports it");
        match global.get(&mut self.store) {
            Val::I32(value) => SnapshotVal::I32(value),
            Val::I64(value) => SnapshotVal::I64(value),
            Val::F32(value) => SnapshotVal::F32(value),
            Val::F64(value) => SnapshotVal::F64(value),
            Val::V128(value) => SnapshotVal::V128(value.as_u128()),
            _ => unreachable!("a module with mutable globals of other types is refused before"),
        }
    }

    async fn memory_contents(&mut self, name: &str, contents: impl FnOnce(&[u8]) + Send) {
        let memory = self.instance.get_memory(&mut self.store, name).expect("the instrumented module exports it");
        contents(memory.data(&self.store));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_up_without_end_is_ended() {
        let endless = wat::parse_str("(module (func (export \"_initialize\") (loop (br 0))))").unwrap();
        let ended = at_once(start(&endless, Duration::from_millis(5))).expect("it does not wait");
        assert!(ended.is_err_and(|error| error.is::<DeadlinePassed>()));
    }
}
