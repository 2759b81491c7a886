//! A server on a free port, and a client that writes what it is told, byte for byte.

use fleetstep_api::{Drained, Front, Limits, Options, Service, serve};
use fleetstep_catalog::{Catalog, CatalogConfig, MemoryStore, Place};
use fleetstep_engine::Engine;
use fleetstep_wasm::{Sandbox, SandboxConfig};
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<Drained>,
}

/// An empty catalog of an account, in memory.
pub(crate) async fn catalog(account: &str) -> Catalog {
    extended_catalog(account, false).await
}

/// The same, whose machines may wait as only STANDARD ones may on the service.
pub(crate) async fn extended_catalog(account: &str, extended: bool) -> Catalog {
    let sandbox = Sandbox::new(SandboxConfig { instances_max: 16, ..SandboxConfig::default() }).unwrap();
    let place = Place::new("us-east-1", account).unwrap();
    let store = Arc::new(MemoryStore::default());
    let config = CatalogConfig { place, extended, ..CatalogConfig::default() };
    Catalog::open(config, Arc::new(sandbox), store).await.unwrap()
}

/// A service over an empty catalog.
pub(crate) async fn service(options: Options) -> Service {
    let engine = Engine::new(fleetstep_engine::Limits::default());
    Service::new(catalog("000000000000").await, engine, options, |_| ())
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(Limits::default(), fleetstep_engine::Limits::default()).await
    }

    pub(crate) async fn with(limits: Limits, engine: fleetstep_engine::Limits) -> Self {
        Self::open(Options { limits, ..Options::default() }, engine).await
    }

    pub(crate) async fn open(options: Options, engine: fleetstep_engine::Limits) -> Self {
        Self::of(Service::new(catalog("000000000000").await, Engine::new(engine), options, |_| ())).await
    }

    /// Serves whatever it is.
    pub(crate) async fn of(front: impl Into<Front>) -> Self {
        let front = front.into();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async {
            let _ = stopped.await;
        };
        Self { address, stop, served: tokio::spawn(serve(vec![listener], front, shutdown)) }
    }

    pub(crate) async fn connect(&self) -> Client {
        Client { stream: TcpStream::connect(self.address).await.unwrap(), read: Vec::new(), head_only: false }
    }

    /// One call of the AWS protocol, on a connection of its own.
    pub(crate) async fn aws(&self, operation: &str, body: &Value) -> Answer {
        self.connect().await.aws(operation, body.to_string().as_bytes()).await
    }

    /// One request, on a connection of its own.
    pub(crate) async fn http(&self, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Answer {
        self.connect().await.http(method, path, headers, body).await
    }

    /// Creates an EXPRESS state machine and returns its ARN.
    pub(crate) async fn create(&self, name: &str, definition: &Value) -> String {
        let request = serde_json::json!({
            "name": name, "definition": definition.to_string(), "type": "EXPRESS",
            "roleArn": "arn:aws:iam::000000000000:role/test",
        });
        let answer = self.aws("CreateStateMachine", &request).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["stateMachineArn"].as_str().unwrap().to_owned()
    }

    /// Tells the server to stop; what it says at the end comes with [`Stopping::finish`].
    pub(crate) fn stop(self) -> Stopping {
        self.stop.send(()).unwrap();
        Stopping { served: self.served }
    }
}

pub(crate) struct Stopping {
    served: JoinHandle<Drained>,
}

impl Stopping {
    pub(crate) async fn finish(self) -> Drained {
        self.served.await.unwrap()
    }
}

pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    read: Vec<u8>,
    /// The next answer has a head only.
    head_only: bool,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Client {
    pub(crate) async fn aws(&mut self, operation: &str, body: &[u8]) -> Answer {
        let target = format!("X-Amz-Target: AWSStepFunctions.{operation}");
        self.http("POST", "/", &[&target, "Content-Type: application/x-amz-json-1.0"], body).await
    }

    pub(crate) async fn http(&mut self, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: sync-localhost\r\n");
        for header in headers {
            request += &format!("{header}\r\n");
        }
        if !body.is_empty() {
            request += &format!("Content-Length: {}\r\n", body.len());
        }
        request += "\r\n";
        self.head_only = method == "HEAD";
        self.send(request.as_bytes()).await;
        self.send(body).await;
        self.receive().await.expect("an answer")
    }

    /// Writes bytes; a server that has closed already is no failure of the test: its answer decides.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    /// The next answer; `None` when the connection ends without one.
    pub(crate) async fn receive(&mut self) -> Option<Answer> {
        let head_end = loop {
            if let Some(at) = self.read.windows(4).position(|window| window == b"\r\n\r\n") {
                break at;
            }
            self.more().await?;
        };
        let head = String::from_utf8(self.read[..head_end].to_vec()).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<(String, String)> = lines
            .map(|line| line.split_once(':').unwrap())
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect();
        let mut answer = Answer { status, headers, body: Vec::new() };
        let length = answer.header("content-length").filter(|_| !self.head_only);
        let length: usize = length.map_or(0, |length| length.parse().unwrap());
        let end = head_end + 4 + length;
        while self.read.len() < end {
            self.more().await?;
        }
        answer.body = self.read[head_end + 4..end].to_vec();
        self.read.drain(..end);
        Some(answer)
    }

    async fn more(&mut self) -> Option<()> {
        let mut chunk = [0; 4_096];
        match self.stream.read(&mut chunk).await {
            Ok(0) | Err(_) => None,
            Ok(count) => {
                self.read.extend_from_slice(&chunk[..count]);
                Some(())
            }
        }
    }
}
