//! Functions as they are deployed: a record, a loaded module, and the slot through which state machines call it.

use crate::FunctionError;
use crate::arn::{FunctionArn, Place};
use crate::failure::function_not_ready;
use crate::integration::Integrations;
use crate::release::{FunctionPackage, FunctionProfile, FunctionVersion, Releases};
use arc_swap::ArcSwapOption;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dashmap::DashMap;
use fleetstep_document::Text;
use fleetstep_engine::{Call, Reply};
use fleetstep_machine::Timestamp;
use fleetstep_wasm::{
    Function, FunctionConfig, Grants, MASKED, Module, ModuleKind, SECRET_BYTES_MIN, Sandbox, Secrets, Start,
};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How a function is run. What is left out is the sandbox's default.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FunctionSettings {
    /// The most linear memory of one call, in MiB.
    pub memory_mib: u32,
    /// How long one call may take, in seconds.
    pub timeout_seconds: u32,
    /// How many calls may run at once.
    pub concurrency_max: u32,
    /// How many calls one instance serves, one after another; 1 is a fresh instance for each.
    pub reuse: u32,
    /// Whether the module's start-up is run once, when it is uploaded, for all its instances.
    pub preinitialise: bool,
    /// What the function may read of its environment.
    pub environment: BTreeMap<String, String>,
    /// What it may read of its environment beside that, and what is shown to nobody.
    #[serde(skip_serializing_if = "Secrets::is_empty")]
    pub secrets: Secrets,
    /// What it may reach beside itself.
    #[serde(skip_serializing_if = "Grants::is_empty")]
    pub grants: Grants,
    /// For people.
    pub description: String,
}

/// What [`FunctionSettings::memory_mib`] may be; a sandbox may be set up for less.
pub const MEMORY_MIB: RangeInclusive<u32> = 1..=4_096;
/// What [`FunctionSettings::timeout_seconds`] may be: no execution lives longer.
pub const TIMEOUT_SECONDS: RangeInclusive<u32> = 1..=300;
/// What [`FunctionSettings::concurrency_max`] may be.
pub const CONCURRENCY: RangeInclusive<u32> = 1..=100_000;
/// What [`FunctionSettings::reuse`] may be.
pub const REUSE: RangeInclusive<u32> = 1..=1_000_000;
/// The most that names and values of an environment may have together: Lambda's limit.
pub const ENVIRONMENT_BYTES_MAX: usize = 4_096;
/// The longest description: Lambda's limit.
pub const DESCRIPTION_CHARS_MAX: usize = 256;

impl Default for FunctionSettings {
    fn default() -> Self {
        let FunctionConfig {
            memory_bytes_max,
            timeout,
            environment,
            secrets,
            grants,
            concurrency_max,
            calls_per_instance_max,
        } = FunctionConfig::default();
        Self {
            memory_mib: u32::try_from(memory_bytes_max >> 20).unwrap_or(u32::MAX),
            timeout_seconds: u32::try_from(timeout.as_secs()).unwrap_or(u32::MAX),
            concurrency_max,
            reuse: calls_per_instance_max,
            preinitialise: false,
            environment,
            secrets,
            grants,
            description: String::new(),
        }
    }
}

