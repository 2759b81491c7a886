//! Requests, over a service with a machine or two: the first line of an input is the method and the path, or the name of
//! an AWS operation alone; lines of headers follow, an empty line, and the body.

use bytes::Bytes;
use fleetstep_api::{Options, ReplyBody, Service};
use fleetstep_catalog::{Catalog, CatalogConfig, MemoryStore};
use fleetstep_document::Document;
use fleetstep_engine::{Engine, HistoryLevel, Limits};
use fleetstep_wasm::{Sandbox, SandboxConfig};
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response};
use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

/// After so many requests the service is made anew, so that what they left behind does not pile up.
const REQUESTS_MAX: u32 = 2_000;

/// How long a request is waited for. The caller of a workflow that waits goes away then; any other has its answer.
const PATIENCE: Duration = Duration::from_millis(100);
/// How long those others are waited for, on a machine that is busy.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// What may wait for a workflow or a function, by the path or the operation.
const WAITING: &[&str] =
    &["/run", "/batch", "/invoke", "/events", "AWSStepFunctions.StartSyncExecution", "AWSStepFunctions.TestState"];

const PASS: &str = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}"#;

struct World {
    service: Service,
    runtime: Runtime,
    requests: u32,
}

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

/// Whatever is asked, there is an answer, in time, that says what was wrong in the protocol's own way, and is never
/// that the server is at fault.
pub(crate) fn check(input: &[u8]) {
    let Some(request) = request(input) else { return };
    let is_aws = request.method() == hyper::Method::POST && request.uri().path() == "/";
    WORLD.with_borrow_mut(|world| {
        let mut current = world.take().filter(|world| world.requests < REQUESTS_MAX).unwrap_or_else(World::new);
        current.requests += 1;
        let answer = current.runtime.block_on(async {
            let waits = may_wait(&request);
            let patience = if waits { PATIENCE } else { ANSWER_MAX };
            let answer = async { read(current.service.answer(request).await).await };
            match tokio::time::timeout(patience, answer).await {
                Ok(answer) => Some(answer),
                Err(_) => {
                    assert!(waits, "no answer in {ANSWER_MAX:?}");
                    None
                }
            }
        });
        *world = Some(current);
        if let Some(answer) = answer {
            holds(is_aws, &answer);
        }
    });
}

fn may_wait(request: &Request<Full<Bytes>>) -> bool {
    let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    WAITING.iter().any(|waiting| request.uri().path().ends_with(waiting) || target == *waiting)
}

impl World {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime of one thread");
        let service = runtime.block_on(async {
            let config = SandboxConfig {
                instances_max: 2,
                memory_bytes_max: 16 << 20,
                compile_threads: 1,
                slow_threads: 1,
                ..SandboxConfig::default()
            };
            let sandbox = Arc::new(Sandbox::new(config).expect("this machine can run a sandbox"));
            let catalog = Catalog::open(CatalogConfig::default(), sandbox, Arc::new(MemoryStore::default())).await;
            let options = Options { history_level: HistoryLevel::All, aws_extensions: true, ..Options::default() };
            let engine = Engine::new(Limits { executions_running_max: 100, workers: 1 });
            Service::new(catalog.expect("a store in memory opens"), engine, options, |_| ())
        });
        let world = Self { service, runtime, requests: 0 };
        let create = Request::put("/v1/workflows/pass?role_arn=arn:aws:iam::000000000000:role/r");
        let create = create.header("content-type", "application/json").body(Full::from(PASS)).expect("a request");
        let created = world.runtime.block_on(world.service.answer(create));
        assert!(created.status().is_success(), "{}", created.status());
        world
    }
}

struct Answer {
    status: u16,
    media_type: String,
    body: Bytes,
}

async fn read(answer: Response<ReplyBody>) -> Answer {
    let (head, body) = answer.into_parts();
    let media_type = head.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (status, media_type) = (head.status.as_u16(), media_type.to_owned());
    let body = body.collect().await.expect("a body that is there").to_bytes();
    Answer { status, media_type, body }
}

fn holds(is_aws: bool, answer: &Answer) {
    let Answer { status, media_type, body } = answer;
    let text = String::from_utf8_lossy(body);
    assert!((200..600).contains(status) && *status != 500, "{status}: {text}");
    if !media_type.contains("json") {
        assert!(!is_aws, "the AWS protocol answers {media_type:?}: {text}");
        return;
    }
    // A batch is answered with a line for each start.
    for line in body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let answer = Document::parse(line).unwrap_or_else(|error| panic!("{status}, {error}: {text}"));
        if is_aws && *status >= 400 {
            let name = answer.get("__type").and_then(|name| name.as_str()).unwrap_or_default();
            let name = name.rsplit('#').next().unwrap_or_default();
            let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
            assert!(is_name, "a fault without an exception's name: {text}");
        }
    }
}

/// The request that an input is, if HTTP knows such a one.
pub(crate) fn request(input: &[u8]) -> Option<Request<Full<Bytes>>> {
    let (line, mut rest) = line(input);
    let line = std::str::from_utf8(line).ok()?;
    let mut request = match line.split_once(' ') {
        Some((method, path)) => Request::builder().method(method).uri(path),
        None => Request::post("/")
            .header("x-amz-target", format!("AWSStepFunctions.{line}"))
            .header("content-type", "application/x-amz-json-1.0"),
    };
    loop {
        let (header, next) = self::line(rest);
        rest = next;
        let Some(colon) = header.iter().position(|byte| *byte == b':') else { break };
        request = request.header(&header[..colon], header[colon + 1..].trim_ascii());
    }
    request.body(Full::from(rest.to_vec())).ok()
}

/// The first line and what follows it.
fn line(input: &[u8]) -> (&[u8], &[u8]) {
    match input.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&input[..at], &input[at + 1..]),
        None => (input, &[]),
    }
}
