//! Starts that survive a crash: what the journal keeps of them, and how they run again.

use crate::Service;
use crate::fault::{Fault, Kind};
use crate::idempotency::{Answer, Key, Print};
use crate::launch::Launch;
use crate::reply::iso_date;
use fleetstep_catalog::{Pin, Restored, Target};
use fleetstep_document::{Document, Text};
use fleetstep_engine::{Identity, Timestamp, clock};
use fleetstep_journal::{AcceptError, Journal, RecordId, Unfinished};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// How long the server waits before it tries again to start what the engine had no room for.
const RERUN_PAUSE: Duration = Duration::from_millis(20);
/// The first byte of a payload: how the rest is to be read.
const VERSION: u8 = 1;
/// One of a start with a key, which comes last.
const VERSION_WITH_KEY: u8 = 2;
/// One of an execution that a task of another started: who, and how many stand above it, come last.
const VERSION_NESTED: u8 = 3;
/// Bytes of a payload beside its texts.
const FIXED_BYTES: usize = 1 + 8 + 32;

/// A start that the journal keeps until it is told that it is over.
#[derive(Clone)]
pub(crate) struct Accepted {
    journal: Arc<dyn Journal>,
    id: RecordId,
    /// What it would run again; kept in the store as long as this is here.
    _pin: Arc<Pin>,
}

impl Accepted {
    /// It is over, or was refused after all.
    pub(crate) fn finish(self) {
        self.journal.finish(&[self.id]);
    }
}

/// Makes starts durable, all of them or none; nothing where no journal is kept. What is returned must be finished one
/// day, and until then nothing may be waited for: a caller that goes away must not take a start along.
pub(crate) async fn accept(
    service: &Service,
    launches: &[&Launch],
    at: Timestamp,
) -> Result<Vec<Option<Accepted>>, Fault> {
    let Some(journal) = service.journal().filter(|_| !launches.is_empty()) else {
        return Ok(launches.iter().map(|_| None).collect());
    };
    let mut pins = Vec::with_capacity(launches.len());
    for launch in launches {
        pins.push(service.catalog().pin(&launch.machine).await?);
    }
    let mut text = Vec::with_capacity(launches.len() * 512);
    let mut ends = Vec::with_capacity(launches.len());
    for (launch, pin) in launches.iter().zip(&pins) {
        write_payload(launch, pin, at, &mut text);
        ends.push(text.len());
    }
    let starts = std::iter::once(0).chain(ends.iter().copied());
    let payloads: Vec<&[u8]> = starts.zip(&ends).map(|(start, &end)| &text[start..end]).collect();
    let ids = journal.accept(&payloads).await.map_err(|error| {
        if let AcceptError::Unavailable(_) = error {
            service.report_seldom(&error.to_string());
        }
        refusal(&error)
    })?;
    let accepted = |(id, pin)| Some(Accepted { journal: Arc::clone(journal), id, _pin: pin });
    Ok(ids.into_iter().zip(pins).map(accepted).collect())
}

/// What a start is refused with when it cannot be made durable.
fn refusal(error: &AcceptError) -> Fault {
    match error {
        AcceptError::PayloadTooLarge { .. } => Fault::new(Kind::InvalidExecutionInput, error.to_string()),
        _ => Fault::throttled(),
    }
}

/// What a record of the journal says, for people.
#[derive(Clone, Debug, PartialEq)]
pub struct AcceptedStart<'a> {
    /// ARN of the execution.
    pub execution_arn: &'a str,
    /// When it was acknowledged: ISO 8601 in UTC.
    pub accepted: Document,
    /// Its input, as JSON.
    pub input: &'a str,
}

impl<'a> AcceptedStart<'a> {
    /// Nothing where the payload was written by another version of this program.
    #[must_use]
    pub fn read(payload: &'a [u8]) -> Option<Self> {
        let Payload { execution_arn, accepted, input, .. } = Payload::read(payload)?;
        Some(Self { execution_arn, accepted: iso_date(accepted), input })
    }

    /// The account that it was accepted for.
    #[must_use]
    pub fn account(&self) -> Option<&'a str> {
        // arn:aws:states:REGION:ACCOUNT:express:…
        self.execution_arn.split(':').nth(4)
    }
}

