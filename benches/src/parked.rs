//! Executions that wait: bytes of each, and that all of them end as they should.

use crate::bench::Plan;
use crate::figure::{Figure, Report};
use crate::process::{cpu_time, resident_bytes};
use anyhow::{Context as _, Result, bail};
use fleetstep_document::Document;
use fleetstep_engine::{
    Call, Engine, Failure, Finished, Identity, Limits, OnFinish, Outcome, Program, Reply, Start, TaskHost,
};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Seconds of the Wait: longer than it takes to start them all, even on a machine that is not quiet.
const WAIT_SECONDS: u64 = 40;
/// The same for a quick look.
const WAIT_SECONDS_QUICK: u64 = 4;
/// Executions that wait at once, where each one's bytes are the figure.
const PARKED: u32 = 200_000;
/// Executions that wait at once, where the memory of all is the figure.
const MILLION: u32 = 1_000_000;
/// How much later than twice its time an execution may end before it counts as lost.
const LATE_MAX: Duration = Duration::from_secs(30);
/// Executions that are started in one batch, before others have their turn.
const STARTS: u32 = 1_000;
/// How long others have their turn then. Without it, what is on its way to the workers takes more room at some time than
/// what waits with them, and the allocator keeps that room.
const BREATH: Duration = Duration::from_millis(1);
/// Executions that are parked before the memory is first looked at: what an engine takes once, for its threads, its
/// tables and the allocator's first pages, is no execution's.
const FIRST: u32 = 5 * STARTS;

/// What the ends told.
#[derive(Default)]
struct Tally {
    /// How long each waits.
    wait: Duration,
    right: AtomicU64,
    wrong: AtomicU64,
    /// The longest time between when an execution should have ended and when it did.
    late_us: AtomicU64,
}

/// The program calls nothing.
struct NoTasks;

impl TaskHost for NoTasks {
    fn call(&self, _: Call) -> Reply {
        Reply::Ready(Err(Failure::named("NoTask")))
    }
}

/// Bytes of a parked execution.
pub(crate) fn measure(plan: &Plan) -> Result<Report> {
    waiting("parked", plan, plan.count(PARKED))
}

/// A million of them.
pub(crate) fn million(plan: &Plan) -> Result<Report> {
    waiting("million", plan, plan.count(MILLION))
}

/// The figures of `count` executions in Wait at once. Each has an input and an output of its own, which is a number,
/// so that it takes no room beside the execution; their ends are told, and each output is looked at.
fn waiting(bench: &str, plan: &Plan, count: u32) -> Result<Report> {
    let wait = Duration::from_secs(if plan.quick { WAIT_SECONDS_QUICK } else { WAIT_SECONDS });
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    tokio.block_on(async {
        let program = Arc::new(program(wait)?);
        let engine = Engine::new(Limits { executions_running_max: count as usize, ..Limits::default() });
        let tally = Arc::new(Tally { wait, ..Tally::default() });
        let pid = std::process::id();
        let first = FIRST.min(count / 2);
        start(&engine, &program, &tally, 0..first).await?;
        tokio::time::sleep(wait / 40).await;
        let (before, cpu_before) = (resident_bytes(pid)?, cpu_time(pid)?);
        start(&engine, &program, &tally, first..count).await?;
        if engine.running() != count as usize {
            bail!("some ended before the last was started: the machine is too slow for {} s", wait.as_secs());
        }
        // The workers take in what they were handed.
        tokio::time::sleep(wait / 13).await;
        let (resident, cpu_started) = (resident_bytes(pid)?, cpu_time(pid)?);
        if engine.running() != count as usize {
            bail!("some ended too soon");
        }
        let left = engine.drain(2 * wait + LATE_MAX).await;
        let cpu_ended = cpu_time(pid)?;
        let [right, wrong, late_us] =
            [&tally.right, &tally.wrong, &tally.late_us].map(|one| one.load(Ordering::SeqCst));
        if left > 0 || wrong > 0 || right != u64::from(count) {
            bail!("{right} of {count} ended right, {wrong} wrong, {left} not at all");
        }
        let micros = |spent: Duration, of: u32| spent.as_secs_f64() * 1e6 / f64::from(of);
        let bytes = resident.saturating_sub(before) as f64 / f64::from(count - first);
        let figure = |name: &str, what: &str, unit: &str, value: f64| {
            Figure::lower(format!("{bench}.{name}"), what, unit, &[value])
        };
        Ok(Report::of(
            format!("{count} executions in Wait at once, all of which ended right"),
            vec![
                figure("bytes", "resident memory of each, beyond its payload", "B", bytes),
                figure("rss", "resident memory of the whole process", "MB", resident as f64 / 1e6),
                figure("late", "the latest end, after its time", "ms", late_us as f64 / 1e3),
                figure(
                    "start-cpu",
                    "CPU to start one and to park it",
                    "µs",
                    micros(cpu_started - cpu_before, count - first),
                ),
                figure("end-cpu", "CPU to wake one and to end it", "µs", micros(cpu_ended - cpu_started, count)),
            ],
        ))
    })
}

fn program(wait: Duration) -> Result<Program> {
    let seconds = wait.as_secs();
    let text = format!(r#"{{"StartAt":"W","States":{{"W":{{"Type":"Wait","Seconds":{seconds},"End":true}}}}}}"#);
    let compilation = fleetstep_asl::compile(&text, &fleetstep_asl::Options::default());
    let diagnostics = compilation.diagnostics;
    Ok(compilation.compiled.with_context(|| format!("{diagnostics:?}"))?.program)
}

async fn start(engine: &Engine, program: &Arc<Program>, tally: &Arc<Tally>, numbers: Range<u32>) -> Result<()> {
    let (host, identity): (Arc<dyn TaskHost>, _) = (Arc::new(NoTasks), Arc::new(Identity::default()));
    let one = |number: u32| {
        let start = Start {
            program: Arc::clone(program),
            host: Arc::clone(&host),
            identity: Arc::clone(&identity),
            input: Document::from(number),
            seed: number.into(),
            history: None,
        };
        let tally = Arc::clone(tally);
        let on_finish: OnFinish = Box::new(move |finished| tally.note(&finished, number));
        (start, on_finish)
    };
    for first in numbers.clone().step_by(STARTS as usize) {
        let batch = (first..numbers.end.min(first + STARTS)).map(one).collect();
        for handle in engine.start_batch(batch) {
            handle?;
        }
        tokio::time::sleep(BREATH).await;
    }
    Ok(())
}

impl Tally {
    fn note(&self, finished: &Finished, number: u32) {
        let should = finished.started.after(self.wait);
        let is_right = finished.outcome == Outcome::Succeeded(Document::from(number)) && finished.stopped >= should;
        let late = finished.stopped.since(should).as_micros() as u64;
        self.late_us.fetch_max(late, Ordering::Relaxed);
        let tally = if is_right { &self.right } else { &self.wrong };
        tally.fetch_add(1, Ordering::Relaxed);
    }
}
