//! A function's log: the newest lines, within bounds.

use fleetstep_document::Text;
use fleetstep_engine::{Severity, Timestamp, clock};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Lines that are kept of one function.
pub const LOG_LINES_MAX: usize = 1_000;
/// Bytes that are kept of one function, over all lines.
pub const LOG_BYTES_MAX: usize = 256 << 10;
/// Bytes that are kept of one line.
pub const LINE_BYTES_MAX: usize = 32 << 10;

/// How much a line of the log matters.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, wasmtime::component::ComponentType, wasmtime::component::Lift,
)]
#[component(enum)]
#[repr(u8)]
pub enum LogLevel {
    /// The finest.
    #[component(name = "trace")]
    Trace,
    /// For the author.
    #[component(name = "debug")]
    Debug,
    /// Ordinary: what a module writes to stdout or stderr too.
    #[component(name = "info")]
    Info,
    /// Unexpected.
    #[component(name = "warn")]
    Warn,
    /// Failed.
    #[component(name = "error")]
    Error,
}

impl From<LogLevel> for Severity {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Trace => Self::Trace,
            LogLevel::Debug => Self::Debug,
            LogLevel::Info => Self::Info,
            LogLevel::Warn => Self::Warn,
            LogLevel::Error => Self::Error,
        }
    }
}

/// One line of a function's log.
#[derive(Clone, Debug)]
pub struct LogLine {
    /// When it was written.
    pub at: Timestamp,
    /// How much it matters.
    pub level: LogLevel,
    /// ARN of the execution whose call wrote it.
    pub execution_arn: Text,
    /// The line without its end, cut to [`LINE_BYTES_MAX`].
    pub text: String,
}

/// The newest lines.
#[derive(Default)]
pub(crate) struct Logs(Mutex<Ring>);

#[derive(Default)]
struct Ring {
    lines: VecDeque<LogLine>,
    bytes: usize,
}

impl Logs {
    pub(crate) fn write(&self, level: LogLevel, execution_arn: &Text, text: &str) {
        let text = cut(text, LINE_BYTES_MAX).to_owned();
        let line = LogLine { at: clock::now(), level, execution_arn: execution_arn.clone(), text };
        let mut ring = self.ring();
        ring.bytes += line.text.len();
        ring.lines.push_back(line);
        while ring.lines.len() > LOG_LINES_MAX || ring.bytes > LOG_BYTES_MAX {
            let oldest = ring.lines.pop_front().expect("a ring over its bounds holds a line");
            ring.bytes -= oldest.text.len();
        }
    }

    /// The newest `lines_max` lines, oldest first.
    pub(crate) fn newest(&self, lines_max: usize) -> Vec<LogLine> {
        let ring = self.ring();
        ring.lines.iter().skip(ring.lines.len().saturating_sub(lines_max)).cloned().collect()
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        // A thread that panicked within `write` left at worst a miscounted line behind.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The longest start of `text` that has at most `bytes_max` bytes and ends between two characters.
pub(crate) fn cut(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(write: impl Fn(&Logs)) -> (usize, usize) {
        let logs = Logs::default();
        write(&logs);
        let lines = logs.newest(usize::MAX);
        (lines.len(), lines.iter().map(|line| line.text.len()).sum())
    }

    #[test]
    fn keeps_within_its_bounds() {
        let arn = Text::default();
        let many = |text: String| move |logs: &Logs| (0..5_000).for_each(|_| logs.write(LogLevel::Info, &arn, &text));
        assert_eq!(lengths(many.clone()("x".into())), (LOG_LINES_MAX, LOG_LINES_MAX));
        let (_, bytes) = lengths(many("ü".repeat(LINE_BYTES_MAX)));
        assert_eq!(bytes, LOG_BYTES_MAX);
    }

    #[test]
    fn keeps_the_newest() {
        let logs = Logs::default();
        (0..2_000).for_each(|n| logs.write(LogLevel::Info, &Text::default(), &n.to_string()));
        let texts: Vec<_> = logs.newest(2).into_iter().map(|line| line.text).collect();
        assert_eq!(texts, ["1998", "1999"]);
    }
}
