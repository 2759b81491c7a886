//! What a folder of segments says: which starts are unfinished, and what is wrong.

use crate::Unfinished;
use crate::disk::Disk;
use crate::error::Warning;
use crate::format::{self, END, Header, HeaderError, Kind, RECORD_BYTES, RECORDS_START, Record, Seal};
use bytes::Bytes;
use rustc_hash::FxHashMap;
use std::io;

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// By id, in order. `openings` counts this one.
    pub(crate) unfinished: Vec<Unfinished>,
    /// The ids to come begin here.
    pub(crate) next_id: u64,
    /// The number of the newest segment; 0 without any.
    pub(crate) newest: u64,
    /// Files that are done with once what they hold was written anew: segments, and one that never got its name.
    pub(crate) files: Vec<String>,
    pub(crate) warnings: Vec<Warning>,
}

/// Why a folder can't be taken as it is.
#[derive(Debug)]
pub(crate) enum Fault {
    Damaged { file: String, offset: u64, what: &'static str },
    Missing { file: String },
    Version { file: String, version: u32 },
    Io(io::Error),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// What lies at some place of a segment.
#[derive(Debug)]
pub(crate) enum Piece<'a> {
    Record(Record<'a>),
    /// Bytes that do not verify.
    Gap {
        offset: u64,
        bytes: u64,
    },
}

/// Everything in `bytes`, which begin with the segment's header: records, and the gaps between them.
pub(crate) fn pieces(bytes: &[u8], seal: Seal) -> impl Iterator<Item = Piece<'_>> {
    let end = bytes.len() as u64;
    let mut at = RECORDS_START;
    // A record that was found behind a gap.
    let mut behind = None;
    std::iter::from_fn(move || {
        if let Some(record) = behind.take().or_else(|| format::record_at(bytes, seal, at)) {
            at = record.end();
            return Some(Piece::Record(record));
        }
        if at >= end {
            return None;
        }
        let offset = at;
        // No record begins in the zeros at the end, of which there may be many.
        let begins_before = at + nonzero(&bytes[at as usize..]) as u64;
        behind = format::record_from(bytes, seal, at + 1..begins_before);
        at = behind.map_or(end, |record| record.offset);
        Some(Piece::Gap { offset, bytes: at - offset })
    })
}

/// Unfinished starts, while segments are read from the oldest to the newest.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    unfinished: FxHashMap<u64, Unfinished>,
    next_id: u64,
}

impl Ledger {
    /// Ids up to here were given in segments that are gone.
    pub(crate) fn begin(&mut self, header: &Header) {
        self.next_id = self.next_id.max(header.next_id);
    }

    pub(crate) fn enter(&mut self, record: &Record<'_>) {
        match record.kind {
            // A record that was carried forward is there twice for a moment: the later one counts.
            Kind::Start => {
                let payload = Bytes::copy_from_slice(record.payload);
                let start = Unfinished { id: record.id.into(), payload, openings: record.openings.saturating_add(1) };
                self.unfinished.insert(record.id, start);
                self.next_id = self.next_id.max(record.id + 1);
            }
            Kind::Finished => {
                for id in record.finished() {
                    self.unfinished.remove(&id);
                }
            }
        }
    }

    /// The unfinished starts by id, and the next id.
    pub(crate) fn close(self) -> (Vec<Unfinished>, u64) {
        let mut unfinished: Vec<Unfinished> = self.unfinished.into_values().collect();
        unfinished.sort_unstable_by_key(|start| start.id);
        (unfinished, self.next_id.max(1))
    }
}

/// Reads the folder; changes nothing.
pub(crate) fn scan<D: Disk>(disk: &D) -> Result<Found, Fault> {
    let (numbers, mut files) = listed(disk)?;
    let Some(&newest) = numbers.last() else {
        return Ok(Found { next_id: 1, files, ..Found::default() });
    };
    let mut warnings = Vec::new();
    let row_start = read(disk, newest, &mut Vec::new())?.1.row_start;
    let row = &numbers[numbers.partition_point(|&number| number < row_start)..];
    if let Some(pair) = row.windows(2).find(|pair| pair[0] + 1 != pair[1]) {
        return Err(Fault::Missing { file: format::segment_name(pair[0] + 1) });
    }
    let mut ledger = Ledger::default();
    let mut next = Some(read(disk, row[0], &mut warnings)?);
    for &number in row {
        let (bytes, header) = next.take().expect("read with the one before");
        ledger.begin(&header);
        if number == newest {
            warnings.extend(enter_last(&mut ledger, &bytes, &header)?);
        } else {
            let after = read(disk, number + 1, &mut warnings)?;
            enter_trusted(&mut ledger, &bytes, &header, after.1.previous_bytes)?;
            next = Some(after);
        }
    }
    files.extend(numbers.iter().map(|&number| format::segment_name(number)));
    let (unfinished, next_id) = ledger.close();
    Ok(Found { unfinished, next_id, newest, files, warnings })
}

