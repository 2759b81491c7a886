//! What a person sees: results on standard output, everything else on standard error.

use std::io::{self, Write};

/// A line of result. A closed pipe on the other side is no error of ours.
pub(crate) fn result(line: impl std::fmt::Display) {
    let _closed_pipe = writeln!(io::stdout().lock(), "{line}");
}

/// A line about what is going on.
pub(crate) fn progress(line: impl std::fmt::Display) {
    let _closed_pipe = writeln!(io::stderr().lock(), "{line}");
}
