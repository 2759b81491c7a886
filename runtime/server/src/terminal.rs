//! What a person sees: results on standard output, everything else on standard error.

use std::io::{self, IsTerminal as _, Write};
use std::time::Duration;

/// A line of result. A closed pipe on the other side is no error of ours.
pub(crate) fn result(line: impl std::fmt::Display) {
    let _closed_pipe = writeln!(io::stdout().lock(), "{line}");
}

/// A line about what is going on.
pub(crate) fn progress(line: impl std::fmt::Display) {
    let _closed_pipe = writeln!(io::stderr().lock(), "{line}");
}

/// A line that is written over again on a terminal; elsewhere, a line now and then.
pub(crate) struct Progress {
    is_terminal: bool,
    every: Duration,
    shown: Option<Duration>,
}

impl Progress {
    /// Elsewhere than on a terminal, a line after `every`.
    pub(crate) fn new(every: Duration) -> Self {
        Self { is_terminal: io::stderr().is_terminal(), every, shown: None }
    }

    /// Shows `line` as of `at`, counted from the beginning.
    pub(crate) fn show(&mut self, at: Duration, line: impl std::fmt::Display) {
        let mut stderr = io::stderr().lock();
        let _closed_pipe = if self.is_terminal {
            write!(stderr, "\r\x1b[K{line}").and_then(|()| stderr.flush())
        } else if self.shown.is_none_or(|shown| at >= shown + self.every) {
            self.shown = Some(at);
            writeln!(stderr, "{line}")
        } else {
            Ok(())
        };
    }

    /// Leaves the line clean.
    pub(crate) fn finish(&mut self) {
        if self.is_terminal {
            let _closed_pipe = write!(io::stderr().lock(), "\r\x1b[K");
        }
    }
}
