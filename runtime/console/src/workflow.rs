//! One workflow: its diagram, its definition, how it does, and a form that starts it; and the form that deploys one.

use crate::Answer;
use crate::ask::{Problem, Sent, Visitor, part};
use crate::page::{Page, Tab, facts, table};
use crate::shown::{date, duration, visible};
use crate::workflows::{array, figures};
use crate::{cost, executions};
use fleetstep_diagram::{Format, Graph, Options, Overlay, StateRun, Theme, svg};
use http::{Method, StatusCode};
use maud::{Markup, PreEscaped, html};
use serde_json::Value;

/// What a new workflow begins with.
const EXAMPLE: &str = r#"{
  "StartAt": "Greet",
  "States": {
    "Greet": {
      "Type": "Pass",
      "Parameters": {"text.$": "States.Format('Hello, {}!', $.name)"},
      "End": true
    }
  }
}
"#;
/// At every how many looks the diagram is drawn again: what it tells is of a whole minute.
const DIAGRAM_LOOKS: u32 = 5;
/// The longest input that a form is filled with, in characters.
const INPUT_SHOWN_MAX: usize = 262_144;

pub(crate) async fn page(visitor: &Visitor<'_>, name: &str) -> Result<Page, Problem> {
    let path = format!("/v1/workflows/{}", part(name));
    let all = visitor.get("/v1/stats").await?;
    // A version or an alias is counted with its workflow.
    let plain = name.split(':').next().unwrap_or(name);
    let stats = array(&all["workflows"]).iter().find(|stats| stats["name"] == plain).cloned().unwrap_or_default();
    let newest = html! { h2 { "Latest executions" } (executions::newest(visitor, plain).await?) };
    let heat = Heat::of(visitor);
    let mut page = Page::new(name, Tab::Workflows).with_live("figures", figured(&stats));
    if visitor.wants_all() {
        let input = visitor.query("input").unwrap_or_else(|| "{}".to_owned());
        page = page.with("start", start_form(name, &input)).with("heat", heat.chosen());
    }
    let workflow = if visitor.looks.is_multiple_of(DIAGRAM_LOOKS) { visitor.get(&path).await? } else { Value::Null };
    if !workflow.is_null() {
        let states = visitor.get(&format!("{path}/states")).await?;
        page = page.with_live("diagram", drawn(&workflow, &heat.overlay(&states), name));
    }
    page = page.with_live("cost", cost::of_workflow(&stats["cost"], &all["prices"])).with_live("newest", newest);
    if !visitor.wants_all() {
        return Ok(page);
    }
    let published = visitor.get(&format!("/v1/workflows/{}/versions", part(plain))).await?;
    let diagnosed = visitor.get(&format!("{path}/diagnostics")).await?;
    Ok(page.with("versions", versions(plain, &published)).with("definition", definition(&workflow, name, &diagnosed)))
}

/// The latest versions, and all aliases.
fn versions(name: &str, published: &Value) -> Markup {
    let link = |qualifier: &str| {
        let path = format!("/console/workflows/{}", part(&format!("{name}:{qualifier}")));
        html! { a href=(path) { (visible(qualifier)) } }
    };
    let described = |item: &Value| html! { (visible(item["description"].as_str().unwrap_or_default())) };
    let aliases: Vec<_> = array(&published["aliases"])
        .iter()
        .map(|alias| {
            let routes = array(&alias["routes"]).iter();
            let routes: Vec<_> = routes.map(|route| format!("{} % to {}", route["weight"], route["version"])).collect();
            let name = alias["name"].as_str().unwrap_or_default();
            vec![link(name), html! { (routes.join(", ")) }, date(&alias["updateDate"]), described(alias)]
        })
        .collect();
    let versions: Vec<_> = array(&published["versions"])
        .iter()
        .map(|version| {
            let number = version["version"].to_string();
            vec![link(&number), date(&version["creationDate"]), described(version)]
        })
        .collect();
    html! {
        @if !versions.is_empty() {
            h2 { "Versions and aliases" }
            @if !aliases.is_empty() {
                (table("Aliases", &["Alias", "Starts go", "Updated", "Description"], &aliases, ""))
            }
            (table("Versions", &["Version", "Published", "Description"], &versions, ""))
            @if published["nextToken"].is_string() { p.note { "The latest are shown." } }
        }
    }
}

