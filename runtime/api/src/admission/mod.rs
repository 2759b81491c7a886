//! Who may start, beyond what the engine lets in: rates and running executions of an account and of a workflow, and the
//! memory of the process. Over a bound the answer comes at once; nothing queues.
//!
//! A server for which none of this is set meets one branch for each start, and another for the memory.

mod bucket;
mod memory;

use crate::fault::{Fault, Kind};
pub(crate) use bucket::Bucket;
use fleetstep_engine::clock;
pub(crate) use memory::Memory;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// Bounds for the starts of an account, or of a workflow.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StartBounds {
    /// Starts a second, on average.
    pub start_rate: Option<f64>,
    /// Starts at once after a pause; a second's worth of the rate unless said.
    pub start_burst: Option<u32>,
    /// Executions that run at a time, waiting ones included.
    pub executions_running_max: Option<usize>,
}

/// What a server is told about starts.
#[derive(Clone, Debug, Default)]
pub struct AdmissionConfig {
    /// For each account by itself.
    pub each_account: StartBounds,
    /// For one account instead, by its id.
    pub accounts: HashMap<String, StartBounds>,
    /// For workflows by name, in each account.
    pub workflows: HashMap<String, StartBounds>,
    /// Resident memory of the process above which nothing is started, in bytes.
    pub memory_bytes_max: Option<u64>,
}

macro_rules! bounds {
    ($($(#[$doc:meta])* $name:ident $label:literal;)*) => {
        /// What a start can be refused for here.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Bound { $($(#[$doc])* $name,)* }

        impl Bound {
            /// All of them, in the order of their counts.
            pub(crate) const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its name in the metrics.
            pub(crate) fn label(self) -> &'static str {
                match self { $(Self::$name => $label,)* }
            }
        }
    };
}

bounds! {
    /// Executions of the whole server.
    ServerRunning "executions_running_max";
    /// Starts of an account.
    AccountRate "account_start_rate";
    /// Executions of an account.
    AccountRunning "account_executions_running_max";
    /// Starts of a workflow.
    WorkflowRate "workflow_start_rate";
    /// Executions of a workflow.
    WorkflowRunning "workflow_executions_running_max";
    /// Memory of the process.
    Memory "memory_max_mib";
}

/// How often each bound was met, in the whole server.
#[derive(Debug, Default)]
pub(crate) struct Refusals([AtomicU64; Bound::ALL.len()]);

impl Refusals {
    pub(crate) fn count(&self, bound: Bound) {
        self.0[bound as usize].fetch_add(1, Relaxed);
    }

    pub(crate) fn of(&self, bound: Bound) -> u64 {
        self.0[bound as usize].load(Relaxed)
    }
}

/// The bounds of one account.
#[derive(Debug)]
pub(crate) struct Admission {
    account: Option<Arc<Scope>>,
    workflows: HashMap<String, Arc<Scope>>,
    is_unbounded: bool,
    memory: Arc<Memory>,
    refusals: Arc<Refusals>,
}

/// How a start came in: it is refused in the words of its operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Sync,
    Async,
}

/// The right of one execution to run, as far as anyone counts; given back when dropped.
#[derive(Debug, Default)]
pub(crate) struct Entry([Option<Arc<Scope>>; 2]);

impl Admission {
    pub(crate) fn new(config: &AdmissionConfig, account: &str, memory: Arc<Memory>, refusals: Arc<Refusals>) -> Self {
        let of_account = config.accounts.get(account).unwrap_or(&config.each_account);
        let named = |(name, bounds): (&String, &StartBounds)| Some((name.clone(), Scope::new(bounds)?));
        let workflows: HashMap<_, _> = config.workflows.iter().filter_map(named).collect();
        let account = Scope::new(of_account);
        let is_unbounded = account.is_none() && workflows.is_empty();
        Self { account, workflows, is_unbounded, memory, refusals }
    }

    /// Lets one more execution of a workflow in, or not.
    pub(crate) fn enter(&self, workflow: &str, way: Way) -> Result<Option<Entry>, Fault> {
        if self.memory.is_short() {
            self.refusals.count(Bound::Memory);
            return Err(Fault::throttled());
        }
        if self.is_unbounded {
            return Ok(None);
        }
        self.enter_at(workflow, way, clock::now().as_micros()).map(Some)
    }

    fn enter_at(&self, workflow: &str, way: Way, now: i64) -> Result<Entry, Fault> {
        let mut entry = Entry::default();
        let scopes = [
            (self.workflows.get(workflow), Bound::WorkflowRunning, Bound::WorkflowRate),
            (self.account.as_ref(), Bound::AccountRunning, Bound::AccountRate),
        ];
        // Places first: they are given back if the rate says no, and what a rate gave is gone.
        for ((scope, bound, _), place) in scopes.iter().zip(&mut entry.0) {
            let Some(scope) = scope else { continue };
            if !scope.occupy() {
                self.refusals.count(*bound);
                return Err(crowded(way));
            }
            *place = Some(Arc::clone(scope));
        }
        for (scope, _, bound) in scopes {
            let Some(bucket) = scope.and_then(|scope| scope.bucket.as_ref()) else { continue };
            bucket.take(now).map_err(|wait| {
                self.refusals.count(bound);
                Fault::throttled().retry_after(wait)
            })?;
        }
        Ok(entry)
    }

