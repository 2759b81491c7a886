//! Signatures and tokens, over a guard: an input is a request as `requests` has it, with whatever `Authorization` it likes.
//!
//! As it came it is refused, since nobody knows the secret. Signed by a signer of our own, which was written beside the
//! specification and not beside the library that verifies, it is let in; and any change of it is noticed.

use crate::requests::request;
use bytes::Bytes;
use fleetstep_identity::{CLOCK_SKEW_SECONDS_MAX, Caller, Guard, GuardConfig, Keys, Refusal, Scope};
use hmac::{Hmac, Mac as _};
use http_body_util::{BodyExt as _, Full};
use hyper::header::{AUTHORIZATION, HOST, HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Uri};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

const ID: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
/// 2015-08-30 12:36:00 UTC.
const NOW: i64 = 1_440_938_160;
const DATE: &str = "20150830T123600Z";
const SCOPE: &str = "20150830/us-east-1/states/aws4_request";
/// For how long the SDKs may send the same once more.
const REPEAT_SECONDS: u32 = 2;
/// Headers that a signature covers at most: more are refused, which is right, and not what is looked for here.
const HEADERS_MAX: usize = 60;

/// A request, read.
struct Signed {
    head: Parts,
    body: Bytes,
}

/// What nobody signed gets nobody in; what was signed gets its signer in, as it was signed and for as long as it holds.
pub(crate) fn check(input: &[u8]) {
    let Some(request) = request(input) else { return };
    let mut request = read(request);
    let guard = guard();
    assert!(guard.bearer(&request.head.headers).is_err(), "a token that nobody was given");
    let raw = request.sent(&guard, NOW);
    assert!(raw.is_err(), "let in unsigned: {raw:?}");
    if request.sign() {
        let sent = request.sent(&guard, NOW);
        assert_eq!(sent.as_deref(), Ok(ID), "{:?}", request.head);
        holds(request, &guard);
    }
}

/// What is true of every request that was signed and sent.
fn holds(mut request: Signed, guard: &Guard) {
    assert!(request.sent(guard, NOW + 1).is_ok(), "the SDKs sign equal requests of one second alike");
    assert!(request.sent(guard, NOW + i64::from(REPEAT_SECONDS) + 1).is_err(), "sent again, later");
    let fresh = self::guard();
    for (now, is_near) in [
        (NOW + CLOCK_SKEW_SECONDS_MAX + 1, false),
        (NOW - CLOCK_SKEW_SECONDS_MAX - 1, false),
        (NOW + CLOCK_SKEW_SECONDS_MAX, true),
    ] {
        assert_eq!(request.sent(&fresh, now).is_ok(), is_near, "at {now}");
    }
    // From here on with guards that have not seen it, so that it is not refused for being there again.
    let mut body = request.body.to_vec();
    match body.last_mut() {
        Some(last) => *last ^= 1,
        None => body.push(b' '),
    }
    let body = std::mem::replace(&mut request.body, body.into());
    assert!(request.sent(&self::guard(), NOW).is_err(), "another body");
    request.body = body;
    for (method, uri) in [(Method::GET, "/"), (Method::POST, "/other"), (Method::POST, "/?a=b")] {
        let changed = Signed { head: head(method, uri, &request.head.headers), body: request.body.clone() };
        assert!(changed.sent(&self::guard(), NOW).is_err(), "{:?}", changed.head.uri);
    }
    for name in request.names() {
        let mut headers = request.head.headers.clone();
        headers.insert(hyper::header::HeaderName::from_bytes(name.as_bytes()).expect("it is one"), changed());
        let changed = Signed { head: head(Method::POST, "/", &headers), body: request.body.clone() };
        assert!(changed.sent(&self::guard(), NOW).is_err(), "another {name}");
    }
}

/// A value that no signed header had: it would have been an input that guessed it.
fn changed() -> HeaderValue {
    HeaderValue::from_static("c0a5d1ab-another-value")
}

