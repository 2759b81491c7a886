//! `fleetstep new`: a project that works at once.

use crate::project;
use crate::terminal::{progress, result};
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// Makes a project: a workflow, its task in Rust, cases that test it, a manifest and a README with the commands.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  fleetstep new greetings && cd greetings && fleetstep dev
      Make it, serve it, and serve it again whenever a file changes.
  fleetstep new greetings --sdk ../fleetstep/guest-sdk
      The task uses the SDK of a checkout in place of a copy.")]
pub(crate) struct New {
    /// Folder of the project, which must not be there yet; its last part is the project's name
    #[arg(value_name = "NAME")]
    folder: PathBuf,
    /// Use the guest SDK in this folder; without it, the project gets the one that came with this program
    #[arg(long, value_name = "PATH", env = "FLEETSTEP_SDK", hide_env_values = true)]
    sdk: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl New {
    pub(crate) fn execute(self) -> Result<ExitCode> {
        // A variable that is set to nothing says nothing.
        let sdk = self.sdk.as_deref().filter(|sdk| !sdk.as_os_str().is_empty());
        project::make(&self.folder, sdk)?;
        if self.json {
            crate::terminal::json(&serde_json::json!({"project": self.folder.display().to_string()}).to_string());
            return Ok(ExitCode::SUCCESS);
        }
        result(format_args!("made {}", self.folder.display()));
        progress(format_args!(
            "Next:\n\
             \x20 cd {}\n\
             \x20 fleetstep dev                                      # builds the task, serves the workflow, watches\n\
             \x20 fleetstep start greeting --input '{{\"name\":\"Ada\"}}'  # in another terminal\n\
             \x20 fleetstep test                                     # its cases",
            self.folder.display()
        ));
        Ok(ExitCode::SUCCESS)
    }
}
