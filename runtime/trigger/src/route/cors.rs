//! Pages of other sites: which of them a browser lets use a route.

use crate::Problem;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, VARY,
};
use http::{HeaderName, HeaderValue, Uri};
use serde::{Deserialize, Serialize};

/// Origins of one route.
const ORIGINS_MAX: usize = 32;
/// Headers of one route.
const HEADERS_MAX: usize = 32;
/// How long a browser may remember what it was told, in seconds.
const MAX_AGE_SECONDS: &str = "600";
/// What a page may send unless said.
const HEADERS_DEFAULT: &str = "content-type, authorization";
/// What a page may see of an answer beside what every page may.
const EXPOSED: &str = "fleetstep-execution-arn, retry-after";

/// `cors` of a route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorsSpec {
    /// `https://shop.example`, or `*` for every page.
    pub origins: Vec<String>,
    /// Headers that a page may send; `content-type` and `authorization` unless said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<String>,
}

/// Whom a route lets in, ready to be told.
#[derive(Clone, Debug)]
pub struct Cors {
    /// Nothing where every page may.
    origins: Option<Vec<String>>,
    headers: HeaderValue,
}

/// The headers that a browser is answered with.
pub type Preflight = Vec<(HeaderName, HeaderValue)>;

impl CorsSpec {
    pub(super) fn compile(&self) -> Result<Cors, Problem> {
        let problem = |message: String| Err(Problem::at("/cors", message));
        if self.origins.is_empty() || self.origins.len() > ORIGINS_MAX || self.headers.len() > HEADERS_MAX {
            return problem(format!("there are 1 to {ORIGINS_MAX} origins, and {HEADERS_MAX} headers at most"));
        }
        let is_every = self.origins == ["*"];
        if let Some(other) = self.origins.iter().find(|origin| !is_every && !is_origin(origin)) {
            return problem(format!("'{other}' is no origin such as https://shop.example, nor is it * alone"));
        }
        if let Some(other) = self.headers.iter().find(|name| HeaderName::try_from(name.as_str()).is_err()) {
            return problem(format!("'{other}' is no header's name"));
        }
        let headers = if self.headers.is_empty() { HEADERS_DEFAULT.to_owned() } else { self.headers.join(", ") };
        let headers = HeaderValue::try_from(headers).expect("names of headers are a value");
        Ok(Cors { origins: (!is_every).then(|| self.origins.clone()), headers })
    }
}

/// Scheme and authority, and nothing else.
fn is_origin(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else { return false };
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return false };
    text == format!("{scheme}://{authority}") && matches!(scheme, "http" | "https") && !text.contains('@')
}

impl Cors {
    /// Whether pages of that origin may use the route.
    #[must_use]
    pub fn lets_in(&self, origin: &HeaderValue) -> bool {
        match &self.origins {
            None => true,
            Some(origins) => origins.iter().any(|known| known.as_bytes() == origin.as_bytes()),
        }
    }

    /// What goes with an answer to a page of that origin.
    #[must_use]
    pub fn headers(&self, origin: &HeaderValue) -> Preflight {
        let vary = (VARY, HeaderValue::from_static("origin"));
        if !self.lets_in(origin) {
            return vec![vary];
        }
        vec![
            vary,
            (ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone()),
            (ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED)),
        ]
    }

    /// What a browser is told that asks first, for all methods of a path that pages of this origin may use.
    #[must_use]
    pub fn preflight(&self, origin: &HeaderValue, methods: &str) -> Preflight {
        let mut all = self.headers(origin);
        if let Ok(methods) = HeaderValue::try_from(methods)
            && self.lets_in(origin)
        {
            all.push((ACCESS_CONTROL_ALLOW_METHODS, methods));
            all.push((ACCESS_CONTROL_ALLOW_HEADERS, self.headers.clone()));
            all.push((ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE_SECONDS)));
        }
        all
    }
}
