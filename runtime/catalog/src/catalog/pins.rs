//! Pins: made for a start, found again after a crash, dropped when nobody has them any more.

use super::open::{deploy, unreadable};
use super::{Catalog, Inner};
use crate::arn::{NameError, StateMachineArn};
use crate::function::{Deployed, Functions};
pub use crate::pin::Pin;
use crate::pin::PinCache;
use crate::record::{self, FunctionAliasRecord, FunctionRecord, PinRecord};
use crate::release::{FunctionVersion, Releases};
use crate::state_machine::{Definition, execution_arn_prefix};
use crate::{Change, RecordKind, StateMachine, StateMachineStatus, StoreError, Stored, WorkflowType};
use fleetstep_asl::{Integration, Resource};
use fleetstep_document::Text;
use fleetstep_machine::Timestamp;
use fleetstep_wasm::{Digest, Function};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Why what a start was pinned to can't be had again.
#[derive(Debug, thiserror::Error)]
pub enum PinError {
    /// Its record is not there: the store is another than the one that the start was accepted with.
    #[error("what it ran when it was accepted ({digest}) is not in the store")]
    Unknown {
        /// SHA-256 of the record.
        digest: Digest,
    },
    /// Its record can't be read, or its definition not be compiled for want of threads.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a start was pinned to.
#[derive(Clone, Debug)]
pub struct Restored {
    /// The revision, whose tasks call the modules of then.
    pub machine: Arc<StateMachine>,
    /// To be kept for as long as the start is unfinished.
    pub pin: Arc<Pin>,
}

impl Catalog {
    /// What a start of `machine` runs now, kept in the store when this returns. Mostly it is there already; then the
    /// answer takes neither a lock nor the disk.
    pub async fn pin(&self, machine: &Arc<StateMachine>) -> Result<Arc<Pin>, StoreError> {
        if let Some(pin) = self.latest_pin(machine) {
            return Ok(pin);
        }
        let machine = Arc::clone(machine);
        self.change(move |inner| async move { inner.pin(&machine).await }).await
    }

    /// The same where it is there already.
    #[must_use]
    pub fn latest_pin(&self, machine: &StateMachine) -> Option<Arc<Pin>> {
        machine.pin.current(self.inner.functions.changes())
    }

    /// Brings back what starts were pinned to before the catalog was opened, until
    /// [`sweep_pins`](Self::sweep_pins) is called.
    pub async fn restore(&self, digest: &[u8; 32]) -> Result<Restored, PinError> {
        self.inner.restore(Digest::from(*digest)).await
    }

    /// Drops the pins that nobody has, with the modules that only they name.
    pub async fn sweep_pins(&self) -> Result<(), StoreError> {
        self.inner.pins.lock().values_mut().for_each(|entry| entry.record = None);
        self.change(|inner| async move {
            inner.sweep_pins().await;
            Ok(())
        })
        .await
    }
}

/// The pins that the store has.
#[derive(Debug)]
pub(super) struct Pins(Mutex<HashMap<Digest, Entry>>);

#[derive(Debug)]
struct Entry {
    pin: Weak<Pin>,
    /// Digests of its modules.
    modules: Vec<Text>,
    /// From an earlier life of the server, as long as a start may ask for it.
    record: Option<Vec<u8>>,
}

impl Pins {
    /// The pins among the records.
    pub(super) fn of(records: &[Stored]) -> Result<Self, StoreError> {
        let pins = records.iter().filter(|stored| stored.kind == RecordKind::Pin);
        let entry = |stored: &Stored| {
            let record: PinRecord = record::read(stored).map_err(|message| unreadable(stored, message))?;
            let digest = Digest::of(&stored.bytes);
            if digest.to_string() != stored.name {
                return Err(unreadable(stored, "it has another SHA-256 than its name".to_owned()));
            }
            let modules = modules_of(&record);
            Ok((digest, Entry { pin: Weak::new(), modules, record: Some(stored.bytes.clone()) }))
        };
        Ok(Self(Mutex::new(pins.map(entry).collect::<Result<_, _>>()?)))
    }

    /// Nothing under the lock can panic halfway, so that a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, HashMap<Digest, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes out of these modules those that a pin needs.
    pub(super) fn take_needed(&self, modules: &mut HashSet<Text>) {
        for module in self.lock().values().flat_map(|entry| &entry.modules) {
            modules.remove(module);
        }
    }

    /// The pin of that digest, if somebody has it.
    fn get(&self, digest: &Digest) -> Option<Arc<Pin>> {
        self.lock().get(digest)?.pin.upgrade()
    }

