//! Signature Version 4, from the side that checks it: what the header claims, and whether the library signs it the same.

use crate::keys::AccessKey;
use crate::{Keys, Refusal};
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningParams, SigningSettings, sign};
use aws_sigv4::sign::v4;
use http::header::{AUTHORIZATION, HOST};
use http::{HeaderMap, Method, Uri};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};
use subtle::ConstantTimeEq as _;

/// How far the caller's clock may be from ours: AWS's bound.
pub const CLOCK_SKEW_SECONDS_MAX: i64 = 5 * 60;
/// The only way to sign that there is.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const TERMINATOR: &str = "aws4_request";
/// Form of the time in `X-Amz-Date`, and its length.
const DATE_FORM: &str = "%Y%m%dT%H%M%SZ";
const DATE_BYTES: usize = 16;
/// Headers that must be signed where they are there: what the operation is, and what the body is.
const SIGNED_IF_THERE: [&str; 3] = ["x-amz-date", "x-amz-target", "x-amz-content-sha256"];
/// Headers that decide what is verified: a second one could be what another reader goes by.
const ONCE_AT_MOST: [&str; 5] = ["authorization", "host", "x-amz-date", "x-amz-target", "x-amz-content-sha256"];
/// Headers that one signature covers.
const SIGNED_HEADERS_MAX: usize = 64;

/// What a request's headers claim, found plausible: a known key, a time that is near.
pub struct Claim {
    key: Arc<AccessKey>,
    /// What it is signed for.
    service: String,
    signed_headers: Vec<String>,
    pub(crate) signature: [u8; 32],
    /// The time in `X-Amz-Date`, in seconds.
    pub(crate) signed: i64,
}

impl Claim {
    /// Reads the claim of a request.
    pub(crate) fn read(
        keys: &Keys,
        region: &str,
        service: &str,
        headers: &HeaderMap,
        now: i64,
    ) -> Result<Self, Refusal> {
        let Some(authorization) = headers.get(AUTHORIZATION) else { return Err(Refusal::Missing) };
        if let Some(name) = ONCE_AT_MOST.iter().find(|name| headers.get_all(**name).iter().nth(1).is_some()) {
            return Err(Refusal::Incomplete(format!("The header '{name}' must be there once.")));
        }
        let authorization = authorization.to_str().map_err(|_| incomplete("Authorization header is not text."))?;
        let parameters = Parameters::read(authorization)?;
        let date = headers.get("x-amz-date").and_then(|date| date.to_str().ok());
        let date =
            date.ok_or_else(|| incomplete("Authorization header requires existence of a 'X-Amz-Date' header."))?;
        let signed = seconds_of(date).ok_or_else(|| {
            let message = "Date must be in ISO-8601 'basic format'. See http://en.wikipedia.org/wiki/ISO_8601";
            incomplete(message)
        })?;
        check_time(date, signed, now)?;
        let key_id = parameters.check_scope(region, service, date)?;
        let signed_headers = parameters.signed_headers(headers)?;
        let signature = parameters.signature.and_then(signature_of).ok_or_else(Refusal::mismatch)?;
        let key = keys.access_keys.get(key_id).map(Arc::clone).ok_or(Refusal::Unrecognized)?;
        Ok(Self { key, service: service.to_owned(), signed_headers, signature, signed })
    }

    /// Whose key it claims to be signed with.
    #[must_use]
    pub fn key(&self) -> &AccessKey {
        &self.key
    }

    /// Whether the signature is the one that the key's secret gives to this request.
    pub(crate) fn check(
        &self,
        region: &str,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<(), Refusal> {
        let hash = crate::seal::hex(&Sha256::digest(body));
        if headers.get("x-amz-content-sha256").is_some_and(|claimed| claimed.as_bytes() != hash.as_bytes()) {
            return Err(Refusal::mismatch());
        }
        let expected = self.expected(region, method, uri, headers, hash).ok_or_else(Refusal::mismatch)?;
        let is_right: bool = expected.ct_eq(&self.signature).into();
        if is_right { Ok(()) } else { Err(Refusal::mismatch()) }
    }

    /// The signature that the library gives to the request; none where it has a part that can't be signed.
    fn expected(
        &self,
        region: &str,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        hash: String,
    ) -> Option<[u8; 32]> {
        let mut signed = Vec::with_capacity(self.signed_headers.len());
        for name in &self.signed_headers {
            // Over HTTP/2 the host is a part of the URI.
            let authority = || uri.authority().filter(|_| name == HOST.as_str()).map(|host| host.as_str());
            let mut values = headers.get_all(name.as_str()).iter().filter_map(|value| value.to_str().ok()).peekable();
            if values.peek().is_none() {
                signed.push((name.as_str(), authority()?));
            }
            signed.extend(values.map(|value| (name.as_str(), value)));
        }
        let caller = &self.key.caller;
        let identity = Credentials::new(caller.key_id.as_str(), self.key.secret.as_str(), None, None, "keys").into();
        let mut settings = SigningSettings::default();
        // What is signed is what the caller says is signed.
        settings.excluded_headers = None;
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name(&self.service)
            .time(UNIX_EPOCH + Duration::from_secs(u64::try_from(self.signed).ok()?))
            .settings(settings)
            .build()
            .map(SigningParams::from)
            .ok()?;
        // The authority is not signed from here but as a header.
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let body = SignableBody::Precomputed(hash);
        let request = SignableRequest::new(method.as_str(), format!("http://host{path}"), signed.into_iter(), body);
        signature_of(sign(request.ok()?, &params).ok()?.signature())
    }
}

/// The parts of an `Authorization` header.
#[derive(Default)]
struct Parameters<'a> {
    credential: Option<&'a str>,
    signed_headers: Option<&'a str>,
    signature: Option<&'a str>,
}

