//! The segments of a journal, written by one at a time and with no thread of its own.
//!
//! Opening reads the folder and then writes all that is unfinished into one new segment, which supersedes the older
//! ones with its name: a torn tail, a half-done opening, small segments of short runs are all left behind in one step,
//! and a crash on the way leaves the old row as it was.
//!
//! Marks for a segment's starts lie in that segment or in later ones, never in earlier ones. So a segment can go only
//! when all before it are gone: otherwise a mark would be gone while its start is still there, and would run again
//! after every crash. Where a few long executions hold on to an old segment, their records are carried forward.

use crate::Unfinished;
use crate::disk::{Disk, DiskFile, Prepared};
use crate::error::Warning;
use crate::format::{self, END, Header, Kind, RECORD_BYTES, RECORDS_START, Seal};
use crate::recover::{self, Fault, Found, Piece};
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::time::Duration;

/// A new segment's first contents are written in pieces of about so many bytes.
const CHUNK_BYTES: usize = 4 << 20;

/// So many segments are carried forward between two batches.
const CARRIED_MAX: usize = 4;

/// How large things get.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// A segment that has so many bytes is followed by a new one.
    pub(crate) segment_bytes: u64,
    /// Above so many bytes in all, what is unfinished in the oldest segment is carried forward.
    pub(crate) carry_above_bytes: u64,
}

/// The journal's files.
#[derive(Debug)]
pub(crate) struct Log<D: Disk> {
    disk: D,
    sizes: Sizes,
    chance: fastrand::Rng,
    /// Oldest first, with no number left out.
    segments: VecDeque<Segment>,
    /// The last of the segments, open. None: what lies behind its durable bytes is not to be trusted, and the next
    /// batch goes to a new one.
    tail: Option<Tail<D::File>>,
    /// Every unfinished start that is durable.
    live: FxHashMap<u64, Place>,
    /// What opening found and could not write anew yet.
    unsettled: Option<Unsettled>,
    /// Finished, and not durably marked so.
    marks: Vec<u64>,
    /// Files that are superseded and still to be removed.
    litter: Vec<String>,
    next_id: u64,
}

/// The file that is being written.
#[derive(Debug)]
struct Tail<F> {
    file: F,
    /// It has room: what is written replaces bytes that are there.
    is_prepared: bool,
    /// Those bytes are of an earlier life of the file, so that zeros have to say where what counts ends.
    wants_end: bool,
}

/// The segments are numbered without gaps, so a number is an index.
#[derive(Debug)]
struct Segment {
    number: u64,
    seal: Seal,
    /// Durable bytes with the header.
    bytes: u64,
    live: u64,
    live_bytes: u64,
    /// It did not read back as it was written: it stays until its last start is finished.
    is_damaged: bool,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    segment: u64,
    bytes: u32,
}

#[derive(Debug)]
struct Unsettled {
    starts: BTreeMap<u64, Unfinished>,
    newest: u64,
}

/// What opening gave: the log, what is unfinished, and what is to be said.
pub(crate) type Opened<D> = (Log<D>, Vec<Unfinished>, Vec<Warning>);

impl<D: Disk> Log<D> {
    /// Reads what is there, and writes it anew if the disk lets it.
    pub(crate) fn open(disk: D, sizes: Sizes, chance: fastrand::Rng) -> Result<Opened<D>, Fault> {
        let found = recover::scan(&disk)?;
        Ok(Self::from_found(disk, sizes, chance, found))
    }

    /// As [`open`](Self::open), from what was found by whatever means.
    pub(crate) fn from_found(disk: D, sizes: Sizes, chance: fastrand::Rng, found: Found) -> Opened<D> {
        let Found { unfinished, next_id, newest, files, mut warnings } = found;
        let starts = unfinished.iter().map(|start| (start.id.get(), start.clone())).collect();
        let mut log = Self {
            disk,
            sizes,
            chance,
            segments: VecDeque::new(),
            tail: None,
            live: FxHashMap::default(),
            unsettled: Some(Unsettled { starts, newest }),
            marks: Vec::new(),
            litter: files,
            next_id,
        };
        if let Err(error) = log.settle() {
            warnings.push(Warning::Unwritable { error: error.to_string() });
        }
        (log, unfinished, warnings)
    }

