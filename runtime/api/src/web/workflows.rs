//! Workflows by name: deployed from JSON or YAML, and run by whoever can send JSON.

use super::{Call, has_json, is_json, listing, media_type, text, unknown_parameter, unsupported_media_type};
use crate::admission::Way;
use crate::aws::copy_input;
use crate::fault::{Fault, Kind, outcome_status};
use crate::follow::{self, View};
use crate::history::named_level;
use crate::idempotency::{Answer, key_of, start_once};
use crate::launch::Launch;
use crate::limits::INPUT_BYTES_MAX;
use crate::reply::{self, Reply, iso_date};
use crate::{Service, tracing};
use bytes::Bytes;
use fleetstep_asl::Diagnostic;
use fleetstep_catalog::{
    CreateStateMachine, Created, DefinitionFormat, StateMachine, StateMachineArn, StateMachineError, Target,
    UpdateStateMachine, WorkflowType,
};
use fleetstep_document::{Document, ObjectBuilder, Text, write_string};
use fleetstep_engine::{Finished, HistoryLevel, Identity, Outcome, Timestamp, clock};
use hyper::body::Body;
use hyper::header::{HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::collections::BTreeMap;

/// By which a start is known again when it comes twice.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const EXECUTION_ARN: HeaderName = HeaderName::from_static("fleetstep-execution-arn");

/// `GET /v1/workflows`
pub(super) fn list<B: Body<Data = Bytes>>(call: &Call<'_, B>) -> Result<Reply, Fault> {
    let page = call.service.catalog().list_state_machines(&call.page()?)?;
    let items = page.items.iter().map(|machine| summary(machine).build()).collect();
    Ok(reply::json(&listing("workflows", items, page.next_token), StatusCode::OK))
}

/// `PUT`, `GET` and `DELETE /v1/workflows/NAME`, `GET /v1/workflows/NAME:VERSION`
pub(super) async fn one<B: Body<Data = Bytes>>(call: Call<'_, B>) -> Result<Reply, Fault> {
    match call.head.method {
        Method::PUT => put(call).await,
        Method::DELETE => {
            let arn = arn(&call)?;
            if !call.service.catalog().delete_state_machine(&arn).await? {
                return Err(Fault::state_machine_does_not_exist(arn.as_text()));
            }
            Ok(reply::empty(StatusCode::NO_CONTENT))
        }
        _ => {
            // A name that is none is told as a name, not as a part of an ARN.
            if !call.name.contains(':') {
                arn(&call)?;
            }
            let (machine, version) = call.service.described(&qualified_arn(call.service, &call.name))?;
            let mut body = summary(&machine);
            if let Some(version) = version {
                body.push("stateMachineVersionArn", version.arn.as_text().clone());
            }
            body.push("roleArn", machine.role_arn.clone());
            body.push("format", format_name(machine.format));
            body.push("definition", machine.definition.clone());
            Ok(reply::json(&body.build(), StatusCode::OK))
        }
    }
}

pub(super) fn arn<B>(call: &Call<'_, B>) -> Result<StateMachineArn, Fault> {
    Ok(StateMachineArn::new(call.service.catalog().place(), &call.name)?)
}

/// The ARN of `NAME`, `NAME:VERSION` or `NAME:ALIAS`.
fn qualified_arn(service: &Service, name: &str) -> String {
    let place = service.catalog().place();
    format!("arn:aws:states:{}:{}:stateMachine:{name}", place.region, place.account)
}

/// What `NAME`, `NAME:VERSION` or `NAME:ALIAS` runs.
pub(super) fn named<B>(call: &Call<'_, B>) -> Result<Target, Fault> {
    named_target(call.service, &call.name)
}

/// The same of a name.
pub(crate) fn named_target(service: &Service, name: &str) -> Result<Target, Fault> {
    if name.contains(':') {
        return service.target(&qualified_arn(service, name));
    }
    match service.catalog().state_machine(name) {
        Some(machine) => Ok(machine.into()),
        None => {
            let arn = StateMachineArn::new(service.catalog().place(), name)?;
            Err(Fault::state_machine_does_not_exist(arn.as_text()))
        }
    }
}

fn summary(machine: &StateMachine) -> ObjectBuilder {
    ObjectBuilder::with_capacity(8)
        .with("name", machine.name.clone())
        .with("stateMachineArn", machine.arn.as_text().clone())
        .with("type", machine.workflow_type.as_str())
        .with("creationDate", iso_date(machine.created))
        .with("updateDate", iso_date(machine.updated))
}

fn format_name(format: DefinitionFormat) -> &'static str {
    match format {
        DefinitionFormat::Json => "json",
        DefinitionFormat::Yaml => "yaml",
    }
}

