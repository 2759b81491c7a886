//! What the end-to-end tests share: a server in this process, the real clients' environment, and the shared data
//! that lies beside a checkout.
#![forbid(unsafe_code)]

pub mod collector;
pub mod conformance;
pub mod crash;
pub mod hostile;
pub mod http;
pub mod markdown;
pub mod program;
pub mod simulation;
pub mod soak;
#[path = "../../runtime/expr/tests/suite/mod.rs"]
pub mod suite;
pub mod workflows;

use anyhow::{Context as _, Result, bail};
use fleetstep_server::deploy::Deployment;
use fleetstep_server::serving::serve;
use fleetstep_server::settings::Settings;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, mpsc};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// The checkout's root.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").components().collect()
}

/// A file or folder of the recorded data, which is no part of the repository: `FLEETSTEP_SHARED`, or `shared` beside
/// the checkout. Says so in one line and gives `None` where it is absent.
#[must_use]
#[allow(clippy::print_stderr)] // The one line.
pub fn shared(path: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("FLEETSTEP_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from);
    let found = folder.join(path);
    if !found.exists() {
        eprintln!("skipped: no recorded data at {}", found.display());
        return None;
    }
    Some(found)
}

/// A server on a loopback port of its own; stopped when it is dropped.
pub struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Server {
    /// Deploys `directory` into memory and serves it.
    ///
    /// # Errors
    /// A deployment that does not work.
    pub fn start(directory: &Path) -> Result<Self> {
        Self::start_with(directory, Settings { listen: SocketAddr::from(([127, 0, 0, 1], 0)), ..Settings::default() })
    }

    /// The same with settings.
    ///
    /// # Errors
    /// A deployment that does not work.
    pub fn start_with(directory: &Path, settings: Settings) -> Result<Self> {
        let deployment = Deployment::at(directory)?;
        let (told, ready) = mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            let tell = |address| {
                told.send(address).expect("the starter waits for the address");
                async { stopped.await.unwrap_or(()) }
            };
            tokio.block_on(serve(&settings, &deployment, tell))?;
            Ok(())
        });
        match ready.recv() {
            Ok(address) => Ok(Self { address, stop: Some(stop), thread: Some(thread) }),
            Err(_) => match thread.join() {
                Ok(ended) => ended.and_then(|()| bail!("the server ended before it listened")),
                Err(_) => bail!("the server panicked before it listened"),
            },
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends JSON and takes JSON.
    ///
    /// # Errors
    /// As [`http::request`].
    pub fn post(&self, path: &str, body: &str) -> Result<http::Answer> {
        http::request(self.address, "POST", path, http::JSON, body.as_bytes())
    }

    /// Its base URL.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(std::thread::panicking() || matches!(ended, Ok(Ok(()))), "the server stopped badly");
        }
    }
}

/// A Python environment with the real clients, made below `folder` when it is not there: the folder of its programs.
///
/// # Errors
/// No Python 3, or packages that cannot be installed.
pub fn clients(folder: &Path) -> Result<PathBuf> {
    environment(folder, "clients", "tests/clients/requirements.txt")
}

/// The same with the packages that a file of the repository names.
///
/// # Errors
/// As [`clients`].
pub fn environment(folder: &Path, name: &str, requirements: &str) -> Result<PathBuf> {
    static MAKING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = MAKING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let requirements = root().join(requirements);
    let wanted = std::fs::read_to_string(&requirements)?;
    let environment = folder.join(name);
    let stamp = environment.join("installed");
    let programs = environment.join("bin");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(programs);
    }
    succeed(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment)).context("python3 -m venv")?;
    let pip =
        Command::new(programs.join("pip")).args(["install", "--quiet", "--requirement"]).arg(&requirements).status();
    if !pip.context("pip")?.success() {
        bail!("pip could not install {}", requirements.display());
    }
    std::fs::write(stamp, wanted)?;
    Ok(programs)
}

/// Runs a command to its end; its output is shown by the test runner when it fails.
///
/// # Errors
/// A command that cannot be run, or that fails: with all that it printed.
pub fn succeed(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if !output.status.success() {
        bail!("{command:?} failed ({}):\n{text}", output.status);
    }
    Ok(text)
}
