//! The journal in a folder: many callers, one thread that writes.

use crate::disk::{Disk, Folder};
use crate::error::{AcceptError, OpenError, Warning};
use crate::format::{self, Kind, PAYLOAD_BYTES_MAX, RECORD_BYTES};
use crate::group::{Abandon, Accepting, Group, ids_from};
use crate::log::{Log, Sizes};
use crate::recover::Fault;
use crate::{Journal, RecordId, Stats, Unfinished};
use smallvec::SmallVec;
use std::fs::TryLockError;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

/// A buffer that grew larger than this for one burst is given back after it.
const BUFFER_BYTES_KEPT: usize = 1 << 20;
/// The format counts the bytes of a batch in 32 bits; no configuration goes near that.
const BATCH_BYTES_MAX: usize = 1 << 30;
/// With so many marks waiting, they are written without waiting for `marks_interval`.
const MARKS_MAX: usize = 65_536;

/// The writer waits for company for a part of what the last write took, and at most for so long.
const GATHER_PART: u32 = 3;
const GATHER_MAX: Duration = Duration::from_millis(2);
/// After company stayed away, so many batches are written without waiting for it.
const GATHER_PAUSE: u32 = 16;

/// Where a [`FileJournal`] lies, and its bounds.
#[derive(Clone, Debug)]
pub struct FileConfig {
    /// The folder; it is made if it is not there, and holds nothing else.
    pub folder: PathBuf,
    /// A file with so many bytes is followed by a new one. Space comes back in steps of this.
    pub segment_bytes: u64,
    /// Whether a file of that size is prepared ahead, beyond `total_bytes_max`, by a thread of its own: starts are durable in
    /// half the time then.
    pub has_room_ahead: bool,
    /// Files and what waits to be written may have so many bytes together; over it, starts are refused as saturated.
    /// From half of it on, records of long executions are carried forward so that they don't hold on to finished ones.
    pub total_bytes_max: u64,
    /// So many bytes may wait for a slow disk; over it, starts are refused as saturated. A batch that alone is larger
    /// is always refused.
    pub pending_bytes_max: usize,
    /// So many records may wait for a slow disk; over it, starts are refused as saturated.
    pub pending_records_max: usize,
    /// The largest payload; 16 MiB at the very most.
    pub payload_bytes_max: usize,
    /// How long marks wait for a start to ride along with, before they are written alone.
    pub marks_interval: Duration,
    /// After a write failed, starts are refused at once for so long before another write is tried.
    pub retry_interval: Duration,
}

impl FileConfig {
    /// The defaults: 16 MiB a segment, one of them ahead, 1 GiB in all, 32 MiB and 65,536 records waiting, 1 MiB a payload, marks after
    /// 100 ms, a failing disk tried every 100 ms.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            segment_bytes: 16 << 20,
            has_room_ahead: true,
            total_bytes_max: 1 << 30,
            pending_bytes_max: 32 << 20,
            pending_records_max: 65_536,
            payload_bytes_max: 1 << 20,
            marks_interval: Duration::from_millis(100),
            retry_interval: Duration::from_millis(100),
        }
    }

    /// The same with another `total_bytes_max`, in 64 segments or more.
    #[must_use]
    pub fn with_total_bytes(self, total_bytes_max: u64) -> Self {
        let segment_bytes = self.segment_bytes.min(total_bytes_max / 64);
        Self { total_bytes_max, segment_bytes, ..self }
    }
}

/// A journal that was opened, and what it found.
#[derive(Debug)]
pub struct Opened {
    /// The journal.
    pub journal: FileJournal,
    /// What was accepted and is not finished, in the order of acceptance. The caller starts it again at the pace that
    /// admission allows; each is in memory until it is dropped here.
    pub unfinished: Vec<Unfinished>,
    /// To be logged.
    pub warnings: Vec<Warning>,
}

