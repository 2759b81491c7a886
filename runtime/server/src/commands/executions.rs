//! `fleetstep executions`: what a server remembers of executions.

use crate::client::{Ask, Client, ServerArgs};
use crate::table::{Column, Table, cut};
use crate::terminal::{self, Line, Tone, json};
use crate::when;
use anyhow::{Result, bail};
use clap::Args;
use fleetstep_document::{Document, ObjectBuilder};
use fleetstep_engine::{Timestamp, clock};
use std::process::ExitCode;

/// Executions in one answer.
const PAGE_ITEMS: usize = 1_000;
/// Events of a history that are asked for.
const EVENTS_MAX: usize = 25_000;
/// Columns of what a person is shown of a document; `--json` shows it whole.
const DOCUMENT_COLUMNS: usize = 2_000;

/// Lists the latest executions of a server, the newest first; or shows one with its history, as far as that was kept.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  fleetstep executions
  fleetstep executions --workflow orders --status FAILED --since 1h
  fleetstep executions --error CardDeclined --json | jq -r .executionArn
  fleetstep executions arn:aws:states:us-east-1:000000000000:express:orders:nightly:…
  fleetstep executions nightly
      The newest one with this in its name.

A server remembers the latest 10,000. Of a history it keeps what --history-level or the workflow's loggingConfiguration
says, and everything of some executions each second.")]
pub(crate) struct Executions {
    /// Show one: its ARN, or its name or a part of it
    #[arg(value_name = "ARN|NAME", conflicts_with_all = ["status", "error", "since", "limit"])]
    execution: Option<String>,
    /// Only of this workflow
    #[arg(long, value_name = "NAME")]
    workflow: Option<String>,
    /// Only those with this status: RUNNING, SUCCEEDED, FAILED, TIMED_OUT, ABORTED
    #[arg(long, ignore_case = true, value_parser = ["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"], hide_possible_values = true)]
    status: Option<String>,
    /// Only those that failed with this error
    #[arg(long)]
    error: Option<String>,
    /// Only those that began since: 10m, 2h, 1d ago, or a time such as 2026-11-22T16:10:37Z
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Print JSON: a line for each execution, or one object for one with its history
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArgs,
}

impl Executions {
    pub(crate) fn execute(self) -> Result<ExitCode> {
        let client = self.server.client()?;
        let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        tokio.block_on(async {
            match &self.execution {
                Some(asked) => self.show_one(&client, asked).await,
                None => self.show_list(&client).await,
            }
        })?;
        Ok(ExitCode::SUCCESS)
    }

    async fn show_list(&self, client: &Client) -> Result<()> {
        let now = clock::now();
        let status = self.status.as_deref().map(str::to_ascii_uppercase);
        let since = self.since.as_deref().map(|text| when::since(now, text)).transpose()?;
        let asked = Asked {
            workflow: self.workflow.as_deref(),
            status: status.as_deref(),
            error: self.error.as_deref(),
            name: None,
            since: since.as_deref(),
        };
        let found = list(client, &asked, self.limit as usize).await?;
        if self.json {
            found.iter().for_each(|execution| json(&execution.to_json()));
        } else if found.is_empty() {
            terminal::progress("no execution is remembered that fits");
        } else {
            table(now, &found).print();
        }
        Ok(())
    }

    async fn show_one(&self, client: &Client, asked: &str) -> Result<()> {
        let arn = if asked.starts_with("arn:") { asked.to_owned() } else { self.named(client, asked).await? };
        let execution = client.document(Ask::get(&["executions", &arn])).await?;
        let (level, events) = history(client, &arn).await?;
        if self.json {
            let history = ObjectBuilder::with_capacity(2).with("level", level.as_str()).with("events", events);
            let both = ObjectBuilder::with_capacity(2).with("execution", execution).with("history", history.build());
            json(&both.build().to_json());
            return Ok(());
        }
        describe(clock::now(), &execution);
        terminal::result("");
        show_history(&execution, &level, &events);
        Ok(())
    }

    /// The ARN of the newest execution with this name, or with this in its name.
    async fn named(&self, client: &Client, name: &str) -> Result<String> {
        let asked = Asked { workflow: self.workflow.as_deref(), name: Some(name), ..Asked::default() };
        let found = list(client, &asked, PAGE_ITEMS).await?;
        let exact = found.iter().find(|execution| text(execution, "name") == name);
        let Some(chosen) = exact.or(found.first()) else {
            bail!("no execution is remembered with `{name}` in its name; `fleetstep executions` lists those that are")
        };
        let others = found.iter().filter(|other| text(other, "name") == text(chosen, "name")).count();
        if exact.is_none() && found.len() > 1 || others > 1 {
            terminal::progress(format_args!("this is the newest of {} that fit", found.len()));
        }
        Ok(text(chosen, "executionArn").to_owned())
    }
}

/// Which executions are asked for.
#[derive(Default)]
struct Asked<'a> {
    workflow: Option<&'a str>,
    status: Option<&'a str>,
    error: Option<&'a str>,
    name: Option<&'a str>,
    since: Option<&'a str>,
}

/// Those that are remembered, the newest first, page by page.
async fn list(client: &Client, asked: &Asked<'_>, items_max: usize) -> Result<Vec<Document>> {
    let (mut found, mut token) = (Vec::new(), None::<String>);
    loop {
        let ask = Ask::get(&["executions"])
            .query("max_items", &(items_max - found.len()).min(PAGE_ITEMS).to_string())
            .query_if("workflow", asked.workflow)
            .query_if("status", asked.status)
            .query_if("error", asked.error)
            .query_if("name", asked.name)
            .query_if("since", asked.since)
            .query_if("token", token.as_deref());
        let page = client.document(ask).await?;
        found.extend(items(&page, "executions"));
        token = page.get("nextToken").and_then(Document::as_str).map(str::to_owned);
        if token.is_none() || found.len() >= items_max {
            return Ok(found);
        }
    }
}

