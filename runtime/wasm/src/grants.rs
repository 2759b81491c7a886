//! What a function may reach beside itself: nothing, unless its configuration says so.

use fleetstep_outbound::{Policy, PolicyError, RuleSpec};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeSet;

/// Buckets that one function may be granted.
const BUCKETS_MAX: usize = 32;
/// The longest name of a bucket.
const BUCKET_NAME_BYTES_MAX: usize = 64;
/// The name under which a function knows the bucket that is its own.
pub const OWN_BUCKET: &str = "default";
/// How long what is kept may live, at most, where it lives for a limited time: ten years.
const TTL_SECONDS_MAX: u64 = 10 * 365 * 24 * 3_600;

/// What a function may reach.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Grants {
    /// Where its requests may go, by `wasi:http/outgoing-handler`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub http: Vec<RuleSpec>,
    /// Which buckets it may open, by `wasi:keyvalue/store`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keyvalue: Vec<BucketGrant>,
}

/// A bucket that a function may open. `default` is its own; any other is shared by the functions of the account that
/// are granted the same name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BucketGrant {
    /// The name that it is opened by.
    pub bucket: String,
    /// Whether it may only be read.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
    /// How long what this function writes lives; for ever, where it says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_seconds: Option<u64>,
    /// Keys that the bucket may have for this function to add one.
    pub keys_max: u64,
    /// Bytes of keys and values that the bucket may have for this function to add some.
    pub bytes_max: u64,
}

impl BucketGrant {
    /// A bucket with the usual bounds.
    #[must_use]
    pub fn new(bucket: impl Into<String>) -> Self {
        Self { bucket: bucket.into(), read_only: false, ttl_seconds: None, keys_max: 10_000, bytes_max: 16 << 20 }
    }
}

/// As it may be written: a name alone, or an object.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected a bucket's name, or an object with `bucket`, `read_only`, `ttl_seconds`, \
    `keys_max` and `bytes_max`"
)]
enum Written {
    Name(String),
    Whole(Fields),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    bucket: String,
    #[serde(default)]
    read_only: bool,
    ttl_seconds: Option<u64>,
    keys_max: Option<u64>,
    bytes_max: Option<u64>,
}

impl<'de> Deserialize<'de> for BucketGrant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Written::deserialize(deserializer)? {
            Written::Name(bucket) => Self::new(bucket),
            Written::Whole(fields) => {
                let usual = Self::new(fields.bucket);
                Self {
                    read_only: fields.read_only,
                    ttl_seconds: fields.ttl_seconds,
                    keys_max: fields.keys_max.unwrap_or(usual.keys_max),
                    bytes_max: fields.bytes_max.unwrap_or(usual.bytes_max),
                    ..usual
                }
            }
        })
    }
}

/// A grant that cannot be given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// A rule for requests is not clear.
    #[error("grants: http: {0}")]
    Http(#[from] PolicyError),
    /// A bucket has no usable name, stands there twice, or is one too many.
    #[error("grants: keyvalue: `{bucket}`: {reason}")]
    KeyValue {
        /// Its name.
        bucket: String,
        /// What is wrong.
        reason: &'static str,
    },
}

impl Grants {
    /// Whether nothing is granted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.http.is_empty() && self.keyvalue.is_empty()
    }

    /// Whether every grant is clear.
    ///
    /// # Errors
    /// The first one that is not.
    pub fn check(&self) -> Result<(), GrantError> {
        Policy::parse(&self.http)?;
        let mut names = BTreeSet::new();
        for (n, grant) in self.keyvalue.iter().enumerate() {
            let wrong = |reason| Err(GrantError::KeyValue { bucket: grant.bucket.clone(), reason });
            if n >= BUCKETS_MAX {
                return wrong("a function has 32 buckets at most");
            }
            if !is_bucket_name(&grant.bucket) {
                return wrong("a bucket's name has 1 to 64 letters, digits, hyphens, dots and underscores");
            }
            if !names.insert(&grant.bucket) {
                return wrong("it stands there twice");
            }
            if grant.ttl_seconds.is_some_and(|seconds| !(1..=TTL_SECONDS_MAX).contains(&seconds)) {
                return wrong("`ttl_seconds` should be between one second and ten years");
            }
        }
        Ok(())
    }

    /// The values of headers that are added to requests: they are secrets, though not the function's to read.
    pub(crate) fn credentials(&self) -> impl Iterator<Item = &String> {
        self.http.iter().flat_map(|rule| rule.headers.0.values())
    }
}

fn is_bucket_name(name: &str) -> bool {
    let right = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=BUCKET_NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(right)
}
