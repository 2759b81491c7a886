//! Executions that wait: bytes of each, and that all of them end as they should.

use crate::bench::Plan;
use crate::figure::{Figure, Report};
use crate::process::{cpu_time, resident_bytes};
use anyhow::{Context as _, Result, bail};
use fleetstep_document::Document;
use fleetstep_engine::{Call, Engine, Failure, Finished, Identity, Limits, Outcome, Program, Reply, Start, TaskHost};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Seconds of the Wait: longer than it takes to start them all, even on a machine that is not quiet.
const WAIT_SECONDS: u64 = 40;
/// Executions that are started before others have their turn.
const STARTS: usize = 1_000;

/// What the ends told.
#[derive(Default)]
struct Tally {
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

/// What so many executions in Wait at once took.
struct Taken {
    count: usize,
    resident: u64,
    each: u64,
    late_us: u64,
    start: Duration,
    end: Duration,
}

/// The figures of 200,000.
pub(crate) fn measure(plan: &Plan) -> Result<Report> {
    let taken = wait(plan.count(200_000) as usize)?;
    let what = "resident memory of each, beyond its payload";
    Ok(taken.report("parked", Figure::lower("parked.bytes", what, "B", &[taken.each as f64])))
}

/// The figures of 1,000,000.
pub(crate) fn million(plan: &Plan) -> Result<Report> {
    let taken = wait(plan.count(1_000_000) as usize)?;
    let what = "resident memory of the whole process";
    Ok(taken.report("million", Figure::lower("million.rss", what, "MB", &[taken.resident as f64 / 1e6])))
}

impl Taken {
    /// The figure that there is a target for, and the others.
    fn report(&self, bench: &str, first: Figure) -> Report {
        let micros = |spent: Duration| spent.as_secs_f64() * 1e6 / self.count as f64;
        let lower = |name: &str, what, unit, value| Figure::lower(format!("{bench}.{name}"), what, unit, &[value]);
        let mut report = Report::of(
            format!("{} executions in Wait at once", self.count),
            vec![
                first,
                lower("late", "the latest end, after its time", "ms", self.late_us as f64 / 1e3),
                lower("start", "CPU to start one and to park it", "µs", micros(self.start)),
                lower("end", "CPU to wake one and to end it", "µs", micros(self.end)),
            ],
        );
        report.notes.push(format!("All {} ended right, each with its own output.", self.count));
        report
    }
}

/// So many executions in Wait at once. Each has an input and an output of its own, which is a number, so that it takes
/// no room beside the execution; their ends are told, and each output is looked at.
fn wait(count: usize) -> Result<Taken> {
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    tokio.block_on(async {
        let program = Arc::new(program()?);
        let engine = Engine::new(Limits { executions_running_max: count, ..Limits::default() });
        let tally = Arc::new(Tally::default());
        let pid = std::process::id();
        let (before, cpu_before) = (resident_bytes(pid)?, cpu_time(pid)?);
        start(&engine, &program, &tally, count).await?;
        if engine.running() != count {
            bail!("some ended before the last was started: the machine is too slow for {WAIT_SECONDS} s");
        }
        // The workers take in what they were handed.
        tokio::time::sleep(Duration::from_secs(3)).await;
        let (resident, cpu_started) = (resident_bytes(pid)?, cpu_time(pid)?);
        if engine.running() != count {
            bail!("some ended too soon");
        }
        let left = engine.drain(Duration::from_secs(2 * WAIT_SECONDS)).await;
        let cpu_ended = cpu_time(pid)?;
        let [right, wrong, late_us] =
            [&tally.right, &tally.wrong, &tally.late_us].map(|one| one.load(Ordering::SeqCst));
        if left > 0 || wrong > 0 || right != count as u64 {
            bail!("{right} of {count} ended right, {wrong} wrong, {left} not at all");
        }
        let each = resident.saturating_sub(before) / count as u64;
        Ok(Taken { count, resident, each, late_us, start: cpu_started - cpu_before, end: cpu_ended - cpu_started })
    })
}

fn program() -> Result<Program> {
    let text = format!(r#"{{"StartAt":"W","States":{{"W":{{"Type":"Wait","Seconds":{WAIT_SECONDS},"End":true}}}}}}"#);
    let compilation = fleetstep_asl::compile(&text, &fleetstep_asl::Options::default());
    let diagnostics = compilation.diagnostics;
    Ok(compilation.compiled.with_context(|| format!("{diagnostics:?}"))?.program)
}

async fn start(engine: &Engine, program: &Arc<Program>, tally: &Arc<Tally>, count: usize) -> Result<()> {
    let (host, identity): (Arc<dyn TaskHost>, _) = (Arc::new(NoTasks), Arc::new(Identity::default()));
    for number in 0..u32::try_from(count)? {
        let start = Start {
            program: Arc::clone(program),
            host: Arc::clone(&host),
            identity: Arc::clone(&identity),
            input: Document::from(number),
            seed: number.into(),
            history: None,
        };
        let tally = Arc::clone(tally);
        engine.start(start, Box::new(move |finished| tally.note(&finished, number)))?;
        if (number as usize).is_multiple_of(STARTS) {
            tokio::task::yield_now().await;
        }
    }
    Ok(())
}

impl Tally {
    fn note(&self, finished: &Finished, number: u32) {
        let should = finished.started.after(Duration::from_secs(WAIT_SECONDS));
        let is_right = finished.outcome == Outcome::Succeeded(Document::from(number)) && finished.stopped >= should;
        let late = finished.stopped.since(should).as_micros() as u64;
        self.late_us.fetch_max(late, Ordering::Relaxed);
        let tally = if is_right { &self.right } else { &self.wrong };
        tally.fetch_add(1, Ordering::Relaxed);
    }
}
