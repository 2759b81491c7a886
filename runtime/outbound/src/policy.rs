//! What is allowed: origins, methods, addresses; and what is added to a request on the way.

use crate::address::{Ranges, Reach};
use crate::error::{Error, PolicyError};
use crate::origin::{Host, Origin, Scheme};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Uri};
use ipnet::IpNet;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, LazyLock};

/// Rules of one policy.
pub const RULES_MAX: usize = 100;
/// Methods of one rule.
pub const METHODS_MAX: usize = 20;
/// Headers that one rule adds.
pub const HEADERS_MAX: usize = 20;
/// Bytes of one such header's value.
const HEADER_BYTES_MAX: usize = 4_096;
/// A network that names machines, rather than half of the internet, has at least so many bits.
const NET_BITS_MIN: u8 = 8;

/// A rule as it is written: an origin alone, or one with what goes with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RuleSpec {
    /// `https://api.example.com`, `https://*.example.com`, `http://127.0.0.1:8080`, `http://10.0.0.0/8`, `https://*`.
    pub origin: String,
    /// Methods that are allowed; all, where none is named.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// Whether the name may stand for an address that is not the internet's.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub allow_private: bool,
    /// Headers that are set on every request, and that whoever asks never sees.
    #[serde(skip_serializing_if = "Credentials::is_empty")]
    pub headers: Credentials,
}

/// Headers by name, with values that are shown to nobody.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Credentials(pub BTreeMap<String, String>);

impl Credentials {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.keys().map(|name| (name, "***"))).finish()
    }
}

impl<'de> Deserialize<'de> for RuleSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Fields {
            origin: String,
            #[serde(default)]
            methods: Vec<String>,
            #[serde(default)]
            allow_private: bool,
            #[serde(default)]
            headers: Credentials,
        }
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = RuleSpec;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an origin, or an object with `origin`, `methods`, `allow_private` and `headers`")
            }

            fn visit_str<E>(self, origin: &str) -> Result<RuleSpec, E> {
                Ok(RuleSpec::new(origin))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RuleSpec, A::Error> {
                let Fields { origin, methods, allow_private, headers } =
                    Fields::deserialize(MapAccessDeserializer::new(map))?;
                Ok(RuleSpec { origin, methods, allow_private, headers })
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl RuleSpec {
    /// An origin, with every method.
    #[must_use]
    pub fn new(origin: impl Into<String>) -> Self {
        Self { origin: origin.into(), ..Self::default() }
    }
}

static RANGES: LazyLock<Ranges> = LazyLock::new(Ranges::new);

/// An allow-list. Clones share it, its connections and its count of requests.
#[derive(Clone)]
pub struct Policy(Arc<Inner>);

struct Inner {
    rules: Vec<Rule>,
    /// Tells the connections of one policy from another's: they are not shared.
    id: u64,
    in_flight: AtomicUsize,
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.rules.iter().map(|rule| &rule.host)).finish()
    }
}

/// A rule, parsed.
pub(crate) struct Rule {
    scheme: Scheme,
    host: Pattern,
    /// `None`: any.
    port: Option<u16>,
    /// Empty: any.
    methods: Vec<Method>,
    reach: Reach,
    pub(crate) headers: HeaderMap,
}

#[derive(Debug)]
enum Pattern {
    /// Any name; no address.
    AnyName,
    /// Any name that ends with a dot and this one.
    Below(String),
    Name(String),
    Net(IpNet),
}

impl Default for Policy {
    /// One that allows nothing.
    fn default() -> Self {
        Self::of(Vec::new())
    }
}

impl Policy {
    /// The policy of these rules. Which come first count first: a request is sent by the first rule that allows it.
    ///
    /// # Errors
    /// The first rule that is not clear, or one rule too many.
    pub fn parse(rules: &[RuleSpec]) -> Result<Self, PolicyError> {
        if let Some(rule) = rules.get(RULES_MAX) {
            let reason = format!("{RULES_MAX} rules are the most that is allowed");
            return Err(PolicyError { origin: rule.origin.clone(), reason });
        }
        Ok(Self::of(rules.iter().map(Rule::parse).collect::<Result<_, _>>()?))
    }

