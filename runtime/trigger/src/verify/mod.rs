//! Webhooks: who sends one proves with a keyed hash over its body that both sides know the same secret.

mod deliveries;
mod spec;

pub use deliveries::{Deliveries, Delivery, Taken};
pub use spec::{Algorithm, Encoding, SECRETS_MAX, Scheme, TOLERANCE_SECONDS, VerifySpec};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::digest::{Digest as _, KeyInit};
use hmac::{Hmac, Mac};
use http::HeaderMap;
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};

/// Signatures of one delivery that are looked at: a sender that changes its secret sends one for each.
const SIGNATURES_MAX: usize = 16;

/// Why a delivery is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unverified {
    /// A header is missing, or there twice.
    #[error("the header {0} has to be there, once")]
    Header(String),
    /// A header does not say what it should.
    #[error("the header {header} is not of the form {form}")]
    Malformed {
        /// Which.
        header: String,
        /// Its form.
        form: &'static str,
    },
    /// It was signed too long ago, or ahead of time.
    #[error("it was signed more than {tolerance_seconds} seconds before or after this server's time")]
    Untimely {
        /// How far it may be off.
        tolerance_seconds: u32,
    },
    /// No secret gives that signature.
    #[error("the signature is not the one that the secret gives")]
    Mismatch,
}

/// Believes deliveries, or not.
#[derive(Clone, Debug)]
pub struct Verifier {
    scheme: Scheme,
    /// Of these, each by itself may have signed.
    keys: Vec<Key>,
    tolerance_seconds: u32,
    /// Of the scheme that has them as settings; the others have their own.
    signature: Signature,
}

/// What a keyed hash is made with: told to nobody.
#[derive(Clone)]
struct Key(Vec<u8>);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(crate::MASKED)
    }
}

/// How a signature stands in its header.
#[derive(Clone, Debug)]
struct Signature {
    header: String,
    algorithm: Algorithm,
    encoding: Encoding,
    prefix: String,
}

/// What a header claims.
struct Claim {
    /// Seconds since 1970 in what was signed.
    signed_at: Option<i64>,
    /// What stands before the body in what was signed.
    before_body: Vec<u8>,
    /// Any of them may be right.
    signatures: Vec<Vec<u8>>,
    /// By which the delivery is known again; else its signature is.
    id: Option<Vec<u8>>,
}

impl Verifier {
    /// Who sent this holds the secret. `now` is in seconds since 1970.
    ///
    /// # Errors
    /// It is not known that they do.
    pub fn verify(&self, headers: &HeaderMap, body: &[u8], now: i64) -> Result<Delivery, Unverified> {
        let claim = match self.scheme {
            Scheme::Github | Scheme::Hmac => self.plain(headers)?,
            Scheme::Stripe => self.stripe(headers)?,
            Scheme::Slack => self.slack(headers)?,
            Scheme::StandardWebhooks => self.standard(headers)?,
        };
        let tolerance = i64::from(self.tolerance_seconds);
        if claim.signed_at.is_some_and(|at| at.saturating_sub(now).saturating_abs() > tolerance) {
            return Err(Unverified::Untimely { tolerance_seconds: self.tolerance_seconds });
        }
        // The body is gone through once for each key, however many signatures there are.
        let signed = [claim.before_body.as_slice(), body];
        let algorithm = self.signature.algorithm;
        let proof = self.keys.iter().find_map(|key| algorithm.proof(&key.0, &signed, &claim.signatures));
        let proof = proof.ok_or(Unverified::Mismatch)?;
        // What was signed with a time is refused by it later; without one, it is remembered for as long.
        let until = claim.signed_at.unwrap_or(now).saturating_add(tolerance);
        Ok(Delivery::new(claim.id.as_ref().unwrap_or(proof), until))
    }

    /// A signature of the body alone.
    fn plain(&self, headers: &HeaderMap) -> Result<Claim, Unverified> {
        let Signature { header, prefix, encoding, .. } = &self.signature;
        let value = only(headers, header)?;
        let signature = value.strip_prefix(prefix.as_str()).and_then(|text| encoding.decode(text.trim()));
        let form = match encoding {
            Encoding::Hex => "PREFIX and hexadecimal digits",
            Encoding::Base64 => "PREFIX and base64",
        };
        let signature = signature.ok_or_else(|| malformed(header, form))?;
        Ok(Claim { signed_at: None, before_body: Vec::new(), signatures: vec![signature], id: None })
    }

