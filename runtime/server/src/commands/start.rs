//! `fleetstep start`: one execution on a server.

use crate::client::{Answer, Ask, Client, ServerArgs};
use crate::commands::run::EXIT_FAILED;
use crate::input;
use crate::terminal::{self, Line, Tone, json, progress};
use crate::when;
use anyhow::{Context as _, Result};
use clap::Args;
use fleetstep_document::{Document, ObjectBuilder};
use fleetstep_engine::clock;
use http::{Method, StatusCode};
use std::process::ExitCode;
use std::time::Duration;

/// Starts an execution on a server, waits for it and prints its output as JSON. Exits with 0 when it succeeded, with 1 when
/// it failed or timed out (error and cause go to standard error), with 2 when it could not be started.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  fleetstep start orders --input @order.json
  echo '{\"n\":1}' | fleetstep start hello --input - | jq .text
  fleetstep start orders --input '{}' --async --name nightly
      Prints the ARN at once; `fleetstep executions ARN` shows what became of it.
  FLEETSTEP_TOKEN=… fleetstep start orders:LIVE --endpoint https://flows.example")]
pub(crate) struct Start {
    /// Which workflow; NAME:VERSION or NAME:ALIAS runs that
    #[arg(value_name = "WORKFLOW")]
    workflow: String,
    /// The input: JSON, @FILE, or - for standard input
    #[arg(long, value_name = "JSON|@FILE|-", default_value = "{}")]
    input: String,
    /// Name of the execution [default: a UUID]
    #[arg(long)]
    name: Option<String>,
    /// Do not wait: print the ARN of the execution
    #[arg(long = "async")]
    is_async: bool,
    /// Print JSON with the ARN and the status around the output
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArgs,
}

/// How an execution ended that was waited for.
struct Ended {
    arn: String,
    status: String,
    /// The output of one that succeeded, the failure of another.
    body: Document,
}

impl Start {
    pub(crate) fn execute(self) -> Result<ExitCode> {
        let input = input::read(&self.input)?;
        let client = self.server.client()?;
        let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let begun = clock::instant();
        let answer = tokio.block_on(self.send(&client, &input))?;
        if self.is_async { self.show_started(&answer) } else { self.show_ended(&answer, begun.elapsed()) }
    }

    async fn send(&self, client: &Client, input: &Document) -> Result<Answer> {
        let ask = Ask::new(Method::POST, &["workflows", &self.workflow, "run"]);
        let ask = ask.query_if("name", self.name.as_deref()).body("application/json", input.to_json());
        let ask = if self.is_async { ask.header("prefer", "respond-async") } else { ask };
        client.send(ask).await.with_context(|| format!("{} was not started", self.workflow))
    }

    fn show_started(&self, answer: &Answer) -> Result<ExitCode> {
        let started = Document::parse(&answer.body).context("the answer is no JSON")?;
        let arn = started.get("executionArn").and_then(Document::as_str).context("the answer names no execution")?;
        if self.json {
            json(&started.to_json());
        } else {
            terminal::result(arn);
            progress(format_args!("{} runs; see what becomes of it: fleetstep executions {arn}", self.workflow));
        }
        Ok(ExitCode::SUCCESS)
    }

    fn show_ended(&self, answer: &Answer, took: Duration) -> Result<ExitCode> {
        let ended = Ended::of(answer)?;
        let has_succeeded = ended.status == "SUCCEEDED";
        if self.json {
            json(&ended.to_json());
        } else if has_succeeded {
            json(&ended.body.to_json());
        }
        let took = when::duration(i64::try_from(took.as_micros()).unwrap_or(i64::MAX));
        let line = Line::default().with(Tone::Plain, format_args!("{}: ", self.workflow));
        line.with(Tone::of_status(&ended.status), &ended.status)
            .with(Tone::Quiet, format_args!(" in {took}"))
            .progress();
        if !has_succeeded && !self.json {
            let text = |name| ended.body.get(name).and_then(Document::as_str);
            progress(text("error").unwrap_or("(no error is named)"));
            if let Some(cause) = text("cause") {
                progress(cause);
            }
            progress(format_args!("see its states: fleetstep executions {}", ended.arn));
        }
        Ok(if has_succeeded { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FAILED) })
    }
}

impl Ended {
    fn of(answer: &Answer) -> Result<Self> {
        let body = Document::parse(&answer.body).context("the answer is no JSON")?;
        let arn = answer.headers.get("fleetstep-execution-arn").context("the answer names no execution")?;
        let arn = String::from_utf8_lossy(arn.as_bytes()).into_owned();
        let status = match answer.status {
            StatusCode::OK => "SUCCEEDED",
            _ => body.get("status").and_then(Document::as_str).context("the answer has no status")?,
        };
        Ok(Self { status: status.to_owned(), arn, body })
    }

    fn to_json(&self) -> String {
        let around = ObjectBuilder::with_capacity(4)
            .with("executionArn", self.arn.as_str())
            .with("status", self.status.as_str());
        let around = if self.status == "SUCCEEDED" {
            around.with("output", self.body.clone())
        } else {
            ["error", "cause"].into_iter().fold(around, |around, name| match self.body.get(name) {
                Some(part) => around.with(name, part.clone()),
                None => around,
            })
        };
        around.build().to_json()
    }
}