    fn of(rules: Vec<Rule>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(Arc::new(Inner { rules, id: NEXT.fetch_add(1, Relaxed), in_flight: AtomicUsize::new(0) }))
    }

    /// Whether it allows nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.rules.is_empty()
    }

    /// Whether a request of this method may go to this URI, as far as that can be told without resolving its name.
    ///
    /// # Errors
    /// [`Error::Target`], [`Error::Origin`] or [`Error::Method`].
    pub fn check(&self, method: &Method, uri: &Uri) -> Result<(), Error> {
        self.rule(method, &Origin::of(uri)?).map(drop)
    }

    pub(crate) fn rule(&self, method: &Method, origin: &Origin) -> Result<&Rule, Error> {
        let mut any = false;
        for rule in self.0.rules.iter().filter(|rule| rule.is_for(origin)) {
            if rule.allows(method) {
                return Ok(rule);
            }
            any = true;
        }
        Err(if any {
            Error::Method { method: method.to_string(), origin: origin.to_string() }
        } else {
            Error::Origin(origin.to_string())
        })
    }

    /// Whether the rule lets a request for `host` go to this address.
    pub(crate) fn reaches(&self, rule: &Rule, ip: IpAddr) -> bool {
        // A network names its addresses; that it holds this one is why the rule fits.
        matches!(rule.host, Pattern::Net(_)) || RANGES.reach(ip) <= rule.reach
    }

    pub(crate) fn id(&self) -> u64 {
        self.0.id
    }

    pub(crate) fn in_flight(&self) -> &AtomicUsize {
        &self.0.in_flight
    }
}

impl Rule {
    fn parse(spec: &RuleSpec) -> Result<Self, PolicyError> {
        let wrong = |reason: &str| PolicyError { origin: spec.origin.clone(), reason: reason.to_owned() };
        let (scheme, rest) = spec.origin.split_once("://").ok_or_else(|| wrong("expected `scheme://host[:port]`"))?;
        let scheme = Scheme::parse(scheme).map_err(|error| wrong(&error.to_string()))?;
        let (host, port) = parse_authority(scheme, rest).map_err(|reason| wrong(&reason))?;
        let methods = parse_methods(&spec.methods).map_err(|reason| wrong(&reason))?;
        let headers = parse_headers(&spec.headers).map_err(|reason| wrong(&reason))?;
        if matches!(host, Pattern::AnyName) && !headers.is_empty() {
            return Err(wrong("headers are not given to just anybody: name a host"));
        }
        let reach = if spec.allow_private { Reach::Private } else { Reach::Public };
        Ok(Self { scheme, host, port, methods, reach, headers })
    }

