//! A host for the tests: one sandbox for all of them, and calls without an engine.

use fleetstep_document::{Document, Text};
use fleetstep_engine::{Call, Failure, Identity, Reply, TaskId, clock};
use fleetstep_wasm::{Function, FunctionConfig, Sandbox, SandboxConfig};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// Longer than anything here takes, even on a machine that is busy with something else.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

static SANDBOX: LazyLock<Sandbox> = LazyLock::new(|| sandbox(SandboxConfig::default()));

/// A sandbox of few instances, so that many fit into the address space.
pub(crate) fn sandbox(config: SandboxConfig) -> Sandbox {
    let instances_max = config.instances_max.min(100);
    Sandbox::new(SandboxConfig { instances_max, ..config }).unwrap()
}

pub(crate) async fn function_in(sandbox: &Sandbox, guest: Vec<u8>, config: FunctionConfig) -> Arc<Function> {
    let module = sandbox.load(guest.into()).await.unwrap();
    Function::new(sandbox, Text::from("guest"), Text::from("arn:guest"), module, config)
}

pub(crate) async fn function(guest: Vec<u8>, config: FunctionConfig) -> Arc<Function> {
    function_in(&SANDBOX, guest, config).await
}

pub(crate) fn call(input: &str) -> Call {
    Call {
        task: TaskId(0),
        input: Document::parse(input.as_bytes()).unwrap(),
        state: Text::from("Charge"),
        retry_count: 2,
        deadline: clock::now().after(Duration::from_secs(300)),
        callback: None,
        identity: Arc::new(Identity {
            execution_arn: Text::from("arn:execution"),
            execution_name: Text::from("execution"),
            state_machine_arn: Text::from("arn:machine"),
            ..Identity::default()
        }),
        trace: None,
    }
}

pub(crate) async fn answer(reply: Reply) -> Result<Document, Failure> {
    match reply {
        Reply::Ready(answer) => answer,
        Reply::Later(answer) => tokio::time::timeout(PATIENCE, answer).await.expect("the call never ended"),
    }
}

pub(crate) async fn invoke(function: &Arc<Function>, input: &str) -> Result<Document, Failure> {
    answer(function.invoke(call(input))).await
}

/// Waits until nothing of the function runs any more.
pub(crate) async fn until_idle(function: &Function) {
    let started = clock::now();
    while function.running() > 0 {
        assert!(clock::now() < started.after(PATIENCE), "a call goes on for ever");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
