//! The same task in five languages: how large its module is, how long that takes to compile, and what a call costs,
//! by a fresh instance and by one that is used again.

use crate::bench::Plan;
use crate::figure::{Figure, Report, markdown_table, number, quantity};
use crate::process::process_cpu_time;
use crate::{home, median};
use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use fleetstep_catalog::{Catalog, FunctionSettings};
use fleetstep_document::Document;
use fleetstep_engine::{Call, Identity, Reply, TaskId, clock};
use fleetstep_server::runtime::Runtime;
use fleetstep_server::settings::Settings;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// Calls of each round.
const CALLS: u32 = 2_000;
/// Calls that an instance serves where it is used again.
const REUSE: u32 = 1_000;
/// The order that is priced: 330 B.
const ORDER: &str = r#"{"id":"o-1042","customer":{"name":"Ada Lovelace","country":"GB","email":"ada@example.com"},"lines":[{"sku":"kettle","quantity":2,"unit_cents":3499},{"sku":"tea","quantity":11,"unit_cents":455},{"sku":"cup","quantity":1,"unit_cents":799}],"currency":"GBP","note":"leave it at the door","tags":["web","first"],"paid":false}"#;
/// What every language says it costs.
const TOTAL_CENTS: i64 = 13_711;

/// A way to run the task.
struct Entry {
    language: &'static str,
    /// What the table and the figures' names call it.
    name: &'static str,
    about: &'static str,
    preinitialise: bool,
    /// A command runs once by nature.
    serves_again: bool,
}

#[rustfmt::skip]
const ENTRIES: &[Entry] = &[
    Entry { language: "rust", name: "rust", about: "Rust, a component", preinitialise: false, serves_again: true },
    Entry { language: "c", name: "c", about: "C, a command", preinitialise: false, serves_again: false },
    Entry { language: "go", name: "go", about: "Go, a reactor", preinitialise: false, serves_again: true },
    Entry { language: "go", name: "go-preinitialised", about: "Go, pre-initialised", preinitialise: true, serves_again: true },
    Entry { language: "javascript", name: "javascript", about: "JavaScript, a component", preinitialise: false, serves_again: true },
    Entry { language: "python", name: "python", about: "Python, a component", preinitialise: false, serves_again: true },
];

/// What was found of one of them.
struct Row {
    entry: &'static Entry,
    kib: f64,
    compile_ms: f64,
    fresh: Vec<f64>,
    reused: Vec<f64>,
}

/// The figures, in CPU time of the whole process.
pub(crate) fn measure(plan: &Plan) -> Result<Report> {
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let mut notes = vec![format!(
        "Each prices the same order of {} B, `examples/languages`, called in process. CPU of the whole process; \
         reused: an instance for up to {} calls, one after another. A module is compiled by both cores at low priority.",
        ORDER.len(),
        number(REUSE.into())
    )];
    // Whoever only looks has what was compiled before.
    let settings = Settings { cache_dir: Settings::default().cache_dir.filter(|_| plan.quick), ..Settings::default() };
    let runtime = tokio.block_on(Runtime::open(&settings))?;
    let mut rows = Vec::new();
    for entry in ENTRIES {
        match module(entry.language, plan.quick) {
            Ok(module) => {
                let row = tokio.block_on(row(&runtime.catalog, entry, module, plan));
                rows.push(row.with_context(|| entry.name)?);
            }
            Err(absent) => notes.push(format!("{}: absent, {absent:#}.", entry.about)),
        }
    }
    let mut report = Report::of("The same task in five languages", rows.iter().flat_map(figures).collect());
    (report.notes, report.table) = (notes, Some(table(&rows)));
    Ok(report)
}

/// The module of a language, built where it may be.
fn module(language: &str, quick: bool) -> Result<Vec<u8>> {
    let example = home().join("../examples/languages");
    if !quick {
        let mut build = Command::new(PathBuf::from(language).join("build"));
        // What it says goes beside the report.
        build.current_dir(&example).stdout(std::io::stderr());
        let status = build.status().context("bash does not run")?;
        if !status.success() {
            bail!("it could not be built");
        }
    }
    let module = example.join("modules").join(language).with_extension("wasm");
    std::fs::read(module).context("it is not built")
}