fn guard() -> Guard {
    let mut keys = Keys::default();
    let caller =
        Caller { account: "123456789012".into(), key_id: ID.into(), scopes: [Scope::Start].into_iter().collect() };
    keys.insert_access_key(caller, String::from(SECRET).into());
    let config = GuardConfig { region: "us-east-1".into(), service: "states".into(), repeat_seconds: REPEAT_SECONDS };
    Guard::new(keys, config)
}

fn head(method: Method, uri: &str, headers: &HeaderMap) -> Parts {
    let mut request = Request::new(());
    *request.method_mut() = method;
    *request.uri_mut() = Uri::try_from(uri).expect("a path");
    *request.headers_mut() = headers.clone();
    request.into_parts().0
}

fn read(request: Request<Full<Bytes>>) -> Signed {
    let (head, body) = request.into_parts();
    let body = futures_util::FutureExt::now_or_never(body.collect()).expect("a body that is there");
    Signed { head, body: body.expect("it cannot fail").to_bytes() }
}

impl Signed {
    fn sent(&self, guard: &Guard, now: i64) -> Result<String, Refusal> {
        let Parts { method, uri, headers, .. } = &self.head;
        let claim = guard.claim(headers, now)?;
        Ok(guard.verify(&claim, method, uri, headers, &self.body, now)?.key_id.clone())
    }

    /// What a signature of it covers: every header but the one that it stands in.
    fn names(&self) -> Vec<String> {
        let names = self.head.headers.keys().map(|name| name.as_str().to_owned());
        let mut names: Vec<String> = names.filter(|name| name != AUTHORIZATION.as_str()).collect();
        names.sort_unstable();
        names
    }

    /// Makes it a request that an SDK could have sent, and signs it; false where no SDK could have.
    fn sign(&mut self) -> bool {
        let mut headers = std::mem::take(&mut self.head.headers);
        headers.insert("x-amz-date", HeaderValue::from_static(DATE));
        headers.entry(HOST).or_insert(HeaderValue::from_static("127.0.0.1:8083"));
        for name in ["x-amz-content-sha256", "authorization"] {
            headers.remove(name);
        }
        let once = |name: &str| headers.get_all(name).iter().count() <= 1;
        let is_plain =
            |value: &HeaderValue| value.to_str().is_ok_and(|text| !text.contains("  ") && !text.contains('\t'));
        let possible = headers.len() <= HEADERS_MAX
            && once("host")
            && once("x-amz-target")
            && headers.values().all(|value| is_plain(value) && *value != changed());
        self.head = head(Method::POST, "/", &headers);
        let names = self.names().join(";");
        let signature = self.signature(&names);
        let authorization =
            format!("AWS4-HMAC-SHA256 Credential={ID}/{SCOPE}, SignedHeaders={names}, Signature={signature}");
        let authorization = HeaderValue::try_from(authorization);
        possible && authorization.map(|value| self.head.headers.insert(AUTHORIZATION, value)).is_ok()
    }

    /// As "Create a signed AWS API request" of the IAM User Guide has it.
    fn signature(&self, names: &str) -> String {
        let mut canonical = String::from("POST\n/\n\n");
        for name in self.names() {
            let values = self.head.headers.get_all(&name).iter().filter_map(|value| value.to_str().ok());
            let values: Vec<&str> = values.map(|value| value.trim_matches(' ')).collect();
            let _ = writeln!(canonical, "{name}:{}", values.join(","));
        }
        let _ = write!(canonical, "\n{names}\n{}", hex(&Sha256::digest(&self.body)));
        let text = format!("AWS4-HMAC-SHA256\n{DATE}\n{SCOPE}\n{}", hex(&Sha256::digest(canonical)));
        let mut key = format!("AWS4{SECRET}").into_bytes();
        for part in SCOPE.split('/').chain([text.as_str()]) {
            let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("a key of any length");
            mac.update(part.as_bytes());
            key = mac.finalize().into_bytes().to_vec();
        }
        hex(&key)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
