//! What a request is for, in one spelling: scheme, host and port.

use std::fmt;
use std::net::IpAddr;

/// The longest authority that is looked at.
const AUTHORITY_BYTES_MAX: usize = 512;
/// The longest name that the domain name system has.
const NAME_BYTES_MAX: usize = 253;

/// How a server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    /// The scheme of that name.
    ///
    /// # Errors
    /// [`TargetError::Scheme`] for any other than `http` and `https`.
    pub fn parse(name: &str) -> Result<Self, TargetError> {
        if name.eq_ignore_ascii_case("http") {
            Ok(Self::Http)
        } else if name.eq_ignore_ascii_case("https") {
            Ok(Self::Https)
        } else {
            Err(TargetError::Scheme)
        }
    }

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port where none is named.
    #[must_use]
    pub fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Whom a request is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// A name: lower case, ASCII (an international one in its `xn--` form), without a dot at its end.
    Name(String),
    /// An address, however it was written; an IPv4 address that was mapped into IPv6 is one of IPv4.
    Ip(IpAddr),
}

/// Where a request goes. Two that are the same are equal, however they were written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    /// How it is spoken to.
    pub scheme: Scheme,
    /// Whom.
    pub host: Host,
    /// At which port.
    pub port: u16,
}

/// A request that does not say clearly where it goes. What could be understood in two ways is refused, not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Neither `http` nor `https`.
    #[error("the scheme must be http or https")]
    Scheme,
    /// `user@host`.
    #[error("an authority must not carry user information")]
    UserInfo,
    /// No host that any server could have.
    #[error("the host is not a name or an address")]
    Host,
    /// Not a number between 1 and 65,535.
    #[error("the port is not a number between 1 and 65535")]
    Port,
}

impl Origin {
    /// The origin of an absolute URI.
    ///
    /// # Errors
    /// See [`TargetError`].
    pub fn of(uri: &http::Uri) -> Result<Self, TargetError> {
        let scheme = Scheme::parse(uri.scheme_str().ok_or(TargetError::Scheme)?)?;
        Self::parse(scheme, uri.authority().ok_or(TargetError::Host)?.as_str())
    }

    /// The origin of an authority, `host` or `host:port`.
    ///
    /// # Errors
    /// See [`TargetError`].
    pub fn parse(scheme: Scheme, authority: &str) -> Result<Self, TargetError> {
        let (host, port) = split(authority)?;
        let port = match port {
            None => scheme.port(),
            Some(port) => parse_port(port)?,
        };
        Ok(Self { scheme, host: Host::parse(host)?, port })
    }

    /// `host` or `host:port`, as a `Host` header has it.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.port == self.scheme.port() { self.host.to_string() } else { format!("{}:{}", self.host, self.port) }
    }
}

/// Host and port as they are written.
fn split(authority: &str) -> Result<(&str, Option<&str>), TargetError> {
    if authority.len() > AUTHORITY_BYTES_MAX {
        return Err(TargetError::Host);
    }
    if authority.contains('@') {
        return Err(TargetError::UserInfo);
    }
    let host_end = match authority.strip_prefix('[') {
        Some(rest) => rest.find(']').ok_or(TargetError::Host)? + 2,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, rest) = authority.split_at(host_end);
    match rest.strip_prefix(':') {
        None if rest.is_empty() => Ok((host, None)),
        None => Err(TargetError::Host),
        Some(port) => Ok((host, Some(port))),
    }
}

fn parse_port(port: &str) -> Result<u16, TargetError> {
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let port = digits.then(|| port.parse().ok()).flatten().filter(|port| *port != 0);
    port.ok_or(TargetError::Port)
}

