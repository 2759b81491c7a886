//! What a registry wants to know of who asks: `WWW-Authenticate`, and a token in exchange for a password.

use http::Uri;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// User and password.
    Basic,
    /// A token, which is had at `realm`.
    Bearer { realm: String, service: Option<String> },
}

impl Challenge {
    /// Reads the header; nothing where it asks for what is not known here.
    pub(crate) fn parse(header: &str) -> Option<Self> {
        let (scheme, parameters) = header.split_once(' ').unwrap_or((header, ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let parameters = quoted(parameters);
        let parameter =
            |name: &str| parameters.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
        Some(Self::Bearer { realm: parameter("realm")?, service: parameter("service") })
    }

    /// Where a token for `scope` is had.
    pub(crate) fn token_uri(realm: &str, service: Option<&str>, scope: &str) -> Option<Uri> {
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let mark = if realm.contains('?') { '&' } else { '?' };
        let service = service.map(|service| format!("service={}&", encoded(service))).unwrap_or_default();
        let uri: Uri = format!("{realm}{mark}{service}scope={}", encoded(scope)).parse().ok()?;
        uri.authority().is_some().then_some(uri)
    }

    /// The token in an answer.
    pub(crate) fn token(answer: &[u8]) -> Option<String> {
        let answer: Value = serde_json::from_slice(answer).ok()?;
        let token = answer.get("token").or_else(|| answer.get("access_token"))?;
        token.as_str().filter(|token| !token.is_empty()).map(str::to_owned)
    }
}

/// The parameters of a challenge: `name="value"` with commas between them, which may stand in a value too.
fn quoted(mut text: &str) -> Vec<(&str, String)> {
    let mut found = Vec::new();
    while let Some((name, rest)) = text.split_once('=') {
        let (value, rest) = match rest.strip_prefix('"') {
            Some(rest) => rest.split_once('"').unwrap_or((rest, "")),
            None => (rest.split(',').next().unwrap_or_default(), rest.split_once(',').map_or("", |(_, rest)| rest)),
        };
        found.push((name.trim_matches([',', ' ']), value.to_owned()));
        text = rest;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_says_what_is_wanted() {
        let bearer = |realm: &str, service: Option<&str>| {
            Some(Challenge::Bearer { realm: realm.to_owned(), service: service.map(str::to_owned) })
        };
        for (header, expected) in [
            (r#"Basic realm="Registry""#, Some(Challenge::Basic)),
            ("basic", Some(Challenge::Basic)),
            (
                r#"Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a:pull,push""#,
                bearer("https://auth.example/token", Some("registry.example")),
            ),
            (r#"bearer  service=x, realm="https://a.example""#, bearer("https://a.example", Some("x"))),
            (r#"Bearer service="x""#, None),
            ("Negotiate", None),
            ("", None),
        ] {
            assert_eq!(Challenge::parse(header), expected, "{header}");
        }
    }

    #[test]
    fn a_token_is_asked_for_and_found() {
        let uri = Challenge::token_uri("https://a.example/t", Some("r.example"), "repository:a/b:pull,push").unwrap();
        assert_eq!(uri, "https://a.example/t?service=r%2Eexample&scope=repository%3Aa%2Fb%3Apull%2Cpush");
        assert!(
            Challenge::token_uri("https://a.example/t?x=y", None, "s").unwrap().to_string().ends_with("?x=y&scope=s")
        );
        assert_eq!(Challenge::token_uri("/t", None, "s"), None);
        for (answer, token) in [
            (r#"{"token":"a"}"#, Some("a")),
            (r#"{"access_token":"b","expires_in":300}"#, Some("b")),
            (r#"{"token":""}"#, None),
            ("no json", None),
        ] {
            assert_eq!(Challenge::token(answer.as_bytes()).as_deref(), token, "{answer}");
        }
    }
}
