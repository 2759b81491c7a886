//! What a load saw: counts, and latencies in HDR histograms. Pure.

use crate::workload::Verdict;
use hdrhistogram::Histogram;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::mpsc::Sender;

/// Latencies are told apart from this on, in nanoseconds.
const LATENCY_NS_MIN: u64 = 128;
/// A longer latency counts as this long: twice the cap of an express workflow.
const LATENCY_NS_MAX: u64 = 600_000_000_000;
/// Significant digits of a latency.
const DIGITS: u8 = 3;
/// Bytes of a server's own words that are kept, of the first answer of a kind.
const WORDS_BYTES_MAX: usize = 400;
/// Kinds of refusals that are told apart.
const REFUSALS_MAX: usize = 64;

/// Latencies in nanoseconds, with three significant digits.
#[derive(Clone, Debug)]
pub struct Latencies(Histogram<u32>);

impl Default for Latencies {
    fn default() -> Self {
        let histogram = Histogram::new_with_bounds(LATENCY_NS_MIN, LATENCY_NS_MAX, DIGITS);
        Self(histogram.expect("the bounds are in order"))
    }
}

impl Latencies {
    /// Notes one.
    pub fn record(&mut self, ns: u64) {
        self.0.saturating_record(ns);
    }

    /// Adds those of another.
    pub fn add(&mut self, other: &Self) {
        self.0.add(&other.0).expect("the bounds are the same");
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The latency that `share` (0 to 1) of them do not exceed, in milliseconds.
    #[must_use]
    pub fn quantile_ms(&self, share: f64) -> f64 {
        self.0.value_at_quantile(share) as f64 / 1e6
    }

    /// Their distribution as a report shows it.
    #[must_use]
    pub fn spread(&self) -> Spread {
        Spread {
            p50: self.quantile_ms(0.5),
            p90: self.quantile_ms(0.9),
            p99: self.quantile_ms(0.99),
            p999: self.quantile_ms(0.999),
            p9999: self.quantile_ms(0.9999),
            max: self.0.max() as f64 / 1e6,
            mean: self.0.mean() / 1e6,
        }
    }

    /// Points of the distribution for a plot: `(share, milliseconds)`, closer and closer to 1.
    #[must_use]
    pub fn curve(&self) -> Vec<(f64, f64)> {
        if self.is_empty() {
            return Vec::new();
        }
        let nines = (self.len() as f64).log10();
        let steps = (nines * 8.0).ceil() as u32;
        let share = |step: u32| 1.0 - 10_f64.powf(-f64::from(step) / 8.0);
        (0..=steps).map(|step| (share(step), self.quantile_ms(share(step)))).collect()
    }
}

/// Latencies in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spread {
    /// Half of them are no longer.
    pub p50: f64,
    /// Nine in ten.
    pub p90: f64,
    /// 99 in a hundred.
    pub p99: f64,
    /// 999 in a thousand.
    pub p999: f64,
    /// 9,999 in ten thousand.
    pub p9999: f64,
    /// The longest.
    pub max: f64,
    /// Their mean.
    pub mean: f64,
}

/// How many requests came to what.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Counts {
    /// Executions that succeeded.
    pub succeeded: u64,
    /// Asynchronous starts that were acknowledged.
    pub accepted: u64,
    /// Executions that failed.
    pub failed: u64,
    /// Executions that timed out.
    pub timed_out: u64,
    /// Executions that were aborted.
    pub aborted: u64,
    /// Requests that the server refused, by status; 0 stands for those over the bound of kinds.
    pub refused: BTreeMap<u16, u64>,
    /// Requests whose connection broke before the answer.
    pub broken: u64,
    /// Requests that were not answered in time.
    pub unanswered: u64,
    /// Requests of an open loop that were due and not sent, since too many were in flight.
    pub unsent: u64,
}

