//! The archive that a function's code comes in: a zip with one module in it.
//!
//! An archive is what somebody sent: how much is read of its directory, how many entries it has, how large the module
//! becomes and how much it grows are bounded before the memory for it is taken. Names lead nowhere: of an entry only
//! its ending is looked at.

use super::name::invalid;
use crate::fault::Fault;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use fleetstep_catalog::FunctionPackage;
use fleetstep_document::Text;
use sha2::{Digest as _, Sha256};
use std::cell::Cell;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use zip::ZipArchive;
use zip::result::ZipError;

/// Entries of an archive.
const ENTRIES_MAX: usize = 1_000;
/// Bytes that are read of an archive to find its entries.
const DIRECTORY_BYTES_MAX: usize = 1 << 20;
/// How many times its size in the archive a module may have.
const RATIO_MAX: u64 = 200;
/// A module up to this size may have any ratio.
const RATIO_FREE_BYTES: u64 = 1 << 20;
/// What every module begins with.
const WASM_MAGIC: &[u8] = b"\0asm";
/// What the archives of macOS have beside each file, under the file's own ending.
const MACOS_SHADOWS: &str = "__MACOSX/";

/// What is wrong with an archive.
#[derive(Debug, thiserror::Error)]
enum PackageError {
    #[error("Could not unzip uploaded file. Please check your file, then try to upload again.")]
    NoArchive,
    #[error("The archive has {0} entries: {ENTRIES_MAX} are allowed")]
    TooManyEntries(usize),
    #[error("The archive has no file that ends in .wasm: a function's code is one WebAssembly module")]
    NoModule,
    #[error("The archive has {0} files that end in .wasm: a function's code is one WebAssembly module")]
    SeveralModules(usize),
    #[error("The module in the archive is encrypted")]
    Encrypted,
    #[error("The module in the archive is compressed by a method other than deflate")]
    Method,
    #[error("Unzipped size must be smaller than {0} bytes")]
    TooLarge(u64),
    #[error("The module in the archive becomes more than {RATIO_MAX} times as large as it is there")]
    Ratio,
}

/// The module in `ZipFile`, which is an archive in Base64, and what it came in. On a thread for work that blocks.
pub(super) async fn unpack(base64: Text, bytes_max: usize) -> Result<(Bytes, Option<FunctionPackage>), Fault> {
    let work = tokio::task::spawn_blocking(move || read(&base64, bytes_max as u64));
    work.await.unwrap_or_else(|error| Err(Fault::internal(&error)))
}

fn read(base64: &str, bytes_max: u64) -> Result<(Bytes, Option<FunctionPackage>), Fault> {
    let archive = STANDARD.decode(base64).map_err(|_| invalid("ZipFile is not in Base64"))?;
    if archive.starts_with(WASM_MAGIC) {
        return Ok((archive.into(), None));
    }
    let sha256_base64 = STANDARD.encode(Sha256::digest(&archive));
    let package = FunctionPackage { sha256_base64, bytes: archive.len() as u64 };
    let module = module(&archive, bytes_max).map_err(|error| invalid(error.to_string()))?;
    Ok((module.into(), Some(package)))
}

/// The one module of an archive.
fn module(archive: &[u8], bytes_max: u64) -> Result<Vec<u8>, PackageError> {
    let left = Cell::new(DIRECTORY_BYTES_MAX);
    let bounded = Bounded { archive: Cursor::new(archive), left: &left };
    let mut zip = ZipArchive::new(bounded).map_err(|_| PackageError::NoArchive)?;
    // From here on only the module is read, whose own bounds hold.
    left.set(usize::MAX);
    if zip.len() > ENTRIES_MAX {
        return Err(PackageError::TooManyEntries(zip.len()));
    }
    let is_module = |name: &str| name.ends_with(".wasm") && !name.starts_with(MACOS_SHADOWS);
    let named = |at: &usize| zip.name_for_index(*at).is_some_and(is_module);
    let modules: Vec<usize> = (0..zip.len()).filter(named).collect();
    let at = match modules[..] {
        [at] => at,
        [] => return Err(PackageError::NoModule),
        _ => return Err(PackageError::SeveralModules(modules.len())),
    };
    let entry = zip.by_index(at).map_err(|error| match error {
        ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) => PackageError::Encrypted,
        ZipError::UnsupportedArchive(_) => PackageError::Method,
        _ => PackageError::NoArchive,
    })?;
    // What the archive says of sizes is not believed, but refused at once where it is too much.
    let ratio_max = entry.compressed_size().saturating_mul(RATIO_MAX).max(RATIO_FREE_BYTES);
    if entry.size() > bytes_max {
        return Err(PackageError::TooLarge(bytes_max));
    }
    let mut module = Vec::new();
    let most = bytes_max.min(ratio_max);
    entry.take(most + 1).read_to_end(&mut module).map_err(|_| PackageError::NoArchive)?;
    match module.len() as u64 {
        length if length > bytes_max => Err(PackageError::TooLarge(bytes_max)),
        length if length > ratio_max => Err(PackageError::Ratio),
        _ => Ok(module),
    }
}