async fn row(catalog: &Catalog, entry: &'static Entry, module: Vec<u8>, plan: &Plan) -> Result<Row> {
    let kib = module.len() as f64 / 1024.0;
    let (module, preinitialise) = (Bytes::from(module), entry.preinitialise);
    let settings = |reuse| FunctionSettings { reuse, preinitialise, ..FunctionSettings::default() };
    let began = clock::instant();
    catalog.put_function("fresh", module.clone(), Some(settings(1))).await?;
    let compile_ms = began.elapsed().as_secs_f64() * 1e3;
    if entry.serves_again {
        catalog.put_function("reused", module, Some(settings(REUSE))).await?;
    }
    let (mut fresh, mut reused) = (Vec::new(), Vec::new());
    // The first round warms up.
    for round in 0..=plan.rounds {
        let one = micros(catalog, "fresh", plan.count(CALLS)).await?;
        let again = if entry.serves_again { Some(micros(catalog, "reused", plan.count(CALLS)).await?) } else { None };
        if round > 0 {
            fresh.push(one);
            reused.extend(again);
        }
    }
    Ok(Row { entry, kib, compile_ms, fresh, reused })
}

/// Microseconds of CPU that a call of `function` takes.
async fn micros(catalog: &Catalog, function: &str, calls: u32) -> Result<f64> {
    let (input, identity) = (Document::parse(ORDER.as_bytes())?, Arc::new(Identity::default()));
    let before = process_cpu_time();
    for _ in 0..calls {
        let call = Call {
            task: TaskId(0),
            input: input.clone(),
            state: Default::default(),
            retry_count: 0,
            deadline: clock::now().after(Duration::from_secs(60)),
            identity: Arc::clone(&identity),
            trace: None,
            callback: None,
        };
        let answer = match catalog.call_function(function, call)? {
            Reply::Ready(answer) => answer,
            Reply::Later(answer) => answer.await,
        };
        match answer {
            Ok(price) if price.get("total_cents").and_then(Document::as_i64) == Some(TOTAL_CENTS) => {}
            other => bail!("{other:?}"),
        }
    }
    Ok((process_cpu_time() - before).as_secs_f64() * 1e6 / f64::from(calls))
}

fn figures(row: &Row) -> Vec<Figure> {
    let Entry { name, about, .. } = row.entry;
    let named = |what: &str| format!("languages.{name}-{what}");
    let mut figures = vec![
        Figure::lower(named("size"), format!("{about}: its module"), "KiB", &[row.kib]),
        Figure::lower(named("compile"), format!("{about}: upload, compiled"), "ms", &[row.compile_ms]),
        Figure::lower(named("fresh"), format!("{about}: a call by a fresh instance"), "µs", &row.fresh),
    ];
    if !row.reused.is_empty() {
        let what = format!("{about}: a call by an instance that is used again");
        figures.push(Figure::lower(named("reused"), what, "µs", &row.reused));
    }
    figures
}

fn table(rows: &[Row]) -> String {
    let head = [
        "the same task",
        "module",
        "compiled in",
        "fresh: CPU per call",
        "calls/s on a core",
        "reused: CPU per call",
        "calls/s on a core",
    ];
    let calls = |micros: &[f64]| {
        if micros.is_empty() {
            return ["–".to_owned(), "–".to_owned()];
        }
        let micros = median(micros.to_vec());
        [quantity(micros, "µs"), number((1e6 / micros).round())]
    };
    let cells = rows.iter().map(|row| {
        let mut cells = vec![row.entry.about.to_owned(), quantity(row.kib, "KiB"), quantity(row.compile_ms, "ms")];
        cells.extend(calls(&row.fresh));
        cells.extend(calls(&row.reused));
        cells
    });
    markdown_table(&head, cells)
}
