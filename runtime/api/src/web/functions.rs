//! Functions by name: a module and its settings.

use super::{Call, has_json, is_json, listing, media_type, settings, unsupported_media_type};
use crate::Service;
use crate::fault::{Fault, Kind, function_failure};
use crate::id::Uuid;
use crate::limits::INPUT_BYTES_MAX;
use crate::lone_call;
use crate::reply::{self, Reply, iso_date};
use bytes::Bytes;
use fleetstep_catalog::{FunctionDescription, FunctionError, FunctionSettings};
use fleetstep_document::{Document, ObjectBuilder};
use fleetstep_engine::Identity;
use hyper::body::Body;
use hyper::{Method, StatusCode};

/// The member that names a module in a registry, beside the settings.
const MODULE: &str = "module";
/// Lines of a log in one answer.
const LOG_LINES_MAX: usize = 1_000;

/// `GET /v1/functions`
pub(super) fn list<B: Body<Data = Bytes>>(call: &Call<'_, B>) -> Result<Reply, Fault> {
    let page = call.service.catalog().list_functions(&call.page()?)?;
    let items = page.items.iter().map(describe).collect();
    Ok(reply::json(&listing("functions", items, page.next_token), StatusCode::OK))
}

/// `PUT`, `PATCH`, `GET` and `DELETE /v1/functions/NAME`
pub(super) async fn one<B: Body<Data = Bytes>>(call: Call<'_, B>) -> Result<Reply, Fault> {
    let media_type = media_type(&call.head.headers);
    match call.head.method {
        Method::PUT if matches!(media_type.as_str(), "application/wasm" | "application/octet-stream") => {
            put(call).await
        }
        Method::PUT | Method::PATCH if is_json(&media_type) => configure(call).await,
        Method::PUT => Err(unsupported_media_type(
            &media_type,
            "application/wasm for a module, or application/json for settings alone",
        )),
        Method::PATCH => Err(unsupported_media_type(&media_type, "application/json")),
        Method::DELETE => {
            call.service.catalog().delete_function(&call.name).await?;
            Ok(reply::empty(StatusCode::NO_CONTENT))
        }
        _ => {
            let function = call.service.catalog().describe_function(&call.name)?;
            Ok(reply::json(&describe(&function), StatusCode::OK))
        }
    }
}

/// The settings that are there, changed by the query; `None` when the query says nothing.
fn settings_of_query<B: Body<Data = Bytes>>(call: &Call<'_, B>) -> Result<Option<FunctionSettings>, Fault> {
    let mut query = call.query().peekable();
    if query.peek().is_none() {
        return Ok(None);
    }
    let mut changed = match call.service.catalog().describe_function(&call.name) {
        Ok(function) => function.settings,
        Err(FunctionError::NotFound { .. }) => FunctionSettings::default(),
        Err(error) => return Err(error.into()),
    };
    for (name, value) in query {
        settings::apply_parameter(&mut changed, &name, &value)?;
    }
    Ok(Some(changed))
}

async fn put<B: Body<Data = Bytes>>(call: Call<'_, B>) -> Result<Reply, Fault> {
    let settings = settings_of_query(&call)?;
    let (service, name) = (call.service, call.name.to_string());
    // Before the body: what waits for the compiler holds a whole module.
    let _upload = service.upload()?;
    let module = call.read(service.limits().module_bytes_max).await?;
    let put = service.catalog().put_function(&name, module, settings).await?;
    let status = if put.created { StatusCode::CREATED } else { StatusCode::OK };
    Ok(reply::json(&describe(&put.function), status))
}

async fn configure<B: Body<Data = Bytes>>(call: Call<'_, B>) -> Result<Reply, Fault> {
    let (service, name, is_put) = (call.service, call.name.to_string(), call.head.method == Method::PUT);
    // Asked before the body is read, unless that may say where the function comes from.
    let there = match service.catalog().describe_function(&name) {
        Err(error) if !is_put => return Err(error.into()),
        there => there,
    };
    let bytes = call.read(service.limits().json_body_bytes_max).await?;
    let mut body = parse_body(&bytes)?;
    let module = body.as_object_mut().filter(|_| is_put).and_then(|body| body.remove(MODULE));
    if let Some(module) = module {
        return put_fetched(service, &name, &module, &body).await;
    }
    let mut changed = there?.settings;
    settings::apply_json(&mut changed, &body)?;
    let function = service.catalog().configure_function(&name, changed).await?;
    Ok(reply::json(&describe(&function), StatusCode::OK))
}

