//! When requests are meant to be sent. Pure: time comes in as nanoseconds since the load began.
//!
//! In an open loop the times are fixed beforehand and nothing that the server does moves them: a request that could
//! not be sent in time still counts from when it was meant to be. That is the whole of the correction for coordinated
//! omission. In a closed loop the next request is due whenever the one before it was answered.

use std::collections::VecDeque;
use std::time::Duration;

/// A stretch of an open loop: the rate goes evenly from one to the other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Segment {
    /// How long it takes.
    pub duration: Duration,
    /// Requests a second at its beginning.
    pub from: f64,
    /// Requests a second at its end.
    pub to: f64,
}

impl Segment {
    /// The same rate all the time.
    #[must_use]
    pub fn constant(rate: f64, duration: Duration) -> Self {
        Self { duration, from: rate, to: rate }
    }

    fn requests(&self) -> f64 {
        (self.from + self.to) / 2.0 * self.duration.as_secs_f64()
    }

    /// Seconds after which `count` requests are due: the area under the rate is the count.
    fn seconds_of(&self, count: f64) -> f64 {
        let slope = (self.to - self.from) / self.duration.as_secs_f64();
        let under = (self.from * self.from + 2.0 * slope * count).max(0.0);
        let sum = self.from + under.sqrt();
        if sum > 0.0 { 2.0 * count / sum } else { 0.0 }
    }
}

/// The intended times of one part of an open loop: of `parts` threads, each takes every `parts`-th request.
#[derive(Clone, Debug)]
pub struct Arrivals {
    segments: VecDeque<Segment>,
    /// The request that is next, counted over all parts.
    index: u64,
    stride: u64,
    /// Requests and nanoseconds of the segments that are over.
    past_requests: f64,
    past_ns: u64,
}

impl Arrivals {
    /// The times of part `part` of `parts`.
    #[must_use]
    pub fn new(segments: &[Segment], part: usize, parts: usize) -> Self {
        Self {
            segments: segments.iter().copied().collect(),
            index: part as u64,
            stride: parts.max(1) as u64,
            past_requests: 0.0,
            past_ns: 0,
        }
    }
}

impl Iterator for Arrivals {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        loop {
            let segment = self.segments.front()?;
            let count = self.index as f64 - self.past_requests;
            if count < segment.requests() {
                self.index += self.stride;
                return Some(self.past_ns + (segment.seconds_of(count) * 1e9) as u64);
            }
            self.past_requests += segment.requests();
            self.past_ns += segment.duration.as_nanos() as u64;
            self.segments.pop_front();
        }
    }
}

/// Decides what may be sent now.
#[derive(Debug)]
pub struct Pacer {
    kind: Kind,
    /// Requests that are meant to be sent before this, in nanoseconds.
    ends: u64,
    in_flight: usize,
}

#[derive(Debug)]
enum Kind {
    Closed,
    Open {
        arrivals: Arrivals,
        next: Option<u64>,
        /// Due, and without a connection yet.
        due: VecDeque<u64>,
        in_flight_max: usize,
        unsent: u64,
    },
}

impl Pacer {
    /// A closed loop that ends at `ends`.
    #[must_use]
    pub fn closed(ends: u64) -> Self {
        Self { kind: Kind::Closed, ends, in_flight: 0 }
    }

    /// An open loop that ends at `ends`. Of what is due and not answered at most `in_flight_max` are kept: a request
    /// beyond is not sent, and counted.
    #[must_use]
    pub fn open(mut arrivals: Arrivals, ends: u64, in_flight_max: usize) -> Self {
        let next = arrivals.next();
        let kind = Kind::Open { arrivals, next, due: VecDeque::new(), in_flight_max: in_flight_max.max(1), unsent: 0 };
        Self { kind, ends, in_flight: 0 }
    }

    /// Takes note of the time.
    pub fn advance(&mut self, now: u64) {
        let Kind::Open { arrivals, next, due, in_flight_max, unsent } = &mut self.kind else { return };
        while let Some(at) = next.filter(|at| *at <= now && *at < self.ends) {
            if self.in_flight + due.len() < *in_flight_max {
                due.push_back(at);
            } else {
                *unsent += 1;
            }
            *next = arrivals.next();
        }
    }

    /// The intended time of the request that is to be sent now, if there is one.
    pub fn take(&mut self, now: u64) -> Option<u64> {
        let intended = match &mut self.kind {
            Kind::Closed => (now < self.ends).then_some(now),
            Kind::Open { due, .. } => due.pop_front(),
        };
        self.in_flight += usize::from(intended.is_some());
        intended
    }

    /// One request was answered, or given up.
    pub fn answered(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// Whether requests wait for a connection.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        matches!(&self.kind, Kind::Open { due, .. } if !due.is_empty())
    }

    /// When the next request is due; nothing while that depends on an answer.
    #[must_use]
    pub fn next_due(&self) -> Option<u64> {
        match &self.kind {
            Kind::Closed => None,
            Kind::Open { next, .. } => next.filter(|at| *at < self.ends),
        }
    }

    /// Whether all is sent and answered.
    #[must_use]
    pub fn is_over(&self, now: u64) -> bool {
        now >= self.ends && self.in_flight == 0 && !self.is_behind()
    }

    /// Requests that were due and not sent, since the last time this was asked.
    pub fn take_unsent(&mut self) -> u64 {
        match &mut self.kind {
            Kind::Closed => 0,
            Kind::Open { unsent, .. } => std::mem::take(unsent),
        }
    }

