//! Signature Version 4, from the side that signs.

use aws_credential_types::Credentials as Library;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningParams, SigningSettings, sign};
use aws_sigv4::sign::v4;
use fleetstep_engine::{Timestamp, clock};
use fleetstep_outbound::Uri;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Who signs. Its `Debug` shows no secret.
#[derive(Clone, Debug)]
pub(super) struct Credentials(Library);

impl Credentials {
    pub(super) fn new(access_key_id: String, secret_access_key: String, session_token: Option<String>) -> Self {
        Self(Library::new(access_key_id, secret_access_key, session_token, None, "fleetstep"))
    }
}

/// The headers that sign a `POST` of `body`, which is sent with `headers` as well.
pub(super) fn headers(
    credentials: &Credentials,
    region: &str,
    service: &str,
    url: &Uri,
    headers: &[(&str, String)],
    body: &[u8],
) -> Result<Vec<(String, String)>, String> {
    headers_at(credentials, region, service, url, headers, body, system_time(clock::now()))
}

fn system_time(now: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_micros(u64::try_from(now.as_micros()).unwrap_or_default())
}

fn headers_at(
    credentials: &Credentials,
    region: &str,
    service: &str,
    url: &Uri,
    headers: &[(&str, String)],
    body: &[u8],
    time: SystemTime,
) -> Result<Vec<(String, String)>, String> {
    let identity = credentials.0.clone().into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(time)
        .settings(SigningSettings::default())
        .build()
        .map(SigningParams::from)
        .map_err(|error| error.to_string())?;
    let headers = headers.iter().map(|(name, value)| (*name, value.as_str()));
    let request = SignableRequest::new("POST", url.to_string(), headers, SignableBody::Bytes(body));
    let signed = sign(request.map_err(|error| error.to_string())?, &params).map_err(|error| error.to_string())?;
    let (instructions, _) = signed.into_parts();
    Ok(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_signed_for_its_host_its_target_and_its_body() {
        let credentials = Credentials::new("AKID".into(), "the secret".into(), Some("token".into()));
        let url: Uri = "http://127.0.0.1:5000/".parse().unwrap();
        let given = [("x-amz-target", "DynamoDB_20120810.PutItem".to_owned())];
        let at = |body: &[u8]| {
            headers_at(
                &credentials,
                "eu-west-1",
                "dynamodb",
                &url,
                &given,
                body,
                UNIX_EPOCH + Duration::from_secs(86_400),
            )
            .unwrap()
        };
        let signed = at(b"{}");
        let of = |name: &str| signed.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        assert_eq!(of("x-amz-date"), Some("19700102T000000Z"));
        assert_eq!(of("x-amz-security-token"), Some("token"));
        let authorization = of("authorization").unwrap();
        let expected = "AWS4-HMAC-SHA256 Credential=AKID/19700102/eu-west-1/dynamodb/aws4_request, \
                        SignedHeaders=host;x-amz-date;x-amz-security-token;x-amz-target, Signature=";
        assert!(authorization.starts_with(expected), "{authorization}");
        assert_ne!(at(b"{\"a\":1}"), signed);
        assert!(!format!("{credentials:?}").contains("the secret"));
    }
}
