//! Expressions: JSONata and JSONPath in AWS's dialects, the intrinsic functions, payload templates, Choice
//! conditions.
//! Documents come in with a [`Scope`], a document goes out.
//!
//! An [`Expr`] is compiled once, when a definition is created, and evaluated many times; nothing is parsed
//! while an execution runs. It knows the name of the field that it stands in and the text that it was written
//! as, so that it can word its own errors as the service words them. What a state is, and what the time is,
//! this room does not know: both come in with the scope.
#![forbid(unsafe_code)]

mod condition;
mod error;
mod expr;
mod intrinsic;
pub mod jsonata;
mod library;
mod names;
mod path;
mod primitive;
mod query;
mod reference;
mod scope;
mod template;
mod time;

pub use condition::{Comparison, Condition, OPERATORS, OperandKind, Operator};
pub use error::{CompileError, Complaint, ErrorName, EvalError, Fault, TemplateError};
pub use expr::Expr;
pub use names::{Reference, Referent, VariableNames};
pub use reference::ReferencePath;
pub use scope::{Chance, ContextSource, Scope};
pub use time::parse_timestamp;
