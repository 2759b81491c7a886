//! A server in a process of its own; ended, with its descendants, when it is dropped.

use crate::pin::Pin;
use crate::process::end_tree;
use anyhow::{Context as _, Result, bail};
use fleetstep_engine::clock;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// The argument that makes one of these programs the product.
pub(crate) const SERVE: &str = "serve";
/// The argument that makes one of these programs the bare echo.
pub(crate) const ECHO: &str = "echo";
/// How long a server may take until it listens; a first start may compile guests.
const START_TIME_MAX: Duration = Duration::from_secs(180);
/// How often a port is tried.
const TRY: Duration = Duration::from_millis(50);
/// Lines of a server that did not start, as far as they are told.
const LINES_TOLD_MAX: usize = 12;

/// A server that listens.
pub(crate) struct Server {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Server {
    /// This very program as the bare echo.
    pub(crate) fn echo(pin: &Pin) -> Result<Self> {
        Self::that_says_where(pin.server(std::env::current_exe()?).arg(ECHO))
    }

    /// This very program as the product, with `arguments` of `fleetstep serve`.
    pub(crate) fn fleetstep<S: AsRef<OsStr>>(pin: &Pin, arguments: &[S]) -> Result<Self> {
        Self::product(pin, &std::env::current_exe()?, arguments)
    }

    /// The product's own binary, as it was built from some revision.
    pub(crate) fn product<S: AsRef<OsStr>>(pin: &Pin, program: &Path, arguments: &[S]) -> Result<Self> {
        Self::that_says_where(pin.server(program).arg(SERVE).args(arguments).args(["--listen", "127.0.0.1:0"]))
    }

    /// Starts `command` and waits for the line in which it says where it listens.
    fn that_says_where(command: &mut Command) -> Result<Self> {
        let name = command.get_args().last().map_or_else(String::new, |last| last.to_string_lossy().into_owned());
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().context("the server")?;
        let lines = BufReader::new(child.stderr.take().context("its output")?).lines();
        let (sender, received) = mpsc::channel();
        // Reads on to the end: a pipe that nobody empties would stop the server.
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _nobody_listens_any_more = sender.send(line);
            }
        });
        let mut said = Vec::new();
        loop {
            match received.recv_timeout(START_TIME_MAX) {
                Ok(line) => {
                    if let Some(address) = address_in(&line) {
                        return Ok(Self { child, address });
                    }
                    said.push(line);
                }
                Err(_) => {
                    end_tree(child.id());
                    let _ = child.wait();
                    let told = said.split_off(said.len().saturating_sub(LINES_TOLD_MAX)).join("\n");
                    bail!("the server ({name}) did not start:\n{told}");
                }
            }
        }
    }

    /// Starts `command`, which listens on `address`, and waits until it takes connections.
    pub(crate) fn that_listens(command: &mut Command, address: SocketAddr, log: &Path) -> Result<Self> {
        let output = File::create(log).with_context(|| log.display().to_string())?;
        let child = command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).spawn();
        // Dropped, and so ended, where it does not come up.
        let mut server = Self { child: child.with_context(|| format!("{command:?}"))?, address };
        let started = clock::instant();
        while TcpStream::connect(address).is_err() {
            if let Some(status) = server.child.try_wait()? {
                bail!("ended at once with {status}; its output is in {}", log.display());
            }
            if started.elapsed() > START_TIME_MAX {
                bail!("does not listen on {address}; its output is in {}", log.display());
            }
            std::thread::sleep(TRY);
        }
        Ok(server)
    }

    /// Waits until it has ended by itself.
    pub(crate) fn wait(mut self, time: Duration) -> Result<()> {
        let started = clock::instant();
        while self.child.try_wait()?.is_none() {
            if started.elapsed() > time {
                bail!("the server did not stop within {} s", time.as_secs());
            }
            std::thread::sleep(TRY);
        }
        Ok(())
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The number of a process that has ended may be another's by now.
        if matches!(self.child.try_wait(), Ok(None)) {
            end_tree(self.child.id());
            let _ = self.child.wait();
        }
    }
}

/// A port of loopback that is free now.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// The address in `… listens on http://ADDRESS`.
fn address_in(line: &str) -> Option<SocketAddr> {
    line.split_once("listens on http://")?.1.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_in_the_line_that_says_so() {
        assert_eq!(
            address_in("fleetstep 0.1.0 listens on http://127.0.0.1:8083").unwrap().to_string(),
            "127.0.0.1:8083"
        );
        assert_eq!(address_in("workflow pass: pass.asl.json"), None);
    }
}
