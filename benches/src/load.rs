//! A closed-loop load over keep-alive connections on loopback: enough to compare servers in one run.

use anyhow::{Context as _, Result, bail};
use fleetstep_engine::clock;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The longest answer that the load reads.
const RESPONSE_BYTES_MAX: usize = 1 << 20;

/// What a load saw.
pub(crate) struct Seen {
    /// Requests that were answered with 200.
    pub(crate) requests: u64,
    /// How long it took.
    pub(crate) elapsed: Duration,
    /// Latency of each request, in microseconds, sorted.
    pub(crate) latencies_us: Vec<u32>,
}

impl Seen {
    /// Requests a second.
    pub(crate) fn rate(&self) -> f64 {
        self.requests as f64 / self.elapsed.as_secs_f64()
    }

    /// The latency below which `share` (0 to 1) of the requests were answered, in microseconds.
    pub(crate) fn percentile_us(&self, share: f64) -> u32 {
        let last = self.latencies_us.len().saturating_sub(1);
        self.latencies_us.get((last as f64 * share) as usize).copied().unwrap_or(0)
    }
}

/// Sends `request` over `connections` connections, one at a time on each, for `time`.
pub(crate) async fn closed_loop(
    address: SocketAddr,
    request: &[u8],
    connections: usize,
    time: Duration,
) -> Result<Seen> {
    let started = clock::instant();
    let until = started + time;
    let tasks: Vec<_> = (0..connections).map(|_| tokio::spawn(one(address, request.to_vec(), until))).collect();
    let mut latencies_us = Vec::new();
    for task in tasks {
        latencies_us.extend(task.await??);
    }
    latencies_us.sort_unstable();
    Ok(Seen { requests: latencies_us.len() as u64, elapsed: started.elapsed(), latencies_us })
}

async fn one(address: SocketAddr, request: Vec<u8>, until: std::time::Instant) -> Result<Vec<u32>> {
    let mut stream = TcpStream::connect(address).await.context("connect")?;
    stream.set_nodelay(true)?;
    let mut latencies = Vec::new();
    let mut buffer = Vec::with_capacity(16 << 10);
    loop {
        let sent = clock::instant();
        if sent >= until {
            return Ok(latencies);
        }
        stream.write_all(&request).await?;
        read_response(&mut stream, &mut buffer).await?;
        latencies.push(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX));
    }
}

async fn read_response(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<()> {
    buffer.clear();
    loop {
        if stream.read_buf(buffer).await? == 0 {
            bail!("the server closed the connection");
        }
        if let Some(length) = response_length(buffer)?
            && buffer.len() >= length
        {
            return Ok(());
        }
        if buffer.len() > RESPONSE_BYTES_MAX {
            bail!("a response over {RESPONSE_BYTES_MAX} bytes");
        }
    }
}

/// Length of head and body together, once the head is whole.
fn response_length(buffer: &[u8]) -> Result<Option<usize>> {
    let Some(head) = buffer.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(&buffer[..head]).context("the head is text")?;
    if !text.starts_with("HTTP/1.1 200") {
        bail!("the server answered: {}", String::from_utf8_lossy(buffer));
    }
    let length = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse::<usize>().ok())
        .context("a content-length")?;
    Ok(Some(head + 4 + length))
}
