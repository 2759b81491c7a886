//! What is found out before a load: whether there is a server, what it calls the workflows, and that each starts.

use super::flags::{Endpoint, Protocol};
use crate::terminal::progress;
use anyhow::{Context as _, Result, bail};
use fleetstep_load::follow::{Source, ask_once, describe, get};
use fleetstep_load::template::{Template, Values};
use fleetstep_load::workload::{Request, Verdict, Workload};
use serde_json::Value;
use std::net::SocketAddr;

/// The ARN of nothing, to see whether an operation is there.
const NO_EXECUTION: &str = "arn:aws:states:us-east-1:000000000000:express:none:none:none";
/// Bytes of a server's own words in an error.
const WORDS_BYTES_MAX: usize = 1_000;

/// A server that answers.
pub(super) struct Server {
    host: String,
    address: SocketAddr,
    /// Whether it has the plain interface.
    is_ours: bool,
}

impl Server {
    pub(super) fn find(endpoint: &Endpoint) -> Result<Self> {
        let Endpoint { host, address } = endpoint.clone();
        let (status, _) = ask(address, get("/v1/workflows?max_items=1").as_bytes()).with_context(|| {
            format!(
                "there is no server at {address}; start one, `fleetstep serve DIR`, or name another with --endpoint"
            )
        })?;
        Ok(Self { host, address, is_ours: status == 200 })
    }

    /// The request that starts `workflow`.
    pub(super) fn request(
        &self,
        workflow: &str,
        input: &Template,
        protocol: Protocol,
        is_async: bool,
    ) -> Result<Request> {
        match protocol {
            Protocol::Http if workflow.starts_with("arn:") => {
                bail!("an HTTP trigger is called by a name, not by an ARN: `{workflow}`")
            }
            Protocol::Http => Ok(Request::web(&self.host, workflow, input, is_async)),
            Protocol::Aws => Ok(Request::aws(&self.host, &self.arn_of(workflow)?, input, is_async)),
        }
    }

    fn arn_of(&self, workflow: &str) -> Result<String> {
        if workflow.starts_with("arn:") {
            return Ok(workflow.to_owned());
        }
        if !self.is_ours {
            bail!("{} does not tell ARNs by name: give --workflow the whole ARN", self.host);
        }
        let (name, qualifier) = workflow.split_once(':').map_or((workflow, None), |(name, rest)| (name, Some(rest)));
        let (status, body) = ask(self.address, get(&format!("/v1/workflows/{name}")).as_bytes())?;
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        match body["stateMachineArn"].as_str() {
            Some(arn) if status == 200 => Ok(qualifier.map_or_else(|| arn.to_owned(), |rest| format!("{arn}:{rest}"))),
            _ => {
                let words = body["detail"].as_str().map_or_else(|| format!("HTTP {status}"), str::to_owned);
                bail!("{words}\nthere are: {}", self.names()?)
            }
        }
    }

    /// The workflows that there are, as an error lists them.
    fn names(&self) -> Result<String> {
        let (_, body) = ask(self.address, get("/v1/workflows").as_bytes())?;
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let names = body["workflows"].as_array().map(Vec::as_slice).unwrap_or_default();
        let names: Vec<&str> = names.iter().filter_map(|workflow| workflow["name"].as_str()).collect();
        Ok(if names.is_empty() { "none".to_owned() } else { names.join(", ") })
    }

    /// Where asynchronous executions are told of; `None`, and a word about it, where they are not.
    pub(super) fn source(&self) -> Result<Option<Source>> {
        if self.is_ours {
            return Ok(Some(Source::Executions));
        }
        let (_, body) = ask(self.address, describe(NO_EXECUTION).as_bytes())?;
        if memchr_contains(&body, b"ExecutionDoesNotExist") {
            return Ok(Some(Source::DescribeExecution));
        }
        progress(
            "note: the server tells of no executions (neither GET /v1/executions nor DescribeExecution), so that \
             asynchronous starts are measured to their acknowledgement only",
        );
        Ok(None)
    }
}

fn memchr_contains(body: &[u8], wanted: &[u8]) -> bool {
    body.windows(wanted.len()).any(|window| window == wanted)
}

/// Starts every workflow of a load once, so that a mistake is told before it is repeated.
pub(super) fn try_each(address: SocketAddr, workload: &Workload) -> Result<()> {
    for workflow in workload.workflows() {
        let mut request = Vec::new();
        workflow.request.write(&mut Values::new(0, 0, 1), &mut request);
        let (status, body) = ask(address, &request)?;
        let words = String::from_utf8_lossy(&body[..body.len().min(WORDS_BYTES_MAX)]).into_owned();
        match workload.judge(status, &body) {
            Verdict::Succeeded | Verdict::Accepted => {}
            Verdict::Refused(status) => bail!("the server refuses to start {}: HTTP {status} {words}", workflow.name),
            other => progress(format_args!(
                "note: the first execution of {} did not succeed ({other:?}); such executions are counted apart\n{words}",
                workflow.name
            )),
        }
    }
    Ok(())
}

fn ask(address: SocketAddr, request: &[u8]) -> Result<(u16, Vec<u8>)> {
    ask_once(address, request).with_context(|| format!("no answer from {address}"))
}
