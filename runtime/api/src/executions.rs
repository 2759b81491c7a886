//! What came of the latest executions: a bounded memory, for those who look.
//!
//! Every start leaves something here and hardly anyone looks, so that what counts is the cost of an insertion: a
//! short uncontended lock and one reference, against some microseconds in a general cache. A look-up walks one
//! shard, a list all of them.

mod key;
mod shard;
mod stopper;

pub(crate) use key::Key;
pub(crate) use stopper::Stopper;

use shard::{Entry, Shard};

use crate::Limits;
use crate::redaction::Redaction;
use bytes::Bytes;
use fleetstep_catalog::{InvalidToken, decode_token, encode_token};
use fleetstep_document::{Document, ObjectBuilder, Text, View};
use fleetstep_engine::{Failure, Finished, Identity, Outcome, Timestamp, Usage};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Enough that two threads seldom meet in one.
pub(crate) const SHARDS: usize = 16;
/// What a record weighs beside its input and output: itself, its identity, the allocator's share.
const RECORD_BYTES: usize = 512;

/// An execution, running or over.
#[derive(Clone)]
pub(crate) struct Record {
    origin: Origin,
    started: Timestamp,
    state: State,
    payload: Payload,
}

/// What an execution was started by: texts that all executions of a machine share. An identity of its own would be
/// three more allocations that lie about until the record is forgotten, and are cold by then.
#[derive(Clone)]
pub(crate) struct Origin {
    pub(crate) machine: Text,
    version: Option<Text>,
    alias: Option<Text>,
}

impl Origin {
    pub(crate) fn of(identity: &Identity) -> Self {
        let Identity { state_machine_arn, state_machine_version_arn, state_machine_alias_arn, .. } = identity;
        Self {
            machine: state_machine_arn.clone(),
            version: state_machine_version_arn.clone(),
            alias: state_machine_alias_arn.clone(),
        }
    }
}

/// How far an execution is.
#[derive(Clone)]
pub(crate) enum State {
    Running(Arc<Stopper>),
    Over { stopped: Timestamp, status: &'static str, usage: Usage },
}

/// What went in and came out.
#[derive(Clone)]
pub(crate) enum Payload {
    /// The answer that `StartSyncExecution` gave; looked into when someone asks.
    Answer(Bytes),
    /// The parts of an execution that was not answered for in full; no outcome while it runs.
    Parts { identity: Arc<Identity>, input: Document, outcome: Option<Outcome> },
}

impl Record {
    /// An execution that was answered for in full.
    pub(crate) fn answered(identity: &Identity, finished: &Finished, answer: Bytes) -> Self {
        let Finished { outcome, started, stopped, usage } = finished;
        let state = State::Over { stopped: *stopped, status: status(outcome), usage: *usage };
        Self { origin: Origin::of(identity), started: *started, state, payload: Payload::Answer(answer) }
    }

    /// One that is over.
    pub(crate) fn over(identity: Arc<Identity>, input: Document, finished: Finished) -> Self {
        let Finished { outcome, started, stopped, usage } = finished;
        let state = State::Over { stopped, status: status(&outcome), usage };
        let origin = Origin::of(&identity);
        Self { origin, started, state, payload: Payload::Parts { identity, input, outcome: Some(outcome) } }
    }

    /// One that begins.
    pub(crate) fn running(
        identity: Arc<Identity>,
        input: Document,
        started: Timestamp,
        stopper: &Arc<Stopper>,
    ) -> Self {
        let state = State::Running(Arc::clone(stopper));
        let origin = Origin::of(&identity);
        Self { origin, started, state, payload: Payload::Parts { identity, input, outcome: None } }
    }

    fn status(&self) -> &'static str {
        match self.state {
            State::Running(_) => RUNNING,
            State::Over { status, .. } => status,
        }
    }

    /// The execution's ARN.
    fn arn(&self) -> &str {
        match &self.payload {
            Payload::Answer(answer) => arn_of(answer),
            Payload::Parts { identity, .. } => &identity.execution_arn,
        }
    }