    fn is_for(&self, origin: &Origin) -> bool {
        let host = match (&self.host, &origin.host) {
            (Pattern::AnyName, Host::Name(_)) => true,
            (Pattern::Name(name), Host::Name(host)) => name == host,
            (Pattern::Below(name), Host::Name(host)) => {
                host.strip_suffix(name.as_str()).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
            (Pattern::Net(net), Host::Ip(ip)) => net.contains(ip) && names(net, *ip),
            _ => false,
        };
        host && self.scheme == origin.scheme && self.port.is_none_or(|port| port == origin.port)
    }

    fn allows(&self, method: &Method) -> bool {
        // These two would show what was added to the request, or make a tunnel of the connection.
        let never = [Method::TRACE, Method::CONNECT].contains(method);
        !never && (self.methods.is_empty() || self.methods.contains(method))
    }
}

/// Whether a network names this address of it: what no name may stand for is not meant by a network that holds much else.
fn names(net: &IpNet, ip: IpAddr) -> bool {
    let means_it = net.prefix_len() >= NET_BITS_MIN && RANGES.reach(net.network()) == Reach::Never;
    RANGES.reach(ip) != Reach::Never || means_it
}

fn parse_authority(scheme: Scheme, rest: &str) -> Result<(Pattern, Option<u16>), String> {
    if let Some(network) = parse_network(scheme, rest)? {
        return Ok(network);
    }
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.contains(['/', '?', '#']) {
        return Err("an origin has no path: `scheme://host[:port]`".to_owned());
    }
    let (authority, any_port) = authority.strip_suffix(":*").map_or((authority, false), |authority| (authority, true));
    if authority == "*" || authority.starts_with("*:") {
        let origin = Origin::parse(scheme, &authority.replacen('*', "any", 1)).map_err(|error| error.to_string())?;
        return Ok((Pattern::AnyName, (!any_port).then_some(origin.port)));
    }
    let below = authority.strip_prefix("*.");
    let origin = Origin::parse(scheme, below.unwrap_or(authority)).map_err(|error| error.to_string())?;
    let pattern = match (origin.host, below) {
        (Host::Name(name), None) => Pattern::Name(name),
        (Host::Name(name), Some(_)) => Pattern::Below(name),
        (Host::Ip(ip), None) => Pattern::Net(ip.into()),
        (Host::Ip(_), Some(_)) => return Err("there is nothing below an address".to_owned()),
    };
    Ok((pattern, (!any_port).then_some(origin.port)))
}

/// `10.0.0.0/8`, `10.0.0.0/8:8080`, `[fd00::/8]:8080`.
fn parse_network(scheme: Scheme, rest: &str) -> Result<Option<(Pattern, Option<u16>)>, String> {
    let (net, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((net, port)) => (net, port.strip_prefix(':').or(port.is_empty().then_some("")).ok_or("malformed")?),
        None => rest.split_once(':').unwrap_or((rest, "")),
    };
    if net.split_once('/').is_none_or(|(_, bits)| bits.is_empty()) {
        return Ok(None);
    }
    let Ok(net) = net.parse::<IpNet>() else { return Ok(None) };
    if matches!(net, IpNet::V6(net) if net.network().to_ipv4_mapped().is_some()) {
        return Err("write a network of IPv4 as one: `10.0.0.0/8`".to_owned());
    }
    let port = match port {
        "" => Some(scheme.port()),
        "*" => None,
        port => Some(port.parse().ok().filter(|port| *port != 0).ok_or("the port is not a number")?),
    };
    Ok(Some((Pattern::Net(net.trunc()), port)))
}

fn parse_methods(methods: &[String]) -> Result<Vec<Method>, String> {
    if methods.len() > METHODS_MAX {
        return Err(format!("{METHODS_MAX} methods are the most that is allowed"));
    }
    let parse = |name: &String| match Method::from_bytes(name.to_ascii_uppercase().as_bytes()) {
        Ok(Method::TRACE | Method::CONNECT) | Err(_) => Err(format!("`{name}` is no method that can be allowed")),
        Ok(method) => Ok(method),
    };
    methods.iter().map(parse).collect()
}

fn parse_headers(headers: &Credentials) -> Result<HeaderMap, String> {
    if headers.0.len() > HEADERS_MAX {
        return Err(format!("{HEADERS_MAX} headers are the most that is allowed"));
    }
    let mut parsed = HeaderMap::new();
    for (name, value) in &headers.0 {
        let header = HeaderName::from_bytes(name.as_bytes()).ok().filter(|name| !is_of_the_connection(name));
        let header = header.ok_or_else(|| format!("`{name}` is no header that can be set"))?;
        let value = HeaderValue::from_str(value).ok().filter(|value| value.len() <= HEADER_BYTES_MAX);
        // The value is not told: it is a secret.
        let mut value = value.ok_or_else(|| format!("the value of `{name}` is not one of a header"))?;
        value.set_sensitive(true);
        if parsed.insert(header, value).is_some() {
            return Err(format!("`{name}` stands there twice"));
        }
    }
    Ok(parsed)
}

/// Headers that say how a message is carried, or to whom: the client's own to set.
pub(crate) fn is_of_the_connection(name: &HeaderName) -> bool {
    const MORE: [&str; 4] = ["keep-alive", "proxy-connection", "http2-settings", "expect"];
    [
        header::HOST,
        header::CONNECTION,
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
        header::TE,
        header::TRAILER,
        header::UPGRADE,
        header::PROXY_AUTHORIZATION,
        header::PROXY_AUTHENTICATE,
    ]
    .contains(name)
        || MORE.contains(&name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(origins: &[&str]) -> Policy {
        Policy::parse(&origins.iter().map(|origin| RuleSpec::new(*origin)).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn what_is_named_is_allowed_and_nothing_else() {
        for (origin, uri, allowed) in [
            ("https://api.example.com", "https://api.example.com/a?b", true),
            ("https://api.example.com/", "https://API.EXAMPLE.COM.:443/", true),
            ("HTTPS://Api.Example.Com", "https://api.example.com/", true),
            ("https://api.example.com", "http://api.example.com/", false),
            ("https://api.example.com", "http://api.example.com:443/", false),
            ("https://api.example.com", "https://api.example.com:8443/", false),
            ("https://api.example.com", "https://api.example.com.evil.example/", false),
            ("https://api.example.com", "https://xapi.example.com/", false),
            ("https://api.example.com", "https://example.com/", false),
            ("https://api.example.com:*", "https://api.example.com:8443/", true),
            ("https://api.example.com:8443", "https://api.example.com:8443/", true),
            ("https://api.example.com:8443", "https://api.example.com/", false),
            ("https://*.example.com", "https://a.example.com/", true),
            ("https://*.example.com", "https://a.b.example.com/", true),
            ("https://*.example.com", "https://example.com/", false),
            ("https://*.example.com", "https://.example.com/", false),
            ("https://*.example.com", "https://evilexample.com/", false),
            ("https://*.example.com", "https://example.com.evil.example/", false),
            ("https://*", "https://anything.example/", true),
            ("https://*", "https://anything.example:8443/", false),
            ("https://*:*", "https://anything.example:8443/", true),
            ("https://*", "https://1.1.1.1/", false),
            ("https://*", "https://[::1]/", false),
            ("https://*", "https://2130706433/", false),
            ("https://xn--bcher-kva.example", "https://XN--BCHER-KVA.example/", true),
            ("https://b\u{fc}cher.example", "https://xn--bcher-kva.example/", true),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/", true),
            ("http://127.0.0.1:8080", "http://0x7f.1:8080/", true),
            ("http://127.0.0.1:8080", "http://[::ffff:127.0.0.1]:8080/", true),
            ("http://127.0.0.1:8080", "http://localhost:8080/", false),
            ("http://127.0.0.1:8080", "http://127.0.0.1/", false),
            ("http://10.0.0.0/8", "http://10.1.2.3/", true),
            ("http://10.0.0.0/8", "http://11.1.2.3/", false),
            ("http://10.0.0.0/8", "http://167838211/", true),
            ("http://10.0.0.0/8:8080", "http://10.1.2.3:8080/", true),
            ("http://10.0.0.0/8:8080", "http://10.1.2.3/", false),
            ("http://[fd00::/8]:*", "http://[fd00::1]:99/", true),
            ("http://[::1]:8080", "http://[::1]:8080/", true),
            ("http://0.0.0.0/0", "http://169.254.169.254/", false),
            ("http://0.0.0.0/0", "http://1.1.1.1/", true),
            ("http://169.254.0.0/16", "http://169.254.169.254/", true),
            ("http://169.254.169.254", "http://169.254.169.254/", true),
        ] {
            let checked = policy(&[origin]).check(&Method::GET, &uri.parse().unwrap());
            assert_eq!(checked.is_ok(), allowed, "{origin} {uri} {checked:?}");
        }
        // These are not understood at all.
        for uri in ["https://api.example.com@evil.example/", "https://evil.example@api.example.com/"] {
            let uri = uri.parse().unwrap();
            assert!(matches!(policy(&["https://*"]).check(&Method::GET, &uri), Err(Error::Target(_))), "{uri}");
        }
    }

    #[test]
    fn methods_are_named_or_any_but_never_trace_and_connect() {
        let get = RuleSpec { methods: vec!["get".into()], ..RuleSpec::new("https://a.example") };
        let put = RuleSpec { methods: vec!["PUT".into()], ..RuleSpec::new("https://a.example") };
        let policy = Policy::parse(&[get, put, RuleSpec::new("https://b.example")]).unwrap();
        for (method, uri, allowed) in [
            ("GET", "https://a.example/", true),
            ("PUT", "https://a.example/", true),
            ("POST", "https://a.example/", false),
            ("get", "https://a.example/", false),
            ("POST", "https://b.example/", true),
            ("PURGE", "https://b.example/", true),
            ("TRACE", "https://b.example/", false),
            ("CONNECT", "https://b.example/", false),
        ] {
            let checked = policy.check(&method.parse().unwrap(), &uri.parse().unwrap());
            assert_eq!(checked.is_ok(), allowed, "{method} {uri} {checked:?}");
        }
    }

    #[test]
    fn a_rule_that_is_not_clear_is_refused() {
        let with_header = |name: &str, value: &str| RuleSpec {
            headers: Credentials([(name.to_owned(), value.to_owned())].into()),
            ..RuleSpec::new("https://a.example")
        };
        let specs = [
            "api.example.com",
            "ftp://a.example",
            "https://",
            "https://a.example/path",
            "https://a.example?x",
            "https://u:p@a.example",
            "https://a.*.example",
            "https://*a.example",
            "https://**.example",
            "https://*.127.0.0.1",
            "https://a.example:99999",
            "http://10.0.0.0/33",
            "http://[::ffff:10.0.0.0/104]",
        ];
        let with_method = RuleSpec { methods: vec!["CONNECT".into()], ..RuleSpec::new("https://a.example") };
        let anybody = RuleSpec { origin: "https://*".into(), ..with_header("authorization", "Bearer x") };
        let more = [
            with_method,
            anybody,
            with_header("host", "b.example"),
            with_header("Transfer-Encoding", "chunked"),
            with_header("no name", "x"),
            with_header("x", "a\r\nb: c"),
        ];
        for spec in specs.into_iter().map(RuleSpec::new).chain(more) {
            let refused = Policy::parse(std::slice::from_ref(&spec));
            assert!(refused.is_err(), "{spec:?}");
        }
        assert!(Policy::parse(&vec![RuleSpec::new("https://a.example"); RULES_MAX + 1]).is_err());
    }

    #[test]
    fn a_name_reaches_what_its_rule_says() {
        let named = policy(&["https://a.example", "http://127.0.0.1"]);
        let private = RuleSpec { allow_private: true, ..RuleSpec::new("https://a.example") };
        let private = Policy::parse(&[private]).unwrap();
        let reaches = |policy: &Policy, uri: &str, ip: &str| {
            let origin = Origin::of(&uri.parse().unwrap()).unwrap();
            policy.reaches(policy.rule(&Method::GET, &origin).unwrap(), ip.parse().unwrap())
        };
        let name = "https://a.example/";
        assert!(reaches(&named, name, "93.184.216.34"));
        assert!(!reaches(&named, name, "127.0.0.1"), "that the address is granted too does not give it to the name");
        assert!(reaches(&named, "http://127.0.0.1/", "127.0.0.1"));
        assert!(reaches(&private, name, "10.0.0.1"));
        assert!(!reaches(&private, name, "169.254.169.254"));
    }
}
