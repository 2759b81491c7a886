//! Tests of the whole room, on a disk that fails as told and on a real one.

mod crash;
mod damage;
mod disk;
mod faults;
mod file;

use crate::Warning;
use crate::format::{self, Kind};
use crate::log::{Log, Sizes};
use disk::SimDisk;
use std::io;

/// Large enough that nothing rotates.
const ROOMY: Sizes = Sizes { segment_bytes: 1 << 30, carry_above_bytes: 1 << 30 };

/// An id and its payload.
type Start = (u64, Vec<u8>);

/// Appends starts with these payloads; their ids.
fn append(log: &mut Log<SimDisk>, payloads: &[&[u8]], finished: &[u64]) -> io::Result<Vec<u64>> {
    let first = log.next_id();
    let mut batch = Vec::new();
    for (index, payload) in payloads.iter().enumerate() {
        format::push(&mut batch, Kind::Start, first + index as u64, 0, payload, crc32c::crc32c(payload));
    }
    log.append(&mut batch, &mut finished.to_vec(), |_| ())?;
    Ok((first..first + payloads.len() as u64).collect())
}

/// Opens what is on the disk: the log, and ids with payloads. It must open.
fn open(disk: &SimDisk, sizes: Sizes) -> (Log<SimDisk>, Vec<Start>, Vec<Warning>) {
    let (log, unfinished, warnings) = Log::open(disk.clone(), sizes, fastrand::Rng::with_seed(9)).expect("it opens");
    let unfinished = unfinished.into_iter().map(|start| (start.id.get(), start.payload.to_vec())).collect();
    (log, unfinished, warnings)
}
