//! Room on the disk that is there before it is needed.
//!
//! Where a file grows, making it durable means writing what the file system notes of its blocks too, and waiting for
//! that. Bytes that replace others in place cost half of it. So a thread of its own writes a file full of zeros while
//! the one before is being filled. Where segments are finished with as fast as others are filled, there is no need for that:
//! the file of one that is done with has its room already.

use crate::disk::Prepared;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// A file of zeros, all of them durable, or what was a segment.
const READY_NAME: &str = "room.ready";
/// One that is still being written. It means nothing, and is begun anew.
const UNFINISHED_NAME: &str = "room.unfinished";
/// So many zeros are written, and made durable, at a time.
const CHUNK_BYTES: usize = 1 << 20;
/// For so long a segment that is done with is waited for, before a file is made.
const RECYCLED_WAIT: Duration = Duration::from_millis(100);
/// A segment's last batch may have made it so many times as long as it should be, and it is still taken.
const LENGTH_MAX: u64 = 2;

/// What prepares the room of one folder, and its thread.
#[derive(Debug)]
pub(crate) struct Room {
    shared: Arc<Shared>,
    maker: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    ready: PathBuf,
    unfinished: PathBuf,
    bytes: u64,
    /// How often one was taken.
    turns: AtomicU64,
    state: Mutex<State>,
    bell: Condvar,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A file is; one that was a segment would do. Each time has a number of its own.
    Wanted(u64),
    /// It is being made.
    Making,
    Ready {
        stale_salt: Option<u64>,
    },
    /// The disk did not give it. It is wanted again with the next file.
    Refused,
    Closed,
}

impl Room {
    /// Begins to prepare files of so many bytes; one that was prepared earlier is taken over.
    pub(crate) fn open(folder: &Path, bytes: u64) -> io::Result<Self> {
        let (ready, unfinished) = (folder.join(READY_NAME), folder.join(UNFINISHED_NAME));
        let is_ready = is_zeros(&ready, bytes).unwrap_or(false);
        let state = Mutex::new(if is_ready { State::Ready { stale_salt: None } } else { State::Making });
        let shared =
            Arc::new(Shared { ready, unfinished, bytes, turns: AtomicU64::new(0), state, bell: Condvar::new() });
        let of_maker = Arc::clone(&shared);
        let maker = std::thread::Builder::new().name("journal-room".to_owned()).spawn(move || of_maker.make())?;
        Ok(Self { shared, maker: Some(maker) })
    }

    /// Whether a file is ready.
    pub(crate) fn is_ready(&self) -> bool {
        matches!(*self.shared.lock(), State::Ready { .. })
    }

    /// Gives the file that is ready this name, and begins with the next one. `None` where none is ready.
    pub(crate) fn take(&self, path: &Path) -> Option<Prepared<File>> {
        let mut state = self.shared.lock();
        let before = *state;
        if matches!(before, State::Closed | State::Making) {
            return None;
        }
        *state = State::Wanted(self.shared.turns.fetch_add(1, Relaxed));
        self.shared.bell.notify_one();
        let State::Ready { stale_salt } = before else { return None };
        // A file that cannot be taken after all is not worth a failure: the caller makes one.
        std::fs::rename(&self.shared.ready, path).ok()?;
        let file = OpenOptions::new().write(true).open(path).ok()?;
        Some(Prepared { file, stale_salt })
    }

    /// Takes the file at `path`, which was a segment with this salt, if one is wanted. Its old name is durably gone before it
    /// is ready: nothing else may be found below that name.
    pub(crate) fn recycle(&self, path: &Path, salt: u64, folder: &File) -> Option<()> {
        let Shared { ready, bytes, .. } = &*self.shared;
        let fits = |length: u64| (*bytes..=bytes.saturating_mul(LENGTH_MAX)).contains(&length);
        let mut state = self.shared.lock();
        if !matches!(*state, State::Wanted(_)) || !fits(std::fs::metadata(path).ok()?.len()) {
            return None;
        }
        std::fs::rename(path, ready).and_then(|()| folder.sync_all()).ok()?;
        *state = State::Ready { stale_salt: Some(salt) };
        Some(())
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        *self.shared.lock() = State::Closed;
        self.shared.bell.notify_one();
        if let Some(maker) = self.maker.take() {
            // If it panicked there is no room, which was to be expected anyway.
            let _ended = maker.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread.
    fn make(&self) {
        loop {
            let rests = |state: &mut State| matches!(*state, State::Ready { .. } | State::Refused);
            let mut state = self.bell.wait_while(self.lock(), rests).unwrap_or_else(PoisonError::into_inner);
            let before = *state;
            if before == State::Closed {
                return;
            }
            if matches!(before, State::Wanted(_)) {
                let waited = self.bell.wait_timeout_while(state, RECYCLED_WAIT, |state| *state == before);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
                if *state != before {
                    continue;
                }
            }
            *state = State::Making;
            drop(state);
            let made = self.write().and_then(|()| std::fs::rename(&self.unfinished, &self.ready));
            if made.is_err() {
                // What was written of it is what a full disk needs.
                let _may_not_be_there = std::fs::remove_file(&self.unfinished);
            }
            let mut state = self.lock();
            if *state != State::Closed {
                *state = if made.is_ok() { State::Ready { stale_salt: None } } else { State::Refused };
            }
        }
    }

    fn write(&self) -> io::Result<()> {
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(&self.unfinished)?;
        let zeros = vec![0; CHUNK_BYTES.min(usize::try_from(self.bytes).unwrap_or(CHUNK_BYTES))];
        let mut at = 0;
        while at < self.bytes {
            if *self.lock() == State::Closed {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let chunk = &zeros[..zeros.len().min((self.bytes - at) as usize)];
            file.write_all_at(chunk, at)?;
            // Piece by piece: one large flush would keep the journal's own waiting.
            file.sync_data()?;
            at += chunk.len() as u64;
        }
        file.sync_all()
    }
}

/// Whether a file of so many bytes is there that no segment was: one that was begins with a header.
fn is_zeros(path: &Path, bytes: u64) -> io::Result<bool> {
    let mut start = [0; 8];
    let mut file = File::open(path)?;
    file.read_exact(&mut start)?;
    Ok(start == [0; 8] && file.metadata()?.len() == bytes)
}
