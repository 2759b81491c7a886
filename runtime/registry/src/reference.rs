//! Where a module is: a registry, a name, a tag or a digest.

use crate::RegistryError;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// What a reference begins with where a path could stand too.
pub const SCHEME: &str = "oci://";
/// The longest reference.
const REFERENCE_BYTES_MAX: usize = 1_024;
/// The longest tag, by the distribution specification.
const TAG_BYTES_MAX: usize = 128;
/// The tag of a reference that has neither tag nor digest.
const LATEST: &str = "latest";
/// Hexadecimal digits of a SHA-256.
const SHA256_DIGITS: usize = 64;

/// Whether a text is meant as a reference, and not as a path.
#[must_use]
pub fn is_reference(text: &str) -> bool {
    text.starts_with(SCHEME)
}

/// A module in a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleReference {
    registry: String,
    name: String,
    tag: Option<String>,
    digest: Option<String>,
}

impl ModuleReference {
    /// Host of the registry, with its port where one is named.
    #[must_use]
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The digest that the manifest must have.
    #[must_use]
    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// The repository within the registry.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What the manifest is asked for by.
    pub(crate) fn manifest(&self) -> &str {
        self.digest().or(self.tag.as_deref()).unwrap_or(LATEST)
    }

    /// What the manifest is kept under.
    pub(crate) fn kept_under(&self) -> &str {
        self.tag.as_deref().or(self.digest()).unwrap_or(LATEST)
    }
}

/// Whether a host, with its port or without, is on this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    let bracketed = host.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(host, _)| host);
    let host = bracketed.unwrap_or_else(|| host.split(':').next().unwrap_or(host));
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl fmt::Display for ModuleReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { registry, name, tag, digest } = self;
        write!(f, "{SCHEME}{registry}/{name}")?;
        match (tag, digest) {
            (Some(tag), _) => write!(f, ":{tag}")?,
            (None, None) => write!(f, ":{LATEST}")?,
            (None, Some(_)) => {}
        }
        digest.as_ref().map_or(Ok(()), |digest| write!(f, "@{digest}"))
    }
}

impl FromStr for ModuleReference {
    type Err = RegistryError;

    fn from_str(text: &str) -> Result<Self, RegistryError> {
        let wrong = |reason: &str| RegistryError::Reference { text: text.to_owned(), reason: reason.to_owned() };
        let bare = text.strip_prefix(SCHEME).unwrap_or(text);
        if bare.len() > REFERENCE_BYTES_MAX {
            return Err(wrong("it is too long"));
        }
        // Elsewhere a bare name means Docker's own registry. Who means that can say so.
        let form = "it should be REGISTRY/NAME:TAG, and the registry a host, for example ghcr.io/team/task:1";
        let (registry, rest) = bare.split_once('/').filter(|(host, _)| is_registry(host)).ok_or_else(|| wrong(form))?;
        let (rest, digest) = match rest.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (rest, None),
        };
        let (name, tag) = match rest.split_once(':') {
            Some((name, tag)) => (name, Some(tag)),
            None => (rest, None),
        };
        if !name.split('/').all(is_name_part) {
            return Err(wrong("its name should have small letters, digits and single marks between them"));
        }
        if !tag.is_none_or(is_tag) {
            return Err(wrong("its tag should have letters, digits, and . _ - within"));
        }
        if !digest.is_none_or(is_digest) {
            return Err(wrong("its digest should be sha256: and 64 digits"));
        }
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Ok(Self { registry: registry.to_owned(), name: name.to_owned(), tag: owned(tag), digest: owned(digest) })
    }
}

fn is_registry(host: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    host.bytes().all(allowed) && (host.contains(['.', ':']) || host == "localhost")
}

/// Small letters and digits, with marks between them.
fn is_name_part(part: &str) -> bool {
    let plain = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
    part.bytes().all(allowed) && plain(part.bytes().next()) && plain(part.bytes().last()) && !part.contains("..")
}

fn is_tag(tag: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=TAG_BYTES_MAX).contains(&tag.len())
        && tag.bytes().all(|byte| word(byte) || b".-".contains(&byte))
        && tag.bytes().next().is_some_and(word)
}

pub(crate) fn is_digest(digest: &str) -> bool {
    let digits = digest.strip_prefix("sha256:").unwrap_or_default();
    digits.len() == SHA256_DIGITS && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_names_its_registry_and_is_written_as_it_is_read() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        for (text, registry, manifest, shown) in [
            ("oci://ghcr.io/team/task:1", "ghcr.io", "1", "oci://ghcr.io/team/task:1"),
            ("127.0.0.1:5000/task:v1.0-x_y", "127.0.0.1:5000", "v1.0-x_y", "oci://127.0.0.1:5000/task:v1.0-x_y"),
            ("localhost/a/b-c/d_e", "localhost", "latest", "oci://localhost/a/b-c/d_e:latest"),
            (
                &format!("r.example:443/t@{digest}"),
                "r.example:443",
                &digest,
                &format!("oci://r.example:443/t@{digest}"),
            ),
            (&format!("oci://r.example/t:1@{digest}"), "r.example", &digest, &format!("oci://r.example/t:1@{digest}")),
        ] {
            let reference: ModuleReference = text.parse().unwrap();
            assert_eq!((reference.registry(), reference.manifest()), (registry, manifest), "{text}");
            assert_eq!(reference.to_string(), shown);
            assert_eq!(shown.parse::<ModuleReference>().unwrap().manifest(), manifest);
        }
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        let long = format!("ghcr.io/{}", "a".repeat(2_000));
        let tag = format!("ghcr.io/task:{}", "1".repeat(129));
        let other = format!("ghcr.io/task@sha512:{}", "0a".repeat(64));
        let large = format!("ghcr.io/task@sha256:{}", "0A".repeat(32));
        for text in [
            "",
            "oci://",
            "task",
            "team/task:1",
            "oci://ghcr.io/Team/task",
            "ghcr.io/task:a b",
            "ghcr.io/",
            "ghcr.io/a//b",
            "ghcr.io/../a",
            "ghcr.io/a:",
            "ghcr.io/a:1:2",
            "ghcr.io/-a",
            "ghcr.io/a@",
            "user@ghcr.io/a",
            "ghcr.io/a?b",
            &long,
            &tag,
            &other,
            &large,
        ] {
            assert!(text.parse::<ModuleReference>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_on_this_machine() {
        for host in ["localhost", "LOCALHOST:5000", "127.0.0.1", "127.1.2.3:80", "[::1]:5000"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["ghcr.io", "127.0.0.1.example.com", "localhost.example.com:5000", "10.0.0.1:5000", "[::2]:5000"] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
