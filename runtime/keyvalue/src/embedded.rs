//! The store in the process: one database, one thread that writes.
//!
//! Writers hand their change to the thread and wait; it makes all changes that wait in one transaction and one sync.

use crate::tables::{self, Tables, failed};
use crate::{Answer, CHANGES_MAX, Change, Error, KeyValue, Terms, check_key, check_value};
use bytes::Bytes;
use redb::Database;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use tokio::sync::{OnceCell, oneshot};

/// Changes that wait for the thread. One more is refused.
const WAITING_MAX: usize = 1_024;
/// Changes that share one transaction.
const TOGETHER_MAX: usize = 256;
/// What the database keeps of its pages.
const CACHE_BYTES: usize = 32 << 20;

/// Buckets in a redb database, on disk or in memory. It is opened, and made where it is missing, when it is first asked
/// for something.
pub struct Embedded {
    path: Option<PathBuf>,
    open: OnceCell<Open>,
}

struct Open {
    database: Arc<Database>,
    /// Always there but while it is dropped.
    writer: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Open {
    /// Waits for the last transaction: whoever opens the file next finds it closed.
    fn drop(&mut self) {
        drop(self.writer.take());
        if let Some(thread) = self.thread.take() {
            // One that panicked has told those who waited.
            let _ = thread.join();
        }
    }
}

/// What the thread is to do, within the tables of a transaction. What it answers goes out once that is durable.
type Job = Box<dyn FnOnce(&mut Tables<'_>) -> Tell + Send>;
/// Tells who waits what came of it, or that the transaction failed.
type Tell = Box<dyn FnOnce(Result<(), Error>) + Send>;

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Embedded {
    /// In a file.
    #[must_use]
    pub fn on_disk(path: impl Into<PathBuf>) -> Self {
        Self { path: Some(path.into()), open: OnceCell::new() }
    }

    /// Forgotten with the process.
    #[must_use]
    pub fn in_memory() -> Self {
        Self { path: None, open: OnceCell::new() }
    }

    async fn open(&self) -> Result<&Open, Error> {
        let opening = || {
            let path = self.path.clone();
            async move {
                let opened = tokio::task::spawn_blocking(move || open(path.as_deref())).await;
                opened.map_err(|error| Error::Failed(error.to_string()))?
            }
        };
        self.open.get_or_try_init(opening).await
    }

    /// Has the thread do something, and waits until it is durable.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Tables<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let open = self.open().await?;
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |tables| {
            let done = work(tables);
            // Nobody may be waiting any more; the change is made all the same.
            Box::new(move |committed| drop(answer.send(committed.and(done))))
        });
        let writer = open.writer.as_ref().expect("it is not dropped while it is borrowed");
        writer.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => Error::Busy,
            TrySendError::Disconnected(_) => Error::Failed("its thread has ended".to_owned()),
        })?;
        answered.await.unwrap_or_else(|_| Err(Error::Failed("the change was not made".to_owned())))
    }
}

fn open(path: Option<&Path>) -> Result<Open, Error> {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    let database = match path {
        Some(path) => builder.create(path),
        None => builder.create_with_backend(redb::backends::InMemoryBackend::new()),
    };
    let database = Arc::new(database.map_err(failed)?);
    let (writer, jobs) = sync_channel(WAITING_MAX);
    let thread = std::thread::Builder::new().name("fleetstep-keyvalue".to_owned());
    let theirs = Arc::clone(&database);
    let thread = thread.spawn(move || run(&theirs, &jobs)).map_err(|error| Error::Failed(error.to_string()))?;
    Ok(Open { database, writer: Some(writer), thread: Some(thread) })
}

/// Ends when the last writer is gone.
fn run(database: &Database, jobs: &Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        let mut tells = Vec::new();
        let committed = together(database, first, jobs, &mut tells);
        for tell in tells {
            tell(committed.clone());
        }
    }
}

/// All that wait, in one transaction. A job that fails changes nothing, and the others' changes stand.
fn together(database: &Database, first: Job, jobs: &Receiver<Job>, tells: &mut Vec<Tell>) -> Result<(), Error> {
    let transaction = database.begin_write().map_err(failed)?;
    let mut tables = Tables::open(&transaction)?;
    tables.sweep()?;
    tells.push(first(&mut tables));
    while tells.len() < TOGETHER_MAX {
        let Ok(job) = jobs.try_recv() else { break };
        tells.push(job(&mut tables));
    }
    drop(tables);
    transaction.commit().map_err(failed)
}

impl KeyValue for Embedded {
    fn get<'a>(&'a self, bucket: &'a str, key: &'a str) -> Answer<'a, Option<Bytes>> {
        Box::pin(async move {
            check_key(key)?;
            tables::get(&self.open().await?.database, bucket, key)
        })
    }

    fn keys<'a>(&'a self, bucket: &'a str, after: Option<&'a str>) -> Answer<'a, (Vec<String>, bool)> {
        Box::pin(async move { tables::keys(&self.open().await?.database, bucket, after) })
    }

    fn change<'a>(&'a self, bucket: &'a str, changes: Vec<Change>, terms: Terms) -> Answer<'a, ()> {
        Box::pin(async move {
            if changes.len() > CHANGES_MAX {
                return Err(Error::Invalid(format!("{CHANGES_MAX} changes are the most that is made at once")));
            }
            for Change { key, value } in &changes {
                check_key(key)?;
                value.as_ref().map_or(Ok(()), check_value)?;
            }
            let bucket = bucket.to_owned();
            self.write(move |tables| tables.change(&bucket, &changes, &terms)).await
        })
    }

    fn increment<'a>(&'a self, bucket: &'a str, key: &'a str, delta: i64, terms: Terms) -> Answer<'a, i64> {
        Box::pin(async move {
            check_key(key)?;
            let (bucket, key) = (bucket.to_owned(), key.to_owned());
            self.write(move |tables| {
                let before = match tables.value(&bucket, &key)? {
                    None => 0,
                    Some(value) => {
                        let text = std::str::from_utf8(&value).map_err(|_| Error::NotANumber)?;
                        text.parse::<i64>().map_err(|_| Error::NotANumber)?
                    }
                };
                let after = before.checked_add(delta).ok_or(Error::NotANumber)?;
                let change = Change { key, value: Some(after.to_string().into()) };
                tables.change(&bucket, &[change], &terms)?;
                Ok(after)
            })
            .await
        })
    }

    fn swap<'a>(
        &'a self,
        bucket: &'a str,
        key: &'a str,
        seen: Option<Bytes>,
        value: Bytes,
        terms: Terms,
    ) -> Answer<'a, bool> {
        Box::pin(async move {
            check_key(key)?;
            check_value(&value)?;
            let (bucket, key) = (bucket.to_owned(), key.to_owned());
            self.write(move |tables| {
                if tables.value(&bucket, &key)? != seen {
                    return Ok(false);
                }
                tables.change(&bucket, &[Change { key, value: Some(value) }], &terms)?;
                Ok(true)
            })
            .await
        })
    }
}
