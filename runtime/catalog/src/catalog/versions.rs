//! Versions: revisions that are kept under a number.

use super::{Catalog, Inner};
use crate::arn::StateMachineArn;
use crate::error::PublishError;
use crate::page::page;
use crate::published::Published;
use crate::record::{self, StateMachineRecord, VersionRecord};
use crate::{INITIAL_REVISION, Page, PageRequest, StateMachineError, Version};
use std::sync::Arc;

impl Catalog {
    /// `PublishStateMachineVersion`: the version of the current revision, which is made unless it is there. With
    /// `revision_id` only if that is the current one.
    pub async fn publish_version(
        &self,
        arn: &StateMachineArn,
        revision_id: Option<String>,
        description: Option<String>,
    ) -> Result<Arc<Version>, StateMachineError> {
        let arn = arn.clone();
        self.change(move |inner| async move { inner.publish_version(&arn, revision_id, description).await }).await
    }

    /// The version of that ARN.
    pub fn version(&self, arn: &StateMachineArn) -> Result<Arc<Version>, StateMachineError> {
        let does_not_exist = || StateMachineError::DoesNotExist { arn: arn.as_text().to_string() };
        let number = arn.version().ok_or_else(does_not_exist)?;
        let published = self.inner.published(&arn.unqualified()).map_err(|_| does_not_exist())?;
        published.versions.get(&number).cloned().ok_or_else(does_not_exist)
    }

    /// `ListStateMachineVersions`, the latest first.
    pub fn list_versions(
        &self,
        arn: &StateMachineArn,
        request: &PageRequest,
    ) -> Result<Page<Arc<Version>>, StateMachineError> {
        let published = self.inner.published(arn)?;
        let all = published.versions.values().cloned().collect();
        // Pages are in the order of texts: these descend as the numbers rise.
        Ok(page(all, |version: &Arc<Version>| format!("{:010}", u32::MAX - version.number), request)?)
    }

    /// `DeleteStateMachineVersion`: one that is not there is deleted already, one that an alias leads to stays.
    pub async fn delete_version(&self, arn: &StateMachineArn) -> Result<(), StateMachineError> {
        let Some(number) = arn.version() else { return Ok(()) };
        let arn = arn.unqualified();
        self.change(move |inner| async move { inner.delete_version(&arn, number).await }).await
    }
}

impl Inner {
    async fn publish_version(
        &self,
        arn: &StateMachineArn,
        revision_id: Option<String>,
        description: Option<String>,
    ) -> Result<Arc<Version>, StateMachineError> {
        let mut published = Published::clone(&*self.published(arn)?);
        let current = published.machine.revision_id.as_deref().unwrap_or(INITIAL_REVISION);
        if let Some(wanted) = revision_id.filter(|wanted| wanted != current) {
            return Err(PublishError::OtherRevision { wanted, current: current.to_owned() }.into());
        }
        let (version, new) = published.publish(description)?;
        if new {
            let changes = vec![StateMachineRecord::put(&published), VersionRecord::put(&version)];
            self.keep(published, changes).await?;
        }
        Ok(version)
    }

    async fn delete_version(&self, arn: &StateMachineArn, number: u32) -> Result<(), StateMachineError> {
        let Ok(there) = self.published(arn) else { return Ok(()) };
        let mut published = Published::clone(&there);
        drop(there);
        let aliases = published.aliases.values().filter(|alias| alias.routes_to(number));
        let aliases: Vec<&str> = aliases.map(|alias| alias.name.as_str()).collect();
        if !aliases.is_empty() {
            return Err(PublishError::VersionInUse { aliases: aliases.join(", ") }.into());
        }
        let Some(version) = published.versions.remove(&number) else { return Ok(()) };
        self.keep(published, vec![record::delete_version(&version)]).await?;
        drop(version);
        self.functions.forget_unused();
        Ok(())
    }
}
