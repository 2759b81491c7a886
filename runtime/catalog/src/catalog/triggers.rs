//! Routes and schedules: look-ups, and the changes.

use super::open::unreadable;
use super::{Catalog, Inner};
use crate::record::{self, RouteRecord, ScheduleRecord};
use crate::{Change, OpenError, RecordKind, StoreError, Stored, TriggerError};
use arc_swap::ArcSwap;
use fleetstep_engine::clock;
use fleetstep_trigger::{Moment, Route, RouteSpec, Routes, Schedule, ScheduleSpec};
use std::sync::Arc;
use tokio::sync::watch;

/// The most routes of one catalog.
pub const ROUTES_OF_ACCOUNT_MAX: usize = 1_000;
/// The most schedules of one catalog.
pub const SCHEDULES_MAX: usize = 1_000;

/// What starts state machines by itself. Each table is replaced as a whole, so that who looks sees one moment of it.
pub(super) struct Triggers {
    routes: ArcSwap<Routes>,
    /// In the order of their names.
    schedules: ArcSwap<Vec<Arc<Scheduled>>>,
    /// Told when schedules became others.
    changed: watch::Sender<()>,
}

impl Default for Triggers {
    fn default() -> Self {
        Self { routes: ArcSwap::default(), schedules: ArcSwap::default(), changed: watch::Sender::new(()) }
    }
}

/// A schedule, and how far it is.
#[derive(Clone, Debug)]
pub struct Scheduled {
    /// The schedule.
    pub schedule: Schedule,
    /// When it was made, or last became another.
    pub created: Moment,
    /// Slots up to here are done with.
    pub settled: Moment,
    /// The first slot after that.
    pub next: Option<Moment>,
}

/// A slot that is done with from now on, and with it all before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The schedule's name.
    pub name: String,
    /// The slot.
    pub slot: Moment,
}

impl Scheduled {
    fn new(schedule: Schedule, created: Moment, settled: Moment) -> Self {
        let next = schedule.next_after(settled);
        Self { schedule, created, settled, next }
    }

    fn name(&self) -> &str {
        &self.schedule.spec().name
    }
}

/// The time now, in whole seconds.
fn now() -> Moment {
    Moment::from_second(clock::now().as_millis().div_euclid(1_000)).unwrap_or(Moment::MAX)
}

impl Catalog {
    /// The table of routes.
    #[must_use]
    pub fn routes(&self) -> Arc<Routes> {
        self.inner.triggers.routes.load_full()
    }

    /// Puts a route, in the place of one of the same name; whether it is a new one. Where the spec has no secrets, those
    /// of the one before it stay.
    pub async fn put_route(&self, spec: RouteSpec) -> Result<(Arc<Route>, bool), TriggerError> {
        self.change(move |inner| async move { inner.put_route(spec).await }).await
    }

    /// Deletes a route; whether there was one.
    pub async fn delete_route(&self, name: &str) -> Result<bool, TriggerError> {
        let name = name.to_owned();
        self.change(move |inner| async move { inner.delete_route(name).await }).await
    }

    /// Every schedule, in the order of the names.
    #[must_use]
    pub fn schedules(&self) -> Arc<Vec<Arc<Scheduled>>> {
        self.inner.triggers.schedules.load_full()
    }

    /// Told whenever schedules became others.
    #[must_use]
    pub fn schedules_changed(&self) -> watch::Receiver<()> {
        self.inner.triggers.changed.subscribe()
    }

    /// Puts a schedule, in the place of one of the same name; whether it is a new one. One that says nothing new goes on
    /// from where it is; of another, no slot before now is run.
    pub async fn put_schedule(&self, spec: ScheduleSpec) -> Result<(Arc<Scheduled>, bool), TriggerError> {
        self.change(move |inner| async move { inner.put_schedule(spec).await }).await
    }

    /// Deletes a schedule; whether there was one.
    pub async fn delete_schedule(&self, name: &str) -> Result<bool, TriggerError> {
        let name = name.to_owned();
        self.change(move |inner| async move { inner.delete_schedule(name).await }).await
    }

    /// Settles slots, on disk first: those that were not settled before, and are the caller's to run. What was
    /// deleted, or became another, meanwhile, is not.
    pub async fn settle(&self, slots: Vec<Settled>) -> Result<Vec<Settled>, StoreError> {
        self.change(move |inner| async move { inner.settle(slots).await }).await
    }
}

impl Inner {
    async fn put_route(&self, spec: RouteSpec) -> Result<(Arc<Route>, bool), TriggerError> {
        let there = self.triggers.routes.load_full();
        let before = there.get(&spec.name);
        let spec = before.map_or_else(|| spec.clone(), |before| spec.clone().with_secrets_of(before.spec()));
        if let Some(before) = before.filter(|before| *before.spec() == spec) {
            return Ok((Arc::clone(before), false));
        }
        if before.is_none() && there.all().len() >= ROUTES_OF_ACCOUNT_MAX {
            return Err(TriggerError::LimitExceeded { what: "routes", count_max: ROUTES_OF_ACCOUNT_MAX });
        }
        let route = Arc::new(spec.compile()?);
        let name = &route.spec().name;
        let others = there.all().iter().filter(|other| other.spec().name != *name);
        let table = Routes::new(others.chain([&route]).map(Arc::clone))?;
        self.store.write(vec![RouteRecord::put(route.spec())]).await?;
        self.triggers.routes.store(Arc::new(table));
        Ok((Arc::clone(&route), before.is_none()))
    }

