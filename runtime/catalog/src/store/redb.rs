//! The embedded store: one directory with a database of records and a file for each module.
//!
//! ```text
//! DIR/lock              held while a server has the directory open
//! DIR/catalog.redb      records, one table for each kind, and the schema's version
//! DIR/modules/SHA256.wasm
//! ```

use super::{Change, RecordKind, Store, StoreError, StoreFuture, Stored};
use bytes::Bytes;
use fleetstep_wasm::Digest;
use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The version of what the tables hold. A later one is refused, an earlier one is brought up to date when it is opened:
/// 2 has versions and aliases, 3 has pins, 4 has routes and schedules, 5 has versions and aliases of functions, in
/// tables of their own, which an earlier program would leave behind.
const SCHEMA: u64 = 5;
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
const SCHEMA_KEY: &str = "schema";
/// What the database may keep of its pages: the catalog reads them once.
const CACHE_BYTES: usize = 8 << 20;
const MODULE_EXTENSION: &str = "wasm";

fn table(kind: RecordKind) -> TableDefinition<'static, &'static str, &'static [u8]> {
    TableDefinition::new(match kind {
        RecordKind::StateMachine => "state_machines",
        RecordKind::Function => "functions",
        RecordKind::Version => "state_machine_versions",
        RecordKind::Alias => "state_machine_aliases",
        RecordKind::Pin => "pins",
        RecordKind::Route => "routes",
        RecordKind::Schedule => "schedules",
        RecordKind::Activity => "activities",
        RecordKind::FunctionVersion => "function_versions",
        RecordKind::FunctionAlias => "function_aliases",
    })
}

/// Records in a redb database, modules as files beside it. Work that blocks is done on threads for such work.
#[derive(Debug)]
pub struct RedbStore {
    files: Arc<Files>,
}

#[derive(Debug)]
struct Files {
    database: Database,
    database_path: PathBuf,
    modules_dir: PathBuf,
    /// Released when it is dropped, also by the death of the process.
    _lock: File,
}

impl RedbStore {
    /// Opens the data directory, and makes it where there is none.
    pub async fn open(dir: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let dir = dir.into();
        let files = blocking(move || Files::open(&dir)).await?;
        Ok(Self { files: Arc::new(files) })
    }

    fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Files) -> Result<T, StoreError> + Send + 'static,
    ) -> StoreFuture<'_, T> {
        let files = Arc::clone(&self.files);
        Box::pin(blocking(move || work(&files)))
    }
}

impl Store for RedbStore {
    fn load_all(&self) -> StoreFuture<'_, Vec<Stored>> {
        self.run(|files| files.load_all().map_err(|error| files.database_error(&error)))
    }

    fn write(&self, batch: Vec<Change>) -> StoreFuture<'_, ()> {
        self.run(move |files| files.write(&batch).map_err(|error| files.database_error(&error)))
    }

    fn put_module(&self, sha256: &str, bytes: Bytes) -> StoreFuture<'_, ()> {
        let sha256 = sha256.to_owned();
        self.run(move |files| files.put_module(&sha256, &bytes))
    }

    fn module(&self, sha256: &str) -> StoreFuture<'_, Option<Bytes>> {
        let sha256 = sha256.to_owned();
        self.run(move |files| files.module(&sha256))
    }

    fn delete_module(&self, sha256: &str) -> StoreFuture<'_, ()> {
        let sha256 = sha256.to_owned();
        self.run(move |files| files.delete_module(&sha256))
    }

    fn modules(&self) -> StoreFuture<'_, Vec<String>> {
        self.run(Files::modules)
    }
}

impl Files {
    fn open(dir: &Path) -> Result<Self, StoreError> {
        let modules_dir = dir.join("modules");
        create_private_dir(dir).map_err(at(dir))?;
        create_private_dir(&modules_dir).map_err(at(&modules_dir))?;
        let lock = lock(dir)?;
        remove_leftovers(&modules_dir).map_err(at(&modules_dir))?;
        let database_path = dir.join("catalog.redb");
        let database = Database::builder()
            .set_cache_size(CACHE_BYTES)
            .set_check_integrity_on_open(true)
            .create(&database_path)
            .map_err(|error| database_error(&database_path, &error))?;
        let found = prepare(&database).map_err(|error| database_error(&database_path, &error))?;
        if found > SCHEMA {
            return Err(StoreError::Newer { path: database_path, found, known: SCHEMA });
        }
        Ok(Self { database, database_path, modules_dir, _lock: lock })
    }

