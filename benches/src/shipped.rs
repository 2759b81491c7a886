//! The product as it is shipped: what measures it is built the way that it is, once more.

use anyhow::{Context as _, Result};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

/// The profile that the product is shipped with.
const PROFILE: &str = "dist";

/// Builds this program with the profile that the product is shipped with, and becomes that. Returns where it is that
/// already.
///
/// # Errors
/// No cargo, or no build.
pub(crate) fn become_shipped() -> Result<()> {
    let program = std::env::current_exe()?;
    let (folder, name) = program.parent().zip(program.file_name()).context("a program lies in a folder")?;
    if folder.ends_with(PROFILE) {
        return Ok(());
    }
    let targets = folder.parent().context("a profile lies in a target folder")?;
    eprintln!("building what is measured as it is shipped (the profile `{PROFILE}`); the first time takes ten minutes");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--locked", "--package", env!("CARGO_PKG_NAME"), "--profile", PROFILE, "--bin"]).arg(name);
    cargo.arg("--target-dir").arg(targets).current_dir(crate::home()).stdin(Stdio::null());
    let built = cargo.status().context("cargo, which `--this-build` does without")?;
    anyhow::ensure!(built.success(), "it does not build; `--this-build` measures this very program");
    let failed = Command::new(targets.join(PROFILE).join(name)).args(std::env::args_os().skip(1)).exec();
    Err(failed).context("the program that was built")
}
