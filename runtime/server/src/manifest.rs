//! `fleetstep.toml`: what a directory deploys, and how it is served.

use anyhow::{Context as _, Result, bail};
use fleetstep_catalog::{Grants, Secrets};
use fleetstep_registry::{ModuleReference, is_reference};
use fleetstep_trigger::{RouteSpec, ScheduleSpec};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Name of the manifest within a directory.
pub(crate) const MANIFEST: &str = "fleetstep.toml";

/// A directory's manifest. Every part may be left out: modules and definitions that lie in the directory are
/// found by their names.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    /// `[server]`: settings that flags override.
    #[serde(default)]
    pub(crate) server: crate::settings::FileSettings,
    /// `[functions.NAME]`
    #[serde(default)]
    pub(crate) functions: BTreeMap<String, FunctionEntry>,
    /// `[workflows.NAME]`
    #[serde(default)]
    pub(crate) workflows: BTreeMap<String, WorkflowEntry>,
    /// `[[routes]]`
    #[serde(default)]
    pub(crate) routes: Vec<RouteSpec>,
    /// `[[schedules]]`
    #[serde(default)]
    pub(crate) schedules: Vec<ScheduleSpec>,
}

/// `[functions.NAME]`: where the module comes from and what it is granted.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FunctionEntry {
    /// Folder of a cargo crate that is built when it is deployed.
    #[serde(rename = "crate")]
    pub(crate) krate: Option<PathBuf>,
    /// The crate's target; the fast kind of module is `wasm32-unknown-unknown`.
    pub(crate) target: Option<String>,
    /// A finished module instead of a crate: a file, or `oci://…` for one in a registry.
    pub(crate) module: Option<PathBuf>,
    /// Memory that a call may use, in MiB.
    pub(crate) memory_mib: Option<u32>,
    /// How long a call may take, in seconds.
    pub(crate) timeout_seconds: Option<u32>,
    /// How many calls may run at once.
    pub(crate) concurrency: Option<u32>,
    /// How many calls one instance serves, one after another.
    pub(crate) reuse: Option<u32>,
    /// Whether the module's start-up is run once, when it is deployed.
    #[serde(default)]
    pub(crate) preinitialise: bool,
    /// Variables that the module may read.
    #[serde(default)]
    pub(crate) environment: BTreeMap<String, String>,
    /// Variables that the module may read and that are shown to nobody.
    #[serde(default)]
    pub(crate) secrets: Secrets,
    /// `[functions.NAME.grants]`: what it may reach beside itself.
    #[serde(default)]
    pub(crate) grants: Grants,
}

/// `[workflows.NAME]`: which file holds the definition.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WorkflowEntry {
    /// Path of the definition, `*.json` or `*.yaml`.
    pub(crate) definition: PathBuf,
}

impl Manifest {
    /// Reads the manifest at `path`.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("{} is not a manifest", path.display()))
    }

    /// The manifest of `directory` with all that lies in it: `*.asl.json`, `*.asl.yaml` and `*.wasm` that no
    /// entry names are deployed under their names. Paths come out absolute or relative to where we stand.
    pub(crate) fn of_directory(directory: &Path) -> Result<Self> {
        let file = directory.join(MANIFEST);
        let mut manifest = if file.is_file() { Self::read(&file)? } else { Self::default() };
        manifest.server.resolve(directory);
        for (name, entry) in &mut manifest.functions {
            entry.resolve(directory).with_context(|| format!("{}: function {name}", file.display()))?;
        }
        for entry in manifest.workflows.values_mut() {
            entry.definition = directory.join(&entry.definition);
        }
        manifest.add_files_of(directory)?;
        Ok(manifest)
    }

    fn add_files_of(&mut self, directory: &Path) -> Result<()> {
        let named: BTreeSet<PathBuf> = self
            .workflows
            .values()
            .map(|workflow| workflow.definition.clone())
            .chain(self.functions.values().filter_map(|function| function.module.clone()))
            .collect();
        let listing = std::fs::read_dir(directory).with_context(|| format!("cannot list {}", directory.display()))?;
        let mut paths = listing.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
        paths.sort();
        for path in paths.into_iter().filter(|path| !named.contains(path) && path.is_file()) {
            let file_name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if let Some(name) = definition_name(file_name) {
                self.add_workflow(name.to_owned(), path.clone())?;
            } else if let Some(name) = file_name.strip_suffix(".wasm") {
                let entry = FunctionEntry { module: Some(path.clone()), ..FunctionEntry::default() };
                self.functions.entry(name.to_owned()).or_insert(entry);
            }
        }
        Ok(())
    }

    fn add_workflow(&mut self, name: String, definition: PathBuf) -> Result<()> {
        if let Some(other) = self.workflows.insert(name.clone(), WorkflowEntry { definition: definition.clone() }) {
            bail!("two definitions for workflow {name}: {} and {}", other.definition.display(), definition.display());
        }
        Ok(())
    }
}