/// The journal in a folder.
///
/// Dropping it writes what waits, marks too, and ends its thread; it blocks meanwhile.
#[derive(Debug)]
pub struct FileJournal {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    /// For the groups, which outlive the journal where someone still holds one.
    me: Weak<Shared>,
    bounds: Bounds,
    /// Held for a copy of a payload or a swap of buffers, never while anything is written.
    pending: Mutex<Pending>,
    bell: Condvar,
    /// Bytes of all files, as of the last batch.
    file_bytes: AtomicU64,
    unfinished: AtomicU64,
    segments: AtomicU64,
    groups: AtomicU64,
    groups_failed: AtomicU64,
}

#[derive(Debug)]
struct Bounds {
    total_bytes_max: u64,
    pending_bytes_max: usize,
    pending_records_max: usize,
    payload_bytes_max: usize,
    marks_interval: Duration,
    retry_interval: Duration,
}

#[derive(Debug)]
struct Pending {
    /// Records as they will be written, but for their place.
    batch: Vec<u8>,
    records: usize,
    marks: Vec<u64>,
    /// Who waits for the batch.
    group: Arc<Group>,
    /// Someone waits for an empty batch.
    is_flush: bool,
    next_id: u64,
    writer: Writer,
    /// The disk failed a moment ago.
    refusing: Option<Arc<io::Error>>,
    is_closed: bool,
}

/// What the thread is about: who has to ring, and for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writer {
    /// It will look by itself.
    Busy,
    /// It sleeps until someone rings.
    Asleep,
    /// It sleeps until marks are due, or a start rings.
    Dozing,
    /// It sleeps for a moment, or until so many records have come together.
    Gathering(usize),
}

impl Pending {
    fn new(next_id: u64, group: Arc<Group>) -> Self {
        Self {
            batch: Vec::new(),
            records: 0,
            marks: Vec::new(),
            group,
            is_flush: false,
            next_id,
            writer: Writer::Busy,
            refusing: None,
            is_closed: false,
        }
    }
}

impl FileJournal {
    /// Opens the folder, recovers what is in it, and starts the writer. Blocks while it reads and writes: at most
    /// `total_bytes_max` each way.
    ///
    /// # Errors
    /// The folder is in use, can't be read, or is damaged other than at its end. Nothing was changed then. A disk that
    /// can't be written is no error but a [`Warning::Unwritable`].
    pub fn open(config: &FileConfig) -> Result<Opened, OpenError> {
        let io = |error| OpenError::Io { folder: config.folder.clone(), error };
        let mut folder = lock(&config.folder)?;
        if config.has_room_ahead {
            folder.prepare_room(config.segment_bytes).map_err(io)?;
        }
        let sizes = Sizes { segment_bytes: config.segment_bytes, carry_above_bytes: config.total_bytes_max / 2 };
        let opened = Log::open(folder, sizes, fastrand::Rng::new());
        let (log, unfinished, warnings) = opened.map_err(|fault| fault.into_error(&config.folder))?;
        Ok(Opened { journal: Self::run(log, config).map_err(io)?, unfinished, warnings })
    }

    /// Starts the writer of an open log.
    pub(crate) fn run<D: Disk>(log: Log<D>, config: &FileConfig) -> io::Result<Self> {
        let shared = Arc::new_cyclic(|me: &Weak<Shared>| Shared {
            me: me.clone(),
            bounds: Bounds {
                total_bytes_max: config.total_bytes_max,
                pending_bytes_max: config.pending_bytes_max.min(BATCH_BYTES_MAX),
                pending_records_max: config.pending_records_max,
                payload_bytes_max: config.payload_bytes_max.min(PAYLOAD_BYTES_MAX),
                marks_interval: config.marks_interval,
                retry_interval: config.retry_interval,
            },
            pending: Mutex::new(Pending::new(log.next_id(), Group::new(me.clone(), 0))),
            bell: Condvar::new(),
            file_bytes: AtomicU64::new(log.bytes()),
            unfinished: AtomicU64::new(log.unfinished() as u64),
            segments: AtomicU64::new(log.segments() as u64),
            groups: AtomicU64::new(0),
            groups_failed: AtomicU64::new(0),
        });
        let of_writer = Arc::clone(&shared);
        let writer =
            std::thread::Builder::new().name("journal".to_owned()).spawn(move || write_batches(log, &of_writer))?;
        Ok(Self { shared, writer: Some(writer) })
    }
}

