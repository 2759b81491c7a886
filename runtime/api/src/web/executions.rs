//! `/v1/executions`: what is remembered of executions, running or over; their histories; and the end of one.

use super::{Call, flag, has_json, listing, number, text, unknown_parameter};
use crate::billing;
use crate::executions::{Description, ListRequest, Origin, Payloaded, Summary, push_failure, push_qualified};
use crate::fault::{Fault, Kind};
use crate::follow::{self, View};
use crate::history::{HistoryPage, HistoryRequest, Unrecorded, level_name, number_of_token, token_of_number};
use crate::limits::{STOP_BODY_BYTES_MAX, page_items};
use crate::reply::{self, Reply, iso_date};
use bytes::Bytes;
use fleetstep_catalog::ExecutionArn;
use fleetstep_document::{Document, ObjectBuilder, Text};
use fleetstep_engine::{Failure, HistoryLevel, Timestamp, Used, clock};
use hyper::StatusCode;
use hyper::body::Body;

/// What an execution can be.
const STATUSES: [&str; 5] = ["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"];

/// `GET /v1/executions`
pub(super) fn list<B: Body<Data = Bytes>>(call: &Call<'_, B>) -> Result<Reply, Fault> {
    let (mut request, mut workflow) = (ListRequest { items_max: page_items(0), ..ListRequest::default() }, None);
    for (name, value) in call.query() {
        match &*name {
            "max_items" => request.items_max = page_items(number(&name, &value)? as usize),
            "token" => request.token = Some(value.into_owned()),
            "workflow" => workflow = Some(value.into_owned()),
            "status" => request.status = Some(named_status(&value)?),
            "since" => request.since = Some(moment(&name, &value)?),
            "until" => request.until = Some(moment(&name, &value)?),
            "name" => request.name = Some(value.into_owned()),
            "error" => request.error = Some(value.into_owned()),
            _ => {
                let known = "workflow, status, error, name, since, until, max_items, token";
                return Err(unknown_parameter(&name, known));
            }
        }
    }
    let is_wanted = |origin: &Origin| {
        // An ARN ends in the machine's name.
        let name = origin.machine.rsplit(':').next();
        workflow.as_deref().is_none_or(|wanted| name == Some(wanted))
    };
    let (page, token) = call.service.executions().list(&request, is_wanted)?;
    let items = page.iter().map(|summary| summarized(summary).build()).collect();
    Ok(reply::json(&listing("executions", items, token), StatusCode::OK))
}

fn named_status(name: &str) -> Result<&'static str, Fault> {
    STATUSES.iter().find(|known| **known == name).copied().ok_or_else(|| {
        let message = format!("'status' must be one of {}, but it is '{name}'", STATUSES.join(", "));
        Fault::new(Kind::ValidationException, message)
    })
}

fn moment(name: &str, value: &str) -> Result<Timestamp, Fault> {
    let moment = value.parse::<jiff::Timestamp>().map_err(|_| {
        let message = format!("'{name}' must be a time such as 2026-11-22T16:10:37Z, but it is '{value}'");
        Fault::new(Kind::ValidationException, message)
    })?;
    Ok(Timestamp::from_micros(moment.as_microsecond()))
}

fn summarized(summary: &Summary) -> ObjectBuilder {
    let Summary { arn, origin, started, stopped, status } = summary;
    let mut body = ObjectBuilder::with_capacity(12)
        .with("executionArn", arn.clone())
        .with("stateMachineArn", origin.machine.clone());
    push_qualified(&mut body, origin);
    body.push("name", summary.name());
    body.push("status", *status);
    body.push("startDate", iso_date(*started));
    if let Some(stopped) = stopped {
        body.push("stopDate", iso_date(*stopped));
        body.push("durationMicros", stopped.as_micros().saturating_sub(started.as_micros()));
    }
    body
}

/// `GET /v1/executions/ARN`
pub(super) fn get<B>(call: &Call<'_, B>) -> Result<Reply, Fault> {
    match call.service.described_execution(&call.name) {
        Some(description) => Ok(reply::json(&described(&description), StatusCode::OK)),
        None => Err(unknown(&call.name)),
    }
}

/// Input and output stand in a description as JSON, not as its text.
fn described(description: &Description) -> Document {
    let mut body = summarized(&description.summary);
    if let Some(started_by) = &description.started_by {
        body.push("startedBy", started_by.clone());
    }
    push_failure(&mut body, &description.failure);
    body.push("input", description.input.json());
    if let Some(output) = &description.output {
        body.push("output", output.json());
    }
    if let (Some(usage), Some(stopped)) = (description.usage, description.summary.stopped) {
        let used = Used {
            busy_micros: usage.busy_micros.into(),
            bytes_in: description.input.text_bytes() as u64,
            bytes_out: description.output.as_ref().map_or(0, Payloaded::text_bytes) as u64,
            billed_steps: billing::billed_steps(description.summary.started, stopped),
            memory_kib: usage.memory_kib.into(),
        };
        body.push("cost", billing::cost(1, &used));
    }
    body.build()
}

