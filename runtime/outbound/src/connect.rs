//! From an origin to a connection: resolve once, check every address, connect to a checked one.

use crate::client::Inner;
use crate::error::Error;
use crate::origin::{Host, Origin, Scheme};
use crate::policy::{Policy, Rule};
use hyper::rt::{Read, Write};
use hyper_util::rt::TokioIo;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use tokio::net::TcpStream;
use tokio_rustls::rustls::pki_types::ServerName;

/// Addresses of one name that are looked at. More of them are refused: what is not looked at is not connected to.
const ADDRESSES_MAX: usize = 64;
/// Addresses that are tried, one after the other.
const ATTEMPTS_MAX: usize = 4;

/// The addresses of a name, to come.
pub type Resolving<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// Who knows which addresses a name stands for.
pub trait Resolve: Send + Sync {
    /// All addresses of `name`, which is in lower case and has no dot at its end.
    fn resolve<'a>(&'a self, name: &'a str) -> Resolving<'a>;
}

/// The operating system's resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, name: &'a str) -> Resolving<'a> {
        Box::pin(async move {
            // With the dot the name is whole: the search list of the host does not turn it into another one.
            let whole = if name.contains('.') { format!("{name}.") } else { name.to_owned() };
            let found = tokio::net::lookup_host((whole.as_str(), 0)).await?;
            Ok(found.map(|address| address.ip()).take(ADDRESSES_MAX + 1).collect())
        })
    }
}

/// Both directions of a connection.
pub(crate) trait Io: Read + Write + Send + Unpin {}
impl<T: Read + Write + Send + Unpin> Io for T {}

/// A connection to where the rule lets it go.
pub(crate) async fn connect(
    client: &Inner,
    policy: &Policy,
    rule: &Rule,
    origin: &Origin,
) -> Result<Box<dyn Io>, Error> {
    let addresses = addresses(client, origin).await?;
    if let Some(&address) = addresses.iter().find(|address| !policy.reaches(rule, **address)) {
        return Err(Error::Address { host: origin.host.to_string(), address });
    }
    let stream = open(&addresses, origin).await?;
    match origin.scheme {
        Scheme::Http => Ok(Box::new(TokioIo::new(stream))),
        Scheme::Https => secure(client, origin, stream).await,
    }
}

async fn addresses(client: &Inner, origin: &Origin) -> Result<Vec<IpAddr>, Error> {
    let name = match &origin.host {
        Host::Ip(ip) => return Ok(vec![*ip]),
        Host::Name(name) => name,
    };
    let unresolved = |reason: String| Error::Resolve { host: name.clone(), reason };
    // Each look-up may hold a thread of the runtime's until the operating system gives up.
    let _turn = client.lookups.acquire().await.map_err(|error| unresolved(error.to_string()))?;
    let found = client.resolver.resolve(name).await.map_err(|error| unresolved(error.to_string()))?;
    match found.len() {
        0 => Err(unresolved("it has no address".to_owned())),
        1..=ADDRESSES_MAX => Ok(found.into_iter().map(|ip| ip.to_canonical()).collect()),
        _ => Err(unresolved(format!("it has more than {ADDRESSES_MAX} addresses"))),
    }
}

async fn open(addresses: &[IpAddr], origin: &Origin) -> Result<TcpStream, Error> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for ip in addresses.iter().take(ATTEMPTS_MAX) {
        match TcpStream::connect(SocketAddr::new(*ip, origin.port)).await {
            Ok(stream) => {
                // Only the speed of small requests depends on it.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(Error::Connect { origin: origin.to_string(), error: last })
}

async fn secure(client: &Inner, origin: &Origin, stream: TcpStream) -> Result<Box<dyn Io>, Error> {
    let connector = match client.tls.made() {
        Some(made) => made?,
        None => {
            let tls = std::sync::Arc::clone(&client.tls);
            let made = tokio::task::spawn_blocking(move || tls.connector()).await;
            made.map_err(|error| failed(origin, io::Error::other(error)))??
        }
    };
    let name = match &origin.host {
        Host::Ip(ip) => ServerName::from(*ip),
        Host::Name(name) => {
            ServerName::try_from(name.clone()).map_err(|error| failed(origin, io::Error::other(error)))?
        }
    };
    let stream = connector.connect(name, stream).await.map_err(|error| failed(origin, error))?;
    Ok(Box::new(TokioIo::new(stream)))
}

fn failed(origin: &Origin, error: io::Error) -> Error {
    Error::Tls { origin: origin.to_string(), error }
}
