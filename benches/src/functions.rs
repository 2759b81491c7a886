//! What it costs that many functions are called in turn, rather than one and the same.

use crate::bench::Plan;
use crate::figure::{Figure, Report};
use crate::fleet::{Fleet, name};
use crate::inprocess::{machine, spent, whole};
use anyhow::Result;
use fleetstep_server::deploy::Deployment;
use fleetstep_server::runtime::Runtime;
use fleetstep_server::settings::Settings;
use std::cell::Cell;

/// Functions of different modules that are called in turn, each by a workflow of its own: few, and many. The many are
/// what the target is about.
const FEW: u32 = 20;
const MANY: u32 = 200;
/// Executions of each round.
const EXECUTIONS: u32 = 10_000;

/// The figures: one function, few and many, interleaved round by round, in CPU time of the thread that calls.
pub(crate) fn measure(plan: &Plan) -> Result<Report> {
    let [few, many] = [FEW, MANY].map(|count| if plan.quick { count / 10 } else { count });
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let fleet = Fleet::of(many)?;
    let runtime = tokio.block_on(async {
        let runtime = Runtime::open(&Settings::default()).await?;
        Deployment::at(fleet.path())?.deploy(&runtime.catalog).await?;
        anyhow::Ok(runtime)
    })?;
    let workflows = (0..many).map(|at| machine(&runtime, &name(at))).collect::<Result<Vec<_>>>()?;
    let micros = |count: u32| {
        let (next, times) = (Cell::new(0), plan.count(EXECUTIONS));
        let one = || {
            let (machine, runnable) = &workflows[next.replace((next.get() + 1) % count as usize)];
            whole(tokio.handle(), &runtime.engine, machine, runnable)
        };
        // Each of them is called once before: a first call maps the module's memory.
        (0..count).try_for_each(|_| one())?;
        anyhow::Ok(spent(times, one)?.as_secs_f64() * 1e6 / f64::from(times))
    };
    let (mut ones, mut fews, mut manys) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        ones.push(micros(1)?);
        fews.push(micros(few)?);
        manys.push(micros(many)?);
    }
    let against = |each: &[f64]| -> Vec<f64> { ones.iter().zip(each).map(|(one, each)| one / each).collect() };
    let mut report = Report::of(
        "Many functions in turn, in process, by CPU time",
        vec![
            Figure::lower("functions.one", "an execution of one Wasm task, always the same function", "µs", &ones),
            Figure::lower("functions.few", format!("{few} functions in turn"), "µs", &fews),
            Figure::lower("functions.many", format!("{many} functions in turn"), "µs", &manys),
            Figure::higher("functions.few-in-turn", format!("{few} against one"), "×", &against(&fews)),
            Figure::higher("functions.in-turn", format!("{many} against one"), "×", &against(&manys)),
        ],
    );
    report.notes.push(
        "What a further function costs is mostly its machine code, which the core's caches no longer hold when its turn \
         comes again: the figure says as much of the machine's caches, and of who else uses them."
            .to_owned(),
    );
    Ok(report)
}
