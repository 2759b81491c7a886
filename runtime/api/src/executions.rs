//! What came of the latest executions: a bounded memory, for those who look.
//!
//! Every start leaves something here and hardly anyone looks, so that what counts is the cost of an insertion: a
//! short uncontended lock and one reference, against some microseconds in a general cache. A look-up walks one
//! shard.

use crate::Limits;
use crate::reply::iso_date;
use bytes::Bytes;
use fleetstep_document::{Document, ObjectBuilder, View};
use fleetstep_engine::{Failure, Finished, Identity, Outcome, Timestamp};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// Enough that two threads seldom meet in one.
const SHARDS: usize = 16;
/// What a record weighs beside its input and output: itself, its identity, the allocator's share.
const RECORD_BYTES: usize = 512;

/// An execution, running or over.
#[derive(Clone)]
pub(crate) enum Record {
    /// The answer that `StartSyncExecution` gave; looked into when someone asks.
    Answered(Bytes),
    /// Its parts.
    Parts(Parts),
}

/// The parts of an execution that was not answered for in full.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) identity: Arc<Identity>,
    pub(crate) input: Document,
    pub(crate) started: Timestamp,
    /// `None` while it runs.
    pub(crate) finished: Option<Finished>,
}

/// The latest executions by ARN; the oldest are forgotten first.
#[derive(Clone)]
pub(crate) struct Executions(Arc<[Mutex<Shard>; SHARDS]>);

struct Shard {
    entries: VecDeque<Entry>,
    bytes: usize,
    entries_max: usize,
    bytes_max: usize,
}

struct Entry {
    key: Key,
    bytes: usize,
    record: Record,
}

/// The random bits of the UUID that an execution's ARN ends in.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Key(u128);

impl Key {
    fn of(arn: &str) -> Option<Self> {
        let digits = arn.rsplit(':').next()?.bytes().filter(|byte| *byte != b'-');
        let (mut bits, mut count) = (0, 0);
        for digit in digits {
            bits = bits << 4 | u128::from(char::from(digit).to_digit(16)?);
            count += 1;
        }
        (count == 32).then_some(Self(bits))
    }

    fn shard(self) -> usize {
        self.0 as usize % SHARDS
    }
}

impl Executions {
    pub(crate) fn new(limits: &Limits) -> Self {
        let entries_max = limits.cache_entries_max / SHARDS;
        let bytes_max = limits.cache_bytes_max / SHARDS;
        let shard = |_| Mutex::new(Shard { entries: VecDeque::new(), bytes: 0, entries_max, bytes_max });
        Self(Arc::new(std::array::from_fn(shard)))
    }

    /// Keeps the record of an execution that has none yet. `payload_bytes` is about the size of its contents.
    pub(crate) fn keep(&self, arn: &str, record: Record, payload_bytes: usize) {
        let Some(key) = Key::of(arn) else { return };
        let forgotten = self.shard(key).push(Entry { key, bytes: payload_bytes + RECORD_BYTES, record });
        // Dropped here, where nobody waits for the lock.
        drop(forgotten);
    }

    /// Keeps a record in place of the one that is there, if it is there still.
    pub(crate) fn replace(&self, arn: &str, record: Record, payload_bytes: usize) {
        self.forget(arn);
        self.keep(arn, record, payload_bytes);
    }

    /// Drops the record of an execution.
    pub(crate) fn forget(&self, arn: &str) {
        let Some(key) = Key::of(arn) else { return };
        let mut shard = self.shard(key);
        if let Some(at) = shard.entries.iter().position(|entry| entry.key == key) {
            let entry = shard.entries.remove(at);
            shard.bytes -= entry.map_or(0, |entry| entry.bytes);
        }
    }

    /// What the plain interface shows of an execution.
    pub(crate) fn describe(&self, arn: &str) -> Option<Document> {
        let key = Key::of(arn)?;
        let record = self.shard(key).entries.iter().find(|entry| entry.key == key)?.record.clone();
        let description = record.describe();
        // Whoever asks must know the whole ARN.
        (description.get("executionArn")?.as_str()? == arn).then_some(description)
    }