    /// Whether it failed with this error. An answer is read for that, but not one that tells of no failure.
    fn failed_with(&self, error: &str) -> bool {
        let may_have = !matches!(self.status(), RUNNING | "SUCCEEDED");
        may_have && self.describe().failure.error.as_deref() == Some(error)
    }

    fn summary(&self) -> Summary {
        let stopped = match &self.state {
            State::Running(_) => None,
            State::Over { stopped, .. } => Some(*stopped),
        };
        let status = self.status();
        Summary { arn: Text::from(self.arn()), origin: self.origin.clone(), started: self.started, stopped, status }
    }

    fn describe(&self) -> Description {
        let (input, outcome) = match &self.payload {
            Payload::Answer(answer) => answered(answer),
            Payload::Parts { input, outcome, .. } => (Payloaded::Json(input.clone()), described(outcome.as_ref())),
        };
        let usage = match &self.state {
            State::Running(_) => None,
            State::Over { usage, .. } => Some(*usage),
        };
        let started_by = match &self.payload {
            // One that a task started is not answered for.
            Payload::Answer(_) => None,
            Payload::Parts { identity, .. } => identity.started_by.clone(),
        };
        Description { summary: self.summary(), input, output: outcome.0, failure: outcome.1, usage, started_by }
    }
}

/// The status of an execution that is not over.
pub(crate) const RUNNING: &str = "RUNNING";

/// An execution as a list shows it.
pub(crate) struct Summary {
    pub(crate) arn: Text,
    pub(crate) origin: Origin,
    pub(crate) started: Timestamp,
    pub(crate) stopped: Option<Timestamp>,
    pub(crate) status: &'static str,
}

impl Summary {
    /// The execution's name.
    pub(crate) fn name(&self) -> &str {
        name_of(&self.arn)
    }
}

/// The name in an execution's ARN.
fn name_of(arn: &str) -> &str {
    // arn:aws:states:REGION:ACCOUNT:express:MACHINE:NAME:UUID
    arn.split(':').nth(7).unwrap_or_default()
}

/// An execution with what went in and came out.
pub(crate) struct Description {
    pub(crate) summary: Summary,
    pub(crate) input: Payloaded,
    pub(crate) output: Option<Payloaded>,
    pub(crate) failure: Failure,
    /// What it used, once it is over.
    pub(crate) usage: Option<Usage>,
    /// The execution whose task started it.
    pub(crate) started_by: Option<Text>,
}

/// A document in the form in which it is at hand.
pub(crate) enum Payloaded {
    Text(Text),
    Json(Document),
}

impl Description {
    /// As it may be seen.
    pub(crate) fn redacted(self, redaction: &Redaction) -> Self {
        let seen = |payload| match payload {
            Payloaded::Text(text) => Payloaded::Text(redaction.text(&text)),
            Payloaded::Json(document) => Payloaded::Json(redaction.document(&document)),
        };
        Self {
            input: seen(self.input),
            output: self.output.map(seen),
            failure: redaction.failure(&self.failure),
            summary: self.summary,
            usage: self.usage,
            started_by: self.started_by,
        }
    }
}

impl Payloaded {
    /// How many bytes it has as the text of JSON.
    pub(crate) fn text_bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Json(document) => document.json_len(),
        }
    }

    /// As the text of JSON.
    pub(crate) fn text(&self) -> Document {
        match self {
            Self::Text(text) => Document::from(text.clone()),
            Self::Json(document) => Document::from(document.to_json()),
        }
    }

    /// As JSON.
    pub(crate) fn json(&self) -> Document {
        match self {
            Self::Text(text) => Document::parse(text.as_bytes()).unwrap_or_default(),
            Self::Json(document) => document.clone(),
        }
    }
}

