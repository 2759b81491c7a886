//! Instances that serve several calls, one after another, for functions that ask for it.
//!
//! A worker is an instance with its store. It belongs to one version of one function and, while it works, to one call
//! alone; a call that finds none waiting makes one. It waits for its next call only after one that came to its end by
//! itself: a trap, a timeout, a result that can't be read and a memory that was refused all cost it its life, and so do
//! its last call, a large memory, and a minute without work.

use crate::call::{self, Brief};
use crate::module::{Code, Handle};
use crate::output::Handled;
use crate::sandbox::Shared;
use crate::state::{Caller, State};
use crate::{SandboxConfig, quantum, reactor};
use fleetstep_engine::{Call, clock};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};
use wasmtime::{Store, component};

/// How many workers of one function wait for a call at most.
const WAITING_PER_FUNCTION_MAX: usize = 32;
/// The largest memory of a worker that waits.
const WAITING_MEMORY_BYTES_MAX: usize = 64 << 20;
/// The memory of all workers of a sandbox that wait.
const WAITING_MEMORIES_BYTES_MAX: u64 = 2 << 30;
/// How long a worker waits.
const WAITING_TIME_MAX: Duration = Duration::from_secs(60);
/// Of the instances that a sandbox may run, one in so many may wait on top of them.
const WAITING_ONE_IN: u32 = 8;

/// How many workers of all functions wait at most. Each has a place in the engine's pool.
pub(crate) fn waiting_max(config: &SandboxConfig) -> u32 {
    (config.instances_max / WAITING_ONE_IN).max(1)
}

/// What the workers of all functions hold while they wait.
pub(crate) struct Room {
    workers: AtomicU64,
    workers_max: u64,
    memory_bytes: AtomicU64,
}

impl Room {
    pub(crate) fn new(config: &SandboxConfig) -> Self {
        let workers_max = waiting_max(config).into();
        Self { workers: AtomicU64::new(0), workers_max, memory_bytes: AtomicU64::new(0) }
    }

    /// How many wait.
    #[cfg(test)]
    fn waiting(&self) -> u64 {
        self.workers.load(Relaxed)
    }

    fn take(self: &Arc<Self>, memory_bytes: u64) -> Option<Place> {
        let place = Place { room: Arc::clone(self), memory_bytes };
        let workers = self.workers.fetch_add(1, Relaxed);
        let bytes = self.memory_bytes.fetch_add(memory_bytes, Relaxed);
        // Dropped, the place is given back.
        (workers < self.workers_max && bytes + memory_bytes <= WAITING_MEMORIES_BYTES_MAX).then_some(place)
    }
}

/// A worker's part of the room.
struct Place {
    room: Arc<Room>,
    memory_bytes: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.workers.fetch_sub(1, Relaxed);
        self.room.memory_bytes.fetch_sub(self.memory_bytes, Relaxed);
    }
}

/// The workers of one version of a function.
pub(crate) struct Workers {
    calls_max: u32,
    room: Arc<Room>,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    /// Who came last is called first: its memory is warm. So the first of them has waited longest.
    waiting: Vec<Waiting>,
    /// Whether somebody looks after those that wait too long.
    is_watched: bool,
}

struct Waiting {
    worker: Worker,
    since: Instant,
    _place: Place,
}

/// An instance with its store.
pub(crate) struct Worker {
    store: Store<State>,
    handle: Entry,
    calls: u32,
}

/// What is called in an instance.
enum Entry {
    Component(component::Func),
    Core(reactor::Instance),
}

impl Workers {
    pub(crate) fn new(shared: &Shared, calls_max: u32) -> Arc<Self> {
        Arc::new(Self { calls_max, room: Arc::clone(&shared.room), queue: Mutex::default() })
    }

    /// A worker that nobody else has.
    fn take(&self) -> Option<Worker> {
        self.queue().waiting.pop().map(|waiting| waiting.worker)
    }

    /// Lets a worker wait for the next call, or lets it go.
    fn put_back(self: &Arc<Self>, mut worker: Worker, shared: &Shared) {
        worker.calls += 1;
        let limits = &worker.store.data().limits;
        let memory_bytes = limits.memory_bytes();
        if worker.calls >= self.calls_max || limits.refused() || memory_bytes > WAITING_MEMORY_BYTES_MAX {
            return;
        }
        let Some(place) = self.room.take(memory_bytes as u64) else { return };
        worker.store.data_mut().end();
        let mut queue = self.queue();
        if queue.waiting.len() >= WAITING_PER_FUNCTION_MAX {
            // Its end takes a while, and others want the queue.
            drop(queue);
            return;
        }
        queue.waiting.push(Waiting { worker, since: clock::instant(), _place: place });
        if !std::mem::replace(&mut queue.is_watched, true) {
            shared.lane.spawn(watch(Arc::downgrade(self)));
        }
    }

