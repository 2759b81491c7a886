//! What is published under the name of a state machine: its current revision, its versions, its aliases, its tags.
//!
//! All of it is one value that is replaced as a whole, so that a start sees one moment of it and takes no lock of
//! its own: an alias holds its versions, a version holds the revision that it pins, and that holds its program.

use crate::error::PublishError;
use crate::{StateMachine, StateMachineArn};
use fleetstep_document::Text;
use fleetstep_engine::{Identity, clock};
use fleetstep_machine::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The most versions of one state machine: the service's quota.
pub const VERSIONS_MAX: usize = 1_000;
/// The most aliases of one state machine: the service's quota.
pub const ALIASES_MAX: usize = 100;
/// The most tags of one state machine: the service's quota.
pub const TAGS_MAX: usize = 50;
/// The most versions that an alias routes to: the service's API model.
pub const ROUTES_MAX: usize = 2;
/// What the weights of an alias add up to.
pub const WEIGHTS_SUM: u32 = 100;

/// The revision that a state machine has before its first update, where a revision must be named
/// (`PublishStateMachineVersion` in the API reference).
pub const INITIAL_REVISION: &str = "INITIAL";

/// A revision that is kept under a number.
#[derive(Clone, Debug)]
pub struct Version {
    /// The machine's ARN with the number behind it.
    pub arn: StateMachineArn,
    /// Counted from 1; never given twice.
    pub number: u32,
    /// For people.
    pub description: Option<Text>,
    /// When it was published.
    pub created: Timestamp,
    /// The revision that it pins, under the machine's own ARN.
    pub machine: Arc<StateMachine>,
}

/// A name for one version, or for two between which starts are divided.
#[derive(Clone, Debug)]
pub struct Alias {
    /// The machine's ARN with the name behind it.
    pub arn: StateMachineArn,
    /// Its name.
    pub name: Text,
    /// For people.
    pub description: Option<Text>,
    /// One or two; their weights add up to [`WEIGHTS_SUM`].
    pub routes: Vec<Route>,
    /// When it was created.
    pub created: Timestamp,
    /// When it was last updated; its creation, if never.
    pub updated: Timestamp,
}

/// Where an alias leads.
#[derive(Clone, Debug)]
pub struct Route {
    /// To which version.
    pub version: Arc<Version>,
    /// How many of [`WEIGHTS_SUM`] starts.
    pub weight: u32,
}

impl Alias {
    /// The version that a start runs: `chance` is a number below [`WEIGHTS_SUM`], each as likely as the others.
    fn version(&self, chance: u32) -> &Arc<Version> {
        let mut below = 0;
        let chosen = self.routes.iter().find(|route| {
            below += route.weight;
            chance < below
        });
        &chosen.expect("the weights add up to more than any chance").version
    }

    /// The version that most starts run; of two that are equal the first.
    #[must_use]
    pub fn main_version(&self) -> &Arc<Version> {
        let first = &self.routes[0];
        let heaviest =
            self.routes.iter().fold(first, |best, route| if route.weight > best.weight { route } else { best });
        &heaviest.version
    }

    /// Whether it leads to that version, be it with a weight of 0.
    #[must_use]
    pub fn routes_to(&self, number: u32) -> bool {
        self.routes.iter().any(|route| route.version.number == number)
    }

    /// Whether its routes are these, in whatever order.
    pub(crate) fn has_routes(&self, routes: &[Route]) -> bool {
        let same = |a: &Route, b: &Route| a.version.number == b.version.number && a.weight == b.weight;
        self.routes.len() == routes.len()
            && self.routes.iter().all(|route| routes.iter().any(|other| same(route, other)))
    }
}

/// What a start runs, and how it was named.
#[derive(Clone, Debug)]
pub struct Target {
    /// The revision.
    pub machine: Arc<StateMachine>,
    /// ARN of the version that was named, or that an alias chose.
    pub version_arn: Option<Text>,
    /// ARN of the alias that was named.
    pub alias_arn: Option<Text>,
}

impl Target {
    /// Who a new execution is: `name` if given, else a UUID is its name. Its ARN is made of the machine's, however
    /// the start named it.
    #[must_use]
    pub fn identity(&self, name: Option<&str>) -> Arc<Identity> {
        Arc::new(Identity {
            state_machine_version_arn: self.version_arn.clone(),
            state_machine_alias_arn: self.alias_arn.clone(),
            ..self.machine.new_identity(name)
        })
    }

