//! Requests of a guest, by `wasi:http/outgoing-handler`: what its function is granted goes out, all else is refused.

use crate::Function;
use crate::logs::LogLevel;
use crate::state::{Caller, State};
use crate::wasi::Wasi;
use fleetstep_document::Text;
use fleetstep_engine::CallTrace;
use fleetstep_outbound::{self as outbound, Client, Error, Policy, Timeouts};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use wasmtime_wasi_http::{
    Error as WasiError, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView,
};

/// Requests that one instance may have in flight.
const IN_FLIGHT_PER_INSTANCE_MAX: usize = 16;
/// What the headers of one message may take in the host's memory.
const FIELDS_BYTES_MAX: usize = 64 << 10;
/// Writes to a body that wait for whoever reads it, and the size of one: what a guest can make the host hold for each
/// body that it opens.
const BODY_CHUNKS: usize = 7;
const BODY_CHUNK_BYTES: usize = 8 << 10;

/// The state of `wasi:http` in one instance. Made when it is asked for.
pub(crate) struct Http {
    cx: WasiHttpCtx,
    hooks: Hooks,
}

impl Http {
    /// For a call of this function; nobody's may send nothing.
    fn new(caller: Option<&Caller>, runtime: Option<Handle>) -> Self {
        let mut cx = WasiHttpCtx::new();
        cx.set_field_size_limit(FIELDS_BYTES_MAX);
        let in_flight = Arc::new(Semaphore::new(IN_FLIGHT_PER_INSTANCE_MAX));
        Self { cx, hooks: Hooks { teller: caller.map(Teller::new), in_flight, runtime } }
    }

    /// The next call of an instance that was called before.
    pub(crate) fn begin(&mut self, caller: &Caller) {
        self.hooks.teller = Some(Teller::new(caller));
    }

    /// Its call is over: nothing goes out before the next one.
    pub(crate) fn end(&mut self) {
        self.hooks.teller = None;
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        self.wasi();
        let Self { http, wasi, caller, runtime, .. } = self;
        let http = http.get_or_insert_with(|| Box::new(Http::new(caller.as_ref(), runtime.take())));
        match wasi.as_deref_mut() {
            Some(Wasi::Second { table, .. }) => WasiHttpCtxView { hooks: &mut http.hooks, table, ctx: &mut http.cx },
            _ => unreachable!("a component imports the second preview"),
        }
    }
}

/// The way out of one instance.
struct Hooks {
    /// Whose call it is.
    teller: Option<Teller>,
    in_flight: Arc<Semaphore>,
    /// Where sockets are looked after. The guest may run where none are.
    runtime: Option<Handle>,
}

type Answer = Result<(http::Response<WasiBody>, Box<dyn Future<Output = Result<(), WasiError>> + Send>), WasiError>;

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), WasiError>> + Send>,
    ) -> Box<dyn Future<Output = Answer> + Send> {
        let (Some(teller), Some(runtime)) = (&self.teller, &self.runtime) else {
            return now(WasiError::HttpRequestDenied);
        };
        let Ok(place) = Arc::clone(&self.in_flight).try_acquire_owned() else {
            return now(teller.told(&Error::Busy(IN_FLIGHT_PER_INSTANCE_MAX)));
        };
        Box::new(Running(runtime.spawn(send(teller.clone(), request, timeouts(options), place))))
    }

    fn p2_outgoing_body_buffer_chunks(&mut self) -> usize {
        BODY_CHUNKS
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        BODY_CHUNK_BYTES
    }
}

/// What a guest asks for. The client's own bounds hold as well.
fn timeouts(options: Option<RequestOptions>) -> Timeouts {
    let options = options.unwrap_or_default();
    let or_any = |asked: Option<Duration>| asked.unwrap_or(Duration::MAX);
    Timeouts {
        connect: or_any(options.connect_timeout),
        first_byte: or_any(options.first_byte_timeout),
        between_bytes: or_any(options.between_bytes_timeout),
    }
}

async fn send(
    teller: Teller,
    request: http::Request<WasiBody>,
    timeouts: Timeouts,
    place: OwnedSemaphorePermit,
) -> Answer {
    let (client, policy): (&Client, &Policy) = teller.function.outbound();
    let request = request.map(outbound::request_body);
    let sent = client.send(policy, request, timeouts).await;
    match sent {
        Ok(response) => {
            let response = response.map(|body| Incoming { body, _place: place, teller }.boxed());
            Ok((response, Box::new(std::future::ready(Ok(())))))
        }
        Err(error) => Err(teller.told(&error)),
    }
}

/// Tells the function's log why a request failed. The guest learns less: the addresses of names are not its business.
#[derive(Clone)]
struct Teller {
    function: Arc<Function>,
    execution_arn: Text,
    trace: Option<CallTrace>,
}

impl Teller {
    fn new(Caller { function, call }: &Caller) -> Self {
        Self {
            function: Arc::clone(function),
            execution_arn: call.identity.execution_arn.clone(),
            trace: call.trace.clone(),
        }
    }

    fn told(&self, error: &Error) -> WasiError {
        let line = format!("outbound request failed: {error}");
        let line = self.function.mask().apply(&line);
        self.function.say(&self.execution_arn, self.trace.as_ref(), LogLevel::Warn, &line);
        code(error)
    }
}

/// A request that is over before it began.
fn now(error: WasiError) -> Box<dyn Future<Output = Answer> + Send> {
    Box::new(std::future::ready::<Answer>(Err(error)))
}

fn code(error: &Error) -> WasiError {
    match error {
        Error::Target(_) => WasiError::HttpRequestUriInvalid,
        Error::Origin(_) | Error::Method { .. } => WasiError::HttpRequestDenied,
        Error::Address { .. } => WasiError::DestinationIpProhibited,
        Error::Busy(_) => WasiError::ConnectionLimitReached,
        Error::Resolve { .. } => {
            WasiError::DnsError { rcode: Some("address not available".to_owned()), info_code: None }
        }
        Error::Connect { .. } => WasiError::ConnectionRefused,
        Error::Tls { .. } => WasiError::TlsProtocolError,
        Error::Roots(_) => WasiError::ConfigurationError,
        Error::ConnectTimeout(_) => WasiError::ConnectionTimeout,
        Error::FirstByteTimeout(_) => WasiError::HttpResponseTimeout,
        Error::BetweenBytesTimeout(_) => WasiError::ConnectionReadTimeout,
        Error::RequestTooLarge(bytes_max) => WasiError::HttpRequestBodySize(Some(*bytes_max)),
        Error::ResponseTooLarge(bytes_max) => WasiError::HttpResponseBodySize(Some(*bytes_max)),
        _ => WasiError::HttpProtocolError,
    }
}

/// An answer's body on its way to the guest.
struct Incoming {
    body: outbound::ResponseBody,
    _place: OwnedSemaphorePermit,
    teller: Teller,
}

impl Incoming {
    fn boxed(self) -> WasiBody {
        http_body_util::BodyExt::boxed_unsync(self)
    }
}

impl http_body::Body for Incoming {
    type Data = bytes::Bytes;
    type Error = WasiError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<bytes::Bytes>, WasiError>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        frame.map(|frame| frame.map(|frame| frame.map_err(|error| self.teller.told(&error))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}

/// A request that is sent elsewhere; dropped, it is not.
struct Running(JoinHandle<Answer>);

impl Future for Running {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        let joined = Pin::new(&mut self.0).poll(cx);
        joined.map(|joined| joined.unwrap_or(Err(WasiError::InternalError(None))))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}
