//! Functions: look-ups, and the changes of what was put last.

use super::{Catalog, FUNCTIONS_MAX, Inner};
use crate::arn::FunctionArn;
use crate::function::Deployed;
use crate::page::page;
use crate::record::{self, FunctionRecord};
use crate::release::{FUNCTION_TAGS_MAX, FunctionPackage, FunctionProfile, FunctionVersion, Releases};
use crate::uuid::uuid;
use crate::{
    Change, FunctionDescription, FunctionError, FunctionPut, FunctionSettings, InvalidToken, Page, PageRequest,
    Publication, StoreError,
};
use bytes::Bytes;
use fleetstep_document::Text;
use fleetstep_engine::{Counts, Meter, clock};
use fleetstep_wasm::{Module, ModuleError, Start};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// What must be there for a change to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FunctionExpected {
    /// A function of that name or none, which is made then.
    Whatever,
    /// None.
    Nothing,
    /// One, and, where it is said, of that revision.
    One {
        /// The revision.
        revision_id: Option<String>,
    },
}

/// A change of one thing. It is tried before it is made.
pub type ChangeOf<T> = Box<dyn Fn(&mut T) + Send>;

/// What changes of a function: the parts that are there.
pub struct FunctionChange {
    /// What must be there.
    pub expected: FunctionExpected,
    /// Another module, and what it came in.
    pub module: Option<(Bytes, Option<FunctionPackage>)>,
    /// Changes the settings that are there, or those that a new one has.
    pub settings: Option<ChangeOf<FunctionSettings>>,
    /// Changes what clients say of it beside that.
    pub profile: Option<ChangeOf<FunctionProfile>>,
    /// Tags of one that is made.
    pub tags: BTreeMap<String, String>,
    /// Makes a version of what there is then.
    pub publish: Option<Publication>,
    /// Nothing is changed, and the answer is what would be.
    pub dry_run: bool,
}

impl FunctionChange {
    /// One that changes nothing yet.
    #[must_use]
    pub fn expecting(expected: FunctionExpected) -> Self {
        Self {
            expected,
            module: None,
            settings: None,
            profile: None,
            tags: BTreeMap::new(),
            publish: None,
            dry_run: false,
        }
    }
}

/// The answer to a change.
#[derive(Clone, Debug)]
pub struct FunctionChanged {
    /// The function that is there now.
    pub function: FunctionDescription,
    /// Its version, where one was asked for.
    pub version: Option<FunctionDescription>,
    /// Whether there was none of that name before.
    pub created: bool,
}

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
        if let Some(settings) = &settings {
            settings.check()?;
        }
        let change = FunctionChange {
            module: Some((module, None)),
            settings: settings.map(replacing),
            ..FunctionChange::expecting(FunctionExpected::Whatever)
        };
        let FunctionChanged { function, created, .. } = self.change_function(name, change).await?;
        Ok(FunctionPut { function, created })
    }

    /// Changes a function's settings, not its module.
    pub async fn configure_function(
        &self,
        name: &str,
        settings: FunctionSettings,
    ) -> Result<FunctionDescription, FunctionError> {
        let change = FunctionChange {
            settings: Some(replacing(settings)),
            ..FunctionChange::expecting(FunctionExpected::One { revision_id: None })
        };
        Ok(self.change_function(name, change).await?.function)
    }

    /// Makes a change as it is described. What was put before stays where that says nothing.
    pub async fn change_function(&self, name: &str, change: FunctionChange) -> Result<FunctionChanged, FunctionError> {
        let arn = FunctionArn::new(self.place(), name)?;
        // Before the module is looked at, which takes long; and once more when it counts.
        let there = self.inner.expect(&arn, &change.expected)?;
        let mut settings = there.as_ref().map(|there| there.description.settings.clone()).unwrap_or_default();
        if let Some(change) = &change.settings {
            change(&mut settings);
        }
        let bytes = change.module.as_ref().map(|(bytes, _)| bytes.clone());
        let module = self.inner.load_for(there, bytes, settings.start()).await?;
        self.change(move |inner| async move { inner.change_function(arn, module, change).await }).await
    }

    /// The function of that name.
    pub fn describe_function(&self, name: &str) -> Result<FunctionDescription, FunctionError> {
        let arn = FunctionArn::new(self.place(), name)?;
        Ok(self.inner.function(&arn)?.description.clone())
    }

    /// Deletes a function, its versions and its aliases; calls in flight end as they would.
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

