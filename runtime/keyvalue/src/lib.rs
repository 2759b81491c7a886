//! What tasks keep from one call to the next: buckets of keys and values, within quotas and for a time.
//!
//! [`KeyValue`] is the seam at which a cluster's store takes the embedded one's place: asynchronous, changes in batches,
//! no type of a database in it. [`Embedded`] keeps everything in one redb database, which it opens when it is first
//! asked for something. Who may open which bucket is not this room's business.
#![forbid(unsafe_code)]

mod embedded;
mod tables;

pub use embedded::Embedded;

use bytes::Bytes;
use std::pin::Pin;
use std::time::Duration;

/// The longest key.
pub const KEY_BYTES_MAX: usize = 1_024;
/// The largest value.
pub const VALUE_BYTES_MAX: usize = 256 << 10;
/// Keys of one page of a listing.
pub const PAGE_KEYS_MAX: usize = 1_000;
/// Changes of one batch.
pub const CHANGES_MAX: usize = 1_000;

/// An answer to come.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// Why something was not kept or not found out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A key or a value that nobody may keep.
    #[error("{0}")]
    Invalid(String),
    /// The bucket is full.
    #[error("the bucket is full: {0}")]
    Quota(String),
    /// What is there is not a number, or the sum is none.
    #[error("the value is not a number that can be counted with")]
    NotANumber,
    /// More changes are waiting than may.
    #[error("the store is busy")]
    Busy,
    /// The store failed.
    #[error("the store failed: {0}")]
    Failed(String),
}

/// A change of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which key.
    pub key: String,
    /// Its value from now on; `None`: it is gone.
    pub value: Option<Bytes>,
}

/// Within what a change is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Keys that the bucket may have afterwards.
    pub keys_max: u64,
    /// Bytes of keys and values that it may have afterwards.
    pub bytes_max: u64,
    /// How long what is written lives; for ever, where this is `None`.
    pub ttl: Option<Duration>,
}

/// Buckets of keys and values. A write that was answered survives a crash, where the store survives one at all, and is
/// seen by every read that begins afterwards.
pub trait KeyValue: Send + Sync {
    /// The value of a key.
    fn get<'a>(&'a self, bucket: &'a str, key: &'a str) -> Answer<'a, Option<Bytes>>;
    /// The keys behind `after`, in order, [`PAGE_KEYS_MAX`] at most; and whether there may be more.
    fn keys<'a>(&'a self, bucket: &'a str, after: Option<&'a str>) -> Answer<'a, (Vec<String>, bool)>;
    /// Makes all changes, or none. A deletion is never over a quota.
    fn change<'a>(&'a self, bucket: &'a str, changes: Vec<Change>, terms: Terms) -> Answer<'a, ()>;
    /// Adds to a number, which is written in decimal digits; one that is not there is zero.
    fn increment<'a>(&'a self, bucket: &'a str, key: &'a str, delta: i64, terms: Terms) -> Answer<'a, i64>;
    /// Sets a key to `value` if it still is as `seen`; says whether it was.
    fn swap<'a>(
        &'a self,
        bucket: &'a str,
        key: &'a str,
        seen: Option<Bytes>,
        value: Bytes,
        terms: Terms,
    ) -> Answer<'a, bool>;
}

fn check_key(key: &str) -> Result<(), Error> {
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        return Err(Error::Invalid(format!("a key has 1 to {KEY_BYTES_MAX} bytes, and this one has {}", key.len())));
    }
    Ok(())
}

fn check_value(value: &Bytes) -> Result<(), Error> {
    if value.len() > VALUE_BYTES_MAX {
        return Err(Error::Invalid(format!(
            "a value has {VALUE_BYTES_MAX} bytes at most, and this one has {}",
            value.len()
        )));
    }
    Ok(())
}
