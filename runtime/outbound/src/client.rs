//! Sends what a policy allows.

use crate::body::{Outgoing, RequestBody, ResponseBody};
use crate::connect::{Io, Resolve, SystemResolver, connect};
use crate::error::{BoxError, Error};
use crate::origin::Origin;
use crate::policy::{Policy, Rule, is_of_the_connection};
use crate::pool::{IDLE_TIMEOUT, Lease, Pool, Sender};
use crate::tls::{Roots, Tls};
use http::header::{CONTENT_LENGTH, HOST, HeaderValue};
use http::{HeaderMap, Request, Response, Uri};
use hyper::body::Body as _;
use hyper::client::conn::http1;
use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Names that are looked up at the same time.
const LOOKUPS_MAX: usize = 32;
/// What is read ahead of an answer that nobody reads, and the most that its headers may have.
const READ_AHEAD_BYTES_MAX: usize = 64 << 10;
/// Headers of an answer.
const RESPONSE_HEADERS_MAX: usize = 100;
/// Connections that were closed while they waited, and that one request meets before it opens its own.
const STALE_MAX: usize = 4;

/// What holds for every request of a client. `..Bounds::default()` fills in the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The longest waits; a request may ask for shorter ones.
    pub timeouts: Timeouts,
    /// Bytes of a request's body.
    pub request_bytes_max: u64,
    /// Bytes of an answer's body.
    pub response_bytes_max: u64,
    /// Requests in flight, over all policies. One more fails at once. A request is in flight until its answer's body is
    /// read to the end or dropped.
    pub in_flight_max: usize,
    /// Requests in flight of one policy.
    pub in_flight_per_policy_max: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            timeouts: Timeouts::default(),
            request_bytes_max: 16 << 20,
            response_bytes_max: 16 << 20,
            in_flight_max: 1_000,
            in_flight_per_policy_max: 200,
        }
    }
}

/// How long to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection: name, TCP and TLS together.
    pub connect: Duration,
    /// From there to the headers of the answer.
    pub first_byte: Duration,
    /// For each part of either body.
    pub between_bytes: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { connect: seconds(10), first_byte: seconds(60), between_bytes: seconds(30) }
    }
}

impl Timeouts {
    /// The shorter one of each.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        Self {
            connect: self.connect.min(other.connect),
            first_byte: self.first_byte.min(other.first_byte),
            between_bytes: self.between_bytes.min(other.between_bytes),
        }
    }
}

/// Sends requests. Clones share connections and counts.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

pub(crate) struct Inner {
    bounds: Bounds,
    pub(crate) resolver: Arc<dyn Resolve>,
    pub(crate) tls: Arc<Tls>,
    pub(crate) lookups: Semaphore,
    pool: Arc<Pool>,
    in_flight: AtomicUsize,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("bounds", &self.0.bounds).finish_non_exhaustive()
    }
}

impl Client {
    /// A client with the operating system's resolver and certificates. It makes nothing before it is used.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self::with(bounds, Arc::new(SystemResolver), Roots::System)
    }

    /// A client that asks `resolver` for addresses and believes `roots`.
    #[must_use]
    pub fn with(bounds: Bounds, resolver: Arc<dyn Resolve>, roots: Roots) -> Self {
        Self(Arc::new(Inner {
            bounds,
            resolver,
            tls: Arc::new(Tls::new(roots)),
            lookups: Semaphore::new(LOOKUPS_MAX),
            pool: Arc::default(),
            in_flight: AtomicUsize::new(0),
        }))
    }

    /// Requests in flight.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.0.in_flight.load(Relaxed)
    }

    /// Sends a request, whose URI is absolute, if the policy allows it, and answers when the answer's headers are there.
    /// Its `Host` follows from the URI, whatever the header says. Dropped, it stops. Needs a tokio runtime.
    ///
    /// # Errors
    /// See [`Error`]. An answer is no error, whatever its status.
    pub async fn send(
        &self,
        policy: &Policy,
        request: Request<RequestBody>,
        timeouts: Timeouts,
    ) -> Result<Response<ResponseBody>, Error> {
        let origin = Origin::of(request.uri())?;
        let rule = policy.rule(request.method(), &origin)?;
        let bounds = &self.0.bounds;
        let timeouts = timeouts.min(bounds.timeouts);
        if request.body().size_hint().lower() > bounds.request_bytes_max {
            return Err(Error::RequestTooLarge(bounds.request_bytes_max));
        }
        let in_flight = InFlight::take(&self.0, policy)?;
        let request = prepare(request, &origin, rule, bounds.request_bytes_max, timeouts.between_bytes);
        let exchange = Exchange { client: &self.0, policy, rule, origin: &origin, timeouts };
        let (lease, response) = exchange.run(request).await?;
        let (parts, body) = response.into_parts();
        let body = ResponseBody::new(body, bounds.response_bytes_max, timeouts.between_bytes, lease, in_flight);
        Ok(Response::from_parts(parts, body))
    }
}

/// One request's place among those in flight.
pub(crate) struct InFlight {
    client: Arc<Inner>,
    policy: Policy,
}

impl InFlight {
    fn take(client: &Arc<Inner>, policy: &Policy) -> Result<Self, Error> {
        let bounds = &client.bounds;
        take_one(policy.in_flight(), bounds.in_flight_per_policy_max)?;
        if let Err(error) = take_one(&client.in_flight, bounds.in_flight_max) {
            policy.in_flight().fetch_sub(1, Relaxed);
            return Err(error);
        }
        Ok(Self { client: Arc::clone(client), policy: policy.clone() })
    }
}

