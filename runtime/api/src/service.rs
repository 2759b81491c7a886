//! What answers a request, whichever connection it came over.

use crate::admission::{Admission, Bucket, Memory};
use crate::body::{self, BodyError, Budget};
use crate::executions::{Description, Executions};
use crate::fault::{Fault, Kind};
use crate::follow::Followers;
use crate::history::{Histories, Logs};
use crate::idempotency::Idempotency;
use crate::redaction::Redaction;
use crate::reply::{self, Reply, ReplyBody};
use crate::scheduler::LastRuns;
use crate::tasks::{Activities, Tasks};
use crate::{AdmissionConfig, Limits, ModuleSource, aws, lambda, metrics, routed, web};
use bytes::Bytes;
use fleetstep_catalog::{Catalog, Executions as TaskExecutions, StateMachine, StateMachineArn, Target, Version};
use fleetstep_document::{Document, ObjectBuilder};
use fleetstep_engine::{Engine, Failure, HistoryLevel, clock};
use fleetstep_journal::Journal;
use fleetstep_telemetry::Telemetry;
use fleetstep_trigger::Deliveries;
use futures_util::future::Either;
use hyper::body::Body;
use hyper::header::HeaderMap;
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// Where one asks whether the process is alive.
pub(crate) const HEALTHZ: &str = "/healthz";
/// Where one asks whether it is ready.
pub(crate) const READYZ: &str = "/readyz";
/// Where Prometheus asks.
pub(crate) const METRICS: &str = "/metrics";

/// Takes a line about the host.
pub type Report = fn(&str);

/// What a service is set up with.
#[derive(Clone, Default)]
pub struct Options {
    /// Its bounds.
    pub limits: Limits,
    /// What is kept in memory of the history of every execution, beyond what its state machine's
    /// `loggingConfiguration` asks for.
    pub history_level: HistoryLevel,
    /// Of how many executions a second everything is kept, whatever their level; of none unless said.
    pub history_samples_per_second: u32,
    /// Whether the AWS protocol describes, lists, stops and tells the history of express executions too, which the
    /// service refuses.
    pub aws_extensions: bool,
    /// Whether a `StartExecution` with the name of one that came before, and the same input, is the same execution, as
    /// for STANDARD workflows.
    pub idempotent_names: bool,
    /// Where the events go that `loggingConfiguration` asks for.
    pub logs: Logs,
    /// Names of members whose values histories, logs and descriptions of executions do not show.
    pub redact: Vec<String>,
    /// Who may start how much.
    pub admission: AdmissionConfig,
    /// What makes asynchronous starts durable before they are acknowledged; without one they live in memory.
    pub journal: Option<Arc<dyn Journal>>,
    /// Where modules come from that are named and not sent; without one they must be sent.
    pub modules: Option<Arc<dyn ModuleSource>>,
    /// Where the traces of executions go; without it none is made.
    pub telemetry: Option<Telemetry>,
}

/// That no interface is there.
pub(crate) fn nothing_at(path: &str) -> Fault {
    Fault::new(Kind::NotFound, format!("There is nothing at {path}: the interface is below /v1/"))
}

fn samples(options: &Options) -> Option<Bucket> {
    let each_second = options.history_samples_per_second;
    (each_second > 0 && options.history_level != HistoryLevel::All).then(|| Bucket::new(each_second.into(), None))
}

/// A service as the tasks of its catalog see it: it may be gone.
pub(crate) struct Connected(Weak<Shared>);

impl Connected {
    pub(crate) fn service(&self) -> Result<Service, Failure> {
        let shared = self.0.upgrade();
        shared.map(Service).ok_or_else(|| Failure::new("States.Runtime", "The server is going down"))
    }
}

/// The API over one catalog and one engine. Cheap to clone; every clone is the same service.
#[derive(Clone)]
pub struct Service(Arc<Shared>);

struct Shared {
    catalog: Catalog,
    engine: Engine,
    admission: Admission,
    redaction: Arc<Redaction>,
    idempotency: Idempotency,
    executions: Executions,
    histories: Histories,
    tasks: Tasks,
    activities: Activities,
    /// Lets executions be samples.
    samples: Option<Bucket>,
    /// For the bodies that are still arriving.
    budget: Arc<Budget>,
    /// For the modules that are being taken in.
    uploads: Arc<Semaphore>,
    /// For the calls that nobody waits for.
    events: Arc<Semaphore>,
    /// For the connections that are open.
    connections: Arc<Semaphore>,
    /// Those who follow executions.
    followers: Followers,
    /// Webhooks that were taken.
    deliveries: Mutex<Deliveries>,
    /// What came of schedules lately.
    last_runs: LastRuns,
    /// Told what is wrong with the host.
    report: Report,
    options: Options,
    /// When the operator was last told what happens to every request of a kind, in seconds.
    told: AtomicI64,
    /// Set once, when the server is told to stop.
    withdrawn: Arc<AtomicBool>,
    /// What the catalog was connected with, kept for as long as the service.
    connected: OnceLock<Arc<Connected>>,
}

