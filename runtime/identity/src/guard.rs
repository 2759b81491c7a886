//! Who sent a request.

use crate::replay::{SIGNATURES_SEEN_MAX, Seen, Use};
use crate::sigv4::{CLOCK_SKEW_SECONDS_MAX, used};
use crate::token::id_of;
use crate::{Caller, Keys, Refusal};
use arc_swap::ArcSwap;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method, Uri};
use std::sync::{Arc, Mutex, PoisonError};

pub use crate::sigv4::Claim;

/// What a guard is told.
#[derive(Clone, Debug)]
pub struct GuardConfig {
    /// The region that signatures must be made for.
    pub region: String,
    /// The service that they must be made for: `states`.
    pub service: String,
    /// For how many seconds after its first use a signature may come again: the SDKs sign the same request in the same
    /// second the same way. With 0, never.
    pub repeat_seconds: u32,
}

/// Verifies requests. Its keys can be replaced while it does.
pub struct Guard {
    keys: ArcSwap<Keys>,
    config: GuardConfig,
    seen: Mutex<Seen>,
}

impl Guard {
    /// One that knows `keys`.
    #[must_use]
    pub fn new(keys: Keys, config: GuardConfig) -> Self {
        let seen = Mutex::new(Seen::new(SIGNATURES_SEEN_MAX));
        Self { keys: ArcSwap::from_pointee(keys), config, seen }
    }

    /// From now on these are the keys.
    pub fn replace(&self, keys: Keys) {
        self.keys.store(Arc::new(keys));
    }

    /// What the headers of a signed request claim; a body need not be read for a claim that cannot be right. `now` is
    /// in seconds since 1970.
    pub fn claim(&self, headers: &HeaderMap, now: i64) -> Result<Claim, Refusal> {
        self.claim_for(&self.config.service, headers, now)
    }

    /// The same of a request that must be signed for another service than the one of the configuration.
    pub fn claim_for(&self, service: &str, headers: &HeaderMap, now: i64) -> Result<Claim, Refusal> {
        Claim::read(&self.keys.load(), &self.config.region, service, headers, now)
    }

    /// Who sent a signed request: its signature is right, and was not used before.
    pub fn verify(
        &self,
        claim: &Claim,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: &[u8],
        now: i64,
    ) -> Result<Arc<Caller>, Refusal> {
        claim.check(&self.config.region, method, uri, headers, body)?;
        let (oldest, repeat) = (now - CLOCK_SKEW_SECONDS_MAX, i64::from(self.config.repeat_seconds));
        let noted = {
            // No code under the lock can leave it half changed.
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.note(&claim.signature, claim.signed, now, oldest, repeat)
        };
        match noted {
            Use::Fresh => Ok(Arc::clone(claim.key().caller())),
            Use::Repeated | Use::TooOld => Err(used(claim.signed)),
        }
    }

    /// Who sent a request with a bearer token.
    pub fn bearer(&self, headers: &HeaderMap) -> Result<Arc<Caller>, Refusal> {
        let mut all = headers.get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (all.next(), all.next()) else { return Err(Refusal::Missing) };
        let (scheme, token) = value.to_str().ok().and_then(|value| value.split_once(' ')).ok_or(Refusal::Missing)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Refusal::Missing);
        }
        let (token, keys) = (token.trim_ascii(), self.keys.load());
        let (caller, hash) = id_of(token).and_then(|id| keys.tokens.get(id)).ok_or(Refusal::Unrecognized)?;
        if hash.is_of(token) { Ok(Arc::clone(caller)) } else { Err(Refusal::Unrecognized) }
    }
}
