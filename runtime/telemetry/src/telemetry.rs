//! The handle: who is traced, and where it is put.

use crate::client::Client;
use crate::config::Config;
use crate::context::{Caller, Context};
use crate::event::LogEvent;
use crate::exporter::{Exporter, Report, Timing};
use crate::queue::{Counts, Item, Queue};
use crate::request::Sender;
use crate::sampler::Sampler;
use crate::trace::Trace;
use fleetstep_document::Text;
use fleetstep_engine::clock;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

/// Why no telemetry is sent.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The system has no roots of trust, or none that can be read.
    #[error("TLS to the collector needs the system's certificates: {0}")]
    Roots(io::Error),
    /// No thread.
    #[error("telemetry needs a thread: {0}")]
    Thread(io::Error),
}

/// Telemetry that is sent. Cheap to clone; every clone is the same.
#[derive(Clone)]
pub struct Telemetry(Arc<Inner>);

struct Inner {
    sampler: Sampler,
    queue: Arc<Queue>,
}

impl Telemetry {
    /// Begins to send. `report` is told of a collector that does not take what it is sent.
    ///
    /// # Errors
    /// No thread, or no roots of trust where TLS is to be spoken.
    pub fn open(config: Config, report: Report) -> Result<Self, OpenError> {
        let Config { endpoint, headers, resource, ratio, timeout } = config;
        let queue = Arc::new(Queue::default());
        let client = Client::new(&endpoint, headers, timeout).map_err(OpenError::Roots)?;
        let sender = Sender::new(&resource);
        let (queued, timing) = (Arc::clone(&queue), Timing::default());
        let exporter = Exporter { queue: queued, client, endpoint, sender, timing, report, told: None };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(OpenError::Thread)?;
        let send = move || runtime.block_on(exporter.run());
        std::thread::Builder::new().name("telemetry".into()).spawn(send).map_err(OpenError::Thread)?;
        Ok(Self(Arc::new(Inner { sampler: Sampler::new(ratio), queue })))
    }

    /// The place of an execution in a trace; `None` where it has none. `asks` is the ARN of a state machine that asks for
    /// traces.
    #[must_use]
    pub fn place(&self, caller: Option<&Caller>, asks: Option<&Text>) -> Option<Context> {
        self.0.sampler.place(caller, asks, clock::now)
    }

    /// Hands the trace of an execution over.
    pub fn push(&self, trace: Trace) {
        self.0.queue.push(Item::Trace(Box::new(trace)));
    }

    /// Takes lines of the log of executions, each of which becomes a log record.
    #[must_use]
    pub fn lines(&self) -> Box<dyn Write + Send> {
        Box::new(Lines(self.clone()))
    }

    /// What became of all of it so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.0.queue.counts()
    }

    /// Lets nothing more in, and waits at most `patience` until what is there has been sent: how much was not.
    #[must_use]
    pub fn close(&self, patience: Duration) -> usize {
        self.0.queue.close(patience)
    }
}

/// Whole lines of JSON.
struct Lines(Telemetry);

impl Write for Lines {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(lines);
        for line in text.lines().filter(|line| !line.is_empty()) {
            self.0.0.queue.push(Item::Event(LogEvent(line.to_owned())));
        }
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
