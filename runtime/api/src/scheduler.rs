//! Schedules come due: their slots are settled on disk first, and started then, so that none is started twice by one
//! server, whatever happens to it.

use crate::Service;
use crate::fault::Fault;
use crate::launch::{Launch, detach_all};
use crate::limits::INPUT_BYTES_MAX;
use crate::web::named_target;
use fleetstep_catalog::{Scheduled, Settled};
use fleetstep_document::Text;
use fleetstep_engine::clock;
use fleetstep_trigger::Moment;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The longest sleep. Schedules follow the wall clock and sleeps do not: that the clock was set, or the machine
/// suspended, is noticed after this long.
const NAP_MAX: Duration = Duration::from_secs(10);
/// How long the scheduler waits before it asks the store again that failed.
const STORE_PAUSE: Duration = Duration::from_secs(5);
/// How often a slot that met a bound is tried, and how long it waits between two tries.
const TRIES_MAX: u32 = 5;
const TRY_PAUSE: Duration = Duration::from_secs(1);

/// What came of a schedule's latest slot.
#[derive(Clone, Debug)]
pub(crate) struct LastRun {
    pub(crate) slot: Moment,
    /// The execution's ARN, or why there is none.
    pub(crate) outcome: Result<Text, String>,
}

/// By the schedules' names; of those that there are.
#[derive(Default)]
pub(crate) struct LastRuns(Mutex<BTreeMap<String, LastRun>>);

impl LastRuns {
    pub(crate) fn of(&self, name: &str) -> Option<LastRun> {
        self.runs().get(name).cloned()
    }

    pub(crate) fn forget(&self, name: &str) {
        self.runs().remove(name);
    }

    fn note(&self, name: String, run: LastRun) {
        self.runs().insert(name, run);
    }

    fn runs(&self) -> MutexGuard<'_, BTreeMap<String, LastRun>> {
        // No code under the lock can leave it half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A slot that is this server's to start.
struct Slot {
    scheduled: Arc<Scheduled>,
    at: Moment,
}

impl Service {
    /// Starts what the schedules of this account ask for; returns when the server is told to stop.
    pub(crate) async fn run_schedules(&self) {
        let mut changed = self.catalog().schedules_changed();
        while !self.is_withdrawn() {
            changed.mark_unchanged();
            let now = now();
            // By itself, so that what is settled is started even where nobody waits for it any more.
            let service = self.clone();
            let ran = tokio::spawn(async move { service.run_due(now).await }).await;
            let pause = match ran.unwrap_or_else(|error| Err(error.to_string())) {
                Ok(()) => self.pause(now),
                Err(problem) => {
                    self.report_seldom(&format!("schedules wait: {problem}"));
                    Some(STORE_PAUSE)
                }
            };
            match pause {
                // Its sender lives as long as the catalog.
                Some(pause) => drop(tokio::time::timeout(pause, changed.changed()).await),
                None => drop(changed.changed().await),
            }
        }
    }

    /// How long there is nothing to do; nothing where no schedule has another slot.
    fn pause(&self, now: Moment) -> Option<Duration> {
        let schedules = self.catalog().schedules();
        let next = schedules.iter().filter_map(|scheduled| scheduled.next).min()?;
        Some(Duration::try_from(next.duration_since(now)).unwrap_or_default().min(NAP_MAX))
    }

    /// Settles all slots that have come, and starts those that are to run.
    pub(crate) async fn run_due(&self, now: Moment) -> Result<(), String> {
        let schedules = self.catalog().schedules();
        let has_come = |scheduled: &&Arc<Scheduled>| scheduled.next.is_some_and(|next| next <= now);
        let mut due = Vec::new();
        for scheduled in schedules.iter().filter(has_come) {
            if let Some(found) = scheduled.schedule.due(scheduled.settled, now) {
                due.push((Slot { scheduled: Arc::clone(scheduled), at: found.slot }, found.runs));
            }
        }
        if due.is_empty() {
            return Ok(());
        }
        let named = |(slot, _): &(Slot, bool)| Settled { name: slot.name().to_owned(), slot: slot.at };
        let settled = self.catalog().settle(due.iter().map(named).collect()).await;
        let settled = settled.map_err(|error| error.to_string())?;
        let is_ours = |slot: &Slot| settled.iter().any(|ours| ours.name == slot.name() && ours.slot == slot.at);
        let slots = due.into_iter().filter(|(slot, runs)| *runs && is_ours(slot)).map(|(slot, _)| slot);
        self.start_slots(slots.collect()).await;
        Ok(())
    }

