//! Tasks that wait to be answered, by their tokens.

use super::{Call, has_json, text};
use crate::aws::{Checker, Members, parse_output, task_failure};
use crate::fault::{Fault, Kind};
use crate::limits::INPUT_BYTES_MAX;
use crate::reply::{self, Reply};
use bytes::Bytes;
use fleetstep_document::Document;
use hyper::StatusCode;
use hyper::body::Body;

/// Bytes of the body of a failure: error and cause, escaped.
const FAILURE_BYTES_MAX: usize = 262_144;

/// `POST /v1/tasks/TOKEN/success`: the body is the task's output; none is `{}`.
pub(super) async fn succeed<B: Body<Data = Bytes>>(call: Call<'_, B>) -> Result<Reply, Fault> {
    let (service, head, token) = (call.service, call.head, call.name.to_string());
    extended(service)?;
    let body = call.read(INPUT_BYTES_MAX).await?;
    let output = if has_json(&head.headers, &body)? { parse_output(text(&body)?)? } else { Document::empty_object() };
    service.answer_task(&token, Ok(output))?;
    Ok(reply::empty(StatusCode::NO_CONTENT))
}

/// `POST /v1/tasks/TOKEN/failure`: the body may have `error` and `cause`.
pub(super) async fn fail<B: Body<Data = Bytes>>(call: Call<'_, B>) -> Result<Reply, Fault> {
    let (service, head, token) = (call.service, call.head, call.name.to_string());
    extended(service)?;
    let body = call.read(FAILURE_BYTES_MAX).await?;
    let given = if has_json(&head.headers, &body)? { parse_output(text(&body)?)? } else { Document::empty_object() };
    let members = Members::of(&given)?;
    let mut checker = Checker::default();
    let failure = task_failure(&members, &mut checker);
    checker.finish()?;
    service.answer_task(&token, Err(failure))?;
    Ok(reply::empty(StatusCode::NO_CONTENT))
}

/// `POST /v1/tasks/TOKEN/heartbeat`: a sign of life.
pub(super) async fn beat<B: Body<Data = Bytes>>(call: Call<'_, B>) -> Result<Reply, Fault> {
    let (service, head, token) = (call.service, call.head, call.name.to_string());
    extended(service)?;
    // As for all that changes something, so that a page of another site cannot make a browser send it.
    has_json(&head.headers, &call.read(FAILURE_BYTES_MAX).await?)?;
    service.beat_task(&token)?;
    Ok(reply::empty(StatusCode::NO_CONTENT))
}

/// Whether tasks may wait at all.
fn extended(service: &crate::Service) -> Result<(), Fault> {
    if service.catalog().is_extended() {
        return Ok(());
    }
    let message = "Tasks that others answer are an extension, which is off: --workflow-extensions puts it on";
    Err(Fault::new(Kind::NotFound, message))
}