    /// Running executions of a workflow or the account that are counted, with their bounds; for those who look.
    pub(crate) fn running(&self) -> impl Iterator<Item = (Option<&str>, usize, usize)> {
        let account = self.account.iter().map(|scope| (None, scope));
        let workflows = self.workflows.iter().map(|(name, scope)| (Some(name.as_str()), scope));
        account.chain(workflows).map(|(name, scope)| (name, scope.running.load(Relaxed), scope.running_max))
    }

    pub(crate) fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    /// That of another account, beside this one.
    pub(crate) fn beside(&self, config: &AdmissionConfig, account: &str) -> Self {
        Self::new(config, account, Arc::clone(&self.memory), Arc::clone(&self.refusals))
    }
}

/// Too many run at a time: asynchronous starts have an exception of their own for that.
fn crowded(way: Way) -> Fault {
    match way {
        Way::Sync => Fault::throttled(),
        Way::Async => Fault::new(
            Kind::ExecutionLimitExceeded,
            "The maximum number of running executions has been reached. Running executions must end or be stopped \
             before a new execution can be started.",
        ),
    }
}

/// What is counted together.
#[derive(Debug)]
struct Scope {
    bucket: Option<Bucket>,
    running: AtomicUsize,
    running_max: usize,
}

impl Scope {
    /// Nothing where nothing is bounded.
    fn new(bounds: &StartBounds) -> Option<Arc<Self>> {
        let StartBounds { start_rate, start_burst, executions_running_max } = *bounds;
        let bucket = start_rate.map(|rate| Bucket::new(rate, start_burst));
        if bucket.is_none() && executions_running_max.is_none() {
            return None;
        }
        let running_max = executions_running_max.unwrap_or(usize::MAX);
        Some(Arc::new(Self { bucket, running: AtomicUsize::new(0), running_max }))
    }

    /// Takes a place, if there is one.
    fn occupy(&self) -> bool {
        let free = |running| (running < self.running_max).then_some(running + 1);
        self.running.fetch_update(Relaxed, Relaxed, free).is_ok()
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        for scope in self.0.iter().flatten() {
            scope.running.fetch_sub(1, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    fn admission(each_account: StartBounds, workflow: StartBounds) -> Admission {
        let workflows = HashMap::from([("slow".to_owned(), workflow)]);
        let config = AdmissionConfig { each_account, workflows, ..AdmissionConfig::default() };
        Admission::new(&config, "000000000000", Arc::default(), Arc::default())
    }

    fn running(max: usize) -> StartBounds {
        StartBounds { executions_running_max: Some(max), ..StartBounds::default() }
    }

    fn rate(start_rate: f64, burst: u32) -> StartBounds {
        StartBounds { start_rate: Some(start_rate), start_burst: Some(burst), ..StartBounds::default() }
    }

    #[test]
    fn places_are_given_back_and_one_workflow_leaves_room_for_others() {
        let admission = admission(running(3), running(2));
        let enter = |workflow, way| admission.enter_at(workflow, way, 0);
        let (_a, b) = (enter("slow", Way::Sync).unwrap(), enter("slow", Way::Async).unwrap());
        assert_eq!(enter("slow", Way::Sync).unwrap_err().name(), "ThrottlingException");
        assert_eq!(enter("slow", Way::Async).unwrap_err().name(), "ExecutionLimitExceeded");
        let _c = enter("other", Way::Sync).unwrap();
        assert_eq!(enter("other", Way::Async).unwrap_err().name(), "ExecutionLimitExceeded");
        drop(b);
        assert!(enter("slow", Way::Sync).is_ok());
        let counts: Vec<u64> = Bound::ALL.iter().map(|bound| admission.refusals.of(*bound)).collect();
        assert_eq!(counts, [0, 0, 1, 0, 2, 0]);
    }

    #[test]
    fn a_rate_is_kept_and_says_when_it_has_room_again() {
        let admission = admission(StartBounds::default(), rate(0.5, 2));
        let enter = |at| admission.enter_at("slow", Way::Sync, at);
        assert!(enter(0).is_ok() && enter(0).is_ok());
        let refused = enter(SECOND / 2).unwrap_err();
        let header = |fault: &Fault| fault.problem_reply().headers()["retry-after"].to_str().unwrap().to_owned();
        assert_eq!((refused.name(), header(&refused).as_str()), ("ThrottlingException", "2"));
        assert!(enter(2 * SECOND).is_ok());
        assert!(admission.enter_at("other", Way::Sync, 0).is_ok(), "another workflow has no bound");
        assert_eq!(
            admission.running().map(|(_, running, _)| running).sum::<usize>(),
            0,
            "what was refused holds nothing"
        );
    }

    #[test]
    fn an_account_can_have_bounds_of_its_own() {
        let accounts = HashMap::from([("111111111111".to_owned(), running(1))]);
        let config = AdmissionConfig { accounts, ..AdmissionConfig::default() };
        let first = Admission::new(&config, "000000000000", Arc::default(), Arc::default());
        let second = first.beside(&config, "111111111111");
        assert!(first.enter("a", Way::Sync).unwrap().is_none());
        let _held = second.enter("a", Way::Sync).unwrap();
        assert!(second.enter("a", Way::Sync).is_err());
    }
}
