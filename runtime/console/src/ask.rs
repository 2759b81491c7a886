//! A request to the console, and what it asks of the API on behalf of whoever sent it.

use crate::Api;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HOST, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::Value;
use std::net::SocketAddr;

/// Holds the token of whoever signed in; scripts cannot read it, and other sites' requests do not carry it.
pub(crate) const COOKIE_NAME: &str = "fleetstep_token";

/// A request, and whose it is.
pub(crate) struct Visitor<'a> {
    pub(crate) api: &'a dyn Api,
    pub(crate) remote: SocketAddr,
    pub(crate) head: &'a Parts,
    pub(crate) body: Bytes,
    /// How often the page was looked at before, by a page that is told of its changes: then only what may have changed is
    /// wanted.
    pub(crate) looks: u32,
    /// What the page was [marked](crate::page::Page::marked) with at the look before.
    pub(crate) mark: Option<&'a str>,
}

/// Why the API did not do what was asked.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) title: String,
    pub(crate) detail: String,
    /// Of a definition.
    pub(crate) diagnostics: Vec<Value>,
}

/// What is sent along.
pub(crate) enum Sent<'a> {
    Nothing,
    Json(String),
    Bytes(&'a str, Bytes),
}

impl Visitor<'_> {
    /// The parts of the path below `/console`, decoded.
    pub(crate) fn path(&self) -> Vec<String> {
        let path = self.head.uri.path().trim_start_matches("/console").trim_matches('/');
        path.split('/').map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned()).collect()
    }

    /// A parameter behind the question mark, if it is there and not empty.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        named(self.head.uri.query().unwrap_or_default().as_bytes(), name).filter(|value| !value.is_empty())
    }

    /// Whether the whole page is wanted.
    pub(crate) fn wants_all(&self) -> bool {
        self.looks == 0
    }

    /// A field of a form that was sent.
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        named(&self.body, name)
    }

    /// The token that the cookie holds.
    pub(crate) fn token(&self) -> Option<&str> {
        let cookies = self.head.headers.get_all(COOKIE).into_iter().filter_map(|value| value.to_str().ok());
        let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(name, _)| *name == COOKIE_NAME).map(|(_, value)| value)
    }

    /// Whether the request comes from a page of this server, as far as a browser says: what changes something must not
    /// be sent by the page of another site.
    pub(crate) fn is_from_here(&self) -> bool {
        let text = |name| self.head.headers.get(name).and_then(|value| value.to_str().ok());
        if let Some(site) = text(http::HeaderName::from_static("sec-fetch-site")) {
            return site == "same-origin";
        }
        let Some(origin) = text(ORIGIN) else { return true };
        let host = text(HOST).or_else(|| self.head.uri.host());
        origin.split_once("://").map(|(_, origin)| origin) == host
    }

    /// Asks the API to show something.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, Problem> {
        self.ask(Method::GET, path, Sent::Nothing, &[]).await
    }

    /// Asks the API for a text.
    pub(crate) async fn text(&self, path: &str) -> Result<String, Problem> {
        let response = self.send(Method::GET, path, Sent::Nothing, &[]).await;
        if !response.status().is_success() {
            return Err(Problem::of(&response));
        }
        Ok(String::from_utf8_lossy(response.body()).into_owned())
    }

    /// Asks the API to do something.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        sent: Sent<'_>,
        headers: &[(&'static str, &str)],
    ) -> Result<Value, Problem> {
        let response = self.send(method, path, sent, headers).await;
        if !response.status().is_success() {
            return Err(Problem::of(&response));
        }
        Ok(serde_json::from_slice(response.body()).unwrap_or_default())
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        sent: Sent<'_>,
        headers: &[(&'static str, &str)],
    ) -> Response<Bytes> {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = self.token() {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = match sent {
            Sent::Nothing => Bytes::new(),
            Sent::Json(text) => {
                request = request.header(CONTENT_TYPE, "application/json");
                Bytes::from(text)
            }
            Sent::Bytes(media_type, bytes) => {
                request = request.header(CONTENT_TYPE, media_type);
                bytes
            }
        };
        match request.body(body) {
            Ok(request) => self.api.ask(request, self.remote).await,
            // A token or a path that no header or URI can hold.
            Err(_) => {
                let mut response = Response::new(Bytes::new());
                *response.status_mut() = StatusCode::BAD_REQUEST;
                response
            }
        }
    }
}

impl Problem {
    fn of(response: &Response<Bytes>) -> Self {
        let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let status = response.status();
        let reason = || status.canonical_reason().unwrap_or_default().to_owned();
        // A failed execution tells its error and cause, everything else its title and detail.
        let or = |text: String, other: String| if text.is_empty() { other } else { text };
        Self {
            status,
            title: or(or(text("title"), text("error")), reason()),
            detail: or(text("detail"), text("cause")),
            diagnostics: body["diagnostics"].as_array().cloned().unwrap_or_default(),
        }
    }

    /// That nothing is there.
    pub(crate) fn not_found(path: &str) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            title: "There is no such page".to_owned(),
            detail: format!("There is nothing at {path}."),
            diagnostics: Vec::new(),
        }
    }
}

/// A parameter or field by its name.
fn named(encoded: &[u8], name: &str) -> Option<String> {
    form_urlencoded::parse(encoded).find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

/// A text as a part of a path or of a query.
pub(crate) fn part(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// Whether a request wants to be told of changes.
pub(crate) fn wants_events(headers: &HeaderMap) -> bool {
    headers.get(http::header::ACCEPT).is_some_and(|accept| accept.as_bytes() == b"text/event-stream")
}
