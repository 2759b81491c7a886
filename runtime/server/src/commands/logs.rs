//! `fleetstep logs`: what a server logged, line by line.

use crate::terminal::result;
use anyhow::{Context as _, Result};
use clap::Args;
use fleetstep_document::Document;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;
use std::process::ExitCode;

/// Prints lines of a log file as they are: all of them, or those of one execution or workflow.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  fleetstep serve --log-file executions.log
  fleetstep logs executions.log --execution arn:aws:states:us-east-1:000000000000:express:orders:…
  fleetstep logs executions.log --workflow orders --type ExecutionFailed

A line is one event; what is logged is said by the loggingConfiguration of a state machine.")]
pub(crate) struct Logs {
    /// The file; - reads standard input
    #[arg(value_name = "FILE|-")]
    file: PathBuf,
    /// Only of the execution with this ARN
    #[arg(long, value_name = "ARN")]
    execution: Option<String>,
    /// Only of executions of this workflow
    #[arg(long, value_name = "NAME")]
    workflow: Option<String>,
    /// Only events of this type
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
}

impl Logs {
    pub(crate) fn execute(self) -> Result<ExitCode> {
        if self.file.as_os_str() == "-" {
            self.print(io::stdin().lock())?;
        } else {
            let file = File::open(&self.file).with_context(|| format!("cannot read {}", self.file.display()))?;
            self.print(BufReader::new(file))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn print(&self, lines: impl BufRead) -> Result<()> {
        for line in lines.lines() {
            let line = line.with_context(|| format!("cannot read {}", self.file.display()))?;
            if self.is_wanted(&line) {
                result(line);
            }
        }
        Ok(())
    }

    fn is_wanted(&self, line: &str) -> bool {
        // Most lines of a long file are of others: what does not hold the text needs no parsing.
        let may_be = |wanted: &Option<String>| wanted.as_deref().is_none_or(|wanted| line.contains(wanted));
        if !(may_be(&self.execution) && may_be(&self.workflow) && may_be(&self.kind)) {
            return false;
        }
        let Ok(event) = Document::parse(line.as_bytes()) else { return false };
        let text = |name| event.get(name).and_then(Document::as_str).unwrap_or_default();
        let arn = text("execution_arn");
        // arn:aws:states:REGION:ACCOUNT:express:WORKFLOW:NAME:UUID
        let workflow = arn.split(':').nth(6);
        self.execution.as_deref().is_none_or(|wanted| wanted == arn)
            && self.workflow.as_deref().is_none_or(|wanted| Some(wanted) == workflow)
            && self.kind.as_deref().is_none_or(|wanted| wanted == text("type"))
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
            let logs =
                Logs { file: PathBuf::new(), execution: text(execution), workflow: text(workflow), kind: text(kind) };
            logs.is_wanted(line)
        };
        assert!(of(None, None, None));
        assert!(of(Some("arn:aws:states:r:a:express:orders:n:u"), Some("orders"), Some("ExecutionFailed")));
        assert!(!of(Some("arn:aws:states:r:a:express:orders:n"), None, None));
        assert!(!of(None, Some("b"), None), "another field holds it");
        assert!(!of(None, None, Some("Execution")));
    }
}
