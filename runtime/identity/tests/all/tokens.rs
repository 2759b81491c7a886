//! Bearer tokens.

use fleetstep_identity::{Guard, GuardConfig, KeysFile, Refusal, Scope};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};

fn headers(values: &[&str]) -> HeaderMap {
    values.iter().map(|value| (AUTHORIZATION, HeaderValue::from_str(value).unwrap())).collect()
}

#[test]
fn a_token_is_known_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = KeysFile::open_or_new(&folder.path().join("keys.toml")).unwrap();
    let scopes = [Scope::Start].into_iter().collect();
    let (id, token) = file.add_token("123456789012", scopes, "ci").unwrap();
    let (_, other) = file.add_token("210987654321", scopes, "").unwrap();
    let config = GuardConfig { region: "us-east-1".into(), service: "states".into(), repeat_seconds: 2 };
    let guard = Guard::new(file.keys().unwrap(), config);

    let caller = guard.bearer(&headers(&[&format!("Bearer {}", *token)])).unwrap();
    assert_eq!((caller.account.as_str(), &caller.key_id), ("123456789012", &id));
    assert!(caller.may(Scope::Start) && !caller.may(Scope::Deploy));
    assert!(guard.bearer(&headers(&[&format!("bearer  {} ", *token)])).is_ok());

    let mixed = format!("{}{}", &token[..token.len() - 64], &other[other.len() - 64..]);
    for wrong in [mixed.as_str(), &token[..token.len() - 1], "", "fst_", &token.to_uppercase()] {
        let refused = guard.bearer(&headers(&[&format!("Bearer {wrong}")]));
        assert_eq!(refused, Err(Refusal::Unrecognized), "{wrong}");
    }
    let basic = format!("Basic {}", *token);
    let good = format!("Bearer {}", *token);
    for missing in [&[][..], &["Bearer"], &[&basic], &[&good, &good]] {
        assert_eq!(guard.bearer(&headers(missing)), Err(Refusal::Missing), "{missing:?}");
    }
}
