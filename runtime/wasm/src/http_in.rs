//! The third kind of module: a `wasi:http` proxy component. The event comes as a POST, the answer is the result.

use crate::logs::cut;
use crate::state::State;
use crate::{Function, RESULT_BYTES_MAX, failure};
use bytes::{Bytes, BytesMut};
use fleetstep_document::{Document, Text};
use fleetstep_engine::{Call, Failure};
use http::{HeaderValue, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full};
use std::time::Duration;
use tokio::sync::oneshot;
use wasmtime::component::{InstancePre, Resource, TypedFunc};
use wasmtime::{AsContextMut as _, Store};
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;
use wasmtime_wasi_http::p2::types::{HostIncomingRequest, HostResponseOutparam};
use wasmtime_wasi_http::{Error as WasiError, WasiHttpView as _};

/// What a component of this kind exports, and what of it is called.
pub(crate) const INTERFACE: &str = "wasi:http/incoming-handler@0.2.";
pub(crate) const HANDLE: &str = "handle";
/// Where the event is posted to. The guest sees it, and nobody else.
const TARGET: &str = "http://task/";
const EXECUTION_ARN: &str = "x-fleetstep-execution-arn";
const STATE_MACHINE_ARN: &str = "x-fleetstep-state-machine-arn";
const STATE_NAME: &str = "x-fleetstep-state-name";
const RETRY_COUNT: &str = "x-fleetstep-retry-count";
const REMAINING_MS: &str = "x-fleetstep-remaining-ms";

/// `handle` of an incoming handler.
pub(crate) type Handle = TypedFunc<Params, ()>;
/// What it takes: the request, and where the answer goes.
pub(crate) type Params = (Resource<HostIncomingRequest>, Resource<HostResponseOutparam>);

type Answered = Result<Response<HyperOutgoingBody>, ErrorCode>;

/// What came of a request.
pub(crate) enum Outcome {
    /// A whole answer.
    Answer(StatusCode, Bytes),
    /// The body is larger than a result may be.
    TooLarge,
    /// The handler said that it failed, or what it wrote broke off.
    Failed(String),
    /// The handler returned without an answer.
    Nothing,
}

/// The event as a request.
pub(crate) fn request(call: &Call, event: &str, remaining: Duration) -> Request<Full<Bytes>> {
    let mut request = Request::post(Uri::from_static(TARGET));
    if let Some(headers) = request.headers_mut() {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(event.len()));
        headers.insert(RETRY_COUNT, HeaderValue::from(call.retry_count));
        headers.insert(REMAINING_MS, HeaderValue::from(u64::try_from(remaining.as_millis()).unwrap_or(u64::MAX)));
        let identity = &call.identity;
        let texts = [
            (EXECUTION_ARN, &identity.execution_arn),
            (STATE_MACHINE_ARN, &identity.state_machine_arn),
            (STATE_NAME, &call.state),
        ];
        for (name, text) in texts {
            // A name has no control characters; one that had would have no header.
            if let Ok(value) = HeaderValue::from_bytes(text.as_bytes()) {
                headers.insert(name, value);
            }
        }
    }
    request.body(Full::new(Bytes::copy_from_slice(event.as_bytes()))).expect("all parts are right")
}

/// Gives the request to a fresh instance and takes its answer. The body is read while the guest writes it.
pub(crate) async fn handle(
    store: &mut Store<State>,
    pre: &InstancePre<State>,
    export: &wasmtime::component::ComponentExportIndex,
    request: Request<Full<Bytes>>,
) -> wasmtime::Result<Outcome> {
    let (sender, answered) = oneshot::channel();
    let mut http = store.data_mut().http();
    let body = |body: Full<Bytes>| body.map_err(|never| -> WasiError { match never {} });
    let request = http.new_incoming_request(Scheme::Http, request.map(body))?;
    let out = http.new_response_outparam(sender)?;
    let instance = pre.instantiate_async(&mut *store).await?;
    let handle = instance.get_func(store.as_context_mut(), export).expect("it was there when the module was loaded");
    // SAFETY: as in `call::handled`.
    let handle = unsafe { Handle::new_unchecked(handle) };
    let guest = async {
        let ended = handle.call_async(&mut *store, (request, out)).await;
        // What it has not finished it never will: the reader must not wait for it.
        store.data_mut().close();
        ended
    };
    join(guest, read(answered)).await
}

/// Both, the guest first. An answer that is too large ends the guest.
async fn join(
    guest: impl Future<Output = wasmtime::Result<()>>,
    reader: impl Future<Output = Outcome>,
) -> wasmtime::Result<Outcome> {
    let (mut guest, mut reader) = (std::pin::pin!(guest), std::pin::pin!(reader));
    let mut outcome = None;
    loop {
        tokio::select! {
            biased;
            ended = &mut guest => {
                ended?;
                return Ok(match outcome {
                    Some(outcome) => outcome,
                    None => reader.as_mut().await,
                });
            }
            read = &mut reader, if outcome.is_none() => match read {
                Outcome::TooLarge => return Ok(Outcome::TooLarge),
                read => outcome = Some(read),
            },
        }
    }
}

async fn read(answered: oneshot::Receiver<Answered>) -> Outcome {
    let response = match answered.await {
        Ok(Ok(response)) => response,
        Ok(Err(code)) => return Outcome::Failed(code.to_string()),
        Err(_) => return Outcome::Nothing,
    };
    let (parts, mut body) = response.into_parts();
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        match frame.map(http_body::Frame::into_data) {
            Ok(Ok(data)) if whole.len() + data.len() > RESULT_BYTES_MAX => return Outcome::TooLarge,
            Ok(Ok(data)) => whole.extend_from_slice(&data),
            Ok(Err(_trailers)) => (),
            Err(error) => return Outcome::Failed(format!("the body broke off: {error}")),
        }
    }
    Outcome::Answer(parts.status, whole.freeze())
}

/// What an answer means to a workflow.
pub(crate) fn result(outcome: Outcome, function: &Function, label: &Text) -> Result<Document, Failure> {
    match outcome {
        Outcome::TooLarge => Err(failure::result_too_large(label)),
        Outcome::Failed(reason) => Err(failure::handler(&function.mask().apply(&reason))),
        Outcome::Nothing => Err(failure::handler("it returned without an answer")),
        Outcome::Answer(StatusCode::NO_CONTENT, _) => Ok(Document::NULL),
        Outcome::Answer(status, body) if status.is_success() => {
            let body = body.trim_ascii();
            if body.is_empty() {
                return Err(failure::not_json("the answer has no body"));
            }
            Document::parse_lazily(body).map_err(|error| failure::not_json(&error.to_string()))
        }
        Outcome::Answer(status, body) => {
            let text = String::from_utf8_lossy(&body);
            Err(failure::status(status.as_u16(), cut(text.trim(), RESULT_BYTES_MAX), function.mask()))
        }
    }
}
