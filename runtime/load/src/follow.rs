//! Asynchronous starts to their end: an acknowledgement says only that an execution was accepted, so that some of
//! those that were accepted are asked for until they are over.
//!
//! How long one took is the difference of the start and the end that the server tells, both by its own clock: how
//! often it is asked for does not show in it.

use crate::measure::{Latencies, Spread};
use crate::wire::{Parsed, parse};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use crate::clock::{Clock, nanoseconds};

/// Executions that are followed at once: each is asked for again and again, and that is load too.
pub const FOLLOWED_MAX: usize = 256;
/// The first look after an acknowledgement, and the longest pause between two looks.
const LOOK_FIRST: Duration = Duration::from_millis(2);
const LOOK_MAX: Duration = Duration::from_millis(250);
/// How long one look may take.
const LOOK_TIMEOUT: Duration = Duration::from_secs(5);

/// Where the server tells of an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Source {
    /// `GET /v1/executions/ARN`.
    Executions,
    /// `DescribeExecution`.
    DescribeExecution,
}

/// Takes executions that are to be followed.
#[derive(Debug)]
pub struct Follower {
    sender: SyncSender<String>,
    following: AtomicUsize,
    offered: AtomicU64,
    is_over: AtomicBool,
}

/// What became of the executions that were followed.
#[derive(Clone, Debug, Default)]
pub struct Completions {
    /// From start to end, by the server's clock.
    pub latencies: Latencies,
    /// How many ended, by status.
    pub ended: BTreeMap<String, u64>,
    /// Acknowledgements that could have been followed.
    pub offered: u64,
    /// Executions that the server had forgotten before they were seen to end.
    pub forgotten: u64,
    /// Executions that were still running when the patience was over.
    pub unfinished: u64,
    /// Looks that failed.
    pub failed_looks: u64,
}

/// The same as a report shows it.
#[derive(Clone, Debug, Serialize)]
pub struct CompletionReport {
    /// Where it was read.
    pub source: Source,
    /// Acknowledgements in all, and how many of them were seen to end.
    pub acknowledged: u64,
    /// Executions that were seen to end.
    pub followed: u64,
    /// By status.
    pub ended: BTreeMap<String, u64>,
    /// From start to end by the server's clock, in milliseconds.
    pub latency_ms: Spread,
    /// Forgotten by the server before they were seen to end.
    pub forgotten: u64,
    /// Still running when the patience was over.
    pub unfinished: u64,
}

impl Completions {
    pub(crate) fn report(&self, source: Source) -> CompletionReport {
        CompletionReport {
            source,
            acknowledged: self.offered,
            followed: self.ended.values().sum(),
            ended: self.ended.clone(),
            latency_ms: self.latencies.spread(),
            forgotten: self.forgotten,
            unfinished: self.unfinished,
        }
    }
}

impl Follower {
    pub(crate) fn new() -> (Self, Receiver<String>) {
        let (sender, receiver) = sync_channel(FOLLOWED_MAX);
        let (following, offered, is_over) = (AtomicUsize::new(0), AtomicU64::new(0), AtomicBool::new(false));
        (Self { sender, following, offered, is_over }, receiver)
    }

