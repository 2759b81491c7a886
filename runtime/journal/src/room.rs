//! Room on the disk that is there before it is needed.
//!
//! Where a file grows, making it durable means writing what the file system notes of its blocks too, and waiting for
//! that. Bytes that replace others in place cost half of it. So a thread of its own writes a file full of zeros while
//! the one before is being filled.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// A file of zeros, all of them durable.
const READY_NAME: &str = "room.ready";
/// One that is still being written. It means nothing, and is begun anew.
const UNFINISHED_NAME: &str = "room.unfinished";
/// So many zeros are written, and made durable, at a time.
const CHUNK_BYTES: usize = 1 << 20;

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
    state: Mutex<State>,
    bell: Condvar,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Wanted,
    Ready,
    /// The disk did not give it. It is wanted again with the next file.
    Refused,
    Closed,
}

impl Room {
    /// Begins to prepare files of so many bytes; one that was prepared earlier is taken over.
    pub(crate) fn open(folder: &Path, bytes: u64) -> io::Result<Self> {
        let (ready, unfinished) = (folder.join(READY_NAME), folder.join(UNFINISHED_NAME));
        let is_ready = std::fs::metadata(&ready).is_ok_and(|found| found.len() == bytes);
        let state = Mutex::new(if is_ready { State::Ready } else { State::Wanted });
        let shared = Arc::new(Shared { ready, unfinished, bytes, state, bell: Condvar::new() });
        let of_maker = Arc::clone(&shared);
        let maker = std::thread::Builder::new().name("journal-room".to_owned()).spawn(move || of_maker.make())?;
        Ok(Self { shared, maker: Some(maker) })
    }

    /// Whether a file is ready.
    pub(crate) fn is_ready(&self) -> bool {
        *self.shared.lock() == State::Ready
    }

    /// Gives the file that is ready this name, and begins with the next one. `None` where none is ready.
    pub(crate) fn take(&self, path: &Path) -> Option<File> {
        let mut state = self.shared.lock();
        let is_ready = *state == State::Ready;
        if *state == State::Closed {
            return None;
        }
        let taken = is_ready.then(|| {
            std::fs::rename(&self.shared.ready, path)?;
            OpenOptions::new().write(true).open(path)
        });
        *state = State::Wanted;
        self.shared.bell.notify_one();
        // A file that cannot be taken after all is not worth a failure: the caller makes one.
        taken?.ok()
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
            let waited = self.bell.wait_while(self.lock(), |state| matches!(*state, State::Ready | State::Refused));
            if *waited.unwrap_or_else(PoisonError::into_inner) == State::Closed {
                return;
            }
            let made = self.write().and_then(|()| std::fs::rename(&self.unfinished, &self.ready));
            if made.is_err() {
                // What was written of it is what a full disk needs.
                let _may_not_be_there = std::fs::remove_file(&self.unfinished);
            }
            let mut state = self.lock();
            if *state != State::Closed {
                *state = if made.is_ok() { State::Ready } else { State::Refused };
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
