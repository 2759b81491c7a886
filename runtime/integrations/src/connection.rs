//! Credentials of the operator's, put into a request on its way out.

use crate::config::{ConnectionConfig, OAuth};
use crate::exchange::{Answer, exchange, told};
use crate::secret::Mask;
use crate::{ConfigError, Secret};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fleetstep_document::Document;
use fleetstep_engine::clock;
use fleetstep_outbound::{Client, HeaderMap, HeaderName, HeaderValue, Method, Policy, Request, RuleSpec, Uri, full};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// How long before its end a token is not used any more.
const TOKEN_MARGIN: Duration = Duration::from_secs(30);
/// How long a token is used whose end was not told.
const TOKEN_LIFETIME_DEFAULT: Duration = Duration::from_secs(300);

/// A connection, its secrets read.
pub(crate) struct Connection {
    /// Where it is used, and nowhere else.
    pub(crate) policy: Policy,
    headers: HeaderMap,
    query: Vec<(String, String)>,
    oauth: Option<Tokens>,
    mask: Mask,
}

impl Connection {
    pub(crate) fn new(name: &str, config: &ConnectionConfig) -> Result<Self, ConfigError> {
        let place = format!("connections.{name}");
        let fault = |reason: String| ConfigError::new(place.clone(), reason);
        if config.allow.is_empty() {
            return Err(fault("`allow` must name the origins that its credentials may go to".to_owned()));
        }
        let policy = Policy::parse(&config.allow).map_err(|error| fault(error.to_string()))?;
        let kinds = [config.basic.is_some(), config.api_key.is_some(), config.oauth.is_some()];
        if kinds.into_iter().filter(|is_there| *is_there).count() > 1 {
            return Err(fault("it has more than one of `basic`, `api_key` and `oauth`".to_owned()));
        }
        let mut mask = Mask::default();
        let mut headers = HeaderMap::new();
        if let Some(basic) = &config.basic {
            let password = basic.password.read(&place)?;
            let encoded = STANDARD.encode(format!("{}:{password}", basic.user));
            mask.add(&password);
            mask.add(&encoded);
            put(&mut headers, &place, "authorization", &format!("Basic {encoded}"))?;
        }
        if let Some(key) = &config.api_key {
            let value = key.value.read(&place)?;
            mask.add(&value);
            put(&mut headers, &place, &key.name, &value)?;
        }
        for (name, value) in values(&config.headers, &place, &mut mask)? {
            put(&mut headers, &place, &name, &value)?;
        }
        let query = values(&config.query, &place, &mut mask)?;
        let oauth = config.oauth.as_ref().map(|oauth| Tokens::new(&place, oauth, &mut mask)).transpose()?;
        Ok(Self { policy, headers, query, oauth, mask })
    }

    /// Parameters that are added to the query.
    pub(crate) fn query(&self) -> &[(String, String)] {
        &self.query
    }

    /// Headers that are set, in place of those that are there.
    pub(crate) async fn headers(&self, client: &Client) -> Result<HeaderMap, String> {
        let mut headers = self.headers.clone();
        if let Some(tokens) = &self.oauth {
            let token = tokens.get(client).await?;
            let value = HeaderValue::from_str(&format!("Bearer {token}"));
            let mut value = value.map_err(|_| "the token has characters that no header may have".to_owned())?;
            value.set_sensitive(true);
            headers.insert(HeaderName::from_static("authorization"), value);
        }
        Ok(headers)
    }

    /// Whether another token might do better than the one that was refused.
    pub(crate) async fn renew(&self) -> bool {
        match &self.oauth {
            Some(tokens) => tokens.current.lock().await.take().is_some(),
            None => false,
        }
    }

    /// A text without what nobody is to see.
    pub(crate) async fn masked(&self, text: String) -> String {
        let text = self.mask.apply(text);
        let Some(tokens) = &self.oauth else { return text };
        let mut mask = Mask::default();
        if let Some((token, _)) = &*tokens.current.lock().await {
            mask.add(token);
        }
        mask.apply(text)
    }
}

fn values(
    given: &BTreeMap<String, Secret>,
    place: &str,
    mask: &mut Mask,
) -> Result<Vec<(String, String)>, ConfigError> {
    let read = |(name, value): (&String, &Secret)| {
        let value = value.read(place)?;
        mask.add(&value);
        Ok((name.clone(), value))
    };
    given.iter().map(read).collect()
}

