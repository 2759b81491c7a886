//! The tables, and what a change does to them.

use crate::{Change, Error, PAGE_KEYS_MAX, Terms};
use bytes::Bytes;
use fleetstep_engine::clock;
use redb::{Database, ReadableDatabase as _, ReadableTable as _, Table, TableDefinition, TableError, WriteTransaction};

/// What a bucket's name and a key lead to: when it ends, in milliseconds since 1970, and the value.
const ENTRIES: TableDefinition<'_, (&str, &str), (u64, &[u8])> = TableDefinition::new("entries");
/// What ends, by when.
const ENDS: TableDefinition<'_, (u64, &str, &str), ()> = TableDefinition::new("ends");
/// Keys and bytes of a bucket.
const USED: TableDefinition<'_, &str, (u64, u64)> = TableDefinition::new("used");
/// Stands for an end that never comes.
const NEVER: u64 = u64::MAX;
/// Entries that have ended and that one change of the store sweeps out.
const SWEPT_MAX: usize = 1_000;

pub(crate) fn failed(error: impl Into<redb::Error>) -> Error {
    Error::Failed(error.into().to_string())
}

fn now() -> u64 {
    u64::try_from(clock::now().as_micros() / 1_000).unwrap_or(0)
}

/// The value of a key.
pub(crate) fn get(database: &Database, bucket: &str, key: &str) -> Result<Option<Bytes>, Error> {
    let transaction = database.begin_read().map_err(failed)?;
    let entries = match transaction.open_table(ENTRIES) {
        Ok(entries) => entries,
        Err(TableError::TableDoesNotExist(_)) => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let found = entries.get((bucket, key)).map_err(failed)?;
    Ok(found.and_then(|found| {
        let (ends, value) = found.value();
        (ends > now()).then(|| Bytes::copy_from_slice(value))
    }))
}

/// A page of keys, and whether there may be more.
pub(crate) fn keys(database: &Database, bucket: &str, after: Option<&str>) -> Result<(Vec<String>, bool), Error> {
    let transaction = database.begin_read().map_err(failed)?;
    let entries = match transaction.open_table(ENTRIES) {
        Ok(entries) => entries,
        Err(TableError::TableDoesNotExist(_)) => return Ok((Vec::new(), false)),
        Err(error) => return Err(failed(error)),
    };
    let (now, mut keys) = (now(), Vec::new());
    for (looked_at, entry) in entries.range((bucket, after.unwrap_or(""))..).map_err(failed)?.enumerate() {
        let (place, value) = entry.map_err(failed)?;
        let (in_bucket, key) = place.value();
        if in_bucket != bucket {
            break;
        }
        if keys.len() == PAGE_KEYS_MAX || looked_at > 2 * PAGE_KEYS_MAX && !keys.is_empty() {
            return Ok((keys, true));
        }
        if after != Some(key) && value.value().0 > now {
            keys.push(key.to_owned());
        }
    }
    Ok((keys, false))
}

/// The tables while they are changed.
pub(crate) struct Tables<'t> {
    entries: Table<'t, (&'static str, &'static str), (u64, &'static [u8])>,
    ends: Table<'t, (u64, &'static str, &'static str), ()>,
    used: Table<'t, &'static str, (u64, u64)>,
    now: u64,
}

impl<'t> Tables<'t> {
    pub(crate) fn open(transaction: &'t WriteTransaction) -> Result<Self, Error> {
        Ok(Self {
            entries: transaction.open_table(ENTRIES).map_err(failed)?,
            ends: transaction.open_table(ENDS).map_err(failed)?,
            used: transaction.open_table(USED).map_err(failed)?,
            now: now(),
        })
    }

    /// Takes out what has ended.
    pub(crate) fn sweep(&mut self) -> Result<(), Error> {
        let ended = self.ends.range(..(self.now.saturating_add(1), "", "")).map_err(failed)?.take(SWEPT_MAX);
        let ended = ended.map(|end| {
            end.map(|(place, _)| {
                let (_, bucket, key) = place.value();
                (bucket.to_owned(), key.to_owned())
            })
        });
        let ended: Vec<_> = ended.collect::<Result<_, _>>().map_err(failed)?;
        for (bucket, key) in ended {
            let used = self.used(&bucket)?;
            let used = self.put(&bucket, &key, None, NEVER, used)?;
            self.used.insert(&*bucket, used).map_err(failed)?;
        }
        Ok(())
    }

