//! `arn:aws:states:::http:invoke`.
//!
//! Rules: "Call HTTPS APIs in Step Functions workflows" in the developer guide.

mod answer;
mod encode;
mod parameters;

pub(crate) use answer::unusable;

use crate::connection::Connection;
use crate::exchange::{Answer, exchange, told};
use answer::{Told, failed, over_limit, result};
use fleetstep_document::Document;
use fleetstep_engine::{Call, Failure, Reply, TaskHost};
use fleetstep_outbound::{
    Client, Error, HeaderMap, HeaderName, HeaderValue, Method, Policy, Request, Uri, empty, full,
};
use parameters::Parameters;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How long a call may take: the service's limit.
const CALL_TIME_MAX: Duration = Duration::from_secs(60);
/// Redirects that are followed.
const REDIRECTS_MAX: usize = 10;
/// What a request is sent with unless it says: as the service does.
const CONTENT_TYPE_DEFAULT: HeaderValue = HeaderValue::from_static("application/json;charset=UTF-8");

const CONTENT_TYPE: HeaderName = HeaderName::from_static("content-type");
const LOCATION: HeaderName = HeaderName::from_static("location");
const USER_AGENT: HeaderName = HeaderName::from_static("user-agent");

/// What the calls of one account may reach.
pub(crate) struct Reachable {
    /// Without a connection.
    pub(crate) without: Policy,
    pub(crate) connections: BTreeMap<String, Arc<Connection>>,
    pub(crate) client: Client,
    pub(crate) region: String,
}

/// The integration.
pub(crate) struct HttpInvoke(Arc<Reachable>);

impl HttpInvoke {
    pub(crate) fn new(reachable: Reachable) -> Self {
        Self(Arc::new(reachable))
    }
}

impl TaskHost for HttpInvoke {
    fn call(&self, call: Call) -> Reply {
        let reachable = Arc::clone(&self.0);
        let prepared = Parameters::read(&call.input).and_then(|parameters| {
            let connection = reachable.connection(&parameters)?;
            Ok((parameters, connection))
        });
        let (parameters, connection) = match prepared {
            Ok(prepared) => prepared,
            Err(failure) => return Reply::Ready(Err(failure)),
        };
        Reply::Later(Box::pin(async move {
            let call = reachable.call(&parameters, connection.as_deref());
            match tokio::time::timeout(CALL_TIME_MAX, call).await {
                Ok(answer) => answer,
                Err(_) => {
                    let cause = format!("The call took longer than {} seconds", CALL_TIME_MAX.as_secs());
                    Err(Failure::new(SOCKET, cause))
                }
            }
        }))
    }
}

/// What a call fails with that has no answer.
const SOCKET: &str = "States.Http.Socket";
/// What a call fails with that is not allowed.
const PERMISSIONS: &str = "States.Permissions";

impl Reachable {
    fn connection(&self, parameters: &Parameters) -> Result<Option<Arc<Connection>>, Failure> {
        let Some(name) = &parameters.connection else { return Ok(None) };
        match self.connections.get(name) {
            Some(connection) => Ok(Some(Arc::clone(connection))),
            None => {
                let cause = format!("There is no connection '{name}' on this server for this account");
                Err(Failure::new("Events.ConnectionResource.ConnectionNotFound", cause))
            }
        }
    }

    async fn call(&self, parameters: &Parameters, connection: Option<&Connection>) -> Result<Document, Failure> {
        let mut renewed = false;
        loop {
            let answer = self.follow(parameters, connection).await?;
            if answer.status.as_u16() == 401
                && !renewed
                && let Some(connection) = connection
                && connection.renew().await
            {
                renewed = true;
                continue;
            }
            let told = match connection {
                None => Told::of(&answer),
                Some(connection) => Told::of(&answer).masked(connection).await,
            };
            return if answer.status.is_success() { result(told) } else { Err(failed(told)) };
        }
    }