/// The ARN in an answer, which stands near its beginning, and holds nothing that JSON escapes.
fn arn_of(answer: &[u8]) -> &str {
    const MEMBER: &[u8] = b"\"executionArn\":\"";
    let found = answer.windows(MEMBER.len()).position(|window| window == MEMBER);
    let rest = found.map_or(&answer[..0], |at| &answer[at + MEMBER.len()..]);
    let end = rest.iter().position(|byte| *byte == b'"').unwrap_or_default();
    std::str::from_utf8(&rest[..end]).unwrap_or_default()
}

fn answered(answer: &[u8]) -> (Payloaded, (Option<Payloaded>, Failure)) {
    let answer = Document::parse(answer).unwrap_or_default();
    let text = |name| answer.get(name).and_then(Document::as_text).cloned();
    let failure = Failure { error: text("error"), cause: text("cause") };
    (Payloaded::Text(text("input").unwrap_or_default()), (text("output").map(Payloaded::Text), failure))
}

fn described(outcome: Option<&Outcome>) -> (Option<Payloaded>, Failure) {
    match outcome {
        None => (None, Failure::default()),
        Some(Outcome::Succeeded(output)) => (Some(Payloaded::Json(output.clone())), Failure::default()),
        Some(Outcome::Failed(failure) | Outcome::TimedOut(failure) | Outcome::Aborted(failure)) => {
            (None, failure.clone())
        }
    }
}

/// Which part of the list of executions is asked for: the newest first.
#[derive(Default)]
pub(crate) struct ListRequest {
    pub(crate) items_max: usize,
    /// The token of the page before.
    pub(crate) token: Option<String>,
    /// Those of one status only.
    pub(crate) status: Option<&'static str>,
    /// Those that began at that time or later.
    pub(crate) since: Option<Timestamp>,
    /// Those that began before.
    pub(crate) until: Option<Timestamp>,
    /// Those with this in their name.
    pub(crate) name: Option<String>,
    /// Those that failed with this error.
    pub(crate) error: Option<String>,
}

impl ListRequest {
    /// What is dear to look at comes last.
    fn wants(&self, record: &Record) -> bool {
        self.status.is_none_or(|status| record.status() == status)
            && self.since.is_none_or(|since| record.started >= since)
            && self.until.is_none_or(|until| record.started < until)
            && self.name.as_deref().is_none_or(|name| name_of(record.arn()).contains(name))
            && self.error.as_deref().is_none_or(|error| record.failed_with(error))
    }
}

/// The latest executions by ARN; the oldest are forgotten first.
#[derive(Clone)]
pub(crate) struct Executions(Arc<[Mutex<Shard>; SHARDS]>);

/// Where an execution stands in the list.
type Position = (Timestamp, Key);

fn encode_position((started, key): Position) -> String {
    encode_token(&format!("{:x}.{:x}", started.as_micros(), key.0))
}

fn decode_position(token: &str) -> Result<Position, InvalidToken> {
    let text = decode_token(token)?;
    let parsed = text.split_once('.').and_then(|(started, key)| {
        let started = Timestamp::from_micros(i64::from_str_radix(started, 16).ok()?);
        Some((started, Key(u128::from_str_radix(key, 16).ok()?)))
    });
    parsed.ok_or_else(|| InvalidToken { token: token.to_owned() })
}

impl Executions {
    pub(crate) fn new(limits: &Limits) -> Self {
        let entries_max = limits.cache_entries_max / SHARDS;
        let bytes_max = limits.cache_bytes_max / SHARDS;
        let shard = |_| Mutex::new(Shard::new(entries_max, bytes_max));
        Self(Arc::new(std::array::from_fn(shard)))
    }

    /// Keeps the record of the execution with that ARN, which has none yet. `payload_bytes` is about the size of its
    /// contents.
    pub(crate) fn keep(&self, arn: &str, record: Record, payload_bytes: usize) {
        let Some(key) = Key::of(arn) else { return };
        let forgotten = self.shard(key).push(Entry { key, bytes: payload_bytes + RECORD_BYTES, record });
        // Dropped here, where nobody waits for the lock.
        drop(forgotten);
    }

