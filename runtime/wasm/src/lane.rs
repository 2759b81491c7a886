//! The slow lane: threads of low priority for guests that burn CPU, and for the compiler.

use crate::SandboxConfig;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;

/// How far below the serving threads these stand, on the operating system's scale from 0 to 19.
const NICENESS: libc::c_int = 10;
/// A guest's turn is a millisecond long; the timers of the lane are looked at after this many turns.
const TURNS_BETWEEN_TIMERS: u32 = 4;

/// Places in the rotation of the lane, handed out in the order in which they are asked for. Each function has as many as
/// there are threads: one function alone uses them all, and however many of its calls burn CPU, a call of another waits
/// for no more of them than that. What the lane has to turn to is bounded by functions, not by calls.
pub(crate) fn places(config: &SandboxConfig) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(config.slow_threads.max(1)))
}

/// A runtime for guests.
pub(crate) struct Lane {
    /// Always there but while it is dropped.
    runtime: Option<Runtime>,
}

impl Lane {
    pub(crate) fn start(config: &SandboxConfig) -> std::io::Result<Self> {
        let number = AtomicUsize::new(0);
        let runtime = Builder::new_multi_thread()
            .worker_threads(config.slow_threads.max(1))
            .thread_name_fn(move || format!("fleetstep-slow{}", number.fetch_add(1, Relaxed)))
            .on_thread_start(stand_back)
            .event_interval(TURNS_BETWEEN_TIMERS)
            .enable_time()
            .build()?;
        Ok(Self { runtime: Some(runtime) })
    }

    /// Lets the future take turns with the others of the lane.
    pub(crate) fn spawn<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        self.runtime.as_ref().expect("the runtime is there until the lane is dropped").spawn(future)
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        // The last owner may be a task of another runtime, where waiting for threads to end is not allowed.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The threads of the compiler.
pub(crate) struct Compilers(rayon::ThreadPool);

impl Compilers {
    pub(crate) fn start(config: &SandboxConfig) -> Result<Self, rayon::ThreadPoolBuildError> {
        rayon::ThreadPoolBuilder::new()
            .num_threads(config.compile_threads.max(1))
            .thread_name(|number| format!("fleetstep-comp{number}"))
            .start_handler(|_| stand_back())
            // A panic drops the sender of the answer; `run` says so.
            .panic_handler(|_| ())
            .build()
            .map(Self)
    }

    /// Runs `job` here; the functions of a module that it compiles are spread over these threads too. `None` when it
    /// panicked. A job whose caller goes away runs to its end.
    pub(crate) async fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        self.0.spawn(move || drop(answer.send(job())));
        answered.await.ok()
    }
}

/// Gives the calling thread, and those that it will start, a low priority.
pub(crate) fn stand_back() {
    // SAFETY: a plain system call that takes three integers. Who 0 means the caller: on Linux the calling thread,
    // elsewhere its process, which would be wrong, hence the condition.
    #[cfg(target_os = "linux")]
    unsafe {
        // A host that forbids it runs these threads at ordinary priority: slower neighbours, no wrong answers.
        libc::setpriority(libc::PRIO_PROCESS, 0, NICENESS);
    }
}
