//! What can go wrong, and what was found and put right.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use thiserror::Error;

/// Why a batch was not accepted. None of it is kept.
#[derive(Clone, Debug, Error)]
pub enum AcceptError {
    /// A bound is reached. A later try may find room: once the disk has caught up, or executions have finished.
    #[error("the journal is saturated: {bound}")]
    Saturated {
        /// The bound's name, as in [`FileConfig`](crate::FileConfig).
        bound: &'static str,
    },
    /// The store can't write: the disk is full, read-only or failing. A later try may succeed; nothing needs to be
    /// restarted for it.
    #[error("the journal cannot write: {0}")]
    Unavailable(Arc<io::Error>),
    /// One of the payloads is larger than the journal takes. Trying again won't help.
    #[error("a record of {bytes} bytes is above the journal's payload_bytes_max of {bytes_max}")]
    PayloadTooLarge {
        /// Bytes of the payload.
        bytes: usize,
        /// The most that a payload may have.
        bytes_max: usize,
    },
    /// The journal was closed.
    #[error("the journal is closed")]
    Closed,
}

/// Why a journal was not opened. Nothing was changed.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another process, or another journal of this one, has it open.
    #[error("the journal in {} is in use by another process", .0.display())]
    Locked(PathBuf),
    /// Bytes that were durable once do not verify, and records that came later do: this is no torn tail. A repair
    /// keeps what verifies.
    #[error("the journal is damaged: {file} at byte {offset}: {what}; `fleetstep journal repair` keeps what is whole")]
    Damaged {
        /// The segment's file.
        file: String,
        /// Where in the file.
        offset: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// There are older segments and newer ones, and not this one. A repair keeps what the others hold.
    #[error("the journal is damaged: {file} is missing; `fleetstep journal repair` keeps what is whole")]
    Missing {
        /// The name that the file should have.
        file: String,
    },
    /// A file of another version of this program.
    #[error("{file} has format version {version}, which this version of fleetstep cannot read")]
    Version {
        /// The segment's file.
        file: String,
        /// What it says.
        version: u32,
    },
    /// The folder or a file could not be read.
    #[error("the journal in {}: {error}", .folder.display())]
    Io {
        /// Where the journal is.
        folder: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

/// What opening found and went on from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// The end of the last segment did not verify, as after a crash in the middle of a write, and was left out.
    /// Records of that last batch that do verify were kept, wherever they lay.
    Cut {
        /// The segment's file.
        file: String,
        /// The first byte that did not verify.
        offset: u64,
        /// How many bytes were left out.
        bytes: u64,
        /// How many records may have been among them, at the very most. None of them had been acknowledged, unless
        /// the disk changed bytes after they were durable.
        records_max: u64,
    },
    /// One of the two copies of a segment's header does not verify; the other does.
    Header {
        /// The segment's file.
        file: String,
    },
    /// The journal was read, but the disk does not let it write: it accepts nothing until it does.
    Unwritable {
        /// What the system says.
        error: String,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut { file, offset, bytes, records_max } => write!(
                f,
                "the journal's tail was torn: {bytes} bytes of {file} from byte {offset} were cut, which may have held up \
                 to {records_max} records that were not acknowledged"
            ),
            Self::Header { file } => write!(f, "one copy of the header of {file} is damaged; the other was used"),
            Self::Unwritable { error } => {
                write!(f, "the journal was read, and accepts nothing until its disk can be written: {error}")
            }
        }
    }
}
