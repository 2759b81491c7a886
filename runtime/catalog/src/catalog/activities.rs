//! Activities: names under which workers come for tasks. What waits for a worker, the API knows.

use super::{ACTIVITIES_MAX, Catalog, Inner};
use crate::arn::ActivityArn;
use crate::page::page;
use crate::record::{self, ActivityRecord};
use crate::{ActivityError, Change, InvalidToken, Page, PageRequest, RecordKind, StoreError, Stored};
use fleetstep_engine::clock;
use fleetstep_machine::Timestamp;
use std::collections::BTreeMap;

/// An activity that was created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activity {
    /// Its ARN.
    pub arn: ActivityArn,
    /// When it was created.
    pub created: Timestamp,
    /// Tags, kept with it.
    pub tags: BTreeMap<String, String>,
}

impl Catalog {
    /// `CreateActivity`: one that is there already is what is answered.
    pub async fn create_activity(&self, name: &str, tags: BTreeMap<String, String>) -> Result<Activity, ActivityError> {
        let arn = ActivityArn::new(self.place(), name)?;
        self.change(move |inner| async move { inner.create_activity(arn, tags).await }).await
    }

    /// `DeleteActivity`: one that is not there is gone already.
    pub async fn delete_activity(&self, arn: &ActivityArn) -> Result<(), ActivityError> {
        let arn = arn.clone();
        self.change(move |inner| async move { Ok(inner.delete_activity(&arn).await?) }).await
    }

    /// The activity of that ARN, if it is here.
    #[must_use]
    pub fn activity(&self, arn: &str) -> Option<Activity> {
        let activity = self.inner.activities.get(arn.rsplit(':').next()?)?.clone();
        (activity.arn.as_text() == arn).then_some(activity)
    }

    /// `ListActivities`, by name.
    pub fn list_activities(&self, request: &PageRequest) -> Result<Page<Activity>, InvalidToken> {
        let all = self.inner.activities.iter().map(|activity| activity.clone()).collect();
        page(all, |activity: &Activity| activity.arn.name().clone(), request)
    }
}

impl Inner {
    async fn create_activity(
        &self,
        arn: ActivityArn,
        tags: BTreeMap<String, String>,
    ) -> Result<Activity, ActivityError> {
        if let Some(there) = self.activities.get(arn.name()) {
            return Ok(there.clone());
        }
        if self.activities.len() >= ACTIVITIES_MAX {
            return Err(ActivityError::LimitExceeded { activities_max: ACTIVITIES_MAX });
        }
        let activity = Activity { arn, created: clock::now(), tags };
        self.store.write(vec![ActivityRecord::put(&activity)]).await?;
        self.activities.insert(activity.arn.name().clone(), activity.clone());
        Ok(activity)
    }

    async fn delete_activity(&self, arn: &ActivityArn) -> Result<(), StoreError> {
        let is_there = self.activities.get(arn.name()).is_some_and(|there| there.arn == *arn);
        if is_there {
            let name = arn.name().to_string();
            self.store.write(vec![Change::Delete { kind: RecordKind::Activity, name }]).await?;
            self.activities.remove(arn.name());
        }
        Ok(())
    }

    /// Puts the activities of `records` into an empty catalog.
    pub(super) fn bring_back_activities(&self, records: &[Stored]) -> Result<(), StoreError> {
        for stored in records.iter().filter(|stored| stored.kind == RecordKind::Activity) {
            let unreadable = |message: String| super::open::unreadable(stored, message);
            let record: ActivityRecord = record::read(stored).map_err(unreadable)?;
            let arn = ActivityArn::new(&self.config.place, &stored.name);
            let arn = arn.map_err(|error| unreadable(error.to_string()))?;
            let created = Timestamp::from_micros(record.created_micros);
            self.activities.insert(arn.name().clone(), Activity { arn, created, tags: record.tags });
        }
        Ok(())
    }
}
