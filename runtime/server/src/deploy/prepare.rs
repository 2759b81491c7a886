//! Before anything is put: definitions are read and checked, crates are built, modules are read or pulled.

use super::target::Failure;
use crate::commands::validate::format_of;
use crate::guests;
use crate::manifest::FunctionEntry;
use crate::terminal::progress;
use anyhow::{Context as _, anyhow};
use bytes::Bytes;
use fleetstep_asl::{Format, Options, Severity, compile};
use fleetstep_catalog::{DefinitionFormat, FunctionSettings};
use fleetstep_registry::Access;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

/// The largest module that is pulled from a registry.
const MODULE_BYTES_MAX: u64 = 64 << 20;

/// A definition that can be used as far as it says itself, and how it is written.
pub(crate) async fn prepared_workflow(file: &Path) -> Result<(String, DefinitionFormat), Failure> {
    let text = tokio::fs::read_to_string(file).await.with_context(|| format!("cannot read {}", file.display()));
    let text = text.map_err(Failure::Other)?;
    let format = format_of(file);
    // What a server has been told to run beyond the rules of express workflows, it alone knows.
    let options = Options { format, ..Options::default() };
    let diagnostics = compile(&text, &options).diagnostics;
    if diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
        return Err(Failure::Invalid(text, diagnostics));
    }
    let format = match format {
        Format::Json => DefinitionFormat::Json,
        Format::Yaml => DefinitionFormat::Yaml,
    };
    Ok((text, format))
}

/// A function's module and settings.
pub(crate) async fn prepared_function(
    name: &str,
    entry: &FunctionEntry,
    modules: &mut Modules,
) -> Result<(Bytes, FunctionSettings), Failure> {
    let module = modules.of(name, entry).await.map_err(Failure::Other)?;
    Ok((module, settings_of(entry)))
}

fn settings_of(entry: &FunctionEntry) -> FunctionSettings {
    let defaults = FunctionSettings::default();
    FunctionSettings {
        memory_mib: entry.memory_mib.unwrap_or(defaults.memory_mib),
        timeout_seconds: entry.timeout_seconds.unwrap_or(defaults.timeout_seconds),
        concurrency_max: entry.concurrency.unwrap_or(defaults.concurrency_max),
        reuse: entry.reuse.unwrap_or(defaults.reuse),
        preinitialise: entry.preinitialise,
        environment: entry.environment.clone(),
        secrets: entry.secrets.clone(),
        grants: entry.grants.clone(),
        ..defaults
    }
}

/// The modules of one deployment: a crate that is two functions is built once.
#[derive(Default)]
pub(crate) struct Modules {
    built: HashMap<(PathBuf, String), PathBuf>,
    /// Whether a build that has nothing to say says nothing.
    is_quiet: bool,
}

impl Modules {
    /// None yet. With `is_quiet`, a build that has nothing to say says nothing.
    pub(crate) fn new(is_quiet: bool) -> Self {
        Self { is_quiet, ..Self::default() }
    }

    async fn of(&mut self, name: &str, entry: &FunctionEntry) -> anyhow::Result<Bytes> {
        if let Some(reference) = entry.reference() {
            return self.pull(name, reference).await;
        }
        let file = self.file(name, entry).await?;
        let module = tokio::fs::read(&file).await.with_context(|| format!("cannot read {}", file.display()))?;
        Ok(Bytes::from(module))
    }

    /// The file of a module; a crate is built first. One that is in a registry has none.
    pub(super) async fn file(&mut self, name: &str, entry: &FunctionEntry) -> anyhow::Result<PathBuf> {
        match (&entry.krate, &entry.module) {
            (Some(folder), _) => self.build(name, folder, entry.target()).await,
            (None, Some(module)) => Ok(module.clone()),
            (None, None) => Err(anyhow!("needs a crate or a module")),
        }
    }

    async fn pull(&self, name: &str, reference: &str) -> anyhow::Result<Bytes> {
        if !self.is_quiet {
            progress(format_args!("pulling {name} ({reference})"));
        }
        // A registry on another machine is spoken to over TLS; what takes the module has a bound of its own, below this one.
        Ok(Access::default().pull(&reference.parse()?, MODULE_BYTES_MAX).await?.module)
    }

    async fn build(&mut self, name: &str, folder: &Path, target: &str) -> anyhow::Result<PathBuf> {
        let key = (folder.to_owned(), target.to_owned());
        if let Some(module) = self.built.get(&key) {
            return Ok(module.clone());
        }
        if !self.is_quiet {
            progress(format_args!("building {name} ({}, {target})", folder.display()));
        }
        let ((folder, target), is_quiet) = (key.clone(), self.is_quiet);
        let module = tokio::task::spawn_blocking(move || guests::build_with(&folder, &target, is_quiet)).await??;
        self.built.insert(key, module.clone());
        Ok(module)
    }

    /// The files that the modules were made from, as far as the compiler told.
    pub(crate) fn sources(&self) -> BTreeSet<PathBuf> {
        self.built.values().flat_map(|module| guests::sources(module)).collect()
    }
}