    /// `Stripe-Signature: t=1492774577,v1=…,v1=…,v0=…`, over `t.body`.
    fn stripe(&self, headers: &HeaderMap) -> Result<Claim, Unverified> {
        let header = &self.signature.header;
        let malformed = || malformed(header, "t=SECONDS,v1=HEX");
        let (mut time, mut signatures) = (None, Vec::new());
        for (name, value) in only(headers, header)?.split(',').filter_map(|part| part.split_once('=')) {
            match name.trim() {
                "t" if time.is_some() => return Err(malformed()),
                "t" => time = Some(value),
                "v1" if signatures.len() < SIGNATURES_MAX => signatures.extend(Encoding::Hex.decode(value.trim())),
                _ => {}
            }
        }
        let time = time.ok_or_else(malformed)?;
        let signed_at = Some(seconds(time).ok_or_else(malformed)?);
        if signatures.is_empty() {
            return Err(malformed());
        }
        Ok(Claim { signed_at, before_body: format!("{time}.").into_bytes(), signatures, id: None })
    }

    /// `X-Slack-Signature: v0=…`, over `v0:SECONDS:body`.
    fn slack(&self, headers: &HeaderMap) -> Result<Claim, Unverified> {
        const TIME: &str = "x-slack-request-timestamp";
        let time = only(headers, TIME)?;
        let signed_at = Some(seconds(time).ok_or_else(|| malformed(TIME, "SECONDS"))?);
        let claim = self.plain(headers)?;
        Ok(Claim { signed_at, before_body: format!("v0:{time}:").into_bytes(), ..claim })
    }

    /// `webhook-signature: v1,… v1,…`, over `ID.SECONDS.body`. <https://www.standardwebhooks.com>
    fn standard(&self, headers: &HeaderMap) -> Result<Claim, Unverified> {
        const TIME: &str = "webhook-timestamp";
        let id = only(headers, "webhook-id")?;
        let time = only(headers, TIME)?;
        let signed_at = Some(seconds(time).ok_or_else(|| malformed(TIME, "SECONDS"))?);
        let all = only(headers, &self.signature.header)?.split(' ').filter_map(|part| part.strip_prefix("v1,"));
        let signatures: Vec<_> = all.take(SIGNATURES_MAX).filter_map(|text| Encoding::Base64.decode(text)).collect();
        if signatures.is_empty() {
            return Err(malformed(&self.signature.header, "v1,BASE64"));
        }
        let before_body = format!("{id}.{time}.").into_bytes();
        Ok(Claim { signed_at, before_body, signatures, id: Some(id.as_bytes().to_vec()) })
    }
}

/// The value of a header that is there once.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str, Unverified> {
    let mut all = headers.get_all(name).iter();
    match (all.next(), all.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
    .ok_or_else(|| Unverified::Header(name.to_owned()))
}

fn malformed(header: &str, form: &'static str) -> Unverified {
    Unverified::Malformed { header: header.to_owned(), form }
}

/// Seconds since 1970, of digits alone: what is signed is their text.
fn seconds(text: &str) -> Option<i64> {
    let is_plain = !text.is_empty() && text.len() <= 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_plain { text.parse().ok() } else { None }
}

impl Algorithm {
    /// The signature that the key gives for these parts, among several.
    fn proof<'s>(self, key: &[u8], parts: &[&[u8]], signatures: &'s [Vec<u8>]) -> Option<&'s Vec<u8>> {
        match self {
            Self::Sha1 => proof::<Hmac<Sha1>>(key, parts, signatures),
            Self::Sha256 => proof::<Hmac<Sha256>>(key, parts, signatures),
            Self::Sha384 => proof::<Hmac<Sha384>>(key, parts, signatures),
            Self::Sha512 => proof::<Hmac<Sha512>>(key, parts, signatures),
        }
    }
}

/// Each comparison takes a time that does not tell how much of a signature was right.
fn proof<'s, M>(key: &[u8], parts: &[&[u8]], signatures: &'s [Vec<u8>]) -> Option<&'s Vec<u8>>
where
    M: Mac + KeyInit + Clone,
{
    let mut made = <M as Mac>::new_from_slice(key).expect("a key of this hash may have any length");
    parts.iter().for_each(|part| made.update(part));
    signatures.iter().find(|signature| made.clone().verify_slice(signature).is_ok())
}

impl Encoding {
    fn decode(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Base64 => STANDARD.decode(text).ok(),
            Self::Hex => {
                let digit = |byte: &u8| (*byte as char).to_digit(16).map(|digit| digit as u8);
                let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
                pairs.iter().map(|[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect()
            }
        }
    }
}

/// The first bytes of a SHA-256: so many tell one from all others.
fn mark_of(bytes: &[u8]) -> [u8; 16] {
    *Sha256::digest(bytes).first_chunk().expect("it is longer")
}