    fn shard(&self, key: Key) -> std::sync::MutexGuard<'_, Shard> {
        // No code that holds the lock can leave a shard half changed.
        self.0[key.shard()].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shard {
    /// Adds an entry, and returns those that have to go for it. One that is too large for the shard goes itself.
    fn push(&mut self, entry: Entry) -> Vec<Entry> {
        self.bytes += entry.bytes;
        self.entries.push_back(entry);
        let mut forgotten = Vec::new();
        while self.entries.len() > self.entries_max || self.bytes > self.bytes_max {
            let Some(oldest) = self.entries.pop_front() else { break };
            self.bytes -= oldest.bytes;
            forgotten.push(oldest);
        }
        forgotten
    }
}

impl Record {
    /// Input and output stand in a description as JSON, not as its text.
    fn describe(&self) -> Document {
        match self {
            Self::Answered(answer) => {
                Document::parse(answer).map(|answer| describe_answer(&answer)).unwrap_or_default()
            }
            Self::Parts(parts) => parts.describe(),
        }
    }
}

fn describe_answer(answer: &Document) -> Document {
    let mut body = ObjectBuilder::with_capacity(10);
    for name in ["executionArn", "stateMachineArn", "name", "status", "startDate", "stopDate", "error", "cause"] {
        let Some(value) = answer.get(name) else { continue };
        body.push(name, if name.ends_with("Date") { iso_date(seconds(value)) } else { value.clone() });
    }
    for name in ["input", "output"] {
        let Some(text) = answer.get(name).and_then(Document::as_str) else { continue };
        body.push(name, Document::parse(text.as_bytes()).unwrap_or_default());
    }
    body.build()
}

/// A date of the AWS protocol, which has whole milliseconds.
fn seconds(value: &Document) -> Timestamp {
    Timestamp::from_micros((value.as_f64().unwrap_or_default() * 1e3).round() as i64 * 1_000)
}

impl Parts {
    fn describe(&self) -> Document {
        let identity = &self.identity;
        let outcome = self.finished.as_ref().map(|finished| &finished.outcome);
        let mut body = ObjectBuilder::with_capacity(12)
            .with("executionArn", identity.execution_arn.clone())
            .with("stateMachineArn", identity.state_machine_arn.clone());
        push_qualified(&mut body, identity);
        body.push("name", identity.execution_name.clone());
        body.push("status", outcome.map_or("RUNNING", status));
        body.push("startDate", iso_date(self.started));
        if let Some(finished) = &self.finished {
            body.push("stopDate", iso_date(finished.stopped));
        }
        match outcome {
            None | Some(Outcome::Succeeded(_)) => {}
            Some(Outcome::Failed(failure) | Outcome::TimedOut(failure) | Outcome::Aborted(failure)) => {
                push_failure(&mut body, failure);
            }
        }
        body.push("input", self.input.clone());
        if let Some(Outcome::Succeeded(output)) = outcome {
            body.push("output", output.clone());
        }
        body.build()
    }
}

/// Adds the version that an execution runs and the alias that it was started by, where it was.
pub(crate) fn push_qualified(body: &mut ObjectBuilder, identity: &Identity) {
    let arns = [
        ("stateMachineVersionArn", &identity.state_machine_version_arn),
        ("stateMachineAliasArn", &identity.state_machine_alias_arn),
    ];
    for (name, arn) in arns {
        if let Some(arn) = arn {
            body.push(name, arn.clone());
        }
    }
}

/// Adds the parts of a failure that are there.
pub(crate) fn push_failure(body: &mut ObjectBuilder, failure: &Failure) {
    for (name, part) in [("error", &failure.error), ("cause", &failure.cause)] {
        if let Some(part) = part {
            body.push(name, part.clone());
        }
    }
}

/// The status of an execution that has ended.
pub(crate) fn status(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Succeeded(_) => "SUCCEEDED",
        Outcome::Failed(_) => "FAILED",
        Outcome::TimedOut(_) => "TIMED_OUT",
        Outcome::Aborted(_) => "ABORTED",
    }
}

