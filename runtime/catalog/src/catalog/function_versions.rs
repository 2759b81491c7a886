//! Versions of functions, and what else belongs to a function's name: its reserved concurrency, its tags.

use super::{Catalog, Inner};
use crate::arn::FunctionArn;
use crate::error::FunctionError;
use crate::function::Deployed;
use crate::page::page;
use crate::record::{self, FunctionRecord};
use crate::release::{FUNCTION_TAGS_MAX, FUNCTION_VERSIONS_MAX, FunctionAlias, FunctionVersion, Releases};
use crate::uuid::uuid;
use crate::{FunctionDescription, INITIAL_REVISION, Page, PageRequest};
use fleetstep_engine::clock;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What `PublishVersion` asks for.
#[derive(Clone, Debug, Default)]
pub struct PublishFunction {
    /// For people; that of what was put last, where there is none.
    pub description: Option<String>,
    /// The code that is to be published, as [`FunctionDescription::code_sha256`] says it.
    pub code_sha256: Option<String>,
    /// The revision that is to be published.
    pub revision_id: Option<String>,
}

/// A function, found by its name and perhaps a qualifier.
#[derive(Clone, Debug)]
pub struct FunctionFound {
    /// What was put last, or a version; of an alias the version that it leads to first.
    pub function: FunctionDescription,
    /// The alias that was named.
    pub alias: Option<Arc<FunctionAlias>>,
    /// Tags of the name.
    pub tags: BTreeMap<String, String>,
}

impl Catalog {
    /// The function of that name; with a qualifier a version of it, or that of an alias.
    pub fn function(&self, name: &str, qualifier: Option<&str>) -> Result<FunctionFound, FunctionError> {
        let arn = FunctionArn::new(self.place(), name)?;
        let latest = self.inner.function(&arn).map_err(|_| not_found(&arn, qualifier))?;
        let tags = latest.releases.tags.clone();
        let Some(qualifier) = qualifier else {
            return Ok(FunctionFound { function: latest.description.clone(), alias: None, tags });
        };
        let alias = latest.releases.aliases.get(qualifier).cloned();
        let version = alias.as_ref().map(|alias| alias.route.version).or_else(|| FunctionVersion::parse(qualifier));
        let found = version.and_then(|version| latest.version(version));
        let found = found.ok_or_else(|| not_found(&arn, Some(qualifier)))?;
        Ok(FunctionFound { function: found.description.clone(), alias, tags })
    }

    /// `PublishVersion`: the version of what was put last, which is made unless it is there.
    pub async fn publish_function(
        &self,
        name: &str,
        request: PublishFunction,
    ) -> Result<FunctionDescription, FunctionError> {
        let arn = FunctionArn::new(self.place(), name)?;
        self.change(move |inner| async move { inner.publish_function(&arn, request).await }).await
    }

    /// What was put last, and the versions in the order in which they were published.
    pub fn list_function_versions(
        &self,
        name: &str,
        request: &PageRequest,
    ) -> Result<Page<FunctionDescription>, FunctionError> {
        let latest = self.inner.function(&FunctionArn::new(self.place(), name)?)?;
        let versions = latest.releases.versions.values().map(|version| version.description.clone());
        let all = std::iter::once(latest.description.clone()).chain(versions).collect();
        // Pages are in the order of texts.
        let order = |function: &FunctionDescription| match function.version {
            FunctionVersion::Latest => "0".to_owned(),
            FunctionVersion::Number(number) => format!("1{number:010}"),
        };
        Ok(page(all, order, request)?)
    }

    /// Deletes a version: one that is not there is deleted already, one that an alias leads to stays.
    pub async fn delete_function_version(&self, name: &str, number: u32) -> Result<(), FunctionError> {
        let arn = FunctionArn::new(self.place(), name)?;
        self.change(move |inner| async move { inner.delete_function_version(&arn, number).await }).await
    }

    /// Says how many calls of all versions of a function may run at once; `None` leaves it to the settings.
    pub async fn reserve_concurrency(
        &self,
        name: &str,
        concurrency_max: Option<u32>,
    ) -> Result<FunctionDescription, FunctionError> {
        let arn = FunctionArn::new(self.place(), name)?;
        self.change(move |inner| async move { inner.reserve_concurrency(&arn, concurrency_max).await }).await
    }

    /// Changes the tags of a function.
    pub async fn change_function_tags(
        &self,
        name: &str,
        change: impl FnOnce(&mut BTreeMap<String, String>) + Send + 'static,
    ) -> Result<(), FunctionError> {
        let arn = FunctionArn::new(self.place(), name)?;
        self.change(move |inner| async move { inner.change_function_tags(&arn, change).await }).await
    }
}

