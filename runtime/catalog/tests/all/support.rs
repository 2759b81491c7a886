//! What the tests deploy, and how they call it.

use bytes::Bytes;
use fleetstep_catalog::{
    Catalog, CatalogConfig, CreateStateMachine, Created, MemoryStore, StateMachine, StateMachineError, Store,
    WorkflowType,
};
use fleetstep_document::{Document, Text};
use fleetstep_engine::{Call, Failure, Reply, TaskId, clock};
use fleetstep_wasm::{Sandbox, SandboxConfig};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// One sandbox for all tests: its pool of instances is large.
static SANDBOX: LazyLock<Arc<Sandbox>> = LazyLock::new(|| {
    let config = SandboxConfig { instances_max: 20, memory_bytes_max: 128 << 20, ..SandboxConfig::default() };
    Arc::new(Sandbox::new(config).expect("this machine can run a sandbox"))
});

pub(crate) async fn open(store: Arc<dyn Store>) -> Catalog {
    let catalog = Catalog::open(CatalogConfig::default(), sandbox(), store).await.unwrap();
    assert_eq!(catalog.problems(), [""; 0]);
    catalog
}

pub(crate) fn sandbox() -> Arc<Sandbox> {
    Arc::clone(&SANDBOX)
}

pub(crate) async fn empty() -> Catalog {
    open(Arc::new(MemoryStore::default())).await
}

/// A definition with one Task.
pub(crate) fn task(resource: &str) -> String {
    format!(r#"{{"StartAt": "Call", "States": {{"Call": {{"Type": "Task", "Resource": "{resource}", "End": true}}}}}}"#)
}

/// The ARN of a function as definitions have it.
pub(crate) fn function_arn(name: &str) -> String {
    format!("arn:aws:lambda:us-east-1:000000000000:function:{name}")
}

pub(crate) const LAMBDA_INVOKE: &str = "arn:aws:states:::lambda:invoke";

pub(crate) const PASS: &str = r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}"#;

/// The smallest creation.
pub(crate) fn creation(name: &str, definition: &str) -> CreateStateMachine {
    CreateStateMachine {
        name: name.to_owned(),
        definition: definition.to_owned(),
        format: fleetstep_catalog::DefinitionFormat::Json,
        role_arn: "arn:aws:iam::000000000000:role/r".to_owned(),
        workflow_type: WorkflowType::Express,
        logging: None,
        tracing: None,
        tags: Default::default(),
        publish: None,
    }
}

pub(crate) async fn create(catalog: &Catalog, name: &str, definition: &str) -> Result<Created, StateMachineError> {
    catalog.create_state_machine(creation(name, definition)).await
}

/// A machine with one Task that calls `resource`.
pub(crate) async fn calling(catalog: &Catalog, name: &str, resource: &str) -> Arc<StateMachine> {
    create(catalog, name, &task(resource)).await.unwrap().machine
}

/// The reply of a machine's first task to an input.
pub(crate) fn begin(machine: &StateMachine, input: &str) -> Reply {
    machine.runnable.as_ref().unwrap().host.call(Call {
        task: TaskId(0),
        input: json(input),
        state: Text::from("Call"),
        retry_count: 0,
        deadline: clock::now().after(Duration::from_secs(60)),
        identity: machine.identity(None),
        trace: None,
        callback: None,
    })
}

pub(crate) async fn end(reply: Reply) -> Result<String, Failure> {
    let answer = match reply {
        Reply::Ready(answer) => answer,
        Reply::Later(answer) => answer.await,
    };
    answer.map(|document| document.to_json())
}

/// What a machine's first task answers to an input.
pub(crate) async fn call(machine: &StateMachine, input: &str) -> Result<String, Failure> {
    end(begin(machine, input)).await
}

pub(crate) fn json(text: &str) -> Document {
    Document::parse(text.as_bytes()).unwrap()
}

/// A module that answers with a text.
pub(crate) fn says(answer: &str) -> Bytes {
    command("", "", answer)
}

/// A module that waits, then answers with a text.
pub(crate) fn says_after(wait: Duration, answer: &str) -> Bytes {
    let import = r#"(import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))"#;
    // A subscription to the steady clock at 256: its id at 16, the time at 24.
    let wait = format!(
        "(i32.store (i32.const 272) (i32.const 1))
         (i64.store (i32.const 280) (i64.const {}))
         (drop (call $poll (i32.const 256) (i32.const 320) (i32.const 1) (i32.const 360)))",
        wait.as_nanos()
    );
    command(import, &wait, answer)
}

fn command(import: &str, before: &str, answer: &str) -> Bytes {
    let data: String = answer.bytes().map(|byte| format!("\\{byte:02x}")).collect();
    let text = format!(
        r#"(module
            (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
            {import}
            (memory (export "memory") 1)
            (data (i32.const 1024) "{data}")
            (func (export "_start")
                {before}
                (i32.store (i32.const 0) (i32.const 1024))
                (i32.store (i32.const 4) (i32.const {length}))
                (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#,
        length = answer.len(),
    );
    wat::parse_str(text).unwrap().into()
}

/// A module that answers with a string of so many letters.
pub(crate) fn says_letters(letters: usize) -> Bytes {
    let text = format!(
        r#"(module
            (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
            (memory (export "memory") {pages})
            (func (export "_start")
                (memory.fill (i32.const 1024) (i32.const 34) (i32.const {length}))
                (memory.fill (i32.const 1025) (i32.const 97) (i32.const {letters}))
                (i32.store (i32.const 0) (i32.const 1024))
                (i32.store (i32.const 4) (i32.const {length}))
                (loop $more
                    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
                    (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.load (i32.const 8))))
                    (i32.store (i32.const 4) (i32.sub (i32.load (i32.const 4)) (i32.load (i32.const 8))))
                    (br_if $more (i32.load (i32.const 4))))))"#,
        pages = letters.div_ceil(65_536) + 1,
        length = letters + 2,
    );
    wat::parse_str(text).unwrap().into()
}

/// A module that answers with its input, which is short.
pub(crate) fn echoes() -> Bytes {
    let text = r#"(module
        (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "_start") (local $end i32)
            (local.set $end (i32.const 1024))
            (loop $more
                (i32.store (i32.const 0) (local.get $end))
                (i32.store (i32.const 4) (i32.sub (i32.const 65536) (local.get $end)))
                (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
                (local.set $end (i32.add (local.get $end) (i32.load (i32.const 8))))
                (br_if $more (i32.load (i32.const 8))))
            (i32.store (i32.const 0) (i32.const 1024))
            (i32.store (i32.const 4) (i32.sub (local.get $end) (i32.const 1024)))
            (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#;
    wat::parse_str(text).unwrap().into()
}