async fn put<B: Body<Data = Bytes>>(call: Call<'_, B>) -> Result<Reply, Fault> {
    let media_type = media_type(&call.head.headers);
    let format = match media_type.as_str() {
        json if is_json(json) => DefinitionFormat::Json,
        "application/yaml" | "application/x-yaml" | "text/yaml" | "text/x-yaml" => DefinitionFormat::Yaml,
        other => return Err(unsupported_media_type(other, "application/json or application/yaml")),
    };
    let mut role_arn = None;
    for (name, value) in call.query() {
        match &*name {
            "role_arn" => role_arn = Some(value.into_owned()),
            _ => return Err(unknown_parameter(&name, "role_arn")),
        }
    }
    let (service, arn) = (call.service, arn(&call)?);
    let name = call.name.to_string();
    let bytes = call.read(service.limits().json_body_bytes_max).await?;
    let definition = text(&bytes)?.to_owned();
    let catalog = service.catalog();
    let create = CreateStateMachine {
        name,
        definition: definition.clone(),
        format,
        role_arn: role_arn
            .clone()
            .unwrap_or_else(|| format!("arn:aws:iam::{}:role/fleetstep", catalog.place().account)),
        workflow_type: WorkflowType::Express,
        logging: None,
        tracing: None,
        tags: BTreeMap::new(),
        publish: None,
    };
    // An update keeps what the plain interface does not name: logging, tracing, tags.
    let (created, new) = match catalog.create_state_machine(create).await {
        Err(StateMachineError::AlreadyExists { .. }) => {
            let update = UpdateStateMachine {
                definition: Some((definition, format)),
                role_arn,
                ..UpdateStateMachine::default()
            };
            (catalog.update_state_machine(&arn, update).await?, false)
        }
        other => {
            let created = other?;
            let new = !created.existed;
            match role_arn {
                // The very same machine was there; that its role is another does not count for it.
                Some(role_arn) if created.existed && created.machine.role_arn.as_str() != role_arn => {
                    let update = UpdateStateMachine { role_arn: Some(role_arn), ..UpdateStateMachine::default() };
                    (catalog.update_state_machine(&arn, update).await?, false)
                }
                _ => (created, new),
            }
        }
    };
    Ok(reply::json(&deployed(&created), if new { StatusCode::CREATED } else { StatusCode::OK }))
}

fn deployed(created: &Created) -> Document {
    let warnings: Vec<Document> = created.warnings.iter().map(diagnostic).collect();
    summary(&created.machine).with("diagnostics", warnings).build()
}

/// A diagnostic with its place in the text.
pub(crate) fn diagnostic(diagnostic: &Diagnostic) -> Document {
    let mut body = ObjectBuilder::with_capacity(7)
        .with("severity", diagnostic.severity.as_str())
        .with("code", diagnostic.code.as_str())
        .with("message", diagnostic.message.as_str())
        .with("location", diagnostic.location.as_str());
    let place = |at: usize| i64::try_from(at).unwrap_or(i64::MAX);
    if let Some(span) = diagnostic.span {
        body.push("line", place(span.line));
        body.push("column", place(span.column));
    }
    if let Some(hint) = &diagnostic.hint {
        body.push("hint", hint.as_str());
    }
    body.build()
}

/// `POST /v1/workflows/NAME/run`, `…/NAME:VERSION/run`, `…/NAME:ALIAS/run`
pub(super) async fn run<B: Body<Data = Bytes>>(call: Call<'_, B>) -> Result<Reply, Fault> {
    let (mut name, mut level) = (None, None);
    for (parameter, value) in call.query() {
        match &*parameter {
            "name" => name = Some(value.into_owned()),
            "history" => level = Some(history_level(&value)?),
            _ => return Err(unknown_parameter(&parameter, "name, history")),
        }
    }
    if let Some(name) = &name {
        fleetstep_catalog::arn::check_execution_name(name)?;
    }
    let target = named(&call)?;
    let (service, head) = (call.service, call.head);
    let bytes = call.read(INPUT_BYTES_MAX).await?;
    let input = if has_json(&head.headers, &bytes)? { copy_input(text(&bytes)?)? } else { Document::empty_object() };
    let launch = Launch::new(service, target, name.as_deref(), input, bytes.len())?;
    let launch = launch.called_by(service, tracing::caller(service, &head.headers, None));
    let traced = launch.traced();
    let mut reply = if follow::is_wanted(&head.headers) {
        let launch = launch.with_history(level.unwrap_or(HistoryLevel::All));
        Box::pin(followed(service, launch, responds_async(&head.headers), head)).await?
    } else {
        start(service, launch.with_history(level.unwrap_or_default()), &head.headers).await?
    };
    if let Some((trace, arn)) = traced {
        // What came with a key may have been started before, in another trace.
        let told = reply.headers().get(EXECUTION_ARN).map(HeaderValue::as_bytes);
        tracing::tell(Some(&*trace).filter(|_| told == Some(arn.as_bytes())), reply.headers_mut());
    }
    Ok(reply)
}

