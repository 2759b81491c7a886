//! Builds task crates with cargo, so that a directory of sources is deployed as it stands.

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The target of the fast kind of module: no WASI.
pub const DEFAULT_TARGET: &str = "wasm32-unknown-unknown";

/// One line of cargo's JSON output, as far as it concerns us.
#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    manifest_path: PathBuf,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

/// Builds the crate in `folder` for `target` and returns the path of its module. Cargo's own progress and
/// diagnostics go to standard error.
///
/// # Errors
/// No cargo, a crate that does not build, or one that leaves no module.
pub fn build(folder: &Path, target: &str) -> Result<PathBuf> {
    let manifest =
        folder.join("Cargo.toml").canonicalize().with_context(|| format!("no crate in {}", folder.display()))?;
    // Cargo reads `.cargo/config.toml` from where it is run: there lie the flags that make a module small and fast.
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--release", "--message-format=json-render-diagnostics", "--target", target])
        .current_dir(folder)
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run cargo: is the Rust toolchain installed?")?;
    if !output.status.success() {
        bail!("cargo could not build {} for {target} (its messages stand above)", folder.display());
    }
    module_of(&output.stdout, &manifest)
        .with_context(|| format!("{} built, but left no .wasm: is it a `cdylib` or a binary?", folder.display()))
}

fn module_of(messages: &[u8], manifest: &Path) -> Option<PathBuf> {
    let messages = String::from_utf8_lossy(messages);
    let artefacts = messages.lines().filter_map(|line| serde_json::from_str::<Message>(line).ok());
    artefacts
        .filter(|message| message.reason == "compiler-artifact" && message.manifest_path == manifest)
        .flat_map(|message| message.filenames)
        .rfind(|file| file.extension().is_some_and(|extension| extension == "wasm"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_is_the_one_of_the_asked_crate() {
        let messages = br#"{"reason":"compiler-artifact","manifest_path":"/sdk/Cargo.toml","filenames":["/t/sdk.rlib"]}
{"reason":"compiler-artifact","manifest_path":"/a/Cargo.toml","filenames":["/t/a.wasm"]}
{"reason":"compiler-artifact","manifest_path":"/b/Cargo.toml","filenames":["/t/b.wasm","/t/b.d"]}
{"reason":"build-finished","success":true}"#;
        assert_eq!(module_of(messages, Path::new("/b/Cargo.toml")), Some(PathBuf::from("/t/b.wasm")));
        assert_eq!(module_of(messages, Path::new("/sdk/Cargo.toml")), None);
    }
}
