//! One execution: its run drawn on the diagram, its timeline, what went in and came out of each state.

use crate::Answer;
use crate::ask::{Problem, Sent, Visitor, part};
use crate::cost;
use crate::executions::took;
use crate::page::{Page, Tab, facts};
use crate::run::{Run, Visit};
use crate::shown::{date, duration, json, micros_between, status, visible};
use crate::workflow::drawn;
use crate::workflows::array;
use bytes::Bytes;
use http::Method;
use maud::{Markup, html};
use serde_json::{Value, json};

/// The longest history that is read, in events.
const EVENTS_MAX: usize = 5_000;
/// A page of it.
const EVENTS_PAGE: usize = 1_000;
/// Visits that the timeline and the list show.
const VISITS_SHOWN: usize = 400;
/// The longest document that is shown in full, in characters.
const DOCUMENT_SHOWN_MAX: usize = 20_000;
/// The longest text of an event's details, in characters.
const DETAILS_SHOWN_MAX: usize = 300;
/// How wide the timeline is, in its own units.
const TIMELINE_WIDTH: f64 = 1_000.0;

/// A history as far as it is read.
struct History {
    events: Vec<Value>,
    /// `OFF` where none is kept.
    level: String,
    has_more: bool,
}

pub(crate) async fn page(visitor: &Visitor<'_>, arn: &str) -> Result<Page, Problem> {
    let execution = visitor.get(&path_of(arn)).await?;
    let title = execution["name"].as_str().unwrap_or_default().to_owned();
    let is_running = execution["status"] == "RUNNING";
    let page = Page::new(title, Tab::Executions);
    let mark = if is_running { Some(mark(visitor, arn).await?) } else { None };
    if mark.is_some() && mark.as_deref() == visitor.mark {
        return Ok(page.unchanged());
    }
    let history = history(visitor, arn).await?;
    let run = Run::of(&history.events);
    let workflow_name = workflow_of(&execution);
    // One that was deleted since has no picture any more.
    let workflow = visitor.get(&format!("/v1/workflows/{}", part(&workflow_name))).await.ok();
    let regions = [
        ("summary", summary(&execution, &workflow_name)),
        ("actions", actions(&execution, arn, &history)),
        ("diagram", pictured(&execution, workflow.as_ref(), &run, &history, &workflow_name)),
        ("timeline", timeline(&run)),
        ("states", states(&run)),
        ("data", payloads(&execution)),
        ("cost", cost::of_execution(&execution)),
        ("events", events(&history)),
    ];
    let page = Page { mark, ..page };
    Ok(regions.into_iter().fold(
        page,
        |page, (id, html)| {
            if is_running { page.with_live(id, html) } else { page.with(id, html) }
        },
    ))
}

/// What stands for all that is shown of an execution that runs: its latest event.
async fn mark(visitor: &Visitor<'_>, arn: &str) -> Result<String, Problem> {
    let path = format!("{}/history?reverse=true&max_items=1&include_data=false", path_of(arn));
    Ok(visitor.get(&path).await?["events"][0]["id"].to_string())
}

fn path_of(arn: &str) -> String {
    format!("/v1/executions/{}", part(arn))
}

/// The name of the workflow, with the version or alias that it ran as.
fn workflow_of(execution: &Value) -> String {
    let text = |name: &str| execution[name].as_str();
    let arn = text("stateMachineVersionArn").or_else(|| text("stateMachineArn")).unwrap_or_default();
    arn.split(':').skip(6).collect::<Vec<_>>().join(":")
}

async fn history(visitor: &Visitor<'_>, arn: &str) -> Result<History, Problem> {
    let (mut found, mut token) = (History { events: Vec::new(), level: String::new(), has_more: false }, None);
    while found.events.len() < EVENTS_MAX {
        let after = token.as_deref().map_or_else(String::new, |token: &str| format!("&token={}", part(token)));
        let page = visitor.get(&format!("{}/history?max_items={EVENTS_PAGE}{after}", path_of(arn))).await?;
        found.level = page["level"].as_str().unwrap_or_default().to_owned();
        found.events.extend_from_slice(array(&page["events"]));
        token = page["nextToken"].as_str().map(str::to_owned);
        if token.is_none() {
            return Ok(found);
        }
    }
    found.has_more = true;
    Ok(found)
}

