//! OTLP over HTTP: one request, and what its answer means.

use crate::config::{Endpoint, Headers};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message as _;
use std::time::Duration;

/// Bytes of an answer that are read.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// Bytes of an answer that are told.
const TOLD_BYTES_MAX: usize = 200;
/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(30);
/// The longest that a collector may ask us to wait.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);

const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");
const AGENT: HeaderValue = HeaderValue::from_static(concat!("fleetstep/", env!("CARGO_PKG_VERSION")));

/// What became of a request that was taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    /// How many of its spans or records the collector did not take.
    pub(crate) rejected: u64,
    /// Why, or a warning.
    pub(crate) message: String,
}

/// What became of one that was not.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It may be sent again, after that time at the earliest.
    Again(String, Option<Duration>),
    /// It will not be taken.
    Never(String),
}

/// Sends requests over connections that it keeps.
pub(crate) struct Client {
    pool: Connections,
    headers: Headers,
    timeout: Duration,
}

/// Roots of trust are read only where they are needed.
enum Connections {
    Plain(Pool<HttpConnector, Full<Bytes>>),
    Secure(Pool<HttpsConnector<HttpConnector>, Full<Bytes>>),
}

impl Client {
    pub(crate) fn new(endpoint: &Endpoint, headers: Headers, timeout: Duration) -> std::io::Result<Self> {
        let mut builder = Pool::builder(TokioExecutor::new());
        builder.pool_idle_timeout(IDLE).pool_timer(TokioTimer::new());
        let pool = if endpoint.is_secure() {
            let connector = HttpsConnectorBuilder::new().with_native_roots()?.https_or_http().enable_http1().build();
            Connections::Secure(builder.build(connector))
        } else {
            Connections::Plain(builder.build(HttpConnector::new()))
        };
        Ok(Self { pool, headers, timeout })
    }

    pub(crate) async fn post(&self, uri: &Uri, body: Bytes) -> Result<Taken, Refusal> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri.clone();
        let headers = request.headers_mut();
        headers.insert(USER_AGENT, AGENT);
        self.headers.0.iter().for_each(|(name, value)| drop(headers.insert(name, value.clone())));
        headers.insert(CONTENT_TYPE, PROTOBUF);
        match tokio::time::timeout(self.timeout, self.answer(request)).await {
            Ok(answered) => answered,
            Err(_) => Err(Refusal::Again(format!("no answer within {:?}", self.timeout), None)),
        }
    }

    async fn answer(&self, request: Request<Full<Bytes>>) -> Result<Taken, Refusal> {
        let response = match &self.pool {
            Connections::Plain(pool) => pool.request(request).await,
            Connections::Secure(pool) => pool.request(request).await,
        };
        read(response.map_err(|error| Refusal::Again(causes(&error), None))?).await
    }
}

async fn read(response: Response<Incoming>) -> Result<Taken, Refusal> {
    let (head, body) = response.into_parts();
    let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
    let body = body.map(|body| body.to_bytes()).unwrap_or_default();
    if head.status.is_success() {
        return Ok(taken(&body));
    }
    let told = String::from_utf8_lossy(&body[..body.len().min(TOLD_BYTES_MAX)]);
    let message = format!("{} {}", head.status, told.trim()).trim_end().to_owned();
    Err(refusal(head.status, &head.headers, message))
}

/// Both kinds of answer have the same form.
fn taken(body: &[u8]) -> Taken {
    let partial = ExportTraceServiceResponse::decode(body).ok().and_then(|answer| answer.partial_success);
    let partial = partial.unwrap_or_default();
    Taken { rejected: u64::try_from(partial.rejected_spans).unwrap_or(0), message: partial.error_message }
}

/// The statuses that OTLP lets a client try again.
fn refusal(status: StatusCode, headers: &HeaderMap, message: String) -> Refusal {
    match status {
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => {
            let seconds = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
            Refusal::Again(message, seconds.map(|seconds| Duration::from_secs(seconds).min(RETRY_AFTER_MAX)))
        }
        _ => Refusal::Never(message),
    }
}

fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsPartialSuccess, ExportLogsServiceResponse};

    #[test]
    fn statuses_say_whether_to_try_again() {
        let after = |seconds: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_str(seconds).unwrap());
            headers
        };
        let again = |seconds| Refusal::Again(String::new(), seconds);
        let never = || Refusal::Never(String::new());
        for (status, headers, expected) in [
            (429, after("7"), again(Some(Duration::from_secs(7)))),
            (503, after("86400"), again(Some(RETRY_AFTER_MAX))),
            (503, after("Wed, 21 Oct 2026 07:28:00 GMT"), again(None)),
            (502, HeaderMap::new(), again(None)),
            (504, HeaderMap::new(), again(None)),
            (400, after("7"), never()),
            (404, HeaderMap::new(), never()),
            (500, HeaderMap::new(), never()),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(refusal(status, &headers, String::new()), expected, "{status}");
        }
    }

    #[test]
    fn what_was_taken_in_part_is_told_for_both_signals() {
        let partial = ExportLogsPartialSuccess { rejected_log_records: 3, error_message: "full".into() };
        let answer = ExportLogsServiceResponse { partial_success: Some(partial) }.encode_to_vec();
        assert_eq!(taken(&answer), Taken { rejected: 3, message: "full".into() });
        assert_eq!(taken(b""), Taken { rejected: 0, message: String::new() });
        assert_eq!(taken(b"{}").rejected, 0);
    }
}
