//! A function: a module with a name and a configuration, and the way in to a call of it.

use crate::bounds::{CallBounds, Taken, take_one};
use crate::call;
use crate::failures::{CallFailure, Failures};
use crate::keyvalue::Buckets;
use crate::lane::places;
use crate::logs::{LINE_BYTES_MAX, LogLevel, Logs, cut};
use crate::reuse::Workers;
use crate::sandbox::Shared;
use crate::secrets::Mask;
use crate::{FunctionConfig, LogLine, Module, Sandbox, failure};
use fleetstep_document::Text;
use fleetstep_engine::{Call, CallTrace, Ended, Meter, Reply, Timestamp, Used, clock};
use fleetstep_keyvalue::KeyValue;
use fleetstep_outbound::{Client, Policy};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use tokio::sync::Semaphore;

/// A module with a name and a configuration.
pub struct Function {
    pub(crate) shared: Arc<Shared>,
    pub(crate) module: Arc<Module>,
    /// The configuration's environment with its secrets, as WASI takes it.
    pub(crate) environment: Vec<(String, String)>,
    mask: Mask,
    /// Where its requests may go.
    policy: Policy,
    /// What it may open of the store.
    buckets: Option<Buckets>,
    name: Text,
    arn: Text,
    config: FunctionConfig,
    /// Its instances that serve several calls, where the configuration asks for them.
    pub(crate) workers: Option<Arc<Workers>>,
    kept: Arc<Kept>,
}

/// What stays when a function is replaced by another version of itself.
struct Kept {
    logs: Logs,
    failures: Failures,
    /// Calls that are under way, of all versions.
    running: AtomicU32,
    /// How they ended lately.
    meter: Meter,
    /// What bounds them beside the function's own concurrency.
    bounds: Option<Arc<CallBounds>>,
    /// Where what it keeps is kept.
    store: Option<Arc<dyn KeyValue>>,
    /// In the rotation of the slow lane.
    places: Arc<Semaphore>,
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Function").field("arn", &self.arn).field("module", &self.module).finish_non_exhaustive()
    }
}

impl Function {
    /// Names a module and says what it may use. [`Sandbox::check`] tells beforehand whether that makes sense; if it
    /// does not, every call fails with the reason.
    #[must_use]
    pub fn new(sandbox: &Sandbox, name: Text, arn: Text, module: Arc<Module>, config: FunctionConfig) -> Arc<Self> {
        let places = places(&sandbox.shared.config);
        let (bounds, store) = (sandbox.bounds.clone(), sandbox.store.clone());
        let (logs, failures, meter) = (Logs::default(), Failures::default(), Meter::default());
        let kept = Kept { logs, failures, running: AtomicU32::new(0), meter, bounds, store, places };
        Self::with(Arc::clone(&sandbox.shared), name, arn, module, config, Arc::new(kept), None)
    }

    /// The same function with another module or configuration: its log goes on, and calls in flight of this version
    /// count in the concurrency of the next.
    #[must_use]
    pub fn replace(&self, module: Arc<Module>, config: FunctionConfig) -> Arc<Self> {
        let (name, arn, kept) = (self.name.clone(), self.arn.clone(), Arc::clone(&self.kept));
        // What may be reached is the same: its connections and its count of requests go on.
        let policy = (config.grants.http == self.config.grants.http).then(|| self.policy.clone());
        Self::with(Arc::clone(&self.shared), name, arn, module, config, kept, policy)
    }

    fn with(
        shared: Arc<Shared>,
        name: Text,
        arn: Text,
        module: Arc<Module>,
        mut config: FunctionConfig,
        kept: Arc<Kept>,
        policy: Option<Policy>,
    ) -> Arc<Self> {
        config.memory_bytes_max = config.memory_bytes_max.min(shared.config.memory_bytes_max);
        let variables = config.environment.iter().chain(&config.secrets.0);
        let environment = variables.map(|(key, value)| (key.clone(), value.clone())).collect();
        let secrets = config.secrets.0.values().chain(config.grants.credentials());
        let mask = Mask::new(secrets).expect("a few kilobytes of values are no more than a finder takes");
        // `Sandbox::check` tells what is wrong with a grant; one that is not clear grants nothing.
        let policy = policy.or_else(|| Policy::parse(&config.grants.http).ok()).unwrap_or_default();
        let buckets = Buckets::new(kept.store.as_ref(), &name, &config.grants.keyvalue);
        let calls_max = config.calls_per_instance_max;
        let workers = (calls_max > 1 && module.kind().serves_again()).then(|| Workers::new(&shared, calls_max));
        Arc::new(Self { shared, module, environment, mask, policy, buckets, name, arn, config, workers, kept })
    }