fn not_found(arn: &FunctionArn, qualifier: Option<&str>) -> FunctionError {
    let arn = qualifier.map_or_else(|| arn.clone(), |qualifier| arn.qualified_by(qualifier));
    FunctionError::NotFound { arn: arn.as_text().to_string() }
}

impl FunctionDescription {
    /// Its revision, where one must be named.
    #[must_use]
    pub fn revision(&self) -> &str {
        self.revision_id.as_deref().unwrap_or(INITIAL_REVISION)
    }
}

impl Deployed {
    /// The same function with other releases.
    pub(super) fn releasing(&self, releases: Releases) -> Self {
        let (description, function) = (self.description.clone(), self.function.clone());
        Self { description, function, releases: Arc::new(releases) }
    }

    /// Publishes what was put last; whether that made a version. What has not changed since has one version.
    pub(super) fn publish(&mut self, description: Option<String>) -> Result<(Arc<Self>, bool), FunctionError> {
        let published = self.releases.versions.last_key_value();
        let same = published.filter(|(_, version)| self.description.is_published_as(&version.description));
        if let Some((number, version)) = same
            && *number == self.releases.versions_published
        {
            return Ok((Arc::clone(version), false));
        }
        if self.releases.versions.len() >= FUNCTION_VERSIONS_MAX {
            return Err(FunctionError::TooManyVersions);
        }
        let mut releases = Releases::clone(&self.releases);
        releases.versions_published += 1;
        let number = releases.versions_published;
        let mut version = FunctionDescription {
            version: FunctionVersion::Number(number),
            updated: clock::now(),
            revision_id: Some(uuid()),
            ..self.description.clone()
        };
        if let Some(description) = description {
            version.settings.description = description;
            version.settings.check()?;
        }
        // What is called is the same; only how it is described differs.
        let version =
            Arc::new(Self { description: version, function: self.function.clone(), releases: Arc::default() });
        releases.versions.insert(number, Arc::clone(&version));
        self.releases = Arc::new(releases);
        Ok((version, true))
    }
}

/// The changes. Their caller is the only one who changes anything.
impl Inner {
    async fn publish_function(
        &self,
        arn: &FunctionArn,
        request: PublishFunction,
    ) -> Result<FunctionDescription, FunctionError> {
        let there = self.function(arn)?;
        there.description.expect_revision(request.revision_id.as_deref())?;
        let current = there.description.code_sha256();
        if let Some(wanted) = request.code_sha256.filter(|wanted| *wanted != current) {
            return Err(FunctionError::OtherCode { wanted, current });
        }
        let mut deployed = there.releasing(Releases::clone(&there.releases));
        let (version, is_new) = deployed.publish(request.description)?;
        if is_new {
            self.keep_function(deployed, vec![FunctionRecord::put_version(&version)]).await?;
        }
        Ok(version.description.clone())
    }

    async fn delete_function_version(&self, arn: &FunctionArn, number: u32) -> Result<(), FunctionError> {
        let there = self.function(arn)?;
        let aliases = there.releases.aliases_of(number).join(", ");
        if !aliases.is_empty() {
            let arn = arn.qualified_by(&number.to_string()).as_text().to_string();
            return Err(FunctionError::VersionInUse { arn, aliases });
        }
        let mut releases = Releases::clone(&there.releases);
        let Some(version) = releases.versions.remove(&number) else { return Ok(()) };
        let changes = vec![record::delete_function_version(&version)];
        self.keep_function(there.releasing(releases), changes).await?;
        Ok(())
    }

    async fn reserve_concurrency(
        &self,
        arn: &FunctionArn,
        concurrency_max: Option<u32>,
    ) -> Result<FunctionDescription, FunctionError> {
        let there = self.function(arn)?;
        let description = FunctionDescription { reserved_concurrency: concurrency_max, ..there.description.clone() };
        let deployed = there.configured(description).with(Arc::clone(&there.releases));
        self.keep_function(deployed, Vec::new()).await
    }

    async fn change_function_tags(
        &self,
        arn: &FunctionArn,
        change: impl FnOnce(&mut BTreeMap<String, String>),
    ) -> Result<(), FunctionError> {
        let there = self.function(arn)?;
        let mut releases = Releases::clone(&there.releases);
        change(&mut releases.tags);
        if releases.tags.len() > FUNCTION_TAGS_MAX {
            return Err(FunctionError::TooManyTags);
        }
        if releases.tags != there.releases.tags {
            self.keep_function(there.releasing(releases), Vec::new()).await?;
        }
        Ok(())
    }
}
