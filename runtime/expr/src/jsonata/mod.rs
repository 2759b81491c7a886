//! JSONata 2.2: the whole language over [`Document`](fleetstep_document::Document), with the error codes and texts of
//! jsonata-js, which reach the users of a workflow.
//!
//! Text goes through `lexer`, `parser` (precedence climbing to a plain tree) and `process` (paths flattened,
//! `%` resolved to slots, tail calls marked); `eval` walks the result. What the functions of the library share is
//! `Value`, `Evaluator` and [`JsonataError`]. No clock and no chance is read here: both come in with the
//! [`Budget`].

mod ast;
mod budget;
mod cast;
mod dialect;
mod error;
mod eval;
mod functions;
mod lexer;
mod parser;
mod picture;
mod process;
mod program;
mod quick;
mod references;
mod regex;
mod signature;
mod stack;
mod value;

pub use budget::{Ambient, Budget, DEPTH_MAX, MADE_BYTES_MAX, STEPS_MAX};
pub(crate) use budget::{TOO_LARGE, exceeded};
pub(crate) use cast::number_document;
pub use dialect::Dialect;
pub(crate) use dialect::{Arguments, Native};
pub use error::{Code, JsonataError};
pub(crate) use eval::Evaluator;
pub use program::{Answer, Jsonata};
pub(crate) use quick::{Quick, Walk};
pub(crate) use value::Value;
use value::{Items, ObjectValue};
