//! `fleetstep pull`: a module comes out of an OCI registry.

use crate::terminal;
use anyhow::{Context as _, Result};
use clap::Args;
use fleetstep_registry::{Access, ModuleReference};
use std::path::PathBuf;
use std::process::ExitCode;

/// Pulls a module from an OCI registry into a file. Credentials are those of `docker login`. Prints the reference with
/// the digest of what came.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  fleetstep pull ghcr.io/team/charge:1.0 -o charge.wasm
  fleetstep pull ghcr.io/team/charge@sha256:… -o charge.wasm")]
pub(crate) struct Pull {
    /// What: REGISTRY/NAME:TAG, REGISTRY/NAME@sha256:DIGEST, or both
    #[arg(value_name = "REF")]
    reference: String,
    /// The file that it becomes
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// The largest module that is taken
    #[arg(long, default_value_t = 64, value_name = "MIB")]
    max_mib: u32,
    /// Speak to a registry on another machine without TLS
    #[arg(long)]
    plain_http: bool,
}

impl Pull {
    pub(crate) fn execute(self) -> Result<ExitCode> {
        let reference: ModuleReference = self.reference.parse()?;
        let access = Access { plain_http: self.plain_http };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let pulled = runtime.block_on(access.pull(&reference, u64::from(self.max_mib) << 20))?;
        std::fs::write(&self.output, &pulled.module)
            .with_context(|| format!("cannot write {}", self.output.display()))?;
        terminal::result(match reference.digest() {
            Some(_) => reference.to_string(),
            None => format!("{reference}@{}", pulled.digest),
        });
        Ok(ExitCode::SUCCESS)
    }
}
