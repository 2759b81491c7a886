//! Requests to the outside, where the function's configuration grants them (feature `http`).
//!
//! ```no_run
//! use fleetstep_guest::{TaskError, http};
//!
//! #[fleetstep_guest::task]
//! fn rate(currency: &str) -> Result<f64, TaskError> {
//!     let answer = http::get(format!("https://rates.example.com/{currency}")).send()?.success()?;
//!     let rates: serde_json::Value = answer.json()?;
//!     rates["rate"].as_f64().ok_or_else(|| TaskError::new("NoRate", "the answer has no rate"))
//! }
//! ```
//!
//! What is not granted fails with `Http.Denied`. The host follows no redirect, and sets credentials itself: a task
//! needs none.

use crate::TaskError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::time::Duration;

/// A request to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    method: String,
    url: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    timeout: Option<Duration>,
    problem: Option<String>,
}

/// An answer, whatever its status, with its whole body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status, for example 200.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Vec<u8>,
}

/// Why there is no answer, or not the one that was wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The function's configuration does not grant the request.
    Denied(String),
    /// Something did not come in time.
    Timeout(String),
    /// The request is none, it could not be sent, or the answer is not whole.
    Failed(String),
    /// An answer with a status that does not say success.
    Status(u16),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(reason) | Self::Timeout(reason) | Self::Failed(reason) => f.write_str(reason),
            Self::Status(status) => write!(f, "the answer has the status {status}"),
        }
    }
}

impl std::error::Error for Error {}

/// `Http.Denied`, `Http.Timeout`, `Http.Failed`, or `Http.StatusCode.404` and its like.
impl From<Error> for TaskError {
    fn from(error: Error) -> Self {
        let name = match &error {
            Error::Denied(_) => "Http.Denied".to_owned(),
            Error::Timeout(_) => "Http.Timeout".to_owned(),
            Error::Failed(_) => "Http.Failed".to_owned(),
            Error::Status(status) => format!("Http.StatusCode.{status}"),
        };
        Self::new(name, error.to_string())
    }
}

/// A GET request.
pub fn get(url: impl Into<String>) -> Request {
    Request::new("GET", url)
}

/// A POST request with this body, as JSON.
pub fn post_json(url: impl Into<String>, body: &impl Serialize) -> Request {
    Request::new("POST", url).json(body)
}

impl Request {
    /// A request without a body.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        let (method, url) = (method.into(), url.into());
        Self { method, url, headers: Vec::new(), body: Vec::new(), timeout: None, problem: None }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets the body to a value as JSON, and says so in a header.
    #[must_use]
    pub fn json(mut self, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => self.body(body).header("content-type", "application/json"),
            Err(error) => {
                self.problem = Some(error.to_string());
                self
            }
        }
    }

    /// How long each wait may take: for the connection, for the answer to begin, for each of its parts. The host's own
    /// limits hold as well.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sends it, and waits for the whole answer.
    ///
    /// # Errors
    /// No answer. One with a status that does not say success is no error here; see [`Response::success`].
    pub fn send(self) -> Result<Response, Error> {
        match self.problem {
            Some(problem) => Err(Error::Failed(problem)),
            None => platform::send(&self),
        }
    }
}

impl Response {
    /// The answer, if its status says success (2xx).
    ///
    /// # Errors
    /// [`Error::Status`].
    pub fn success(self) -> Result<Self, Error> {
        if (200..300).contains(&self.status) { Ok(self) } else { Err(Error::Status(self.status)) }
    }

    /// The body, read as JSON.
    ///
    /// # Errors
    /// What serde says.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }

    /// The body as text; what is not UTF-8 in it is replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The first header of that name (in lower case), if it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name)?;
        std::str::from_utf8(&found.1).ok()
    }
}

/// Scheme, authority, and path with query.
#[cfg(any(test, target_arch = "wasm32"))]
fn parts(url: &str) -> Result<(&str, &str, &str), Error> {
    let url = url.split_once('#').map_or(url, |(url, _)| url);
    let (scheme, rest) =
        url.split_once("://").ok_or_else(|| Error::Failed(format!("`{url}` is not an absolute URL")))?;
    let path = rest.find(['/', '?']).unwrap_or(rest.len());
    Ok((scheme, &rest[..path], &rest[path..]))
}

#[cfg(not(target_arch = "wasm32"))]
mod platform {
    use super::{Error, Request, Response};

    pub(super) fn send(request: &Request) -> Result<Response, Error> {
        // A unit test of a task must not depend on what answers elsewhere.
        Err(Error::Failed(format!("{} {} is sent by a module alone", request.method, request.url)))
    }
}

#[cfg(target_arch = "wasm32")]
mod platform {
    use super::{Error, Request, Response, parts};
    use wasip2::http::outgoing_handler;
    use wasip2::http::types::{
        ErrorCode, Fields, FutureIncomingResponse, IncomingBody, IncomingResponse, Method, OutgoingBody,
        OutgoingRequest, RequestOptions, Scheme,
    };
    use wasip2::io::streams::StreamError;

    /// Asked for at once.
    const READ_BYTES: u64 = 64 << 10;
    /// What one write may carry, by the definition of wasi:io.
    const WRITE_BYTES_MAX: usize = 4_096;

