//! A client of a server's `/v1`, for the commands that work on one.

mod flags;

pub(crate) use flags::{ENDPOINT_DEFAULT, ServerArgs};

use bytes::Bytes;
use fleetstep_document::Document;
use fleetstep_outbound as outbound;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::BodyExt as _;
use outbound::{Bounds, Policy, RuleSpec, Timeouts};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

/// How long an answer may take: a synchronous start takes as long as a workflow may run, and a little.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(330);
/// The largest answer that is read: a page of a thousand events with their documents.
const ANSWER_BYTES_MAX: u64 = 512 << 20;
/// The largest request: more than a module may have, so that the server says what it takes.
const REQUEST_BYTES_MAX: u64 = 1 << 30;

/// A bearer token; nothing shows it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token(String);

impl From<&str> for Token {
    fn from(text: &str) -> Self {
        Self(text.trim().to_owned())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(***)")
    }
}

/// Why there is no answer, or none that helps.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// The endpoint cannot be used as it is written.
    #[error("`{endpoint}` is no endpoint such as {ENDPOINT_DEFAULT}: {why}")]
    Endpoint { endpoint: String, why: &'static str },
    /// The token has characters that no header may have.
    #[error("the token is none: it has characters that no token has")]
    Token,
    /// Nobody answers.
    #[error(
        "{why}\nIs a server running there? `fleetstep serve DIR` or `fleetstep dev DIR` starts one; --endpoint or \
         FLEETSTEP_ENDPOINT names another"
    )]
    Unreachable { why: outbound::Error },
    /// There is no whole answer.
    #[error("{endpoint} did not answer: {why}")]
    Unanswered { endpoint: String, why: outbound::Error },
    /// The request was refused.
    #[error("{0}")]
    Refused(Box<Problem>),
    /// What came is not what this version knows.
    #[error("{endpoint} answered {status} with what is no answer of a Fleetstep server: {why}")]
    Strange { endpoint: String, status: StatusCode, why: String },
}

/// A refusal: a problem of RFC 9457.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Problem {
    /// The exception's name.
    #[serde(default)]
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) status: u16,
    #[serde(default)]
    pub(crate) detail: String,
    /// Of a definition.
    #[serde(default)]
    pub(crate) diagnostics: Vec<RemoteDiagnostic>,
}

/// A diagnostic as the server tells it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct RemoteDiagnostic {
    #[serde(default)]
    pub(crate) severity: String,
    #[serde(default)]
    pub(crate) code: String,
    pub(crate) message: String,
    #[serde(default)]
    pub(crate) location: String,
    pub(crate) line: Option<usize>,
    pub(crate) column: Option<usize>,
    pub(crate) hint: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.title, self.detail)?;
        match self.status {
            401 => f.write_str(
                "\nThe server asks who you are: give a bearer token with FLEETSTEP_TOKEN or --token. Where the server runs, \
                 `fleetstep keys add --token` makes one",
            ),
            403 => f.write_str("\nThe token lacks the scope: see `fleetstep keys list` where the server runs"),
            429 => f.write_str("\nThe server is at one of its bounds: try again in a moment"),
            _ => Ok(()),
        }
    }
}

impl ClientError {
    /// The status of the refusal, if it is one.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Refused(problem) => Some(problem.status),
            _ => None,
        }
    }
}

/// A request below `/v1/`.
pub(crate) struct Ask {
    method: Method,
    path: String,
    has_query: bool,
    headers: HeaderMap,
    body: Bytes,
}

impl Ask {
    pub(crate) fn new(method: Method, segments: &[&str]) -> Self {
        let encoded = segments.iter().map(|segment| utf8_percent_encode(segment, NON_ALPHANUMERIC).to_string());
        let path = format!("/v1/{}", encoded.collect::<Vec<_>>().join("/"));
        Self { method, path, has_query: false, headers: HeaderMap::new(), body: Bytes::new() }
    }

    pub(crate) fn get(segments: &[&str]) -> Self {
        Self::new(Method::GET, segments)
    }

