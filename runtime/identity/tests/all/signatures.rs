//! Signature Version 4: AWS's published examples, and one request changed in every way that must be noticed.

use fleetstep_identity::{Caller, Guard, GuardConfig, Keys, Refusal, Scope};
use http::header::{AUTHORIZATION, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Uri};

/// The key of AWS's own examples.
const ID: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
/// 2015-08-30 12:36:00 UTC, when they were signed.
const SIGNED: i64 = 1_440_938_160;

fn guard(service: &str, repeat_seconds: u32) -> Guard {
    let mut keys = Keys::default();
    let scopes = [Scope::Start].into_iter().collect();
    let caller = Caller { account: "123456789012".into(), key_id: ID.into(), scopes };
    keys.insert_access_key(caller, String::from(SECRET).into());
    Guard::new(keys, GuardConfig { region: "us-east-1".into(), service: service.into(), repeat_seconds })
}

#[derive(Clone)]
struct Request {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Request {
    fn new(method: Method, uri: &str, headers: &[(&str, &str)], body: &[u8]) -> Self {
        let header = |(name, value): &(&str, &str)| {
            (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap())
        };
        let headers = headers.iter().map(header).collect();
        Self { method, uri: uri.parse().unwrap(), headers, body: body.to_vec() }
    }

    fn set(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(name, HeaderValue::from_str(value).unwrap());
        self
    }

    fn sent(&self, guard: &Guard, now: i64) -> Result<String, Refusal> {
        let claim = guard.claim(&self.headers, now)?;
        let caller = guard.verify(&claim, &self.method, &self.uri, &self.headers, &self.body, now)?;
        Ok(caller.key_id.clone())
    }
}

fn authorization(service: &str, signed_headers: &str, signature: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={ID}/20150830/us-east-1/{service}/aws4_request, SignedHeaders={signed_headers}, \
         Signature={signature}"
    )
}

/// The example of AWS's documentation (General Reference, "Signature Version 4 signing process") and two cases of its
/// test suite: method, URI, service, signed headers, more headers, signature.
#[test]
fn aws_s_published_signatures_verify() {
    let host = [("host", "example.amazonaws.com"), ("x-amz-date", "20150830T123600Z")];
    let iam = [
        ("host", "iam.amazonaws.com"),
        ("x-amz-date", "20150830T123600Z"),
        ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
    ];
    type Case<'a> = (Method, &'a str, &'a str, &'a str, &'a [(&'a str, &'a str)], &'a str);
    let cases: [Case<'_>; 3] = [
        (
            Method::GET,
            "/?Action=ListUsers&Version=2010-05-08",
            "iam",
            "content-type;host;x-amz-date",
            &iam,
            "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
        ),
        (
            Method::GET,
            "/",
            "service",
            "host;x-amz-date",
            &host,
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            Method::POST,
            "/",
            "service",
            "host;x-amz-date",
            &host,
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ),
    ];
    for (method, uri, service, signed, headers, signature) in cases {
        let request = Request::new(method, uri, headers, b"");
        let request = request.set("authorization", &authorization(service, signed, signature));
        assert_eq!(request.sent(&guard(service, 0), SIGNED), Ok(ID.to_owned()), "{uri}");
    }
}

const BODY: &[u8] = br#"{"stateMachineArn":"arn:aws:states:us-east-1:123456789012:stateMachine:orders"}"#;
const SIGNED_HEADERS: &str = "content-type;host;x-amz-date;x-amz-target";

/// A StartExecution as boto3 signs one.
fn start() -> Request {
    let headers = [
        ("host", "127.0.0.1:8083"),
        ("x-amz-date", "20150830T123600Z"),
        ("x-amz-target", "AWSStepFunctions.StartExecution"),
        ("content-type", "application/x-amz-json-1.0"),
        ("user-agent", "Boto3"),
    ];
    let request = Request::new(Method::POST, "/", &headers, BODY);
    request.set("authorization", &authorization("states", SIGNED_HEADERS, SIGNATURE))
}

/// As botocore's own signer gives it.
const SIGNATURE: &str = "103cb39934161fc2af703452c73ac7e7e01616ae5f79f237dccb4a61b715663c";

fn refused(request: &Request, now: i64) -> String {
    match request.sent(&guard("states", 0), now) {
        Ok(key_id) => panic!("let in as {key_id}"),
        Err(refusal) => refusal.to_string(),
    }
}

const MISMATCH: &str = "The request signature we calculated does not match the signature you provided.";

#[test]
fn what_boto3_signs_verifies() {
    assert_eq!(start().sent(&guard("states", 0), SIGNED), Ok(ID.to_owned()));
}

#[test]
fn a_request_that_was_changed_on_the_way_is_refused() {
    let body = |body: &[u8]| Request { body: body.to_vec(), ..start() };
    let changed = [
        body(b"{}"),
        body(&[BODY, b" "].concat()),
        start().set("x-amz-target", "AWSStepFunctions.StopExecution"),
        start().set("host", "127.0.0.1:8084"),
        start().set("content-type", "text/plain"),
        start().set("x-amz-date", "20150830T123601Z"),
        Request { uri: "/?a=b".parse().unwrap(), ..start() },
        Request { method: Method::PUT, ..start() },
        start().set("authorization", &authorization("states", SIGNED_HEADERS, &SIGNATURE.replace('a', "b"))),
        start().set("authorization", &authorization("states", SIGNED_HEADERS, &SIGNATURE.to_uppercase())),
        start().set("authorization", &authorization("states", SIGNED_HEADERS, "short")),
        start().set(
            "authorization",
            &authorization("states", "content-type;host;x-amz-date;x-amz-target;absent", SIGNATURE),
        ),
    ];
    for (at, request) in changed.iter().enumerate() {
        let said = refused(request, SIGNED);
        assert!(said.starts_with(MISMATCH), "{at}: {said}");
    }
    assert!(start().set("user-agent", "a proxy's").sent(&guard("states", 0), SIGNED).is_ok(), "it was not signed");
}

