//! The log: the events that `loggingConfiguration` asks for, as JSON lines, written by a thread of its own.
//!
//! A start never waits for it. Events go into a bounded queue; what finds no room there is dropped, counted, and
//! reported. Rendering and writing are the thread's.

use super::Subject;
use crate::service::Report;
use fleetstep_engine::HistoryEvent;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Events that wait to be written.
pub(crate) const LOG_EVENTS_MAX: usize = 65_536;
/// Bytes that those hold in memory, about.
pub(crate) const LOG_BYTES_MAX: usize = 64 << 20;
/// Bytes of lines that are put together before they are written.
const WRITE_BYTES: usize = 64 << 10;

/// A place that lines are written to.
pub struct LogSink {
    /// Names it in reports.
    pub name: String,
    /// Takes whole lines.
    pub writer: Box<dyn Write + Send>,
}

/// The log. Cheap to clone; every clone is the same log. The default is none.
#[derive(Clone, Default)]
pub struct Logs(Option<Arc<Shared>>);

struct Shared {
    queue: Mutex<Queue>,
    /// Rung when there is something to write, or nothing will come any more.
    filled: Condvar,
    /// Rung when the writer has ended.
    ended: Condvar,
    dropped: AtomicU64,
    bounds: Bounds,
}

#[derive(Clone, Copy)]
struct Bounds {
    events_max: usize,
    bytes_max: usize,
}

#[derive(Default)]
struct Queue {
    batches: Vec<Batch>,
    /// Events and bytes that are not written yet: those in `batches`, and those in the writer's hands.
    events: usize,
    bytes: usize,
    closed: bool,
    ended: bool,
}

/// Events of one execution.
struct Batch {
    subject: Arc<Subject>,
    includes_data: bool,
    events: Vec<HistoryEvent>,
    bytes: usize,
}

impl Logs {
    /// A log that is written to every one of `sinks`. `report` is told of a sink that fails, and of events that
    /// were dropped.
    #[must_use]
    pub fn open(sinks: Vec<LogSink>, report: Report) -> Self {
        Self::bounded(sinks, report, Bounds { events_max: LOG_EVENTS_MAX, bytes_max: LOG_BYTES_MAX })
    }

    fn bounded(sinks: Vec<LogSink>, report: Report, bounds: Bounds) -> Self {
        if sinks.is_empty() {
            return Self::default();
        }
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            filled: Condvar::new(),
            ended: Condvar::new(),
            dropped: AtomicU64::new(0),
            bounds,
        });
        let sinks = sinks.into_iter().map(|sink| Sink { sink, failing: false }).collect();
        let writer = Writer { shared: Arc::clone(&shared), sinks, report, dropped_reported: 0 };
        match std::thread::Builder::new().name("log".into()).spawn(move || writer.run()) {
            Ok(_) => Self(Some(shared)),
            Err(error) => {
                report(&format!("no log is written: {error}"));
                Self::default()
            }
        }
    }

    /// Whether anyone reads it.
    pub(super) fn is_open(&self) -> bool {
        self.0.is_some()
    }

    /// How many events found no room.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.as_ref().map_or(0, |shared| shared.dropped.load(Ordering::Relaxed))
    }

    /// Hands events of one execution over, each with its weight: all of them, or none where there is no room.
    pub(super) fn push(&self, subject: &Arc<Subject>, includes_data: bool, events: Vec<(usize, HistoryEvent)>) {
        let Some(shared) = self.0.as_ref().filter(|_| !events.is_empty()) else { return };
        let bytes = events.iter().map(|(bytes, _)| bytes).sum::<usize>();
        let events: Vec<_> = events.into_iter().map(|(_, event)| event).collect();
        let batch = Batch { subject: Arc::clone(subject), includes_data, events, bytes };
        if let Err(refused) = shared.lock().push(batch, shared.bounds) {
            shared.dropped.fetch_add(refused.events.len() as u64, Ordering::Relaxed);
        }
        shared.filled.notify_one();
    }

    /// Lets nothing more in, and waits at most `patience` until what is there has been written. Returns how many
    /// events were not.
    #[must_use]
    pub fn close(&self, patience: Duration) -> usize {
        let Some(shared) = &self.0 else { return 0 };
        let mut queue = shared.lock();
        queue.closed = true;
        shared.filled.notify_one();
        let (queue, _) = shared
            .ended
            .wait_timeout_while(queue, patience, |queue| !queue.ended)
            .unwrap_or_else(PoisonError::into_inner);
        queue.events
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // No code that holds the lock can leave the queue half changed.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn push(&mut self, batch: Batch, bounds: Bounds) -> Result<(), Batch> {
        let (events, bytes) = (self.events + batch.events.len(), self.bytes + batch.bytes);
        if self.closed || events > bounds.events_max || bytes > bounds.bytes_max {
            return Err(batch);
        }
        (self.events, self.bytes) = (events, bytes);
        self.batches.push(batch);
        Ok(())
    }
}

/// The thread that writes.
struct Writer {
    shared: Arc<Shared>,
    sinks: Vec<Sink>,
    report: Report,
    dropped_reported: u64,
}

struct Sink {
    sink: LogSink,
    /// Whether the last write failed: one report for each time that it begins to.
    failing: bool,
}

impl Writer {
    fn run(mut self) {
        while let Some(batches) = self.next() {
            self.write(batches);
            self.report_dropped();
        }
        self.report_dropped();
        self.shared.lock().ended = true;
        self.shared.ended.notify_all();
    }

