//! One connection: requests go out, answers come in, in the same order.

use crate::clock::Clock;
use crate::measure::Sent;
use crate::wire::{BODY_BYTES_MAX, HEAD_BYTES_MAX, Parsed, Response, WireError, parse};
use mio::net::TcpStream;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read as _, Write as _};

/// Bytes that wait for the rest of an answer.
const PENDING_BYTES_MAX: usize = HEAD_BYTES_MAX + 2 * BODY_BYTES_MAX;

/// Why a connection is of no more use.
#[derive(Debug)]
pub(super) enum Broken {
    /// The other side closed it, or asked to.
    Closed,
    /// The system says so.
    Io(io::Error),
    /// It does not speak HTTP/1.1 as a load understands it.
    Wire(WireError),
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Closed => f.write_str("the server closed the connection"),
            Self::Io(error) => error.fmt(f),
            Self::Wire(error) => error.fmt(f),
        }
    }
}

pub(super) struct Connection {
    pub(super) stream: TcpStream,
    /// Whether it was established.
    pub(super) is_open: bool,
    /// Whether it stands in the queue of those that can take a request.
    pub(super) is_queued: bool,
    /// Requests that were not answered yet.
    pub(super) sent: VecDeque<Sent>,
    /// What is to be written.
    pub(super) out: Vec<u8>,
    written: usize,
    /// The beginning of an answer, and how many bytes make it worth to look again.
    pending: Vec<u8>,
    wanted: usize,
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            is_open: false,
            is_queued: false,
            sent: VecDeque::new(),
            out: Vec::new(),
            written: 0,
            pending: Vec::new(),
            wanted: 0,
        }
    }

    /// Whether the connection was established; not yet is no error.
    pub(super) fn establish(&mut self) -> Result<bool, Broken> {
        if let Some(error) = self.stream.take_error().map_err(Broken::Io)? {
            return Err(Broken::Io(error));
        }
        match self.stream.peer_addr() {
            Ok(_) => {
                // Without it a small request waits for the acknowledgement of the one before.
                self.stream.set_nodelay(true).map_err(Broken::Io)?;
                self.is_open = true;
                Ok(true)
            }
            Err(error) if matches!(error.kind(), ErrorKind::NotConnected | ErrorKind::WouldBlock) => Ok(false),
            Err(error) => Err(Broken::Io(error)),
        }
    }

    /// Writes what the socket takes.
    pub(super) fn flush(&mut self) -> Result<(), Broken> {
        while self.written < self.out.len() {
            match self.stream.write(&self.out[self.written..]) {
                Ok(0) => return Err(Broken::Closed),
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Broken::Io(error)),
            }
        }
        self.out.clear();
        self.written = 0;
        Ok(())
    }

    /// Reads what is there, through `scratch`, and hands over every answer with the time at which it was read: those
    /// of one read arrived together.
    pub(super) fn read(
        &mut self,
        scratch: &mut [u8],
        clock: Clock,
        mut take: impl FnMut(Sent, &Response<'_>, u64),
    ) -> Result<(), Broken> {
        loop {
            let count = match self.stream.read(scratch) {
                Ok(0) => return Err(Broken::Closed),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(Broken::Io(error)),
            };
            let now = clock.now();
            self.arrived(&scratch[..count], &mut |sent, response| take(sent, response, now))?;
            // Less than there was room for: the socket is empty, and another call would only say so.
            if count < scratch.len() {
                return Ok(());
            }
        }
    }

    fn arrived(&mut self, bytes: &[u8], take: &mut impl FnMut(Sent, &Response<'_>)) -> Result<(), Broken> {
        if self.pending.is_empty() {
            let (used, wanted) = answers(bytes, &mut self.sent, take)?;
            self.pending.extend_from_slice(&bytes[used..]);
            self.wanted = wanted;
            return Ok(());
        }
        self.pending.extend_from_slice(bytes);
        if self.pending.len() < self.wanted {
            return Ok(());
        }
        let (used, wanted) = answers(&self.pending, &mut self.sent, take)?;
        self.pending.drain(..used);
        self.wanted = wanted;
        if self.pending.len() > PENDING_BYTES_MAX { Err(Broken::Wire(WireError::BodyTooLong)) } else { Ok(()) }
    }
}

/// Hands over every whole answer; gives how many bytes they took, and how many of the rest make an answer possible.
fn answers(
    bytes: &[u8],
    sent: &mut VecDeque<Sent>,
    take: &mut impl FnMut(Sent, &Response<'_>),
) -> Result<(usize, usize), Broken> {
    let mut used = 0;
    while used < bytes.len() {
        match parse(&bytes[used..]).map_err(Broken::Wire)? {
            Parsed::Partial(wanted) => return Ok((used, wanted)),
            Parsed::Whole(response, taken) => {
                used += taken;
                // An answer to nothing: hyper says 408 before it closes an idle connection.
                let Some(sent) = sent.pop_front() else { return Err(Broken::Closed) };
                take(sent, &response);
                if !response.keeps_alive {
                    return Err(Broken::Closed);
                }
            }
        }
    }
    Ok((used, 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn answers_come_whole_and_in_order_wherever_the_bytes_are_cut() {
        let answer = |body: &str| format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nbb\r\n0\r\n\r\n";
        let stream = [answer("a"), chunked.to_owned(), answer(""), answer("dddd")].concat();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        for cut in 1..stream.len() {
            let mut connection = Connection::new(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
            connection.sent.extend((0..4).map(|at| Sent { workflow: 0, intended: at, sent: at }));
            let mut bodies = Vec::new();
            let mut take = |sent: Sent, response: &Response<'_>| {
                bodies.push((sent.intended, String::from_utf8_lossy(&response.body).into_owned()));
            };
            for part in [&stream.as_bytes()[..cut], &stream.as_bytes()[cut..]] {
                connection.arrived(part, &mut take).unwrap();
            }
            let expected = [(0, "a"), (1, "bb"), (2, ""), (3, "dddd")].map(|(at, body)| (at, body.to_owned()));
            assert_eq!(bodies, expected, "cut at {cut}");
            assert!(connection.pending.is_empty());
        }
    }
}
