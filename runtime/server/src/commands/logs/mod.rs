//! `fleetstep logs`: what a server logged to a file, what its functions said, and how its executions end.

mod file;
mod server;

use crate::client::ServerArgs;
use anyhow::{Result, bail};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// Prints lines of a log file as they are; or, without a file, asks a server: for the lines of a function's log, or for the
/// latest executions that are over.
#[derive(Args, Debug, Default)]
#[command(after_help = "\
Examples:
  fleetstep logs --follow
      The executions of a server, as they end.
  fleetstep logs --function payment --follow
      What a function says, as it says it.
  fleetstep serve --log-file executions.log
  fleetstep logs executions.log --execution arn:aws:states:us-east-1:000000000000:express:orders:…
  fleetstep logs executions.log --workflow orders --type ExecutionFailed

A line of a file is one event; what is logged is said by the loggingConfiguration of a state machine.")]
pub(crate) struct Logs {
    /// The file; - reads standard input; without one, a server is asked
    #[arg(value_name = "FILE|-")]
    file: Option<PathBuf>,
    /// Of a server: the log of this function
    #[arg(long, value_name = "NAME", conflicts_with = "file")]
    function: Option<String>,
    /// Only of the execution with this ARN
    #[arg(long, value_name = "ARN")]
    execution: Option<String>,
    /// Only of executions of this workflow
    #[arg(long, value_name = "NAME")]
    workflow: Option<String>,
    /// Of a file: only events of this type
    #[arg(long = "type", value_name = "TYPE", requires = "file")]
    kind: Option<String>,
    /// Go on with lines as they are written, until it is interrupted
    #[arg(long, short)]
    follow: bool,
    /// Of a server: print JSON, a line for each; a file's lines are JSON anyway
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArgs,
}

impl Logs {
    pub(crate) fn execute(self) -> Result<ExitCode> {
        match (&self.file, &self.function) {
            (Some(file), _) => self.print_file(file)?,
            (None, Some(function)) if self.workflow.is_none() => self.print_function(function)?,
            (None, Some(_)) => {
                bail!("a function's log is not of one workflow: leave out --workflow, or name the execution")
            }
            (None, None) => match &self.execution {
                None => self.print_executions()?,
                Some(arn) => bail!(
                    "say whose log: a FILE or --function NAME. What happened in the execution: fleetstep executions {arn}"
                ),
            },
        }
        Ok(ExitCode::SUCCESS)
    }
}