/// The folder, with its lock.
pub(crate) fn lock(folder: &Path) -> Result<Folder, OpenError> {
    Folder::open(folder, true).map_err(|error| match error {
        TryLockError::WouldBlock => OpenError::Locked(folder.to_owned()),
        TryLockError::Error(error) => OpenError::Io { folder: folder.to_owned(), error },
    })
}

impl Fault {
    /// As the caller is told.
    pub(crate) fn into_error(self, folder: &Path) -> OpenError {
        match self {
            Self::Damaged { file, offset, what } => OpenError::Damaged { file, offset, what },
            Self::Missing { file } => OpenError::Missing { file },
            Self::Version { file, version } => OpenError::Version { file, version },
            Self::Io(error) => OpenError::Io { folder: folder.to_owned(), error },
        }
    }
}

impl Journal for FileJournal {
    fn accept(&self, payloads: &[&[u8]]) -> Accepting {
        match self.shared.put(payloads) {
            Ok((group, first)) => Accepting::group(group, ids_from(first, payloads.len())),
            Err(error) => Accepting::ready(Err(error)),
        }
    }

    fn finish(&self, ids: &[RecordId]) {
        self.shared.finish(ids);
    }

    fn stats(&self) -> Stats {
        let shared = &self.shared;
        Stats {
            unfinished: shared.unfinished.load(Relaxed),
            bytes: shared.file_bytes.load(Relaxed),
            segments: shared.segments.load(Relaxed),
            pending_bytes: shared.lock().batch.len() as u64,
            groups: shared.groups.load(Relaxed),
            groups_failed: shared.groups_failed.load(Relaxed),
        }
    }
}

impl Abandon for Shared {
    fn abandon(&self, ids: &[RecordId]) {
        self.finish(ids);
    }
}

impl Drop for FileJournal {
    fn drop(&mut self) {
        self.shared.lock().is_closed = true;
        self.shared.bell.notify_one();
        if let Some(writer) = self.writer.take() {
            // It tells those who wait even if it panics; there is nobody here to tell.
            let _ended = writer.join();
        }
    }
}