    /// An acknowledged execution: followed while there is room.
    pub(crate) fn offer(&self, arn: &str) {
        self.offered.fetch_add(1, Ordering::Relaxed);
        if self.following.load(Ordering::Relaxed) < FOLLOWED_MAX && self.sender.try_send(arn.to_owned()).is_ok() {
            self.following.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// No more will be offered.
    pub(crate) fn close(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    /// Follows what is offered until there is no more, and what is left for `patience` beyond.
    pub(crate) fn run(
        &self,
        receiver: &Receiver<String>,
        address: SocketAddr,
        source: Source,
        patience: Duration,
        clock: Clock,
    ) -> Completions {
        let mut eye = Eye { address, source, stream: None, buffer: Vec::new() };
        let mut seen = Completions::default();
        // When it is to be looked at, and a number that makes it unique.
        let mut due: BTreeMap<(u64, u64), (String, Duration)> = BTreeMap::new();
        let (mut number, mut gives_up) = (0_u64, None);
        loop {
            let now = clock.now();
            if gives_up.is_none() && self.is_over.load(Ordering::Relaxed) {
                gives_up = Some(now + nanoseconds(patience));
            }
            if gives_up.is_some_and(|at| now >= at || due.is_empty()) {
                break;
            }
            let wait = due.keys().next().map_or(20_000_000, |(at, _)| at.saturating_sub(now).min(20_000_000));
            match receiver.recv_timeout(Duration::from_nanos(wait)) {
                Ok(arn) => {
                    number += 1;
                    due.insert((clock.now() + nanoseconds(LOOK_FIRST), number), (arn, LOOK_FIRST));
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            let now = clock.now();
            while let Some(entry) = due.first_entry().filter(|entry| entry.key().0 <= now) {
                let ((_, number), (arn, pause)) = entry.remove_entry();
                if eye.look(&arn, &mut seen) {
                    self.following.fetch_sub(1, Ordering::Relaxed);
                } else {
                    let pause = (pause * 2).min(LOOK_MAX);
                    due.insert((clock.now() + nanoseconds(pause), number), (arn, pause));
                }
            }
        }
        seen.unfinished = due.len() as u64;
        seen.offered = self.offered.load(Ordering::Relaxed);
        seen
    }
}

/// Asks the server.
struct Eye {
    address: SocketAddr,
    source: Source,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

impl Eye {
    /// Looks at one execution; whether that is the end of it.
    fn look(&mut self, arn: &str, seen: &mut Completions) -> bool {
        let request = match self.source {
            Source::Executions => get(&format!("/v1/executions/{arn}")),
            Source::DescribeExecution => describe(arn),
        };
        match self.ask(request.as_bytes()) {
            Ok((200, body)) => match ending(&body) {
                Some((status, _)) if status == "RUNNING" => false,
                Some((status, millis)) => {
                    if let Some(millis) = millis {
                        seen.latencies.record((millis * 1e6) as u64);
                    }
                    *seen.ended.entry(status).or_default() += 1;
                    true
                }
                None => failed(seen),
            },
            // Forgotten; the AWS protocol says so with 400.
            Ok((400 | 404, _)) => {
                seen.forgotten += 1;
                true
            }
            Ok(_) => failed(seen),
            Err(_) => {
                self.stream = None;
                failed(seen)
            }
        }
    }

    fn ask(&mut self, request: &[u8]) -> io::Result<(u16, Vec<u8>)> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            none => {
                let stream = TcpStream::connect_timeout(&self.address, LOOK_TIMEOUT)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(LOOK_TIMEOUT))?;
                none.insert(stream)
            }
        };
        stream.write_all(request)?;
        exchange(stream, &mut self.buffer)
    }
}

fn failed(seen: &mut Completions) -> bool {
    seen.failed_looks += 1;
    false
}

/// Reads one answer.
fn exchange(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<(u16, Vec<u8>)> {
    buffer.clear();
    let mut scratch = [0; 16 << 10];
    loop {
        let count = stream.read(&mut scratch)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        buffer.extend_from_slice(&scratch[..count]);
        match parse(buffer).map_err(io::Error::other)? {
            Parsed::Whole(response, _) => return Ok((response.status, response.body.into_owned())),
            Parsed::Partial(_) => {}
        }
    }
}

/// One request on a connection of its own, for what is asked before a load: the status and the body.
///
/// # Errors
/// A server that is not there, or no answer within some seconds.
pub fn ask_once(address: SocketAddr, request: &[u8]) -> io::Result<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect_timeout(&address, LOOK_TIMEOUT)?;
    // The first start of a workflow may have to wait for what it calls.
    stream.set_read_timeout(Some(12 * LOOK_TIMEOUT))?;
    stream.write_all(request)?;
    exchange(&mut stream, &mut Vec::new())
}

/// A GET of this path.
#[must_use]
pub fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n")
}

/// A `DescribeExecution` of this ARN.
#[must_use]
pub fn describe(arn: &str) -> String {
    let body = format!("{{\"executionArn\":{}}}", Value::from(arn));
    let length = body.len();
    format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-amz-json-1.0\r\n\
         x-amz-target: AWSStepFunctions.DescribeExecution\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

/// The status of an execution, and how many milliseconds it took once it is over.
fn ending(body: &[u8]) -> Option<(String, Option<f64>)> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let status = body["status"].as_str()?.to_owned();
    let millis = millis_of(&body["stopDate"]).zip(millis_of(&body["startDate"])).map(|(stop, start)| stop - start);
    Some((status, millis.map(|millis| millis.max(0.0))))
}

/// A date as ISO 8601, or as seconds since 1970.
fn millis_of(date: &Value) -> Option<f64> {
    match date {
        Value::String(text) => Some(text.parse::<jiff::Timestamp>().ok()?.as_millisecond() as f64),
        number => Some(number.as_f64()? * 1e3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_an_execution_is_read_from_either_interface() {
        let cases = [
            (r#"{"status":"RUNNING","startDate":1.5}"#, "RUNNING", None),
            (r#"{"status":"SUCCEEDED","startDate":1700000000.25,"stopDate":1700000000.5}"#, "SUCCEEDED", Some(250.0)),
            (
                r#"{"status":"FAILED","startDate":"2026-11-22T16:10:37.475Z","stopDate":"2026-11-22T16:10:38.480Z"}"#,
                "FAILED",
                Some(1_005.0),
            ),
        ];
        for (body, status, millis) in cases {
            assert_eq!(ending(body.as_bytes()), Some((status.to_owned(), millis)), "{body}");
        }
        assert_eq!(ending(b"{}"), None);
    }

    #[test]
    fn no_more_are_followed_than_there_is_room_for() {
        let (follower, receiver) = Follower::new();
        for _ in 0..FOLLOWED_MAX + 10 {
            follower.offer("arn:x");
        }
        assert_eq!(receiver.try_iter().count(), FOLLOWED_MAX);
        assert_eq!(follower.offered.load(Ordering::Relaxed), FOLLOWED_MAX as u64 + 10);
    }
}