fn summary(execution: &Value, workflow: &str) -> Markup {
    let error = execution["error"].as_str().map(visible);
    let cause = execution["cause"].as_str().map(visible);
    html! {
        (facts(&[
            ("Status", status(execution["status"].as_str().unwrap_or_default())),
            ("Workflow", html! { a href={ "/console/workflows/" (part(workflow)) } { (workflow) } }),
            ("Started", date(&execution["startDate"])),
            ("Took", html! { (took(execution)) }),
        ]))
        @if error.is_some() || cause.is_some() {
            div.problem {
                p { strong { (error.as_deref().unwrap_or("It failed")) } }
                @if let Some(cause) = cause { pre tabindex="0" { (cause) } }
            }
        }
    }
}

fn actions(execution: &Value, arn: &str, history: &History) -> Markup {
    let path = format!("/console/executions/{}", part(arn));
    html! {
        div.actions {
            form method="post" action={ (path) "/again" } { button { "Run again with this input" } }
            @if execution["status"] == "RUNNING" {
                form method="post" action={ (path) "/stop" } { button { "Stop" } }
            }
            @if history.level == "ALL" {
                a.button href={ (path) "/replay.json" } { "Download as a replay file" }
            }
        }
        @if history.level != "ALL" {
            p.note { "There is no replay file, since not all of the history was kept: run it again, and there is one." }
        }
    }
}

fn pictured(execution: &Value, workflow: Option<&Value>, run: &Run, history: &History, name: &str) -> Markup {
    let Some(workflow) = workflow else {
        return html! { p.empty { "The workflow is no longer deployed: there is no picture." } };
    };
    let is_other = execution["startDate"].as_str() < workflow["updateDate"].as_str();
    html! {
        (drawn(workflow, &run.overlay(), name))
        @if run.visits.is_empty() {
            p.note {
                "The run is not drawn, since its history was not kept (" (history.level) "). "
                "Executions that are started here keep it; so do those of a server with "
                code { "--history-level ALL" } "."
            }
        } @else if is_other {
            p.note { "The workflow was changed after this execution began: the diagram is that of today." }
        }
        @if history.has_more { p.note { "The history is longer than what is shown." } }
    }
}

fn timeline(run: &Run) -> Markup {
    let Some((from, to)) = run.span.filter(|_| !run.visits.is_empty()) else { return html! {} };
    let whole = (to - from).max(1) as f64;
    let at = |moment: i64| (micros_between(from, moment) as f64 / whole * TIMELINE_WIDTH).clamp(0.0, TIMELINE_WIDTH);
    html! {
        h2 { "Timeline" }
        div.scroll tabindex="0" role="region" aria-label="Timeline" {
            table.timeline {
                caption.hidden { "When each state ran" }
                thead { tr { th scope="col" { "State" } th scope="col" { "0 to " (duration(to - from)) } th scope="col" { "Took" } } }
                tbody {
                    @for visit in run.visits.iter().take(VISITS_SHOWN) {
                        @let start = at(visit.entered);
                        @let end = at(visit.left.unwrap_or(to));
                        tr {
                            th scope="row" { span.indent data-depth=(visit.depth.min(6)) { (named(visit)) } }
                            td {
                                svg.bar viewBox="0 0 1000 16" preserveAspectRatio="none" aria-hidden="true"
                                    data-status=(visit.status.name()) {
                                    rect x=(format!("{start:.1}")) y="3" rx="2" height="10"
                                        width=(format!("{:.1}", (end - start).max(3.0))) {}
                                }
                            }
                            td.number { (crate::run::took(visit)) }
                        }
                    }
                }
            }
        }
        @if run.visits.len() > VISITS_SHOWN {
            p.note { "The first " (VISITS_SHOWN) " of " (run.visits.len()) " are shown." }
        }
    }
}

/// A visit's state, and which iteration it was.
fn named(visit: &Visit) -> Markup {
    html! {
        (visible(&visit.state))
        @if let Some(iteration) = visit.iteration { span.muted { " #" (iteration) } }
    }
}

