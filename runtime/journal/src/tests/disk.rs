//! A disk in memory that fails as it is told, and that loses at a crash what was not made durable.

use crate::disk::{Disk, DiskFile, Prepared};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard};

/// A handle on the disk; all handles mean the same one.
#[derive(Clone, Debug)]
pub(super) struct SimDisk(Arc<Mutex<World>>);

/// How the disk fails.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults {
    /// Bytes that it has room for.
    pub(super) capacity: Option<usize>,
    pub(super) is_read_only: bool,
    /// Chances of an error, of 1,000.
    pub(super) write_fails: u32,
    pub(super) sync_fails: u32,
    pub(super) folder_sync_fails: u32,
    /// After so many operations the machine stops, in the middle of one.
    pub(super) stops_after: Option<u32>,
}

/// What is on the disk, and what would be after a crash.
#[derive(Debug)]
pub(super) struct World {
    chance: fastrand::Rng,
    page_bytes: usize,
    files: Vec<Content>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    /// What names meant since the folder was last made durable: any of it may be what a crash leaves.
    changes: Vec<(String, Option<usize>)>,
    faults: Faults,
    has_stopped: bool,
    /// Room of so many bytes is prepared ahead.
    prepares: Option<usize>,
    /// After so many operations.
    ready_after: u32,
    /// The salt of the segment that is ready to be the next one.
    recycled: Option<u64>,
    recycled_count: u64,
}

/// Where a file lies that was a segment and will be one.
const RECYCLED: &str = "room.ready";

/// The room is ready so many operations after the last was taken.
const PREPARING: u32 = 25;

#[derive(Clone, Debug, Default)]
struct Content {
    now: Vec<u8>,
    durable: Vec<u8>,
    /// Pages whose present bytes a sync has still to write.
    dirty: BTreeSet<usize>,
}

/// An open file.
#[derive(Debug)]
pub(super) struct SimFile {
    disk: SimDisk,
    file: usize,
}

impl SimDisk {
    pub(super) fn new(seed: u64) -> Self {
        let mut chance = fastrand::Rng::with_seed(seed);
        let page_bytes = 1 << chance.u32(4..10);
        Self(Arc::new(Mutex::new(World {
            chance,
            page_bytes,
            files: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            changes: Vec::new(),
            faults: Faults::default(),
            has_stopped: false,
            prepares: None,
            ready_after: 0,
            recycled: None,
            recycled_count: 0,
        })))
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }

    pub(super) fn set_faults(&self, faults: Faults) {
        self.world().faults = faults;
    }

    /// From now on files with room for so many bytes are prepared.
    pub(super) fn prepare(&self, bytes: Option<usize>) {
        self.world().prepares = bytes;
    }

    /// The next file that is prepared was a segment with these bytes and this salt.
    pub(super) fn put_recycled(&self, bytes: &[u8], salt: u64) {
        let mut world = self.world();
        let file = world.files.len();
        world.files.push(Content { now: bytes.to_vec(), durable: bytes.to_vec(), dirty: BTreeSet::new() });
        world.names.insert(RECYCLED.to_owned(), file);
        world.recycled = Some(salt);
    }

    /// How many segments had a second life.
    pub(super) fn recycled(&self) -> u64 {
        self.world().recycled_count
    }

    pub(super) fn has_stopped(&self) -> bool {
        self.world().has_stopped
    }

    /// The machine stops, loses what was not durable, and comes up again with no faults.
    pub(super) fn crash(&self) {
        self.world().crash();
    }

    /// Names of the segments, in order.
    pub(super) fn segments(&self) -> Vec<String> {
        self.world().names.keys().filter(|name| name.ends_with(".segment")).cloned().collect()
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.world().names.keys().cloned().collect()
    }

    pub(super) fn bytes(&self, name: &str) -> Vec<u8> {
        let world = self.world();
        world.files[world.names[name]].now.clone()
    }

    /// Sets a file's durable bytes, as if someone had edited it.
    pub(super) fn set_bytes(&self, name: &str, bytes: &[u8]) {
        let mut world = self.world();
        let content = Content { now: bytes.to_vec(), durable: bytes.to_vec(), dirty: BTreeSet::new() };
        let file = world.names[name];
        world.files[file] = content;
    }

    /// Takes a file away, as if someone had.
    pub(super) fn remove_now(&self, name: &str) {
        let mut world = self.world();
        world.names.remove(name);
        world.durable_names.remove(name);
    }

    /// Copies a file, as if someone had.
    pub(super) fn copy_now(&self, from: &str, to: &str) {
        let mut world = self.world();
        let content = world.files[world.names[from]].clone();
        let file = world.files.len();
        world.files.push(content);
        world.names.insert(to.to_owned(), file);
        world.durable_names.insert(to.to_owned(), file);
    }