    /// The intended times of what is due and was never sent: the end of a load that could not keep up.
    pub fn abandon(&mut self) -> Vec<u64> {
        match &mut self.kind {
            Kind::Closed => Vec::new(),
            Kind::Open { due, .. } => due.drain(..).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn times(segments: &[Segment], part: usize, parts: usize) -> Vec<u64> {
        Arrivals::new(segments, part, parts).map(|at| (at as f64 / MS as f64).round() as u64).collect()
    }

    fn segment(millis: u64, from: f64, to: f64) -> Segment {
        Segment { duration: Duration::from_millis(millis), from, to }
    }

    #[test]
    fn arrivals_are_where_the_rate_puts_them() {
        // (segments, part, parts, milliseconds)
        let cases: &[(&[Segment], usize, usize, &[u64])] = &[
            (&[segment(50, 100.0, 100.0)], 0, 1, &[0, 10, 20, 30, 40]),
            (&[segment(50, 100.0, 100.0)], 1, 2, &[10, 30]),
            (&[segment(20, 100.0, 100.0), segment(10, 500.0, 500.0)], 0, 1, &[0, 10, 20, 22, 24, 26, 28]),
            // From nothing to 200 a second within 200 ms: 20 requests, the k-th where 500 t² = k.
            (&[segment(200, 0.0, 200.0)], 0, 4, &[0, 89, 126, 155, 179]),
            (&[segment(200, 200.0, 0.0)], 0, 10, &[0, 59]),
            (&[segment(10, 0.0, 0.0), segment(20, 100.0, 100.0)], 0, 1, &[10, 20]),
        ];
        for (segments, part, parts, expected) in cases {
            assert_eq!(times(segments, *part, *parts), *expected, "{segments:?}");
        }
    }

    #[test]
    fn the_parts_of_a_load_are_the_whole_load() {
        let segments = [segment(100, 1_000.0, 5_000.0), segment(50, 5_000.0, 5_000.0)];
        let mut all: Vec<u64> = (0..3).flat_map(|part| Arrivals::new(&segments, part, 3)).collect();
        all.sort_unstable();
        let whole: Vec<u64> = Arrivals::new(&segments, 0, 1).collect();
        assert_eq!((all.len(), all), (550, whole));
    }

    /// A server that answers one request after the other, `service` milliseconds each, and stands still for a while.
    /// Gives the latency of each request in milliseconds: from when it was meant to be sent, and from when it was.
    fn simulate(mut pacer: Pacer, service: u64, stall: std::ops::Range<u64>) -> Vec<(u64, u64)> {
        let (mut latencies, mut now) = (Vec::new(), 0);
        while !pacer.is_over(now) {
            pacer.advance(now);
            let Some(intended) = pacer.take(now) else {
                now = pacer.next_due().unwrap_or(1_000 * MS);
                continue;
            };
            let sent = now;
            now += service * MS;
            if stall.contains(&(now / MS)) {
                now = stall.end * MS;
            }
            pacer.answered();
            latencies.push(((now - intended) / MS, (now - sent) / MS));
        }
        latencies
    }

    #[test]
    fn an_open_loop_counts_what_a_stall_did_to_the_requests_that_it_kept_from_being_sent() {
        // 100 a second for a second; a server of 1 ms that stands still from 200 ms to 400 ms.
        let arrivals = Arrivals::new(&[segment(1_000, 100.0, 100.0)], 0, 1);
        let seen = simulate(Pacer::open(arrivals, 1_000 * MS, 1_000), 1, 200..400);
        assert_eq!(seen.len(), 100);
        // 200 ms was cut off in the middle; those that were meant to be sent then waited 200, 191, 182 … ms.
        let slow: Vec<u64> = seen.iter().map(|(latency, _)| *latency).filter(|latency| *latency > 1).collect();
        let expected: Vec<u64> = (0..23).map(|k| 200 - 9 * k).filter(|latency| *latency > 1).collect();
        assert_eq!(slow, expected);
        // Counted from when they were sent, a single one was slow: that is what coordinated omission hides.
        assert_eq!(seen.iter().filter(|(_, from_sent)| *from_sent > 1).count(), 1);
    }

    #[test]
    fn a_closed_loop_sends_when_it_was_answered_and_sees_a_stall_once() {
        let seen = simulate(Pacer::closed(1_000 * MS), 10, 200..400);
        assert_eq!(seen.len(), 80);
        assert_eq!(seen.iter().filter(|(latency, _)| *latency > 10).count(), 1);
        assert!(seen.iter().all(|(latency, from_sent)| latency == from_sent));
    }

    #[test]
    fn what_is_over_the_bound_is_not_sent_and_counted() {
        let arrivals = Arrivals::new(&[segment(100, 1_000.0, 1_000.0)], 0, 1);
        let mut pacer = Pacer::open(arrivals, 100 * MS, 10);
        assert_eq!(pacer.take(0), None);
        pacer.advance(0);
        assert_eq!(pacer.take(0), Some(0));
        pacer.advance(50 * MS);
        assert!(pacer.is_behind());
        assert_eq!(pacer.take_unsent(), 50 - 9);
        assert_eq!(pacer.next_due(), Some(51 * MS));
        pacer.advance(200 * MS);
        assert_eq!((pacer.take_unsent(), pacer.next_due()), (49, None));
        assert_eq!(pacer.abandon().len(), 9);
        assert!(!pacer.is_over(200 * MS));
        pacer.answered();
        assert!(pacer.is_over(200 * MS));
    }
}
