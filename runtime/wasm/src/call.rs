//! One call: a fresh instance, the event in, the result out.

use crate::function::Permit;
use crate::limits::Limits;
use crate::module::{Code, Handle, Run};
use crate::output::{Handled, Output, ResultTooLarge, TaskError};
use crate::quantum::{self, DeadlinePassed, Stay, Turn, Turns};
use crate::reactor::Reactor;
use crate::state::{Caller, State};
use crate::wasi::{Pipe, Streams};
use crate::{Function, RESULT_BYTES_MAX, failure, http_in, reuse, traced};
use bytes::Bytes;
use fleetstep_document::{Document, Text};
use fleetstep_engine::{Call, Ended, Failure, Reply, Usage, clock};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};
use tokio::runtime::Handle as Runtime;
use tokio::task::JoinHandle;
use wasmtime::component::{ComponentExportIndex, Instance, InstancePre};
use wasmtime::{PoolConcurrencyLimitError, Store};
use wasmtime_wasi::I32Exit;

/// Bytes that a guest may hand to one host function. A result in UTF-8 has a bound of its own.
const HOSTCALL_BYTES_MAX: usize = 1 << 20;
/// How long after the caller's deadline a call is ended here, should the caller not have dropped it.
const CALLER_GRACE: Duration = Duration::from_secs(1);
/// Stands for "never" where a deadline is beyond what the clock can tell.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 3_600);

pub(crate) type Answer = Result<Document, Failure>;

/// The answer, and what the guest held.
type Told = (Answer, Usage);

/// What all parts of a call need to know.
pub(crate) struct Brief {
    pub(crate) permit: Permit,
    /// What a result that is too large is said to come from.
    label: Text,
    /// How long the call may take.
    granted: Duration,
    /// When that time is over.
    pub(crate) deadline: Instant,
}

impl Brief {
    /// Notes what is told of a call beside its answer: what its guest held, and how it failed.
    fn note(&self, state: &State, answer: &Answer) {
        self.permit.memory_kib.store(state.limits.memory_kib(), Relaxed);
        if let (Err(failure), Some(caller)) = (answer, &state.caller) {
            caller.function.failures().note(&caller.call.identity.execution_arn, failure);
        }
    }
}

/// Starts a call and gives it its first turn, here and now.
pub(crate) fn start(permit: Permit, call: Call, label: Text) -> Reply {
    let began = clock::instant();
    let function = Arc::clone(&permit.function);
    let patience = call.deadline.since(permit.began);
    let granted = function.config().timeout.min(patience);
    let at = |after| began.checked_add(after).unwrap_or_else(|| began + FOREVER);
    // At its own deadline the caller drops the call and says what that means; only the function's timeout is ours to say.
    let ends = at(if granted < patience { granted } else { granted.saturating_add(CALLER_GRACE) });
    let guest = run(Brief { permit, label, granted, deadline: at(granted) }, call);
    let mut turns = Turns::new(Arc::clone(&function.shared.ticker), ends, guest);
    // Nobody hears this waker. It does no harm: whoever awaits the reply, or the lane, polls the guest again.
    match turns.turn(began, &mut Context::from_waker(Waker::noop())) {
        Turn::Done(told) => Reply::Ready(noted(told)),
        Turn::Spent => {
            let task = SlowTask::start(&function, turns);
            Reply::Later(Box::pin(task.finish(granted)))
        }
        Turn::Waits => Reply::Later(Box::pin(wait(function, turns, granted))),
    }
}

/// The guest waits for something, and this thread with it, until the guest burns CPU.
async fn wait(function: Arc<Function>, mut turns: Turns<Told>, granted: Duration) -> Answer {
    match turns.stay().await {
        Stay::Done(told) => noted(told),
        Stay::TimedOut => Err(failure::timed_out(granted)),
        Stay::Spent => SlowTask::start(&function, turns).finish(granted).await,
    }
}

/// The answer, on the thread that hands it out.
fn noted((answer, usage): Told) -> Answer {
    usage.note();
    answer
}

/// A guest in the slow lane; dropped, it is stopped at the end of its turn.
struct SlowTask(JoinHandle<(Option<Told>, Duration)>);

impl SlowTask {
    fn start(function: &Function, turns: Turns<Told>) -> Self {
        Self(function.shared.lane.spawn(turns.go_on(function.places())))
    }

    async fn finish(mut self, granted: Duration) -> Answer {
        match (&mut self.0).await {
            Ok((ended, ran)) => {
                let busy_micros = u32::try_from(ran.as_micros()).unwrap_or(u32::MAX);
                Usage { busy_micros, memory_kib: 0 }.note();
                ended.map_or_else(|| Err(failure::timed_out(granted)), noted)
            }
            Err(error) => Err(failure::crashed(&error)),
        }
    }
}

