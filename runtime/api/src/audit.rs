//! The audit: a line of JSON for every change and every refusal, with who, what, how it ended, and from where. Never
//! with a secret, nor with what a request holds beside the name of what it is about.

use crate::reply::iso_date;
use crate::service::Report;
use fleetstep_document::{ObjectBuilder, neutral_line};
use fleetstep_engine::{Timestamp, clock};
use fleetstep_identity::Caller;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Lines that wait to be written. A change waits for room, a refusal is left out.
const AUDIT_LINES_MAX: usize = 1_024;
/// Refusals that are written in one second; what comes beyond is counted, so that a flood cannot fill the disk.
const REFUSALS_PER_SECOND_MAX: u64 = 100;
/// The longest name of a resource or an operation in a line, in characters.
const AUDIT_NAME_CHARS_MAX: usize = 512;

/// Where audit lines go. Cheap to clone; every clone is the same.
#[derive(Clone)]
pub struct Audit {
    lines: Sender<Message>,
    refusals: Arc<Mutex<Refusals>>,
}

enum Message {
    Line(String),
    /// Answered once all that came before is written.
    Flush(mpsc::Sender<()>),
}

/// How many refusals there were in a second.
#[derive(Default)]
struct Refusals {
    second: i64,
    written: u64,
    left_out: u64,
}

/// What a line is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Act<'a> {
    /// Who it was; nobody, where that is why it was refused.
    pub(crate) caller: Option<&'a Caller>,
    /// An operation of the AWS protocol, or a method and a path.
    pub(crate) operation: &'a str,
    /// The name or the ARN that it is about.
    pub(crate) resource: &'a str,
    /// `ok`, or the name of the exception.
    pub(crate) outcome: &'a str,
    pub(crate) remote: SocketAddr,
}

impl Audit {
    /// An audit that is written to `sink`, line by line; `report` is told when that fails.
    ///
    /// # Errors
    /// No thread to write with.
    pub fn open(sink: Box<dyn Write + Send>, report: Report) -> std::io::Result<Self> {
        let (lines, received) = channel(AUDIT_LINES_MAX);
        std::thread::Builder::new().name("audit".into()).spawn(move || write(received, sink, report))?;
        Ok(Self { lines, refusals: Arc::default() })
    }

    /// Notes a change; waits where many do.
    pub(crate) async fn change(&self, act: Act<'_>) {
        let line = line("change", &act, clock::now(), 0);
        // Its thread ends with the last sender.
        let _ = self.lines.send(Message::Line(line)).await;
    }

    /// Notes a refusal, as long as there are not too many.
    pub(crate) fn refusal(&self, act: Act<'_>) {
        let now = clock::now();
        // No code under the lock can leave it half changed.
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(left_out) = refusals.admit(now.as_millis() / 1_000) else { return };
        if self.lines.try_send(Message::Line(line("refusal", &act, now, left_out))).is_err() {
            refusals.left_out += left_out + 1;
        }
    }

    /// Waits until all that was noted is written, at most `patience`; whether it was. Blocks.
    #[must_use]
    pub fn flush(&self, patience: Duration) -> bool {
        let (written, all) = mpsc::channel();
        self.lines.try_send(Message::Flush(written)).is_ok() && all.recv_timeout(patience).is_ok()
    }
}

impl Refusals {
    /// Whether one more is written in this second, and how many were left out before it.
    fn admit(&mut self, second: i64) -> Option<u64> {
        if self.second != second {
            (self.second, self.written) = (second, 0);
        }
        if self.written >= REFUSALS_PER_SECOND_MAX {
            self.left_out += 1;
            return None;
        }
        self.written += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

fn line(event: &'static str, act: &Act<'_>, now: Timestamp, left_out: u64) -> String {
    let Act { caller, operation, resource, outcome, remote } = act;
    let mut line = ObjectBuilder::with_capacity(9).with("time", iso_date(now)).with("event", event);
    if let Some(caller) = caller {
        line.push("account", caller.account.as_str());
        line.push("key", caller.key_id.as_str());
    }
    line.push("operation", shown(operation));
    line.push("resource", shown(resource));
    line.push("outcome", *outcome);
    line.push("remote", remote.to_string());
    if left_out > 0 {
        line.push("refusalsLeftOut", i64::try_from(left_out).unwrap_or(i64::MAX));
    }
    let mut line = line.build().to_json();
    line.push('\n');
    line
}

/// A text of a caller's, so that it does nothing to a terminal: JSON leaves some control characters as they are.
fn shown(text: &str) -> String {
    let end = text.char_indices().nth(AUDIT_NAME_CHARS_MAX).map_or(text.len(), |(end, _)| end);
    neutral_line(&text[..end]).to_string()
}

/// The thread that writes.
fn write(mut received: Receiver<Message>, mut sink: Box<dyn Write + Send>, report: Report) {
    let mut failing = false;
    while let Some(message) = received.blocking_recv() {
        match message {
            Message::Line(line) => {
                let written = sink.write_all(line.as_bytes()).and_then(|()| sink.flush());
                if let Err(error) = &written
                    && !failing
                {
                    report(&format!("the audit cannot be written: {error}"));
                }
                failing = written.is_err();
            }
            Message::Flush(written) => drop(written.send(())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_refusals_is_counted_and_not_written() {
        let mut refusals = Refusals::default();
        for _ in 0..REFUSALS_PER_SECOND_MAX {
            assert_eq!(refusals.admit(1), Some(0));
        }
        for _ in 0..3 {
            assert_eq!(refusals.admit(1), None);
        }
        assert_eq!(refusals.admit(2), Some(3), "the next line says how many were left out");
        assert_eq!(refusals.admit(2), Some(0));
    }

    #[test]
    fn a_line_is_one_line_of_plain_characters() {
        let resource = format!("a\n\u{1b}[2J\u{9b}31m\u{7f}{}", "x".repeat(1_000));
        let remote = SocketAddr::from(([127, 0, 0, 1], 9));
        let act = Act { caller: None, operation: "PUT /v1/\r", resource: &resource, outcome: "ok", remote };
        let line = line("change", &act, Timestamp::from_micros(0), 0);
        assert!(!line.trim_end_matches('\n').contains(char::is_control), "{line:?}");
        assert!(line.len() < 1_000, "{line}");
        assert!(line.contains("1970-01-01T00:00:00.000Z") && line.ends_with("\"remote\":\"127.0.0.1:9\"}\n"), "{line}");
    }
}
