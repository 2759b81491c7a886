//! What it costs that many functions are called in turn, rather than one and the same.

use crate::bare;
use crate::bench::Plan;
use crate::figure::{Figure, Report};
use crate::fleet::{Fleet, name};
use crate::inprocess::{machine, spent, whole};
use anyhow::{Error, Result, anyhow};
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
    let bare = (0..many).map(|at| std::fs::read(fleet.path().join(name(at)).with_extension("wasm")));
    let bare = bare::Modules::of(bare.collect::<Result<Vec<_>, _>>()?).map_err(said)?;
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
    let bare_micros = |count: u32| bare.micros(count as usize, plan.count(EXECUTIONS)).map_err(said);
    let (mut ones, mut fews, mut manys) = (Vec::new(), Vec::new(), Vec::new());
    let (mut bare_ones, mut bare_manys) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        ones.push(micros(1)?);
        fews.push(micros(few)?);
        manys.push(micros(many)?);
        bare_ones.push(bare_micros(1)?);
        bare_manys.push(bare_micros(many)?);
    }
    let against =
        |ones: &[f64], each: &[f64]| -> Vec<f64> { ones.iter().zip(each).map(|(one, each)| one / each).collect() };
    let further =
        |ones: &[f64], each: &[f64]| -> Vec<f64> { ones.iter().zip(each).map(|(one, each)| each - one).collect() };
    let mut report = Report::of(
        "Many functions in turn, in process, by CPU time",
        vec![
            Figure::lower("functions.one", "an execution of one Wasm task, always the same function", "µs", &ones),
            Figure::lower("functions.few", format!("{few} functions in turn"), "µs", &fews),
            Figure::lower("functions.many", format!("{many} functions in turn"), "µs", &manys),
            Figure::higher("functions.few-in-turn", format!("{few} against one"), "×", &against(&ones, &fews)),
            Figure::higher("functions.in-turn", format!("{many} against one"), "×", &against(&ones, &manys)),
            Figure::lower("functions.bare-one", "wasmtime alone: a call of the same module", "µs", &bare_ones),
            Figure::lower("functions.bare-many", format!("the same, {many} modules in turn"), "µs", &bare_manys),
            Figure::higher(
                "functions.bare-in-turn",
                format!("wasmtime alone: {many} against one"),
                "×",
                &against(&bare_ones, &bare_manys),
            ),
            Figure::lower("functions.further", format!("what {many} add to a call"), "µs", &further(&ones, &manys)),
            Figure::lower(
                "functions.bare-further",
                "the same, wasmtime alone",
                "µs",
                &further(&bare_ones, &bare_manys),
            ),
        ],
    );
    report.notes.push(
        "What a further function costs is mostly its machine code, which the core's caches no longer hold when its turn \
         comes again: the figure says as much of the machine's caches, and of who else uses them. Wasmtime alone has \
         neither deadlines nor limits nor workflows: it makes an instance, calls it, and reads a string."
            .to_owned(),
    );
    Ok(report)
}

fn said(error: wasmtime::Error) -> Error {
    anyhow!("{error:#}")
}
