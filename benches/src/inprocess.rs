//! Whole executions with no HTTP: what one core runs in a second, what a second core adds, and what a Map saves.
//!
//! All figures are CPU time of the thread that runs the executions, so that they hold on a machine that is not quiet.

use crate::bench::Plan;
use crate::figure::{Figure, Report};
use crate::process::thread_cpu_time;
use crate::{modules, step};
use anyhow::{Context as _, Result, bail};
use fleetstep_catalog::{Runnable, StateMachine};
use fleetstep_document::Document;
use fleetstep_engine::{Engine, OnFinish, Outcome, Program, Start};
use fleetstep_server::deploy::Deployment;
use fleetstep_server::runtime::Runtime;
use fleetstep_server::settings::Settings;
use std::hint::black_box;
use std::sync::{Arc, Barrier};
use std::time::Duration;
use tokio::runtime::Handle;

/// Executions of each round of what takes less than a microsecond or two.
const PASSES: u32 = 50_000;
/// Executions of each round of what calls a module.
const TASKS: u32 = 10_000;
/// Executions that are started in one call.
const BATCH: u32 = 250;
/// Items of the Map.
const ITEMS: usize = 1_000;
/// Executions of the Map in each round.
const MAPS: u32 = 100;

/// The figures.
pub(crate) fn measure(plan: &Plan) -> Result<Report> {
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let runtime = tokio.block_on(async {
        let runtime = Runtime::open(&Settings::default()).await?;
        Deployment::at(&modules())?.deploy(&runtime.catalog).await?;
        anyhow::Ok(runtime)
    })?;
    let mut figures = passes(&runtime, tokio.handle(), plan)?;
    figures.extend(three(&runtime, tokio.handle(), plan)?);
    figures.extend(tasks(&runtime, tokio.handle(), plan)?);
    figures.extend(map(&runtime, tokio.handle(), plan)?);
    figures.extend(nothing_shared(plan)?);
    Ok(Report::of("Whole executions, in process, by CPU time", figures))
}

/// A machine with what runs it.
pub(crate) fn machine(runtime: &Runtime, name: &str) -> Result<(Arc<StateMachine>, Runnable)> {
    let machine = runtime.catalog.state_machine(name).with_context(|| format!("workflow {name}"))?;
    match &machine.runnable {
        Ok(runnable) => Ok((Arc::clone(&machine), runnable.clone())),
        Err(_) => bail!("{name} does not compile"),
    }
}

fn passes(runtime: &Runtime, handle: &Handle, plan: &Plan) -> Result<Vec<Figure>> {
    let (rounds, times) = (plan.rounds, plan.count(PASSES));
    let (machine, runnable) = machine(runtime, "pass")?;
    let input = Document::parse_lazily(step::ORDER.as_bytes())?;
    let identity = machine.identity(None);
    let whole = || whole(handle, &runtime.engine, &machine, &runnable);
    let engine = || {
        let start = start(&runnable, Arc::clone(&identity), input.clone());
        handle.block_on(runtime.engine.run(start)).map(drop).map_err(Into::into)
    };
    let nanos = nanos(rounds, times, whole)?;
    let what = format!("one Pass, {} B parsed and written: executions on a core", step::ORDER.len());
    let mut figures = vec![
        Figure::higher("inprocess.pass-rate", what, "/s", &rates(&nanos)),
        Figure::lower("inprocess.pass", "the same, CPU", "ns", &nanos),
    ];
    type Part<'a> = (&'a str, &'a str, &'a dyn Fn() -> Result<()>);
    let parts: [Part<'_>; 4] = [
        ("parse", "parse", &|| {
            black_box(Document::parse_lazily(step::ORDER.as_bytes())?);
            Ok(())
        }),
        ("identity", "who it is: name, id and ARN", &|| {
            black_box(machine.identity(None));
            Ok(())
        }),
        ("engine", "the engine", &engine),
        ("write", "write", &|| {
            input.write_json(&mut Vec::with_capacity(512));
            Ok(())
        }),
    ];
    for (name, what, part) in parts {
        let nanos = self::nanos(rounds, times, part)?;
        figures.push(Figure::lower(format!("inprocess.pass-{name}"), format!("of that: {what}"), "ns", &nanos));
    }
    let batched = self::nanos(rounds, times / BATCH, || {
        let one = || (start(&runnable, Arc::clone(&identity), input.clone()), Box::new(drop) as OnFinish);
        let handles = runtime.engine.start_batch((0..BATCH).map(|_| one()).collect());
        if handles.iter().all(Result::is_ok) { Ok(()) } else { bail!("not all were let in") }
    })?;
    let batched: Vec<f64> = batched.iter().map(|nanos| nanos / f64::from(BATCH)).collect();
    let what = format!("the engine, one of {BATCH} started in a batch");
    figures.push(Figure::lower("inprocess.pass-batched", what, "ns", &batched));
    let scale = two_cores(rounds, times, || self::whole(handle, &runtime.engine, &machine, &runnable))?;
    figures.push(Figure::higher("inprocess.pass-two-cores", "two cores against one, one Pass", "×", &scale));
    Ok(figures)
}

