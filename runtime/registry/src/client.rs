//! Requests to a registry: TLS, authentication as the distribution specification has it, redirects within bounds.
//!
//! A connection serves one request. Few are made, and none of them in a hurry.

use crate::access::{Access, Credentials, credentials};
use crate::challenge::Challenge;
use crate::connect::Connector;
use crate::reference::is_loopback;
use crate::{ModuleReference, RegistryError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use http::header::{HeaderMap, HeaderName, HeaderValue, LOCATION, WWW_AUTHENTICATE};
use http::{Method, StatusCode, Uri};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

/// Other places that one request may be sent on to.
const REDIRECTS_MAX: usize = 5;
/// The largest answer with a token.
const TOKEN_BYTES_MAX: u64 = 64 << 10;
/// So much of a refusal is told.
const REFUSAL_BYTES_MAX: u64 = 4 << 10;

/// Docker's own registry has another address than its name.
const DOCKER_HUB: (&str, &str) = ("docker.io", "registry-1.docker.io");

/// A registry, on behalf of one reference.
pub(crate) struct Client<'a> {
    reference: &'a ModuleReference,
    connector: Connector,
    credentials: Option<Credentials>,
    /// What the token is asked for: `pull` or `pull,push`.
    actions: &'static str,
    /// Once the registry has said what it wants.
    authorization: Option<HeaderValue>,
}

/// What a request is.
#[derive(Clone)]
pub(crate) struct Order {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Bytes,
}

impl Order {
    pub(crate) fn new(method: Method, uri: Uri) -> Self {
        Self { method, uri, headers: Vec::new(), body: Bytes::new() }
    }

    pub(crate) fn with(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.push((name, HeaderValue::from_static(value)));
        self
    }
}

/// An answer whose body has not been read.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// Where it came from.
    pub(crate) uri: Uri,
    body: Incoming,
}

impl<'a> Client<'a> {
    pub(crate) async fn new(
        access: Access,
        reference: &'a ModuleReference,
        actions: &'static str,
    ) -> Result<Self, RegistryError> {
        let is_plain = access.plain_http || is_loopback(reference.registry());
        let connector = Connector::new(is_plain);
        let credentials = credentials(reference).await?;
        Ok(Self { reference, connector, credentials, actions, authorization: None })
    }

    /// A place of the repository: `manifests/TAG`, for example.
    pub(crate) fn place(&self, rest: &str) -> Result<Uri, RegistryError> {
        let registry = self.reference.registry();
        let host = if registry == DOCKER_HUB.0 { DOCKER_HUB.1 } else { registry };
        let scheme = if self.connector.is_plain() { "http" } else { "https" };
        let uri = format!("{scheme}://{host}/v2/{}/{rest}", self.reference.name());
        uri.parse().map_err(|_| self.refused(format!("{uri} is no address")))
    }

    pub(crate) fn refused(&self, reason: impl Into<String>) -> RegistryError {
        RegistryError::Refused { reference: self.reference.to_string(), reason: reason.into() }
    }

    /// The answer to a request; once more with a token where the registry asks for one.
    pub(crate) async fn send(&mut self, order: Order) -> Result<Answer, RegistryError> {
        let answer = self.follow(order.clone()).await?;
        let challenge = answer.headers.get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
        let is_asked = answer.status == StatusCode::UNAUTHORIZED && self.is_home(&answer.uri)?;
        let challenge = challenge.and_then(Challenge::parse).filter(|_| is_asked);
        match challenge {
            Some(challenge) if self.authorization.is_none() => {
                self.authorization = Some(self.authorize(challenge).await?);
                self.follow(order).await
            }
            _ => Ok(answer),
        }
    }

    /// Whether an address is the registry's own, which alone is told credentials and asks for them.
    fn is_home(&self, uri: &Uri) -> Result<bool, RegistryError> {
        Ok(origin(uri) == origin(&self.place("")?))
    }

    /// Follows redirects, which registries make to where their blobs are.
    async fn follow(&self, mut order: Order) -> Result<Answer, RegistryError> {
        for _ in 0..=REDIRECTS_MAX {
            let is_home = self.is_home(&order.uri)?;
            let answer = self.once(&order, self.authorization.as_ref().filter(|_| is_home)).await?;
            let moved = answer.status.is_redirection() && order.method == Method::GET;
            if !moved {
                return Ok(answer);
            }
            order.uri = self.location(&answer)?;
        }
        Err(self.refused(format!("it redirects more than {REDIRECTS_MAX} times")))
    }

    async fn once(&self, order: &Order, authorization: Option<&HeaderValue>) -> Result<Answer, RegistryError> {
        let sent = self.connector.send(order, authorization).await.map_err(|reason| self.refused(reason))?;
        let (head, body) = sent.into_parts();
        Ok(Answer { status: head.status, headers: head.headers, uri: order.uri.clone(), body })
    }