/// About how many bytes an outcome holds in memory.
pub(crate) fn output_bytes(finished: &Finished) -> usize {
    match &finished.outcome {
        Outcome::Succeeded(output) => document_bytes(output),
        Outcome::Failed(failure) | Outcome::TimedOut(failure) | Outcome::Aborted(failure) => {
            [&failure.error, &failure.cause].into_iter().flatten().map(|text| text.len()).sum()
        }
    }
}

fn document_bytes(document: &Document) -> usize {
    const ENTRY_BYTES: usize = 24;
    match document.view() {
        View::Null | View::Bool(_) | View::Number(_) => ENTRY_BYTES,
        View::String(text) => ENTRY_BYTES + text.len(),
        View::Array(items) => ENTRY_BYTES + items.iter().map(document_bytes).sum::<usize>(),
        View::Object(object) => {
            let entry = |(key, value): (&fleetstep_document::Text, &Document)| key.len() + document_bytes(value);
            ENTRY_BYTES + object.iter().map(entry).sum::<usize>()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arn(random: u32) -> String {
        format!("arn:aws:states:us-east-1:000000000000:express:m:n:{random:08x}-0000-4000-8000-0000{random:08x}")
    }

    fn keep(executions: &Executions, random: u32, bytes: usize) {
        let answer = format!(r#"{{"executionArn":"{}","startDate":1.5,"input":"[1]"}}"#, arn(random));
        executions.keep(&arn(random), Record::Answered(answer.into()), bytes);
    }

    fn known(executions: &Executions, count: u32) -> Vec<u32> {
        (0..count).filter(|random| executions.describe(&arn(*random)).is_some()).collect()
    }

    #[test]
    fn both_bounds_hold() {
        let limits =
            |cache_entries_max, cache_bytes_max| Limits { cache_entries_max, cache_bytes_max, ..Limits::default() };
        // Numbers that are equal modulo the number of shards meet in one shard.
        let by_number = Executions::new(&limits(2 * SHARDS, 1 << 20));
        let by_size = Executions::new(&limits(1_000, 3 * (RECORD_BYTES + 100) * SHARDS));
        let nothing = Executions::new(&limits(0, 0));
        for random in 0..100 {
            keep(&by_number, random, 100);
            keep(&by_size, random, if random < 90 { 100 } else { 10_000 });
            keep(&nothing, random, 100);
        }
        assert_eq!(known(&by_number, 100), (68..100).collect::<Vec<_>>());
        // The last ten were too large for their shards, and drove out all before them.
        assert_eq!(known(&by_size, 100), [52..58, 68..74, 84..90].into_iter().flatten().collect::<Vec<_>>());
        assert!(known(&nothing, 100).is_empty());
    }

    #[test]
    fn a_record_is_replaced_and_forgotten() {
        let executions = Executions::new(&Limits::default());
        keep(&executions, 7, 1);
        executions.replace(&arn(7), Record::Answered(format!(r#"{{"executionArn":"{}"}}"#, arn(7)).into()), 1);
        assert_eq!(executions.describe(&arn(7)).unwrap().get("input"), None);
        assert!(executions.describe(&arn(7).replace(":m:", ":other:")).is_none(), "the whole ARN counts");
        executions.forget(&arn(7));
        assert!(executions.describe(&arn(7)).is_none());
        assert!(executions.0.iter().all(|shard| shard.lock().unwrap().bytes == 0));
    }

    #[test]
    fn what_is_no_arn_is_not_found() {
        let executions = Executions::new(&Limits::default());
        for text in
            ["", ":", "a:b", "arn:aws:states:us-east-1:000000000000:express:m:n:3ea5c7a1", "x:é", &"f".repeat(40)]
        {
            assert!(executions.describe(text).is_none(), "{text}");
        }
    }
}
