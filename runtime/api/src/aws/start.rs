//! `StartSyncExecution` and `StartExecution`: the hot path. The request is read once, its input once, and the
//! answer is written once, by hand, into one buffer. What is handed through is neither parsed nor escaped again.

use super::flat::Flat;
use super::machines::{INCLUDED_DATA, NAME, STATE_MACHINE_ARN};
use super::members::{Checker, Members, TextRule};
use super::operations::Operation;
use crate::Service;
use crate::admission::Way;
use crate::billing::{BILLED_MEMORY_MB, billed_millis};
use crate::executions::{Record, status};
use crate::fault::Fault;
use crate::idempotency::{Answer, start_once};
use crate::launch::Launch;
use crate::limits::{ARN_CHARACTERS_MAX, INPUT_BYTES_MAX, NAME_CHARACTERS_MAX};
use crate::page;
use crate::reply::write_epoch_seconds;
use crate::tracing;
use bytes::Bytes;
use fleetstep_document::{Document, Text, write_string};
use fleetstep_engine::{Failure, Finished, Identity, Outcome};
use fleetstep_telemetry::Context;
use hyper::header::HeaderMap;
use std::sync::Arc;

/// Of [`INCLUDED_DATA`], that neither input nor output is shown.
const METADATA_ONLY: &str = "METADATA_ONLY";
const TRACE_HEADER: TextRule = TextRule::to(256).or_empty();

/// The members of a request.
struct Asked<'a> {
    arn: &'a str,
    name: Option<&'a str>,
    /// `None` is `{}`.
    input: Option<Text>,
    /// The input as it stands in a JSON string, where that is known.
    escaped: Option<&'a str>,
    trace_header: Option<&'a str>,
    metadata_only: bool,
}

impl<'a> Asked<'a> {
    /// What a usual request asks for; all others are read by [`Asked::read`].
    fn of(flat: Flat<'a>) -> Option<Self> {
        let Flat { texts: [arn, name, trace_header, included], input } = flat;
        // No string has more characters than bytes.
        let fits = |text: Option<&str>, bytes_max| text.is_none_or(|text| text.len() <= bytes_max);
        let (arn, input_text) = (arn?, input.as_ref().map(|input| input.text.as_str()));
        let is_usual = fits(Some(arn), ARN_CHARACTERS_MAX)
            && !arn.is_empty()
            && fits(name, NAME_CHARACTERS_MAX)
            && !name.is_some_and(str::is_empty)
            && fits(input_text, INPUT_BYTES_MAX)
            && fits(trace_header, TRACE_HEADER.characters_max)
            && trace_header.is_none_or(str::is_ascii)
            && included.is_none_or(|included| INCLUDED_DATA.contains(&included));
        let (input, escaped) = input.map(|input| (input.text, input.escaped)).unzip();
        let metadata_only = included == Some(METADATA_ONLY);
        is_usual.then_some(Self { arn, name, input, escaped, trace_header, metadata_only })
    }

    fn read(request: &'a Document) -> Result<Self, Fault> {
        let members = Members::of(request)?;
        let mut checker = Checker::default();
        let arn = members.text(&mut checker, "stateMachineArn", STATE_MACHINE_ARN);
        let name = members.text(&mut checker, "name", NAME);
        let input = members.text(&mut checker, "input", TextRule::to(INPUT_BYTES_MAX).or_empty().sensitive());
        let trace_header = members.ascii(&mut checker, "traceHeader", TRACE_HEADER);
        let included = members.choice(&mut checker, "includedData", INCLUDED_DATA);
        checker.finish()?;
        Ok(Self {
            arn: arn.expect("it is required"),
            name: name.map(Text::as_str),
            input: input.cloned(),
            escaped: None,
            trace_header: trace_header.map(Text::as_str),
            metadata_only: included == Some(METADATA_ONLY),
        })
    }

    fn launch(&self, service: &Service, headers: &HeaderMap) -> Result<Launch, Fault> {
        let launch = Launch::of_text(service, self.arn, self.name, self.input.as_ref())?;
        Ok(launch.called_by(service, tracing::caller(service, headers, self.trace_header)))
    }
}

/// An answer, and the execution's place in a trace.
type Answered = (Bytes, Option<Arc<Context>>);

