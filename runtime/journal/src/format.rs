//! The bytes of a segment: a header, twice, and then records.
//!
//! ```text
//! header   magic 8 │ version 4 │ zero 4 │ number 8 │ salt 8 │ row start 8 │ previous 8 │ durable 8 │ next id 8 │
//!          stale salt 8 │ check 4
//! record   check 4 │ payload check 4 │ payload bytes 4 │ kind 4 │ id 8 │ openings 4 │ behind 4 │ payload …
//! ```
//!
//! All numbers are little-endian; checks are CRC-32C. The check of a record covers the rest of its 32 bytes, the salt of
//! the segment and the record's own offset: neither what an earlier file left on the disk, nor a copy at another place,
//! nor a payload that somebody made to look like a record ever verifies. It also covers the payload's check, which the
//! caller computes while no lock is held, and which lies there with half of the salt over it: the records that a file's
//! earlier life left at their old places would have to come through by both halves, which they can't with another salt.
//!
//! Such a file names the salt of its earlier life, and [`END`] zeros lie behind its last record: that is how its end is told
//! from a batch that was torn. In any other file zeros, as many as there are, are room.
//!
//! A header of version 1 has no stale salt, and the checks of payloads lie in such a file as they are.
//!
//! `behind` is how far back the batch began that the record was written with. A batch is written only once all
//! before it is durable, so a record that verifies proves that what lies in front of its batch once was on the disk.
//! That is how recovery tells a torn tail from a corrupted middle.

use std::ops::Range;

/// What every segment begins with.
const MAGIC: [u8; 8] = *b"FLEETJNL";
/// What is written.
const VERSION: u32 = 2;
/// What is read, too.
const FIRST_VERSION: u32 = 1;
/// Bytes of a header with its check; a version that is not known yet keeps to it.
const HEADER_LEN: usize = 76;
/// The same of the first version.
const FIRST_HEADER_LEN: usize = 68;
/// Zeros behind the last record of a file that had an earlier life.
pub(crate) const END: usize = 32;
/// Where the second copy of the header lies: in another sector than the first.
const SECOND_COPY: usize = 512;
/// Where the records begin.
pub(crate) const RECORDS_START: u64 = 1_024;
/// Bytes of a record before its payload.
pub(crate) const RECORD_BYTES: usize = 32;
/// The largest payload that recovery believes in; no configuration goes above it.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 16 << 20;

/// Ids and numbers of segments stay below this: a larger one is no record and no segment, and counting on from any that
/// is one never runs over.
const COUNT_MAX: u64 = 1 << 62;

/// What a segment says of itself and of the one before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Its place in the row; the name of the file says the same.
    pub(crate) number: u64,
    /// The segment that the row begins with: all that is older is superseded.
    pub(crate) row_start: u64,
    /// How much of the segment before is to be trusted: what was durable when this one was made.
    pub(crate) previous_bytes: u64,
    /// How long this one was when it got its name: so much was durable from the first.
    pub(crate) durable_bytes: u64,
    /// No record before this segment has this id or a higher one.
    pub(crate) next_id: u64,
    /// The salt that the file had in an earlier life, records of which lie behind those of this one.
    pub(crate) stale_salt: Option<u64>,
    /// How records are tied to it.
    pub(crate) seal: Seal,
}

/// What ties a record to its segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seal {
    salt: u64,
    /// Lies over the checks of payloads.
    mask: u32,
}

impl Seal {
    /// Of the segment with this salt: chance, new for each life of a file.
    pub(crate) fn new(salt: u64) -> Self {
        Self { salt, mask: salt as u32 }
    }

    /// The chance that it comes from.
    pub(crate) fn salt(self) -> u64 {
        self.salt
    }
}

/// Why there is no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeaderError {
    /// Both copies are damaged.
    Damaged,
    /// It is whole, and of a version that this code does not know.
    Version(u32),
}

