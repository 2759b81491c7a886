//! The door: HTTP in, answers out, over a catalog and an engine.
//!
//! Four interfaces share one port. `POST /` speaks AWS JSON 1.0 as Step Functions does, and paths that begin with a date
//! speak REST as Lambda does, so that the SDKs and the AWS CLI work unchanged; below `/v1/` functions and workflows are deployed and run by plain HTTP; `/healthz`,
//! `/readyz` and `/metrics` are for whoever watches over the process. What a definition means, what a function is and how
//! an execution runs is known to the rooms below; flags, signals and addresses are the server's.
//!
//! | plain HTTP | does |
//! | --- | --- |
//! | `PUT /v1/functions/NAME?memory_mib=&timeout_seconds=&concurrency=&description=&env.NAME=` | puts a module (`application/wasm`); as `application/json`, or with `PATCH`, the settings alone, or with `module` that of a registry |
//! | `GET`, `DELETE /v1/functions/NAME`; `GET /v1/functions?max_items=&token=` | describes, deletes, lists |
//! | `POST /v1/functions/NAME/invoke`; `GET /v1/functions/NAME/logs` | calls a function once; shows its newest log lines |
//! | `PUT /v1/workflows/NAME?role_arn=` | creates or replaces a workflow from ASL (`application/json`, `application/yaml`); 422 with every diagnostic at once |
//! | `GET`, `DELETE /v1/workflows/NAME`; `GET /v1/workflows?max_items=&token=` | describes, deletes, lists |
//! | `POST /v1/workflows/NAME/run?name=` | runs it, or with `NAME:VERSION` or `NAME:ALIAS` that: 200 with the output; FAILED is 422, TIMED_OUT 504, ABORTED 503, each with `status`, `error`, `cause`, `executionArn`; 429 when there is no room. With `Prefer: respond-async` 202 and the place to look |
//! | `GET /v1/executions?workflow=&status=&max_items=&token=` | the latest executions, the newest first |
//! | `GET /v1/executions/ARN` | what is remembered of an execution, running or over |
//! | `GET /v1/executions/ARN/history?include_data=&reverse=&max_items=&token=` | its history, as far as it is kept |
//! | `POST /v1/executions/ARN/stop` | ends one that was started with 202, as `ABORTED` |
//! | `GET /v1/executions/ARN/events?include_data=&after=` | the same as it happens, as server-sent events; so does `run` with `Accept: text/event-stream` |
//! | `PUT`, `GET`, `DELETE /v1/routes/NAME`; `GET /v1/routes` | routes: paths of the operator's own that start workflows |
//! | `PUT`, `GET`, `DELETE /v1/schedules/NAME`; `GET /v1/schedules` | schedules |
//! | `POST /v1/tasks/TOKEN/success`, `…/failure`, `…/heartbeat` | answers a task that waits for whoever has its token; where the server is extended by such tasks |
//! | `GET /healthz`, `GET /readyz` | alive; ready, or 503 while the server stops |
//! | `GET /metrics` | how the server stands to its bounds, for Prometheus |
//!
//! The ARN of an execution stands in the header `fleetstep-execution-arn` too. A refusal is a problem (RFC 9457).
//!
//! Where the server has keys, a gate stands in front of it all: the AWS protocols take signatures, `/v1/` takes bearer
//! tokens, and each caller meets the service of its own account. What an operation or a route needs of its caller is a column of
//! their tables.
//!
//! The hot path, a synchronous start, parses the request once, writes the answer once, and takes one lock for the
//! length of a push, after the execution. Every way to be refused stands in one file, `fault.rs`.
#![forbid(unsafe_code)]

mod admission;
mod aside;
mod audit;
mod aws;
mod billing;
mod body;
mod cohort;
mod durable;
mod echo;
mod executions;
mod fault;
mod follow;
mod front;
mod gate;
mod history;
mod id;
mod idempotency;
mod lambda;
mod launch;
mod limits;
mod lone_call;
mod metrics;
mod nested;
mod page;
mod pages;
mod redaction;
mod reply;
mod routed;
mod scheduler;
mod serve;
mod service;
mod source;
mod tasks;
mod tls;
mod tracing;
mod web;

pub use admission::{AdmissionConfig, StartBounds};
pub use audit::Audit;
pub use durable::AcceptedStart;
pub use echo::serve_echo;
pub use front::Front;
pub use history::{LogSink, Logs, named_level};
pub use limits::Limits;
pub use pages::{PageBody, Pages};
pub use reply::ReplyBody;
pub use serve::{Drained, serve};
pub use service::{Options, Report, Service};
pub use source::{FetchError, FetchedModule, ModuleSource};
pub use tls::{Tls, TlsError};
