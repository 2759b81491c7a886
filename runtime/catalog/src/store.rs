//! Where the catalog's contents stay.
//!
//! The seam at which a cluster's store takes the embedded one's place: asynchronous, changes in batches, no type
//! of a database in it. Records are bytes under a name; modules are bytes under their digest.

mod memory;
mod redb;

pub use memory::MemoryStore;
pub use redb::RedbStore;

use bytes::Bytes;
use std::path::PathBuf;
use std::pin::Pin;

/// The future of a store's answer.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// The kinds of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RecordKind {
    /// A state machine, by name.
    StateMachine,
    /// A function, by name.
    Function,
    /// A version of a state machine, by the machine's name, a colon and the number.
    Version,
    /// An alias of a state machine, by the machine's name, a colon and the alias's own.
    Alias,
    /// What accepted starts are pinned to, by its digest.
    Pin,
    /// A route, by name.
    Route,
    /// A schedule, by name.
    Schedule,
    /// An activity, by name.
    Activity,
    /// A version of a function, by the function's name, a colon and the number.
    FunctionVersion,
    /// An alias of a function, by the function's name, a colon and the alias's own.
    FunctionAlias,
}

impl RecordKind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::StateMachine,
        Self::Function,
        Self::Version,
        Self::Alias,
        Self::Pin,
        Self::Route,
        Self::Schedule,
        Self::Activity,
        Self::FunctionVersion,
        Self::FunctionAlias,
    ];

    /// For people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StateMachine => "state machine",
            Self::Function => "function",
            Self::Version => "state machine version",
            Self::Alias => "state machine alias",
            Self::Pin => "pin",
            Self::Route => "route",
            Self::Schedule => "schedule",
            Self::Activity => "activity",
            Self::FunctionVersion => "function version",
            Self::FunctionAlias => "function alias",
        }
    }
}

/// A record as it is kept: what its bytes mean, the catalog knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// What it is of.
    pub kind: RecordKind,
    /// Its key: a name.
    pub name: String,
    /// Its contents.
    pub bytes: Vec<u8>,
}

/// One change of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A record is there from now on, in place of what was there before.
    Put(Stored),
    /// A record is gone; one that was not there is no error.
    Delete {
        /// What it was of.
        kind: RecordKind,
        /// Its key.
        name: String,
    },
}

/// Keeps records and modules. What a write has answered for survives a crash.
pub trait Store: Send + Sync + 'static {
    /// Every record there is.
    fn load_all(&self) -> StoreFuture<'_, Vec<Stored>>;
    /// Makes all changes of a batch, or none.
    fn write(&self, batch: Vec<Change>) -> StoreFuture<'_, ()>;
    /// Keeps a module under its SHA-256, in hexadecimal.
    fn put_module(&self, sha256: &str, bytes: Bytes) -> StoreFuture<'_, ()>;
    /// The module of that digest, if it is there.
    fn module(&self, sha256: &str) -> StoreFuture<'_, Option<Bytes>>;
    /// Drops a module; none of that digest is no error.
    fn delete_module(&self, sha256: &str) -> StoreFuture<'_, ()>;
    /// The digests of all modules.
    fn modules(&self) -> StoreFuture<'_, Vec<String>>;
}

/// Why a store failed. None of it is a caller's fault.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another server has this data directory open.
    #[error("{} is in use by another server: end that one first, or name another data directory", path.display())]
    InUse {
        /// The data directory.
        path: PathBuf,
    },
    /// The data was written by a later version of the program.
    #[error(
        "{} was written by a later version of fleetstep (schema {found}, this one knows up to {known}): use that version, or another data directory",
        path.display()
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its schema.
        found: u64,
        /// The newest schema that this program knows.
        known: u64,
    },
    /// The database is damaged, or answered with an error.
    #[error("{}: {message}", path.display())]
    Database {
        /// Which file.
        path: PathBuf,
        /// What the database says.
        message: String,
    },
    /// A record can't be read.
    #[error("the record of {} '{name}' can't be read: {message}", kind.as_str())]
    Record {
        /// What it is of.
        kind: RecordKind,
        /// Its key.
        name: String,
        /// What is wrong with it.
        message: String,
    },
    /// The work ended before it was done: the server is going down, or there is a bug.
    #[error("{work} did not end: {message}")]
    Interrupted {
        /// What was being done.
        work: &'static str,
        /// How it ended.
        message: String,
    },
    /// A module's file does not hold what its name says.
    #[error("{} is damaged: its contents have another SHA-256 than its name", path.display())]
    ModuleDamaged {
        /// Which file.
        path: PathBuf,
    },
}

impl StoreError {
    /// What a task's failure to end becomes.
    pub(crate) fn interrupted(work: &'static str) -> impl FnOnce(tokio::task::JoinError) -> Self {
        move |error| Self::Interrupted { work, message: error.to_string() }
    }
}