/// A start as the journal has it: numbers little-endian, texts with their length before them.
#[derive(Debug, PartialEq)]
struct Payload<'a> {
    accepted: Timestamp,
    pin: [u8; 32],
    execution_arn: &'a str,
    version_arn: &'a str,
    alias_arn: &'a str,
    input: &'a str,
    /// Of a start that has one.
    key: Option<&'a str>,
    /// Of one that a task of another execution asked for: its ARN, and how many stand above.
    nested: Option<(&'a str, u32)>,
}

fn write_payload(launch: &Launch, pin: &Pin, at: Timestamp, out: &mut Vec<u8>) {
    let identity = &launch.identity;
    out.reserve(FIXED_BYTES + 512);
    let started_by = identity.started_by.as_ref();
    out.push(match (&launch.key, started_by) {
        (_, Some(_)) => VERSION_NESTED,
        (Some(_), None) => VERSION_WITH_KEY,
        (None, None) => VERSION,
    });
    out.extend_from_slice(&at.as_micros().to_le_bytes());
    out.extend_from_slice(pin.digest());
    let optional = |arn: &Option<Text>| arn.clone().unwrap_or_default();
    for text in [
        &identity.execution_arn,
        &optional(&identity.state_machine_version_arn),
        &optional(&identity.state_machine_alias_arn),
    ] {
        write_text(text, out);
    }
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    launch.input.write_json(out);
    let length = (out.len() - at - 4) as u32;
    out[at..at + 4].copy_from_slice(&length.to_le_bytes());
    if let Some(started_by) = started_by {
        write_text(started_by, out);
        out.extend_from_slice(&identity.nesting.to_le_bytes());
        // A key that is empty is none.
        write_text(launch.key.as_deref().unwrap_or_default(), out);
    } else if let Some(key) = &launch.key {
        write_text(key, out);
    }
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(&(text.len() as u32).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn read_text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let (length, after) = rest.split_first_chunk()?;
    let (text, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    *rest = after;
    std::str::from_utf8(text).ok()
}

impl<'a> Payload<'a> {
    /// Nothing where it is of another version, or no payload at all.
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let (&version, rest) = bytes.split_first()?;
        if !matches!(version, VERSION | VERSION_WITH_KEY | VERSION_NESTED) {
            return None;
        }
        let (micros, rest) = rest.split_first_chunk()?;
        let (pin, mut rest) = rest.split_first_chunk()?;
        let [execution_arn, version_arn, alias_arn, input] =
            [read_text(&mut rest)?, read_text(&mut rest)?, read_text(&mut rest)?, read_text(&mut rest)?];
        let (mut key, mut nested) = (None, None);
        match version {
            VERSION_WITH_KEY => key = Some(read_text(&mut rest)?),
            VERSION_NESTED => {
                let started_by = read_text(&mut rest)?;
                let (nesting, after) = rest.split_first_chunk()?;
                rest = after;
                nested = Some((started_by, u32::from_le_bytes(*nesting)));
                key = Some(read_text(&mut rest)?).filter(|key| !key.is_empty());
            }
            _ => {}
        }
        let accepted = Timestamp::from_micros(i64::from_le_bytes(*micros));
        rest.is_empty().then_some(Self {
            accepted,
            pin: *pin,
            execution_arn,
            version_arn,
            alias_arn,
            input,
            key,
            nested,
        })
    }
}

impl Service {
    /// Runs again what an earlier life of this server accepted and did not finish, each from its beginning, with the
    /// revision and the modules that it was accepted with, at the pace at which the engine lets executions in. Returns
    /// when all have begun: how many those were.
    ///
    /// What cannot be run is reported and stays in the journal: it was acknowledged, and another version of this
    /// program, or another store, may be able to.
    pub async fn rerun(&self, unfinished: Vec<Unfinished>) -> usize {
        let Some(journal) = self.journal() else { return 0 };
        let mut restored = HashMap::new();
        let mut begun = 0;
        for record in unfinished {
            match self.again(&record, &mut restored).await {
                Ok(again) if self.begin(journal, &record, &again).await => begun += 1,
                // The server is told to stop: the next one goes on from here.
                Ok(_) => break,
                Err(problem) => self.report(&format!(
                    "a start that was accepted cannot be run again, and stays in the journal (record {}): {problem}",
                    record.id.get()
                )),
            }
        }
        drop(restored);
        if let Err(error) = self.catalog().sweep_pins().await {
            self.report(&error.to_string());
        }
        begun
    }

    /// What a record asks for.
    async fn again(&self, record: &Unfinished, restored: &mut HashMap<[u8; 32], Restored>) -> Result<Again, String> {
        let payload = Payload::read(&record.payload).ok_or("it was written by another version of fleetstep")?;
        let Restored { machine, pin } = match restored.get(&payload.pin) {
            Some(there) => there.clone(),
            None => {
                let found = self.catalog().restore(&payload.pin).await.map_err(|error| error.to_string())?;
                restored.insert(payload.pin, found.clone());
                found
            }
        };
        let input = Document::parse_lazily(payload.input.as_bytes()).map_err(|error| error.to_string())?;
        let arn = |arn: &str| (!arn.is_empty()).then(|| Text::from(arn));
        let target = Target { machine, version_arn: arn(payload.version_arn), alias_arn: arn(payload.alias_arn) };
        let name = payload.execution_arn.rsplit(':').nth(1);
        let identity = Identity {
            execution_arn: Text::from(payload.execution_arn),
            redrive_count: record.openings,
            started_by: payload.nested.map(|(by, _)| Text::from(by)),
            nesting: payload.nested.map_or(0, |(_, nesting)| nesting),
            ..Identity::clone(&target.identity(name))
        };
        let launch = Launch::of(self, target.machine, Arc::new(identity), input, payload.input.len());
        let launch = launch.map_err(|fault| fault.message().to_owned())?;
        if let Some(key) = payload.key {
            self.remember(&launch, key, payload.accepted);
        }
        Ok(Again { launch, pin, accepted: payload.accepted })
    }

    /// Whoever comes with the key again has the answer that was given before the crash.
    fn remember(&self, launch: &Launch, key: &str, at: Timestamp) {
        let key = Key { target: launch.identity.state_machine_arn.clone(), key: key.into() };
        let answer = Answer::Started { execution_arn: launch.identity.execution_arn.clone(), at };
        self.idempotency().restore(key, Print::of(&launch.input, true), answer, clock::now());
    }

    /// Begins an execution, as soon as there is room; not any more once the server is told to stop.
    async fn begin(&self, journal: &Arc<dyn Journal>, record: &Unfinished, again: &Again) -> bool {
        let accepted = Accepted { journal: Arc::clone(journal), id: record.id, _pin: Arc::clone(&again.pin) };
        while again.launch.begin(self, again.accepted, Some(accepted.clone()), None).is_err() {
            if self.is_withdrawn() {
                return false;
            }
            tokio::time::sleep(RERUN_PAUSE).await;
        }
        true
    }
}

/// A start that is to run again.
struct Again {
    launch: Launch,
    pin: Arc<Pin>,
    /// When it was acknowledged.
    accepted: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_read_whole_or_not_at_all() {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&17_i64.to_le_bytes());
        bytes.extend_from_slice(&[7; 32]);
        for text in ["arn:of:it", "", "arn:alias", "{\"ä\":1}"] {
            bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        let payload = Payload {
            accepted: Timestamp::from_micros(17),
            pin: [7; 32],
            execution_arn: "arn:of:it",
            version_arn: "",
            alias_arn: "arn:alias",
            input: "{\"ä\":1}",
            key: None,
            nested: None,
        };
        assert_eq!(Payload::read(&bytes), Some(payload));
        for end in 0..bytes.len() {
            assert_eq!(Payload::read(&bytes[..end]), None, "{end}");
        }
        bytes.push(0);
        assert_eq!(Payload::read(&bytes), None);
        bytes.pop();
        bytes[0] = VERSION_NESTED + 1;
        assert_eq!(Payload::read(&bytes), None);
        bytes[0] = VERSION_WITH_KEY;
        assert_eq!(Payload::read(&bytes), None, "the key is missing");
        write_text("the key", &mut bytes);
        assert_eq!(Payload::read(&bytes).and_then(|payload| payload.key), Some("the key"));
        bytes[0] = VERSION_NESTED;
        assert_eq!(Payload::read(&bytes), None, "the depth is missing");
        bytes.extend_from_slice(&3_u32.to_le_bytes());
        write_text("", &mut bytes);
        let payload = Payload::read(&bytes).unwrap();
        assert_eq!((payload.key, payload.nested), (None, Some(("the key", 3))));
        write_text("more", &mut bytes);
        assert_eq!(Payload::read(&bytes), None);
    }
}