impl FunctionSettings {
    /// Whether every setting is within its bounds; the error names the one that is not.
    pub(crate) fn check(&self) -> Result<(), FunctionError> {
        let numbers = [
            ("memory_mib", self.memory_mib, MEMORY_MIB),
            ("timeout_seconds", self.timeout_seconds, TIMEOUT_SECONDS),
            ("concurrency_max", self.concurrency_max, CONCURRENCY),
            ("reuse", self.reuse, REUSE),
        ];
        for (name, value, range) in numbers {
            if !range.contains(&value) {
                let (from, to) = range.into_inner();
                return Err(FunctionError::InvalidSettings(format!("{name} is {value}: it should be {from} to {to}")));
            }
        }
        let variables = || self.environment.iter().chain(&self.secrets.0);
        let environment_bytes: usize = variables().map(|(name, value)| name.len() + value.len()).sum();
        if environment_bytes > ENVIRONMENT_BYTES_MAX {
            return Err(FunctionError::InvalidSettings(format!(
                "environment has {environment_bytes} bytes: it should have {ENVIRONMENT_BYTES_MAX} at most"
            )));
        }
        if let Some(name) = variables().map(|(name, _)| name).find(|name| !is_variable_name(name)) {
            return Err(FunctionError::InvalidSettings(format!(
                "environment: '{name}' is no name of a variable: letters, digits and underscores, not a digit first"
            )));
        }
        if variables().any(|(_, value)| value.contains('\0')) {
            return Err(FunctionError::InvalidSettings("environment: a value must not hold a zero character".into()));
        }
        if let Some(name) = self.secrets.0.keys().find(|name| self.environment.contains_key(*name)) {
            return Err(FunctionError::InvalidSettings(format!("secrets: '{name}' is in the environment too")));
        }
        if let Some((name, _)) = self.secrets.0.iter().find(|(_, value)| value.len() < SECRET_BYTES_MIN) {
            return Err(FunctionError::InvalidSettings(format!(
                "secrets: '{name}' has less than {SECRET_BYTES_MIN} bytes: so little cannot be told from other text"
            )));
        }
        self.grants.check().map_err(|error| FunctionError::InvalidSettings(error.to_string()))?;
        if self.description.chars().count() > DESCRIPTION_CHARS_MAX {
            return Err(FunctionError::InvalidSettings(format!(
                "description is longer than {DESCRIPTION_CHARS_MAX} characters"
            )));
        }
        Ok(())
    }

    /// Sets the grants to what a JSON object says.
    ///
    /// # Errors
    /// What the object should have been.
    pub fn set_grants(&mut self, json: &str) -> Result<(), String> {
        self.grants = serde_json::from_str(json).map_err(|error| error.to_string())?;
        Ok(())
    }

    /// The grants as a JSON object, without the values of credentials; `None` where nothing is granted.
    #[must_use]
    pub fn grants_shown(&self) -> Option<String> {
        let mut grants = (!self.grants.is_empty()).then(|| self.grants.clone())?;
        let credentials = grants.http.iter_mut().flat_map(|rule| rule.headers.0.values_mut());
        credentials.for_each(|value| MASKED.clone_into(value));
        serde_json::to_string(&grants).ok()
    }

    fn config(&self) -> FunctionConfig {
        FunctionConfig {
            memory_bytes_max: u64::from(self.memory_mib) << 20,
            timeout: Duration::from_secs(self.timeout_seconds.into()),
            environment: self.environment.clone(),
            secrets: self.secrets.clone(),
            grants: self.grants.clone(),
            concurrency_max: self.concurrency_max,
            calls_per_instance_max: self.reuse,
        }
    }

    /// Where the instances of the module begin.
    pub(crate) fn start(&self) -> Start {
        if self.preinitialise { Start::Preinitialised } else { Start::Fresh }
    }
}

