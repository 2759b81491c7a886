//! A store that forgets when the process ends.

use super::{Change, RecordKind, Store, StoreFuture, Stored};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Keeps everything in memory: for a server without a data directory, and for tests.
#[derive(Debug, Default)]
pub struct MemoryStore {
    contents: Mutex<Contents>,
}

#[derive(Debug, Default)]
struct Contents {
    records: BTreeMap<(RecordKind, String), Vec<u8>>,
    modules: BTreeMap<String, Bytes>,
}

impl MemoryStore {
    /// Nothing under the lock can panic halfway, so that a poisoned one is as good as any.
    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn ready<'a, T: Send + 'a>(value: T) -> StoreFuture<'a, T> {
    Box::pin(std::future::ready(Ok(value)))
}

impl Store for MemoryStore {
    fn load_all(&self) -> StoreFuture<'_, Vec<Stored>> {
        let stored = |((kind, name), bytes): (&(RecordKind, String), &Vec<u8>)| Stored {
            kind: *kind,
            name: name.clone(),
            bytes: bytes.clone(),
        };
        ready(self.contents().records.iter().map(stored).collect())
    }

    fn write(&self, batch: Vec<Change>) -> StoreFuture<'_, ()> {
        let mut contents = self.contents();
        for change in batch {
            match change {
                Change::Put(record) => {
                    contents.records.insert((record.kind, record.name), record.bytes);
                }
                Change::Delete { kind, name } => {
                    contents.records.remove(&(kind, name));
                }
            }
        }
        ready(())
    }

    fn put_module(&self, sha256: &str, bytes: Bytes) -> StoreFuture<'_, ()> {
        self.contents().modules.insert(sha256.to_owned(), bytes);
        ready(())
    }

    fn module(&self, sha256: &str) -> StoreFuture<'_, Option<Bytes>> {
        ready(self.contents().modules.get(sha256).cloned())
    }

    fn delete_module(&self, sha256: &str) -> StoreFuture<'_, ()> {
        self.contents().modules.remove(sha256);
        ready(())
    }

    fn modules(&self) -> StoreFuture<'_, Vec<String>> {
        ready(self.contents().modules.keys().cloned().collect())
    }
}