    /// All that waits, as soon as something does; `None` at the end.
    fn next(&self) -> Option<Vec<Batch>> {
        let queue = self.shared.lock();
        let idle = |queue: &mut Queue| queue.batches.is_empty() && !queue.closed;
        let mut queue = self.shared.filled.wait_while(queue, idle).unwrap_or_else(PoisonError::into_inner);
        let batches = std::mem::take(&mut queue.batches);
        (!batches.is_empty()).then_some(batches)
    }

    fn write(&mut self, batches: Vec<Batch>) {
        let mut lines = Vec::new();
        let (mut events, mut bytes) = (0, 0);
        let mut batches = batches.into_iter().peekable();
        while let Some(batch) = batches.next() {
            events += batch.events.len();
            bytes += batch.bytes;
            for event in &batch.events {
                batch.subject.log_event(event, batch.includes_data).write_json(&mut lines);
                lines.push(b'\n');
            }
            // The room is given back once it is written, not before.
            if lines.len() >= WRITE_BYTES || batches.peek().is_none() {
                for sink in &mut self.sinks {
                    sink.write(&lines, self.report);
                }
                lines.clear();
                let mut queue = self.shared.lock();
                queue.events -= std::mem::take(&mut events);
                queue.bytes -= std::mem::take(&mut bytes);
            }
        }
    }

    fn report_dropped(&mut self) {
        let dropped = self.shared.dropped.load(Ordering::Relaxed);
        let new = dropped - self.dropped_reported;
        if new > 0 {
            self.dropped_reported = dropped;
            (self.report)(&format!("{new} log events were dropped: they came faster than they could be written"));
        }
    }
}

impl Sink {
    fn write(&mut self, lines: &[u8], report: Report) {
        let LogSink { name, writer } = &mut self.sink;
        match writer.write_all(lines).and_then(|()| writer.flush()) {
            Ok(()) => self.failing = false,
            Err(_) if self.failing => {}
            Err(error) => {
                self.failing = true;
                report(&format!("cannot write the log to {name}: {error}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Ran;
    use fleetstep_document::Document;
    use fleetstep_engine::{Happening, Identity, Timestamp};
    use std::sync::mpsc;

    /// Writes into a shared buffer, each time after it was let go on.
    struct Slow(Arc<Mutex<Vec<u8>>>, Option<mpsc::Receiver<()>>);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            if let Some(gate) = &self.1 {
                let _ = gate.recv();
            }
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn subject() -> Arc<Subject> {
        let identity = Identity { execution_arn: "arn".into(), ..Identity::default() };
        let (identity, ran) = (Arc::new(identity), Ran::default());
        Arc::new(Subject { identity, resources: Arc::from([]), redaction: Arc::default(), ran })
    }

    fn event(id: u64) -> (usize, HistoryEvent) {
        let what = Happening::ExecutionSucceeded { output: Document::from(7_i64) };
        (100, HistoryEvent { id, previous: id - 1, at: Timestamp::from_micros(1_500), what })
    }

    fn sink(written: &Arc<Mutex<Vec<u8>>>, gate: Option<mpsc::Receiver<()>>) -> LogSink {
        LogSink { name: "test".into(), writer: Box::new(Slow(Arc::clone(written), gate)) }
    }

    const PATIENCE: Duration = Duration::from_secs(60);

    #[test]
    fn every_sink_has_every_line_when_the_log_is_closed() {
        let (first, second) = (Arc::default(), Arc::default());
        let logs = Logs::open(vec![sink(&first, None), sink(&second, None)], |_| ());
        logs.push(&subject(), true, vec![event(1)]);
        logs.push(&subject(), false, vec![event(2)]);
        assert_eq!(logs.close(PATIENCE), 0);
        let line = |id: u64, details: &str| {
            let previous = id - 1;
            format!(
                "{{\"id\":\"{id}\",\"type\":\"ExecutionSucceeded\",\"details\":{details},\"previous_event_id\":\
                 \"{previous}\",\"event_timestamp\":\"1\",\"execution_arn\":\"arn\",\"redrive_count\":\"0\"}}\n"
            )
        };
        let expected = line(1, r#"{"output":"7","outputDetails":{"truncated":false}}"#) + &line(2, "{}");
        for written in [first, second] {
            let written: Arc<Mutex<Vec<u8>>> = written;
            assert_eq!(String::from_utf8(written.lock().unwrap().clone()).unwrap(), expected);
        }
    }

    /// A sink that does not keep up costs lines, not starts, and each is counted.
    #[test]
    fn what_finds_no_room_is_dropped_and_counted() {
        for bounds in [Bounds { events_max: 3, bytes_max: 10_000 }, Bounds { events_max: 100, bytes_max: 300 }] {
            let (open, gate) = mpsc::channel();
            let written = Arc::default();
            let logs = Logs::bounded(vec![sink(&written, Some(gate))], |_| (), bounds);
            // Three have room, wherever the writer is with them: what it holds counts too.
            for id in 1..=10 {
                logs.push(&subject(), true, vec![event(id)]);
            }
            assert_eq!(logs.dropped(), 7);
            drop(open);
            assert_eq!(logs.close(PATIENCE), 0);
            assert_eq!(written.lock().unwrap().iter().filter(|byte| **byte == b'\n').count(), 3);
        }
    }

    #[test]
    fn a_sink_that_hangs_does_not_hold_the_end_up_for_ever() {
        let (_open, gate) = mpsc::channel();
        let logs = Logs::open(vec![sink(&Arc::default(), Some(gate))], |_| ());
        logs.push(&subject(), true, vec![event(1), event(2)]);
        assert_eq!(logs.close(Duration::from_millis(1)), 2);
    }
}