    /// Where an answer leads to, counted from where it came from.
    pub(crate) fn location(&self, answer: &Answer) -> Result<Uri, RegistryError> {
        let location = answer.headers.get(LOCATION).and_then(|value| value.to_str().ok());
        let location = location.ok_or_else(|| self.refused("it does not say where to go on"))?;
        let uri: Uri = location.parse().map_err(|_| self.refused("it says to go on at what is no address"))?;
        if uri.authority().is_some() {
            let is_safe = uri.scheme_str() == Some("https") || self.connector.is_plain();
            return if is_safe { Ok(uri) } else { Err(self.refused("it leads to an address without TLS")) };
        }
        let mut parts = answer.uri.clone().into_parts();
        parts.path_and_query = uri.into_parts().path_and_query;
        Uri::from_parts(parts).map_err(|_| self.refused("it says to go on at what is no address"))
    }

    /// What is asked for by a challenge: the password itself, or a token in exchange.
    async fn authorize(&self, challenge: Challenge) -> Result<HeaderValue, RegistryError> {
        let basic = self.credentials.as_ref().map(|Credentials { user, password }| {
            secret(&format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
        });
        match challenge {
            Challenge::Basic => match basic.flatten() {
                Some(basic) => Ok(basic),
                None => Err(self.refused("it wants a login, and there is none: see docker login")),
            },
            Challenge::Bearer { realm, service } => {
                let scope = format!("repository:{}:{}", self.reference.name(), self.actions);
                let uri = Challenge::token_uri(&realm, service.as_deref(), &scope);
                let uri = uri.ok_or_else(|| self.refused("it says to ask for a token at what is no address"))?;
                let is_safe = uri.scheme_str() == Some("https") || self.connector.is_plain();
                if !is_safe {
                    return Err(self.refused("it says to ask for a token without TLS"));
                }
                let answer = self.once(&Order::new(Method::GET, uri), basic.flatten().as_ref()).await?;
                let answer = self.expect(answer, &[StatusCode::OK]).await?;
                let token = self.read(answer, TOKEN_BYTES_MAX).await?;
                let token = Challenge::token(&token).and_then(|token| secret(&format!("Bearer {token}")));
                token.ok_or_else(|| self.refused("its answer has no token in it"))
            }
        }
    }

    /// The answer, if it has one of these statuses.
    pub(crate) async fn expect(&self, answer: Answer, wanted: &[StatusCode]) -> Result<Answer, RegistryError> {
        if wanted.contains(&answer.status) {
            return Ok(answer);
        }
        let status = answer.status;
        let said = self.read(answer, REFUSAL_BYTES_MAX).await.unwrap_or_default();
        let said: serde_json::Value = serde_json::from_slice(&said).unwrap_or_default();
        let said = said.pointer("/errors/0/message").and_then(serde_json::Value::as_str);
        Err(self.refused(
            said.map_or_else(|| format!("it answers {status}"), |said| format!("it answers {status}: {said}")),
        ))
    }

    /// All of an answer, if it has so many bytes at most.
    pub(crate) async fn read(&self, answer: Answer, bytes_max: u64) -> Result<Bytes, RegistryError> {
        let too_large = || RegistryError::TooLarge { reference: self.reference.to_string(), bytes_max };
        let mut body = answer.body;
        let mut whole = BytesMut::new();
        while let Some(frame) = self.connector.in_time(body.frame()).await.map_err(|reason| self.refused(reason))? {
            let frame = frame.map_err(|_| self.refused("its answer broke off"))?;
            let Ok(data) = frame.into_data() else { continue };
            if (whole.len() + data.len()) as u64 > bytes_max {
                return Err(too_large());
            }
            whole.extend_from_slice(&data);
        }
        Ok(whole.freeze())
    }
}

/// Scheme, host and port of an address.
fn origin(uri: &Uri) -> (Option<&str>, String, u16) {
    let port = uri.port_u16().unwrap_or_else(|| default_port(uri));
    (uri.scheme_str(), uri.host().unwrap_or_default().to_ascii_lowercase(), port)
}

/// The port of an address that names none.
pub(crate) fn default_port(uri: &Uri) -> u16 {
    if uri.scheme_str() == Some("http") { 80 } else { 443 }
}

/// A header's value that is not shown.
fn secret(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_registry_itself_is_told_credentials() {
        let reference: ModuleReference = "r.example/team/task:1".parse().unwrap();
        let client = Client {
            reference: &reference,
            connector: Connector::new(false),
            credentials: None,
            actions: "pull",
            authorization: None,
        };
        for (uri, is_home) in [
            ("https://r.example/v2/team/task/blobs/uploads/1", true),
            ("https://R.example:443/upload", true),
            ("http://r.example/upload", false),
            ("https://r.example:8443/upload", false),
            ("https://blobs.r.example/upload", false),
            ("https://r.example.evil/upload", false),
        ] {
            assert_eq!(client.is_home(&uri.parse().unwrap()).unwrap(), is_home, "{uri}");
        }
    }
}
