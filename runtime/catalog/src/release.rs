//! What is published under a function's name beside what was put last: versions, aliases, tags.
//!
//! As with state machines, all of it is one value that is replaced as a whole: a call sees one moment of it. A version
//! is a function of its own that never changes, but for what all of them share: the log, the concurrency.

use crate::arn::{FunctionArn, LATEST};
use crate::error::FunctionError;
use crate::function::Deployed;
use crate::published::version_number;
use fleetstep_document::Text;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::Arc;

/// The most versions of one function.
pub const FUNCTION_VERSIONS_MAX: usize = 1_000;
/// The most aliases of one function.
pub const FUNCTION_ALIASES_MAX: usize = 100;
/// The most tags of one function: Lambda's quota.
pub const FUNCTION_TAGS_MAX: usize = 50;
/// What the weights of an alias's two versions add up to: Lambda has fractions of one.
pub const FUNCTION_WEIGHTS_SUM: u32 = 1_000_000;

/// Which of a function's modules is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum FunctionVersion {
    /// What was put last: `$LATEST`.
    #[default]
    Latest,
    /// One that was published: counted from 1, never given twice.
    Number(u32),
}

impl FunctionVersion {
    /// The version of that text, if it names one and not an alias.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text == LATEST { Some(Self::Latest) } else { version_number(text).map(Self::Number) }
    }
}

impl fmt::Display for FunctionVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str(LATEST),
            Self::Number(number) => number.fmt(f),
        }
    }
}

/// A name for one version, or for two between which calls are divided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionAlias {
    /// The function's ARN with the name behind it.
    pub arn: FunctionArn,
    /// Its name.
    pub name: Text,
    /// For people.
    pub description: String,
    /// Where it leads.
    pub route: FunctionRoute,
    /// Changes with every update.
    pub revision_id: Text,
}

/// Where an alias leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FunctionRoute {
    /// To which version, but for what goes to the second.
    pub version: FunctionVersion,
    /// Another version, and how many of [`FUNCTION_WEIGHTS_SUM`] calls go there.
    pub second: Option<(u32, u32)>,
}

impl FunctionRoute {
    /// The version that a call goes to: `chance` is a number below [`FUNCTION_WEIGHTS_SUM`], each as likely as the
    /// others.
    fn version(&self, chance: u32) -> FunctionVersion {
        match self.second {
            Some((number, weight)) if chance < weight => FunctionVersion::Number(number),
            _ => self.version,
        }
    }

    /// Whether it leads to that version, be it with a weight of 0.
    #[must_use]
    pub fn leads_to(&self, version: FunctionVersion) -> bool {
        self.version == version || self.second.is_some_and(|(number, _)| FunctionVersion::Number(number) == version)
    }

    fn versions(&self) -> impl Iterator<Item = FunctionVersion> {
        std::iter::once(self.version).chain(self.second.map(|(number, _)| FunctionVersion::Number(number)))
    }

    /// Whether it can be, as far as the route alone tells.
    pub(crate) fn check(&self) -> Result<(), FunctionError> {
        let invalid = |message: String| Err(FunctionError::InvalidRouting(message));
        match (self.version, self.second) {
            (_, None) => Ok(()),
            (FunctionVersion::Latest, Some(_)) => {
                invalid("$LATEST is not supported for an alias pointing to more than 1 version".to_owned())
            }
            (FunctionVersion::Number(first), Some((second, _))) if first == second => invalid(format!(
                "Invalid function version {second}. Function version {second} is already included in routing configuration."
            )),
            (_, Some((_, weight))) if weight > FUNCTION_WEIGHTS_SUM => {
                invalid("Each weight of a routing configuration must be between 0.0 and 1.0".to_owned())
            }
            _ => Ok(()),
        }
    }
}

/// Everything that is published of one function, as it was at one moment; a change makes another.
#[derive(Clone, Debug, Default)]
pub(crate) struct Releases {
    pub(crate) versions: BTreeMap<u32, Arc<Deployed>>,
    pub(crate) aliases: BTreeMap<Text, Arc<FunctionAlias>>,
    pub(crate) tags: BTreeMap<String, String>,
    /// How many versions there ever were: the number of the latest, deleted or not.
    pub(crate) versions_published: u32,
}