    /// What a key has now.
    pub(crate) fn value(&self, bucket: &str, key: &str) -> Result<Option<Bytes>, Error> {
        let found = self.entries.get((bucket, key)).map_err(failed)?;
        Ok(found.and_then(|found| {
            let (ends, value) = found.value();
            (ends > self.now).then(|| Bytes::copy_from_slice(value))
        }))
    }

    /// Makes all changes, or, where they would be too much for the bucket, none.
    pub(crate) fn change(&mut self, bucket: &str, changes: &[Change], terms: &Terms) -> Result<(), Error> {
        let before = self.used(bucket)?;
        let after = self.foresee(bucket, changes, before)?;
        let grows = |n: fn((u64, u64)) -> u64| n(after) > n(before);
        if after.0 > terms.keys_max && grows(|used| used.0) {
            return Err(Error::Quota(format!("it may have {} keys", terms.keys_max)));
        }
        if after.1 > terms.bytes_max && grows(|used| used.1) {
            return Err(Error::Quota(format!("it may have {} bytes of keys and values", terms.bytes_max)));
        }
        let ttl = terms.ttl.map(|ttl| u64::try_from(ttl.as_millis()).unwrap_or(NEVER));
        let ends = ttl.map_or(NEVER, |ttl| self.now.saturating_add(ttl));
        let mut used = before;
        for Change { key, value } in changes {
            used = self.put(bucket, key, value.as_deref(), ends, used)?;
        }
        self.used.insert(bucket, used).map_err(failed)?;
        Ok(())
    }

    /// What the bucket would have. Each key counts by its last change.
    fn foresee(&self, bucket: &str, changes: &[Change], mut used: (u64, u64)) -> Result<(u64, u64), Error> {
        let mut last = std::collections::BTreeMap::new();
        for change in changes {
            last.insert(&*change.key, change.value.as_ref().map(Bytes::len));
        }
        for (key, len) in last {
            let old = self.entries.get((bucket, key)).map_err(failed)?.map(|old| old.value().1.len());
            used = counted(used, key, old, len);
        }
        Ok(used)
    }

    /// Puts one entry, or takes it out; gives what the bucket has then.
    fn put(
        &mut self,
        bucket: &str,
        key: &str,
        value: Option<&[u8]>,
        ends: u64,
        used: (u64, u64),
    ) -> Result<(u64, u64), Error> {
        let old = match value {
            Some(value) => self.entries.insert((bucket, key), (ends, value)),
            None => self.entries.remove((bucket, key)),
        };
        let old = old.map_err(failed)?.map(|old| (old.value().0, old.value().1.len()));
        if let Some((old_ends, _)) = old.filter(|(old_ends, _)| *old_ends != NEVER) {
            self.ends.remove((old_ends, bucket, key)).map_err(failed)?;
        }
        if value.is_some() && ends != NEVER {
            self.ends.insert((ends, bucket, key), ()).map_err(failed)?;
        }
        Ok(counted(used, key, old.map(|(_, len)| len), value.map(<[u8]>::len)))
    }

    fn used(&self, bucket: &str) -> Result<(u64, u64), Error> {
        Ok(self.used.get(bucket).map_err(failed)?.map_or((0, 0), |used| used.value()))
    }
}

/// What a bucket has once a key's value of the old length has the new one.
fn counted(used: (u64, u64), key: &str, old: Option<usize>, new: Option<usize>) -> (u64, u64) {
    let size = |len: Option<usize>| len.map_or((0, 0), |len| (1, (key.len() + len) as u64));
    let (old, new) = (size(old), size(new));
    (used.0.saturating_sub(old.0) + new.0, used.1.saturating_sub(old.1) + new.1)
}