impl Header {
    /// Both copies, and the zeros between them: the first [`RECORDS_START`] bytes of a file.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut copy = Vec::with_capacity(RECORDS_START as usize);
        copy.extend_from_slice(&MAGIC);
        copy.extend_from_slice(&VERSION.to_le_bytes());
        copy.extend_from_slice(&[0; 4]);
        let Self { number, row_start, previous_bytes, durable_bytes, next_id, stale_salt, seal } = *self;
        let stale = stale_salt.unwrap_or(0);
        for number in [number, seal.salt, row_start, previous_bytes, durable_bytes, next_id, stale] {
            copy.extend_from_slice(&number.to_le_bytes());
        }
        let check = crc32c::crc32c(&copy);
        copy.extend_from_slice(&check.to_le_bytes());
        let mut bytes = copy.clone();
        bytes.resize(SECOND_COPY, 0);
        bytes.append(&mut copy);
        bytes.resize(RECORDS_START as usize, 0);
        bytes
    }

    /// The header of a file, from whichever copy is whole; and whether one was not.
    pub(crate) fn decode(bytes: &[u8]) -> Result<(Self, bool), HeaderError> {
        match (Self::copy(bytes, 0), Self::copy(bytes, SECOND_COPY)) {
            (Ok(first), Ok(second)) if first == second => Ok((first, false)),
            (Ok(one), Err(HeaderError::Damaged)) | (Err(HeaderError::Damaged), Ok(one)) => Ok((one, true)),
            (Err(HeaderError::Version(version)), _) | (_, Err(HeaderError::Version(version))) => {
                Err(HeaderError::Version(version))
            }
            _ => Err(HeaderError::Damaged),
        }
    }

    fn copy(bytes: &[u8], at: usize) -> Result<Self, HeaderError> {
        // The space up to the records belongs to the header: a file that ends in it lost a part.
        let whole = bytes.get(at..at + HEADER_LEN).filter(|_| bytes.len() >= RECORDS_START as usize);
        let copy = whole.ok_or(HeaderError::Damaged)?;
        let version = u32_at(copy, 8);
        let end = if version == FIRST_VERSION { FIRST_HEADER_LEN } else { HEADER_LEN } - 4;
        if copy[..8] != MAGIC || u32_at(copy, end) != crc32c::crc32c(&copy[..end]) {
            return Err(HeaderError::Damaged);
        }
        let salt = u64_at(copy, 24);
        let (seal, stale) = match version {
            VERSION => (Seal::new(salt), u64_at(copy, 64)),
            FIRST_VERSION => (Seal { salt, mask: 0 }, 0),
            version => return Err(HeaderError::Version(version)),
        };
        let header = Self {
            number: u64_at(copy, 16),
            row_start: u64_at(copy, 32),
            previous_bytes: u64_at(copy, 40),
            durable_bytes: u64_at(copy, 48),
            next_id: u64_at(copy, 56),
            stale_salt: (stale != 0).then_some(stale),
            seal,
        };
        if header.next_id > COUNT_MAX { Err(HeaderError::Damaged) } else { Ok(header) }
    }
}

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Kind {
    /// An accepted start; the payload is the caller's.
    Start = 1,
    /// The payload is a row of ids that are finished, 8 bytes each.
    Finished = 2,
}

/// A record that verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    pub(crate) offset: u64,
    pub(crate) kind: Kind,
    pub(crate) id: u64,
    pub(crate) openings: u32,
    /// Where the batch began that it was written with.
    pub(crate) batch_start: u64,
    pub(crate) payload: &'a [u8],
}

impl Record<'_> {
    /// Where the next record begins.
    pub(crate) fn end(&self) -> u64 {
        self.offset + (RECORD_BYTES + self.payload.len()) as u64
    }

    /// The ids of a [`Kind::Finished`].
    pub(crate) fn finished(&self) -> impl Iterator<Item = u64> {
        self.payload.chunks_exact(8).map(|id| u64_at(id, 0))
    }
}

/// Appends a record. It verifies only after [`seal`] has said where it lies.
pub(crate) fn push(buffer: &mut Vec<u8>, kind: Kind, id: u64, openings: u32, payload: &[u8], payload_check: u32) {
    let length = u32::try_from(payload.len()).expect("payloads are bounded far below 4 GiB");
    let mut head = [0; RECORD_BYTES];
    head[4..8].copy_from_slice(&payload_check.to_le_bytes());
    head[8..12].copy_from_slice(&length.to_le_bytes());
    head[12..16].copy_from_slice(&(kind as u32).to_le_bytes());
    head[16..24].copy_from_slice(&id.to_le_bytes());
    head[24..28].copy_from_slice(&openings.to_le_bytes());
    buffer.extend_from_slice(&head);
    buffer.extend_from_slice(payload);
}

