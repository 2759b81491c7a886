//! Makes a damaged journal one that opens, with all that verifies.

use crate::disk::Disk;
use crate::error::OpenError;
use crate::file::lock;
use crate::format::{self, DAMAGED_SUFFIX, Header, HeaderError};
use crate::log::{Log, Sizes};
use crate::recover::{self, Fault, Found, Ledger, Piece};
use std::path::Path;

/// What a repair did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repaired {
    /// Unfinished starts that were kept.
    pub kept: u64,
    /// What was left out: file, first byte, bytes.
    pub skipped: Vec<(String, u64, u64)>,
    /// Rows of segments that were not there, each by its first and its last: their starts are lost, and those whose
    /// marks they held run again.
    pub missing: Vec<(String, String)>,
    /// Copies of the damaged files as they were, for whoever wants to look; nothing reads them again.
    pub set_aside: Vec<String>,
}

/// Keeps every start that verifies and that no mark which verifies says is finished, in a new segment; damaged files
/// keep a copy under another name. A start whose mark is lost runs again. A journal with no damage is opened and
/// closed by this, no more.
///
/// # Errors
/// The folder is in use, can't be read or written, or is of another version. It is then as it was, but for copies.
pub fn repair(folder: &Path) -> Result<Repaired, OpenError> {
    repair_disk(lock(folder)?, fastrand::Rng::new()).map_err(|fault| fault.into_error(folder))
}

/// As [`repair`], of any disk.
pub(crate) fn repair_disk<D: Disk>(mut disk: D, chance: fastrand::Rng) -> Result<Repaired, Fault> {
    let (mut repaired, found) = salvage(&disk)?;
    // The copies come first: once the new segment has its name, an opening removes what it supersedes.
    for (file, ..) in &repaired.skipped {
        let copy = format!("{file}{DAMAGED_SUFFIX}");
        if !repaired.set_aside.contains(&copy) {
            disk.keep_as(file, &copy)?;
            repaired.set_aside.push(copy);
        }
    }
    disk.sync_folder()?;
    repaired.kept = found.unfinished.len() as u64;
    let sizes = Sizes { segment_bytes: u64::MAX, carry_above_bytes: u64::MAX };
    let (mut log, ..) = Log::from_found(disk, sizes, chance, found);
    // Opening tried this already; a disk that can't be written says so here.
    log.append(&mut Vec::new(), &mut Vec::new(), |_| ())?;
    Ok(repaired)
}

/// Everything that verifies, whatever lies around it.
fn salvage<D: Disk>(disk: &D) -> Result<(Repaired, Found), Fault> {
    let (numbers, mut files) = recover::listed(disk)?;
    let mut repaired = Repaired::default();
    let mut row_start = 0;
    let mut trusted_before = std::collections::BTreeMap::new();
    for &number in &numbers {
        if let Some(header) = header(disk, number)?.1 {
            row_start = row_start.max(header.row_start);
            trusted_before.insert(number, header.previous_bytes);
        }
    }
    let row = &numbers[numbers.partition_point(|&number| number < row_start)..];
    let mut ledger = Ledger::default();
    for (index, &number) in row.iter().enumerate() {
        let file = format::segment_name(number);
        if let Some(expected) = index.checked_sub(1).map(|before| row[before] + 1).filter(|&next| next < number) {
            repaired.missing.push((format::segment_name(expected), format::segment_name(number - 1)));
        }
        let (mut bytes, Some(header)) = header(disk, number)? else {
            repaired.skipped.push((file, 0, disk.read(&format::segment_name(number))?.len() as u64));
            continue;
        };
        let length = bytes.len() as u64;
        let trusted = trusted_before.get(&(number + 1)).copied();
        if let Some(trusted) = trusted {
            if length < trusted {
                repaired.skipped.push((file.clone(), length, 0));
            }
            // What lies behind was refused.
            bytes.truncate(usize::try_from(trusted).unwrap_or(usize::MAX));
        }
        ledger.begin(&header);
        for piece in recover::pieces(&bytes, header.seal) {
            match piece {
                Piece::Record(record) => ledger.enter(&record),
                // Of the last one, what is behind the durable bytes may be room that was never written.
                Piece::Gap { offset, .. }
                    if trusted.is_none()
                        && offset >= header.durable_bytes
                        && recover::written(&bytes, offset, &header) == 0 => {}
                Piece::Gap { offset, bytes } => repaired.skipped.push((file.clone(), offset, bytes)),
            }
        }
    }
    files.extend(numbers.iter().map(|&number| format::segment_name(number)));
    let (mut unfinished, next_id) = ledger.close();
    // This is no opening that hands them out.
    unfinished.iter_mut().for_each(|start| start.openings -= 1);
    let newest = numbers.last().copied().unwrap_or(0);
    Ok((repaired, Found { unfinished, next_id, newest, files, warnings: Vec::new() }))
}

/// A segment's bytes, and its header if that verifies.
fn header<D: Disk>(disk: &D, number: u64) -> Result<(Vec<u8>, Option<Header>), Fault> {
    let file = format::segment_name(number);
    let bytes = disk.read(&file)?;
    match Header::decode(&bytes) {
        Ok((header, _)) => Ok((bytes, Some(header))),
        Err(HeaderError::Damaged) => Ok((bytes, None)),
        Err(HeaderError::Version(version)) => Err(Fault::Version { file, version }),
    }
}
