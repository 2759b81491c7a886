//! Who may reach the server, and what they must show: keys, TLS, the audit.

use crate::settings::FileSettings;
use crate::terminal::progress;
use anyhow::{Context as _, Result, bail};
use clap::Args;
use fleetstep_api::{Audit, Front, Tls};
use fleetstep_identity::{Guard, GuardConfig, Keys, KeysFile};
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};

/// Seconds in which a signature may come again, unless told otherwise.
const SIGNATURE_REPEAT_SECONDS_DEFAULT: u32 = 2;

/// Flags about who may reach the server. Each overrides the manifest.
#[derive(Args, Clone, Debug, Default)]
pub struct ExposureFlags {
    /// Serve only whoever has a key of this file; `fleetstep keys` writes it
    #[arg(long, value_name = "FILE")]
    pub keys: Option<PathBuf>,
    /// Seconds in which a signature may come again, for clients that sign equal requests alike [default: 2]
    #[arg(long, value_name = "N", requires = "keys")]
    pub signature_repeat_seconds: Option<u32>,
    /// Append a line of JSON for every change and every refusal to a file [default: standard error]
    #[arg(long, value_name = "FILE")]
    pub audit_file: Option<PathBuf>,
    /// Speak TLS with this chain of certificates, in PEM
    #[arg(long, value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// The private key of the certificate, in PEM
    #[arg(long, value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// Serve everyone who reaches an address that is not loopback: they may deploy and run code
    #[arg(long, conflicts_with = "keys")]
    pub insecure_no_authentication: bool,
}

/// Who may reach the server.
#[derive(Clone, Debug)]
pub struct Exposure {
    /// The keys' file; without one, everyone is served.
    pub keys: Option<PathBuf>,
    /// Seconds in which a signature may come again.
    pub signature_repeat_seconds: u32,
    /// Where the audit goes in place of standard error.
    pub audit_file: Option<PathBuf>,
    /// Certificates and private key.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Whether everyone is served off loopback too.
    pub insecure_no_authentication: bool,
}

impl Default for Exposure {
    fn default() -> Self {
        Self {
            keys: None,
            signature_repeat_seconds: SIGNATURE_REPEAT_SECONDS_DEFAULT,
            audit_file: None,
            tls: None,
            insecure_no_authentication: false,
        }
    }
}

impl Exposure {
    /// What flags and the manifest's table give together.
    pub(crate) fn resolve(flags: ExposureFlags, file: &FileSettings) -> Result<Self> {
        let either = |flag: Option<PathBuf>, file: &Option<PathBuf>| flag.or_else(|| file.clone());
        let insecure_no_authentication =
            flags.insecure_no_authentication || file.insecure_no_authentication.unwrap_or(false);
        let repeat = flags.signature_repeat_seconds.or(file.signature_repeat_seconds);
        let exposure = Self {
            keys: either(flags.keys, &file.keys),
            signature_repeat_seconds: repeat.unwrap_or(SIGNATURE_REPEAT_SECONDS_DEFAULT),
            audit_file: either(flags.audit_file, &file.audit_file),
            tls: match (either(flags.tls_cert, &file.tls_cert), either(flags.tls_key, &file.tls_key)) {
                (Some(certificates), Some(key)) => Some((certificates, key)),
                (None, None) => None,
                _ => bail!("TLS needs both a certificate and its key: tls-cert and tls-key"),
            },
            insecure_no_authentication,
        };
        if exposure.keys.is_none() && exposure.audit_file.is_some() {
            bail!("audit-file needs keys: without them nobody knows who did what");
        }
        if exposure.keys.is_some() && insecure_no_authentication {
            bail!("keys and insecure-no-authentication contradict each other: keep one");
        }
        Ok(exposure)
    }

    /// Refuses to serve everyone on an address that others may reach.
    ///
    /// # Errors
    /// An address off loopback without keys.
    pub(crate) fn check(&self, listen: SocketAddr) -> Result<()> {
        if listen.ip().is_loopback() || self.keys.is_some() || self.insecure_no_authentication {
            return Ok(());
        }
        bail!(
            "{listen} is not a loopback address, and without keys whoever reaches it may deploy and run code.\n\
             Make a key and name its file:\n\
             \x20 fleetstep keys add --keys keys.toml --scopes deploy,start,read\n\
             \x20 fleetstep serve --listen {listen} --keys keys.toml\n\
             Or, where something in front of it authenticates every request: --insecure-no-authentication"
        )
    }

