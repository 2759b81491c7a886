//! A directory becomes functions and state machines: of a catalog in this process, or of a running server.
//!
//! What is deployed is [prepared](prepare) first (definitions checked, crates built), then put into a [target]; only what
//! differs from what is there is put. `serve`, `run`, `dev` and `deploy` differ in what they do about failures.

mod prepare;
mod remote;
mod report;
mod target;
mod triggers;

pub(crate) use prepare::{Modules, prepared_function, prepared_workflow};
pub(crate) use report::{Report, Told};
pub(crate) use target::Target;
pub(crate) use triggers::Trigger;

use crate::manifest::{FunctionEntry, Manifest, WorkflowEntry, definition_name};
use anyhow::{Context as _, Result, bail};
use fleetstep_catalog::Catalog;
use std::path::{Path, PathBuf};
use target::Failure;

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
        manifest.workflows.insert(name.to_owned(), WorkflowEntry { definition: path.to_owned() });
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

    /// The file of a function's module, which is built first where it is a crate.
    ///
    /// # Errors
    /// No such function, one whose module is in a registry, or a crate that does not build.
    pub(crate) async fn module_file(&self, name: &str) -> Result<PathBuf> {
        let entry = self.manifest.functions.get(name).with_context(|| format!("there is no function {name}"))?;
        if let Some(reference) = entry.reference() {
            bail!("its module is in a registry already: {reference}");
        }
        Modules::default().file(name, entry).await
    }

    /// Names of the workflows.
    pub fn workflows(&self) -> impl Iterator<Item = &str> {
        self.manifest.workflows.keys().map(String::as_str)
    }

    /// The workflows with the files of their definitions.
    pub(crate) fn definitions(&self) -> impl Iterator<Item = (&str, &Path)> {
        self.manifest.workflows.iter().map(|(name, entry)| (name.as_str(), entry.definition.as_path()))
    }

    /// The functions.
    pub(crate) fn functions(&self) -> impl Iterator<Item = (&str, &FunctionEntry)> {
        self.manifest.functions.iter().map(|(name, entry)| (name.as_str(), entry))
    }

    /// The routes, then the schedules.
    pub(crate) fn triggers(&self) -> Vec<Trigger> {
        let Manifest { routes, schedules, .. } = &self.manifest;
        let schedules = schedules.iter().cloned().map(Trigger::Schedule);
        routes.iter().cloned().map(Trigger::Route).chain(schedules).collect()
    }

    /// How many functions, workflows, routes and schedules there are.
    pub(crate) fn len(&self) -> usize {
        let Manifest { functions, workflows, routes, schedules, .. } = &self.manifest;
        functions.len() + workflows.len() + routes.len() + schedules.len()
    }

    /// Builds and puts the functions, then creates or updates the workflows, then puts the routes and schedules.
    ///
    /// # Errors
    /// Something that cannot be deployed; what is wrong with it goes to standard error before.
    pub async fn deploy(&self, catalog: &Catalog) -> Result<()> {
        let mut report = Report::for_people();
        self.deploy_to(catalog, &mut report).await;
        if let Some(first) = report.first_failure() {
            bail!("{first}");
        }
        Ok(())
    }

    /// Checks and builds everything, and puts what has changed; where something cannot be used, nothing is put.
    pub(crate) async fn deploy_to(&self, target: &impl Target, report: &mut Report) {
        let mut modules = Modules::default();
        let mut workflows = Vec::new();
        for (name, file) in self.definitions() {
            match prepared_workflow(file).await {
                Ok(definition) => workflows.push((name, file, definition)),
                Err(failure) => report.tell(&Told::workflow(name, file, Err(failure))),
            }
        }
        let triggers = self.triggers();
        check_triggers(&triggers, report);
        // Before anything is built: that takes longer than to look at a definition.
        if report.first_failure().is_some() {
            return;
        }
        let mut functions = Vec::new();
        for (name, entry) in self.functions() {
            match prepared_function(name, entry, &mut modules).await {
                Ok(function) => functions.push((name, function)),
                Err(failure) => report.tell(&Told::function(name, Err(failure))),
            }
        }
        if report.first_failure().is_some() {
            return;
        }
        for (name, (module, settings)) in functions {
            report.working(format_args!("function {name}"));
            let done = target.put_function(name, module, settings).await;
            report.tell(&Told::function(name, done));
        }
        for (name, file, (definition, format)) in workflows {
            report.working(format_args!("workflow {name}"));
            let done = target.put_workflow(name, &definition, format).await;
            report.tell(&Told::workflow(name, file, done).with_source(definition));
        }
        for trigger in &triggers {
            report.working(format_args!("{} {}", trigger.kind(), trigger.name()));
            let done = target.put_trigger(trigger, &triggers).await;
            report.tell(&Told::trigger(trigger, done));
        }
    }
}

/// Tells what is wrong with routes and schedules by themselves; whether nothing is.
pub(crate) fn check_triggers(triggers: &[Trigger], report: &mut Report) -> bool {
    let mut is_good = true;
    let names = triggers::check_names(triggers).map_err(Failure::Other);
    let failures = triggers.iter().filter_map(|trigger| Some((trigger, trigger.check().err()?)));
    for (trigger, failure) in triggers.first().zip(names.err()).into_iter().chain(failures) {
        report.tell(&Told::trigger(trigger, Err(failure)));
        is_good = false;
    }
    is_good
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
