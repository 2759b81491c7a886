//! Starts that may come twice: the same key with the same input is the same execution, for as long as the key is kept.
//!
//! A key belongs to an account and to what it starts. While the execution that it started is under way, whoever comes with it again waits
//! for the same answer; with another input, or asking for another kind of answer, it is refused. A key that is kept is
//! never forgotten early: where there is no room for one more, the start is throttled.

use crate::admission::Way;
use crate::fault::{Fault, Kind};
use crate::launch::Launch;
use crate::web::finished_body;
use crate::{Limits, Service};
use bytes::Bytes;
use fleetstep_document::{Document, Text};
use fleetstep_engine::{Timestamp, clock};
use hyper::StatusCode;
use sha2::{Digest as _, Sha256};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// The longest key, in bytes.
pub(crate) const KEY_BYTES_MAX: usize = 255;
/// What an entry weighs beside its texts and its answer.
const ENTRY_BYTES: usize = 256;

/// What a start comes to, however it is told.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// It was acknowledged.
    Started { execution_arn: Text, at: Timestamp },
    /// It was waited for.
    Finished { execution_arn: Text, status: StatusCode, body: Bytes },
}

impl Answer {
    fn bytes(&self) -> usize {
        match self {
            Self::Started { execution_arn, .. } => execution_arn.len(),
            Self::Finished { execution_arn, body, .. } => execution_arn.len() + body.len(),
        }
    }
}

/// What a key stands for: what is started, and the key itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) target: Text,
    pub(crate) key: Text,
}

/// What must be the same for a start to be the same: its input, and the kind of answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Print([u8; 32]);

impl Print {
    pub(crate) fn of(input: &Document, is_async: bool) -> Self {
        let mut hash = Sha256::new();
        hash.update([u8::from(is_async)]);
        hash.update(input.to_json());
        Self(hash.finalize().into())
    }
}

/// The keys of one account.
#[derive(Clone)]
pub(crate) struct Idempotency(Arc<Shared>);

struct Shared {
    kept_for: Duration,
    keys_max: usize,
    bytes_max: usize,
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    by_key: HashMap<Key, Entry>,
    /// In the order in which they expire, which is that in which they came.
    order: VecDeque<(Timestamp, Key)>,
    bytes: usize,
}

struct Entry {
    print: Print,
    answer: watch::Receiver<Option<Answer>>,
    bytes: usize,
    expires: Timestamp,
}

/// What there is to do with a start that has a key.
pub(crate) enum Begun {
    /// It is the first: it has to be started, and the ticket answered.
    First(Ticket),
    /// It was started before.
    Again(watch::Receiver<Option<Answer>>),
}

/// The duty to answer all who come with a key. Dropped without an answer, the key is free again.
pub(crate) struct Ticket {
    idempotency: Idempotency,
    key: Key,
    /// Tells its entry from a later one with the same key.
    expires: Timestamp,
    answer: watch::Sender<Option<Answer>>,
}

