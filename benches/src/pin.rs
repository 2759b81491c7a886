//! Server on one processor, load on another: what is measured is then the server's own work.

use anyhow::{Context as _, Result, bail};
use std::ffi::OsStr;
use std::process::Command;

/// The processors of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pin {
    /// The server's and the load's.
    Apart {
        /// What is measured.
        server: usize,
        /// What loads it.
        load: usize,
    },
    /// Everything on every processor, and why.
    Shared(String),
}

impl Pin {
    /// Two processors, if this machine has them and `taskset` to say so.
    pub(crate) fn apart() -> Self {
        let allowed = allowed().unwrap_or_default();
        let taskset = Command::new("taskset").arg("--version").output().is_ok_and(|output| output.status.success());
        match allowed[..] {
            [] | [_] => Self::Shared("there is only one processor".to_owned()),
            _ if !taskset => Self::Shared("there is no `taskset` (util-linux)".to_owned()),
            [server, load, ..] => Self::Apart { server, load },
        }
    }

    /// A command that runs where servers run.
    pub(crate) fn server(&self, program: impl AsRef<OsStr>) -> Command {
        match self {
            Self::Apart { server, .. } => on(*server, program),
            Self::Shared(_) => Command::new(program),
        }
    }

    /// A command that runs where the load does.
    pub(crate) fn load(&self, program: impl AsRef<OsStr>) -> Command {
        match self {
            Self::Apart { load, .. } => on(*load, program),
            Self::Shared(_) => Command::new(program),
        }
    }

    /// Moves this process, which makes the load, to the load's processor.
    pub(crate) fn move_here(&self) -> Result<()> {
        let Self::Apart { load, .. } = self else { return Ok(()) };
        let pid = std::process::id().to_string();
        let mut taskset = Command::new("taskset");
        taskset.args(["--all-tasks", "--cpu-list", "--pid", &load.to_string(), &pid]);
        let output = taskset.output().context("taskset")?;
        if !output.status.success() {
            bail!("taskset: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }

    /// A sentence for the report.
    pub(crate) fn sentence(&self) -> String {
        match self {
            Self::Apart { server, load } => {
                format!("Pinned: the server on processor {server}, the load on processor {load}.")
            }
            Self::Shared(why) => format!(
                "**Not pinned** ({why}): server and load share the processors, which flatters the slower servers' shares."
            ),
        }
    }
}

/// `program` on processor `core` alone.
pub(crate) fn on(core: usize, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("taskset");
    command.arg("--cpu-list").arg(core.to_string()).arg(program);
    command
}

/// The processors that this process may use.
fn allowed() -> Result<Vec<usize>> {
    let status = std::fs::read_to_string("/proc/self/status").context("procfs")?;
    let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).context("Cpus_allowed_list")?;
    cpu_list(line.trim())
}

/// `0-3,8` as numbers.
fn cpu_list(text: &str) -> Result<Vec<usize>> {
    let mut cores = Vec::new();
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) =
            (first.parse().context("a processor")?, last.parse().context("a processor")?);
        cores.extend(first..=last);
    }
    Ok(cores)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_processors_is_read() {
        let cases: &[(&str, &[usize])] =
            &[("0", &[0]), ("0-1", &[0, 1]), ("0-2,5,7-8", &[0, 1, 2, 5, 7, 8]), ("", &[])];
        for (text, expected) in cases {
            assert_eq!(cpu_list(text).unwrap(), *expected, "{text}");
        }
        assert!(cpu_list("a-b").is_err());
    }
}