    /// The disk does nothing until this is dropped.
    pub(super) fn hold(&self) -> MutexGuard<'_, World> {
        self.world()
    }

    /// Another disk with the same durable files.
    pub(super) fn copy(&self) -> Self {
        let world = self.world();
        let copy = Self::new(1);
        let mut other = copy.world();
        other.files = world.files.clone();
        other.names = world.names.clone();
        other.durable_names = world.names.clone();
        drop(other);
        copy
    }
}

impl World {
    /// One operation: may it go on?
    fn operate(&mut self, writes: bool) -> io::Result<()> {
        self.ready_after = self.ready_after.saturating_sub(1);
        if let Some(left) = &mut self.faults.stops_after {
            *left = left.saturating_sub(1);
            self.has_stopped |= *left == 0;
        }
        if self.has_stopped {
            return Err(io::Error::other("the machine has stopped"));
        }
        if writes && self.faults.is_read_only {
            return Err(ErrorKind::ReadOnlyFilesystem.into());
        }
        Ok(())
    }

    fn fails(&mut self, of_thousand: u32) -> bool {
        self.chance.u32(0..1000) < of_thousand
    }

    fn used(&self) -> usize {
        self.names.values().map(|&file| self.files[file].now.len()).sum()
    }

    fn name(&mut self, name: &str, file: Option<usize>) {
        self.changes.push((name.to_owned(), file));
        match file {
            Some(file) => self.names.insert(name.to_owned(), file),
            None => self.names.remove(name),
        };
    }

    fn crash(&mut self) {
        let changes = std::mem::take(&mut self.changes);
        for (name, file) in changes {
            if self.chance.bool() {
                match file {
                    Some(file) => self.durable_names.insert(name, file),
                    None => self.durable_names.remove(&name),
                };
            }
        }
        self.names = self.durable_names.clone();
        // Who opens the folder next does not know whose it was.
        self.recycled = None;
        for file in 0..self.files.len() {
            let mut content = std::mem::take(&mut self.files[file]);
            content.crash(self.page_bytes, &mut self.chance);
            self.files[file] = content;
        }
        self.faults = Faults::default();
        self.has_stopped = false;
    }
}

impl Content {
    fn touch(&mut self, from: usize, to: usize, page_bytes: usize) {
        self.dirty.extend(from / page_bytes..to.div_ceil(page_bytes));
    }

    /// Writes a page as it is now, or the first part of it.
    fn persist(&mut self, page: usize, page_bytes: usize, part: usize) {
        let end = (page * page_bytes + part).min(self.now.len());
        let start = (page * page_bytes).min(end);
        if self.durable.len() < end {
            self.durable.resize(end, 0);
        }
        self.durable[start..end].copy_from_slice(&self.now[start..end]);
    }

    fn sync(&mut self, page_bytes: usize) {
        for page in std::mem::take(&mut self.dirty) {
            self.persist(page, page_bytes, page_bytes);
        }
        self.durable.resize(self.now.len(), 0);
    }

    /// Some pages arrive, some don't, and the system forgets which: it takes all for clean.
    fn fail_to_sync(&mut self, page_bytes: usize, chance: &mut fastrand::Rng) {
        for page in std::mem::take(&mut self.dirty) {
            if chance.bool() {
                self.persist(page, page_bytes, page_bytes);
            }
        }
    }

    /// Any of the dirty pages may have arrived, whole or in part, in any order; the length too.
    fn crash(&mut self, page_bytes: usize, chance: &mut fastrand::Rng) {
        let before = self.durable.len();
        for page in std::mem::take(&mut self.dirty) {
            match chance.u32(0..4) {
                0 => {}
                1 => self.persist(page, page_bytes, chance.usize(0..=page_bytes)),
                _ => self.persist(page, page_bytes, page_bytes),
            }
        }
        let (low, high) = (before.min(self.now.len()), self.durable.len().max(self.now.len()));
        match chance.u32(0..3) {
            0 => self.durable.resize(chance.usize(low..=high), 0),
            1 => self.durable.resize(self.now.len(), 0),
            _ => {}
        }
        self.now = self.durable.clone();
    }
}

impl Disk for SimDisk {
    type File = SimFile;

    fn list(&self) -> io::Result<Vec<String>> {
        let mut world = self.world();
        world.operate(false)?;
        let mut names: Vec<String> = world.names.keys().cloned().collect();
        world.chance.shuffle(&mut names);
        Ok(names)
    }

    fn create(&mut self, name: &str) -> io::Result<SimFile> {
        let mut world = self.world();
        world.operate(true)?;
        let file = world.files.len();
        world.files.push(Content::default());
        world.name(name, Some(file));
        Ok(SimFile { disk: self.clone(), file })
    }