impl Idempotency {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self::with(limits.idempotency_kept, limits.idempotency_keys_max, limits.idempotency_bytes_max)
    }

    fn with(kept_for: Duration, keys_max: usize, bytes_max: usize) -> Self {
        Self(Arc::new(Shared { kept_for, keys_max, bytes_max, entries: Mutex::default() }))
    }

    /// Looks whether a start came before.
    pub(crate) fn begin(&self, key: Key, print: Print, now: Timestamp) -> Result<Begun, Fault> {
        let mut entries = self.entries();
        entries.expire(now);
        if let Some(entry) = entries.by_key.get(&key) {
            return if entry.print == print { Ok(Begun::Again(entry.answer.clone())) } else { Err(conflict(&key)) };
        }
        let bytes = ENTRY_BYTES + 2 * (key.target.len() + key.key.len());
        if entries.by_key.len() >= self.0.keys_max || entries.bytes + bytes > self.0.bytes_max {
            return Err(Fault::throttled());
        }
        let (sender, answer) = watch::channel(None);
        let expires = now.after(self.0.kept_for);
        entries.bytes += bytes;
        entries.order.push_back((expires, key.clone()));
        entries.by_key.insert(key.clone(), Entry { print, answer, bytes, expires });
        Ok(Begun::First(Ticket { idempotency: self.clone(), key, expires, answer: sender }))
    }

    /// Remembers a start that an earlier life of the server acknowledged.
    pub(crate) fn restore(&self, key: Key, print: Print, answer: Answer, now: Timestamp) {
        if let Ok(Begun::First(ticket)) = self.begin(key, print, now) {
            ticket.answer(answer);
        }
    }

    /// How many keys are kept, and what they hold.
    pub(crate) fn held(&self) -> (usize, usize) {
        let entries = self.entries();
        (entries.by_key.len(), entries.bytes)
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        // Every change leaves the map whole.
        self.0.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    fn expire(&mut self, now: Timestamp) {
        while let Some((expires, _)) = self.order.front()
            && *expires <= now
        {
            let Some((expires, key)) = self.order.pop_front() else { return };
            self.remove(&key, expires);
        }
    }

    /// Takes an entry out, unless another has its key by now.
    fn remove(&mut self, key: &Key, expires: Timestamp) {
        if self.by_key.get(key).is_some_and(|entry| entry.expires == expires)
            && let Some(entry) = self.by_key.remove(key)
        {
            self.bytes -= entry.bytes;
        }
    }
}

impl Ticket {
    /// Answers all who wait, and all who will come.
    pub(crate) fn answer(self, answer: Answer) {
        let mut entries = self.idempotency.entries();
        if let Some(entry) = entries.by_key.get_mut(&self.key).filter(|entry| entry.expires == self.expires) {
            let bytes = answer.bytes();
            entry.bytes += bytes;
            entries.bytes += bytes;
        }
        drop(entries);
        self.answer.send_replace(Some(answer));
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.answer.borrow().is_some() {
            return;
        }
        let mut entries = self.idempotency.entries();
        entries.remove(&self.key, self.expires);
        entries.order.retain(|(expires, key)| *expires != self.expires || *key != self.key);
    }
}

/// Starts an execution, unless its key says that it was started before; carried to its end whoever goes away.
pub(crate) async fn start_once(service: &Service, launch: Launch, key: Text, way: Way) -> Result<Answer, Fault> {
    let print = Print::of(&launch.input, way == Way::Async);
    let key = Key { target: launch.identity.state_machine_arn.clone(), key };
    let (launch, service) = (launch.with_key(key.key.clone()), service.clone());
    match service.idempotency().begin(key, print, clock::now())? {
        Begun::Again(answer) => wait(answer).await,
        Begun::First(ticket) => {
            let carried = tokio::spawn(async move {
                let answer = answer_of(&service, launch, way).await?;
                ticket.answer(answer.clone());
                Ok(answer)
            });
            // Only a panic ends it otherwise, and one is reported where it happens.
            carried.await.unwrap_or_else(|_| Err(Fault::throttled()))
        }
    }
}

async fn answer_of(service: &Service, launch: Launch, way: Way) -> Result<Answer, Fault> {
    let execution_arn = launch.identity.execution_arn.clone();
    Ok(match way {
        Way::Async => Answer::Started { execution_arn, at: launch.detach(service).await? },
        Way::Sync => {
            let finished = launch.run(service).await?;
            let (status, body) = finished_body(&launch.identity, &finished);
            launch.keep(service, finished, body.len());
            Answer::Finished { execution_arn, status, body: body.into() }
        }
    })
}

/// The answer that another request with the key got, or gets.
pub(crate) async fn wait(mut answer: watch::Receiver<Option<Answer>>) -> Result<Answer, Fault> {
    // The first was refused, and so its key is free: the next try may be the first.
    let found = answer.wait_for(Option::is_some).await.map_err(|_| Fault::throttled())?;
    Ok(found.clone().expect("it was waited for"))
}

fn conflict(key: &Key) -> Fault {
    Fault::new(
        Kind::ExecutionAlreadyExists,
        format!("Execution Already Exists: '{}' was started with the key '{}' and another input", key.target, key.key),
    )
}