fn figured(stats: &Value) -> Markup {
    let terms = ["Starts/s", "Succeeded", "Failed", "Throttled", "p50", "p99"];
    let values: Vec<_> = terms.into_iter().zip(figures(stats)).collect();
    html! { (facts(&values)) p.note { "Figures are of the last minute." } }
}

fn start_form(name: &str, input: &str) -> Markup {
    let input: String = input.chars().take(INPUT_SHOWN_MAX).collect();
    html! {
        form.card method="post" action={ "/console/workflows/" (part(name)) "/start" } {
            label for="input" { "Input" }
            textarea #input name="input" rows="5" spellcheck="false" { (input) }
            div.actions {
                button.primary { "Start" }
                span.hint { "The run is shown as it goes on." }
            }
        }
    }
}

/// What the colours of the diagram tell.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Heat {
    None,
    Time,
    Errors,
}

impl Heat {
    /// Each with its name in the address, and what it is called.
    const ALL: [(Self, &'static str, &'static str); 3] =
        [(Self::Time, "time", "Time (p99)"), (Self::Errors, "errors", "Errors"), (Self::None, "none", "Nothing")];

    fn of(visitor: &Visitor<'_>) -> Self {
        let asked = visitor.query("heat");
        let found = Self::ALL.iter().find(|(_, name, _)| asked.as_deref() == Some(*name));
        found.map_or(Self::Time, |(heat, ..)| *heat)
    }

    /// Links to the others.
    fn chosen(self) -> Markup {
        html! {
            p.actions {
                span.muted { "Coloured by" }
                @for (heat, name, called) in Self::ALL {
                    a href={ "?heat=" (name) } aria-current=[(heat == self).then_some("true")] { (called) }
                }
                span.note { "Of the last minute, from executions whose history was kept." }
            }
        }
    }

    /// The states with their heat: of times in proportion to the logarithm, up to the slowest.
    fn overlay(self, states: &Value) -> Overlay {
        let mut overlay = Overlay::default();
        let states = array(&states["states"]);
        let slowest = states.iter().filter_map(|state| state["p99Micros"].as_f64()).fold(1.0, f64::max);
        for state in states {
            let number = |name: &str| state[name].as_f64().unwrap_or(0.0);
            let ended = number("succeeded") + number("failed");
            if self == Self::None || ended == 0.0 {
                continue;
            }
            let p99 = number("p99Micros");
            let (heat, told) = match self {
                Self::Errors => {
                    let share = number("failed") / ended;
                    (share, format!("{:.0} %", share * 100.0))
                }
                _ => ((1.0 + p99).ln() / (1.0 + slowest).ln(), duration(p99 as i64)),
            };
            let run = StateRun { heat: Some(heat), duration: Some(told), ..StateRun::default() };
            overlay.states.insert(state["name"].as_str().unwrap_or_default().to_owned(), run);
        }
        overlay
    }
}

/// The picture of a definition, with a run on it.
pub(crate) fn drawn(workflow: &Value, overlay: &Overlay, title: &str) -> Markup {
    let format = if workflow["format"] == "yaml" { Format::Yaml } else { Format::Json };
    let options = Options {
        theme: Theme::Page,
        title: Some(format!("Diagram of {title}")),
        is_interactive: false,
        ..Options::default()
    };
    let picture = Graph::read(workflow["definition"].as_str().unwrap_or_default(), format)
        .and_then(|graph| svg(&graph, overlay, &options));
    html! {
        h2.hidden { "Diagram" }
        @match picture {
            Ok(picture) => div.diagram tabindex="0" role="region" aria-label="Diagram" { (PreEscaped(picture)) },
            Err(error) => p.empty { "There is no picture: " (error.to_string()) },
        }
    }
}

