//! A closed-loop load over keep-alive connections on loopback: enough to compare servers in one run.

use anyhow::{Context as _, Result, bail};
use fleetstep_engine::clock;
use memchr::memmem;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The longest answer that the load reads.
const RESPONSE_BYTES_MAX: usize = 1 << 20;
/// The longest that one answer may take: a server that hangs must not hang the load.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);

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

/// Sends `request` over `connections` connections, one at a time on each, for `time`. Every answer must be a 200 and
/// hold `expected`: an engine that fails executions with a 200 would look fast.
pub(crate) async fn closed_loop_expecting(
    address: SocketAddr,
    request: &[u8],
    expected: &str,
    connections: usize,
    time: Duration,
) -> Result<Seen> {
    let started = clock::instant();
    let until = started + time;
    let tasks: Vec<_> = (0..connections)
        .map(|_| tokio::spawn(one(address, request.to_vec(), expected.as_bytes().to_vec(), until)))
        .collect();
    let mut latencies_us = Vec::new();
    let all = async {
        for task in tasks {
            latencies_us.extend(task.await??);
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(time + ANSWER_TIME_MAX, all).await.context("an answer did not come")??;
    let elapsed = started.elapsed();
    latencies_us.sort_unstable();
    Ok(Seen { requests: latencies_us.len() as u64, elapsed, latencies_us })
}

/// As [`closed_loop_expecting`], taking any 200.
pub(crate) async fn closed_loop(
    address: SocketAddr,
    request: &[u8],
    connections: usize,
    time: Duration,
) -> Result<Seen> {
    closed_loop_expecting(address, request, "", connections, time).await
}

/// Sends `request` once over a connection of its own: the answer, head and body.
pub(crate) async fn ask(address: SocketAddr, request: &[u8]) -> Result<String> {
    let answer = async {
        let mut stream = TcpStream::connect(address).await.context("connect")?;
        stream.write_all(request).await?;
        let mut buffer = Vec::new();
        read_response(&mut stream, &mut buffer).await?;
        anyhow::Ok(String::from_utf8_lossy(&buffer).into_owned())
    };
    tokio::time::timeout(ANSWER_TIME_MAX, answer).await.context("no answer came")?
}

async fn one(address: SocketAddr, request: Vec<u8>, expected: Vec<u8>, until: std::time::Instant) -> Result<Vec<u32>> {
    let mut stream = TcpStream::connect(address).await.context("connect")?;
    stream.set_nodelay(true)?;
    let expected = memmem::Finder::new(&expected);
    let mut latencies = Vec::new();
    let mut buffer = Vec::with_capacity(16 << 10);
    let mut sent = clock::instant();
    while sent < until {
        stream.write_all(&request).await?;
        read_response(&mut stream, &mut buffer).await?;
        let answered = clock::instant();
        latencies.push(u32::try_from((answered - sent).as_micros()).unwrap_or(u32::MAX));
        if expected.find(&buffer).is_none() {
            bail!("the server answered: {}", String::from_utf8_lossy(&buffer));
        }
        sent = answered;
    }
    Ok(latencies)
}

async fn read_response(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<()> {
    buffer.clear();
    loop {
        if stream.read_buf(buffer).await? == 0 {
            bail!("the server closed the connection");
        }
        if is_whole(buffer)? {
            return Ok(());
        }
        if buffer.len() > RESPONSE_BYTES_MAX {
            bail!("a response over {RESPONSE_BYTES_MAX} bytes");
        }
    }
}

/// Whether head and body are there.
fn is_whole(buffer: &[u8]) -> Result<bool> {
    let Some(head) = memmem::find(buffer, b"\r\n\r\n") else { return Ok(false) };
    if !buffer.starts_with(b"HTTP/1.1 200") {
        bail!("the server answered: {}", String::from_utf8_lossy(buffer));
    }
    let body = &buffer[head + 4..];
    let mut fields = buffer[..head].split(|&byte| byte == b'\n').filter_map(|line| {
        let colon = memchr::memchr(b':', line)?;
        Some((&line[..colon], line[colon + 1..].trim_ascii()))
    });
    let framing = fields.find_map(|(name, value)| match name.len() {
        14 if name.eq_ignore_ascii_case(b"content-length") => Some(Framing::Length(value)),
        17 if name.eq_ignore_ascii_case(b"transfer-encoding") => Some(Framing::Chunks),
        _ => None,
    });
    match framing.context("neither a content-length nor chunks")? {
        Framing::Length(digits) => {
            let length: usize = std::str::from_utf8(digits)?.parse().context("a content-length")?;
            Ok(body.len() >= length)
        }
        // Nothing is pipelined, so the last chunk is what the buffer ends with.
        Framing::Chunks => Ok(body.ends_with(b"0\r\n\r\n")),
    }
}

enum Framing<'a> {
    Length(&'a [u8]),
    Chunks,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_whole_when_head_and_body_are_there() {
        let cases = [
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", false),
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{", false),
            ("HTTP/1.1 200 OK\r\ndate: x\r\ncontent-length:2\r\n\r\n{}", true),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", false),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", true),
        ];
        for (text, whole) in cases {
            assert_eq!(is_whole(text.as_bytes()).unwrap(), whole, "{text}");
        }
        for refused in ["HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\nx: y\r\n\r\n"] {
            assert!(is_whole(refused.as_bytes()).is_err(), "{refused}");
        }
    }

    #[test]
    fn percentiles_are_read_off_the_sorted_latencies() {
        let seen =
            Seen { requests: 100, elapsed: Duration::from_secs(2), latencies_us: (1..=100).collect::<Vec<u32>>() };
        assert_eq!((seen.rate(), seen.percentile_us(0.5), seen.percentile_us(0.99)), (50.0, 50, 99));
    }
}