    fn take_prepared(&mut self, name: &str) -> Option<Prepared<SimFile>> {
        let is_ready = self.has_prepared();
        let mut world = self.world();
        world.operate(true).ok().filter(|()| is_ready)?;
        world.ready_after = PREPARING;
        if let Some(salt) = world.recycled.take() {
            let file = world.names[RECYCLED];
            world.name(name, Some(file));
            world.name(RECYCLED, None);
            world.recycled_count += 1;
            return Some(Prepared { file: SimFile { disk: self.clone(), file }, stale_salt: Some(salt) });
        }
        let zeros = vec![0; world.prepares?];
        let file = world.files.len();
        world.files.push(Content { now: zeros.clone(), durable: zeros, dirty: BTreeSet::new() });
        world.name(name, Some(file));
        Some(Prepared { file: SimFile { disk: self.clone(), file }, stale_salt: None })
    }

    fn recycle(&mut self, name: &str, salt: u64) -> Option<()> {
        {
            let mut world = self.world();
            let file = *world.names.get(name)?;
            let is_wanted = world.prepares.is_some_and(|bytes| world.files[file].now.len() >= bytes);
            world.operate(true).ok().filter(|()| is_wanted && world.recycled.is_none())?;
            world.name(RECYCLED, Some(file));
            world.name(name, None);
        }
        self.sync_folder().ok()?;
        self.world().recycled = Some(salt);
        Some(())
    }

    fn has_prepared(&self) -> bool {
        let world = self.world();
        let room = world.faults.capacity.map_or(usize::MAX, |capacity| capacity.saturating_sub(world.used()));
        world.recycled.is_some() || world.ready_after == 0 && world.prepares.is_some_and(|bytes| bytes <= room)
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let mut world = self.world();
        world.operate(false)?;
        let file = *world.names.get(name).ok_or(ErrorKind::NotFound)?;
        Ok(world.files[file].now.clone())
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let mut world = self.world();
        world.operate(true)?;
        let file = *world.names.get(from).ok_or(ErrorKind::NotFound)?;
        world.name(to, Some(file));
        world.name(from, None);
        Ok(())
    }

    fn keep_as(&mut self, name: &str, copy: &str) -> io::Result<()> {
        let mut world = self.world();
        world.operate(true)?;
        let file = *world.names.get(name).ok_or(ErrorKind::NotFound)?;
        world.name(copy, Some(file));
        Ok(())
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        let mut world = self.world();
        world.operate(true)?;
        world.names.get(name).ok_or(ErrorKind::NotFound)?;
        world.name(name, None);
        Ok(())
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        let mut world = self.world();
        world.operate(false)?;
        let fails = world.faults.folder_sync_fails;
        if world.fails(fails) {
            return Err(io::Error::other("the folder could not be made durable"));
        }
        world.durable_names = world.names.clone();
        world.changes.clear();
        Ok(())
    }

    fn time(&self) -> std::time::Duration {
        std::time::Duration::ZERO
    }
}

impl DiskFile for SimFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut world = self.disk.world();
        let world = &mut *world;
        let may = world.operate(true);
        let fails = world.faults.write_fails;
        let fault = may.err().or_else(|| world.fails(fails).then(|| io::Error::other("an error of the device")));
        let room = world.faults.capacity.map_or(usize::MAX, |capacity| capacity.saturating_sub(world.used()));
        let offset = offset as usize;
        let new = (offset + bytes.len()).saturating_sub(world.files[self.file].now.len());
        // What a fault leaves of a write: any part of it.
        let written = match &fault {
            Some(error) if error.kind() == ErrorKind::ReadOnlyFilesystem => 0,
            Some(_) => world.chance.usize(0..=bytes.len()),
            None => bytes.len() - new.saturating_sub(room).min(bytes.len()),
        };
        let content = &mut world.files[self.file];
        let end = offset + written;
        if content.now.len() < end {
            content.now.resize(end, 0);
        }
        content.now[offset..end].copy_from_slice(&bytes[..written]);
        content.touch(offset, end, world.page_bytes);
        match fault {
            Some(error) => Err(error),
            None if written < bytes.len() => Err(ErrorKind::StorageFull.into()),
            None => Ok(()),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut world = self.disk.world();
        let world = &mut *world;
        world.operate(false)?;
        let fails = world.faults.sync_fails;
        if world.fails(fails) {
            world.files[self.file].fail_to_sync(world.page_bytes, &mut world.chance);
            return Err(io::Error::other("the device lost pages"));
        }
        world.files[self.file].sync(world.page_bytes);
        Ok(())
    }

    fn truncate(&mut self, bytes: u64) -> io::Result<()> {
        let mut world = self.disk.world();
        world.operate(true)?;
        let page_bytes = world.page_bytes;
        let content = &mut world.files[self.file];
        let before = content.now.len();
        content.now.truncate(bytes as usize);
        content.touch(bytes as usize, before, page_bytes);
        Ok(())
    }
}
