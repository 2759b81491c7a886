//! The program `fleetstep` itself: found beside the test binary, and a server of it in a process of its own.

use crate::succeed;
use anyhow::{Context as _, Result, bail};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::OnceLock;

/// The folder that the program lies in, in the profile of this binary; brought up to date by cargo first, which a test
/// or a program of another package does not do by itself.
///
/// # Errors
/// A program that does not build.
pub fn folder() -> Result<PathBuf> {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    if let Some(folder) = FOLDER.get() {
        return Ok(folder.clone());
    }
    let this = std::env::current_exe()?;
    // A test lies in TARGET/PROFILE/deps, a program in TARGET/PROFILE.
    let folder =
        this.ancestors().skip(1).find(|folder| !folder.ends_with("deps")).context("a binary lies in a folder")?;
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(profile) => profile,
    };
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--package", "fleetstep-server", "--bin", "fleetstep", "--profile", profile, "--target-dir"]);
    // What cargo told this process of its own package is none of the build's business: a build script that reads one of
    // those has everything above it built again, here and the next time that the tests are.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
            build.env_remove(&name);
        }
    }
    succeed(build.arg(folder.parent().context("a profile lies in a target folder")?).current_dir(crate::root()))
        .context("cargo build")?;
    Ok(FOLDER.get_or_init(|| folder.to_owned()).clone())
}

/// A running `fleetstep serve`; killed when it is dropped.
pub struct Serving {
    process: Child,
    said: BufReader<ChildStderr>,
    /// Where it listens.
    pub address: SocketAddr,
    /// What it said on standard error until then, and all of what it announced.
    pub announced: String,
}

/// The last line that a starting server says.
const LAST_LINE: &str = "what is deployed is kept in";

impl Serving {
    /// Starts `fleetstep serve` with more arguments, on a free port, and waits until it listens.
    ///
    /// # Errors
    /// A server that ends before it listens: with what it said.
    pub fn start<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        Self::start_in(&[], arguments)
    }

    /// The same with more variables in its environment.
    ///
    /// # Errors
    /// As [`Serving::start`].
    pub fn start_in<'a>(environment: &[(&str, &str)], arguments: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let mut command = Command::new(folder()?.join("fleetstep"));
        command.args(["serve", "--listen", "127.0.0.1:0"]).args(arguments).stdin(Stdio::null());
        command.envs(environment.iter().copied());
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let mut said = BufReader::new(process.stderr.take().context("its standard error is a pipe")?);
        let mut announced = String::new();
        while !announced.contains(LAST_LINE) {
            if said.read_line(&mut announced)? == 0 {
                bail!("the server ended: {}\n{announced}", process.wait()?);
            }
        }
        // Said in JSON, what follows the address does not stand in a line of its own.
        let at = announced.split("listens on http://").nth(1).and_then(|rest| rest.split(['\n', '\\']).next());
        let address = at.context("it says where it listens")?.parse()?;
        Ok(Self { process, said, address, announced })
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Its resident memory, in MiB.
    ///
    /// # Errors
    /// A process that is gone.
    pub fn resident_mib(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).context("the server is gone")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("its memory")?;
        let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kib / 1024.0)
    }

    /// The CPU time of all its threads so far, in the kernel's ticks of 10 ms.
    ///
    /// # Errors
    /// A process that is gone.
    pub fn cpu_ticks(&self) -> Result<u64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).context("the server is gone")?;
        // Behind the name, which may hold anything, times are the 12th and the 13th.
        let fields = stat.rsplit(')').next().context("a name")?.split_whitespace();
        Ok(fields.skip(11).take(2).map(str::parse::<u64>).sum::<Result<u64, _>>()?)
    }

    /// Ends it at once, as a crash does, and waits until it is gone.
    ///
    /// # Errors
    /// A process that cannot be ended.
    pub fn kill(mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    /// Sends SIGTERM.
    ///
    /// # Errors
    /// A process that is gone.
    pub fn terminate(&self) -> Result<()> {
        succeed(Command::new("kill").args(["-TERM", &self.process.id().to_string()])).map(drop)
    }

    /// Waits for its end: how it ended and what it still said.
    ///
    /// # Errors
    /// None that is expected.
    pub fn wait(mut self) -> Result<(ExitStatus, String)> {
        let mut rest = String::new();
        while self.said.read_line(&mut rest)? > 0 {}
        Ok((self.process.wait()?, rest))
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It is gone already where the test waited for it.
        let _gone = self.process.kill();
        let _status = self.process.wait();
    }
}
