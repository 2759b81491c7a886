//! Plain HTTP, as little of it as the tests need: one request over a connection of its own, JSON back.

use anyhow::{Context as _, Result};
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// The media type of JSON.
pub const JSON: &str = "application/json";
/// How long an answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);

/// Status and body; a body that is empty is `null`.
pub type Answer = (u16, Value);

/// Sends a request and waits for its answer.
///
/// # Errors
/// No connection, no answer in time, or one that is not JSON.
pub fn request(address: SocketAddr, method: &str, path: &str, media_type: &str, body: &[u8]) -> Result<Answer> {
    answer(send(address, method, path, media_type, body)?)
}

/// Sends a request: [`answer`] waits for what comes back.
///
/// # Errors
/// No connection.
pub fn send(address: SocketAddr, method: &str, path: &str, media_type: &str, body: &[u8]) -> Result<TcpStream> {
    send_with(address, method, path, &[("content-type", media_type)], body)
}

/// The same with any headers.
///
/// # Errors
/// No connection.
pub fn send_with(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address).context("no connection")?;
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: fleetstep\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n"
    )?;
    stream.write_all(body)?;
    Ok(stream)
}

/// Sends JSON with more headers: status, head and body of the answer.
///
/// # Errors
/// As [`request`].
pub fn exchange(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<(u16, String, Value)> {
    let headers = [headers, &[("content-type", JSON)]].concat();
    let (head, body) = read(send_with(address, method, path, &headers, body)?)?;
    let (status, body) = parsed(&head, &body)?;
    Ok((status, head, body))
}

/// Asks for a page: head and body of the answer.
///
/// # Errors
/// No connection, or no answer in time.
pub fn page(address: SocketAddr, path: &str) -> Result<(String, String)> {
    read(send_with(address, "GET", path, &[], b"")?)
}

/// Sends a request with headers of its own, and takes what comes back as text.
///
/// # Errors
/// No connection, or no answer in time.
pub fn text(address: SocketAddr, method: &str, path: &str, headers: &[&str], body: &str) -> Result<(u16, String)> {
    let media_type = [&[JSON], headers].concat().join("\r\n");
    let mut stream = send(address, method, path, &media_type, body.as_bytes())?;
    let mut text = String::new();
    stream.read_to_string(&mut text).context("no answer")?;
    let (head, body) = text.split_once("\r\n\r\n").with_context(|| format!("no HTTP: {text}"))?;
    Ok((head.split(' ').nth(1).context("no status")?.parse()?, body.to_owned()))
}

/// The answer to a request that was sent.
///
/// # Errors
/// No answer in time, or one that is not JSON.
pub fn answer(stream: TcpStream) -> Result<Answer> {
    let (head, body) = read(stream)?;
    parsed(&head, &body)
}

fn read(mut stream: TcpStream) -> Result<(String, String)> {
    let mut text = String::new();
    stream.read_to_string(&mut text).context("no answer")?;
    let (head, body) = text.split_once("\r\n\r\n").with_context(|| format!("no HTTP: {text}"))?;
    Ok((head.to_owned(), body.to_owned()))
}

fn parsed(head: &str, body: &str) -> Result<Answer> {
    let status = head.split(' ').nth(1).context("no status")?.parse()?;
    let body =
        if body.is_empty() { Value::Null } else { serde_json::from_str(body).with_context(|| body.to_owned())? };
    Ok((status, body))
}
