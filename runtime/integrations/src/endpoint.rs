//! An integration that is bound to an HTTP endpoint: the arguments are POSTed, the answer's body is the result.
//!
//! An answer of the endpoint's whose status is no success is a failure: with `error` and `cause` of a body that has them,
//! else named by the status.

use crate::ConfigError;
use crate::connection::{Connection, named_url};
use crate::exchange::{Answer, exchange, told};
use fleetstep_document::{Document, Text};
use fleetstep_engine::{Call, Failure, Reply, TaskHost};
use fleetstep_outbound::{Client, HeaderMap, Method, Policy, Request, Uri, full};
use std::sync::Arc;

/// Characters of an answer that a failure tells.
const CAUSE_CHARS_MAX: usize = 32_000;
/// What a call fails with that has no answer.
const UNREACHABLE: &str = "Fleetstep.EndpointUnreachable";

/// Where an integration's arguments go.
pub(crate) struct Endpoint {
    url: Uri,
    policy: Policy,
    connection: Option<Arc<Connection>>,
}

impl Endpoint {
    pub(crate) fn new(place: &str, url: &str, connection: Option<Arc<Connection>>) -> Result<Self, ConfigError> {
        let (mut url, policy) = named_url(place, url)?;
        let query = connection.as_ref().map_or(&[][..], |connection| connection.query());
        if !query.is_empty() {
            let mut form = form_urlencoded::Serializer::new(String::new());
            form.extend_pairs(query);
            let mark = if url.query().is_some() { '&' } else { '?' };
            url = format!("{url}{mark}{}", form.finish()).parse().map_err(|error| ConfigError::new(place, error))?;
        }
        // Its credentials go where the connection says, and the binding is one more that must be said there.
        if let Some(connection) = &connection {
            connection.policy.check(&Method::POST, &url).map_err(|error| ConfigError::new(place, error))?;
        }
        Ok(Self { url, policy, connection })
    }

    /// What runs one integration.
    pub(crate) fn host(self: &Arc<Self>, action: &str, client: &Client) -> Arc<dyn TaskHost> {
        Arc::new(Posts { endpoint: Arc::clone(self), action: Text::from(action), client: client.clone() })
    }
}

struct Posts {
    endpoint: Arc<Endpoint>,
    action: Text,
    client: Client,
}

impl TaskHost for Posts {
    fn call(&self, call: Call) -> Reply {
        let (endpoint, action, client) = (Arc::clone(&self.endpoint), self.action.clone(), self.client.clone());
        Reply::Later(Box::pin(async move { endpoint.post(&action, &call, &client).await }))
    }
}

impl Endpoint {
    async fn post(&self, action: &str, call: &Call, client: &Client) -> Result<Document, Failure> {
        let credentials = match &self.connection {
            None => HeaderMap::new(),
            Some(connection) => connection.headers(client).await.map_err(|reason| Failure::new(UNREACHABLE, reason))?,
        };
        let request = Request::builder()
            .method(Method::POST)
            .uri(self.url.clone())
            .header("content-type", "application/json")
            .header("accept", "application/json")
            .header("fleetstep-action", action)
            .header("fleetstep-execution-arn", call.identity.execution_arn.as_str())
            .body(full(call.input.to_json()));
        let mut request = request.map_err(|error| Failure::new("States.Runtime", error.to_string()))?;
        request.headers_mut().extend(credentials);
        let answer = exchange(client, &self.policy, request).await;
        let Answer { status, body, .. } = answer.map_err(|error| Failure::new(UNREACHABLE, told(&error)))?;
        let mut text = String::from_utf8_lossy(&body).into_owned();
        if let Some(connection) = &self.connection {
            text = connection.masked(text).await;
        }
        if !status.is_success() {
            return Err(failed(status.as_u16(), &text));
        }
        if text.trim().is_empty() {
            return Ok(Document::empty_object());
        }
        Document::parse(text.as_bytes()).map_err(|error| {
            Failure::new("Fleetstep.EndpointAnswer", format!("The answer for {action} is no JSON: {error}"))
        })
    }
}

fn failed(status: u16, text: &str) -> Failure {
    let body = Document::parse(text.as_bytes()).ok();
    let member = |names: [&str; 2]| {
        let body = body.as_ref()?;
        names.iter().find_map(|name| body.get(name).and_then(Document::as_text).cloned())
    };
    match (member(["error", "errorType"]), member(["cause", "errorMessage"])) {
        (Some(error), cause) => Failure { error: Some(error), cause },
        (None, _) => {
            let cause: String = text.chars().take(CAUSE_CHARS_MAX).collect();
            Failure::new(format!("Fleetstep.EndpointStatus.{status}"), cause)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures() {
        for (text, error, cause) in [
            (r#"{"error":"E","cause":"c"}"#, "E", Some("c")),
            (r#"{"errorType":"E","errorMessage":"c"}"#, "E", Some("c")),
            (r#"{"error":"E"}"#, "E", None),
            (r#"{"message":"m"}"#, "Fleetstep.EndpointStatus.500", Some(r#"{"message":"m"}"#)),
            ("no JSON", "Fleetstep.EndpointStatus.500", Some("no JSON")),
        ] {
            let failure = failed(500, text);
            assert_eq!((failure.error.as_deref(), failure.cause.as_deref()), (Some(error), cause));
        }
    }
}
