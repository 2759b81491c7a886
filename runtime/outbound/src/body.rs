//! Bodies, within their bounds of size and time.

use crate::client::InFlight;
use crate::error::{BoxError, Error};
use crate::pool::Lease;
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::fmt;
use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Sleep, sleep};

/// The body of a request.
pub type RequestBody = UnsyncBoxBody<Bytes, BoxError>;

/// A body that is there.
#[must_use]
pub fn full(bytes: impl Into<Bytes>) -> RequestBody {
    request_body(Full::new(bytes.into()))
}

/// No body.
#[must_use]
pub fn empty() -> RequestBody {
    request_body(Empty::new())
}

/// A body that somebody makes while it is sent.
pub fn request_body<B>(body: B) -> RequestBody
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    body.map_err(Into::into).boxed_unsync()
}

/// Ends a wait for the next part of a body that takes too long. The time when nobody asks does not count.
struct Patience {
    each: Duration,
    wait: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    fn new(each: Duration) -> Self {
        Self { each, wait: None }
    }

    /// Called when there is nothing yet.
    fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        let each = self.each;
        let wait = self.wait.get_or_insert_with(|| Box::pin(sleep(each)));
        wait.as_mut().poll(cx).map(|()| Error::BetweenBytesTimeout(each))
    }

    /// Called when something came.
    fn reset(&mut self) {
        self.wait = None;
    }
}

/// What may still come of a body.
struct Allowance {
    left: u64,
    bytes_max: u64,
}

impl Allowance {
    fn new(bytes_max: u64) -> Self {
        Self { left: bytes_max, bytes_max }
    }

    fn take(&mut self, frame: &Frame<Bytes>) -> Result<(), u64> {
        let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
        self.left = self.left.checked_sub(bytes).ok_or(self.bytes_max)?;
        Ok(())
    }
}

/// A request's body as the connection sees it.
pub(crate) struct Outgoing {
    body: RequestBody,
    allowance: Allowance,
    patience: Patience,
}

impl Outgoing {
    pub(crate) fn new(body: RequestBody, bytes_max: u64, between_bytes: Duration) -> Self {
        Self { body, allowance: Allowance::new(bytes_max), patience: Patience::new(between_bytes) }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) else {
            return this.patience.poll_over(cx).map(|error| Some(Err(error.into())));
        };
        this.patience.reset();
        Poll::Ready(frame.map(|frame| {
            let frame = frame.map_err(|error| BoxError::from(Error::Body(error)))?;
            this.allowance.take(&frame).map_err(Error::RequestTooLarge)?;
            Ok(frame)
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of an answer. It holds its request's place among those in flight, and gives the connection back when it is
/// read to its end.
pub struct ResponseBody {
    body: Incoming,
    allowance: Allowance,
    patience: Patience,
    /// Gone once the body is.
    held: Option<(Lease, InFlight)>,
    failed: bool,
}

impl fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody").field("size", &self.body.size_hint()).finish_non_exhaustive()
    }
}

impl ResponseBody {
    pub(crate) fn new(body: Incoming, bytes_max: u64, between: Duration, lease: Lease, in_flight: InFlight) -> Self {
        let (allowance, patience) = (Allowance::new(bytes_max), Patience::new(between));
        let mut this = Self { body, allowance, patience, held: Some((lease, in_flight)), failed: false };
        if this.body.is_end_stream() {
            this.give_back();
        }
        this
    }

    fn give_back(&mut self) {
        if let Some((lease, _)) = self.held.take() {
            lease.give_back();
        }
    }

    fn fail(&mut self, error: Error) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        // The connection is in the middle of something and goes with the lease.
        self.held = None;
        self.failed = true;
        Poll::Ready(Some(Err(error)))
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        if this.failed {
            return Poll::Ready(None);
        }
        let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) else {
            let error = ready!(this.patience.poll_over(cx));
            return this.fail(error);
        };
        this.patience.reset();
        match frame {
            None => {
                this.give_back();
                Poll::Ready(None)
            }
            Some(Err(error)) => this.fail(Error::Http(error)),
            Some(Ok(frame)) => {
                if let Err(bytes_max) = this.allowance.take(&frame) {
                    return this.fail(Error::ResponseTooLarge(bytes_max));
                }
                if this.body.is_end_stream() {
                    this.give_back();
                }
                Poll::Ready(Some(Ok(frame)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.failed || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.failed { SizeHint::with_exact(0) } else { self.body.size_hint() }
    }
}