/// Appends a record that says which ids are finished.
pub(crate) fn push_finished(buffer: &mut Vec<u8>, ids: &[u64]) {
    for ids in ids.chunks(PAYLOAD_BYTES_MAX / 8) {
        let payload: Vec<u8> = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
        push(buffer, Kind::Finished, 0, 0, &payload, crc32c::crc32c(&payload));
    }
}

/// Gives every record of a batch its place, once: the batch begins at `start` in the segment with this seal.
pub(crate) fn seal(batch: &mut [u8], seal: Seal, start: u64) {
    let mut at = 0;
    while at < batch.len() {
        let end = at + RECORD_BYTES + u32_at(batch, at + 8) as usize;
        let behind = u32::try_from(at).expect("a batch is bounded below 4 GiB");
        batch[at + 28..at + 32].copy_from_slice(&behind.to_le_bytes());
        let masked = u32_at(batch, at + 4) ^ seal.mask;
        batch[at + 4..at + 8].copy_from_slice(&masked.to_le_bytes());
        let check = head_check(&batch[at + 4..at + RECORD_BYTES], seal.salt, start + at as u64);
        batch[at..at + 4].copy_from_slice(&check.to_le_bytes());
        at = end;
    }
}

/// The starts in a batch that [`push`] made: id, and bytes with the head.
pub(crate) fn starts_of(batch: &[u8]) -> impl Iterator<Item = (u64, u32)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let head = batch.get(at..at + RECORD_BYTES)?;
        let bytes = RECORD_BYTES as u32 + u32_at(head, 8);
        at += bytes as usize;
        Some((u32_at(head, 12) == Kind::Start as u32).then(|| (u64_at(head, 16), bytes)))
    })
    .flatten()
}

fn head_check(rest_of_head: &[u8], salt: u64, offset: u64) -> u32 {
    let mut place = [0; 16];
    place[..8].copy_from_slice(&salt.to_le_bytes());
    place[8..].copy_from_slice(&offset.to_le_bytes());
    crc32c::crc32c_append(crc32c::crc32c(&place), rest_of_head)
}

/// The record at `offset`, if one verifies there.
pub(crate) fn record_at(bytes: &[u8], seal: Seal, offset: u64) -> Option<Record<'_>> {
    let at = usize::try_from(offset).ok()?;
    let head = bytes.get(at..at.checked_add(RECORD_BYTES)?)?;
    let length = u32_at(head, 8) as usize;
    let kind = match u32_at(head, 12) {
        1 => Kind::Start,
        2 => Kind::Finished,
        _ => return None,
    };
    let is_plausible = length <= PAYLOAD_BYTES_MAX
        && u64_at(head, 16) < COUNT_MAX
        && (kind == Kind::Start || length.is_multiple_of(8));
    if !is_plausible || u32_at(head, 0) != head_check(&head[4..], seal.salt, offset) {
        return None;
    }
    let payload = bytes.get(at + RECORD_BYTES..at + RECORD_BYTES + length)?;
    let batch_start = offset.checked_sub(u64::from(u32_at(head, 28)))?;
    let record = Record { offset, kind, id: u64_at(head, 16), openings: u32_at(head, 24), batch_start, payload };
    (u32_at(head, 4) ^ seal.mask == crc32c::crc32c(payload)).then_some(record)
}

/// The first record that verifies of those that begin at one of `offsets`.
pub(crate) fn record_from(bytes: &[u8], seal: Seal, mut offsets: Range<u64>) -> Option<Record<'_>> {
    offsets.find_map(|at| record_at(bytes, seal, at))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

/// The name of a segment's file.
pub(crate) fn segment_name(number: u64) -> String {
    format!("{number:016x}{SEGMENT_SUFFIX}")
}

/// The number of a segment by the name of its file; none for other files.
pub(crate) fn segment_number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SEGMENT_SUFFIX)?;
    let number = u64::from_str_radix(digits, 16).ok()?;
    (number < COUNT_MAX && segment_name(number) == name).then_some(number)
}

const SEGMENT_SUFFIX: &str = ".segment";
/// A segment that is being made: it counts only under its own name.
pub(crate) const UNFINISHED_NAME: &str = "next.unfinished";
/// What a damaged segment's name ends with once it was set aside.
pub(crate) const DAMAGED_SUFFIX: &str = ".damaged";
