//! Following an execution: what happens in it is told as it happens, as server-sent events.
//!
//! Nothing is buffered for a follower: it reads the history that is kept anyway, and is woken when there is more. One that
//! reads so slowly that what it has not read is kept no longer is told so and cut; one that does not read at all gives its
//! place to another.

use crate::Service;
use crate::executions::push_failure;
use crate::fault::Fault;
use crate::history::{HistoryPage, HistoryRequest};
use crate::reply::{self, Reply, iso_date};
use bytes::Bytes;
use fleetstep_document::{Document, ObjectBuilder, Text};
use fleetstep_engine::{Happening, Timestamp, clock};
use futures_util::stream;
use hyper::Response;
use hyper::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

const MEDIA_TYPE: &str = "text/event-stream";
/// What a browser that lost its connection asks with.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// How often an execution is looked at that does not ring: one that was started to be waited for rings at its events
/// alone.
const LOOK_PAUSE: Duration = Duration::from_secs(1);
/// How long a follower hears nothing.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// A follower that has read nothing for so long gives its place to another, where there is no other.
const SILENT_MAX: Duration = Duration::from_secs(60);
/// Events, and about how many bytes of them, that are written at once.
const EVENTS_AT_ONCE_MAX: usize = 64;
const BYTES_AT_ONCE_MAX: usize = 256 << 10;
/// How often an execution whose end was told is looked for among those that are over.
const LOOKS_FOR_END_MAX: u32 = 3;

/// Whether a caller would rather follow than wait.
pub(crate) fn is_wanted(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
    let is_it = |part: &str| part.split(';').next().is_some_and(|name| name.trim().eq_ignore_ascii_case(MEDIA_TYPE));
    values.flat_map(|value| value.split(',')).any(is_it)
}

/// The number of the event that a follower saw last, where it comes back.
pub(crate) fn last_seen(headers: &HeaderMap) -> Option<u64> {
    headers.get(LAST_EVENT_ID)?.to_str().ok()?.parse().ok()
}

/// What is shown to a follower.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View {
    /// Only events after this one.
    pub(crate) after: Option<u64>,
    pub(crate) wants_data: bool,
    /// Whether the end is shown as descriptions are, or as an answer to who started it.
    pub(crate) is_redacted: bool,
}

/// The answer to a follower.
pub(crate) fn reply(service: &Service, arn: Text, started: Option<Timestamp>, view: View, place: Place) -> Reply {
    let follower = Follower {
        service: service.clone(),
        bell: service.histories().bell(&arn),
        arn,
        started,
        view,
        place,
        heard: clock::now(),
        ended: None,
        looks_for_end: 0,
        is_over: false,
    };
    let mut reply = Response::new(reply::live(stream::unfold(follower, Follower::next)));
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // A proxy that collects an answer before it hands it on would keep it to the end.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    reply
}

/// One who follows an execution.
struct Follower {
    service: Service,
    arn: Text,
    bell: Option<Arc<Notify>>,
    /// To be told first.
    started: Option<Timestamp>,
    view: View,
    place: Place,
    /// When it was last told something.
    heard: Timestamp,
    /// The status that its last event says.
    ended: Option<&'static str>,
    looks_for_end: u32,
    is_over: bool,
}

impl Follower {
    async fn next(mut self) -> Option<(Bytes, Self)> {
        if self.is_over {
            return None;
        }
        loop {
            // Listened for before the look, so that nothing rings unheard between the two.
            let bell = self.bell.clone();
            let mut rung = bell.as_ref().map(|bell| Box::pin(bell.notified()));
            if let Some(rung) = &mut rung {
                rung.as_mut().enable();
            }
            let now = clock::now();
            self.place.read(now);
            if let Some(text) = self.look(now) {
                self.heard = now;
                return Some((text.into(), self));
            }
            match rung {
                Some(rung) => drop(tokio::time::timeout(LOOK_PAUSE, rung).await),
                None => tokio::time::sleep(LOOK_PAUSE).await,
            }
        }
    }

    /// What there is to tell.
    fn look(&mut self, now: Timestamp) -> Option<String> {
        let mut out = String::new();
        if let Some(started) = self.started.take() {
            let told = ObjectBuilder::with_capacity(3)
                .with("executionArn", self.arn.clone())
                .with("status", "RUNNING")
                .with("startDate", iso_date(started));
            write(&mut out, "started", None, &told.build());
        }
        if self.place.is_cut() {
            self.cut(&mut out, "nothing was read for too long, and another took the place");
            return Some(out);
        }
        let request = HistoryRequest { events_max: EVENTS_AT_ONCE_MAX, reverse: false, after: self.view.after };
        // Before the look at the history: what is over by then has all of its events there.
        let end = self.end();
        let page = self.service.histories().page(&self.arn, request);
        let is_all = page.is_none_or(|page| self.tell(&page, &mut out));
        if !self.is_over
            && is_all
            && let Some(end) = end
        {
            write(&mut out, "end", None, &end);
            self.is_over = true;
        }
        if out.is_empty() && now.since(self.heard) >= KEEP_ALIVE {
            out.push_str(": nothing new\n\n");
        }
        (!out.is_empty()).then_some(out)
    }

    /// Tells events; whether those were all that there are.
    fn tell(&mut self, page: &HistoryPage, out: &mut String) -> bool {
        if self.view.after.is_some_and(|after| after < page.dropped_to) {
            self.cut(out, "events were kept no longer before they were read");
            return true;
        }
        let shows_data = page.shows_data && self.view.wants_data;
        for (at, event) in page.events.iter().enumerate() {
            write(out, "event", Some(event.id), &page.subject.plain_event(event, shows_data));
            self.view.after = Some(event.id);
            self.ended = self.ended.or_else(|| ended(&event.what));
            if out.len() >= BYTES_AT_ONCE_MAX {
                return at + 1 == page.events.len() && page.next_after.is_none();
            }
        }
        page.next_after.is_none()
    }