fn put(headers: &mut HeaderMap, place: &str, name: &str, value: &str) -> Result<(), ConfigError> {
    let header = HeaderName::try_from(name).map_err(|_| ConfigError::new(place, format!("'{name}' is no header")))?;
    let value = HeaderValue::from_str(value)
        .map_err(|_| ConfigError::new(place, format!("the value of '{name}' has characters that no header may have")));
    let mut value = value?;
    value.set_sensitive(true);
    headers.insert(header, value);
    Ok(())
}

/// Tokens that are asked for, one at a time, and kept for as long as they are good.
struct Tokens {
    url: Uri,
    policy: Policy,
    client_id: String,
    client_secret: String,
    scope: Option<String>,
    current: Mutex<Option<(String, Instant)>>,
}

impl Tokens {
    fn new(place: &str, config: &OAuth, mask: &mut Mask) -> Result<Self, ConfigError> {
        let (url, policy) = named_url(place, &config.token_url)?;
        let (client_id, client_secret) = (config.client_id.read(place)?, config.client_secret.read(place)?);
        mask.add(&client_secret);
        Ok(Self { url, policy, client_id, client_secret, scope: config.scope.clone(), current: Mutex::new(None) })
    }

    async fn get(&self, client: &Client) -> Result<String, String> {
        // Held while a token is asked for: who comes meanwhile wants the same one.
        let mut current = self.current.lock().await;
        let now = clock::instant();
        if let Some((token, until)) = &*current
            && now < *until
        {
            return Ok(token.clone());
        }
        let (token, lifetime) = self.ask(client).await?;
        *current = Some((token.clone(), now + lifetime.saturating_sub(TOKEN_MARGIN)));
        Ok(token)
    }

    async fn ask(&self, client: &Client) -> Result<(String, Duration), String> {
        let grant = [("grant_type", "client_credentials")];
        let scope = self.scope.as_deref().map(|scope| ("scope", scope));
        let form =
            form_urlencoded::Serializer::new(String::new()).extend_pairs(grant.into_iter().chain(scope)).finish();
        // In the header, as every server must take them (RFC 6749, 2.3.1).
        let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let credentials = STANDARD.encode(format!("{}:{}", encoded(&self.client_id), encoded(&self.client_secret)));
        let request = Request::builder()
            .method(Method::POST)
            .uri(self.url.clone())
            .header("authorization", format!("Basic {credentials}"))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json")
            .body(full(form))
            .map_err(|error| error.to_string())?;
        let answer = exchange(client, &self.policy, request).await;
        let Answer { status, body, .. } = answer.map_err(|error| format!("no token was given: {}", told(&error)))?;
        if !status.is_success() {
            // What it says may quote what it was sent.
            return Err(format!("no token was given: the answer's status is {}", status.as_u16()));
        }
        let body = Document::parse(&body).map_err(|_| "no token was given: the answer is no JSON".to_owned())?;
        let token = body.get("access_token").and_then(Document::as_str).map(str::to_owned);
        let token = token.ok_or_else(|| "no token was given: the answer has no access_token".to_owned())?;
        let seconds = body.get("expires_in").and_then(Document::as_i64).and_then(|seconds| u64::try_from(seconds).ok());
        Ok((token, seconds.map_or(TOKEN_LIFETIME_DEFAULT, Duration::from_secs)))
    }
}

/// A URL that the operator has written, and the policy that it is for: wherever its host is, since it was named.
pub(crate) fn named_url(place: &str, text: &str) -> Result<(Uri, Policy), ConfigError> {
    let fault = |reason: String| ConfigError::new(place, reason);
    let url: Uri = text.parse().map_err(|error| fault(format!("'{text}' is no URL: {error}")))?;
    let (Some(scheme), Some(authority)) = (url.scheme_str(), url.authority()) else {
        return Err(fault(format!("'{text}' is no URL as https://host/path")));
    };
    let rule = RuleSpec { allow_private: true, ..RuleSpec::new(format!("{scheme}://{authority}")) };
    let policy = Policy::parse(&[rule]).map_err(|error| fault(error.to_string()))?;
    Ok((url, policy))
}
