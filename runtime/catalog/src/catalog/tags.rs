//! Tags: of a state machine, whatever its revision.

use super::{Catalog, Inner};
use crate::StateMachineError;
use crate::arn::StateMachineArn;
use crate::error::PublishError;
use crate::published::Published;
use crate::record::StateMachineRecord;
use std::collections::BTreeMap;

impl Catalog {
    /// `ListTagsForResource`, by key.
    pub fn tags(&self, arn: &StateMachineArn) -> Result<BTreeMap<String, String>, StateMachineError> {
        Ok(self.inner.published(arn).map_err(|_| not_tagged(arn))?.tags.clone())
    }

    /// `TagResource`: a tag replaces the one of the same key.
    pub async fn tag(&self, arn: &StateMachineArn, tags: BTreeMap<String, String>) -> Result<(), StateMachineError> {
        self.change_tags(arn, move |there| there.extend(tags)).await
    }

    /// `UntagResource`: a key that is not there is gone already.
    pub async fn untag(&self, arn: &StateMachineArn, keys: Vec<String>) -> Result<(), StateMachineError> {
        self.change_tags(arn, move |there| there.retain(|key, _| !keys.contains(key))).await
    }

    async fn change_tags(
        &self,
        arn: &StateMachineArn,
        change: impl FnOnce(&mut BTreeMap<String, String>) + Send + 'static,
    ) -> Result<(), StateMachineError> {
        let arn = arn.clone();
        self.change(move |inner| async move { inner.change_tags(&arn, change).await }).await
    }
}

fn not_tagged(arn: &StateMachineArn) -> PublishError {
    PublishError::NotTagged { arn: arn.as_text().to_string() }
}

impl Inner {
    async fn change_tags(
        &self,
        arn: &StateMachineArn,
        change: impl FnOnce(&mut BTreeMap<String, String>),
    ) -> Result<(), StateMachineError> {
        let there = self.published(arn).map_err(|_| not_tagged(arn))?;
        let mut published = Published::clone(&there);
        change(&mut published.tags);
        if published.tags == there.tags {
            return Ok(());
        }
        drop(there);
        published.check_tags()?;
        let record = StateMachineRecord::put(&published);
        self.keep(published, vec![record]).await?;
        Ok(())
    }
}