fn take_one(count: &AtomicUsize, max: usize) -> Result<(), Error> {
    let taken = count.fetch_update(Relaxed, Relaxed, |count| (count < max).then_some(count + 1));
    taken.map(drop).map_err(|_| Error::Busy(max))
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.client.in_flight.fetch_sub(1, Relaxed);
        self.policy.in_flight().fetch_sub(1, Relaxed);
    }
}

/// The request as it goes out: for the canonical host, with the rule's headers, and without those that are the
/// connection's.
fn prepare(
    request: Request<RequestBody>,
    origin: &Origin,
    rule: &Rule,
    bytes_max: u64,
    between_bytes: Duration,
) -> Request<Outgoing> {
    let (mut parts, body) = request.into_parts();
    let length = parts.headers.get(CONTENT_LENGTH).cloned();
    let named: Vec<_> = parts.headers.get_all(http::header::CONNECTION).iter().cloned().collect();
    remove_of_the_connection(&mut parts.headers, &named);
    if let Some(length) = length.filter(|length| is_length(length) && body.size_hint().exact().is_none()) {
        parts.headers.insert(CONTENT_LENGTH, length);
    }
    for (name, value) in &rule.headers {
        parts.headers.insert(name, value.clone());
    }
    let host = HeaderValue::from_str(&origin.authority()).expect("a canonical host is ASCII");
    parts.headers.insert(HOST, host);
    let path = parts.uri.path_and_query().cloned();
    parts.uri = path.map_or_else(|| Uri::from_static("/"), Uri::from);
    parts.version = http::Version::HTTP_11;
    parts.extensions.clear();
    Request::from_parts(parts, Outgoing::new(body, bytes_max, between_bytes))
}

fn is_length(value: &HeaderValue) -> bool {
    !value.is_empty() && value.as_bytes().iter().all(u8::is_ascii_digit)
}

fn remove_of_the_connection(headers: &mut HeaderMap, named: &[HeaderValue]) {
    let own: Vec<_> = headers.keys().filter(|name| is_of_the_connection(name)).cloned().collect();
    for name in own {
        headers.remove(name);
    }
    let named = named.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    for name in named {
        headers.remove(name.trim());
    }
}

/// One request on its way.
struct Exchange<'a> {
    client: &'a Arc<Inner>,
    policy: &'a Policy,
    rule: &'a Rule,
    origin: &'a Origin,
    timeouts: Timeouts,
}

type Answer = Response<hyper::body::Incoming>;

impl Exchange<'_> {
    async fn run(&self, mut request: Request<Outgoing>) -> Result<(Lease, Answer), Error> {
        let mut stale = 0;
        loop {
            let idle =
                if stale < STALE_MAX { self.client.pool.take(self.policy.id(), self.origin).await } else { None };
            let mut lease = match idle {
                Some(lease) => lease,
                None => self.connect().await?,
            };
            let first_byte = self.timeouts.first_byte;
            let sent = timeout(first_byte, lease.sender.try_send_request(request)).await;
            match sent.map_err(|_| Error::FirstByteTimeout(first_byte))? {
                Ok(response) => return Ok((lease, response)),
                Err(mut error) => match error.take_message() {
                    // The server closed the connection while it waited: nothing of the request was sent.
                    Some(unsent) if lease.reused => {
                        stale += 1;
                        request = unsent;
                    }
                    _ => return Err(http_error(error.into_error())),
                },
            }
        }
    }

    async fn connect(&self) -> Result<Lease, Error> {
        let limit = self.timeouts.connect;
        let connected = timeout(limit, async {
            let io = connect(self.client, self.policy, self.rule, self.origin).await?;
            handshake(io, &self.client.pool).await
        });
        let sender = connected.await.map_err(|_| Error::ConnectTimeout(limit))??;
        Ok(self.client.pool.lease(sender, self.policy.id(), self.origin))
    }
}

/// Speaks HTTP over a connection, which lives as long as somebody holds its sender.
async fn handshake(io: Box<dyn Io>, pool: &Arc<Pool>) -> Result<Sender, Error> {
    let mut builder = http1::Builder::new();
    builder.max_buf_size(READ_AHEAD_BYTES_MAX).max_headers(RESPONSE_HEADERS_MAX);
    let (sender, connection) = builder.handshake(io).await.map_err(Error::Http)?;
    let pool = Arc::downgrade(pool);
    tokio::spawn(async move {
        let mut connection = std::pin::pin!(connection);
        // What went wrong with the connection is told to whoever waits for its answer.
        while timeout(IDLE_TIMEOUT, &mut connection).await.is_err() {
            match pool.upgrade() {
                Some(pool) => pool.purge(),
                None => break,
            }
        }
    });
    Ok(sender)
}

/// The error of an exchange: of the request's body, where that failed, else the connection's.
fn http_error(error: hyper::Error) -> Error {
    let own = error.source().and_then(|source| source.downcast_ref::<Error>());
    match own {
        Some(Error::RequestTooLarge(bytes)) => Error::RequestTooLarge(*bytes),
        Some(Error::BetweenBytesTimeout(limit)) => Error::BetweenBytesTimeout(*limit),
        Some(Error::Body(reason)) => Error::Body(BoxError::from(reason.to_string())),
        _ => Error::Http(error),
    }
}