    /// Adds a parameter.
    pub(crate) fn query(mut self, name: &str, value: &str) -> Self {
        self.path.push(if self.has_query { '&' } else { '?' });
        self.has_query = true;
        let pair = form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish();
        self.path.push_str(&pair);
        self
    }

    /// Adds a parameter where there is a value.
    pub(crate) fn query_if(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    pub(crate) fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        self
    }

    pub(crate) fn body(mut self, media_type: &'static str, body: impl Into<Bytes>) -> Self {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        self.body = body.into();
        self
    }
}

/// An answer that is no refusal.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Asks one server.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    sender: outbound::Client,
    /// That server, and nothing else.
    policy: Policy,
    endpoint: String,
    authorization: Option<HeaderValue>,
}

impl Client {
    /// A client of the server at `endpoint`, an URL without a path.
    pub(crate) fn new(endpoint: &str, token: Option<&Token>) -> Result<Self, ClientError> {
        let refused = |why| ClientError::Endpoint { endpoint: endpoint.to_owned(), why };
        let uri: Uri = endpoint.parse().map_err(|_| refused("it is no URL"))?;
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            // It is not repeated: there may be a password in it.
            let why = "it names a user: give a token with FLEETSTEP_TOKEN";
            return Err(ClientError::Endpoint { endpoint: "…".to_owned(), why });
        }
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(refused("it begins with neither http:// nor https://"));
        }
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(refused("it has a path"));
        }
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        // Whoever names a server means it, wherever it is.
        let rule = RuleSpec { allow_private: true, ..RuleSpec::new(endpoint.as_str()) };
        let policy = Policy::parse(&[rule]).map_err(|_| refused("it names no host"))?;
        let authorization = token.map(|token| {
            let mut value = HeaderValue::from_str(&format!("Bearer {}", token.0)).map_err(|_| ClientError::Token)?;
            value.set_sensitive(true);
            Ok::<_, ClientError>(value)
        });
        let sender = outbound::Client::new(Bounds {
            timeouts: timeouts(),
            request_bytes_max: REQUEST_BYTES_MAX,
            response_bytes_max: ANSWER_BYTES_MAX,
            ..Bounds::default()
        });
        Ok(Self { sender, policy, endpoint, authorization: authorization.transpose()? })
    }

    /// Where the server is.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Whether a token crosses a network in clear text.
    pub(crate) fn shows_token(&self) -> bool {
        self.authorization.is_some() && is_in_the_open(&self.endpoint)
    }

    /// Whether a server answers there, whatever it says: asked before work that would be for nothing.
    pub(crate) async fn reach(&self) -> Result<(), ClientError> {
        match self.send(Ask::get(&["workflows"]).query("max_items", "1")).await {
            Ok(_) | Err(ClientError::Refused(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Sends a request and reads its answer: of an execution that failed, too.
    pub(crate) async fn send(&self, ask: Ask) -> Result<Answer, ClientError> {
        let answer = self.exchange(ask).await?;
        let is_problem = answer.headers.get(CONTENT_TYPE).is_some_and(|kind| kind == "application/problem+json");
        if is_problem {
            let problem: Problem = self.parsed(&answer)?;
            let status = answer.status.as_u16();
            return Err(ClientError::Refused(Box::new(Problem { status, ..problem })));
        }
        Ok(answer)
    }

    /// Sends a request and reads its answer as JSON.
    pub(crate) async fn json<T: DeserializeOwned>(&self, ask: Ask) -> Result<T, ClientError> {
        let answer = self.send(ask).await?;
        if !answer.status.is_success() {
            let why = String::from_utf8_lossy(&answer.body).chars().take(200).collect();
            return Err(self.strange(&answer, why));
        }
        self.parsed(&answer)
    }

    /// Sends a request and reads its answer as a document: as it was written, with the order of its members.
    pub(crate) async fn document(&self, ask: Ask) -> Result<Document, ClientError> {
        let answer = self.send(ask).await?;
        Document::parse(&answer.body).map_err(|error| self.strange(&answer, error.to_string()))
    }

    fn parsed<T: DeserializeOwned>(&self, answer: &Answer) -> Result<T, ClientError> {
        serde_json::from_slice(&answer.body).map_err(|error| self.strange(answer, error.to_string()))
    }

    fn strange(&self, answer: &Answer, why: String) -> ClientError {
        ClientError::Strange { endpoint: self.endpoint.clone(), status: answer.status, why }
    }

    async fn exchange(&self, ask: Ask) -> Result<Answer, ClientError> {
        let mut request = Request::new(outbound::full(ask.body));
        *request.method_mut() = ask.method;
        // The endpoint is an URL, and the path is encoded.
        *request.uri_mut() = format!("{}{}", self.endpoint, ask.path).parse().map_err(|_| ClientError::Endpoint {
            endpoint: self.endpoint.clone(),
            why: "it is too long with what is asked of it",
        })?;
        *request.headers_mut() = ask.headers;
        if let Some(authorization) = &self.authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization.clone());
        }
        let response = self.sender.send(&self.policy, request, timeouts()).await;
        let (head, body) = response.map_err(|why| self.unanswered(why))?.into_parts();
        let body = body.collect().await.map_err(|why| self.unanswered(why))?;
        Ok(Answer { status: head.status, headers: head.headers, body: body.to_bytes() })
    }

    fn unanswered(&self, why: outbound::Error) -> ClientError {
        use outbound::Error::{Connect, ConnectTimeout, Resolve};
        match why {
            Connect { .. } | Resolve { .. } | ConnectTimeout(_) => ClientError::Unreachable { why },
            why => ClientError::Unanswered { endpoint: self.endpoint.clone(), why },
        }
    }
}

fn timeouts() -> Timeouts {
    Timeouts { first_byte: ANSWER_TIMEOUT, ..Timeouts::default() }
}

/// Whether what is sent there can be read on its way.
fn is_in_the_open(endpoint: &str) -> bool {
    let Some(host) = endpoint.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_owned)) else { return true };
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    endpoint.starts_with("http://") && host != "localhost" && !address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_endpoint_is_told_with_its_reason() {
        for (endpoint, why) in [
            ("127.0.0.1:8083", "neither http:// nor https://"),
            ("localhost:8083", "neither http:// nor https://"),
            ("ftp://a", "neither http:// nor https://"),
            ("http://a/console", "it has a path"),
            ("http://me:secret@a", "it names a user"),
            ("", "it is no URL"),
        ] {
            let error = Client::new(endpoint, None).unwrap_err().to_string();
            assert!(error.contains(why) && !error.contains("secret"), "{endpoint}: {error}");
        }
        assert_eq!(Client::new("http://[::1]:8083/", None).unwrap().endpoint(), "http://[::1]:8083");
    }

    #[test]
    fn a_token_is_shown_by_nothing_and_told_of_where_others_could_read_it() {
        let token = Token::from("fst_secret\n");
        for (endpoint, shows) in [
            ("http://127.0.0.1:1", false),
            ("http://localhost:1", false),
            ("http://[::1]:1", false),
            ("http://flows.example", true),
            ("http://10.0.0.1", true),
        ] {
            let client = Client::new(endpoint, Some(&token)).unwrap();
            assert_eq!(client.shows_token(), shows, "{endpoint}");
            assert!(!format!("{client:?}{token:?}").contains("secret"));
        }
        assert!(!Client::new("http://flows.example", None).unwrap().shows_token());
        let error = Client::new("http://a", Some(&Token::from("a\nb"))).unwrap_err().to_string();
        assert!(!error.contains('\n'), "{error}");
    }

    #[test]
    fn names_are_encoded_in_paths_and_values_in_queries() {
        let ask =
            Ask::get(&["executions", "arn:aws:é/x"]).query("name", "a b&c").query_if("status", None).query("n", "1");
        assert_eq!(ask.path, "/v1/executions/arn%3Aaws%3A%C3%A9%2Fx?name=a+b%26c&n=1");
    }
}