    /// The ids to come begin here.
    pub(crate) fn next_id(&self) -> u64 {
        self.next_id
    }

    /// Bytes of all segments.
    pub(crate) fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// How many segments there are.
    pub(crate) fn segments(&self) -> usize {
        self.segments.len()
    }

    /// How many starts are durable and unfinished.
    pub(crate) fn unfinished(&self) -> usize {
        self.unsettled.as_ref().map_or(self.live.len(), |unsettled| unsettled.starts.len())
    }

    /// Writes a batch of records that [`format::push`] made, and marks. Once all of it is durable, `tell` is called
    /// with the time that this took; what is left to do then, the callers need not wait for. `marks` is taken in any
    /// case: what could not be written is kept for the next batch.
    ///
    /// # Errors
    /// None of the batch counts, and as little of it as can be is left on the disk. Another batch may be tried.
    pub(crate) fn append(
        &mut self,
        batch: &mut Vec<u8>,
        marks: &mut Vec<u64>,
        tell: impl FnOnce(Duration),
    ) -> io::Result<()> {
        self.marks.append(marks);
        let started = self.disk.time();
        let written = self.settle().and_then(|()| self.write_with_marks(batch));
        if let Ok(place) = written {
            tell(self.disk.time().saturating_sub(started));
            self.enter_batch(batch, place);
        }
        self.forget_finished();
        if written.is_ok() {
            self.marks.clear();
        }
        self.drop_oldest();
        (0..CARRIED_MAX).take_while(|_| self.carry_oldest()).for_each(drop);
        written.map(|_| ())
    }

    fn write_with_marks(&mut self, batch: &mut Vec<u8>) -> io::Result<u64> {
        if !self.marks.is_empty() {
            format::push_finished(batch, &self.marks);
        }
        if batch.is_empty() {
            return Ok(0);
        }
        self.write(batch)
    }

    /// Marks count in memory at once: on a full disk they give room that they could not be written in.
    fn forget_finished(&mut self) {
        if let Some(unsettled) = &mut self.unsettled {
            for id in self.marks.drain(..) {
                // It will not be written anew, so nothing needs to say that it is finished.
                unsettled.starts.remove(&id);
            }
        }
        for index in 0..self.marks.len() {
            if let Some(place) = self.live.remove(&self.marks[index]) {
                self.leave(place);
            }
        }
    }

    /// Writes to the end of the row, and makes it durable; the segment that it is in.
    fn write(&mut self, batch: &mut Vec<u8>) -> io::Result<u64> {
        self.make_room()?;
        let (Some(last), Some(Tail { file, wants_end, .. })) = (self.segments.back_mut(), self.tail.as_mut()) else {
            return Err(io::Error::other("no segment is open"));
        };
        format::seal(batch, last.seal, last.bytes);
        let bytes = batch.len();
        if *wants_end {
            batch.resize(bytes + END, 0);
        }
        let written = file.write_at(last.bytes, batch);
        batch.truncate(bytes);
        if let Err(error) = written {
            // A full disk wrote a part, which is taken back. After any other fault the file is not written again.
            let goes_on = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
            let is_taken_back = file.truncate(last.bytes).and_then(|()| file.sync()).is_ok();
            if !(goes_on && is_taken_back) {
                self.tail = None;
            }
            return Err(error);
        }
        if let Err(error) = file.sync() {
            // What a later sync says of these pages is worth nothing: the system may have dropped them already.
            let _is_refused_anyway = file.truncate(last.bytes);
            self.tail = None;
            return Err(error);
        }
        last.bytes += bytes as u64;
        Ok(last.number)
    }

    /// Notes the starts of a batch that is durable in this segment.
    fn enter_batch(&mut self, batch: &[u8], segment: u64) {
        for (id, bytes) in format::starts_of(batch) {
            self.enter(id, Place { segment, bytes });
        }
    }

