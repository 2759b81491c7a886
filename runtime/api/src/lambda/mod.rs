//! Lambda's own protocol, REST with JSON: functions are put, published, named and called as SDKs and tools do it.
//!
//! A function's code is a zip with one `.wasm` in it, or the module itself. What of Lambda does not apply to a module
//! is refused where it would change what happens, and kept and returned where it only describes.

mod aliases;
mod functions;
mod invoke;
mod name;
mod operations;
mod package;
mod request;
mod shape;
mod tags;
mod versions;

#[cfg(test)]
pub(crate) use operations::OPERATIONS;
pub(crate) use operations::{Routed, is_of, routed};

use crate::Service;
use crate::fault::{Fault, Kind};
use crate::reply::{self, Reply};
use bytes::Bytes;
use fleetstep_document::Document;
use hyper::StatusCode;
use hyper::body::Body;
use hyper::header::{CONTENT_TYPE, HeaderValue, ORIGIN};
use hyper::http::request::Parts;
use operations::Operation;
use std::borrow::Cow;
use tokio::sync::SemaphorePermit;

/// The largest request with a package in it: Lambda's limit, which leaves 50 MB for the archive.
const PACKAGE_BODY_BYTES_MAX: usize = 70_167_211;
/// The largest payload of a call that is waited for: Lambda's limit.
const PAYLOAD_BYTES_MAX: usize = 6_291_456;

/// Answers one request.
pub(crate) async fn answer<B: Body<Data = Bytes>>(service: &Service, head: &Parts, body: B) -> Reply {
    match route_and_serve(service, head, body).await {
        Ok(reply) => reply,
        Err(fault) => service.refuse(&fault).lambda_reply(),
    }
}

async fn route_and_serve<B: Body<Data = Bytes>>(service: &Service, head: &Parts, body: B) -> Result<Reply, Fault> {
    let routed = routed(head).map_err(Fault::unread)?;
    let received = receive(service, &routed, head, body).await?;
    serve(service, &routed, head, received.body).await
}

/// A request that has come in, and its place among the modules that are being taken in.
pub(crate) struct Received<'a> {
    pub(crate) body: Bytes,
    _upload: Option<SemaphorePermit<'a>>,
}

/// Reads a request's body within the bound of its operation.
pub(crate) async fn receive<'a, B: Body<Data = Bytes>>(
    service: &'a Service,
    routed: &Routed,
    head: &Parts,
    body: B,
) -> Result<Received<'a>, Fault> {
    refuse_pages(head)?;
    let (bytes_max, takes_module) = match routed.operation() {
        Operation::Invoke => (PAYLOAD_BYTES_MAX, false),
        Operation::CreateFunction | Operation::UpdateFunctionCode => (PACKAGE_BODY_BYTES_MAX, true),
        _ => (service.limits().json_body_bytes_max, false),
    };
    // Before the body: what waits for the compiler holds a whole module.
    let upload = if takes_module { Some(service.upload()?) } else { None };
    let body = service.read(body, bytes_max).await.map_err(|fault| too_large(fault, routed, bytes_max))?;
    Ok(Received { body, _upload: upload })
}

/// A page of another site can make a browser send a request that no page is asked for first, but not without saying
/// where it comes from.
fn refuse_pages(head: &Parts) -> Result<(), Fault> {
    let media_type = head.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    if head.headers.contains_key(ORIGIN) && !media_type.starts_with(b"application/json") {
        let message = "The content type must be application/json where a page of another site sends the request";
        return Err(Fault::new(Kind::UnsupportedMediaType, message).unread());
    }
    Ok(())
}

fn too_large(fault: Fault, routed: &Routed, bytes_max: usize) -> Fault {
    let (kind, operation) = match routed.operation() {
        _ if fault.kind() != Kind::RequestEntityTooLarge => return fault,
        Operation::Invoke => (Kind::RequestTooLargeException, "InvokeFunction"),
        _ => (Kind::RequestEntityTooLarge, routed.row.name),
    };
    Fault::new(kind, format!("Request must be smaller than {bytes_max} bytes for the {operation} operation")).unread()
}

/// Answers a request that was found in the table and has come in.
pub(crate) async fn serve(service: &Service, routed: &Routed, head: &Parts, body: Bytes) -> Result<Reply, Fault> {
    let call = Call { service, routed, head, body };
    let (body, status) = match routed.operation() {
        Operation::Invoke => return invoke::invoke(call).await,
        Operation::CreateFunction => (functions::create(call).await?, StatusCode::CREATED),
        Operation::UpdateFunctionCode => (functions::update_code(call).await?, StatusCode::OK),
        Operation::UpdateFunctionConfiguration => (functions::update_configuration(call).await?, StatusCode::OK),
        Operation::GetFunction => (functions::get(&call)?, StatusCode::OK),
        Operation::GetFunctionConfiguration => (functions::configuration(&call)?, StatusCode::OK),
        Operation::GetFunctionCodeSigningConfig => (functions::code_signing(&call)?, StatusCode::OK),
        Operation::GetPolicy => return Err(functions::policy(&call)),
        Operation::ListFunctions => (functions::list(&call)?, StatusCode::OK),
        Operation::DeleteFunction => return functions::delete(call).await.map(|()| nothing()),
        Operation::PublishVersion => (versions::publish(call).await?, StatusCode::CREATED),
        Operation::ListVersionsByFunction => (versions::list(&call)?, StatusCode::OK),
        Operation::CreateAlias => (aliases::create(call).await?, StatusCode::CREATED),
        Operation::UpdateAlias => (aliases::update(call).await?, StatusCode::OK),
        Operation::GetAlias => (aliases::get(&call)?, StatusCode::OK),
        Operation::ListAliases => (aliases::list(&call)?, StatusCode::OK),
        Operation::DeleteAlias => return aliases::delete(call).await.map(|()| nothing()),
        Operation::PutFunctionConcurrency => (versions::reserve(call).await?, StatusCode::OK),
        Operation::GetFunctionConcurrency => (versions::reserved(&call)?, StatusCode::OK),
        Operation::DeleteFunctionConcurrency => return versions::free(call).await.map(|()| nothing()),
        Operation::TagResource => return tags::tag(call).await.map(|()| nothing()),
        Operation::UntagResource => return tags::untag(call).await.map(|()| nothing()),
        Operation::ListTags => (tags::list(&call)?, StatusCode::OK),
    };
    Ok(reply::rest(&body, status))
}

fn nothing() -> Reply {
    reply::rest_empty(StatusCode::NO_CONTENT)
}

/// A request to Lambda.
struct Call<'a> {
    service: &'a Service,
    routed: &'a Routed,
    head: &'a Parts,
    body: Bytes,
}

impl Call<'_> {
    /// The parameters behind the question mark, decoded.
    fn query(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        form_urlencoded::parse(self.head.uri.query().unwrap_or_default().as_bytes())
    }

    /// One of them.
    fn parameter(&self, wanted: &str) -> Option<String> {
        self.query().find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
    }

    /// A header's text.
    fn header(&self, name: &str) -> Option<&str> {
        self.head.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body as JSON; none at all says nothing.
    fn json(&self) -> Result<Document, Fault> {
        if self.body.is_empty() {
            return Ok(Document::empty_object());
        }
        Document::parse(&self.body).map_err(|error| {
            let message = format!("Could not parse request body into json: {error}");
            Fault::new(Kind::InvalidRequestContentException, message)
        })
    }
}
