//! The latest executions, those that are wanted of them.

use crate::ask::{Problem, Visitor, part};
use crate::page::{Page, Tab, table};
use crate::shown::{date, duration, status, visible};
use crate::workflows::array;
use maud::{Markup, html};
use serde_json::Value;

/// How many a page shows.
const SHOWN: usize = 50;
/// How many of one workflow its page shows.
const NEWEST_SHOWN: usize = 10;
const HEADS: [&str; 5] = ["Execution", "Workflow", "Status", "Started", "Took"];
const STATUSES: [&str; 5] = ["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"];
/// The filters, as the API and the form name them.
const FILTERS: [&str; 7] = ["workflow", "status", "error", "name", "since", "until", "token"];

pub(crate) async fn page(visitor: &Visitor<'_>) -> Result<Page, Problem> {
    let wanted: Vec<(&str, String)> = FILTERS.iter().filter_map(|name| Some((*name, visitor.query(name)?))).collect();
    let given = |name: &str| wanted.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value);
    let query: String = wanted.iter().map(|(name, value)| format!("&{name}={}", part(value))).collect();
    let listed = visitor.get(&format!("/v1/executions?max_items={SHOWN}{query}")).await?;
    let list = html! {
        @if given("token").is_empty() && given("until").is_empty() { p.note { "New ones appear as they begin." } }
        (rows(&listed["executions"], "No execution that is remembered is like that."))
        @if let Some(token) = listed["nextToken"].as_str() {
            p.actions {
                a.button href={ "/console/executions?" (query_without_token(&wanted)) "token=" (part(token)) } { "Older ones" }
            }
        }
    };
    let mut page = Page::new("Executions", Tab::Executions);
    if visitor.wants_all() {
        page = page.with("filter", filter(&given));
    }
    // An older page stands still, and so does one that ended.
    let is_live = given("token").is_empty() && given("until").is_empty();
    Ok(if is_live { page.with_live("executions", list) } else { page.with("executions", list) })
}

fn query_without_token(wanted: &[(&str, String)]) -> String {
    let others = wanted.iter().filter(|(name, _)| *name != "token");
    others.map(|(name, value)| format!("{name}={}&", part(value))).collect()
}

fn filter<'a>(given: &impl Fn(&str) -> &'a str) -> Markup {
    html! {
        form.filter method="get" action="/console/executions" role="search" {
            div { label for="workflow" { "Workflow" } input #workflow name="workflow" value=(given("workflow")); }
            div {
                label for="status" { "Status" }
                select #status name="status" {
                    option value="" { "Any" }
                    @for known in STATUSES {
                        option value=(known) selected[known == given("status")] { (known) }
                    }
                }
            }
            div { label for="error" { "Error" } input #error name="error" value=(given("error")) placeholder="States.Timeout"; }
            div { label for="name" { "Name has" } input #name name="name" value=(given("name")); }
            div {
                label for="since" { "Since" }
                input #since name="since" value=(given("since")) placeholder="2026-11-22T16:10:00Z";
            }
            div {
                label for="until" { "Until" }
                input #until name="until" value=(given("until")) placeholder="2026-11-22T17:00:00Z";
            }
            div.actions { button { "Show" } }
        }
    }
}

/// The newest of one workflow.
pub(crate) async fn newest(visitor: &Visitor<'_>, workflow: &str) -> Result<Markup, Problem> {
    let listed = visitor.get(&format!("/v1/executions?max_items={NEWEST_SHOWN}&workflow={}", part(workflow))).await?;
    Ok(html! {
        (rows(&listed["executions"], "It has not run yet, or so long ago that it was forgotten."))
        @if listed["nextToken"].is_string() {
            p { a href={ "/console/executions?workflow=" (part(workflow)) } { "All that are remembered" } }
        }
    })
}

fn rows(executions: &Value, empty: &str) -> Markup {
    let rows: Vec<_> = array(executions).iter().map(row).collect();
    table("Executions", &HEADS, &rows, empty)
}

fn row(execution: &Value) -> Vec<Markup> {
    let text = |name: &str| execution[name].as_str().unwrap_or_default();
    let workflow = text("stateMachineArn").rsplit(':').next().unwrap_or_default();
    vec![
        html! { a.name href={ "/console/executions/" (part(text("executionArn"))) } { (visible(text("name"))) } },
        html! { a href={ "/console/workflows/" (part(workflow)) } { (visible(workflow)) } },
        status(text("status")),
        date(&execution["startDate"]),
        html! { (took(execution)) },
    ]
}

/// How long an execution took.
pub(crate) fn took(execution: &Value) -> String {
    execution["durationMicros"].as_i64().map_or_else(|| "…".to_owned(), duration)
}
