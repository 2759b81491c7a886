//! Functions: what they are, how their calls ended, what they logged; and the upload of modules.

use crate::Answer;
use crate::ask::{Problem, Sent, Visitor, part};
use crate::page::{Page, Tab, facts, table};
use crate::shown::{bytes, count, date, visible};
use crate::workflows::{array, figures};
use http::Method;
use maud::{Markup, html};
use serde_json::Value;

const HEADS: [&str; 8] = ["Function", "Calls/s", "Succeeded", "Failed", "Throttled", "p50", "p99", "Running"];
/// Lines of the log that a page shows.
const LINES_SHOWN: usize = 200;

pub(crate) async fn list(visitor: &Visitor<'_>) -> Result<Page, Problem> {
    let stats = visitor.get("/v1/stats").await?;
    let rows: Vec<_> = array(&stats["functions"]).iter().map(row).collect();
    let page = Page::new("Functions", Tab::Functions);
    let page = if visitor.wants_all() { page.with("upload", upload_form(None)) } else { page };
    Ok(page.with_live(
        "functions",
        html! {
            (table("Functions", &HEADS, &rows, "There is no function yet. Drop a module above."))
            @if !rows.is_empty() { p.note { "Figures are of the last minute." } }
        },
    ))
}

fn row(function: &Value) -> Vec<Markup> {
    let name = function["name"].as_str().unwrap_or_default();
    let mut row = vec![html! { a href={ "/console/functions/" (part(name)) } { (visible(name)) } }];
    row.extend(figures(function));
    row.push(html! { (count(function["running"].as_u64().unwrap_or(0))) });
    row
}

/// Takes a module that is dropped or chosen; the script sends it, and says how far it is.
fn upload_form(name: Option<&str>) -> Markup {
    html! {
        form.drop data-upload="true" data-function=[name] {
            @if name.is_none() {
                div {
                    label for="function" { "Name" }
                    input #function name="function" maxlength="64" pattern="[A-Za-z0-9_-]+" autocomplete="off"
                        placeholder="that of the file";
                }
            }
            div {
                label for="module" { @if name.is_some() { "New module" } @else { "Module" } }
                input #module type="file" accept=".wasm,application/wasm";
            }
            p.hint { "Drop a " code { ".wasm" } " file here, or choose one: a task, or a WASI command." }
            progress #upload-progress max="1" value="0" hidden {}
            p #upload-state role="status" {}
        }
    }
}

pub(crate) async fn one(visitor: &Visitor<'_>, name: &str) -> Result<Page, Problem> {
    let path = format!("/v1/functions/{}", part(name));
    let function = visitor.get(&path).await?;
    let stats = visitor.get("/v1/stats").await?;
    let stats = array(&stats["functions"]).iter().find(|stats| stats["name"] == name).cloned().unwrap_or_default();
    let log = visitor.get(&format!("{path}/logs?max_items={LINES_SHOWN}")).await?;
    let page =
        Page::new(name, Tab::Functions).with_live("figures", figured(&stats)).with_live("about", about(&function));
    let page = if visitor.wants_all() { page.with("upload", upload_form(Some(name))) } else { page };
    Ok(page.with_live("failures", failed(&log)).with_live("log", logged(&log)))
}

fn figured(stats: &Value) -> Markup {
    let running = html! { (count(stats["running"].as_u64().unwrap_or(0))) };
    let terms = ["Calls/s", "Succeeded", "Failed", "Throttled", "p50", "p99"];
    let peak = html! { (bytes(stats["memoryBytesPeak"].as_f64().unwrap_or(0.0))) };
    let more = [("Running", running), ("Memory, most", peak)];
    let values: Vec<_> = terms.into_iter().zip(figures(stats)).chain(more).collect();
    html! { (facts(&values)) p.note { "Figures are of the last minute." } }
}

fn about(function: &Value) -> Markup {
    let text = |name: &str| function[name].as_str().unwrap_or_default();
    let names = |member: &str| {
        let members = function[member].as_object().into_iter().flatten();
        members.map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default())).collect::<Vec<_>>()
    };
    let variables = [names("environment"), names("secrets")].concat();
    html! {
        @if let Some(problem) = function["problem"].as_str() {
            div.problem { p { strong { "It cannot be called" } } p { (visible(problem)) } }
        }
        (facts(&[
            ("Kind", html! { (text("kind")) }),
            ("Module", html! { (bytes(function["module_bytes"].as_f64().unwrap_or(0.0))) }),
            ("SHA-256", html! { code.digest { (text("module_sha256")) } }),
            ("Memory, at most", html! { (function["memory_mib"]) " MiB" }),
            ("Timeout", html! { (function["timeout_seconds"]) " s" }),
            ("Concurrency", html! { (function["concurrency"]) }),
            ("Instances", html! { (instances(function)) }),
            ("Updated", date(&function["updated"])),
        ]))
        @if !variables.is_empty() {
            details { summary { "Environment" } pre tabindex="0" { (visible(&variables.join("\n"))) } }
        }
    }
}

/// How long an instance of the function lives, and where it begins.
fn instances(function: &Value) -> String {
    let lives = match function["reuse"].as_u64() {
        Some(calls) if calls > 1 => format!("one for up to {calls} calls"),
        _ => "a fresh one for each call".to_owned(),
    };
    if function["preinitialise"] == true { lives + ", pre-initialised" } else { lives }
}

/// The latest calls that failed, the newest first.
fn failed(log: &Value) -> Markup {
    let rows: Vec<_> = array(&log["failures"])
        .iter()
        .rev()
        .map(|failure| {
            let text = |name: &str| visible(failure[name].as_str().unwrap_or_default());
            let arn = failure["executionArn"].as_str().unwrap_or_default();
            let of = html! {
                @if arn.is_empty() { "none" } @else { a href={ "/console/executions/" (part(arn)) } { "execution" } }
            };
            vec![date(&failure["at"]), html! { strong.bad { (text("error")) } }, html! { (text("cause")) }, of]
        })
        .collect();
    html! {
        @if !rows.is_empty() {
            h2 { "Latest failures" }
            (table("Latest failures", &["Time", "Error", "Cause", "Of"], &rows, ""))
        }
    }
}

fn logged(log: &Value) -> Markup {
    let lines = array(&log["lines"]);
    html! {
        h2 { "Log" }
        @if lines.is_empty() {
            p.empty { "It has logged nothing." }
        } @else {
            div.scroll.log tabindex="0" role="region" aria-label="Log" {
                table {
                    thead { tr { th scope="col" { "Time" } th scope="col" { "Level" } th scope="col" { "Line" } } }
                    tbody {
                        @for line in lines.iter().rev() {
                            @let arn = line["executionArn"].as_str().unwrap_or_default();
                            tr {
                                td { (date(&line["at"])) }
                                td { (line["level"].as_str().unwrap_or_default()) }
                                td.line {
                                    (visible(line["text"].as_str().unwrap_or_default()))
                                    @if !arn.is_empty() {
                                        " " a href={ "/console/executions/" (part(arn)) } { "execution" }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Takes a module. The script that sends it goes on to the function's page, or tells the text of a refusal.
pub(crate) async fn upload(visitor: &Visitor<'_>, name: &str) -> Result<Answer, Problem> {
    let sent = Sent::Bytes("application/wasm", visitor.body.clone());
    visitor.ask(Method::PUT, &format!("/v1/functions/{}", part(name)), sent, &[]).await?;
    Ok(Answer::Redirect(format!("/console/functions/{}", part(name))))
}
