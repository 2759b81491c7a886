//! Where telemetry goes, and what is said of who sends it: in the forms that OpenTelemetry's environment variables have.

use hyper::Uri;
use hyper::header::{HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;
use std::fmt;
use std::time::Duration;

/// Headers or attributes that one variable may name.
const PAIRS_MAX: usize = 128;
/// How long a collector may take to answer: OpenTelemetry's default.
pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);
/// The share of executions that is traced unless told otherwise.
pub const RATIO_DEFAULT: f64 = 0.01;

/// What telemetry is set up with.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it goes.
    pub endpoint: Endpoint,
    /// What every request carries.
    pub headers: Headers,
    /// Who sends it, by the names of the semantic conventions.
    pub resource: Vec<(String, String)>,
    /// The share of executions that is traced where neither their callers nor their state machines say: 0 to 1.
    pub ratio: f64,
    /// How long a collector may take to answer.
    pub timeout: Duration,
}

impl Config {
    /// Everything but the endpoint by default.
    #[must_use]
    pub fn new(endpoint: Endpoint) -> Self {
        let (headers, resource) = (Headers::default(), Vec::new());
        Self { endpoint, headers, resource, ratio: RATIO_DEFAULT, timeout: TIMEOUT_DEFAULT }
    }
}

/// Why a setting cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ConfigError {
    /// It is no address that can be sent to.
    #[error("`{0}` is no URL such as http://127.0.0.1:4318")]
    Endpoint(String),
    /// A part of a list is not `name=value`; the value may be a secret, and is not told.
    #[error("part {0} is not name=value")]
    Pair(usize),
    /// It has more parts than anyone needs.
    #[error("there are more than {PAIRS_MAX} parts")]
    Pairs,
    /// A name or a value cannot be a header.
    #[error("`{0}` or its value cannot be a header")]
    Header(String),
    /// It is no share.
    #[error("`{0}` is no share between 0 and 1")]
    Ratio(String),
}

/// Where each kind of telemetry goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub(crate) traces: Uri,
    pub(crate) logs: Uri,
}

impl Endpoint {
    /// Below one base URL, at the paths that OTLP gives.
    ///
    /// # Errors
    /// What is no URL of HTTP.
    pub fn below(base: &str) -> Result<Self, ConfigError> {
        let trimmed = base.trim().trim_end_matches('/');
        let at = |path: &str| exactly(&format!("{trimmed}{path}")).map_err(|_| ConfigError::Endpoint(base.to_owned()));
        Ok(Self { traces: at("/v1/traces")?, logs: at("/v1/logs")? })
    }

    /// With another URL for traces.
    ///
    /// # Errors
    /// As [`Endpoint::below`].
    pub fn with_traces(self, url: &str) -> Result<Self, ConfigError> {
        Ok(Self { traces: exactly(url)?, ..self })
    }

    /// With another URL for logs.
    ///
    /// # Errors
    /// As [`Endpoint::below`].
    pub fn with_logs(self, url: &str) -> Result<Self, ConfigError> {
        Ok(Self { logs: exactly(url)?, ..self })
    }

    /// Whether any of them speaks TLS.
    pub(crate) fn is_secure(&self) -> bool {
        [&self.traces, &self.logs].iter().any(|uri| uri.scheme_str() == Some("https"))
    }
}

fn exactly(url: &str) -> Result<Uri, ConfigError> {
    let uri = url.trim().parse::<Uri>().ok();
    let is_right = |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
    uri.filter(is_right).ok_or_else(|| ConfigError::Endpoint(url.to_owned()))
}

