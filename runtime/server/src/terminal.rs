//! What a person sees: results on standard output, everything else on standard error. Much of it was written by others,
//! a module or a definition: no control character reaches a terminal.

use crate::settings::LogFormat;
use fleetstep_document::{neutral, neutral_line};
use fleetstep_engine::{Timestamp, clock};
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use terminal_size::{Width, terminal_size_of};

/// Set once nobody reads standard output any more.
static IS_CLOSED: AtomicBool = AtomicBool::new(false);

/// A line of result, for a person. A closed pipe on the other side is no error of ours.
pub(crate) fn result(line: impl Display) {
    note_closed(writeln!(io::stdout().lock(), "{}", neutral(&line.to_string())));
}

/// A line of result that is JSON: exactly as it is, but for what a terminal would act on.
pub(crate) fn json(line: &str) {
    let mut stdout = io::stdout().lock();
    note_closed(if stdout.is_terminal() { writeln!(stdout, "{}", neutral(line)) } else { writeln!(stdout, "{line}") });
}

fn note_closed(written: io::Result<()>) {
    if written.is_err() {
        IS_CLOSED.store(true, Ordering::Relaxed);
    }
}

/// Whether nobody reads the results any more: what would go on for ever may end.
pub(crate) fn is_closed() -> bool {
    IS_CLOSED.load(Ordering::Relaxed)
}

/// How many columns results have; nothing where they go elsewhere than to a terminal.
pub(crate) fn columns() -> Option<usize> {
    let stdout = io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    terminal_size_of(stdout).map(|(Width(columns), _)| usize::from(columns))
}

/// What a piece of text is to its reader: on a terminal, a colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    #[default]
    Plain,
    Good,
    Bad,
    Careful,
    Quiet,
    Strong,
}

impl Tone {
    /// Of the status of an execution.
    pub(crate) fn of_status(status: &str) -> Self {
        match status {
            "SUCCEEDED" => Self::Good,
            "RUNNING" => Self::Careful,
            _ => Self::Bad,
        }
    }

    /// The parameters of the sequence that sets it.
    fn code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Good => Some("32"),
            Self::Bad => Some("31"),
            Self::Careful => Some("33"),
            Self::Quiet => Some("2"),
            Self::Strong => Some("1"),
        }
    }
}

/// A line in pieces, each with its tone; what a piece says stays in its line and does nothing to a terminal.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line(Vec<(Tone, String)>);

impl Line {
    /// Adds a piece.
    pub(crate) fn with(mut self, tone: Tone, text: impl Display) -> Self {
        self.0.push((tone, neutral_line(&text.to_string()).to_string()));
        self
    }

    /// As a result.
    pub(crate) fn result(&self) {
        let mut stdout = io::stdout().lock();
        let written = writeln!(stdout, "{}", self.written(has_colours(&stdout)));
        note_closed(written);
    }

    /// As what is going on.
    pub(crate) fn progress(&self) {
        let mut stderr = io::stderr().lock();
        let written = writeln!(stderr, "{}", self.written(has_colours(&stderr)));
        drop(written);
    }

    fn written(&self, has_colours: bool) -> String {
        let mut written = String::new();
        for (tone, text) in &self.0 {
            match tone.code().filter(|_| has_colours && !text.is_empty()) {
                Some(code) => written.push_str(&format!("\x1b[{code}m{text}\x1b[0m")),
                None => written.push_str(text),
            }
        }
        written.truncate(written.trim_end().len());
        written
    }
}

impl Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.written(false))
    }
}

/// Whether there is somebody to see colours who has not declined them (https://no-color.org).
fn has_colours(stream: &impl IsTerminal) -> bool {
    let is_set = |variable: &str| std::env::var_os(variable).is_some_and(|value| !value.is_empty());
    stream.is_terminal() && !is_set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Whether what is going on is said in JSON.
static SAYS_JSON: AtomicBool = AtomicBool::new(false);

/// From now on [`progress`] says things in that form.
pub(crate) fn say_as(format: LogFormat) {
    SAYS_JSON.store(format == LogFormat::Json, Ordering::Relaxed);
}

/// A line about what is going on.
pub(crate) fn progress(line: impl Display) {
    let line = line.to_string();
    let line = if SAYS_JSON.load(Ordering::Relaxed) { as_json(&line, clock::now()) } else { line };
    let _closed_pipe = writeln!(io::stderr().lock(), "{}", neutral(&line));
}

/// How much a line matters stands before it, in words.
const LEVELS: [(&str, &str); 2] = [("error: ", "ERROR"), ("warning: ", "WARN")];

fn as_json(line: &str, now: Timestamp) -> String {
    let leveled = LEVELS.iter().find_map(|(start, level)| Some((*level, line.strip_prefix(start)?)));
    let (level, message) = leveled.unwrap_or(("INFO", line));
    let timestamp = jiff::Timestamp::from_microsecond(now.as_micros()).unwrap_or_default();
    serde_json::json!({"timestamp": format!("{timestamp:.3}"), "level": level, "message": message}).to_string()
}

/// Standard output, for whole lines of JSON.
pub(crate) fn json_lines() -> Box<dyn Write + Send> {
    if io::stdout().is_terminal() { Box::new(NeutralLines(io::stdout())) } else { Box::new(io::stdout()) }
}

/// Takes whole lines, and passes them on without what a terminal would act on.
struct NeutralLines<W>(W);

impl<W: Write> Write for NeutralLines<W> {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        write!(self.0, "{}", neutral(&String::from_utf8_lossy(lines)))?;
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
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

    /// Whether the line is written over again.
    pub(crate) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Shows `line` as of `at`, counted from the beginning.
    pub(crate) fn show(&mut self, at: Duration, line: impl Display) {
        let line = line.to_string();
        let line = neutral_line(&line);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_colours_of_its_tones_and_none_of_its_texts() {
        let line = Line::default().with(Tone::Bad, "FAILED").with(Tone::Plain, " \x1b[32mfine\n ");
        assert_eq!(line.written(true), "\x1b[31mFAILED\x1b[0m \\u001b[32mfine\\u000a");
        assert_eq!(line.written(false), "FAILED \\u001b[32mfine\\u000a");
    }

    #[test]
    fn a_line_in_json_has_its_time_and_its_level() {
        let now = Timestamp::from_micros(1_500_000);
        for (line, expected) in [
            (
                "listens\non \"it\"",
                r#"{"level":"INFO","message":"listens\non \"it\"","timestamp":"1970-01-01T00:00:01.500Z"}"#,
            ),
            ("error: it broke", r#"{"level":"ERROR","message":"it broke","timestamp":"1970-01-01T00:00:01.500Z"}"#),
            ("warning: hm", r#"{"level":"WARN","message":"hm","timestamp":"1970-01-01T00:00:01.500Z"}"#),
        ] {
            assert_eq!(as_json(line, now), expected);
        }
    }

    #[test]
    fn lines_for_a_terminal_keep_their_ends_and_nothing_that_acts() {
        let mut lines = NeutralLines(Vec::new());
        lines.write_all("{\"a\":\"\u{9b}2J\"}\n{}\n".as_bytes()).unwrap();
        assert_eq!(String::from_utf8(lines.0).unwrap(), "{\"a\":\"\\u009b2J\"}\n{}\n");
    }
}