#[test]
fn what_decides_must_be_signed_and_there_once() {
    let unsigned = |names| refused(&start().set("authorization", &authorization("states", names, SIGNATURE)), SIGNED);
    assert!(unsigned("content-type;x-amz-date;x-amz-target").starts_with("'Host'"));
    assert!(unsigned("content-type;host;x-amz-target").starts_with("'x-amz-date' must be"));
    assert!(unsigned("content-type;host;x-amz-date").starts_with("'x-amz-target' must be"));
    for name in ["host", "x-amz-date", "x-amz-target", "authorization"] {
        let mut request = start();
        let value = request.headers[name].clone();
        request.headers.append(name, value);
        assert_eq!(refused(&request, SIGNED), format!("The header '{name}' must be there once."));
    }
    let hash = start().set("x-amz-content-sha256", "UNSIGNED-PAYLOAD");
    assert!(refused(&hash, SIGNED).starts_with("'x-amz-content-sha256' must be"));
}

#[test]
fn a_clock_may_be_five_minutes_off() {
    for now in [SIGNED - 300, SIGNED + 300] {
        assert!(start().sent(&guard("states", 0), now).is_ok(), "{now}");
    }
    assert_eq!(
        refused(&start(), SIGNED + 301),
        "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T124101Z - 5 min.)"
    );
    assert_eq!(
        refused(&start(), SIGNED - 301),
        "Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z (20150830T123059Z + 5 min.)"
    );
}

#[test]
fn a_signature_that_was_used_is_refused() {
    let strict = guard("states", 0);
    assert!(start().sent(&strict, SIGNED).is_ok());
    let used = "Signature expired: the one of 20150830T123600Z was used before";
    assert_eq!(start().sent(&strict, SIGNED), Err(Refusal::Invalid(used.to_owned())));
    // Two equal requests within a second have one signature: the SDKs send such.
    let usual = guard("states", 2);
    for now in [SIGNED, SIGNED, SIGNED + 1] {
        assert!(start().sent(&usual, now).is_ok(), "{now}");
    }
    for now in [SIGNED + 2, SIGNED + 300] {
        assert_eq!(start().sent(&usual, now), Err(Refusal::Invalid(used.to_owned())), "{now}");
    }
    // One that is wrong is not remembered.
    let forged = Request { body: b"{}".to_vec(), ..start() };
    let strict = guard("states", 0);
    assert!(forged.sent(&strict, SIGNED).is_err());
    assert!(start().sent(&strict, SIGNED).is_ok());
}

#[test]
fn a_key_that_is_not_known_and_one_that_was_removed_are_refused() {
    let guard = guard("states", 0);
    guard.replace(Keys::default());
    assert_eq!(start().sent(&guard, SIGNED), Err(Refusal::Unrecognized));
}

#[test]
fn a_claim_that_cannot_be_read_says_what_is_missing() {
    let mut bare = start();
    bare.headers.remove(AUTHORIZATION);
    assert_eq!(refused(&bare, SIGNED), "Missing Authentication Token");
    let mut undated = start();
    undated.headers.remove("x-amz-date");
    assert!(refused(&undated, SIGNED).contains("'X-Amz-Date'"));
    let scope = |scope: &str| {
        format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={SIGNED_HEADERS}, Signature={SIGNATURE}")
    };
    let cases = [
        ("Bearer x".to_owned(), "Unsupported AWS 'algorithm'."),
        ("AWS4-HMAC-SHA256".to_owned(), "Invalid key=value pair"),
        (
            "AWS4-HMAC-SHA256 Credential=x".to_owned(),
            "Authorization header requires 'Signature' parameter. Authorization",
        ),
        (format!("{}, Signature=0", scope("x")), "Authorization header has 'Signature' twice."),
        (scope("x"), "Credential must have exactly 5"),
        (
            scope("AKIDEXAMPLE/20150830/eu-west-1/states/aws4_request"),
            "Credential should be scoped to a valid region: 'us-east-1'.",
        ),
        (
            scope("AKIDEXAMPLE/20150830/us-east-1/sqs/aws4_request"),
            "Credential should be scoped to correct service: 'states'.",
        ),
        (scope("AKIDEXAMPLE/20150830/us-east-1/states/aws3"), "Credential should be scoped with a valid terminator"),
        (scope("AKIDEXAMPLE/20150829/us-east-1/states/aws4_request"), "Date in Credential scope"),
        (
            scope("AKIDOTHER/20150830/us-east-1/states/aws4_request"),
            "The security token included in the request is invalid.",
        ),
    ];
    for (header, expected) in cases {
        let said = refused(&start().set("authorization", &header), SIGNED);
        assert!(said.starts_with(expected), "{header}: {said}");
    }
}
