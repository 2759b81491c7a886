//! Many starts in one request: a line of JSON for each, and an answer of as many lines in their order.

use super::{Call, IDEMPOTENCY_KEY, media_type, text, unknown_parameter, unsupported_media_type};
use crate::aws::{copy_input, write_failure};
use crate::executions::status;
use crate::fault::{Fault, Kind};
use crate::launch::{Launch, detach_all};
use crate::limits::{BATCH_STARTS_MAX, INPUT_BYTES_MAX};
use crate::reply::{self, Reply, iso_date};
use crate::tracing;
use bytes::Bytes;
use fleetstep_catalog::Target;
use fleetstep_document::write_string;
use fleetstep_engine::{Finished, Identity, Outcome, Timestamp};
use fleetstep_telemetry::Caller;
use futures_util::future::join_all;
use hyper::StatusCode;
use hyper::body::Body;
use hyper::header::{CONTENT_TYPE, HeaderValue};

/// What a body and its answer are: newline-delimited JSON.
const NDJSON: &str = "application/x-ndjson";

/// `POST /v1/workflows/NAME/batch`, `…/NAME:VERSION/batch`, `…/NAME:ALIAS/batch`
pub(super) async fn batch<B: Body<Data = Bytes>>(call: Call<'_, B>) -> Result<Reply, Fault> {
    if let Some((parameter, _)) = call.query().next() {
        return Err(unknown_parameter(&parameter, "none"));
    }
    let media_type = media_type(&call.head.headers);
    if !matches!(media_type.as_str(), NDJSON | "application/jsonl" | "application/jsonlines") {
        return Err(unsupported_media_type(&media_type, NDJSON));
    }
    if call.head.headers.contains_key(IDEMPOTENCY_KEY) {
        let message = "A batch takes no Idempotency-Key: start one by one what must not start twice";
        return Err(Fault::new(Kind::ValidationException, message));
    }
    let target = super::workflows::named(&call)?;
    let (service, head) = (call.service, call.head);
    let body = call.read(service.limits().batch_body_bytes_max).await?;
    let lines: Vec<&str> = text(&body)?.lines().filter(|line| !line.trim_ascii().is_empty()).collect();
    if lines.len() > BATCH_STARTS_MAX {
        let message = format!("A batch has at most {BATCH_STARTS_MAX} lines, but this one has {}", lines.len());
        return Err(Fault::new(Kind::ValidationException, message));
    }
    // All of them follow from the request that brought them.
    let caller = tracing::caller(service, &head.headers, None);
    let launches = lines.iter().map(|line| launch(service, &target, line, caller.as_ref())).collect();
    let mut out = Vec::with_capacity(lines.len() * LINE_BYTES);
    let is_async = super::workflows::responds_async(&head.headers);
    if is_async {
        started(service, launches, &mut out).await;
    } else {
        finished(service, launches, &mut out).await;
    }
    let mut reply = reply::json_bytes(out, if is_async { StatusCode::ACCEPTED } else { StatusCode::OK });
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(NDJSON));
    if is_async {
        reply.headers_mut().insert("preference-applied", HeaderValue::from_static("respond-async"));
    }
    Ok(reply)
}

/// What a line of the answer takes, roughly.
const LINE_BYTES: usize = 192;

fn launch(service: &crate::Service, target: &Target, line: &str, caller: Option<&Caller>) -> Result<Launch, Fault> {
    if line.len() > INPUT_BYTES_MAX {
        let message = format!("Invalid State Machine Execution Input: 'the input exceeds {INPUT_BYTES_MAX} bytes'");
        return Err(Fault::new(Kind::InvalidExecutionInput, message));
    }
    let launch = Launch::new(service, target.clone(), None, copy_input(line)?, line.len())?;
    Ok(launch.called_by(service, caller.cloned()))
}

/// Starts all that can be started.
async fn started(service: &crate::Service, launches: Vec<Result<Launch, Fault>>, out: &mut Vec<u8>) {
    for answer in detach_all(service, launches).await {
        match answer {
            Ok((identity, at)) => write_started(&identity, at, out),
            Err(fault) => write_refused(service.refuse(&fault), out),
        }
    }
}

/// Runs all that can be run.
async fn finished(service: &crate::Service, launches: Vec<Result<Launch, Fault>>, out: &mut Vec<u8>) {
    let run = async |launch: Result<Launch, Fault>| {
        let launch = launch?;
        let finished = launch.run(service).await?;
        Ok((launch, finished))
    };
    for answer in join_all(launches.into_iter().map(run)).await {
        match answer {
            Ok((launch, finished)) => {
                let before = out.len();
                write_finished(&launch.identity, &finished, out);
                launch.keep(service, finished, out.len() - before);
            }
            Err(fault) => write_refused(service.refuse(&fault), out),
        }
    }
}

fn write_started(identity: &Identity, at: Timestamp, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"executionArn\":");
    write_string(&identity.execution_arn, out);
    out.extend_from_slice(b",\"status\":\"RUNNING\",\"startDate\":");
    iso_date(at).write_json(out);
    out.extend_from_slice(b"}\n");
}

fn write_finished(identity: &Identity, finished: &Finished, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"executionArn\":");
    write_string(&identity.execution_arn, out);
    out.extend_from_slice(b",\"status\":");
    write_string(status(&finished.outcome), out);
    match &finished.outcome {
        Outcome::Succeeded(output) => {
            out.extend_from_slice(b",\"output\":");
            output.write_json(out);
        }
        Outcome::Failed(failure) | Outcome::TimedOut(failure) | Outcome::Aborted(failure) => {
            write_failure(failure, out);
        }
    }
    out.extend_from_slice(b"}\n");
}

/// The problem that the line alone would have been answered with.
fn write_refused(fault: &Fault, out: &mut Vec<u8>) {
    fault.problem().write_json(out);
    out.push(b'\n');
}