    fn version(version: &Version) -> Self {
        Self {
            machine: Arc::clone(&version.machine),
            version_arn: Some(version.arn.as_text().clone()),
            alias_arn: None,
        }
    }
}

impl From<Arc<StateMachine>> for Target {
    fn from(machine: Arc<StateMachine>) -> Self {
        Self { machine, version_arn: None, alias_arn: None }
    }
}

/// Everything under one name, as it was at one moment; a change makes another.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    /// The current revision.
    pub(crate) machine: Arc<StateMachine>,
    pub(crate) versions: BTreeMap<u32, Arc<Version>>,
    pub(crate) aliases: BTreeMap<Text, Arc<Alias>>,
    pub(crate) tags: BTreeMap<String, String>,
    /// How many versions there ever were: the number of the latest, deleted or not.
    pub(crate) versions_published: u32,
}

impl Published {
    pub(crate) fn new(machine: StateMachine, tags: BTreeMap<String, String>) -> Self {
        Self {
            machine: Arc::new(machine),
            versions: BTreeMap::new(),
            aliases: BTreeMap::new(),
            tags,
            versions_published: 0,
        }
    }

    /// Whether the tags are as many as may be.
    pub(crate) fn check_tags(&self) -> Result<(), PublishError> {
        if self.tags.len() > TAGS_MAX {
            let arn = self.machine.arn.as_text().to_string();
            return Err(PublishError::TooManyTags { arn, tags: self.tags.len() });
        }
        Ok(())
    }

    /// What a start by a qualifier runs, if there is such a version or alias of exactly that ARN.
    pub(crate) fn qualified(&self, arn: &str, qualifier: &str) -> Option<Target> {
        if let Some(number) = version_number(qualifier) {
            let version = self.versions.get(&number)?;
            return (version.arn.as_text() == arn).then(|| Target::version(version));
        }
        let alias = self.aliases.get(qualifier).filter(|alias| alias.arn.as_text() == arn)?;
        // The generator is the thread's own: no lock, no system call.
        let version = alias.version(fastrand::u32(..WEIGHTS_SUM));
        Some(Target { alias_arn: Some(alias.arn.as_text().clone()), ..Target::version(version) })
    }

    /// The version of the current revision, if it was published.
    pub(crate) fn current_version(&self) -> Option<&Arc<Version>> {
        self.versions.values().rev().find(|version| version.machine.revision_id == self.machine.revision_id)
    }

    /// Publishes the current revision; whether that made a version. A revision has one version at most.
    pub(crate) fn publish(&mut self, description: Option<String>) -> Result<(Arc<Version>, bool), PublishError> {
        if let Some(there) = self.current_version() {
            return Ok((Arc::clone(there), false));
        }
        if self.versions.len() >= VERSIONS_MAX {
            return Err(PublishError::TooManyVersions { arn: self.machine.arn.as_text().to_string() });
        }
        let number = self.versions_published + 1;
        let version = Arc::new(Version {
            arn: self.machine.arn.qualified_by(&number.to_string()),
            number,
            description: description.map(Text::from),
            created: clock::now(),
            machine: Arc::clone(&self.machine),
        });
        self.versions_published = number;
        self.versions.insert(number, Arc::clone(&version));
        Ok((version, true))
    }
}

/// The number of a version's qualifier, written as the service writes it: without zeros before it.
pub(crate) fn version_number(qualifier: &str) -> Option<u32> {
    let digits = !qualifier.is_empty() && qualifier.bytes().all(|byte| byte.is_ascii_digit());
    if digits && !qualifier.starts_with('0') { qualifier.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::version_number;

    #[test]
    fn a_version_is_a_number_without_ornament() {
        for (qualifier, number) in [
            ("1", Some(1)),
            ("1000", Some(1_000)),
            ("4294967295", Some(u32::MAX)),
            ("4294967296", None),
            ("0", None),
            ("01", None),
            ("+1", None),
            ("", None),
            ("PROD", None),
            ("1a", None),
        ] {
            assert_eq!(version_number(qualifier), number, "{qualifier}");
        }
    }
}