    fn load_all(&self) -> Result<Vec<Stored>, redb::Error> {
        let transaction = self.database.begin_read()?;
        let mut records = Vec::new();
        for kind in RecordKind::ALL {
            for entry in transaction.open_table(table(kind))?.iter()? {
                let (name, bytes) = entry?;
                records.push(Stored { kind, name: name.value().to_owned(), bytes: bytes.value().to_vec() });
            }
        }
        Ok(records)
    }

    fn write(&self, batch: &[Change]) -> Result<(), redb::Error> {
        // A transaction is on disk when its commit returns: redb's durability unless told otherwise.
        let transaction = self.database.begin_write()?;
        for change in batch {
            match change {
                Change::Put(record) => {
                    transaction
                        .open_table(table(record.kind))?
                        .insert(record.name.as_str(), record.bytes.as_slice())?;
                }
                Change::Delete { kind, name } => {
                    transaction.open_table(table(*kind))?.remove(name.as_str())?;
                }
            }
        }
        transaction.commit()?;
        Ok(())
    }

    /// Writes a module so that under its name there is all of it or nothing, whenever the power fails.
    fn put_module(&self, sha256: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.module_path(sha256);
        if fs::read(&path).is_ok_and(|there| there == bytes) {
            return Ok(());
        }
        let write = || {
            let mut file = tempfile::Builder::new().prefix(LEFTOVER_PREFIX).tempfile_in(&self.modules_dir)?;
            file.write_all(bytes)?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            sync_dir(&self.modules_dir)
        };
        write().map_err(at(&path))
    }

    fn module(&self, sha256: &str) -> Result<Option<Bytes>, StoreError> {
        let path = self.module_path(sha256);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(at(&path)(error)),
        };
        if Digest::of(&bytes).to_string() != sha256 {
            return Err(StoreError::ModuleDamaged { path });
        }
        Ok(Some(bytes.into()))
    }

    fn delete_module(&self, sha256: &str) -> Result<(), StoreError> {
        let path = self.module_path(sha256);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(&path)(error)),
            _ => Ok(()),
        }
    }

    fn modules(&self) -> Result<Vec<String>, StoreError> {
        let list = || {
            let mut digests = Vec::new();
            for entry in fs::read_dir(&self.modules_dir)? {
                let path = entry?.path();
                if path.extension().is_some_and(|extension| extension == MODULE_EXTENSION) {
                    digests.extend(path.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned));
                }
            }
            Ok(digests)
        };
        list().map_err(at(&self.modules_dir))
    }

    fn module_path(&self, sha256: &str) -> PathBuf {
        self.modules_dir.join(sha256).with_extension(MODULE_EXTENSION)
    }

    fn database_error(&self, error: &redb::Error) -> StoreError {
        database_error(&self.database_path, error)
    }
}

/// What a file is called before it is complete.
const LEFTOVER_PREFIX: &str = ".new-";

/// Removes the files that a crash left half written.
fn remove_leftovers(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(LEFTOVER_PREFIX) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Makes the tables where there are none, brings an earlier schema up to date, and answers with the schema that the
/// database had.
fn prepare(database: &Database) -> Result<u64, redb::Error> {
    let transaction = database.begin_write()?;
    let mut meta = transaction.open_table(META)?;
    let found = meta.get(SCHEMA_KEY)?.map_or(SCHEMA, |schema| schema.value());
    if found > SCHEMA {
        drop(meta);
        transaction.abort()?;
        return Ok(found);
    }
    meta.insert(SCHEMA_KEY, SCHEMA)?;
    drop(meta);
    for kind in RecordKind::ALL {
        transaction.open_table(table(kind))?;
    }
    transaction.commit()?;
    Ok(found)
}

fn lock(dir: &Path) -> Result<File, StoreError> {
    let path = dir.join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(at(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse { path: dir.to_owned() }),
        Err(TryLockError::Error(error)) => Err(at(&path)(error)),
    }
}

/// The directory holds functions' environments: nobody else's to read.
fn create_private_dir(dir: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(dir)
}

/// A renamed file is under its name after a crash only when its directory is on disk too.
fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Io { path, source }
}

fn database_error(path: &Path, error: &dyn std::error::Error) -> StoreError {
    StoreError::Database { path: path.to_owned(), message: error.to_string() }
}

/// Runs work that blocks. A panic in it (of the database, over a damaged file) is an error like others.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.map_err(StoreError::interrupted("work of the store"))?
}
