//! How a webhook is signed, as an operator writes it.

use super::{Key, Signature, Verifier};
use crate::problem::Found;
use crate::{MASKED, Problem, SECRET_BYTES_MIN, Secret};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderName;
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// Secrets of one route: the current one, and those that it takes the place of.
pub const SECRETS_MAX: usize = 4;
/// How many seconds the time in a signature may be off.
pub const TOLERANCE_SECONDS: RangeInclusive<u32> = 1..=3_600;
/// The same unless said.
const TOLERANCE_SECONDS_DEFAULT: u32 = 300;
/// The longest prefix of a signature, in bytes.
const PREFIX_BYTES_MAX: usize = 64;

/// Whose way of signing it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// `X-Hub-Signature-256`; there is no time in it.
    Github,
    /// `Stripe-Signature`.
    Stripe,
    /// `X-Slack-Signature` and `X-Slack-Request-Timestamp`.
    Slack,
    /// `webhook-id`, `webhook-timestamp`, `webhook-signature`.
    StandardWebhooks,
    /// A keyed hash of the body in a header that is named; there is no time in it.
    Hmac,
}

/// What the keyed hash is made with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// For senders that have no better one.
    Sha1,
    /// Of 256 bits.
    #[default]
    Sha256,
    /// Of 384 bits.
    Sha384,
    /// Of 512 bits.
    Sha512,
}

/// How its bytes are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// Hexadecimal digits.
    #[default]
    Hex,
    /// Base64, with padding.
    Base64,
}

/// `verify` of a route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerifySpec {
    /// Whose way of signing it is.
    pub scheme: Scheme,
    /// What both sides know: each of them by itself is enough. They may be left out where the route is there already,
    /// and stay then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<Secret>,
    /// How many seconds the time in a signature may be off; without a time in it, how long a signature is remembered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance_seconds: Option<u32>,
    /// Of the scheme `hmac`: the header with the signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// Of the scheme `hmac`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<Algorithm>,
    /// Of the scheme `hmac`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
    /// Of the scheme `hmac`: what stands before the signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
}

impl VerifySpec {
    /// The same with its secrets masked.
    pub(crate) fn masked(&self) -> Self {
        Self { secrets: self.secrets.iter().map(|_| Secret::from(MASKED)).collect(), ..self.clone() }
    }

    pub(crate) fn compile(&self, found: &mut Found) -> Option<Verifier> {
        let tolerance_seconds = self.tolerance_seconds.unwrap_or(TOLERANCE_SECONDS_DEFAULT);
        if !TOLERANCE_SECONDS.contains(&tolerance_seconds) {
            let (least, most) = TOLERANCE_SECONDS.into_inner();
            found.push(Problem::at("/verify/tolerance_seconds", format!("it has to be {least} to {most}")));
        }
        let signature = self.signature(found)?;
        Some(Verifier { scheme: self.scheme, keys: self.keys(found)?, tolerance_seconds, signature })
    }

    fn keys(&self, found: &mut Found) -> Option<Vec<Key>> {
        if !(1..=SECRETS_MAX).contains(&self.secrets.len()) {
            found.push(Problem::at("/verify/secrets", format!("there have to be 1 to {SECRETS_MAX}")));
            return None;
        }
        let keys = self.secrets.iter().enumerate().map(|(at, secret)| {
            let location = format!("/verify/secrets/{at}");
            let text = secret.reveal();
            let key = match self.scheme {
                Scheme::StandardWebhooks => STANDARD.decode(text.strip_prefix("whsec_").unwrap_or(text)),
                _ => Ok(text.as_bytes().to_vec()),
            };
            // What it is, is not repeated: it may be a secret with a slip in it.
            let problem = match key {
                Err(_) => "a secret of Standard Webhooks is base64, with whsec_ before it or not".to_owned(),
                Ok(key) if key.len() >= SECRET_BYTES_MIN => return Ok(Key(key)),
                Ok(_) => format!("a secret has {SECRET_BYTES_MIN} bytes at least"),
            };
            Err(Problem::at(location, problem))
        });
        let keys: Vec<_> = keys.map(|key| found.take(key)).collect();
        keys.into_iter().collect()
    }

    fn signature(&self, found: &mut Found) -> Option<Signature> {
        let fixed = |header: &str, encoding, prefix: &str| Signature {
            header: header.to_owned(),
            algorithm: Algorithm::Sha256,
            encoding,
            prefix: prefix.to_owned(),
        };
        let signature = match self.scheme {
            Scheme::Github => fixed("x-hub-signature-256", Encoding::Hex, "sha256="),
            Scheme::Stripe => fixed("stripe-signature", Encoding::Hex, ""),
            Scheme::Slack => fixed("x-slack-signature", Encoding::Hex, "v0="),
            Scheme::StandardWebhooks => fixed("webhook-signature", Encoding::Base64, ""),
            Scheme::Hmac => return self.named(found),
        };
        for (name, is_there) in [
            ("header", self.header.is_some()),
            ("algorithm", self.algorithm.is_some()),
            ("encoding", self.encoding.is_some()),
            ("prefix", self.prefix.is_some()),
        ] {
            if is_there {
                found.push(Problem::at(format!("/verify/{name}"), "only the scheme hmac has it"));
            }
        }
        Some(signature)
    }

    fn named(&self, found: &mut Found) -> Option<Signature> {
        let header = self.header.as_deref().unwrap_or_default();
        let prefix = self.prefix.clone().unwrap_or_default();
        let is_name = HeaderName::try_from(header).is_ok();
        if !is_name {
            found
                .push(Problem::at("/verify/header", "the scheme hmac needs the name of the header with the signature"));
        }
        if prefix.len() > PREFIX_BYTES_MAX {
            found.push(Problem::at("/verify/prefix", format!("it has {PREFIX_BYTES_MAX} bytes at most")));
        }
        is_name.then(|| Signature {
            header: header.to_owned(),
            algorithm: self.algorithm.unwrap_or_default(),
            encoding: self.encoding.unwrap_or_default(),
            prefix,
        })
    }
}
