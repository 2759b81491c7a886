//! Integrations that are forwarded to the service they name, or to one that speaks like it: the JSON protocols, signed
//! with Signature Version 4.

mod names;
mod services;
mod shape;
mod sign;

use crate::config::AwsConfig;
use crate::connection::named_url;
use crate::exchange::{Answer, exchange, told};
use crate::secret::Mask;
use crate::{ConfigError, Secret};
use fleetstep_document::Document;
use fleetstep_engine::{Call, Failure, Reply, TaskHost};
use fleetstep_outbound::{Client, Method, Policy, Request, RequestBody, Uri, full};
use services::{Operation, Service};
use sign::Credentials;
use std::sync::Arc;

/// The region that is signed for where nobody says one.
const REGION_VARIABLES: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];

/// Where integrations are forwarded to, and as whom.
pub(crate) struct AwsService {
    /// The one that was named, with its policy; else each service has its own.
    endpoint: Option<(Uri, Policy)>,
    region: String,
    credentials: Credentials,
    mask: Mask,
}

impl AwsService {
    pub(crate) fn new(place: &str, config: &AwsConfig, own_region: &str) -> Result<Self, ConfigError> {
        let endpoint = config.endpoint.as_ref().map(|endpoint| named_url(place, endpoint)).transpose()?;
        if endpoint.as_ref().is_some_and(|(url, _)| url.path_and_query().is_some_and(|path| path != "/")) {
            return Err(ConfigError::new(place, "an AWS endpoint has no path"));
        }
        let from_environment = || REGION_VARIABLES.iter().find_map(|name| std::env::var(name).ok());
        let region = config.region.clone().or_else(from_environment).unwrap_or_else(|| own_region.to_owned());
        let read = |secret: &Option<Secret>, variable: &str| match secret {
            Some(secret) => secret.read(place),
            None => Secret::Environment { env: variable.to_owned() }.read(place),
        };
        let access_key_id = read(&config.access_key_id, "AWS_ACCESS_KEY_ID")?;
        let secret_access_key = read(&config.secret_access_key, "AWS_SECRET_ACCESS_KEY")?;
        let session_token = match &config.session_token {
            Some(token) => Some(token.read(place)?),
            // A token belongs to the keys that stand beside it.
            None if config.access_key_id.is_none() => std::env::var("AWS_SESSION_TOKEN").ok(),
            None => None,
        };
        let mut mask = Mask::default();
        mask.add(&secret_access_key);
        mask.add(session_token.as_deref().unwrap_or_default());
        let credentials = Credentials::new(access_key_id, secret_access_key, session_token);
        Ok(Self { endpoint, region, credentials, mask })
    }

    /// What runs one integration.
    pub(crate) fn host(self: &Arc<Self>, action: &str, client: &Client) -> Arc<dyn TaskHost> {
        match Operation::of(action) {
            Some(operation) => Arc::new(Forwards { service: Arc::clone(self), operation, client: client.clone() }),
            None => Arc::new(NotSpoken(format!(
                "{action} is bound to AWS, whose protocol for it is not spoken here: only {} are",
                services::spoken()
            ))),
        }
    }

    /// Where a service is.
    fn target(&self, service: &Service) -> Result<(Uri, Policy), Failure> {
        if let Some(endpoint) = &self.endpoint {
            return Ok(endpoint.clone());
        }
        let host = format!("https://{}.{}.amazonaws.com/", service.host, self.region);
        named_url("aws", &host).map_err(|error| Failure::new("States.Runtime", error.to_string()))
    }
}

/// A service that speaks another protocol.
struct NotSpoken(String);

impl TaskHost for NotSpoken {
    fn call(&self, _call: Call) -> Reply {
        Reply::Ready(Err(Failure::new("Fleetstep.ResourceNotBound", self.0.as_str())))
    }
}

struct Forwards {
    service: Arc<AwsService>,
    operation: Operation,
    client: Client,
}

impl TaskHost for Forwards {
    fn call(&self, call: Call) -> Reply {
        let (service, operation, client) = (Arc::clone(&self.service), self.operation.clone(), self.client.clone());
        Reply::Later(Box::pin(async move { service.forward(&operation, &call, &client).await }))
    }
}

impl AwsService {
    async fn forward(&self, operation: &Operation, call: &Call, client: &Client) -> Result<Document, Failure> {
        let (url, policy) = self.target(operation.service)?;
        let arguments = shape::arguments(operation, call)?;
        let request = self.request(operation, &url, arguments.to_json())?;
        let answer = exchange(client, &policy, request).await;
        let answer = answer.map_err(|error| {
            let cause = format!("Unable to execute HTTP request: {}", told(&error));
            Failure::new(format!("{}.SdkClientException", operation.prefix()), cause)
        })?;
        let body = self.mask.apply(String::from_utf8_lossy(&answer.body).into_owned());
        let document =
            if body.trim().is_empty() { Ok(Document::empty_object()) } else { Document::parse(body.as_bytes()) };
        match (answer.status.is_success(), document) {
            (true, Ok(document)) => shape::result(operation, &answer, document),
            (true, Err(error)) => {
                let cause = format!("The answer is no JSON: {error}");
                Err(Failure::new(format!("{}.SdkClientException", operation.prefix()), cause))
            }
            (false, document) => Err(shape::failure(operation, &answer, document.ok().as_ref())),
        }
    }

    fn request(&self, operation: &Operation, url: &Uri, body: String) -> Result<Request<RequestBody>, Failure> {
        let service = operation.service;
        let headers = [
            ("content-type", format!("application/x-amz-json-{}", service.version)),
            ("x-amz-target", format!("{}.{}", service.target, operation.name)),
        ];
        let fault = |reason: String| Failure::new("States.Runtime", format!("The request cannot be signed: {reason}"));
        let signed =
            sign::headers(&self.credentials, &self.region, service.signing_name, url, &headers, body.as_bytes());
        let mut request = Request::builder().method(Method::POST).uri(url.clone());
        for (name, value) in
            headers.into_iter().map(|(name, value)| (name.to_owned(), value)).chain(signed.map_err(fault)?)
        {
            request = request.header(name, value);
        }
        request.body(full(body)).map_err(|error| fault(error.to_string()))
    }
}

/// What is asked of an answer's headers.
fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    answer.headers.get(name).and_then(|value| value.to_str().ok())
}
