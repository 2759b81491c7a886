//! Modules, binary or in the text format: taken in, or refused with a reason; what is taken in can be called, and ends
//! within its limits.

use fleetstep_document::{Document, Text};
use fleetstep_engine::{Call, Identity, Reply, TaskId, clock};
use fleetstep_wasm::{Function, FunctionConfig, Sandbox, SandboxConfig};
use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

/// Memory of a call, and of a sandbox's function at the most.
const MEMORY_BYTES_MAX: u64 = 4 << 20;
/// How long a call may take.
const CALL_MAX: Duration = Duration::from_millis(50);
/// How late its end may come on a machine that is busy.
const LATE_MAX: Duration = Duration::from_secs(10);
/// The longest module that is taken in.
const MODULE_BYTES_MAX: u64 = 16 << 10;

struct World {
    sandbox: Sandbox,
    runtime: Runtime,
}

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

/// A module is refused in words, or compiled and called, and its call ends in time with an answer or an error that has a
/// name.
pub(crate) fn check(input: &[u8]) {
    let bytes = match input.starts_with(b"\0asm") {
        true => input.to_vec(),
        false => match std::str::from_utf8(input).ok().and_then(|text| wat::parse_str(text).ok()) {
            Some(binary) => binary,
            None => input.to_vec(),
        },
    };
    WORLD.with_borrow_mut(|world| {
        let world = world.get_or_insert_with(World::new);
        world.runtime.block_on(load(&world.sandbox, bytes));
    });
}

impl World {
    fn new() -> Self {
        let config = SandboxConfig {
            instances_max: 4,
            memory_bytes_max: MEMORY_BYTES_MAX,
            module_bytes_max: MODULE_BYTES_MAX,
            slow_threads: 1,
            compile_threads: 1,
            ..SandboxConfig::default()
        };
        let sandbox = Sandbox::new(config).expect("this machine can run a sandbox");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Self { sandbox, runtime: runtime.expect("a runtime of one thread") }
    }
}

async fn load(sandbox: &Sandbox, bytes: Vec<u8>) {
    let module = match sandbox.load(bytes.into()).await {
        Ok(module) => module,
        Err(error) => {
            assert!(!error.to_string().trim().is_empty(), "{error:?}");
            return;
        }
    };
    let config = FunctionConfig { memory_bytes_max: MEMORY_BYTES_MAX, timeout: CALL_MAX, ..FunctionConfig::default() };
    if let Err(error) = sandbox.check(&module, &config) {
        assert!(!error.to_string().is_empty(), "{error:?}");
        return;
    }
    let function = Function::new(sandbox, Text::from("f"), Text::from("arn"), module, config);
    let answer = match function.invoke(call()) {
        Reply::Ready(answer) => answer,
        Reply::Later(answer) => tokio::time::timeout(LATE_MAX, answer).await.expect("a call ends in its time"),
    };
    if let Err(failure) = answer {
        let name = failure.error.as_deref().unwrap_or_default();
        assert!(!name.is_empty() && !name.contains(char::is_whitespace), "a failure without a name: {failure:?}");
    }
}

fn call() -> Call {
    Call {
        task: TaskId(0),
        input: Document::parse(br#"{"a":[1,"x"]}"#).expect("this program's own JSON"),
        state: Text::from("S"),
        retry_count: 0,
        deadline: clock::now().after(Duration::from_secs(300)),
        identity: Arc::new(Identity::default()),
        trace: None,
        callback: None,
    }
}