    /// What came of the execution, once it is over.
    fn end(&mut self) -> Option<Document> {
        let executions = self.service.executions();
        let described = match self.view.is_redacted {
            true => self.service.described_execution(&self.arn),
            false => executions.describe(&self.arn),
        };
        if let Some(description) = described.filter(|description| description.summary.stopped.is_some()) {
            let summary = &description.summary;
            let mut end = ObjectBuilder::with_capacity(7)
                .with("executionArn", self.arn.clone())
                .with("status", summary.status)
                .with("startDate", iso_date(summary.started));
            if let Some(stopped) = summary.stopped {
                end.push("stopDate", iso_date(stopped));
            }
            if let Some(output) = &description.output {
                end.push("output", output.json());
            }
            push_failure(&mut end, &description.failure);
            return Some(end.build());
        }
        // One that somebody else waits for is there once that one was answered; or it is forgotten already.
        let status = self.ended?;
        self.looks_for_end += 1;
        let is_enough = self.looks_for_end > LOOKS_FOR_END_MAX;
        is_enough.then(|| {
            ObjectBuilder::with_capacity(2).with("executionArn", self.arn.clone()).with("status", status).build()
        })
    }

    fn cut(&mut self, out: &mut String, reason: &str) {
        let after = i64::try_from(self.view.after.unwrap_or_default()).unwrap_or(i64::MAX);
        let told = ObjectBuilder::with_capacity(2).with("reason", reason).with("after", after);
        write(out, "cut", None, &told.build());
        self.is_over = true;
    }
}

/// The status that an execution's last event says.
fn ended(what: &Happening) -> Option<&'static str> {
    match what {
        Happening::ExecutionSucceeded { .. } => Some("SUCCEEDED"),
        Happening::ExecutionFailed(_) => Some("FAILED"),
        Happening::ExecutionTimedOut(_) => Some("TIMED_OUT"),
        Happening::ExecutionAborted(_) => Some("ABORTED"),
        _ => None,
    }
}

/// An event of the stream. JSON has no line's end in it.
fn write(out: &mut String, name: &str, id: Option<u64>, data: &Document) {
    if let Some(id) = id {
        out.push_str(&format!("id: {id}\n"));
    }
    out.push_str(&format!("event: {name}\ndata: {}\n\n", data.to_json()));
}

/// The places of all followers. Cheap to clone; every clone is the same.
#[derive(Clone)]
pub(crate) struct Followers(Arc<Shared>);

struct Shared {
    count_max: usize,
    seats: Mutex<Vec<Arc<Seat>>>,
}

#[derive(Debug)]
struct Seat {
    /// When it was last read from, in microseconds.
    read: AtomicI64,
    is_cut: AtomicBool,
}

/// A follower's own; given back when it is dropped.
pub(crate) struct Place {
    followers: Followers,
    seat: Arc<Seat>,
}

impl Followers {
    pub(crate) fn new(count_max: usize) -> Self {
        Self(Arc::new(Shared { count_max, seats: Mutex::default() }))
    }

    /// A place, if need be that of one who reads no more.
    pub(crate) fn enter(&self, now: Timestamp) -> Result<Place, Fault> {
        let mut seats = self.seats();
        if seats.len() >= self.0.count_max {
            let silent = |seat: &Seat| now.since(Timestamp::from_micros(seat.read.load(Ordering::Relaxed)));
            let at = seats.iter().position(|seat| silent(seat) > SILENT_MAX).ok_or_else(Fault::throttled)?;
            seats.swap_remove(at).is_cut.store(true, Ordering::Relaxed);
        }
        let seat = Arc::new(Seat { read: AtomicI64::new(now.as_micros()), is_cut: AtomicBool::new(false) });
        seats.push(Arc::clone(&seat));
        Ok(Place { followers: self.clone(), seat })
    }

    fn seats(&self) -> MutexGuard<'_, Vec<Arc<Seat>>> {
        // No code under the lock can leave it half changed.
        self.0.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    fn read(&self, now: Timestamp) {
        self.seat.read.store(now.as_micros(), Ordering::Relaxed);
    }

    fn is_cut(&self) -> bool {
        self.seat.is_cut.load(Ordering::Relaxed)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.followers.seats().retain(|seat| !Arc::ptr_eq(seat, &self.seat));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn one_who_reads_no_more_gives_its_place_to_another() {
        let followers = Followers::new(2);
        let (silent, reading) = (followers.enter(at(0)), followers.enter(at(0)));
        let (silent, reading) = (silent.expect("a place"), reading.expect("a place"));
        reading.read(at(55));
        assert!(followers.enter(at(59)).is_err(), "all places are taken");
        let third = followers.enter(at(61)).expect("a place");
        assert_eq!([&silent, &reading, &third].map(Place::is_cut), [true, false, false]);
        assert!(followers.enter(at(62)).is_err());
        drop(silent);
        assert!(followers.enter(at(62)).is_err(), "its place was given away already");
        drop(third);
        assert!(followers.enter(at(62)).is_ok());
    }

    #[test]
    fn who_wants_to_follow_says_so() {
        let wants = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_static(value));
            is_wanted(&headers)
        };
        for value in ["text/event-stream", "application/json, Text/Event-Stream;q=0.9"] {
            assert!(wants(value), "{value}");
        }
        for value in ["", "*/*", "text/*", "application/json", "text/event-streams"] {
            assert!(!wants(value), "{value}");
        }
    }
}
