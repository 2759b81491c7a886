//! All that this room asks of a disk, so that a test can be one that fails.

use crate::room::Room;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A folder on a disk.
pub(crate) trait Disk: Send + 'static {
    /// An open file.
    type File: DiskFile;

    /// Names of the files in the folder, in no order.
    fn list(&self) -> io::Result<Vec<String>>;
    /// A new, empty file for writing; an older one of this name is emptied.
    fn create(&mut self, name: &str) -> io::Result<Self::File>;
    /// A file with room that was prepared for it, all of it durable. `None` where none is ready. An older one of this name is
    /// gone.
    fn take_prepared(&mut self, name: &str) -> Option<Prepared<Self::File>>;
    /// Whether [`take_prepared`](Self::take_prepared) would give one.
    fn has_prepared(&self) -> bool;
    /// Takes a segment away and keeps its file as the next that is prepared; the old name is durably gone then. `None` where none is
    /// wanted, or it is not fit for that, or the disk refuses: whether it still has its name is not known then.
    fn recycle(&mut self, name: &str, salt: u64) -> Option<()>;
    /// The whole of a file.
    fn read(&self, name: &str) -> io::Result<Vec<u8>>;
    /// Gives a file another name, in one step; a file that had that name is gone.
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()>;
    /// Gives a file a second name, or, where the disk can't, makes a copy that is durable.
    fn keep_as(&mut self, name: &str, copy: &str) -> io::Result<()>;
    /// Takes a file away.
    fn remove(&mut self, name: &str) -> io::Result<()>;
    /// Makes names durable: those that were created, changed or taken away.
    fn sync_folder(&mut self) -> io::Result<()>;
    /// Time on a clock that only runs forward, to see how fast the disk is.
    fn time(&self) -> Duration;
}

/// A file that has its room.
#[derive(Debug)]
pub(crate) struct Prepared<F> {
    pub(crate) file: F,
    /// It was a segment with this salt, whose bytes are still there; without, it is zeros.
    pub(crate) stale_salt: Option<u64>,
}

/// A file of a [`Disk`].
pub(crate) trait DiskFile: Send + 'static {
    /// Writes all of `bytes` at `offset`.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Makes durable what was written.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts the file to `bytes`.
    fn truncate(&mut self, bytes: u64) -> io::Result<()>;
}

/// A folder of this machine, locked for as long as this lives.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    /// The folder itself, open: to make its names durable, and to hold the lock. A lock on the folder needs no file of
    /// its own, which a full or read-only disk would refuse.
    handle: File,
    opened: Instant,
    room: Option<Room>,
}

impl Folder {
    /// Opens the folder, which is made if it is not there; with `lock`, nobody else may.
    pub(crate) fn open(path: &Path, lock: bool) -> Result<Self, TryLockError> {
        if lock && !path.is_dir() {
            std::fs::create_dir_all(path).map_err(TryLockError::Error)?;
            if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
                File::open(parent).and_then(|parent| parent.sync_all()).map_err(TryLockError::Error)?;
            }
        }
        let handle = File::open(path).map_err(TryLockError::Error)?;
        if lock {
            handle.try_lock()?;
        }
        // No record and no answer depends on it, only how long the writer waits for company.
        #[allow(clippy::disallowed_methods)]
        let opened = Instant::now();
        Ok(Self { path: path.to_owned(), handle, opened, room: None })
    }

    /// From now on files with room for so many bytes are prepared.
    pub(crate) fn prepare_room(&mut self, bytes: u64) -> io::Result<()> {
        self.room = Some(Room::open(&self.path, bytes)?);
        Ok(())
    }
}

impl Disk for Folder {
    type File = File;

    fn list(&self) -> io::Result<Vec<String>> {
        let names = std::fs::read_dir(&self.path)?.map(|entry| Ok(entry?.file_name().into_string().ok()));
        names.filter_map(Result::transpose).collect()
    }

    fn create(&mut self, name: &str) -> io::Result<File> {
        OpenOptions::new().write(true).create(true).truncate(true).open(self.path.join(name))
    }

    fn take_prepared(&mut self, name: &str) -> Option<Prepared<File>> {
        self.room.as_ref()?.take(&self.path.join(name))
    }

    fn recycle(&mut self, name: &str, salt: u64) -> Option<()> {
        self.room.as_ref()?.recycle(&self.path.join(name), salt, &self.handle)
    }

    fn has_prepared(&self) -> bool {
        self.room.as_ref().is_some_and(Room::is_ready)
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(self.path.join(name))?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.path.join(from), self.path.join(to))
    }

    fn keep_as(&mut self, name: &str, copy: &str) -> io::Result<()> {
        let (name, copy) = (self.path.join(name), self.path.join(copy));
        match std::fs::hard_link(&name, &copy) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(_) => std::fs::copy(&name, &copy).and_then(|_| File::open(&copy)?.sync_all()),
            Ok(()) => Ok(()),
        }
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.path.join(name))
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        self.handle.sync_all()
    }

    fn time(&self) -> Duration {
        self.opened.elapsed()
    }
}

impl DiskFile for File {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::write_all_at(self, bytes, offset)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn truncate(&mut self, bytes: u64) -> io::Result<()> {
        self.set_len(bytes)
    }
}