impl Shared {
    fn new_group(&self, expected: usize) -> Arc<Group> {
        Group::new(self.me.clone(), expected)
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        // What is done under this lock leaves nothing half-done that the next one would trip over.
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a batch into the buffer: the group to wait for, and the first id.
    fn put(&self, payloads: &[&[u8]]) -> Result<(Arc<Group>, u64), AcceptError> {
        let bytes_max = self.bounds.payload_bytes_max;
        if let Some(large) = payloads.iter().find(|payload| payload.len() > bytes_max) {
            return Err(AcceptError::PayloadTooLarge { bytes: large.len(), bytes_max });
        }
        // Outside of the lock: the check of what may be 256 KiB.
        let checks: SmallVec<[u32; 4]> = payloads.iter().map(|payload| crc32c::crc32c(payload)).collect();
        let bytes: usize = payloads.iter().map(|payload| RECORD_BYTES + payload.len()).sum();

        let mut pending = self.lock();
        self.admit(&pending, payloads.len(), bytes)?;
        let first = pending.next_id;
        pending.next_id += payloads.len() as u64;
        pending.records += payloads.len();
        pending.is_flush |= payloads.is_empty();
        for (index, (payload, check)) in payloads.iter().zip(checks).enumerate() {
            format::push(&mut pending.batch, Kind::Start, first + index as u64, 0, payload, check);
        }
        let group = Arc::clone(&pending.group);
        let rings = match pending.writer {
            Writer::Busy => false,
            Writer::Asleep | Writer::Dozing => true,
            Writer::Gathering(enough) => pending.records >= enough || pending.is_flush,
        };
        if rings {
            // Once is enough.
            pending.writer = Writer::Busy;
        }
        drop(pending);
        if rings {
            self.bell.notify_one();
        }
        Ok((group, first))
    }

    fn admit(&self, pending: &Pending, records: usize, bytes: usize) -> Result<(), AcceptError> {
        if pending.is_closed {
            return Err(AcceptError::Closed);
        }
        if let Some(error) = &pending.refusing {
            return Err(AcceptError::Unavailable(Arc::clone(error)));
        }
        let pending_bytes = pending.batch.len() + bytes;
        let over = [
            (pending_bytes > self.bounds.pending_bytes_max, "pending_bytes_max"),
            (pending.records + records > self.bounds.pending_records_max, "pending_records_max"),
            (self.file_bytes.load(Relaxed) + pending_bytes as u64 > self.bounds.total_bytes_max, "total_bytes_max"),
        ];
        match over.into_iter().find(|(is_over, _)| *is_over && records > 0) {
            Some((_, bound)) => Err(AcceptError::Saturated { bound }),
            None => Ok(()),
        }
    }

    fn finish(&self, ids: &[RecordId]) {
        let mut pending = self.lock();
        pending.marks.extend(ids.iter().map(|id| id.get()));
        let is_urgent = pending.marks.len() >= MARKS_MAX && pending.writer == Writer::Dozing;
        let rings = is_urgent || pending.writer == Writer::Asleep;
        if rings {
            pending.writer = Writer::Busy;
        }
        drop(pending);
        if rings {
            self.bell.notify_one();
        }
    }

    /// Waits until there is something to write.
    fn wait(&self) -> MutexGuard<'_, Pending> {
        let mut pending = self.lock();
        let mut marks_are_due = false;
        loop {
            let has_work = pending.records > 0 || pending.is_flush || pending.is_closed;
            if has_work || marks_are_due || pending.marks.len() >= MARKS_MAX {
                pending.writer = Writer::Busy;
                return pending;
            }
            if pending.marks.is_empty() {
                pending.writer = Writer::Asleep;
                pending = self.bell.wait(pending).unwrap_or_else(PoisonError::into_inner);
            } else {
                pending.writer = Writer::Dozing;
                let dozed = self.bell.wait_timeout(pending, self.bounds.marks_interval);
                let (guard, timeout) = dozed.unwrap_or_else(PoisonError::into_inner);
                pending = guard;
                marks_are_due = timeout.timed_out();
            }
        }
    }
}

/// Whether to wait for company.
///
/// Whoever was just told comes back with the next start a moment later. A writer that did not wait would take those who
/// came while it wrote, and leave the others for the next time: two halves that take turns, and each write does half of
/// what it could. So it waits until as many are there as were, for a part of the time that a write takes; where
/// they don't come back it stops to wait for them.
#[derive(Debug, Default)]
struct Company {
    /// Records that those brought who were told, and those who came meanwhile.
    expected: usize,
    time_max: Duration,
    /// Batches still to be written without waiting.
    pause: u32,
}

impl Company {
    /// A batch was written in `time` while `waiting` records came; now those of the batch are told.
    fn tell(&mut self, told: usize, waiting: usize, time: Duration) {
        let all = told + waiting;
        self.expected = if told > 1 { all - all / 8 } else { 0 };
        self.time_max = (time / GATHER_PART).min(GATHER_MAX);
    }

    /// Waits for them, if that is worth it.
    fn gather<'a>(&mut self, shared: &Shared, mut pending: MutexGuard<'a, Pending>) -> MutexGuard<'a, Pending> {
        let is_enough = |pending: &Pending| pending.records >= self.expected || pending.is_flush || pending.is_closed;
        if is_enough(&pending) || pending.records == 0 || self.time_max.is_zero() {
            return pending;
        }
        if self.pause > 0 {
            self.pause -= 1;
            return pending;
        }
        pending.writer = Writer::Gathering(self.expected);
        let waited = shared.bell.wait_timeout_while(pending, self.time_max, |pending| !is_enough(pending));
        let mut pending = waited.unwrap_or_else(PoisonError::into_inner).0;
        pending.writer = Writer::Busy;
        if !is_enough(&pending) {
            self.pause = GATHER_PAUSE;
        }
        pending
    }
}

