//! TLS: with which certificates a server is believed.

use std::sync::{Arc, OnceLock};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// There is nothing to check a server's certificate with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no certificates of authorities to check a server's with: {0}")]
pub struct RootsError(String);

/// Whose certificates are believed.
#[derive(Clone, Debug, Default)]
pub enum Roots {
    /// Those that the operating system trusts, or those of `SSL_CERT_FILE` and `SSL_CERT_DIR`. Read once, when the first
    /// connection needs them.
    #[default]
    System,
    /// These alone, in DER.
    Only(Vec<Vec<u8>>),
}

/// Makes connectors, once.
pub(crate) struct Tls {
    roots: Roots,
    connector: OnceLock<Result<TlsConnector, RootsError>>,
}

impl Tls {
    pub(crate) fn new(roots: Roots) -> Self {
        Self { roots, connector: OnceLock::new() }
    }

    /// Reads files the first time: not for a thread that serves.
    pub(crate) fn connector(&self) -> Result<TlsConnector, RootsError> {
        self.connector.get_or_init(|| self.connect_with(self.store()?)).clone()
    }

    /// The connector, where it is made already.
    pub(crate) fn made(&self) -> Option<Result<TlsConnector, RootsError>> {
        self.connector.get().cloned()
    }

    fn store(&self) -> Result<RootCertStore, RootsError> {
        let mut store = RootCertStore::empty();
        let reason = match &self.roots {
            Roots::System => {
                let found = rustls_native_certs::load_native_certs();
                store.add_parsable_certificates(found.certs);
                found.errors.first().map_or("the system has none".to_owned(), ToString::to_string)
            }
            Roots::Only(certificates) => {
                store.add_parsable_certificates(certificates.iter().map(|der| CertificateDer::from(der.as_slice())));
                "none of those that were given is one".to_owned()
            }
        };
        if store.is_empty() { Err(RootsError(reason)) } else { Ok(store) }
    }

    fn connect_with(&self, roots: RootCertStore) -> Result<TlsConnector, RootsError> {
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.map_err(|error| RootsError(error.to_string()))?;
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsConnector::from(Arc::new(config)))
    }
}
