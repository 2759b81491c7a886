//! The way to a collector: one thread takes batches out of the queue, words them, sends them, and tries again as OTLP
//! says. Serving threads have no part in it.

use crate::client::{Client, Refusal, Taken};
use crate::config::Endpoint;
use crate::event::LogEvent;
use crate::queue::{Counter, Item, Level, Queue};
use crate::request::{Request, Sender};
use crate::trace::Trace;
use fleetstep_engine::clock;
use hyper::Uri;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// Takes a line about the host.
pub(crate) type Report = fn(&str);

/// What the exporter waits for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    /// How long the first of a batch waits for others.
    pub(crate) delay: Duration,
    /// The first pause before a request is sent again; each is twice the one before.
    pub(crate) pause: Duration,
    /// The longest pause.
    pub(crate) pause_max: Duration,
    /// After so long a request is given up.
    pub(crate) patience: Duration,
    /// How long it is silent about what goes on failing.
    pub(crate) silence: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            delay: Duration::from_secs(1),
            pause: Duration::from_secs(1),
            pause_max: Duration::from_secs(8),
            patience: Duration::from_secs(60),
            silence: Duration::from_secs(60),
        }
    }
}

pub(crate) struct Exporter {
    pub(crate) queue: Arc<Queue>,
    pub(crate) client: Client,
    pub(crate) endpoint: Endpoint,
    pub(crate) sender: Sender,
    pub(crate) timing: Timing,
    pub(crate) report: Report,
    /// When something was last told to have failed; nothing has since then where there is none.
    pub(crate) told: Option<Instant>,
}

/// Spans or log records.
#[derive(Clone, Copy)]
struct Signal {
    name: &'static str,
    uri: fn(&Endpoint) -> &Uri,
    counter: fn(&Queue) -> &Counter,
}

const SPANS: Signal = Signal { name: "spans", uri: |endpoint| &endpoint.traces, counter: |queue| &queue.spans };
const RECORDS: Signal = Signal { name: "log records", uri: |endpoint| &endpoint.logs, counter: |queue| &queue.records };

impl Exporter {
    /// Sends until the queue is closed and empty.
    pub(crate) async fn run(mut self) {
        while self.next().await {
            let (items, size) = self.queue.take();
            let (spans, records) = self.requests(items);
            for request in spans {
                self.deliver(SPANS, request).await;
            }
            for request in records {
                self.deliver(RECORDS, request).await;
            }
            self.queue.free(size);
        }
        self.queue.end();
    }

    /// Waits until there is a batch; `false` at the end.
    async fn next(&self) -> bool {
        loop {
            match self.queue.level() {
                Level::Full => return true,
                Level::Closed => return !self.queue.is_empty(),
                Level::Empty => self.queue.filled.notified().await,
                Level::Some => {
                    // It may be rung for a batch that is full, or once for nothing: then the wait begins again.
                    if tokio::time::timeout(self.timing.delay, self.queue.filled.notified()).await.is_err() {
                        return true;
                    }
                }
            }
        }
    }

    /// What is to be sent of a batch.
    fn requests(&self, items: Vec<Item>) -> (Vec<Request>, Vec<Request>) {
        let (mut traces, mut events): (Vec<Box<Trace>>, Vec<LogEvent>) = (Vec::new(), Vec::new());
        for item in items {
            match item {
                Item::Trace(trace) => traces.push(trace),
                Item::Event(event) => events.push(event),
            }
        }
        let spans = self.sender.spans(traces.iter().flat_map(|trace| trace.messages()));
        let lines = traces.iter().flat_map(|trace| trace.records());
        (spans, self.sender.records(lines.chain(events.into_iter().map(LogEvent::record))))
    }

    /// Sends a request, again and again while that may help.
    async fn deliver(&mut self, signal: Signal, request: Request) {
        let began = clock::instant();
        let mut pause = self.timing.pause;
        loop {
            let (message, wait) = match self.client.post((signal.uri)(&self.endpoint), request.body.clone()).await {
                Ok(taken) => return self.taken(signal, request.count, taken),
                Err(Refusal::Again(message, wait)) => (message, Some(wait.unwrap_or_else(|| jittered(pause)))),
                Err(Refusal::Never(message)) => (message, None),
            };
            self.queue.requests_failed.fetch_add(1, Relaxed);
            let wait = wait.filter(|wait| began.elapsed() + *wait < self.timing.patience && !self.queue.is_closed());
            let Some(wait) = wait else {
                (signal.counter)(&self.queue).dropped.fetch_add(request.count, Relaxed);
                return self.tell(&format!("{} {} were dropped: {message}", request.count, signal.name), signal);
            };
            self.tell(&format!("{} cannot be sent, and are tried again: {message}", signal.name), signal);
            self.sleep(wait).await;
            pause = (pause * 2).min(self.timing.pause_max);
        }
    }

    /// Sleeps, at most until the queue is closed.
    async fn sleep(&self, time: Duration) {
        let until = clock::instant() + time;
        while !self.queue.is_closed() {
            let left = until.saturating_duration_since(clock::instant());
            if left.is_zero() || tokio::time::timeout(left, self.queue.filled.notified()).await.is_err() {
                return;
            }
        }
    }

    fn taken(&mut self, signal: Signal, count: u64, taken: Taken) {
        let rejected = taken.rejected.min(count);
        let counter = (signal.counter)(&self.queue);
        counter.sent.fetch_add(count - rejected, Relaxed);
        counter.dropped.fetch_add(rejected, Relaxed);
        if rejected > 0 {
            return self.tell(&format!("the collector rejected {rejected} {}: {}", signal.name, taken.message), signal);
        }
        if self.told.take().is_some() {
            (self.report)(&format!("{} are sent to {} again", signal.name, (signal.uri)(&self.endpoint)));
        }
    }

    /// Tells the operator, once in a while.
    fn tell(&mut self, problem: &str, signal: Signal) {
        let now = clock::instant();
        if self.told.is_none_or(|told| now.duration_since(told) >= self.timing.silence) {
            self.told = Some(now);
            (self.report)(&format!("telemetry to {}: {problem}", (signal.uri)(&self.endpoint)));
        }
    }
}

/// Between half of a time and all of it, so that those who failed together do not come again together.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(0.5 + fastrand::f64() / 2.0)
}