/// Three states that look into the order, in both languages: what the same costs over HTTP beside one Pass.
fn three(runtime: &Runtime, handle: &Handle, plan: &Plan) -> Result<Vec<Figure>> {
    let (machine, single) = machine(runtime, "pass")?;
    let definitions = [
        ("JSONPath", "jsonpath", modules().join("workflows").join("three.asl.json")),
        ("JSONata", "jsonata", crate::home().join("workload").join("three-jsonata.asl.json")),
    ];
    let mut figures = Vec::with_capacity(definitions.len());
    for (language, name, file) in definitions {
        let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        let runnable = Runnable { program: Arc::new(program(&text)?), ..single.clone() };
        let nanos = nanos(plan.rounds, plan.count(PASSES), || whole(handle, &runtime.engine, &machine, &runnable))?;
        let what = format!("three states with a Choice, {language}, parsed and written");
        figures.push(Figure::lower(format!("inprocess.three-{name}"), what, "ns", &nanos));
    }
    Ok(figures)
}

fn program(text: &str) -> Result<Program> {
    let compilation = fleetstep_asl::compile(text, &fleetstep_asl::Options::default());
    Ok(compilation.compiled.with_context(|| format!("{:?}", compilation.diagnostics))?.program)
}

/// One execution from text to text.
pub(crate) fn whole(handle: &Handle, engine: &Engine, machine: &StateMachine, runnable: &Runnable) -> Result<()> {
    // As the API reads an input.
    let input = Document::parse_lazily(step::ORDER.as_bytes())?;
    let start = start(runnable, machine.identity(None), input);
    match handle.block_on(engine.run(start))?.outcome {
        Outcome::Succeeded(output) => {
            let mut text = Vec::with_capacity(512);
            output.write_json(&mut text);
            black_box(text);
            Ok(())
        }
        other => bail!("{other:?}"),
    }
}

fn start(runnable: &Runnable, identity: Arc<fleetstep_engine::Identity>, input: Document) -> Start {
    let (program, host) = (Arc::clone(&runnable.program), Arc::clone(&runnable.host));
    Start { program, host, identity, input, seed: 1, history: None }
}

fn tasks(runtime: &Runtime, handle: &Handle, plan: &Plan) -> Result<Vec<Figure>> {
    let (rounds, times) = (plan.rounds, plan.count(TASKS));
    let (machine, runnable) = machine(runtime, "task")?;
    let nanos = nanos(rounds, times, || whole(handle, &runtime.engine, &machine, &runnable))?;
    let scale = two_cores(rounds, times, || whole(handle, &runtime.engine, &machine, &runnable))?;
    let what = "one Wasm task, parsed and written: executions on a core";
    Ok(vec![
        Figure::higher("inprocess.task-rate", what, "/s", &rates(&nanos)),
        Figure::higher("inprocess.two-cores", "two cores against one, one Wasm task", "×", &scale),
    ])
}

/// Executions a second that take so many nanoseconds each.
fn rates(nanos: &[f64]) -> Vec<f64> {
    nanos.iter().map(|nanos| 1e9 / nanos).collect()
}