impl Service {
    /// A service that is ready. `report` is told what the operator has to mend, a line at a time: it names files of the
    /// host, which callers do not learn.
    #[must_use]
    pub fn new(catalog: Catalog, engine: Engine, options: Options, report: Report) -> Self {
        let limits = &options.limits;
        let (executions, histories) = (Executions::new(limits), Histories::new(limits));
        let tasks = Tasks::default();
        let activities = Activities::new(tasks.clone());
        let idempotency = Idempotency::new(limits);
        let samples = samples(&options);
        let redaction = Arc::new(Redaction::new(&options.redact));
        let memory = Arc::new(Memory::new(options.admission.memory_bytes_max));
        let account = &catalog.place().account;
        let admission = Admission::new(&options.admission, account, memory, Arc::default());
        let budget = Arc::new(Budget::new(limits.arriving_bytes_max));
        let uploads = Arc::new(Semaphore::new(limits.uploads_max));
        let events = Arc::new(Semaphore::new(limits.events_max));
        let connections = Arc::new(Semaphore::new(limits.connections_max));
        let followers = Followers::new(limits.followers_max);
        let deliveries = Mutex::new(Deliveries::new(limits.deliveries_max));
        let (told, withdrawn) = (AtomicI64::new(i64::MIN), Arc::new(AtomicBool::new(false)));
        let shared = Shared {
            catalog,
            engine,
            admission,
            redaction,
            idempotency,
            executions,
            histories,
            tasks,
            activities,
            samples,
            budget,
            uploads,
            events,
            connections,
            followers,
            deliveries,
            last_runs: LastRuns::default(),
            report,
            options,
            told,
            withdrawn,
            connected: OnceLock::new(),
        };
        Self(Arc::new(shared)).connected()
    }

    /// The service of another account: over a catalog of its own, with what it remembers of executions for itself; all
    /// that belongs to the process is shared.
    #[must_use]
    pub fn beside(&self, catalog: Catalog) -> Self {
        let Shared {
            engine,
            admission,
            redaction,
            budget,
            uploads,
            events,
            connections,
            followers,
            report,
            options,
            withdrawn,
            ..
        } = &*self.0;
        let admission = admission.beside(&options.admission, &catalog.place().account);
        let tasks = Tasks::default();
        let service = Self(Arc::new(Shared {
            catalog,
            engine: engine.clone(),
            admission,
            redaction: Arc::clone(redaction),
            idempotency: Idempotency::new(&options.limits),
            executions: Executions::new(&options.limits),
            histories: Histories::new(&options.limits),
            activities: Activities::new(tasks.clone()),
            tasks,
            samples: samples(options),
            budget: Arc::clone(budget),
            uploads: Arc::clone(uploads),
            events: Arc::clone(events),
            connections: Arc::clone(connections),
            followers: followers.clone(),
            deliveries: Mutex::new(Deliveries::new(options.limits.deliveries_max)),
            last_runs: LastRuns::default(),
            report: *report,
            options: options.clone(),
            told: AtomicI64::new(i64::MIN),
            withdrawn: Arc::clone(withdrawn),
            connected: OnceLock::new(),
        }));
        service.connected()
    }

    /// The tasks of the catalog's machines start executions here. The catalog does not keep the service.
    fn connected(self) -> Self {
        let connected = Arc::new(Connected(Arc::downgrade(&self.0)));
        let weak: Weak<dyn TaskExecutions> = Arc::<Connected>::downgrade(&connected);
        self.catalog().connect(weak);
        let _ = self.0.connected.set(connected);
        self
    }

    /// Answers a request. Whatever is wrong with it, there is an answer.
    pub fn answer<B>(&self, request: Request<B>) -> impl Future<Output = Response<ReplyBody>> + use<'_, B>
    where
        B: Body<Data = Bytes>,
    {
        let (head, body) = request.into_parts();
        // Of the head, an operation has its headers only: what is carried along is moved for each request.
        if head.method == Method::POST && head.uri.path() == "/" {
            Either::Left(self.operate(head.headers, body))
        } else {
            Either::Right(Box::pin(self.answer_other(head, body)))
        }
    }