impl Host {
    /// The host of that name or address. An IPv6 address stands in brackets.
    ///
    /// # Errors
    /// [`TargetError::Host`] for what is neither, and for names with percent-encoded parts: what they stand for would be
    /// decided by whoever decodes them.
    pub fn parse(host: &str) -> Result<Self, TargetError> {
        if host.is_empty() || host.contains('%') {
            return Err(TargetError::Host);
        }
        // As browsers do: international names become ASCII, and `0x7f.1` or `2130706433` are the addresses that a
        // resolver of the operating system would take them for.
        match url::Host::parse(host).map_err(|_| TargetError::Host)? {
            url::Host::Ipv4(ip) => Ok(Self::Ip(ip.into())),
            url::Host::Ipv6(ip) => Ok(Self::Ip(IpAddr::V6(ip).to_canonical())),
            url::Host::Domain(name) => {
                let name = name.strip_suffix('.').unwrap_or(&name);
                if is_name(name) { Ok(Self::Name(name.to_owned())) } else { Err(TargetError::Host) }
            }
        }
    }
}

/// Whether every label of a name has letters, digits, hyphens and underscores, and none is empty or too long.
pub(crate) fn is_name(name: &str) -> bool {
    let right = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    let label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(right);
    name.len() <= NAME_BYTES_MAX && name.split('.').all(label)
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Ip(IpAddr::V4(ip)) => write!(f, "{ip}"),
            Self::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.authority())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_place_has_one_spelling() {
        for (authority, canonical) in [
            ("api.example.com", "https://api.example.com"),
            ("API.Example.COM", "https://api.example.com"),
            ("api.example.com.", "https://api.example.com"),
            ("api.example.com:443", "https://api.example.com"),
            ("api.example.com:8443", "https://api.example.com:8443"),
            ("b\u{fc}cher.example", "https://xn--bcher-kva.example"),
            ("XN--BCHER-KVA.example", "https://xn--bcher-kva.example"),
            // Full-width letters and dots.
            ("\u{ff45}xample\u{3002}com", "https://example.com"),
            ("127.0.0.1", "https://127.0.0.1"),
            ("127.0.0.1.", "https://127.0.0.1"),
            ("127.1", "https://127.0.0.1"),
            ("2130706433", "https://127.0.0.1"),
            ("0x7f000001", "https://127.0.0.1"),
            ("0x7f.0.0.1", "https://127.0.0.1"),
            ("0177.0.0.1", "https://127.0.0.1"),
            ("\u{2460}27.0.0.1", "https://127.0.0.1"),
            ("[::1]", "https://[::1]"),
            ("[0:0:0:0:0:0:0:1]:443", "https://[::1]"),
            ("[::ffff:127.0.0.1]", "https://127.0.0.1"),
            ("[::ffff:7f00:1]:80", "https://127.0.0.1:80"),
        ] {
            let origin = Origin::parse(Scheme::Https, authority);
            assert_eq!(origin.as_ref().map(ToString::to_string), Ok(canonical.to_owned()), "{authority}");
        }
    }

    #[test]
    fn what_could_be_understood_in_two_ways_is_refused() {
        use TargetError::{Host, Port, UserInfo};
        for (authority, error) in [
            ("", Host),
            (".", Host),
            ("a..b", Host),
            ("example.com..", Host),
            ("user@example.com", UserInfo),
            ("good.example@evil.example", UserInfo),
            ("good.example:80@evil.example", UserInfo),
            ("ex%61mple.com", Host),
            ("127.0.0.1%2f.example.com", Host),
            ("[fe80::1%25eth0]", Host),
            ("[::1", Host),
            ("[::1]x", Host),
            ("::1", Port),
            ("a b", Host),
            ("a/b", Host),
            ("a\\b", Host),
            ("a#b", Host),
            ("*.example.com", Host),
            ("256.0.0.1", Host),
            ("1.2.3.4.5", Host),
            ("example.com:", Port),
            ("example.com:0", Port),
            ("example.com:65536", Port),
            ("example.com:+80", Port),
            ("example.com:80:80", Port),
        ] {
            assert_eq!(Origin::parse(Scheme::Http, authority).unwrap_err(), error, "{authority}");
        }
        assert_eq!(Scheme::parse("file").unwrap_err(), TargetError::Scheme);
    }
}