fn replacing(settings: FunctionSettings) -> ChangeOf<FunctionSettings> {
    Box::new(move |there| there.clone_from(&settings))
}

impl Inner {
    /// The module that a change needs beside those that are loaded: the one that it brings, or the one that is there
    /// where its instances are to begin elsewhere.
    async fn load_for(
        &self,
        there: Option<Arc<Deployed>>,
        bytes: Option<Bytes>,
        start: Start,
    ) -> Result<Option<Arc<Module>>, FunctionError> {
        let bytes = match (bytes, there) {
            (Some(bytes), _) => bytes,
            (None, Some(there)) if there.function.is_some() && there.description.settings.start() != start => {
                let bytes = self.store.module(&there.description.module_sha256).await?;
                let gone = || StoreError::Interrupted { work: "reading the module", message: "it is gone".to_owned() };
                bytes.ok_or_else(gone)?
            }
            _ => return Ok(None),
        };
        let loaded = self.sandbox.load_as(bytes, start).await.map_err(|error| match error {
            ModuleError::Host(message) => StoreError::Interrupted { work: "loading the module", message }.into(),
            refused => FunctionError::InvalidModule(refused.to_string()),
        });
        loaded.map(Some)
    }
}

/// Whether it is the module that is described, with instances that begin where they are to.
fn is_described(module: &Module, description: &FunctionDescription) -> bool {
    module.is_preinitialised() == description.settings.preinitialise
        && module.digest().to_string() == *description.module_sha256
}

/// The changes. Their caller is the only one who changes anything.
impl Inner {
    pub(super) fn function(&self, arn: &FunctionArn) -> Result<Arc<Deployed>, FunctionError> {
        let found = self.functions.get(arn.name());
        found.ok_or_else(|| FunctionError::NotFound { arn: arn.as_text().to_string() })
    }

    /// The function that is there, if that is what should be.
    fn expect(&self, arn: &FunctionArn, expected: &FunctionExpected) -> Result<Option<Arc<Deployed>>, FunctionError> {
        match (self.functions.get(arn.name()), expected) {
            (Some(_), FunctionExpected::Nothing) => Err(FunctionError::AlreadyExists { name: arn.name().to_string() }),
            (None, FunctionExpected::One { .. }) => Err(FunctionError::NotFound { arn: arn.as_text().to_string() }),
            (None, _) if self.functions.count() >= FUNCTIONS_MAX => {
                Err(FunctionError::LimitExceeded { functions_max: FUNCTIONS_MAX })
            }
            (Some(there), FunctionExpected::One { revision_id }) => {
                there.description.expect_revision(revision_id.as_deref())?;
                Ok(Some(there))
            }
            (there, _) => Ok(there),
        }
    }

    async fn change_function(
        &self,
        arn: FunctionArn,
        module: Option<Arc<Module>>,
        change: FunctionChange,
    ) -> Result<FunctionChanged, FunctionError> {
        let there = self.expect(&arn, &change.expected)?;
        let there = there.as_deref();
        let FunctionChange { module: bytes, settings, profile, tags, publish, dry_run, .. } = change;
        let (bytes, package) = bytes.unzip();
        let mut description = described(arn, there, module.as_deref().zip(package));
        if let Some(settings) = settings {
            settings(&mut description.settings);
            description.settings.check()?;
        }
        if let Some(profile) = profile {
            profile(&mut description.profile);
        }
        let before = there.and_then(|there| there.function.as_deref());
        let deployed = match module.or_else(|| before.map(|before| Arc::clone(before.module()))) {
            Some(module) if is_described(&module, &description) => {
                Deployed::new(&self.sandbox, description, module, before)?
            }
            Some(_) => {
                let message = "another module was put meanwhile".to_owned();
                return Err(StoreError::Interrupted { work: "changing the function", message }.into());
            }
            None => {
                let problem = description.problem.clone().unwrap_or_default();
                Deployed::broken(description, problem)
            }
        };
        let releases = there
            .map_or_else(|| Arc::new(Releases { tags, ..Releases::default() }), |there| Arc::clone(&there.releases));
        if releases.tags.len() > FUNCTION_TAGS_MAX {
            return Err(FunctionError::TooManyTags);
        }
        let mut deployed = deployed.with(releases);
        let published = publish.map(|publication| deployed.publish(publication.description)).transpose()?;
        let version = published.as_ref().map(|(version, _)| version.description.clone());
        if dry_run {
            return Ok(FunctionChanged { function: deployed.description, version, created: there.is_none() });
        }
        if let Some(bytes) = bytes {
            // The module before the record that names it, so that no record ever names a module that is not there.
            self.store.put_module(&deployed.description.module_sha256, bytes).await?;
        }
        let new = published.filter(|(_, new)| *new).map(|(version, _)| FunctionRecord::put_version(&version));
        let function = self.keep_function(deployed, new.into_iter().collect()).await?;
        Ok(FunctionChanged { function, version, created: there.is_none() })
    }