    async fn delete_route(&self, name: String) -> Result<bool, TriggerError> {
        let there = self.triggers.routes.load_full();
        let was_there = there.get(&name).is_some();
        let table = Routes::new(there.all().iter().filter(|other| other.spec().name != name).map(Arc::clone))?;
        // Whether it is served or not: one that could not be brought back is forgotten too.
        self.store.write(vec![Change::Delete { kind: RecordKind::Route, name }]).await?;
        self.triggers.routes.store(Arc::new(table));
        Ok(was_there)
    }

    async fn put_schedule(&self, spec: ScheduleSpec) -> Result<(Arc<Scheduled>, bool), TriggerError> {
        let there = self.triggers.schedules.load_full();
        let at = there.binary_search_by(|other| other.name().cmp(&spec.name));
        if let Ok(at) = at
            && *there[at].schedule.spec() == spec
        {
            return Ok((Arc::clone(&there[at]), false));
        }
        if at.is_err() && there.len() >= SCHEDULES_MAX {
            return Err(TriggerError::LimitExceeded { what: "schedules", count_max: SCHEDULES_MAX });
        }
        let now = now();
        let scheduled = Arc::new(Scheduled::new(spec.compile(now)?, now, now));
        let mut all = there.to_vec();
        match at {
            Ok(at) => all[at] = Arc::clone(&scheduled),
            Err(at) => all.insert(at, Arc::clone(&scheduled)),
        }
        self.store.write(vec![ScheduleRecord::put(scheduled.schedule.spec(), now, now)]).await?;
        self.triggers.replace(all);
        Ok((scheduled, at.is_err()))
    }

    async fn delete_schedule(&self, name: String) -> Result<bool, TriggerError> {
        let mut all = self.triggers.schedules.load_full().to_vec();
        let before = all.len();
        all.retain(|other| other.name() != name);
        let was_there = all.len() < before;
        self.store.write(vec![Change::Delete { kind: RecordKind::Schedule, name }]).await?;
        self.triggers.replace(all);
        Ok(was_there)
    }

    async fn settle(&self, slots: Vec<Settled>) -> Result<Vec<Settled>, StoreError> {
        let mut all = self.triggers.schedules.load_full().to_vec();
        let (mut changes, mut settled) = (Vec::new(), Vec::new());
        for slot in slots {
            let Ok(at) = all.binary_search_by(|other| other.name().cmp(&slot.name)) else { continue };
            let there = &all[at];
            if there.settled >= slot.slot {
                continue;
            }
            let next = Scheduled::new(there.schedule.clone(), there.created, slot.slot);
            changes.push(ScheduleRecord::put(next.schedule.spec(), next.created, next.settled));
            all[at] = Arc::new(next);
            settled.push(slot);
        }
        if settled.is_empty() {
            return Ok(settled);
        }
        self.store.write(changes).await?;
        self.triggers.schedules.store(Arc::new(all));
        Ok(settled)
    }

    /// What no longer compiles is told and not served; it stays in the store.
    pub(super) fn bring_back_triggers(&mut self, records: &[Stored]) -> Result<(), OpenError> {
        let of = |kind| records.iter().filter(move |stored| stored.kind == kind);
        let mut routes = Vec::new();
        for stored in of(RecordKind::Route) {
            let record: RouteRecord = record::read(stored).map_err(|message| unreadable(stored, message))?;
            match record.spec.compile() {
                Ok(route) => routes.push(Arc::new(route)),
                Err(problems) => self.problems.push(format!("route '{}' is not served: {problems}", stored.name)),
            }
        }
        let table = loop {
            match Routes::new(routes.iter().map(Arc::clone)) {
                Ok(table) => break table,
                // None was stored that was one; what counts as one may be another thing today.
                Err(conflict) => {
                    routes.retain(|route| route.spec().name != conflict.name);
                    self.problems.push(conflict.to_string());
                }
            }
        };
        self.triggers.routes.store(Arc::new(table));
        let mut schedules = Vec::new();
        for stored in of(RecordKind::Schedule) {
            let record: ScheduleRecord = record::read(stored).map_err(|message| unreadable(stored, message))?;
            let moment = |seconds| Moment::from_second(seconds).map_err(|error| unreadable(stored, error.to_string()));
            let (created, settled) = (moment(record.created_seconds)?, moment(record.settled_seconds)?);
            match record.spec.compile(created) {
                Ok(schedule) => schedules.push(Arc::new(Scheduled::new(schedule, created, settled))),
                Err(problems) => self.problems.push(format!("schedule '{}' does not run: {problems}", stored.name)),
            }
        }
        schedules.sort_by(|a, b| a.name().cmp(b.name()));
        self.triggers.replace(schedules);
        Ok(())
    }
}

impl Triggers {
    fn replace(&self, schedules: Vec<Arc<Scheduled>>) {
        self.schedules.store(Arc::new(schedules));
        self.changed.send_replace(());
    }
}