    /// A start is durable in this place. One that was carried forward has left the place that it had.
    fn enter(&mut self, id: u64, place: Place) {
        self.next_id = self.next_id.max(id + 1);
        if let Some(before) = self.live.insert(id, place) {
            self.leave(before);
        }
        let segment = self.segment(place.segment);
        segment.live += 1;
        segment.live_bytes += u64::from(place.bytes);
    }

    fn leave(&mut self, place: Place) {
        let segment = self.segment(place.segment);
        segment.live -= 1;
        segment.live_bytes -= u64::from(place.bytes);
    }

    fn segment(&mut self, number: u64) -> &mut Segment {
        let first = self.segments[0].number;
        &mut self.segments[(number - first) as usize]
    }

    /// Sees to it that the last segment takes another batch.
    fn make_room(&mut self) -> io::Result<()> {
        let last = self.segments.back().ok_or_else(|| io::Error::other("the journal is not settled"))?;
        let could_be_quicker = |tail: &Tail<D::File>| !tail.is_prepared && self.disk.has_prepared();
        let is_good = self.tail.as_ref().is_some_and(|tail| !could_be_quicker(tail));
        if is_good && last.bytes < self.sizes.segment_bytes {
            return Ok(());
        }
        let (number, previous_bytes, row_start) = (last.number + 1, last.bytes, self.segments[0].number);
        self.begin_segment(number, row_start, previous_bytes, &[])
    }

    /// Writes everything that opening found into a segment of its own, which supersedes all others.
    fn settle(&mut self) -> io::Result<()> {
        let Some(unsettled) = self.unsettled.take() else { return Ok(()) };
        let starts: Vec<&Unfinished> = unsettled.starts.values().collect();
        let number = unsettled.newest + 1;
        if let Err(error) = self.begin_segment(number, number, 0, &starts) {
            self.unsettled = Some(unsettled);
            return Err(error);
        }
        for start in starts {
            self.enter(start.id.get(), Place { segment: number, bytes: (RECORD_BYTES + start.payload.len()) as u32 });
        }
        self.clear_litter();
        Ok(())
    }

    /// Makes a segment with these contents. It gets its name when it is durable, so nobody ever sees half of one.
    fn begin_segment(
        &mut self,
        number: u64,
        row_start: u64,
        previous_bytes: u64,
        starts: &[&Unfinished],
    ) -> io::Result<()> {
        // Once the new name may be on the disk, it says up to where the file before it counts: that one is done with.
        self.tail = None;
        let contents: usize = starts.iter().map(|start| RECORD_BYTES + start.payload.len()).sum();
        let durable_bytes = RECORDS_START + contents as u64;
        let seal = Seal::new(self.chance.u64(..));
        let (next_id, stale_salt) = (self.next_id, None);
        let header = Header { number, row_start, previous_bytes, durable_bytes, next_id, stale_salt, seal };
        let made = self.write_segment(header, starts);
        if made.is_err() {
            // The next try makes it anew; an opening removes it.
            let _may_not_be_there = self.disk.remove(format::UNFINISHED_NAME);
        }
        self.tail = Some(made?);
        self.segments.push_back(Segment {
            number,
            seal,
            bytes: durable_bytes,
            live: 0,
            live_bytes: 0,
            is_damaged: false,
        });
        Ok(())
    }

