//! Signatures: what providers publish as examples, and what is near them.

use fleetstep_trigger::{Delivery, RouteSpec, Unverified, VerifySpec};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

/// A webhook that is signed right.
struct Vector {
    what: &'static str,
    verify: Value,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
    now: i64,
}

const SLACK_BODY: &str = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V\
    &channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=\
    &response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN\
    &trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";

/// The examples that providers publish, and for the schemes without one, what their documentation makes of known data
/// (computed by other means: `openssl dgst -sha256 -hmac`).
fn vectors() -> Vec<Vector> {
    vec![
        Vector {
            what: "GitHub, docs.github.com: validating webhook deliveries, testing the payload validation",
            verify: json!({"scheme": "github", "secrets": ["It's a Secret to Everybody"]}),
            headers: &[(
                "X-Hub-Signature-256",
                "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
            )],
            body: "Hello, World!",
            now: 0,
        },
        Vector {
            what: "Slack, docs.slack.dev: verifying requests from Slack",
            verify: json!({"scheme": "slack", "secrets": ["8f742231b10e8888abcd99yyyzzz85a5"]}),
            headers: &[
                ("X-Slack-Request-Timestamp", "1531420618"),
                ("X-Slack-Signature", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"),
            ],
            body: SLACK_BODY,
            now: 1_531_420_618,
        },
        Vector {
            what: "Standard Webhooks, the example of its reference libraries",
            verify: json!({"scheme": "standard-webhooks", "secrets": ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]}),
            headers: &[
                ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
                ("webhook-timestamp", "1614265330"),
                ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
            ],
            body: "{\"test\": 2432232314}",
            now: 1_614_265_330,
        },
        Vector {
            what: "Stripe, t=…,v1=… over `t.body`, another scheme beside it",
            verify: json!({"scheme": "stripe", "secrets": ["whsec_test_secret"]}),
            headers: &[(
                "Stripe-Signature",
                "t=1700000000,v0=6ffbb59b2300aae63f272406069a9788598b792a944a07aba816edb039989a39,\
                 v1=248a374f50f943a28b0f6ab50faf9a7e7e29b710fa26df9fb1618b9bf8ea9c9a",
            )],
            body: "{\"id\":\"evt_1\"}",
            now: 1_700_000_000,
        },
        Vector {
            what: "base64 of SHA-256 in a header, as Shopify signs",
            verify: json!({"scheme": "hmac", "secrets": ["shopify-secret"], "header": "X-Shopify-Hmac-SHA256", "encoding": "base64"}),
            headers: &[("X-Shopify-Hmac-SHA256", "GnHscbVjtjtA02SzM+6yb+4vvhJTO/18EJqccqOuIw0=")],
            body: "{\"id\":1}",
            now: 5,
        },
        Vector {
            what: "SHA-1 with a prefix, as GitHub signed before",
            verify: json!({"scheme": "hmac", "secrets": ["It's a Secret to Everybody"], "header": "X-Hub-Signature", "algorithm": "sha1", "prefix": "sha1="}),
            headers: &[("X-Hub-Signature", "sha1=01dc10d0c83e72ed246219cdd91669667fe2ca59")],
            body: "Hello, World!",
            now: 5,
        },
        Vector {
            what: "SHA-512 in capitals",
            verify: json!({"scheme": "hmac", "secrets": ["It's a Secret to Everybody"], "header": "x-sig", "algorithm": "sha512"}),
            headers: &[(
                "X-Sig",
                "11ED355A617E98134E842012A7944CCF59C10256CB182357BD7E3A42013FF07C376F8C14CF5CC1923DA20B51D64256B2FB8EBBF100AA67A61326F61FEA8111BC",
            )],
            body: "Hello, World!",
            now: 5,
        },
    ]
}

fn headers(of: &[(&str, &str)]) -> HeaderMap {
    let header = |(name, value): &(&str, &str)| {
        (HeaderName::try_from(*name).expect("a name"), HeaderValue::try_from(*value).expect("a value"))
    };
    of.iter().map(header).collect()
}

fn verified(verify: &Value, headers: &HeaderMap, body: &str, now: i64) -> Result<Delivery, Unverified> {
    let verify: VerifySpec = serde_json::from_value(verify.clone()).expect("a spec");
    let spec = json!({"method": "POST", "path": "/hook", "workflow": "w"}).to_string();
    let spec = RouteSpec { verify: Some(verify), ..RouteSpec::from_json(spec.as_bytes(), "hook").expect("a spec") };
    let route = spec.compile().expect("a route");
    route.verifier().expect("it verifies").verify(headers, body.as_bytes(), now)
}

#[test]
fn what_providers_publish_is_believed() {
    for Vector { what, verify, headers: sent, body, now } in vectors() {
        let delivery = verified(&verify, &headers(sent), body, now);
        assert!(delivery.is_ok(), "{what}: {delivery:?}");
    }
}

