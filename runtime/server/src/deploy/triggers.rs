//! `[[routes]]` and `[[schedules]]` of a manifest.

use crate::terminal::progress;
use anyhow::{Context as _, Result, bail};
use fleetstep_catalog::{Catalog, TriggerError};
use fleetstep_trigger::{Problems, RouteSpec, ScheduleSpec};

pub(super) async fn put(catalog: &Catalog, routes: &[RouteSpec], schedules: &[ScheduleSpec]) -> Result<()> {
    check_names("route", routes.iter().map(|route| route.name.as_str()))?;
    check_names("schedule", schedules.iter().map(|schedule| schedule.name.as_str()))?;
    for route in routes {
        put_route(catalog, routes, route).await.with_context(|| format!("route {}", route.name))?;
        progress(format_args!("route {}: {} {} starts {}", route.name, route.method, route.path, route.workflow));
    }
    for schedule in schedules {
        let put = catalog.put_schedule(schedule.clone()).await;
        put.map_err(told).with_context(|| format!("schedule {}", schedule.name))?;
        progress(format_args!("schedule {}: {} starts {}", schedule.name, schedule.schedule, schedule.workflow));
    }
    Ok(())
}

/// Two of the same name would be one.
fn check_names<'a>(what: &str, names: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            bail!("there are two {what}s with the name '{name}'");
        }
    }
    Ok(())
}

/// Puts a route. One that an earlier manifest left under another name makes room for it: nobody could delete it before
/// the server is up.
async fn put_route(catalog: &Catalog, all: &[RouteSpec], route: &RouteSpec) -> Result<()> {
    loop {
        match catalog.put_route(route.clone()).await {
            Err(TriggerError::Conflict(conflict)) if !all.iter().any(|other| other.name == conflict.other) => {
                progress(format_args!("route {} is deleted: {} takes its place", conflict.other, route.name));
                if !catalog.delete_route(&conflict.other).await? {
                    bail!(conflict);
                }
            }
            put => return put.map(drop).map_err(told),
        }
    }
}

/// Problems a line each.
fn told(error: TriggerError) -> anyhow::Error {
    match error {
        TriggerError::Invalid(Problems(problems)) => {
            let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
            anyhow::anyhow!("{}", lines.join("\n  "))
        }
        other => other.into(),
    }
}