fn is_variable_name(name: &str) -> bool {
    let right = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.bytes().all(right) && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

/// A deployed function.
#[derive(Clone, Debug)]
pub struct FunctionDescription {
    /// Its ARN, without a qualifier.
    pub arn: FunctionArn,
    /// Its name.
    pub name: Text,
    /// Which of its versions this is.
    pub version: FunctionVersion,
    /// SHA-256 of the module, in hexadecimal.
    pub module_sha256: Text,
    /// Size of the module.
    pub module_bytes: u64,
    /// What the module came in, if it was an archive.
    pub package: Option<FunctionPackage>,
    /// `task`, `reactor`, `command` or `http`; `None` when the stored module can't be loaded.
    pub kind: Option<&'static str>,
    /// Why the stored module can't be loaded; calls of the function fail with it. It names no file of the host:
    /// [`Catalog::problems`](crate::Catalog::problems) does.
    pub problem: Option<String>,
    /// How it is run.
    pub settings: FunctionSettings,
    /// How many calls of all its versions may run at once, in place of what the settings say.
    pub reserved_concurrency: Option<u32>,
    /// What clients say of it beside that.
    pub profile: FunctionProfile,
    /// Changes with every change; none for one that was put by an earlier version of this program.
    pub revision_id: Option<Text>,
    /// When it was first put.
    pub created: Timestamp,
    /// When module or settings last changed.
    pub updated: Timestamp,
}

impl FunctionDescription {
    /// How many calls may run at once.
    pub(crate) fn concurrency_max(&self) -> u32 {
        self.reserved_concurrency.unwrap_or(self.settings.concurrency_max)
    }

    /// SHA-256 of what it was put as, an archive or the module itself, in Base64.
    #[must_use]
    pub fn code_sha256(&self) -> String {
        let of_module = || {
            let digits = self.module_sha256.as_bytes().chunks_exact(2);
            let byte = |pair: &[u8]| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
            STANDARD.encode(digits.filter_map(byte).collect::<Vec<u8>>())
        };
        self.package.as_ref().map_or_else(of_module, |package| package.sha256_base64.clone())
    }

    /// Takes over what a version does not have for itself.
    pub(crate) fn take_concurrency_of(&mut self, latest: &Self) {
        self.settings.concurrency_max = latest.settings.concurrency_max;
        self.reserved_concurrency = latest.reserved_concurrency;
    }

    fn config(&self) -> FunctionConfig {
        FunctionConfig { concurrency_max: self.concurrency_max(), ..self.settings.config() }
    }

    /// Whether a version of this would be no other than `version`.
    pub(crate) fn is_published_as(&self, version: &Self) -> bool {
        let settings = FunctionSettings {
            description: self.settings.description.clone(),
            concurrency_max: self.settings.concurrency_max,
            ..version.settings.clone()
        };
        self.module_sha256 == version.module_sha256
            && self.package == version.package
            && self.settings == settings
            && self.profile == version.profile
    }
}

/// The answer to a put.
#[derive(Clone, Debug)]
pub struct FunctionPut {
    /// The function that is there now.
    pub function: FunctionDescription,
    /// Whether there was none of that name before.
    pub created: bool,
}

/// A function as it was put: what is described, and what is called.
pub(crate) struct Deployed {
    pub(crate) description: FunctionDescription,
    /// The loaded module with its configuration; `None` where the description has a problem.
    pub(crate) function: Option<Arc<Function>>,
    /// What is published of it; nothing of what is a version itself.
    pub(crate) releases: Arc<Releases>,
}

impl std::fmt::Debug for Deployed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deployed").field("description", &self.description).finish_non_exhaustive()
    }
}

impl Deployed {
    /// A function over a loaded module, in place of `before` where there is one. The settings must be checked.
    pub(crate) fn new(
        sandbox: &Sandbox,
        mut description: FunctionDescription,
        module: Arc<Module>,
        before: Option<&Function>,
    ) -> Result<Self, FunctionError> {
        let config = description.config();
        sandbox.check(&module, &config).map_err(|error| FunctionError::InvalidSettings(error.to_string()))?;
        description.kind = Some(match module.kind() {
            ModuleKind::Task => "task",
            ModuleKind::Command => "command",
            ModuleKind::Reactor => "reactor",
            ModuleKind::Http => "http",
        });
        description.problem = None;
        let function = match before {
            Some(before) => before.replace(module, config),
            None => {
                let (name, arn) = (description.name.clone(), description.arn.as_text().clone());
                Function::new(sandbox, name, arn, module, config)
            }
        };
        Ok(Self { description, function: Some(function), releases: Arc::default() })
    }

    /// A function whose stored module can't be loaded: it is there to be seen and to be replaced.
    pub(crate) fn broken(mut description: FunctionDescription, problem: String) -> Self {
        description.kind = None;
        description.problem = Some(problem);
        Self { description, function: None, releases: Arc::default() }
    }

    /// The same with what is published of it. All versions share one concurrency.
    pub(crate) fn with(self, releases: Arc<Releases>) -> Self {
        let is_behind =
            |version: &Arc<Self>| version.description.concurrency_max() != self.description.concurrency_max();
        if !releases.versions.values().any(is_behind) {
            return Self { releases, ..self };
        }
        let mut releases = Releases::clone(&releases);
        for version in releases.versions.values_mut() {
            *version = Arc::new(version.as_concurrent_as(&self.description));
        }
        Self { releases: Arc::new(releases), ..self }
    }