    /// Answers an operation of the service's own protocol.
    async fn operate<B>(&self, headers: HeaderMap, body: B) -> Response<ReplyBody>
    where
        B: Body<Data = Bytes>,
    {
        match self.read(body, self.limits().aws_body_bytes_max).await {
            Ok(body) => aws::answer(self, headers, body).await,
            Err(fault) => self.refuse(&fault).aws_reply(),
        }
    }

    /// Answers whatever is no operation of the service's own protocol. The ways there are large; what starts executions
    /// does not carry them along.
    async fn answer_other<B>(&self, head: Parts, body: B) -> Response<ReplyBody>
    where
        B: Body<Data = Bytes>,
    {
        let answered = match head.uri.path() {
            HEALTHZ | READYZ => self.health(&head, true),
            METRICS => metrics::answer(&head, &[self]),
            path if path.starts_with("/v1/") => web::answer(self, &head, body).await,
            path if lambda::is_of(path) => Ok(lambda::answer(self, &head, body).await),
            // What an operator configured comes last: what is the server's own is not looked for there.
            _ => routed::answer_unguarded(self, &head, body).await,
        };
        answered.unwrap_or_else(|fault| self.refuse(&fault).problem_reply())
    }

    /// Reads a request's body.
    pub(crate) async fn read<B: Body<Data = Bytes>>(&self, body: B, bytes_max: usize) -> Result<Bytes, Fault> {
        Ok(body::read(body, bytes_max, self.limits().body_timeout, &self.0.budget).await?)
    }

    /// One permit for each connection that may be open.
    pub(crate) fn connections(&self) -> &Arc<Semaphore> {
        &self.0.connections
    }

    /// Those who follow executions, in the whole server.
    pub(crate) fn followers(&self) -> &Followers {
        &self.0.followers
    }

    /// Webhooks that were taken.
    pub(crate) fn deliveries(&self) -> MutexGuard<'_, Deliveries> {
        // No code under the lock can leave it half changed.
        self.0.deliveries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What came of schedules lately.
    pub(crate) fn last_runs(&self) -> &LastRuns {
        &self.0.last_runs
    }