    /// Starts slots, all of them at once; those that met a bound again a little later.
    async fn start_slots(&self, mut slots: Vec<Slot>) {
        for at_try in 1..=TRIES_MAX {
            let launches = slots.iter().map(|slot| slot.launch(self)).collect();
            let answers = detach_all(self, launches).await;
            let mut later = Vec::new();
            for (slot, answer) in slots.into_iter().zip(answers) {
                match answer {
                    Ok((identity, _)) => self.ran(&slot, Ok(identity.execution_arn.clone())),
                    Err(fault) if fault.may_help_later() && at_try < TRIES_MAX => later.push(slot),
                    Err(fault) => self.ran(&slot, Err(fault.message().to_owned())),
                }
            }
            slots = later;
            if slots.is_empty() || self.is_withdrawn() {
                break;
            }
            tokio::time::sleep(TRY_PAUSE).await;
        }
    }

    fn ran(&self, slot: &Slot, outcome: Result<Text, String>) {
        if let Err(problem) = &outcome {
            self.report(&format!("schedule '{}' did not start its slot of {}: {problem}", slot.name(), slot.at));
        }
        self.last_runs().note(slot.name().to_owned(), LastRun { slot: slot.at, outcome });
    }
}

impl Slot {
    fn name(&self) -> &str {
        &self.scheduled.schedule.spec().name
    }