    /// The same version of a function with the concurrency that all have now.
    fn as_concurrent_as(&self, latest: &FunctionDescription) -> Self {
        let mut description = self.description.clone();
        description.take_concurrency_of(latest);
        self.configured(description)
    }

    /// The same module, described otherwise; of what is published of it nothing.
    pub(crate) fn configured(&self, description: FunctionDescription) -> Self {
        let replace = |function: &Arc<Function>| function.replace(Arc::clone(function.module()), description.config());
        let function = self.function.as_ref().map(replace);
        Self { description, function, releases: Arc::default() }
    }

    /// Calls it on behalf of the resource that `label` names when the answer is too large.
    pub(crate) fn invoke_as(&self, call: Call, label: &Text) -> Reply {
        match &self.function {
            Some(function) => function.invoke_as(call, label),
            None => {
                let problem = self.description.problem.as_deref().unwrap_or_default();
                Reply::Ready(Err(function_not_ready(self.description.arn.as_text(), problem)))
            }
        }
    }
}

/// Where the function of one name is found, now and after every replacement. Empty while there is none.
#[derive(Default)]
pub(crate) struct Slot {
    current: ArcSwapOption<Deployed>,
}

impl Slot {
    /// The function that is there now; it stays usable when it is replaced.
    pub(crate) fn current(&self) -> arc_swap::Guard<Option<Arc<Deployed>>> {
        self.current.load()
    }
}

/// All slots by name.
pub(crate) struct Functions {
    slots: DashMap<Text, Arc<Slot>>,
    place: Place,
    integrations: Integrations,
    /// How often any of them was put or removed.
    changes: AtomicU64,
}

impl Functions {
    pub(crate) fn new(place: Place, integrations: Integrations) -> Self {
        Self { slots: DashMap::new(), place, integrations, changes: AtomicU64::new(0) }
    }

    /// What those who call them can reach beside.
    pub(crate) fn integrations(&self) -> &Integrations {
        &self.integrations
    }

    /// Rises with every change of any function, and before it can be seen.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Has for a name what `others` have for it, now and later; nothing, where a function of that name is here.
    pub(crate) fn share(&self, name: &Text, others: &Self) {
        self.slots.entry(name.clone()).or_insert_with(|| others.slot(name));
    }

    /// Whose functions these are.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// The slot of a name, made where there is none: a state machine may name a function before it is put.
    pub(crate) fn slot(&self, name: &Text) -> Arc<Slot> {
        Arc::clone(self.slots.entry(name.clone()).or_default().value())
    }

    /// The function of a name, if there is one.
    pub(crate) fn get(&self, name: &str) -> Option<Arc<Deployed>> {
        self.slots.get(name)?.current.load_full()
    }

    /// Every function, in no order.
    pub(crate) fn all(&self) -> Vec<Arc<Deployed>> {
        self.slots.iter().filter_map(|slot| slot.current.load_full()).collect()
    }

    /// How many functions there are.
    pub(crate) fn count(&self) -> usize {
        self.slots.iter().filter(|slot| slot.current.load().is_some()).count()
    }

    /// Puts a function into its slot: the next call uses it, calls in flight keep what they have.
    pub(crate) fn put(&self, deployed: impl Into<Arc<Deployed>>) -> Arc<Deployed> {
        let deployed = deployed.into();
        self.changes.fetch_add(1, Ordering::AcqRel);
        self.slot(&deployed.description.name).current.store(Some(Arc::clone(&deployed)));
        deployed
    }

    /// Empties a slot.
    pub(crate) fn remove(&self, name: &str) {
        self.changes.fetch_add(1, Ordering::AcqRel);
        if let Some(slot) = self.slots.get(name) {
            slot.current.store(None);
        }
        self.forget_unused();
    }

    /// Drops the empty slots that no state machine refers to. Only whoever may change the catalog calls this.
    pub(crate) fn forget_unused(&self) {
        // The entry is locked while its slot is looked at, so that nobody can take a reference in between.
        self.slots.retain(|_, slot| slot.current.load().is_some() || Arc::strong_count(slot) > 1);
    }
}
