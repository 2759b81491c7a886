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
    build_with(folder, target, false)
}

/// The same; `is_quiet` leaves out cargo's progress, not its diagnostics.
pub(crate) fn build_with(folder: &Path, target: &str, is_quiet: bool) -> Result<PathBuf> {
    let manifest =
        folder.join("Cargo.toml").canonicalize().with_context(|| format!("no crate in {}", folder.display()))?;
    // Cargo reads `.cargo/config.toml` from where it is run: there lie the flags that make a module small and fast.
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--release", "--message-format=json-render-diagnostics", "--target", target])
        .args(is_quiet.then_some("--quiet"))
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

/// The files that a module was made from, by the note that cargo leaves beside it: those of the crate and of the crates by
/// path that it uses, wherever they lie.
pub(crate) fn sources(module: &Path) -> Vec<PathBuf> {
    let note = std::fs::read_to_string(module.with_extension("d")).unwrap_or_default();
    noted(&note)
}

/// The files of a note: a rule of make, in which blanks of names are escaped.
fn noted(note: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in note.lines() {
        let Some((_, names)) = line.split_once(": ") else { continue };
        let mut name = String::new();
        let mut letters = names.chars().chain([' ']);
        while let Some(letter) = letters.next() {
            match letter {
                '\\' => name.extend(letters.next()),
                ' ' if !name.is_empty() => files.push(PathBuf::from(std::mem::take(&mut name))),
                ' ' => {}
                letter => name.push(letter),
            }
        }
    }
    files
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
    fn the_sources_of_a_module_are_those_of_its_note() {
        let note = "/t/greet.wasm: /p/tasks/greet/src/lib.rs /my\\ sdk/src/log.rs\n\n/p/tasks/greet/src/lib.rs:\n";
        assert_eq!(noted(note), [PathBuf::from("/p/tasks/greet/src/lib.rs"), "/my sdk/src/log.rs".into()]);
        assert_eq!(noted(""), Vec::<PathBuf>::new());
    }

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
