//! The project that `fleetstep new` makes. Its files lie in `project/` of this crate, its task is the template of the guest
//! SDK, and the SDK itself comes along: so a project needs nothing that is not there.

use anyhow::{Context as _, Result, bail, ensure};
use std::path::{Path, PathBuf};

/// A file by its path, with what is in it.
type File = (&'static str, &'static str);

macro_rules! files {
    ($root:literal: $($path:literal)*) => {
        &[$(($path, include_str!(concat!($root, $path)))),*]
    };
}

/// `project/`.
const PROJECT: &[File] = files!("../project/":
    "README.md" "fleetstep.toml" "gitignore" "greeting.asl.json"
    "cases/ada/expected.json" "cases/ada/input.json" "cases/ada/mocks.json"
    "cases/busy/expected.json" "cases/busy/input.json" "cases/busy/mocks.json"
    "cases/nobody/expected.json" "cases/nobody/input.json" "cases/nobody/mocks.json"
);
/// `guest-sdk/template/`: the task.
const TASK: &[File] =
    files!("../../../guest-sdk/template/": ".cargo/config.toml" "Cargo.lock" "Cargo.toml" "src/lib.rs");
/// `guest-sdk/`, as far as a task needs it.
const SDK: &[File] = files!("../../../guest-sdk/":
    "Cargo.toml" "README.md" "macros/Cargo.toml" "macros/src/lib.rs" "src/arena.rs" "src/bindings.rs" "src/context.rs"
    "src/environment.rs" "src/error.rs" "src/export.rs" "src/http.rs" "src/lib.rs" "src/log.rs" "wit/task.wit"
);
const LICENSE: &str = include_str!("../../../LICENSE");

/// The folder of the task's crate.
const TASK_FOLDER: &str = "tasks/greet";
/// The folder of the SDK, where the project has its own.
const SDK_FOLDER: &str = "sdk";
/// What the template's manifest says of the SDK, and of itself.
const SDK_IN_TEMPLATE: &str = "fleetstep-guest = { path = \"..\" }";
const HEAD_OF_TEMPLATE: &str =
    "# A task module: copy this folder, change the name and the path of `fleetstep-guest`, and write your function.\n";

/// Makes a project in `folder`, which must not be there yet or be empty, with the SDK at `sdk` or with a copy of its own.
pub(crate) fn make(folder: &Path, sdk: Option<&Path>) -> Result<()> {
    let name = name_of(folder)?;
    let is_empty = |folder: &Path| std::fs::read_dir(folder).is_ok_and(|mut listing| listing.next().is_none());
    ensure!(!folder.exists() || is_empty(folder), "{} is there already, and not empty", folder.display());
    let sdk = sdk.map(checked).transpose()?;
    let sdk_shown = sdk.as_ref().map_or_else(|| format!("`{SDK_FOLDER}`"), |sdk| format!("`{}`", sdk.display()));
    for (path, text) in PROJECT {
        // A file of that name would hide files of this repository from git.
        let path = if *path == "gitignore" { ".gitignore" } else { *path };
        write(folder, path, &text.replace("PROJECT", name).replace("SDK_FOLDER", &sdk_shown))?;
    }
    let sdk_path = sdk.unwrap_or_else(|| Path::new("../..").join(SDK_FOLDER));
    for (path, text) in TASK {
        let text = if *path == "Cargo.toml" { manifest(text, &sdk_path)? } else { (*text).to_owned() };
        write(&folder.join(TASK_FOLDER), path, &text)?;
    }
    if sdk_path.is_relative() {
        for (path, text) in SDK.iter().chain([&("LICENSE", LICENSE)]) {
            write(&folder.join(SDK_FOLDER), path, text)?;
        }
    }
    Ok(())
}

fn name_of(folder: &Path) -> Result<&str> {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let is_name = name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    ensure!(is_name, "`{}` names no project: take letters, digits, - and _", folder.display());
    Ok(name)
}