/// The numbers of the segments, in order, and the other files that are this room's to remove.
pub(crate) fn listed<D: Disk>(disk: &D) -> io::Result<(Vec<u64>, Vec<String>)> {
    let names = disk.list()?;
    let mut numbers: Vec<u64> = names.iter().filter_map(|name| format::segment_number(name)).collect();
    numbers.sort_unstable();
    Ok((numbers, names.into_iter().filter(|name| name == format::UNFINISHED_NAME).collect()))
}

fn read<D: Disk>(disk: &D, number: u64, warnings: &mut Vec<Warning>) -> Result<(Vec<u8>, Header), Fault> {
    let file = format::segment_name(number);
    let bytes = disk.read(&file)?;
    match Header::decode(&bytes) {
        // A segment gets its name only once its header is durable: a header is never torn.
        Err(HeaderError::Damaged) => Err(Fault::Damaged { file, offset: 0, what: "its header does not verify" }),
        Err(HeaderError::Version(version)) => Err(Fault::Version { file, version }),
        Ok((header, _)) if header.number != number => {
            Err(Fault::Damaged { file, offset: 0, what: "its header is that of another segment" })
        }
        Ok((header, is_half)) => {
            if is_half {
                warnings.push(Warning::Header { file });
            }
            Ok((bytes, header))
        }
    }
}

/// A segment with one behind it, which says up to where this one was durable: all of that must verify. What lies
/// behind it was refused when a write or a sync failed.
fn enter_trusted(ledger: &mut Ledger, bytes: &[u8], header: &Header, trusted: u64) -> Result<(), Fault> {
    let file = || format::segment_name(header.number);
    let Some(bytes) = usize::try_from(trusted).ok().and_then(|trusted| bytes.get(..trusted)) else {
        return Err(Fault::Damaged { file: file(), offset: bytes.len() as u64, what: "the rest of it is missing" });
    };
    for piece in pieces(bytes, header.seal) {
        match piece {
            Piece::Record(record) => ledger.enter(&record),
            Piece::Gap { offset, .. } => {
                return Err(Fault::Damaged { file: file(), offset, what: "a record does not verify" });
            }
        }
    }
    Ok(())
}

/// The last segment: its last batch may be torn, at any place. Whatever verifies counts.
fn enter_last(ledger: &mut Ledger, bytes: &[u8], header: &Header) -> Result<Option<Warning>, Fault> {
    let file = format::segment_name(header.number);
    // Everything in front of this was durable: the segment's first contents, and all before the last batch that is seen.
    let mut durable = header.durable_bytes;
    let mut gaps = Vec::new();
    for piece in pieces(bytes, header.seal) {
        match piece {
            Piece::Record(record) => {
                durable = durable.max(record.batch_start);
                ledger.enter(&record);
            }
            Piece::Gap { offset, bytes } => gaps.push((offset, bytes)),
        }
    }
    if bytes.len() < durable as usize {
        return Err(Fault::Damaged { file, offset: bytes.len() as u64, what: "the rest of it is missing" });
    }
    let Some(&(offset, _)) = gaps.first() else { return Ok(None) };
    if offset < durable {
        return Err(Fault::Damaged { file, offset, what: "a record does not verify, and later ones do" });
    }
    if let Some((at, length)) = gaps.last_mut().filter(|(at, length)| at + *length == bytes.len() as u64) {
        *length = written(bytes, *at, header);
    }
    let records = |&(at, length): &(u64, u64)| nonzero(&bytes[at as usize..(at + length) as usize]);
    let records_max = gaps.iter().map(|gap| records(gap).div_ceil(RECORD_BYTES) as u64).sum();
    let bytes = gaps.iter().map(|gap| gap.1).sum();
    Ok((bytes > 0).then_some(Warning::Cut { file, offset, bytes, records_max }))
}

/// How much of the gap at the end of a segment was written in this life of the file: it begins at `offset`, and behind
/// what was written is room.
pub(crate) fn written(bytes: &[u8], offset: u64, header: &Header) -> u64 {
    let gap = &bytes[offset as usize..];
    let Some(stale) = header.stale_salt.map(Seal::new) else { return nonzero(gap) as u64 };
    if nonzero(&gap[..gap.len().min(END)]) == 0 {
        return 0;
    }
    let of_earlier = format::record_from(bytes, stale, offset + 1..bytes.len() as u64);
    let length = of_earlier.map_or(gap.len(), |record| (record.offset - offset) as usize);
    gap[..length].windows(END).position(|window| nonzero(window) == 0).unwrap_or(length) as u64
}

/// How long it is without the zeros at its end.
pub(crate) fn nonzero(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1)
}