fn states(run: &Run) -> Markup {
    html! {
        @if !run.visits.is_empty() {
            h2 { "States" }
            @for visit in run.visits.iter().take(VISITS_SHOWN) {
                details.visit data-status=(visit.status.name()) {
                    summary {
                        span.status data-status=(visit.status.name()) { (visit.status.name()) }
                        " " strong { (named(visit)) } " "
                        span.muted {
                            (visit.kind) ", " (crate::run::took(visit))
                            @if visit.attempts > 1 { ", " (visit.attempts) " attempts" }
                        }
                    }
                    @if let Some(failure) = &visit.failure {
                        div.problem { p { strong { (visible(&failure.error)) } } pre tabindex="0" { (visible(&failure.cause)) } }
                    }
                    (documents(&[("Input", visit.input.as_ref()), ("Output", visit.output.as_ref())]))
                    p.note { "Entered by event " (visit.event) "." }
                }
            }
        }
    }
}

fn payloads(execution: &Value) -> Markup {
    html! {
        h2 { "Input and output" }
        (documents(&[("Input", execution.get("input")), ("Output", execution.get("output"))]))
    }
}

fn documents(documents: &[(&str, Option<&Value>)]) -> Markup {
    html! {
        div.documents {
            @for (name, document) in documents {
                @if let Some(document) = document {
                    @let text = json(document);
                    figure {
                        figcaption { (name) }
                        pre tabindex="0" { (text.chars().take(DOCUMENT_SHOWN_MAX).collect::<String>()) }
                        @if text.len() > DOCUMENT_SHOWN_MAX { p.note { "It is longer: the replay file has all of it." } }
                    }
                }
            }
        }
    }
}

fn events(history: &History) -> Markup {
    html! {
        @if !history.events.is_empty() {
            details {
                summary { (history.events.len()) " events" }
                div.scroll tabindex="0" role="region" aria-label="Events" {
                    table {
                        thead { tr { @for head in ["#", "Type", "After", "Time", "Details"] { th scope="col" { (head) } } } }
                        tbody {
                            @for event in history.events.iter().take(EVENTS_PAGE) {
                                tr {
                                    td.number { (event["id"]) }
                                    td { (event["type"].as_str().unwrap_or_default()) }
                                    td.number { (event["previousEventId"]) }
                                    td { (date(&event["timestamp"])) }
                                    td.line { (details(&event["details"])) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What an event tells, on one line as far as that goes.
fn details(details: &Value) -> String {
    let text = if details.is_null() { String::new() } else { visible(&details.to_string()) };
    match text.char_indices().nth(DETAILS_SHOWN_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Starts the same workflow with the same input.
pub(crate) async fn again(visitor: &Visitor<'_>, arn: &str) -> Result<Answer, Problem> {
    let execution = visitor.get(&path_of(arn)).await?;
    let path = format!("/v1/workflows/{}/run?history=ALL", part(&workflow_of(&execution)));
    let input = Sent::Json(execution["input"].to_string());
    let started = visitor.ask(Method::POST, &path, input, &[("prefer", "respond-async")]).await?;
    let started = started["executionArn"].as_str().unwrap_or_default();
    Ok(Answer::Redirect(format!("/console/executions/{}", part(started))))
}

pub(crate) async fn stop(visitor: &Visitor<'_>, arn: &str) -> Result<Answer, Problem> {
    let reasons = json!({"error": "Console.Stopped", "cause": "Stopped in the console."}).to_string();
    visitor.ask(Method::POST, &format!("{}/stop", path_of(arn)), Sent::Json(reasons), &[]).await?;
    Ok(Answer::Redirect(format!("/console/executions/{}", part(arn))))
}

/// Everything that it takes to run the execution again elsewhere.
pub(crate) async fn replay(visitor: &Visitor<'_>, arn: &str) -> Result<Answer, Problem> {
    let text = visitor.text(&format!("{}/replay", path_of(arn))).await?;
    // arn:aws:states:REGION:ACCOUNT:express:MACHINE:NAME:UUID
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let name: String = arn.split(':').nth(7).unwrap_or("execution").chars().filter(|c| is_plain(*c)).collect();
    Ok(Answer::File("application/json", Some(format!("{name}.replay.json")), Bytes::from(text)))
}