impl FunctionEntry {
    /// What its crate is built for.
    pub(crate) fn target(&self) -> &str {
        self.target.as_deref().unwrap_or(crate::guests::DEFAULT_TARGET)
    }

    /// Where the module is in a registry.
    pub(crate) fn reference(&self) -> Option<&str> {
        self.module.as_deref().and_then(Path::to_str).filter(|text| is_reference(text))
    }

    fn resolve(&mut self, directory: &Path) -> Result<()> {
        if self.target.is_some() && self.module.is_some() {
            bail!("has `target` beside `module`: a finished module is not built");
        }
        match (&mut self.krate, &mut self.module) {
            (Some(_), Some(_)) => bail!("has both `crate` and `module`: keep one"),
            (None, None) => bail!("needs `crate` (a folder that cargo builds) or `module` (a .wasm file)"),
            (None, Some(module)) if module.to_str().is_some_and(is_reference) => {
                let reference = module.to_str().unwrap_or_default().parse::<ModuleReference>();
                reference.with_context(|| format!("`module` is {}", module.display()))?;
            }
            (Some(path), None) | (None, Some(path)) => *path = directory.join(&*path),
        }
        Ok(())
    }
}

/// The workflow's name in a file name such as `orders.asl.json`.
pub(crate) fn definition_name(file_name: &str) -> Option<&str> {
    [".asl.json", ".asl.yaml", ".asl.yml"].iter().find_map(|suffix| file_name.strip_suffix(suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_beside_the_manifest_are_found_and_named_ones_are_not_taken_twice() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        std::fs::write(at("a.asl.json"), "{}").unwrap();
        std::fs::write(at("b.asl.yaml"), "").unwrap();
        std::fs::write(at("echo.wasm"), "").unwrap();
        std::fs::write(
            at(MANIFEST),
            "[workflows.first]\ndefinition = \"a.asl.json\"\n[functions.t]\ncrate = \"tasks/t\"\n",
        )
        .unwrap();
        let manifest = Manifest::of_directory(directory.path()).unwrap();
        assert_eq!(manifest.workflows.keys().collect::<Vec<_>>(), ["b", "first"]);
        assert_eq!(manifest.functions.keys().collect::<Vec<_>>(), ["echo", "t"]);
        assert_eq!(manifest.functions["t"].krate, Some(at("tasks/t")));
    }

    #[test]
    fn the_data_directory_of_a_manifest_counts_from_its_directory() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(MANIFEST), "[server]\ndata_dir = \"data\"\n").unwrap();
        let server = Manifest::of_directory(directory.path()).unwrap().server;
        let settings = crate::settings::Settings::resolve(Default::default(), server).unwrap();
        assert_eq!(settings.data_dir, Some(directory.path().join("data")));
    }

    #[test]
    fn a_function_without_a_source_and_an_unknown_key_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let refused = |text: &str| {
            std::fs::write(directory.path().join(MANIFEST), text).unwrap();
            format!("{:#}", Manifest::of_directory(directory.path()).unwrap_err())
        };
        assert!(refused("[functions.t]\n").contains("needs `crate`"));
        assert!(refused("[functions.t]\nmodul = \"x\"\n").contains("unknown field `modul`"));
        assert!(refused("[functions.t]\nmodule = \"x\"\ncrate = \"y\"\n").contains("both"));
        assert!(refused("[functions.t]\nmodule = \"oci://task\"\n").contains("REGISTRY/NAME:TAG"));
        assert!(refused("[functions.t]\nmodule = \"x\"\ntarget = \"wasm32-wasip1\"\n").contains("`target` beside"));
    }
}
