//! What the files hold, for a person to look at.

use crate::disk::{Disk, Folder};
use crate::error::OpenError;
use crate::format::{self, Header, HeaderError, Kind};
use crate::recover::{self, Piece};
use std::fs::TryLockError;
use std::path::Path;

/// One thing that lies in a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry<'a> {
    /// A file begins.
    Segment {
        /// Its name.
        file: &'a str,
        /// How long it is.
        bytes: u64,
        /// The first segment of the row that this one belongs to; segments before that are superseded.
        row_start: &'a str,
        /// What it says of the segment before: so many bytes of that one count.
        previous_bytes: u64,
    },
    /// An accepted start.
    Start {
        /// Where in the file.
        offset: u64,
        /// Its id.
        id: u64,
        /// How many openings had found it unfinished when it was written.
        openings: u32,
        /// As it was accepted.
        payload: &'a [u8],
    },
    /// Marks.
    Finished {
        /// Where in the file.
        offset: u64,
        /// The ids that are finished.
        ids: Vec<u64>,
    },
    /// Bytes that do not verify.
    Damaged {
        /// The file, if it has no header that verifies either.
        file: Option<&'a str>,
        /// Where in the file.
        offset: u64,
        /// How many.
        bytes: u64,
    },
}

/// Shows every record in every segment, from the oldest to the newest. Changes nothing and takes no lock: it may be
/// used while the journal is open, and then may see a batch that is half written.
///
/// # Errors
/// The folder or a file can't be read, or is of another version.
pub fn inspect(folder: &Path, show: impl FnMut(Entry<'_>)) -> Result<(), OpenError> {
    let io = |error| OpenError::Io { folder: folder.to_owned(), error };
    let disk = Folder::open(folder, false).map_err(|error| match error {
        TryLockError::Error(error) => io(error),
        TryLockError::WouldBlock => OpenError::Locked(folder.to_owned()),
    })?;
    inspect_disk(&disk, show).map_err(|fault| fault.into_error(folder))
}

/// As [`inspect`], of any disk.
pub(crate) fn inspect_disk<D: Disk>(disk: &D, mut show: impl FnMut(Entry<'_>)) -> Result<(), recover::Fault> {
    for number in recover::listed(disk)?.0 {
        let file = format::segment_name(number);
        let bytes = match disk.read(&file) {
            // It was dropped meanwhile.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            read => read?,
        };
        let length = bytes.len() as u64;
        match Header::decode(&bytes) {
            Ok((header, _)) => {
                let (row_start, previous_bytes) = (format::segment_name(header.row_start), header.previous_bytes);
                show(Entry::Segment { file: &file, bytes: length, row_start: &row_start, previous_bytes });
                recover::pieces(&bytes, header.seal)
                    .filter_map(|piece| entry(&piece, &bytes, &header))
                    .for_each(&mut show);
            }
            Err(HeaderError::Damaged) => show(Entry::Damaged { file: Some(&file), offset: 0, bytes: length }),
            Err(HeaderError::Version(version)) => return Err(recover::Fault::Version { file, version }),
        }
    }
    Ok(())
}

/// What to show of a piece; nothing of room that was not written yet.
fn entry<'a>(piece: &Piece<'a>, file: &[u8], header: &Header) -> Option<Entry<'a>> {
    Some(match piece {
        Piece::Gap { offset, bytes } => {
            let is_last = offset + bytes == file.len() as u64;
            let bytes = if is_last { recover::written(file, *offset, header) } else { *bytes };
            return (bytes > 0).then_some(Entry::Damaged { file: None, offset: *offset, bytes });
        }
        Piece::Record(record) if record.kind == Kind::Finished => {
            Entry::Finished { offset: record.offset, ids: record.finished().collect() }
        }
        Piece::Record(record) => {
            Entry::Start { offset: record.offset, id: record.id, openings: record.openings, payload: record.payload }
        }
    })
}