/// That nothing is known of an execution; or that its ARN is none.
fn unknown(arn: &str) -> Fault {
    if let Err(error) = ExecutionArn::parse(arn) {
        return error.into();
    }
    let message = format!("Execution Does Not Exist: '{arn}', or it is so long over that it was forgotten");
    Fault::new(Kind::ExecutionDoesNotExist, message)
}

/// `GET /v1/executions/ARN/history`
pub(super) fn history<B: Body<Data = Bytes>>(call: &Call<'_, B>) -> Result<Reply, Fault> {
    let mut request = HistoryRequest { events_max: page_items(0), ..HistoryRequest::default() };
    let mut wants_data = true;
    for (name, value) in call.query() {
        match &*name {
            "max_items" => request.events_max = page_items(number(&name, &value)? as usize),
            "token" => request.after = Some(number_of_token(&value)?),
            "reverse" => request.reverse = flag(&name, &value)?,
            "include_data" => wants_data = flag(&name, &value)?,
            _ => return Err(unknown_parameter(&name, "include_data, reverse, max_items, token")),
        }
    }
    let arn = &*call.name;
    let Some(page) = call.service.histories().page(arn, request) else {
        if !call.service.executions().knows(arn) {
            return Err(unknown(arn));
        }
        let body = ObjectBuilder::with_capacity(2).with("level", "OFF").with("events", Vec::new());
        return Ok(reply::json(&body.build(), StatusCode::OK));
    };
    let shows_data = wants_data && page.shows_data;
    let events: Vec<_> = page.events.iter().map(|event| page.subject.plain_event(event, shows_data)).collect();
    let mut body = ObjectBuilder::with_capacity(3).with("level", level_name(page.level)).with("events", events);
    if let Some(after) = page.next_after {
        body.push("nextToken", token_of_number(after));
    }
    Ok(reply::json(&body.build(), StatusCode::OK))
}

/// `GET /v1/executions/ARN/replay`
pub(super) fn replay<B: Body<Data = Bytes>>(call: &Call<'_, B>) -> Result<Reply, Fault> {
    if let Some((name, _)) = call.query().next() {
        return Err(unknown_parameter(&name, "none"));
    }
    let arn = &*call.name;
    let page =
        call.service.histories().page(arn, HistoryRequest { events_max: usize::MAX, ..HistoryRequest::default() });
    if page.is_none() && !call.service.executions().knows(arn) {
        return Err(unknown(arn));
    }
    let recording = page.ok_or(Unrecorded::Level(level_name(HistoryLevel::Off))).and_then(HistoryPage::recording);
    let recording = recording.map_err(|why| Fault::new(Kind::ConflictException, why.to_string()))?;
    Ok(reply::json(&recording.document(), StatusCode::OK))
}

/// `GET /v1/executions/ARN/events`
pub(super) fn events<B: Body<Data = Bytes>>(call: &Call<'_, B>) -> Result<Reply, Fault> {
    let mut view = View { after: follow::last_seen(&call.head.headers), wants_data: true, is_redacted: true };
    for (name, value) in call.query() {
        match &*name {
            "include_data" => view.wants_data = flag(&name, &value)?,
            "after" => view.after = Some(number(&name, &value)?.into()),
            _ => return Err(unknown_parameter(&name, "include_data, after")),
        }
    }
    let (service, arn) = (call.service, &*call.name);
    if !service.executions().knows(arn) && service.histories().bell(arn).is_none() {
        return Err(unknown(arn));
    }
    let place = service.followers().enter(clock::now())?;
    Ok(follow::reply(service, Text::from(arn), None, view, place))
}

/// `POST /v1/executions/ARN/stop`
pub(super) async fn stop<B: Body<Data = Bytes>>(call: Call<'_, B>) -> Result<Reply, Fault> {
    let (service, head, arn) = (call.service, call.head, call.name.to_string());
    let bytes = call.read(STOP_BODY_BYTES_MAX).await?;
    let failure = if has_json(&head.headers, &bytes)? { failure_of(text(&bytes)?)? } else { Failure::default() };
    match service.executions().stop(&arn, failure, clock::now()) {
        Some(stopped) => {
            let body = ObjectBuilder::with_capacity(1).with("stopDate", iso_date(stopped));
            Ok(reply::json(&body.build(), StatusCode::OK))
        }
        None => Err(unknown(&arn)),
    }
}

/// `{"error","cause"}`, both optional.
fn failure_of(body: &str) -> Result<Failure, Fault> {
    let body = Document::parse(body.as_bytes())
        .map_err(|error| Fault::new(Kind::SerializationException, format!("The body is not valid JSON: {error}")))?;
    let mut failure = Failure::default();
    let Some(members) = body.as_object() else {
        return Err(Fault::new(Kind::ValidationException, "The body must be an object with error and cause"));
    };
    for (name, value) in members.iter() {
        let part = match name.as_str() {
            "error" => &mut failure.error,
            "cause" => &mut failure.cause,
            _ => return Err(unknown_parameter(name, "error, cause")),
        };
        let Some(value) = value.as_text() else {
            return Err(Fault::new(Kind::ValidationException, format!("'{name}' must be a string")));
        };
        *part = Some(value.clone());
    }
    Ok(failure)
}