/// Answers one of the two starts.
pub(super) async fn answer(
    service: &Service,
    operation: Operation,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Answered, Fault> {
    let request;
    let asked = match Flat::read(body).and_then(Asked::of) {
        Some(asked) => asked,
        None => {
            request = super::parse(body)?;
            Asked::read(&request)?
        }
    };
    match operation {
        Operation::StartSyncExecution => start_sync(service, headers, &asked).await,
        _ => start(service, headers, &asked).await,
    }
}

/// `StartSyncExecution`
async fn start_sync(service: &Service, headers: &HeaderMap, asked: &Asked<'_>) -> Result<Answered, Fault> {
    let mut launch = asked.launch(service, headers)?;
    let finished = launch.run(service).await?;
    let mut output_bytes = 0;
    let write = |out: &mut Vec<u8>| output_bytes = write_answer(asked, &launch.identity, &finished, out);
    let body = if asked.metadata_only { page::passing(write) } else { page::kept(write) };
    let trace = launch.trace.take();
    if asked.metadata_only {
        // It was not written.
        let bytes = crate::executions::output_bytes(&finished);
        launch.keep(service, finished, bytes);
    } else {
        launch.measure(&finished, output_bytes);
        let record = Record::answered(&launch.identity, &finished, body.clone());
        service.executions().keep(&launch.identity.execution_arn, record, body.len());
    }
    Ok((body, trace))
}

/// `StartExecution`
async fn start(service: &Service, headers: &HeaderMap, asked: &Asked<'_>) -> Result<Answered, Fault> {
    let launch = asked.launch(service, headers)?;
    let traced = launch.traced();
    let (arn, started) = match asked.name.filter(|_| service.has_idempotent_names()) {
        Some(name) => {
            let name = Text::from(format!("name {name}"));
            let answer = Box::pin(start_once(service, launch, name, Way::Async)).await?;
            let Answer::Started { execution_arn, at } = answer else { return Err(Fault::throttled()) };
            (execution_arn, at)
        }
        None => (launch.identity.execution_arn.clone(), launch.detach(service).await?),
    };
    let body = page::passing(|out| {
        member(out, b"{\"executionArn\":", &arn);
        out.extend_from_slice(b",\"startDate\":");
        write_epoch_seconds(started, out);
        out.push(b'}');
    });
    // One that came before by the same name has another trace.
    Ok((body, traced.filter(|(_, own)| *own == arn).map(|(trace, _)| trace)))
}

/// Writes the answer's body. How many bytes of it are the output, or the failure.
fn write_answer(asked: &Asked<'_>, identity: &Identity, finished: &Finished, out: &mut Vec<u8>) -> usize {
    out.extend_from_slice(b"{\"billingDetails\":{\"billedDurationInMilliseconds\":");
    out.extend_from_slice(itoa::Buffer::new().format(billed_millis(finished)).as_bytes());
    out.extend_from_slice(b",\"billedMemoryUsedInMB\":");
    out.extend_from_slice(itoa::Buffer::new().format(BILLED_MEMORY_MB).as_bytes());
    out.push(b'}');
    member(out, b",\"executionArn\":", &identity.execution_arn);
    member(out, b",\"stateMachineArn\":", &identity.state_machine_arn);
    member(out, b",\"name\":", &identity.execution_name);
    out.extend_from_slice(b",\"startDate\":");
    write_epoch_seconds(finished.started, out);
    out.extend_from_slice(b",\"stopDate\":");
    write_epoch_seconds(finished.stopped, out);
    member(out, b",\"status\":", status(&finished.outcome));
    if asked.metadata_only {
        out.extend_from_slice(b",\"inputDetails\":{\"included\":false},\"outputDetails\":{\"included\":false}");
    } else {
        out.extend_from_slice(b",\"input\":");
        match (asked.escaped, &asked.input) {
            (Some(escaped), _) => quoted(out, escaped),
            (None, Some(text)) => write_string(text, out),
            (None, None) => quoted(out, "{}"),
        }
        out.extend_from_slice(b",\"inputDetails\":{\"included\":true},\"outputDetails\":{\"included\":true}");
    }
    let mut before = out.len();
    match &finished.outcome {
        Outcome::Succeeded(_) if asked.metadata_only => {}
        Outcome::Succeeded(document) => {
            out.extend_from_slice(b",\"output\":");
            before = out.len();
            match (asked.escaped, &asked.input) {
                // What went in came out: it is escaped already.
                (Some(escaped), Some(text))
                    if document.kept_text().is_some_and(|kept| std::ptr::eq(kept, text.as_str())) =>
                {
                    quoted(out, escaped)
                }
                _ => document.write_json_string(out),
            }
        }
        Outcome::Failed(failure) | Outcome::TimedOut(failure) | Outcome::Aborted(failure) => {
            write_failure(failure, out);
        }
    }
    let output_bytes = out.len() - before;
    if let Some(trace_header) = asked.trace_header {
        member(out, b",\"traceHeader\":", trace_header);
    }
    out.push(b'}');
    output_bytes
}

/// A JSON string of a text that is escaped already.
fn quoted(out: &mut Vec<u8>, escaped: &str) {
    out.push(b'"');
    out.extend_from_slice(escaped.as_bytes());
    out.push(b'"');
}

/// Appends `,"error":…,"cause":…`, the parts that are there.
pub(crate) fn write_failure(failure: &Failure, out: &mut Vec<u8>) {
    if let Some(error) = &failure.error {
        member(out, b",\"error\":", error);
    }
    if let Some(cause) = &failure.cause {
        member(out, b",\"cause\":", cause);
    }
}

fn member(out: &mut Vec<u8>, name: &[u8], value: &str) {
    out.extend_from_slice(name);
    write_string(value, out);
}