impl Releases {
    /// The part of it that calls with these qualifiers can reach.
    pub(crate) fn reached_by<'a>(&self, qualifiers: impl Iterator<Item = &'a str>) -> Self {
        let mut reached = Self::default();
        let mut add = |version: FunctionVersion| {
            if let FunctionVersion::Number(number) = version
                && let Some(deployed) = self.versions.get(&number)
            {
                reached.versions.insert(number, Arc::clone(deployed));
            }
        };
        for qualifier in qualifiers {
            if let Some(version) = FunctionVersion::parse(qualifier) {
                add(version);
            } else if let Some(alias) = self.aliases.get(qualifier) {
                alias.route.versions().for_each(&mut add);
                reached.aliases.insert(alias.name.clone(), Arc::clone(alias));
            }
        }
        reached
    }

    /// The part of it that calls of any of its aliases can reach.
    pub(crate) fn reached_by_aliases(&self) -> Self {
        self.reached_by(self.aliases.keys().map(Text::as_str))
    }

    /// Names of the aliases that lead to a version.
    pub(crate) fn aliases_of(&self, number: u32) -> Vec<&str> {
        let leads = |alias: &&Arc<FunctionAlias>| alias.route.leads_to(FunctionVersion::Number(number));
        self.aliases.values().filter(leads).map(|alias| alias.name.as_str()).collect()
    }
}

impl Deployed {
    /// The function that a call with a qualifier meets: of an alias with two versions the one that chance says.
    pub(crate) fn qualified(self: &Arc<Self>, qualifier: &str) -> Option<Arc<Self>> {
        let version = match FunctionVersion::parse(qualifier) {
            Some(version) => version,
            // The generator is the thread's own: no lock, no system call.
            None => self.releases.aliases.get(qualifier)?.route.version(fastrand::u32(..FUNCTION_WEIGHTS_SUM)),
        };
        self.version(version)
    }

    /// The function that a version is.
    pub(crate) fn version(self: &Arc<Self>, version: FunctionVersion) -> Option<Arc<Self>> {
        match version {
            FunctionVersion::Latest => Some(Arc::clone(self)),
            FunctionVersion::Number(number) => self.releases.versions.get(&number).cloned(),
        }
    }

    /// Takes out of these modules those that it or one of its versions has.
    pub(crate) fn take_needed(&self, modules: &mut HashSet<Text>) {
        for module in self.modules() {
            modules.remove(module);
        }
    }

    /// Digests of the modules of it and its versions.
    pub(crate) fn modules(&self) -> impl Iterator<Item = &Text> {
        let versions = self.releases.versions.values().map(|version| &version.description.module_sha256);
        std::iter::once(&self.description.module_sha256).chain(versions)
    }
}

/// What clients of Lambda's API say of a function and nothing here goes by: kept and returned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FunctionProfile {
    /// ARN of a role.
    pub role: String,
    /// For example `provided.al2023`.
    pub runtime: String,
    /// What would be called in a bundle of code.
    pub handler: String,
    /// `x86_64` or `arm64`.
    pub architecture: String,
    /// `PassThrough` or `Active`.
    pub tracing_mode: String,
    /// Of a file system that no function has.
    pub ephemeral_storage_mib: u32,
}

impl Default for FunctionProfile {
    fn default() -> Self {
        Self {
            role: String::new(),
            runtime: "provided.al2023".to_owned(),
            handler: "bootstrap".to_owned(),
            architecture: "x86_64".to_owned(),
            tracing_mode: "PassThrough".to_owned(),
            ephemeral_storage_mib: 512,
        }
    }
}

impl FunctionProfile {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What a module came in, as clients know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FunctionPackage {
    /// SHA-256 of the archive, in Base64: `CodeSha256`.
    pub sha256_base64: String,
    /// Its size.
    pub bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_written_as_it_is_read() {
        for (text, version) in [
            ("$LATEST", Some(FunctionVersion::Latest)),
            ("7", Some(FunctionVersion::Number(7))),
            ("0", None),
            ("live", None),
            ("$latest", None),
        ] {
            assert_eq!(FunctionVersion::parse(text), version, "{text}");
            assert!(version.is_none_or(|version| version.to_string() == text));
        }
    }

    #[test]
    fn chance_divides_calls_by_weight() {
        let route = FunctionRoute { version: FunctionVersion::Number(1), second: Some((2, 250_000)) };
        for (chance, number) in [(0, 2), (249_999, 2), (250_000, 1), (999_999, 1)] {
            assert_eq!(route.version(chance), FunctionVersion::Number(number), "{chance}");
        }
        let never = FunctionRoute { second: Some((2, 0)), ..route };
        assert_eq!(never.version(0), FunctionVersion::Number(1));
    }

    #[test]
    fn a_route_that_cannot_be_is_refused() {
        let of = |version, second| FunctionRoute { version, second }.check().map_err(|error| error.to_string());
        let one = FunctionVersion::Number(1);
        assert!(of(one, None).is_ok() && of(FunctionVersion::Latest, None).is_ok());
        assert!(of(one, Some((2, FUNCTION_WEIGHTS_SUM))).is_ok());
        for (version, second, said) in [
            (FunctionVersion::Latest, (2, 1), "$LATEST is not supported"),
            (one, (1, 1), "already included"),
            (one, (2, FUNCTION_WEIGHTS_SUM + 1), "between 0.0 and 1.0"),
        ] {
            assert!(of(version, Some(second)).unwrap_err().contains(said), "{version} {second:?}");
        }
    }
}
