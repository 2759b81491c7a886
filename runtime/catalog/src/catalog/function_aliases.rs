//! Aliases of functions: names for one version or two.

use super::{Catalog, Inner};
use crate::arn::FunctionArn;
use crate::error::FunctionError;
use crate::function::Deployed;
use crate::page::page;
use crate::record::{self, FunctionAliasRecord};
use crate::release::{FUNCTION_ALIASES_MAX, FunctionAlias, FunctionRoute, FunctionVersion, Releases};
use crate::uuid::uuid;
use crate::{Page, PageRequest};
use fleetstep_document::Text;
use std::sync::Arc;

/// What changes of an alias: the parts that are there.
#[derive(Clone, Debug, Default)]
pub struct FunctionAliasChange {
    /// To which version it leads.
    pub version: Option<FunctionVersion>,
    /// A second version and its weight; `Some(None)` leaves none.
    pub second: Option<Option<(u32, u32)>>,
    /// For people.
    pub description: Option<String>,
    /// The revision that is to be changed.
    pub revision_id: Option<String>,
}

impl Catalog {
    /// Makes an alias. The caller has checked its name.
    pub async fn create_function_alias(
        &self,
        function: &str,
        name: &str,
        route: FunctionRoute,
        description: String,
    ) -> Result<Arc<FunctionAlias>, FunctionError> {
        route.check()?;
        let function = FunctionArn::new(self.place(), function)?;
        let (arn, name, revision_id) = (function.qualified_by(name), Text::from(name), uuid());
        let alias = FunctionAlias { arn, name, description, route, revision_id };
        self.change(move |inner| async move { inner.create_function_alias(&function, alias).await }).await
    }

    /// Changes an alias.
    pub async fn update_function_alias(
        &self,
        function: &str,
        name: &str,
        change: FunctionAliasChange,
    ) -> Result<Arc<FunctionAlias>, FunctionError> {
        let (function, name) = (FunctionArn::new(self.place(), function)?, Text::from(name));
        self.change(move |inner| async move { inner.update_function_alias(&function, &name, change).await }).await
    }

    /// The alias of that name.
    pub fn function_alias(&self, function: &str, name: &str) -> Result<Arc<FunctionAlias>, FunctionError> {
        let function = FunctionArn::new(self.place(), function)?;
        let there = self.inner.functions.get(function.name());
        let alias = there.and_then(|there| there.releases.aliases.get(name).cloned());
        alias.ok_or_else(|| not_found(&function, name))
    }

    /// The aliases by name: of a function, or those that lead to a version of it.
    pub fn list_function_aliases(
        &self,
        function: &str,
        version: Option<FunctionVersion>,
        request: &PageRequest,
    ) -> Result<Page<Arc<FunctionAlias>>, FunctionError> {
        let there = self.inner.function(&FunctionArn::new(self.place(), function)?)?;
        let wanted = |alias: &&Arc<FunctionAlias>| version.is_none_or(|version| alias.route.leads_to(version));
        let all = there.releases.aliases.values().filter(wanted).cloned().collect();
        Ok(page(all, |alias: &Arc<FunctionAlias>| alias.name.clone(), request)?)
    }

    /// Deletes an alias: one that is not there is deleted already.
    pub async fn delete_function_alias(&self, function: &str, name: &str) -> Result<(), FunctionError> {
        let (function, name) = (FunctionArn::new(self.place(), function)?, Text::from(name));
        self.change(move |inner| async move { inner.delete_function_alias(&function, &name).await }).await
    }
}

fn not_found(function: &FunctionArn, name: &str) -> FunctionError {
    FunctionError::AliasNotFound { arn: function.qualified_by(name).as_text().to_string() }
}

/// Whether all versions are there to which a route leads.
fn check_versions(function: &FunctionArn, there: &Deployed, route: &FunctionRoute) -> Result<(), FunctionError> {
    let second = route.second.map(|(number, _)| FunctionVersion::Number(number));
    for version in std::iter::once(route.version).chain(second) {
        if let FunctionVersion::Number(number) = version
            && !there.releases.versions.contains_key(&number)
        {
            let arn = function.qualified_by(&number.to_string());
            return Err(FunctionError::NotFound { arn: arn.as_text().to_string() });
        }
    }
    Ok(())
}

/// The three changes. Their caller is the only one who changes anything.
impl Inner {
    async fn create_function_alias(
        &self,
        function: &FunctionArn,
        alias: FunctionAlias,
    ) -> Result<Arc<FunctionAlias>, FunctionError> {
        let there = self.function(function)?;
        if there.releases.aliases.contains_key(&alias.name) {
            return Err(FunctionError::AliasExists { arn: alias.arn.as_text().to_string() });
        }
        if there.releases.aliases.len() >= FUNCTION_ALIASES_MAX {
            return Err(FunctionError::TooManyAliases);
        }
        check_versions(function, &there, &alias.route)?;
        self.keep_function_alias(&there, alias).await
    }

    async fn update_function_alias(
        &self,
        function: &FunctionArn,
        name: &Text,
        change: FunctionAliasChange,
    ) -> Result<Arc<FunctionAlias>, FunctionError> {
        let there = self.functions.get(function.name()).ok_or_else(|| not_found(function, name))?;
        let alias = there.releases.aliases.get(name).ok_or_else(|| not_found(function, name))?;
        if change.revision_id.is_some_and(|wanted| alias.revision_id != wanted) {
            return Err(FunctionError::OtherRevision);
        }
        let mut alias = FunctionAlias::clone(alias);
        alias.route.version = change.version.unwrap_or(alias.route.version);
        alias.route.second = change.second.unwrap_or(alias.route.second);
        alias.description = change.description.unwrap_or(alias.description);
        alias.route.check()?;
        check_versions(function, &there, &alias.route)?;
        alias.revision_id = uuid();
        self.keep_function_alias(&there, alias).await
    }

    async fn keep_function_alias(
        &self,
        there: &Deployed,
        alias: FunctionAlias,
    ) -> Result<Arc<FunctionAlias>, FunctionError> {
        let alias = Arc::new(alias);
        let mut releases = Releases::clone(&there.releases);
        releases.aliases.insert(alias.name.clone(), Arc::clone(&alias));
        let changes = vec![FunctionAliasRecord::put(&alias)];
        self.keep_function(there.releasing(releases), changes).await?;
        Ok(alias)
    }

    async fn delete_function_alias(&self, function: &FunctionArn, name: &Text) -> Result<(), FunctionError> {
        let there = self.function(function)?;
        let mut releases = Releases::clone(&there.releases);
        let Some(alias) = releases.aliases.remove(name) else { return Ok(()) };
        self.keep_function(there.releasing(releases), vec![record::delete_function_alias(&alias)]).await?;
        Ok(())
    }
}