    /// Calls it, as a `Resource` that names it directly does: a result over the limit is told as that of its ARN.
    ///
    /// A call that ends within its first turn of about a millisecond is [`Reply::Ready`]; it had no queue, no spawn and
    /// no wake-up. A guest that waits goes on where the reply is awaited, one that burns CPU goes on in the slow lane.
    /// Either is stopped when the reply is dropped. Needs a tokio runtime with a timer.
    pub fn invoke(self: &Arc<Self>, call: Call) -> Reply {
        self.invoke_as(call, &self.arn)
    }

    /// Calls it on behalf of the resource that `label` names in `States.DataLimitExceeded`, `lambda` for example.
    pub fn invoke_as(self: &Arc<Self>, call: Call, label: &Text) -> Reply {
        match Permit::take(self, &call) {
            Some(permit) => call::start(permit, call, label.clone()),
            None => {
                self.kept.meter.refuse(clock::now());
                Reply::Ready(Err(failure::throttled()))
            }
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &Text {
        &self.name
    }

    /// Its ARN.
    #[must_use]
    pub fn arn(&self) -> &Text {
        &self.arn
    }

    /// Its module.
    #[must_use]
    pub fn module(&self) -> &Arc<Module> {
        &self.module
    }

    /// Its configuration.
    #[must_use]
    pub fn config(&self) -> &FunctionConfig {
        &self.config
    }

    /// Calls that are under way, of this version and of those that it replaced.
    #[must_use]
    pub fn running(&self) -> u32 {
        self.kept.running.load(Relaxed)
    }

    /// How its calls ended lately. One that nobody waits for any more, or whose time was over, was aborted.
    #[must_use]
    pub fn meter(&self) -> &Meter {
        &self.kept.meter
    }

    /// The newest `lines_max` lines of its log, oldest first.
    #[must_use]
    pub fn log(&self, lines_max: usize) -> Vec<LogLine> {
        self.kept.logs.newest(lines_max)
    }

    /// How its latest calls failed, the oldest first. One that nobody waited for any more is not among them.
    #[must_use]
    pub fn latest_failures(&self) -> Vec<CallFailure> {
        self.kept.failures.all()
    }

    /// Takes the function's secrets out of what it says.
    pub(crate) fn mask(&self) -> &Mask {
        &self.mask
    }

    /// What sends its requests, and which may be sent.
    pub(crate) fn outbound(&self) -> (&Client, &Policy) {
        (&self.shared.client, &self.policy)
    }

    /// The buckets that it may open.
    pub(crate) fn buckets(&self) -> Option<&Buckets> {
        self.buckets.as_ref()
    }

    /// Writes a line that a call of `execution_arn` said, without the function's secrets: to its log, and to the call's
    /// trace.
    pub(crate) fn say(&self, execution_arn: &Text, trace: Option<&CallTrace>, level: LogLevel, text: &str) {
        self.kept.logs.write(level, execution_arn, text);
        if let Some(trace) = trace {
            trace.line(clock::now(), level.into(), cut(text, LINE_BYTES_MAX));
        }
    }

    pub(crate) fn failures(&self) -> &Failures {
        &self.kept.failures
    }

    pub(crate) fn places(&self) -> Arc<Semaphore> {
        Arc::clone(&self.kept.places)
    }
}

/// The part of the sandbox's instances, one in so many, that no single function gets: as Lambda keeps 100 of 1,000 for
/// the others. Without it one function that never ends has every other one throttled.
const RESERVED_ONE_IN: u32 = 10;

/// The right to one call, within the function's concurrency, the sandbox's instances and what else bounds it. Dropped
/// after the instance.
pub(crate) struct Permit {
    pub(crate) function: Arc<Function>,
    _taken: Option<Taken>,
    pub(crate) began: Timestamp,
    /// How the call ended, once it did by itself.
    pub(crate) ended: Ended,
    /// The memory that its guest came to hold, in KiB, once that is over.
    pub(crate) memory_kib: AtomicU32,
}

impl Permit {
    fn take(function: &Arc<Function>, call: &Call) -> Option<Self> {
        let taken = match &function.kept.bounds {
            None => None,
            Some(bounds) => Some(bounds.take(&call.identity.state_machine_name)?),
        };
        let instances_max = function.shared.config.instances_max;
        let share = instances_max - instances_max / RESERVED_ONE_IN;
        if !take_one(&function.kept.running, function.config.concurrency_max.min(share)) {
            return None;
        }
        if !take_one(&function.shared.running, instances_max) {
            function.kept.running.fetch_sub(1, Relaxed);
            return None;
        }
        let (function, memory_kib) = (Arc::clone(function), AtomicU32::new(0));
        Some(Self { function, _taken: taken, began: clock::now(), ended: Ended::Aborted, memory_kib })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let used = Used { memory_kib: self.memory_kib.load(Relaxed).into(), ..Used::default() };
        self.function.kept.meter.count_used(self.ended, self.began, clock::now(), &used);
        self.function.shared.running.fetch_sub(1, Relaxed);
        self.function.kept.running.fetch_sub(1, Relaxed);
    }
}
