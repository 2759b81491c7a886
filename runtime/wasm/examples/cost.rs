//! What one call costs, on one thread and on two: `cargo run --release -p fleetstep-wasm --example cost -- MODULE.wasm…`
//!
//! Each line is a module: nanoseconds per call (the best of several rounds, in the thread's own time), with one thread, with as many as there are cores (per thread), and with 1, 20 and 200 copies of the module
//! called in turn, which is what many functions in one process look like. Then the same with loops in the slow lane.
#![allow(clippy::print_stdout)] // This is what it is for.

use bytes::Bytes;
use fleetstep_document::{Document, Text};
use fleetstep_engine::{Call, Identity, Reply, TaskId};
use fleetstep_wasm::{Function, FunctionConfig, Sandbox, SandboxConfig};
use std::sync::Arc;
use std::time::Duration;

const ROUNDS: u32 = 7;
const CALLS: u32 = 10_000;
const EVENT: &str = r#"{"id":"order-10293","customer":{"id":"c-771","name":"Ada Lovelace","country":"GB"},
    "lines":[{"sku":"kettle","quantity":1,"cents":3499},{"sku":"tea","quantity":4,"cents":450}],"currency":"GBP",
    "note":"leave at the door","paid":false,"tags":["web","first"]}"#;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let pagemap_scan = std::env::var_os("NO_PAGEMAP_SCAN").is_none();
    let sandbox = Sandbox::new(SandboxConfig { pagemap_scan, ..SandboxConfig::default() }).expect("a sandbox");
    println!("{:40} {:>8} {:>8} {:>8} {:>8} {:>8}", "module (ns per call)", "1", "threads", "20", "200", "loops");
    let modules: Vec<String> = std::env::args().skip(1).collect();
    for path in &modules {
        let module = std::fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let functions = copies(&sandbox, &module, 200).await;
        let one = best(&functions[..1]);
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let both = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..cores).map(|_| scope.spawn(|| on_a_runtime(&functions[..1]))).collect();
            threads.into_iter().map(|thread| thread.join().expect("a thread")).max()
        });
        let (few, many) = (best(&functions[..20]), best(&functions));
        let loops = loops(&sandbox).await;
        let beside = best(&functions[..1]);
        drop(loops);
        let name = path.rsplit("/target/").next().unwrap_or(path);
        let both = both.unwrap_or_default();
        println!("{name:40} {one:8} {both:8} {few:8} {many:8} {beside:8}");
    }
}

/// The module as that many modules: each has a custom section of its own.
async fn copies(sandbox: &Sandbox, module: &[u8], count: u8) -> Vec<Arc<Function>> {
    let mut functions = Vec::new();
    for copy in 0..count {
        let bytes = [module, &[0, 4, 2, b'n', b'o', copy]].concat();
        let loaded = sandbox.load(bytes.into()).await.unwrap_or_else(|error| panic!("{error}"));
        let name = Text::from(format!("copy{copy}"));
        functions.push(Function::new(sandbox, name.clone(), name, loaded, FunctionConfig::default()));
    }
    functions
}

fn on_a_runtime(functions: &[Arc<Function>]) -> u128 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let _inside = runtime.enter();
    best(functions)
}

fn best(functions: &[Arc<Function>]) -> u128 {
    let input = Document::parse(EVENT.as_bytes()).expect("an event");
    let identity = Arc::new(Identity::default());
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let began = thread_time();
        for (_, function) in (0..CALLS).zip(functions.iter().cycle()) {
            let call = Call {
                task: TaskId(0),
                input: input.clone(),
                state: Text::default(),
                retry_count: 0,
                deadline: fleetstep_engine::Timestamp::MAX,
                identity: Arc::clone(&identity),
                trace: None,
                callback: None,
            };
            match function.invoke(call) {
                Reply::Ready(Err(failure)) => panic!("{failure:?}"),
                // Cut short by the system; the round that had none of these is the best.
                Reply::Ready(Ok(_)) | Reply::Later(_) => (),
            }
        }
        best = best.min(thread_time() - began);
    }
    best.as_nanos() / u128::from(CALLS)
}

/// What this thread has had of a core: on a machine that does other things too, it says more than the clock on the
/// wall. Linux keeps it to the last tick.
fn thread_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("the thread's times");
    Duration::from_nanos(stat.split(' ').next().and_then(|time| time.parse().ok()).expect("a number"))
}

/// Two guests in the slow lane for each of its threads.
async fn loops(sandbox: &Sandbox) -> Vec<Reply> {
    let text = r#"(module (func (export "_start") (loop $again (br $again))))"#;
    let module = sandbox.load(Bytes::from(wat::parse_str(text).expect("a module"))).await.expect("a module");
    let config = FunctionConfig { timeout: Duration::from_secs(300), ..FunctionConfig::default() };
    let function = Function::new(sandbox, Text::from("loop"), Text::from("loop"), module, config);
    let call = || Call {
        task: TaskId(0),
        input: Document::NULL,
        state: Text::default(),
        retry_count: 0,
        deadline: fleetstep_engine::Timestamp::MAX,
        identity: Arc::default(),
        trace: None,
        callback: None,
    };
    let threads = SandboxConfig::default().slow_threads;
    (0..2 * threads).map(|_| function.invoke(call())).collect()
}
