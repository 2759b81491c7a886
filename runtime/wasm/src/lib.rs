//! Task modules: verified, compiled, linked and called within limits.
//!
//! A [`Sandbox`] loads the bytes of a module once, off the serving threads, and keeps the compiled artefact on disk. A
//! [`Function`] is a module with a name and a configuration; each call of it gets a fresh instance, a memory limit, a
//! deadline, and nothing that its configuration does not grant. A short call runs to its end on the thread that asks;
//! a guest that burns CPU leaves that thread after its first quantum and goes on in a lane of low priority. What a
//! workflow is, this room does not know: it gets a document and answers with a document or a failure.
//!
//! To read it in order: [`Sandbox::load`] (`sandbox.rs`, `inspect.rs`, `compiler.rs`, `module.rs`, `cache.rs`), then
//! [`Function::invoke`] (`function.rs`, `call.rs`, `quantum.rs`, `lane.rs`), then what a guest sees (`linker.rs`,
//! `wasi.rs`, `http_in.rs`, `http_out.rs`, `keyvalue.rs`, `limits.rs`) and how it fails (`failure.rs`).

mod bounds;
mod cache;
mod call;
mod compiler;
mod config;
mod engine;
mod failure;
mod failures;
mod function;
mod grants;
mod http_in;
mod http_out;
mod inspect;
mod interfaces;
mod keyvalue;
mod lane;
mod limits;
mod linker;
mod logs;
mod module;
mod output;
mod preinit;
mod quantum;
mod reactor;
mod reuse;
mod sandbox;
mod secrets;
mod state;
mod ticker;
mod traced;
mod wasi;

pub use bounds::CallBounds;
pub use compiler::{Compiler, compile_for_parent};
pub use config::{FunctionConfig, SandboxConfig};
pub use failure::RESULT_BYTES_MAX;
pub use failures::{CAUSE_BYTES_MAX, CallFailure, FAILURES_MAX};
pub use fleetstep_keyvalue::KeyValue;
pub use fleetstep_outbound::{Client, Credentials, RuleSpec};
pub use function::Function;
pub use grants::{BucketGrant, GrantError, Grants, OWN_BUCKET};
pub use logs::{LINE_BYTES_MAX, LOG_BYTES_MAX, LOG_LINES_MAX, LogLevel, LogLine};
pub use module::{Digest, Module, ModuleError, ModuleKind};
pub use preinit::Start;
pub use sandbox::{ConfigError, Sandbox, SandboxError};
pub use secrets::{MASKED, SECRET_BYTES_MIN, Secrets};