impl Counts {
    /// Notes one answer.
    pub fn note(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Succeeded => self.succeeded += 1,
            Verdict::Accepted => self.accepted += 1,
            Verdict::Failed => self.failed += 1,
            Verdict::TimedOut => self.timed_out += 1,
            Verdict::Aborted => self.aborted += 1,
            Verdict::Refused(status) => {
                let has_room = self.refused.len() < REFUSALS_MAX || self.refused.contains_key(&status);
                *self.refused.entry(if has_room { status } else { 0 }).or_default() += 1;
            }
        }
    }

    /// Adds those of another.
    pub fn add(&mut self, other: &Self) {
        self.succeeded += other.succeeded;
        self.accepted += other.accepted;
        self.failed += other.failed;
        self.timed_out += other.timed_out;
        self.aborted += other.aborted;
        self.broken += other.broken;
        self.unanswered += other.unanswered;
        self.unsent += other.unsent;
        for (status, count) in &other.refused {
            *self.refused.entry(*status).or_default() += count;
        }
    }

    /// Starts that the server carried out, whatever came of them.
    #[must_use]
    pub fn started(&self) -> u64 {
        self.succeeded + self.accepted + self.failed + self.timed_out + self.aborted
    }

    /// Requests that were answered, be it with a refusal.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.started() + self.refusals()
    }

    /// Requests that were refused.
    #[must_use]
    pub fn refusals(&self) -> u64 {
        self.refused.values().sum()
    }

    /// Requests that did not start an execution.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.refusals() + self.broken + self.unanswered + self.unsent
    }

    /// All requests that were meant to be sent.
    #[must_use]
    pub fn meant(&self) -> u64 {
        self.started() + self.lost()
    }
}

/// What was seen of one workflow.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// What came of its requests.
    pub counts: Counts,
    /// From the intended time of sending to the answer.
    pub latencies: Latencies,
}

impl Seen {
    fn add(&mut self, other: &Self) {
        self.counts.add(&other.counts);
        self.latencies.add(&other.latencies);
    }
}

/// What was seen of all, in a stretch of time.
#[derive(Clone, Debug, Default)]
pub struct Slice {
    /// Answers that arrived within it, those of the warm-up too; none that came after the end.
    pub arrived: u64,
    /// By workflow: the requests that count, which are those of after the warm-up.
    pub seen: Vec<Seen>,
    /// From the moment of sending to the answer: what a load without correction would tell.
    pub from_sent: Latencies,
    /// From the intended time of sending to the moment of sending.
    pub lag: Latencies,
    /// Connections that were opened again.
    pub reconnects: u64,
    /// The first answer of each kind that is no success.
    pub words: BTreeMap<Verdict, String>,
}

impl Slice {
    /// Nothing yet, of so many workflows.
    #[must_use]
    pub fn of(workflows: usize) -> Self {
        Self { seen: vec![Seen::default(); workflows], ..Self::default() }
    }

    /// Adds what another part of the load saw, or saw later.
    pub fn add(&mut self, other: Self) {
        self.arrived += other.arrived;
        for (mine, theirs) in self.seen.iter_mut().zip(&other.seen) {
            mine.add(theirs);
        }
        self.from_sent.add(&other.from_sent);
        self.lag.add(&other.lag);
        self.reconnects += other.reconnects;
        for (verdict, words) in other.words {
            self.words.entry(verdict).or_insert(words);
        }
    }

    /// All workflows together.
    #[must_use]
    pub fn together(&self) -> Seen {
        let mut all = Seen::default();
        for seen in &self.seen {
            all.add(seen);
        }
        all
    }
}

/// Which stretch of a load counts, in nanoseconds since it began.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// The end of the warm-up.
    pub from: u64,
    /// The end of the load.
    pub to: u64,
    /// How long a slice is.
    pub slice: u64,
}

impl Window {
    fn counts(&self, intended: u64) -> bool {
        (self.from..self.to).contains(&intended)
    }
}

/// Notes what one part of a load sees, and hands it on slice by slice.
#[derive(Debug)]
pub struct Recorder {
    window: Window,
    ends: u64,
    number: usize,
    slice: Slice,
    sink: Sender<(usize, Slice)>,
}

/// One request that is over: when it was meant to be sent, and when it was.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    /// Which of the workflows.
    pub workflow: usize,
    /// When it was meant to be sent.
    pub intended: u64,
    /// When it was sent.
    pub sent: u64,
}

impl Recorder {
    /// Hands every slice of `window` to `sink` with its number, empty ones too.
    #[must_use]
    pub fn new(window: Window, workflows: usize, sink: Sender<(usize, Slice)>) -> Self {
        Self { window, ends: window.slice, number: 0, slice: Slice::of(workflows), sink }
    }

    /// When the slice that is being filled ends.
    #[must_use]
    pub fn ends(&self) -> u64 {
        self.ends
    }

    /// Takes note of the time: slices that are over are handed on.
    pub fn advance(&mut self, now: u64) {
        while now >= self.ends && self.ends < self.window.to {
            let next = Slice::of(self.slice.seen.len());
            // Whoever gathers the slices may have given up; then nobody wants them.
            let _ = self.sink.send((self.number, std::mem::replace(&mut self.slice, next)));
            self.ends += self.window.slice;
            self.number += 1;
        }
    }

