//! Functions: look-ups, and the changes.

use super::{Catalog, FUNCTIONS_MAX, Inner};
use crate::arn::FunctionArn;
use crate::function::Deployed;
use crate::page::page;
use crate::record::FunctionRecord;
use crate::{
    Change, FunctionDescription, FunctionError, FunctionPut, FunctionSettings, InvalidToken, Page, PageRequest,
    RecordKind, StoreError,
};
use bytes::Bytes;
use fleetstep_document::Text;
use fleetstep_engine::{Counts, Meter, clock};
use fleetstep_wasm::{Module, ModuleError};
use std::sync::Arc;

impl Catalog {
    /// Puts a function: creates it, or replaces its module. `settings` `None` keeps those that are there.
    ///
    /// Every machine's next call uses the new module; calls in flight end with the one that they began with.
    pub async fn put_function(
        &self,
        name: &str,
        module: Bytes,
        settings: Option<FunctionSettings>,
    ) -> Result<FunctionPut, FunctionError> {
        let arn = FunctionArn::new(self.place(), name)?;
        if let Some(settings) = &settings {
            settings.check()?;
        }
        let loaded = self.inner.sandbox.load(module.clone()).await;
        let loaded = loaded.map_err(|error| match error {
            ModuleError::Host(message) => StoreError::Interrupted { work: "loading the module", message }.into(),
            refused => FunctionError::InvalidModule(refused.to_string()),
        })?;
        self.change(move |inner| async move { inner.put_function(arn, module, loaded, settings).await }).await
    }

    /// Changes a function's settings, not its module.
    pub async fn configure_function(
        &self,
        name: &str,
        settings: FunctionSettings,
    ) -> Result<FunctionDescription, FunctionError> {
        let arn = FunctionArn::new(self.place(), name)?;
        settings.check()?;
        self.change(move |inner| async move { inner.configure_function(&arn, settings).await }).await
    }

    /// The function of that name.
    pub fn describe_function(&self, name: &str) -> Result<FunctionDescription, FunctionError> {
        let arn = FunctionArn::new(self.place(), name)?;
        let deployed = self.inner.functions.get(name).ok_or_else(|| not_found(&arn))?;
        Ok(deployed.description.clone())
    }

    /// Deletes a function; calls in flight end as they would.
    pub async fn delete_function(&self, name: &str) -> Result<(), FunctionError> {
        let arn = FunctionArn::new(self.place(), name)?;
        self.change(move |inner| async move { inner.delete_function(&arn).await }).await
    }

    /// Every function, by name: calls that are under way, and how its calls ended. One that cannot be loaded has none.
    #[must_use]
    pub fn function_counts(&self, count: impl Fn(&Meter) -> Counts) -> Vec<(Text, u32, Counts)> {
        let mut all = self.inner.functions.all();
        all.sort_unstable_by(|a, b| a.description.name.cmp(&b.description.name));
        let counted = |deployed: &Arc<Deployed>| {
            let function = deployed.function.as_ref();
            let counts = function.map(|function| count(function.meter())).unwrap_or_default();
            (deployed.description.name.clone(), function.map_or(0, |function| function.running()), counts)
        };
        all.iter().map(counted).collect()
    }

    /// The functions by name.
    pub fn list_functions(&self, request: &PageRequest) -> Result<Page<FunctionDescription>, InvalidToken> {
        let name = |deployed: &Arc<Deployed>| deployed.description.name.clone();
        let page = page(self.inner.functions.all(), name, request)?;
        let items = page.items.iter().map(|deployed| deployed.description.clone()).collect();
        Ok(Page { items, next_token: page.next_token })
    }
}

fn not_found(arn: &FunctionArn) -> FunctionError {
    FunctionError::NotFound { arn: arn.as_text().to_string() }
}

/// The three changes. Their caller is the only one who changes anything.
impl Inner {
    async fn put_function(
        &self,
        arn: FunctionArn,
        bytes: Bytes,
        module: Arc<Module>,
        settings: Option<FunctionSettings>,
    ) -> Result<FunctionPut, FunctionError> {
        let there = self.functions.get(arn.name());
        if there.is_none() && self.functions.count() >= FUNCTIONS_MAX {
            return Err(FunctionError::LimitExceeded { functions_max: FUNCTIONS_MAX });
        }
        let before = there.as_ref().map(|there| &there.description);
        let now = clock::now();
        let description = FunctionDescription {
            name: arn.name().clone(),
            arn,
            module_sha256: Text::from(module.digest().to_string()),
            module_bytes: module.bytes_len(),
            kind: None,
            problem: None,
            settings: settings.or_else(|| Some(before?.settings.clone())).unwrap_or_default(),
            created: before.map_or(now, |before| before.created),
            updated: now,
        };
        let replaced = there.as_ref().and_then(|there| there.function.as_deref());
        let deployed = Deployed::new(&self.sandbox, description, module, replaced)?;
        // The module before the record that names it, so that no record ever names a module that is not there.
        self.store.put_module(&deployed.description.module_sha256, bytes).await?;
        let function = self.keep_function(deployed).await?;
        Ok(FunctionPut { function, created: there.is_none() })
    }

    async fn configure_function(
        &self,
        arn: &FunctionArn,
        settings: FunctionSettings,
    ) -> Result<FunctionDescription, FunctionError> {
        let there = self.functions.get(arn.name()).ok_or_else(|| not_found(arn))?;
        let description = FunctionDescription { settings, updated: clock::now(), ..there.description.clone() };
        let deployed = match (&there.function, &there.description.problem) {
            (Some(function), _) => {
                Deployed::new(&self.sandbox, description, Arc::clone(function.module()), Some(function))?
            }
            (None, problem) => Deployed::broken(description, problem.clone().unwrap_or_default()),
        };
        self.keep_function(deployed).await
    }

    /// Keeps a function: on disk, then in its slot.
    async fn keep_function(&self, deployed: Deployed) -> Result<FunctionDescription, FunctionError> {
        let before = self.functions.get(&deployed.description.name);
        let written = self.store.write(vec![FunctionRecord::put(&deployed.description)]).await;
        let answer = written.map(|()| self.functions.put(deployed).description.clone());
        self.sweep_pins().await;
        if let Some(before) = before {
            self.drop_module(&before.description.module_sha256).await;
        }
        Ok(answer?)
    }

    async fn delete_function(&self, arn: &FunctionArn) -> Result<(), FunctionError> {
        let there = self.functions.get(arn.name()).ok_or_else(|| not_found(arn))?;
        let change = Change::Delete { kind: RecordKind::Function, name: arn.name().to_string() };
        self.store.write(vec![change]).await?;
        self.functions.remove(arn.name());
        self.sweep_pins().await;
        self.drop_module(&there.description.module_sha256).await;
        Ok(())
    }

    /// Drops the module of a function that is gone, unless another function has the same or a start is pinned to it.
    pub(super) async fn drop_module(&self, sha256: &str) {
        let has_it = |deployed: &Arc<Deployed>| deployed.description.module_sha256 == sha256;
        if self.pins.name_module(sha256) || self.functions.all().iter().any(has_it) {
            return;
        }
        // A module that stays behind does no harm: the next opening drops it.
        let _ = self.store.delete_module(sha256).await;
    }
}
