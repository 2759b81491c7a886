//! The load generator: what is sent ([`workload`], [`template`]), when ([`pace`]), what was seen ([`measure`]), which
//! rate a server keeps ([`knee`]), and how that is told ([`report`]). All of these are pure; time comes in as numbers.
//!
//! [`load`] runs a load on threads, [`transport`] carries its requests: over HTTP/1.1, or to a [`transport::Target`]
//! in this process. What a workflow is, this room does not know: it sends bytes and looks at the status of what comes
//! back. The command line, and what runs executions in process, are `server`'s.
#![forbid(unsafe_code)]

mod clock;
pub mod follow;
pub mod knee;
pub mod load;
pub mod measure;
pub mod pace;
pub mod process;
pub mod report;
pub mod template;
pub mod transport;
pub mod wire;
pub mod workload;

pub use load::{Load, LoadError, Outcome, Point, Shape, Watch, run};
