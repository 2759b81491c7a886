//! A client over HTTP/1.1 that costs little: one thread, one selector, prepared bytes, no task and no allocation per
//! request.

use super::alarm::{ALARM, Waiter};
use super::connection::{Broken, Connection};
use super::{Part, Transport};
use crate::load::LoadError;
use mio::event::Event;
use mio::net::TcpStream;
use mio::{Events, Interest, Token};
use std::collections::VecDeque;
use std::net::SocketAddr;

/// Bytes that one read takes.
const READ_BYTES: usize = 64 << 10;
/// Events that one look at the selector takes.
const EVENTS_MAX: usize = 1_024;
/// How often requests that wait too long are looked for.
const SWEEP_NS: u64 = 100_000_000;
/// Between an attempt to connect that failed and the next.
const RECONNECT_NS: u64 = 50_000_000;
/// Without any connection for so long, the server is gone.
const GONE_NS: u64 = 5_000_000_000;
/// Connections of an open loop that are being opened at once.
const OPENING_MAX: usize = 32;

/// Drives a server over HTTP/1.1.
#[derive(Clone, Copy, Debug)]
pub struct Http {
    /// Where it listens.
    pub address: SocketAddr,
}

impl Transport for Http {
    fn drive(&self, part: Part<'_>) -> Result<(), LoadError> {
        Driver::new(self.address, part)?.run()
    }
}

struct Driver<'a> {
    address: SocketAddr,
    part: Part<'a>,
    waiter: Waiter,
    connections: Vec<Option<Connection>>,
    /// Those that can take a request.
    free: VecDeque<usize>,
    /// Those that are to be opened again, and when.
    closed: VecDeque<(usize, u64)>,
    opening: usize,
    open: usize,
    /// When there was a connection last.
    seen: u64,
    last_error: Option<Broken>,
    sweep_at: u64,
    scratch: Box<[u8]>,
}

impl<'a> Driver<'a> {
    fn new(address: SocketAddr, part: Part<'a>) -> Result<Self, LoadError> {
        let waiter = Waiter::new().map_err(LoadError::System)?;
        let mut driver = Self {
            address,
            part,
            waiter,
            connections: Vec::new(),
            free: VecDeque::new(),
            closed: VecDeque::new(),
            opening: 0,
            open: 0,
            seen: 0,
            last_error: None,
            sweep_at: SWEEP_NS,
            scratch: vec![0; READ_BYTES].into_boxed_slice(),
        };
        for _ in 0..driver.part.connections {
            driver.grow();
        }
        Ok(driver)
    }

    fn run(mut self) -> Result<(), LoadError> {
        let mut events = Events::with_capacity(EVENTS_MAX);
        loop {
            let now = self.part.clock.now();
            self.part.advance(now);
            self.dispatch(now);
            if self.part.is_over(now) {
                break;
            }
            let until = self.part.next_wake().min(self.sweep_at);
            let until = self.closed.front().map_or(until, |(_, at)| until.min(*at));
            self.waiter.wait(&mut events, now, until).map_err(LoadError::System)?;
            for event in &events {
                if event.token() != ALARM {
                    self.react(event);
                }
            }
            let now = self.part.clock.now();
            self.reopen(now);
            if now >= self.sweep_at {
                self.sweep(now)?;
            }
        }
        self.give_up();
        Ok(())
    }

    /// Hands what is due to connections that are free.
    fn dispatch(&mut self, now: u64) {
        while let Some(&id) = self.free.front() {
            let Some(connection) = self.connections[id].as_mut().filter(|connection| connection.is_open) else {
                self.free.pop_front();
                continue;
            };
            let (wrote, filled) = self.part.fill(&mut connection.sent, &mut connection.out);
            if filled {
                connection.is_queued = false;
                self.free.pop_front();
            }
            if wrote && let Err(broken) = connection.flush() {
                self.close(id, broken, now);
            }
            if !filled {
                return;
            }
        }
        if self.part.pacer.is_behind()
            && self.connections.len() < self.part.connections_max
            && self.opening < OPENING_MAX
        {
            self.grow();
        }
    }

