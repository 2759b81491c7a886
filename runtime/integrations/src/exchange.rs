//! One request and its whole answer.

use bytes::{Bytes, BytesMut};
use fleetstep_outbound::{Client, Error, HeaderMap, Policy, Request, RequestBody, StatusCode, Timeouts};
use http_body_util::BodyExt as _;

/// Bytes that a body may have either way: an execution takes no more.
pub(crate) const EXCHANGE_BYTES_MAX: u64 = 1 << 20;

/// An answer that is there.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Sends a request and reads the answer to its end.
pub(crate) async fn exchange(client: &Client, policy: &Policy, request: Request<RequestBody>) -> Result<Answer, Error> {
    let response = client.send(policy, request, Timeouts::default()).await?;
    let (parts, mut body) = response.into_parts();
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            whole.extend_from_slice(&data);
        }
    }
    Ok(Answer { status: parts.status, headers: parts.headers, body: whole.freeze() })
}

/// What the author of a workflow hears of an error: not the addresses that a name stands for.
pub(crate) fn told(error: &Error) -> String {
    match error {
        Error::Address { host, .. } => format!("{host} is not at a public address, and is not granted"),
        other => other.to_string(),
    }
}