    fn launch(&self, service: &Service) -> Result<Launch, Fault> {
        let schedule = &self.scheduled.schedule;
        let target = named_target(service, &schedule.spec().workflow)?;
        let input = schedule.input(self.at, fastrand::u64(..)).map_err(|error| Fault::unfit(&error.message))?;
        let bytes = input.json_len();
        if bytes > INPUT_BYTES_MAX {
            return Err(Fault::input_too_large());
        }
        Launch::new(service, target, Some(&schedule.slot_name(self.at)), input, bytes)
    }
}

/// The time now.
fn now() -> Moment {
    Moment::from_microsecond(clock::now().as_micros()).unwrap_or(Moment::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executions::ListRequest;
    use crate::{Limits, Options};
    use fleetstep_catalog::{Catalog, CatalogConfig, CreateStateMachine, DefinitionFormat, MemoryStore, WorkflowType};
    use fleetstep_engine::Engine;
    use fleetstep_trigger::ScheduleSpec;
    use fleetstep_wasm::{Sandbox, SandboxConfig};

    /// A service over a store that outlives it. Schedules in it were made at the time of the test, so that all times
    /// here count from the next full hour.
    async fn service(store: &Arc<MemoryStore>) -> Service {
        let sandbox = Sandbox::new(SandboxConfig { instances_max: 2, ..SandboxConfig::default() }).unwrap();
        let catalog = Catalog::open(CatalogConfig::default(), Arc::new(sandbox), Arc::clone(store) as _).await.unwrap();
        let engine = Engine::new(fleetstep_engine::Limits { executions_running_max: 2, workers: 1 });
        Service::new(catalog, engine, Options { limits: Limits::default(), ..Options::default() }, |_| ())
    }

    async fn workflow(service: &Service, name: &str, definition: &str) {
        let create = CreateStateMachine {
            name: name.to_owned(),
            definition: definition.to_owned(),
            format: DefinitionFormat::Json,
            role_arn: "arn:aws:iam::000000000000:role/r".to_owned(),
            workflow_type: WorkflowType::Express,
            logging: None,
            tracing: None,
            tags: BTreeMap::new(),
            publish: None,
        };
        service.catalog().create_state_machine(create).await.unwrap();
    }

    async fn put(service: &Service, json: &str) {
        let name = json.split('"').nth(3).unwrap();
        let spec = ScheduleSpec::from_json(json.as_bytes(), name).unwrap();
        service.catalog().put_schedule(spec).await.unwrap();
    }

    /// Names and inputs of what has run, the oldest first.
    fn ran(service: &Service) -> Vec<(String, String)> {
        let request = ListRequest { items_max: 1_000, ..ListRequest::default() };
        let (summaries, _) = service.executions().list(&request, |_| true).unwrap();
        let input = |arn: &str| service.executions().describe(arn).unwrap().input.json().to_json();
        let mut all: Vec<_> = summaries.iter().map(|one| (one.name().to_owned(), input(&one.arn))).collect();
        all.sort();
        all
    }

    fn hour() -> Moment {
        let hour = now().as_second() / 3_600 + 1;
        Moment::from_second(hour * 3_600).unwrap()
    }

    fn after(seconds: i64) -> Moment {
        hour() + std::time::Duration::from_secs(seconds.unsigned_abs())
    }

    const PASS: &str = r#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#;

    #[tokio::test]
    async fn a_slot_is_started_once_whatever_comes_of_the_server() {
        let store = Arc::new(MemoryStore::default());
        let one = service(&store).await;
        workflow(&one, "w", PASS).await;
        put(&one, r#"{"name":"hourly","schedule":"cron(0 * * * ? *)","workflow":"w","input":"{% $schedule.time %}"}"#)
            .await;
        put(&one, r#"{"name":"off","schedule":"cron(0 * * * ? *)","workflow":"w","enabled":false}"#).await;
        one.run_due(now()).await.unwrap();
        assert!(ran(&one).is_empty(), "none has come");
        one.run_due(after(1)).await.unwrap();
        one.run_due(after(2)).await.unwrap();
        let name = format!("hourly-{}", hour().strftime("%Y%m%dT%H%M%SZ"));
        assert_eq!(ran(&one), [(name, format!("\"{}\"", hour()))]);
        assert!(one.last_runs().of("hourly").unwrap().outcome.unwrap().contains(":express:w:hourly-"));
        let two = service(&store).await;
        two.run_due(after(3)).await.unwrap();
        assert!(ran(&two).is_empty(), "it was settled before it was started");
        two.run_due(after(3_601)).await.unwrap();
        assert_eq!(ran(&two).len(), 1);
    }

    #[tokio::test]
    async fn what_was_missed_is_run_once_or_not_at_all() {
        let store = Arc::new(MemoryStore::default());
        let one = service(&store).await;
        workflow(&one, "w", PASS).await;
        put(&one, r#"{"name":"skips","schedule":"cron(0 * * * ? *)","workflow":"w"}"#).await;
        put(&one, r#"{"name":"once","schedule":"cron(0 * * * ? *)","workflow":"w","missed":"run-once"}"#).await;
        drop(one);
        let two = service(&store).await;
        two.run_due(after(10 * 3_600 + 600)).await.unwrap();
        let latest = after(10 * 3_600).strftime("once-%Y%m%dT%H%M%SZ").to_string();
        assert_eq!(ran(&two).iter().map(|(name, _)| name).collect::<Vec<_>>(), [&latest]);
        two.run_due(after(11 * 3_600)).await.unwrap();
        assert_eq!(ran(&two).len(), 3, "both go on");
    }

    #[tokio::test]
    async fn what_meets_a_bound_is_tried_again_and_what_cannot_be_is_told() {
        let store = Arc::new(MemoryStore::default());
        let one = service(&store).await;
        workflow(&one, "wait", r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":100,"End":true}}}"#).await;
        for name in ["a", "b", "c"] {
            put(&one, &format!(r#"{{"name":"{name}","schedule":"cron(0 * * * ? *)","workflow":"wait"}}"#)).await;
        }
        put(&one, r#"{"name":"none","schedule":"cron(0 * * * ? *)","workflow":"none"}"#).await;
        one.run_due(after(0)).await.unwrap();
        let outcomes = ["a", "b", "c", "none"].map(|name| one.last_runs().of(name).unwrap().outcome);
        assert_eq!(outcomes.each_ref().map(Result::is_ok), [true, true, false, false], "two fit into the engine");
        assert_eq!(outcomes[2], Err("Rate exceeded".to_owned()));
        assert!(outcomes[3].as_ref().unwrap_err().contains("State Machine Does Not Exist"));
    }

    #[tokio::test]
    async fn a_schedule_that_says_the_same_again_goes_on_and_another_begins_anew() {
        let store = Arc::new(MemoryStore::default());
        let one = service(&store).await;
        let json = r#"{"name":"s","schedule":"rate(1 hour)","workflow":"w"}"#;
        put(&one, json).await;
        let created = one.catalog().schedules()[0].created;
        let slot = one.catalog().schedules()[0].next.unwrap();
        one.run_due(slot).await.unwrap();
        put(&one, json).await;
        let there = one.catalog().schedules();
        assert_eq!((there[0].created, there[0].settled), (created, slot));
        put(&one, r#"{"name":"s","schedule":"rate(2 hours)","workflow":"w"}"#).await;
        assert!(one.catalog().schedules()[0].settled < slot);
        assert!(one.catalog().delete_schedule("s").await.unwrap());
        assert!(!one.catalog().delete_schedule("s").await.unwrap());
        one.run_due(slot).await.unwrap();
    }
}