/// A Map with one Pass for each item, beside as many executions of one Pass.
fn map(runtime: &Runtime, handle: &Handle, plan: &Plan) -> Result<Vec<Figure>> {
    let (rounds, maps, passes) = (plan.rounds, plan.count(MAPS), plan.count(PASSES));
    let (machine, single) = machine(runtime, "pass")?;
    let text = r#"{"StartAt":"All","States":{"All":{"Type":"Map","End":true,
        "ItemProcessor":{"StartAt":"One","States":{"One":{"Type":"Pass","End":true}}}}}}"#;
    let all = Runnable { program: Arc::new(program(text)?), ..single.clone() };
    let items: Vec<_> = (0..ITEMS).map(|at| Document::parse(format!(r#"{{"item":{at}}}"#).as_bytes())).collect();
    let items = Document::from(items.into_iter().collect::<Result<Vec<_>, _>>()?);
    let identity = machine.identity(None);
    let run = |runnable: &Runnable, input: &Document| {
        let finished = handle.block_on(runtime.engine.run(start(runnable, Arc::clone(&identity), input.clone())))?;
        match finished.outcome {
            Outcome::Succeeded(output) if output == *input => Ok(()),
            other => bail!("{other:?}"),
        }
    };
    let item = items.at(0).context("an item")?;
    let mut ratios = Vec::with_capacity(rounds);
    let mut nanos_per_item = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let map = nanos(1, maps, || run(&all, &items))?[0] / ITEMS as f64;
        let alone = nanos(1, passes, || run(&single, item))?[0];
        nanos_per_item.push(map);
        ratios.push(map / alone);
    }
    let against = format!("a Map of {ITEMS} against {ITEMS} single starts");
    Ok(vec![
        Figure::lower("inprocess.map-item", "an item of a Map with one Pass each", "ns", &nanos_per_item),
        Figure::lower("inprocess.map-over-starts", against, "×", &ratios),
    ])
}

/// What a second core adds to work that shares nothing with the first: the machine's own limit of the other two.
fn nothing_shared(plan: &Plan) -> Result<Vec<Figure>> {
    let (rounds, times) = (plan.rounds, plan.count(PASSES));
    let in_registers = || {
        let mut state = black_box(1_u64);
        for _ in 0..1_000 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
        }
        black_box(state);
        Ok(())
    };
    let in_memory = || {
        let value: serde_json::Value = serde_json::from_slice(step::ORDER.as_bytes())?;
        black_box(serde_json::to_vec(&value)?);
        Ok(())
    };
    let registers = two_cores(rounds, times, in_registers)?;
    let memory = two_cores(rounds, times, in_memory)?;
    let (arithmetic, document) = ("arithmetic in registers", "the order read and written by `serde_json`");
    Ok(vec![
        Figure::higher(
            "inprocess.registers-two-cores",
            format!("two cores against one, {arithmetic}"),
            "×",
            &registers,
        ),
        Figure::higher("inprocess.memory-two-cores", format!("two cores against one, {document}"), "×", &memory),
    ])
}

/// Nanoseconds of CPU that one run of `work` takes, round by round.
fn nanos(rounds: usize, times: u32, work: impl Fn() -> Result<()>) -> Result<Vec<f64>> {
    let round = |_| Ok(spent(times, &work)?.as_nanos() as f64 / f64::from(times));
    (0..rounds).map(round).collect()
}

/// CPU time of so many runs of `work`.
pub(crate) fn spent(times: u32, work: impl Fn() -> Result<()>) -> Result<Duration> {
    let before = thread_cpu_time();
    for _ in 0..times {
        work()?;
    }
    Ok(thread_cpu_time() - before)
}

/// What two cores get done in the time of one, by the CPU that a run takes alone and beside another.
fn two_cores(rounds: usize, times: u32, work: impl Fn() -> Result<()> + Sync) -> Result<Vec<f64>> {
    let mut ratios = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let alone = spent(times, &work)?;
        let together = Barrier::new(2);
        let beside = std::thread::scope(|scope| {
            let one = || {
                together.wait();
                spent(times, &work)
            };
            let threads = [scope.spawn(one), scope.spawn(one)];
            let spent = threads.map(|thread| thread.join().unwrap_or_else(|_| bail!("a thread panicked")));
            let [first, second] = spent;
            anyhow::Ok(first?.max(second?))
        })?;
        ratios.push(2.0 * alone.as_secs_f64() / beside.as_secs_f64());
    }
    Ok(ratios)
}