#[test]
fn what_is_changed_is_not_believed() {
    for Vector { what, verify, headers: sent, body, now } in vectors() {
        let right = headers(sent);
        assert_eq!(verified(&verify, &right, &format!("{body} "), now), Err(Unverified::Mismatch), "{what}: body");
        let mut other = verify.clone();
        other["secrets"] = json!(["AAAAAAAAAAAAAAAA"]);
        assert_eq!(verified(&other, &right, body, now), Err(Unverified::Mismatch), "{what}: secret");
        for (name, value) in sent {
            let mut missing = right.clone();
            missing.remove(*name);
            assert!(matches!(verified(&verify, &missing, body, now), Err(Unverified::Header(_))), "{what}: no {name}");
            let mut twice = right.clone();
            twice.append(HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap());
            assert!(matches!(verified(&verify, &twice, body, now), Err(Unverified::Header(_))), "{what}: {name} twice");
            for wrong in ["", "x", "t=1", "v1,", "sha256=", "sha256=zz", "v0=é", "99999999999999999999", "-1", "+5"] {
                let mut changed = right.clone();
                changed
                    .insert(HeaderName::try_from(*name).unwrap(), HeaderValue::from_bytes(wrong.as_bytes()).unwrap());
                let found = verified(&verify, &changed, body, now);
                assert!(found.is_err(), "{what}: {name}: {wrong}: {found:?}");
            }
        }
        // One digit of the signature.
        let (name, value) = sent.last().expect("a header");
        let mut flipped = value.as_bytes().to_vec();
        let last = flipped.len() - 3;
        flipped[last] = if flipped[last] == b'7' { b'6' } else { b'7' };
        let mut changed = right.clone();
        changed.insert(HeaderName::try_from(*name).unwrap(), HeaderValue::from_bytes(&flipped).unwrap());
        assert_eq!(verified(&verify, &changed, body, now), Err(Unverified::Mismatch), "{what}: one digit");
    }
}

#[test]
fn a_time_that_was_signed_is_believed_within_the_tolerance() {
    let timed = |vector: &Vector| vector.now > 1_000;
    let all = vectors();
    for Vector { what, verify, headers: sent, body, now } in all.iter().filter(|vector| timed(vector)) {
        for (off, is_believed) in [(-301, false), (-300, true), (300, true), (301, false), (1_000_000, false)] {
            let found = verified(verify, &headers(sent), body, now + off);
            assert_eq!(found.is_ok(), is_believed, "{what}: {off}: {found:?}");
        }
        let mut strict = verify.clone();
        strict["tolerance_seconds"] = json!(10);
        assert_eq!(
            verified(&strict, &headers(sent), body, now + 11),
            Err(Unverified::Untimely { tolerance_seconds: 10 }),
            "{what}"
        );
    }
    for Vector { what, verify, headers: sent, body, .. } in all.iter().filter(|vector| !timed(vector)) {
        assert!(verified(verify, &headers(sent), body, 9_999_999).is_ok(), "{what}: there is no time in it");
    }
}

#[test]
fn a_secret_that_is_changed_and_the_one_before_it_are_both_right() {
    for Vector { what, mut verify, headers: sent, body, now } in vectors() {
        let secret = verify["secrets"][0].clone();
        verify["secrets"] = json!(["bmV3LW5ldy1uZXctbmV3", secret]);
        assert!(verified(&verify, &headers(sent), body, now).is_ok(), "{what}");
    }
    let Vector { verify, headers: sent, body, now, .. } = &vectors()[2];
    let mut several = headers(sent);
    let value = format!("v1,{} v2,abc {}", "A".repeat(44), sent[2].1);
    several.insert("webhook-signature", HeaderValue::try_from(value).unwrap());
    assert!(verified(verify, &several, body, *now).is_ok(), "one of several signatures");
}

#[test]
fn specs_that_cannot_be_are_refused_and_no_secret_is_told() {
    let spec = |verify: Value| {
        let spec = json!({"method": "POST", "path": "/hook", "workflow": "w", "verify": verify}).to_string();
        RouteSpec::from_json(spec.as_bytes(), "hook").and_then(RouteSpec::compile)
    };
    let secret = "a-secret-that-nobody-sees";
    for (verify, told) in [
        (json!({"scheme": "github"}), "/verify/secrets: there have to be 1 to 4"),
        (json!({"scheme": "github", "secrets": ["short"]}), "/verify/secrets/0: a secret has 8 bytes at least"),
        (json!({"scheme": "github", "secrets": ["***"]}), "leave them out"),
        (json!({"scheme": "standard-webhooks", "secrets": [secret]}), "/verify/secrets/0: a secret of Standard"),
        (json!({"scheme": "github", "secrets": [secret], "header": "x"}), "/verify/header: only the scheme hmac"),
        (json!({"scheme": "hmac", "secrets": [secret]}), "/verify/header: the scheme hmac needs"),
        (json!({"scheme": "hmac", "secrets": [secret], "header": "a b"}), "/verify/header"),
        (json!({"scheme": "stripe", "secrets": [secret], "tolerance_seconds": 0}), "/verify/tolerance_seconds"),
        (json!({"scheme": "stripe", "secrets": [secret], "tolerance_seconds": 86_400}), "1 to 3600"),
        (json!({"scheme": "paddle", "secrets": [secret]}), "unknown variant `paddle`"),
    ] {
        let problems = spec(verify.clone()).expect_err("refused").to_string();
        assert!(problems.contains(told), "{verify}: {problems}");
        assert!(!problems.contains(secret), "{problems}");
    }
    let route = spec(json!({"scheme": "stripe", "secrets": [secret]})).expect("a route");
    let shown = format!("{route:?} {}", serde_json::to_string(&route.spec().masked()).unwrap());
    assert!(!shown.contains(secret) && shown.contains("***"), "{shown}");
    let without = RouteSpec::from_json(
        json!({"method": "POST", "path": "/h", "workflow": "w", "verify": {"scheme": "stripe"}}).to_string().as_bytes(),
        "hook",
    );
    let kept = without.expect("a spec").with_secrets_of(route.spec());
    assert_eq!(kept.verify.expect("verify").secrets[0].reveal(), secret);
}
