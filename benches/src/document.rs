//! Nanoseconds of reading and writing a document, beside `serde_json`.

use crate::bench::Plan;
use crate::figure::{Figure, Report, markdown_table, number};
use crate::{expr, median, step};
use anyhow::Result;
use fleetstep_document::{Document, Text};
use fleetstep_engine::clock;
use std::hint::black_box;

/// How long a batch takes, roughly; the batches of a row take turns.
const BATCH_NANOS: f64 = 1_000_000.0;
/// Batches of each column in a round.
const BATCHES: usize = 25;

/// What is measured: reading or writing, each with dropping what it made.
type Act<'a> = Box<dyn FnMut() + 'a>;

/// The figures: a ratio for each act and each of two documents.
pub(crate) fn measure(plan: &Plan) -> Result<Report> {
    let (mut figures, mut cells) = (Vec::new(), Vec::new());
    for (size, text) in [("small", step::ORDER.to_owned()), ("large", expr::order())] {
        for (name, what, columns) in rows(&text)? {
            let [ours, serde] = interleaved(columns, plan.rounds);
            let ratio = ours / serde;
            cells.push(vec![format!("{} B: {what}", text.len()), number(ours), number(serde), number(ratio)]);
            let what = format!("{} B {what}, against `serde_json`", text.len());
            figures.push(Figure::lower(format!("document.{size}-{name}"), what, "×", &[ratio]));
        }
    }
    let table = markdown_table(&["document", "ns", "`serde_json`", "ratio"], cells);
    Ok(Report { title: "Reading and writing documents".to_owned(), notes: Vec::new(), table: Some(table), figures })
}

/// Each row by its name and in words, with the same done by us and by `serde_json`.
fn rows(text: &str) -> Result<Vec<(&'static str, &'static str, [Act<'_>; 2])>> {
    let bytes = text.as_bytes();
    let (shared, shared_too) = (Text::from(text), Text::from(text));
    let document = Document::parse(bytes)?;
    let untouched = Document::parse_text(&shared)?;
    let serde: serde_json::Value = serde_json::from_str(text)?;
    let held = serde_json::to_string(&serde_json::json!({ "input": text }))?;
    let held_too = held.clone();
    let read = || act(move || serde_json::from_slice::<serde_json::Value>(black_box(bytes)));
    let write = |value: serde_json::Value| writer(move |out| serde_json::to_writer(out, &value).is_ok());
    Ok(vec![
        ("read-apart", "read, taken apart", [act(move || Document::parse(black_box(bytes))), read()]),
        ("read-on", "read, handed on", [act(move || Document::parse_text(black_box(&shared))), read()]),
        ("read-one", "read, one member looked at", [act(move || look(black_box(&shared_too))), read()]),
        (
            "read-request",
            "read, a request that holds it as a string",
            [
                act(move || Document::parse(black_box(held.as_bytes()))),
                act(move || serde_json::from_str::<serde_json::Value>(black_box(&held_too))),
            ],
        ),
        ("write-apart", "written, taken apart", [writer(writes(document.clone())), write(serde.clone())]),
        ("write-on", "written, handed on", [writer(writes(untouched.clone())), write(serde)]),
        ("string-apart", "written as a string, taken apart", in_strings(document, text)?),
        ("string-on", "written as a string, handed on", in_strings(untouched, text)?),
    ])
}

/// What a Choice over one field does.
fn look(text: &Text) -> Option<Document> {
    Document::parse_text(text).ok()?.get("total").cloned()
}

/// Makes something and drops it.
fn act<'a, T>(mut make: impl FnMut() -> T + 'a) -> Act<'a> {
    Box::new(move || drop(black_box(make())))
}

fn writes(document: Document) -> impl FnMut(&mut Vec<u8>) -> bool {
    move |out| {
        document.write_json(out);
        true
    }
}

/// The document as JSON within a JSON string; `serde_json` goes by way of a string.
fn in_strings<'a>(document: Document, text: &str) -> Result<[Act<'a>; 2]> {
    let serde: serde_json::Value = serde_json::from_str(text)?;
    Ok([
        writer(move |out| {
            document.write_json_string(out);
            true
        }),
        writer(move |out| serde_json::to_writer(out, &serde.to_string()).is_ok()),
    ])
}

/// Writes into a buffer that is used again.
fn writer<'a>(mut write: impl FnMut(&mut Vec<u8>) -> bool + 'a) -> Act<'a> {
    let mut out = Vec::new();
    Box::new(move || {
        out.clear();
        black_box(write(&mut out));
        black_box(&out);
    })
}

/// Medians of batches that take turns.
fn interleaved(mut columns: [Act<'_>; 2], rounds: usize) -> [f64; 2] {
    let times = columns.each_mut().map(|act| {
        nanos(act, 200);
        (BATCH_NANOS / nanos(act, 200).max(1.0)).clamp(10.0, 100_000.0) as u32
    });
    let mut figures = [const { Vec::new() }; 2];
    for _ in 0..rounds * BATCHES {
        for at in 0..columns.len() {
            figures[at].push(nanos(&mut columns[at], times[at]));
        }
    }
    figures.map(median)
}

fn nanos(act: &mut Act<'_>, times: u32) -> f64 {
    let started = clock::instant();
    for _ in 0..times {
        act();
    }
    started.elapsed().as_nanos() as f64 / f64::from(times)
}
