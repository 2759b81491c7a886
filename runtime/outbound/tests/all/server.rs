//! Servers that answer what a test says, and a resolver that is told what it knows.

use fleetstep_outbound::{Bounds, Client, Resolve, Resolving, Roots};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What a server does with each request.
#[derive(Clone)]
pub(crate) enum Script {
    /// Answers this, and waits for the next request.
    Answer(String),
    /// Answers this, and closes the connection.
    AnswerAndClose(String),
    /// Answers this, and then nothing more.
    Stall(String),
    /// Answers the head of a chunked body that never ends.
    Flood,
}

/// A server, and what it has seen.
pub(crate) struct Server {
    pub(crate) port: u16,
    pub(crate) connections: Arc<AtomicUsize>,
    pub(crate) requests: Arc<Mutex<Vec<String>>>,
}

pub(crate) fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

impl Server {
    pub(crate) async fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (connections, requests) = (Arc::new(AtomicUsize::new(0)), Arc::<Mutex<Vec<String>>>::default());
        let (count, seen) = (Arc::clone(&connections), Arc::clone(&requests));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, SeqCst);
                tokio::spawn(serve(stream, script.clone(), Arc::clone(&seen)));
            }
        });
        Self { port, connections, requests }
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(SeqCst)
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, script: Script, seen: Arc<Mutex<Vec<String>>>) -> std::io::Result<()> {
    let mut buffer = Vec::new();
    loop {
        let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") else {
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
            continue;
        };
        seen.lock().unwrap().push(String::from_utf8_lossy(&buffer[..end]).into_owned());
        buffer.drain(..end + 4);
        match &script {
            Script::Answer(answer) => stream.write_all(answer.as_bytes()).await?,
            Script::AnswerAndClose(answer) => return stream.write_all(answer.as_bytes()).await,
            Script::Stall(answer) => {
                stream.write_all(answer.as_bytes()).await?;
                std::future::pending::<()>().await;
            }
            Script::Flood => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
                let chunk = format!("4000\r\n{}\r\n", "x".repeat(0x4000));
                loop {
                    stream.write_all(chunk.as_bytes()).await?;
                }
            }
        }
    }
}

/// Knows these names, and counts how often it is asked.
#[derive(Default)]
pub(crate) struct Names {
    pub(crate) known: HashMap<&'static str, Vec<Vec<IpAddr>>>,
    pub(crate) asked: AtomicUsize,
}

impl Names {
    /// For each name its answers, one for each time that it is asked; the last one stays.
    pub(crate) fn of(known: &[(&'static str, &[&[&str]])]) -> Arc<Self> {
        let addresses = |answer: &&[&str]| answer.iter().map(|ip| ip.parse().unwrap()).collect();
        let known = known.iter().map(|(name, answers)| (*name, answers.iter().map(addresses).collect()));
        Arc::new(Self { known: known.collect(), asked: AtomicUsize::new(0) })
    }
}

impl Resolve for Names {
    fn resolve<'a>(&'a self, name: &'a str) -> Resolving<'a> {
        let time = self.asked.fetch_add(1, SeqCst);
        let answers = self.known.get(name).cloned().unwrap_or_default();
        let answer = answers.get(time).or(answers.last()).cloned();
        Box::pin(async move { answer.ok_or_else(|| std::io::Error::other("no such name")) })
    }
}

/// A client that knows no name of the world's.
pub(crate) fn client(bounds: Bounds, names: &Arc<Names>) -> Client {
    Client::with(bounds, Arc::clone(names) as Arc<dyn Resolve>, Roots::Only(Vec::new()))
}