    /// Room for one more module that is taken in, until the answer is dropped.
    pub(crate) fn upload(&self) -> Result<SemaphorePermit<'_>, Fault> {
        Ok(self.0.uploads.try_acquire().map_err(|_| BodyError::TooManyUploads)?)
    }

    /// Room for one more call that nobody waits for, until the answer is dropped.
    pub(crate) fn event(&self) -> Result<OwnedSemaphorePermit, Fault> {
        let taken = Arc::clone(&self.0.events).try_acquire_owned();
        taken.map_err(|_| Fault::new(Kind::TooManyRequestsException, "Too many events are waiting to be delivered"))
    }

    /// Reports a fault that is the host's; all others are the caller's business alone.
    pub(crate) fn refuse<'a>(&self, fault: &'a Fault) -> &'a Fault {
        if let Some(cause) = fault.cause() {
            self.report(cause);
        }
        fault
    }

    /// Tells the operator.
    pub(crate) fn report(&self, problem: &str) {
        (self.0.report)(problem);
    }

    /// Tells the operator of what may happen to every request: once a second is enough.
    pub(crate) fn report_seldom(&self, problem: &str) {
        let now = clock::now().as_millis() / 1_000;
        if self.0.told.swap(now, Ordering::Relaxed) != now {
            self.report(problem);
        }
    }

    /// The answer to whoever watches over the process; the numbers are not for everyone.
    pub(crate) fn health(&self, head: &Parts, shows_numbers: bool) -> Result<Reply, Fault> {
        if !matches!(head.method, Method::GET | Method::HEAD) {
            return Err(Fault::method_not_allowed("GET, HEAD".to_owned()));
        }
        let well = head.uri.path() == HEALTHZ || !self.is_withdrawn();
        let (status, text) = if well { (StatusCode::OK, "ok") } else { (StatusCode::SERVICE_UNAVAILABLE, "draining") };
        let mut body = ObjectBuilder::with_capacity(3).with("status", text);
        if shows_numbers {
            body.push("executionsRunning", i64::try_from(self.engine().running()).unwrap_or(i64::MAX));
            body.push("logEventsDropped", i64::try_from(self.logs().dropped()).unwrap_or(i64::MAX));
        }
        Ok(reply::json(&body.build(), status))
    }

    /// What a start by that ARN runs, which is all that a start needs of the catalog: a state machine, a version or an
    /// alias.
    pub(crate) fn target(&self, arn: &str) -> Result<Target, Fault> {
        Ok(self.catalog().target(arn)?)
    }

    /// The state machine of that ARN, or the revision of it that a version or an alias runs.
    pub(crate) fn state_machine(&self, arn: &str) -> Result<Arc<StateMachine>, Fault> {
        Ok(self.target(arn)?.machine)
    }

    /// What is described under that ARN: a state machine, a version, or the version that an alias sends most starts to.
    pub(crate) fn described(&self, arn: &str) -> Result<(Arc<StateMachine>, Option<Arc<Version>>), Fault> {
        let parsed = StateMachineArn::parse(arn)?;
        let version = match (parsed.qualifier(), parsed.version()) {
            (None, _) => return Ok((self.catalog().describe_state_machine(&parsed)?, None)),
            (Some(_), Some(_)) => self.catalog().version(&parsed)?,
            (Some(_), None) => {
                let alias = self.catalog().alias(&parsed);
                Arc::clone(alias.map_err(|_| Fault::state_machine_does_not_exist(arn))?.main_version())
            }
        };
        Ok((Arc::clone(&version.machine), Some(version)))
    }

    pub(crate) fn catalog(&self) -> &Catalog {
        &self.0.catalog
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    pub(crate) fn admission(&self) -> &Admission {
        &self.0.admission
    }

    pub(crate) fn redaction(&self) -> &Arc<Redaction> {
        &self.0.redaction
    }

    /// What is remembered of an execution, as it may be seen.
    pub(crate) fn described_execution(&self, arn: &str) -> Option<Description> {
        self.executions().describe(arn).map(|description| description.redacted(self.redaction()))
    }

    /// What waits for whoever was handed a token.
    pub(crate) fn tasks(&self) -> &Tasks {
        &self.0.tasks
    }

    /// What waits for workers, and workers that wait.
    pub(crate) fn activities(&self) -> &Activities {
        &self.0.activities
    }

    /// Answers a task that waits under a token.
    pub(crate) fn answer_task(&self, token: &str, answer: Result<Document, Failure>) -> Result<(), Fault> {
        self.tasks().answer(token, &self.catalog().place().account, answer)
    }

    /// Puts off that it has been silent for too long.
    pub(crate) fn beat_task(&self, token: &str) -> Result<(), Fault> {
        self.tasks().beat(token, &self.catalog().place().account)
    }

    pub(crate) fn idempotency(&self) -> &Idempotency {
        &self.0.idempotency
    }

    /// Bytes of bodies that are still arriving, in the whole server.
    pub(crate) fn arriving_bytes(&self) -> usize {
        self.limits().arriving_bytes_max - self.0.budget.free_bytes().min(self.limits().arriving_bytes_max)
    }

    /// Modules that are being taken in, in the whole server.
    pub(crate) fn uploading(&self) -> usize {
        self.limits().uploads_max - self.0.uploads.available_permits()
    }

    pub(crate) fn executions(&self) -> &Executions {
        &self.0.executions
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.options.limits
    }

    pub(crate) fn histories(&self) -> &Histories {
        &self.0.histories
    }

    pub(crate) fn logs(&self) -> &Logs {
        &self.0.options.logs
    }

    /// What the operator wants kept of the next execution's history: of a sample, everything.
    pub(crate) fn next_history_level(&self) -> HistoryLevel {
        match &self.0.samples {
            Some(samples) if samples.take(clock::now().as_micros()).is_ok() => HistoryLevel::All,
            _ => self.0.options.history_level,
        }
    }

    /// Whether `StartExecution` takes an execution's name for its key.
    pub(crate) fn has_idempotent_names(&self) -> bool {
        self.0.options.idempotent_names
    }

    /// Whether the AWS protocol serves what goes beyond the service.
    pub(crate) fn has_aws_extensions(&self) -> bool {
        self.0.options.aws_extensions
    }

    /// Where traces go.
    pub(crate) fn telemetry(&self) -> Option<&Telemetry> {
        self.0.options.telemetry.as_ref()
    }

    /// What makes starts durable.
    pub(crate) fn journal(&self) -> Option<&Arc<dyn Journal>> {
        self.0.options.journal.as_ref()
    }

    /// Where modules come from that are named and not sent.
    pub(crate) fn modules(&self) -> Option<&Arc<dyn ModuleSource>> {
        self.0.options.modules.as_ref()
    }

    /// Whether the server was told to stop.
    pub(crate) fn is_withdrawn(&self) -> bool {
        self.0.withdrawn.load(Ordering::Relaxed)
    }

    /// From now on the service says that it is not ready; it answers all the same.
    pub(crate) fn withdraw(&self) {
        self.0.withdrawn.store(true, Ordering::Relaxed);
    }
}
