//! All workflows, with how they did within the last minute.

use crate::ask::{Problem, Visitor, part};
use crate::page::{Page, Tab, table};
use crate::shown::{count, duration, rate, visible};
use maud::{Markup, html};
use serde_json::Value;

const HEADS: [&str; 7] = ["Workflow", "Starts/s", "Succeeded", "Failed", "Throttled", "p50", "p99"];

pub(crate) async fn page(visitor: &Visitor<'_>) -> Result<Page, Problem> {
    let stats = visitor.get("/v1/stats").await?;
    let rows: Vec<_> = array(&stats["workflows"]).iter().map(row).collect();
    let empty = "There is no workflow yet. Deploy one, or start the server with a directory: fleetstep serve DIR.";
    Ok(Page::new("Workflows", Tab::Workflows)
        .with("actions", html! { p.actions { a.button href="/console/deploy" { "Deploy a workflow" } } })
        .with_live(
            "workflows",
            html! {
                (table("Workflows", &HEADS, &rows, empty))
                @if !rows.is_empty() { p.note { "Figures are of the last minute." } }
            },
        ))
}

fn row(workflow: &Value) -> Vec<Markup> {
    let name = workflow["name"].as_str().unwrap_or_default();
    let mut row = vec![html! { a href={ "/console/workflows/" (part(name)) } { (visible(name)) } }];
    row.extend(figures(workflow));
    row
}

/// How something did: its rate, how it ended, how long it took.
pub(crate) fn figures(stats: &Value) -> Vec<Markup> {
    let number = |name: &str| stats[name].as_u64().unwrap_or(0);
    let failed = number("failed") + number("timedOut") + number("aborted");
    let time = |name: &str| stats[name].as_f64().map_or_else(|| "–".to_owned(), |micros| duration(micros as i64));
    let bad =
        |number: u64, class: &'static str| html! { span class=[(number > 0).then_some(class)] { (count(number)) } };
    vec![
        html! { (rate(stats["perSecond"].as_f64().unwrap_or(0.0))) },
        html! { (count(number("succeeded"))) },
        bad(failed, "bad"),
        bad(number("refused"), "bad"),
        html! { (time("p50Micros")) },
        html! { (time("p99Micros")) },
    ]
}

/// The members of a list; none where there is none.
pub(crate) fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