impl Drop for SlowTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Sets the bounds that hold for every guest.
pub(crate) fn restrict(store: &mut Store<State>) {
    store.limiter_async(|state| &mut state.limits);
    store.set_hostcall_fuel(HOSTCALL_BYTES_MAX);
    quantum::meter(store);
}

/// The whole call. What it holds is let go in reverse order: the instance first, the permit last.
async fn run(mut brief: Brief, mut call: Call) -> Told {
    let input = std::mem::replace(&mut call.input, Document::NULL).to_json_text();
    let function = Arc::clone(&brief.permit.function);
    // The futures of the larger calls are boxed: a small one does not carry room for them along.
    let answer = match (&function.workers, &function.module.linked.code) {
        (Some(workers), _) => Box::pin(reuse::call(&brief, call, &input, workers)).await,
        (None, Code::Task { pre, handle }) => task(&brief, call, pre, handle, &input).await,
        (None, Code::Reactor(reactor)) => Box::pin(reactor_task(&brief, call, reactor, &input)).await,
        (None, Code::Command { .. } | Code::CoreCommand { .. }) => Box::pin(command(&brief, call, &input)).await,
        (None, Code::Http { pre, handle }) => Box::pin(http(&brief, call, pre, handle, &input)).await,
    };
    brief.permit.ended = if answer.is_ok() { Ended::Succeeded } else { Ended::Failed };
    let memory_kib = brief.permit.memory_kib.load(Relaxed);
    (answer, Usage { busy_micros: 0, memory_kib })
}

/// The store of one call, with its bounds. A command has its `streams`; those of a task are made when it asks for them.
pub(crate) fn store(brief: &Brief, call: Call, streams: Option<Streams>) -> Store<State> {
    let mut store = store_without_bounds(brief, call, streams);
    restrict(&mut store);
    store
}

fn store_without_bounds(brief: &Brief, call: Call, streams: Option<Streams>) -> Store<State> {
    let function = &brief.permit.function;
    let preview = function.module.linked.wasi;
    let grant = |(streams, preview): (Streams, _)| Box::new(streams.grant(preview, &function.environment));
    let state = State {
        limits: Limits::new(function.config().memory_bytes_max),
        deadline: brief.deadline,
        preview,
        wasi: streams.zip(preview).map(grant),
        http: None,
        runtime: function.module.linked.outgoing.then(Runtime::current),
        pipes: None,
        caller: Some(Caller { function: Arc::clone(function), call }),
    };
    Store::new(function.module.linked.engine(), state)
}

async fn task(
    brief: &Brief,
    call: Call,
    pre: &InstancePre<State>,
    handle: &ComponentExportIndex,
    input: &str,
) -> Answer {
    let mut store = store_without_bounds(brief, call, None);
    let handled = match instantiate(&mut store, pre, brief.permit.function.module.starts_at_once).await {
        Ok(instance) => handled(&mut store, &instance, handle, input).await,
        Err(error) => Err(error),
    };
    answered(brief, store.data(), handled)
}

/// Makes an instance in a store without bounds, which has them then. A start-up that runs none of the guest's code needs
/// no stack of its own.
async fn instantiate(
    store: &mut Store<State>,
    pre: &InstancePre<State>,
    starts_at_once: bool,
) -> wasmtime::Result<Instance> {
    if starts_at_once {
        let instance = start_at_once(store, pre)?;
        restrict(store);
        Ok(instance)
    } else {
        restrict(store);
        pre.instantiate_async(store).await
    }
}

/// Makes an instance in a store without bounds, of a module that does not run at its start.
pub(crate) fn start_at_once(store: &mut Store<State>, pre: &InstancePre<State>) -> wasmtime::Result<Instance> {
    store.limiter(|state| &mut state.limits);
    quantum::leave_out(store);
    pre.instantiate(store)
}

async fn http(
    brief: &Brief,
    call: Call,
    pre: &InstancePre<State>,
    handle: &ComponentExportIndex,
    input: &str,
) -> Answer {
    let request = http_in::request(&call, input, brief.deadline.saturating_duration_since(clock::instant()));
    let mut store = store(brief, call, None);
    let answer = match http_in::handle(&mut store, pre, handle, request).await {
        Ok(outcome) => http_in::result(outcome, &brief.permit.function, &brief.label),
        Err(error) => Err(stopped(brief, store.data(), &error)),
    };
    brief.note(store.data(), &answer);
    answer
}

async fn reactor_task(brief: &Brief, call: Call, reactor: &Reactor, input: &str) -> Answer {
    let mut store = store(brief, call, None);
    let handled = match reactor.instantiate(&mut store).await {
        Ok(instance) => instance.handle(&mut store, input).await,
        Err(error) => Err(error),
    };
    answered(brief, store.data(), handled)
}