/// The writer: as long as the journal is open, takes what waits, makes it durable, tells who waited.
fn write_batches<D: Disk>(mut log: Log<D>, shared: &Shared) {
    let mut hand = Hand {
        shared,
        batch: Vec::new(),
        records: 0,
        marks: Vec::new(),
        group: shared.new_group(0),
        waiting: 0,
        company: Company::default(),
    };
    loop {
        let is_last = hand.take();
        let mut batch = std::mem::take(&mut hand.batch);
        let mut marks = std::mem::take(&mut hand.marks);
        let written = log.append(&mut batch, &mut marks, |time| hand.tell(time));
        (hand.batch, hand.marks) = (batch, marks);
        shared.file_bytes.store(log.bytes(), Relaxed);
        shared.unfinished.store(log.unfinished() as u64, Relaxed);
        shared.segments.store(log.segments() as u64, Relaxed);
        if let Err(error) = written {
            hand.refuse(Arc::new(error), is_last);
        }
        if is_last {
            return;
        }
    }
}

/// What the writer has taken. Whatever happens to it, those who wait are told.
struct Hand<'a> {
    shared: &'a Shared,
    batch: Vec<u8>,
    records: usize,
    marks: Vec<u64>,
    group: Arc<Group>,
    /// Who waited for the group before.
    waiting: usize,
    company: Company,
}

impl Hand<'_> {
    /// Takes what waits; true when there will be no more.
    fn take(&mut self) -> bool {
        self.batch.clear();
        if self.batch.capacity() > BUFFER_BYTES_KEPT {
            self.batch = Vec::new();
        }
        self.group = self.shared.new_group(self.waiting);
        let mut pending = self.company.gather(self.shared, self.shared.wait());
        std::mem::swap(&mut pending.batch, &mut self.batch);
        std::mem::swap(&mut pending.marks, &mut self.marks);
        std::mem::swap(&mut pending.group, &mut self.group);
        self.records = std::mem::take(&mut pending.records);
        pending.is_flush = false;
        pending.is_closed
    }

    /// The batch is durable: tells those who wait for it.
    fn tell(&mut self, write_time: Duration) {
        let waiting = self.shared.lock().records;
        self.company.tell(self.records, waiting, write_time);
        self.shared.groups.fetch_add(1, Relaxed);
        self.waiting = self.group.waiting();
        self.group.settle(Ok(()));
    }

    /// Tells everyone that the disk failed, those too who came meanwhile, and gives the disk a moment.
    fn refuse(&mut self, error: Arc<io::Error>, is_last: bool) {
        self.shared.groups_failed.fetch_add(1, Relaxed);
        let group = {
            let mut pending = self.shared.lock();
            pending.batch.clear();
            pending.records = 0;
            pending.is_flush = false;
            pending.refusing = Some(Arc::clone(&error));
            std::mem::replace(&mut pending.group, self.shared.new_group(0))
        };
        self.group.settle(Err(AcceptError::Unavailable(Arc::clone(&error))));
        group.settle(Err(AcceptError::Unavailable(error)));
        if is_last {
            return;
        }
        let pending = self.shared.lock();
        let bell = &self.shared.bell;
        let rested = bell.wait_timeout_while(pending, self.shared.bounds.retry_interval, |pending| !pending.is_closed);
        rested.unwrap_or_else(PoisonError::into_inner).0.refusing = None;
    }
}

impl Drop for Hand<'_> {
    fn drop(&mut self) {
        let group = {
            let mut pending = self.shared.lock();
            pending.is_closed = true;
            std::mem::replace(&mut pending.group, self.shared.new_group(0))
        };
        self.group.settle(Err(AcceptError::Closed));
        group.settle(Err(AcceptError::Closed));
    }
}