    /// An answer.
    pub fn answered(&mut self, sent: Sent, now: u64, verdict: Verdict, body: &[u8]) {
        self.slice.arrived += u64::from(now < self.window.to);
        if !matches!(verdict, Verdict::Succeeded | Verdict::Accepted) && !self.slice.words.contains_key(&verdict) {
            let words = String::from_utf8_lossy(&body[..body.len().min(WORDS_BYTES_MAX)]).into_owned();
            self.slice.words.insert(verdict, words);
        }
        if self.window.counts(sent.intended) {
            let seen = &mut self.slice.seen[sent.workflow];
            seen.counts.note(verdict);
            seen.latencies.record(now.saturating_sub(sent.intended));
            self.slice.from_sent.record(now.saturating_sub(sent.sent));
            self.slice.lag.record(sent.sent.saturating_sub(sent.intended));
        }
    }

    /// A request that had no answer until now, and is given up. It waited at least so long: left out, the latencies
    /// would look better the worse the server is.
    pub fn given_up(&mut self, sent: Sent, now: u64, broken: bool) {
        if self.window.counts(sent.intended) {
            let seen = &mut self.slice.seen[sent.workflow];
            *(if broken { &mut seen.counts.broken } else { &mut seen.counts.unanswered }) += 1;
            seen.latencies.record(now.saturating_sub(sent.intended));
        }
    }

    /// Requests that were due and not sent.
    pub fn unsent(&mut self, count: u64, now: u64) {
        if count > 0 && self.window.counts(now.min(self.window.to.saturating_sub(1))) {
            self.slice.seen[0].counts.unsent += count;
        }
    }

    /// A connection that was opened again.
    pub fn reconnected(&mut self) {
        self.slice.reconnects += 1;
    }

    /// Hands on what is left: answers that came after the end stand in the last slice.
    pub fn finish(mut self) {
        self.advance(self.window.to);
        let _ = self.sink.send((self.number, self.slice));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn only_what_was_meant_to_be_sent_after_the_warm_up_counts_and_from_when_it_was_meant_to_be() {
        let (sink, slices) = mpsc::channel();
        let window = Window { from: 10_000, to: 40_000, slice: 10_000 };
        let mut recorder = Recorder::new(window, 2, sink);
        let sent = |workflow, intended, sent| Sent { workflow, intended, sent };
        // (what, when it was answered)
        let answers = [
            (sent(0, 9_000, 9_000), 12_000, Verdict::Succeeded),
            (sent(0, 12_000, 19_000), 21_000, Verdict::Succeeded),
            (sent(1, 22_000, 22_000), 23_000, Verdict::Failed),
            (sent(1, 39_000, 39_000), 55_000, Verdict::Refused(429)),
        ];
        for (sent, now, verdict) in answers {
            recorder.advance(now);
            recorder.answered(sent, now, verdict, b"words");
        }
        recorder.given_up(sent(0, 35_000, 35_000), 60_000, false);
        recorder.unsent(3, 60_000);
        recorder.finish();
        let slices: Vec<(usize, Slice)> = slices.into_iter().collect();
        let arrived: Vec<(usize, u64)> = slices.iter().map(|(number, slice)| (*number, slice.arrived)).collect();
        assert_eq!(arrived, [(0, 0), (1, 1), (2, 2), (3, 0)]);
        let mut all = Slice::of(2);
        slices.into_iter().for_each(|(_, slice)| all.add(slice));
        let together = all.together();
        assert_eq!((together.counts.succeeded, together.counts.failed, together.counts.refusals()), (1, 1, 1));
        assert_eq!((together.counts.unanswered, together.counts.unsent), (1, 3));
        assert_eq!((together.counts.meant(), together.counts.started(), together.counts.answered()), (7, 2, 3));
        assert_eq!(together.latencies.len(), 4);
        let close = |ms: f64, ns: f64| (ms * 1e6 - ns).abs() <= 128.0;
        assert!(close(together.latencies.quantile_ms(1.0), 25_000.0), "{:?}", together.latencies.spread());
        assert!(close(all.seen[0].latencies.quantile_ms(0.0), 9_000.0));
        assert!(close(all.from_sent.quantile_ms(0.34), 2_000.0), "{:?}", all.from_sent.spread());
        assert!(close(all.lag.quantile_ms(1.0), 7_000.0));
        assert_eq!(all.words.keys().collect::<Vec<_>>(), [&Verdict::Failed, &Verdict::Refused(429)]);
    }

    #[test]
    fn latencies_beyond_the_range_count_as_its_end() {
        let mut latencies = Latencies::default();
        latencies.record(u64::MAX);
        latencies.record(0);
        assert!(latencies.quantile_ms(1.0) >= LATENCY_NS_MAX as f64 / 1e6);
        assert_eq!(latencies.len(), 2);
    }
}