    /// Lets those go that have waited too long; when to look again, if anyone waits.
    fn sweep(&self, now: Instant) -> Option<Instant> {
        let mut queue = self.queue();
        let late = |waiting: &Waiting| now.saturating_duration_since(waiting.since) >= WAITING_TIME_MAX;
        let late = queue.waiting.iter().take_while(|waiting| late(waiting)).count();
        let gone: Vec<_> = queue.waiting.drain(..late).collect();
        let next = queue.waiting.first().map(|waiting| waiting.since + WAITING_TIME_MAX);
        queue.is_watched = next.is_some();
        drop(queue);
        drop(gone);
        next
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Every change is one call, which a panic elsewhere cannot leave half done.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sweeps until nobody waits any more, or the function is gone.
async fn watch(workers: Weak<Workers>) {
    let mut next = clock::instant() + WAITING_TIME_MAX;
    loop {
        tokio::time::sleep_until(next.into()).await;
        match workers.upgrade().and_then(|workers| workers.sweep(clock::instant())) {
            Some(later) => next = later,
            None => return,
        }
    }
}

impl Worker {
    async fn start(store: &mut Store<State>, code: &Code) -> wasmtime::Result<Entry> {
        match code {
            Code::Task { pre, handle } => {
                let instance = pre.instantiate_async(&mut *store).await?;
                let handle = instance.get_func(&mut *store, handle);
                Ok(Entry::Component(handle.expect("the export was there when the module was loaded")))
            }
            Code::Reactor(reactor) => reactor.instantiate(store).await.map(Entry::Core),
            _ => unreachable!("only a function whose module is a task has workers"),
        }
    }

    /// Takes the next call.
    async fn begin(&mut self, caller: Caller, deadline: Instant) {
        self.store.data_mut().begin(caller, deadline);
        quantum::renew(&mut self.store);
        if self.store.data().limits.is_large() {
            quantum::end_turn().await;
        }
    }

    async fn handle(&mut self, input: &str) -> wasmtime::Result<Handled> {
        match &self.handle {
            Entry::Component(handle) => {
                // SAFETY: as in `call::handled`.
                let handle = unsafe { Handle::new_unchecked(*handle) };
                handle.call_async(&mut self.store, (input,)).await.map(|(handled,)| handled)
            }
            Entry::Core(instance) => instance.handle(&mut self.store, input).await,
        }
    }
}

/// One call, by a worker that waits or a new one.
pub(crate) async fn call(brief: &Brief, call: Call, input: &str, workers: &Arc<Workers>) -> call::Answer {
    let function = &brief.permit.function;
    let mut worker = match workers.take() {
        Some(mut worker) => {
            worker.begin(Caller { function: Arc::clone(function), call }, brief.deadline).await;
            worker
        }
        None => {
            let mut store = call::store(brief, call, None);
            match Worker::start(&mut store, &function.module.linked.code).await {
                Ok(handle) => Worker { store, handle, calls: 0 },
                Err(error) => return call::answered(brief, store.data(), Err(error)),
            }
        }
    };
    let handled = worker.handle(input).await;
    let went_well = handled.is_ok();
    let answer = call::answered(brief, worker.store.data(), handled);
    if went_well {
        workers.put_back(worker, &function.shared);
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Function, FunctionConfig, Sandbox};
    use fleetstep_document::{Document, Text};
    use fleetstep_engine::{Identity, Reply, TaskId, Timestamp};

    const MODULE: &str = r#"(module (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64))
        (func (export "handle") (param i32 i32) (result i32)
            (i32.store (i32.const 20) (i32.const 64))
            (i32.store (i32.const 24) (local.get 1))
            (i32.const 16)))"#;

    async fn called(sandbox: &Sandbox, name: &str) -> Arc<Function> {
        let module = sandbox.load(wat::parse_str(MODULE).unwrap().into()).await.unwrap();
        let config = FunctionConfig { calls_per_instance_max: 9, ..FunctionConfig::default() };
        let function = Function::new(sandbox, Text::from(name), Text::from(name), module, config);
        let (input, identity) = (Document::empty_object(), Arc::new(Identity::default()));
        let state = Text::default();
        let (deadline, retry_count) = (Timestamp::MAX, 0);
        let call = Call { task: TaskId(0), input, state, retry_count, deadline, identity, trace: None, callback: None };
        assert!(matches!(function.invoke(call), Reply::Ready(Ok(_))));
        function
    }

    #[tokio::test]
    async fn who_waits_too_long_goes_and_what_waits_has_a_bound() {
        let sandbox = Sandbox::new(SandboxConfig { instances_max: 16, ..SandboxConfig::default() }).unwrap();
        let room = Arc::clone(&sandbox.shared.room);
        let now = clock::instant();
        let one = called(&sandbox, "one").await;
        let workers = one.workers.as_ref().unwrap();
        assert_eq!(room.waiting(), 1);
        assert!(workers.sweep(now + WAITING_TIME_MAX / 2).is_some(), "it may wait on");
        assert_eq!(room.waiting(), 1);

        let two = called(&sandbox, "two").await;
        assert_eq!(room.waiting(), 2, "an eighth of the instances");
        let three = called(&sandbox, "three").await;
        assert_eq!(room.waiting(), 2, "there is no more room");

        assert_eq!(workers.sweep(now + 2 * WAITING_TIME_MAX), None);
        assert_eq!(room.waiting(), 1);
        drop((two, three));
        assert_eq!(room.waiting(), 0, "the workers of a function go with it");
        assert!(room.take(WAITING_MEMORIES_BYTES_MAX + 1).is_none());
        assert_eq!((room.waiting(), room.memory_bytes.load(Relaxed)), (0, 0));
    }
}
