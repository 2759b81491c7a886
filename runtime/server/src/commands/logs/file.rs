//! A log file, line by line.

use super::Logs;
use crate::terminal::{is_closed, json};
use anyhow::{Context as _, Result};
use fleetstep_document::Document;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::time::Duration;

/// How often the end of a file is looked at again, when the end of the wanted execution is not there yet.
const LOOKS_MAX: u32 = 25;
/// How long it takes until the next look.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// What a line is to the one who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    is_wanted: bool,
    /// It ends an execution that was asked for.
    is_end: bool,
}

impl Logs {
    /// The wanted lines of a file, or of standard input.
    pub(super) fn print_file(&self, file: &Path) -> Result<()> {
        let unreadable = || format!("cannot read {}", file.display());
        let printed = if file.as_os_str() == "-" {
            self.print(io::stdin().lock(), false)
        } else {
            self.print(BufReader::new(File::open(file).with_context(unreadable)?), true)
        };
        printed.with_context(unreadable)
    }

    /// Prints the wanted lines up to the end; the end of what `may_grow` is looked at more than once.
    fn print(&self, mut lines: impl BufRead, may_grow: bool) -> io::Result<()> {
        let (mut line, mut looks, mut has_ended) = (Vec::new(), 0, self.execution.is_none());
        loop {
            lines.read_until(b'\n', &mut line)?;
            let is_whole = line.last() == Some(&b'\n');
            let is_over = !may_grow || is_closed() || !self.follow && (has_ended || looks == LOOKS_MAX);
            if is_whole || is_over {
                let text = String::from_utf8_lossy(line.trim_ascii_end());
                let seen = self.look_at(&text);
                has_ended |= seen.is_end;
                if seen.is_wanted {
                    json(&text);
                }
                line.clear();
            }
            match (is_whole, is_over) {
                (true, _) => {}
                (false, true) => return Ok(()),
                // The log is written beside the executions, a moment later.
                (false, false) => {
                    looks += 1;
                    std::thread::sleep(LOOK_INTERVAL);
                }
            }
        }
    }

    fn look_at(&self, line: &str) -> Seen {
        let other = Seen { is_wanted: false, is_end: false };
        // Most lines of a long file are of others: what does not hold the text needs no parsing.
        let may_be = |wanted: &Option<String>| wanted.as_deref().is_none_or(|wanted| line.contains(wanted));
        if !(may_be(&self.execution) && may_be(&self.workflow)) {
            return other;
        }
        let Ok(event) = Document::parse(line.as_bytes()) else { return other };
        let text = |name| event.get(name).and_then(Document::as_str).unwrap_or_default();
        let (arn, kind) = (text("execution_arn"), text("type"));
        // arn:aws:states:REGION:ACCOUNT:express:WORKFLOW:NAME:UUID
        let workflow = arn.split(':').nth(6);
        let is_asked = self.execution.as_deref().is_none_or(|wanted| wanted == arn)
            && self.workflow.as_deref().is_none_or(|wanted| Some(wanted) == workflow);
        let is_end = kind.starts_with("Execution") && kind != "ExecutionStarted";
        let is_kind = self.kind.as_deref().is_none_or(|wanted| wanted == kind);
        Seen { is_wanted: is_asked && is_kind, is_end: is_asked && is_end }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_wanted_by_its_own_fields() {
        let line = r#"{"type":"ExecutionFailed","details":{"cause":"b"},"execution_arn":"arn:aws:states:r:a:express:orders:n:u"}"#;
        let of = |execution: Option<&str>, workflow: Option<&str>, kind: Option<&str>| {
            let text = |text: Option<&str>| text.map(str::to_owned);
            let (execution, workflow, kind) = (text(execution), text(workflow), text(kind));
            Logs { execution, workflow, kind, ..Logs::default() }.look_at(line)
        };
        let is_wanted = |execution, workflow, kind| of(execution, workflow, kind).is_wanted;
        assert!(is_wanted(None, None, None));
        assert!(is_wanted(Some("arn:aws:states:r:a:express:orders:n:u"), Some("orders"), Some("ExecutionFailed")));
        assert!(!is_wanted(Some("arn:aws:states:r:a:express:orders:n"), None, None));
        assert!(!is_wanted(None, Some("b"), None), "another field holds it");
        assert!(!is_wanted(None, None, Some("Execution")));
        assert!(of(None, Some("orders"), Some("TaskFailed")).is_end, "whatever its type");
        assert!(!of(None, Some("letters"), None).is_end);
    }
}