/// Puts a function whose module is named and not sent.
async fn put_fetched(service: &Service, name: &str, module: &Document, body: &Document) -> Result<Reply, Fault> {
    let invalid = |message: &'static str| Fault::new(Kind::ValidationException, message);
    let reference =
        module.as_str().ok_or_else(|| invalid("'module' must be a reference such as oci://REGISTRY/NAME:TAG"))?;
    let refused =
        "This server fetches no modules: send the module, or let its operator name registries by --module-registry";
    let source = service.modules().ok_or_else(|| Fault::new(Kind::AccessDeniedException, refused))?;
    let mut changed = match service.catalog().describe_function(name) {
        Ok(function) => function.settings,
        Err(FunctionError::NotFound { .. }) => FunctionSettings::default(),
        Err(error) => return Err(error.into()),
    };
    settings::apply_json(&mut changed, body)?;
    let _upload = service.upload()?;
    let module = source.fetch(reference.to_owned(), service.limits().module_bytes_max as u64).await?;
    let put = service.catalog().put_function(name, module, Some(changed)).await?;
    let status = if put.created { StatusCode::CREATED } else { StatusCode::OK };
    Ok(reply::json(&describe(&put.function), status))
}

fn describe(function: &FunctionDescription) -> Document {
    let mut body = ObjectBuilder::with_capacity(16)
        .with("name", function.name.clone())
        .with("arn", function.arn.as_text().clone())
        .with("kind", function.kind.map_or(Document::NULL, Document::from))
        .with("module_sha256", function.module_sha256.clone())
        .with("module_bytes", i64::try_from(function.module_bytes).unwrap_or(i64::MAX));
    settings::describe(&function.settings, &mut body);
    body.push("created", iso_date(function.created));
    body.push("updated", iso_date(function.updated));
    if let Some(problem) = &function.problem {
        body.push("problem", problem.as_str());
    }
    body.build()
}

/// `POST /v1/functions/NAME/invoke`: one call, outside of any workflow.
pub(super) async fn invoke<B: Body<Data = Bytes>>(call: Call<'_, B>) -> Result<Reply, Fault> {
    let (service, head, name) = (call.service, call.head, call.name.to_string());
    // Asked before the body is read: it need not be read for a function that is not there.
    service.catalog().describe_function(&name)?;
    let bytes = call.read(INPUT_BYTES_MAX).await?;
    let input = if has_json(&head.headers, &bytes)? { parse_body(&bytes)? } else { Document::empty_object() };
    let identity = Identity { execution_name: Uuid::random().as_str().into(), ..Identity::default() };
    let called = service.catalog().call_function(&name, lone_call::call(identity, input))?;
    match lone_call::answer(called).await {
        Ok(output) => Ok(reply::json(&output, StatusCode::OK)),
        Err(failure) => Ok(function_failure(&failure)),
    }
}

/// `GET /v1/functions/NAME/logs`: the newest lines, oldest first; and how the latest calls failed.
pub(super) fn logs<B: Body<Data = Bytes>>(call: &Call<'_, B>) -> Result<Reply, Fault> {
    let mut lines_max = LOG_LINES_MAX;
    for (name, value) in call.query() {
        match &*name {
            "max_items" => lines_max = (super::number(&name, &value)? as usize).min(LOG_LINES_MAX),
            _ => return Err(super::unknown_parameter(&name, "max_items")),
        }
    }
    let lines = call.service.catalog().function_log(&call.name, lines_max)?;
    let lines = lines.into_iter().map(|line| {
        ObjectBuilder::with_capacity(4)
            .with("at", iso_date(line.at))
            .with("level", format!("{:?}", line.level).to_ascii_uppercase())
            .with("executionArn", line.execution_arn)
            .with("text", line.text)
            .build()
    });
    let failures = call.service.catalog().function_failures(&call.name)?.into_iter().map(|failure| {
        ObjectBuilder::with_capacity(4)
            .with("at", iso_date(failure.at))
            .with("executionArn", failure.execution_arn)
            .with("error", failure.error)
            .with("cause", failure.cause)
            .build()
    });
    let body = ObjectBuilder::with_capacity(2)
        .with("lines", lines.collect::<Vec<_>>())
        .with("failures", failures.collect::<Vec<_>>());
    Ok(reply::json(&body.build(), StatusCode::OK))
}

fn parse_body(bytes: &Bytes) -> Result<Document, Fault> {
    Document::parse(bytes)
        .map_err(|error| Fault::new(Kind::SerializationException, format!("The request body is not JSON: {error}")))
}