    fn write_segment(&mut self, mut header: Header, starts: &[&Unfinished]) -> io::Result<Tail<D::File>> {
        let prepared = self.disk.take_prepared(format::UNFINISHED_NAME);
        header.stale_salt = prepared.as_ref().and_then(|prepared| prepared.stale_salt);
        let (is_prepared, wants_end) = (prepared.is_some(), header.stale_salt.is_some());
        let mut file = match prepared {
            Some(Prepared { file, .. }) => file,
            None => self.disk.create(format::UNFINISHED_NAME)?,
        };
        let mut chunk = header.encode();
        if wants_end {
            file.write_at(header.durable_bytes, &[0; END])?;
        }
        file.write_at(0, &chunk)?;
        chunk.clear();
        let mut at = RECORDS_START;
        for (index, start) in starts.iter().enumerate() {
            let check = crc32c::crc32c(&start.payload);
            format::push(&mut chunk, Kind::Start, start.id.get(), start.openings, &start.payload, check);
            if chunk.len() >= CHUNK_BYTES || index + 1 == starts.len() {
                format::seal(&mut chunk, header.seal, at);
                file.write_at(at, &chunk)?;
                at += chunk.len() as u64;
                chunk.clear();
            }
        }
        file.sync()?;
        self.disk.rename(format::UNFINISHED_NAME, &format::segment_name(header.number))?;
        self.disk.sync_folder()?;
        Ok(Tail { file, is_prepared, wants_end })
    }

    /// Removes the oldest segments while all of their starts are finished. The last one stays: it is being written.
    fn drop_oldest(&mut self) {
        if self.unsettled.is_none() && !self.litter.is_empty() {
            self.clear_litter();
        }
        while self.segments.len() > 1 && self.segments[0].live == 0 {
            if !self.remove_oldest() {
                return;
            }
        }
    }

    /// One removal is durable before the next, so that a crash leaves no gap in the row. False: to be tried again.
    fn remove_oldest(&mut self) -> bool {
        let Segment { number, seal, .. } = self.segments[0];
        let name = format::segment_name(number);
        let removed = match self.disk.recycle(&name, seal.salt()).map_or_else(|| self.disk.remove(&name), |()| Ok(())) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => self.disk.sync_folder(),
        };
        if removed.is_ok() {
            self.segments.pop_front();
        }
        removed.is_ok()
    }

    /// Superseded files count for nothing, so they may go in any order, or at the next opening.
    fn clear_litter(&mut self) {
        let current = self.segments.back().map(|segment| format::segment_name(segment.number));
        let disk = &mut self.disk;
        self.litter.retain(|name| {
            let removed = if Some(name) == current.as_ref() { Ok(()) } else { disk.remove(name) };
            removed.is_err_and(|error| error.kind() != io::ErrorKind::NotFound)
        });
    }

    /// When the row is long and most of it is finished, writes what is unfinished in the oldest segment anew, so that it
    /// can go, and the finished ones behind it. A few at a time: the next batch is waiting. False: there is no more to do.
    fn carry_oldest(&mut self) -> bool {
        let (bytes, live_bytes) = (self.bytes(), self.segments.iter().map(|segment| segment.live_bytes).sum::<u64>());
        let is_worth_it = bytes > self.sizes.carry_above_bytes && live_bytes * 2 <= bytes && self.segments.len() > 1;
        let Some(oldest) = self.segments.front().filter(|oldest| is_worth_it && oldest.live > 0 && !oldest.is_damaged)
        else {
            return false;
        };
        let (number, seal, trusted) = (oldest.number, oldest.seal, oldest.bytes as usize);
        let Ok(bytes) = self.disk.read(&format::segment_name(number)) else { return false };
        let mut batch = Vec::new();
        let mut is_whole = bytes.len() >= trusted;
        for piece in recover::pieces(&bytes[..trusted.min(bytes.len())], seal) {
            match piece {
                Piece::Record(record) => {
                    let is_live = self.live.get(&record.id).is_some_and(|place| place.segment == number);
                    if record.kind == Kind::Start && is_live {
                        let check = crc32c::crc32c(record.payload);
                        format::push(&mut batch, Kind::Start, record.id, record.openings, record.payload, check);
                    }
                }
                Piece::Gap { .. } => is_whole = false,
            }
        }
        if !is_whole {
            self.segment(number).is_damaged = true;
            return false;
        }
        let Ok(segment) = self.write(&mut batch) else { return false };
        self.enter_batch(&batch, segment);
        self.drop_oldest();
        self.segments[0].number != number
    }
}