/// Lets so many bytes of an archive be read.
struct Bounded<'a> {
    archive: Cursor<&'a [u8]>,
    left: &'a Cell<usize>,
}

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.archive.read(buffer)?;
        let left = self.left.get().checked_sub(read);
        self.left.set(left.ok_or_else(|| io::Error::other("too much of the archive was read"))?);
        Ok(read)
    }
}

impl Seek for Bounded<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.archive.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use zip::CompressionMethod::{Deflated, Stored};
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    const BYTES_MAX: u64 = 4 << 20;

    fn archive(entries: &[(&str, &[u8])], method: zip::CompressionMethod) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, contents) in entries {
            zip.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
            zip.write_all(contents).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    #[test]
    fn the_one_module_is_taken_whatever_lies_beside_it_and_wherever_it_would_go() {
        let wasm: &[u8] = b"\0asm module";
        for entries in [
            vec![("task.wasm", wasm)],
            vec![("README.md", b"a"), ("a/b/task.wasm", wasm), ("__MACOSX/a/b/._task.wasm", b"shadow")],
            vec![("../../../etc/task.wasm", wasm)],
            vec![("/task.wasm", wasm)],
        ] {
            for method in [Stored, Deflated] {
                assert_eq!(module(&archive(&entries, method), BYTES_MAX).unwrap(), wasm, "{entries:?}");
            }
        }
    }

    #[test]
    fn what_is_no_package_is_refused_with_the_reason() {
        let zeros = vec![0; 3 << 20];
        let more = vec![0; BYTES_MAX as usize + 1];
        let many: Vec<(String, &[u8])> = (0..=ENTRIES_MAX).map(|at| (format!("{at}"), &b""[..])).collect();
        let many: Vec<(&str, &[u8])> = many.iter().map(|(name, contents)| (name.as_str(), *contents)).collect();
        let cut = archive(&[("a.wasm", &[7; 100])], Stored);
        for (archive, said) in [
            (b"no zip".to_vec(), "Could not unzip"),
            (Vec::new(), "Could not unzip"),
            (cut[10..].to_vec(), "Could not unzip"),
            (archive(&[], Stored), "no file that ends in .wasm"),
            (archive(&[("index.js", b"")], Stored), "no file that ends in .wasm"),
            (archive(&[("a.wasm", b"1"), ("b.wasm", b"2")], Stored), "2 files that end in .wasm"),
            (archive(&many, Stored), "1001 entries"),
            (archive(&[("a.wasm", &zeros)], Deflated), "200 times"),
            (archive(&[("a.wasm", &more)], Stored), "smaller than 4194304 bytes"),
        ] {
            let error = module(&archive, BYTES_MAX).unwrap_err().to_string();
            assert!(error.contains(said), "{error}, not {said}");
        }
    }

    /// An entry that says that it is small, and is not.
    #[test]
    fn sizes_that_an_archive_states_are_not_believed() {
        let more = vec![0; BYTES_MAX as usize + 1];
        let mut lying = archive(&[("a.wasm", &more)], Stored);
        let truth = (more.len() as u32).to_le_bytes();
        let places: Vec<usize> = (0..lying.len() - 4).filter(|at| lying[*at..*at + 4] == truth).collect();
        for at in places {
            lying[at..at + 4].copy_from_slice(&7_u32.to_le_bytes());
        }
        assert!(module(&lying, BYTES_MAX).is_err());
    }

    #[test]
    fn a_directory_that_is_too_large_is_not_read() {
        let name = "n".repeat(60_000);
        let entries: Vec<(String, &[u8])> = (0..40).map(|at| (format!("{name}{at}"), &b""[..])).collect();
        let entries: Vec<(&str, &[u8])> = entries.iter().map(|(name, contents)| (name.as_str(), *contents)).collect();
        assert!(matches!(module(&archive(&entries, Stored), BYTES_MAX), Err(PackageError::NoArchive)));
    }
}
