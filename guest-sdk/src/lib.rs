#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

#[cfg(any(test, all(target_arch = "wasm32", feature = "arena", not(target_feature = "atomics"))))]
mod arena;
#[cfg(target_arch = "wasm32")]
mod bindings;
mod context;
mod environment;
mod error;
#[cfg(feature = "http")]
pub mod http;
pub mod log;

#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
#[path = "export.rs"]
pub mod __export;

pub use context::Context;
#[cfg(not(target_arch = "wasm32"))]
pub use context::TestCall;
pub use environment::env;
pub use error::TaskError;
pub use fleetstep_guest_macros::task;
pub use serde_json::{self, Value, json};
