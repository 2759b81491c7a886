//! Request bodies: read whole, within a size, a time, and what all of them together may hold.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::Semaphore;

/// The budget is counted in these.
const RESERVED_UNIT_BYTES: usize = 16 << 10;
/// So much is set aside for a body at once, however long it says that it is.
const CAPACITY_BYTES_MAX: usize = 1 << 20;

/// Memory for bodies that are still arriving, shared by all connections.
pub(crate) struct Budget(Semaphore);

impl Budget {
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Semaphore::new((bytes / RESERVED_UNIT_BYTES).min(Semaphore::MAX_PERMITS)))
    }
}

impl Budget {
    /// What of it nobody has taken.
    pub(crate) fn free_bytes(&self) -> usize {
        self.0.available_permits().saturating_mul(RESERVED_UNIT_BYTES)
    }
}

/// Why there is no body to work on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("The request body is larger than {bytes_max} bytes")]
    TooLarge { bytes_max: usize },
    #[error("Too many large requests are arriving")]
    NoRoom,
    #[error("Too many modules are being uploaded")]
    TooManyUploads,
    #[error("The request body did not arrive within {} seconds", .0.as_secs_f64())]
    TimedOut(Duration),
    #[error("The request body broke off")]
    Broken,
}

/// Reads all of `body`. A body that comes in one piece is not copied, and needs nothing of the budget.
pub(crate) async fn read<B>(body: B, bytes_max: usize, timeout: Duration, budget: &Budget) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes>,
{
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(BodyError::TooLarge { bytes_max });
    }
    let mut reading = pin!(collect(body, bytes_max, budget));
    // Most bodies are there when their head is: a timer is made for those that are not.
    if let Poll::Ready(read) = poll_fn(|cx| Poll::Ready(reading.as_mut().poll(cx))).await {
        return read;
    }
    let read = Box::pin(tokio::time::timeout(timeout, reading));
    read.await.unwrap_or(Err(BodyError::TimedOut(timeout)))
}

async fn collect<B>(body: B, bytes_max: usize, budget: &Budget) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes>,
{
    let mut body = pin!(body);
    let Some(first) = piece(&mut body).await? else { return Ok(Bytes::new()) };
    if first.len() > bytes_max {
        return Err(BodyError::TooLarge { bytes_max });
    }
    if body.is_end_stream() {
        return Ok(first);
    }
    // Bounded by `bytes_max`, whether the body says its length or not.
    let expected = body.size_hint().upper().and_then(|rest| usize::try_from(rest).ok());
    let whole_max = expected.map_or(bytes_max, |rest| rest.saturating_add(first.len()).min(bytes_max));
    let units = u32::try_from(whole_max.div_ceil(RESERVED_UNIT_BYTES)).unwrap_or(u32::MAX);
    let _reserved = budget.0.try_acquire_many(units).map_err(|_| BodyError::NoRoom)?;
    let mut whole = BytesMut::with_capacity(whole_max.min(CAPACITY_BYTES_MAX));
    whole.extend_from_slice(&first);
    while let Some(next) = piece(&mut body).await? {
        if whole.len() + next.len() > bytes_max {
            return Err(BodyError::TooLarge { bytes_max });
        }
        whole.extend_from_slice(&next);
    }
    Ok(whole.freeze())
}

/// The next piece with something in it.
async fn piece<B>(body: &mut std::pin::Pin<&mut B>) -> Result<Option<Bytes>, BodyError>
where
    B: Body<Data = Bytes>,
{
    while let Some(frame) = body.frame().await {
        // Trailers say nothing that anyone here asks for.
        match frame.map_err(|_| BodyError::Broken)?.into_data() {
            Ok(data) if !data.is_empty() => return Ok(Some(data)),
            _ => {}
        }
    }
    Ok(None)
}
