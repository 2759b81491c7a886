//! A directory becomes functions and state machines of a catalog.

mod triggers;

use crate::commands::validate::format_of;
use crate::guests;
use crate::manifest::{FunctionEntry, Manifest, definition_name};
use crate::terminal::progress;
use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use fleetstep_asl::{Diagnostic, Format, Severity, code_frame};
use fleetstep_catalog::{
    Catalog, CreateStateMachine, DefinitionFormat, FunctionSettings, StateMachineArn, StateMachineError,
    UpdateStateMachine, WorkflowType,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The role of a machine that a directory deploys: nothing is done with it here, but the API names one.
const ROLE_NAME: &str = "fleetstep-local";

/// What is to be deployed: a directory with its manifest, or one definition.
#[derive(Debug)]
pub struct Deployment {
    manifest: Manifest,
}

impl Deployment {
    /// What lies at `path`: a directory, or a single definition file.
    ///
    /// # Errors
    /// A path that is neither, or a manifest that cannot be read.
    pub fn at(path: &Path) -> Result<Self> {
        if path.is_dir() {
            return Ok(Self { manifest: Manifest::of_directory(path)? });
        }
        if !path.is_file() {
            bail!("there is no file or directory {}", path.display());
        }
        let file_name = path.file_name().and_then(|name| name.to_str()).context("the file's name is not UTF-8")?;
        let name = definition_name(file_name).or_else(|| file_name.split('.').next()).unwrap_or(file_name);
        let mut manifest = Manifest::default();
        manifest.workflows.insert(name.to_owned(), crate::manifest::WorkflowEntry { definition: path.to_owned() });
        Ok(Self { manifest })
    }

    /// Nothing but what a server's own flags and data directory give.
    #[must_use]
    pub fn empty() -> Self {
        Self { manifest: Manifest::default() }
    }

    /// The manifest's `[server]` table.
    #[must_use]
    pub fn settings(&self) -> crate::settings::FileSettings {
        self.manifest.server.clone()
    }

    /// Takes a finished module for a function; what else the manifest says of it stays.
    pub fn add_module(&mut self, name: &str, module: PathBuf) {
        let entry = self.manifest.functions.entry(name.to_owned()).or_default();
        (entry.krate, entry.target, entry.module) = (None, None, Some(module));
    }

    /// Names of the workflows.
    pub fn workflows(&self) -> impl Iterator<Item = &str> {
        self.manifest.workflows.keys().map(String::as_str)
    }

    /// Builds and puts the functions, then creates or updates the workflows, then puts the routes and schedules.
    ///
    /// # Errors
    /// The first thing that cannot be deployed; a definition's diagnostics go to standard error before.
    pub async fn deploy(&self, catalog: &Catalog) -> Result<()> {
        for (name, entry) in &self.manifest.functions {
            put_function(catalog, name, entry).await.with_context(|| format!("function {name}"))?;
        }
        for (name, entry) in &self.manifest.workflows {
            put_workflow(catalog, name, &entry.definition).await.with_context(|| format!("workflow {name}"))?;
        }
        triggers::put(catalog, &self.manifest.routes, &self.manifest.schedules).await
    }
}

async fn put_function(catalog: &Catalog, name: &str, entry: &FunctionEntry) -> Result<()> {
    let file = match (&entry.krate, &entry.module) {
        (Some(folder), _) => {
            let target = entry.target.as_deref().unwrap_or(guests::DEFAULT_TARGET);
            progress(format_args!("building {name} ({}, {target})", folder.display()));
            let (folder, target) = (folder.clone(), target.to_owned());
            tokio::task::spawn_blocking(move || guests::build(&folder, &target)).await??
        }
        (None, Some(module)) => module.clone(),
        (None, None) => bail!("needs a crate or a module"),
    };
    let module = tokio::fs::read(&file).await.with_context(|| format!("cannot read {}", file.display()))?;
    let size = module.len();
    let put = catalog.put_function(name, Bytes::from(module), Some(settings_of(entry))).await?;
    let kind = put.function.kind.unwrap_or("module");
    progress(format_args!(
        "function {name}: {kind}, {} KiB, {}",
        size.div_ceil(1024),
        &put.function.module_sha256[..12]
    ));
    Ok(())
}

fn settings_of(entry: &FunctionEntry) -> FunctionSettings {
    let defaults = FunctionSettings::default();
    FunctionSettings {
        memory_mib: entry.memory_mib.unwrap_or(defaults.memory_mib),
        timeout_seconds: entry.timeout_seconds.unwrap_or(defaults.timeout_seconds),
        concurrency_max: entry.concurrency.unwrap_or(defaults.concurrency_max),
        environment: entry.environment.clone(),
        secrets: entry.secrets.clone(),
        ..defaults
    }
}

async fn put_workflow(catalog: &Catalog, name: &str, file: &Path) -> Result<()> {
    let definition =
        tokio::fs::read_to_string(file).await.with_context(|| format!("cannot read {}", file.display()))?;
    let format = match format_of(file) {
        Format::Json => DefinitionFormat::Json,
        Format::Yaml => DefinitionFormat::Yaml,
    };
    let outcome = create_or_update(catalog, name, &definition, format).await;
    let warnings = match outcome {
        Ok(warnings) => warnings,
        Err(StateMachineError::InvalidDefinition(diagnostics)) => {
            show(file, &definition, &diagnostics);
            let errors = diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
            bail!("{} has {errors} error(s), shown above", file.display());
        }
        Err(other) => return Err(other.into()),
    };
    show(file, &definition, &warnings);
    progress(format_args!("workflow {name}: {}", file.display()));
    Ok(())
}

async fn create_or_update(
    catalog: &Catalog,
    name: &str,
    definition: &str,
    format: DefinitionFormat,
) -> Result<Vec<Diagnostic>, StateMachineError> {
    let create = CreateStateMachine {
        name: name.to_owned(),
        definition: definition.to_owned(),
        format,
        role_arn: format!("arn:aws:iam::{}:role/{ROLE_NAME}", catalog.place().account),
        workflow_type: WorkflowType::Express,
        logging: None,
        tracing: None,
        publish: None,
        tags: BTreeMap::new(),
    };
    match catalog.create_state_machine(create).await {
        Ok(created) => Ok(created.warnings),
        Err(StateMachineError::AlreadyExists { .. }) => {
            let arn = StateMachineArn::new(catalog.place(), name)?;
            let definition = Some((definition.to_owned(), format));
            let update = UpdateStateMachine { definition, ..UpdateStateMachine::default() };
            Ok(catalog.update_state_machine(&arn, update).await?.warnings)
        }
        Err(other) => Err(other),
    }
}

fn show(file: &Path, definition: &str, diagnostics: &[Diagnostic]) {
    for diagnostic in diagnostics {
        progress(code_frame(&file.display().to_string(), definition, diagnostic));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_module_keeps_the_settings_of_the_manifest() {
        let directory = tempfile::tempdir().unwrap();
        let manifest = "[functions.t]\ncrate = \"t\"\ntarget = \"wasm32-wasip1\"\nmemory_mib = 7\n";
        std::fs::write(directory.path().join(crate::manifest::MANIFEST), manifest).unwrap();
        let mut deployment = Deployment::at(directory.path()).unwrap();
        deployment.add_module("t", "t.wasm".into());
        let entry = &deployment.manifest.functions["t"];
        assert_eq!((&entry.krate, &entry.target, entry.memory_mib), (&None, &None, Some(7)));
        assert_eq!(entry.module.as_deref(), Some(Path::new("t.wasm")));
    }
}