/// The absolute path of a checkout's SDK.
fn checked(sdk: &Path) -> Result<PathBuf> {
    let manifest = std::fs::read_to_string(sdk.join("Cargo.toml")).unwrap_or_default();
    if !manifest.contains("name = \"fleetstep-guest\"") {
        bail!(
            "{} is not the guest SDK: it is the folder `guest-sdk` of a checkout of Fleetstep. Without --sdk, the project \
             gets a copy of its own",
            sdk.display()
        );
    }
    sdk.canonicalize().with_context(|| format!("cannot use {}", sdk.display()))
}

/// The manifest of the task's crate. A text of JSON is one of TOML.
fn manifest(template: &str, sdk: &Path) -> Result<String> {
    let sdk = sdk.to_str().context("the path of the SDK is not UTF-8")?;
    let sdk = format!("fleetstep-guest = {{ path = {} }}", serde_json::Value::from(sdk));
    Ok(template.replace(HEAD_OF_TEMPLATE, "").replace(SDK_IN_TEMPLATE, &sdk))
}

fn write(folder: &Path, path: &str, text: &str) -> Result<()> {
    let file = folder.join(path);
    let parent = file.parent().context("a file lies in a folder")?;
    std::fs::create_dir_all(parent).with_context(|| format!("cannot make the folder {}", parent.display()))?;
    std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Files below a folder of this repository.
    fn files(root: &Path, below: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for entry in std::fs::read_dir(root.join(below)).unwrap() {
            let entry = entry.unwrap();
            let path = Path::new(below).join(entry.file_name()).to_str().unwrap().to_owned();
            if !entry.file_type().unwrap().is_dir() {
                found.insert(path);
            } else if entry.file_name() != "target" {
                found.extend(files(root, &path));
            }
        }
        found
    }

    fn embedded(files: &[File]) -> BTreeSet<String> {
        files.iter().map(|(path, _)| (*path).to_owned()).collect()
    }

    #[test]
    fn all_files_are_in_the_binary() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert_eq!(embedded(PROJECT), files(&here.join("project"), ""));
        let sdk = here.join("../../guest-sdk");
        assert_eq!(embedded(TASK), files(&sdk.join("template"), ""));
        let parts = ["src", "macros", "wit"].into_iter().flat_map(|part| files(&sdk, part));
        assert_eq!(embedded(SDK), parts.chain(["Cargo.toml".to_owned(), "README.md".to_owned()]).collect());
    }

    #[test]
    fn the_task_names_the_sdk_where_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("own");
        make(&own, None).unwrap();
        let manifest = |project: &Path| std::fs::read_to_string(project.join("tasks/greet/Cargo.toml")).unwrap();
        assert!(manifest(&own).contains("fleetstep-guest = { path = \"../../sdk\" }\n"));
        assert!(!manifest(&own).contains("copy this folder"));
        assert!(own.join("sdk/src/lib.rs").is_file() && own.join(".gitignore").is_file());
        assert!(std::fs::read_to_string(own.join("README.md")).unwrap().starts_with("# own\n"));

        let (other, sdk) = (folder.path().join("other"), own.join("sdk"));
        make(&other, Some(&sdk)).unwrap();
        assert!(manifest(&other).contains(&format!("path = \"{}\"", sdk.canonicalize().unwrap().display())));
        assert!(!other.join("sdk").exists());
    }

    #[test]
    fn nothing_is_written_over_and_a_name_is_one() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("kept"), "").unwrap();
        let error = |folder: &Path, sdk: Option<&Path>| make(folder, sdk).unwrap_err().to_string();
        let there = folder.path().join("there");
        std::fs::create_dir(&there).unwrap();
        make(&there, None).unwrap();
        assert!(error(&there, None).contains("not empty"));
        assert!(error(&folder.path().join("a b"), None).contains("names no project"));
        assert!(error(Path::new(".."), None).contains("names no project"));
        let new = folder.path().join("new");
        assert!(error(&new, Some(folder.path())).contains("is not the guest SDK"));
        assert!(!new.exists());
    }
}