    /// Sends the request, and goes where it is sent: each place is looked at as the first was, and what is another origin
    /// gets no credentials.
    async fn follow(&self, parameters: &Parameters, connection: Option<&Connection>) -> Result<Answer, Failure> {
        let policy = connection.map_or(&self.without, |connection| &connection.policy);
        let mut uri = parameters.uri(connection.map_or(&[][..], Connection::query))?;
        let first = origin(&uri);
        let mut credentials = match connection {
            None => HeaderMap::new(),
            Some(connection) => {
                connection.headers(&self.client).await.map_err(|reason| Failure::new(SOCKET, reason))?
            }
        };
        for _ in 0..=REDIRECTS_MAX {
            if origin(&uri) != first {
                credentials.clear();
            }
            let request = self.request(parameters, &uri, &credentials)?;
            let answer = exchange(&self.client, policy, request).await.map_err(|error| refused(&error))?;
            match next(parameters, &uri, &answer) {
                Some(next) => uri = next,
                None => return Ok(answer),
            }
        }
        Err(Failure::new(SOCKET, format!("More than {REDIRECTS_MAX} redirects")))
    }

    fn request(
        &self,
        parameters: &Parameters,
        uri: &Uri,
        credentials: &HeaderMap,
    ) -> Result<Request<fleetstep_outbound::RequestBody>, Failure> {
        let mut builder = Request::builder().method(parameters.method.clone()).uri(uri.clone());
        if let Some(headers) = builder.headers_mut() {
            headers.extend(parameters.headers.clone());
            if parameters.body.is_some() && !headers.contains_key(CONTENT_TYPE) {
                headers.insert(CONTENT_TYPE, CONTENT_TYPE_DEFAULT);
            }
            let agent = HeaderValue::from_str(&format!("Amazon|StepFunctions|HttpInvoke|{}", self.region));
            if let Ok(agent) = agent {
                headers.insert(USER_AGENT, agent);
            }
            for (name, value) in credentials {
                headers.insert(name.clone(), value.clone());
            }
        }
        let body = parameters.body.clone().map_or_else(empty, full);
        builder.body(body).map_err(|error| unusable("Parameters", &error.to_string()))
    }
}

fn origin(uri: &Uri) -> (Option<String>, Option<String>) {
    (uri.scheme_str().map(str::to_owned), uri.authority().map(|authority| authority.as_str().to_ascii_lowercase()))
}

/// Where an answer sends a request that may be sent again.
fn next(parameters: &Parameters, uri: &Uri, answer: &Answer) -> Option<Uri> {
    let is_redirect = matches!(answer.status.as_u16(), 301 | 302 | 303 | 307 | 308);
    if !is_redirect || !matches!(parameters.method, Method::GET | Method::HEAD) {
        return None;
    }
    let location = answer.headers.get(LOCATION)?.to_str().ok()?;
    let target = match location {
        absolute if absolute.contains("://") => absolute.to_owned(),
        rooted if rooted.starts_with('/') && !rooted.starts_with("//") => {
            format!("{}://{}{rooted}", uri.scheme_str()?, uri.authority()?)
        }
        _ => return None,
    };
    target.split('#').next()?.parse().ok()
}

/// Why a request has no answer.
fn refused(error: &Error) -> Failure {
    match error {
        error if error.is_refusal() => Failure::new(PERMISSIONS, told(error)),
        Error::ResponseTooLarge(_) => over_limit(),
        Error::RequestTooLarge(_) => unusable("RequestBody", &told(error)),
        error => Failure::new(SOCKET, told(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleetstep_outbound::StatusCode;

    fn redirected(method: &str, status: u16, location: &str) -> Option<String> {
        let input = format!(r#"{{"ApiEndpoint":"https://a.example/x?y","Method":"{method}"}}"#);
        let parameters = Parameters::read(&Document::parse(input.as_bytes()).unwrap()).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(LOCATION, HeaderValue::from_str(location).unwrap());
        let answer = Answer { status: StatusCode::from_u16(status).unwrap(), headers, body: Default::default() };
        next(&parameters, &"https://a.example/x?y".parse().unwrap(), &answer).map(|uri| uri.to_string())
    }

    #[test]
    fn redirects() {
        for (method, status, location, expected) in [
            ("GET", 302, "/b?c", Some("https://a.example/b?c")),
            ("HEAD", 308, "http://b.example/#part", Some("http://b.example/")),
            ("POST", 302, "/b", None),
            ("GET", 200, "/b", None),
            ("GET", 304, "/b", None),
            ("GET", 301, "//b.example/", None),
            ("GET", 301, "elsewhere", None),
        ] {
            assert_eq!(redirected(method, status, location).as_deref(), expected, "{method} {status} {location}");
        }
    }
}