    fn react(&mut self, event: &Event) {
        let id = event.token().0;
        if let Err(broken) = self.try_react(id, event) {
            let now = self.part.clock.now();
            self.close(id, broken, now);
        }
    }

    fn try_react(&mut self, id: usize, event: &Event) -> Result<(), Broken> {
        // An event may be left over from a connection that was closed in the same round.
        let Some(connection) = self.connections.get_mut(id).and_then(Option::as_mut) else { return Ok(()) };
        if !connection.is_open {
            if !connection.establish()? {
                return Ok(());
            }
            self.opening -= 1;
            self.open += 1;
        }
        if event.is_writable() {
            connection.flush()?;
        }
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            let part = &mut self.part;
            connection.read(&mut self.scratch, part.clock, |sent, response, now| part.answered(sent, response, now))?;
        }
        if !connection.is_queued && connection.sent.len() <= self.part.waiting_max() {
            connection.is_queued = true;
            self.free.push_back(id);
        }
        Ok(())
    }

    /// Gives a connection up, and with it what was not answered on it.
    fn close(&mut self, id: usize, broken: Broken, now: u64) {
        let Some(mut connection) = self.connections[id].take() else { return };
        if connection.is_open {
            self.open -= 1;
            self.part.recorder.reconnected();
            self.seen = now;
        } else {
            self.opening -= 1;
        }
        // Closed while nothing was asked for is how a server treats an idle connection.
        let at = if connection.is_open && connection.sent.is_empty() { now } else { now + RECONNECT_NS };
        self.last_error = Some(broken);
        for sent in connection.sent.drain(..) {
            self.part.recorder.given_up(sent, now, true);
            self.part.pacer.answered();
        }
        // Fails only when it was never registered.
        let _ = self.waiter.poll.registry().deregister(&mut connection.stream);
        self.closed.push_back((id, at));
    }

    /// One connection more.
    fn grow(&mut self) {
        self.connections.push(None);
        self.connect(self.connections.len() - 1);
    }

    fn reopen(&mut self, now: u64) {
        for _ in 0..self.closed.len() {
            match self.closed.pop_front() {
                Some((id, at)) if at <= now => self.connect(id),
                Some(later) => self.closed.push_back(later),
                None => break,
            }
        }
    }

    fn connect(&mut self, id: usize) {
        let opened = TcpStream::connect(self.address).and_then(|mut stream| {
            let interest = Interest::READABLE | Interest::WRITABLE;
            self.waiter.poll.registry().register(&mut stream, Token(id), interest)?;
            Ok(stream)
        });
        match opened {
            Ok(stream) => {
                self.opening += 1;
                self.connections[id] = Some(Connection::new(stream));
            }
            Err(error) => {
                self.last_error = Some(Broken::Io(error));
                self.closed.push_back((id, self.part.clock.now() + RECONNECT_NS));
            }
        }
    }

    /// Looks for what waits too long: requests, and the load itself for a server.
    fn sweep(&mut self, now: u64) -> Result<(), LoadError> {
        self.sweep_at = now + SWEEP_NS;
        if self.open > 0 {
            self.seen = now;
        } else if now - self.seen > GONE_NS {
            let why = self.last_error.as_ref().map_or_else(|| "no answer".to_owned(), ToString::to_string);
            return Err(LoadError::Gone { address: self.address, why });
        }
        let oldest = now.saturating_sub(self.part.request_timeout());
        for id in 0..self.connections.len() {
            let Some(connection) = self.connections[id].as_mut() else { continue };
            if connection.sent.front().is_some_and(|sent| sent.sent < oldest) {
                self.part.expire(&mut connection.sent, oldest, now);
                self.close(id, Broken::Closed, now);
            }
        }
        Ok(())
    }

    /// The patience is over: what has no answer yet will not be waited for.
    fn give_up(mut self) {
        let now = self.part.clock.now();
        for connection in self.connections.iter_mut().flatten() {
            self.part.expire(&mut connection.sent, u64::MAX, now);
        }
        self.part.finish(now);
    }
}
