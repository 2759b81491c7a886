//! The command line.

use crate::commands::{
    bench, deploy, dev, executions, graph, journal, keys, logs, new, pull, push, replay, run, serve, start, test,
    validate,
};
use crate::terminal;
use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;
use fleetstep_wasm::compile_for_parent;
use std::process::ExitCode;

/// Exit status of a command that could not do its work: bad flags, unreadable files, a port that is taken.
pub(crate) const EXIT_UNUSABLE: u8 = 2;

/// Express workflows on WebAssembly: Amazon States Language in, sandboxed tasks, answers over HTTP.
#[derive(Debug, Parser)]
#[command(name = "fleetstep", version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  fleetstep new greetings && cd greetings && fleetstep dev
      A project that works at once, served and deployed again whenever a file changes.
  fleetstep run examples/orders --workflow orders --input @order.json
      Build the tasks, run one execution in this process and print its output.
  fleetstep serve examples/orders
      Deploy a directory and serve it on 127.0.0.1:8083.
  fleetstep validate orders.asl.json --type EXPRESS
      Every diagnostic at once, with its place.
";

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a project that works at once
    New(new::New),
    /// Serve a directory, watch it, and deploy what changes
    Dev(dev::Dev),
    /// Serve workflows over HTTP and the AWS wire protocol
    Serve(serve::Serve),
    /// Run one execution in this process and print its output
    Run(run::Run),
    /// Put the functions and workflows of a directory into a running server
    Deploy(deploy::Deploy),
    /// Start an execution on a server and print its output
    Start(start::Start),
    /// List the executions of a server, or show one with its history
    Executions(executions::Executions),
    /// Show a log file, the log of a function, or executions as they end
    Logs(logs::Logs),
    /// Check definitions and show every diagnostic with its place
    Validate(validate::Validate),
    /// Play the cases of workflows with virtual time and mocks, and tell what they cover
    Test(test::Test),
    /// Run a recorded execution again, and show where it parts from the record
    Replay(replay::Replay),
    /// Draw a definition: SVG, PNG, dot or Mermaid
    Graph(graph::GraphCommand),
    /// Look into the journal of accepted starts, or repair it
    Journal(journal::JournalCommand),
    /// Make, list and remove the keys that a server takes
    Keys(keys::KeysCommand),
    /// Push modules to an OCI registry
    Push(push::Push),
    /// Pull a module from an OCI registry
    Pull(pull::Pull),
    /// Load a server, or the engine in this process, and measure what it keeps
    Bench(bench::Bench),
    /// Print completions for a shell, to be kept where it looks for them
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Compiles one module for the process that started this one
    #[command(name = COMPILE, hide = true)]
    Compile,
}

/// The command that a server runs for each module that it compiles.
pub const COMPILE: &str = "compile-module";

/// Runs the command that the arguments name.
#[must_use]
pub fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::New(new) => new.execute(),
        Command::Dev(dev) => dev.execute(),
        Command::Serve(serve) => serve.execute(),
        Command::Run(run) => run.execute(),
        Command::Deploy(deploy) => deploy.execute(),
        Command::Start(start) => start.execute(),
        Command::Executions(executions) => executions.execute(),
        Command::Logs(logs) => logs.execute(),
        Command::Validate(validate) => validate.execute(),
        Command::Test(test) => test.execute(),
        Command::Replay(replay) => replay.execute(),
        Command::Graph(graph) => graph.execute(),
        Command::Journal(journal) => journal.execute(),
        Command::Keys(keys) => keys.execute(),
        Command::Push(push) => push.execute(),
        Command::Pull(pull) => pull.execute(),
        Command::Bench(bench) => bench.execute(),
        Command::Completions { shell } => Ok(completions(shell)),
        Command::Compile => compile_for_parent().map(|()| ExitCode::SUCCESS).map_err(Into::into),
    };
    done.unwrap_or_else(|error| {
        terminal::progress(format_args!("error: {error:#}"));
        ExitCode::from(EXIT_UNUSABLE)
    })
}

fn completions(shell: Shell) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "fleetstep", &mut script);
    terminal::result(String::from_utf8_lossy(&script).trim_end());
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