    /// What an operator should know about it.
    pub(crate) fn warnings(&self, listen: SocketAddr) -> Option<&'static str> {
        if listen.ip().is_loopback() {
            return None;
        }
        if self.insecure_no_authentication {
            return Some("warning: no request is authenticated: whoever reaches this address may deploy and run code");
        }
        let plain = "warning: without TLS, bearer tokens and all data cross the network as they are: see --tls-cert";
        self.tls.is_none().then_some(plain)
    }

    /// Reads the keys.
    pub(crate) fn open_keys(&self) -> Result<Option<Keys>> {
        let Some(path) = &self.keys else { return Ok(None) };
        let keys = read_keys(path)?;
        if keys.is_empty() {
            progress(format_args!("warning: {} has no keys: nobody is served", path.display()));
        }
        Ok(Some(keys))
    }

    /// Puts a gate in front of `front` that knows `keys`; and TLS, where there is a certificate. With the gate comes
    /// the audit, to be flushed at the end.
    pub(crate) fn guard(&self, front: Front, keys: Option<Keys>, region: &str) -> Result<(Front, Option<Audit>)> {
        let front = match &self.tls {
            Some((certificates, key)) => front.with_tls(Tls::read(certificates, key).context("no TLS")?),
            None => front,
        };
        let Some((path, keys)) = self.keys.as_ref().zip(keys) else { return Ok((front, None)) };
        let config = GuardConfig {
            region: region.to_owned(),
            service: "states".to_owned(),
            repeat_seconds: self.signature_repeat_seconds,
        };
        let guard = Arc::new(Guard::new(keys, config));
        let audit = Audit::open(self.audit_sink()?, crate::serving::report).context("no audit")?;
        let front = front.guarded(Arc::clone(&guard), audit.clone());
        reload_at_hangup(path.clone(), guard, front.clone());
        Ok((front, Some(audit)))
    }

    fn audit_sink(&self) -> Result<Box<dyn Write + Send>> {
        let Some(path) = &self.audit_file else { return Ok(Box::new(std::io::stderr())) };
        let mut options = std::fs::File::options();
        options.create(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path);
        Ok(Box::new(file.with_context(|| format!("cannot write the audit to {}", path.display()))?))
    }
}

fn read_keys(path: &Path) -> Result<Keys> {
    Ok(KeysFile::open(path).and_then(|file| file.keys())?)
}

/// Reads the keys again at SIGHUP: a key that was removed is refused from then on. A file that cannot be read leaves
/// things as they are.
fn reload_at_hangup(path: PathBuf, guard: Arc<Guard>, front: Front) {
    // Where it cannot be listened to, the system ends the process, as it would without this.
    let Ok(mut hangup) = signal(SignalKind::hangup()) else { return };
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            match read_keys(&path) {
                Ok(keys) => {
                    if let Some(account) = keys.accounts().find(|account| !front.serves(account)) {
                        progress(format_args!("warning: account {account} is new: its keys work after a restart"));
                    }
                    progress(format_args!("{} keys were read again from {}", keys.len(), path.display()));
                    guard.replace(keys);
                }
                Err(error) => progress(format_args!("error: the keys stay as they were: {error}")),
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn off_loopback_there_must_be_keys_or_a_flag_that_says_not() {
        let open = Exposure::default();
        for loopback in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1"] {
            assert!(open.check(address(loopback)).is_ok(), "{loopback}");
        }
        for reachable in ["0.0.0.0:8083", "[::]:8083", "192.0.2.1:8083", "[::ffff:127.0.0.1]:1"] {
            let said = open.check(address(reachable)).unwrap_err().to_string();
            assert!(said.contains("fleetstep keys add") && said.contains("--insecure-no-authentication"), "{said}");
            assert!(Exposure { keys: Some("k".into()), ..open.clone() }.check(address(reachable)).is_ok());
            let insecure = Exposure { insecure_no_authentication: true, ..open.clone() };
            assert!(insecure.check(address(reachable)).is_ok());
            assert!(insecure.warnings(address(reachable)).is_some_and(|said| said.contains("no request")));
        }
    }

    #[test]
    fn settings_that_contradict_each_other_are_refused() {
        let flags = |flags: &[&str]| {
            let file: FileSettings = toml::from_str(&flags.join("\n")).unwrap();
            Exposure::resolve(ExposureFlags::default(), &file).map(drop).map_err(|error| error.to_string())
        };
        assert!(flags(&["tls_cert = 'c'"]).unwrap_err().contains("both"));
        assert!(flags(&["audit_file = 'a'"]).unwrap_err().contains("needs keys"));
        assert!(flags(&["keys = 'k'", "insecure_no_authentication = true"]).unwrap_err().contains("keep one"));
        assert_eq!(flags(&["keys = 'k'", "audit_file = 'a'", "tls_cert = 'c'", "tls_key = 'd'"]), Ok(()));
    }
}
