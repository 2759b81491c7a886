//! A directory that is worked on, and the catalog that follows it.

use crate::deploy::{
    Deployment, Modules, Report, Target, Told, Trigger, check_triggers, prepared_function, prepared_workflow,
};
use crate::terminal::progress;
use crate::watch::Watcher;
use crate::when;
use fleetstep_catalog::Catalog;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Keeps a catalog as a directory is.
pub(super) struct Project {
    directory: PathBuf,
    catalog: Catalog,
    watcher: Watcher,
    is_json: bool,
    /// What this project has put into the catalog: nothing else is ever removed.
    functions: BTreeSet<String>,
    workflows: BTreeSet<String>,
    triggers: Vec<Trigger>,
    /// Whether something did not build, so that it has to be tried again whatever changes.
    has_unbuilt: bool,
}

impl Project {
    pub(super) fn new(
        directory: &Path,
        catalog: Catalog,
        ignored: impl IntoIterator<Item = PathBuf>,
        is_json: bool,
    ) -> Self {
        Self {
            directory: directory.to_owned(),
            catalog,
            watcher: Watcher::new(directory, ignored),
            is_json,
            functions: BTreeSet::new(),
            workflows: BTreeSet::new(),
            triggers: Vec::new(),
            has_unbuilt: false,
        }
    }

    /// Deploys the directory, and again whenever it changes.
    pub(super) async fn keep(mut self) {
        self.deploy(true).await;
        progress(format_args!("watching {} files; Ctrl-C stops", self.watcher.len()));
        loop {
            let changed = self.watcher.changed().await;
            let needs_build = changed.iter().any(|file| may_be_built_from(&self.directory, file));
            self.deploy(needs_build || self.has_unbuilt).await;
        }
    }

    /// Puts what has changed. What cannot be used is told, and what was there in its place stays.
    async fn deploy(&mut self, needs_build: bool) {
        let deployment = match Deployment::at(&self.directory) {
            Ok(deployment) => deployment,
            Err(error) => return progress(format_args!("error: {error:#}\nwhat is deployed stays as it is")),
        };
        let mut report = if self.is_json { Report::as_json() } else { Report::of_changes() };
        // Definitions are checked before anything is built, so that what is wrong with them is seen at once, and put when
        // the functions are there which they may have been changed for.
        let mut definitions = Vec::new();
        for (name, file) in deployment.definitions() {
            match prepared_workflow(file).await {
                Ok(definition) => definitions.push((name, file, definition)),
                Err(failure) => report.tell(&Told::workflow(name, file, Err(failure))),
            }
        }
        if needs_build {
            self.put_functions(&deployment, &mut report).await;
        }
        for (name, file, (definition, format)) in definitions {
            let done = self.catalog.put_workflow(name, &definition, format).await;
            if done.is_ok() {
                self.workflows.insert(name.to_owned());
            }
            report.tell(&Told::workflow(name, file, done).with_source(definition));
        }
        self.remove_others(&deployment, &mut report).await;
        self.put_triggers(deployment.triggers(), &mut report).await;
        tell(&report);
    }

    async fn put_functions(&mut self, deployment: &Deployment, report: &mut Report) {
        // At first a build may take a minute, and cargo tells how far it is; later it has news or none.
        let mut modules = Modules::new(!self.functions.is_empty());
        self.has_unbuilt = false;
        for (name, entry) in deployment.functions() {
            let done = match prepared_function(name, entry, &mut modules).await {
                Ok((module, settings)) => Target::put_function(&self.catalog, name, module, settings).await,
                Err(failure) => Err(failure),
            };
            match &done {
                Ok(_) => {
                    self.functions.insert(name.to_owned());
                }
                Err(_) => self.has_unbuilt = true,
            }
            report.tell(&Told::function(name, done));
        }
        self.watcher.watch_beside(modules.sources());
    }

    /// Removes routes and schedules that are no longer in the manifest, and puts the others. Those of a manifest with a
    /// mistake stay as they are.
    async fn put_triggers(&mut self, triggers: Vec<Trigger>, report: &mut Report) {
        if !check_triggers(&triggers, report) {
            return;
        }
        let is_there =
            |gone: &Trigger| triggers.iter().any(|one| (one.kind(), one.name()) == (gone.kind(), gone.name()));
        for gone in self.triggers.iter().filter(|trigger| !is_there(trigger)) {
            report.tell(&Told::removed(gone.kind(), gone.name(), self.catalog.remove_trigger(gone).await));
        }
        for trigger in &triggers {
            report.tell(&Told::trigger(trigger, self.catalog.put_trigger(trigger, &triggers).await));
        }
        self.triggers = triggers;
    }

    /// Removes what is no longer in the directory. Calls and executions in flight go on.
    async fn remove_others(&mut self, deployment: &Deployment, report: &mut Report) {
        let workflows: BTreeSet<&str> = deployment.workflows().collect();
        let gone: Vec<String> =
            self.workflows.iter().filter(|name| !workflows.contains(name.as_str())).cloned().collect();
        for name in gone {
            report.tell(&Told::removed("workflow", &name, self.catalog.remove_workflow(&name).await));
            self.workflows.remove(&name);
        }
        let functions: BTreeSet<&str> = deployment.functions().map(|(name, _)| name).collect();
        let gone: Vec<String> =
            self.functions.iter().filter(|name| !functions.contains(name.as_str())).cloned().collect();
        for name in gone {
            report.tell(&Told::removed("function", &name, self.catalog.remove_function(&name).await));
            self.functions.remove(&name);
        }
    }
}

fn tell(report: &Report) {
    for failure in report.failures() {
        progress(format_args!("error: {failure}"));
    }
    let (changed, _) = report.counts();
    let took = when::duration(i64::try_from(report.elapsed().as_micros()).unwrap_or(i64::MAX));
    match (report.failures().is_empty(), changed) {
        (true, 0) => {}
        (true, changed) => progress(format_args!("{changed} deployed in {took}")),
        (false, 0) => progress("what was deployed before stays in service"),
        (false, changed) => {
            progress(format_args!("{changed} deployed; for the others, what was deployed before stays"))
        }
    }
}

/// Whether a change of this file can change a module: that of a definition, a case or a text cannot.
fn may_be_built_from(directory: &Path, file: &Path) -> bool {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let is_case = file.strip_prefix(directory).is_ok_and(|file| file.starts_with("cases"));
    !(is_case || crate::manifest::definition_name(name).is_some() || name.ends_with(".md"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_and_a_case_need_no_build() {
        let needs = |file: &str| may_be_built_from(Path::new("/p"), Path::new(file));
        let none = ["/p/a.asl.json", "/p/flows/a.asl.yaml", "/p/cases/a/input.json", "/p/README.md"];
        assert!(none.into_iter().all(|file| !needs(file)));
        let some =
            ["/p/fleetstep.toml", "/p/tasks/a/src/lib.rs", "/p/a.wasm", "/sdk/src/log.rs", "/p/tasks/cases/a.rs"];
        assert!(some.into_iter().all(needs));
    }
}
