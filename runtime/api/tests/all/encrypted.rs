//! TLS: a handshake, HTTP over it by ALPN, and what is refused.

use crate::harness::{Server, service};
use fleetstep_api::{Front, Limits, Options, Tls, TlsError};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// A certificate for `localhost` and its key, in two files; and what trusts it.
fn certificate(folder: &Path) -> (std::path::PathBuf, std::path::PathBuf, RootCertStore) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    set_mode(&key, 0o600);
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    (certificate, key, roots)
}

fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

async fn connect(server: &Server, roots: RootCertStore, protocol: &[u8]) -> std::io::Result<TlsStream<TcpStream>> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let stream = TcpStream::connect(server.address).await.unwrap();
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
}

async fn start(folder: &Path, limits: Limits) -> (Server, RootCertStore) {
    let (certificate, key, roots) = certificate(folder);
    let tls = Tls::read(&certificate, &key).unwrap();
    let service = service(Options { limits, ..Options::default() }).await;
    (Server::of(Front::from(service).with_tls(tls)).await, roots)
}

#[tokio::test]
async fn a_peer_that_trusts_the_certificate_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let (server, roots) = start(folder.path(), Limits::default()).await;
    let mut stream = connect(&server, roots.clone(), b"http/1.1").await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains(r#""status":"ok""#), "{answer}");
    let http2 = connect(&server, roots, b"h2").await.unwrap();
    assert_eq!(http2.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    assert!(connect(&server, RootCertStore::empty(), b"http/1.1").await.is_err(), "nobody vouches for it");
}

#[tokio::test]
async fn what_is_not_encrypted_gets_no_answer() {
    let folder = tempfile::tempdir().unwrap();
    let (server, _) = start(folder.path(), Limits::default()).await;
    let mut client = server.connect().await;
    client.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    let mut answer = Vec::new();
    let _ = client.stream.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
}

#[tokio::test]
async fn a_peer_that_does_not_shake_hands_is_let_go() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { header_timeout: Duration::from_millis(50), ..Limits::default() };
    let (server, _) = start(folder.path(), limits).await;
    let mut client = server.connect().await;
    let mut answer = Vec::new();
    assert_eq!(client.stream.read_to_end(&mut answer).await.unwrap_or_default(), 0);
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key, _) = certificate(folder.path());
    // As a key it must be private too.
    set_mode(&certificate, 0o600);
    let absent = folder.path().join("absent.pem");
    for (certificate, key, named) in
        [(&absent, &key, &absent), (&certificate, &absent, &absent), (&certificate, &certificate, &certificate)]
    {
        let error = Tls::read(certificate, key).err().unwrap();
        assert!(error.to_string().starts_with(&named.display().to_string()), "{error}");
    }
    set_mode(&key, 0o644);
    assert!(matches!(Tls::read(&certificate, &key), Err(TlsError::Permissions { mode: 0o644, .. })));
    let other = tempfile::tempdir().unwrap();
    let (_, other, _) = self::certificate(other.path());
    assert!(matches!(Tls::read(&certificate, &other), Err(TlsError::Unusable(_))), "they make no pair");
}