/// Headers of a request. They often hold a token, and are not shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(pub(crate) Vec<(HeaderName, HeaderValue)>);

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl Headers {
    /// Reads `name=value,name=value`.
    ///
    /// # Errors
    /// What is not of this form, or can be no header.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let header = |(name, value): (String, String)| {
            let wrong = || ConfigError::Header(name.clone());
            let mut value = HeaderValue::from_str(&value).map_err(|_| wrong())?;
            value.set_sensitive(true);
            Ok((HeaderName::try_from(&name).map_err(|_| wrong())?, value))
        };
        pairs(text)?.into_iter().map(header).collect::<Result<_, _>>().map(Self)
    }
}

/// Reads `name=value,name=value`, as W3C Baggage has it: values may be percent-encoded.
///
/// # Errors
/// What is not of this form.
pub fn pairs(text: &str) -> Result<Vec<(String, String)>, ConfigError> {
    let parts: Vec<&str> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
    if parts.len() > PAIRS_MAX {
        return Err(ConfigError::Pairs);
    }
    let pair = |(at, part): (usize, &str)| {
        let (name, value) = part.split_once('=').ok_or(ConfigError::Pair(at + 1))?;
        let value = percent_decode_str(value.trim()).decode_utf8().map_err(|_| ConfigError::Pair(at + 1))?;
        let name = name.trim();
        if name.is_empty() { Err(ConfigError::Pair(at + 1)) } else { Ok((name.to_owned(), value.into_owned())) }
    };
    parts.into_iter().enumerate().map(pair).collect()
}

/// Reads a share of executions.
///
/// # Errors
/// What is no number between 0 and 1.
pub fn ratio(text: &str) -> Result<f64, ConfigError> {
    let ratio = text.trim().parse::<f64>().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
    ratio.ok_or_else(|| ConfigError::Ratio(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_has_a_path_for_each_signal() {
        for (base, traces) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
            ("https://otlp.example.com/", "https://otlp.example.com/v1/traces"),
            (" http://[::1]:4318/tenant/7/ ", "http://[::1]:4318/tenant/7/v1/traces"),
        ] {
            assert_eq!(Endpoint::below(base).unwrap().traces, traces);
        }
        for wrong in ["", "127.0.0.1:4318", "ftp://a", "grpc://a:4317", "http://", "http://a b"] {
            assert_eq!(Endpoint::below(wrong), Err(ConfigError::Endpoint(wrong.to_owned())), "{wrong}");
        }
        let endpoint = Endpoint::below("http://a").unwrap().with_logs("https://b/logs").unwrap();
        assert_eq!((endpoint.logs.to_string().as_str(), endpoint.is_secure()), ("https://b/logs", true));
    }

    #[test]
    fn lists_are_read_as_baggage_is() {
        let read = pairs(" a=1, b.c = x%2Cy=z ,,d=").unwrap();
        let read: Vec<_> = read.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(read, [("a", "1"), ("b.c", "x,y=z"), ("d", "")]);
        assert_eq!(pairs("a=1,b"), Err(ConfigError::Pair(2)));
        assert_eq!(pairs("=1"), Err(ConfigError::Pair(1)));
        assert_eq!(pairs(&"a=1,".repeat(PAIRS_MAX + 1)), Err(ConfigError::Pairs));
    }

    #[test]
    fn headers_do_not_show_their_values() {
        let headers = Headers::parse("authorization=Bearer%20secret,x-tenant=7").unwrap();
        assert_eq!(headers.0[0].1, "Bearer secret");
        assert_eq!(format!("{headers:?}"), r#"["authorization", "x-tenant"]"#);
        assert_eq!(Headers::parse("a b=1"), Err(ConfigError::Header("a b".to_owned())));
        assert!(!Headers::parse("a=%0asecret").unwrap_err().to_string().contains("secret"));
    }

    #[test]
    fn a_ratio_is_a_share() {
        assert_eq!((ratio("0"), ratio(" 0.25 "), ratio("1")), (Ok(0.0), Ok(0.25), Ok(1.0)));
        for wrong in ["-0.1", "1.1", "1%", "NaN", ""] {
            assert!(ratio(wrong).is_err(), "{wrong}");
        }
    }
}