    /// Keeps a record in place of the one that is there, if it is there still.
    pub(crate) fn replace(&self, record: Record, payload_bytes: usize) {
        let Some(key) = Key::of(record.arn()) else { return };
        let mut shard = self.shard(key);
        // Where the oldest began later, the one that began with this one is forgotten: nothing is to be looked for.
        let may_be_there = shard.entries().front().is_some_and(|oldest| oldest.record.started <= record.started);
        let before = if may_be_there { shard.take(key) } else { None };
        let forgotten = shard.push(Entry { key, bytes: payload_bytes + RECORD_BYTES, record });
        drop(shard);
        // Dropped here, where nobody waits for the lock.
        drop((before, forgotten));
    }

    /// Drops the record of an execution.
    pub(crate) fn forget(&self, arn: &str) {
        let Some(key) = Key::of(arn) else { return };
        let before = self.shard(key).take(key);
        drop(before);
    }

    /// What is known of an execution.
    pub(crate) fn describe(&self, arn: &str) -> Option<Description> {
        self.get(arn).map(|record| record.describe())
    }

    /// Whether anything is known of an execution.
    pub(crate) fn knows(&self, arn: &str) -> bool {
        self.get(arn).is_some()
    }

    /// Stops an execution, unless it is over. The time when it stopped, or `now` if it does so soon.
    pub(crate) fn stop(&self, arn: &str, failure: Failure, now: Timestamp) -> Option<Timestamp> {
        match self.get(arn)?.state {
            State::Over { stopped, .. } => Some(stopped),
            State::Running(stopper) => {
                stopper.stop(failure);
                Some(now)
            }
        }
    }

    /// A page of those that `is_wanted`, the newest first, and the token of the next.
    pub(crate) fn list(
        &self,
        request: &ListRequest,
        is_wanted: impl Fn(&Origin) -> bool,
    ) -> Result<(Vec<Summary>, Option<String>), InvalidToken> {
        let before = request.token.as_deref().map(decode_position).transpose()?;
        // One more than the page has: it says whether there are more. The oldest comes first to go.
        let found_max = request.items_max.saturating_add(1);
        let mut found: BTreeMap<Position, Record> = BTreeMap::new();
        for shard in &*self.0 {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            // The newest mostly come last, so that most of the others are not looked at for more than their time.
            for Entry { key, record, .. } in shard.entries().iter().rev() {
                let position = (record.started, *key);
                let is_new_enough =
                    found.len() < found_max || found.keys().next().is_some_and(|oldest| position > *oldest);
                let is_here = is_new_enough && before.is_none_or(|before| position < before);
                if is_here && is_wanted(&record.origin) && request.wants(record) {
                    found.insert(position, record.clone());
                    if found.len() > found_max {
                        found.pop_first();
                    }
                }
            }
        }
        let more = found.len() > request.items_max;
        let page: Vec<_> = found.iter().rev().take(request.items_max).collect();
        let token = page.last().filter(|_| more).map(|(position, _)| encode_position(**position));
        Ok((page.iter().map(|(_, record)| record.summary()).collect(), token))
    }

    /// How many there are, and what they hold, in bytes.
    pub(crate) fn held(&self) -> (usize, usize) {
        let shards = self.0.iter().map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner));
        shards.fold((0, 0), |(count, bytes), shard| (count + shard.entries().len(), bytes + shard.bytes()))
    }

    fn get(&self, arn: &str) -> Option<Record> {
        let key = Key::of(arn)?;
        let shard = self.shard(key);
        // Whoever asks must know the whole ARN.
        let known = |entry: &&Entry| entry.key == key && entry.record.arn() == arn;
        Some(shard.entries().iter().find(known)?.record.clone())
    }

    fn shard(&self, key: Key) -> MutexGuard<'_, Shard> {
        // No code that holds the lock can leave a shard half changed.
        self.0[key.shard()].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an execution is one of the state machine, the version or the alias of that ARN.
