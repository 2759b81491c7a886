//! One connection to a host: TCP, TLS, a request.

use crate::SILENCE_MAX;
use crate::client::{Order, default_port};
use http::header::{AUTHORIZATION, HOST, HeaderValue, USER_AGENT};
use http::{Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::sync::{Arc, OnceLock};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// What registries are told of this program.
const AGENT: &str = concat!("fleetstep/", env!("CARGO_PKG_VERSION"));

/// Opens connections.
pub(crate) struct Connector {
    /// Whether it may do so without TLS.
    is_plain: bool,
}

impl Connector {
    pub(crate) fn new(is_plain: bool) -> Self {
        Self { is_plain }
    }

    pub(crate) fn is_plain(&self) -> bool {
        self.is_plain
    }

    /// The answer to a request, its body still to come; or why there is none.
    pub(crate) async fn send(
        &self,
        order: &Order,
        authorization: Option<&HeaderValue>,
    ) -> Result<Response<Incoming>, String> {
        let host = order.uri.host().ok_or("the address has no host")?.to_owned();
        let is_plain = order.uri.scheme_str() == Some("http");
        if is_plain && !self.is_plain {
            return Err("the address is one without TLS".to_owned());
        }
        let port = order.uri.port_u16().unwrap_or_else(|| default_port(&order.uri));
        let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let stream = self.in_time(TcpStream::connect((bare.as_str(), port))).await?;
        let stream = stream.map_err(|error| format!("{host}:{port} cannot be reached: {error}"))?;
        let request = request(order, authorization)?;
        if is_plain {
            return self.exchange(stream, request).await;
        }
        let name = ServerName::try_from(bare).map_err(|_| format!("{host} is no name of a host"))?;
        let stream = self.in_time(tls()?.connect(name, stream)).await?;
        self.exchange(stream.map_err(|error| format!("{host}:{port}: {error}"))?, request).await
    }

    async fn exchange<S>(&self, stream: S, request: Request<Full<bytes::Bytes>>) -> Result<Response<Incoming>, String>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
        // It ends with the answer's body, or when that is dropped.
        tokio::spawn(connection);
        // A body is sent meanwhile: that may take as long as the whole transfer.
        sender.send_request(request).await.map_err(|error| error.to_string())
    }

    /// Ends what stays silent.
    pub(crate) async fn in_time<T>(&self, work: impl Future<Output = T>) -> Result<T, String> {
        let silent = |_| format!("it has been silent for {} seconds", SILENCE_MAX.as_secs());
        tokio::time::timeout(SILENCE_MAX, work).await.map_err(silent)
    }
}

fn request(order: &Order, authorization: Option<&HeaderValue>) -> Result<Request<Full<bytes::Bytes>>, String> {
    let path = order.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::builder().method(order.method.clone()).uri(path);
    request = request.header(HOST, authority(&order.uri)).header(USER_AGENT, AGENT);
    for (name, value) in &order.headers {
        request = request.header(name, value);
    }
    if let Some(authorization) = authorization {
        request = request.header(AUTHORIZATION, authorization);
    }
    request.body(Full::new(order.body.clone())).map_err(|error| error.to_string())
}

fn authority(uri: &Uri) -> String {
    match (uri.host().unwrap_or_default(), uri.port()) {
        (host, Some(port)) => format!("{host}:{port}"),
        (host, None) => host.to_owned(),
    }
}

/// TLS with the certificates that the system trusts, read once.
fn tls() -> Result<TlsConnector, String> {
    static CONFIG: OnceLock<Result<Arc<ClientConfig>, String>> = OnceLock::new();
    let config = CONFIG.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        let (added, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if added == 0 {
            return Err("this machine has no certificates to trust: install ca-certificates".to_owned());
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
    });
    config.clone().map(TlsConnector::from)
}
