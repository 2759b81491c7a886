//! Compiled artefacts on disk, by the digest of the module and the engine that compiled it.
//!
//! An artefact is machine code that is mapped and run, so that only what this host wrote may be read: the directory is
//! this user's alone, files appear in it complete (written beside, synced, renamed) and are never changed afterwards,
//! and beside each lies its own digest, which is compared before every use: a file that a failing disk or a crash has
//! damaged is compiled anew.

use crate::module::{Compiled, Digest};
use std::fs::{self, DirBuilder, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use tempfile::NamedTempFile;
use wasmtime::component::Component;
use wasmtime::{Engine, Precompiled};

/// Ending of an artefact's name.
const CODE: &str = "cwasm";
/// Ending of the name of the file that holds an artefact's digest.
const SUM: &str = "sha256";

/// The artefacts of every engine.
pub(crate) struct Cache {
    dir: PathBuf,
    bytes_max: u64,
}

impl Cache {
    /// Opens the directory, or makes it.
    ///
    /// # Errors
    /// When it cannot be made or written, or others may write to it.
    pub(crate) fn open(dir: &Path, bytes_max: u64) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        let owner = NamedTempFile::new_in(dir)?.as_file().metadata()?.uid();
        let found = fs::metadata(dir)?;
        if found.uid() != owner || found.permissions().mode() & 0o022 != 0 {
            let why =
                format!("{} holds code that is executed, and others than this user may write to it", dir.display());
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
        }
        Ok(Self { dir: dir.to_owned(), bytes_max })
    }

    /// The name tells engines apart whose artefacts differ.
    fn path(&self, digest: &Digest, engine: &Engine, ending: &str) -> PathBuf {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        self.dir.join(format!("{digest}-{:016x}.{ending}", hasher.finish()))
    }

    /// The artefact of a module for one of the engines, when it is there and undamaged.
    pub(crate) fn find(&self, digest: &Digest, engine: &Engine) -> Option<Compiled> {
        let code = self.path(digest, engine, CODE);
        let sum = fs::read_to_string(self.path(digest, engine, SUM)).ok()?;
        if sum != Digest::of(&fs::read(&code).ok()?).to_string() {
            return None;
        }
        let kind = Engine::detect_precompiled_file(&code).ok()??;
        // SAFETY: what is mapped must be an artefact of the engine's own making that does not change under it. It lies in
        // a directory that nobody but this user may write to (`open`), was written there by `keep` from what the
        // engine serialised, has the digest that was taken then, and is replaced by renaming and removed by unlinking
        // only, neither of which touches what is mapped. That it is of this version and for this machine is what
        // wasmtime itself checks; it answers with an error, and the module is compiled again.
        let loaded = unsafe {
            match kind {
                Precompiled::Component => Component::deserialize_file(engine, &code).map(Compiled::Component),
                Precompiled::Module => wasmtime::Module::deserialize_file(engine, &code).map(Compiled::Core),
            }
        };
        loaded.ok()
    }

    /// Keeps the artefact of a module that an engine made, and removes the oldest ones when there are too many.
    pub(crate) fn keep(&self, digest: &Digest, engine: &Engine, artefact: &[u8]) -> io::Result<()> {
        self.write(&self.path(digest, engine, CODE), artefact)?;
        // The digest comes last: without it there is no artefact.
        self.write(&self.path(digest, engine, SUM), Digest::of(artefact).to_string().as_bytes())?;
        File::open(&self.dir)?.sync_all()?;
        self.trim()
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = NamedTempFile::new_in(&self.dir)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    }

    fn trim(&self) -> io::Result<()> {
        let mut artefacts = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            let found = match entry.metadata() {
                // Another process that shares the directory has renamed or removed it since it was listed.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                found => found?,
            };
            // A file that was being written when the process died counts, and goes, like the others.
            if entry.path().extension().is_none_or(|ending| ending != SUM) {
                artefacts.push((found.modified().unwrap_or(SystemTime::UNIX_EPOCH), found.len(), entry.path()));
            }
        }
        artefacts.sort();
        let mut bytes: u64 = artefacts.iter().map(|(_, len, _)| len).sum();
        // The newest stays, however large it is: it is the one that was just asked for.
        for (_, len, path) in artefacts.iter().rev().skip(1).rev() {
            if bytes <= self.bytes_max {
                break;
            }
            fs::remove_file(path.with_extension(SUM)).or_else(ignore_missing)?;
            fs::remove_file(path).or_else(ignore_missing)?;
            bytes -= len;
        }
        Ok(())
    }
}

fn ignore_missing(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::module::compile;

    fn code(engine: &Engine, memory: u32) -> (Digest, Vec<u8>) {
        let bytes = wat::parse_str(format!("(module (memory {memory}) (func (export \"_start\")))")).unwrap();
        (Digest::of(&bytes), compile(engine, &bytes).unwrap().serialize().unwrap())
    }

    #[test]
    fn finds_what_it_kept_unless_it_is_damaged() {
        let (dir, engine) = (tempfile::tempdir().unwrap(), Engine::default());
        let cache = Cache::open(&dir.path().join("new/dir"), u64::MAX).unwrap();
        let (digest, artefact) = code(&engine, 1);
        assert!(cache.find(&digest, &engine).is_none());
        cache.keep(&digest, &engine, &artefact).unwrap();
        assert!(matches!(cache.find(&digest, &engine), Some(Compiled::Core(_))));

        let mut damaged = artefact.clone();
        damaged[artefact.len() / 2] ^= 1;
        fs::write(cache.path(&digest, &engine, CODE), damaged).unwrap();
        assert!(cache.find(&digest, &engine).is_none());
    }

    #[test]
    fn removes_the_oldest() {
        let (dir, engine) = (tempfile::tempdir().unwrap(), Engine::default());
        let (old, new) = (code(&engine, 1), code(&engine, 2));
        let cache = Cache::open(dir.path(), new.1.len() as u64).unwrap();
        cache.keep(&old.0, &engine, &old.1).unwrap();
        let past = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1);
        File::open(cache.path(&old.0, &engine, CODE)).unwrap().set_modified(past).unwrap();
        cache.keep(&new.0, &engine, &new.1).unwrap();
        assert!(cache.find(&old.0, &engine).is_none() && cache.find(&new.0, &engine).is_some());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "nothing else is left behind");
    }

    #[test]
    fn processes_that_share_the_directory_do_not_fail_each_other() {
        let (dir, engine) = (tempfile::tempdir().unwrap(), Engine::default());
        let (digest, artefact) = code(&engine, 1);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let cache = Cache::open(dir.path(), u64::MAX).unwrap();
                let (artefact, engine) = (&artefact, &engine);
                scope.spawn(move || (0..50).for_each(|_| cache.keep(&digest, engine, artefact).unwrap()));
            }
        });
    }

    #[test]
    fn refuses_a_directory_that_others_may_write_to() {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let refused = Cache::open(dir.path(), u64::MAX);
        assert!(refused.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied));
    }
}