fn items(page: &Document, member: &str) -> Vec<Document> {
    page.get(member).and_then(Document::as_array).map(<[Document]>::to_vec).unwrap_or_default()
}

fn text<'a>(document: &'a Document, member: &str) -> &'a str {
    document.get(member).and_then(Document::as_str).unwrap_or_default()
}

/// The name of an execution's workflow, in which its ARN ends.
pub(crate) fn workflow_of(execution: &Document) -> &str {
    text(execution, "stateMachineArn").rsplit(':').next().unwrap_or_default()
}

/// How long an execution took; of one that runs, nothing.
pub(crate) fn took(execution: &Document) -> Option<String> {
    let micros = execution.get("durationMicros").and_then(Document::as_i64)?;
    Some(when::duration(micros))
}

fn table(now: Timestamp, executions: &[Document]) -> Table {
    let mut table = Table::new(&[
        Column::Left("STATUS"),
        Column::Right("STARTED"),
        Column::Right("TOOK"),
        Column::Cut("WORKFLOW"),
        Column::Cut("NAME"),
    ]);
    for execution in executions {
        let status = text(execution, "status");
        table.row([
            (Tone::of_status(status), &status),
            (Tone::Plain, &when::ago(now, text(execution, "startDate"))),
            (Tone::Plain, &took(execution).unwrap_or_default()),
            (Tone::Plain, &workflow_of(execution)),
            (Tone::Plain, &text(execution, "name")),
        ]);
    }
    table
}

/// What there is to say of one, a line for each.
fn describe(now: Timestamp, execution: &Document) {
    let field = |name: &str, tone: Tone, value: &str| {
        Line::default().with(Tone::Quiet, format_args!("{name:<10}")).with(tone, value).result();
    };
    let (status, started) = (text(execution, "status"), text(execution, "startDate"));
    field("execution", Tone::Plain, text(execution, "executionArn"));
    let workflow = ["stateMachineAliasArn", "stateMachineVersionArn", "stateMachineArn"];
    let workflow = workflow.into_iter().map(|member| text(execution, member)).find(|arn| !arn.is_empty());
    field("workflow", Tone::Plain, workflow.unwrap_or_default());
    field("status", Tone::of_status(status), status);
    field("started", Tone::Plain, &format!("{started} ({})", when::ago(now, started)));
    if let Some(took) = took(execution) {
        field("stopped", Tone::Plain, &format!("{} (after {took})", text(execution, "stopDate")));
    }
    for (member, tone) in [("error", Tone::Bad), ("cause", Tone::Plain)] {
        if let Some(value) = execution.get(member).and_then(Document::as_str) {
            field(member, tone, value);
        }
    }
    for member in ["input", "output"] {
        if let Some(value) = execution.get(member) {
            field(member, Tone::Plain, &cut(&value.to_json(), DOCUMENT_COLUMNS));
        }
    }
}

/// The events that are kept, in order, and the level at which they were.
async fn history(client: &Client, arn: &str) -> Result<(String, Vec<Document>)> {
    let (mut events, mut token) = (Vec::new(), None::<String>);
    loop {
        let ask = Ask::get(&["executions", arn, "history"]).query("max_items", &PAGE_ITEMS.to_string());
        let page = client.document(ask.query_if("token", token.as_deref())).await?;
        events.extend(items(&page, "events"));
        token = page.get("nextToken").and_then(Document::as_str).map(str::to_owned);
        if token.is_none() || events.len() >= EVENTS_MAX {
            return Ok((text(&page, "level").to_owned(), events));
        }
    }
}

fn show_history(execution: &Document, level: &str, events: &[Document]) {
    if events.is_empty() {
        terminal::progress(format_args!(
            "no event was kept (level {level}): `fleetstep serve --history-level ALL` keeps them all"
        ));
        return;
    }
    let mut table = Table::new(&[
        Column::Right("EVENT"),
        Column::Right("AFTER"),
        Column::Left("TYPE"),
        Column::Cut("STATE"),
        Column::Cut("DETAIL"),
    ]);
    let started = text(execution, "startDate");
    let none = Document::empty_object();
    for event in events {
        let details = event.get("details").unwrap_or(&none);
        let kind = text(event, "type");
        let is_failure = ["Failed", "TimedOut", "Aborted"].iter().any(|end| kind.ends_with(end));
        let after = when::between(started, text(event, "timestamp")).map(|micros| when::duration(micros.max(0)));
        table.row([
            (Tone::Quiet, &event.get("id").map(Document::to_json).unwrap_or_default()),
            (Tone::Plain, &after.unwrap_or_default()),
            (if is_failure { Tone::Bad } else { Tone::Plain }, &kind),
            (Tone::Strong, &text(details, "name")),
            (Tone::Plain, &detail(details)),
        ]);
    }
    table.print();
}

/// What is worth knowing of an event beside its type: how it failed, what it was about, what came out.
fn detail(details: &Document) -> String {
    let parts = ["error", "cause", "resource", "output", "input"].iter().filter_map(|member| {
        let value = details.get(member)?;
        Some(value.as_str().map_or_else(|| value.to_json(), str::to_owned))
    });
    // One of them, or an error with its cause.
    let count = if details.get("error").is_some() { 2 } else { 1 };
    cut(&parts.take(count).collect::<Vec<_>>().join(": "), DOCUMENT_COLUMNS)
}
