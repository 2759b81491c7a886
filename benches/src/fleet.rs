//! Many workflows, each with a function of its own: what a server has deployed that is not alone in the world.

use crate::modules;
use anyhow::{Context as _, Result};
use fleetstep_server::guests::{DEFAULT_TARGET, build};
use std::path::Path;
use tempfile::TempDir;

/// A folder that a server deploys.
pub(crate) struct Fleet {
    folder: TempDir,
}

impl Fleet {
    /// `count` workflows [`name`] with one Wasm task each. The modules differ in a section that says nothing, so that
    /// each is compiled, cached and mapped for itself.
    pub(crate) fn of(count: u32) -> Result<Self> {
        let guest = build(&modules().join("bench"), DEFAULT_TARGET)?;
        let module = std::fs::read(&guest).with_context(|| guest.display().to_string())?;
        let task = std::fs::read_to_string(modules().join("workflows/task.asl.json"))?;
        let folder = tempfile::tempdir()?;
        let write = |file: String, bytes: &[u8]| std::fs::write(folder.path().join(file), bytes);
        for at in 0..count {
            let name = name(at);
            let definition = task.replace("function:bench", &format!("function:{name}"));
            write(format!("{name}.wasm"), &[&module[..], &custom_section(&name)].concat())?;
            write(format!("{name}.asl.json"), definition.as_bytes())?;
        }
        Ok(Self { folder })
    }

    /// Where it lies.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// The name of the workflow and of the function with this number.
pub(crate) fn name(at: u32) -> String {
    format!("fleet-{at:03}")
}

/// A custom section of WebAssembly with this name and nothing in it: id 0, its length, the name's length, the name.
fn custom_section(name: &str) -> Vec<u8> {
    let length = u8::try_from(name.len()).unwrap_or(0).min(0x7E);
    let mut section = vec![0, length + 1, length];
    section.extend(&name.as_bytes()[..usize::from(length)]);
    section
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_custom_section_is_framed_by_its_lengths() {
        assert_eq!(custom_section("ab"), [0, 3, 2, b'a', b'b']);
        assert_ne!(custom_section(&name(1)), custom_section(&name(2)));
    }
}