fn definition(workflow: &Value, name: &str, diagnosed: &Value) -> Markup {
    let text = workflow["definition"].as_str().unwrap_or_default();
    let found = array(&diagnosed["diagnostics"]);
    html! {
        @if !found.is_empty() {
            h2 { "Diagnostics" }
            @let class = if diagnosed["runs"] == true { "warning" } else { "problem" };
            div class=(class) { (crate::diagnosed(found)) }
        }
        details {
            summary { "Definition" }
            (facts(&[
                ("Updated", date(&workflow["updateDate"])),
                ("ARN", html! { code { (workflow["stateMachineArn"].as_str().unwrap_or_default()) } }),
            ]))
            pre tabindex="0" { code { (visible(text)) } }
            p.actions { a.button href={ "/console/deploy?name=" (part(name)) } { "Change it" } }
        }
    }
}

/// Starts an execution, and goes to its page.
pub(crate) async fn start(visitor: &Visitor<'_>, name: &str) -> Result<Answer, Problem> {
    let input = visitor.field("input").unwrap_or_else(|| "{}".to_owned());
    let path = format!("/v1/workflows/{}/run?history=ALL", part(name));
    let prefer = [("prefer", "respond-async")];
    match visitor.ask(Method::POST, &path, Sent::Json(input.clone()), &prefer).await {
        Ok(started) => {
            let arn = started["executionArn"].as_str().unwrap_or_default();
            Ok(Answer::Redirect(format!("/console/executions/{}", part(arn))))
        }
        // What was typed is not lost.
        Err(problem) if problem.status == StatusCode::BAD_REQUEST => {
            let page = Page::new(name, Tab::Workflows)
                .with("problem", crate::explained(&problem))
                .with("start", start_form(name, &input));
            Ok(Answer::Page(Page { status: problem.status, ..page }))
        }
        Err(problem) => Err(problem),
    }
}

/// The form that deploys a workflow: empty, or with one that is there.
pub(crate) async fn deploy_page(visitor: &Visitor<'_>) -> Result<Page, Problem> {
    let Some(name) = visitor.query("name") else { return Ok(deploy_form("", EXAMPLE, None)) };
    let workflow = visitor.get(&format!("/v1/workflows/{}", part(&name))).await?;
    Ok(deploy_form(&name, workflow["definition"].as_str().unwrap_or_default(), None))
}

fn deploy_form(name: &str, definition: &str, problem: Option<&Problem>) -> Page {
    let form = html! {
        @if let Some(problem) = problem { (crate::explained(problem)) }
        form.card method="post" action="/console/deploy" {
            label for="name" { "Name" }
            input #name name="name" required maxlength="80" value=(name) autocomplete="off";
            label for="definition" { "Definition, in Amazon States Language: JSON or YAML" }
            textarea #definition name="definition" rows="22" spellcheck="false" required { (definition) }
            div.actions { button.primary { "Deploy" } a href="/console" { "Cancel" } }
        }
    };
    Page::new(if name.is_empty() { "Deploy a workflow" } else { "Change a workflow" }, Tab::Workflows)
        .with("deploy", form)
}

/// Deploys a workflow, and goes to its page; or shows what is wrong with it.
pub(crate) async fn deploy(visitor: &Visitor<'_>) -> Result<Answer, Problem> {
    // A form's lines end as those of a mail do, whatever was typed.
    let field = |name| visitor.field(name).unwrap_or_default().replace("\r\n", "\n");
    let (name, definition) = (field("name").trim().to_owned(), field("definition"));
    let is_json = definition.trim_start().starts_with('{');
    let media_type = if is_json { "application/json" } else { "application/yaml" };
    let sent = Sent::Bytes(media_type, definition.clone().into());
    match visitor.ask(Method::PUT, &format!("/v1/workflows/{}", part(&name)), sent, &[]).await {
        Ok(_) => Ok(Answer::Redirect(format!("/console/workflows/{}", part(&name)))),
        Err(problem) if problem.status == StatusCode::UNAUTHORIZED => Err(problem),
        Err(problem) => {
            let page = deploy_form(&name, &definition, Some(&problem));
            Ok(Answer::Page(Page { status: problem.status, ..page }))
        }
    }
}