/// The key that a header gives, if it can be one.
pub(crate) fn key_of(value: &[u8]) -> Result<Text, Fault> {
    let text = std::str::from_utf8(value).ok().map(str::trim_ascii);
    let is_key = |text: &&str| !text.is_empty() && text.len() <= KEY_BYTES_MAX && !text.chars().any(char::is_control);
    text.filter(is_key).map(Text::from).ok_or_else(|| {
        let message = format!("Idempotency-Key must have 1 to {KEY_BYTES_MAX} bytes of text");
        Fault::new(Kind::ValidationException, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEPT: Duration = Duration::from_secs(60);

    fn key(name: &str) -> Key {
        Key { target: "arn:m".into(), key: name.into() }
    }

    fn print(input: &str) -> Print {
        Print::of(&Document::parse(input.as_bytes()).unwrap(), true)
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn started(arn: &str) -> Answer {
        Answer::Started { execution_arn: arn.into(), at: at(0) }
    }

    fn first(begun: Result<Begun, Fault>) -> Ticket {
        match begun {
            Ok(Begun::First(ticket)) => ticket,
            Ok(Begun::Again(_)) => panic!("it was there before"),
            Err(fault) => panic!("{}", fault.message()),
        }
    }

    #[tokio::test]
    async fn the_same_start_has_the_same_answer_while_its_key_is_kept() {
        let keys = Idempotency::with(KEPT, 10, 100_000);
        let ticket = first(keys.begin(key("a"), print("{}"), at(0)));
        let Ok(Begun::Again(early)) = keys.begin(key("a"), print("{}"), at(1)) else { panic!("it is there") };
        ticket.answer(started("arn:1"));
        let Ok(Begun::Again(late)) = keys.begin(key("a"), print("{}"), at(59)) else { panic!("it is there") };
        for answer in [early, late] {
            let Answer::Started { execution_arn, .. } = wait(answer).await.unwrap() else { panic!("started") };
            assert_eq!(execution_arn, "arn:1");
        }
        let refused = keys.begin(key("a"), print("[]"), at(2)).err().unwrap();
        assert_eq!(refused.name(), "ExecutionAlreadyExists");
        drop(first(keys.begin(key("a"), print("{}"), at(60))));
        assert_eq!(keys.held(), (0, 0));
    }

    #[tokio::test]
    async fn a_start_that_was_refused_frees_its_key() {
        let keys = Idempotency::with(KEPT, 10, 100_000);
        let ticket = first(keys.begin(key("a"), print("{}"), at(0)));
        let Ok(Begun::Again(waits)) = keys.begin(key("a"), print("{}"), at(0)) else { panic!("it is there") };
        drop(ticket);
        assert_eq!(wait(waits).await.unwrap_err().name(), "ThrottlingException");
        first(keys.begin(key("a"), print("[]"), at(0))).answer(started("arn:2"));
        // The first entry's place in the order is gone, too: the second one's time counts.
        assert!(matches!(keys.begin(key("a"), print("[]"), at(59)), Ok(Begun::Again(_))));
    }

    #[test]
    fn a_key_that_is_kept_is_not_forgotten_for_another() {
        let keys = Idempotency::with(KEPT, 2, 100_000);
        let _tickets =
            [first(keys.begin(key("a"), print("{}"), at(0))), first(keys.begin(key("b"), print("{}"), at(0)))];
        assert_eq!(keys.begin(key("c"), print("{}"), at(1)).err().unwrap().name(), "ThrottlingException");
        let small = Idempotency::with(KEPT, 100, ENTRY_BYTES);
        assert_eq!(small.begin(key("a"), print("{}"), at(0)).err().unwrap().name(), "ThrottlingException");
    }

    #[test]
    fn a_key_is_a_short_text() {
        assert_eq!(key_of(b" abc ").unwrap(), "abc");
        for wrong in [&b""[..], b"  ", b"a\x01", b"\xff", &[b'a'; KEY_BYTES_MAX + 1]] {
            assert_eq!(key_of(wrong).unwrap_err().name(), "ValidationException");
        }
    }
}