/// Starts it as the headers ask for: with a key or without, waited for or not.
async fn start(service: &Service, launch: Launch, headers: &HeaderMap) -> Result<Reply, Fault> {
    let is_async = responds_async(headers);
    if let Some(key) = idempotency_key(headers)? {
        let way = if is_async { Way::Async } else { Way::Sync };
        return Ok(match start_once(service, launch, key, way).await? {
            Answer::Started { execution_arn, at } => started_reply(&execution_arn, at),
            Answer::Finished { execution_arn, status, body } => finished_reply(&execution_arn, status, body),
        });
    }
    let arn = launch.identity.execution_arn.clone();
    if is_async {
        return Ok(started_reply(&arn, launch.detach(service).await?));
    }
    let finished = launch.run(service).await?;
    let (status, body) = finished_body(&launch.identity, &finished);
    launch.keep(service, finished, body.len());
    Ok(finished_reply(&arn, status, body.into()))
}

/// Starts it, and tells what happens in it until it is over.
async fn followed(service: &Service, launch: Launch, is_async: bool, head: &Parts) -> Result<Reply, Fault> {
    if head.headers.contains_key(IDEMPOTENCY_KEY) {
        let message = "An execution that is followed takes no Idempotency-Key: start it with one, and follow its ARN";
        return Err(Fault::new(Kind::ValidationException, message));
    }
    let place = service.followers().enter(clock::now())?;
    let arn = launch.identity.execution_arn.clone();
    let started = if is_async { launch.detach(service).await? } else { launch.follow(service)? };
    let view = View { after: None, wants_data: true, is_redacted: false };
    let mut reply = follow::reply(service, arn.clone(), Some(started), view, place);
    reply.headers_mut().insert(EXECUTION_ARN, arn_header(&arn));
    Ok(reply)
}

fn history_level(name: &str) -> Result<HistoryLevel, Fault> {
    named_level(name).ok_or_else(|| {
        let message = format!("'history' must be OFF, FATAL, ERROR or ALL, but it is '{name}'");
        Fault::new(Kind::ValidationException, message)
    })
}

/// The key of a start that may come twice (draft-ietf-httpapi-idempotency-key-header).
fn idempotency_key(headers: &HeaderMap) -> Result<Option<Text>, Fault> {
    headers.get(IDEMPOTENCY_KEY).map(|value| key_of(value.as_bytes())).transpose()
}

/// Whether the caller prefers not to wait (RFC 7240).
pub(super) fn responds_async(headers: &HeaderMap) -> bool {
    let values = headers.get_all("prefer").into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split([',', ';'])).any(|token| token.trim().eq_ignore_ascii_case("respond-async"))
}

pub(crate) fn started_reply(execution_arn: &Text, started: Timestamp) -> Reply {
    let body = ObjectBuilder::with_capacity(3)
        .with("executionArn", execution_arn.clone())
        .with("status", "RUNNING")
        .with("startDate", iso_date(started));
    let mut reply = reply::json(&body.build(), StatusCode::ACCEPTED);
    let location = format!("/v1/executions/{}", utf8_percent_encode(execution_arn, NON_ALPHANUMERIC));
    let headers = reply.headers_mut();
    headers.insert(EXECUTION_ARN, arn_header(execution_arn));
    headers.insert(LOCATION, HeaderValue::from_str(&location).expect("it is percent-encoded"));
    headers.insert("preference-applied", HeaderValue::from_static("respond-async"));
    reply
}

fn arn_header(execution_arn: &str) -> HeaderValue {
    HeaderValue::from_bytes(execution_arn.as_bytes()).expect("a name holds no control characters")
}

/// The output as it is, or the failure, with its status.
pub(crate) fn finished_body(identity: &Identity, finished: &Finished) -> (StatusCode, Vec<u8>) {
    let status = outcome_status(&finished.outcome);
    let mut out = Vec::with_capacity(256);
    match &finished.outcome {
        Outcome::Succeeded(output) => output.write_json(&mut out),
        Outcome::Failed(failure) | Outcome::TimedOut(failure) | Outcome::Aborted(failure) => {
            out.extend_from_slice(b"{\"status\":");
            write_string(crate::executions::status(&finished.outcome), &mut out);
            crate::aws::write_failure(failure, &mut out);
            out.extend_from_slice(b",\"executionArn\":");
            write_string(&identity.execution_arn, &mut out);
            out.push(b'}');
        }
    }
    (status, out)
}

/// The answer of one that was waited for.
pub(crate) fn finished_reply(execution_arn: &str, status: StatusCode, body: Bytes) -> Reply {
    let mut reply = reply::json_bytes(body, status);
    reply.headers_mut().insert(EXECUTION_ARN, arn_header(execution_arn));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    reply
}