    pub(super) fn send(request: &Request) -> Result<Response, Error> {
        let outgoing = outgoing(request)?;
        let options = RequestOptions::new();
        if let Some(timeout) = request.timeout {
            let nanoseconds = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
            let set = [
                options.set_connect_timeout(Some(nanoseconds)),
                options.set_first_byte_timeout(Some(nanoseconds)),
                options.set_between_bytes_timeout(Some(nanoseconds)),
            ];
            if set.contains(&Err(())) {
                return Err(Error::Failed("the host takes no timeouts".to_owned()));
            }
        }
        // One that is not asked for is not sent; a body that is empty would be one in chunks.
        let asked = (!request.body.is_empty()).then(|| outgoing.body());
        let body = asked.transpose().map_err(|()| failed("the request has no body"))?;
        let answer = outgoing_handler::handle(outgoing, Some(options)).map_err(error)?;
        // The host stops taking the body where it has given the request up, and the answer says why.
        let written = body.map_or(Ok(()), |body| write(body, &request.body));
        let response = wait(&answer)?;
        written?;
        read(response)
    }

    fn outgoing(request: &Request) -> Result<OutgoingRequest, Error> {
        let (scheme, authority, path) = parts(&request.url)?;
        let headers = Fields::new();
        for (name, value) in &request.headers {
            let appended = headers.append(name, value);
            appended.map_err(|error| Error::Failed(format!("the header `{name}` cannot be set: {error}")))?;
        }
        if !request.body.is_empty() {
            let length = request.body.len().to_string().into_bytes();
            headers.set("content-length", &[length]).map_err(|error| Error::Failed(error.to_string()))?;
        }
        let outgoing = OutgoingRequest::new(headers);
        let scheme = match scheme {
            "http" | "HTTP" => Scheme::Http,
            "https" | "HTTPS" => Scheme::Https,
            other => Scheme::Other(other.to_owned()),
        };
        // The path of `https://host?query` is `/?query`.
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let set = [
            outgoing.set_method(&method(&request.method)),
            outgoing.set_scheme(Some(&scheme)),
            outgoing.set_authority(Some(authority)),
            outgoing.set_path_with_query(Some(&path)),
        ];
        if set.contains(&Err(())) {
            return Err(Error::Failed(format!("`{} {}` is not a request", request.method, request.url)));
        }
        Ok(outgoing)
    }

    fn method(name: &str) -> Method {
        match name {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "POST" => Method::Post,
            "PUT" => Method::Put,
            "DELETE" => Method::Delete,
            "OPTIONS" => Method::Options,
            "PATCH" => Method::Patch,
            other => Method::Other(other.to_owned()),
        }
    }

    fn write(body: OutgoingBody, bytes: &[u8]) -> Result<(), Error> {
        let stream = body.write().map_err(|()| failed("the request has no body"))?;
        for part in bytes.chunks(WRITE_BYTES_MAX) {
            stream.blocking_write_and_flush(part).map_err(|_| failed("the request's body was not taken"))?;
        }
        drop(stream);
        OutgoingBody::finish(body, None).map_err(error)
    }

    fn wait(answer: &FutureIncomingResponse) -> Result<IncomingResponse, Error> {
        loop {
            match answer.get() {
                Some(Ok(response)) => return response.map_err(error),
                Some(Err(())) => return Err(failed("the answer was taken before")),
                None => answer.subscribe().block(),
            }
        }
    }

    fn read(response: IncomingResponse) -> Result<Response, Error> {
        let (status, headers) = (response.status(), response.headers().entries());
        let incoming = response.consume().map_err(|()| failed("the answer has no body"))?;
        let stream = incoming.stream().map_err(|()| failed("the answer has no body"))?;
        let mut body = Vec::new();
        loop {
            match stream.blocking_read(READ_BYTES) {
                Ok(bytes) => body.extend_from_slice(&bytes),
                Err(StreamError::Closed) => break,
                Err(StreamError::LastOperationFailed(reason)) => {
                    let code = wasip2::http::types::http_error_code(&reason);
                    return Err(code.map_or_else(|| Error::Failed(reason.to_debug_string()), error));
                }
            }
        }
        drop(stream);
        drop::<IncomingBody>(incoming);
        let headers = headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
        Ok(Response { status, headers, body })
    }

    fn failed(reason: &str) -> Error {
        Error::Failed(reason.to_owned())
    }

    fn error(code: ErrorCode) -> Error {
        let text = code.to_string();
        match code {
            ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => Error::Denied(text),
            ErrorCode::ConnectionTimeout
            | ErrorCode::ConnectionReadTimeout
            | ErrorCode::ConnectionWriteTimeout
            | ErrorCode::DnsTimeout
            | ErrorCode::HttpResponseTimeout => Error::Timeout(text),
            _ => Error::Failed(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_three_parts() {
        for (url, expected) in [
            ("https://a.example", ("https", "a.example", "")),
            ("http://a.example:8080/b?c=d#e", ("http", "a.example:8080", "/b?c=d")),
            ("https://a.example?b", ("https", "a.example", "?b")),
        ] {
            assert_eq!(parts(url), Ok(expected));
        }
        assert!(parts("/b").is_err());
    }

    #[test]
    fn an_error_names_itself_for_retry_and_catch() {
        for (error, name) in [
            (Error::Denied(String::new()), "Http.Denied"),
            (Error::Timeout(String::new()), "Http.Timeout"),
            (Error::Failed(String::new()), "Http.Failed"),
            (Error::Status(503), "Http.StatusCode.503"),
        ] {
            assert_eq!(TaskError::from(error).error, name);
        }
        let answer = |status| Response { status, headers: Vec::new(), body: b"{}".to_vec() };
        assert_eq!(answer(404).success(), Err(Error::Status(404)));
        assert_eq!(answer(204).success(), Ok(answer(204)));
    }

    #[test]
    fn what_is_no_json_is_told_when_it_is_sent() {
        let unreadable = std::collections::BTreeMap::from([((1, 2), 3)]);
        let sent = post_json("https://a.example", &unreadable).send();
        assert_eq!(sent, Err(Error::Failed("key must be a string".to_owned())));
    }
}
