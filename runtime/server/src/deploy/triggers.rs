//! `[[routes]]` and `[[schedules]]` of a manifest.

use super::target::{Change, Done, Failure};
use crate::terminal::progress;
use anyhow::{Result, anyhow, bail};
use fleetstep_catalog::{Catalog, TriggerError};
use fleetstep_engine::clock;
use fleetstep_trigger::{Moment, Problems, RouteSpec, ScheduleSpec};
use serde_json::Value;
use std::collections::BTreeSet;

/// What starts a workflow.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Trigger {
    Route(RouteSpec),
    Schedule(ScheduleSpec),
}

impl Trigger {
    /// `route` or `schedule`.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Route(_) => "route",
            Self::Schedule(_) => "schedule",
        }
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Route(route) => &route.name,
            Self::Schedule(schedule) => &schedule.name,
        }
    }

    /// What it does, in a line.
    pub(crate) fn says(&self) -> String {
        match self {
            Self::Route(route) => format!("{} {} starts {}", route.method, route.path, route.workflow),
            Self::Schedule(schedule) => format!("{} starts {}", schedule.schedule, schedule.workflow),
        }
    }

    /// As `/v1` takes it.
    pub(super) fn json(&self) -> serde_json::Result<Value> {
        match self {
            Self::Route(route) => serde_json::to_value(route),
            Self::Schedule(schedule) => serde_json::to_value(schedule),
        }
    }

    /// Whether it has what nobody is shown.
    pub(super) fn has_secrets(&self) -> bool {
        matches!(self, Self::Route(route) if route.verify.iter().any(|verify| !verify.secrets.is_empty()))
    }

    /// What is wrong with it by itself.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let checked = match self {
            Self::Route(route) => route.clone().compile().map(drop),
            Self::Schedule(schedule) => {
                let now = Moment::from_microsecond(clock::now().as_micros())?;
                schedule.clone().compile(now).map(drop)
            }
        };
        checked.map_err(|problems| Failure::Other(told(problems)))
    }
}

/// Two of the same name would be one.
pub(super) fn check_names(triggers: &[Trigger]) -> Result<()> {
    let mut seen = BTreeSet::new();
    for trigger in triggers {
        if !seen.insert((trigger.kind(), trigger.name())) {
            bail!("there are two {}s with the name '{}'", trigger.kind(), trigger.name());
        }
    }
    Ok(())
}

/// Puts a trigger into a catalog; `all` are those of the manifest.
pub(super) async fn put(catalog: &Catalog, trigger: &Trigger, all: &[Trigger]) -> Result<Done, Failure> {
    let (is_same, is_new) = match trigger {
        Trigger::Route(route) => {
            let is_same = catalog.routes().get(&route.name).is_some_and(|there| there.spec() == route);
            (is_same, put_route(catalog, route, all).await.map_err(Failure::Other)?)
        }
        Trigger::Schedule(schedule) => {
            let schedules = catalog.schedules();
            let is_same = schedules.iter().any(|there| there.schedule.spec() == schedule);
            let put = catalog.put_schedule(schedule.clone()).await;
            (is_same, put.map_err(|error| Failure::Other(refused(error)))?.1)
        }
    };
    let change = match (is_same, is_new) {
        (true, _) => Change::Unchanged,
        (false, true) => Change::Created,
        (false, false) => Change::Updated,
    };
    Ok(Done::trigger(change))
}

/// Puts a route; whether it is a new one. One that an earlier manifest left under another name makes room for it: nobody
/// could delete it before the server is up.
async fn put_route(catalog: &Catalog, route: &RouteSpec, all: &[Trigger]) -> Result<bool> {
    loop {
        match catalog.put_route(route.clone()).await {
            Err(TriggerError::Conflict(conflict)) if !has_route(all, &conflict.other) => {
                progress(format_args!("route {} is deleted: {} takes its place", conflict.other, route.name));
                if !catalog.delete_route(&conflict.other).await? {
                    bail!(conflict);
                }
            }
            put => return put.map(|(_, is_new)| is_new).map_err(refused),
        }
    }
}

fn has_route(all: &[Trigger], name: &str) -> bool {
    all.iter().any(|trigger| matches!(trigger, Trigger::Route(route) if route.name == name))
}

fn refused(error: TriggerError) -> anyhow::Error {
    match error {
        TriggerError::Invalid(problems) => told(problems),
        other => other.into(),
    }
}

/// Problems a line each.
fn told(Problems(problems): Problems) -> anyhow::Error {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    anyhow!("{}", lines.join("\n  "))
}
