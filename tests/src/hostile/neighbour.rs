//! A caller at a steady rate, and how long its calls take.

use anyhow::{Context as _, Result, ensure};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Between two calls.
const INTERVAL: Duration = Duration::from_millis(4);
/// What is sent, and has to come back.
const DOCUMENT: &str = r#"{"order":"o-1","items":[1,2,3]}"#;

/// The calls of some time.
#[derive(Debug, Default)]
pub(super) struct Calls {
    /// From when each should have been sent, so that one that is held up counts for those behind it, too.
    pub(super) latencies: Vec<Duration>,
    pub(super) failures: usize,
}

impl Calls {
    /// The latency that this share of the calls did not pass.
    pub(super) fn percentile(&self, share: f64) -> Duration {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        let last = sorted.len().saturating_sub(1);
        sorted.get((last as f64 * share).ceil() as usize).copied().unwrap_or_default()
    }
}

/// A thread that calls until this is dropped.
pub(super) struct Neighbour {
    calls: Arc<Mutex<Calls>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Neighbour {
    pub(super) fn begin(address: SocketAddr, workflow: &str) -> Self {
        let (calls, is_over) = (Arc::<Mutex<Calls>>::default(), Arc::<AtomicBool>::default());
        let (of_thread, ends, workflow) = (Arc::clone(&calls), Arc::clone(&is_over), workflow.to_owned());
        let thread = std::thread::spawn(move || {
            #[allow(clippy::disallowed_methods)] // How long a caller waits, not what an execution sees.
            let mut due = Instant::now();
            let mut connection = None;
            while !ends.load(Relaxed) {
                std::thread::sleep(due.saturating_duration_since(now()));
                let answered = call(&mut connection, address, &workflow);
                let mut calls = of_thread.lock().unwrap_or_else(PoisonError::into_inner);
                calls.latencies.push(now().saturating_duration_since(due));
                if answered.is_err() {
                    calls.failures += 1;
                    connection = None;
                }
                due += INTERVAL;
            }
        });
        Self { calls, is_over, thread: Some(thread) }
    }

    /// The calls since the last time.
    pub(super) fn take(&self) -> Calls {
        std::mem::take(&mut self.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        self.is_over.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            // One that panicked has been heard.
            let _ended = thread.join();
        }
    }
}

#[allow(clippy::disallowed_methods)] // See there.
fn now() -> Instant {
    Instant::now()
}

fn call(connection: &mut Option<BufReader<TcpStream>>, address: SocketAddr, workflow: &str) -> Result<()> {
    if connection.is_none() {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        *connection = Some(BufReader::new(stream));
    }
    let stream = connection.as_mut().context("it was made")?;
    let length = DOCUMENT.len();
    let request = format!(
        "POST /v1/workflows/{workflow}/run HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{DOCUMENT}"
    );
    stream.get_mut().write_all(request.as_bytes())?;
    let (mut line, mut length) = (String::new(), 0);
    stream.read_line(&mut line)?;
    let is_good = line.starts_with("HTTP/1.1 200");
    while line != "\r\n" {
        line.clear();
        ensure!(stream.read_line(&mut line)? > 0, "the connection was closed");
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse()?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    ensure!(is_good && body == DOCUMENT.as_bytes(), "{}", String::from_utf8_lossy(&body));
    Ok(())
}
