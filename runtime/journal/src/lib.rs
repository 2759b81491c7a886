//! Which accepted starts are not finished yet. It survives a crash.
//!
//! A [`Journal`] takes payloads, says when they are durable, and keeps them until it is told that they are finished.
//! What a payload means is for the caller to know: here it is bytes. [`FileJournal`] keeps them in a folder, with one
//! write and one sync for all callers of a moment; [`MemoryJournal`] keeps a count. Opening a folder returns what was
//! accepted and not finished, in the order in which it was accepted.
//!
//! ```text
//! accept ──► pending ──┐ one writer thread: swap, write, sync    ┌─► all who wait are told
//! accept ──► pending ──┼─────────────────► segment ──────────────┤
//! finish ──► marks ────┘ (or after a while, without a start)     └─► the oldest segments go, when theirs are finished
//! ```
//!
//! # What it promises
//! - A batch that was accepted is returned by every opening until it is marked finished. A mark is not durable at
//!   once; if it is lost, the start runs twice, never not at all.
//! - A batch that was refused is not returned by an opening, except where the disk failed and then would not let what
//!   it had taken be taken back.
//! - A crash, at any moment, never makes a journal that does not open. A torn tail is cut, with a [`Warning`].
//! - Bytes that were durable and changed are never taken for a record. Where they lie in front of others that were
//!   written later, the journal does not open, and says in which file and where; [`repair`] keeps all that verifies.
//!   In the last batch of all, damage and a torn write look the same: it is cut, with the warning.
//! - A disk that is full, read-only or failing makes an error, at once, for every caller, and the journal goes on by itself
//!   when the disk does. After a failed sync nothing is written to that file again: what a second sync would say of
//!   those pages is worth nothing.
//!
//! Not noticed: whole segments that someone took away at either end of the row.
//!
//! # How it is used
//! ```
//! use fleetstep_journal::{FileConfig, FileJournal, Journal, Opened};
//! # let scratch = tempfile::tempdir()?;
//! # let folder = scratch.path();
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! let Opened { journal, unfinished, warnings } = FileJournal::open(&FileConfig::new(folder))?;
//! warnings.iter().for_each(|warning| eprintln!("{warning}"));
//! for start in unfinished {
//!     // Runs it again, for the `start.openings`th time, and then, as with any other:
//!     journal.finish(&[start.id]);
//! }
//! let ids = journal.accept(&[b"a start", b"another"]).await?;
//! // Now both are durable: they are acknowledged, and run; and when they are finished, however that went:
//! journal.finish(&ids);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Why not a crate
//! Of those that were read, `okaywal` warns against use in production and its last release is of 2023, `raft-engine`
//! brings ninety crates and groups commits by blocking threads, and `wal-db` blocks too, and stops reading at the first
//! damaged record, so that a corrupted middle looks like a torn tail. None drops a segment by what is finished, and a
//! transaction of `redb` or `fjall` costs more than the sync that is to be shared. What is needed is small.
#![forbid(unsafe_code)]

mod disk;
mod error;
mod file;
mod format;
mod group;
mod inspect;
mod log;
mod memory;
mod recover;
mod repair;
mod room;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use smallvec::SmallVec;
use std::fmt;

pub use error::{AcceptError, OpenError, Warning};
pub use file::{FileConfig, FileJournal, Opened};
pub use group::Accepting;
pub use inspect::{Entry, inspect};
pub use memory::MemoryJournal;
pub use repair::{Repaired, repair};

/// The queue of accepted starts.
///
/// Implemented by what is embedded here; a queue that several nodes share can stand behind it as well, which is why
/// batches come in, futures go out, and no file shows.
pub trait Journal: Send + Sync + fmt::Debug {
    /// Takes a batch: all of it is accepted, or none. The payloads are copied before this returns; the future resolves to their
    /// ids once they are durable, or to why they were refused. Over a bound that answer is there at once.
    ///
    /// From the moment it resolves to ids, each of them must be given to [`finish`](Self::finish) one day. A future that
    /// is dropped before takes its batch back.
    ///
    /// An empty batch resolves once everything is durable that came before it, marks too: that is how to flush.
    fn accept(&self, payloads: &[&[u8]]) -> Accepting;

    /// These are finished. Returns at once; the marks become durable with the next batch, or a little later without
    /// one. An id that is not known, or was marked before, is passed over.
    fn finish(&self, ids: &[RecordId]);

    /// How it stands.
    fn stats(&self) -> Stats;
}

/// The number that a journal gives to a record. They rise in the order of acceptance, with gaps, and are not used
/// again, across openings too, for as long as the record is unfinished.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId(u64);

impl RecordId {
    /// The number.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }
}

impl From<u64> for RecordId {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

/// Ids of a batch, in the order of its payloads.
pub type Ids = SmallVec<[RecordId; 2]>;

/// A record that was accepted and not finished when the journal was opened. It keeps its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// What to give to [`Journal::finish`].
    pub id: RecordId,
    /// As it was accepted.
    pub payload: Bytes,
    /// How many openings have found it unfinished, this one included: at least 1. The journal itself keeps the count, in
    /// the one write with which opening settles, so a re-run needs no record of its own and a crash while things are
    /// recovered doubles nothing.
    pub openings: u32,
}

/// How a journal stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Records that are durable and unfinished.
    pub unfinished: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// Files.
    pub segments: u64,
    /// Bytes that wait to be written.
    pub pending_bytes: u64,
    /// Batches that became durable since the journal was opened: writes, and syncs, shared by all who waited.
    pub groups: u64,
    /// Groups that failed since then.
    pub groups_failed: u64,
}
