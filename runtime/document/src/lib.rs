//! JSON documents: one immutable value that is cheap to share and copied only where it is changed.
//!
//! A [`Document`] is 16 bytes; a clone counts a reference, a change copies the path that it touches and
//! nothing beside it. Key order is kept as it came in, and a number keeps the text that it came with
//! wherever printing its value again would change it. This room knows JSON and nothing else: what a
//! workflow is, or a path, belongs to the rooms above.
#![forbid(unsafe_code)]

mod extent;
mod neutral;
mod number;
mod object;
mod parse;
mod plain;
mod raw;
mod scan;
mod value;
mod write;

pub use arcstr::ArcStr as Text;
pub use neutral::{neutral, neutral_line};
pub use number::Number;
pub use object::{Object, ObjectBuilder};
pub use parse::{ParseError, ParseErrorKind};
pub use scan::{is_special, specials};
pub use value::{Document, View};
pub use write::write_string;

/// The deepest nesting of arrays and objects that [`Document::parse`] accepts: the limit of the parser
/// that the service itself uses.
pub const DEPTH_MAX: usize = 1_000;