impl<'a> Parameters<'a> {
    fn read(authorization: &'a str) -> Result<Self, Refusal> {
        let (algorithm, rest) = authorization.split_once(' ').unwrap_or((authorization, ""));
        if algorithm != ALGORITHM {
            return Err(incomplete("Unsupported AWS 'algorithm'."));
        }
        let mut found = Self::default();
        for part in rest.split(',') {
            let (name, value) = part.trim_ascii().split_once('=').unwrap_or_default();
            let place = match name {
                "Credential" => &mut found.credential,
                "SignedHeaders" => &mut found.signed_headers,
                "Signature" => &mut found.signature,
                _ => return Err(incomplete("Invalid key=value pair (missing equal-sign) in Authorization header.")),
            };
            if place.replace(value).is_some() {
                return Err(Refusal::Incomplete(format!("Authorization header has '{name}' twice.")));
            }
        }
        let missing =
            [("Credential", found.credential), ("Signature", found.signature), ("SignedHeaders", found.signed_headers)];
        let missing: Vec<String> = missing
            .iter()
            .filter(|(_, value)| value.is_none_or(str::is_empty))
            .map(|(name, _)| format!("Authorization header requires '{name}' parameter."))
            .collect();
        if missing.is_empty() { Ok(found) } else { Err(Refusal::Incomplete(missing.join(" "))) }
    }

    /// The id of the key, if the credential is for this region, this service and that day.
    fn check_scope(&self, wanted: &str, correct: &str, date: &str) -> Result<&'a str, Refusal> {
        let parts: Vec<&str> = self.credential.unwrap_or_default().split('/').collect();
        let [key_id, day, of_region, service, terminator] = parts[..] else {
            return Err(incomplete(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.",
            ));
        };
        let rules = [
            (of_region == wanted, format!("Credential should be scoped to a valid region: '{wanted}'.")),
            (service == correct, format!("Credential should be scoped to correct service: '{correct}'.")),
            (terminator == TERMINATOR, format!("Credential should be scoped with a valid terminator: '{TERMINATOR}'.")),
            (
                date.get(..8) == Some(day),
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP.".to_owned(),
            ),
        ];
        let broken: Vec<String> = rules.into_iter().filter(|(kept, _)| !kept).map(|(_, message)| message).collect();
        if broken.is_empty() { Ok(key_id) } else { Err(Refusal::Invalid(broken.join(" "))) }
    }

    fn signed_headers(&self, headers: &HeaderMap) -> Result<Vec<String>, Refusal> {
        let names: Vec<&str> = self.signed_headers.unwrap_or_default().split(';').collect();
        if names.len() > SIGNED_HEADERS_MAX {
            return Err(Refusal::Incomplete(format!("More than {SIGNED_HEADERS_MAX} headers are signed.")));
        }
        if !names.contains(&HOST.as_str()) {
            return Err(incomplete("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."));
        }
        if let Some(name) = SIGNED_IF_THERE.iter().find(|name| headers.contains_key(**name) && !names.contains(name)) {
            return Err(Refusal::Incomplete(format!("'{name}' must be a 'SignedHeader' in the AWS Authorization.")));
        }
        Ok(names.into_iter().map(str::to_owned).collect())
    }
}

fn incomplete(message: &str) -> Refusal {
    Refusal::Incomplete(message.to_owned())
}

/// The 32 bytes of a signature, which has lower-case digits only: so that one signature has one form.
fn signature_of(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    if text.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

/// The seconds of a time such as `20150830T123600Z`.
fn seconds_of(date: &str) -> Option<i64> {
    if date.len() != DATE_BYTES || !date.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'T' | b'Z')) {
        return None;
    }
    let time = DateTime::strptime(DATE_FORM, date).ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
}

fn date_of(seconds: i64) -> String {
    Timestamp::from_second(seconds).map(|time| time.strftime(DATE_FORM).to_string()).unwrap_or_default()
}

fn check_time(date: &str, signed: i64, now: i64) -> Result<(), Refusal> {
    let minutes = CLOCK_SKEW_SECONDS_MAX / 60;
    let (oldest, newest) = (now - CLOCK_SKEW_SECONDS_MAX, now + CLOCK_SKEW_SECONDS_MAX);
    if signed < oldest {
        return Err(expired(date, &date_of(oldest), &format!("{} - {minutes} min.", date_of(now))));
    }
    if signed > newest {
        return Err(Refusal::Invalid(format!(
            "Signature not yet current: {date} is still later than {} ({} + {minutes} min.)",
            date_of(newest),
            date_of(now)
        )));
    }
    Ok(())
}

fn expired(date: &str, oldest: &str, why: &str) -> Refusal {
    Refusal::Invalid(format!("Signature expired: {date} is now earlier than {oldest} ({why})"))
}

/// That a signature was used before, or that it may have been.
pub(crate) fn used(signed: i64) -> Refusal {
    Refusal::Invalid(format!("Signature expired: the one of {} was used before", date_of(signed)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_in_one_form_only() {
        assert_eq!(seconds_of("20150830T123600Z"), Some(1_440_938_160));
        assert_eq!(date_of(1_440_938_160), "20150830T123600Z");
        for wrong in
            ["", "20150830T123600", "2015-08-30T12:36Z", "20151330T123600Z", "20150830 123600Z", "+0150830T123600Z"]
        {
            assert_eq!(seconds_of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_signature_has_one_form() {
        let lower = "0123456789abcdef".repeat(4);
        assert_eq!(signature_of(&lower).map(|bytes| crate::seal::hex(&bytes)), Some(lower.clone()));
        assert_eq!(signature_of(&lower.to_uppercase()), None);
        assert_eq!(signature_of(&lower[1..]), None);
    }
}
