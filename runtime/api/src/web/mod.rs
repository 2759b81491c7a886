//! The plain interface, below `/v1/`: functions and workflows by name, JSON in and JSON out.

mod batch;
mod executions;
mod functions;
mod published;
mod routes;
mod settings;
mod stats;
mod tasks;
mod triggers;
mod workflows;

#[cfg(test)]
pub(crate) use routes::ROUTES;
pub(crate) use routes::{Routed, routed};
pub(crate) use workflows::{IDEMPOTENCY_KEY, diagnostic, finished_body, finished_reply, named_target, started_reply};

use routes::Route;

use crate::Service;
use crate::fault::{Fault, Kind};
use crate::reply::Reply;
use bytes::Bytes;
use fleetstep_catalog::PageRequest;
use fleetstep_document::{Document, ObjectBuilder};
use hyper::body::Body;
use hyper::header::{CONTENT_TYPE, HeaderMap, ORIGIN};
use hyper::http::request::Parts;
use std::borrow::Cow;

/// Answers one request.
pub(crate) async fn answer<B: Body<Data = Bytes>>(service: &Service, head: &Parts, body: B) -> Result<Reply, Fault> {
    serve(service, routed(head)?, head, body).await
}

/// Answers a request that was found in the table of routes.
pub(crate) async fn serve<B: Body<Data = Bytes>>(
    service: &Service,
    routed: Routed<'_>,
    head: &Parts,
    body: B,
) -> Result<Reply, Fault> {
    let call = Call { service, head, body, name: routed.name };
    match routed.route {
        Route::Run => workflows::run(call).await,
        Route::Batch => batch::batch(call).await,
        Route::Workflow => workflows::one(call).await,
        Route::Workflows => workflows::list(&call),
        Route::Invoke => functions::invoke(call).await,
        Route::FunctionLog => functions::logs(&call),
        Route::Function => functions::one(call).await,
        Route::Functions => functions::list(&call),
        Route::Execution => executions::get(&call),
        Route::Executions => executions::list(&call),
        Route::History => executions::history(&call),
        Route::Replay => executions::replay(&call),
        Route::Stats => stats::all(&call),
        Route::States => stats::states(&call),
        Route::Versions => published::versions(&call),
        Route::Diagnostics => published::diagnostics(&call),
        Route::Stop => executions::stop(call).await,
        Route::Events => executions::events(&call),
        Route::Trigger => triggers::route(call).await,
        Route::Triggers => triggers::routes(&call),
        Route::Schedule => triggers::schedule(call).await,
        Route::Schedules => triggers::schedules(&call),
        Route::TaskSuccess => tasks::succeed(call).await,
        Route::TaskFailure => tasks::fail(call).await,
        Route::TaskHeartbeat => tasks::beat(call).await,
    }
}

/// A request to the plain interface.
struct Call<'a, B> {
    service: &'a Service,
    head: &'a Parts,
    body: B,
    /// What stands behind the collection's name; empty for the collection itself.
    name: Cow<'a, str>,
}

impl<B: Body<Data = Bytes>> Call<'_, B> {
    /// The parameters behind the question mark, decoded.
    fn query(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        form_urlencoded::parse(self.head.uri.query().unwrap_or_default().as_bytes())
    }

    /// `max_items` and `token`.
    fn page(&self) -> Result<PageRequest, Fault> {
        let mut page = PageRequest::default();
        for (name, value) in self.query() {
            match &*name {
                "max_items" => page.items_max = number(&name, &value)? as usize,
                "token" => page.token = Some(value.into_owned()),
                _ => return Err(unknown_parameter(&name, "max_items, token")),
            }
        }
        Ok(page)
    }

    async fn read(self, bytes_max: usize) -> Result<Bytes, Fault> {
        self.service.read(self.body, bytes_max).await
    }
}

/// The media type of a body, in lower case and without parameters; empty when there is none.
pub(crate) fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Whether a media type is JSON's.
fn is_json(media_type: &str) -> bool {
    media_type == "application/json" || media_type.ends_with("+json")
}

pub(crate) fn unsupported_media_type(found: &str, wanted: &str) -> Fault {
    let found = if found.is_empty() { "none" } else { found };
    Fault::new(Kind::UnsupportedMediaType, format!("The content type must be {wanted}, but it is {found}"))
}

fn unknown_parameter(name: &str, known: &str) -> Fault {
    Fault::new(Kind::ValidationException, format!("Unknown parameter '{name}'; there are: {known}"))
}

fn number(name: &str, value: &str) -> Result<u32, Fault> {
    value.parse().map_err(|_| {
        Fault::new(Kind::ValidationException, format!("'{name}' must be a whole number, but it is '{value}'"))
    })
}

fn flag(name: &str, value: &str) -> Result<bool, Fault> {
    value.parse().map_err(|_| {
        Fault::new(Kind::ValidationException, format!("'{name}' must be true or false, but it is '{value}'"))
    })
}

/// Whether a body is there to be parsed as JSON; none at all is `{}`.
///
/// The content type is asked for so that a page of another site cannot make a browser start something here: with
/// this one the browser asks first, and is not answered. Without a body there is none to ask for; what a page sends
/// then is told by its origin.
fn has_json(headers: &HeaderMap, body: &Bytes) -> Result<bool, Fault> {
    let media_type = media_type(headers);
    let bare = body.is_empty() && media_type.is_empty() && !headers.contains_key(ORIGIN);
    if bare || is_json(&media_type) {
        Ok(!body.is_empty())
    } else {
        Err(unsupported_media_type(&media_type, "application/json"))
    }
}

/// UTF-8 or a refusal.
pub(crate) fn text(body: &Bytes) -> Result<&str, Fault> {
    std::str::from_utf8(body).map_err(|_| Fault::new(Kind::SerializationException, "The request body is not UTF-8"))
}

/// A list and, unless it was the last page, the token of the next.
fn listing(name: &'static str, items: Vec<Document>, token: Option<String>) -> Document {
    let mut body = ObjectBuilder::with_capacity(2).with(name, items);
    if let Some(token) = token {
        body.push("nextToken", token);
    }
    body.build()
}