    /// Takes out what nobody has and nobody may ask for.
    fn take_unused(&self) -> Vec<(Digest, Entry)> {
        self.lock().extract_if(|_, entry| entry.record.is_none() && entry.pin.strong_count() == 0).collect()
    }
}

fn modules_of(record: &PinRecord) -> Vec<Text> {
    record.modules().map(Text::from).collect()
}

impl Inner {
    /// The caller is the only one who changes anything.
    async fn pin(&self, machine: &StateMachine) -> Result<Arc<Pin>, StoreError> {
        // Nobody changes a function meanwhile.
        let changes = self.functions.changes();
        if let Some(pin) = machine.pin.current(changes) {
            return Ok(pin);
        }
        let functions = self.called_by(machine);
        let calls_any = !resources_of(machine).is_empty();
        let record = PinRecord::of(machine, &functions);
        let bytes = record.to_bytes();
        let digest = Digest::of(&bytes);
        let pin = match self.pins.get(&digest) {
            Some(pin) => pin,
            None => {
                let name = digest.to_string();
                self.store.write(vec![Change::Put(Stored { kind: RecordKind::Pin, name, bytes })]).await?;
                let pin = Arc::new(Pin::new(digest));
                let entry = Entry { pin: Arc::downgrade(&pin), modules: modules_of(&record), record: None };
                self.pins.lock().insert(digest, entry);
                pin
            }
        };
        machine.pin.keep(&pin, calls_any.then_some(changes));
        self.sweep_pins().await;
        Ok(pin)
    }

    /// The functions that a machine may call, each with the versions and aliases that it may. Where its input says which:
    /// all functions, with their aliases and what these lead to. A version that no alias leads to is not pinned then, since
    /// a pin would hold all that were ever published; it is what it was for as long as it is there.
    fn called_by(&self, machine: &StateMachine) -> Vec<(Arc<Deployed>, Releases)> {
        let resources = resources_of(machine);
        if resources.iter().any(names_any) {
            let reached = |function: Arc<Deployed>| {
                let releases = function.releases.reached_by_aliases();
                (function, releases)
            };
            return self.functions.all().into_iter().map(reached).collect();
        }
        let mut qualifiers: BTreeMap<Text, Vec<&str>> = BTreeMap::new();
        for resource in resources {
            if let Some(name) = self.name_of(resource) {
                qualifiers.entry(name).or_default().extend(qualifier_of(resource));
            }
        }
        let reached = |(name, qualifiers): (Text, Vec<&str>)| {
            let function = self.functions.get(&name)?;
            let releases = function.releases.reached_by(qualifiers.into_iter());
            Some((function, releases))
        };
        qualifiers.into_iter().filter_map(reached).collect()
    }

    /// Drops what nobody has. What can't be dropped now is dropped at the next opening.
    pub(super) async fn sweep_pins(&self) {
        let unused = self.pins.take_unused();
        if unused.is_empty() {
            return;
        }
        let delete = |(digest, _): &(Digest, Entry)| Change::Delete { kind: RecordKind::Pin, name: digest.to_string() };
        if self.store.write(unused.iter().map(delete).collect()).await.is_ok() {
            self.drop_modules(unused.into_iter().flat_map(|(_, entry)| entry.modules).collect()).await;
        }
    }

    async fn restore(&self, digest: Digest) -> Result<Restored, PinError> {
        let bytes = self.pins.lock().get(&digest).and_then(|entry| entry.record.clone());
        let bytes = bytes.ok_or(PinError::Unknown { digest })?;
        let stored = Stored { kind: RecordKind::Pin, name: digest.to_string(), bytes };
        let unreadable = |message: String| unreadable(&stored, message);
        let mut record: PinRecord = record::read(&stored).map_err(unreadable)?;
        let functions = self.functions_of(&mut record).await.map_err(unreadable)?;
        let arn = StateMachineArn::new(&self.config.place, &record.name);
        let arn = arn.map_err(|error| unreadable(error.to_string()))?;
        let machine = self.machine_of(arn, record, functions).await?.map_err(unreadable)?;
        let pin = {
            let mut pins = self.pins.lock();
            let entry = pins.get_mut(&digest).ok_or(PinError::Unknown { digest })?;
            let pin = entry.pin.upgrade().unwrap_or_else(|| Arc::new(Pin::new(digest)));
            entry.pin = Arc::downgrade(&pin);
            pin
        };
        Ok(Restored { machine: Arc::new(machine), pin })
    }

