//! Answers over HTTP/1.1, as far as a load has to understand them. Pure: bytes come in, an answer comes out.

use memchr::memmem;
use std::borrow::Cow;
use std::sync::LazyLock;
use thiserror::Error;

/// Bytes of a status line and headers.
pub const HEAD_BYTES_MAX: usize = 64 << 10;
/// Bytes of an answer's body.
pub const BODY_BYTES_MAX: usize = 16 << 20;

/// Finds the end of a head. To prepare such a search takes longer than to search one head.
static HEAD_END: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(b"\r\n\r\n"));

/// An answer that cannot be read: the connection is of no more use.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum WireError {
    /// No HTTP/1.1.
    #[error("the answer is no HTTP/1.1")]
    NoHttp,
    /// A head over the bound.
    #[error("the head of an answer is over {HEAD_BYTES_MAX} bytes")]
    HeadTooLong,
    /// A body over the bound.
    #[error("the body of an answer is over {BODY_BYTES_MAX} bytes")]
    BodyTooLong,
    /// A length or a chunk that cannot be read.
    #[error("the length of an answer cannot be read")]
    Length,
    /// A body that ends with the connection.
    #[error("an answer has neither content-length nor chunks")]
    Endless,
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response<'a> {
    /// Its status.
    pub status: u16,
    /// Whether the connection may be used again.
    pub keeps_alive: bool,
    /// Its body.
    pub body: Cow<'a, [u8]>,
}

/// What a stretch of bytes is the beginning of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed<'a> {
    /// Less than an answer: look again when there are this many bytes.
    Partial(usize),
    /// An answer, and how many bytes it took.
    Whole(Response<'a>, usize),
}

/// Reads one answer from the beginning of `bytes`.
///
/// # Errors
/// Bytes that are not the beginning of an answer.
pub fn parse(bytes: &[u8]) -> Result<Parsed<'_>, WireError> {
    let Some(end) = HEAD_END.find(bytes) else {
        return if bytes.len() > HEAD_BYTES_MAX {
            Err(WireError::HeadTooLong)
        } else if !b"HTTP/1.".starts_with(&bytes[..bytes.len().min(7)]) {
            Err(WireError::NoHttp)
        } else {
            Ok(Parsed::Partial(bytes.len() + 1))
        };
    };
    let head = Head::parse(&bytes[..end + 2])?;
    let start = end + 4;
    let rest = &bytes[start..];
    let whole = |body, taken| {
        Ok(Parsed::Whole(Response { status: head.status, keeps_alive: head.keeps_alive, body }, start + taken))
    };
    match head.length {
        // An interim answer: the one that counts comes after it.
        _ if head.status < 200 => Ok(match parse(rest)? {
            Parsed::Partial(more) => Parsed::Partial(start + more),
            Parsed::Whole(response, taken) => Parsed::Whole(response, start + taken),
        }),
        Length::Bytes(length) if length > BODY_BYTES_MAX => Err(WireError::BodyTooLong),
        Length::Bytes(length) if rest.len() < length => Ok(Parsed::Partial(start + length)),
        Length::Bytes(length) => whole(Cow::Borrowed(&rest[..length]), length),
        Length::Chunks => match chunks(rest)? {
            Some((body, taken)) => whole(Cow::Owned(body), taken),
            None => Ok(Parsed::Partial(bytes.len() + 1)),
        },
        Length::Unsaid if matches!(head.status, 204 | 304) => whole(Cow::Borrowed(&[]), 0),
        Length::Unsaid => Err(WireError::Endless),
    }
}

struct Head {
    status: u16,
    keeps_alive: bool,
    length: Length,
}

#[derive(Clone, Copy)]
enum Length {
    Bytes(usize),
    Chunks,
    Unsaid,
}

impl Head {
    /// Reads a head that ends with the line break of its last line.
    fn parse(head: &[u8]) -> Result<Self, WireError> {
        if head.len() > HEAD_BYTES_MAX {
            return Err(WireError::HeadTooLong);
        }
        let [b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor, b' ', a, b, c, ..] = *head else {
            return Err(WireError::NoHttp);
        };
        let status = number(&[a, b, c]).ok_or(WireError::NoHttp)?;
        let mut parsed = Self {
            status: u16::try_from(status).map_err(|_| WireError::NoHttp)?,
            keeps_alive: minor != b'0',
            length: Length::Unsaid,
        };
        let mut at = memchr::memchr(b'\n', head).map_or(head.len(), |end| end + 1);
        while let Some(end) = memchr::memchr(b'\n', &head[at..]) {
            let line = &head[at..at + end];
            at += end + 1;
            // Told by the first letter and the colon's place, most headers cost one comparison.
            match line.first() {
                Some(b'c' | b'C') => parsed.note(line, b"content-length", b"connection")?,
                Some(b't' | b'T') => parsed.note(line, b"transfer-encoding", b"")?,
                _ => {}
            }
        }
        Ok(parsed)
    }

