//! `StartSyncExecution` and `StartExecution`: the hot path. The request is parsed once, its input once, and the
//! answer is written once, by hand, into one buffer.

use super::input::parse_input;
use super::machines::{NAME, STATE_MACHINE_ARN};
use super::members::{Checker, Members, TextRule};
use crate::Service;
use crate::executions::{Record, status};
use crate::fault::{Fault, Kind};
use crate::launch::Launch;
use crate::limits::INPUT_BYTES_MAX;
use crate::reply::{self, Reply, write_epoch_seconds};
use bytes::Bytes;
use fleetstep_catalog::arn::check_execution_name;
use fleetstep_document::{Document, Text, write_string};
use fleetstep_engine::{Failure, Finished, Outcome};
use hyper::StatusCode;
use std::time::Duration;

/// What an express workflow is billed in.
const BILLED_STEP: Duration = Duration::from_millis(100);
/// What an express workflow is billed for at least.
const BILLED_MEMORY_MB: u32 = 64;
const TRACE_HEADER: TextRule = TextRule::to(256).or_empty();

struct Request<'a> {
    launch: Launch,
    /// As it came; `None` is `{}`.
    input: Option<&'a Text>,
    trace_header: Option<&'a Text>,
    metadata_only: bool,
}

impl<'a> Request<'a> {
    fn read(service: &Service, request: &'a Document) -> Result<Self, Fault> {
        let members = Members::of(request)?;
        let mut checker = Checker::default();
        let arn = members.text(&mut checker, "stateMachineArn", STATE_MACHINE_ARN);
        let name = members.text(&mut checker, "name", NAME);
        let input = members.text(&mut checker, "input", TextRule::to(INPUT_BYTES_MAX).or_empty().sensitive());
        let trace_header = members.ascii(&mut checker, "traceHeader", TRACE_HEADER);
        let included = members.choice(&mut checker, "includedData", super::machines::INCLUDED_DATA);
        checker.finish()?;

        let target = service.target(arn.expect("it is required"))?;
        if let Some(name) = name {
            check_execution_name(name)?;
        }
        let document = match input {
            Some(text) => parse_input(text)?,
            None => Document::empty_object(),
        };
        // The constraint counts characters, the quota counts bytes.
        let input_bytes = input.map_or(2, |text| text.len());
        if input_bytes > INPUT_BYTES_MAX {
            let message = format!("Invalid State Machine Execution Input: 'the input exceeds {INPUT_BYTES_MAX} bytes'");
            return Err(Fault::new(Kind::InvalidExecutionInput, message));
        }
        let launch = Launch::new(service, &target, name.map(Text::as_str), document, input_bytes)?;
        Ok(Self { launch, input, trace_header, metadata_only: included == Some("METADATA_ONLY") })
    }
}

/// `StartSyncExecution`
pub(super) async fn start_sync(service: &Service, request: &Document) -> Result<Reply, Fault> {
    let request = Request::read(service, request)?;
    let finished = request.launch.run(service).await?;
    let (body, output_bytes) = write_answer(&request, &finished);
    let body = Bytes::from(body);
    if request.metadata_only {
        request.launch.keep(service, finished, output_bytes);
    } else {
        let record = Record::answered(&request.launch.identity, &finished, body.clone());
        service.executions().keep(record, body.len());
    }
    Ok(reply::aws_bytes(body, StatusCode::OK))
}

/// `StartExecution`
pub(super) fn start(service: &Service, request: &Document) -> Result<Reply, Fault> {
    let request = Request::read(service, request)?;
    let arn = request.launch.identity.execution_arn.clone();
    let started = request.launch.detach(service)?;
    let mut out = Vec::with_capacity(arn.len() + 64);
    out.extend_from_slice(b"{\"executionArn\":");
    write_string(&arn, &mut out);
    out.extend_from_slice(b",\"startDate\":");
    write_epoch_seconds(started, &mut out);
    out.push(b'}');
    Ok(reply::aws_bytes(out.into(), StatusCode::OK))
}

/// The answer's body, and the size of the output within it.
fn write_answer(request: &Request<'_>, finished: &Finished) -> (Vec<u8>, usize) {
    let identity = &request.launch.identity;
    let input = request.input.map_or("{}", Text::as_str);
    let mut output = Vec::new();
    if let Outcome::Succeeded(document) = &finished.outcome {
        output.reserve(input.len().max(128));
        document.write_json(&mut output);
    }
    let mut out = Vec::with_capacity(768 + input.len() + input.len() / 4 + output.len() + output.len() / 4);
    out.extend_from_slice(b"{\"billingDetails\":{\"billedDurationInMilliseconds\":");
    out.extend_from_slice(itoa::Buffer::new().format(billed_millis(finished)).as_bytes());
    out.extend_from_slice(b",\"billedMemoryUsedInMB\":");
    out.extend_from_slice(itoa::Buffer::new().format(BILLED_MEMORY_MB).as_bytes());
    out.push(b'}');
    member(&mut out, b",\"executionArn\":", &identity.execution_arn);
    member(&mut out, b",\"stateMachineArn\":", &identity.state_machine_arn);
    member(&mut out, b",\"name\":", &identity.execution_name);
    out.extend_from_slice(b",\"startDate\":");
    write_epoch_seconds(finished.started, &mut out);
    out.extend_from_slice(b",\"stopDate\":");
    write_epoch_seconds(finished.stopped, &mut out);
    member(&mut out, b",\"status\":", status(&finished.outcome));
    if request.metadata_only {
        out.extend_from_slice(b",\"inputDetails\":{\"included\":false},\"outputDetails\":{\"included\":false}");
    } else {
        member(&mut out, b",\"input\":", input);
        out.extend_from_slice(b",\"inputDetails\":{\"included\":true},\"outputDetails\":{\"included\":true}");
    }
    match &finished.outcome {
        Outcome::Succeeded(_) if request.metadata_only => {}
        Outcome::Succeeded(_) => {
            let output = std::str::from_utf8(&output).expect("JSON is written from strings");
            member(&mut out, b",\"output\":", output);
        }
        Outcome::Failed(failure) | Outcome::TimedOut(failure) | Outcome::Aborted(failure) => {
            write_failure(failure, &mut out);
        }
    }
    if let Some(trace_header) = request.trace_header {
        member(&mut out, b",\"traceHeader\":", trace_header);
    }
    out.push(b'}');
    (out, output.len())
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

fn billed_millis(finished: &Finished) -> u64 {
    let steps = finished.stopped.since(finished.started).as_micros().div_ceil(BILLED_STEP.as_micros()).max(1);
    u64::try_from(steps * BILLED_STEP.as_millis()).unwrap_or(u64::MAX)
}