/// What a task answers, as a workflow sees it; it is noted.
pub(crate) fn answered(brief: &Brief, state: &State, handled: wasmtime::Result<Handled>) -> Answer {
    let mask = brief.permit.function.mask();
    let answer = match handled {
        Ok(Ok(Output(Ok(result)))) => Ok(result),
        Ok(Ok(Output(Err(error)))) => Err(failure::not_json(&error.to_string())),
        Ok(Err(TaskError { error, message })) => Err(failure::guest(&mask.apply(&error), &mask.apply(&message))),
        Err(error) => Err(stopped(brief, state, &error)),
    };
    brief.note(state, &answer);
    answer
}

async fn handled(
    store: &mut Store<State>,
    instance: &Instance,
    handle: &ComponentExportIndex,
    input: &str,
) -> wasmtime::Result<Handled> {
    let handle = instance.get_func(&mut *store, handle).expect("the export was there when the module was loaded");
    // SAFETY: `Linked::try_out` has checked this type at an instance of this very `InstancePre` before a module is
    // handed out, and the type of an export does not differ between instances.
    let handle = unsafe { Handle::new_unchecked(handle) };
    handle.call_async(store, (input,)).await.map(|(handled,)| handled)
}

async fn command(brief: &Brief, call: Call, input: &str) -> Answer {
    let function = &brief.permit.function;
    let (stdout, stderr) = (Pipe::to_result(), Pipe::to_log(Arc::clone(function), &call));
    let streams = Streams {
        stdin: Bytes::copy_from_slice(input.as_bytes()),
        stdout: stdout.clone(),
        stderr: stderr.clone(),
        traced: traced::variables(function, &call),
    };
    let mut store = store(brief, call, Some(streams));
    let status = exit_status(&mut store, &brief.permit.function.module.linked.code).await;
    let answer = match (stdout.take_result(), status) {
        (None, _) => Err(failure::result_too_large(&brief.label)),
        (Some(written), Ok(0)) => result(written.trim_ascii(), &brief.label),
        (_, Ok(_)) if store.data().limits.refused() => Err(failure::out_of_memory(brief.permit.function.config())),
        (_, Ok(status)) => Err(failure::exit(status, &stderr.take_last_line(), brief.permit.function.mask())),
        (_, Err(error)) => Err(stopped(brief, store.data(), &error)),
    };
    brief.note(store.data(), &answer);
    answer
}

async fn exit_status(store: &mut Store<State>, code: &Code) -> wasmtime::Result<i32> {
    let ended = match code {
        Code::Command { pre, run } => {
            let instance = pre.instantiate_async(&mut *store).await?;
            let run = instance.get_func(&mut *store, run).expect("the export was there when the module was loaded");
            // SAFETY: as in `handled`.
            let run = unsafe { Run::new_unchecked(run) };
            run.call_async(store, ()).await.map(|(ended,)| i32::from(ended.is_err()))
        }
        Code::CoreCommand { pre, start } => {
            let instance = pre.instantiate_async(&mut *store).await?;
            let start = instance.get_module_export(&mut *store, start).and_then(wasmtime::Extern::into_func);
            let start = start.expect("`_start` was a function when the module was loaded").typed::<(), ()>(&*store)?;
            start.call_async(store, ()).await.map(|()| 0)
        }
        Code::Task { .. } | Code::Reactor(_) | Code::Http { .. } => unreachable!("it is not called as a command"),
    };
    ended.or_else(|error| match error.downcast_ref::<I32Exit>() {
        Some(&I32Exit(status)) => Ok(status),
        None => Err(error),
    })
}

fn result(written: &[u8], label: &Text) -> Answer {
    if written.is_empty() {
        return Err(failure::not_json("nothing was written to stdout"));
    }
    if written.len() > RESULT_BYTES_MAX {
        return Err(failure::result_too_large(label));
    }
    Document::parse_lazily(written).map_err(|error| failure::not_json(&error.to_string()))
}

/// Why a guest did not come to its end.
pub(crate) fn stopped(brief: &Brief, state: &State, error: &wasmtime::Error) -> Failure {
    if error.is::<DeadlinePassed>() {
        failure::timed_out(brief.granted)
    } else if error.is::<ResultTooLarge>() {
        failure::result_too_large(&brief.label)
    } else if error.is::<PoolConcurrencyLimitError>() {
        // A module of several memories takes as many of the pool's places, so that these may go before the permits.
        failure::throttled()
    } else if state.limits.refused() {
        failure::out_of_memory(brief.permit.function.config())
    } else {
        failure::trap(error)
    }
}
