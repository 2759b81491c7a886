//! Compiled artefacts on disk, by the digest of the module and the engine that compiled it.
//!
//! An artefact is machine code that is mapped and run, so that only what this host wrote may be read: the directory is
//! this user's alone, files appear in it complete (written beside, synced, renamed) and are never changed afterwards,
//! and beside each lies a tag, HMAC-SHA256 of its name and contents under a key that was made when the directory was.
//! It is compared before every use: what was damaged, renamed, or brought here from elsewhere is compiled anew.

use crate::module::{Compiled, Digest};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use std::fs::{self, DirBuilder, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use tempfile::NamedTempFile;
use wasmtime::component::Component;
use wasmtime::{Engine, Precompiled};

/// Ending of an artefact's name.
const CODE: &str = "cwasm";
/// Ending of the name of the file that holds an artefact's tag.
const TAG: &str = "tag";
/// The file that holds the key.
const KEY: &str = "key";
const KEY_BYTES: usize = 32;

/// The artefacts of every engine.
pub(crate) struct Cache {
    dir: PathBuf,
    bytes_max: u64,
    key: [u8; KEY_BYTES],
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
        Ok(Self { dir: dir.to_owned(), bytes_max, key: key(dir)? })
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
        let tag = fs::read(self.path(digest, engine, TAG)).ok()?;
        self.mac(&code, &fs::read(&code).ok()?).verify_slice(&tag).ok()?;
        let kind = Engine::detect_precompiled_file(&code).ok()??;
        // SAFETY: what is mapped must be an artefact of the engine's own making that does not change under it. It lies in
        // a directory that nobody but this user may write to (`open`), was written there by `keep` from what the
        // engine serialised, has the tag that was made then with a key that nobody else may read, and is replaced by renaming and removed by unlinking
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
        let code = self.path(digest, engine, CODE);
        self.write(&code, artefact)?;
        // The tag comes last: without it there is no artefact.
        self.write(&self.path(digest, engine, TAG), &self.mac(&code, artefact).finalize().into_bytes())?;
        File::open(&self.dir)?.sync_all()?;
        self.trim()
    }

    /// The tag of an artefact by its name, which holds the module's digest, and its contents.
    fn mac(&self, code: &Path, artefact: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes a key of any length");
        mac.update(code.file_name().unwrap_or_default().as_encoded_bytes());
        mac.update(artefact);
        mac
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
            if entry.file_name() != KEY && entry.path().extension().is_none_or(|ending| ending != TAG) {
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
            fs::remove_file(path.with_extension(TAG)).or_else(ignore_missing)?;
            fs::remove_file(path).or_else(ignore_missing)?;
            bytes -= len;
        }
        Ok(())
    }
}

/// The key of a directory, made with its first use.
fn key(dir: &Path) -> io::Result<[u8; KEY_BYTES]> {
    let path = dir.join(KEY);
    if !path.exists() {
        let mut key = [0; KEY_BYTES];
        File::open("/dev/urandom")?.read_exact(&mut key)?;
        let mut file = NamedTempFile::new_in(dir)?;
        file.write_all(&key)?;
        file.as_file().sync_all()?;
        // Where another process was quicker, its key counts.
        if let Err(refused) = file.persist_noclobber(&path)
            && refused.error.kind() != io::ErrorKind::AlreadyExists
        {
            return Err(refused.error);
        }
    }
    if fs::metadata(&path)?.permissions().mode() & 0o077 != 0 {
        let why = format!("{} is a secret, and others than this user may read it: `chmod 600` it", path.display());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    }
    let found = fs::read(&path)?;
    let damaged = || format!("{} is no key: remove it, and modules are compiled again", path.display());
    found.try_into().map_err(|_| io::Error::new(io::ErrorKind::InvalidData, damaged()))
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
    fn finds_nothing_that_another_directory_kept_or_that_has_another_name() {
        let (here, there, engine) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), Engine::default());
        let [here, there] = [&here, &there].map(|dir| Cache::open(dir.path(), u64::MAX).unwrap());
        let (digest, artefact) = code(&engine, 1);
        there.keep(&digest, &engine, &artefact).unwrap();
        let copy = |name: &Digest| {
            for ending in [CODE, TAG] {
                fs::copy(there.path(&digest, &engine, ending), here.path(name, &engine, ending)).unwrap();
            }
        };
        copy(&digest);
        assert!(here.find(&digest, &engine).is_none(), "it was made with another key");
        fs::copy(there.dir.join(KEY), here.dir.join(KEY)).unwrap();
        let other = code(&engine, 2).0;
        copy(&other);
        let here = Cache::open(&here.dir, u64::MAX).unwrap();
        assert!(here.find(&digest, &engine).is_some(), "and with this one it is found");
        assert!(here.find(&other, &engine).is_none(), "but not as another module's");
    }

    #[test]
    fn a_key_that_others_may_read_or_that_is_none_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        Cache::open(dir.path(), u64::MAX).unwrap();
        let key = dir.path().join(KEY);
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
        let refused = Cache::open(dir.path(), u64::MAX).err().map(|error| error.kind());
        assert_eq!(refused, Some(io::ErrorKind::PermissionDenied));
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&key, [1; 7]).unwrap();
        assert_eq!(Cache::open(dir.path(), u64::MAX).err().map(|error| error.kind()), Some(io::ErrorKind::InvalidData));
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
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3, "with the key, and nothing else is left behind");
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