    fn note(&mut self, line: &[u8], length_or_chunks: &[u8], connection: &[u8]) -> Result<(), WireError> {
        let Some(colon) = memchr::memchr(b':', line) else { return Ok(()) };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(length_or_chunks) {
            self.length = match self.length {
                _ if name[0].eq_ignore_ascii_case(&b't') => Length::Chunks,
                Length::Chunks => Length::Chunks,
                _ => Length::Bytes(number(value).ok_or(WireError::Length)?),
            };
        } else if name.eq_ignore_ascii_case(connection) && value.eq_ignore_ascii_case(b"close") {
            self.keeps_alive = false;
        }
        Ok(())
    }
}

fn number(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The body from its chunks, and how many bytes they took; `None` while some are missing.
fn chunks(bytes: &[u8]) -> Result<Option<(Vec<u8>, usize)>, WireError> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let Some(end) = memmem::find(&bytes[at..], b"\r\n") else { return Ok(None) };
        let size = bytes[at..at + end].split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        let size = std::str::from_utf8(size).ok().and_then(|text| usize::from_str_radix(text, 16).ok());
        let size = size.ok_or(WireError::Length)?;
        if body.len().saturating_add(size) > BODY_BYTES_MAX {
            return Err(WireError::BodyTooLong);
        }
        at += end + 2;
        if size == 0 {
            return trailers(bytes, at).map(|end| end.map(|end| (body, end)));
        }
        let Some(chunk) = bytes.get(at..at + size + 2) else { return Ok(None) };
        if !chunk.ends_with(b"\r\n") {
            return Err(WireError::Length);
        }
        body.extend_from_slice(&chunk[..size]);
        at += size + 2;
    }
}

/// Where the lines after the last chunk end: with an empty one.
fn trailers(bytes: &[u8], mut at: usize) -> Result<Option<usize>, WireError> {
    let first = at;
    loop {
        let Some(end) = memmem::find(&bytes[at..], b"\r\n") else {
            return if bytes.len() - first > HEAD_BYTES_MAX { Err(WireError::HeadTooLong) } else { Ok(None) };
        };
        at += end + 2;
        if end == 0 {
            return Ok(Some(at));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (bytes, status, whether the connection lives on, body)
    const ANSWERS: &[(&str, u16, bool, &str)] = &[
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, true, "hello"),
        ("HTTP/1.1 200 OK\r\ncontent-length:  0\r\nconnection: Close\r\n\r\n", 200, false, ""),
        (
            "HTTP/1.1 422 Unprocessable Content\r\ncontent-type: a\r\ncontent-length: 2\r\ncache: c\r\n\r\n{}",
            422,
            true,
            "{}",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nt: 1\r\n\r\n",
            200,
            true,
            "abc0123456789",
        ),
        ("HTTP/1.1 204 No Content\r\ndate: x\r\n\r\n", 204, true, ""),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\ncontent-length: 1\r\n\r\n1", 202, true, "1"),
        ("HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\n1", 200, false, "1"),
    ];

    #[test]
    fn answers_are_read_whole_however_the_bytes_arrive() {
        for (text, status, keeps_alive, body) in ANSWERS {
            let bytes = text.as_bytes();
            for arrived in 0..bytes.len() {
                match parse(&bytes[..arrived]) {
                    Ok(Parsed::Partial(wanted)) => {
                        assert!(wanted > arrived && wanted <= bytes.len(), "{arrived} of {text:?}: {wanted}");
                    }
                    other => panic!("{arrived} of {text:?}: {other:?}"),
                }
            }
            let body = Cow::Borrowed(body.as_bytes());
            let response = Response { status: *status, keeps_alive: *keeps_alive, body };
            let with_next = format!("{text}HTTP/1.1 200");
            assert_eq!(parse(with_next.as_bytes()), Ok(Parsed::Whole(response, bytes.len())), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        let long = format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(HEAD_BYTES_MAX));
        let cases = [
            ("SSH-2.0-x\r\n", WireError::NoHttp),
            ("HTTP/2 200 \r\n\r\n", WireError::NoHttp),
            ("HTTP/1.1 2x0 OK\r\n\r\n", WireError::NoHttp),
            ("HTTP/1.1 200 OK\r\n\r\n", WireError::Endless),
            ("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", WireError::Length),
            ("HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n", WireError::BodyTooLong),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", WireError::Length),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nabc", WireError::Length),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\nabc", WireError::BodyTooLong),
            (long.as_str(), WireError::HeadTooLong),
        ];
        for (text, error) in cases {
            assert_eq!(parse(text.as_bytes()), Err(error), "{}", &text[..text.len().min(60)]);
        }
    }
}