    /// Keeps a function: on disk, with other changes, then in its slot.
    pub(super) async fn keep_function(
        &self,
        deployed: Deployed,
        mut changes: Vec<Change>,
    ) -> Result<FunctionDescription, FunctionError> {
        let name = deployed.description.name.clone();
        let mut gone = self.functions.get(&name).map(|before| before.modules().cloned().collect()).unwrap_or_default();
        changes.push(FunctionRecord::put(&deployed));
        let written = self.store.write(changes).await;
        let answer = written.map(|()| self.functions.put(deployed).description.clone());
        self.sweep_pins().await;
        // Mostly nothing of it is gone, which the function alone tells.
        if let Some(now) = self.functions.get(&name) {
            now.take_needed(&mut gone);
        }
        self.drop_modules(gone).await;
        Ok(answer?)
    }

    async fn delete_function(&self, arn: &FunctionArn) -> Result<(), FunctionError> {
        let there = self.function(arn)?;
        self.store.write(record::delete_function(&there)).await?;
        self.functions.remove(arn.name());
        self.sweep_pins().await;
        self.drop_modules(there.modules().cloned().collect()).await;
        Ok(())
    }

    /// Drops those of these modules that nobody needs any more.
    pub(super) async fn drop_modules(&self, modules: HashSet<Text>) {
        for sha256 in self.unneeded(modules) {
            // A module that stays behind does no harm: the next opening drops it.
            let _ = self.store.delete_module(&sha256).await;
        }
    }

    /// Those of these modules that no function has, no version of one, and no start is pinned to.
    pub(super) fn unneeded(&self, mut modules: HashSet<Text>) -> HashSet<Text> {
        if !modules.is_empty() {
            self.pins.take_needed(&mut modules);
            self.functions.all().iter().for_each(|deployed| deployed.take_needed(&mut modules));
        }
        modules
    }
}

/// What a function is described as that is there or not, with another module or the one that it has.
fn described(
    arn: FunctionArn,
    there: Option<&Deployed>,
    module: Option<(&Module, Option<FunctionPackage>)>,
) -> FunctionDescription {
    let now = clock::now();
    let mut description = there.map(|there| there.description.clone()).unwrap_or_else(|| FunctionDescription {
        name: arn.name().clone(),
        arn,
        version: FunctionVersion::Latest,
        module_sha256: Text::default(),
        module_bytes: 0,
        package: None,
        kind: None,
        problem: None,
        settings: FunctionSettings::default(),
        reserved_concurrency: None,
        profile: FunctionProfile::default(),
        revision_id: None,
        created: now,
        updated: now,
    });
    if let Some((module, package)) = module {
        description.module_sha256 = Text::from(module.digest().to_string());
        description.module_bytes = module.bytes_len();
        description.package = package;
    }
    description.updated = now;
    description.revision_id = Some(uuid());
    description
}

impl FunctionDescription {
    pub(super) fn expect_revision(&self, wanted: Option<&str>) -> Result<(), FunctionError> {
        let same = wanted.is_none_or(|wanted| wanted == self.revision());
        if same { Ok(()) } else { Err(FunctionError::OtherRevision) }
    }
}