pub(crate) fn is_of(origin: &Origin, arn: &Text) -> bool {
    origin.machine == *arn || qualified(origin).iter().any(|(_, own)| own.as_ref() == Some(arn))
}

/// Adds the version that an execution runs and the alias that it was started by, where it was.
pub(crate) fn push_qualified(body: &mut ObjectBuilder, origin: &Origin) {
    for (name, arn) in qualified(origin) {
        if let Some(arn) = arn {
            body.push(name, arn.clone());
        }
    }
}

fn qualified(origin: &Origin) -> [(&'static str, &Option<Text>); 2] {
    [("stateMachineVersionArn", &origin.version), ("stateMachineAliasArn", &origin.alias)]
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

/// About how many bytes a document holds in memory.
pub(crate) fn document_bytes(document: &Document) -> usize {
    const ENTRY_BYTES: usize = 24;
    // Nobody has looked into it, and this is no reason to.
    if let Some(text) = document.kept_text() {
        return ENTRY_BYTES + text.len();
    }
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

    fn record(random: u32, input: &str) -> Record {
        let arn = arn(random);
        let started = Timestamp::from_micros(random.into());
        let finished = Finished {
            outcome: Outcome::Succeeded(Document::NULL),
            started,
            stopped: started,
            usage: Usage::default(),
        };
        let answer = format!(r#"{{"executionArn":"{arn}","input":"{input}","output":"null"}}"#);
        Record::answered(&Identity::default(), &finished, answer.into())
    }

    fn keep(executions: &Executions, random: u32, bytes: usize) {
        executions.keep(&arn(random), record(random, "[1]"), bytes);
    }

    fn known(executions: &Executions, count: u32) -> Vec<u32> {
        (0..count).filter(|random| executions.knows(&arn(*random))).collect()
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
        executions.replace(record(7, "[2]"), 1);
        assert_eq!(executions.describe(&arn(7)).unwrap().input.json().to_json(), "[2]");
        assert!(executions.describe(&arn(7).replace(":m:", ":other:")).is_none(), "the whole ARN counts");
        executions.forget(&arn(7));
        assert!(executions.describe(&arn(7)).is_none());
        assert!(executions.0.iter().all(|shard| shard.lock().unwrap().bytes() == 0));
    }

    #[test]
    fn what_is_no_arn_is_not_found() {
        let executions = Executions::new(&Limits::default());
        for text in
            ["", ":", "a:b", "arn:aws:states:us-east-1:000000000000:express:m:n:3ea5c7a1", "x:é", &"f".repeat(40)]
        {
            assert!(!executions.knows(text), "{text}");
        }
    }

    #[test]
    fn a_list_is_newest_first_and_holds_each_once() {
        let executions = Executions::new(&Limits::default());
        for random in [3, 1, 5, 2, 4] {
            keep(&executions, random, 1);
        }
        let mut request = ListRequest { items_max: 2, ..ListRequest::default() };
        let mut seen = Vec::new();
        loop {
            let (page, token) = executions.list(&request, |_| true).unwrap();
            seen.push(page.iter().map(|summary| summary.started.as_micros()).collect::<Vec<_>>());
            // One that comes in between is newer than all that is still to be listed.
            keep(&executions, 100 + seen.len() as u32, 1);
            match token {
                Some(token) => request.token = Some(token),
                None => break,
            }
        }
        assert_eq!(seen, [vec![5, 4], vec![3, 2], vec![1]]);
        request = ListRequest { items_max: 9, status: Some(RUNNING), ..ListRequest::default() };
        assert!(executions.list(&request, |_| true).unwrap().0.is_empty());
        request = ListRequest { items_max: 9, token: Some(encode_token("nonsense")), ..ListRequest::default() };
        assert!(executions.list(&request, |_| true).is_err());
    }
}
