//! Asynchronous starts, one at a time and in batches, until the server is gone.

use super::WORKFLOWS;
use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Connections that start one at a time.
const SINGLES: usize = 12;
/// Connections that start batches.
const BATCHES: usize = 2;
/// Lines of a batch.
const LINES: usize = 20;
/// Between two requests of a connection: enough load to be in the middle of something, not more than can run again.
const PAUSE: Duration = Duration::from_millis(2);
/// How long an answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// What the callers were answered.
#[derive(Default)]
pub(super) struct Answers {
    /// ARNs of the executions that were acknowledged.
    pub(super) acknowledged: Vec<String>,
    /// Requests that were refused as too many.
    pub(super) throttled: usize,
}

/// Callers that go on until the server does not answer any more.
pub(super) struct Load(Vec<JoinHandle<Answers>>);

impl Load {
    pub(super) fn begin(address: SocketAddr) -> Self {
        let singles = (0..SINGLES).map(|at| thread::spawn(move || caller(address, &single(at))));
        let batches = (0..BATCHES).map(|at| thread::spawn(move || caller(address, &batch(at))));
        Self(singles.chain(batches).collect())
    }

    /// What they were answered, once the server is gone.
    pub(super) fn end(self) -> Answers {
        let mut all = Answers::default();
        for caller in self.0 {
            let one = caller.join().expect("a caller does not panic");
            all.acknowledged.extend(one.acknowledged);
            all.throttled += one.throttled;
        }
        all
    }
}

/// Sends a request again and again.
fn caller(address: SocketAddr, request: &[u8]) -> Answers {
    let mut answers = Answers::default();
    let Ok(mut stream) = TcpStream::connect(address) else { return answers };
    let _best_effort = stream.set_nodelay(true);
    let _best_effort = stream.set_read_timeout(Some(ANSWER_TIMEOUT));
    while let Ok((status, body)) = exchange(&mut stream, request) {
        // Whatever else the server says, it promises nothing.
        if matches!(status, 200 | 202) {
            let lines = body.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            answers.acknowledged.extend(lines.filter_map(|line| Some(line["executionArn"].as_str()?.to_owned())));
        }
        answers.throttled += usize::from(status != 500 && body.contains("hrottl"));
        thread::sleep(PAUSE);
    }
    answers
}

fn workflow(at: usize) -> &'static str {
    WORKFLOWS[at % WORKFLOWS.len()].0
}

fn single(at: usize) -> Vec<u8> {
    let arn = format!("arn:aws:states:us-east-1:000000000000:stateMachine:{}", workflow(at));
    aws_request("StartExecution", &json!({"stateMachineArn": arn, "input": json!({"caller": at}).to_string()}))
}

fn batch(at: usize) -> Vec<u8> {
    let lines: String = (0..LINES).map(|line| format!("{{\"line\":{line}}}\n")).collect();
    let head = format!(
        "POST /v1/workflows/{}/batch HTTP/1.1\r\nhost: h\r\ncontent-type: application/x-ndjson\r\n\
         prefer: respond-async\r\ncontent-length: {}\r\n\r\n",
        workflow(at),
        lines.len()
    );
    (head + &lines).into_bytes()
}

fn aws_request(operation: &str, body: &Value) -> Vec<u8> {
    let body = body.to_string();
    format!(
        "POST / HTTP/1.1\r\nhost: h\r\ncontent-type: application/x-amz-json-1.0\r\n\
         x-amz-target: AWSStepFunctions.{operation}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// One call of the AWS protocol.
///
/// # Errors
/// No answer in JSON.
pub fn aws(address: SocketAddr, operation: &str, body: &Value) -> Result<Value> {
    let (_, body) = exchange(&mut TcpStream::connect(address)?, &aws_request(operation, body))?;
    serde_json::from_str(&body).context("an answer in JSON")
}

/// Writes a request and reads its answer: the status and the body.
fn exchange(stream: &mut TcpStream, request: &[u8]) -> Result<(u16, String)> {
    stream.write_all(request)?;
    let mut read = Vec::with_capacity(8 << 10);
    loop {
        let mut part = [0; 8 << 10];
        match stream.read(&mut part)? {
            0 => bail!("the connection is closed"),
            count => read.extend_from_slice(&part[..count]),
        }
        let text = std::str::from_utf8(&read)?;
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head
            .lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
        if body.len() >= length.unwrap_or(0usize) {
            let status = head.split(' ').nth(1).context("a status")?.parse()?;
            return Ok((status, body.to_owned()));
        }
    }
}