    /// The functions of a pin: those that are still deployed as they were, and others with the modules that they had.
    async fn functions_of(&self, record: &mut PinRecord) -> Result<Functions, String> {
        let functions = Functions::new(self.config.place.clone(), self.functions.integrations().clone());
        for (name, function) in std::mem::take(&mut record.functions) {
            let versions = record.function_versions.remove(&name).unwrap_or_default();
            let aliases = record.function_aliases.remove(&name).unwrap_or_default();
            let of_name = self.pinned_function(&name, function, versions, aliases).await;
            functions.put(of_name.map_err(|error| format!("function '{name}': {error}"))?);
        }
        Ok(functions)
    }

    async fn pinned_function(
        &self,
        name: &str,
        record: FunctionRecord,
        versions: BTreeMap<u32, FunctionRecord>,
        aliases: BTreeMap<String, FunctionAliasRecord>,
    ) -> Result<Deployed, NameError> {
        let live = self.functions.get(name);
        // What is not pinned is called as it is now, unless the name is another function's by now.
        let mut releases = match &live {
            Some(live) if live.description.created.as_micros() == record.created_micros => {
                Releases::clone(&live.releases)
            }
            _ => Releases::default(),
        };
        let latest = self.pinned(live.as_ref(), name, record, FunctionVersion::Latest, None).await?;
        for (number, record) in versions {
            let live = live.as_ref().and_then(|live| live.releases.versions.get(&number));
            let version = FunctionVersion::Number(number);
            let version = self.pinned(live, name, record, version, latest.function.as_deref()).await?;
            releases.versions.insert(number, version);
        }
        for (alias, record) in aliases {
            let alias = record.alias(&latest.description.arn, &alias);
            releases.aliases.insert(alias.name.clone(), Arc::new(alias));
        }
        Ok(latest.releasing(releases))
    }

    /// What is still as it was, or another like it.
    async fn pinned(
        &self,
        live: Option<&Arc<Deployed>>,
        name: &str,
        record: FunctionRecord,
        version: FunctionVersion,
        of: Option<&Function>,
    ) -> Result<Arc<Deployed>, NameError> {
        if let Some(live) = live
            && FunctionRecord::of(&live.description) == record
        {
            return Ok(Arc::clone(live));
        }
        let description = record.description(&self.config.place, name, version)?;
        Ok(Arc::new(deploy(&self.sandbox, &*self.store, description, of).await.0))
    }

    /// The function that a resource is, by name, or that is bound to it.
    fn name_of(&self, resource: &Resource) -> Option<Text> {
        match resource {
            Resource::Function { name, .. } => Some(name.clone()),
            Resource::Service { arn } => self.functions.integrations().bound_function(Integration::of(arn)?.action),
            _ => None,
        }
    }

    async fn machine_of(
        &self,
        arn: StateMachineArn,
        record: PinRecord,
        functions: Functions,
    ) -> Result<Result<StateMachine, String>, StoreError> {
        let text = Text::from(record.definition);
        let definition =
            Definition::compile(text.clone(), record.format.into(), WorkflowType::Express, self.config.extended)
                .await?;
        // What was not deployed then is called as it is now: the start would have found it too, had it not been cut.
        for name in definition.resources().iter().filter_map(|resource| self.name_of(resource)) {
            functions.share(&name, &self.functions);
        }
        let (runnable, _) = definition.bind(&Arc::new(functions));
        let of_configuration = || Ok((record::document(&record.logging)?, record::document(&record.tracing)?));
        Ok(of_configuration().map(|(logging, tracing)| StateMachine {
            name: arn.name().clone(),
            definition: text,
            format: record.format.into(),
            role_arn: Text::from(record.role_arn),
            workflow_type: WorkflowType::Express,
            status: StateMachineStatus::Active,
            created: Timestamp::from_micros(record.created_micros),
            updated: Timestamp::from_micros(record.updated_micros),
            revision_id: record.revision_id.map(Text::from),
            logging,
            tracing,
            runnable,
            execution_arn_prefix: execution_arn_prefix(&arn),
            meter: Arc::default(),
            states: Arc::default(),
            pin: PinCache::default(),
            arn,
        }))
    }
}

fn resources_of(machine: &StateMachine) -> &[Resource] {
    machine.runnable.as_ref().map_or(&[], |runnable| &runnable.resources)
}

/// The version or the alias that a resource names.
fn qualifier_of(resource: &Resource) -> Option<&str> {
    match resource {
        Resource::Function { qualifier, .. } => qualifier.as_deref(),
        _ => None,
    }
}

/// Whether the function that a resource calls stands in its input.
fn names_any(resource: &Resource) -> bool {
    match resource {
        Resource::LambdaInvoke => true,
        Resource::Service { arn } => {
            Integration::of(arn).is_some_and(|integration| integration.action == "lambda:invoke")
        }
        _ => false,
    }
}
